"""What columns mean: roles, tasks, kinds of targets."""
