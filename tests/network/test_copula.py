"""A copula is the regressions and discriminants of every ordering, on every way through a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import made
from made.network.copula import LEAST_NOISE, Copula, logits_within
from made.support.errors import InputError
from made.tuning.copula_of_rows import fit_copula
from made.variables.normal_mixture import N_COMPONENTS, outputs_of

CLASSES = [made.Categorical(3), made.Bernoulli(2), made.Categorical(4, n=2), made.Categorical(2)]
MIXED = [made.Numeric(2), made.Categorical(3), made.Numeric(missing=True, spikes=[0.0]), made.Bernoulli(2)]
ORDERINGS = [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], [3, 6, 1, 5, 2, 4]]


def filled(variables, seed=0):
    """Return the copula of some covariance matrix, with targets of any size."""
    draw = np.random.default_rng(seed)
    copula = Copula(made.MADE(variables).variables)
    n_targets, n_features = copula.targets.shape
    mixing = draw.normal(size=(n_features, n_features))
    copula.covariance.copy_(torch.from_numpy(mixing @ mixing.T + np.eye(n_features)))
    copula.mean.copy_(torch.from_numpy(draw.normal(size=n_features)))
    copula.targets.copy_(torch.from_numpy(0.3 * draw.normal(size=(n_targets, n_features))))
    copula.spreads.fill_(2.0)
    for own in copula.groups:
        n_classes = len(own.of_targets)
        copula.levels[own.targets] = torch.from_numpy(draw.dirichlet(np.ones(n_classes)))
        copula.spreads[own.targets] = 0.5
    return copula


def before(copula, variables, ranks, variable):
    """Return the features before a variable, their means, covariance and places among inputs."""
    owner = np.repeat(np.arange(len(ranks)), variables.input_sizes)[copula.inputs]
    own = np.flatnonzero(ranks[owner] < ranks[variable])
    return own, copula.mean.numpy()[own], copula.covariance.numpy()[np.ix_(own, own)], copula.inputs[own]


@pytest.mark.parametrize("ranks", ORDERINGS)
def test_a_body_is_the_regression_on_what_comes_before(ranks):
    ranks, variables = np.array(ranks), made.MADE(MIXED).variables
    copula = filled(MIXED)
    linear = copula.under(ranks)
    for own in copula.bodies:
        features, mean, covariance, inputs = before(copula, variables, ranks, own.variable)
        target = copula.targets[own.target].numpy()[features]
        slopes = np.linalg.solve(covariance, target)
        noise = max(2.0 - slopes @ target, LEAST_NOISE**2) ** 0.5
        positions = linear.weight[own.first_output + N_COMPONENTS : own.first_output + 2 * N_COMPONENTS]
        assert positions[:, inputs].numpy() == pytest.approx(np.tile(slopes, (N_COMPONENTS, 1)), abs=1e-5)
        expected = outputs_of(float(copula.levels[own.target] - slopes @ mean), noise) - outputs_of()
        got = linear.bias[own.first_output : own.first_output + 3 * N_COMPONENTS]
        assert got.numpy() == pytest.approx(expected.numpy(), abs=1e-4)


@pytest.mark.parametrize(("kinds", "n_groups"), [(MIXED, 4), (CLASSES, 6)])
@pytest.mark.parametrize("ranks", ORDERINGS)
def test_classes_are_the_discriminant_of_what_comes_before(kinds, n_groups, ranks):
    ranks, variables = np.array(ranks), made.MADE(kinds).variables
    copula = filled(kinds)
    copula.targets.mul_(0.1)  # so that little of the covariance is between classes
    linear = copula.under(ranks)
    assert len(copula.groups) == n_groups
    for own in copula.groups:
        features, mean, covariance, inputs = before(copula, variables, ranks, own.variable)
        means, shares = copula.targets[own.targets].numpy()[:, features], copula.levels[own.targets].numpy()
        within = covariance - (means.T * shares) @ means
        slopes = 0.5 * np.linalg.solve(within, means.T).T if len(features) else means
        levels = -(slopes * means).sum(axis=1) / 2 - slopes @ mean
        if own.is_one_logit:
            slopes, levels = np.diff(slopes, axis=0), np.diff(levels)
        rows = slice(own.first_output, own.first_output + len(levels))
        assert linear.weight[rows][:, inputs].numpy() == pytest.approx(slopes, abs=1e-5)
        assert linear.bias[rows].numpy() == pytest.approx(levels, abs=1e-5)


@pytest.mark.parametrize("kinds", [MIXED, CLASSES])
@pytest.mark.parametrize("ranks", ORDERINGS)
def test_it_is_zero_where_the_mask_is_and_nowhere_else(kinds, ranks):
    ranks, variables = np.array(ranks), made.MADE(kinds).variables
    copula = filled(kinds)
    weight = copula.under(ranks).weight.numpy()
    of_input, of_output = (
        np.repeat(ranks, sizes) for sizes in (variables.input_sizes, variables.output_sizes)
    )
    allowed = of_input[None] < of_output[:, None]
    assert not weight[~allowed].any()
    takes = np.zeros(weight.shape, bool)
    for own in copula.bodies:
        takes[own.first_output + N_COMPONENTS : own.first_output + 2 * N_COMPONENTS] = True
    for own in copula.groups:
        takes[[first for first, _, _ in own.outputs]] = True
    takes &= allowed & np.isin(np.arange(variables.n_inputs), copula.inputs)
    assert weight[takes].all()
    assert not weight[~takes].any()


def test_classes_that_take_more_than_all_of_the_variance_have_finite_logits():
    means = torch.tensor([[2.0, 0.0], [-2.0, 0.0]], dtype=torch.float64)
    found = logits_within(means, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert found.numpy() == pytest.approx(np.array([[42.0, 0.0], [-42.0, 0.0]]))


def fitted(n=600, **settings):
    draw = np.random.default_rng(0)
    normal = draw.normal(size=(n, 3)) @ draw.normal(size=(3, 3))
    label = np.digitize(normal[:, 0] + draw.normal(size=n), [-1.0, 1.0])
    gappy = np.where(draw.random(n) < 0.2, np.nan, normal[:, 1] + 0.1 * draw.normal(size=n))
    rows = np.column_stack([normal, label, gappy, label > draw.integers(0, 3, n)])
    variables = [made.Numeric(3), made.Categorical(3), made.Numeric(missing=True), made.Bernoulli(1)]
    own = {"hidden": (16, 16), "orderings": "fresh", "fresh_masks": 3, "direct": True, "copula": True}
    model = made.MADE(variables, **own | settings)
    model.set_marginals(rows)
    fit_copula(model, model.rows(rows))
    return model, rows


def test_every_ordering_has_the_density_of_one_gaussian():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(4000, 4)) @ draw.normal(size=(4, 4))
    model = made.MADE(
        made.Numeric(4), hidden=(8,), orderings="fresh", direct=True, copula=True, fresh_masks=4
    )
    model.set_marginals(rows)
    fit_copula(model, model.rows(rows), is_sharp=True)
    scores = model.scored(model.rows(rows)).scores.numpy()
    z = scores[:, :, 0]
    inside, seen = (np.abs(z) < 4).all(axis=1), z.clip(-4, 4)
    normal = stats.multivariate_normal(seen.mean(axis=0), np.cov(seen.T))
    gain = normal.logpdf(z) - stats.norm.logpdf(z).sum(axis=1)
    expected = (scores[:, :, 2].sum(axis=1) + gain)[inside]
    for mask in range(4):
        found = model.log_prob(rows, mask=mask).numpy()[inside]
        # The share of the marginal, a thousandth, costs that much in each column.
        assert found.mean() == pytest.approx(expected.mean(), abs=1e-2)


def test_no_output_sees_what_comes_after():
    model, rows = fitted()
    draw = np.random.default_rng(1)
    for parameter in model.parameters():
        parameter.data.add_(torch.from_numpy(0.1 * draw.normal(size=parameter.shape)).float())
    own = rows[~np.isnan(rows).any(axis=1)][:1]
    for mask in range(3):
        ordering = model.mask(mask).ordering
        was = model.log_prob(own, per_variable=True, mask=mask)[0]
        for place, variable in enumerate(ordering):
            changed = own.copy()
            changed[0, variable] = (
                1 - changed[0, variable] if variable in (3, 5) else changed[0, variable] + 0.3
            )
            now = model.log_prob(changed, per_variable=True, mask=mask)[0]
            assert torch.equal(was[ordering[:place]], now[ordering[:place]])


def test_scores_draws_and_gradients_go_by_the_same_copula():
    model, rows = fitted()
    own = model.rows(rows[:50])
    plain = [model._log_prob_plainly(k, own).sum(dim=1) for k in range(3)]
    expected = torch.logsumexp(torch.stack(plain), dim=0) - np.log(3)
    assert model.log_prob(own).numpy() == pytest.approx(expected.detach().numpy(), abs=1e-5)
    drawn = torch.as_tensor(model.sample(2_000, seed=0))
    for one, other in ((0, 1), (1, 4)):
        pairs = [own[:, [one, other]] for own in (torch.from_numpy(rows), drawn)]
        real, own = (torch.corrcoef(pair[~pair.isnan().any(dim=1)].T)[0, 1] for pair in pairs)
        assert float(own) == pytest.approx(float(real), abs=0.08)


def test_drawn_in_one_pass_is_drawn_plainly():
    model, _ = fitted()
    for mask in range(3):
        both = [
            torch.as_tensor(model.sample(200, seed=1, mask=mask, method=how)) for how in ("one-pass", "plain")
        ]
        assert both[0].isnan().equal(both[1].isnan())
        assert both[0].nan_to_num().numpy() == pytest.approx(both[1].nan_to_num().numpy(), abs=1e-4)


def test_a_file_keeps_it(tmp_path):
    model, rows = fitted()
    model.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert again.log_prob(rows).equal(model.log_prob(rows))
    assert again.network.copula is not None
    assert again.network.copula.covariance.dtype == torch.float64


def test_what_is_kept_of_masks_follows_it():
    (model, rows), (other, _) = fitted(), fitted()
    fit_copula(other, other.rows(rows[:200]))
    before, drawn = model.log_prob(rows), model.sample(20, seed=0)
    model.load_state_dict(other.state_dict())
    assert not model.log_prob(rows).equal(before)
    assert model.log_prob(rows).equal(other.log_prob(rows))
    again = model.sample(20, seed=0).nan_to_num()
    assert again.equal(other.sample(20, seed=0).nan_to_num())
    assert not again.equal(drawn.nan_to_num())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_of_another_precision_a_model_scores_the_same(dtype):
    model, rows = fitted()
    before = model.log_prob(rows)
    model.double().to(dtype)
    assert model.log_prob(rows).numpy() == pytest.approx(before.numpy(), abs=1e-4)
    assert model.network.copula.covariance.dtype == torch.float64


def test_torch_follows_it():
    model, rows = fitted()
    complete = torch.from_numpy(rows[~np.isnan(rows).any(axis=1)][:8])
    expected = model.log_prob(complete)
    parameters = {name: own.detach() for name, own in model.named_parameters()}

    def log_prob(own, row):
        return torch.func.functional_call(model, own, (row[None],))[0]

    found = torch.func.vmap(log_prob, in_dims=(None, 0))(parameters, complete)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    exported = torch.export.export(model, (complete,)).module()
    assert exported(complete).detach().numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_a_fit_goes_on_from_it():
    model, rows = fitted()
    before = model.log_prob(rows).mean()
    made.fit(model, rows, rows, epochs=3, batch_size=64, learning_rate=1e-3, seed=0)
    assert model.log_prob(rows).mean() > before


@pytest.mark.parametrize(
    ("variables", "settings"),
    [
        (made.Numeric(2), {"orderings": 1}),
        (made.Numeric(2), {"direct": False}),
        (made.Numeric(2), {"context": 1}),
        (made.Categorical(60, n=2), {}),
        (made.Bernoulli(600), {}),
        (made.Numeric(600), {}),
    ],
)
def test_a_model_that_cannot_have_one_says_so(variables, settings):
    own = {"orderings": "fresh", "direct": True, "copula": True, "hidden": (8,)}
    with pytest.raises(InputError, match="copula takes"):
        made.MADE(variables, **own | settings)


def test_a_file_whose_copula_is_of_another_size_is_refused(tmp_path):
    model, _ = fitted()
    model.network.copula.register_buffer("covariance", torch.eye(3, dtype=torch.float64))
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"network\.copula\.covariance of shape"):
        made.load(tmp_path / "model.safetensors")


def test_a_file_whose_covariances_are_none_is_refused(tmp_path):
    model, _ = fitted()
    model.network.copula.covariance[0, 1] = model.network.copula.covariance[1, 0] = 9.0
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="not positive definite"):
        made.load(tmp_path / "model.safetensors")
