"""Hardware: what this machine has, and which precision is fastest on it."""
