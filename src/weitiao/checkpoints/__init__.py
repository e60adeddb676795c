"""Pre-trained checkpoints: resolution, verification, conversion, loading."""
