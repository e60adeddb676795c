"""Schedules: how the learning rate moves over the run."""
