"""Sums of picked columns are products with one-hot features."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import made
from made.network.sparse_linear import linear
from made.variables import sparse_one_hot
from made.variables.row_type import RowType
from made.variables.sparse_one_hot import SparseOneHot

ALL, NONE = 1, 10**9


def close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@st.composite
def picks(draw):
    """Features of some variables, left as codes, in between of others."""
    n, seed = draw(st.integers(0, 4)), draw(st.integers(0, 2**31))
    kinds = draw(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=5))
    kinds = kinds if any(kind for kind, _ in kinds) else [*kinds, (True, 2)]
    generator = torch.Generator().manual_seed(seed)
    ends = np.cumsum([size for _, size in kinds])
    placed = [(is_picked, int(end) - size, size) for (is_picked, size), end in zip(kinds, ends, strict=True)]
    picked = [(first, size) for is_picked, first, size in placed if is_picked]
    columns = [first + i for is_picked, first, size in placed if not is_picked for i in range(size)]
    return SparseOneHot(
        codes=torch.stack([torch.randint(size, (n,), generator=generator) for _, size in picked]),
        firsts=tuple(first for first, _ in picked),
        sizes=tuple(size for _, size in picked),
        others=torch.randn(n, len(columns), generator=generator, dtype=torch.float64),
        columns=torch.tensor(columns, dtype=torch.int64),
    )


@given(picks(), st.sampled_from(["none", "sorted", "mixed"]), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_twins(x, kind, has_bias, seed):
    generator = torch.Generator().manual_seed(seed)
    degrees, ranks = torch.randint(4, (7,), generator=generator), torch.zeros(x.n_features, dtype=torch.int64)
    for first, size in zip(x.firsts, x.sizes, strict=True):
        ranks[first : first + size] = torch.randint(5, (), generator=generator)
    degrees = degrees.sort().values if kind == "sorted" else degrees
    mask = None if kind == "none" else degrees[:, None] >= ranks

    def leaf(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    live = torch.ones(7, x.n_features).double() if mask is None else mask.double()
    weight, bias, outward = leaf(7, x.n_features) * live, leaf(7), leaf(x.codes.shape[1], 7)
    found = []
    for gathered in (True, False):
        leaves = [tensor.clone().requires_grad_() for tensor in (x.others, weight, bias)]
        own = x._replace(others=leaves[0])
        b = leaves[2] if has_bias else None
        if gathered:
            out = linear(own, leaves[1], mask, b)
        else:
            out = functional.linear(own.dense(), leaves[1] * live, b)
        (out * outward).sum().backward()
        found.append(
            (out, *(leaf.grad for leaf in leaves[: 2 + has_bias] if len(x.columns) or leaf is leaves[1]))
        )
    for one, other in zip(*found, strict=True):
        close(one, other)


def test_laid_out_are_the_features(generator):
    variables = RowType([made.Categorical(4, n=2), made.Bernoulli(1), made.Categorical(3)])
    rows = torch.stack([torch.randint(k, (5,), generator=generator) for k in (4, 4, 2, 3)], dim=1)
    context = torch.randn(5, 2, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_one_hot, "FEWEST_CLASSES", ALL)
        x = variables.inputs(rows, torch.float32)
    assert x.firsts == (0, 4, 9)
    assert x.n_features == 12
    assert torch.equal(x.dense(), variables.features(rows))
    assert torch.equal(x.beside(context).dense(), torch.cat([variables.features(rows), context], dim=1))


SETTINGS = {
    "plain": {},
    "direct and residual": {"direct": True, "residual": True},
    "random ordering": {"ordering": "random"},
    "degrees in no order": {"connectivity": [[2, 1, 2, 1, 2, 1], [2, 2, 1, 2, 1, 2]]},
    "no hidden layer": {"hidden": ()},
    "context": {"context": 2, "direct": True},
    "context without hidden layer": {"context": 2, "hidden": ()},
    "three masks": {"orderings": 3, "connectivities": 3, "direct": True},
    "three masks and context": {"orderings": 3, "context": 2},
}


@pytest.mark.parametrize(
    "variables",
    [[made.Categorical(5, n=3)], [made.Bernoulli(1), made.Categorical(6), made.Categorical(4, coding="raw")]],
    ids=["one-hot", "mixed"],
)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_model_has_the_outputs_and_gradients_of_the_plain_path(
    monkeypatch, randomize, generator, variables, settings
):
    model = randomize(made.MADE(variables, **{"hidden": (6, 6), **settings}), seed=1).double()
    rows = torch.stack(
        [torch.randint(int(k), (9,), generator=generator) for k in model.variables.n_values], 1
    )
    context = torch.randn(9, 2, generator=generator).double() if model.context else None
    found = []
    for fewest in (ALL, NONE):
        monkeypatch.setattr(sparse_one_hot, "FEWEST_CLASSES", fewest)
        assert any(model.variables.leaves_codes) == (fewest == ALL)
        model.zero_grad()
        loss = sum(model.loss(rows, mask, context=context) for mask in range(model.n_masks))
        loss.backward()
        outputs = model.outputs(rows, model.n_masks - 1, context=context)
        found.append(
            (loss.detach(), outputs.detach(), *(weight.grad.clone() for weight in model.parameters()))
        )
    for one, other in zip(*found, strict=True):
        close(one, other)
    assert model.count_violations() == 0


def test_no_features_are_laid_out(monkeypatch):
    model = made.MADE(made.Categorical(sparse_one_hot.FEWEST_CLASSES, n=2), hidden=(6,), direct=True)
    monkeypatch.setattr(made.Categorical, "features", None)
    model.loss([[3, 100], [2, 0]]).backward()
    assert model.network.weights[0].shape == (6, 2 * sparse_one_hot.FEWEST_CLASSES)
    assert model.log_prob([[1, 2]]).isfinite().all()
    assert made.Autoencoder(made.Categorical(200, n=2), hidden=(4,)).loss([[3, 100]]).isfinite()


@pytest.mark.parametrize(
    ("variables", "leaves"),
    [
        ([made.Categorical(127)], (False,)),
        ([made.Categorical(128)], (True,)),
        ([made.Categorical(500, coding="radial-basis")], (False,)),
        ([made.Bernoulli(784), made.Categorical(200)], (False, False)),
        (
            [made.Bernoulli(100), made.Categorical(200), made.Categorical(5), made.Categorical(300)],
            (False, True, False, True),
        ),
    ],
)
def test_codes_are_left_where_there_are_many_classes(variables, leaves):
    assert RowType(variables).leaves_codes == leaves


@pytest.mark.parametrize("orderings", [1, 2])
def test_a_second_derivative_is_that_of_the_plain_path(monkeypatch, randomize, orderings):
    model = randomize(
        made.MADE(made.Categorical(20, n=3), hidden=(5,), orderings=orderings, activation="tanh"), seed=2
    ).double()
    rows = torch.tensor([[1, 19, 0], [2, 2, 7]])
    found = []
    for fewest in (ALL, NONE):
        monkeypatch.setattr(sparse_one_hot, "FEWEST_CLASSES", fewest)
        weights = list(model.network.weights)
        first = torch.autograd.grad(model.loss(rows), weights, create_graph=True)
        found.append(torch.autograd.grad(sum(each.square().sum() for each in first), weights))
    for one, other in zip(*found, strict=True):
        close(one, other)
        assert one.any()


def test_transforms_of_torch_see_through_it(monkeypatch, randomize):
    model = randomize(made.MADE(made.Categorical(20, n=3), hidden=(5,), orderings=2), seed=2).double()
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    rows = torch.tensor([[1, 19, 0], [2, 2, 7]])

    def gradient():
        def loss(own):
            outputs = torch.func.functional_call(model.network, own, (x, mask))
            return model.variables.log_prob(outputs, rows).sum()

        x, mask = model.variables.inputs(rows, torch.float64), model._product(1)
        own = {name.removeprefix("network."): weight for name, weight in weights.items()}
        return torch.func.grad(loss)(own)

    found = []
    for fewest in (ALL, NONE):
        monkeypatch.setattr(sparse_one_hot, "FEWEST_CLASSES", fewest)
        found.append(gradient())
    for name, one in found[0].items():
        close(one, found[1][name])
