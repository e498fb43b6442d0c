"""The ratio of densities with its gradient by hand is what torch makes of the plain one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.variables.fast_ratio import FARTHEST, FastRatio
from made.variables.joint_softmax import as_slice
from made.variables.normal_mixture import N_PARAMETERS
from made.variables.normal_score import log_cell
from made.variables.row_type import RowType

N = 200


def case(seed, spread, n_points, n_cells, scattered, n_spikes=0):
    """Columns, and their outputs, scores, widths and the marginal's mean densities, in float64."""
    draw = torch.Generator().manual_seed(seed)
    n_columns = n_points + n_cells
    size = N_PARAMETERS * n_columns
    order = torch.randperm(size + 9, generator=draw)[:size] if scattered else torch.arange(3, 3 + size)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    z, width = (normal(n_columns, N) * 2).clamp(-FARTHEST, FARTHEST), (normal(n_cells, N) * 2.5 - 2).exp()
    # What float32 makes of them: both precisions are given the same.
    outputs, z, width = ((own).float().double() for own in (normal(size + 9, N) * spread, z, width))
    owners = torch.randint(n_columns, (n_spikes,), generator=draw)
    spikes = torch.rand(n_spikes, generator=draw, dtype=torch.float64) * 4 - 2
    return FastRatio(order, n_points, owners, spikes), outputs, z, width, log_cell(z[n_points:], width)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.3, 1.0, 3.0]),
    sizes=st.sampled_from([(3, 0), (0, 3), (2, 2)]),
    scattered=st.booleans(),
    n_spikes=st.sampled_from([0, 1, 7]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_twins(seed, spread, sizes, scattered, n_spikes, dtype):
    columns, *arguments = case(seed, spread, *sizes, scattered, n_spikes)
    outputs, z, width, log_mean = (own.to(dtype, copy=True) for own in arguments)
    outputs.requires_grad_()
    expected_at = arguments[0].requires_grad_()
    expected = columns.plain(expected_at, arguments[1], arguments[2])
    found = columns.log_ratio(outputs, z, width, log_mean)
    assert found.shape == (sum(sizes) + n_spikes, N)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    tolerance = 5e-5 if dtype == torch.float32 else 5e-6
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(outputs.grad.double(), expected_at.grad, rtol=1e-3, atol=10 * tolerance)


@pytest.mark.parametrize("sizes", [(2, 0), (0, 2), (1, 1)])
@pytest.mark.parametrize("n_spikes", [0, 3])
def test_it_is_differentiable_twice(sizes, n_spikes):
    columns, outputs, z, width, log_mean = case(0, 0.5, *sizes, scattered=True, n_spikes=n_spikes)
    z, width, log_mean = z[:, :3], width[:, :3], log_mean[:, :3]
    outputs = outputs[:, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: columns.log_ratio(at, z, width, log_mean), outputs, atol=1e-4)
    assert torch.autograd.gradgradcheck(
        lambda at: columns.log_ratio(at, z, width, log_mean), outputs, atol=1e-4
    )


def test_values_far_out_take_the_plain_way_and_are_scored_as_others():
    variables = RowType([made.Numeric(), made.Numeric(step=1), made.Numeric()])
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(50, variables.n_outputs, generator=draw, dtype=torch.float64)
    bodies = torch.randint(-4, 5, (50, 3), generator=draw)
    near = torch.where(torch.tensor([False, True, False]), bodies, bodies.double().view(torch.int64))
    codes = torch.zeros(50, 3, dtype=torch.uint8)
    numbers = variables.numbers
    scores = numbers.scores_of(near)
    alone = variables.log_prob(outputs, codes, scores)
    scores[0, 0] = numbers.scores_of(torch.tensor([[1e9] * 3], dtype=torch.float64).view(torch.int64))[0, 0]
    assert float(scores[0, 0, 0]) > FARTHEST
    beside = variables.log_prob(outputs, codes, scores)
    torch.testing.assert_close(beside[1:], alone[1:], rtol=0, atol=1e-6)
    assert bool(beside.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_some_values_far_out_are_those_of_the_plain_twin(dtype):
    variables = RowType([made.Numeric(), made.Numeric(step=1), made.Numeric(), made.Numeric(step=1e-3)])
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(50, 4, generator=draw, dtype=torch.float64)
    values[torch.rand(50, 4, generator=draw) < 0.3] *= 1e12
    numbers = variables.numbers
    scores, codes = numbers.scores_of(numbers.bodies_near(values)), torch.zeros(50, 4, dtype=torch.uint8)
    assert (scores[:, :, 0].abs() > FARTHEST).any(dim=0).all()
    outputs = torch.randn(50, variables.n_outputs, generator=draw, dtype=dtype).requires_grad_()
    plain = outputs.detach().double().requires_grad_()
    found = variables.log_prob(outputs, codes, scores)
    expected = variables.log_prob(plain, codes, scores, plainly=True)
    torch.testing.assert_close(found.double(), expected, rtol=2e-5, atol=2e-5)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(outputs.grad.double(), plain.grad, rtol=1e-3, atol=1e-3)


def test_neighbours_are_a_slice():
    assert as_slice(torch.tensor([4])) == slice(4, 5)
    assert as_slice(torch.zeros(0, dtype=torch.int64)) == slice(0, 0)
    assert as_slice(torch.tensor([5, 4])) is None
