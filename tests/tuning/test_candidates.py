"""Candidates: what is tried for how many rows."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

import made
from made.training.settings import TrainingSettings
from made.tuning.candidates import candidates, when_set_by_hand
from made.tuning.cost import bytes_of, seconds_of
from made.tuning.facts import Facts
from made.tuning.plan import budget_for, plan_for
from made.tuning.recipes import DEFAULT

SIZES = [1, 50, 400, 2_000, 6_001, 50_000, 300_000, 10**7]


def _facts(n_rows, n_valid=1_000, *, trees=True, **others):
    return Facts(n_rows, n_valid, entropy=10.0, tree_gain=1.0 if trees else math.nan, **others)


def _strongest(n_rows):
    return max(own.training.get("weight_decay", 0) for own in candidates(_facts(n_rows)))


@pytest.mark.parametrize("n_rows", SIZES)
def test_every_candidate_has_settings_that_are_known_and_a_name_of_its_own(n_rows):
    tried = candidates(_facts(n_rows))
    assert len({candidate.about for candidate in tried}) == len(tried) >= 2
    for candidate in (*tried, when_set_by_hand(_facts(n_rows)), *candidates(_facts(n_rows, 0))):
        DEFAULT.model_settings(candidate.model)
        settings = TrainingSettings(**candidate.training)
        assert 4 <= settings.epochs <= 500


def test_the_fewer_rows_the_more_is_tried_for_longer():
    tried = [candidates(_facts(n)) for n in (2_000, 15_000, 50_000, 300_000)]
    assert all(len(fewer) >= len(more) for fewer, more in pairwise(tried))
    epochs = [own[0].training["epochs"] for own in tried]
    assert epochs == sorted(epochs, reverse=True), epochs


def test_few_rows_get_strong_decay_alone_and_as_a_candidate():
    assert _strongest(400) > _strongest(2_000)
    (alone,) = candidates(_facts(50, 9))
    assert alone.training["weight_decay"] > _strongest(400)
    assert len(candidates(_facts(50, 10))) == len(candidates(_facts(50))) > 1


@pytest.mark.parametrize("n_rows", SIZES)
def test_settings_by_hand_start_from_one_mask(n_rows):
    assert "orderings" not in when_set_by_hand(_facts(n_rows)).model


def test_by_hand_an_optimizer_has_its_own_decay():
    assert TrainingSettings(**when_set_by_hand(_facts(2_000)).training, optimizer="adam").decay == 0


def test_no_trees_where_a_model_cannot_be_one():
    assert any(own.is_tree for own in candidates(_facts(2_000)))
    assert not any(own.is_tree for own in candidates(_facts(2_000, trees=False)))


@pytest.mark.parametrize("n_rows", SIZES[2:])
def test_images_are_tried_as_images(n_rows):
    tried = candidates(_facts(n_rows, image=(8, 10)))
    others = {own.about for own in candidates(_facts(n_rows))}
    of_images = [own for own in tried if own.about not in others]
    assert len(tried) > len(of_images) > 0
    assert n_rows > 20_000 or len(tried) == len(others) + len(of_images)
    for own in of_images:
        assert own.about.startswith("images of 8 x 10: layers of 512 that see 6 pixels")
        model = made.MADE(made.Bernoulli(80), **DEFAULT.model_settings(own.model))
        assert model.mask_set.field.grid == (8, 10)
        assert TrainingSettings(**own.training).shift == 1


def test_layers_are_as_wide_as_rows_need():
    def widths(n_rows, n_features):
        return {own.model["hidden"] for own in candidates(_facts(n_rows, n_features=n_features))}

    assert widths(400, 6) == {(64, 64)}
    assert widths(400, 100) == {(128, 128)}
    assert widths(5_000, 6) == {(64, 64)}
    assert widths(5_000, 30) == {(256, 256)}
    assert widths(5_000, 500) == {(512, 512)}
    assert (1_024, 1_024) in widths(50_000, 500)
    assert (1_024, 1_024) not in widths(50_000, 100)


@pytest.mark.parametrize("n_rows", SIZES)
def test_without_direct_connections_nothing_starts_from_the_copula(n_rows):
    sizes = {"n_features": 5_000, "n_outputs": 5_000, "n_numbers": 3, "trees": False}
    for own in candidates(replace(_facts(n_rows, **sizes), least_noise=0.1)):
        assert own.is_copula is own.model.get("direct", True) is False


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize("n_features", [10_000, 200_000, 2_400_000])
def test_what_is_tried_for_wide_tables_fits_into_memory(n_rows, n_features):
    facts = _facts(n_rows, n_features=n_features, n_outputs=n_features, trees=False)
    for own in (*candidates(facts), *candidates(replace(facts, n_valid=0))):
        assert bytes_of(own, facts) < 4e9 + 16 * 256 * 2 * n_features
        assert min(own.model["hidden"]) >= 8


@pytest.mark.parametrize("n_rows", SIZES)
@pytest.mark.parametrize("image", [None, (8, 8), (28, 28)])
def test_for_questions_all_candidates_learn_new_orderings_for_longer(n_rows, image):
    asked = _facts(n_rows, image=image, for_questions=True)
    tried = candidates(asked)
    assert len({own.about for own in tried}) == len(tried)
    for own in (*tried, when_set_by_hand(asked), *candidates(replace(asked, n_valid=0))):
        settings = DEFAULT.model_settings(own.model)
        assert settings["orderings"] == "fresh"
        assert settings["fresh_masks"] == 8
        assert TrainingSettings(**own.training).epochs <= 500
    assert all(bytes_of(own, asked) > 0 and seconds_of(own, asked) > 0 for own in tried)
    if image is not None and n_rows >= 50:
        assert {own.model["ordering"] for own in tried} == {f"regions {image[0]}x{image[1]}"}
        assert not any("field" in own.model for own in tried)  # a unit's place is another in every ordering
    plain = candidates(replace(asked, for_questions=False, image=None))
    assert tried[0].training["epochs"] >= min(plain[0].training["epochs"], 500)


def test_a_plan_for_questions_has_a_larger_budget():
    facts = _facts(5_000)
    assert budget_for(replace(facts, for_questions=True)) > budget_for(facts)
    assert budget_for(replace(facts, for_questions=True), 90) == budget_for(facts, 90)
    plan = plan_for(replace(facts, for_questions=True))
    assert plan.seconds > plan_for(facts).seconds
    assert plan.n_finalists == 1 < plan_for(facts).n_finalists  # fresh masks are not mixed


def test_for_questions_noisy_copies_drop_inputs():
    noisy = replace(_facts(2_000, for_questions=True), tree_gain=1.0)
    assert all(own.model["input_dropout"] > 0 for own in candidates(noisy))
    assert not any("input_dropout" in own.model for own in candidates(replace(noisy, tree_gain=5.0)))


@pytest.mark.parametrize("for_questions", [True, False])
def test_noisy_copies_start_from_the_copula_of_several_orderings(for_questions):
    noisy = replace(_facts(2_000, for_questions=for_questions, n_copula=100), tree_gain=1.0)
    first = candidates(noisy)[0]
    assert first.is_copula
    assert first.model["copula"]
    assert DEFAULT.model_settings(first.model)["orderings"] == ("fresh" if for_questions else 4)
    others = [replace(noisy, n_copula=0), replace(noisy, image=(10, 10)), replace(noisy, tree_gain=5.0)]
    others.append(replace(noisy, n_rows=20_000))
    assert not any(own.is_copula for facts in others for own in candidates(facts))
    for facts in (noisy, *others):
        assert len({own.about for own in candidates(facts)}) == len(candidates(facts))


def test_for_questions_of_sharp_numbers_small_steps_are_tried():
    facts = _facts(20_000, n_features=60, n_numbers=7, trees=False, for_questions=True)
    for noise, rates in ((0.1, [1e-3, 4e-3]), (0.9, [4e-3, 4e-3])):
        tried = candidates(replace(facts, least_noise=noise))
        assert [own.training["learning_rate"] for own in tried] == rates
        assert len({own.about for own in tried}) == 2
