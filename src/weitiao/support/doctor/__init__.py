"""What works here: this machine, what is installed and reachable, and what a checkpoint can do."""
