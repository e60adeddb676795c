"""Data preparation: row filter, deduplication, stratified split, separate files, profile."""
