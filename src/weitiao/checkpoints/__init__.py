"""Pre-trained weights: found, verified, converted, loaded."""
