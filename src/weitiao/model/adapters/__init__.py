"""Adapters: a few weights learn, and those of the checkpoint are frozen."""
