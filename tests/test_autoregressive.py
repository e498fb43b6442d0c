"""The autoregressive property, over random configurations: exactly no dependence, and live dependence."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made.network import MaskTensors

CPU = torch.device("cpu")
seeds = st.integers(0, 1000)


def jacobian(model, k):
    """Derivatives of all outputs by all input features, at some point, under mask k."""
    network = model.network.double()
    mask = None if model.has_one_mask else MaskTensors.of(model.mask(k), CPU)
    generator = torch.Generator().manual_seed(k)
    x = torch.randn(model.variables.n_inputs, generator=generator, dtype=torch.float64)
    return torch.autograd.functional.jacobian(lambda x: network(x[None], mask)[0], x).numpy()


def reachable(model, k):
    """Which output some path of live weights joins to which input feature: (n_outputs, n_inputs)."""
    mask = model.mask(k)
    reach = np.eye(model.variables.n_inputs, dtype=int)
    for matrix, residual in zip(mask.layers, (*model.network.residual, False), strict=True):
        above = matrix.astype(int) @ reach
        # Unit k of a residual layer also sees what unit k of the layer before sees.
        reach = (above + reach if residual else above).clip(max=1)
    if model.network.direct is not None:
        reach = reach | mask.direct
    return reach.astype(bool)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=seeds)
def test_jacobian_is_zero_where_it_must_be_and_live_where_the_masks_allow(data, seed, draw_model, randomize):
    model = randomize(draw_model(data), seed)
    for k in range(min(model.n_masks, 3)):
        ranks = model.mask(k).ranks
        rank_in = np.repeat(ranks, model.variables.input_sizes)
        rank_out = np.repeat(ranks, model.variables.output_sizes)
        live = reachable(model, k)
        assert not live[rank_out[:, None] <= rank_in].any()
        assert ((jacobian(model, k) != 0) == live).all()
        if model.network.direct is not None or not model.hidden:
            assert live[rank_out[:, None] > rank_in].all()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=seeds)
def test_changing_a_variable_changes_no_output_of_equal_or_lower_rank(data, seed, draw_model, randomize):
    model = randomize(draw_model(data), seed)
    n_values = model.variables.n_values
    codes = np.random.default_rng(seed).integers(n_values, size=(5, len(n_values)))
    for k in range(min(model.n_masks, 2)):
        ranks = model.mask(k).ranks
        rank_out = np.repeat(ranks, model.variables.output_sizes)
        live = reachable(model, k)
        before = model.outputs(model.rows(codes), k)
        for variable in range(len(n_values)):
            changed = codes.copy()
            changed[:, variable] = (changed[:, variable] + 1) % n_values[variable]
            differs = (model.outputs(model.rows(changed), k) != before).numpy()
            assert not differs[:, rank_out <= ranks[variable]].any()
            features = np.repeat(np.arange(len(n_values)), model.variables.input_sizes) == variable
            if n_values[variable] > 1 and live[:, features].any():
                assert differs.any()


@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=seeds)
def test_probabilities_of_all_states_sum_to_one(data, seed, draw_model, randomize, states):
    model = randomize(draw_model(data, max_variables=5), seed, scale=2.0)
    assert abs(float(model.log_prob(states(model)).exp().sum()) - 1) < 1e-5
