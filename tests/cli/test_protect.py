"""A protected run: no file of it, and nothing that its report prints, holds what is rare."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from made.data.protect import FEWEST

SECRETS = ("Xanadu", "Tlon", "987654", "777.77", "-4242")


@pytest.fixture(scope="module")
def place(tmp_path_factory, call, tiny):
    """A folder with a table in which few rows have a label, and single ones an extreme; and a run on it."""
    folder = tmp_path_factory.mktemp("protect")
    draw = np.random.default_rng(1)
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["city", "amount", "size"])
        for row in range(500):
            city = "Xanadu" if row == 100 else "Tlon" if row in (7, 8, 9) else draw.choice(["Oslo", "Rome"])
            amount = {20: 987654.0, 30: -777.77}.get(row, round(draw.exponential(50), 2))
            size = -4242 if row == 40 else int(draw.integers(100, 190))
            writer.writerow([city, amount, size])
    call("fit", folder / "people.csv", "--protect", "-o", folder / "run", *tiny)
    return folder


def test_no_file_of_the_run_holds_it(place, call, snapshot):
    call("report", place / "run")
    call("show", place / "run")
    files = snapshot(place / "run")
    assert {"settings.json", "model.safetensors", "results.json", "report.html", "samples.png"} <= set(files)
    for name, content in files.items():
        assert not [secret for secret in SECRETS if secret.encode() in content], name
    page = files["report.html"].decode()
    assert "no single row is shown" in page
    assert "The least likely" not in page
    assert "protected: labels of fewer than five rows are one event, by column: city 2" in page


def test_samples_and_completions_hold_none_of_it(place, call):
    drawn = call("sample", place / "run", "-n", 500, "--seed", 1).out
    assert not [secret for secret in SECRETS if secret in drawn]


def test_the_rows_can_be_evaluated_and_scored(place, call):
    evaluated = call("evaluate", place / "run", "--split", "all")
    assert "500 rows" in evaluated.out
    call("score", place / "run", place / "people.csv", "-o", place / "scores.csv")
    scores = [line.split(",")[0] for line in (place / "scores.csv").read_text().splitlines()[1:]]
    assert len(scores) == 500
    assert all(map(np.isfinite, map(float, scores)))


def test_a_schema_file_does_not_bring_it_back(place, call, tiny, snapshot):
    call("schema", place / "people.csv", "-o", place / "schema.json")
    assert "Xanadu" in (place / "schema.json").read_text()
    call(
        "fit", place / "people.csv", "--protect", "--schema", place / "schema.json", "-o", place / "b", *tiny
    )
    for name, content in snapshot(place / "b").items():
        assert not [secret for secret in SECRETS if secret.encode() in content], name
    call("fit", "-o", place / "b", "--resume", "--epochs", 3, "--quiet", "--device", "cpu")
    again = call("fit", "-o", place / "b", "--resume", "--protect", code=2)
    assert "leave --protect out" in again.err
    assert FEWEST == 5
