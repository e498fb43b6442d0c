"""Shares of a fit: outputs between those at the start and those now, and what validation rows choose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.training.checkpoint import history_of
from made.training.checkpoint_checks import history_from
from made.training.fit import fit
from made.training.shrinkage import Shrinkage, best_shares

N_NOISY = 12


def _rows(n: int, seed: int) -> np.ndarray:
    """Rows of two labels that follow from each other, and of twelve that nothing says anything of."""
    draw = np.random.default_rng(seed)
    first = draw.integers(4, size=n)
    second = np.where(draw.random(n) < 0.8, (first + 1) % 4, draw.integers(4, size=n))
    return np.column_stack([first, second, draw.integers(5, size=(n, N_NOISY))])


def _model(**settings) -> made.MADE:
    return made.MADE([made.Categorical(4, n=2), made.Categorical(5, n=N_NOISY)], hidden=(64,), **settings)


@pytest.fixture(scope="module")
def fitted():
    """A model after some epochs, and the shrinkage that knew it at the start."""
    model, rows = _model(seed=1), _rows(200, 1)
    model.set_marginals(model.rows(rows))
    shrinkage = Shrinkage(model, 1)
    fit(model, rows, False, epochs=5)
    return model, shrinkage


def test_outputs_lie_between_those_at_the_start_and_those_now(fitted):
    model, shrinkage = fitted
    rows, sizes = _rows(50, 2), model.variables.output_sizes
    weights = {name: own.clone() for name, own in model.state_dict().items()}
    with torch.no_grad():
        with shrinkage.in_place(torch.zeros(model.n_variables)):
            start = model.outputs(rows)
            assert torch.equal(start, start[:1].expand_as(start))  # the marginals
        now = model.outputs(rows)
        shares = torch.rand(model.n_variables, generator=torch.Generator().manual_seed(0))
        with shrinkage.in_place(shares):
            between = model.outputs(rows)
    share = torch.repeat_interleave(shares, torch.from_numpy(sizes))
    assert torch.allclose(between, torch.lerp(start, now, share), atol=1e-5)
    assert all(torch.equal(own, weights[name]) for name, own in model.state_dict().items())


def test_sums_are_those_of_the_rows(fitted):
    model, shrinkage = fitted
    rows = model.rows(_rows(40, 3))
    losses, above, squares = shrinkage.sums(rows)
    assert losses[-1] == pytest.approx(-model.log_prob(rows, per_variable=True, mask=0).sum(dim=0))
    assert torch.equal(above[-1], torch.zeros(model.n_variables, dtype=torch.float64))
    assert above == pytest.approx(losses - losses[-1:])
    assert (squares >= above**2 / 40 - 1e-12).all()
    halves = shrinkage.sums(rows[:15]) + shrinkage.sums(rows[15:])
    assert halves == pytest.approx(torch.stack([losses, above, squares]))


def test_what_may_be_luck_is_left_to_the_fit():
    gain = torch.tensor([0.0, -1.0, 0.0, 0.0, 0.0])[:, None]
    for spread, share, expected in ((1.0, 0.25, 0.025), (500.0, 1.0, 0.0)):  # standard errors of 0.1 and 50
        squares = torch.tensor([spread**2, 1 + spread**2, spread**2, spread**2, 0.0])[:, None]
        shares, luck = best_shares(100 * torch.stack([gain, gain, squares]), 100)
        assert shares.tolist() == [share]
        assert luck == pytest.approx(expected)


def test_a_fit_that_gives_a_row_no_mass_is_not_taken():
    losses = torch.tensor([2.0, 3.0, torch.inf, torch.inf, torch.inf])[:, None]
    above = losses - losses[-1:]
    shares, luck = best_shares(torch.stack([losses, above, above**2]), 1)
    assert (shares.tolist(), luck) == ([0.0], 0.0)


def test_what_follows_is_learned_though_the_rest_is_noise():
    train, valid, test = (_rows(n, seed) for n, seed in ((250, 4), (60, 5), (2_000, 6)))
    nll = {}
    for shrink in (False, True):
        model = _model(seed=2)
        history = fit(model, train, valid, epochs=60, batch_size=50, patience=20, shrink=shrink)
        nll[shrink] = -model.log_prob(test, per_variable=True, mask=0).mean(dim=0)
    marginals = _model()
    marginals.set_marginals(marginals.rows(train))
    noise = -marginals.log_prob(test, per_variable=True, mask=0).mean(dim=0)[2:].sum()
    assert nll[True][:2].sum() < nll[False][:2].sum() - 0.4  # which stops before the noise costs too much
    assert nll[True][2:].sum() < noise + 0.2
    # What is kept is what was validated, less what is taken for luck.
    kept = -float(model.log_prob(valid).mean())
    assert kept <= min(history.valid_nll) < kept + 0.4


def test_a_fit_that_goes_on_is_the_same(tmp_path, same_weights):
    train, valid = _rows(120, 7), _rows(40, 8)
    settings = {"batch_size": 40, "shrink": True, "ema": 0.9}
    whole, parts = (_model(seed=3, orderings=2) for _ in range(2))
    history = fit(whole, train, valid, epochs=6, **settings)
    fit(parts, train, valid, epochs=6, **settings, checkpoint=tmp_path / "c", pause_after=2)
    parts = _model(seed=3, orderings=2)
    with pytest.raises(made.InputError, match="another shrink"):
        fit(parts, train, valid, epochs=6, batch_size=40, ema=0.9, checkpoint=tmp_path / "c", resume=True)
    with torch.no_grad():
        parts.network.biases[-1].add_(1.0)  # the start is that of the checkpoint
    fit(parts, train, valid, epochs=6, **settings, checkpoint=tmp_path / "c", resume=True)
    assert same_weights(whole, parts)
    assert len(history.shares) == whole.n_variables
    assert history_of(tmp_path / "c").shares == history.shares
    with pytest.raises(made.InputError, match="shares of its history"):
        history_from({**history.as_dict(), "shares": [1.5]}, len(history.batch_losses))


def test_where_there_is_nothing_to_choose_by_it_is_refused(refused):
    with refused("shrink", "validation rows"):
        fit(_model(), _rows(50, 9), False, epochs=1, shrink=True)
    autoencoder = made.Autoencoder([made.Categorical(4, n=2), made.Categorical(5, n=N_NOISY)], hidden=(8,))
    with refused("shrink", "autoencoder"):
        fit(autoencoder, _rows(50, 9), _rows(20, 9), epochs=1, shrink=True)
