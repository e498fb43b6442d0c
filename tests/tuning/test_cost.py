"""Estimates of cost: what makes a fit longer or larger makes the estimate so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from made.tuning.candidates import candidates
from made.tuning.cost import bytes_of, seconds_of
from made.tuning.facts import Facts

FACTS = Facts(5_000, 500, entropy=10.0, tree_gain=5.0)


@pytest.mark.parametrize(
    "changes",
    [{"n_valid": 50_000}, {"n_features": 2_000, "n_outputs": 2_000}, {"n_blocks": 40}],
)
def test_more_takes_longer(changes):
    candidate = candidates(FACTS)[0]
    assert seconds_of(candidate, replace(FACTS, **changes)) > 1.2 * seconds_of(candidate, FACTS)


def test_time_is_in_proportion_to_epochs():
    candidate = candidates(FACTS)[0]
    longer = replace(candidate, training={**candidate.training, "epochs": 2 * candidate.training["epochs"]})
    assert seconds_of(longer, FACTS) == pytest.approx(2 * seconds_of(candidate, FACTS), rel=0.01)


def test_memory_is_that_of_all_copies_of_the_weights():
    facts = Facts(32, 4, 20_000, 20_000)
    candidate = candidates(facts)[0]
    width = candidate.model["hidden"][0]
    assert bytes_of(candidate, facts) > 4 * 5 * 2 * 20_000 * width  # weights, gradient, moments, best
    assert candidate.model["direct"] is False


def test_units_that_see_a_neighbourhood_are_cheap():
    facts = Facts(30_000, 3_000, 784, 784, image=(28, 28))
    image = candidates(facts)[0]
    dense = replace(image, model={name: own for name, own in image.model.items() if name != "field"})
    assert seconds_of(image, facts) < 0.6 * seconds_of(dense, facts)


def test_the_copula_of_every_ordering_takes_its_time():
    facts = Facts(5_000, 500, n_numbers=5, n_copula=400, for_questions=True)
    candidate = candidates(facts)[0]
    assert seconds_of(candidate, facts) > 2 * seconds_of(candidate, replace(facts, n_copula=40))
    cycled = replace(candidate, model={**candidate.model, "orderings": 4})
    assert seconds_of(cycled, facts) == seconds_of(cycled, replace(facts, n_copula=40))
