"""Numbers sampled in one pass, compiled and with torch operations, against the plain twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.kernels.one_pass import numbers as kernel
from made.kernels.one_pass import sampler as one_pass_sampler
from made.kernels.one_pass.number_tables import make_tables
from made.kernels.one_pass.on_torch import TorchSampler
from made.kernels.one_pass.plan import make_plan
from made.queries.density import States
from made.support.uniforms import row_uniforms
from made.variables import normal_mixture
from made.variables.numeric import INSIDE
from made.variables.rows import Rows

# Sums of float32 are made in another order: a uniform this close to a change of value may be on either side.
TOLERANCE = 1e-4
# A row alone, rows one by one, a row group and some more, strips of groups.
SIZES = [1, 5, 40, 200]

BLOCK = st.one_of(
    st.builds(made.Bernoulli, st.integers(1, 3), missing=st.booleans()),
    st.builds(
        made.Categorical,
        st.integers(1, 4),
        st.integers(1, 2),
        st.sampled_from(["one-hot", "scaled", "radial-basis"]),
        missing=st.booleans(),
        smooth=st.sampled_from([0.0, 1.0]),
    ),
    st.builds(
        made.Numeric,
        st.integers(1, 2),
        st.sampled_from([None, 1, 0.25, 0.01, 3]),
        st.booleans(),
        spikes=st.sampled_from([(), (0.0,), (3.0, -6.0)]),
        periods=st.sampled_from([(), (7.0,), (52.1775, 26.1, 0.5)]),
    ),
)


def rows_for(model, n=300, seed=0):
    """Rows of any columns: skewed, heavy-tailed or whole numbers, with spikes and gaps where there may be."""
    draw = np.random.default_rng(seed)
    columns = []
    for d, block in model.variables.columns():
        if not isinstance(block, made.Numeric):
            own = draw.integers(0, block.n_classes, n).astype(float)
        else:
            own = [draw.normal(2, 3, n), draw.lognormal(1, 1.5, n), draw.standard_t(2, n) * 5][d % 3]
            for spike in block.spikes:
                own[draw.random(n) < min(0.2, 1 / len(block.spikes))] = spike
            own = own if block.step is None else np.round(own / block.step) * block.step
        own[draw.random(n) < 0.2 * block.missing] = np.nan
        columns.append(own)
    return np.stack(columns, axis=1)


def fitted(variables, hidden, randomize, scale=1.0, **settings):
    """A model whose marginals are those of rows, and whose weights are random."""
    model = made.MADE(variables, hidden, **settings)
    model.set_marginals(rows_for(model))
    return randomize(model, scale=scale)


def evidence(model, n, fraction, recorded=False, context=None, seed=1):
    """Encoded rows of which a fraction of the entries is known, in another pattern in every row."""
    rows = model.rows(rows_for(model, n, seed), context)
    draw = torch.Generator().manual_seed(seed)
    known = torch.rand(rows.codes.shape, generator=draw) < fraction
    return Rows(torch.where(known, rows.codes, 0), known, rows.context, rows.bodies, recorded=recorded)


def sampled_by(path, model, k, u, rows):
    """Rows sampled in one pass: compiled, or with torch operations."""
    with pytest.MonkeyPatch.context() as patch:
        if path == "torch":
            patch.setattr(one_pass_sampler, "_compiled", lambda: None)
        with torch.no_grad():
            return model._sample_under(k, u, rows)


def assert_sampled_rightly(model, sampled, k, u, rows):
    """Every value lies between those of slightly smaller and larger uniforms, given what precedes it."""
    known, numbers = rows.mask, model.variables.numbers
    assert torch.equal(sampled.codes[known], rows.codes[known])
    with torch.no_grad():
        outputs = model.outputs(Rows(sampled.codes, None, rows.context, sampled.bodies), k)
    u = torch.from_numpy(u)
    for d, block in model.variables.columns():
        free = ~known[:, d]
        low, high = (
            model.variables.quantile(outputs, d, (u[:, d] + by).clamp(0, 1 - 2**-53), recorded=rows.recorded)
            for by in (-TOLERANCE, TOLERANCE)
        )
        code = sampled.codes[:, d].long()
        if not isinstance(block, made.Numeric):
            assert bool(((low[0] <= code) & (code <= high[0]))[free].all())
            continue
        place = numbers.number_of(d)
        body = sampled.bodies[:, place]
        assert torch.equal(body[~free], rows.bodies[~free, place])
        value, least, most = (
            torch.from_numpy(block.floats_of(own.numpy().copy())) for own in (body, low[1], high[1])
        )
        # A narrow component follows its position: there z is off by what sums are, and the uniform by more.
        marginal = numbers.alone(place).scores
        least, most = (
            marginal.values(marginal.point(end[None])[0] + by)[0] + np.sign(by) * (block.step or 0)
            for end, by in ((least, -TOLERANCE), (most, TOLERANCE))
        )
        same = [(code == own[0]) & (body == own[1]) for own in (low, high)]
        is_between = (least <= value) & ((value <= most) | (high[0] != low[0]))
        assert bool((same[0] | same[1] | is_between)[free].all()), (d, block)
        if rows.recorded and block.missing:
            assert bool((code != block.missing_code)[free].all())


@pytest.mark.parametrize("path", ["compiled", "torch"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_twins_on_random_models(path, randomize, data):
    variables = data.draw(st.lists(BLOCK, min_size=1, max_size=5), label="variables")
    equal = st.builds(lambda width, depth: [width] * depth, st.integers(1, 12), st.integers(1, 3))
    model = fitted(
        variables,
        data.draw(st.one_of(st.lists(st.integers(1, 12), max_size=3), equal), label="hidden"),
        randomize,
        scale=data.draw(st.sampled_from([0.3, 1.0, 3.0]), label="scale"),
        ordering=data.draw(st.sampled_from(["natural", "random"]), label="ordering"),
        orderings=data.draw(st.sampled_from([1, 2]), label="orderings"),
        residual=data.draw(st.booleans(), label="residual"),
        direct=data.draw(st.booleans(), label="direct"),
    )
    n = data.draw(st.sampled_from(SIZES), label="n")
    fraction = data.draw(st.sampled_from([0.0, 0.4, 1.0]), label="fraction known")
    recorded = model.variables.has_missing and data.draw(st.booleans(), label="recorded")
    rows = evidence(model, n, fraction, recorded)
    u = row_uniforms(data.draw(st.integers(0, 99), label="seed"), 0, n, model.n_variables)
    for k in range(model.n_masks):
        assert_sampled_rightly(model, sampled_by(path, model, k, u, rows), k, u, rows)


@pytest.mark.parametrize("path", ["compiled", "torch"])
@pytest.mark.parametrize("n", SIZES)
def test_twins_with_context(randomize, path, n):
    variables = [
        made.Numeric(2),
        made.Bernoulli(2),
        made.Numeric(step=1, missing=True),
        made.Numeric(spikes=[0.0]),
    ]
    model = fitted(variables, (20, 20), randomize, context=3, residual=True, direct=True, ordering="random")
    context = torch.randn(n, 3, generator=torch.Generator().manual_seed(0))
    u = row_uniforms(0, 0, n, model.n_variables)
    for fraction in (0.0, 0.4):
        rows = evidence(model, n, fraction, context=context)
        assert_sampled_rightly(model, sampled_by(path, model, 0, u, rows), 0, u, rows)


@pytest.mark.parametrize("path", ["compiled", "torch"])
def test_fifty_columns_of_a_table(path, randomize):
    variables = [
        made.Numeric(15),
        made.Numeric(10, step=1),
        made.Numeric(5, step=0.01, missing=True, spikes=[0.0]),
        made.Categorical(12, n=10),
        made.Bernoulli(10),
    ]
    model = fitted(variables, (256, 256), randomize, scale=0.5, ordering="random", direct=True)
    rows = evidence(model, 200, 0.0)
    u = row_uniforms(3, 0, 200, 50)
    fast = sampled_by(path, model, 0, u, rows)
    assert_sampled_rightly(model, fast, 0, u, rows)
    # The plain sampler draws the same rows, but for those few in which a uniform falls on a boundary.
    plain = model._sample_under(0, u, rows, "plain")
    values = [model.schema.decode(own).astype(float) for own in (fast, plain)]
    same = np.isclose(*values, rtol=1e-2, atol=1e-3, equal_nan=True).all(axis=1)
    assert same.mean() > 0.9


@pytest.mark.parametrize("path", ["compiled", "torch"])
@pytest.mark.parametrize("n", SIZES)
def test_numbers_that_repeat_as_names_do(randomize, path, n):
    # Of their spikes some are in the tails; places in Minneapolis have 355.
    variables = [made.Numeric(step=0.25, spikes=np.arange(-50, 60, 0.25), missing=True), made.Numeric(2)]
    model = fitted([*variables, made.Numeric(spikes=np.linspace(-9, 9, 355))], (32, 32), randomize)
    score = np.abs(np.concatenate(model.variables.numbers.spike_scores))
    assert (score > INSIDE).any()
    assert (score < INSIDE).sum() > 64
    rows, u = evidence(model, n, 0.2), row_uniforms(0, 0, n, model.n_variables)
    sampled = sampled_by(path, model, 0, u, rows)
    assert (sampled.codes[:, 0] > 64).any() or n == 1
    assert_sampled_rightly(model, sampled, 0, u, rows)


@pytest.mark.parametrize("method", ["plain", "one-pass"])
def test_no_entry_that_is_filled_in_is_missing(randomize, method):
    variables = [made.Numeric(missing=True), made.Categorical(3, missing=True), made.Bernoulli(missing=True)]
    model = fitted(variables, (16,), randomize)
    rows = evidence(model, 300, 0.3, recorded=True)
    u = row_uniforms(0, 0, 300, 3)
    drawn = model._sample_under(0, u, rows, method)
    missing = torch.tensor([block.missing_code for _, block in model.variables.columns()])
    assert not bool(((drawn.codes == missing) & ~rows.known).any())
    assert bool(((drawn.codes == missing) & rows.known).any())
    free = model._sample_under(0, u, Rows(rows.codes, rows.known, None, rows.bodies), method)
    assert bool(((free.codes == missing) & ~rows.known).any())


def test_known_values_stay_to_the_last_bit_and_the_rest_follows_them(randomize):
    variables = [made.Numeric(), made.Numeric(step=1, spikes=[7.0]), made.Numeric(missing=True)]
    model = fitted(variables, (16, 16), randomize, ordering=[1, 2, 0])
    rows = model.rows([[0.1 + 0.2, 2**53 + 1, None], [-1e300, 7, 2.5]] * 20)
    for n in (1, 2, 40):
        u = row_uniforms(0, 0, n, 3)
        drawn = States.of(
            model._sample_under(0, u, Rows(rows.codes[:n], rows.mask[:n], None, rows.bodies[:n]))
        )
        np.testing.assert_array_equal(drawn.bodies, rows.bodies[:n].numpy())
        np.testing.assert_array_equal(drawn.codes, rows.codes[:n].numpy())


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.1, 1.0, 3.0, 8.0]))
def test_both_inversions_of_a_mixture_agree(seed, spread):
    draw = torch.Generator().manual_seed(seed)
    outputs = torch.randn(60, normal_mixture.N_PARAMETERS, generator=draw) * spread
    uniforms = torch.rand(60, generator=draw, dtype=torch.float64)
    tails = torch.exp(-37 * torch.rand(40, generator=draw, dtype=torch.float64))
    uniforms[:40] = torch.where(torch.arange(40) < 20, tails, 1 - tails)
    uniforms = uniforms.clamp(2.0**-54, 1 - 2.0**-53)
    expected, work = normal_mixture.quantile(outputs, uniforms).numpy(), np.empty(kernel.WORK)
    for own, uniform, z in zip(outputs.numpy(), uniforms.tolist(), expected, strict=True):
        kernel.read_mixture(own, 0, 1, work)
        found = kernel.quantile(work, uniform)
        # In units of the distance in which F doubles: where it is flat, z is known less well.
        weights, positions, widths = work[: 3 * (normal_mixture.N_COMPONENTS + 1)].reshape(3, -1)
        distance = (z - positions) / widths
        slope = (weights / widths * np.exp(-0.5 * distance**2)).sum() / np.sqrt(2 * np.pi)
        scale = max(1.0, min(uniform, 1 - uniform) / max(slope, 1e-300))
        assert abs(found - z) <= 1e-9 * scale * (1 + abs(z))


COLUMNS = {
    "normal": lambda draw: draw.normal(3, 2, 500),
    "skewed": lambda draw: draw.lognormal(0, 2, 500),
    "heavy": lambda draw: draw.standard_t(1, 500),
    "two values": lambda draw: np.repeat([1.0, 2.0], 50),
    "large": lambda draw: draw.normal(1e15, 3, 500),
    "tiny": lambda draw: draw.normal(0, 1e-300, 500),
    "huge": lambda draw: draw.normal(0, 1e300, 500),
}


@pytest.mark.parametrize("step", [None, 1, 0.1, 0.3])
@pytest.mark.parametrize("name", COLUMNS)
def test_values_bodies_and_features_are_the_plain_ones(name, step):
    values = COLUMNS[name](np.random.default_rng(0))
    spikes = [3.0] if step in (None, 1, 0.3) else []
    block = made.Numeric(step=step, spikes=spikes, missing=True, rounds=True, periods=[52.1775, 0.7])
    if step is not None and np.abs(values).max() > 1e16:
        values = values % 1000
    model = made.MADE(block, hidden=())
    model.set_marginals(values[:, None])
    variables = model.variables
    column, (_, own) = variables.numbers.alone(0), next(variables.columns())
    tables = make_tables(variables)
    z = torch.linspace(-35, 35, 701, dtype=torch.float64)
    expected = column.scores.values(z[None])[0]
    found = np.array([kernel.value_of(tables, 0, at) for at in z.tolist()])
    inside = np.abs(expected.numpy()) < 1e307  # functions end here and there as they near the largest float
    np.testing.assert_allclose(
        found[inside], expected.numpy()[inside], rtol=1e-9, atol=1e-9 * np.abs(values).mean()
    )
    bodies = own.bodies_near(expected.numpy())
    np.testing.assert_array_equal([kernel.body_near(tables, 0, at) for at in expected.tolist()], bodies)
    np.testing.assert_array_equal(column.bodies_near(expected[:, None])[:, 0].numpy(), bodies)
    np.testing.assert_array_equal(
        column.codes_of(torch.from_numpy(bodies)[:, None])[:, 0].numpy(), own.codes_of(bodies)
    )
    plan = make_plan(model.network, model.mask(), variables)
    codes = np.where(np.arange(len(bodies)) % 7 == 0, own.missing_code, own.codes_of(bodies))
    bodies = np.where(codes == own.missing_code, 0, bodies)
    rows = variables.scored(Rows(torch.from_numpy(codes)[:, None], bodies=torch.from_numpy(bodies)[:, None]))
    features = np.full((len(bodies), variables.n_inputs), np.nan, np.float32)
    for row, code, body in zip(features, codes.tolist(), bodies.tolist(), strict=True):
        kernel.find_features(tables, 0, plan.n_features[0], code, body, row, 0, 1)
    np.testing.assert_allclose(
        features, variables.features(rows.codes, rows.scores).numpy(), rtol=1e-4, atol=2e-5
    )


def test_nothing_waits_for_the_device_or_leaves_it(randomize):
    number = made.Numeric(step=1, missing=True, spikes=[0.0], periods=[7.0])
    variables = [made.Numeric(), made.Bernoulli(2), number]
    model = fitted(variables, (16, 16), randomize, direct=True, residual=True)
    sampler = TorchSampler(make_plan(model.network, model.mask(), model.variables), model.variables, "meta")
    u, rows = torch.from_numpy(row_uniforms(0, 0, 7, 4)).to("meta"), evidence(model, 7, 0.4)
    given = (rows.codes.long().to("meta"), rows.known.to("meta"), None, rows.bodies.to("meta"))
    for own in ((), given, given):
        codes, bodies = sampler(u, *own)
        assert codes.device.type == bodies.device.type == "meta"
        assert (codes.shape, bodies.shape) == ((7, 4), (7, 2))


def test_recorded_batches_have_graphs_of_their_own(randomize, again):
    model = fitted([made.Numeric(2, missing=True), made.Categorical(3, missing=True)], (16,), randomize)
    sampler = TorchSampler(make_plan(model.network, model.mask(), model.variables), model.variables, "cpu")
    sampler._recorder = again
    u = torch.from_numpy(row_uniforms(0, 0, 50, 3))
    for recorded in (False, True) * 3:
        codes, bodies = sampler(u, recorded=recorded)
        rows = Rows(codes * 0, codes < 0, None, bodies * 0, recorded=recorded)
        own = model._sample_under(0, u.numpy(), rows, "plain")
        assert torch.equal(codes, own.codes.long())
        torch.testing.assert_close(
            bodies.view(torch.float64), own.bodies.view(torch.float64), rtol=1e-4, atol=1e-4
        )
    assert {size.recorded for size in sampler._graphs} == {False, True}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphs_on_cuda(randomize):
    variables = [made.Numeric(3), made.Bernoulli(3), made.Numeric(2, step=1, missing=True, spikes=[0.0])]
    model = fitted(variables, (32, 32), randomize, direct=True)
    there = made.MADE.from_settings(model.settings())
    there.load_state_dict(model.state_dict())
    there.cuda()
    rows = rows_for(model, 100)
    torch.testing.assert_close(there.log_prob(rows).cpu(), model.log_prob(rows), rtol=1e-4, atol=1e-4)
    for recorded in (False, True):
        for fraction in (0.0, 0.4, 0.4, 0.4):
            own = evidence(model, 100, fraction, recorded)
            u = row_uniforms(1, 0, 100, model.n_variables)
            with torch.no_grad():
                drawn = there._sample_under(0, u, own.to(torch.device("cuda"))).to(torch.device("cpu"))
            assert_sampled_rightly(model, drawn, 0, u, own)
