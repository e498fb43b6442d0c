"""One-pass sampling against its plain twin, given the same uniforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.kernels.one_pass import sample_one_pass
from made.kernels.plan import make_plan
from made.network import ACTIVATIONS
from made.sampling import sample_rows
from made.uniforms import row_uniforms

TOLERANCE = 1e-4


def both(model, u, k=0):
    """The same rows from both samplers under mask k."""
    mask = model.mask(k)
    with torch.no_grad():
        plain = sample_rows(
            lambda codes: model.outputs(codes, k), model.variables, mask.ordering, torch.from_numpy(u)
        )
    return plain.numpy(), sample_one_pass(make_plan(model.network, mask, model.variables), u)


def distance_to_bracket(model, codes, u, k):
    """How far each uniform lies outside the CDF bracket of its value under teacher forcing, (n, D)."""
    with torch.no_grad():
        outputs = model.outputs(model.rows(codes), k).double()
    probabilities = model.variables.probabilities(outputs).numpy()
    begins = np.concatenate([[0], np.cumsum(model.variables.output_sizes)])
    outside = np.empty(u.shape)
    for d in range(model.n_variables):
        own = probabilities[:, begins[d] : begins[d + 1]]
        if isinstance(model.variables.block_of(d), made.Bernoulli):
            own = np.hstack([1 - own, own])
        edges = np.hstack([np.zeros((len(u), 1)), np.cumsum(own, axis=1)])
        low = np.take_along_axis(edges, codes[:, d : d + 1], 1)[:, 0]
        high = np.take_along_axis(edges, codes[:, d : d + 1] + 1, 1)[:, 0]
        outside[:, d] = np.maximum(low - u[:, d], u[:, d] - high)
    return outside


def assert_twins(model, u, k=0):
    plain, fast = both(model, u, k)
    assert distance_to_bracket(model, fast, u, k).max() <= TOLERANCE
    ordering = model.mask(k).ordering
    ties = np.abs(distance_to_bracket(model, plain, u, k)) <= TOLERANCE
    for row in np.flatnonzero((plain != fast).any(axis=1)):
        first = next(d for d in ordering if plain[row, d] != fast[row, d])
        assert ties[row, first], (row, first)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_twins_on_random_models(draw_model, randomize, data):
    model = draw_model(data)
    randomize(model, scale=2.0)
    n = data.draw(st.sampled_from([1, 2, 5, 70, 200]), label="n")
    u = row_uniforms(data.draw(st.integers(0, 99), label="seed"), 0, n, model.n_variables)
    for k in range(model.n_masks):
        assert_twins(model, u, k)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(randomize, activation):
    model = made.MADE(made.Bernoulli(12), hidden=(20, 20), activation=activation, residual=True, seed=1)
    assert_twins(randomize(model, scale=3.0), row_uniforms(0, 0, 300, 12))


@pytest.mark.parametrize("n", [1, 4, 5, 64, 65, 1025])
@pytest.mark.parametrize("n_variables", [1, 31, 32, 33, 100])
def test_every_edge_of_panels_blocks_and_strips(randomize, n, n_variables):
    model = made.MADE(made.Bernoulli(n_variables), hidden=(40, 50), ordering="random", direct=True)
    assert_twins(randomize(model, scale=2.0), row_uniforms(0, 0, n, n_variables))


def test_wide_categories_with_bumps_and_smoothing(randomize):
    variables = [made.Categorical(300, coding="bumps", smooth=4), made.Categorical(50), made.Bernoulli(2)]
    model = made.MADE(variables, hidden=(30, 30), ordering=[2, 0, 3, 1], direct=True)
    assert_twins(randomize(model), row_uniforms(0, 0, 400, 4))


def test_a_mask_sparser_than_the_rules(randomize):
    model = randomize(made.MADE(made.Bernoulli(10), hidden=(30, 30)), scale=2.0)
    with torch.no_grad():
        for weight in model.network.weights:
            weight.mul_(torch.rand(weight.shape, generator=torch.Generator().manual_seed(0)) < 0.3)
    assert_twins(model, row_uniforms(0, 0, 200, 10))


def test_a_row_does_not_depend_on_how_many_are_drawn_with_it(randomize):
    model = randomize(made.MADE(made.Bernoulli(40), hidden=(30, 30)), scale=2.0)
    whole = model.sample(1500, seed=3, method="one-pass")
    portions = [
        model.sample(n, seed=3, first=first, method="one-pass")
        for first, n in ((0, 1), (1, 499), (500, 1000))
    ]
    # Sums are made in other orders for other numbers of rows: rows may part at a tie, and only there.
    assert (whole != torch.cat(portions)).any(dim=1).sum() <= 2


def test_a_class_without_mass_is_never_drawn():
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
