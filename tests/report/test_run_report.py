"""The report of a run, on a table of numbers, classes and gaps, and on images."""

from __future__ import annotations

import re

import numpy as np
import pytest

import made
from made.report.run_report import STEPS, report_of
from made.runs.config import RunConfig
from made.runs.folder import RunFolder
from made.runs.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    draw = np.random.default_rng(0)
    age = draw.integers(18, 80, 400)
    income = np.where(draw.random(400) < 0.2, 0, draw.normal(50 * age, 300).round(1))
    mood = np.where(draw.random(400) < 0.2, np.nan, draw.normal(size=400))
    path = tmp_path_factory.mktemp("report")
    lines = ["age,income,mood,<b>kids</b>"]
    lines += [
        f"{a},{i},{'' if np.isnan(m) else m},{k}"
        for a, i, m, k in zip(age, income, mood, draw.integers(0, 3, 400), strict=True)
    ]
    (path / "people.csv").write_text("\n".join(lines) + "\n")
    config = RunConfig(
        data=str(path / "people.csv"),
        folder=path / "run",
        seed=0,
        data_dir=None,
        model={"hidden": [16]},
        training={"epochs": 3},
    )
    run(config)
    return RunFolder(path / "run")


def test_it_says_what_the_model_is_and_where_it_is_behind(folder):
    steps = []
    page = report_of(folder, folder.load_model(), folder.load_data(), lambda: steps.append(1)).html()
    assert len(steps) == STEPS
    for title in ("How good it is", "Calibration", "Likely and unlikely rows", "Model card"):
        assert title in page
    assert page.count("<img") == 3
    assert "&lt;b&gt;kids&lt;/b&gt;" in page
    assert "<b>kids" not in page
    # Three epochs of 16 units: the copula, which knows that income follows age, is ahead.
    assert re.search(r"The model is <strong>behind</strong> Gaussian copula by \d", page)
    assert "no guarantee" in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page)


def test_the_same_run_gives_the_same_page(folder):
    pages = [report_of(folder, folder.load_model(), folder.load_data()).html() for _ in range(2)]
    assert pages[0] == pages[1]


def test_a_mixture_has_one_too(folder):
    """Of few rows, `made fit` ends with the mixture of two models."""
    members = [folder.load_model(), folder.load_model()]
    page = report_of(folder, made.Mixture(members), folder.load_data()).html()
    assert "mixture of 2 models" in page
    assert re.search(r"layers\W.*?16\W", page, flags=re.S)


def test_images_and_context_have_one_too(tmp_path):
    config = {"data": "digits", "seed": 0, "data_dir": None, "training": {"epochs": 1}}
    run(RunConfig(folder=tmp_path / "run", model={"hidden": [8]}, context=("x0", "x9"), **config))
    own = RunFolder(tmp_path / "run")
    page = report_of(own, own.load_model(), own.load_data()).html()
    assert "62 columns" in page
    assert "Rows of 62 columns are not shown" in page
