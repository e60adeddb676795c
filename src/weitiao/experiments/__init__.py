"""Experiments: many runs as cells of a table that survives every interruption."""
