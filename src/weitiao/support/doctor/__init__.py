"""Diagnostics: checks of machine, installation and network, and of what a checkpoint can do."""
