"""Passages as answers: right ones, windows on long texts, the best passage, how far two agree."""
