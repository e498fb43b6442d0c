"""One call from rows to a model: what is built, tried, chosen and said."""

import numpy as np
import pytest
import torch

import made
from made.runs.config import RunConfig
from made.runs.run import run
from made.tuning.candidates import Candidate
from made.tuning.candidates import candidates as real_candidates
from made.tuning.pipeline import Pipeline


@pytest.fixture
def quick(monkeypatch):
    """Small networks and few epochs: what is chosen among is not the question here."""

    def candidates(facts):
        if not facts.n_valid:
            return real_candidates(facts)
        return [
            Candidate("small", {"hidden": (8,), "dropout": 0.5}, {"epochs": 2, "batch_size": 128}),
            Candidate("wide", {"hidden": (64,), "dropout": 0.1}, {"epochs": 12, "batch_size": 32}),
        ]

    monkeypatch.setattr("made.tuning.plan.candidates", candidates)


def _rows(n=600, d=6):
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, (n, 1))
    return np.where(draw.random((n, d)) < 0.9, first, 1 - first)


def test_the_best_candidate_is_returned(quick, capsys):
    rows = _rows()
    model = made.auto_fit(rows[:500], rows[500:], progress=True)
    assert model.hidden == (64,)
    said = capsys.readouterr().err
    for words in ("comparing 2 settings", "small: validation NLL", "wide: validation NLL", "chosen: wide"):
        assert words in said
    assert -float(model.log_prob(rows[500:]).mean()) < 6 * np.log(2) - 0.5


def test_without_validation_rows_some_are_set_apart_and_it_is_said(quick, capsys):
    made.auto_fit(_rows(), progress=True)
    assert "60 of the 600 training rows were set apart" in capsys.readouterr().err


def test_few_rows_are_all_trained_on(quick, capsys):
    model = made.auto_fit(_rows(40), progress=True)
    assert model.mask_set.describe() == "one mask (natural ordering, even connectivity)"
    said = capsys.readouterr().err
    assert "40 rows are too few" in said
    assert "50% of units dropped, weight decay 20: about" in said


def test_columns_say_what_they_are(quick):
    rows = np.stack([np.arange(300) % 2, np.arange(300) % 5, np.arange(300) % 3], axis=1)
    model = made.auto_fit(rows)
    assert model.variables.n_values.tolist() == [2, 5, 3]


def test_labels_are_translated(quick):
    rows = np.stack([np.arange(300) % 2, (np.arange(300) % 3) * 100 + 7], axis=1)
    model = made.auto_fit(rows)
    assert model.rows(rows[:3]).codes.tolist() == [[0, 0], [1, 1], [0, 2]]
    assert np.isfinite(model.log_prob(rows).numpy()).all()
    assert set(model.sample(50, seed=0)[:, 1].tolist()) <= {7, 107, 207}


def test_variables_may_be_given(quick):
    model = made.auto_fit(_rows(), schema=made.Categorical(4, n=6))
    assert model.variables.n_values.tolist() == [4] * 6


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.zeros(5), np.full((50, 2), np.inf), np.zeros((4, 0))])
def test_bad_rows_are_refused(refused, rows):
    with refused("rows"):
        made.auto_fit(rows)


def test_the_same_seed_gives_the_same_model(quick):
    first, again = (made.auto_fit(_rows(), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.log_prob(_rows(50)), again.log_prob(_rows(50)))


def test_text_and_names_of_a_frame_are_learned(quick):
    polars = pytest.importorskip("polars")
    colours = np.array(["red", "green", "blue"])
    frame = polars.DataFrame({"colour": colours[np.arange(300) % 3], "size": np.arange(300) % 5})
    model = made.auto_fit(frame)
    assert model.schema.names == ("colour", "size")
    assert model.schema.labels == (("blue", "green", "red"), (0, 1, 2, 3, 4))
    expected = model.log_prob(frame)
    assert np.array_equal(model.log_prob(frame.select("size", "colour")), expected)
    assert model.conditional("colour", {"size": 2}).values == ("blue", "green", "red")


@pytest.mark.parametrize("mark", [None, float("nan")])
def test_a_column_with_gaps_may_be_missing(quick, mark):
    rows = np.array([["a", 1.5], [mark, 0.25], ["b", mark]] * 40, dtype=object)
    model = made.auto_fit(rows)
    assert [column.arguments.get("missing") for column in model.schema.columns] == [True, True]
    assert model.log_prob(rows).isfinite().all()
    assert model.sample(3, seed=0).shape == (3, 2)


def test_a_table_of_floats_is_learned(quick):
    draw = np.random.default_rng(0)
    a = draw.normal(size=400)
    rows = np.stack([a, a + 0.1 * draw.normal(size=400), np.round(draw.exponential(10, 400), 1)], axis=1)
    model = made.auto_fit(rows[:300], rows[300:])
    assert [column.measure for column in model.schema.columns] == ["density", "density", "mass"]
    # The entropy of such a row is 6.15 nats; the marginals alone need 8.4.
    assert float(model.log_prob(rows[300:]).mean()) > -6.7
    assert np.isfinite(np.asarray(model.sample(20, seed=0))).all()


def test_a_table_with_context_is_fitted_as_a_whole(quick):
    rows = np.stack([np.arange(300) % 2, np.arange(300) % 3, np.arange(300) % 2], axis=1)
    schema = made.Schema.of_classes([2, 3, 2], names=["a", "b", "c"]).with_context(["c"])
    model = made.auto_fit(rows, schema=schema)
    assert [column.name for column in model.schema.modelled] == ["a", "b"]
    assert model.sample(4, seed=0, context=[1]).shape == (4, 2)


def test_made_fit_and_python_give_the_same_model(quick, tmp_path):
    np.save(tmp_path / "rows.npy", _rows())
    config = RunConfig(
        data=str(tmp_path / "rows.npy"),
        folder=tmp_path / "run",
        seed=3,
        data_dir=None,
        model={},
        training={},
        device="cpu",
    )
    own = run(config).model
    data = made.data.load(tmp_path / "rows.npy", seed=3)
    again = made.auto_fit(data.train, data.valid, seed=3)
    assert own.hidden == again.hidden == (64,)
    for name, tensor in own.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert made.load(tmp_path / "run").settings() == again.settings()


def test_a_model_for_questions_answers_with_what_is_known_first(refused):
    rows = _rows(400)
    model = made.auto_fit(rows[:300], rows[300:], for_questions=True, max_time=4)
    assert model.mask_set.is_fresh
    assert model.n_masks == 8
    given = rows[300:].astype(float)
    given[:, [0, 2, 5]] = np.nan
    filled = made.complete(model, given, "joint", method="given-first").rows
    assert (filled == rows[300:]).mean() > 0.9
    with refused("recipe 'dna'", "for questions", "one of them"):
        made.auto_fit(rows, for_questions=True, recipe="dna")
    with refused("for_questions out"):
        made.auto_fit(rows, update=model, for_questions=True)


def test_units_of_a_model_for_questions_tell_a_0_from_what_they_do_not_see():
    """From 10,000 rows on, where it pays: columns of 0 and 1 have a feature for each."""
    rows = np.repeat(_rows(), 20, axis=0)
    pipelines = [
        Pipeline(schema, schema.encode(rows[:n]), schema.encode(rows[:100]), for_questions=own)
        for schema in [made.infer_schema(rows)]
        for n, own in ((10_001, True), (10_000, True), (10_001, False))
    ]
    assert [own.schema.row_type.n_inputs for own in pipelines] == [12, 6, 6]
    model, _ = pipelines[0].prepare()
    assert model.sample(5, seed=0).shape == (5, 6)
    assert (model.rows(rows[:9]).codes.numpy() == rows[:9]).all()
