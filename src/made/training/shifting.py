"""Images a little out of place: for most of a fit each batch is shifted by some pixels, in any direction.

Units that see a neighbourhood then learn from their neighbours' pixels too, and over-fit less. The last part
of a fit sees images where they belong.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional

__all__ = ["SHARE", "shift_rows"]

#: The share of the steps in which batches are shifted: the first ones.
SHARE = 0.75
# What tells this draw from others that are seeded with (seed, step).
_STREAM = 0x5F1F


def shift_rows(rows: Tensor, grid: tuple[int, int], by: int, seed: int, step: int) -> Tensor:
    """Shift images by up to so many pixels down or up, and right or left; what comes in is 0.

    Parameters
    ----------
    rows : (n, D) tensor
        Codes of images, row of pixels by row of pixels.
    grid : (height, width)
        Their shape.
    by : int
        At most so far; all of a batch are shifted alike.
    seed, step : int
        What the shift is a function of.

    Returns
    -------
    (n, D) tensor

    Examples
    --------
    >>> import torch
    >>> image = torch.tensor([[0, 0, 0, 0, 1, 0, 0, 0, 0]])
    >>> shift_rows(image, (3, 3), by=1, seed=0, step=3).reshape(3, 3)
    tensor([[0, 0, 0],
            [0, 0, 1],
            [0, 0, 0]])
    """
    down, right = np.random.default_rng([seed, step, _STREAM]).integers(0, 2 * by + 1, size=2)
    height, width = grid
    wide = functional.pad(rows.reshape(-1, height, width), (by, by, by, by))
    return wide[:, down : down + height, right : right + width].reshape(len(rows), -1)
