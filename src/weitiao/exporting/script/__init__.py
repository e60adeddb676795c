"""A plan as a plain PyTorch and transformers script."""
