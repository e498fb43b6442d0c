"""The seed's first experiment: binarized MNIST with its settings, and variants."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made import data
from made.model import MADE
from made.runs.scores import Score, score_model, score_rows
from made.support.errors import InputError
from made.training.fit import fit
from made.training.history import EpochRecord, History

__all__ = ["VARIANTS", "MnistPlan", "Variant", "VariantResult", "load_images", "nearest", "reproduce_variant"]

Rows = NDArray[Any]

#: How many samples a grid shows, and how many are held against the training images.
SAMPLES, COMPARED = 100, 20


@dataclass(frozen=True)
class Variant:
    """A variant of the experiment.

    Attributes
    ----------
    name, title : str
        Its name, and a short description.
    model : mapping
        Arguments of `MADE`; the seed's training goes with all of them.
    """

    name: str
    title: str
    model: Mapping[str, Any]


_SEED = {"hidden": (512, 512, 512)}

#: The variants by name. The first is the seed's.
VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("seed", "the seed's: natural ordering, 1 connectivity", _SEED),
        Variant("shuffled", "a single shuffled ordering", {**_SEED, "ordering": "random"}),
        Variant("connectivities", "8 connectivities, cycled", {**_SEED, "connectivities": 8}),
        Variant("orderings", "8 orderings, cycled", {**_SEED, "orderings": 8}),
        Variant("fresh", "a fresh ordering each time", {**_SEED, "orderings": "fresh"}),
        Variant("paper-1", "the paper's 1 x 500, 1 mask", {"hidden": (500,)}),
        Variant(
            "paper-32",
            "the paper's 1 x 500, 32 masks",
            {"hidden": (500,), "orderings": 32, "connectivities": 32},
        ),
    )
}


@dataclass(frozen=True)
class MnistPlan:
    """The size of the experiment; the defaults are the seed's.

    Parameters
    ----------
    epochs : int
    sample_every : int
        Epochs between two sample grids.
    seed : int
    """

    epochs: int = 200
    sample_every: int = 50
    seed: int = 0

    def training(self) -> dict[str, Any]:
        """Return the seed's training: batches of 128, Adam at 1e-3, the next mask every 20 steps."""
        return {
            "epochs": self.epochs,
            "batch_size": 128,
            "optimizer": "adam",
            "resample_every": 20,
            "seed": self.seed,
        }


@dataclass
class VariantResult:
    """The results of one variant.

    Attributes
    ----------
    variant : Variant
    model : MADE
        With the weights of its best epoch on validation rows.
    history : History
    valid, test : Score
        Of the whole mixture.
    single : Score
        Of single masks on the test rows: the mean over up to 8 of them.
    grids : dict
        Samples (100, D) by epoch; the last are those of the best epoch.
    samples, probabilities : (20, D) arrays
        Samples, and p(x_d = 1 | x_<d) of each of their pixels.
    neighbours : (20, D) array
        The nearest training image of each.
    distances, usual : (20,) arrays
        Pixels in which a sample differs from its nearest training image; and the same for test images.
    seconds : float
    """

    variant: Variant
    model: MADE
    history: History
    valid: Score
    test: Score
    single: Score
    grids: dict[int, Rows]
    samples: Rows
    probabilities: Rows
    neighbours: Rows
    distances: Rows
    usual: Rows
    seconds: float


def load_images(data_dir: str | None) -> tuple[data.Dataset, list[str]]:
    """Load binarized MNIST, or the embedded 8x8 digits where it is not found, with notes for the report."""
    try:
        return data.load("binarized_mnist", data_dir=data_dir), []
    except InputError as error:
        return data.load("digits"), [
            f"binarized MNIST is not at hand ({error}).",
            "Falling back to the 8x8 digits that scikit-learn ships: the figures are about those.",
        ]


def reproduce_variant(
    variant: Variant, dataset: data.Dataset, plan: MnistPlan, *, progress: bool = False
) -> VariantResult:
    """Train one variant, score it, and compare its samples with the training images.

    Parameters
    ----------
    variant : Variant
        Which.
    dataset : Dataset
        Of `load_images`.
    plan : MnistPlan
        How much.
    progress : bool
        Show bars.
    """
    began = time.monotonic()
    model = MADE(dataset.schema, seed=plan.seed, **variant.model)
    grids: dict[int, Rows] = {}

    def draw(record: EpochRecord) -> None:
        if record.epoch > 0 and record.epoch % plan.sample_every == 0 and record.epoch < plan.epochs:
            grids[record.epoch] = model.sample(SAMPLES, seed=plan.seed).numpy()

    history = fit(model, dataset.train, dataset.valid, progress=progress, on_epoch=draw, **plan.training())
    final = model.sample(SAMPLES, seed=plan.seed).numpy()
    grids[plan.epochs] = final
    samples = final[:COMPARED]
    neighbours, distances = nearest(samples, dataset.train)
    picked = np.random.default_rng(plan.seed).permutation(len(dataset.test))[:COMPARED]
    return VariantResult(
        variant=variant,
        model=model,
        history=history,
        valid=_score(model, dataset.valid),
        test=_score(model, dataset.test),
        single=_score_singles(model, dataset.test),
        grids=grids,
        samples=samples,
        probabilities=_probabilities(model, samples),
        neighbours=dataset.train[neighbours],
        distances=distances,
        usual=nearest(dataset.test[picked], dataset.train)[1],
        seconds=time.monotonic() - began,
    )


def nearest(rows: Rows, among: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each binary row which of the others is nearest, and in how many variables they differ.

    Examples
    --------
    >>> nearest(np.array([[1, 1, 0]]), np.array([[0, 0, 0], [1, 1, 1]]))
    (array([1]), array([1]))
    """
    a, b = rows.astype(np.float32), among.astype(np.float32)
    distances = a.sum(axis=1)[:, None] + b.sum(axis=1) - 2 * (a @ b.T)
    places = distances.argmin(axis=1)
    return places, distances[np.arange(len(a)), places].astype(np.int64)


def _score(model: MADE, rows: Rows) -> Score:
    return score_rows(score_model(model, rows), model.n_variables)


def _score_singles(model: MADE, rows: Rows) -> Score:
    """Score single masks: the mean of the log-probabilities that up to 8 of them give each row."""
    masks = range(min(model.n_masks, 8))
    total = torch.stack([model.log_prob(rows, mask=k) for k in masks]).mean(dim=0)
    return score_rows(total, model.n_variables)


def _probabilities(model: MADE, rows: Rows) -> Rows:
    """Return p(x_d = 1 | x_<d) under the first mask, for rows that are given."""
    with torch.no_grad():
        codes = model.rows(rows)
        return model.variables.probabilities(model.outputs(codes)).numpy()
