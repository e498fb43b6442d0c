"""Rare labels, minima and maxima are kept out of schemas and rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from made.data.choices import Choices
from made.data.columns import infer_schema
from made.data.dataset import build
from made.data.protect import FEWEST, bounds_of, protected_rows
from made.data.raw import Raw
from made.variables.schema import Schema
from made.variables.unseen import UNSEEN

N = 600
NAMES = ("city", "amount", "age", "level", "flag")


def people(seed=0):
    """A table with a label that one row has, one of four rows, and extremes of every column."""
    draw = np.random.default_rng(seed)
    table = np.empty((N, 5), dtype=object)
    table[:, 0] = draw.choice(["Oslo", "Rome", "Bern"], N)
    table[:, 1] = np.round(draw.exponential(100, N), 2)
    table[:, 2] = draw.integers(18, 91, N)
    table[:, 3] = draw.integers(1, 6, N)
    table[:, 4] = 0
    table[3, 0], table[10:14, 0] = "Xanadu", "Tlon"
    table[5, 1], table[6, 1] = 987654.32, -777.77
    table[7, 2], table[8, 2] = 40404, 3
    table[9, 3] = 8
    table[11:13, 4] = 1
    table[::10, 1] = None
    table[5, 1], table[6, 1] = 987654.32, -777.77
    return table


SECRETS = ("Xanadu", "Tlon", "987654.32", "-777.77", "40404")


def test_the_schema_says_nothing_of_what_is_rare():
    schema, notes = infer_schema({"all": people()}, names=NAMES, choices=Choices(protect=True))
    own = dict(zip(schema.names, schema.columns, strict=True))
    assert own["city"].labels == ("Bern", "Oslo", "Rome")
    assert own["city"].arguments["unseen"] == 5 / N
    assert own["level"].labels == (1, 2, 3, 4, 5)
    assert own["level"].arguments["unseen"] == 1 / N
    assert own["flag"].labels == (0,)
    assert own["flag"].arguments["unseen"] == 2 / N
    assert own["age"].found.low >= 18
    assert own["age"].found.high <= 90
    assert own["amount"].kind == "numeric"
    text = json.dumps(schema.as_dict()) + str(schema) + " ".join(notes)
    assert not [secret for secret in SECRETS if secret in text]
    assert any(note.startswith("protected: numbers and dates lie in ranges") for note in notes)
    plain = json.dumps(infer_schema({"all": people()}, names=NAMES)[0].as_dict())
    assert all(secret in plain for secret in SECRETS[:2])


def test_rows_of_a_data_set_hold_nothing_of_it():
    raw = Raw("people.csv", {"all": people()}, columns=NAMES)
    found = build(raw, "people", choices=Choices(protect=True))
    assert found.is_protected
    together = np.concatenate(list(found.splits.values()))
    assert not set(map(str, together.ravel().tolist())) & set(SECRETS)
    assert (together[:, 0] == UNSEEN).sum() == 5
    assert (together[:, 4] == UNSEEN).sum() == 2
    low, high = found.schema.columns[1].found.low, found.schema.columns[1].found.high
    train = np.array([value for value in found.train[:, 1] if value is not None], dtype=float)
    assert (train <= low).sum() >= FEWEST
    assert (train >= high).sum() >= FEWEST
    assert found.schema.encode(found.test).mask.all()


@given(st.lists(st.integers(-50, 50), min_size=2 * FEWEST, max_size=80))
def test_five_rows_are_at_or_beyond_either_bound(numbers):
    values = np.array(numbers)
    low, high = bounds_of(values)
    assert (values <= low).sum() >= FEWEST
    assert (values >= high).sum() >= FEWEST
    assert low <= high


def test_too_few_values_are_left_out(refused):
    table = np.empty((40, 2), dtype=object)
    table[:, 0] = [f"name {i}" for i in range(40)]
    table[:, 1] = np.arange(40) % 8 / 4
    schema, notes = infer_schema({"all": table}, names=["name", "size"], choices=Choices(protect=True))
    assert schema.names == ("size",)
    assert any("column name has no label of 5 training rows" in note for note in notes)
    with refused("too few rows to protect"):
        infer_schema({"all": table[:9]}, names=["name", "size"], choices=Choices(protect=True))


def test_a_note_of_the_reader_shows_no_word():
    note = "column 2 (age) holds text among numbers, first 'Xanadu' in line 5: it is read as text"
    raw = Raw("people.csv", {"all": people()}, columns=NAMES, notes=(note, "another note"))
    found = build(raw, "people", choices=Choices(protect=True))
    assert found.notes[:2] == ("column 2 (age) holds text among numbers: it is read as text", "another note")


def test_a_schema_that_names_rare_labels_is_protected_too():
    plain, _ = infer_schema({"all": people()}, names=NAMES)
    schema, _ = infer_schema({"all": people()}, names=NAMES, choices=Choices(schema=plain, protect=True))
    assert schema.columns[0].labels == ("Bern", "Oslo", "Rome")
    assert schema.columns[1].found.high < 2000
    again, _ = infer_schema({"all": people()}, names=NAMES, choices=Choices(schema=schema, protect=True))
    assert again.same_columns(schema)


def test_the_first_and_the_last_date_are_moved_inwards():
    draw = np.random.default_rng(0)
    table = np.empty((300, 1), dtype=object)
    table[:, 0] = [f"2023-{draw.integers(3, 11):02d}-{draw.integers(1, 29):02d}" for _ in range(300)]
    table[7, 0], table[8, 0] = "1911-11-11", "2099-12-31"
    choices = Choices(protect=True)
    schema, notes = infer_schema({"all": table}, names=["day"], choices=choices)
    text = json.dumps(schema.as_dict()) + str(schema) + " ".join(notes)
    assert "1911" not in text
    assert "2099" not in text
    first, last = schema.columns[0].part.span
    assert "2023-02-20" <= first < "2023-04-01" < "2023-10-01" < last <= "2023-11-05"
    found = build(Raw("days.csv", {"all": table}, columns=("day",)), "days", choices=choices)
    weeks = np.concatenate([rows[:, 0] for rows in found.splits.values()]).astype(int)
    assert np.ptp(weeks) < 40


def test_rows_within_stay_as_they_are():
    schema, _ = infer_schema({"all": people()}, names=NAMES, choices=Choices(protect=True))
    once = protected_rows(schema, people())
    assert protected_rows(schema, once) is once
    whole = np.arange(100, dtype=np.int64)[:, None] % 50
    schema = infer_schema({"all": whole}, names=["a"], choices=Choices(protect=True))[0]
    found = protected_rows(schema, whole)
    assert found.dtype == np.int64
    assert (found.min(), found.max()) == (2, 47)


@pytest.mark.parametrize("library", ["pandas", "polars", None])
def test_a_model_of_a_frame_knows_nothing_of_it(library, tmp_path):
    table: object = people()
    if library is not None:
        frames = pytest.importorskip(library)
        table = frames.DataFrame(
            {name: people()[:, d].tolist() for d, name in enumerate(NAMES)},
            **({"strict": False} if library == "polars" else {}),
        )
    settings = {"network": {"hidden": [8]}, "training": {"epochs": 2}}
    model = made.auto_fit(table, protect=True, **settings)
    model.save(tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    assert not [secret for secret in SECRETS if secret.encode() in content]
    assert not [value for value in (987654.32, -777.77, 40404.0) if np.float64(value).tobytes() in content]
    drawn = np.asarray(model.sample(500, seed=0), dtype=object)
    assert not set(map(str, drawn.ravel().tolist())) & set(SECRETS)
    assert np.isfinite(model.log_prob(table).numpy()).all()
    assert isinstance(model.schema, Schema)
