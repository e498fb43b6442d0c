"""Degrees, orderings and the masks that follow from them."""
