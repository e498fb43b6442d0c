"""Going on with a fitted model: it learns from new rows, keeps its network, and is not changed itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.tuning.update import update

TRAINING = {"epochs": 20, "batch_size": 50}


def _rows(keep, seed=0, n=600):
    draw = np.random.default_rng(seed)
    first = draw.integers(0, 2, (n, 1))
    return np.where(draw.random((n, 6)) < keep, first, 1 - first)


@pytest.fixture(scope="module")
def fitted():
    models = []
    for seed in (0, 1):
        model = made.MADE(made.Bernoulli(6), hidden=(16,), seed=seed)
        made.fit(model, _rows(0.7), epochs=10, seed=seed)
        models.append(model)
    return models


def test_it_learns_from_new_rows_and_the_model_stays_as_it_was(fitted):
    before = {name: tensor.clone() for name, tensor in fitted[0].state_dict().items()}
    new = fitted[0].rows(_rows(0.95, seed=1))
    model, history = update(fitted[0], new[:500], new[500:], training=TRAINING)
    assert model.settings() == fitted[0].settings()
    assert history.valid_nll[0] == pytest.approx(fitted[0].nll(new[500:]).mean().item())
    assert -model.log_prob(new[500:]).mean() < history.valid_nll[0] - 0.3
    for name, tensor in fitted[0].state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_model_that_new_rows_do_not_help_is_as_it_was(fitted):
    same = fitted[0].rows(_rows(0.7))
    wild = {"epochs": 2, "batch_size": 10, "learning_rate": 0.5, "schedule": "constant", "ema": 0.0}
    model, history = update(fitted[0], same[:20], same[20:], training=wild)
    assert history.best_epoch == 0
    assert torch.equal(model.log_prob(same), fitted[0].log_prob(same))


def test_every_member_of_a_mixture_goes_on(fitted, tmp_path):
    new = fitted[0].rows(_rows(0.95, seed=1))
    mixture = made.Mixture(fitted)
    model, _ = update(
        mixture, new[:500], new[500:], training=TRAINING, checkpoint=tmp_path / "checkpoint.safetensors"
    )
    assert isinstance(model, made.Mixture)
    for old, own in zip(fitted, model.members, strict=True):
        assert -own.log_prob(new[500:]).mean() < -old.log_prob(new[500:]).mean() - 0.3
    again, _ = update(
        mixture, new[:500], new[500:], training=TRAINING, checkpoint=tmp_path / "checkpoint.safetensors"
    )
    assert torch.equal(again.log_prob(new), model.log_prob(new))


def test_in_one_call(fitted, refused):
    new = _rows(0.95, seed=1)
    model = made.auto_fit(new[:500], new[500:], update=fitted[0], training=TRAINING)
    assert -model.log_prob(new[500:]).mean() < -fitted[0].log_prob(new[500:]).mean() - 0.3
    with refused("leave schema, columns, drop, protect, network, recipe, refit and for_questions out"):
        made.auto_fit(new, update=fitted[0], network={"hidden": (4,)})
    with refused("2"):
        made.auto_fit(new * 2, update=fitted[0])


def test_a_stop_leaves_the_members_whose_turn_has_not_come(fitted):
    new = fitted[0].rows(_rows(0.95, seed=1))
    seen = []
    model, history = update(
        made.Mixture(fitted),
        new[:500],
        new[500:],
        deadline=0.0,
        on_best=lambda own, nll: seen.append(nll),
    )
    assert history.ended == "out of time"
    assert torch.equal(model.members[1].log_prob(new), fitted[1].log_prob(new))
    assert seen[0] == pytest.approx(-made.Mixture(fitted).log_prob(new[500:]).mean().item())
