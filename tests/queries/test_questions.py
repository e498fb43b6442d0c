"""Questions about incomplete rows: every answer against the table, how it was found, and what is refused."""

from __future__ import annotations

import math
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import made
from made.support.errors import PoorEstimateWarning
from made.variables.rows import Rows

NAN = float("nan")
ROW = np.array([1, 2, 0, 1])
FIRST = "exact: what is given comes first in the ordering"
SUMMED = "exact: summed over all states of what is unknown"
ESTIMATED = "estimated: importance-weighted particles"
GIVEN_FIRST = "exact under orderings with the given variables first, which are not the model's own mixture"


def with_nan(rows):
    """Codes with -1 where unknown, as a user marks them."""
    return np.where(np.asarray(rows) < 0, np.nan, rows)


# marginal


def test_marginal_of_every_pattern_in_one_call(small, patterns):
    rows = patterns(ROW)
    answer = made.marginal(small.model, with_nan(rows), **small.context)
    expected = np.log([small.table.marginal(row) for row in rows])
    np.testing.assert_allclose(answer.log_prob, expected, atol=2e-5)
    np.testing.assert_array_equal(np.asarray(answer), answer.log_prob)
    assert answer.error.tolist() == [0] * 16
    assert np.isposinf(answer.ess).all()
    assert len(answer) == len(answer.how) == 16
    assert set(answer.how) == {FIRST, SUMMED}


def test_log_prob_of_incomplete_rows_is_the_marginal(small, patterns):
    rows = with_nan(patterns(ROW))
    answer = small.model.log_prob(rows, **small.context)
    assert answer.dtype == torch.float64
    np.testing.assert_array_equal(answer.numpy(), made.marginal(small.model, rows, **small.context).log_prob)
    one = small.model.log_prob(rows, mask=small.model.n_masks - 1, **small.context)
    own = made.marginal(small.model, rows, mask=small.model.n_masks - 1, **small.context)
    np.testing.assert_array_equal(one.numpy(), own.log_prob)


def test_everything_known_is_log_prob_and_nothing_known_is_certain(small):
    rows = small.table.states[::5]
    answer = made.marginal(small.model, rows, **small.context)
    expected = small.model.log_prob(rows, **small.context).numpy()
    np.testing.assert_allclose(answer.log_prob, expected, atol=1e-6)
    nothing = np.full((2, 4), NAN)
    certain = pytest.approx([0, 0], abs=1e-12)
    assert made.marginal(small.model, nothing, **small.context).log_prob.tolist() == certain
    assert small.model.log_prob(nothing, **small.context).tolist() == certain


@pytest.mark.parametrize(
    ("rows", "unknown", "is_labelled"),
    [
        ([[NAN, 2, NAN, 1]], None, False),
        ([[None, "blue", None, "1"]], None, True),
        ([[None, 2, None, 1]], None, False),
        (np.ma.masked_array([[5, 2, -9, 1]], [[True, False, True, False]]), None, False),
        (torch.tensor([[NAN, 2, NAN, 1]]), None, False),
        (torch.tensor([[7, 2, 7, 1]]), [True, False, True, False], False),
        ([[0, "blue", None, "1"]], [[True, False, False, False]], True),
    ],
)
def test_every_marking_asks_the_same(small_one, rows, unknown, is_labelled, with_labels):
    small = small_one("both")
    model = with_labels(small.model) if is_labelled else small.model
    expected = np.log(small.table.marginal(np.array([-1, 2, -1, 1])))
    assert made.marginal(model, rows, unknown=unknown).log_prob.tolist() == pytest.approx(
        [expected], abs=1e-5
    )
    filled = made.complete(model, rows, unknown=unknown, seed=3).rows
    same = made.complete(small.model, [[NAN, 2, NAN, 1]], seed=3).rows
    assert filled.tolist() == model.schema.decode(same).tolist()
    if unknown is None:
        assert model.log_prob(rows).tolist() == pytest.approx([expected], abs=1e-5)


def test_one_mask_of_a_mixture_and_some_of_them(small_one, patterns, table):
    small = small_one("both")
    rows = patterns(ROW)
    for mask in (2, [2], [0, 5]):
        own = table(small.model, mask)
        answer = made.marginal(small.model, with_nan(rows), mask=mask)
        np.testing.assert_allclose(answer.log_prob, [np.log(own.marginal(row)) for row in rows], atol=2e-5)


# conditional


def test_conditional_of_every_unknown_variable(small, patterns):
    for row in patterns(ROW):
        given = {d: int(row[d]) for d in range(4) if row[d] >= 0}
        for variable in set(range(4)) - set(given):
            answer = made.conditional(small.model, variable, given, **small.context)
            expected = small.table.conditional(row, variable)
            np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
            assert answer.probabilities.sum() == pytest.approx(1)
            assert (answer.error == 0).all()
            assert answer.ess == math.inf
            assert answer.how in (FIRST, SUMMED)


def test_conditional_takes_givens_in_many_forms(small_one, with_labels):
    model = small_one("both").model
    expected = made.conditional(model, 0, {1: 2, 3: 1}).probabilities
    for given in (
        {3: 1, 1: np.int64(2)},
        [None, 2, None, 1],
        [[NAN, 2, NAN, 1]],
        torch.tensor([NAN, 2, NAN, 1]),
    ):
        np.testing.assert_array_equal(made.conditional(model, 0, given).probabilities, expected)
    for given in ({1: "blue", 3: 1}, [None, "blue", None, 1]):
        answer = made.conditional(with_labels(model), 0, given)
        np.testing.assert_array_equal(answer.probabilities, expected)


def test_conditional_given_nothing_is_the_variables_own_distribution(small):
    for given in (None, {}, [None] * 4):
        answer = made.conditional(small.model, 1, given, **small.context)
        expected = np.bincount(small.table.states[:, 1], small.table.p)
        np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)


def test_conditional_says_what_the_codes_stand_for(small_one, with_labels):
    model = with_labels(small_one("one mask").model)
    answer = made.conditional(model, 1, {0: 1})
    assert answer.values == ("red", "green", "blue")
    assert made.conditional(model, 0).values == (0, 1)
    assert made.conditional(model, 3).values == (0, 1, 2)
    assert len(answer) == 3
    assert answer[1] == answer.probabilities[1]
    np.testing.assert_array_equal(np.asarray(answer), answer.probabilities)


@pytest.mark.parametrize("name", ["one mask", "both", "context"])
def test_estimated_conditionals_say_how_sure_they_are(small_one, name):
    small = small_one(name)
    for variable, given in ((1, {0: 1, 3: 1}), (2, {0: 1}), (3, {0: 1}), (0, {3: 1, 1: 0})):
        row = np.full(4, -1)
        row[list(given)] = list(given.values())
        expected, scores = small.table.conditional(row, variable), []
        for seed in range(12 if name == "both" else 40):
            options = {"method": "estimate", "particles": 400, "seed": seed, **small.context}
            answer = made.conditional(small.model, variable, given, **options)
            assert answer.probabilities.sum() == pytest.approx(1)
            assert answer.how == ESTIMATED
            assert 1 <= answer.ess <= 400 * small.model.n_masks
            scores.append((answer.probabilities - expected) / answer.error)
        spread = np.sqrt(np.mean(np.square(scores), axis=0))
        assert np.abs(scores).max() < 5
        assert ((spread > 0.6) & (spread < 1.5)).all()


@pytest.mark.parametrize(
    ("variable", "known"),
    [(-1, "0..3"), (4, "0..3"), (True, "0..3"), (1.0, "0..3"), ("x4", "x0..x3"), (None, "0..3")],
)
def test_a_variable_that_does_not_exist_is_refused(refused, small_one, variable, known):
    with refused(f"no variable {variable!r}", known):
        made.conditional(small_one("one mask").model, variable)
    with refused(f"no variable {variable!r}", known):
        made.conditional(small_one("one mask").model, 0, {variable: 0})


def test_a_variable_without_a_name_is_called_after_its_number(small_one):
    model = small_one("one mask").model
    expected = made.conditional(model, 1, {0: 1})
    np.testing.assert_array_equal(made.conditional(model, "x1", {"x0": 1}), expected)


def test_a_variable_that_is_given_is_refused(refused, small_one):
    with refused("variable 2 is itself given"):
        made.conditional(small_one("one mask").model, 2, {2: 1})


def test_conditional_answers_for_one_row(refused, small_one):
    with refused("one row", "2"):
        made.conditional(small_one("one mask").model, 2, [[None] * 4] * 2)


# complete: samples


def test_samples_follow_the_conditional_joint_distribution(small, patterns):
    rows, number = patterns(ROW), 1000
    answer = made.complete(small.model, with_nan(rows), number=number, seed=2, **small.context)
    assert answer.shape == answer.rows.shape == (16, number, 4)
    assert answer.kind == "draw"
    assert set(answer.how) == {FIRST, SUMMED}
    for row, own in zip(rows, answer.codes, strict=True):
        assert (own[:, row >= 0] == row[row >= 0]).all()
        expected = small.table.posterior(row)
        cells = np.bincount(small.table.cells(own), minlength=36)
        large = expected * number >= 5
        if large.sum() > 1:
            expected = expected[large] / expected[large].sum() * cells[large].sum()
            assert chisquare(cells[large], expected).pvalue > 1e-4


def test_one_completion_is_the_first_of_several(small):
    rows = with_nan([[1, -1, -1, 2], [-1, -1, 0, -1]])
    one = made.complete(small.model, rows, seed=5, **small.context)
    three = made.complete(small.model, rows, number=3, seed=5, **small.context)
    nine = made.complete(small.model, rows, number=9, seed=5, **small.context)
    assert one.shape == (2, 4)
    assert one.codes.dtype == np.int64
    np.testing.assert_array_equal(one, three[:, 0])
    np.testing.assert_array_equal(three, nine[:, :3])
    other = made.complete(small.model, rows, number=9, seed=6, **small.context)
    assert (np.asarray(other) != np.asarray(nine)).any()


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
@pytest.mark.parametrize("method", ["auto", "estimate", "given-first"])
def test_rows_asked_about_later_change_no_answer(small_one, patterns, kind, method):
    small = small_one("both")
    rows = with_nan(patterns(ROW))
    options = {"kind": kind, "method": method, "particles": 50, "max_states": 6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        whole = made.complete(small.model, rows, **options)
        part = made.complete(small.model, rows[:7], **options)
    np.testing.assert_array_equal(part, whole[:7])
    np.testing.assert_allclose(part.log_prob, whole.log_prob[:7], atol=1e-6)
    assert part.how == whole.how[:7]


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
@pytest.mark.parametrize("method", ["auto", "estimate", "given-first"])
def test_rows_asked_about_before_change_no_answer(small_one, kind, method):
    """Row 3 stays row 3, whether the others leave the same entries unknown or other ones."""
    model = small_one("both").model
    own = [-1, -1, 1, -1]
    options = {"kind": kind, "method": method, "particles": 3, "max_states": 2}
    answers = []
    for seed in range(4 if kind == "joint" else 8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoorEstimateWarning)
            alike = made.complete(model, with_nan([own] * 4), seed=seed, **options)
            mixed = made.complete(model, with_nan([ROW, [1, -1, -1, 0], ROW, own]), seed=seed, **options)
        assert alike[3].tolist() == mixed[3].tolist()
        answers.append(alike[3].tolist())
    assert len({tuple(answer) for answer in answers}) > 1 or kind == "joint"


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
@pytest.mark.parametrize("method", ["auto", "estimate", "given-first"])
def test_rows_may_come_in_portions(small_one, patterns, kind, method):
    small = small_one("both")
    rows = with_nan(patterns(ROW))
    options = {"kind": kind, "method": method, "particles": 50, "max_states": 6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        whole = made.complete(small.model, rows, **options)
        for first in (0, 5, 10, 15):
            part = made.complete(small.model, rows[first : first + 5], first=first, **options)
            np.testing.assert_array_equal(part, whole[first : first + 5])


def test_everything_known_comes_back(small):
    rows = small.table.states[::7]
    for kind in ("draw", "variable", "joint"):
        answer = made.complete(small.model, rows, kind, **small.context)
        np.testing.assert_array_equal(answer.codes, rows)
        np.testing.assert_array_equal(answer, small.model.schema.decode(rows))
        np.testing.assert_allclose(answer.log_prob, np.log(small.table.p[::7]), atol=1e-5)


def test_posterior_weights_and_no_others(small_one, table):
    """Masks of equal weight would give a clearly wrong answer, and another ordering one that differs."""
    small = small_one("both")
    of_masks = [table(small.model, k) for k in range(6)]
    worst = 0.0
    for row in np.unique(small.table.states[:, :3], axis=0):
        row = np.append(row, -1)
        right = small.table.conditional(row, 3)
        naive = np.mean([one.conditional(row, 3) for one in of_masks], axis=0)
        given = {d: int(row[d]) for d in range(3)}
        np.testing.assert_allclose(made.conditional(small.model, 3, given).probabilities, right, atol=1e-5)
        worst = max(worst, np.abs(right - naive).max())
    assert worst > 0.03


# complete: most probable


def test_kinds_against_the_table(small, patterns):
    rows = patterns(ROW)[1:]
    separate = made.complete(small.model, with_nan(rows), "variable", **small.context)
    joint = made.complete(small.model, with_nan(rows), "joint", **small.context)
    assert (separate.kind, joint.kind) == ("variable", "joint")
    assert set(separate.how) == set(joint.how) == {SUMMED}
    for row, one, all_of_it in zip(rows, separate.codes, joint.codes, strict=True):
        best = small.table.posterior(row).argmax()
        assert all_of_it.tolist() == small.table.states[best].tolist()
        assert one.tolist() == [small.table.conditional(row, d).argmax() for d in range(4)]


def test_kinds_that_are_estimated_say_so(small_one):
    model = small_one("both").model
    rows = with_nan([[-1, -1, 0, -1]])
    separate = made.complete(model, rows, "variable", max_states=17)
    joint = made.complete(model, rows, "joint", max_states=17)
    assert separate.how == ("estimated: counted among drawn completions",)
    assert joint.how == ("found by search: none better was met",)
    under = made.complete(model, rows, "joint", max_states=17, method="given-first").how[0]
    assert under == f"found by search: none better was met; {GIVEN_FIRST}"


# What comes in as labels goes out as labels


@pytest.fixture
def labelled(randomize):
    """A model of labels that are strings, labels that are numbers, and a bit."""
    variables = [made.Categorical(["no", "yes"]), made.Categorical([10, 20, 40]), made.Bernoulli(1)]
    return randomize(made.MADE(variables, (8,)))


@pytest.mark.parametrize("options", [{}, {"number": 3}, {"kind": "variable"}, {"kind": "joint"}])
def test_completed_rows_hold_labels(labelled, options):
    rows = [["yes", None, 1], [None, 20, None], ["no", 40, 0]]
    answer = labelled.complete(rows, **options)
    assert answer.rows.shape == answer.codes.shape == answer.shape == np.asarray(answer).shape
    flat = answer.rows.reshape(-1, 3)
    assert set(flat[:, 0]) <= {"no", "yes"}
    assert set(flat[:, 1]) <= {10, 20, 40}
    assert set(flat[:, 2]) <= {0, 1}
    np.testing.assert_array_equal(labelled.rows(flat).codes, answer.codes.reshape(-1, 3))
    for row, own in zip(rows, answer, strict=True):
        for place in (place for place, value in enumerate(row) if value is not None):
            assert np.unique(own[..., place]).tolist() == [row[place]]


def test_completed_rows_of_labels_may_be_asked_about_again(labelled):
    filled = labelled.complete([["yes", None, 1], [None, 20, None]])
    np.testing.assert_array_equal(labelled.complete(filled.rows).rows, filled.rows)
    again = labelled.marginal(filled.rows).log_prob
    encoded = Rows(torch.from_numpy(filled.codes))
    np.testing.assert_allclose(again, labelled.log_prob(encoded).numpy(), atol=1e-6)


def test_labels_that_are_all_numbers_go_out_as_numbers(randomize):
    model = randomize(made.MADE([made.Categorical([10, 20, 40], n=2)], (8,)))
    answer = model.complete([[10, None]], number=50)
    assert answer.rows.dtype.kind == "i"
    assert set(answer.rows[0, :, 1]) == {10, 20, 40}
    assert (answer.rows[0, :, 0] == 10).all()


def test_codes_go_out_where_there_are_no_labels():
    answer = made.MADE([made.Bernoulli(1), made.Categorical(3)], (8,)).complete([[1, None]])
    assert answer.rows is answer.codes
    assert answer.rows.dtype == np.int64


# Encoded rows, and rows in portions


def test_questions_are_methods(small):
    rows = with_nan([[1, -1, -1, 2], [-1, -1, 0, -1]])
    for ask in ("marginal", "complete"):
        method, function = getattr(small.model, ask), getattr(made, ask)
        answer, same = (
            method(rows, seed=3, **small.context),
            function(small.model, rows, seed=3, **small.context),
        )
        np.testing.assert_array_equal(answer, same)
        np.testing.assert_array_equal(answer.log_prob, same.log_prob)
        assert answer.how == same.how
    answer = small.model.conditional(1, {0: 1}, **small.context)
    np.testing.assert_array_equal(answer, made.conditional(small.model, 1, {0: 1}, **small.context))


def test_encoded_rows_pass_as_they_are(small):
    table = with_nan([[1, -1, -1, 2], [-1, -1, 0, -1]])
    context = small.model.context.rows(small.context["context"], 2)
    codes = torch.from_numpy(np.nan_to_num(table)).to(torch.uint8)
    rows = Rows(codes, torch.from_numpy(~np.isnan(table)), context)
    np.testing.assert_array_equal(
        small.model.marginal(rows), small.model.marginal(table, **small.context).log_prob
    )
    np.testing.assert_array_equal(
        small.model.complete(rows, seed=3), small.model.complete(table, seed=3, **small.context)
    )
    np.testing.assert_array_equal(
        small.model.sample(9, seed=3, given=rows[:1], **small.context),
        small.model.sample(9, seed=3, given=table[0], **small.context),
    )
    np.testing.assert_array_equal(
        small.model.conditional(1, rows[:1], **small.context),
        small.model.conditional(1, table[0], **small.context),
    )


def test_marginals_may_come_in_portions(small, patterns):
    rows = with_nan(patterns(ROW))
    options = {"method": "estimate", "particles": 50, **small.context}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        whole = small.model.marginal(rows, **options)
        for first in (0, 5, 10, 15):
            part = small.model.marginal(rows[first : first + 5], first=first, **options)
            np.testing.assert_allclose(part.log_prob, whole.log_prob[first : first + 5], atol=1e-6)
            np.testing.assert_allclose(part.error, whole.error[first : first + 5], atol=1e-6)


class NotAvailable:
    """As ``pd.NA``: a comparison with it is itself, and has no truth value."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


def test_a_missing_value_of_pandas_is_an_unknown_entry(labelled):
    marks = [NotAvailable(), np.datetime64("NaT"), np.timedelta64("NaT")]
    if find_spec("pandas"):
        pandas = import_module("pandas")
        marks += [pandas.NA, pandas.NaT]
    for mark in marks:
        rows = [["yes", mark, 1], [mark, 20, mark]]
        expected = [["yes", None, 1], [None, 20, None]]
        assert labelled.log_prob(rows).tolist() == labelled.log_prob(expected).tolist()
        np.testing.assert_array_equal(labelled.complete(rows), labelled.complete(expected))
        given = {0: "yes", 1: mark}
        np.testing.assert_array_equal(
            labelled.sample(5, 0, given=given), labelled.sample(5, 0, given={0: "yes"})
        )
        np.testing.assert_array_equal(labelled.conditional(2, given), labelled.conditional(2, {0: "yes"}))


# Methods


def test_estimate_does_not_sum_and_auto_does(small_one):
    small = small_one("one mask")  # ordering 2 1 3 0
    rows = with_nan([[0, -1, -1, -1], [-1, -1, 0, -1]])
    exact = np.log([small.table.marginal(np.array(row)) for row in ([0, -1, -1, -1], [-1, -1, 0, -1])])
    auto, estimate = (made.marginal(small.model, rows, method=method) for method in ("auto", "estimate"))
    assert auto.how == (SUMMED, FIRST)
    assert estimate.how == (ESTIMATED, FIRST)
    np.testing.assert_allclose(auto.log_prob, exact, atol=2e-5)
    assert estimate.log_prob[0] != auto.log_prob[0]
    assert abs(estimate.log_prob[0] - exact[0]) < 5 * estimate.error[0]
    assert 0 < estimate.error[0] < 0.1
    assert estimate.ess[0] <= 1000
    assert (estimate.error[1], estimate.ess[1]) == (0, math.inf)


@pytest.mark.parametrize(("max_states", "how"), [(17, ESTIMATED), (18, SUMMED)])
def test_auto_sums_over_so_many_states(small_one, max_states, how):
    """Variables 2, 1 and 3 come before variable 0: 18 states."""
    rows = [[0, None, None, None]]
    assert made.marginal(small_one("one mask").model, rows, max_states=max_states).how == (how,)


def test_exact_refuses_to_estimate(refused, small_one):
    model = small_one("one mask").model
    rows = [[None, 1, 0, None], [0, None, None, None]]
    for ask in (made.marginal, made.complete):
        with refused("row 1 has no exact answer", "3 unknown variables", "18 states", "max_states"):
            ask(model, rows, method="exact", max_states=17)
        assert ask(model, rows, method="exact", max_states=18).how == (FIRST, SUMMED)
    with refused("no exact answer"):
        made.conditional(model, 1, {0: 0}, method="exact", max_states=2)


@pytest.mark.parametrize("kind", ["variable", "joint"])
def test_exact_refuses_to_search(refused, small_one, kind):
    """What is known comes first, but its most probable completions are among too many to go through."""
    model = small_one("one mask").model
    with refused("exact", "max_states"):
        made.complete(model, [[None, None, 1, None]], kind, method="exact", max_states=17)
    assert made.complete(model, [[None, None, 1, None]], kind, method="exact", max_states=18).how == (SUMMED,)


def test_seed_decides_an_estimate(small_one):
    model, rows = small_one("both").model, [[None, 1, None, 0]]
    one, again, other = (made.marginal(model, rows, method="estimate", seed=s).log_prob[0] for s in (1, 1, 2))
    assert one == again != other


def poor(particles=1000):
    """A model whose first variables almost never let the last be 1, and a question about when it is."""
    model = made.MADE(made.Bernoulli(3), hidden=())
    with torch.no_grad():
        model.network.weights[0][2, 0] = 20.0
        model.network.biases[0][:] = torch.tensor([-6.0, 0.0, -12.0])
    return model, [[None, None, 1]], {"method": "estimate", "particles": particles}


def test_a_poor_estimate_warns_where_it_was_asked_for():
    model, rows, options = poor()
    for ask in (made.marginal, made.complete):
        with pytest.warns(PoorEstimateWarning, match="row 0 rests on .* effective particles") as caught:
            assert ask(model, rows, **options).ess[0] < 30
        assert caught[0].filename == __file__
    with pytest.warns(PoorEstimateWarning) as caught:
        made.conditional(model, 1, {2: 1}, **options)
    assert caught[0].filename == __file__


def test_poor_answers_of_the_model_itself_warn_there_too(randomize):
    model = made.MADE(made.Bernoulli(14), hidden=())
    with torch.no_grad():
        model.network.weights[0][13, 0] = 20.0
        model.network.biases[0][0] = -9.0
        model.network.biases[0][13] = -12.0
    row = [[None] * 13 + [1]]
    for ask in (lambda: model.log_prob(row), lambda: model.sample(3, seed=0, given=row)):
        with pytest.warns(PoorEstimateWarning, match="effective particles") as caught:
            ask()
        assert caught[0].filename == __file__


def test_a_good_estimate_does_not_warn(small_one):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = made.marginal(small_one("both").model, [[None, 1, None, 0]], method="estimate")
    assert answer.ess[0] > 30


# method="given-first"


@pytest.fixture(params=["orderings", "both", "fresh", "context of a mixture"])
def agnostic(request, small_one):
    """A model of several orderings, with its context and table."""
    return small_one(request.param)


def own_ordering(model, row, k=0, then=()):
    """Mask k's ordering, but with the known variables of a row first, then some, then the rest."""
    place = {d: 0 if row[d] >= 0 else 1 if d in then else 2 for d in range(4)}
    return model.mask_set.given_first(np.array([place[d] for d in range(4)]), k)


def prefix_log_prob(model, mask, row, context):
    """log p of what is known in a row under one mask in whose ordering it comes first."""
    codes = torch.from_numpy(np.maximum(row, 0))[None].to(model.variables.dtype)
    outputs = model.outputs(codes, mask, context=context)
    return float(model.variables.log_prob(outputs, codes)[0, torch.from_numpy(row >= 0)].sum().detach())


@pytest.mark.parametrize("masks", [None, 1, [1], [0, 1]])
def test_given_first_is_the_density_under_such_orderings(agnostic, patterns, masks):
    """The mean over masks of p(known | the mask with the known variables moved to the front)."""
    model, rows = agnostic.model, patterns(ROW)
    context = agnostic.context["context"]
    answer = made.marginal(model, with_nan(rows), method="given-first", mask=masks, **agnostic.context)
    chosen = range(model.n_masks) if masks is None else np.atleast_1d(masks).tolist()
    for row, found in zip(rows, answer.log_prob, strict=True):
        known = set(np.flatnonzero(row >= 0))
        each = []
        for k in chosen:
            mask = own_ordering(model, row, k)
            assert set(mask.ordering[: len(known)]) == known
            each.append(prefix_log_prob(model, mask, row, context))
        assert found == pytest.approx(np.logaddexp.reduce(each) - math.log(len(each)), abs=1e-5)
    assert set(answer.how) == {GIVEN_FIRST}
    assert (answer.error == 0).all()
    assert np.isposinf(answer.ess).all()
    mixture = made.marginal(model, with_nan(rows), mask=masks, **agnostic.context).log_prob
    assert np.abs(answer.log_prob - mixture).max() > 0.01  # other orderings, another number


def test_given_first_conditional_of_one_mask_is_one_output_of_the_network(agnostic):
    model = agnostic.model
    context = agnostic.context["context"]
    for variable, k in ((0, 0), (3, 1)):
        row = np.where(np.arange(4) == variable, -1, ROW)
        row[1] = -1
        given = {d: int(row[d]) for d in range(4) if row[d] >= 0}
        answer = made.conditional(model, variable, given, method="given-first", mask=k, **agnostic.context)
        mask = own_ordering(model, row, k, then=[variable])
        assert mask.ordering[len(given)] == variable
        codes = torch.from_numpy(np.maximum(row, 0))[None].to(model.variables.dtype)
        own = []
        for value in range(int(model.variables.n_values[variable])):
            codes[0, variable] = value
            log_prob = model.variables.log_prob(model.outputs(codes, mask, context=context), codes)
            own.append(log_prob[0, variable].exp().item())
        np.testing.assert_allclose(answer.probabilities, own, atol=1e-5)
        assert answer.probabilities.sum() == pytest.approx(1)
        assert answer.how == GIVEN_FIRST


def under_own_orderings(small, row, then=()):
    """The joint table of a mixture of masks that were given orderings of their own: (K, states)."""
    model = small.model
    codes = torch.from_numpy(small.table.states).to(model.variables.dtype)
    p = []
    for k in range(model.n_masks):
        outputs = model.outputs(codes, own_ordering(model, row, k, then))
        p.append(model.variables.log_prob(outputs, codes).sum(1).exp().detach().numpy())
        assert p[-1].sum() == pytest.approx(1, abs=1e-5)
    return np.mean(p, axis=0)


def test_given_first_samples_and_modes_follow_such_orderings(small_one):
    """Against a table: masks count by their posterior weights here too."""
    small = small_one("both")
    model, row = small.model, np.array([1, -1, -1, 0])
    p = under_own_orderings(small, row)
    fits = ((small.table.states == row) | (row < 0)).all(1)
    expected = np.where(fits, p, 0) / p[fits].sum()
    answer = made.complete(model, with_nan([row]), number=4000, method="given-first")
    frequency = np.bincount(small.table.cells(answer.codes[0]), minlength=36) / 4000
    np.testing.assert_allclose(frequency, expected, atol=0.03)
    assert answer.how == (GIVEN_FIRST,)
    assert answer.log_prob[0] == pytest.approx(math.log(p[fits].sum()), abs=1e-5)
    joint = made.complete(model, with_nan([row]), "joint", method="given-first")
    assert joint.codes[0].tolist() == small.table.states[expected.argmax()].tolist()
    assert joint.how[0].endswith(GIVEN_FIRST)
    separate = made.complete(model, with_nan([row]), "variable", method="given-first")
    own = [np.bincount(small.table.states[:, d], expected).argmax() for d in range(4)]
    assert separate.codes[0].tolist() == own


def test_given_first_conditional_is_that_of_such_orderings(small_one):
    small = small_one("both")
    row = np.array([1, -1, -1, 0])
    p = under_own_orderings(small, row, then=[1])
    fits = ((small.table.states == row) | (row < 0)).all(1)
    expected = np.bincount(small.table.states[fits, 1], p[fits]) / p[fits].sum()
    answer = made.conditional(small.model, 1, {0: 1, 3: 0}, method="given-first")
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-5)
    assert np.abs(expected - small.table.conditional(row, 1)).max() > 0.005


def test_given_first_needs_several_orderings(refused, small_one):
    for name in ("one mask", "connectivities", "context"):
        small = small_one(name)
        with refused("several orderings", "for_questions=True"):
            made.marginal(small.model, [[None, 1, 0, 1]], method="given-first", **small.context)
        with refused("several orderings"):
            made.conditional(small.model, 0, method="given-first", **small.context)


def test_given_first_takes_masks_that_exist(refused, small_one):
    model = small_one("both").model
    for mask in (6, [0, 6]):
        with refused("no mask 6", "0..5"):
            made.marginal(model, [[None, 1, 0, 1]], method="given-first", mask=mask)
    with refused("at least one mask"):
        made.marginal(model, [[None, 1, 0, 1]], method="given-first", mask=[])


# Context


def test_context_row_by_row(small_one, patterns, table):
    model = small_one("context").model
    contexts = np.random.default_rng(0).normal(size=(16, 2))
    rows = patterns(ROW)
    tables = [table(model, context=context) for context in contexts]
    expected = [np.log(own.marginal(row)) for own, row in zip(tables, rows, strict=True)]
    for options in ({}, {"method": "estimate", "particles": 4000}):
        answer = made.marginal(model, with_nan(rows), context=contexts, **options)
        assert (np.abs(answer.log_prob - expected) <= 5 * answer.error + 2e-5).all()
    joint = made.complete(model, with_nan(rows), "joint", context=contexts)
    separate = made.complete(model, with_nan(rows), "variable", context=contexts)
    drawn = made.complete(model, with_nan(rows), number=1000, context=contexts)
    for i, (own, row) in enumerate(zip(tables, rows, strict=True)):
        assert joint.codes[i].tolist() == own.states[own.posterior(row).argmax()].tolist()
        assert separate.codes[i].tolist() == [own.conditional(row, d).argmax() for d in range(4)]
        frequency = np.bincount(own.cells(drawn.codes[i]), minlength=36) / 1000
        np.testing.assert_allclose(frequency, own.posterior(row), atol=0.07)


def test_one_row_of_context_holds_for_all(small_one, patterns):
    model, rows = small_one("context").model, with_nan(patterns(ROW))
    one = made.marginal(model, rows, context=[0.5, -1.0]).log_prob
    for context in ([[0.5, -1.0]], np.tile([0.5, -1.0], (16, 1)), torch.tensor([0.5, -1.0])):
        np.testing.assert_array_equal(made.marginal(model, rows, context=context).log_prob, one)
    assert (made.marginal(model, rows, context=[0.5, 1.0]).log_prob != one)[:-1].all()


def test_context_of_a_wrong_kind_is_refused_by_every_question(refused, small_one):
    rows = [[None, 1, 0, 1]] * 3
    conditional, plain = small_one("context").model, small_one("both").model
    for ask in (made.marginal, made.complete, lambda model, _, **c: made.conditional(model, 0, {1: 1}, **c)):
        with refused("conditional", "context"):
            ask(conditional, rows)
        with refused("3 columns", "takes 2"):
            ask(conditional, rows, context=[1, 2, 3])
        with refused("2 rows"):
            ask(conditional, rows, context=[[0, 0], [1, 1]])
        with refused("takes no context"):
            ask(plain, rows, context=[1])


@pytest.mark.parametrize("n", [1025, 4097])
def test_context_follows_its_rows_through_every_batch(small_one, n):
    """One row more than a forward pass takes, and than a batch of a query takes."""
    model = small_one("context").model
    rng = np.random.default_rng(1)
    rows, contexts = (
        rng.integers(model.variables.n_values, size=(n, 4)).astype(float),
        rng.normal(size=(n, 2)),
    )
    rows[:, 0] = NAN  # the last of the ordering
    answer = model.marginal(rows, context=contexts)
    assert set(answer.how) == {FIRST}
    picked = np.append(rng.integers(n, size=20), [0, n - 1])
    few = model.marginal(rows[picked], context=contexts[picked])
    np.testing.assert_allclose(answer.log_prob[picked], few.log_prob, atol=1e-6)
    np.testing.assert_array_equal(model.log_prob(rows, context=contexts).numpy(), answer.log_prob)
    filled = model.complete(rows, context=contexts)
    expected = model.log_prob(filled.codes, context=contexts).exp().numpy()
    assert (expected <= np.exp(answer.log_prob) + 1e-6).all()


# Edges


def test_no_rows(small):
    nothing = np.zeros((0, 4))
    for method in ("auto", "exact", "estimate", "given-first"):
        if method == "given-first" and small.model.mask_set.orderings == 1:
            continue
        answer = made.marginal(small.model, nothing, method=method, **small.context)
        assert answer.log_prob.shape == (0,)
        assert answer.how == ()
        for kind in ("draw", "variable", "joint"):
            assert made.complete(small.model, nothing, kind, method=method, **small.context).shape == (0, 4)
        several = made.complete(small.model, nothing, number=3, method=method, **small.context)
        assert several.shape == (0, 3, 4)


def test_no_completions(small_one):
    answer = made.complete(small_one("both").model, [[None, 1, 0, 1]], number=0)
    assert answer.shape == (1, 0, 4)


def test_no_masks_are_no_mixture(refused, small_one):
    model = small_one("both").model
    for ask in (
        lambda: made.marginal(model, [[None, 1, 0, 1]], mask=[]),
        lambda: made.complete(model, [[None, 1, 0, 1]], mask=[]),
        lambda: made.conditional(model, 0, mask=[]),
        lambda: model.sample(3, given={0: 1}, mask=[]),
        lambda: model.log_prob([[None, 1, 0, 1]], mask=[]),
    ):
        with refused("at least one mask"):
            ask()


@pytest.fixture
def impossible():
    """A model in which "red" never follows 1, and always follows 0."""
    model = made.MADE([made.Bernoulli(1), made.Categorical(["red", "green"])], hidden=())
    with torch.no_grad():
        model.network.biases[0][1:] = torch.tensor([-torch.inf, 0.0])
    return model


def test_evidence_of_probability_zero(refused, impossible):
    """No NaN, no made-up completion: nothing follows from what cannot be."""
    for method in ("auto", "exact"):
        assert made.marginal(impossible, [[None, "red"]], method=method).log_prob.tolist() == [-math.inf]
        for kind in ("draw", "variable", "joint"):
            with refused("row 1", "probability 0"):
                made.complete(impossible, [[None, "green"], [None, "red"]], kind, method=method)
        with refused("probability 0"):
            made.conditional(impossible, 0, {1: "red"}, method=method)
        assert made.conditional(impossible, 1, {0: 1}, method=method).probabilities.tolist() == [0, 1]
    with refused("probability 0"):
        impossible.sample(3, given={1: "red"})
    assert impossible.log_prob([[None, "red"], [None, "green"]]).exp().tolist() == pytest.approx(
        [0, 1], abs=1e-6
    )
    with pytest.warns(PoorEstimateWarning, match=r"0\.0 effective"):
        assert made.marginal(impossible, [[None, "red"]], method="estimate").log_prob.tolist() == [-math.inf]


def test_evidence_of_probability_zero_is_named_by_its_row(refused):
    model = made.MADE([made.Bernoulli(1), made.Categorical(2)], hidden=(), orderings=2)
    with torch.no_grad():
        model.network.biases[0][1:] = torch.tensor([-torch.inf, 0.0])
    rows = [[1, None], [None, 1], [None, 0]]
    for method in ("auto", "given-first"):
        with refused("row 2", "probability 0"):
            made.complete(model, rows, method=method)


def test_infinite_logits_make_no_nan():
    """The first coin is certainly 1. An answer that says so is as good as a refusal; NaN is neither."""
    model = made.MADE(made.Bernoulli(2), hidden=())
    with torch.no_grad():
        model.network.biases[0][0] = torch.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ask, expected in (
            (lambda: np.exp(made.marginal(model, [[None, 1]]).log_prob), [0.5]),
            (lambda: made.conditional(model, 0, {1: 1}).probabilities, [0, 1]),
            (lambda: made.complete(model, [[None, 1]]).rows, [[1, 1]]),
            (lambda: made.complete(model, [[None, 1]], "joint").rows, [[1, 1]]),
        ):
            try:
                answer = ask()
            except made.InputError as error:
                answer, expected = "finite" in str(error), True
            np.testing.assert_allclose(answer, expected)


def test_an_autoencoder_has_no_density_to_ask(refused):
    model = made.Autoencoder(made.Bernoulli(3), (2,))
    for ask in (made.marginal, made.complete, lambda model, _: made.conditional(model, 0)):
        with refused("MADE"):
            ask(model, [[None, 1, 0]])


def test_huge_logits_make_no_nan():
    model = made.MADE(made.Bernoulli(2), hidden=())
    with torch.no_grad():
        model.network.biases[0][:] = torch.tensor([3e4, -3e4])
    assert made.marginal(model, [[None, 1], [0, None]]).log_prob.tolist() == pytest.approx([-3e4, -3e4])
    assert made.conditional(model, 0, {1: 1}).probabilities.tolist() == [0, 1]
    assert made.complete(model, [[None, 1]], "joint").rows.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "guess"}, ["method", "'auto'", "'given-first'", "'guess'"]),
        ({"method": None}, ["method", "None"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"seed": 0.5}, ["seed", "0.5"]),
        ({"particles": 1}, ["particles", "1"]),
        ({"particles": 2.5}, ["particles", "2.5"]),
        ({"max_states": 0}, ["max_states", "0"]),
        ({"mask": 6}, ["no mask 6", "0..5"]),
        ({"mask": -1}, ["no mask -1"]),
    ],
)
def test_options_that_make_no_sense_are_refused(refused, small_one, options, words):
    model = small_one("both").model
    for ask in (made.marginal, made.complete, lambda model, _, **own: made.conditional(model, 0, **own)):
        with refused(*words):
            ask(model, [[None, 1, 0, 1]], **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "mode"}, ["kind", "'draw'", "'variable'", "'joint'", "'mode'"]),
        ({"number": -1}, ["number", "-1"]),
        ({"number": 1.5}, ["number", "1.5"]),
        ({"first": -1}, ["first", "-1"]),
        ({"kind": "joint", "number": 2}, ["number", "'joint'"]),
        ({"kind": "variable", "number": 1}, ["number", "'variable'"]),
    ],
)
def test_completions_that_make_no_sense_are_refused(refused, small_one, options, words):
    with refused(*words):
        made.complete(small_one("both").model, [[None, 1, 0, 1]], **options)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[None, 3, 0, 1]], ["row 0, column 1", "holds 3"]),
        ([[None, 1, 0]], ["3 columns", "4 variables"]),
        ([None, 1, 0, 1], ["(n, 4)"]),
        ([[None, 1, 0, 1], [1]], ["rows differ"]),
        ([[None, "pink", 0, 1]], ["column 1", "'pink'"]),
    ],
)
def test_rows_that_make_no_sense_are_refused(refused, small_one, rows, words, with_labels):
    model = small_one("both").model
    for own in (model, with_labels(model)):
        for ask in (made.marginal, made.complete, lambda model, rows: model.log_prob(rows)):
            with refused(*words):
                ask(own, rows)


def test_per_variable_and_gradients_need_complete_rows(refused, small_one):
    model = small_one("one mask").model
    for options in ({"per_variable": True}, {"grad": True}):
        with refused("complete rows"):
            model.log_prob([[None, 1, 0, 1]], **options)


def test_questions_change_no_state(small):
    before = {name: tensor.clone() for name, tensor in small.model.state_dict().items()}
    rows = with_nan([[-1, 1, -1, 0]])
    first = made.complete(small.model, rows, number=5, **small.context)
    made.marginal(small.model, rows, method="estimate", **small.context)
    np.testing.assert_array_equal(made.complete(small.model, rows, number=5, **small.context), first)
    assert all(torch.equal(before[name], tensor) for name, tensor in small.model.state_dict().items())


@pytest.mark.parametrize("unknown", [[True, False, True, False], np.eye(3, 4, dtype=bool)])
def test_encoded_rows_take_a_mask_of_unknown_entries_too(unknown):
    model = made.MADE([made.Numeric(2), made.Categorical(3), made.Bernoulli(1)], (8,), seed=0)
    rows = np.array([[0.5, 1.5, 1, 0], [2.0, 3.0, 2, 1], [1.0, 1.0, 0, 1]])
    model.set_marginals(rows)
    encoded = model.rows(rows)
    for ask in (model.marginal, partial(model.complete, seed=0)):
        own, other = ask(encoded, unknown=unknown), ask(rows, unknown=unknown)
        np.testing.assert_array_equal(own.log_prob, other.log_prob)
    np.testing.assert_array_equal(own.rows, other.rows)
    assert encoded.is_complete  # what was given is as it was
