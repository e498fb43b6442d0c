"""The autoregressive property, over random configurations: exactly no dependence, and live dependence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

seeds = st.integers(0, 1000)


def jacobian(model, k):
    """Derivatives of all outputs by all input features, then by those of context, somewhere, under mask k."""
    network = model.network.double()
    generator = torch.Generator().manual_seed(k)
    sizes = [model.variables.n_inputs, model.context.n_features]
    x = torch.randn(sum(sizes), generator=generator, dtype=torch.float64)

    def outputs(x):
        inputs, context = x[None].split(sizes, dim=1)
        return network(inputs, model._product(k), context=context if model.context else None)[0]

    return torch.autograd.functional.jacobian(outputs, x).numpy()


def reachable(model, k):
    """Which output some path of live weights joins to which input feature: (n_outputs, n_inputs)."""
    mask = model.mask(k)
    reach = np.eye(mask.layers[0].shape[1], dtype=int)
    for matrix, residual in zip(mask.layers, (*model.network.residual, False), strict=True):
        above = matrix.astype(int) @ reach
        # Unit k of a residual layer also sees what unit k of the layer before sees.
        reach = (above + reach if residual else above).clip(max=1)
    reach = reach[:, : model.variables.n_inputs]
    if model.network.direct is not None:
        reach = reach | mask.direct
    return reach.astype(bool)


@pytest.mark.parametrize("conditional", [False, True])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=seeds)
def test_jacobian_is_zero_where_it_must_be_and_live_where_the_masks_allow(
    data, seed, conditional, draw_model, randomize
):
    model = randomize(draw_model(data, conditional=conditional), seed)
    for k in range(min(model.n_masks, 3)):
        ranks = model.mask(k).ranks
        rank_in = np.repeat(ranks, model.variables.input_sizes)
        rank_out = np.repeat(ranks, model.variables.output_sizes)
        live = reachable(model, k)
        assert not live[rank_out[:, None] <= rank_in].any()
        moved = jacobian(model, k) != 0
        assert (moved[:, : len(rank_in)] == live).all()
        assert moved[:, len(rank_in) :].all()  # context reaches every output, of the first variable too
        if model.network.direct is not None or not model.hidden:
            assert live[rank_out[:, None] > rank_in].all()


@pytest.mark.parametrize("conditional", [False, True])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=seeds)
def test_changing_a_variable_changes_no_output_of_equal_or_lower_rank(
    data, seed, conditional, draw_model, randomize
):
    model = randomize(draw_model(data, conditional=conditional), seed)
    context = contexts(model, seed)[0]
    n_values = model.variables.n_values
    codes = np.random.default_rng(seed).integers(n_values, size=(5, len(n_values)))
    for k in range(min(model.n_masks, 2)):
        ranks = model.mask(k).ranks
        rank_out = np.repeat(ranks, model.variables.output_sizes)
        live = reachable(model, k)
        before = model.outputs(model.rows(codes, context), k)
        for variable in range(len(n_values)):
            changed = codes.copy()
            changed[:, variable] = (changed[:, variable] + 1) % n_values[variable]
            differs = (model.outputs(model.rows(changed, context), k) != before).numpy()
            assert not differs[:, rank_out <= ranks[variable]].any()
            features = np.repeat(np.arange(len(n_values)), model.variables.input_sizes) == variable
            if n_values[variable] > 1 and live[:, features].any():
                assert differs.any()


@pytest.mark.parametrize("conditional", [False, True])
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=seeds)
def test_probabilities_of_all_states_sum_to_one(data, seed, conditional, draw_model, randomize, states):
    model = randomize(draw_model(data, max_variables=5, conditional=conditional), seed, scale=2.0)
    for context in contexts(model, seed):
        assert abs(float(model.log_prob(states(model), context=context).exp().sum()) - 1) < 1e-5


def contexts(model, seed):
    """Some rows of context for a model, or none where it takes none."""
    if not model.context:
        return [None]
    rng = np.random.default_rng(seed)
    if model.context.variables is None:
        return rng.normal(size=(2, model.context.n_columns))
    return rng.integers(model.context.variables.n_values, size=(2, model.context.n_columns))
