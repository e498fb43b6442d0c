"""``made schema``, and fits with a schema file, with groups and with times."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a table of visits: a patient has ten rows, a day four."""
    folder = tmp_path_factory.mktemp("visits")
    draw = np.random.default_rng(0)
    lines = ["patient,day,size,kind"]
    for row in range(400):
        day = f"2024-{1 + row // 80:02d}-{1 + row // 4 % 20:02d}"
        lines.append(f"p{row // 10},{day},{draw.normal():.2f},{draw.choice(['a', 'b', 'c'])}")
    (folder / "visits.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_it_prints_a_line_for_each_column_and_writes_a_file(place, call):
    result = call("schema", place / "visits.csv", "-o", place / "schema.json", "--drop", "kind")
    header, *lines = result.out.splitlines()
    assert header.split() == ["column", "kind", "values", "measure", "why"]
    assert [line.split()[0] for line in lines] == ["patient", "day", "size", "kind"]
    assert lines[1].split()[1:3] == ["date", "2024-01-01..2024-05-20"]
    assert "different numbers, of at most 2 decimals" in lines[2]
    assert "made fit" in result.err
    entries = json.loads((place / "schema.json").read_text())["columns"]
    assert entries[-1] == {"name": "kind", "kind": "drop", "why": "dropped"}


def test_protected_it_shows_neither_rare_labels_nor_the_first_day(place, call):
    path = place / "rare.csv"
    path.write_text((place / "visits.csv").read_text() + "p40,2019-01-01,9.99,rare\n")
    found = call("schema", path, "--protect", "-o", place / "protected.json")
    for said in (found.out, found.err, (place / "protected.json").read_text()):
        assert not any(word in said for word in ("rare,", "'rare'", "2019-01-01", "9.99"))
    assert "--protect" in found.err.splitlines()[-1]


def test_a_fit_with_an_edited_file_goes_on_without_it(place, call, tiny):
    call("schema", place / "visits.csv", "-o", place / "mine.json")
    content = json.loads((place / "mine.json").read_text())
    own = {entry["name"]: entry for entry in content["columns"]}
    own["size"].update(step=0.01, rounds=False)
    own["kind"]["classes"] = ["c", "b", "a"]
    content["columns"] = [own["kind"], own["size"]]
    (place / "mine.json").write_text(json.dumps(content))
    call("fit", place / "visits.csv", "--schema", place / "mine.json", "-o", place / "mine", *tiny)
    (place / "mine.json").unlink()
    shown = call("schema", place / "mine").out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["kind", "size"]
    assert "'c', 'b', 'a'" in shown
    assert "400 rows" in call("evaluate", place / "mine", "--split", "all").out
    call("fit", "-o", place / "mine", "--resume", "--epochs", 3, "--quiet", "--device", "cpu")
    notes = json.loads((place / "mine" / "settings.json").read_text())["notes"]
    assert "passed over, as the schema does not name them: patient, day" in notes


def test_groups_stay_together_in_all_that_is_done_later(place, call, tiny):
    call("fit", place / "visits.csv", "--group", "patient", "-o", place / "groups", *tiny)
    settings = json.loads((place / "groups" / "settings.json").read_text())
    assert settings["data"]["group"] == "patient"
    (note,) = [note for note in settings["notes"] if note.startswith("split by")]
    assert note == (
        "split by the 40 groups of patient, none of them in two: train, 320 rows of 32; valid, 40 rows of 4; "
        "test, 40 rows of 4"
    )
    shown = call("schema", place / "groups").out
    assert "patient  left out" in shown
    before = json.loads(call("evaluate", place / "groups", "--json").out)
    assert before["n"] == 40
    results = json.loads((place / "groups" / "results.json").read_text())
    assert before["nll"] == results["model"]["test"]["nll"]
    wrong = call("fit", "-o", place / "groups", "--resume", "--group", "day", code=2)
    assert "leave --group out" in wrong.err


def test_later_rows_are_tested_on(place, call, tiny):
    call("fit", place / "visits.csv", "--time", "day", "--drop", "day", "-o", place / "times", *tiny)
    settings = json.loads((place / "times" / "settings.json").read_text())
    assert (
        "split by time, day: train, 320 rows, up to 2024-04-20; valid, 40 rows, from 2024-05-01; "
        "test, 40 rows, from 2024-05-11"
    ) in settings["notes"]
    assert "day" not in [entry.split()[0] for entry in call("schema", place / "times").out.splitlines()[1:4]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--group", "patint"], ["no variable 'patint'", "patient"]),
        (["--time", "kind"], ["column kind holds", "times are numbers, or dates"]),
        (["--group", "patient", "--time", "day"], ["leave one of the two out"]),
        (["--schema", "nowhere.json"], ["nowhere.json", "made schema DATA -o FILE"]),
    ],
)
def test_what_makes_no_sense_is_one_line(place, call, options, words):
    result = call("fit", place / "visits.csv", "-o", place / "wrong", *options, code=2)
    assert result.err.count("\n") == 1
    assert all(word in result.err for word in words)
    assert not (place / "wrong").exists()


def test_options_of_a_table_are_not_those_of_a_run(place, call, tiny):
    call("fit", place / "visits.csv", "-o", place / "plain", *tiny)
    assert (
        "leave --column, --drop and --protect out"
        in call("schema", place / "plain", "--drop", "day", code=2).err
    )
    assert "brings its own splits" in call("fit", "digits", "--group", "x3", "-o", place / "no", code=2).err
