"""Loss functions of logits and labels, which training minimizes."""
