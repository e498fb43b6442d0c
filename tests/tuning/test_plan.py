"""Plans: rungs that leave fewer candidates each, and JSON that builds the same candidates again."""

from __future__ import annotations

import json

import pytest

from made.tuning.candidates import candidates
from made.tuning.plan import Plan, Rung, plan_for
from made.tuning.recipes import as_recipe


@pytest.mark.parametrize("n_rows", [50, 400, 5_000, 15_000, 50_000, 300_000])
@pytest.mark.parametrize("image", [None, (8, 8)])
def test_every_rung_leaves_fewer_and_the_last_leaves_one(n_rows, image):
    plan = plan_for(candidates(n_rows, image=image))
    left = [len(plan.candidates), *(rung.n_kept for rung in plan.rungs)]
    assert left == sorted(set(left), reverse=True)
    assert left[-1] == 1
    fractions = [rung.fraction for rung in plan.rungs]
    assert fractions == sorted(set(fractions))
    assert all(0 < fraction < 1 for fraction in fractions)


def test_a_single_candidate_needs_no_rung():
    assert plan_for(candidates(50, 5)).rungs == ()


def test_a_plan_survives_its_json():
    plan = plan_for(candidates(5_000, image=(8, 8)))
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
    candidate = candidates(5_000)[0]
    candidate.training["epochs"] = epochs
    assert Rung(fraction, 1).epoch(candidate) == epoch
