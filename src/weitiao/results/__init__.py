"""Finished runs read back: answers, predictions, entries of a comparison."""
