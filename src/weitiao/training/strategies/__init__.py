"""Strategies: what changes how a model learns."""
