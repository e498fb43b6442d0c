"""The mixture of several models: the mean of their densities, whatever is asked of it."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

import made

VARIABLES = [made.Bernoulli(1), made.Categorical(3), made.Bernoulli(1), made.Categorical(3, coding="scaled")]
MEMBERS = {
    "one mask each": [{}, {"ordering": [2, 0, 3, 1], "hidden": (7, 7), "direct": True}],
    "unequal masks": [{"orderings": 3}, {}, {"connectivities": 2, "activation": "tanh"}],
    "context": [{"context": 2}, {"context": 2, "orderings": 2}],
}


def build(randomize, name):
    return made.Mixture(
        [
            randomize(made.MADE(VARIABLES, **{"hidden": (12,), "seed": i, **own}), seed=i + 10, scale=1.5)
            for i, own in enumerate(MEMBERS[name])
        ]
    )


@pytest.fixture(scope="module", params=MEMBERS)
def mixture(request, randomize):
    return build(randomize, request.param)


@pytest.fixture(scope="module")
def unequal(randomize):
    return build(randomize, "unequal masks")


@pytest.fixture(scope="module")
def plain(randomize):
    return build(randomize, "one mask each")


def context_of(model):
    return {"context": [0.5, -1.0]} if model.context else {}


def test_it_is_the_mean_of_its_members(mixture, states):
    rows, own = states(mixture), context_of(mixture)
    by_member = torch.stack([member.log_prob(rows, **own) for member in mixture.members])
    log_prob = mixture.log_prob(rows, **own)
    assert torch.allclose(log_prob, by_member.logsumexp(dim=0) - math.log(len(by_member)), atol=1e-12)
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert torch.equal(mixture.nll(rows, **own), -log_prob)


def test_all_masks_together_are_the_mixture(mixture, states):
    """Each number has the same weight, so that each member has."""
    rows, own = states(mixture), context_of(mixture)
    each = torch.stack([mixture.log_prob(rows, mask=k, **own) for k in range(mixture.n_masks)])
    together = each.logsumexp(dim=0) - math.log(mixture.n_masks)
    assert torch.allclose(mixture.log_prob(rows, **own), together, atol=1e-12)
    assert torch.allclose(mixture.log_prob(rows, mask=[0, 1, 0], **own).exp(), each.exp()[[0, 1, 0]].mean(0))
    assert torch.allclose(mixture.log_prob(rows, per_variable=True, mask=1, **own).sum(dim=1), each[1])


def test_masks_are_numbered_by_turns(unequal):
    assert unequal.n_masks == 18
    found = [unequal.mask_set.find(k) for k in range(18)]
    assert found[:7] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 0), (2, 1), (0, 2)]
    for k, (member, own) in enumerate(found):
        expected = unequal.members[member].mask(own)
        assert all(map(np.array_equal, unequal.mask(k).layers, expected.layers))


def test_a_repeated_mask_is_computed_once(unequal, states, monkeypatch):
    calls = []
    for i, member in enumerate(unequal.members):
        whole = member._log_prob_under
        monkeypatch.setattr(
            member,
            "_log_prob_under",
            lambda mask, rows, i=i, whole=whole: calls.append((i, mask)) or whole(mask, rows),
        )
    unequal.log_prob(states(unequal))
    assert sorted(calls) == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]


def test_its_gradient_is_that_of_every_member(plain, states):
    plain.log_prob(states(plain), grad=True).mean().backward()
    assert all(bool(parameter.grad.any()) for parameter in plain.parameters())
    plain.zero_grad(set_to_none=True)


def test_samples_follow_the_density(mixture, table):
    own = context_of(mixture)
    joint = table(mixture, **own)
    rows = mixture.sample(20_000, seed=3, **own)
    counts = np.bincount(joint.cells(rows), minlength=len(joint.p))
    expected = joint.p * 20_000
    assert ((counts - expected) ** 2 / np.maximum(expected, 1)).sum() < 36 + 5 * math.sqrt(2 * 36)


def test_row_i_is_a_function_of_seed_and_i(mixture, monkeypatch):
    own = context_of(mixture)
    rows = mixture.sample(100, seed=4, **own)
    assert torch.equal(mixture.sample(100, seed=4, method="plain", **own), rows)
    assert torch.equal(mixture.sample(30, seed=4, first=20, **own), rows[20:50])
    monkeypatch.setattr(made.Mixture, "rows_per_batch", 7)
    assert torch.equal(mixture.sample(100, seed=4, **own), rows)


def test_questions_agree_with_the_table(mixture, table, patterns):
    own = context_of(mixture)
    joint, row = table(mixture, **own), np.array([1, 2, 0, 1])
    for pattern in patterns(row):
        known = np.where(pattern < 0, np.nan, pattern)
        answer = mixture.marginal([known], method="exact", **own)
        assert float(np.exp(answer.log_prob[0])) == pytest.approx(joint.marginal(pattern), rel=1e-5)
        for variable in np.flatnonzero(pattern < 0):
            found = mixture.conditional(int(variable), known, **own).probabilities
            assert found == pytest.approx(joint.conditional(pattern, variable), rel=1e-4)
    assert mixture.log_prob([[None, 2, None, 1]], **own).exp().item() == pytest.approx(
        joint.marginal(np.array([-1, 2, -1, 1])), rel=1e-5
    )


def test_an_estimate_is_near_the_exact_answer(unequal, table):
    answer = unequal.marginal([[None, 2, None, 1]], method="estimate", particles=2000)
    exact = math.log(table(unequal).marginal(np.array([-1, 2, -1, 1])))
    assert answer.log_prob[0] == pytest.approx(exact, abs=5 * answer.error[0] + 1e-5)


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
def test_completions_keep_what_is_given(mixture, kind):
    own = context_of(mixture)
    filled = mixture.complete([[1, None, 0, None], [None, 2, None, 0]], kind, seed=0, **own).codes
    assert filled[0, [0, 2]].tolist() == [1, 0]
    assert filled[1, [1, 3]].tolist() == [2, 0]
    assert (filled < mixture.variables.n_values).all()


def test_completions_follow_the_conditional(unequal, table):
    joint, row = table(unequal), np.array([-1, 2, -1, 1])
    rows = unequal.sample(5000, seed=1, given={1: 2, 3: 1})
    counts = np.bincount(joint.cells(rows), minlength=len(joint.p))
    assert np.abs(counts / 5000 - joint.posterior(row)).max() < 0.04


def test_given_first_asks_every_member(randomize, states):
    members = [randomize(made.MADE(VARIABLES, (12,), seed=i, orderings=2), seed=i) for i in (0, 1)]
    mixture = made.Mixture(members)
    found = mixture.marginal([[None, 2, 0, None]], method="given-first").log_prob
    each = [member.marginal([[None, 2, 0, None]], method="given-first").log_prob for member in members]
    assert found == pytest.approx(np.logaddexp(*each) - math.log(2))


def test_as_a_distribution_of_torch(plain, states):
    rows = torch.from_numpy(states(plain))
    assert torch.allclose(plain.distribution().log_prob(rows), plain.log_prob(rows))
    assert plain.distribution().sample((5,)).shape == (5, 4)


def test_outputs_and_summary_are_of_a_member(unequal, states):
    rows = states(unequal)
    assert torch.equal(unequal.outputs(rows, 5), unequal.members[2].outputs(rows, 1))
    assert str(unequal.members[2].summary(1)) in str(unequal.summary(5))
    assert "member 2 of a mixture of 3 models: mixture of 3 masks" in str(unequal.summary(5))
    assert unequal.mask_set.orderings == 3


def test_file_and_back(mixture, tmp_path):
    own = context_of(mixture)
    mixture.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    assert isinstance(again, made.Mixture)
    assert again.settings() == mixture.settings()
    rows = mixture.sample(20, seed=1, **own)
    assert torch.equal(again.sample(20, seed=1, **own), rows)
    assert torch.equal(again.log_prob(rows, **own), mixture.log_prob(rows, **own))
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_a_file_whose_masked_weights_are_not_zero_is_refused(plain, refused, tmp_path):
    altered = copy.deepcopy(plain)
    with torch.no_grad():
        altered.members[1].network.weights[-1].fill_(1.0)
    altered.save(tmp_path / "model")
    with refused("altered"):
        made.load(tmp_path / "model")


def test_its_schema_is_its_own(plain, refused, tmp_path):
    renamed = copy.deepcopy(plain)
    renamed.schema = renamed.schema.rename(["a", "b", "c", "d"])
    assert renamed.members[0].schema.names == ("x0", "x1", "x2", "x3")
    renamed.save(tmp_path / "model")
    assert made.load(tmp_path / "model").schema.names == ("a", "b", "c", "d")
    with refused("only names"):
        renamed.schema = made.Schema.of_classes([2, 3])


def test_it_moves_with_its_members(plain):
    moved = copy.deepcopy(plain).to("meta")
    assert moved.device.type == moved.members[1].device.type == "meta"


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], ["two members or more"]),
        ([made.MADE(made.Bernoulli(4))], ["same columns", "member 1"]),
        ([made.MADE(made.Bernoulli(3), context=1)], ["same columns"]),
        ([made.MADE(made.Bernoulli(3), orderings="fresh")], ["member 1 draws fresh masks"]),
        ([made.MADE(made.Bernoulli(3)).to("meta")], ["one device", "meta"]),
        ([made.Autoencoder(made.Bernoulli(3))], ["member 1", "Autoencoder"]),
        ([made.Mixture([made.MADE(made.Bernoulli(3)) for _ in range(2)])], ["member 1", "Mixture"]),
    ],
)
def test_members_that_make_no_mixture(refused, others, words):
    with refused(*words):
        made.Mixture([made.MADE(made.Bernoulli(3)), *others])


def test_no_model_twice(refused):
    model = made.MADE(made.Bernoulli(3))
    with refused("no model twice"):
        made.Mixture([model, model])


def test_it_is_not_trained(plain, refused, states):
    rows = states(plain)
    for train in (
        lambda: made.fit(plain, rows, epochs=1),
        lambda: plain.loss(rows),
        lambda: plain.training_product(0),
        lambda: plain.set_marginals(rows),
    ):
        with refused("fit its members"):
            train()
    assert not plain.at_initialization


def test_what_a_mixture_has_not(unequal, refused, states):
    rows = states(unequal)
    with refused("there is no mask 18", "0..17"):
        unequal.log_prob(rows, mask=18)
    with refused("per_variable needs one mask", "mixture of 3 models"):
        unequal.log_prob(rows, per_variable=True)
    with refused("by its number"):
        unequal.outputs(rows, unequal.mask(0))
    with refused("several orderings"):
        unequal.marginal(rows[:1], method="given-first")
