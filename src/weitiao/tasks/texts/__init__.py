"""Tasks whose answer is a text: what they share."""
