"""Plans: rungs that leave fewer candidates each, and JSON that builds the same candidates again."""

from __future__ import annotations

import json
import math

import pytest

from made.tuning.candidates import candidates
from made.tuning.facts import Facts
from made.tuning.plan import Plan, Rung, plan_for
from made.tuning.recipes import as_recipe

_NO_LIMIT = 1e9


def _facts(n_rows, n_valid=1_000, **others):
    return Facts(n_rows, n_valid, entropy=10.0, tree_gain=1.0, **others)


@pytest.mark.parametrize("n_rows", [50, 400, 5_000, 15_000, 50_000, 300_000])
@pytest.mark.parametrize("image", [None, (8, 8)])
@pytest.mark.parametrize("max_time", [None, 1, 30, _NO_LIMIT])
def test_no_rung_leaves_more_and_the_last_leaves_one(n_rows, image, max_time):
    plan = plan_for(_facts(n_rows, image=image), max_time)
    left = [len(plan.candidates), *(rung.n_kept for rung in plan.rungs)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 1
    fractions = [rung.fraction for rung in plan.rungs]
    assert fractions == sorted(set(fractions))
    assert all(0 < fraction <= 1 for fraction in fractions)


def test_a_single_candidate_needs_no_rung():
    assert plan_for(_facts(50, 5)).rungs == ()


def test_a_fit_of_as_many_images_as_mnist_has_is_not_shortened_by_default():
    facts = Facts(50_000, 10_000, 784, 784, 1, 206.0, math.nan, image=(28, 28))
    assert plan_for(facts).candidates == (candidates(facts)[0],)


def test_more_time_is_for_more_candidates_and_longer_fits():
    facts = _facts(5_000)
    plans = [plan_for(facts, max_time) for max_time in (1, 2, 5, 20, 45, 90, 180)]
    work = [(len(plan.candidates), plan.candidates[0].training["epochs"]) for plan in plans]
    assert work == sorted(work)
    assert work[0] < work[-1]
    assert [plan.budget for plan in plans] == [1, 2, 5, 20, 45, 90, 180]
    assert all(plan.seconds <= plan.budget for plan in plans[2:])
    assert plans[-1].candidates == tuple(candidates(facts))


def test_times_of_one_class_have_one_plan():
    facts = _facts(5_000)
    assert plan_for(facts, 46) == plan_for(facts, 89.9) != plan_for(facts, 90)


@pytest.mark.parametrize(("n_rows", "n_features"), [(32, 20_000), (1_700, 1_000), (300_000, 17)])
def test_wide_and_long_tables_have_a_plan_of_bounded_time_and_memory(n_rows, n_features):
    trees = 1.0 if n_features < 4_096 else math.nan
    facts = Facts(n_rows, n_rows // 10, n_features, n_features, entropy=10.0, tree_gain=trees)
    plan = plan_for(facts)
    assert plan.seconds < 150
    assert plan.gigabytes < 2
    assert "about" in str(plan)


def test_a_plan_says_what_it_will_do_and_how_long_it_takes():
    said = str(plan_for(_facts(5_000)))
    for words in ("settings are compared", "about", "s on two cores", "--minutes", "max_time"):
        assert words in said


def test_a_plan_survives_its_json():
    plan = plan_for(_facts(5_000, image=(8, 8)), _NO_LIMIT)
    again = Plan.from_dict(json.loads(json.dumps(plan.as_dict())))
    assert again.rungs == plan.rungs
    for own, other in zip(again.candidates, plan.candidates, strict=True):
        assert (own.about, own.is_tree, own.training) == (other.about, other.is_tree, other.training)
        ours, others = as_recipe(own).model_settings({}), as_recipe(other).model_settings({})
        assert json.dumps(ours) == json.dumps(others)


@pytest.mark.parametrize("entries", [{}, {"candidates": [{"about": 1}], "rungs": []}, {"candidates": 3}])
def test_what_is_no_plan_is_refused(refused, entries):
    with refused("the plan of the run", "begin a new run"):
        Plan.from_dict(entries)


@pytest.mark.parametrize(("epochs", "fraction", "epoch"), [(80, 1 / 8, 10), (3, 1 / 8, 1), (1, 1 / 2, 1)])
def test_a_rung_is_at_the_end_of_an_epoch(epochs, fraction, epoch):
    candidate = candidates(_facts(5_000))[0]
    candidate.training["epochs"] = epochs
    assert Rung(fraction, 1).epoch(candidate) == epoch
