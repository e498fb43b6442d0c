"""Which rows a command is about."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made import data
from made.runs.folder import RunFolder
from made.runs.rows import find_rows
from made.runs.run import run


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
