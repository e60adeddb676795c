"""Data loading: rows are read, split, cleaned and encoded as views on memory-mapped Arrow."""
