"""The fast twins of plain code: derived from a model when needed, thrown away at will."""
