"""Features and softmaxes of all variables at once are those of each block, and so are derivatives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made.variables.discrete import Bernoulli, Categorical
from made.variables.joint_softmax import JointSoftmax
from made.variables.row_type import RowType

_KINDS = st.one_of(st.just(Bernoulli()), st.builds(Categorical, st.integers(1, 40), st.integers(1, 3)))


def _case(row_type, n, dtype, spread=3.0):
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(n, row_type.n_outputs, generator=draw, dtype=dtype) * spread
    sizes = torch.from_numpy(row_type.n_values)
    codes = (torch.rand(n, row_type.n_variables, generator=draw) * sizes).to(row_type.dtype)
    return outputs.requires_grad_(), codes


@given(blocks=st.lists(_KINDS, min_size=2, max_size=6), n=st.integers(0, 4))
def test_it_is_what_the_blocks_compute(blocks, n):
    row_type = RowType(blocks)
    outputs, codes = _case(row_type, n, torch.float64)
    ways = row_type.log_prob(outputs, codes), row_type.log_prob_by_block(outputs, codes)
    outward = torch.arange(1.0, ways[0].numel() + 1, dtype=torch.float64).view_as(ways[0])
    found = [(one, *torch.autograd.grad((one * outward).sum(), outputs)) for one in ways]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@given(blocks=st.lists(_KINDS, min_size=2, max_size=6), n=st.integers(0, 4))
def test_features_are_those_of_the_blocks(blocks, n):
    row_type = RowType(blocks)
    _, codes = _case(row_type, n, torch.float32)
    assert torch.equal(row_type.features(codes), row_type.features_by_block(codes))


def test_derivatives():
    row_type = RowType([Bernoulli(2), Categorical(3), Categorical(5)])
    outputs, codes = _case(row_type, 3, torch.float64)
    assert torch.autograd.gradcheck(lambda at: row_type.log_prob(at, codes), outputs)
    assert torch.autograd.gradgradcheck(lambda at: row_type.log_prob(at, codes), outputs)


@pytest.mark.parametrize("spread", [1e3, 1e30])
def test_no_variable_loses_its_digits_to_larger_logits_of_another(spread):
    row_type = RowType([Bernoulli(), Categorical(3), Categorical(20, 2)])
    outputs, codes = _case(row_type, 50, torch.float32)
    outputs = outputs.detach()
    outputs[:, 0] = spread
    outputs[:, 4:24] -= spread
    joint, apart = row_type.log_prob(outputs, codes), row_type.log_prob_by_block(outputs, codes)
    torch.testing.assert_close(joint, apart, rtol=1e-6, atol=1e-6)


def test_a_class_without_mass():
    outputs = torch.zeros(1, 5)
    outputs[0, 1] = -torch.inf
    outputs.requires_grad_()
    softmax = JointSoftmax([2, 4], n_outputs=[1, 4])
    out = softmax.log_prob(outputs, torch.tensor([[1, 2]]))
    torch.testing.assert_close(out.exp(), torch.tensor([[1 / 2, 1 / 3]]))
    (gradient,) = torch.autograd.grad(out.sum(), outputs)
    torch.testing.assert_close(gradient, torch.tensor([[1 / 2, 0, -1 / 3, 2 / 3, -1 / 3]]))
