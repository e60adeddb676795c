"""Metrics: one number that says how right the answers are."""
