"""Rows with holes: read, cut in half, completed in portions, drawn; and values as a user writes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import made
from made.runs import completions
from made.runs.completions import (
    HALVES,
    IncompleteRows,
    check_picture,
    complete_portions,
    draw_completions,
    find_incomplete_rows,
    half_images,
    has_holes,
    how_given,
    parse_values,
    read_context,
    read_given_values,
    score_known,
)
from made.runs.folder import RunFolder
from made.runs.run import run
from made.variables.row_type import RowType


@pytest.fixture
def folder(finished):
    """The folder of the finished run, and its model: a bit, three classes, labels 10, 20 and 40."""
    return RunFolder(finished[0].folder), finished[1].model


@pytest.fixture
def given_b(conditional):
    """The folder of the run that is conditional on the classes, and its model."""
    return RunFolder(conditional[0].folder), conditional[1].model


@pytest.fixture(scope="module")
def images(tmp_path_factory, job_for):
    """The folder of a run on images of 3 x 4 pixels, its model and its data."""
    place = tmp_path_factory.mktemp("images")
    np.save(place / "images.npy", (np.random.default_rng(0).random((100, 3, 4)) < 0.5).astype(np.uint8))
    outcome = run(job_for(place / "images.npy", place / "run"))
    return RunFolder(place / "run"), outcome.model, outcome.dataset


def write(path, text):
    path.write_text(text)
    return str(path)


# rows with holes


def test_holes_of_a_file_are_unknown(folder, tmp_path):
    found = find_incomplete_rows(*folder, write(tmp_path / "h.csv", "a,b,c\n1,,40\n?,2,NA\n0,nan,10\n"))
    assert found.codes.tolist() == [[1, -1, 2], [-1, 2, -1], [0, -1, 0]]
    assert (found.context, found.truth, found.name, len(found)) == (None, None, "h.csv", 3)


def test_holes_of_an_array_are_nan(folder, tmp_path):
    np.save(tmp_path / "h.npy", [[np.nan, 1, 20], [1, np.nan, np.nan]])
    found = find_incomplete_rows(*folder, str(tmp_path / "h.npy"))
    assert found.codes.tolist() == [[-1, 1, 1], [1, -1, -1]]


def test_rows_without_holes_are_all_known(folder, finished):
    found = find_incomplete_rows(*folder, finished[0].data)
    assert found.codes.min() == 0
    assert len(found) == 100


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",3,10", ["h.csv", "row 1", "column 1"]),
        (",2,30", ["h.csv", "row 1", "column 2", "30"]),
        ("2,,10", ["h.csv", "row 1", "column 0"]),
        ("-1,,10", ["h.csv", "row 1", "column 0", "-1"]),
        ("0.5,,10", ["h.csv", "row 1", "column 0", "0.5"]),
    ],
)
def test_known_entries_are_checked(folder, tmp_path, refused, line, words):
    path = write(tmp_path / "h.csv", f"a,b,c\n,1,10\n{line}\n")
    with refused(*words):
        find_incomplete_rows(*folder, path)


def test_width_is_checked(folder, tmp_path, refused):
    with refused("h.csv", "2 columns", "3 variables"):
        find_incomplete_rows(*folder, write(tmp_path / "h.csv", "a,b\n,1\n"))


def test_context_is_parted_by_place_and_must_be_known(given_b, tmp_path, refused):
    found = find_incomplete_rows(*given_b, write(tmp_path / "h.csv", "a,b,c\n,2,\n1,0,20\n"))
    assert found.codes.tolist() == [[-1, -1], [1, 1]]
    assert found.context.tolist() == [[2], [0]]
    with refused("h.csv", "row 1", "lacks b", "context"):
        find_incomplete_rows(*given_b, write(tmp_path / "h.csv", "a,b,c\n,2,\n1,,20\n"))
    with refused("h.csv", "2 columns", "2 variables and 1 of context"):
        find_incomplete_rows(*given_b, write(tmp_path / "h.csv", "a,c\n,10\n"))
    with refused("h.csv", "context", "column 0", "3"):
        find_incomplete_rows(*given_b, write(tmp_path / "h.csv", "a,b,c\n,3,\n"))


def test_has_holes(tmp_path, refused):
    assert has_holes(write(tmp_path / "a.csv", "a,b\n0,1\n?,1\n"))
    assert not has_holes(write(tmp_path / "b.csv", "a,b\n0,1\n1,1\n"))
    assert not has_holes("digits")
    assert not has_holes(str(tmp_path / "nowhere.csv"))
    np.save(tmp_path / "a.npy", [[0, np.nan]])
    np.save(tmp_path / "b.npy", [[0, 1]])
    assert has_holes(str(tmp_path / "a.npy"))
    assert not has_holes(str(tmp_path / "b.npy"))
    # What is wrong beside the holes is told, and not that there are holes.
    with refused("line 3", "blue"):
        has_holes(write(tmp_path / "c.csv", "a,b\n?,1\n0,blue\n"))


# halves of images

KNOWN = {
    "top": [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0],
    "bottom": [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
    "left": [1, 1, 0, 0] * 3,
    "right": [0, 0, 1, 1] * 3,
}


@pytest.mark.parametrize("half", HALVES)
def test_halves(images, half):
    folder, model, dataset = images
    found = half_images(folder, model, half, 6, seed=3)
    picked = dataset.test.astype(int)[np.random.default_rng(3).permutation(10)[:6]]
    np.testing.assert_array_equal(found.truth, picked)
    np.testing.assert_array_equal(found.codes, np.where(KNOWN[half], picked, -1))
    assert found.name == f"6 test images of images, {half} half given"


def test_halves_are_complementary_and_refused(images, folder, refused):
    with refused("top, bottom, left, right", "'middle'"):
        half_images(images[0], images[1], "middle", 6, seed=0)
    with refused("no images", "file of rows"):
        half_images(*folder, "top", 6, seed=0)
    assert len(half_images(images[0], images[1], "top", 50, seed=0)) == 10  # there are no more


# completions in portions


@pytest.fixture
def holes():
    """60 rows of codes of the table, -1 in 40 % of the places."""
    generator = np.random.default_rng(1)
    rows = generator.integers(0, [2, 3, 3], (60, 3))
    return np.where(generator.random(rows.shape) < 0.4, -1, rows)


@pytest.mark.parametrize("most", [1, 7, 64])
@pytest.mark.parametrize(
    "settings", [{}, {"number": 3}, {"kind": "joint"}, {"method": "estimate", "draws": 9}]
)
@pytest.mark.filterwarnings("ignore::made.PoorEstimateWarning")
def test_portions_are_one_answer(folder, holes, monkeypatch, most, settings):
    monkeypatch.setattr(completions, "_ROWS_PER_PORTION", most)
    model, done = folder[1], []
    parts = list(complete_portions(model, IncompleteRows(holes, None, "h"), done.append, seed=4, **settings))
    whole = made.complete(model, np.maximum(holes, 0), unknown=holes < 0, seed=4, **settings)
    np.testing.assert_array_equal(np.concatenate([part.rows for part in parts]), whole.rows)
    np.testing.assert_allclose(np.concatenate([part.ess for part in parts]), whole.ess, rtol=1e-5)
    assert tuple(how for part in parts for how in part.how) == whole.how
    assert done == [len(part) for part in parts]
    assert done[:3] == [1, 1, min(most, 2)]
    assert max(done) <= most
    assert sum(done) == 60


@pytest.mark.parametrize("most", [1, 64])
def test_every_portion_has_its_own_context(given_b, holes, monkeypatch, most):
    monkeypatch.setattr(completions, "_ROWS_PER_PORTION", most)
    model, context = given_b[1], torch.arange(60)[:, None] % 3
    rows = IncompleteRows(holes[:, [0, 2]], context, "h")
    found = np.concatenate([part.rows for part in complete_portions(model, rows, seed=4)])
    whole = made.complete(model, np.maximum(rows.codes, 0), unknown=rows.codes < 0, context=context, seed=4)
    np.testing.assert_array_equal(found, whole.rows)
    known = made.marginal(model, np.maximum(rows.codes, 0), unknown=rows.codes < 0, context=context)
    np.testing.assert_allclose(score_known(model, rows).log_prob, known.log_prob, rtol=1e-6)


@pytest.mark.filterwarnings("error::made.PoorEstimateWarning")
def test_poor_estimates_are_not_warned_of_portion_by_portion(folder, holes):
    parts = list(complete_portions(folder[1], IncompleteRows(holes, None, "h"), method="estimate", draws=3))
    assert min(part.ess.min() for part in parts) <= 3


def test_the_refused_row_is_called_by_its_number(randomize, refused):
    model = randomize(made.MADE(made.Bernoulli(14), (8,)))
    rows = np.zeros((6, 14), dtype=np.int64)
    rows[5, :13] = -1
    with refused("row 5 has no exact answer"):
        list(complete_portions(model, IncompleteRows(rows, None, "h"), method="exact"))


def test_no_rows(folder):
    nothing = IncompleteRows(np.zeros((0, 3), dtype=np.int64), None, "h")
    assert list(complete_portions(folder[1], nothing)) == []
    assert len(score_known(folder[1], nothing)) == 0


@pytest.mark.parametrize("most", [1, 7, 64])
def test_scores_of_what_is_known(randomize, monkeypatch, most):
    monkeypatch.setattr(completions, "_ROWS_PER_PORTION", most)
    model, done = randomize(made.MADE(made.Bernoulli(14), (8,)), scale=2.0), []
    rows = np.random.default_rng(2).integers(0, 2, (9, 14))
    rows[1::2, :13] = -1
    rows[4] = -1
    found = score_known(model, IncompleteRows(rows, None, "h"), 50, done.append)
    expected = made.marginal(model, np.maximum(rows, 0), unknown=rows < 0, draws=50)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-5)
    np.testing.assert_allclose(found.error, expected.error, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.ess, expected.ess, rtol=1e-3)
    assert found.how == ("exact", "estimated") * 4 + ("exact",)
    assert sum(done) == 9


def test_draws_of_a_score_are_checked(folder, holes, refused):
    with refused("draws", "at least 2"):
        score_known(folder[1], IncompleteRows(holes, None, "h"), draws=1)


# pictures


def test_draw_completions(images, tmp_path, refused):
    folder, model, _ = images
    rows = half_images(folder, model, "top", 10, seed=0)
    filled = np.concatenate([part.rows for part in complete_portions(model, rows, number=2)])
    for name, completed in (("two.png", filled), ("one.png", filled[:, 0])):
        draw_completions(tmp_path / name, rows, completed, model, folder.image_shape)
    with Image.open(tmp_path / "two.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.width > 1.2 * one.width
        assert abs(two.height - one.height) < 0.1 * one.height


@pytest.mark.parametrize(
    ("n", "number", "shape", "name", "words"),
    [
        (10, 2, None, "x.png", ["x.png", "no images", ".csv"]),
        (0, 2, (3, 4), "x.png", ["at least one row"]),
        (10, 0, (3, 4), "x.png", ["one completion"]),
        (10, 2, (3, 4), "missing/x.png", ["missing/x.png", "no folder"]),
        (10, None, (3, 4), "x.txt", ["x.txt", ".png"]),
    ],
)
def test_no_picture(tmp_path, refused, n, number, shape, name, words):
    rows = IncompleteRows(np.zeros((n, 12), dtype=np.int64), None, "h")
    with refused(*words):
        check_picture(tmp_path / name, rows, number, shape)


# values as a user writes them

VARIABLES = RowType([made.Bernoulli(2), made.Categorical([10, 20, 40]), made.Categorical(["no", "yes", "0"])])
NAMES = ["a", "b", "size", "answer"]


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("", NAMES, {}),
        (" ,, ", NAMES, {}),
        ("a=1", NAMES, {0: 1}),
        ("size=40, b = 0", NAMES, {2: 2, 1: 0}),
        ("2=20", NAMES, {2: 1}),
        ("size=2e1,b=1.0", NAMES, {2: 1, 1: 1}),
        ("answer=yes", NAMES, {3: 1}),
        ("answer=0", NAMES, {3: 2}),
        ("a=1,a=1,0=1", NAMES, {0: 1}),
        ("x2=10,3=no", None, {2: 0, 3: 0}),
        ("x2=10", ["x2", "x0", "b", "c"], None),  # the name of a column stands before its number
    ],
)
def test_parse_values(text, columns, values, refused):
    if values is None:
        with refused("--given", "x2 cannot be 10", "0, 1"):
            parse_values(text, "--given", VARIABLES, columns)
    else:
        assert parse_values(text, "--given", VARIABLES, columns) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=1,a=0", ["a two values, 1 and 0"]),
        ("size=10,2=20", ["2 two values"]),
        ("a", ["name=value", "'a'"]),
        ("a=", ["name=value", "'a='"]),
        ("a=1;b=0", ["a cannot be 1;b=0"]),
        ("a=2", ["a cannot be 2", "it takes 0, 1"]),
        ("size=30", ["size cannot be 30", "10, 20, 40"]),
        ("answer=maybe", ["answer cannot be maybe", "no, yes, 0"]),
        ("size=inf", ["size cannot be inf"]),
        ("aa=1", ["no variable 'aa'", "there are a"]),
        ("x0=1", ["no variable 'x0'"]),
        ("4=1", ["no variable '4'", "0..3"]),
        ("-1=1", ["no variable '-1'"]),
    ],
)
def test_values_that_make_no_sense(text, words, refused):
    with refused("--option", *words):
        parse_values(text, "--option", VARIABLES, NAMES)


def test_many_values_are_not_all_listed(refused):
    with refused("it takes 0, 1, 2, 3, 4, 5, ..., 299"):
        parse_values("x0=300", "--given", RowType(made.Categorical(300)), None)


def test_given_values_are_a_row_of_codes(folder):
    store, model = folder
    assert read_given_values("c=40,a=1", store, model).tolist() == [1, -1, 2]
    assert read_given_values(None, store, model) is None
    assert read_given_values(" ", store, model) is None
    assert how_given(model, np.array([1, -1, -1])) == "exact: what is given comes first in the ordering"
    assert how_given(model, np.array([-1, -1, 1])).startswith("exact: summed over")


def test_context_is_a_row(folder, given_b, refused):
    assert read_context("b=2", *given_b).tolist() == [2]
    assert read_context(None, *folder) is None
    with refused("--context", "has none"):
        read_context("b=2", *folder)
    with refused("conditional", '--context "b=..."'):
        read_context(None, *given_b)
    with refused("lacks b"):
        read_context("", *given_b)
    with refused("--context", "'a'", "b"):
        read_context("b=2,a=1", *given_b)


def test_context_of_several_columns(tmp_path, refused):
    model = made.MADE(made.Bernoulli(1), (4,), context=[made.Categorical([10, 20]), made.Bernoulli(1)])
    folder = RunFolder(tmp_path / "model.safetensors")
    assert read_context("x1=1,x0=20", folder, model).tolist() == [1, 1]
    with refused("lacks x1", "all of x0, x1"):
        read_context("x0=10", folder, model)
    with refused('--context "x0=...,x1=..."'):
        read_context(None, folder, model)
    numbers = made.MADE(made.Bernoulli(1), (4,), context=2)
    with refused("numbers", "Python"):
        read_context("x0=1,x1=1", folder, numbers)
