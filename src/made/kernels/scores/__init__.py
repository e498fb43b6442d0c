"""The normal scores of numbers in one compiled pass."""
