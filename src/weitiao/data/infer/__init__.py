"""Schema inference: column roles, tasks, types of targets."""
