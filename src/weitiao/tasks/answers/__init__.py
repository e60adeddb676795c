"""Answer classes: predictions with their gold targets, one type a file."""
