"""What a model answers on a GPU is what it answers on the CPU; skipped where there is none."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import torch

import made
from made.queries.odd_entries import odd_entries
from made.training.fit import fit
from made.training.make_step import make_step
from made.training.settings import TrainingSettings

DEVICE = os.environ.get("MADE_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a GPU")

VARIABLES = {
    "bits": lambda: [made.Bernoulli(12)],
    "classes": lambda: [
        made.Categorical(["red", "green", "blue"], missing=True, unseen=0.01),
        made.Categorical(12, n=2, coding="radial-basis", smooth=1.0),
        made.Categorical(5, coding="scaled"),
        made.Bernoulli(2),
    ],
    "many classes": lambda: [made.Categorical(3_000), made.Bernoulli(2)],
    "numbers": lambda: [
        made.Numeric(2),
        made.Numeric(step=1.0, missing=True, spikes=[0.0]),
        made.Numeric(step=0.01, periods=(7,)),
        made.Numeric(spikes=[0.0], missing=True),
    ],
    "mixed": lambda: [
        made.Numeric(2, missing=True),
        made.Categorical(["no", "yes"], unseen=0.01),
        made.Numeric(step=1.0, spikes=[0.0]),
        made.Categorical(20, missing=True),
    ],
}
MASKS = {"one mask": {}, "mask set": {"orderings": 2}, "direct": {"direct": True, "residual": True}}


def values_of(variables, n, seed=0):
    """Make values of each variable that hang together."""
    random = np.random.default_rng(seed)
    common = random.normal(size=n)
    columns = []
    for block in variables:
        for _ in range(block.n):
            z = 0.7 * common + 0.7 * random.normal(size=n)
            if isinstance(block, made.Numeric):
                own = 3 * z if block.step is None else np.rint(3 * z / block.step) * block.step
                if block.spikes:
                    own = np.where(random.random(n) < 0.2, block.spikes[0], own)
                own = own.astype(object)
            else:
                n_classes = block.n_values - block.missing
                codes = np.clip((z + 2.5) / 5 * n_classes, 0, n_classes - 1).astype(int)
                labels = block.labels or tuple(range(n_classes))
                own = np.array([labels[code] for code in codes], dtype=object)
            if block.missing:
                own[random.random(n) < 0.2] = None
            columns.append(own)
    return np.stack(columns, axis=1)


def pair(name, masks, **settings):
    """Return one fitted model on the CPU, the same on the device, and held-out values."""
    here = made.MADE(VARIABLES[name](), (32, 32), seed=0, **MASKS[masks], **settings)
    rows, held_out = values_of(here.variables.blocks, 400), values_of(here.variables.blocks, 60, seed=1)
    fit(here, rows, rows[:50], epochs=5, batch_size=50, seed=0, device="cpu")
    there = made.MADE.from_settings(here.settings())
    there.load_state_dict(here.state_dict())
    return here, there.to(DEVICE), held_out


def with_holes(values, share=0.4, seed=2):
    """Return which entries are unknown: some of every row."""
    unknown = np.random.default_rng(seed).random(values.shape) < share
    unknown[:, 0] |= ~unknown.any(axis=1)
    return unknown


@pytest.fixture(scope="module")
def pairs():
    kept = {}

    def of(name, masks):
        if (name, masks) not in kept:
            kept[name, masks] = pair(name, masks)
        return kept[name, masks]

    return of


EACH = pytest.mark.parametrize(("name", "masks"), [(name, masks) for name in VARIABLES for masks in MASKS])


def numbers(x):
    return np.asarray(x.cpu() if isinstance(x, torch.Tensor) else x)


@EACH
def test_scores(pairs, name, masks):
    here, there, rows = pairs(name, masks)
    for ask in (
        lambda model: model.log_prob(rows),
        lambda model: model.log_prob(rows, per_variable=True, mask=0),
        lambda model: model.nll(rows),
    ):
        np.testing.assert_allclose(numbers(ask(there)), numbers(ask(here)), rtol=1e-3, atol=1e-3)


@EACH
def test_gradients(pairs, name, masks):
    here, there, rows = pairs(name, masks)
    for model in (here, there):
        model.zero_grad()
        model.loss(rows).backward()
    for own, other in zip(here.parameters(), there.parameters(), strict=True):
        np.testing.assert_allclose(numbers(other.grad), numbers(own.grad), rtol=1e-2, atol=1e-4)


def assert_alike(one, other, share=0.99):
    """Hold rows against each other: an entry may differ where a uniform is at the edge of two values."""
    one, other = (pd.DataFrame(numbers(rows)).astype(object) for rows in (one, other))
    alike = (one == other) | (one.isna() & other.isna())
    for column in one:
        a, b = (pd.to_numeric(rows[column], errors="coerce").to_numpy(float) for rows in (one, other))
        alike[column] |= np.isclose(a, b, rtol=1e-3, atol=1e-3)
    assert alike.to_numpy().mean() >= share


@EACH
@pytest.mark.parametrize("method", ["one-pass", "plain"])
def test_samples(pairs, name, masks, method):
    here, there, _ = pairs(name, masks)
    expected = here.sample(200, seed=3, method="plain")
    for _ in range(3):  # plainly, while a graph is captured, out of the graph
        assert_alike(there.sample(200, seed=3, method=method), expected)


@EACH
def test_completions(pairs, name, masks):
    here, there, rows = pairs(name, masks)
    unknown = with_holes(rows)
    for kind in ("draw", "variable", "joint", "mean"):
        if kind == "joint" and here.variables.numbers is not None:
            continue
        answers = [model.complete(rows, unknown=unknown, kind=kind, seed=1) for model in (here, there)]
        assert_alike(answers[1].rows, answers[0].rows, share=0.97)
        np.testing.assert_allclose(
            numbers(answers[1].log_prob), numbers(answers[0].log_prob), rtol=0.05, atol=0.2
        )


@EACH
def test_marginals(pairs, name, masks):
    here, there, rows = pairs(name, masks)
    unknown = with_holes(rows)
    own, other = (model.marginal(rows, unknown=unknown, seed=1) for model in (here, there))
    assert own.method == other.method
    np.testing.assert_allclose(numbers(other.log_prob), numbers(own.log_prob), rtol=1e-2, atol=1e-2)


@EACH
@pytest.mark.parametrize("place", ["first", "last"])
def test_conditionals(pairs, name, masks, place):
    here, there, rows = pairs(name, masks)
    variable = 0 if place == "first" else here.n_variables - 1
    known = [d for d in range(here.n_variables) if d not in (variable, here.n_variables // 2)]
    given = {d: rows[0, d] for d in known if rows[0, d] is not None}
    own, other = (model.conditional(variable, given, seed=1) for model in (here, there))
    assert own.method == other.method
    if hasattr(own, "quantile"):
        q = np.array([0.1, 0.5, 0.9])
        np.testing.assert_allclose(other.quantile(q), own.quantile(q), rtol=1e-2, atol=1e-2)
    else:
        np.testing.assert_allclose(numbers(other.probabilities), numbers(own.probabilities), atol=1e-3)


@EACH
def test_odd_entries(pairs, name, masks):
    here, there, rows = pairs(name, masks)
    own, other = (odd_entries(model, model.rows(rows[:5])) for model in (here, there))
    np.testing.assert_allclose(other.log_prob, own.log_prob, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", VARIABLES)
def test_fits(name):
    histories = []
    for device in ("cpu", DEVICE):
        model = made.MADE(VARIABLES[name](), (32, 32), seed=0)
        rows = values_of(model.variables.blocks, 640)
        settings = {"epochs": 3, "batch_size": 64, "seed": 0, "device": device}
        histories.append(fit(model, rows[:600], rows[600:], **settings))
    own, other = histories
    np.testing.assert_allclose(other.batch_losses, own.batch_losses, rtol=1e-2)
    np.testing.assert_allclose(other.valid_nll, own.valid_nll, rtol=1e-2)


@pytest.mark.parametrize("name", VARIABLES)
def test_all_kinds_are_captured(name, caplog):
    model = made.MADE(VARIABLES[name](), (32, 32), seed=0)
    rows = values_of(model.variables.blocks, 640)
    history = fit(model, rows, rows[:50], epochs=3, batch_size=64, seed=0, device=DEVICE)
    assert DEVICE != "cuda" or history.steps == "captured"
    assert not caplog.records
    assert make_step(model, TrainingSettings(), 10**9).kind in ("captured", "compiled", "compiled likelihood")


def test_a_table_fitted_there_is_read_here(tmp_path):
    random = np.random.default_rng(0)
    age = random.integers(18, 80, 600)
    frame = pd.DataFrame(
        {
            "age": age,
            "income": np.exp(random.normal(size=600) + age / 40).round(2),
            "city": random.choice(["Rome", "Paris", "Oslo"], 600),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1500, 600), "D"),
        }
    )
    frame.loc[random.random(600) < 0.1, "income"] = None
    model = made.auto_fit(frame, seed=0, device=DEVICE, max_time=20)
    model.save(tmp_path / "model.safetensors")
    here = made.load(tmp_path / "model.safetensors", device="cpu")
    np.testing.assert_allclose(
        numbers(model.log_prob(frame)), numbers(here.log_prob(frame)), rtol=1e-3, atol=1e-3
    )
    assert list(model.sample(20, seed=0).columns) == list(frame.columns)
    assert model.complete(frame.iloc[:50], seed=0).rows["income"].notna().all()
