"""Adapters: a few new weights that learn, while those of the checkpoint stand still."""
