"""Text augmentation: edits of words, tables of words, and rows rewritten with their targets."""
