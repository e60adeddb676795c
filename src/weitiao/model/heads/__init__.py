"""Heads: layers on a network that give the logits of rows or tokens."""
