"""Tasks: what a row means; rows to tensors, scores to answers."""
