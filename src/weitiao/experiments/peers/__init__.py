"""Peers: other methods trained and evaluated on the same rows."""
