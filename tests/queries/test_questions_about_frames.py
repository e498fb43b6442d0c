"""Questions about data frames: columns are found by name, and completions are frames of the same library."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.queries.results import Answer


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    """Each library of data frames that is installed."""
    return pytest.importorskip(request.param)


@pytest.fixture(scope="module")
def schema():
    """What a table of people is: text, labels that are numbers, a bit."""
    classes, labels = [2, 3, 2], [("no", "yes"), (10, 20, 40), None]
    return made.Schema.of_classes(classes, labels, ["member", "size", "old"])


@pytest.fixture
def model(schema, randomize):
    """A model of those columns."""
    return randomize(made.MADE(schema, (8,)))


COLUMNS = {
    "old": [None, 1, None],
    "id": ["u", "v", "w"],
    "size": [10, None, 40],
    "member": ["yes", None, None],
}
ROWS = [["yes", 10, None], [None, None, 1], [None, 40, None]]


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
def test_a_frame_is_completed_as_it_came(library, model, kind):
    """Its columns in its order, also those that are not modelled; the entries are those of an array."""
    frame = library.DataFrame(COLUMNS)
    answer = model.complete(frame, kind)
    expected = model.complete(ROWS, kind).rows
    assert isinstance(answer.rows, library.DataFrame)
    assert list(answer.rows.columns) == ["old", "id", "size", "member"]
    assert answer.rows["id"].to_list() == ["u", "v", "w"]
    for d, name in enumerate(["member", "size", "old"]):
        assert answer.rows[name].to_list() == expected[:, d].tolist()
        assert library.__name__ == "pandas" or answer.rows[name].dtype == frame[name].dtype
    np.testing.assert_array_equal(answer.values, expected)
    np.testing.assert_array_equal(np.asarray(answer), expected)
    assert answer[1, 2] == 1


def test_whole_numbers_with_gaps_come_back_whole(model):
    """In pandas gaps make them float."""
    pandas = pytest.importorskip("pandas")
    rows = model.complete(pandas.DataFrame(COLUMNS)).rows
    assert rows["size"].dtype == rows["old"].dtype == "int64"
    nullable = pandas.DataFrame(COLUMNS).astype({"size": "Int64", "old": "boolean", "member": "string"})
    rows = model.complete(nullable).rows
    assert rows.dtypes.map(str).to_dict() | {"id": ""} == {
        "old": "boolean",
        "id": "",
        "size": "Int64",
        "member": "string",
    }


def test_several_completions_of_a_frame(library, model):
    """Those of a row follow one another."""
    answer = model.complete(library.DataFrame(COLUMNS), number=4)
    assert answer.rows["id"].to_list() == ["u"] * 4 + ["v"] * 4 + ["w"] * 4
    assert answer.rows["size"].to_list() == answer.values[:, :, 1].ravel().tolist()
    assert answer.values.shape == answer.codes.shape == (3, 4, 3)
    assert len(model.complete(library.DataFrame(COLUMNS), number=0).rows) == 0


def test_entries_that_are_called_unknown_are_drawn(library, model):
    frame = library.DataFrame({"member": ["no"] * 40, "size": [10] * 40, "old": [0] * 40})
    rows = model.complete(frame, unknown=[False, True, False]).rows
    assert set(rows["size"].to_list()) == {10, 20, 40}
    assert rows["size"].dtype == frame["size"].dtype
    assert rows["member"].to_list() == ["no"] * 40


def test_context_passes_through(library, schema, randomize):
    model = randomize(made.MADE(schema.with_context(["size"]), (8,)))
    frame = library.DataFrame({"size": [40, 10], "old": [None, 1], "member": ["yes", None]})
    rows = model.complete(frame).rows
    assert list(rows.columns) == ["size", "old", "member"]
    assert rows["size"].to_list() == [40, 10]
    expected = model.complete([["yes", None], [None, 1]], context=[[40], [10]]).rows
    assert rows["member"].to_list() == expected[:, 0].tolist()
    assert rows["old"].to_list() == expected[:, 1].tolist()


@pytest.mark.parametrize("has_context", [False, True])
def test_a_model_without_names_counts_the_columns(library, randomize, has_context):
    model = randomize(made.MADE(made.Bernoulli(2), (8,), context=made.Categorical(3)))
    frame = library.DataFrame({"a": [None, 1], "b": [0, None], **({"c": [2, 0]} if has_context else {})})
    rows = model.complete(frame, context=None if has_context else [[2], [0]]).rows
    expected = model.complete([[None, 0], [1, None]], context=[[2], [0]]).rows
    assert list(rows.columns) == list(frame.columns)
    assert rows["a"].to_list() == expected[:, 0].tolist()
    assert rows["b"].to_list() == expected[:, 1].tolist()


def test_completions_of_frames_are_joined(library, model):
    frame = library.DataFrame(COLUMNS)
    parts = [model.complete(frame[first : first + 1], first=first) for first in range(3)]
    joined, whole = Answer.cat(parts), model.complete(frame)
    assert isinstance(joined.rows, library.DataFrame)
    for name in COLUMNS:
        assert joined.rows[name].to_list() == whole.rows[name].to_list()
    mixed = Answer.cat([parts[0], model.complete(ROWS[1:], first=1)])
    np.testing.assert_array_equal(mixed.rows, whole.values)


def test_arrays_are_completed_as_arrays(model):
    assert isinstance(model.complete(ROWS).rows, np.ndarray)
    assert model.complete(model.rows(ROWS)).table is None


def test_what_is_given_in_a_frame_is_found_by_name(library, model):
    """Whatever the order of its columns, and whatever else it has."""
    frame = library.DataFrame(COLUMNS)
    sampled, expected = model.sample(3, 0, given=frame), model.sample(3, 0, given=ROWS)
    assert isinstance(sampled, library.DataFrame)
    assert list(sampled.columns) == ["old", "id", "size", "member"]
    for d, name in enumerate(["member", "size", "old"]):
        assert sampled[name].to_list() == expected[:, d].tolist()
    assert model.sample(5, 0, given=frame[:1])["id"].to_list() == ["u"] * 5
    assert len(model.sample(0, 0, given=frame[:1])) == 0
    np.testing.assert_array_equal(
        model.conditional("old", frame[:1]), model.conditional("old", {"member": "yes", "size": 10})
    )


def test_what_is_given_in_a_frame_goes_with_context(library, schema, randomize):
    """The frame brings the context, or it stands beside it."""
    model = randomize(made.MADE(schema.with_context(["old"]), (8,)))
    frame = library.DataFrame({"size": [10, None], "member": [None, "no"], "old": [1, 0]})
    context = torch.tensor([[1], [0]])
    expected = model.sample(2, 0, given=[[None, 10], ["no", None]], context=context)
    for sampled in (
        model.sample(2, 0, given=frame),
        model.sample(2, 0, given=frame[["size", "member"]], context=context),
    ):
        assert [sampled[name].to_list() for name in ("member", "size")] == expected.T.tolist()
    np.testing.assert_array_equal(
        model.conditional("member", frame[:1]), model.conditional("member", {"size": 10}, context=[1])
    )


def test_a_column_that_a_frame_lacks_is_unknown(library, model, caplog):
    frame = library.DataFrame({"old": [1, 0], "id": ["u", "v"], "size": [10, 40]})
    rows = [[None, 10, 1], [None, 40, 0]]
    torch.testing.assert_close(model.log_prob(frame), model.log_prob(rows), rtol=0, atol=0)
    assert caplog.messages == ["unknown in every row, as the table has no such column: member"]
    filled = model.complete(frame, "joint").rows
    assert list(filled.columns) == ["old", "id", "size", "member"]
    assert filled["member"].to_list() == model.complete(rows, "joint").rows[:, 0].tolist()
    drawn = model.sample(2, seed=0, given=frame)
    assert list(drawn.columns) == ["old", "id", "size", "member"]
    assert drawn["size"].to_list() == [10, 40]
    asked = model.marginal(frame, unknown=[[True, True, False], [False, False, False]]).log_prob
    np.testing.assert_array_equal(asked, model.marginal([[None, None, 1], [None, 40, 0]]).log_prob)


def test_of_a_column_that_may_be_missing_one_that_a_frame_lacks_is_unknown_not_missing(library):
    draw = np.random.default_rng(0)
    size = np.where(draw.random(200) < 0.3, None, draw.integers(0, 3, 200).astype(object))
    frame = library.DataFrame({"size": size.tolist(), "old": draw.integers(0, 2, 200).tolist()})
    model = made.auto_fit(frame, max_time=0.5)
    lacking = frame.drop(columns="size") if library.__name__ == "pandas" else frame.drop("size")
    found, expected = model.log_prob(lacking).numpy(), model.marginal(frame, unknown=[True, False]).log_prob
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert (model.log_prob([[None, 1], [None, 0]]).numpy() < expected.min() - 0.5).all()  # that is missing


def test_a_frame_that_lacks_all_columns_and_rows_to_learn_from_that_lack_one_are_refused(library, model):
    with pytest.raises(made.InputError, match="the table has no column 'member': the model knows member"):
        model.log_prob(library.DataFrame({"other": [1, 2]}))
    with pytest.raises(made.InputError, match="the table has no column 'member'"):
        made.fit(model, library.DataFrame({"old": [1, 0] * 30, "size": [10, 40] * 30}), epochs=1)


def test_dates_and_whole_numbers_of_columns_that_a_frame_lacks_have_their_types(library):
    days = np.datetime64("2024-01-01") + np.arange(120) % 28
    frame = library.DataFrame(
        {"day": days.astype("datetime64[ms]"), "n": np.arange(120) % 50, "x": ["a", "b"] * 60}
    )
    model = made.auto_fit(frame, max_time=0.5)
    filled = model.complete(frame[["x"]], seed=0).rows
    assert list(filled.columns) == ["x", "day", "n"]
    assert str(filled["n"].dtype).lower() == "int64"
    assert str(filled["day"].dtype).lower().startswith("datetime")
    assert not any(value is None or value != value for value in filled["day"].to_list())
