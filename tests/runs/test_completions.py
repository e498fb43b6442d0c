"""Rows with unknown entries: read, cut in half, scored and completed in portions, drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import made
from made.runs import completions
from made.runs.completer import Completer
from made.runs.completions import (
    HALVES,
    IncompleteRows,
    check_picture,
    draw_completions,
    find_incomplete_rows,
    half_images,
    how_given,
    poor_estimates,
    score_known,
)
from made.runs.folder import RunFolder
from made.runs.run import run
from made.variables.rows import Rows


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


def incomplete(codes, context=None, name="h"):
    """Rows of codes with -1 where unknown, as a command finds them."""
    codes = torch.as_tensor(codes)
    return IncompleteRows(Rows(codes.clamp(min=0), codes >= 0, context), name)


def values_of(model, codes):
    """Values for rows of codes; some value of the column where a code is -1."""
    return model.schema.decode(np.maximum(codes, 0))


def marked(found):
    """The codes of rows as a list, -1 where unknown."""
    return torch.where(found.rows.mask, found.rows.codes.long(), -1).tolist()


def write(path, text):
    path.write_text(text)
    return str(path)


# rows with unknown entries


def test_gaps_in_a_file_are_unknown(folder, tmp_path):
    found = find_incomplete_rows(folder[1], write(tmp_path / "h.csv", "a,b,c\n1,,40\n?,2,NA\n0,nan,10\n"))
    assert marked(found) == [[1, -1, 2], [-1, 2, -1], [0, -1, 0]]
    assert (found.rows.context, found.truth, found.name, len(found)) == (None, None, "h.csv", 3)
    assert found.n_unknown == 4


def test_unknown_entries_of_an_array_are_nan(folder, tmp_path):
    np.save(tmp_path / "h.npy", [[np.nan, 1, 20], [1, np.nan, np.nan]])
    found = find_incomplete_rows(folder[1], str(tmp_path / "h.npy"))
    assert marked(found) == [[-1, 1, 1], [1, -1, -1]]


def test_rows_without_gaps_are_all_known(folder, finished):
    found = find_incomplete_rows(folder[1], finished[0].data)
    assert found.rows.is_complete
    assert found.n_unknown == 0
    assert len(found) == 100


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",two,10", ["h.csv: line 3, column 2 (b) holds 'two', which is none of its 3 labels"]),
        (",2,inf", ["h.csv: line 3, column 3 (c) holds inf, which is none of its 3 labels"]),
        ("2,,10", ["h.csv: line 3, column 1 (a) holds 2: "]),
        ("-1,,10", ["h.csv: line 3, column 1 (a) holds -1: "]),
        ("0.5,,10", ["h.csv: line 3, column 1 (a) holds 0.5: "]),
    ],
)
def test_known_entries_are_checked(folder, tmp_path, refused, line, words):
    with refused(*words):
        find_incomplete_rows(folder[1], write(tmp_path / "h.csv", f"a,b,c\n\n{line}\n"))
    found = find_incomplete_rows(folder[1], write(tmp_path / "h.csv", f"a,b,c\n,1,10\n{line}\n"))
    assert marked(found) == [[-1, 1, 0]]
    assert found.rejected is not None
    assert len(found.rejected) == 1
    assert f"h.csv: {found.rejected.entries[0].place} {found.rejected.entries[0].reason}".startswith(words[0])


def test_a_number_that_no_training_row_had_is_known(folder, tmp_path):
    found = find_incomplete_rows(folder[1], write(tmp_path / "h.csv", "a,b,c\n,3,10\n1,,30\n"))
    assert marked(found) == [[-1, 3, 0], [1, -1, 3]]
    assert folder[1].complete(found.rows, seed=0).values[:, 1:].tolist()[0] == [3, 10]
    assert folder[1].complete(found.rows, seed=0).values[1, 2] == 30


def test_columns_are_checked(folder, tmp_path, refused):
    with refused("h.csv", "2 columns", "3 variables"):
        find_incomplete_rows(folder[1], write(tmp_path / "h.csv", ",1\n0,1\n"))
    with refused("h.csv", "the header has 'd'", "a, b, c"):
        find_incomplete_rows(folder[1], write(tmp_path / "h.csv", "d,e,f\n,1,2\n"))
    found = find_incomplete_rows(folder[1], write(tmp_path / "h.csv", "b,d,a\n2,9,1\n"))
    assert marked(found) == [[1, 2, -1]]


def test_context_is_parted_by_place_and_must_be_known(given_b, tmp_path, refused):
    found = find_incomplete_rows(given_b[1], write(tmp_path / "h.csv", "a,b,c\n,2,\n1,0,20\n"))
    assert marked(found) == [[-1, -1], [1, 1]]
    assert found.rows.context.tolist() == [[2], [0]]
    with refused("h.csv: line 3, column 2 (b) is missing: context must be known"):
        find_incomplete_rows(given_b[1], write(tmp_path / "h.csv", "a,b,c\n\n1,,20\n"))
    with refused("h.csv", "2 columns", "2 variables and 1 of context"):
        find_incomplete_rows(given_b[1], write(tmp_path / "h.csv", ",10\n1,20\n"))
    with refused("h.csv: there is no column 'b': context must be known"):
        find_incomplete_rows(given_b[1], write(tmp_path / "h.csv", "a,c\n,10\n"))
    with refused("h.csv: line 2, column 2 (b) holds 'two'"):
        find_incomplete_rows(given_b[1], write(tmp_path / "h.csv", "a,b,c\n,two,\n"))


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
    np.testing.assert_array_equal(marked(found), np.where(KNOWN[half], picked, -1))
    assert found.name == f"6 test images of images, {half} half given"


def test_halves_are_complementary_and_refused(images, folder, refused):
    with refused("top, bottom, left, right", "'middle'"):
        half_images(images[0], images[1], "middle", 6, seed=0)
    with refused("no images", "file of rows"):
        half_images(*folder, "top", 6, seed=0)
    assert len(half_images(images[0], images[1], "top", 50, seed=0)) == 10  # there are no more


# completions in portions


@pytest.fixture
def masked_codes():
    """60 rows of codes of the table, -1 in 40 % of the places."""
    generator = np.random.default_rng(1)
    rows = generator.integers(0, [2, 3, 3], (60, 3))
    return np.where(generator.random(rows.shape) < 0.4, -1, rows)


def test_every_portion_has_its_own_context(given_b, masked_codes):
    model, context = given_b[1], torch.arange(60)[:, None] % 3
    codes = masked_codes[:, [0, 2]]
    rows = incomplete(codes, context)
    found = Completer(model, seed=4).complete(rows.rows)
    values = values_of(model, codes)
    whole = made.complete(model, values, unknown=codes < 0, context=context, seed=4)
    np.testing.assert_array_equal(found, whole.rows)
    known = made.marginal(model, values, unknown=codes < 0, context=context)
    np.testing.assert_allclose(score_known(model, rows).log_prob, known.log_prob, rtol=1e-6)


def test_no_rows(folder):
    nothing = incomplete(np.zeros((0, 3), dtype=np.int64))
    assert len(score_known(folder[1], nothing)) == 0


@pytest.mark.parametrize("most", [1, 7, 64])
def test_scores_of_what_is_known(randomize, monkeypatch, most):
    monkeypatch.setattr(completions, "_ROWS_PER_PORTION", most)
    model, done = randomize(made.MADE(made.Bernoulli(14), (8,)), scale=2.0), []
    rows = np.random.default_rng(2).integers(0, 2, (9, 14))
    rows[1::2, :13] = -1
    rows[4] = -1
    found = score_known(model, incomplete(rows), 50, done.append)
    expected = made.marginal(model, np.maximum(rows, 0), unknown=rows < 0, particles=50)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-5)
    np.testing.assert_allclose(found.error, expected.error, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.ess, expected.ess, rtol=1e-3)
    assert found.method == ("exact", "estimated") * 4 + ("exact",)
    assert found.how == expected.how
    assert sum(done) == 9


def test_particles_of_a_score_are_checked(folder, masked_codes, refused):
    with refused("particles", "at least 2"):
        score_known(folder[1], incomplete(masked_codes), particles=1)


def test_how_rows_are_drawn_is_said(folder):
    model = folder[1]
    one = incomplete([[1, -1, -1], [-1, -1, 1]]).rows
    assert how_given(model, one[:1]) == "exact: what is given comes first in the ordering"
    assert how_given(model, one[1:]).startswith("exact: summed over")


@pytest.mark.parametrize(
    ("ess", "said"),
    [
        ([], ""),
        ([30.0, np.inf], ""),
        ([29.96, 30.0], "1 of the estimates rests on few effective particles, 30.0 at the worst: "),
        ([2.0, 3.0, np.inf], "2 of the estimates rest on few effective particles, 2.0 at the worst: "),
    ],
)
def test_poor_estimates_are_counted(ess, said):
    assert poor_estimates(np.array(ess)) == (said and f"{said}raise --particles")


# pictures


def test_draw_completions(images, tmp_path, refused):
    folder, model, _ = images
    rows = half_images(folder, model, "top", 10, seed=0)
    filled = Completer(model, 2).complete(rows.rows).reshape(len(rows), 2, -1)
    for name, completed in (("two.png", filled), ("one.png", filled[:, 0])):
        draw_completions(tmp_path / name, rows, completed, model, model.schema.image_shape)
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
    rows = incomplete(np.zeros((n, 12), dtype=np.int64))
    with refused(*words):
        check_picture(tmp_path / name, rows, number, shape)
