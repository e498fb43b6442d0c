"""Compile the loops that tests run, before several workers each do: ``python tests/compile_loops.py``.

Two processes share the work, one for each core; what they compile is kept on disk, where workers find it.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import made

N = 1_200


def main() -> None:
    """Compile all in two processes, or one half of it here."""
    halves = {"draw": draw, "fit": fit}
    if len(sys.argv) > 1:
        halves[sys.argv[1]]()
        return
    others = [subprocess.Popen([sys.executable, __file__, half]) for half in halves]
    sys.exit(max(other.wait() for other in others))


def _of_numbers() -> tuple[made.MADE, np.ndarray]:
    draw, spikes = np.random.default_rng(0), np.arange(-40, 40) / 32
    z = draw.normal(size=N)
    blocks = [made.Numeric(spikes=spikes.tolist()), made.Numeric(step=0.1), made.Categorical(3)]
    repeated = np.where(draw.random(N) < 0.5, draw.choice(spikes, N), z)
    rows = np.column_stack([repeated, np.round(z, 1), draw.integers(0, 3, N)])
    model = made.MADE(blocks, hidden=(64, 64), seed=0)
    model.set_marginals(rows)
    return model, rows


def draw() -> None:
    """Compile what draws few rows and many, with numbers and without."""
    for model in (_of_numbers()[0], made.MADE([made.Bernoulli(2), made.Categorical(3)], hidden=(64, 64))):
        for n in (1, N):
            model.sample(n, seed=0)


def fit() -> None:
    """Compile what scores and fits rows."""
    model, rows = _of_numbers()
    model.log_prob(np.repeat(rows, 2**15 // N + 1, axis=0))
    made.fit(model, rows, epochs=1, compiled=True)


if __name__ == "__main__":
    main()
