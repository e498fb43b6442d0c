"""A column of many classes: nats gained, seconds and memory, grouped and one-hot, against the truth.

The rows are drawn from a known distribution: a region out of 20; a class whose frequencies are Zipf's, the
classes of the own region 30 times as probable as they would be; a bit by the class, one of four values by the
region of the class, and a bit by the bit before. With ``--shuffled`` the order of the classes says nothing
about their regions.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import made
from made.baselines import ProductOfMarginals
from measure import add

_FACTOR, _REGIONS = 30.0, 20
_NETWORK: dict[str, Any] = {"hidden": (256, 256), "direct": True, "residual": True, "connectivity": "even"}
_TRAINING: dict[str, Any] = {"batch_size": 256, "learning_rate": 4e-3, "schedule": "trapezoid"}
_TRAINING |= {"weight_decay": 1.0, "ema": 0.99, "seed": 0}


class Truth:
    """The distribution that the rows are drawn from."""

    def __init__(self, n_classes: int, *, shuffled: bool) -> None:
        own = np.random.default_rng(7)
        frequency = own.permutation(1 / np.arange(1, n_classes + 1))
        self.home = np.arange(n_classes) * _REGIONS // n_classes
        if shuffled:
            self.home = own.permutation(self.home)
        weights = frequency * np.where(self.home == np.arange(_REGIONS)[:, None], _FACTOR, 1.0)
        self.of_class = weights / weights.sum(axis=1, keepdims=True)
        self.bit = own.random(n_classes)
        self.value = own.dirichlet(np.full(4, 0.5), _REGIONS)

    def draw(self, n: int, seed: int) -> NDArray[np.int64]:
        """Return n rows of codes, (n, 5)."""
        rng = np.random.default_rng(seed)
        region, code = rng.integers(0, _REGIONS, n), np.empty(n, dtype=np.int64)
        for r in range(_REGIONS):
            rows = np.flatnonzero(region == r)
            cumulated = np.cumsum(self.of_class[r])
            code[rows] = np.searchsorted(cumulated / cumulated[-1], rng.random(len(rows)), side="right")
        bit = rng.random(n) < self.bit[code]
        passed = self.value[self.home[code]].cumsum(axis=1) < rng.random(n)[:, None]
        value = np.minimum(passed.sum(axis=1), 3)
        last = rng.random(n) < np.where(bit, 0.8, 0.3)
        return np.stack([region, code, bit, value, last], axis=1).astype(np.int64)

    def log_prob(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return log p of each row."""
        region, code, bit, value, last = rows.T
        one = np.where(bit == 1, 0.8, 0.3)
        p = self.of_class[region, code] * np.where(bit == 1, self.bit[code], 1 - self.bit[code])
        p = p * self.value[self.home[code], value] * np.where(last == 1, one, 1 - one) / _REGIONS
        found: NDArray[np.float64] = np.log(p)
        return found


def run(n_classes: int, n_rows: int, epochs: int, coding: str, *, shuffled: bool) -> dict[str, Any]:
    """Fit a model, and hold it against the truth and the product of marginals."""
    truth = Truth(n_classes, shuffled=shuffled)
    train, valid, test = truth.draw(n_rows, 0), truth.draw(5_000, 1), truth.draw(10_000, 2)
    marginals = ProductOfMarginals(train, [_REGIONS, n_classes, 2, 4, 2]).log_prob(test)
    column = made.Categorical(n_classes, coding=coding)
    others = made.Bernoulli(1), made.Categorical(4), made.Bernoulli(1)
    model = made.MADE([made.Categorical(_REGIONS), column, *others], dropout=0.1, **_NETWORK)
    start = time.perf_counter()
    made.fit(model, train, valid, epochs=epochs, **_TRAINING)
    seconds = (time.perf_counter() - start) / epochs
    gain = model.log_prob(test).numpy() - marginals
    return {
        "classes": n_classes,
        "rows": n_rows,
        "coding": coding,
        "shuffled": shuffled,
        "truth": -float(truth.log_prob(test).mean()),
        "marginals": -float(marginals.mean()),
        "gain": float(gain.mean()),
        "gain_se": float(gain.std() / np.sqrt(len(gain))),
        "seconds_per_epoch": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Run what the command line asks for, and write it to results/many_classes.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--coding", choices=["grouped", "one-hot"], default="grouped")
    parser.add_argument("--shuffled", action="store_true", help="the order of the classes says nothing")
    given = parser.parse_args()
    found = run(given.classes, given.rows, given.epochs, given.coding, shuffled=given.shuffled)
    print(
        f"{given.classes:,} classes, {given.rows:,} rows, {given.coding}: gains {found['gain']:.3f} ± "
        f"{found['gain_se']:.3f} nats on the product of marginals, the truth "
        f"{found['marginals'] - found['truth']:.3f}; "
        f"{found['seconds_per_epoch']:.1f} s an epoch, {found['peak_mb']:.0f} MB"
    )
    name = f"{given.classes} {given.coding}{' shuffled' if given.shuffled else ''}"
    add(Path(__file__).parent / "results" / "many_classes.json", "runs", name, found)


if __name__ == "__main__":
    main()
