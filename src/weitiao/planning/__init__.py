"""Planning: automatic configuration of a run from its rows, with reasons, cost and checks."""
