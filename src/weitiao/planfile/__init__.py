"""The plan as a file: its sections, reading with all errors at once, writing, schema."""
