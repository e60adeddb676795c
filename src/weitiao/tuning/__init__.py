"""Hyperparameter search: space, proposals, rungs, stopping rule, journal. It trains nothing."""
