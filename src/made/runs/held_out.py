"""How log p of a row compares with that of held-out rows of the run: its percentile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.runs.completions import score_partly_known
from made.runs.folder import RunFolder
from made.runs.scores import score_model
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["FILE", "Comparison", "HeldOut", "held_out_rows", "held_out_splits", "percentiles"]

Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)

#: The file of a run folder that holds the log-probabilities of held-out rows.
FILE = "held_out.json"

# The most of them that are kept: more are thinned out to evenly spaced quantiles.
_MOST = 4001
# Of log-probabilities that are equal.
_CLOSE = 1e-6
# For rows with unknown entries: patterns, held-out rows compared with for each, particles for each of these.
_MOST_PATTERNS, _ROWS_OF_PATTERN, _PARTICLES = 16, 200, 100


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Log-probabilities of held-out rows.

    Attributes
    ----------
    log_prob : (m,) float64 array
        Ascending, in nats: all of them, or quantiles.
    n_rows : int
        How many rows they stand for.
    """

    log_prob: Floats
    n_rows: int

    @staticmethod
    def of(log_prob: Any) -> HeldOut | None:
        """Return what is to be kept of the log-probabilities of rows; None where there are none.

        Examples
        --------
        >>> HeldOut.of([-2.0, -1.0, -3.0]).percentiles(np.array([-9.0, -2.0, 0.0]))
        array([  0.,  50., 100.])
        """
        scores = np.sort(np.asarray(log_prob, dtype=np.float64))
        scores = scores[~np.isnan(scores)]
        if len(scores) == 0:
            return None
        if len(scores) <= _MOST:
            return HeldOut(scores, len(scores))
        at = np.linspace(0, len(scores) - 1, _MOST).round().astype(np.int64)
        return HeldOut(scores[at], len(scores))

    def percentiles(self, log_prob: Floats) -> Floats:
        """Return the percentile of each, see `percentiles`."""
        return percentiles(log_prob, self.log_prob)

    def write(self, folder: RunFolder) -> None:
        """Keep it in a run folder."""
        folder.write_json(FILE, {"n_rows": self.n_rows, "log_prob": self.log_prob.tolist()})

    @staticmethod
    def find(folder: RunFolder, model: MADE, data_dir: str | None = None) -> tuple[HeldOut | None, str]:
        """Return the log-probabilities of the held-out rows of a run; or None, and why there are none.

        They are in its folder, where `made fit` has left them. Of an older run they are computed, once.

        Parameters
        ----------
        folder : RunFolder
            Or a model file, to which no rows belong.
        model : MADE
            That of the run.
        data_dir : str, optional
            Where named data sets are looked for first.
        """
        if (folder.path / FILE).exists():
            return _read(folder), ""
        if not (folder.path / "settings.json").exists():
            return None, "a model file has no held-out rows to compare with"
        try:
            rows = held_out_rows(folder, model, data_dir)
        except InputError as error:
            return None, f"the held-out rows of the run cannot be read: {error}"
        found = HeldOut.of(score_model(model, rows))
        if found is None:
            return None, "the run has no held-out rows to compare with"
        try:
            found.write(folder)
        except InputError as error:  # a folder that cannot be written to
            _log.info("not kept for the next time: %s", error)
        return found, ""


def held_out_splits(*, refit: bool) -> Sequence[str]:
    """Return the splits that a model was not fitted on."""
    return ("test",) if refit else ("valid", "test")


def held_out_rows(folder: RunFolder, model: MADE, data_dir: str | None = None) -> Rows:
    """Return the rows of a run that its model was not fitted on.

    Raises
    ------
    InputError
        If the data of the run are not where they were.
    """
    dataset = folder.load_data(data_dir)
    splits = held_out_splits(refit=bool(folder.read_json("settings.json").get("refit", False)))
    return Rows.cat([model.rows(dataset.splits[own], dataset.context_of(own)) for own in splits])


def percentiles(log_prob: Floats, held_out: Floats) -> Floats:
    """Return how many in 100 held-out rows are less likely than each row; equal ones count half.

    Parameters
    ----------
    log_prob : (n,) array
        Of rows; NaN where there is none, which has no percentile.
    held_out : (m,) array
        Of held-out rows, ascending.

    Examples
    --------
    >>> percentiles(np.array([-3.0, -1.0, np.nan]), np.array([-4.0, -3.0, -2.0, -1.0]))
    array([37.5, 87.5,  nan])
    """
    # Equal rows may differ in their last digits, which depend on the rows beside them.
    close = _CLOSE * (1 + np.abs(log_prob))
    below = np.searchsorted(held_out, log_prob - close, side="left")
    up_to = np.searchsorted(held_out, log_prob + close, side="right")
    found: Floats = np.where(np.isnan(log_prob), np.nan, 50 * (below + up_to) / len(held_out))
    return found


class Comparison:
    """Compares log p of rows with that of held-out rows: like with like, where entries are unknown.

    What is known of a row is compared with the same entries of held-out rows: of 200 of them, for each of the
    16 patterns of unknown entries that come first. Rows of other patterns have no percentile.

    Parameters
    ----------
    model : MADE
        That scores the rows.
    held_out : HeldOut
        Of its run.
    rows : callable, optional
        Returns the held-out rows, as `held_out_rows` does; called where entries are unknown. Without it, rows
        with unknown entries have no percentile.

    Attributes
    ----------
    n_left_out : int
        How many rows had none, so far.
    """

    def __init__(self, model: MADE, held_out: HeldOut, rows: Callable[[], Rows] | None = None) -> None:
        self.model, self.held_out = model, held_out
        self.n_left_out = 0
        self._find_rows = rows
        self._rows: Rows | None = None
        self._by_pattern: dict[bytes, Floats] = {}

    def n_to_score(self, rows: Rows) -> int:
        """Return how many held-out rows the percentiles of rows need the log p of, about."""
        room = _MOST_PATTERNS - len(self._by_pattern)
        if rows.is_complete or self._find_rows is None or room == 0:
            return 0
        new = sum(not own.all() and own.tobytes() not in self._by_pattern for own in _patterns(rows)[0])
        return min(new, room) * min(_ROWS_OF_PATTERN, len(self.held_out.log_prob))

    def percentiles(
        self, log_prob: Floats, rows: Rows, advance: Callable[[int], None] = lambda n: None
    ) -> Floats:
        """Return the percentile of each row, (n,); NaN where it has none.

        Parameters
        ----------
        log_prob : (n,) array
            Of the rows.
        rows : Rows
            Those, with what is unknown.
        advance : callable
            Told how many held-out rows are scored, now and then.
        """
        if rows.is_complete:
            return self.held_out.percentiles(log_prob)
        patterns, which = _patterns(rows)
        found = np.full(len(rows), np.nan)
        for i, pattern in enumerate(patterns):
            some = np.flatnonzero(which == i)
            scores = self.held_out.log_prob if pattern.all() else self._of_pattern(pattern, advance)
            if scores is None:
                self.n_left_out += len(some)
            else:
                found[some] = percentiles(log_prob[some], scores)
        return found

    def _of_pattern(self, known: NDArray[np.bool_], advance: Callable[[int], None]) -> Floats | None:
        """Return log p of the same entries of held-out rows, ascending; None where that would be too much."""
        key = known.tobytes()
        if key not in self._by_pattern:
            if self._find_rows is None or len(self._by_pattern) == _MOST_PATTERNS:
                return None
            rows = self._some_rows(self._find_rows)
            mask = rows.mask & torch.from_numpy(known).to(rows.codes.device)
            same = replace(rows, known=mask, scores=None)
            scores, _, _ = score_partly_known(self.model, same, particles=_PARTICLES, advance=advance)
            self._by_pattern[key] = np.sort(scores)
        return self._by_pattern[key]

    def _some_rows(self, find: Callable[[], Rows]) -> Rows:
        if self._rows is None:
            rows = find()
            picked = np.random.default_rng(0).permutation(len(rows))[:_ROWS_OF_PATTERN]
            self._rows = rows[torch.from_numpy(picked).to(rows.codes.device)]
        return self._rows


def _patterns(rows: Rows) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return the patterns of what is known in rows, (k, D) and ascending, and which each row has, (n,)."""
    known = rows.mask.cpu().numpy()
    # Bytes of eight entries each are in the same order, and sorted in a tenth of the time.
    packed = np.packbits(known, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return known[first], which.reshape(-1)


def _read(folder: RunFolder) -> HeldOut:
    content = folder.read_json(FILE)
    try:
        return HeldOut(np.asarray(content["log_prob"], dtype=np.float64), int(content["n_rows"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder.path / FILE} is damaged: delete it, and it is made anew") from error
