"""One-pass sampling with torch operations against its plain twin, given the same uniforms."""

from __future__ import annotations

import contextlib
import logging
import types

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
        st.sampled_from([0.0, 0.0, 1.0]),
    ),
)


def sampler_of(model, k=0, device="cpu"):
    return TorchSampler(make_plan(model.network, model.mask(k), model.variables), model.variables, device)


def uniforms(n, model, seed=0):
    return torch.from_numpy(row_uniforms(seed, 0, n, model.n_variables))


def known_values(model, n, share=0.4, seed=0):
    """Random codes (n, D) with -1 where a value is to be drawn."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, model.variables.n_values, (n, model.n_variables))
    return torch.from_numpy(np.where(generator.random(codes.shape) < share, codes, -1))


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
def assert_drawn_rightly(model, drawn, u, k=0, codes=None, context=None):
    """Every value is the plain sampler's, up to ties with a step of its CDF and what follows from them."""

    def outputs_of(rows):
        return model.outputs(rows, k, **({} if context is None else {"context": context}))

    ordering = model.mask(k).ordering
    given = torch.full(u.shape, -1) if codes is None else codes
    rows = Rows(given.clamp(min=0).to(model.variables.dtype), given >= 0, context)
    plain = model._sample_under(k, u.numpy(), rows, "plain").long()
    free = np.ones(u.shape, dtype=bool) if codes is None else (codes < 0).numpy()
    assert drawn.dtype == torch.int64
    assert drawn.shape == u.shape
    assert (drawn >= 0).all()
    assert codes is None or torch.equal(drawn[codes >= 0], codes[codes >= 0])

    def distances(rows):
        outputs = outputs_of(rows.to(model.variables.dtype))
        return distance_to_bracket(outputs, model.variables, rows.numpy(), u.numpy())

    assert distances(drawn)[free].max(initial=0) <= TOLERANCE
    is_tie = np.abs(distances(plain)) <= TOLERANCE
    for row in (plain != drawn).any(dim=1).nonzero()[:, 0].tolist():
        first = next(d for d in ordering if plain[row, d] != drawn[row, d])
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
    codes = known_values(model, n) if data.draw(st.booleans(), label="some values are given") else None
    context = torch.randn(n, n_context, generator=torch.Generator().manual_seed(0)) if n_context else None
    u = uniforms(n, model)
    panel = data.draw(st.sampled_from([1, 2, 3, 32]), label="ranks per panel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_pass_torch, "_RANKS_PER_PANEL", panel)
        for k in range(model.n_masks):
            drawn = sampler_of(model, k)(u, codes, context)
            assert_drawn_rightly(model, drawn, u, k, codes, context)


@pytest.mark.parametrize("n_variables", [1, 31, 32, 33, 100])
def test_every_edge_of_panels(randomize, n_variables):
    model = made.MADE(made.Bernoulli(n_variables), hidden=(40, 50), ordering="random", direct=True)
    u = uniforms(200, randomize(model, scale=2.0))
    assert_drawn_rightly(model, sampler_of(model)(u), u)


def test_a_residual_layer_finds_its_units_in_the_layer_before(randomize):
    connectivity = [[4, 1, 3, 2, 1, 2], [4, 3, 3, 2, 1, 4], [4, 3, 3, 4, 2, 4]]
    model = made.MADE(made.Bernoulli(5), hidden=(6, 6, 6), connectivity=connectivity, residual=True)
    u = uniforms(200, randomize(model, scale=2.0))
    assert_drawn_rightly(model, sampler_of(model)(u), u)


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
    drawn = TorchSampler(plan, model.variables, "cpu")(u, context=context)
    assert drawn[[0, 2], 0].tolist() == [0, 1]
    assert torch.equal(drawn[1:2], sampler_of(model)(u[1:2]))


def test_given_values_stay_and_decide_what_follows(randomize):
    variables = [made.Bernoulli(3), made.Categorical(4, n=3), made.Categorical(5, n=2, coding="radial-basis")]
    model = randomize(made.MADE(variables, hidden=(20, 20), ordering="random", direct=True), scale=2.0)
    u, codes = uniforms(200, model), known_values(model, 200)
    sampler = sampler_of(model)
    whole = sampler(u)
    assert torch.equal(sampler(u, torch.full_like(codes, -1)), whole)
    assert torch.equal(sampler(u, whole), whole)
    half = torch.where(codes >= 0, whole, -1)
    assert torch.equal(sampler(u, half), whole)  # its own values, given: the rest stays as it was
    assert_drawn_rightly(model, sampler(u, codes), u, codes=codes)


@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one_row(randomize, n):
    model = randomize(made.MADE([made.Bernoulli(3), made.Categorical(3)], hidden=(6,)))
    u = uniforms(n, model)
    drawn = sampler_of(model)(u, known_values(model, n))
    assert drawn.shape == (n, 4)
    assert drawn.dtype == torch.int64


def test_a_class_without_mass_is_never_drawn():
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
    other = torch.tensor([[1, 0], [-1, 0]])
    assert sampler_of(model)(u, other).tolist() == [[1, 0], [0, 0]]


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
    u, codes = uniforms(7, model).to("meta"), known_values(model, 7).to("meta")
    sampler = sampler_of(model, device="meta")
    for drawn in (sampler(u), sampler(u, codes), sampler(u, codes)):
        assert drawn.device.type == "meta"
        assert drawn.shape == u.shape


def run_again(run):
    """What a capture does, without a device: the result stays in one place, and is made anew there."""
    output = run()
    return lambda: output.copy_(run()), output


@pytest.fixture
def mixed(randomize):
    variables = [made.Bernoulli(4), made.Categorical(3, n=3)]
    return randomize(made.MADE(variables, hidden=(20, 20), ordering="random"), scale=2.0)


def test_batches_of_about_a_size_share_a_graph(mixed):
    sampler = sampler_of(mixed)
    sampler._capture = run_again
    for seed, n in enumerate([100, 97, 112, 100, 1, 1, 100]):
        u, codes = uniforms(n, mixed, seed), known_values(mixed, n, seed=seed)
        assert_drawn_rightly(mixed, sampler(u), u)
        assert_drawn_rightly(mixed, sampler(u, codes), u, codes=codes)
    assert {(size.n, size.has_codes) for size in sampler._graphs} == {
        (n, has_codes) for n in (1, 112) for has_codes in (False, True)
    }


def test_a_result_outlives_the_next_replay(mixed):
    sampler = sampler_of(mixed)
    sampler._capture = run_again
    sampler(uniforms(10, mixed))
    first = sampler(uniforms(10, mixed))
    copy = first.clone()
    sampler(uniforms(10, mixed, seed=1))
    assert torch.equal(first, copy)


def test_a_size_that_comes_once_is_not_captured(mixed):
    sampler = sampler_of(mixed)
    sampler._capture = run_again
    for n in (10, 20, 40):
        sampler(uniforms(n, mixed))
    assert not sampler._graphs


def test_graphs_are_few(mixed, monkeypatch):
    monkeypatch.setattr(one_pass_torch, "_MOST_GRAPHS", 2)
    sampler = sampler_of(mixed)
    sampler._capture = run_again
    for n in (10, 20, 40) * 3:
        u = uniforms(n, mixed)
        assert_drawn_rightly(mixed, sampler(u), u)
    assert len(sampler._graphs) == 2


def test_inference_mode_comes_and_goes(mixed):
    sampler = sampler_of(mixed)
    sampler._capture = run_again
    for _ in range(2):
        with torch.inference_mode():
            sampler(uniforms(10, mixed))
    assert not sampler(uniforms(10, mixed)).is_inference()


def test_where_capturing_fails_sampling_goes_on(mixed, caplog):
    sampler, tried = sampler_of(mixed), []

    def fail(run):
        tried.append(run)
        raise RuntimeError("no graphs here")

    sampler._capture = fail
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            u = uniforms(50, mixed)
            assert_drawn_rightly(mixed, sampler(u), u)
    assert len(tried) == 1
    assert "no graphs here" in caplog.text


@given(st.integers(1, 5000))
def test_a_graph_has_at_most_a_quarter_more_rows(n):
    assert n <= one_pass_torch._rounded_up(n) <= n * 1.25
    assert one_pass_torch._rounded_up(one_pass_torch._rounded_up(n)) == one_pass_torch._rounded_up(n)


def test_a_capture_warms_up_and_records_on_one_side_stream(monkeypatch):
    steps = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            steps.append(f"{self.name} waits for {other.name}")

    @contextlib.contextmanager
    def within(name):
        steps.append(f"begin {name}")
        yield
        steps.append(f"end {name}")

    graph = types.SimpleNamespace(replay=lambda: steps.append("replay"))
    for name, fake in {
        "device": lambda device: contextlib.nullcontext(),
        "current_stream": lambda device: Stream("main"),
        "Stream": lambda device: Stream("side"),
        "stream": lambda stream: within(stream.name),
        "CUDAGraph": lambda: graph,
        "graph": lambda graph, stream: within(f"capture on {stream.name}"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)

    def run():
        steps.append("run")
        return torch.zeros(1)

    replay, output = one_pass_torch._capture_in_cuda(torch.device("cuda", 0), run)
    replay()
    assert output.shape == (1,)
    assert steps == [
        *("begin main", "side waits for main", "begin side", "run", "end side", "main waits for side"),
        *("begin capture on side", "run", "end capture on side", "end main", "replay"),
    ]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphs_on_cuda(mixed):
    sampler = sampler_of(mixed, device="cuda")
    for seed, n in enumerate([100, 97, 112, 100, 1, 1]):
        u, codes = uniforms(n, mixed, seed), known_values(mixed, n, seed=seed)
        assert_drawn_rightly(mixed, sampler(u.cuda()).cpu(), u)
        assert_drawn_rightly(mixed, sampler(u.cuda(), codes.cuda()).cpu(), u, codes=codes)
    assert len(sampler._graphs) == 4
