"""Random-shift augmentation: for most of a fit each batch of images is shifted by some pixels.

Units that see a neighbourhood then learn from their neighbours' pixels too, and over-fit less. The last part
of a fit trains on the images as they are.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional

from made.base import BaseModel
from made.model import MADE
from made.support.errors import InputError
from made.training.batches import Batch
from made.training.settings import TrainingSettings

__all__ = ["FRACTION", "Shifts", "shift_rows"]

#: The fraction of the steps in which batches are shifted: the first ones.
FRACTION = 0.75
# Keeps this random choice independent of others that are seeded with (seed, step).
_STREAM = 0x5F1F


class Shifts:
    """How the batches of a fit are shifted, each as a function of (seed, step).

    Parameters
    ----------
    model : MADE
        Its `field` tells the shape of the images.
    settings : TrainingSettings
        Its `shift` and `seed`.
    n_steps : int
        Of the fit.

    Raises
    ------
    InputError
        If the model has no such field.
    """

    def __init__(self, model: BaseModel, settings: TrainingSettings, n_steps: int) -> None:
        if not isinstance(model, MADE) or model.mask_set.field is None:
            raise InputError(
                "shift is for models of images: give MADE a field={'grid': (28, 28), 'reach': 6}"
            )
        self.grid = model.mask_set.field.grid
        self.by, self.seed = settings.shift, settings.seed
        self.n_shifted = FRACTION * n_steps

    def __call__(self, batch: Batch, step: int) -> Batch:
        """Return the batch of a step as it is trained on."""
        if step >= self.n_shifted:
            return batch
        return batch._replace(rows=shift_rows(batch.rows, self.grid, self.by, self.seed, step))


def shift_rows(rows: Tensor, grid: tuple[int, int], by: int, seed: int, step: int) -> Tensor:
    """Shift images by up to `by` pixels vertically and horizontally; pixels from outside are 0.

    Parameters
    ----------
    rows : (n, D) tensor
        Codes of images, row of pixels by row of pixels.
    grid : (height, width)
        Their shape.
    by : int
        The largest shift; all images of a batch are shifted alike.
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
