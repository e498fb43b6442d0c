"""Any command line: it works, or ends with one clear line; nothing hangs, and no file but its output changes.

Options and their values are drawn by what each command says it takes. Some dozens in `make test`;
MADE_FUZZ_COMMANDS asks for more, as `make test-long` does.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401 - its threads, too, have to be there to be limited
import typer
from threadpoolctl import threadpool_limits

from made.cli import app, main

NUMBER = int(os.environ.get("MADE_FUZZ_COMMANDS", "40"))
LONGEST = 20  # seconds of the processor that a command may take; of waiting, three times as many
# What is left out: demo and reproduce take minutes, and have a test of their own.
COMMANDS = ["fit", "evaluate", "sample", "complete", "score", "report", "show", "summary", "data", "schema"]
TEXTS = [
    "",
    " ",
    ",",
    "=",
    "a",
    "sex",
    "sex=1",
    "sex,kind",
    "kind=9",
    "size>=20",
    "size in {10}",
    "é 😀",
    "x" * 5_000,
    "-1",
    "1e400",
    "nan",
    "a=numeric",
    "sex=category",
    "1,2,...,8",
    "\x07",
    "'",
    '"',
    "../..",
    "natural",
    "random",
    "fresh",
]
INTS = ["0", "1", "2", "3", "7", "-1", "1000000000000", "9223372036854775808", str(10**30), "1.5", "abc", ""]
FLOATS = ["0", "0.5", "1", "-1", "nan", "inf", "-inf", "1e308", "1e-320", "abc", ""]
PATHS = [
    "rows.csv",
    "half.csv",
    "run",
    "pictures",
    "images.npy",
    "nowhere",
    "nowhere/x.csv",
    "",
    ".",
    "/dev/null/x",
    "new",
    "new.csv",
    "new.parquet",
    "new.npy",
    "new.png",
    "new.txt",
    "run/model.safetensors",
    "digits",
    "x" * 300 + ".csv",
]
# What there is, of what an argument or option asks for: mostly one of these is taken.
SOUND = {
    "run": ["run", "pictures"],
    "name": ["rows.csv", "digits"],
    "data": ["rows.csv", "images.npy", "digits"],
    "files": ["rows.csv", "half.csv"],
    "out": ["new", "new.csv", "new.parquet", "new.npy", "new.png", "new/"],
    "device": ["cpu"],
    "where": ["size>=20", "size in {10}", "kind=1"],
    "given": ["sex=1", "kind=2,size=30"],
    "context": ["sex", "kind"],
    "column": ["sex=category", "size=numeric"],
    "drop": ["sex"],
    "kind": ["draw", "variable", "joint", "mean"],
    "recipe": ["default"],
    "connectivity": ["even", "uniform"],
    "hidden": ["8", "4,4"],
}
# What is short whatever else is asked for; by command.
SHORT = {"fit": ["--minutes", "0.01"], "score": ["--particles", "20"], "complete": ["--particles", "20"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with files and two runs."""
    folder = tmp_path_factory.mktemp("commands")
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 3, 60)
    rows = np.stack([draw.integers(0, 2, 60), kinds, kinds * 10 + 10], axis=1)
    np.savetxt(folder / "rows.csv", rows, fmt="%d", delimiter=",", header="sex,kind,size", comments="")
    (folder / "half.csv").write_text("sex,kind,size\n0,,10\n1,2,\n")
    np.save(folder / "images.npy", (draw.random((40, 3, 4)) < 0.3).astype(np.uint8))
    for data, run in (("rows.csv", "run"), ("images.npy", "pictures")):
        options = ["--hidden", "8", "--epochs", "2", "--quiet", "-o", str(folder / run)]
        assert called(["fit", str(folder / data), *options])[0] == 0
    # In a new checkout the first report compiles what draws rows: 20 seconds of the processor by themselves.
    page = folder / "page.html"
    assert called(["report", str(folder / "run"), "-o", str(page)])[0] == 0
    page.unlink()
    return folder


def called(arguments):
    """Return the code that a command ends with, and what it printed."""
    out, err, code = io.StringIO(), io.StringIO(), None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), err.getvalue()


def drawn(chance):
    """Draw a command line."""
    name = chance.choice(COMMANDS)
    command = typer.main.get_command(app).commands[name]
    words = [name]
    share = chance.choice([0.02, 0.1, 0.25])
    for own in command.params:
        is_argument = own.param_type_name == "argument"
        if chance.random() > (0.95 if is_argument else share) or own.name in ("help", "ray"):  # no clusters
            continue
        value = [] if getattr(own, "is_flag", False) else [value_of(own, chance)]
        words += value if is_argument else [own.opts[0], *value]
    if name == "fit" and not {"-o", "--out"} & set(words):
        words += ["-o", "new"]
    if name == "sample" and not {"-n"} & set(words):
        words += ["-n", "5"]
    return [*words, *SHORT.get(name, [])]


def value_of(own, chance):
    annotation = own.type_descriptor.annotation
    if chance.random() < 0.7:
        if own.name in SOUND:
            return chance.choice(SOUND[own.name])
        if annotation in (int, float):
            return chance.choice(["1", "2", "3"] if annotation is int else ["0.5", "0.1", "1"])
    if own.name in ("n", "number"):  # as many rows as asked for are printed: not without end
        return chance.choice(["0", "1", "3", "-1", "abc", ""])
    if annotation is int:
        return chance.choice(INTS)
    if annotation is float:
        return chance.choice(FLOATS)
    if annotation is Path or own.name in ("data", "run", "files", "source", "out"):
        return chance.choice(PATHS)
    return chance.choice(TEXTS + PATHS if chance.random() < 0.3 else TEXTS)


@pytest.mark.skipif(sys.platform == "win32", reason="alarms are of Unix")
def test_any_command_works_or_ends_with_one_line(place, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for name in ("draw_loss", "draw_samples"):
        monkeypatch.setattr(f"made.runs.run.{name}", lambda path, *others: path)
    monkeypatch.delenv("MADE_DATA_DIR", raising=False)
    monkeypatch.setenv("MADE_CACHE_DIR", str(tmp_path / "cache"))

    def too_long(*_):
        raise AssertionError("takes too long")

    def rest():
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)

    alarms = (signal.SIGALRM, signal.SIGPROF)
    before = [signal.signal(own, too_long) for own in alarms]
    wrong = []
    # Where other work has a core, threads spend theirs waiting for each other: those of trees, too.
    limits = threadpool_limits(1)
    try:
        for number in range(NUMBER):
            here = tmp_path / str(number)
            shutil.copytree(place, here)
            monkeypatch.chdir(here)
            contents = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
            words = drawn(random.Random(number))
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            signal.alarm(3 * LONGEST)
            complaint = complaint_about(words, here, contents)
            rest()
            if complaint:
                wrong.append(f"{complaint}: made {' '.join(repr(word[:60]) for word in words)}")
            monkeypatch.chdir(tmp_path)
            shutil.rmtree(here)
    finally:
        rest()
        limits.restore_original_limits()
        for own, handler in zip(alarms, before, strict=True):
            signal.signal(own, handler)
    assert not wrong, "\n".join(wrong)


def complaint_about(words, here, contents):
    """Return what is wrong with what a command did, or nothing."""
    try:
        code, _, err = called(words)
    except BaseException as error:  # a traceback for the user
        return f"{type(error).__name__}: {str(error)[:200]}"
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    if code not in (0, 2):
        return f"ended with code {code}"
    if code == 2 and (len(errors) != 1 or err.splitlines()[-1] != errors[0]):
        return f"not one line: {err[-300:]!r}"
    named = {str((here / word).resolve()) for word in words if word}
    named -= {str(own) for own in (here, *here.parents)}
    for file, content in contents.items():
        is_output = any(str(own.resolve()) in named for own in (file, *file.parents))
        if not is_output and (not file.exists() or file.read_bytes() != content):
            return f"changed {Path(file).relative_to(here)}"
    return ""
