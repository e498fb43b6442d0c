"""Whole numbers beyond 2^53 stay what they are, and no number becomes 0, however they come in."""

from __future__ import annotations

import decimal
import gzip

import numpy as np
import polars
import pytest

import made
from made.data.portions import open_portions
from made.data.readers import read
from made.data.row_file import open_rows
from made.runs.given_text import parse_values
from made.variables.allowed_values import region_of
from made.variables.conditions import parse_condition

ODD, EVEN = 9007199254740993, 9007199254740992
BEYOND = 2**64 + 1

TEXTS = {
    "plain": ("rows.csv", f"id,x\n{ODD},1\n{EVEN},2\n"),
    "beside fractions": ("rows.csv", f"id,x\n{ODD},1.5\n{EVEN},2\n"),
    "among fractions": ("rows.csv", f"id,x\n{ODD},1\n{EVEN},2\n0.5,3\n"),
    "among fractions and gaps": ("rows.csv", f"id,x\n{ODD},1\n{EVEN},\n0.5,3\n"),
    "with points": ("rows.csv", f"id,x\n{ODD}.0,1\n{EVEN}.0,2\n"),
    "beyond 64 bits": ("rows.csv", f"id,x\n{BEYOND},1\n{BEYOND - 1},2\n"),
    "beyond 63 bits": ("rows.csv", f"id,x\n{2**63 + 1},1\n{2**63},2\n"),
    "semicolons": ("rows.csv", f"id;x\n{ODD};1,5\n{EVEN};2\n"),
    "semicolons, among fractions": ("rows.csv", f"id;x\n{ODD};1,5\n{EVEN};2\n0,5;3\n"),
    "tabs": ("rows.tsv", f"id\tx\n{ODD}\t1.5\n{EVEN}\t\n0.5\t3\n"),
    "objects": ("rows.jsonl", f'{{"id":{ODD},"x":1.5}}\n{{"id":{EVEN},"x":2}}\n'),
    "objects, among fractions": ("rows.jsonl", f'{{"id":{ODD}}}\n{{"id":{EVEN}}}\n{{"id":0.5}}\n'),
    "objects with points": ("rows.jsonl", f'{{"id":{ODD}.0}}\n{{"id":{EVEN}.0}}\n'),
    "objects beyond 64 bits": ("rows.jsonl", f'{{"id":{BEYOND}}}\n{{"id":{BEYOND - 1}}}\n'),
}


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("packed", [False, True])
def test_text_is_exact(case, packed, tmp_path):
    name, text = TEXTS[case]
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    wanted = [word.split(".")[0] for word in (str(BEYOND), str(ODD), str(2**63 + 1)) if word in text][:1]
    for raw in (read(path, missing=True), *(open_portions(path, missing=True) or [])):
        one, other, *_ = raw.rows[:, 0].tolist()
        assert str(one).split(".")[0] == wanted[0]
        assert str(other).split(".")[0] == str(int(wanted[0]) - 1)


def test_a_column_that_becomes_text_is_said(tmp_path):
    (tmp_path / "rows.csv").write_text(TEXTS["among fractions"][1])
    (note,) = read(tmp_path / "rows.csv").notes
    assert "column 1 (id)" in note
    assert str(ODD) in note


def test_floats_stay_floats(tmp_path):
    """What a float64 holds exactly, or programs write of one, is no reason for text."""
    words = ["1e300", "12345678901234567168", "0.1", "9007199254740994.0", "-1e23", "0.0", "5e-324"]
    (tmp_path / "rows.csv").write_text("x\n" + "\n".join(words) + "\n")
    raw = read(tmp_path / "rows.csv")
    assert raw.rows[:, 0].tolist() == list(map(float, words))
    assert raw.notes == ()


@pytest.mark.parametrize("rest", ["0.5,2", ",2", "0,2"])
@pytest.mark.parametrize("word", ["1e-400", "-0.5E-999", f"0.{'0' * 400}1"])
def test_what_is_too_small_is_named(refused, word, rest, tmp_path):
    (tmp_path / "rows.csv").write_text(f"id,x\n{word},1.5\n{rest}\n")
    for call in (read, lambda path, missing: list(open_portions(path, missing=missing))):
        with refused("line 2, column 1 (id)", word[:5], "too small"):
            call(tmp_path / "rows.csv", missing=True)


def test_what_is_too_small_is_named_in_json(refused, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 0e0}\n{"a": 1e-400}\n')
    with refused("line 2", "1e-400", "too small"):
        read(tmp_path / "rows.jsonl")


def test_tables_are_exact(tmp_path):
    whole = polars.Series("id", [decimal.Decimal(ODD), decimal.Decimal(EVEN)], dtype=polars.Decimal(20, 0))
    far = polars.Series("far", [decimal.Decimal(BEYOND), decimal.Decimal("0.5")], dtype=polars.Decimal(30, 1))
    cents = polars.Series("cents", [decimal.Decimal("1.10"), None], dtype=polars.Decimal(20, 2))
    polars.DataFrame([whole, far, cents]).write_parquet(tmp_path / "rows.parquet")
    rows = read(tmp_path / "rows.parquet").rows
    assert rows[:, 0].tolist() == [ODD, EVEN]
    assert rows[0, 1].split(".")[0] == str(BEYOND)
    assert rows[:, 2].tolist() == [1.1, None]


def test_files_read_in_slices_are_exact(tmp_path):
    polars.DataFrame({"id": [ODD, EVEN], "x": [1.0, 2.0]}).write_parquet(tmp_path / "rows.parquet")
    rows = open_rows(tmp_path / "rows.parquet")
    assert rows.read(0, 2)[:, 0].tolist() == [ODD, EVEN]
    assert len(rows.identity()) == 64
    polars.DataFrame({"id": [ODD, None], "x": [1, 2]}).write_parquet(tmp_path / "gaps.parquet")
    rows = open_rows(tmp_path / "gaps.parquet")
    assert rows.read(0, 2)[:, 0].tolist() == [ODD, None]
    assert len(rows.identity()) == 64


@pytest.fixture
def labels():
    return made.MADE([made.Categorical([ODD, EVEN]), made.Bernoulli(1)], (4,))


@pytest.fixture
def whole():
    return made.MADE([made.Numeric(step=1), made.Bernoulli(1)], (4,))


ROWS = {
    "whole": [[ODD, 0], [EVEN, 0]],
    "beside a float": [[ODD, 0.0], [EVEN, 0.0]],
    "text": [[str(ODD), 0], [str(EVEN), 0]],
    "objects": np.array([[ODD, 0.0], [EVEN, 1]], dtype=object),
    "text alone": np.array([[str(ODD), "0"], [str(EVEN), "1"]]),
}


@pytest.mark.parametrize("form", ROWS)
def test_rows_are_exact(form, labels, whole):
    assert labels.rows(ROWS[form]).codes[:, 0].tolist() == [0, 1]
    assert whole.rows(ROWS[form]).bodies[:, 0].tolist() == [ODD, EVEN]


def test_whole_numbers_among_fractions_are_exact():
    model = made.MADE([made.Numeric(step=0.5, missing=True), made.Bernoulli(1)], (4,))
    rows = np.array([[ODD, 0], [0.5, 0], [None, 0], [str(EVEN), 1]], dtype=object)
    assert model.rows(rows).bodies[:, 0].tolist() == [2 * ODD, 1, 0, 2 * EVEN]


def test_what_is_given_is_exact(labels, whole):
    variables = labels.variables
    assert parse_values(f"0={ODD}", "--given", variables, int) == {0: ODD}
    assert parse_values(f"0={EVEN}", "--given", variables, int) == {0: EVEN}
    assert labels.sample(2, seed=0, given={0: ODD})[:, 0].tolist() == [ODD, ODD]
    assert whole.sample(2, seed=0, given={0: str(ODD)})[:, 0].tolist() == [ODD, ODD]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("x0 = {}", {ODD}),
        ("x0 != {}", {EVEN}),
        ("x0 in {{{}}}", {ODD}),
        ("x0 >= {}", {ODD}),
        ("x0 < {}", {EVEN}),
    ],
)
def test_conditions_on_labels_are_exact(where, expected, labels):
    drawn = labels.sample(20, seed=0, where=where.format(ODD))[:, 0].tolist()
    assert set(drawn) == expected


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (f"x0 = {ODD}", ODD, ODD),
        (f"{EVEN} <= x0 <= {ODD}", EVEN, ODD),
        (f"{EVEN} < x0 < {ODD + 1}", ODD, ODD),
        (f"x0 in {{{ODD}, {EVEN}}}", EVEN, ODD),
    ],
)
def test_conditions_on_numbers_are_exact(text, first, last):
    _, condition = parse_condition(text)
    region = region_of(made.Numeric(step=1), [condition], "x0")
    assert (region.least.tolist(), region.most.tolist()) == ([first], [last])
