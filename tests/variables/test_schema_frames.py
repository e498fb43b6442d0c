"""What a schema remembers of the data frame that a model was fitted on, and rows as such a frame."""

from __future__ import annotations

import json

import numpy as np
import pytest

import made
from made.data.columns import infer_schema
from made.variables import outputs
from made.variables.column import Column
from made.variables.schema import Schema

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


def pandas_table(n=200):
    rng = np.random.default_rng(0)
    gaps = rng.random(n) < 0.2
    return pandas.DataFrame(
        {
            "sex": pandas.Categorical(rng.choice(["m", "f"], n), ["m", "f", "x"], ordered=True),
            "age": rng.integers(1, 90, n).astype("int16"),
            "kids": np.where(gaps, np.nan, rng.integers(0, 4, n)),
            "height": rng.normal(170, 9, n).astype("float32"),
            "paid": rng.random(n) < 0.5,
            "city": rng.choice(["Rome", "Oslo", "Bern"], n),
            "sure": pandas.array(np.where(gaps, None, rng.random(n) < 0.5), dtype="boolean"),
            "rank": pandas.array(np.where(gaps, None, rng.integers(1, 200, n)), dtype="Int16"),
        }
    )


def polars_table(n=200):
    frame = pandas_table(n)
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}
    kinds = {
        "sex": polars.Enum(["m", "f", "x"]),
        "age": polars.Int16,
        "kids": polars.Int8,
        "height": polars.Float32,
        "paid": polars.Boolean,
        "city": polars.Categorical(),
        "sure": polars.Boolean,
        "rank": polars.Int16,
    }
    return polars.DataFrame(
        {name: polars.Series(columns[name], dtype=kinds[name], strict=False) for name in kinds}
    )


def fitted(frame):
    """A model at the marginals of a frame."""
    schema, _ = infer_schema({"train": frame})
    model = made.MADE(schema.of_frame(frame), (8,))
    model.set_marginals(frame)
    return model


@pytest.fixture(scope="module")
def of_pandas():
    return fitted(pandas_table())


@pytest.fixture(scope="module")
def of_polars():
    return fitted(polars_table())


def test_samples_are_a_frame_of_pandas_with_its_types(of_pandas):
    table, drawn = pandas_table(), of_pandas.sample(100, seed=0)
    assert list(drawn.columns) == list(table.columns)
    want = dict(table.dtypes) | {"kids": pandas.Int64Dtype()}  # whole numbers with gaps
    assert dict(drawn.dtypes) == want
    assert dict(of_pandas.sample(0).dtypes) == want
    assert drawn["kids"].isna().any()
    assert of_pandas.log_prob(drawn).isfinite().all()


def test_samples_are_a_frame_of_polars_with_its_types(of_polars):
    table, drawn = polars_table(), of_polars.sample(100, seed=0)
    assert drawn.schema == table.schema == of_polars.sample(0).schema
    assert drawn["kids"].null_count() > 0
    assert of_polars.log_prob(drawn).isfinite().all()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_all_outputs_hold_the_same_rows(library, of_pandas, of_polars):
    model = of_pandas if library == "pandas" else of_polars
    values = model.sample(20, seed=3, output="numpy")
    assert values.shape == (20, 8)
    for output in ("pandas", "polars"):
        own = model.sample(20, seed=3, output=output)
        found = model.schema.encode(own)
        assert (found.codes == model.schema.encode(values).codes).all()
    with pytest.raises(made.InputError, match="tensor"):
        model.sample(2, output="torch")
    with pytest.raises(made.InputError, match="'numpy', 'torch', 'pandas', 'polars'"):
        model.sample(2, output="arrow")


def test_arrays_answer_with_tensors_and_frames_where_asked():
    model = made.MADE([made.Bernoulli(1), made.Categorical([10, 20])], (4,))
    assert model.schema.frame is None
    assert model.sample(3, seed=0).tolist() == model.sample(3, seed=0, output="tensor").tolist()
    assert model.sample(3, seed=0, output="numpy").tolist() == model.sample(3, seed=0).tolist()
    assert model.sample(3, seed=0, output="polars").rows() == list(
        map(tuple, model.sample(3, seed=0).tolist())
    )
    assert list(model.sample(3, output="pandas").columns) == ["x0", "x1"]


def test_the_file_knows_the_frame(of_pandas, tmp_path):
    of_pandas.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert again.schema == of_pandas.schema
    assert again.sample(9, seed=1).equals(of_pandas.sample(9, seed=1))


def test_a_schema_of_before_loads(of_pandas):
    entries = json.loads(json.dumps(of_pandas.schema.as_dict()))
    assert Schema.from_dict(entries) == of_pandas.schema
    del entries["frame"], entries["dtypes"]
    assert Schema.from_dict(entries).frame is None
    assert Schema.from_dict(entries).same_columns(of_pandas.schema)


def test_without_the_library_arrays_come_and_a_note_does_once(of_pandas, monkeypatch, caplog):
    outputs._is_installed.cache_clear()
    monkeypatch.setattr(outputs.importlib.util, "find_spec", lambda name: None)
    for _ in range(2):
        assert isinstance(of_pandas.sample(2, seed=0), np.ndarray)
    assert [record.getMessage() for record in caplog.records] == [
        "this model was fitted on a data frame of pandas, which is not installed: it answers with arrays; "
        "pip install pandas, or ask for output='polars'"
    ]
    outputs._is_installed.cache_clear()


def test_given_conditions_and_given_frames(of_pandas):
    drawn = of_pandas.sample(20, seed=0, given={"city": "Rome"}, where="age >= 30")
    assert set(drawn["city"]) == {"Rome"}
    assert drawn["age"].min() >= 30
    assert drawn["age"].dtype == "int16"
    given = pandas_table(3).assign(id=["u", "v", "w"], city=None)
    filled = of_pandas.sample(3, seed=0, given=given)
    assert list(filled.columns) == list(given.columns)
    as_polars = of_pandas.sample(3, seed=0, given=given, output="polars")
    assert as_polars["city"].to_list() == filled["city"].tolist()


def test_completions_come_as_they_are_asked_for(of_pandas):
    rows = pandas_table(4).assign(height=np.nan)
    plain = of_pandas.complete(rows, seed=0)
    assert plain.rows["height"].notna().all()
    assert of_pandas.complete(rows, seed=0, output="polars").rows["age"].to_list() == rows["age"].tolist()
    assert of_pandas.complete(rows, seed=0, output="numpy").rows.shape == (4, 8)
    several = of_pandas.complete(plain.values, number=3, output="pandas").rows
    assert len(several) == 12
    assert several["sex"].dtype == rows["sex"].dtype
    bits = made.MADE(made.Bernoulli(3), (4,)).complete([[1, None, 0]], number=2, output="torch")
    assert bits.rows.shape == (1, 2, 3)


def test_names_that_are_numbers_stay_numbers():
    frame = pandas.DataFrame(np.eye(4, dtype=int)[np.arange(40) % 4])
    model = made.MADE(made.Bernoulli(4), (4,))
    made.fit(model, frame, False, epochs=1)
    assert list(model.sample(2).columns) == [0, 1, 2, 3]
    assert (model.sample(2, output="polars").columns) == ["0", "1", "2", "3"]


def test_columns_that_were_left_out_do_not_appear():
    frame = polars_table(60).with_columns(id=polars.int_range(60))
    schema, _ = infer_schema({"train": frame})
    model = made.MADE(schema.of_frame(frame), (4,))
    model.set_marginals(frame)
    assert model.sample(2).columns == polars_table(2).columns


def test_a_value_beyond_the_type_makes_the_column_wider():
    schema = Schema((Column("n", "numeric", {"step": 1.0}, dtype="uint8"),))
    frame = schema.as_frame(schema.encode([[3], [-1]]))
    assert frame.schema == {"n": polars.Int64}
    assert schema.as_frame(schema.encode([[3]])).schema == {"n": polars.UInt8}


def test_categories_that_are_no_class_can_be_left_out():
    frame = polars.DataFrame({"k": polars.Series(["a", "b"] * 50, dtype=polars.Enum(["a", "b", "secret"]))})
    schema, _ = infer_schema({"train": frame})
    assert "secret" in str(schema.of_frame(frame).as_dict())
    assert "secret" not in str(schema.of_frame(frame, only_classes=True).as_dict())
    assert schema.of_frame(frame, only_classes=True).columns[0].dtype["categories"] == ["a", "b"]


def test_numbers_for_names_come_back_as_they_were():
    rows = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]] * 10)
    for given, expected in (([0, -1, 7], [0, -1, 7]), ([0, 0, 3], [0, "0_2", 3])):
        model = made.auto_fit(pandas.DataFrame(rows, columns=given), max_time=1)
        assert list(model.sample(2).columns) == expected
