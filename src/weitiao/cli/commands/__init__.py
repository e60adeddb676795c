"""The verbs of the command line, a short function each; their heavy imports stand inside them."""
