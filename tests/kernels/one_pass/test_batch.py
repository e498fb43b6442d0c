"""One-pass sampling against its plain twin, given the same uniforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types

import made
from made.kernels.one_pass import batch, one_row, row_groups, row_sums
from made.kernels.one_pass.batch import sample_one_pass
from made.kernels.one_pass.plan import make_plan
from made.network.network import ACTIVATIONS
from made.support.uniforms import row_uniforms
from made.variables.rows import Rows

TOLERANCE = 1e-4


def sample_both(model, u, k=0, codes=None, known=None, context=None):
    """The same rows from both samplers under mask k."""
    mask = model.mask(k)
    features = None if context is None else torch.from_numpy(context)
    evidence = torch.zeros(u.shape) if codes is None else torch.from_numpy(codes)
    seen = torch.zeros(u.shape, dtype=torch.bool) if known is None else torch.from_numpy(known)
    rows = Rows(torch.where(seen, evidence, 0).to(model.variables.dtype), seen, features)
    plain = model._sample_under(k, u, rows, "plain").codes
    plan = make_plan(model.network, mask, model.variables)
    return plain.numpy(), sample_one_pass(plan, u, codes, known, context)


def distance_to_bracket(model, sampled, u, k=0, context=None):
    """How far each uniform lies outside the CDF bracket of its value under teacher forcing, (n, D)."""
    with torch.no_grad():
        features = None if context is None else torch.from_numpy(context)
        outputs = model.outputs(sampled, k, context=features).double()
    probabilities = model.variables.probabilities(outputs).numpy()
    begins = np.concatenate([[0], np.cumsum(model.variables.output_sizes)])
    outside = np.empty(u.shape)
    for d in range(model.n_variables):
        own = probabilities[:, begins[d] : begins[d + 1]]
        if isinstance(model.variables.block_of(d), made.Bernoulli):
            own = np.hstack([1 - own, own])
        edges = np.hstack([np.zeros((len(u), 1)), np.cumsum(own, axis=1)])
        low = np.take_along_axis(edges, sampled[:, d : d + 1], 1)[:, 0]
        high = np.take_along_axis(edges, sampled[:, d : d + 1] + 1, 1)[:, 0]
        outside[:, d] = np.maximum(low - u[:, d], u[:, d] - high)
    return outside


def assert_twins(model, u, k=0, codes=None, known=None, context=None):
    plain, fast = sample_both(model, u, k, codes, known, context)
    is_known = np.zeros(u.shape, dtype=bool) if codes is None else known
    if codes is not None:
        np.testing.assert_array_equal(fast[is_known], codes[is_known])
    outside = np.where(is_known, -1, distance_to_bracket(model, fast, u, k, context))
    assert outside.max() <= TOLERANCE
    ordering = model.mask(k).ordering
    ties = np.abs(distance_to_bracket(model, plain, u, k, context)) <= TOLERANCE
    for row in np.flatnonzero((plain != fast).any(axis=1)):
        first = next(d for d in ordering if plain[row, d] != fast[row, d])
        assert ties[row, first], (row, first)


def some_known(model, n, fraction, seed=0):
    """Random codes (n, D), and which are known: another pattern in every row; none for 0, all for 1.

    The codes of unknown entries, which are to be ignored, are -1 or valid ones.
    """
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, model.variables.n_values, (n, model.n_variables))
    known = generator.random(codes.shape) < fraction
    return np.where(known | (generator.random(codes.shape) < 0.5), codes, -1), known


def some_context(model, n, seed=0):
    n_features = model.context.n_features
    return np.random.default_rng(seed).normal(size=(n, n_features)).astype(np.float32) if n_features else None


# A row alone, rows one by one, and groups of 32 with one row, with all but one, and in strips of four.
SIZES = [1, 2, 9, 10, 31, 32, 33, 65, 200]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_twins_on_random_models(draw_model, randomize, data):
    model = draw_model(data)
    randomize(model, scale=2.0)
    n = data.draw(st.sampled_from(SIZES), label="n")
    u = row_uniforms(data.draw(st.integers(0, 99), label="seed"), 0, n, model.n_variables)
    fraction = data.draw(st.sampled_from([None, 0.0, 0.3, 0.8, 1.0]), label="fraction known")
    codes, known = (None, None) if fraction is None else some_known(model, n, fraction)
    for k in range(model.n_masks):
        assert_twins(model, u, k, codes, known)


VARIABLES = {
    "bits": [made.Bernoulli(9)],
    "one-hot": [made.Categorical(4, n=7)],
    "all": [
        made.Bernoulli(2),
        made.Categorical(3),
        made.Categorical(5, coding="radial-basis", smooth=1),
        made.Categorical(3, coding="raw"),
    ],
    "one": [made.Bernoulli(1)],
}


@pytest.mark.parametrize("variables", VARIABLES)
@pytest.mark.parametrize("hidden", [(), (17,), (20, 20, 20)])
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_twins_with_context_and_known_values(randomize, variables, hidden, direct, n):
    model = made.MADE(
        VARIABLES[variables], hidden, "random", context=3, direct=direct, residual=True, orderings=2
    )
    randomize(model, scale=2.0)
    u = row_uniforms(0, 0, n, model.n_variables)
    for k in range(2):
        assert_twins(model, u, k, context=some_context(model, n))
        assert_twins(model, u, k, *some_known(model, n, 0.4), some_context(model, n))


def test_context_moves_the_first_variable_by_way_of_units_of_degree_0(randomize):
    model = randomize(made.MADE(made.Bernoulli(4), (16,), context=2, activation="tanh"), scale=3.0)
    assert (model.mask().connectivity[0] == 0).any()
    with torch.no_grad():
        model.network.context.zero_()
        model.network.biases[-1].zero_()
    context = np.array([[9, 0], [-9, 0]], dtype=np.float32)
    _, fast = sample_both(model, np.full((2, 4), 0.5), context=context)
    assert sorted(fast[:, 0]) == [0, 1]


def test_a_known_value_that_the_model_rules_out_is_taken_and_feeds_what_follows():
    model = made.MADE(made.Bernoulli(2), hidden=(), direct=True)
    with torch.no_grad():
        model.network.biases[-1].copy_(torch.tensor([-torch.inf, -5.0]))
        model.network.direct[1, 0] = 10.0
    plan = make_plan(model.network, model.mask(), model.variables)
    u = np.full((40, 2), 0.5)
    for n in (1, 5, 40):
        codes, known = np.tile([[1, 0]], (n, 1)), np.tile([[True, False]], (n, 1))
        assert (sample_one_pass(plan, u[:n], codes, known) == 1).all()
        assert (sample_one_pass(plan, u[:n], codes, np.zeros_like(known)) == 0).all()


@pytest.mark.parametrize("n", [1, 5, 40])
def test_narrow_codes_and_uniforms_that_are_columns_of_a_wider_table(randomize, n):
    model = randomize(made.MADE([made.Bernoulli(5), made.Categorical(4)], hidden=(9,)))
    plan = make_plan(model.network, model.mask(), model.variables)
    table = row_uniforms(0, 0, n, 8)
    expected = sample_one_pass(plan, table[:, :6].copy())
    assert expected.dtype == np.int64
    for u in (table[:, :6], np.asfortranarray(table[:, :6])):
        narrow = sample_one_pass(plan, u, dtype=np.uint8)
        assert narrow.dtype == np.uint8
        np.testing.assert_array_equal(narrow, expected)


def test_no_rows():
    model = made.MADE([made.Bernoulli(5)], hidden=(9,))
    plan = make_plan(model.network, model.mask(), model.variables)
    assert sample_one_pass(plan, np.empty((0, 5))).shape == (0, 5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n", [1, 300])
def test_every_activation(randomize, activation, n):
    model = made.MADE(made.Bernoulli(12), hidden=(20, 20), activation=activation, residual=True, seed=1)
    assert_twins(randomize(model, scale=3.0), row_uniforms(0, 0, n, 12))


@pytest.mark.parametrize("n", [*SIZES, 1025])
@pytest.mark.parametrize("n_variables", [1, 31, 32, 33, 100])
def test_every_edge_of_panels_groups_and_strips(randomize, n, n_variables):
    model = made.MADE(made.Bernoulli(n_variables), hidden=(40, 50), ordering="random", direct=True)
    assert_twins(randomize(model, scale=2.0), row_uniforms(0, 0, n, n_variables))


def test_wide_categories_with_bumps_and_smoothing(randomize):
    variables = [
        made.Categorical(300, coding="radial-basis", smooth=4),
        made.Categorical(50),
        made.Bernoulli(2),
    ]
    model = made.MADE(variables, hidden=(30, 30), ordering=[2, 0, 3, 1], direct=True)
    assert_twins(randomize(model), row_uniforms(0, 0, 400, 4))


def test_a_mask_sparser_than_the_rules(randomize):
    model = randomize(made.MADE(made.Bernoulli(10), hidden=(30, 30)), scale=2.0)
    with torch.no_grad():
        for weight in model.network.weights:
            weight.mul_(torch.rand(weight.shape, generator=torch.Generator().manual_seed(0)) < 0.3)
    assert_twins(model, row_uniforms(0, 0, 200, 10))


def test_a_row_does_not_depend_on_how_many_are_sampled_with_it(randomize):
    model = randomize(made.MADE(made.Bernoulli(40), hidden=(30, 30)), scale=2.0)
    whole = model.sample(1500, seed=3, method="one-pass")
    portions = [
        model.sample(n, seed=3, first=first, method="one-pass")
        for first, n in ((0, 1), (1, 499), (500, 1000))
    ]
    # Sums are made in other orders for other numbers of rows: rows may part at a tie, and only there.
    assert (whole != torch.cat(portions)).any(dim=1).sum() <= 2


def test_a_class_without_mass_is_never_sampled():
    model = made.MADE(made.Categorical(4), hidden=())
    with torch.no_grad():
        model.network.biases[-1].copy_(torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0]))
    u = np.array([[0.0], [0.25], [0.5], [1 - 2**-53]])
    plan = make_plan(model.network, model.mask(), model.variables)
    assert sample_one_pass(plan, u)[:, 0].tolist() == [1, 1, 3, 3]


def test_certain_bits_stay_certain():
    model = made.MADE(made.Bernoulli(2), hidden=())
    with torch.no_grad():
        model.network.biases[-1].copy_(torch.tensor([-torch.inf, torch.inf]))
    u = np.array([[0.0, 0.5], [1 - 2**-53, 1 - 2**-53]])
    plan = make_plan(model.network, model.mask(), model.variables)
    assert sample_one_pass(plan, u).tolist() == [[0, 1], [0, 1]]


def test_the_model_takes_it_and_notices_new_weights(randomize):
    model = randomize(made.MADE(made.Bernoulli(20), hidden=(30,), orderings=2), scale=2.0)
    first = model.sample(300, seed=0)
    assert torch.equal(first, model.sample(300, seed=0, method="one-pass"))
    agreeing = (first == model.sample(300, seed=0, method="plain")).all(dim=1).float().mean()
    assert agreeing > 0.99
    with torch.no_grad():
        model.network.biases[-1].fill_(50.0)
    assert bool((model.sample(300, seed=0) == 1).all())
    model.network.biases[-1].data = torch.full((20,), -50.0)  # behind autograd's back
    assert bool((model.sample(300, seed=0) == 0).all())


def test_an_unknown_method_is_refused(refused):
    with refused("method", "'plain'", "'fast'"):
        made.MADE(made.Bernoulli(2), hidden=(3,)).sample(1, method="fast")


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_keeps_its_number_of_threads(threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        made.MADE(made.Bernoulli(3), hidden=(4,)).sample(200, seed=0, method="one-pass")
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_no_loop_is_compiled_for_two_kinds_of_an_index():
    """A literal place is a type of its own, which costs seconds."""
    model = made.MADE([made.Categorical(3, 4), made.Bernoulli(2), made.Numeric(1)], hidden=(8,), seed=0)
    for n in (2, 300):
        model.sample(n, seed=0)
    loops = (one_row.sample_rows, row_groups.sample_strips, row_groups._panel_end, row_sums.begin_panel)
    for function in loops:
        for signature in function.signatures:
            assert not any(isinstance(own, types.IntegerLiteral) for own in signature), function
            assert types.uint64 not in signature, function


@pytest.mark.parametrize(("model", "is_shared"), [((784, 1024), True), ((12, 32), False)])
def test_few_rows_are_shared_among_threads_where_a_row_takes_long(monkeypatch, model, is_shared):
    parts, all_of = [], batch.over_threads

    def spied(loop, n, size, *rest):
        parts.append(-(-n // size))
        all_of(loop, n, size, *rest)

    monkeypatch.setattr(batch, "over_threads", spied)
    made.MADE(made.Bernoulli(model[0]), hidden=(model[1],), seed=0).sample(4, seed=0, method="one-pass")
    assert (parts[-1] > 1) == is_shared
