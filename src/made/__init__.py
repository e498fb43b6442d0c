"""Masked autoencoders for distribution estimation."""
