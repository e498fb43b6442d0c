"""How good a model is on rows: NLL, its standard error, bits per dimension, and the baselines beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.baselines.discrete import ChowLiuTree, ProductOfMarginals
from made.baselines.mixed import MixedMarginals, MixedTree, n_codes_of
from made.data import Dataset
from made.model import MADE
from made.training.trainer import mean_and_error
from made.tuning.copula_init import build_as_copula, can_be_copula
from made.variables.class_groups import MOST_ONE_HOT
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = [
    "Baseline",
    "Score",
    "baseline_scores",
    "fit_baselines",
    "score_model",
    "score_rows",
]


class Baseline(Protocol):
    """A model to compare with."""

    def log_prob(self, rows: Any) -> NDArray[np.float64]:
        """Return log p of each row: codes where all is discrete, else `Rows`."""


class _OfModel:
    """A baseline that is a model."""

    def __init__(self, model: MADE) -> None:
        self.model = model

    def log_prob(self, rows: Rows) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = self.model.log_prob(rows).cpu().numpy()
        return scores


# From here on the tree's table of all pairs of variables would take minutes or gigabytes.
_MOST_PAIRS_BY_TABLE = 5_000
_MOST_FEATURES_BY_PRODUCT = 4_096


@dataclass(frozen=True)
class Score:
    """A held-out figure.

    Attributes
    ----------
    nll, nll_se : float
        Mean negative log-likelihood in nats per row, and its standard error over rows.
    bits_per_dim : float
        nll / (D ln 2).
    n : int
        How many rows.
    """

    nll: float
    nll_se: float
    bits_per_dim: float
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-ready (NaN, the error of a single row, becomes None)."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def score_rows(log_prob: Tensor | NDArray[np.float64], n_variables: int) -> Score:
    """Turn log-probabilities of rows, in nats, into a score.

    Examples
    --------
    >>> score_rows(np.log([0.25, 0.25]), n_variables=2)
    Score(nll=1.386..., nll_se=0.0, bits_per_dim=1.0, n=2)
    """
    nll, error = mean_and_error(-torch.as_tensor(log_prob))
    return Score(nll, error, nll / (n_variables * math.log(2)), len(log_prob))


def score_model(model: MADE, rows: RowsLike, advance: Callable[[int], None] = lambda n: None) -> Tensor:
    """Return the log-probability of each row, telling how many rows are done as it goes.

    On a CPU, that of a row without numbers is the same to the last bit whatever rows are beside it.
    """
    parts = [torch.zeros(0, dtype=torch.float64)]
    each = model.rows_per_pass
    for batch in model.rows(rows).batches(max(model.rows_per_batch // each, 1) * each):
        parts.append(model.log_prob(_filled_up(batch, each)).cpu()[: len(batch)])
        advance(len(batch))
    return torch.cat(parts)


def _filled_up(rows: Rows, each: int) -> Rows:
    """Return rows with some of them repeated behind, on a CPU: a multiple of `each`.

    Products of matrices of one shape treat each row alike, whatever rows are beside it. What is done with
    numbers does so but for the last digits. A GPU would have to fill up with too many.
    """
    n = len(rows)
    if n % each == 0 or rows.codes.device.type != "cpu":
        return rows
    return rows[torch.arange(-(-n // each) * each) % n]


def fit_baselines(data: Dataset, tree: Callable[[], ChowLiuTree] | None = None) -> dict[str, Baseline]:
    """Fit the baselines on the training rows, the stronger first.

    Parameters
    ----------
    data : Dataset
        Its training rows.
    tree : callable, optional
        Returns their Chow-Liu tree, where it is at hand.

    Returns
    -------
    dict
        By name. The tree is left out where it would take too long.
    """
    fitted: dict[str, Baseline] = {}
    if data.schema.row_type.numbers is not None:
        return _fit_to_numbers(data)
    train = data.codes("train")
    unseen = data.schema.unseen_masses
    if _can_be_tree(data.classes):
        fitted["Chow-Liu tree"] = ChowLiuTree(train, data.classes, unseen=unseen) if tree is None else tree()
    fitted["product of marginals"] = ProductOfMarginals(train, data.classes, unseen=unseen)
    return fitted


def baseline_scores(
    data: Dataset,
    rows: Mapping[str, Rows] | None = None,
    tree: Callable[[], ChowLiuTree] | None = None,
) -> dict[str, dict[str, Score]]:
    """Fit the baselines and score them on rows: the valid and test rows of the data set, or others.

    Parameters
    ----------
    data : Dataset
        On whose training rows they are fitted.
    rows : mapping of str to Rows, optional
        Encoded rows by a name.
    tree : callable, optional
        As for `fit_baselines`.

    Returns
    -------
    dict
        By name of the baseline, then by name of the rows.
    """
    if rows is None:
        rows = {split: _encoded(data, split) for split in ("valid", "test")}
    has_numbers = data.schema.row_type.numbers is not None
    parts = {
        key: Rows(part.codes, bodies=part.bodies) if has_numbers else part.codes.numpy()
        for key, part in ((key, part.to(torch.device("cpu"))) for key, part in rows.items())
    }
    return {
        name: {key: score_rows(baseline.log_prob(part), data.n_variables) for key, part in parts.items()}
        for name, baseline in fit_baselines(data, tree).items()
    }


def _encoded(data: Dataset, split: str) -> Rows:
    if data.schema.row_type.numbers is None:
        return Rows(torch.from_numpy(data.codes(split)))
    return data.schema.encode_complete(data.splits[split])


def _can_be_tree(classes: Sequence[int]) -> bool:
    """Return whether a tree of variables with these numbers of classes is found in reasonable time."""
    if max(classes) > MOST_ONE_HOT:  # a table of pairs would be too large
        return False
    n_pairs = len(classes) * (len(classes) - 1) // 2
    return sum(k - 1 for k in classes) <= _MOST_FEATURES_BY_PRODUCT or n_pairs <= _MOST_PAIRS_BY_TABLE


def _fit_to_numbers(data: Dataset) -> dict[str, Baseline]:
    """Fit the baselines of rows with numeric columns, without the context."""
    train = _encoded(data, "train")
    schema = Schema.of_variables(data.schema.row_type).fitted(train)
    fitted: dict[str, Baseline] = {}
    if can_be_copula(schema):
        fitted["Gaussian copula"] = _OfModel(build_as_copula(schema, {"hidden": (), "direct": True}, train))
    if _can_be_tree(n_codes_of(schema.row_type)):
        fitted["Chow-Liu tree"] = MixedTree(schema, train)
    return {**fitted, "product of marginals": MixedMarginals(schema, train)}
