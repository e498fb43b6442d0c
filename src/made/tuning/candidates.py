"""Candidate settings for data of a given size.

Size alone does not determine the best settings: of two sets with two thousand rows of a hundred variables,
one is best with 10% of the units dropped, the other with 50% of them and 30% of the inputs. So each candidate
gets a short fit, and validation chooses (`choose`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from made.data.image_shape import SHORTEST_SIDE

__all__ = ["Candidate", "candidates", "when_set_by_hand"]

# Steps of a fit, whatever the number of rows: fewer leave small data under-trained. Then the fewest and the
# most epochs.
_STEPS = 7_000
_EPOCHS = (10, 500)
# How many times longer a fit takes where inputs are dropped.
_LONGER = 2
# Up to _FEW_ROWS regularization matters most, and fits are quick; above _MANY_ROWS time matters most.
_FEW_ROWS, _MANY_ROWS = 10_000, 100_000
# The most rows for which a mixture of orderings, whose masks regularize each other, can be the best.
_ROWS_FOR_ORDERINGS = 20_000
# With fewer rows than this, strong weight decay is a candidate too. With fewer validation rows than
# _FEWEST_VALID nothing is compared, and strong decay is taken.
_VERY_FEW_ROWS = 500
_FEWEST_VALID = 10
_EPOCHS_UNWATCHED = 400
# For images, units that see _REACH pixels each way. They over-fit less than units that see everything, and
# cost less, so that layers can be wider: by the number of pixels, within _UNITS.
_REACH = 6
_UNITS = (512, 1_600)
_MANY_IMAGES = 20_000


@dataclass(frozen=True)
class Candidate:
    """Settings to compare.

    Attributes
    ----------
    about : str
        How it differs from the others, for the user.
    model, training : mapping
        Arguments of `MADE` and of `made.fit`.
    is_tree : bool
        Whether the model starts as the Chow-Liu tree of the training rows.
    """

    about: str
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    is_tree: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the arguments that make it again, JSON-ready."""
        return asdict(self)


def candidates(
    n_rows: int,
    n_valid: int | None = None,
    *,
    trees: bool = True,
    image: tuple[int, int] | None = None,
) -> list[Candidate]:
    """Return the candidates for some rows; a single one where too few validation rows are held out.

    Parameters
    ----------
    n_rows, n_valid : int
        Numbers of training and validation rows; by default there are enough of the latter.
    trees : bool
        Whether a model can start as a Chow-Liu tree.
    image : (rows, columns), optional
        Shape of the images that the rows are, if they are.

    Examples
    --------
    >>> for candidate in candidates(300_000):
    ...     print(candidate.about)
    10% of units dropped
    10% of units dropped, weight decay 1
    """
    if n_valid is not None and n_valid < _FEWEST_VALID:
        own = _candidate(n_rows, 0.5, decay=20.0)
        return [replace(own, training={**own.training, "epochs": _EPOCHS_UNWATCHED})]
    tried = [*_for_tables(n_rows), *([] if image is None else _for_images(n_rows, image))]
    return [candidate for candidate in tried if trees or not candidate.is_tree]


def when_set_by_hand(n_rows: int) -> Candidate:
    """Return what is taken without a comparison, where the user sets something: one mask, quick to train."""
    return _candidate(n_rows, 0.5 if n_rows <= _ROWS_FOR_ORDERINGS else 0.1)


def _candidate(
    n_rows: int, dropout: float, decay: float | None = None, is_tree: bool = False, **model: Any
) -> Candidate:
    """Return a candidate with this fraction of units dropped, described in words."""
    orderings, inputs = model.get("orderings", 1), model.get("input_dropout", 0.0)
    about = [
        f"{orderings} orderings" if orderings > 1 else "",
        f"layers of {model['hidden'][0]:,}" if "hidden" in model else "",
        f"{dropout:.0%} of units{f' and {inputs:.0%} of inputs' if inputs else ''} dropped",
        "" if decay is None else f"weight decay {decay:g}",
        "from the Chow-Liu tree" if is_tree else "",
    ]
    training = _training(n_rows, _LONGER if inputs else 1, decay)
    return Candidate(", ".join(filter(None, about)), {"dropout": dropout, **model}, training, is_tree)


def _for_tables(n_rows: int) -> list[Candidate]:
    """Return candidates that assume nothing about the columns."""
    make = partial(_candidate, n_rows)
    light, decayed, mixed = make(0.1), make(0.1, decay=1.0), make(0.1, orderings=4)
    if n_rows > _MANY_ROWS:
        return [light, decayed]
    if n_rows > _FEW_ROWS:
        tried = [light, decayed, make(0.5, decay=1.0), make(0.2, hidden=(1024, 1024))]
        return [*tried, mixed] if n_rows <= _ROWS_FOR_ORDERINGS else tried
    tried = [
        light,
        mixed,
        make(0.5, orderings=4),
        make(0.5, orderings=4, input_dropout=0.3),
        make(0.5, decay=1.0),
        make(0.5, decay=3.0),
        make(0.5, is_tree=True),
        make(0.5, decay=3.0, is_tree=True),
    ]
    if n_rows < _VERY_FEW_ROWS:
        tried += [make(0.5, decay=10.0), make(0.5, decay=3.0, orderings=4)]
    return tried


def _for_images(n_rows: int, image: tuple[int, int]) -> list[Candidate]:
    """Return deep networks whose units see a neighbourhood."""
    if min(image) < SHORTEST_SIDE:
        return []
    width = min(max(2 * image[0] * image[1], _UNITS[0]), _UNITS[1])
    training = {**_training(n_rows, 1, None), "learning_rate": 2e-3, "shift": 1}
    return [
        Candidate(
            f"images of {image[0]} x {image[1]}: layers of {width:,} that see {_REACH} pixels each way, "
            f"{dropout:.0%} of units dropped",
            {"hidden": (width,) * 4, "dropout": dropout, "field": {"grid": image, "reach": _REACH}},
            training,
        )
        for dropout in ((0.1, 0.3) if n_rows <= _MANY_IMAGES else (0.1,))
    ]


def _training(n_rows: int, longer: int, decay: float | None) -> dict[str, Any]:
    batch_size = 100 if n_rows < _FEW_ROWS else 256
    fewest, most = _EPOCHS
    epochs = longer * min(max(round(_STEPS * batch_size / n_rows), fewest), most)
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        # A schedule that ends at zero improves until the end: patience is for fits that over-fit.
        "patience": max(10, epochs // 5),
        "ema": 0.998,
        # By default it follows from the optimizer.
        **({} if decay is None else {"weight_decay": decay}),
    }
