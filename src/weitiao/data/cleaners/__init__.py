"""Cleaners: text to text, learned on train, travelling with the model."""
