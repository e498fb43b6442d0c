"""What a service answers of images: the ordering, log p pixel by pixel, and fewer particles."""

from __future__ import annotations

import numpy as np
import pytest

import made

pytest.importorskip("fastapi", reason="needs made[service]")
SIDE = 4
NAMES = [f"x{d}" for d in range(SIDE * SIDE)]


@pytest.fixture(scope="module")
def pictures():
    """Rows of bars, upright or lying."""
    rng = np.random.default_rng(0)
    found = np.zeros((600, SIDE, SIDE), dtype=np.uint8)
    for picture, at, upright in zip(found, rng.integers(0, SIDE, 600), rng.random(600) < 0.5, strict=True):
        picture[(slice(None), at) if upright else at] = 1
    return found.reshape(600, -1)


@pytest.fixture(scope="module", params=[1, 2], ids=["one mask", "two masks"])
def painter(request, pictures):
    """A model of such pictures."""
    model = made.MADE(made.Bernoulli(SIDE * SIDE), hidden=(32,), ordering="random", orderings=request.param)
    made.fit(model, pictures, epochs=3, seed=0)
    model.schema = model.schema.with_image_shape((SIDE, SIDE))
    return model


@pytest.fixture
def ask(painter, tmp_path):
    from fastapi.testclient import TestClient

    from made.service.app import create_app
    from made.service.models import Models
    from made.service.settings import Limits

    path = tmp_path / "bars.safetensors"
    painter.save(path)
    with TestClient(create_app(Models([path]), Limits(max_seconds=600))) as client:
        yield lambda what, **body: client.post(f"/models/bars/{what}", json=body)


def as_rows(pictures):
    return [dict(zip(NAMES, picture.tolist(), strict=True)) for picture in pictures]


def test_an_ordering_is_said_without_a_row(painter, ask):
    found = ask("sample", n=0, mask=0).json()
    assert found["ordering"] == painter.mask(0).ordering.tolist()
    assert found["rows"] == []


def test_log_p_in_the_ordering_adds_up_to_that_of_the_row_under_the_mask(painter, ask, pictures):
    last = painter.n_masks - 1
    found = ask("score", rows=as_rows(pictures[:5]), in_ordering=last).json()
    steps = np.array([found[f"{name}_given_before"] for name in NAMES]).T
    np.testing.assert_allclose(steps.sum(axis=1), painter.log_prob(pictures[:5], mask=last), rtol=1e-6)
    np.testing.assert_allclose(steps, painter.log_prob(pictures[:5], True, mask=last), rtol=1e-6)
    np.testing.assert_allclose(found["log_prob"], painter.log_prob(pictures[:5]), rtol=1e-6)


def test_log_p_given_all_other_pixels_follows_from_flipping_each(painter, ask, pictures):
    found = ask("score", rows=as_rows(pictures[:2]), per_column=True).json()
    flipped = np.repeat(pictures[:1], SIDE * SIDE, axis=0) ^ np.eye(SIDE * SIDE, dtype=np.uint8)
    own, others = (painter.log_prob(rows).numpy() for rows in (pictures[:1], flipped))
    expected = own - np.logaddexp(own, others)
    np.testing.assert_allclose([found[f"{name}_log_prob"][0] for name in NAMES], expected, atol=1e-6)


def test_incomplete_rows_and_masks_that_are_not_there_are_refused_in_one_line(painter, ask, pictures):
    part = {name: value for name, value in as_rows(pictures[:1])[0].items() if name != "x3"}
    refused = ask("score", rows=[part], in_ordering=0)
    assert refused.status_code == 422
    assert "complete rows" in refused.json()["detail"]
    for answer in (
        ask("score", rows=as_rows(pictures[:1]), in_ordering=painter.n_masks),
        ask("sample", n=1, mask=painter.n_masks),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(f"there is no mask {painter.n_masks}")


def test_a_sample_under_a_mask_is_that_of_the_model(painter, ask):
    last = painter.n_masks - 1
    found = ask("sample", n=6, seed=4, mask=last).json()
    expected = painter.sample(6, seed=4, mask=last)
    assert [[row[name] for name in NAMES] for row in found["rows"]] == expected.tolist()
    assert (found["mask"], found["ordering"]) == (last, painter.mask(last).ordering.tolist())
    assert "ordering" not in ask("sample", n=1, seed=4).json()


def test_completions_with_fewer_particles_are_those_of_the_model(painter, ask):
    asked = dict.fromkeys(NAMES[-3:], 1)
    found = ask("complete", rows=[asked], number=4, seed=3, particles=20).json()
    row = [asked.get(name) for name in NAMES]
    expected = painter.complete([row], number=4, seed=3, particles=20)
    assert [[own[name] for name in NAMES] for own in found["rows"]] == expected.values[0].tolist()
    assert found["log_prob"] == pytest.approx(expected.log_prob)


@pytest.mark.parametrize(
    ("what", "more"),
    [
        ("complete", {"particles": 1}),
        ("complete", {"particles": 10**6}),
        ("complete", {"method": "estimate"}),
        ("score", {"particles": None}),
        ("score", {"in_ordering": -1}),
        ("score", {"in_ordering": 1.5}),
        ("score", {"in_ordering": 10**30}),
        ("sample", {"mask": "all"}),
        ("sample", {"mask": 2**40}),
    ],
)
def test_settings_that_are_none_are_one_line(ask, what, more):
    rows = {} if what == "sample" else {"rows": [dict.fromkeys(NAMES, 1)]}
    answer = ask(what, **rows, **more)
    assert answer.status_code == 422
    assert next(iter(more)) in answer.json()["detail"]
    assert len(answer.json()["detail"].splitlines()) == 1


def test_scores_with_fewer_particles_are_those_of_the_model(painter, ask):
    asked = dict.fromkeys(NAMES[-3:], 1)
    found = ask("score", rows=[asked], particles=20).json()
    expected = painter.marginal([[asked.get(name) for name in NAMES]], particles=20)
    assert found["log_prob"] == pytest.approx(expected.log_prob)
    assert found["error"] == pytest.approx(expected.error)


def test_completions_given_first_need_several_orderings(painter, ask):
    answer = ask("complete", rows=[{"x15": 1}], number=2, method="given-first")
    if painter.mask_set.orderings == 1:
        assert answer.status_code == 422
        assert "several orderings" in answer.json()["detail"]
    else:
        assert answer.json()["method"] == ["exact"]
        assert answer.json()["error"] == [0]


def test_pixels_without_names_are_unknown_where_they_are_absent(painter, ask):
    found = ask("score", rows=[{"x0": 1, "x2": 0}, {"x1": 1}]).json()
    rows = [[{0: 1, 2: 0}.get(d) for d in range(len(NAMES))], [{1: 1}.get(d) for d in range(len(NAMES))]]
    assert found["log_prob"] == pytest.approx(painter.marginal(rows).log_prob)
