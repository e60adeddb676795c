"""Answer classes: what the predictions of a task are, one class a file."""
