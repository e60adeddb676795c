"""Losses: what a wrong score costs."""
