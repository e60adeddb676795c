"""The machine: what it has, and which precision and kernels are fastest on it."""
