"""Data quality: near duplicates, leaks, conflicting labels, damaged text, personal data."""
