"""The design document (技术方案) of a fine-tuning: content, HTML page, Word file."""
