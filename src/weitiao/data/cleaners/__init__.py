"""Text cleaners (normalization): text to text, fitted on train, saved with the model."""
