"""Candidate settings for data of a given size.

Size alone does not determine the best settings: of two sets with two thousand rows of a hundred variables,
one is best with 10% of the units dropped, the other with 50% of them and 30% of the inputs. So each candidate
begins its fit, and validation rows tell which goes on (`Comparison`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from made.data.image_shape import SHORTEST_SIDE
from made.masks.mask_set import FRESH
from made.tuning.facts import FEW_ROWS, FEWEST_VALID, Facts

__all__ = ["Candidate", "candidates", "when_set_by_hand", "when_updated"]

# Of settings by hand: steps of a fit, whatever the number of rows, then the fewest and the most epochs.
_STEPS_BY_HAND = 7_000
_EPOCHS_BY_HAND = (10, 500)
# Of a model that goes on with new rows: steps, and the learning rate, lower than that of its first fit.
_STEPS_OF_UPDATE, _RATE_OF_UPDATE = 1_500, 1e-3
# Of candidates: steps of a fit, by the largest number of rows; what drops inputs takes more. A
# high rate and a trapezoid get there in a third of the steps that one-cycle took.
_STEPS = ((500, 600), (1_000, 1_000), (10_000, 2_500), (None, 2_000))
_STEPS_DROPPED_INPUTS, _FEATURES_FOR_LONG = 4_000, 500
_EPOCHS = (4, 500)
# Up to FEW_ROWS regularization matters most, and fits are quick; above _MANY_ROWS time matters most.
_MANY_ROWS = 100_000
# The most rows for which a mixture of orderings, whose masks regularize each other, can be the best.
_ROWS_FOR_ORDERINGS = 20_000
# Where a Chow-Liu tree gains less than this fraction of the entropy, columns are noisy copies of each other,
# and what drops inputs comes first. Candidates are in the order in which they won on 12 tables of 209 to
# 7,887 rows: below 500 rows what decays strongly from the tree, on all four of them.
_SMALL_GAIN = 0.15
# With fewer rows than this, strong weight decay is a candidate too. With fewer validation rows than
# FEWEST_VALID nothing is compared, and strong decay is taken.
_VERY_FEW_ROWS = 500
_EPOCHS_UNWATCHED = 400
# Units of the two layers, by the largest number of features, and for very few rows; wide layers for many
# rows of many features.
_WIDTHS = ((8, 64), (32, 256), (None, 512))
_WIDTHS_OF_VERY_FEW_ROWS = ((20, 64), (None, 128))
_WIDE, _FEATURES_FOR_WIDE = 1_024, 200
# A numeric column that others leave less than this of, in deviations, is taken to be determined by them, or
# to be a copy; and the rates of what keeps that: larger steps leave the copy.
_DETERMINED, _COPIED = 0.3, 0.01
_RATE_OF_SHARP, _RATE_OF_COPIES = 1e-3, 3e-4
# For images, units that see _REACH pixels each way. They over-fit less than units that see everything, and
# cost less, so that layers can be wider: by the number of pixels, within _UNITS.
_REACH = 6
_UNITS = (512, 1_600)
# Weights between layers and the columns, at most: with all that a fit keeps, 2 GiB. Layers get narrower.
_MOST_WEIGHTS = 2**26
# Direct connections, at most: 64 MiB of weights, and as much for each moment, average and mask.
_MOST_DIRECT = 2**24
# Of a model for questions: how many times as many steps, of few rows and of many; the masks of its density,
# and for images the most units of a layer, none of which stays at a place: it sees others in every ordering.
_LONGER, _LONGER_OF_MANY_ROWS = 3, 6
_MASKS_FOR_QUESTIONS, _UNITS_FOR_QUESTIONS = 8, 1_024
_MANY_IMAGES = 20_000
_STEPS_OF_IMAGES = (7_000, 8_000)


@dataclass(frozen=True)
class Candidate:
    """Settings to compare.

    Attributes
    ----------
    about : str
        How it differs from the others, for the user.
    model, training : mapping
        Arguments of `MADE` and of `made.fit`.
    is_tree, is_copula : bool
        Whether the model starts as the Chow-Liu tree of the training rows, or as their Gaussian copula.
    is_sharp : bool
        Whether the correlations of that copula are taken as they are.
    """

    about: str
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    is_tree: bool = False
    is_copula: bool = False
    is_sharp: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the arguments that make it again, JSON-ready."""
        return asdict(self)


def candidates(facts: Facts) -> list[Candidate]:
    """Return the candidates for some rows, the likeliest first; a single one for too few validation rows.

    Examples
    --------
    >>> for candidate in candidates(Facts(n_rows=300_000)):
    ...     print(candidate.about)
    10% of units dropped
    10% of units dropped, weight decay 1
    """
    if facts.n_valid < FEWEST_VALID:
        return [_unwatched(facts)]
    image = _image_of(facts)
    if facts.for_questions:
        return _for_questions(facts, image)
    if image is not None and facts.n_rows > _MANY_IMAGES:
        return [_for_images(facts, image, 0.1), _for_tables(facts)[0]]
    tried = _for_tables(facts)
    if image is not None:
        tried += [_for_images(facts, image, dropout) for dropout in (0.1, 0.3)]
    return tried


def _unwatched(facts: Facts) -> Candidate:
    """Return what is fitted without validation rows: with strong decay, which does not over-fit later on."""
    own = when_set_by_hand(facts)
    width = _narrowed(_up_to(_WIDTHS_OF_VERY_FEW_ROWS, facts.n_features), facts)
    model = {**own.model, "hidden": (width, width), "dropout": 0.5}
    training = {**own.training, "epochs": _EPOCHS_UNWATCHED, "weight_decay": 20.0}
    return Candidate("50% of units dropped, weight decay 20", model, training)


def when_set_by_hand(facts: Facts) -> Candidate:
    """Return what is taken without a comparison, where the user has set something: one mask, quick to fit."""
    dropout = 0.5 if facts.n_rows <= _ROWS_FOR_ORDERINGS else 0.1
    training = _training(facts.n_rows, _STEPS_BY_HAND, _EPOCHS_BY_HAND)
    training |= {"patience": max(10, training["epochs"] // 5), "ema": 0.998}
    network = {"dropout": dropout, **_without_direct(facts), **_orderings_of(facts)}
    about = f"{dropout:.0%} of units dropped"
    if not (facts.for_questions and _copula_of(facts)):
        return Candidate(about, network, training)
    return Candidate(about, {**network, "copula": True}, training, is_copula=True)


def when_updated(n_rows: int) -> dict[str, Any]:
    """Return the settings with which a fitted model is trained on n_rows new rows."""
    training = _training(n_rows, _STEPS_OF_UPDATE, _EPOCHS)
    training |= {"patience": max(10, round(0.4 * training["epochs"]))}
    return {**training, "schedule": "trapezoid", "learning_rate": _RATE_OF_UPDATE, "ema": 0.99}


def _image_of(facts: Facts) -> tuple[int, int] | None:
    """Return the shape of images that are no mere lines of pixels."""
    return facts.image if facts.image is not None and min(facts.image) >= SHORTEST_SIDE else None


def _orderings_of(facts: Facts) -> dict[str, Any]:
    """Return the orderings of a model for questions; of any other none are set."""
    if not facts.for_questions:
        return {}
    image = _image_of(facts)
    by_region = {} if image is None else {"ordering": f"regions {image[0]}x{image[1]}"}
    return {"orderings": FRESH, "fresh_masks": _MASKS_FOR_QUESTIONS, **by_region}


def _for_questions(facts: Facts, image: tuple[int, int] | None) -> list[Candidate]:
    """Return networks that learn all orderings: they over-fit less than others, and take longer."""
    orderings = _orderings_of(facts)
    if image is not None:
        width = min(max(2 * image[0] * image[1], _UNITS[0]), _UNITS_FOR_QUESTIONS)
        training = _training(
            facts.n_rows, _LONGER * _STEPS_OF_IMAGES[facts.n_rows > _MANY_IMAGES], _EPOCHS_BY_HAND
        )
        training |= {"patience": max(10, training["epochs"] // 5), "ema": 0.998, "learning_rate": 1.5e-3}
        model = {"hidden": (width,) * 3, "dropout": 0.1, **_without_direct(facts), **orderings}
        about = f"images of {image[0]} x {image[1]}: orderings by regions, three layers of {width:,}"
        return [Candidate(about, model, training)]

    def make(dropout: float, rate: float = 8e-3, decay: float | None = None, **model: Any) -> Candidate:
        return _candidate(facts, dropout, rate, decay, **orderings, **model)

    def start(dropout: float, rate: float, decay: float | None = None, **model: Any) -> Candidate:
        return make(dropout, rate, decay, **_copula_of(facts), **model)

    if facts.n_rows > FEW_ROWS:
        layers: dict[str, Any] = {"hidden": (_narrowed(_up_to(_WIDTHS, facts.n_features), facts),) * 3}
        if facts.least_noise < _DETERMINED:  # large steps blur what is sharp, noise on units too
            return [start(0.0, _RATE_OF_SHARP, is_sharp=True, **layers), make(0.0, 4e-3, **layers)]
        return [start(0.0, 4e-3, **layers), start(0.1, 4e-3, **layers)]
    if facts.n_numbers > 0 and _copula_of(facts):
        return [start(0.5, 4e-3, 3.0), start(0.3, 4e-3, 1.0), make(0.3)]
    if _are_noisy_copies(facts):
        second = make(0.3 if _copula_of(facts) else 0.1, input_dropout=0.3)
        return [start(0.3, 8e-3, input_dropout=0.3), second]
    return [make(0.3), make(0.1), make(0.5, rate=4e-3, decay=1.0)]


def _are_noisy_copies(facts: Facts) -> bool:
    """Return whether columns follow from many others together, from each of them a little: drop inputs."""
    return facts.can_be_tree and facts.tree_gain < _SMALL_GAIN * facts.entropy


def _for_tables(facts: Facts) -> list[Candidate]:
    """Return networks for columns of any kind, and one for numbers that determine each other."""
    tried = _for_noisy_tables(facts)
    if facts.least_noise < _DETERMINED and facts.n_rows >= _VERY_FEW_ROWS and _can_be_copula(facts):
        # Noise on units, and large steps, would blur what is sharp.
        is_copy = facts.least_noise < _COPIED
        rate = _RATE_OF_COPIES if is_copy else _RATE_OF_SHARP
        own = _candidate(facts, 0.0, rate=rate, decay=1.0, is_copula=True, is_sharp=True)
        tried.insert(0 if is_copy else 1, own)
    return tried


def _for_noisy_tables(facts: Facts) -> list[Candidate]:
    make, start = partial(_candidate, facts), partial(_candidate, facts, is_copula=_can_be_copula(facts))
    if facts.n_rows > _MANY_ROWS:
        return [start(0.1, rate=4e-3), start(0.1, rate=4e-3, decay=1.0)]
    if facts.n_rows > FEW_ROWS:
        tried = [start(0.1, rate=4e-3, decay=1.0)]
        tried += [make(0.1, orderings=4)] if facts.n_rows <= _ROWS_FOR_ORDERINGS else [start(0.1, rate=4e-3)]
        is_wide = facts.n_features >= _FEATURES_FOR_WIDE and _narrowed(_WIDE, facts) == _WIDE
        # Not from the copula: on one of two tables that was better, on the other worse.
        return [make(0.2, hidden=(_WIDE, _WIDE)), *tried] if is_wide else tried
    noisy, light = make(0.3, orderings=4), make(0.1, orderings=4)
    decayed = make(0.5, rate=4e-3, decay=1.0)
    strong = partial(make, 0.5, rate=4e-3, decay=3.0)
    if facts.n_numbers > 0:
        copulas = [start(0.5, rate=4e-3, decay=3.0), start(0.3, rate=4e-3, decay=1.0)]
        return [*copulas, light, noisy] if facts.n_rows >= _VERY_FEW_ROWS else [*copulas, noisy]
    if not facts.can_be_tree:
        few = facts.n_rows < _VERY_FEW_ROWS
        return [strong(), decayed, noisy] if few else [decayed, light, noisy]
    tree, copies = make(0.5, is_tree=True), make(0.5, rate=2e-2, is_tree=True, input_dropout=0.3)
    if facts.n_rows < _VERY_FEW_ROWS:
        return [strong(is_tree=True), tree, noisy, decayed, strong()]
    if _are_noisy_copies(facts):
        several = partial(make, orderings=4, input_dropout=0.3)
        copula = [several(0.3, 4e-3, **own)] if (own := _copula_of(facts)) else []
        return [*copula, copies, decayed, several(0.5, 1.6e-2), tree, light]
    return [tree, decayed, light, noisy, copies]


def _candidate(
    facts: Facts,
    dropout: float,
    rate: float = 8e-3,
    decay: float | None = None,
    is_tree: bool = False,
    is_copula: bool = False,
    is_sharp: bool = False,
    **model: Any,
) -> Candidate:
    """Return a candidate with this fraction of units dropped, and say in words what else it has."""
    n_rows = facts.n_rows
    orderings, inputs = model.get("orderings", 1), model.get("input_dropout", 0.0)
    widths = _WIDTHS_OF_VERY_FEW_ROWS if n_rows < _VERY_FEW_ROWS else _WIDTHS
    width = _narrowed(_up_to(widths, facts.n_features), facts)
    about = [
        f"{orderings} orderings" if orderings != 1 else "",
        f"{len(model['hidden'])} layers of {model['hidden'][0]:,}" if "hidden" in model else "",
        f"{dropout:.0%} of units{f' and {inputs:.0%} of inputs' if inputs else ''} dropped"
        if dropout
        else "",
        "" if decay is None else f"weight decay {decay:g}",
        "small steps" if rate == _RATE_OF_SHARP and not is_copula else "",
        "from the Chow-Liu tree" if is_tree else "",
        f"from the {'sharp ' if is_sharp else ''}Gaussian copula" if is_copula else "",
    ]
    is_long = inputs and facts.n_features <= _FEATURES_FOR_LONG
    steps = _STEPS_DROPPED_INPUTS if is_long else _up_to(_STEPS, n_rows)
    if facts.for_questions:
        steps *= _LONGER_OF_MANY_ROWS if n_rows > FEW_ROWS else _LONGER
    training = _training(n_rows, steps, _EPOCHS)
    # A trapezoid gains most at its end: patience is for fits that over-fit.
    training |= {"patience": max(10, round(0.4 * training["epochs"]))}
    training |= {"schedule": "trapezoid", "learning_rate": rate, "ema": 0.99}
    # Of the masks of a model for questions that would be several times as many validations.
    training |= {"shrink": True} if n_rows <= FEW_ROWS and not facts.for_questions else {}
    # Without weight decay of its own, that which follows from the optimizer.
    training |= {} if decay is None else {"weight_decay": decay}
    network = {"hidden": (width, width), "dropout": dropout, **_without_direct(facts), **model}
    return Candidate(", ".join(filter(None, about)), network, training, is_tree, is_copula, is_sharp)


def _copula_of(facts: Facts) -> dict[str, Any]:
    """Return what makes a model of many orderings start as the copula of each, where it can and gains."""
    can = facts.n_copula > 0 and _image_of(facts) is None and not _without_direct(facts)
    # Of classes a fit to many rows learns as much by itself, in half the time.
    gains = facts.n_numbers > 0 or facts.n_rows <= FEW_ROWS
    return {"is_copula": True, "copula": True} if can and gains else {}


def _can_be_copula(facts: Facts) -> bool:
    """Return whether there are numbers, and the direct connections that a copula is made of."""
    return facts.n_numbers > 0 and not _without_direct(facts)


def _without_direct(facts: Facts) -> dict[str, Any]:
    """Return what leaves direct connections out where they would be too many."""
    return {"direct": False} if facts.n_features * facts.n_outputs > _MOST_DIRECT else {}


def _narrowed(width: int, facts: Facts) -> int:
    """Return the width of layers, halved until the weights are not too many."""
    while width > 8 and width * (facts.n_features + facts.n_outputs) > _MOST_WEIGHTS:
        width //= 2
    return width


def _for_images(facts: Facts, image: tuple[int, int], dropout: float) -> Candidate:
    """Return a deep network of units that see a neighbourhood."""
    width = min(max(2 * image[0] * image[1], _UNITS[0]), _UNITS[1])
    n_rows = facts.n_rows
    training = _training(n_rows, _STEPS_OF_IMAGES[n_rows > _MANY_IMAGES], _EPOCHS_BY_HAND)
    training |= {"patience": max(10, training["epochs"] // 5), "ema": 0.998}
    return Candidate(
        f"images of {image[0]} x {image[1]}: layers of {width:,} that see {_REACH} pixels each way, "
        f"{dropout:.0%} of units dropped",
        {
            "hidden": (width,) * 4,
            "dropout": dropout,
            "field": {"grid": image, "reach": _REACH},
            **_without_direct(facts),
        },
        {**training, "learning_rate": 2e-3, "shift": 1},
    )


def _training(n_rows: int, steps: int, bounds: tuple[int, int]) -> dict[str, Any]:
    """Return batch size and epochs for about this many steps."""
    batch_size = 100 if n_rows < FEW_ROWS else 256
    fewest, most = bounds
    return {
        "epochs": min(max(round(steps * batch_size / n_rows), fewest), most),
        "batch_size": batch_size,
    }


def _up_to(table: Sequence[tuple[int | None, int]], n: int) -> int:
    """Return the entry of a table for n: the first whose bound is not below n."""
    return next(value for bound, value in table if bound is None or n <= bound)
