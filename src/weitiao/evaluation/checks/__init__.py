"""Checks: perturbations of a text that should, or may, change the prediction."""
