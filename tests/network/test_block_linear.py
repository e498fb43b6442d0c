"""Products that leave masked blocks out are those with everything."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.network import block_linear
from made.network.block_linear import linear, row_blocks
from made.network.products import PreMasked, masked_gradient_linear
from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of three rows, of weights of any size."""
    monkeypatch.setattr(block_linear, "_SMALL", 0)
    monkeypatch.setattr(block_linear, "_ROWS", 3)


@st.composite
def block_triangular(draw):
    """A mask whose rows are growing prefixes."""
    n_in = draw(st.integers(1, 12))
    prefixes = sorted(draw(st.lists(st.integers(0, n_in), min_size=1, max_size=20)))
    return np.arange(n_in) < np.array(prefixes)[:, None]


@given(block_triangular(), st.booleans(), st.integers(0, 5), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_twins_on_random_masks(mask, has_bias, n, seed):
    block_linear._SMALL, block_linear._ROWS = 0, 3
    blocks = row_blocks(mask)
    assert blocks is not None
    assert [block.first for block in blocks] == [0, *(block.last for block in blocks[:-1])]
    assert blocks[-1].last == len(mask)
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.from_numpy(mask).double()

    def leaf(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x, weight, bias = leaf(n, mask.shape[1]), leaf(*mask.shape) * matrix, leaf(len(mask))
    outward = leaf(n, len(mask))
    found = []
    for multiply in (
        lambda a, w, b: linear(a, w, matrix, b, blocks),
        lambda a, w, b: masked_gradient_linear(a, w, matrix, b),
    ):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
        out = multiply(leaves[0], leaves[1], leaves[2] if has_bias else None)
        (out * outward).sum().backward()
        found.append((out.detach(), *(tensor.grad for tensor in leaves[: 2 + has_bias])))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert (found[0][2][matrix == 0] == 0).all()


def test_what_is_not_block_triangular_is_multiplied_as_a_whole():
    tri = np.tri(9, dtype=bool)
    assert row_blocks(tri) is not None
    assert row_blocks(tri[::-1]) is None
    assert row_blocks(tri[:, ::-1]) is None
    sparser = tri.copy()
    sparser[8, 4] = False
    assert row_blocks(sparser) is None


def test_small_weights_are_multiplied_as_a_whole(monkeypatch):
    monkeypatch.setattr(block_linear, "_SMALL", 82)
    assert row_blocks(np.tri(9, dtype=bool)) is None


def model(**settings):
    return made.MADE(made.Bernoulli(20), hidden=(24, 24), seed=1, **settings)


@pytest.mark.parametrize(
    "settings",
    [{}, {"direct": True, "residual": True, "connectivity": "even"}, {"ordering": "random"}, {"hidden": ()}],
    ids=["plain", "direct and residual", "random ordering", "no hidden layer"],
)
def test_a_model_has_the_losses_and_gradients_of_the_plain_path(settings, randomize):
    arguments = {"hidden": (24, 24), "direct": False, **settings}
    fast = randomize(made.MADE(made.Bernoulli(20), seed=1, **arguments), seed=2).double()
    plain = copy.deepcopy(fast)
    # With the inputs out of order, the first layer is multiplied as a whole.
    assert (0 not in fast._product(0).blocks) == (settings.get("ordering") == "random")
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (7, 20)).astype(np.uint8))
    losses = [fast.loss(rows), plain.loss(rows, multiply=PreMasked(plain._product(0).masks))]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-12)


def test_the_trained_model_is_the_same_up_to_rounding():
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (64, 20)).astype(np.uint8))
    trained = []
    for by_blocks in (True, False):
        one = model(direct=True)
        product = one._product(0) if by_blocks else PreMasked(one._product(0).masks)
        optimizer = make_optimizer(one, TrainingSettings(optimizer="adam"))
        for _ in range(30):
            optimizer.zero_grad()
            one.loss(rows, multiply=product).backward()
            optimizer.step()
        assert one.count_violations() == 0
        trained.append(one.log_prob(rows))
    torch.testing.assert_close(*trained, rtol=1e-4, atol=1e-4)


def test_a_second_derivative_is_that_of_the_plain_path():
    mask = np.tri(6, dtype=bool)
    matrix = torch.from_numpy(mask).double()
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * matrix

    def curved(multiply, x):
        return multiply(x).tanh().sum()

    x = torch.linspace(-1, 1, 6, dtype=torch.float64)[None]
    found = [
        torch.autograd.functional.hessian(lambda at, m=m: curved(m, at), x)
        for m in (
            lambda at: linear(at, weight, matrix, None, row_blocks(mask)),
            lambda at: at @ weight.T,
        )
    ]
    torch.testing.assert_close(*found)
    assert found[0].abs().max() > 0.1
