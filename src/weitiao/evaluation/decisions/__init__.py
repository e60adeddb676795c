"""Decisions: thresholds, costs and abstaining, chosen on validation rows alone."""
