"""Truncation and windows: how texts longer than `model.max_length` are read."""
