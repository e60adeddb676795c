"""Checks: the same text written differently, to see whether the answer stays."""
