"""From rows to training, validation and test sets."""
