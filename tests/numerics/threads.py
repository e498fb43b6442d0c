"""What numbers of threads make of samples, scores and fits: ``python threads.py FOLDER OUT``, a line of JSON.

With each of 1, 2 and 4 threads, and in portions, the same is asked; what is found with 1 is what the others
are held to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

import made

THREADS = (1, 2, 4)
N = 600


def asked(model, values):
    """Return what is asked of a model, by name, as arrays."""
    rows, own = values[:300], {}
    own["samples"] = numbers(model.sample(N, seed=3))
    parts = [model.sample(n, seed=3, first=first) for first, n in ((0, 1), (1, 300), (301, N - 301))]
    own["samples in portions"] = np.concatenate([numbers(part) for part in parts])
    own["samples, plainly"] = numbers(model.sample(50, seed=3, method="plain"))
    unknown = np.random.default_rng(0).random(rows.shape) < 0.3
    answer = model.complete(rows[:10], unknown=unknown[:10], seed=1, particles=30)
    own["completions"] = numbers(answer.rows)
    own["log p"] = model.log_prob(rows).numpy()
    return own


def fitted(model, values, compiled):
    """Fit a model anew, and return its weights and its figures."""
    anew = made.MADE.from_settings(model.settings())
    train, valid = values[:-100], values[-100:]
    settings = {"epochs": 2, "batch_size": 64, "learning_rate": 1e-3, "seed": 0, "device": "cpu"}
    history = made.fit(anew, train, valid, **settings, compiled=compiled)
    weights = np.concatenate([own.detach().numpy().ravel() for own in anew.parameters()])
    return {"weights": weights, "NLL": np.array(history.valid_nll), "losses": np.array(history.batch_losses)}


def numbers(rows):
    return np.asarray(rows, dtype=np.float64)


def main(folder: Path) -> None:
    """Compare threads for each model of a folder."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        model, values = made.load(file), np.load(folder / f"{file.stem}.rows.npz")["values"]
        by_threads = []
        for n in THREADS:
            torch.set_num_threads(n)
            own = asked(model, values)
            for kind in ("compiled", "plain"):
                made_by = fitted(model, values, kind == "compiled")
                own |= {f"{what} of a {kind} fit": array for what, array in made_by.items()}
            by_threads.append(own)
        first = by_threads[0]
        found[file.stem] = {name: [apart(own[name], first[name]) for own in by_threads] for name in first}
        found[file.stem]["portions"] = [
            apart(own["samples in portions"], own["samples"]) for own in by_threads
        ]
    print(json.dumps(found))


def apart(one, other):
    """Return how many numbers differ in a bit, and by how much at most, relative to 1 or their size."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        distance = np.abs(one - other) / np.maximum(np.abs(other), 1)
    return [int((~same).sum()), float(np.where(same, 0, distance).max(initial=0))]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
