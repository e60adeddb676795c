"""Steps: training rows in, training rows out, any number."""
