"""Shifted images: where pixels go, what comes in, and when a fit shifts."""

import numpy as np
import pytest
import torch

import made
from made.training import shifting
from made.training.shifting import FRACTION, shift_rows

GRID = (4, 5)


def _images(n: int = 3) -> torch.Tensor:
    return torch.arange(1, n * 20 + 1).reshape(n, 20)


@pytest.mark.parametrize("by", [1, 2, 6])
def test_every_shift_is_a_shift_and_all_occur(by):
    images, seen = _images(), set()
    for step in range(60 * (2 * by + 1)):
        shifted = shift_rows(images, GRID, by, seed=0, step=step).reshape(3, *GRID).numpy()
        matches = []
        for down in range(-by, by + 1):
            for right in range(-by, by + 1):
                wanted = np.zeros_like(shifted)
                for i in range(4):
                    for j in range(5):
                        if 0 <= i + down < 4 and 0 <= j + right < 5:
                            wanted[:, i + down, j + right] = images.reshape(3, *GRID).numpy()[:, i, j]
                if np.array_equal(wanted, shifted):
                    matches.append((down, right))
        assert matches
        seen.update(matches)
    assert by > 1 or len(seen) == 9


def test_it_follows_from_seed_and_step():
    draws = [shift_rows(_images(), GRID, 1, seed, step) for seed in (0, 1) for step in range(8)]
    again = [shift_rows(_images(), GRID, 1, seed, step) for seed in (0, 1) for step in range(8)]
    assert all(torch.equal(a, b) for a, b in zip(draws, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(draws[:8], draws[8:], strict=True))


def test_a_fit_shifts_all_but_the_last_part(monkeypatch):
    steps = []

    def spy(rows, grid, by, seed, step):
        assert (grid, by, seed) == (GRID, 2, 7)
        steps.append(step)
        return shift_rows(rows, grid, by, seed, step)

    monkeypatch.setattr(shifting, "shift_rows", spy)
    rows = np.random.default_rng(0).integers(0, 2, (100, 20))
    model = made.MADE(made.Bernoulli(20), hidden=(20,), field={"grid": GRID, "reach": 2})
    made.fit(model, rows, False, epochs=4, batch_size=20, shift=2, seed=7)
    assert steps == list(range(int(20 * FRACTION)))


@pytest.mark.parametrize("model", [made.MADE, made.Autoencoder])
def test_without_a_grid_there_is_no_shifting(refused, model):
    with refused("shift", "field", "grid"):
        made.fit(model(made.Bernoulli(20), hidden=(20,)), np.eye(20), False, epochs=1, shift=1)


def test_bad_shifts_are_refused(refused):
    with refused("shift", "-1"):
        made.fit(made.MADE(made.Bernoulli(20)), np.eye(20), shift=-1)
