"""A model and labels that no training row had: exact masses, questions, completions, samples, tables."""

from __future__ import annotations

import itertools

import numpy as np
import polars
import pytest
import torch
from scipy.stats import chisquare

import made
from made.queries.inference import Inference
from made.variables.rows import Rows
from made.variables.unseen import UNSEEN

VARIABLES = [
    made.Categorical(["a", "b", "c"], unseen=0.1),
    made.Bernoulli(1),
    made.Categorical(3, coding="radial-basis", unseen=0.3),
    made.Categorical(["x", "y", "z"], missing=True, unseen=0.2),
]
SIZES = [4, 2, 4, 5]  # with the label that is no class, and the missing entry
ALL = torch.tensor(list(itertools.product(*map(range, SIZES))))


@pytest.fixture(scope="module", params=["one mask", "mixture"])
def model(request, randomize):
    settings = {"ordering": [2, 0, 3, 1]} if request.param == "one mask" else {"orderings": 3, "seed": 5}
    return randomize(made.MADE(VARIABLES, hidden=(16, 16), **settings))


@pytest.fixture(scope="module")
def table(model):
    """p of every state, an array with an axis for each variable."""
    return model.log_prob(Rows(ALL)).exp().numpy().reshape(SIZES)


def test_all_states_together_have_probability_1(table):
    assert table.sum() == pytest.approx(1, abs=1e-6)
    assert table.min() > 0


def test_such_a_label_has_its_mass_whatever_comes_before(model, table):
    for d, unseen in ((0, 0.1), (2, 0.3), (3, 0.2)):
        assert table.take(-1, axis=d).sum() == pytest.approx(unseen, abs=1e-6)
    if model.n_masks == 1:
        rows = [["zzz", 1, 77, "w"], [5, 0, -1, 2]]
        p = model.log_prob(rows, per_variable=True).exp()
        np.testing.assert_allclose(p[:, [0, 2, 3]], [[0.1, 0.3, 0.2]] * 2, rtol=1e-6)


def test_all_such_labels_are_one_event(model):
    assert torch.equal(model.log_prob([["zzz", 1, 0, "x"]]), model.log_prob([["Z", 1, 0, "x"]]))


@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=4)))
def test_a_marginal_sums_over_such_labels_too(model, table, given):
    known = torch.tensor(given).expand(len(ALL), -1)
    expected = table.sum(axis=tuple(d for d in range(4) if not given[d]), keepdims=True)
    expected = np.log(np.broadcast_to(expected, SIZES).ravel())
    answer = model.marginal(Rows(ALL * known, known))
    np.testing.assert_allclose(answer.log_prob, expected, atol=1e-5)
    assert set(answer.method) == {"exact"}


def test_an_estimated_marginal_sums_over_them_too(model, table):
    known = torch.tensor([[False, True, False, True]])
    rows = Rows(torch.tensor([[0, 1, 0, 2]]), known)
    answer = model.marginal(rows, method="estimate", particles=20_000)
    expected = np.log(table.sum(axis=(0, 2))[1, 2])
    assert abs(answer.log_prob[0] - expected) < 4 * answer.error[0] + 1e-6
    assert answer.method[0] == "estimated" or answer.error[0] == 0


def test_the_conditional_of_a_variable_given_such_a_label(model, table):
    answer = model.conditional(0, {2: 77, 3: "w"})
    own = table[:3, :, 3, 4].sum(axis=1)
    np.testing.assert_allclose(answer, own / own.sum(), atol=1e-5)
    assert answer.values == ("a", "b", "c")


def test_completions_have_classes_alone_and_their_distribution(model):
    answer = model.complete([["zzz", None, None, None]], number=20_000, seed=1)
    assert set(answer.values[0, :, 0]) == {"zzz"}  # as it was given
    codes = answer.codes[0]
    assert codes[:, 2].max() <= 2
    assert codes[:, 3].max() <= 3
    if model.n_masks == 1:  # that an entry is recorded is no evidence about what comes before it
        own = model.log_prob(Rows(ALL), per_variable=True).exp().numpy().reshape([*SIZES, 4])
        q = own[3, :, :3, :3, 1] * own[3, :, :3, :3, 2] * own[3, :, :3, :3, 3] / _recorded(own)[3, :, :3, :3]
        counts = np.zeros(q.shape)
        np.add.at(counts, (codes[:, 1], codes[:, 2], codes[:, 3]), 1)
        assert chisquare(counts.ravel(), q.ravel() / q.sum() * counts.sum()).pvalue > 1e-3


def _recorded(own):
    """The probability, given what comes before it, that the last variable is x, y or z."""
    return own[:, :, :, :3, 3].sum(axis=3, keepdims=True)


@pytest.mark.parametrize("kind", ["variable", "joint"])
def test_modes_have_classes_alone(model, kind):
    answer = model.complete([["zzz", None, None, "w"], [None, 1, 99, None]], kind=kind)
    assert answer.values[0, [0, 3]].tolist() == ["zzz", "w"]
    assert answer.values[1, 1:3].tolist() == [1, 99]
    assert answer.codes[1, 0] < 3
    assert answer.codes[0, 2] < 3


@pytest.mark.parametrize("given", [{0: "zzz"}, {0: "zzz", 3: "y"}, ["zzz", None, None, None]])
def test_samples_given_such_a_label_hold_it_and_no_other(model, given):
    rows = model.sample(200, seed=0, given=given)
    assert set(rows[:, 0]) == {"zzz"}
    assert UNSEEN not in set(rows.ravel())
    assert UNSEEN not in set(model.sample(500, seed=0).ravel())


def test_many_rows_each_given_their_own(model):
    given = np.array([["p", None, 9, None], ["a", 0, None, None], ["q", 1, None, "z"]], dtype=object)
    rows = model.sample(3, seed=0, given=given)
    assert rows[:, 0].tolist() == ["p", "a", "q"]
    assert (rows[0, 2], rows[2, 3]) == (9, "z")


def test_one_pass_sampling_draws_what_the_plain_way_draws(model):
    codes = torch.tensor([[3, 0, 0, 4], [1, 1, 3, 0], [3, 1, 3, 4]]).repeat(20, 1)
    known = torch.tensor([[True, False, False, True], [False, True, True, False], [True, True, True, False]])
    rows, u = Rows(codes, known.repeat(20, 1)), np.random.default_rng(0).random((60, 4))
    for n in (1, 3, 60):
        one_pass, plain = (model._sample_under(0, u[:n], rows[:n], how) for how in ("one-pass", "plain"))
        assert torch.equal(one_pass.codes.long(), plain.codes.long())


def test_particles_of_a_completion_have_classes_alone(model):
    rows = Rows(torch.tensor([[0, 1, 0, 0]]), torch.tensor([[False, True, False, False]]))
    inference: Inference = model.inference(max_states=1, particles=500)
    states = inference.complete(rows, inference.evidence(rows), np.zeros(1, dtype=np.int64), each=300)
    assert (states.codes < np.array([3, 2, 3, 4])).all()


def test_it_is_logged_which_entry_it_was(model, caplog):
    with caplog.at_level("INFO", logger="made"):
        model.log_prob([["a", 1, 0, "x"], ["zzz", 1, 0, "x"]])
    assert "1 entry is a label that no training row had" in caplog.text
    assert "row 1, column x0, 'zzz'" in caplog.text


def test_a_saved_model_says_the_same(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert torch.equal(again.log_prob(Rows(ALL)), model.log_prob(Rows(ALL)))


def test_without_a_mass_such_a_label_is_refused(refused):
    with refused("'zzz'", "labels"):
        made.MADE([made.Categorical(["a", "b"])]).log_prob([["zzz"]])


def test_context_that_is_no_class_has_zero_features(randomize):
    model = randomize(
        made.MADE(made.Bernoulli(2), (8,), context=[made.Categorical(["a", "b", "c"], unseen=0.1)])
    )
    codes = model.context.rows([["zzz"]], 1)
    assert not model.context.features(codes).any()
    rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert model.log_prob(rows, context=[["zzz"]]).exp().sum() == pytest.approx(1, abs=1e-6)


# What is inferred


def frame(n=300, rare=("Bern", "Kyiv")):
    rng = np.random.default_rng(0)
    cities = rng.choice(["Oslo", "Rome", "Cairo"], n).tolist()
    cities[: len(rare)] = rare
    return polars.DataFrame({"city": cities, "sex": rng.choice(["f", "m"], n), "age": rng.integers(0, 3, n)})


@pytest.fixture(scope="module")
def fitted():
    settings = {"network": {"hidden": (8,)}, "training": {"epochs": 1}}
    return made.auto_fit(frame(), seed=0, **settings)


def test_classes_and_mass_come_from_the_training_rows(fitted):
    from made.training.held_out import numbers_apart

    kept = numbers_apart(300, 0)[0]
    trained = np.array(frame()["city"])[kept].tolist()
    column = fitted.schema.columns[0]
    assert list(column.labels) == sorted(set(trained))
    assert column.arguments["unseen"] == pytest.approx(
        max(sum(trained.count(c) == 1 for c in set(trained)) / 270, 1 / (270 + len(set(trained)) + 1))
    )
    assert "others" in str(fitted.schema)


def test_two_labels_have_none(fitted):
    assert fitted.schema.columns[1].arguments.get("unseen") is None
    made.auto_fit(np.array([["a"], ["b"]] * 20), seed=0, network={"hidden": (4,)}, training={"epochs": 1})


def test_validation_rows_may_hold_labels_that_training_rows_lack():
    train, valid = frame(rare=()), frame(40)
    model = made.auto_fit(train, valid, seed=0, network={"hidden": (8,)}, training={"epochs": 1})
    assert model.schema.columns[0].labels == ("Cairo", "Oslo", "Rome")
    assert np.flatnonzero(model.schema.unseen(valid)[:, 0]).tolist() == [0, 1]
    assert torch.isfinite(model.log_prob(valid)).all()


def test_a_frame_comes_back_as_it_was_given(fitted):
    asked = polars.DataFrame({"city": ["Atlantis", "Oslo"], "sex": [None, "f"], "age": [None, None]})
    filled = fitted.complete(asked, seed=0).rows
    assert filled["city"].to_list() == ["Atlantis", "Oslo"]
    assert filled["sex"].null_count() == filled["age"].null_count() == 0
    drawn = fitted.sample(2, seed=0, given=asked)
    assert drawn["city"].to_list() == ["Atlantis", "Oslo"]


def test_baselines_score_such_labels_alike():
    from made.baselines import ChowLiuTree, ProductOfMarginals

    train = np.random.default_rng(0).integers(0, 3, (50, 3))
    states = np.array(list(itertools.product(range(4), range(3), range(4))))
    for kind in (ProductOfMarginals, ChowLiuTree):
        baseline = kind(train, [3, 3, 3], unseen=[0.2, None, 0.1])
        p = np.exp(baseline.log_prob(states)).reshape(4, 3, 4)
        assert p.sum() == pytest.approx(1)
        assert p[3].sum() == pytest.approx(0.2)
        assert p[:, :, 3].sum() == pytest.approx(0.1)
        # Rows with such labels say nothing about classes.
        again = kind([*train.tolist(), [3, 0, 0]], [3, 3, 3], unseen=[0.2, None, 0.1])
        np.testing.assert_array_equal(again.log_prob(states), baseline.log_prob(states))


def test_a_condition_is_met_by_classes_alone(model, table):
    rows = Rows(torch.tensor([[0, 1, 0, 0]]), torch.tensor([[False, True, False, False]]))
    answer = model.marginal(rows, where={0: ["a", "c"]})
    expected = np.log(table[[0, 2], 1].sum())
    np.testing.assert_allclose(answer.log_prob, expected, atol=1e-5)
    drawn = model.sample(300, seed=0, where={0: ["a", "c"]})
    assert set(drawn[:, 0]) == {"a", "c"}
