"""One-pass sampling with torch operations against its plain twin, given the same uniforms."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.kernels.one_pass import on_torch as one_pass_torch
from made.kernels.one_pass.on_torch import TorchSampler
from made.kernels.one_pass.plan import make_plan
from made.network.network import ACTIVATIONS
from made.support.uniforms import row_uniforms
from made.variables.rows import Rows

TOLERANCE = 1e-4

CODINGS = ["one-hot", "scaled", "raw", "radial-basis"]
VARIABLE = st.one_of(
    st.builds(made.Bernoulli, st.integers(1, 3)),
    st.builds(
        made.Categorical,
        st.integers(1, 5),
        st.integers(1, 2),
        st.sampled_from(CODINGS),
        smooth=st.sampled_from([0.0, 0.0, 1.0]),
    ),
)


class CodesOnly(TorchSampler):
    """The sampler of models without numbers."""

    def __call__(self, *rows, **options):
        codes, bodies = super().__call__(*rows, **options)
        assert bodies is None
        return codes


def sampler_of(model, k=0, device="cpu"):
    return CodesOnly(make_plan(model.network, model.mask(k), model.variables), model.variables, device)


def uniforms(n, model, seed=0):
    return torch.from_numpy(row_uniforms(seed, 0, n, model.n_variables))


def some_known(model, n, fraction=0.4, seed=0):
    """Random codes (n, D), and which are known; those of unknown entries, which are to be ignored, are -1."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, model.variables.n_values, (n, model.n_variables))
    known = generator.random(codes.shape) < fraction
    return torch.from_numpy(np.where(known, codes, -1)), torch.from_numpy(known)


def distance_to_bracket(outputs, variables, codes, u):
    """How far each uniform lies outside the CDF bracket of its value under teacher forcing, (n, D)."""
    probabilities = variables.probabilities(outputs.double()).numpy()
    begins = np.concatenate([[0], np.cumsum(variables.output_sizes)])
    outside = np.empty(u.shape)
    for d in range(variables.n_variables):
        own = probabilities[:, begins[d] : begins[d + 1]]
        if isinstance(variables.block_of(d), made.Bernoulli):
            own = np.hstack([1 - own, own])
        edges = np.hstack([np.zeros((len(u), 1)), np.cumsum(own, axis=1)])
        low = np.take_along_axis(edges, codes[:, d : d + 1], 1)[:, 0]
        high = np.take_along_axis(edges, codes[:, d : d + 1] + 1, 1)[:, 0]
        outside[:, d] = np.maximum(low - u[:, d], u[:, d] - high)
    return outside


@torch.no_grad()
def assert_sampled_rightly(model, sampled, u, k=0, codes=None, known=None, context=None):
    """Every value is the plain sampler's, up to ties with a step of its CDF and what follows from them."""

    def outputs_of(rows):
        return model.outputs(rows, k, **({} if context is None else {"context": context}))

    ordering = model.mask(k).ordering
    seen = torch.zeros(u.shape, dtype=torch.bool) if codes is None else known
    evidence = torch.zeros(u.shape) if codes is None else codes
    rows = Rows(torch.where(seen, evidence, 0).to(model.variables.dtype), seen, context)
    plain = model._sample_under(k, u.numpy(), rows, "plain").codes.long()
    free = np.ones(u.shape, dtype=bool) if codes is None else ~known.numpy()
    assert sampled.dtype == torch.int64
    assert sampled.shape == u.shape
    assert (sampled >= 0).all()
    assert codes is None or torch.equal(sampled[known], codes[known])

    def distances(rows):
        outputs = outputs_of(rows.to(model.variables.dtype))
        return distance_to_bracket(outputs, model.variables, rows.numpy(), u.numpy())

    assert distances(sampled)[free].max(initial=0) <= TOLERANCE
    is_tie = np.abs(distances(plain)) <= TOLERANCE
    for row in (plain != sampled).any(dim=1).nonzero()[:, 0].tolist():
        first = next(d for d in ordering if plain[row, d] != sampled[row, d])
        assert is_tie[row, first], (row, first)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_twins_on_random_models(randomize, data):
    variables = data.draw(st.lists(VARIABLE, min_size=1, max_size=5), label="variables")
    equal = st.builds(lambda width, depth: [width] * depth, st.integers(1, 12), st.integers(1, 3))
    n_context = data.draw(st.sampled_from([0, 0, 1, 3]), label="context")
    model = made.MADE(
        variables,
        data.draw(st.one_of(st.lists(st.integers(1, 12), max_size=3), equal), label="hidden"),
        ordering=data.draw(st.sampled_from(["natural", "random"]), label="ordering"),
        seed=data.draw(st.integers(0, 5), label="seed"),
        orderings=data.draw(st.sampled_from([1, 2]), label="orderings"),
        activation=data.draw(st.sampled_from(list(ACTIVATIONS)), label="activation"),
        residual=data.draw(st.booleans(), label="residual"),
        direct=data.draw(st.booleans(), label="direct"),
        context=n_context,
    )
    randomize(model, scale=2.0)
    if data.draw(st.booleans(), label="sparser than the rules"):
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in model.network.weights:
                weight.mul_(torch.rand(weight.shape, generator=generator) < 0.5)
    n = data.draw(st.sampled_from([1, 2, 70]), label="n")
    is_known = data.draw(st.booleans(), label="some values are known")
    codes, known = some_known(model, n) if is_known else (None, None)
    context = torch.randn(n, n_context, generator=torch.Generator().manual_seed(0)) if n_context else None
    u = uniforms(n, model)
    panel = data.draw(st.sampled_from([1, 2, 3, 32]), label="ranks per panel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_pass_torch, "_RANKS_PER_PANEL", panel)
        for k in range(model.n_masks):
            sampled = sampler_of(model, k)(u, codes, known, context)
            assert_sampled_rightly(model, sampled, u, k, codes, known, context)


@pytest.mark.parametrize("n_variables", [1, 31, 32, 33, 100])
def test_every_edge_of_panels(randomize, n_variables):
    model = made.MADE(made.Bernoulli(n_variables), hidden=(40, 50), ordering="random", direct=True)
    u = uniforms(200, randomize(model, scale=2.0))
    assert_sampled_rightly(model, sampler_of(model)(u), u)


def test_a_residual_layer_finds_its_units_in_the_layer_before(randomize):
    connectivity = [[4, 1, 3, 2, 1, 2], [4, 3, 3, 2, 1, 4], [4, 3, 3, 4, 2, 4]]
    model = made.MADE(made.Bernoulli(5), hidden=(6, 6, 6), connectivity=connectivity, residual=True)
    u = uniforms(200, randomize(model, scale=2.0))
    assert_sampled_rightly(model, sampler_of(model)(u), u)


def test_context_reaches_the_first_variable(randomize):
    model = randomize(made.MADE(made.Bernoulli(5), hidden=(8, 8)))
    plan = make_plan(model.network, model.mask(), model.variables)
    to_outputs = np.zeros((1, 5), np.float32)
    to_outputs[0, plan.ordering == 0] = 100.0
    plan = plan._replace(
        context_first=np.zeros((1, plan.first.shape[1]), np.float32), context_outputs=to_outputs
    )
    context = torch.tensor([[-1.0], [0.0], [1.0]])
    u = torch.full((3, 5), 0.5, dtype=torch.float64)
    sampled = CodesOnly(plan, model.variables, "cpu")(u, context=context)
    assert sampled[[0, 2], 0].tolist() == [0, 1]
    assert torch.equal(sampled[1:2], sampler_of(model)(u[1:2]))


def test_known_values_stay_and_decide_what_follows(randomize):
    variables = [made.Bernoulli(3), made.Categorical(4, n=3), made.Categorical(5, n=2, coding="radial-basis")]
    model = randomize(made.MADE(variables, hidden=(20, 20), ordering="random", direct=True), scale=2.0)
    u = uniforms(200, model)
    codes, known = some_known(model, 200)
    sampler = sampler_of(model)
    whole = sampler(u)
    assert torch.equal(sampler(u, codes, torch.zeros_like(known)), whole)
    assert torch.equal(sampler(u, whole, torch.ones_like(known)), whole)
    half = torch.where(known, whole, 0)
    assert torch.equal(sampler(u, half, known), whole)  # its own values are known: the rest stays as it was
    assert_sampled_rightly(model, sampler(u, codes, known), u, codes=codes, known=known)


@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one_row(randomize, n):
    model = randomize(made.MADE([made.Bernoulli(3), made.Categorical(3)], hidden=(6,)))
    u = uniforms(n, model)
    sampled = sampler_of(model)(u, *some_known(model, n))
    assert sampled.shape == (n, 4)
    assert sampled.dtype == torch.int64


def test_a_class_without_mass_is_never_sampled():
    model = made.MADE(made.Categorical(4), hidden=())
    with torch.no_grad():
        model.network.biases[-1].copy_(torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0]))
    u = torch.tensor([[0.0], [0.25], [0.5], [1 - 2**-53]], dtype=torch.float64)
    assert sampler_of(model)(u)[:, 0].tolist() == [1, 1, 3, 3]


@given(st.integers(2, 300), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_last_class_with_mass_absorbs_rounding(n_classes, seed):
    logits = torch.randn(n_classes, 8, generator=torch.Generator().manual_seed(seed))
    logits[-1] = -torch.inf
    largest = torch.full((8,), 1 - 2**-53, dtype=torch.float64)
    assert one_pass_torch._passed(logits, largest).sum(dim=0).max() == n_classes - 2
    assert one_pass_torch._passed(logits, torch.zeros_like(largest)).sum() == 0


def test_certain_bits_stay_certain():
    model = made.MADE(made.Bernoulli(2), hidden=())
    with torch.no_grad():
        model.network.biases[-1].copy_(torch.tensor([-torch.inf, torch.inf]))
    u = torch.tensor([[0.0, 0.5], [1 - 2**-53, 1 - 2**-53]], dtype=torch.float64)
    assert sampler_of(model)(u).tolist() == [[0, 1], [0, 1]]
    codes, known = torch.tensor([[1, 0], [1, 0]]), torch.tensor([[True, True], [False, True]])
    assert sampler_of(model)(u, codes, known).tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nothing_waits_for_the_device_or_leaves_it(activation):
    # Tensors on "meta" hold no numbers: whatever looks at one, or mixes devices, raises.
    variables = [
        made.Bernoulli(40),
        made.Categorical(4, n=3),
        made.Categorical(5, coding="radial-basis", smooth=1),
    ]
    model = made.MADE(
        variables, hidden=(30, 30), ordering="random", direct=True, residual=True, activation=activation
    )
    u, codes, known = (x.to("meta") for x in (uniforms(7, model), *some_known(model, 7)))
    sampler = sampler_of(model, device="meta")
    for sampled in (sampler(u), sampler(u, codes, known), sampler(u, codes, known)):
        assert sampled.device.type == "meta"
        assert sampled.shape == u.shape


@pytest.fixture
def mixed(randomize):
    variables = [made.Bernoulli(4), made.Categorical(3, n=3)]
    return randomize(made.MADE(variables, hidden=(20, 20), ordering="random"), scale=2.0)


def test_batches_of_about_a_size_share_a_graph(mixed, again):
    sampler = sampler_of(mixed)
    sampler._recorder = again
    for seed, n in enumerate([100, 97, 112, 100, 1, 1, 100]):
        u, (codes, known) = uniforms(n, mixed, seed), some_known(mixed, n, seed=seed)
        assert_sampled_rightly(mixed, sampler(u), u)
        assert_sampled_rightly(mixed, sampler(u, codes, known), u, codes=codes, known=known)
    assert {(size.n, size.has_known) for size in sampler._graphs} == {
        (n, has_known) for n in (1, 112) for has_known in (False, True)
    }


def test_a_result_outlives_the_next_replay(mixed, again):
    sampler = sampler_of(mixed)
    sampler._recorder = again
    sampler(uniforms(10, mixed))
    first = sampler(uniforms(10, mixed))
    copy = first.clone()
    sampler(uniforms(10, mixed, seed=1))
    assert torch.equal(first, copy)


def test_a_size_that_comes_once_is_not_captured(mixed, again):
    sampler = sampler_of(mixed)
    sampler._recorder = again
    for n in (10, 20, 40):
        sampler(uniforms(n, mixed))
    assert not sampler._graphs


def test_graphs_are_few(mixed, again, monkeypatch):
    monkeypatch.setattr(one_pass_torch, "_MAX_GRAPHS", 2)
    sampler = sampler_of(mixed)
    sampler._recorder = again
    for n in (10, 20, 40) * 3:
        u = uniforms(n, mixed)
        assert_sampled_rightly(mixed, sampler(u), u)
    assert len(sampler._graphs) == 2


def test_inference_mode_comes_and_goes(mixed, again):
    sampler = sampler_of(mixed)
    sampler._recorder = again
    for _ in range(2):
        with torch.inference_mode():
            sampler(uniforms(10, mixed))
    assert not sampler(uniforms(10, mixed)).is_inference()


def test_where_capturing_fails_sampling_goes_on(mixed, again, caplog):
    def fail(run, generator=None):
        again.calls.append("record")
        raise RuntimeError("no graphs here")

    sampler = sampler_of(mixed)
    sampler._recorder = again
    again.record = fail
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            u = uniforms(50, mixed)
            assert_sampled_rightly(mixed, sampler(u), u)
    assert again.calls == ["aside", "record"]
    assert "no graphs here" in caplog.text


@given(st.integers(1, 5000))
def test_a_graph_has_at_most_a_quarter_more_rows(n):
    assert n <= one_pass_torch._rounded_up(n) <= n * 1.25
    assert one_pass_torch._rounded_up(one_pass_torch._rounded_up(n)) == one_pass_torch._rounded_up(n)


def test_a_capture_warms_up(mixed, again):
    sampler = sampler_of(mixed)
    sampler._recorder = again
    for _ in range(3):
        sampler(uniforms(10, mixed))
    assert again.calls == ["aside", "record"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphs_on_cuda(mixed):
    sampler = sampler_of(mixed, device="cuda")
    for seed, n in enumerate([100, 97, 112, 100, 1, 1]):
        u, (codes, known) = uniforms(n, mixed, seed), some_known(mixed, n, seed=seed)
        assert_sampled_rightly(mixed, sampler(u.cuda()).cpu(), u)
        sampled = sampler(u.cuda(), codes.cuda(), known.cuda()).cpu()
        assert_sampled_rightly(mixed, sampled, u, codes=codes, known=known)
    assert len(sampler._graphs) == 4
