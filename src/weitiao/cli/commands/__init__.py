"""Commands of the command line, a short function each; heavy imports stand inside the functions."""
