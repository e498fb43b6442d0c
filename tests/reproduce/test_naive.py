"""The naive model is a distribution, and learns one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from made.reproduce.naive import NaiveModel
from made.reproduce.two_dim import _RowsByEpoch
from made.training.fit import fit
from made.training.settings import TrainingSettings

CELLS = np.indices((3, 4)).reshape(2, -1).T


def trained(rows: np.ndarray, steps: int = 300) -> NaiveModel:
    model = NaiveModel((3, 4), hidden=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        loss = model.loss(torch.from_numpy(rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def test_it_sums_to_one_before_and_after_training():
    rows = np.array([[0, 1], [0, 1], [2, 3], [1, 0]])
    for model in (NaiveModel((3, 4)), trained(rows)):
        assert float(model.log_prob(CELLS).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_it_learns_the_shares_of_its_rows_and_draws_them():
    rows = np.repeat([[0, 1], [2, 3], [1, 0]], [5, 3, 2], axis=0)
    model = trained(rows)
    np.testing.assert_allclose(
        model.log_prob(np.array([[0, 1], [2, 3], [1, 0]])).exp(), [0.5, 0.3, 0.2], atol=0.02
    )
    drawn = model.sample(4000, seed=1).numpy()
    assert (drawn == [0, 1]).all(axis=1).mean() == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(drawn, model.sample(4000, seed=1).numpy())


def test_a_seed_decides_the_weights_and_leaves_torch_alone():
    before = torch.get_rng_state()
    weights = [NaiveModel((3, 4), seed=seed).second[0].weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(before, torch.get_rng_state())


def test_the_trainer_trains_it():
    rows = np.array([[0, 1], [0, 1], [2, 3], [1, 0]] * 10)
    settings = TrainingSettings(epochs=20, batch_size=8, optimizer="adam", learning_rate=0.05)
    model, plain = NaiveModel((3, 4), hidden=16), NaiveModel((3, 4), hidden=16)
    history = fit(model, _RowsByEpoch(lambda epoch: rows, settings), False, settings)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.05, fused=True)
    losses = []
    for epoch in range(20):
        order = np.random.default_rng([0, epoch]).permutation(40)
        for batch in np.split(rows[order], 5):
            loss = plain.loss(torch.from_numpy(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert history.batch_losses == losses
    assert losses[-1] < losses[0] - 0.5
