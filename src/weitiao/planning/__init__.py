"""The plan: rows in, choices with reasons out."""
