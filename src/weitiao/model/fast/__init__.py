"""The same networks, run faster: own kernels for the BERT layout."""
