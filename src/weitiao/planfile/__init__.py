"""The plan file (YAML): sections, validation with all errors at once, writing, JSON Schema."""
