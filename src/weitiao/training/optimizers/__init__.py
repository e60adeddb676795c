"""Optimizers: how a gradient becomes an update."""
