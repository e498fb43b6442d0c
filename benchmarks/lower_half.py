"""What two models of images say of the lower half, the upper half given: log-likelihood of the true one.

    python benchmarks/lower_half.py RUN_NATURAL RUN_AGNOSTIC

The first is a run in natural ordering, whose answer is exact; the second a run with ``--orderings fresh``.
Its answers: exact under orderings with the upper half first, one or all of them; and the mixture's own
conditional, log p(image) - log p(upper half), the latter estimated.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch

import made
from made.runs.folder import RunFolder
from made.variables.rows import Rows
from measure import machine, write

_HERE = Path(__file__).parent


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("natural", type=Path)
    arguments.add_argument("agnostic", type=Path)
    arguments.add_argument("--rows", type=int, default=1000, help="test images, picked with seed 0")
    arguments.add_argument("--estimated", type=int, default=50, help="of these, so many are estimated")
    arguments.add_argument("--particles", type=int, default=1000)
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "lower_half.json")
    options = arguments.parse_args()
    folder = RunFolder(options.natural)
    test = folder.load_data().test
    images = test[np.random.default_rng(0).permutation(len(test))[: options.rows]].astype(np.int64)
    n_given = images.shape[1] // 2
    upper = images.astype(float)
    upper[:, n_given:] = np.nan
    natural, agnostic = folder.load_model(), RunFolder(options.agnostic).load_model()
    results = {}

    def tell(name: str, scores: np.ndarray, **more: float) -> None:
        error = float(scores.std(ddof=1) / np.sqrt(len(scores)))
        results[name] = {"nats": float(scores.mean()), "error": error, "rows": len(scores), **more}
        notes = "".join(f", {key} {value:.3g}" for key, value in more.items())
        print(f"{name:52} {scores.mean():9.3f} ± {error:.3f} nats, {len(scores):,} rows{notes}", flush=True)

    answer = made.marginal(natural, upper, method="exact")
    tell("natural ordering, exact", natural.log_prob(images).numpy() - answer.log_prob)
    groups = np.where(np.arange(images.shape[1]) < n_given, 0, 2)
    for masks, name in (
        ([0], "one ordering"),
        (list(range(agnostic.n_masks)), f"{agnostic.n_masks} orderings"),
    ):
        whole = agnostic.inference(masks, groups).log_prob(Rows(torch.from_numpy(images)))
        part = made.marginal(agnostic, upper, method="given-first", mask=masks).log_prob
        tell(f"order-agnostic, {name} with the upper half first", whole - part)
    few = slice(0, options.estimated)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", made.PoorEstimateWarning)  # how poor is told below
        answer = made.marginal(agnostic, upper[few], particles=options.particles)
    tell(
        "order-agnostic, the mixture's own, estimated",
        agnostic.log_prob(images[few]).numpy() - answer.log_prob,
        particles=options.particles,
        **{
            "median error of one row": float(np.median(answer.error)),
            "median effective particles": float(np.median(answer.ess)),
        },
    )
    tell(
        "natural ordering, exact, the same rows",
        (natural.log_prob(images[few]).numpy() - made.marginal(natural, upper[few], method="exact").log_prob),
    )
    write(options.out, {"machine": machine(), "log p(lower half | upper half)": results})


if __name__ == "__main__":
    main()
