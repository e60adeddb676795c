"""Heads: what stands on a network and gives the numbers of a row."""
