"""The seed's second experiment: five models of a joint table, compared with the table itself.

The true table is known, so that KL(true || model) is exact: a sum over all cells.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from made import data
from made.model import MADE
from made.reproduce.naive import NaiveModel
from made.runs.scores import Score, score_rows
from made.support.errors import InputError
from made.training.batches import Batch, Batches
from made.training.fit import fit
from made.training.settings import TrainingSettings
from made.variables.discrete import Categorical

__all__ = ["TwoDimModel", "TwoDimPlan", "TwoDimResult", "exact_kl", "kl_divergence", "reproduce_two_dim"]

_log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Rows = NDArray[Any]

# Widths of the smoothing of our own model; rows held out from the training part choose one.
_WIDTHS = (3.0, 6.0, 12.0)


class TwoDimModel(Protocol):
    """What the experiment needs of a model."""

    def log_prob(self, x: Rows) -> Tensor:
        """Return the log-probability of each row in nats."""

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draw rows."""


@dataclass(frozen=True)
class TwoDimPlan:
    """The size of the experiment.

    Parameters
    ----------
    points : int
        Drawn from the table; four fifths train, one fifth is held out.
    epochs, naive_epochs, own_epochs : int
        Of the seed's three MADEs, of its naive model, and of ours.
    seed : int
        Of points, splits, weights and batches.
    """

    points: int = 100_000
    epochs: int = 20
    naive_epochs: int = 100
    own_epochs: int = 20
    seed: int = 0


@dataclass
class TwoDimResult:
    """The results of one model.

    Attributes
    ----------
    name, title : str
        A letter, and a few words.
    kl : float
        KL(true || model) in nats after the last epoch, over all cells.
    kl_by_epoch, nll_by_epoch : list of float
        KL, and NLL of the held-out rows, by epoch, the untrained model first.
    score : Score
        Of the held-out rows after the last epoch.
    leaking : list of float
        "Test" NLL by epoch under the seed's protocol, which draws the split anew each epoch.
    table : (K1, K2) array
        The model's exact joint table.
    samples : (n, 2) array
        As many as there are points.
    notes : dict
        Other results, JSON-ready.
    """

    name: str
    title: str
    kl: float
    kl_by_epoch: list[float]
    nll_by_epoch: list[float]
    score: Score
    leaking: list[float]
    table: Floats
    samples: Rows
    seconds: float
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Candidate:
    name: str
    title: str
    make: Callable[[], nn.Module]
    settings: TrainingSettings
    notes: dict[str, Any] = field(default_factory=dict)


def reproduce_two_dim(
    source: str, plan: TwoDimPlan, *, progress: bool = False
) -> tuple[Floats, Rows, Rows, list[TwoDimResult]]:
    """Run the experiment. What it does, and the result of each model, is logged.

    Parameters
    ----------
    source : str
        ``"two_dim"``, or the path of a table or an image.
    plan : TwoDimPlan
        The size of the experiment.
    progress : bool
        Show bars.

    Returns
    -------
    truth : (K1, K2) array
        The true table.
    train, test : (n, 2) arrays
        The fixed split.
    results : list of TwoDimResult
        (a) raw, (b) scaled, (c) one-hot, (d) naive, (e) ours.
    """
    dataset = data.load(source, seed=plan.seed, n_points=plan.points)
    if dataset.table is None:
        raise InputError(f"{source} holds rows, not a joint table: give a table (.npy) or an image")
    truth = dataset.table
    rows = np.concatenate([dataset.train, dataset.valid, dataset.test])
    cut = plan.points * 4 // 5
    train, test = rows[:cut], rows[cut:]
    results = []
    for candidate in _candidates(truth, train, plan, progress):
        _log.info("(%s) %s", candidate.name, candidate.title)
        results.append(_run(candidate, truth, rows, cut, plan.seed, progress))
        _log.info("    KL %.4f nats, held-out NLL %.4f nats", results[-1].kl, results[-1].score.nll)
    return truth, train, test, results


def exact_kl(truth: Floats, model: TwoDimModel) -> tuple[float, Floats]:
    """Return KL(true || model) in nats, summed over all cells, and the model's table.

    Examples
    --------
    >>> from made import MADE, Categorical
    >>> uniform = MADE(Categorical(2, n=2), hidden=(4,))
    >>> kl, table = exact_kl(np.array([[0.5, 0.0], [0.0, 0.5]]), uniform)
    >>> round(kl, 4), float(table.sum().round(4))
    (0.6931, 1.0)
    """
    cells = np.indices(truth.shape).reshape(2, -1).T
    log_table = model.log_prob(cells).cpu().numpy().reshape(truth.shape)
    return kl_divergence(truth, log_table), np.exp(log_table)


def kl_divergence(truth: Floats, log_table: Floats) -> float:
    """Return KL(true || model) in nats from the true table and the logarithms of the model's."""
    lit = truth > 0
    return float((truth[lit] * (np.log(truth[lit]) - log_table[lit])).sum())


def _candidates(truth: Floats, train: Rows, plan: TwoDimPlan, progress: bool) -> Iterable[_Candidate]:
    classes = (truth.shape[0], truth.shape[1])
    as_seed = _settings(plan, plan.epochs, optimizer="adam", batch_size=100)
    for name, coding, title in (
        ("a", "raw", "raw integers"),
        ("b", "scaled", "scaled to [0, 1]"),
        ("c", "one-hot", "one-hot"),
    ):
        yield _Candidate(name, title, lambda coding=coding: _seed_model(classes, coding, plan.seed), as_seed)  # type: ignore[misc]
    yield _Candidate(
        "d",
        "naive model",
        lambda: NaiveModel(classes, seed=plan.seed),
        _settings(plan, plan.naive_epochs, optimizer="adam", learning_rate=5e-3, batch_size=200),
    )
    width, tried = _choose_width(classes, train, plan, progress)
    yield _Candidate(
        "e",
        "ours",
        lambda: _own_model(classes, width, plan.seed),
        _own_settings(plan),
        {"smooth": width, "validation NLL by width": tried},
    )


def _seed_model(classes: tuple[int, int], coding: str, seed: int) -> MADE:
    """Return the seed's network: one hidden layer of 784."""
    return MADE([Categorical(k, coding=coding) for k in classes], hidden=(784,), seed=seed)


def _own_model(classes: tuple[int, int], width: float, seed: int) -> MADE:
    """Return ours: radial basis features and smoothed logits, and a mixture of both orderings."""
    variables = [Categorical(k, coding="radial-basis", smooth=width * k / 200) for k in classes]
    return MADE(
        variables, hidden=(256, 256), ordering=[[0, 1], [1, 0]], activation="silu", direct=True, seed=seed
    )


def _own_settings(plan: TwoDimPlan) -> TrainingSettings:
    return _settings(plan, plan.own_epochs, batch_size=500, learning_rate=2e-3, weight_decay=0.5)


def _settings(plan: TwoDimPlan, epochs: int, **others: Any) -> TrainingSettings:
    """Return settings of plain steps, which give the same figures on every machine, compiler or not."""
    return TrainingSettings(epochs=epochs, seed=plan.seed, compiled=False, **others)


def _choose_width(
    classes: tuple[int, int], train: Rows, plan: TwoDimPlan, progress: bool
) -> tuple[float, dict[str, float]]:
    """Choose the smoothing on an eighth of the training rows, which is not trained on."""
    cut = len(train) * 7 // 8
    tried = {}
    for width in _WIDTHS:
        model = _own_model(classes, width, plan.seed)
        _train(model, _own_settings(plan), lambda epoch: train[:cut], lambda epoch: None, progress)
        nll = float(-model.log_prob(train[cut:]).mean())
        _log.info("(e) smoothing over %g classes: validation NLL %.4f nats", width, nll)
        tried[f"{width:g}"] = nll
    return min(_WIDTHS, key=lambda width: tried[f"{width:g}"]), tried


def _run(
    candidate: _Candidate, truth: Floats, rows: Rows, cut: int, seed: int, progress: bool
) -> TwoDimResult:
    began = time.monotonic()
    train, test = rows[:cut], rows[cut:]
    model: Any = candidate.make()
    _start_at_marginals(model, train)
    kls: list[float] = []
    nlls: list[float] = []

    def note(epoch: int) -> None:
        kls.append(exact_kl(truth, model)[0])
        nlls.append(float(-model.log_prob(test).mean()))

    _train(model, candidate.settings, lambda epoch: train, note, progress)
    kl, table = exact_kl(truth, model)
    return TwoDimResult(
        name=candidate.name,
        title=candidate.title,
        kl=kl,
        kl_by_epoch=kls,
        nll_by_epoch=nlls,
        score=score_rows(model.log_prob(test), 2),
        leaking=_leaking(candidate, rows, cut, seed, progress),
        table=table,
        samples=model.sample(len(rows), seed=seed).cpu().numpy(),
        seconds=time.monotonic() - began,
        notes=candidate.notes,
    )


def _leaking(candidate: _Candidate, rows: Rows, cut: int, seed: int, progress: bool) -> list[float]:
    """Return the "test" NLL by epoch when the split is drawn anew before each, as the seed does."""
    model: Any = candidate.make()
    _start_at_marginals(model, rows[:cut])
    losses: list[float] = []

    def order(epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, epoch, 1]).permutation(len(rows))

    def note(epoch: int) -> None:
        if epoch > 0:
            losses.append(float(-model.log_prob(rows[order(epoch - 1)[cut:]]).mean()))

    _train(model, candidate.settings, lambda epoch: rows[order(epoch)[:cut]], note, progress)
    return losses


def _start_at_marginals(model: Any, rows: Rows) -> None:
    if isinstance(model, MADE):
        model.set_marginals(rows)


def _train(
    model: Any,
    settings: TrainingSettings,
    rows_of: Callable[[int], Rows],
    note: Callable[[int], None],
    progress: bool,
) -> None:
    """Train on rows that may differ from epoch to epoch; call `note` before the first and after each."""
    batches = _RowsByEpoch(rows_of, settings)
    history = fit(
        model, batches, False, settings, progress=progress, on_epoch=lambda record: note(record.epoch)
    )
    if history.ended == "interrupted":
        raise KeyboardInterrupt


class _RowsByEpoch(Batches):
    """Batches of rows that may differ from epoch to epoch, all full: rows that are left over are not used."""

    def __init__(self, rows_of: Callable[[int], Rows], settings: TrainingSettings) -> None:
        n_batches = len(rows_of(0)) // settings.batch_size
        super().__init__(n_batches * settings.batch_size, settings)
        self._rows_of = rows_of
        self._rows, self._epoch = torch.empty(0), -1

    def set_marginals(self, model: Any) -> None:
        """Do nothing: the experiment sets the initial biases."""

    def identity(self) -> tuple[str, None, None]:
        """Return a constant: no checkpoint is written, so that nothing is compared with it."""
        return "rows by epoch", None, None

    def _batch(self, epoch: int, first: int, stop: int) -> Batch:
        if epoch != self._epoch:
            rows = torch.from_numpy(self._rows_of(epoch))
            order = np.random.default_rng([self.seed, epoch]).permutation(len(rows))
            self._rows, self._epoch = rows[torch.from_numpy(order)], epoch
        return Batch(self._rows[first:stop])
