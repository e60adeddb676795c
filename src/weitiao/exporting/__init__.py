"""Export of trained models to other engines, each checked against the model itself."""
