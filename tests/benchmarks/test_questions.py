"""The bench of questions: its figures are those of the models, and what is kept is not fitted again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def questions(bench):
    return bench("questions")


@pytest.fixture
def split(questions):
    random = np.random.default_rng(0)
    first = random.integers(0, 3, 400)
    table = pd.DataFrame(
        {"a": first, "b": (first + (random.random(400) < 0.1)) % 3, "c": random.integers(0, 2, 400)}
    )
    return questions.Split(table[:240], table[240:320], table[320:])


def test_all_figures_are_there_and_those_kept_are_taken(questions, split, tmp_path):
    kept = questions.Kept(tmp_path, "small")
    found = questions.measured(split, kept, quick=True)
    assert set(found["models"]) == {"one mask", "8 orderings", "fresh orderings", "for questions"}
    for own in found["models"].values():
        assert all(np.isfinite(own[name]["value"]) for name in ("nll", "alone", "orders", "single"))
    assert [len(own["given"]) for own in found["sets"]] == [1, 2]
    for own in found["sets"]:
        behind = own["orderings"]["value"] - own["specialist"]["value"]
        assert own["behind"]["value"] == pytest.approx(behind, abs=1e-9)
        assert own["share"] == pytest.approx(behind / own["specialist"]["value"], abs=1e-9)
    again = questions.measured(split, kept, quick=True)
    assert again["models"]["one mask"] == found["models"]["one mask"]
    assert again["sets"] == found["sets"]
    assert len(list(tmp_path.iterdir())) == 3 + 2


def test_without_a_folder_nothing_is_kept(questions):
    made_again = [questions.Kept(None, "t").get("x", lambda own=own: {"n": own})["n"] for own in (1, 2)]
    assert made_again == [1, 2]
