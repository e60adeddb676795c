"""Executors: where cells run."""
