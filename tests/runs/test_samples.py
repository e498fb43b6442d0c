"""Drawn rows on their way to a file: in portions, the same as at one go, and never half a file."""

from __future__ import annotations

import csv
import errno
import io
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import polars
import pytest
import torch

import made
from made import data
from made.runs import samples, spool
from made.runs.samples import (
    csv_text,
    draw_portions,
    rows_per_portion,
    value_type,
    write_rows,
)
from made.support.errors import InputError
from made.variables.rows import Rows

B, C = made.Bernoulli, made.Categorical
MODELS = {
    "bits": B(5),
    "codes": [B(2), C(5), C(300)],
    "numbers": [B(1), C([10, 20, -300])],
    "fractions": [B(1), C([0.5, 1.25])],
    "words": [C(12), C(["a", "naïve", "a, b"]), C([1, 2.5]), B(1)],
}


def write_drawn(path, model, n, seed):
    write_rows(path, model, n, draw_portions(model, n, seed))


def with_names(model, names):
    """The model, its columns called so."""
    model.schema = model.schema.rename(names)
    return model


@pytest.fixture(params=MODELS)
def model(request, randomize):
    return randomize(made.MADE(MODELS[request.param], (8,), seed=3), scale=2.0)


@pytest.fixture
def small_portions(monkeypatch):
    """Portions of seven rows."""
    monkeypatch.setattr(samples, "rows_per_portion", lambda model: 7)


@pytest.mark.usefixtures("small_portions")
@pytest.mark.parametrize("n", [0, 1, 7, 25])
def test_portions_are_the_rows_of_one_go(model, n):
    done = []
    portions = list(draw_portions(model, n, 4, done.append))
    assert [len(rows) for rows in portions] == done == [7] * (n // 7) + [n % 7] * (n % 7 > 0)
    together = np.concatenate([np.zeros((0, model.n_variables), int), *portions])
    np.testing.assert_array_equal(together, np.asarray(model.sample(n, seed=4)))


@pytest.mark.usefixtures("small_portions")
@pytest.mark.parametrize("n", [0, 25])
def test_npy_holds_the_values_of_one_go(model, tmp_path, n):
    write_drawn(tmp_path / "x.npy", model, n, 4)
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    values = np.asarray(model.sample(n, seed=4))
    assert found.shape == (n, model.n_variables)
    assert found.dtype == value_type(model)
    np.testing.assert_array_equal(found, values.astype(str) if values.dtype == object else values)


@pytest.mark.usefixtures("small_portions")
@pytest.mark.parametrize("name", ["bits", "codes", "numbers", "fractions"])
def test_npy_is_the_file_that_numpy_writes(tmp_path, name):
    model = made.MADE(MODELS[name], (8,))
    write_drawn(tmp_path / "x.npy", model, 30, 0)
    whole = io.BytesIO()
    np.save(whole, np.asarray(model.sample(30, seed=0)))
    assert (tmp_path / "x.npy").read_bytes() == whole.getvalue()


def test_text_is_as_wide_as_the_longest_label_or_code():
    assert value_type(made.MADE(MODELS["words"], (8,))) == np.dtype("<U5")  # naïve
    assert value_type(made.MADE([C(20_000), C(["a", "b"])], ())) == np.dtype("<U5")  # 19999
    # A column of whole numbers and fractions is one of fractions: 1 is written 1.0.
    assert value_type(made.MADE([C([1, 2.5]), C(["a", "b"])], ())) == np.dtype("<U3")


def test_text_in_slices_is_as_wide(monkeypatch):
    model = made.MADE([C(12), C(["a", "b"])], ())
    monkeypatch.setattr(samples, "_NUMBERS_PER_PORTION", 6)
    assert value_type(model) == np.dtype("<U2")


@pytest.mark.usefixtures("small_portions")
def test_csv_holds_the_values_of_one_go(model, tmp_path):
    names = [f"n{i}" for i in range(model.n_variables)]
    write_drawn(tmp_path / "x.csv", with_names(model, names), 25, 4)
    content = (tmp_path / "x.csv").read_bytes()
    assert content == "".join(csv_text(model, draw_portions(model, 25, 4))).encode()
    assert b"\r" not in content
    header, *rows = csv.reader(io.StringIO(content.decode()))
    assert header == names
    values = np.asarray(model.sample(25, seed=4))
    assert rows == [[str(value) for value in row] for row in values.tolist()]


@pytest.mark.usefixtures("small_portions")
def test_rows_share_what_is_given(tmp_path):
    model = made.MADE(B(3), (8,), context=1)
    codes = torch.tensor([[0, 1, 0]])
    given, context = Rows(codes, codes == 1), np.array([0.5])
    rows = np.concatenate(list(draw_portions(model, 25, 4, given=given, context=context)))
    assert (rows[:, 1] == 1).all()
    want = model.sample(25, seed=4, given={1: 1}, context=[0.5])
    np.testing.assert_array_equal(rows, want.numpy())


def test_csv_without_names_or_rows(model):
    text = "".join(csv_text(model, []))
    assert text == ",".join(f"x{i}" for i in range(model.n_variables)) + "\n"


@pytest.mark.usefixtures("small_portions")
@pytest.mark.parametrize("n", [0, 25])
def test_parquet_holds_the_values_of_one_go(model, tmp_path, n):
    names = [f"n{i}" for i in range(model.n_variables)]
    write_drawn(tmp_path / "x.parquet", with_names(model, names), n, 4)
    found = polars.read_parquet(tmp_path / "x.parquet")
    assert (found.columns, found.height) == (names, n)
    codes = model.rows(model.sample(n, seed=4)).codes.numpy()
    for d, name in enumerate(names):
        labels = model.variables.block_of(d).labels
        want = codes[:, d].tolist() if labels is None else [labels[code] for code in codes[:, d]]
        if found[name].dtype == polars.String:
            want = list(map(str, want))
        assert found[name].to_list() == want


def test_types_of_parquet(tmp_path):
    model = made.MADE([B(1), C(300), C([10, 20]), C([0.5, 2]), C(["a", "b"]), C([1, "b"])], ())
    write_drawn(tmp_path / "x.parquet", model, 3, 0)
    found = polars.read_parquet(tmp_path / "x.parquet")
    assert found.columns == ["x0", "x1", "x2", "x3", "x4", "x5"]
    kinds = [polars.Int64, polars.Int64, polars.Int64, polars.Float64, polars.String, polars.String]
    assert found.dtypes == kinds
    write_drawn(tmp_path / "y.parquet", made.MADE(B(2), ()), 3, 0)
    assert polars.read_parquet(tmp_path / "y.parquet").dtypes == [polars.UInt8] * 2


def test_what_parquet_holds_is_read_back(tmp_path):
    model = made.MADE(MODELS["numbers"], (8,))
    write_drawn(tmp_path / "x.parquet", model, 30, 0)
    np.testing.assert_array_equal(
        data.read(tmp_path / "x.parquet").rows, np.asarray(model.sample(30, seed=0))
    )


def test_names_in_a_schema_differ(refused):
    with refused("two columns are called 'a'"):
        with_names(made.MADE(B(2), ()), ["a", "a"])


def test_csv_is_as_python_writes_it(tmp_path):
    """Signs and exponents of numbers, and quotation marks where they are needed and nowhere else."""
    odd = [1e-07, 1e22, -0.5, 3, 2**53 + 1.0]
    words = ["plain", "1", "a, b", 'say "x"', "two\nlines", " blank ", "naïve"]
    model = made.MADE([C(odd), C(words), C(4)], ())
    codes = np.stack([np.arange(20) % 5, np.arange(20) % 7, np.arange(20) % 4], axis=1)
    values, whole = with_names(model, ["n", "a, b", "c"]).schema.decode(codes), io.StringIO()
    csv.writer(whole, lineterminator="\n").writerows([["n", "a, b", "c"], *values.tolist()])
    assert "".join(csv_text(model, [values[:9], values[9:]])) == whole.getvalue()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot reserve room for a file")
def test_a_full_disk_is_told(tmp_path, monkeypatch, refused):
    def full(*where):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    (tmp_path / "x.npy").write_bytes(b"earlier")
    with refused("x.npy", "No space left", "unchanged"):
        write_drawn(tmp_path / "x.npy", made.MADE(B(2), ()), 3, 0)
    assert (tmp_path / "x.npy").read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_portion_is_some_batches_of_the_model(monkeypatch):
    model = made.MADE(B(50), (8,))

    def portion(batch, **limits):
        monkeypatch.setattr(type(model), "rows_per_batch", batch)
        for name, limit in limits.items():
            monkeypatch.setattr(samples, name, limit)
        return rows_per_portion(model)

    assert portion(4096) == 8192
    assert portion(300) == 9900
    assert portion(20_000) == 20_000  # never less than the model itself takes
    assert portion(300, _NUMBERS_PER_PORTION=50 * 1000) == 900  # wide rows: fewer


def test_the_model_is_asked_for_no_more_than_a_portion(monkeypatch, tmp_path):
    model = made.MADE(B(4), (4,))
    own, asked = model.sample, []

    def sample(n, *others, **settings):
        asked.append(n)
        return own(n, *others, **settings)

    monkeypatch.setattr(model, "sample", sample)
    write_drawn(tmp_path / "x.npy", model, 20_000, 0)
    assert max(asked) <= rows_per_portion(model) < 20_000
    assert sum(asked) == 20_000


@pytest.mark.parametrize("ending", ["npy", "csv"])
def test_memory_is_that_of_a_portion(monkeypatch, tmp_path, ending):
    model = made.MADE(C(300, n=20), hidden=())
    rows = model.sample(1000, seed=0).numpy()
    monkeypatch.setattr(samples, "rows_per_portion", lambda model: 1000)
    # The model's own arithmetic is not what is measured here; new rows of numpy's are.
    monkeypatch.setattr(model, "sample", lambda n, seed=None, *, first=0, output="": rows[:n].copy())
    write_drawn(tmp_path / f"warm.{ending}", model, 1000, 0)

    def peak(n):
        tracemalloc.start()
        try:
            write_drawn(tmp_path / f"x.{ending}", model, n, 0)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(2_000), peak(60_000)
    assert many < 1.2 * few
    assert many < 0.6 * os.path.getsize(tmp_path / f"x.{ending}")


@pytest.mark.usefixtures("small_portions")
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("ending", ["npy", "csv", "parquet"])
def test_an_error_midway_leaves_the_earlier_file_and_no_other(model, monkeypatch, tmp_path, ending, error):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"earlier")
    own, during = model.sample, []

    def sample(n, seed=None, *, first=0, output=None):
        during.append(len(list(tmp_path.iterdir())))
        if first >= 14:
            raise error
        return own(n, seed, first=first, output=output)

    monkeypatch.setattr(model, "sample", sample)
    with pytest.raises(type(error)):
        write_drawn(path, model, 25, 0)
    assert during == [2, 2, 2]  # there was a file beside it meanwhile
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_bad_numbers_are_refused(refused, tmp_path):
    model = made.MADE(B(2), (4,))
    with refused("number of rows", "-1"):
        write_drawn(tmp_path / "x.npy", model, -1, 0)
    with refused("cannot write", "nowhere"):
        write_drawn(tmp_path / "nowhere" / "x.csv", model, 1, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("entries", [1, spool._ENTRIES])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_more_rows_than_the_disk_has_room_for_are_refused_early(tmp_path, monkeypatch, ending, entries):
    monkeypatch.setattr(spool, "_ENTRIES", entries)
    model, path = made.MADE(B(5), (4,)), tmp_path / f"x.{ending}"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"not enough room for 10,000,000,000,000 rows .* ask for fewer"):
        write_drawn(path, model, 10**13, 0)
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == [path.name]


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from made.cli import main
main(["sample", sys.argv[1], "-n", "200000", "-o", sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
@pytest.mark.parametrize("ending", ["csv", "parquet", "npy"])
def test_a_disk_that_is_full_is_one_line(tmp_path, ending):
    made.MADE(B(5), (4,)).save(tmp_path / "model.safetensors")
    path = tmp_path / f"x.{ending}"
    path.write_text("mine")
    command = [sys.executable, "-c", FULL, str(tmp_path / "model.safetensors"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: cannot write {path}: File too large")
    assert "Traceback" not in done.stderr
    assert path.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", path.name]


def test_text_longer_than_any_label_is_not_cut(tmp_path):
    model = made.MADE(C(["no", "yes"], unseen=0.1), (4,))
    portions = [np.array([["no"], ["perhaps"]], dtype=object)]
    with pytest.raises(InputError, match=r"'perhaps' is longer than any label of the model: write \.csv"):
        write_rows(tmp_path / "x.npy", model, 2, portions)
    assert os.listdir(tmp_path) == []
