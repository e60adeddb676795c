"""Learning: the loop, its batches, its checkpoints."""
