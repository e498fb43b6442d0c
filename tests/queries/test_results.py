"""Answers: used like arrays, and their method and their sentence follow from the route."""

from __future__ import annotations

import math

import numpy as np
import pytest

import made
from made.queries.results import Answer, Conditional, Method, Route
from made.variables.row_type import RowType

GIVEN_FIRST = "exact under orderings with the given variables first, which are not the model's own mixture"


@pytest.mark.parametrize(
    ("route", "method", "sentence"),
    [
        (Route.ORDERED, "exact", "exact: what is given comes first in the ordering"),
        (Route.SUMMED, "exact", "exact: summed over all states of what is unknown"),
        (Route.PARTICLES, "estimated", "estimated: importance-weighted particles"),
        (Route.GIVEN_FIRST, "exact", GIVEN_FIRST),
        (Route.COUNTED, "estimated", "estimated: counted among drawn completions"),
        (Route.SEARCHED, "estimated", "found by search: none better was met"),
    ],
)
def test_every_route_has_a_method_and_a_sentence(route, method, sentence):
    answer = Answer(np.zeros(1), np.zeros(1), np.ones(1), (route,))
    assert answer.method == (method,)
    assert answer.method[0] == method
    assert isinstance(answer.method[0], Method)
    assert answer.how == (sentence,)
    one = Conditional(np.ones(1), np.zeros(1), 1.0, route, (0,))
    assert (one.method, one.how) == (method, sentence)


def test_methods_are_words():
    assert [str(method) for method in Method] == ["exact", "quadrature", "estimated"]
    assert f"{Method.EXACT}" == "exact"
    assert Method("estimated") is Method.ESTIMATED


def test_a_mode_under_changed_orderings_says_both():
    answer = Answer(
        np.zeros(2), np.zeros(2), np.ones(2), (Route.SUMMED, Route.SEARCHED), "joint", in_own_orderings=False
    )
    assert answer.how == (
        f"exact: summed over all states of what is unknown; {GIVEN_FIRST}",
        f"found by search: none better was met; {GIVEN_FIRST}",
    )
    assert answer.method == ("exact", "estimated")


def test_a_marginal_is_used_like_its_log_prob():
    answer = Answer(np.array([-1.0, -2.0]), np.zeros(2), np.full(2, math.inf), (Route.ORDERED,) * 2)
    assert answer.kind == "marginal"
    assert answer.rows is answer.codes is None
    assert np.asarray(answer).tolist() == [-1, -2]
    assert np.asarray(answer, dtype=np.float32).dtype == np.float32
    assert (len(answer), answer.shape, answer[1]) == (2, (2,), -2)
    assert list(answer) == [-1, -2]


def test_a_completion_is_used_like_its_rows():
    variables = RowType([made.Categorical(["no", "yes"]), made.Bernoulli(1)])
    codes = np.array([[[0, 1], [1, 1]]])
    answer = Answer(np.zeros(1), np.zeros(1), np.ones(1), (Route.SUMMED,), "draw", codes, variables)
    assert answer.rows.tolist() == [[["no", 1], ["yes", 1]]]
    assert (len(answer), answer.shape) == (1, (1, 2, 2))
    assert answer[0, 1].tolist() == ["yes", 1]
    assert np.asarray(answer).tolist() == answer.rows.tolist()
    assert answer.codes is codes


def test_answers_are_joined():
    codes = np.array([[0, 1], [1, 0], [1, 1]])
    routes = (Route.SUMMED, Route.PARTICLES, Route.ORDERED)
    variables = RowType(made.Bernoulli(2))
    whole = Answer(np.arange(3.0), np.ones(3), np.full(3, 7.0), routes, "draw", codes, variables)
    parts = [
        Answer(
            np.arange(3.0)[some], np.ones(3)[some], np.full(3, 7.0)[some], routes[some], "draw", codes[some]
        )
        for some in (slice(0, 1), slice(1, 3))
    ]
    joined = Answer.cat(parts)
    for name in ("log_prob", "error", "ess", "codes", "rows"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    assert (joined.routes, joined.how, joined.kind) == (whole.routes, whole.how, "draw")
    alone = Answer.cat([Answer(np.zeros(2), np.zeros(2), np.ones(2), (Route.SUMMED,) * 2)])
    assert alone.codes is None
