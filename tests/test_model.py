"""The model's face: loss, log-probability of what comes in, bounded memory, one variable, bad settings."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import made
from made.variables.encoding import encode_complete

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2)]
X = np.random.default_rng(0).integers([2, 2, 2, 3, 3], size=(37, 5))


@pytest.fixture
def model(randomize):
    return randomize(made.MADE(MIXED, (8, 8)))


@pytest.fixture
def mixture(randomize):
    return randomize(made.MADE(MIXED, (8, 8), orderings=3))


@pytest.mark.parametrize(
    "form", [np.asarray, torch.tensor, np.ndarray.tolist, lambda x: x.astype(np.float32), np.asfortranarray]
)
def test_rows_come_in_many_forms(model, form):
    assert torch.equal(model.log_prob(form(X)), model.log_prob(X))
    assert torch.equal(model.loss(form(X)), model.loss(X))


def test_loss_is_minus_the_mean_log_prob(model, mixture):
    assert model.loss(X).item() == pytest.approx(-float(model.log_prob(X).mean()), abs=1e-5)
    for k in range(3):
        assert mixture.loss(X, mask=k).item() == pytest.approx(
            -float(mixture.log_prob(X, mask=k).mean()), abs=1e-5
        )
    assert len({mixture.loss(X, mask=k).item() for k in range(3)}) == 3


def test_loss_weighs_each_row(model):
    weight = torch.rand(len(X), generator=torch.Generator().manual_seed(0))
    expected = -(model.log_prob(X) * weight).mean()
    assert model.loss(X, weight=weight).item() == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("shape", [(36,), (37, 1), (1, 37), (1,), ()])
def test_a_weight_of_another_shape_is_refused(refused, model, shape):
    with refused("weight", "(37,)"):
        model.loss(X, weight=torch.ones(shape))


def test_loss_trusts_codes_when_told(model):
    assert torch.equal(model.loss(model.rows(X)), model.loss(X))


def test_loss_of_no_rows_is_refused(refused, model):
    with refused("at least one row"):
        model.loss(X[:0])
    with refused("at least one"):
        model.set_marginals(X[:0])


def test_values_are_checked_at_every_door(refused, model):
    bad = X.copy()
    bad[30, 2] = 5
    for door in (model.loss, model.log_prob, model.set_marginals, model.rows, model.nll):
        with refused("row 30, column 2", "holds 5"):
            door(bad)


def test_dropout_acts_in_the_loss_alone_and_its_generator_decides(randomize):
    model = randomize(made.MADE(MIXED, (8, 8), dropout=0.5))

    def loss(seed):
        return model.loss(X, generator=torch.Generator().manual_seed(seed)).item()

    assert loss(0) == loss(0) != loss(1)
    plain = randomize(made.MADE(MIXED, (8, 8)))
    assert loss(0) != pytest.approx(plain.loss(X).item(), abs=1e-4)
    for mode in (True, False):
        model.train(mode)
        assert torch.equal(model.log_prob(X), plain.log_prob(X))
        assert torch.equal(model.sample(9, seed=0), plain.sample(9, seed=0))
        assert loss(0) == loss(0)
    torch.manual_seed(0)
    assert model.loss(X).item() != model.loss(X).item()


def test_an_own_training_loop_needs_loss_and_an_optimizer():
    rows = (np.random.default_rng(1).random((500, 1)) < 0.5).repeat(4, 1)  # four copies of a coin
    model = made.MADE(made.Bernoulli(4), hidden=(16,))
    model.set_marginals(rows)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(rows).backward()
        optimizer.step()
    assert float(model.log_prob(rows).mean()) == pytest.approx(-np.log(2), abs=0.05)


@pytest.mark.parametrize("name", ["model", "mixture"])
def test_memory_is_bounded_by_batches(name, request, monkeypatch):
    model = request.getfixturevalue(name)
    whole = [model.log_prob(X), model.log_prob(X, per_variable=True, mask=0), model.nll(X)]
    sizes = []
    monkeypatch.setattr("made.base._NUMBERS_PER_BATCH", 5 * max(model.widths))
    inner = model.network.forward
    monkeypatch.setattr(
        model.network, "forward", lambda x, *a, **k: sizes.append(len(x)) or inner(x, *a, **k)
    )
    again = [model.log_prob(X), model.log_prob(X, per_variable=True, mask=0), model.nll(X)]
    assert max(sizes) == model.rows_per_batch == 5
    assert sum(sizes) == len(X) * (2 * model.n_masks + 1)
    for one, other in zip(whole, again, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    monkeypatch.setattr("made.base._NUMBERS_PER_BATCH", 1)
    assert model.rows_per_batch == 1


def test_log_prob_keeps_no_graph(model):
    assert not model.log_prob(X).requires_grad
    assert model.loss(X).requires_grad


def test_row_losses_are_what_validation_compares(mixture):
    assert torch.equal(mixture.nll(X), -mixture.log_prob(X))
    assert torch.equal(mixture.nll(X, masks=2), -mixture.log_prob(X, mask=[0, 1]))
    assert torch.equal(mixture.nll(X, masks=99), -mixture.log_prob(X))


@pytest.mark.parametrize("hidden", [(), (4,), (4, 4)])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"direct": True, "residual": True},
        {"ordering": [0], "orderings": 2},
        {"connectivity": "even", "connectivities": "fresh"},
    ],
)
@pytest.mark.parametrize("variable", [made.Bernoulli(1), made.Categorical(4), made.Categorical(1)])
def test_one_variable_is_its_biases(variable, hidden, settings, randomize, tmp_path):
    """ERRATA 13: there is no valid degree, and nothing the outputs could depend on."""
    model = made.MADE(variable, hidden, **settings)
    K = variable.n_values
    train = np.array([[0]] * 3 + [[K - 1]] * 6)
    model.set_marginals(train)
    expected = np.log((np.bincount(train[:, 0], minlength=K) + 1) / (9 + K))
    states = np.arange(K)[:, None]
    np.testing.assert_allclose(model.log_prob(states).numpy(), expected, atol=1e-6)
    randomize(model)
    assert float(model.log_prob(states).exp().sum()) == pytest.approx(1, abs=1e-6)
    assert set(model.sample(200, seed=0)[:, 0].tolist()) == set(range(K))
    model.loss(states).backward()
    assert len(model.outputs(model.rows(states)).unique(dim=0)) == 1
    assert model.summary().unseen_inputs == ()
    assert str(model.summary())
    model.save(tmp_path / "one")
    assert torch.equal(made.load(tmp_path / "one").log_prob(states), model.log_prob(states))


def test_degrees_given_for_one_variable_are_no_matter():
    assert made.MADE(made.Bernoulli(1), (3,), connectivity=[[1, 1, 1]]).log_prob([[1]]) < 0


def test_hidden_layers_of_any_number_and_size():
    for hidden, expected in [
        (7, (7,)),
        ([], ()),
        (np.array([3, 4]), (3, 4)),
        ((5, 2, 9, 2, 5), (5, 2, 9, 2, 5)),
    ]:
        model = made.MADE(MIXED, hidden)
        assert model.hidden == expected
        assert model.widths == (9, *expected, 9)
        assert [tuple(weight.shape) for weight in model.network.weights] == [
            (after, before) for before, after in zip(model.widths, model.widths[1:], strict=False)
        ]


@pytest.mark.parametrize("hidden", [0, -5, (4, 0), (4, 2.5), 2.5, "512", (True,), True, None, [[4]]])
def test_hidden_sizes_that_make_no_sense_are_refused(refused, hidden):
    with refused("hidden sizes"):
        made.MADE(MIXED, hidden)


@pytest.mark.parametrize("seed", [-1, 0.5, "a", None, True])
def test_seeds_that_make_no_sense_are_refused(refused, seed):
    with refused("seed", repr(seed)):
        made.MADE(MIXED, (4,), seed=seed)


def test_what_is_no_variable_is_refused(refused):
    with refused("made.Bernoulli(n)", "784"):
        made.MADE(784)


def test_a_model_survives_pickle(model, mixture):
    for one in (model, mixture):
        assert torch.equal(pickle.loads(pickle.dumps(one)).log_prob(X), one.log_prob(X))


def test_encoded_rows_hold_codes_what_is_known_and_context(randomize):
    plain, conditional = made.MADE(MIXED, (8,)), made.MADE(MIXED, (8,), context=2)
    rows = plain.rows(X)
    assert torch.equal(rows.codes, encode_complete(plain.variables, X).codes)
    assert plain.rows(rows) is not None
    assert torch.equal(plain.rows(rows).codes, rows.codes)
    assert rows.known is rows.context is None
    incomplete = X[:3].astype(float)
    incomplete[1, 4] = incomplete[2, 0] = np.nan
    rows = conditional.rows(incomplete, context=[0.5, 1.0])
    assert torch.equal(rows.known, torch.from_numpy(~np.isnan(incomplete)))
    assert rows.codes.dtype == torch.uint8
    assert torch.equal(rows.codes, torch.from_numpy(np.nan_to_num(incomplete)).byte())
    assert rows.context.tolist() == [[0.5, 1.0]] * 3


def test_a_product_can_take_the_place_of_a_mask(mixture):
    for k in range(3):
        assert torch.equal(mixture.loss(X, multiply=mixture.training_product(k)), mixture.loss(X, mask=k))


# Gradients of log_prob


def gradients(model, value):
    model.zero_grad(set_to_none=True)
    value.backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize("settings", [{}, {"context": 2}, {"direct": True, "residual": True}])
def test_gradient_of_one_mask_is_that_of_the_loss(randomize, settings):
    model = randomize(made.MADE(MIXED, (8, 8), dropout=0.0, **settings))
    context = np.random.default_rng(0).normal(size=(37, 2)) if model.context else None
    log_prob = model.log_prob(X, context=context, grad=True)
    assert log_prob.requires_grad
    assert torch.equal(log_prob.detach(), model.log_prob(X, context=context))
    ours = gradients(model, -log_prob.mean())
    for one, other in zip(ours, gradients(model, model.loss(X, context=context)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
        assert one.any()


def test_gradient_of_a_mixture_weighs_masks_by_their_posterior(mixture):
    log_prob = mixture.log_prob(X, grad=True)
    torch.testing.assert_close(log_prob.detach(), mixture.log_prob(X), atol=1e-9, rtol=0)
    ours = gradients(mixture, log_prob.sum())
    each = torch.stack([mixture.log_prob(X, mask=k) for k in range(3)])
    weights = torch.softmax(each, dim=0)
    assert (weights.max(0).values > 0.5).any()
    expected = [torch.zeros_like(parameter) for parameter in mixture.parameters()]
    for k in range(3):
        parts = gradients(mixture, -len(X) * mixture.loss(X, mask=k, weight=weights[k].float()))
        expected = [total + part for total, part in zip(expected, parts, strict=True)]
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"orderings": 3}, {"orderings": 2, "context": 2}])
def test_gradient_is_the_slope_along_any_direction(randomize, settings):
    """Finite differences, in float32: a step that is not too small, and along a direction that matters."""
    model = randomize(made.MADE(MIXED, (8, 8), activation="tanh", **settings))
    context = [0.5, -1.0] if model.context else None
    slope = gradients(model, model.log_prob(X, context=context, grad=True).mean())
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        mixed = [
            g + 0.1 * g.norm() * torch.randn(g.shape, generator=generator) / g.numel() ** 0.5 for g in slope
        ]
        total = sum(float((d**2).sum()) for d in mixed) ** 0.5
        direction = [d * (g != 0) / total for d, g in zip(mixed, slope, strict=True)]
        values = []
        for step in (0.02, -0.04):  # to + 0.02, then to - 0.02
            with torch.no_grad():
                for parameter, d in zip(model.parameters(), direction, strict=True):
                    parameter.add_(d, alpha=step)
            values.append(float(model.log_prob(X, context=context).mean()))
        with torch.no_grad():
            for parameter, d in zip(model.parameters(), direction, strict=True):
                parameter.add_(d, alpha=0.02)
        expected = sum(float((g * d).sum()) for g, d in zip(slope, direction, strict=True))
        assert (values[0] - values[1]) / 0.04 == pytest.approx(expected, rel=0.01)
        assert abs(expected) > 0.1


def test_gradient_of_each_variable(model):
    parts = model.log_prob(X, per_variable=True, grad=True)
    assert parts.shape == X.shape
    for one, other in zip(
        gradients(model, parts.sum()), gradients(model, model.log_prob(X, grad=True).sum()), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_gradients_come_from_every_batch(model, mixture, monkeypatch):
    for own in (model, mixture):
        whole = gradients(own, own.log_prob(X, grad=True).sum())
        with monkeypatch.context() as patch:
            patch.setattr("made.base._NUMBERS_PER_BATCH", 5 * max(own.widths))
            assert own.rows_per_batch == 5
            parts = gradients(own, own.log_prob(X, grad=True).sum())
        for one, other in zip(whole, parts, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_gradients_are_kept_only_when_asked_for(model, mixture):
    for own in (model, mixture):
        assert not own.log_prob(X).requires_grad
        assert own.log_prob(X, grad=True).requires_grad
        with torch.no_grad():
            assert not own.log_prob(X, grad=True).requires_grad
        assert own.log_prob(X[:0], grad=True).shape == (0,)


def test_gradients_and_variables_need_complete_rows(refused, model):
    for options in ({"grad": True}, {"per_variable": True}, {"grad": True, "per_variable": True}):
        with refused("complete rows"):
            model.log_prob([[None, 1, 0, 2, 2]], **options)


def test_incomplete_rows_are_refused_where_they_teach_nothing(refused, model):
    for door in (model.loss, model.set_marginals, lambda rows: made.fit(model, rows, epochs=1)):
        with refused("row 1, column 2", "NaN"):
            door([[0, 1, 1, 2, 2], [0, 1, np.nan, 2, 2]])


# Outputs under a mask of its own making


def test_outputs_take_a_mask_itself(mixture):
    codes = encode_complete(mixture.variables, X).codes
    for k in (1, 0, 2, 1):
        assert torch.equal(mixture.outputs(codes, mixture.mask(k)), mixture.outputs(codes, k))
    groups = np.array([1, 0, 1, 0, 1])
    mask = mixture.mask_set.given_first(groups)
    own = mixture.outputs(codes, mask)
    assert all(not torch.allclose(own, mixture.outputs(codes, k)) for k in range(3))
    changed = codes.clone()
    changed[:, groups == 1] = 0  # what comes later is not seen by what comes first
    first = np.repeat(groups == 0, mixture.variables.output_sizes)
    assert torch.equal(mixture.outputs(changed, mask)[:, first], own[:, first])
    assert not torch.equal(mixture.outputs(changed, mask), own)


def test_it_is_one_line():
    model = made.MADE(made.Bernoulli(5), hidden=(8, 4), seed=0)
    assert repr(model) == "MADE(5 variables, hidden (8, 4), one mask, 109 parameters)"
    assert model.summary().parameters == 109
    some = made.MADE(made.Bernoulli(2), hidden=(4,), orderings=3, context=2)
    assert repr(some) == "MADE(2 variables, 2 of context, hidden (4,), 3 masks, 34 parameters)"
    fresh = made.MADE(made.Bernoulli(2), hidden=(4,), orderings="fresh", fresh_masks=2)
    assert repr(fresh) == "MADE(2 variables, hidden (4,), fresh masks, 2 masks, 22 parameters)"
    mixture = made.Mixture([made.MADE(made.Bernoulli(2), hidden=(4,), seed=seed) for seed in (0, 1)])
    assert repr(mixture) == "Mixture(2 variables, 2 models, 2 masks, 44 parameters)"
    own = made.Autoencoder(made.Bernoulli(2), hidden=(4,))
    assert repr(own) == "Autoencoder(2 variables, hidden (4,), 22 parameters)"


def test_a_notebook_shows_its_columns():
    schema = made.Schema.of_classes([2, 2], [None, ("<", ">")], names=["a&b", "c"])
    html = made.MADE(schema, hidden=(4,))._repr_html_()
    assert html.splitlines()[:2] == [
        "<table>",
        "<caption>MADE(2 variables, hidden (4,), one mask, 31 parameters)</caption>",
    ]
    assert "<td>a&amp;b</td>" in html
    assert html.endswith("</table>")
