"""What the network reads of a text that is longer than `model.max_length`."""
