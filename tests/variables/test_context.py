"""Conditional densities p(x | c): context comes in checked, reaches every output, and is learned from."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import made
from made.baselines import ProductOfMarginals
from made.variables.context import Context

NAN = float("nan")
B, C = made.Bernoulli, made.Categorical

# What context is


@pytest.mark.parametrize(
    ("context", "columns", "features"),
    [
        (0, 0, 0),
        (3, 3, 3),
        (np.int64(2), 2, 2),
        (B(2), 2, 2),
        (C(4), 1, 4),
        ([C(["x", "y", "z"]), B(1), C(5, coding="scaled")], 3, 5),
    ],
)
def test_columns_and_features(context, columns, features):
    own = Context(context)
    assert (own.n_columns, own.n_features) == (columns, features)
    assert bool(own) == (columns > 0)
    assert own.feature_shares.shape == own.feature_powers.shape == (features,)
    assert own.feature_shares.sum() == pytest.approx(columns)


@pytest.mark.parametrize("context", [-1, 2.5, True, "two", None, [3], ["x"], []])
def test_contexts_that_make_no_sense_are_refused(refused, context):
    with refused():
        Context(context)


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0.5], [0, -1.0]],
        np.array([[1, 0.5], [0, -1.0]]),
        np.array([[1, 0.5], [0, -1.0]], np.float32),
        torch.tensor([[1, 0.5], [0, -1.0]]),
        torch.tensor([[1, 0.5], [0, -1.0]], dtype=torch.float64),
        np.array([[1, 0.5], [0, -1.0]], dtype=object),
        [["1", "0.5"], ["0", "-1"]],
    ],
)
def test_numbers_come_in_many_forms(rows):
    checked = Context(2).rows(rows, n=2)
    assert checked.dtype == torch.float32
    assert checked.tolist() == [[1, 0.5], [0, -1]]
    assert Context(2).features(checked) is checked


def test_variables_are_coded_as_those_of_a_row():
    own = Context([C(["x", "y", "z"]), B(1)])
    for rows in (
        [["z", 1], ["x", 0]],
        [["z", "1"], ["x", "0"]],
        np.array([["z", 1], ["x", 0]], dtype=object),
        np.array([["z", "1"], ["x", "0"]]),
    ):
        checked = own.rows(rows, n=2)
        assert checked.tolist() == [[2, 1], [0, 0]]
        assert own.features(checked).tolist() == [[0, 0, 1, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize("rows", [[1, 2], [[1, 2]], np.array([1, 2]), torch.tensor([1.0, 2.0])])
def test_one_row_holds_for_all(rows):
    assert Context(2).rows(rows, n=3).tolist() == [[1, 2]] * 3
    assert Context(2).rows(rows, n=1).tolist() == [[1, 2]]
    assert Context(2).rows(rows, n=0).shape == (0, 2)


def test_a_single_column_may_be_flat():
    assert Context(1).rows([1, 2, 3], n=3).tolist() == [[1], [2], [3]]
    assert Context(1).rows([5], n=3).tolist() == [[5]] * 3
    assert Context(C(3)).rows([2, 0, 1], n=3).tolist() == [[2], [0], [1]]
    assert Context(C(["x", "y"])).rows(["y", "x", "y"], n=3).tolist() == [[1], [0], [1]]
    assert Context(C(["x", "y"])).rows(["y"], n=3).tolist() == [[1]] * 3


def test_no_context():
    assert Context().rows(None, n=3) is None
    assert Context().settings() == 0


@pytest.mark.parametrize(
    ("context", "rows", "words"),
    [
        (2, None, ["conditional", "(3, 2)"]),
        (2, [[1, 2, 3]], ["3 columns", "takes 2"]),
        (2, [1, 2, 3], ["3 columns", "takes 2"]),
        (2, [[1], [2], [3]], ["1 columns", "takes 2"]),
        (2, [[1, 2]] * 2, ["2 rows", "3 rows of data"]),
        (2, [[1, 2]] * 4, ["4 rows"]),
        (2, [[[1, 2]]], ["table", "(1, 1, 2)"]),
        (2, 1.0, ["table", "()"]),
        (2, [[1, 2], [3, NAN], [5, 6]], ["row 1, column 1", "finite"]),
        (2, [[math.inf, 0]], ["row 0, column 0", "finite"]),
        (2, [[1e300, 0]], ["row 0, column 0", "finite"]),
        (2, [["a", "b"]], ["numbers"]),
        (2, [[1, None]], []),
        (2, [[1, 2], [3]], ["table"]),
        (2, np.array([["2020", "2021"]], dtype="datetime64"), ["numbers"]),
        (1, [1, 2], ["2 columns", "takes 1"]),
        (B(2), [[0, 2]], ["row 0, column 1", "holds 2"]),
        (B(2), [[0, NAN]], ["row 0, column 1", "NaN"]),
        (C(["x", "y"]), [["z"]], ["'z'", "2 labels"]),
        (C(3), [[1.5]], ["1.5"]),
        (C(["x", "y"]), ["x", "y"], ["2 columns", "takes 1"]),
    ],
)
def test_rows_of_context_that_make_no_sense_are_refused(refused, context, rows, words):
    with refused("context", *words):
        Context(context).rows(rows, n=3)


def test_context_where_there_is_none_is_refused(refused):
    with refused("takes no context", "context=C"):
        Context().rows([1], n=1)


# It is a density for every context, and context reaches every output

MODELS = {
    "one mask": (B(4), {"context": 2}),
    "no hidden layer": (B(4), {"hidden": (), "context": 2, "ordering": "random"}),
    "one hidden unit": (B(4), {"hidden": (1,), "context": 3}),
    "one variable": (C(3), {"context": 2}),
    "one variable, no hidden layer": (B(1), {"hidden": (), "context": 2}),
    "direct": (B(4), {"direct": True, "context": 2}),
    "deep residual": (B(4), {"hidden": (9, 9, 9), "residual": True, "context": 1, "connectivity": "even"}),
    "many kinds": (
        [B(2), C(3), C(1), C(3, coding="scaled")],
        {"context": [C(3), B(1)], "ordering": "random"},
    ),
    "one-hot": (C(3, n=3), {"context": C(4)}),
    "given degrees": (B(4), {"hidden": (4,), "connectivity": [[1, 2, 3, 3]], "context": 2}),
    "weights": (B(4), {"connectivity": [0, 1, 2], "context": 2}),
    "mixture": (B(4), {"orderings": 3, "connectivities": 2, "context": 2}),
    "fresh": (B(4), {"orderings": "fresh", "connectivities": "fresh", "fresh_masks": 3, "context": 2}),
}


@pytest.fixture(params=MODELS)
def model(request, randomize):
    variables, settings = MODELS[request.param]
    return randomize(made.MADE(variables, **{"hidden": (12,), "seed": 1, **settings}), seed=3, scale=2.0)


@pytest.fixture
def contexts(model):
    """Five rows of context that differ."""
    rng = np.random.default_rng(0)
    if model.context.variables is None:
        return rng.normal(size=(5, model.context.n_columns))
    every = list(itertools.product(*map(range, model.context.variables.n_values)))
    return np.array(every)[rng.permutation(len(every))[:5]]


def test_probabilities_sum_to_one_for_every_context(model, contexts, states):
    rows, seen = states(model), []
    for context in contexts:
        p = model.log_prob(rows, context=context).exp()
        assert float(p.sum()) == pytest.approx(1, abs=1e-5)
        seen.append(p.numpy())
        for k in range(model.n_masks):
            assert float(model.log_prob(rows, mask=k, context=context).exp().sum()) == pytest.approx(
                1, abs=1e-5
            )
    assert all(np.abs(one - other).max() > 1e-3 for one, other in itertools.combinations(seen, 2))


def test_context_reaches_every_output(model, states):
    """Of the first variable of the ordering too, where several libraries have it reach nothing."""
    codes = model.schema.encode_modelled(states(model)[:1])
    x = model.variables.features(codes)
    generator = torch.Generator().manual_seed(0)
    for k in range(model.n_masks):
        mask = model._product(k)
        reached = torch.zeros(model.variables.n_outputs, model.context.n_features, dtype=bool)
        for _ in range(5):  # a relu may be off at one of them
            c = torch.randn(model.context.n_features, generator=generator)
            slope = torch.autograd.functional.jacobian(
                lambda c, m=mask: model.network(x, m, context=c[None])[0], c
            )
            reached |= slope != 0
        assert reached.all()


@pytest.mark.parametrize("name", MODELS)
def test_every_output_may_depend_on_context_in_more_than_a_linear_way(name, randomize):
    """Not by direct weights alone: hidden units of degree 0 see the context. One unit is too few for that."""
    variables, settings = MODELS[name]
    model = made.MADE(variables, **{"hidden": (12,), "seed": 1, "activation": "tanh", **settings})
    randomize(model, seed=3)
    x = torch.zeros(1, model.variables.n_inputs)
    a, b = torch.randn((2, 1, model.context.n_features), generator=torch.Generator().manual_seed(0))
    for k in range(model.n_masks):
        mask = model._product(k)
        one, other, both, none = (model.network(x, mask, context=c)[0] for c in (a, b, a + b, 0 * a))
        bent = ((both + none - one - other).abs() > 1e-5).detach().numpy()
        first = np.repeat(model.mask(k).ranks, model.variables.output_sizes) == 1
        straight = name in ("no hidden layer", "one variable, no hidden layer")
        few = name in ("one hidden unit", "given degrees")
        assert bent[first].all() == (not (straight or few))
        assert bent[first].any() == (not (straight or few))
        assert bent[~first].any() == (not straight) or len(first) == first.sum()


def test_context_is_no_hole_in_the_ordering(model, contexts, states):
    """Under every context, an output sees only what comes before its variable."""
    rows = model.rows(states(model)[-3:], contexts[0])
    for k in range(model.n_masks):
        ranks = model.mask(k).ranks
        rank_out = np.repeat(ranks, model.variables.output_sizes)
        before = model.outputs(rows, k)
        for d in range(model.n_variables):
            changed = rows.codes.clone()
            changed[:, d] = (changed[:, d] + 1) % int(model.variables.n_values[d])
            differs = (model.outputs(replace(rows, codes=changed), k) != before).numpy()
            assert not differs[:, rank_out <= ranks[d]].any()


def test_rows_and_contexts_go_together(model, contexts, states, monkeypatch):
    rows = states(model)[np.random.default_rng(1).integers(len(states(model)), size=20)]
    own = contexts[np.arange(20) % len(contexts)]
    together = model.log_prob(rows, context=own)
    alone = [float(model.log_prob(rows[i : i + 1], context=own[i])[0]) for i in range(20)]
    assert together.tolist() == pytest.approx(alone, abs=1e-4)
    monkeypatch.setattr(type(model), "rows_per_batch", 3)
    assert model.log_prob(rows, context=own).tolist() == pytest.approx(alone, abs=1e-4)
    assert -model.loss(rows, 0, context=own).item() == pytest.approx(
        float(model.log_prob(rows, mask=0, context=own).mean()), abs=1e-4
    )
    parts = model.log_prob(rows, per_variable=True, mask=0, context=own)
    assert parts.sum(1).tolist() == pytest.approx(
        model.log_prob(rows, mask=0, context=own).tolist(), abs=1e-9
    )


@pytest.mark.parametrize("orderings", [1, 2])
def test_more_rows_than_a_pass_keep_their_context(randomize, orderings):
    """With the batch sizes as they are: 1,025 rows are one more than a pass takes."""
    model = randomize(made.MADE(made.Bernoulli(4), (8,), context=2, orderings=orderings))
    assert model.rows_per_pass < 1025
    rng = np.random.default_rng(0)
    rows, context = rng.integers(2, size=(1025, 4)), rng.normal(size=(1025, 2))
    back = np.arange(1025)[::-1].copy()
    for of in (
        lambda i: model.log_prob(rows[i], context=context[i]),
        lambda i: model.log_prob(rows[i], context=context[i], grad=True).detach(),
        lambda i: model.log_prob(rows[i], per_variable=True, mask=0, context=context[i]),
        lambda i: model.nll(rows[i], context=context[i]),
    ):
        torch.testing.assert_close(of(back).flip(0), of(back[::-1].copy()), atol=1e-5, rtol=0)
    assert torch.equal(
        model.log_prob(rows[1024:], context=context[1024:]), model.log_prob(rows, context=context)[1024:]
    )


def test_samples_match_the_density_of_their_context(model, contexts, table):
    n = 3000
    for context in contexts[:2]:
        own = table(model, context=context)
        frequency = np.bincount(own.cells(model.sample(n, seed=1, context=context)), minlength=len(own.p)) / n
        np.testing.assert_allclose(frequency, own.p, atol=0.04)


def test_a_sample_row_has_the_context_of_its_row(model, contexts, monkeypatch):
    own = contexts[np.arange(40) % len(contexts)]
    rows = model.sample(40, seed=4, context=own)
    for i in range(5):
        of_one = model.sample(40, seed=4, context=own[i])
        assert torch.equal(rows[i :: len(contexts)], of_one[i :: len(contexts)]) or len(contexts) < 5
    assert torch.equal(model.sample(15, seed=4, context=own[25:], first=25), rows[25:])
    monkeypatch.setattr(type(model), "rows_per_batch", 7)
    assert torch.equal(model.sample(40, seed=4, context=own), rows)


def test_an_untrained_model_is_the_product_of_marginals_whatever_the_context(model, contexts):
    fresh = type(model).from_settings(model.settings())
    assert fresh.at_initialization
    rng = np.random.default_rng(0)
    train, test = (
        rng.binomial(fresh.variables.n_values - 1, 0.3, size=(n, fresh.n_variables)) for n in (40, 20)
    )
    fresh.set_marginals(train)
    expected = ProductOfMarginals(train, fresh.variables.n_values.tolist()).log_prob(test)
    for context in contexts:
        np.testing.assert_allclose(fresh.log_prob(test, context=context).numpy(), expected, atol=1e-4)
    fresh.loss(test, context=contexts[0]).backward()
    assert fresh.network.context.grad.any()  # and can learn from it


def test_file_and_back(model, contexts, states, tmp_path):
    rows = states(model)[:7]
    model.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    assert again.settings() == model.settings()
    assert len(model.settings()["schema"]["context_places"]) == model.context.n_columns > 0
    for context in contexts:
        assert torch.equal(again.log_prob(rows, context=context), model.log_prob(rows, context=context))
        assert torch.equal(again.sample(5, seed=0, context=context), model.sample(5, seed=0, context=context))


def test_labels_of_context_come_back(tmp_path, randomize):
    model = randomize(made.MADE(B(2), (8,), context=[C(["x", "y"]), C(3, coding="scaled")]))
    model.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    rows = [[0, 1], [1, 1]]
    expected = model.log_prob(rows, context=[["y", 2], ["x", 0]])
    assert torch.equal(again.log_prob(rows, context=[["y", 2], ["x", 0]]), expected)
    assert torch.equal(again.log_prob(rows, context=np.array([["y", "2"], ["x", "0"]])), expected)
    assert not torch.equal(again.log_prob(rows, context=[["x", 2], ["x", 0]]), expected)


def test_weights_of_context_alone_are_a_trained_model():
    """`fit` must not set its marginals anew."""
    model = made.MADE(B(2), (4,), context=1)
    assert model.at_initialization
    with torch.no_grad():
        model.network.context[0, 0] = 0.5
    assert not model.at_initialization


# What is learned


@pytest.mark.parametrize("variables", [B(1), B(3)])
def test_a_first_variable_learns_xor_of_two_bits_of_context(variables):
    """No linear map of the context does that: it takes hidden units that see context alone."""
    rng = np.random.default_rng(0)
    context = rng.integers(2, size=(400, 2))
    rows = np.repeat((context.sum(axis=1) % 2)[:, None], variables.n, axis=1)
    rows[:, 1:] = rng.integers(2, size=rows[:, 1:].shape)
    model = made.MADE(variables, hidden=(128,), context=2, seed=0)
    made.fit(model, rows, False, epochs=30, batch_size=32, learning_rate=0.03, context=context)
    every = np.array(list(itertools.product([0, 1], repeat=2)))
    for c in every:
        assert made.conditional(model, 0, context=c).probabilities[c.sum() % 2] > 0.95


def test_context_tells_what_rows_alone_do_not():
    rng = np.random.default_rng(0)
    labels, names = rng.integers(3, size=600), np.array(["low", "middle", "high"])
    rows = (rng.random((600, 4)) < np.array([0.1, 0.5, 0.9])[labels][:, None]).astype(int)
    model = made.MADE(B(4), hidden=(16,), context=C(["low", "middle", "high"]))
    made.fit(model, rows, epochs=15, batch_size=32, learning_rate=0.02, context=names[labels])
    means = [model.sample(2000, seed=0, context=[name]).double().mean() for name in ("low", "middle", "high")]
    assert [float(mean) for mean in means] == pytest.approx([0.1, 0.5, 0.9], abs=0.06)


# What is refused


def test_every_door_asks_for_context(refused, randomize):
    model = randomize(made.MADE(B(3), (8,), context=2))
    rows = [[0, 1, 1]] * 3
    doors = [
        lambda **c: model.log_prob(rows, **c),
        lambda **c: model.log_prob([[None, 1, 1]] * 3, **c),
        lambda **c: model.log_prob(rows, per_variable=True, **c),
        lambda **c: model.loss(rows, **c),
        lambda **c: model.nll(rows, **c),
        lambda **c: model.sample(3, **c),
        lambda **c: model.sample(3, given={0: 1}, **c),
        lambda **c: made.fit(model, rows, epochs=1, **c),
    ]
    for door in doors:
        with refused("conditional", "(3, 2)"):
            door()
        with refused("3 columns", "takes 2"):
            door(context=[1, 2, 3])
        with refused("2 rows", "3 rows of data"):
            door(context=[[1, 2]] * 2)
        with refused("row 2, column 0", "finite"):
            door(context=[[1, 2], [1, 2], [NAN, 2]])
        door(context=[[1, 2]] * 3)
        door(context=[1, 2])


def test_a_model_without_context_takes_none(refused):
    model = made.MADE(B(3), (8,))
    rows = [[0, 1, 1]]
    for door in (
        lambda: model.log_prob(rows, context=[[1]]),
        lambda: model.log_prob([[0, None, 1]], context=[[1]]),
        lambda: model.loss(rows, context=[[1]]),
        lambda: model.sample(1, context=[[1]]),
        lambda: made.fit(model, rows, epochs=1, context=[[1]]),
    ):
        with refused("takes no context"):
            door()


def test_no_rows(model, contexts):
    D = model.n_variables
    nothing = np.zeros((0, D))
    for context in (contexts[0], contexts[:0]):
        assert model.log_prob(nothing, context=context).shape == (0,)
        assert model.sample(0, seed=0, context=context).shape == (0, D)
        assert model.sample(0, seed=0, given={0: 0}, context=context).shape == (0, D)


def test_without_context_nothing_is_stored_and_masks_stay_what_they_were():
    model, plain = made.MADE(B(5), (20,), context=2), made.MADE(B(5), (20,))
    assert plain.network.context is None
    assert plain.settings()["schema"]["context_places"] == []
    assert "network.context" not in plain.state_dict()
    assert model.network.context.shape == (5, 2)
    assert plain.mask().connectivity[0].min() >= 1
    assert model.mask().connectivity[0].min() == 0
