"""The public API: verbs (fit, evaluate, predict, ...) that command line and Python both call."""
