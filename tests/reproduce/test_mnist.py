"""The first experiment: every variant runs, memorization is measured, and the report says what came out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from made import data
from made.reproduce import mnist
from made.reproduce.mnist import VARIANTS, MnistPlan, Variant, load_images, nearest, reproduce_variant
from made.reproduce.mnist_report import write_mnist
from made.runs.scores import baseline_scores
from made.support.errors import InputError

PLAN = MnistPlan(epochs=2, sample_every=1, seed=0)


@pytest.fixture(scope="module")
def digits():
    """A few digits: every split is there, and a fit takes a moment."""
    whole = data.load("digits")
    return replace(whole, train=whole.train[:200], valid=whole.valid[:40], test=whole.test[:40])


def small(name):
    variant = VARIANTS[name]
    return Variant(name, variant.title, {**variant.model, "hidden": (16,) * len(variant.model["hidden"])})


@pytest.fixture(scope="module")
def results(digits):
    return [
        reproduce_variant(small(name), digits, PLAN) for name in ("seed", "shuffled", "orderings", "fresh")
    ]


def test_the_seeds_variant_is_the_seeds():
    plan = MnistPlan()
    assert VARIANTS["seed"].model == {"hidden": (512, 512, 512)}
    assert plan.training() == {
        "epochs": 200,
        "batch_size": 128,
        "optimizer": "adam",
        "resample_every": 20,
        "seed": 0,
    }


def test_figures_are_those_of_the_models(digits, results):
    for result in results:
        test = -result.model.log_prob(digits.test)
        assert result.test.nll == pytest.approx(float(test.mean()))
        assert result.valid.nll == pytest.approx(float(-result.model.log_prob(digits.valid).mean()))
        singles = [
            float(-result.model.log_prob(digits.test, mask=k).mean())
            for k in range(min(result.model.n_masks, 8))
        ]
        assert result.single.nll == pytest.approx(np.mean(singles))
    assert results[0].single.nll == pytest.approx(results[0].test.nll)


def test_a_mixture_is_never_worse_than_its_masks_on_average(results):
    orderings = results[2]
    assert orderings.model.n_masks == 8
    assert orderings.test.nll < orderings.single.nll


def test_grids_by_epoch_and_samples(results, digits):
    for result in results:
        assert sorted(result.grids) == [1, 2]
        assert result.grids[2].shape == (100, 64)
        np.testing.assert_array_equal(result.samples, result.grids[2][:20])
        differing = (result.samples != result.neighbours).sum(axis=1)
        np.testing.assert_array_equal(differing, result.distances)
        brute = (result.samples[:, None] != digits.train[None]).sum(axis=2).min(axis=1)
        np.testing.assert_array_equal(result.distances, brute)
        assert ((result.probabilities > 0) & (result.probabilities < 1)).all()


def test_nearest_finds_copies():
    among = np.eye(5, dtype=np.uint8)
    places, distances = nearest(among[[3, 1]], among)
    assert (places.tolist(), distances.tolist()) == ([3, 1], [0, 0])


def test_without_mnist_the_digits_are_taken_and_it_is_said(monkeypatch):
    def missing(name, **options):
        if name == "binarized_mnist":
            raise InputError("not here")
        return load(name, **options)

    load = data.load
    monkeypatch.setattr(mnist.data, "load", missing)
    dataset, notes = load_images(None)
    assert dataset.name == "digits"
    assert "not here" in notes[0]
    assert "8x8 digits" in notes[1]


def test_report_holds_the_figures(digits, results, tmp_path):
    content = write_mnist(tmp_path, digits, PLAN, ["a notice"], results, baseline_scores(digits))
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(content))
    page = (tmp_path / "report.html").read_text()
    assert "a notice" in page
    for result in results:
        assert content["figures"]["recipes"][result.variant.name]["test"]["nll"] == result.test.nll
        assert f"{result.test.nll:.2f} ± {result.test.nll_se:.2f}" in page
    assert "Do several orderings confuse" in page
    assert "the mixture, test nats" in page


def test_report_of_one_variant_says_what_it_cannot_answer(digits, results, tmp_path):
    write_mnist(tmp_path, digits, PLAN, [], results[:1], baseline_scores(digits))
    assert "--recipe all" in (tmp_path / "report.html").read_text()


def test_same_seed_same_figures(digits, results, tmp_path):
    again = reproduce_variant(small("orderings"), digits, PLAN)
    first = write_mnist(tmp_path, digits, PLAN, [], [results[2]], {})["figures"]
    assert write_mnist(tmp_path, digits, PLAN, [], [again], {})["figures"] == first
