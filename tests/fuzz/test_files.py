"""Any file of rows gives a run whose commands work, or one clear line; see `conftest.py` for the tables."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import made
from made.cli import main

_PROFILE = settings.get_profile("tables")
_FIT = ("--minutes", "0.003", "--device", "cpu", "--quiet")


def run_made(*arguments: Any) -> tuple[int, str, str]:
    """Call the command line in this process: its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Runs draw no pictures, which is most of the time that a tiny one takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_loss", "draw_samples"):
            patch.setattr(f"made.runs.run.{name}", lambda path, *others: path)
        yield


@st.composite
def _broken(draw: Any, content: bytes) -> bytes:
    """Damage a file now and then: cut it short, or write over some bytes."""
    way = draw(st.sampled_from(["whole", "whole", "whole", "cut", "over"]))
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    if way == "cut":
        return content[:at]
    if way == "over":
        return content[:at] + draw(st.binary(min_size=1, max_size=4)) + content[at + 4 :]
    return content


def _text(draw: Any, frame: polars.DataFrame) -> bytes:
    """Return a frame as CSV of one of many ways of writing it."""
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    # A gap in the only column would be an empty line without quotes, which the writer refuses.
    unquoted = [csv.QUOTE_NONE] if frame.width > 1 else []
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, *unquoted]))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=separator,
        quoting=quoting,
        escapechar="\\",
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    if draw(st.sampled_from([True, True, False])):
        writer.writerow(frame.columns)
    for row in frame.rows():
        writer.writerow(["" if value is None else value for value in row])
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    return text.getvalue().encode(encoding, errors="replace")


def _written(draw: Any, frame: polars.DataFrame, folder: Path) -> Path:
    """Write a frame to a file of one of many kinds."""
    ending = draw(st.sampled_from([".csv", ".csv", ".tsv", ".data", ".parquet", ".jsonl", ".arrow", ".npy"]))
    path = folder / f"rows{ending}"
    if ending in (".csv", ".tsv", ".data"):
        content = _text(draw, frame)
    else:
        try:
            if ending == ".parquet":
                frame.write_parquet(path)
            elif ending == ".jsonl":
                frame.write_ndjson(path)
            elif ending == ".arrow":
                frame.write_ipc(path)
            else:
                np.save(path, frame.to_numpy(), allow_pickle=True)
        except (polars.exceptions.PolarsError, ValueError, BaseException) as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            path = path.with_suffix(".csv")  # it cannot hold such columns
            path.write_bytes(_text(draw, frame))
        content = path.read_bytes()
    path.write_bytes(draw(_broken(content)))
    return path


@settings(_PROFILE, max_examples=max(1, _PROFILE.max_examples // 3))
@given(data=st.data())
def test_a_run_or_one_clear_line(frames_of_polars, data):
    case = data.draw(frames_of_polars, label="case")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = _written(data.draw, case.table, folder)
        note(f"{path.name}: {path.read_bytes()[:2_000]!r}")
        code, out, err = run_made("fit", path, "-o", folder / "run", *_FIT)
        note(out + err)
        check_messages(code, err)
        if code == 0:
            check_run(folder, path)


def check_messages(code: int, err: str) -> None:
    assert code in (0, 2)
    assert "Traceback" not in err
    assert "encountered in" not in err  # numpy's warnings
    if code == 2:
        *_, last = err.splitlines()
        assert last.startswith("error: ")
        assert 15 < len(last) <= 1_200


def check_run(folder: Path, path: Path) -> None:
    run = folder / "run"
    model = made.load(run)
    names = [column.name for column in model.schema.modelled_table]

    code, _, err = run_made("score", run, path, "-o", folder / "scores.csv")
    assert (code, (folder / "scores.rejected.csv").exists()) == (0, False), err
    with (folder / "scores.csv").open(newline="") as file:
        scores = [float(row["log_prob"]) for row in csv.DictReader(file)]
    assert len(scores) == sum(len(part) for part in made.data.load(path).splits.values())
    assert np.isfinite(scores).all()

    code, _, err = run_made("sample", run, "-n", 5, "--seed", 1, "-o", folder / "samples.csv")
    assert code == 0, err
    with (folder / "samples.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == names
    assert len(rows) == 5

    code, _, err = run_made("complete", run, path, "--particles", 20, "-o", folder / "filled.parquet")
    assert code == 0, err
    filled = polars.read_parquet(folder / "filled.parquet")
    assert len(filled) == len(scores)
    own = filled.select(names)  # what the run left out passes through with its gaps
    assert not any(own.null_count().row(0)) if len(filled) else True
