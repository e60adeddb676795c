"""The network: where it comes from, its head, its execution."""
