"""Sampling at the cost of one forward pass."""
