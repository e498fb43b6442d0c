"""The log-likelihood of rows and its slopes in one compiled pass over the outputs of a network."""
