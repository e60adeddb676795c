"""Executors: where the cells of an experiment run (local processes)."""
