"""Encoded rows on disk, and which of them may go."""
