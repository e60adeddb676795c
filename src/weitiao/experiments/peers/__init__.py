"""What others make of the same rows: as cells beside our own."""
