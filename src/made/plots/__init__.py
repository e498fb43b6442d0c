"""Pictures of data, of masks and of what a model has learned; each function returns a matplotlib ``Figure``.

Nothing here touches ``pyplot``: figures need no display, and no global setting is read or changed.
"""

from __future__ import annotations

from made.plots.association import associations_beside
from made.plots.columns import columns_of
from made.plots.completions import completions
from made.plots.conditionals import class_probabilities, density_of_number, masses_of_number
from made.plots.coverage import coverage_of
from made.plots.curves import loss_curve
from made.plots.grids import image_grid, samples_beside, samples_table
from made.plots.lines import lines
from made.plots.masks_averaged import masks_averaged
from made.plots.matrices import mask_matrices
from made.plots.networks import network
from made.plots.pairs import image_pairs
from made.plots.pixels import predecessors, surprise
from made.plots.style import check_place, save

__all__ = [
    "associations_beside",
    "check_place",
    "class_probabilities",
    "columns_of",
    "completions",
    "coverage_of",
    "density_of_number",
    "image_grid",
    "image_pairs",
    "lines",
    "loss_curve",
    "mask_matrices",
    "masks_averaged",
    "masses_of_number",
    "network",
    "predecessors",
    "samples_beside",
    "samples_table",
    "save",
    "surprise",
]
