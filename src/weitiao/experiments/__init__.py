"""Experiments: grids of runs in a store that survives interruptions."""
