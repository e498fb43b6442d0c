"""Which rows a command is about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars
import pytest

import made
from made import data
from made.runs.file_columns import part_table
from made.runs.folder import RunFolder
from made.runs.rows import find_rows
from made.runs.run import run
from made.variables.schema import Schema


@pytest.fixture
def find(finished):
    """`find_rows` for the finished run."""
    job, outcome = finished
    return lambda *arguments, **switches: find_rows(
        RunFolder(job.folder), outcome.model, *arguments, **switches
    )


@pytest.mark.parametrize("split", [None, "train", "valid", "test", "all"])
@pytest.mark.parametrize("by_path", [False, True])
def test_own_data_are_split_as_the_fit_did(find, finished, split, by_path):
    job, outcome = finished
    found = find(job.data if by_path else None, split)
    assert found.split == (split or "test")
    data_set = outcome.dataset
    splits = tuple(data_set.splits) if split == "all" else (found.split,)
    np.testing.assert_array_equal(
        found.rows.codes.numpy(), np.concatenate([data_set.codes(part) for part in splits])
    )
    assert len(found.rows) == {"train": 80, "valid": 10, "test": 10, "all": 100}[found.split]


def test_own_data_by_relative_path(find, finished, monkeypatch):
    monkeypatch.chdir(finished[0].folder.parent)
    np.testing.assert_array_equal(
        find("table.csv", None).rows.codes.numpy(), finished[1].dataset.codes("test")
    )


def test_own_file_can_be_taken_whole_and_in_its_order(find, finished, table):
    found = find(finished[0].data, None, whole_file=True)
    assert found.split == "all"
    np.testing.assert_array_equal(found.rows.codes.numpy(), finished[1].model.rows(table).codes)


def test_rows_of_another_file_are_all_of_them(find, tmp_path, write_csv):
    path = write_csv(tmp_path / "more.csv", [[0, 2, 40], [1, 0, 10]])
    found = find(str(path))
    assert (found.name, found.split) == ("more.csv", "all")
    assert found.rows.codes.tolist() == [[0, 2, 2], [1, 0, 0]]


def test_another_file_can_be_split(find, finished, tmp_path, table, write_csv):
    path = write_csv(tmp_path / "copy.csv", table)
    np.testing.assert_array_equal(
        find(str(path), "valid").rows.codes.numpy(), finished[1].dataset.codes("valid")
    )


def test_file_with_splits(find, tmp_path, table):
    np.savez(tmp_path / "splits.npz", train=table[:50], valid=table[50:60], test=table[60:65])
    path = str(tmp_path / "splits.npz")
    counts = {split: len(find(path, split).rows.codes) for split in (None, "train", "valid", "test", "all")}
    assert counts == {None: 5, "train": 50, "valid": 10, "test": 5, "all": 65}
    assert find(path, None).split == "test"
    np.testing.assert_array_equal(find(path, "test").rows.codes[:, 1].numpy(), table[60:65, 1])


def test_labels_of_a_file_that_lacks_some(find, tmp_path):
    """A column that holds 20 and 40 alone still means the second and the third class."""
    np.save(tmp_path / "few.npy", np.array([[0, 0, 40], [0, 0, 20]]))
    assert find(str(tmp_path / "few.npy")).rows.codes[:, 2].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            [0, 0, "x"],
            ["bad.csv: line 3, column 3 (c) holds 'x', which is none of its 3 labels (10, 20,"],
        ),
        ([0, "x", 10], ["bad.csv: line 3, column 2 (b) holds 'x', which is none of its 3 labels (0, 1, 2)"]),
        ([2, 0, 10], ["bad.csv: line 3, column 1 (a) holds 2: ", "0 or 1"]),
        ([-1, 0, 10], ["bad.csv: line 3, column 1 (a) holds -1: ", "0 or 1"]),
    ],
)
def test_values_that_no_variable_takes(find, tmp_path, refused, write_csv, row, words):
    path = write_csv(tmp_path / "bad.csv", [[0, 0, 10], row])
    with refused(*words):
        find(str(path))


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("bad.csv", "0,0,10\n2,0,10\n", "line 2, column 1"),
        ("bad.csv", "a,b,c\n\n0,0,10\n\n2,0,10\n", "line 5, column 1 (a)"),
        ("bad.csv", "c,b,a\n10,0,0\n10,0,2\n", "line 3, column 3 (a)"),
        ("bad.tsv", "a\tb\tc\r\n2\t0\t10\r\n", "line 2, column 1 (a)"),
        ("bad.amat", "0 0 10\n\n2 0 10\n", "line 3, column 1"),
    ],
)
def test_bad_values_are_named_as_the_file_has_them(find, tmp_path, refused, name, text, where):
    """Lines and columns as an editor shows them, also where columns are in another order."""
    (tmp_path / name).write_text(text)
    for missing in (False, True):
        with refused(f"{tmp_path / name}: {where} holds 2: "):
            find(str(tmp_path / name), missing=missing)


def test_bad_values_of_a_split_are_named_as_the_file_has_them(find, tmp_path, table, write_csv, refused):
    """The split shuffles the rows; the line is that of the file."""
    bad = table.copy()
    bad[41, 0] = 2
    path = str(write_csv(tmp_path / "bad.csv", bad))
    refusals = []
    for split in ("train", "valid", "test"):
        try:
            find(path, split)
        except made.InputError as error:
            refusals.append(str(error))
    assert len(refusals) == 1
    assert refusals[0].startswith(f"{path}: line 43, column 1 (a) holds 2: ")


def test_bad_values_of_arrays_are_named_by_row(find, tmp_path, table, refused):
    """Files without lines have rows, counted from 0 in their split, and names where they have any."""
    bad = np.array([[0, 0, 10], [2, 0, 10]])
    np.save(tmp_path / "bad.npy", bad)
    with refused(f"{tmp_path / 'bad.npy'}: row 1, column 0 (counted from 0) holds 2"):
        find(str(tmp_path / "bad.npy"))
    np.savez(tmp_path / "bad.npz", train=table[:5], test=bad)
    for split in (None, "test", "all"):
        with refused(f"{tmp_path / 'bad.npz'}, test: row 1, column 0 (counted from 0) holds 2"):
            find(str(tmp_path / "bad.npz"), split)
    assert len(find(str(tmp_path / "bad.npz"), "train").rows) == 4
    polars.DataFrame(bad, schema=["a", "b", "c"]).write_parquet(tmp_path / "bad.parquet")
    with refused("bad.parquet: row 1, column 0 (a) (counted from 0) holds 2"):
        find(str(tmp_path / "bad.parquet"))


def test_a_bad_label_of_context_is_named_as_the_file_has_it(find_given_b, tmp_path, refused):
    (tmp_path / "bad.csv").write_text("b,c,a\n1,10,0\ntwo,10,0\n")
    with refused("bad.csv: line 3, column 1 (b) holds 'two'"):
        find_given_b(str(tmp_path / "bad.csv"))
    (tmp_path / "gap.csv").write_text("c,b,a\n\n10,1,0\n10,?,0\n")
    with refused("gap.csv: line 4, column 2 (b) is missing: context must be known"):
        find_given_b(str(tmp_path / "gap.csv"), missing=True)


def test_entries_may_be_unknown(find, tmp_path, refused):
    (tmp_path / "gaps.csv").write_text("a,b,c\n0,?,10\n1,2,40\n")
    found = find(str(tmp_path / "gaps.csv"), missing=True)
    assert found.rows.mask.tolist() == [[True, False, True], [True, True, True]]
    assert (found.name, found.split) == ("gaps.csv", "all")
    with refused("gaps.csv: line 2, column 2 (b) holds '?'"):
        find(str(tmp_path / "gaps.csv"))
    with refused("gaps.csv", "2 rows cannot be split"):
        find(str(tmp_path / "gaps.csv"), "test", missing=True)


def test_refused(find, tmp_path, refused, write_csv):
    with refused("split", "'tests'", "train, valid, test, all"):
        find(None, "tests")
    with refused("2 columns", "3 variables"):
        find(str(write_csv(tmp_path / "narrow.csv", [[0, 1], [1, 1]], header="")))
    with refused("nowhere.csv", "no such file"):
        find(str(tmp_path / "nowhere.csv"))
    with refused("64 columns", "3"):
        find("digits")


def test_model_file_without_settings(finished, tmp_path, refused, table, write_csv):
    _, outcome = finished
    file = tmp_path / "lonely.safetensors"
    outcome.model.save(file)
    path = write_csv(tmp_path / "rows.csv", table[:4])
    assert len(find_rows(RunFolder(file), outcome.model, str(path)).rows.codes) == 4
    with refused("lonely.safetensors"):
        find_rows(RunFolder(file), outcome.model, None)


@pytest.mark.usefixtures("no_pictures")
def test_named_sets(tmp_path, job_for):
    job = job_for("digits", tmp_path / "run", training={"epochs": 1})
    outcome = run(job)
    digits = data.load("digits")
    for name in (None, "digits"):
        found = find_rows(RunFolder(job.folder), outcome.model, name)
        assert (found.name, found.split) == ("digits", "test")
        np.testing.assert_array_equal(found.rows.codes.numpy(), digits.test)


@pytest.mark.usefixtures("no_pictures")
def test_table_is_drawn_again(tmp_path, job_for):
    table = np.outer([0.5, 0.25, 0.25], [0.2, 0.3, 0.5])
    np.save(tmp_path / "table.npy", table)
    np.save(tmp_path / "other.npy", table.T.copy())
    job = job_for(tmp_path / "table.npy", tmp_path / "run", training={"epochs": 1, "batch_size": 8192})
    outcome = run(job)
    folder = RunFolder(job.folder)
    np.testing.assert_array_equal(find_rows(folder, outcome.model, None).rows.codes, outcome.dataset.test)
    found = find_rows(folder, outcome.model, str(tmp_path / "other.npy"), "train")
    assert found.rows.codes.shape == (80_000, 2)


def test_name_with_a_hyphen_is_the_same_set(finished, tmp_path, refused):
    """`made.data.load` takes two-dim for two_dim, and so does everything else."""
    with refused("2 columns"):
        find_rows(RunFolder(finished[0].folder), finished[1].model, "two-dim")


# context


@pytest.fixture
def find_given_b(conditional):
    """`find_rows` for the run that is conditional on column b, the middle one."""
    job, outcome = conditional
    return lambda *arguments, **switches: find_rows(
        RunFolder(job.folder), outcome.model, *arguments, **switches
    )


@pytest.mark.parametrize("split", [None, "train", "all"])
def test_own_data_bring_their_context(find_given_b, conditional, split):
    own = conditional[1].dataset
    found = find_given_b(None, split)
    splits = tuple(own.splits) if split == "all" else (found.split,)
    for part, rows in ((own.codes, found.rows.codes), (own.context_of, found.rows.context)):
        np.testing.assert_array_equal(rows.numpy(), np.concatenate([part(name) for name in splits]))


@pytest.mark.parametrize("with_header", [True, False])
def test_context_of_a_file_is_parted_by_place(find_given_b, tmp_path, table, with_header):
    path = tmp_path / "more.csv"
    text = "\n".join(",".join(map(str, row)) for row in table[:9])
    path.write_text(("a,b,c\n" if with_header else "") + text)
    found = find_given_b(str(path))
    assert found.rows.codes.tolist() == [[row[0], [10, 20, 40].index(row[2])] for row in table[:9]]
    assert found.rows.context.tolist() == [[row[1]] for row in table[:9]]
    np.save(tmp_path / "more.npy", table[:9])
    again = find_given_b(str(tmp_path / "more.npy"))
    np.testing.assert_array_equal(again.rows.context, found.rows.context)
    np.testing.assert_array_equal(again.rows.codes, found.rows.codes)


@pytest.mark.parametrize("knows_names", [True, False])
def test_a_model_file_without_its_run_parts_its_context(conditional, tmp_path, table, write_csv, knows_names):
    """Its schema has the names; one of variables alone has its context last."""
    model = conditional[1].model
    if not knows_names:
        model = made.MADE(list(model.variables.blocks), (4,), context=list(model.context.variables.blocks))
    model.save(tmp_path / "lonely.safetensors")
    lonely = RunFolder(tmp_path / "lonely.safetensors")
    path = write_csv(tmp_path / "rows.csv", table[:9, [0, 2, 1]], header="a,c,b")
    found = find_rows(lonely, lonely.load_model(), str(path))
    assert found.rows.context.tolist() == table[:9, [1]].tolist()
    assert found.rows.codes[:, 0].tolist() == table[:9, 0].tolist()


def test_context_that_does_not_fit(find_given_b, tmp_path, refused, write_csv):
    with refused("narrow.csv", "2 columns", "takes 3", "2 variables and 1 of context"):
        find_given_b(str(write_csv(tmp_path / "narrow.csv", [[0, 1], [1, 1]], header="")))
    with refused("bad.csv: line 3, column 2 (b) holds 'x'"):
        find_given_b(str(write_csv(tmp_path / "bad.csv", [[0, 2, 10], [0, "x", 10]])))
    with refused("label.csv: line 2, column 1 (a) holds 2"):
        find_given_b(str(write_csv(tmp_path / "label.csv", [[2, 2, 10]])))


def test_part_table(conditional, finished):
    schema = conditional[1].model.schema
    rows = np.arange(12).reshape(4, 3)
    last = replace(schema, columns=tuple(schema.columns[d] for d in (0, 2, 1)), context_places=(2,))
    first = replace(schema, columns=tuple(schema.columns[d] for d in (1, 0, 2)), context_places=(0,))
    for own, place, variables in ((schema, 1, [0, 2]), (first, 0, [1, 2]), (last, 2, [0, 1])):
        mine, context, _ = part_table(own, rows, None)
        np.testing.assert_array_equal(mine, rows[:, variables])
        np.testing.assert_array_equal(context, rows[:, [place]])
    mine, context, _ = part_table(finished[1].model.schema, rows, None)
    assert mine is rows
    assert context is None


def test_columns_are_found_by_name(conditional, refused):
    """Whatever their order; without names on both sides, by place."""
    schema = conditional[1].model.schema
    rows = np.arange(12).reshape(4, 3)
    mine, context, _ = part_table(schema, rows, ["b", "c", "a"])
    np.testing.assert_array_equal(mine, rows[:, [2, 1]])
    np.testing.assert_array_equal(context, rows[:, [0]])
    mine, context, _ = part_table(replace(schema, is_named=False), rows, ["b", "c", "a"])
    np.testing.assert_array_equal(mine, rows[:, [0, 2]])
    np.testing.assert_array_equal(context, rows[:, [1]])
    mine, context, unknown = part_table(schema, rows, ["a", "b", "d"])
    assert (mine[:, 0].tolist(), context[:, 0].tolist()) == (rows[:, 0].tolist(), rows[:, 1].tolist())
    assert unknown.tolist() == [False, True]
    with refused("'d'", "a, b, c"):
        part_table(schema, rows, ["d", "e", "f"])
    with refused("no column 'b'", "context must be known"):
        part_table(schema, rows, ["a", "c", "d"])
    with refused("'a' twice", "a, b, c"):
        part_table(schema, rows, ["a", "b", "a"])


def test_context_keeps_its_order_and_labels(refused):
    """Places are in the order of the context's columns; labels are as the file has them."""
    columns = Schema.of_classes([2, 2, 3], [None, None, (10, 20, 40)], ["sex", "sold", "age"])
    schema = columns.with_context(["age", "sex"])
    model = made.MADE(schema, (4,))
    rows = np.array([[0, 1, 40], [1, 0, 10]])
    mine, given, _ = part_table(schema, rows, None)
    assert mine.tolist() == [[1], [0]]
    assert given.tolist() == [[40, 0], [10, 1]]
    assert model.rows(mine, given).context.tolist() == [[2, 0], [0, 1]]
    assert made.MADE(columns, (4,)).rows(rows, None).context is None
    with refused("row 1, column 2 (age)", "context must be known"):
        part_table(schema, np.array([[0, 1, 10], [1, 0, np.nan]]), None)
    unnamed = made.MADE(made.Bernoulli(1), (4,), context=[made.Categorical([10, 20, 40]), made.Bernoulli(1)])
    with refused("row 0, column 2 (c1)", "context must be known"):
        part_table(unnamed.schema, np.array([[0, 10, np.nan]]), None)
