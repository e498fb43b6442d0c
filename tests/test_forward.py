"""``model(x)``: log p as a module of torch has it, for functional_call, per-row gradients and export."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, vmap

import made
from made.support.errors import InputError
from made.variables.rows import Rows

N = 12


def numbers_of(rng: np.random.Generator) -> np.ndarray:
    """Return rows: continuous, whole, on a grid that rounds, a class, a spike at 0, gaps."""
    return np.stack(
        [
            rng.normal(size=N),
            rng.integers(0, 50, N),
            np.round(rng.exponential(size=N), 1),
            rng.integers(0, 3, N),
            np.where(np.arange(N) % 3 == 0, 0.0, rng.normal(size=N)),
            np.where(np.arange(N) % 4 == 0, np.nan, rng.normal(size=N)),
        ],
        axis=1,
    )


NUMBERS = [
    made.Numeric(),
    made.Numeric(step=1, periods=[4.0, 2.5]),
    made.Numeric(step=0.1, rounds=True),
    made.Categorical(3),
    made.Numeric(spikes=[0.0]),
    made.Numeric(missing=True, periods=[1.5]),
]
MIXED = [made.Bernoulli(2), made.Categorical(20), made.Categorical([5, 3, 9]), made.Categorical(300)]


def mixed_of(rng: np.random.Generator) -> np.ndarray:
    parts = [*rng.integers(0, 2, (2, N)), rng.integers(0, 20, N), rng.choice([5, 3, 9], N)]
    return np.stack([*parts, rng.integers(0, 300, N)], axis=1)


def build(name: str, randomize) -> tuple[made.MADE, torch.Tensor]:
    """Return a model of the kind, its weights drawn, and rows of it."""
    rng = np.random.default_rng(0)
    if name == "numbers":
        rows = numbers_of(rng)
        model = made.MADE(NUMBERS, hidden=(16, 16), seed=1)
        model.set_marginals(rows)
    elif name == "spikes of a grid":
        rows = numbers_of(rng)[:, [1, 2]]
        model = made.MADE([made.Numeric(step=1, spikes=[3.0]), made.Numeric(step=0.1)], hidden=(16,))
        model.set_marginals(rows)
    elif name == "mixed":
        rows = mixed_of(rng)
        model = made.MADE(MIXED, hidden=(16, 16), residual=True, activation="silu", orderings=3)
    elif name == "gaps":
        rows = np.where(rng.random((N, 4)) < 0.2, np.nan, rng.integers(0, 25, (N, 4)))
        model = made.MADE(made.Categorical(30, n=4, missing=True, unseen=0.1), hidden=(16,))
    elif name == "thousands of classes":
        rows = np.stack([rng.integers(0, 3000, N), rng.integers(0, 2, N)], axis=1)
        model = made.MADE([made.Categorical(3000), made.Bernoulli()], hidden=(16,))
    elif name == "mixture":
        rows = rng.integers(0, 2, (N, 6))
        members = [made.MADE(made.Bernoulli(6), hidden=(16,), orderings=k, seed=k) for k in (1, 2)]
        return made.Mixture([randomize(member) for member in members]), torch.as_tensor(rows)
    else:  # large enough for products that leave blocks out
        rows = rng.integers(0, 2, (N, 300))
        model = made.MADE(made.Bernoulli(300), hidden=(300,), connectivity="even", direct=True)
    return randomize(model), torch.as_tensor(rows)


KINDS = ["bits", "mixed", "gaps", "thousands of classes", "numbers", "spikes of a grid", "mixture"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error:There is a performance drop")
def test_gradients_row_by_row(kind, randomize):
    model, x = build(kind, randomize)
    expected = model.log_prob(x)
    assert torch.equal(model(x).detach(), expected)
    parameters = dict(model.named_parameters())

    def log_prob(parameters, row):
        return functional_call(model, parameters, (row[None],))[0]

    rows = vmap(log_prob, in_dims=(None, 0))(parameters, x)
    torch.testing.assert_close(rows, expected, rtol=1e-5, atol=1e-4)
    slopes = vmap(grad(log_prob), in_dims=(None, 0))(parameters, x)
    for row in (0, 3):
        model.zero_grad()
        model(x[row : row + 1]).sum().backward()
        for name, parameter in parameters.items():
            torch.testing.assert_close(slopes[name][row], parameter.grad, rtol=1e-3, atol=1e-4)


def exported(model, *inputs):
    dynamic = tuple({0: torch.export.Dim("n", min=2)} for _ in inputs)
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, inputs, dynamic_shapes=dynamic), file)
    file.seek(0)
    return torch.export.load(file).module()


@pytest.mark.parametrize("kind", ["bits", "mixed", "mixture"])
def test_export(kind, randomize):
    """Of a model whose masks were not made before, and which is as it was afterwards."""
    model, x = build(kind, randomize)
    program = exported(model, x)
    expected = model.log_prob(x)
    torch.testing.assert_close(program(x[:5]), expected[:5], rtol=1e-5, atol=1e-4)
    assert torch.equal(model(x).detach(), expected)


def test_export_of_a_model_of_numbers(randomize):
    rows = np.random.default_rng(0).normal(size=(N, 2))
    rows[:, 1] = np.where(rows[:, 1] > 0, 1, np.nan)
    model = made.MADE([made.Numeric(), made.Bernoulli(missing=True)], hidden=(8,))
    model.set_marginals(rows)
    randomize(model)
    x = torch.as_tensor(rows)
    program = exported(model, x)
    torch.testing.assert_close(program(x[2:7]), model.log_prob(x[2:7]), rtol=1e-5, atol=1e-4)
    rows[2, 0], rows[4, 0] = np.inf, np.nan
    found = program(torch.as_tensor(rows))
    assert found[2] == -np.inf
    assert found[4].isnan()
    assert found[[0, 1, 3, 5]].isfinite().all()


def test_values_that_are_none_have_probability_zero(randomize):
    model, x = build("mixed", randomize)
    parameters = dict(model.named_parameters())
    x = x.clone().double()
    x[1, 0], x[2, 3], x[3, 4], x[4, 1] = 2, 4, 300, 0.5
    found = vmap(lambda row: functional_call(model, parameters, (row[None],))[0])(x)
    assert torch.isneginf(found).tolist() == [False, True, True, True, True] + [False] * (N - 5)
    with pytest.raises(InputError, match="row 1, column 0"):
        model(x)


def test_unseen_labels(randomize):
    model, _ = build("gaps", randomize)
    x = torch.tensor([[1.0, 2.0, 3.0, 99.0], [1.5, 2.0, 3.0, 4.0]])
    found = vmap(lambda row: model(row[None])[0])(x)
    torch.testing.assert_close(found[:1], model.log_prob(x[:1]), rtol=1e-5, atol=1e-4)
    assert found[1] == -np.inf  # of codes, only whole numbers are labels


def test_text_is_passed_as_codes(randomize):
    model = randomize(made.MADE([made.Categorical(["no", "yes"]), made.Bernoulli(2)], hidden=(8,)))
    x = [["yes", 0, 1], ["no", 1, 1], ["no", 0, 0]]
    codes = model.rows(x).codes
    found = vmap(lambda own: model(Rows(own[None]))[0])(codes)
    torch.testing.assert_close(found, model.log_prob(x))
    with pytest.raises(InputError, match=r"Rows\(codes\)"):
        vmap(lambda own: model(own[None])[0])(codes)


@pytest.mark.parametrize("context", [2, [made.Categorical([10, 20]), made.Bernoulli()]])
def test_context(context, randomize):
    model = randomize(made.MADE(made.Bernoulli(3), hidden=(8,), context=context))
    x, c = torch.tensor([[0, 1, 1], [1, 0, 0]]), torch.tensor([[10.0, 1.0], [20.0, 0.0]])
    expected = model.log_prob(x, context=c)
    found = vmap(lambda row, own: model(row[None], context=own[None])[0])(x, c)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(model(x, context=c).detach(), expected)
    with pytest.raises(InputError, match="context"):
        vmap(lambda row: model(row[None])[0])(x)


def test_one_mask(randomize):
    model, x = build("mixed", randomize)
    expected = model.log_prob(x, mask=[0, 2])
    assert torch.equal(model(x, mask=[0, 2]).detach(), expected)
    found = vmap(lambda row: model(row[None], mask=[0, 2])[0])(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def test_masked_weights_have_no_gradient(randomize):
    model, x = build("bits", randomize)

    def loss(parameters):
        return functional_call(model, parameters, (x,)).mean()

    slopes = grad(loss)(dict(model.named_parameters()))
    mask = torch.from_numpy(model.mask().layers[0])
    assert (slopes["network.weights.0"][~mask] == 0).all()


def test_incomplete_rows():
    model = made.MADE(made.Bernoulli(3), hidden=(8,))
    with pytest.raises(InputError, match="complete rows"):
        model([[0, None, 1]])
    with torch.no_grad():
        assert torch.equal(model([[0, None, 1]]), model.log_prob([[0, None, 1]]))


def test_an_autoencoder_gives_its_outputs():
    model = made.Autoencoder(made.Bernoulli(6), hidden=(4,))
    x = torch.ones(2, 6, dtype=torch.uint8)
    assert torch.equal(model(x), model.outputs(x))
