"""A model of many orderings starts, under each, from what its columns say of each other linearly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import made
from made.data.columns import infer_schema
from made.tuning.candidates import candidates
from made.tuning.copula_init import build_as_copula
from made.tuning.copula_of_rows import fit_copula
from made.tuning.facts import Facts

SETTINGS = {"hidden": (), "direct": True, "copula": True, "orderings": "fresh", "fresh_masks": 4}


def started(frame, *, is_sharp=False, **settings):
    schema, _ = infer_schema({"train": frame})
    train = schema.encode(frame)
    return build_as_copula(schema.fitted(train), SETTINGS | settings, train, is_sharp=is_sharp)


def related(n, seed=0):
    """Return a table of numbers and classes that follow from two hidden numbers, and of one that does not."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(n, 2))
    noisy = hidden[:, :1] + 0.3 * draw.normal(size=(n, 3))
    gappy = np.where(draw.random(n) < 0.3, np.nan, hidden[:, 1] + 0.2 * draw.normal(size=n))
    amount = np.where(hidden[:, 1] < 0, 0.0, np.exp(hidden[:, 1] + 0.1 * draw.normal(size=n)).round(2))
    return pd.DataFrame(
        {
            "a": noisy[:, 0],
            "b": np.exp(noisy[:, 1]),
            "level": np.array(["low", "middle", "high"])[np.digitize(noisy[:, 2], [-0.5, 0.5])],
            "gappy": gappy,
            "amount": amount,
            "flag": hidden[:, 1] + 0.3 * draw.normal(size=n) > 0.4,
            "chance": draw.choice(list("xyz"), n),
        }
    )


def gains(model, frame):
    """Return what each column gains on its marginal, on the mean over the orderings: (D,) in nats."""
    rows = model.rows(frame)
    own = [model.log_prob(rows, per_variable=True, mask=k).numpy().mean(axis=0) for k in range(4)]
    plain = made.MADE(model.schema, hidden=())
    plain.set_marginals(rows)
    return np.mean(own, axis=0) - plain.log_prob(rows, per_variable=True).numpy().mean(axis=0)


@pytest.mark.parametrize("is_sharp", [False, True])
def test_columns_follow_each_other_in_every_ordering(is_sharp):
    model = started(related(3_000), is_sharp=is_sharp)
    found = dict(
        zip([own.name for own in model.schema.modelled], gains(model, related(3_000, seed=1)), strict=True)
    )
    assert all(found[name] > 0.1 for name in ("a", "b", "level", "gappy", "amount", "flag"))
    assert found["chance"] == pytest.approx(0, abs=5e-3)


def test_of_few_rows_no_more_counts_than_predicts_others():
    draw = np.random.default_rng(0)
    names = [f"c{k}" for k in range(12)]

    def noise(n):
        return pd.DataFrame(
            {**{name: draw.choice(list("abcd"), n) for name in names}, "x": draw.normal(size=n)}
        )

    model = started(noise(150))
    copula = model.network.copula
    assert np.mean([float(copula.spreads[own.targets][0]) for own in copula.groups]) < 0.2
    assert gains(model, noise(2_000)).sum() > -0.5


def test_one_row_and_constant_columns_are_no_trouble():
    for n in (1, 5, 60):
        frame = pd.DataFrame(
            {"x": np.full(n, 3.5), "y": np.arange(n) + 0.25, "z": ["a"] * n, "gap": [None] * n}
        )
        model = started(frame[["x", "y", "z"]])
        assert np.isfinite(model.log_prob(frame[["x", "y", "z"]]).numpy()).all()


def test_numbers_that_determine_each_other_are_known_in_any_ordering():
    draw = np.random.default_rng(0)
    a = draw.normal(size=(4_000, 2))
    frame = pd.DataFrame({"a": a[:, 0], "b": a[:, 1], "sum": a.sum(axis=1) + 1e-2 * draw.normal(size=4_000)})
    model = started(frame, is_sharp=True)
    assert gains(model, frame).sum() > 3
    completed = model.complete(frame.assign(b=np.nan).iloc[:200], "mean", method="given-first")
    assert np.abs(completed.rows["b"].to_numpy() - frame["b"].to_numpy()[:200]).mean() < 0.05


@pytest.mark.parametrize("n_rows", [2_000, 20_000])
@pytest.mark.parametrize("noise", [0.01, 0.9])
def test_a_model_for_questions_starts_from_it_where_it_can(n_rows, noise):
    own = {"n_rows": n_rows, "n_numbers": 5, "least_noise": noise, "for_questions": True}
    first = candidates(Facts(**own, n_copula=50))[0]
    assert first.is_copula
    assert first.model["copula"]
    assert first.is_sharp == (n_rows > 10_000 and noise < 0.3)
    assert not any(other.is_copula or "copula" in other.model for other in candidates(Facts(**own)))


@pytest.mark.parametrize("n_rows", [500, 3_000])
def test_columns_of_classes_alone_follow_each_other_too(n_rows):
    names = ["level", "flag", "chance", "kind"]

    def classes(n, seed):
        own = related(n, seed)
        return own.assign(kind=np.where(own["b"] < 1, "small", "large"))[names]

    model = started(classes(n_rows, 0))
    assert model.variables.numbers is None
    found = dict(zip(names, gains(model, classes(3_000, 1)), strict=True))
    assert found["level"] > 0.05
    assert found["kind"] > 0.05
    assert found["chance"] == pytest.approx(0, abs=5e-3)


def test_a_class_that_another_nearly_rules_out_is_not_taken_to_be_impossible():
    def households(n, seed):
        draw = np.random.default_rng(seed)
        is_married, is_odd = draw.random(n) < 0.5, draw.random(n) < 0.02
        sex = draw.choice(["female", "male"], n)
        couple = np.where(sex == "male", "husband", "wife")
        relation = np.where(is_married & ~is_odd, couple, draw.choice(["child", "alone", "other"], n))
        return pd.DataFrame({"married": is_married, "sex": sex, "relation": relation})

    model = started(households(4_000, 0))
    rows = model.rows(households(4_000, 1))
    for mask in range(4):  # 1 of 150 of those who are married is a child: 5 nats
        assert float(model.log_prob(rows, per_variable=True, mask=mask).min()) > -12


def test_a_model_for_questions_of_classes_starts_from_it():
    draw = np.random.default_rng(0)
    hidden = draw.integers(0, 2, size=(400, 1))
    rows = pd.DataFrame(hidden ^ (draw.random((400, 12)) < 0.2), columns=[f"c{k}" for k in range(12)])
    settings = {"training": {"epochs": 1}, "seed": 0, "for_questions": True}
    model = made.auto_fit(rows, **settings)
    assert model.network.copula is not None
    assert bool(model.network.copula.targets.any())


def test_a_network_set_by_hand_has_it_too():
    frame = related(400)
    network = {"hidden": (16,)}
    model = made.auto_fit(frame, for_questions=True, network=network, training={"epochs": 2}, seed=0)
    assert model.network.copula is not None
    assert bool(model.network.copula.targets.any())
    without = made.auto_fit(
        frame, for_questions=True, network=network | {"direct": False}, training={"epochs": 1}, seed=0
    )
    assert without.network.copula is None


def test_a_second_fit_knows_nothing_of_the_first():
    frame = related(600)
    once, twice = started(frame), started(frame)
    fit_copula(twice, twice.rows(frame.iloc[:100]), is_sharp=True)
    fit_copula(twice, twice.rows(frame))
    for name, own in once.network.copula.state_dict().items():
        assert own.equal(twice.network.copula.state_dict()[name]), name
