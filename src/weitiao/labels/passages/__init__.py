"""Extractive question answering: gold answers, sliding windows, span decoding, exact match, F1."""
