"""The verbs: what the command line and the Python API both call."""
