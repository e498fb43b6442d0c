"""Whether a model has memorized its training rows: three attacks, and what they find.

An audit of these attacks, no guarantee: another attack may find what these do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Audit", "audit", "distances_to_closest"]

Floats = NDArray[np.float64]

# Distances are found in portions of about this many entries.
_ENTRIES = 20_000_000
# An attack is said to succeed where it is this many standard errors ahead of chance.
_ERRORS = 3.0
# Held-out rows that are closer to a training row than this share of them are called close.
_CLOSE = 0.05


@dataclass(frozen=True)
class Audit:
    """What the attacks found.

    Attributes
    ----------
    auc, auc_error : float
        How well log p tells training rows from held-out ones: the probability that of one of each the
        training row has the higher one, and its standard error. 0.5 is chance.
    gap, gap_error : float
        By how much the mean log p of training rows is higher, in nats, and its standard error.
    copies, held_out_copies : float
        Share of samples, and of held-out rows, that equal a training row in every column.
    closest, held_out_closest : float
        Median distance of a sample, and of a held-out row, to the closest training row; see
        `distances_to_closest`.
    close, close_error : float
        Share of samples that are closer than 95 % of held-out rows are, and its standard error: 0.05 is
        chance.
    """

    auc: float
    auc_error: float
    gap: float
    gap_error: float
    copies: float
    held_out_copies: float
    closest: float
    held_out_closest: float
    close: float
    close_error: float

    @property
    def verdict(self) -> str:
        """What that means, in a sentence or two."""
        found = []
        if self.auc - 0.5 > _ERRORS * self.auc_error:
            found.append(f"log p tells training rows from others (AUC {self.auc:.3f}, chance 0.5)")
        if self.close - _CLOSE > _ERRORS * self.close_error:
            found.append(f"{self.close:.1%} of samples are as close to a training row as 5% of held-out rows")
        if not found:
            least = f"{_ERRORS:.0f} standard errors"
            return (
                f"No attack did better than chance by {least} or more. That is no guarantee against others."
            )
        what = " and ".join(found)
        return (
            f"{what[:1].upper()}{what[1:]}: the model knows something of single training rows. That these "
            "attacks find no more is no guarantee against others."
        )


def audit(
    log_prob: tuple[Floats, Floats], train: Floats, held_out: Floats, samples: Floats, is_class: list[bool]
) -> Audit:
    """Attack a model.

    Parameters
    ----------
    log_prob : two (n,) and (m,) arrays
        Of training rows and of held-out rows, in nats.
    train, held_out, samples : (., D) float64 arrays
        Rows: numbers, or codes of classes; NaN where missing.
    is_class : list of D bool
        Which columns are classes.
    """
    own, other = log_prob
    auc, error = _auc(own, other)
    gap_error = np.sqrt(own.var() / len(own) + other.var() / len(other))
    of_samples, of_held_out = (distances_to_closest(rows, train, is_class) for rows in (samples, held_out))
    threshold = np.quantile(of_held_out, _CLOSE)
    close = float((of_samples < threshold).mean())
    n = min(len(samples), len(held_out))
    return Audit(
        auc=auc,
        auc_error=error,
        gap=float(own.mean() - other.mean()),
        gap_error=float(gap_error),
        copies=_copies(samples, train),
        held_out_copies=_copies(held_out, train),
        closest=float(np.median(of_samples)),
        held_out_closest=float(np.median(of_held_out)),
        close=close,
        close_error=float(np.sqrt(2 * _CLOSE * (1 - _CLOSE) / n)),
    )


def distances_to_closest(rows: Floats, train: Floats, is_class: list[bool]) -> Floats:
    """Return the distance of each row to the closest training row, (n,).

    The mean over columns (Gower, *A general coefficient of similarity*, Biometrics 27, 1971): 1 where two
    classes differ, or one is missing and the other is not; of numbers the difference of their ranks among the
    training rows, from 0 to 1.

    Examples
    --------
    >>> train = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 4.0]])
    >>> distances_to_closest(np.array([[0.0, 4.0], [0.0, 3.0]]), train, [True, False])
    array([0.   , 0.125])
    """
    pairs = [_placed(train[:, d], rows[:, d], is_label) for d, is_label in enumerate(is_class)]
    own, others = (np.stack(columns, axis=1) for columns in zip(*pairs, strict=True))
    at_once = max(1, _ENTRIES // len(own))
    found = np.empty(len(rows))
    for first in range(0, len(rows), at_once):
        part = others[first : first + at_once]
        total = np.zeros((len(part), len(own)))
        for d, is_label in enumerate(is_class):
            apart = np.abs(part[:, None, d] - own[None, :, d])
            total += (apart > 0) if is_label else np.minimum(apart, 1)
        found[first : first + at_once] = total.min(axis=1) / own.shape[1]
    return found


def _placed(train: Floats, values: Floats, is_class: bool) -> tuple[Floats, Floats]:
    """Return places of the values of a column, training rows first: ranks from 0 to 1, or codes."""
    both = train, values
    if is_class:
        first, second = (np.where(np.isnan(own), -1.0, own) for own in both)
        return first, second
    distinct = np.unique(train[~np.isnan(train)])
    ranks = np.linspace(0, 1, len(distinct)) if len(distinct) > 1 else np.zeros(len(distinct))
    # What is missing is a whole range away from all that is not.
    first, second = (
        np.where(np.isnan(own), 2.0, np.interp(own, distinct, ranks) if len(distinct) else 0.0)
        for own in both
    )
    return first, second


def _copies(rows: Floats, train: Floats) -> float:
    own = {row.tobytes() for row in np.nan_to_num(train, nan=np.inf) + 0.0}
    return float(np.mean([row.tobytes() in own for row in np.nan_to_num(rows, nan=np.inf) + 0.0]))


def _auc(higher: Floats, lower: Floats) -> tuple[float, float]:
    """Return the probability that one of the first is greater than one of the others, and its error.

    The error is that of Hanley and McNeil, *The meaning and use of the area under a receiver operating
    characteristic curve* (Radiology 143, 1982).
    """
    from scipy.stats import rankdata

    n, m = len(higher), len(lower)
    ranks = rankdata(np.concatenate([higher, lower]))[:n]
    auc = float((ranks.sum() - n * (n + 1) / 2) / (n * m))
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n - 1) * (first - auc**2) + (m - 1) * (second - auc**2)
    return auc, float(np.sqrt(max(variance, 0.0) / (n * m)))
