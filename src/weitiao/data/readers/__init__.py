"""Readers: one file per format; the name is the file's ending."""
