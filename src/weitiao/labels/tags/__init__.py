"""Tags of words and spans of texts: how they are spelled, turned into each other and counted."""
