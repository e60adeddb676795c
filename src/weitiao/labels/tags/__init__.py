"""Sequence labelling: tagging schemes (BIO, IOBES, ...), spans, their conversion and counts."""
