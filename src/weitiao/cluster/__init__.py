"""Training, searches and predictions on the machines of a Ray cluster."""
