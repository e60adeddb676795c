"""Rows: read, split, cleaned, encoded; views on memory-mapped Arrow."""
