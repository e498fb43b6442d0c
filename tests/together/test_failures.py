"""What goes wrong among several ranks: one rank says one line, and all of them end; or the fit goes on."""

from __future__ import annotations

import json

import polars
import pytest

import made
from made.training.checkpoint import history_of

from .conftest import TINY, mixed, write
from .test_fit import assert_same_weights, results

# Rank 1 does something of its own before it takes its fifth step.
AT_STEP = """
from made.training.distributed import RankedTrainer
take = RankedTrainer._take_step
def changed(trainer):
    if rank == 1 and trainer.step == 5:
        {}
    take(trainer)
RankedTrainer._take_step = changed
"""


def test_differing_schemas(launch, rows, tmp_path, one_line):
    mixed(20).drop("city").write_parquet(rows / "part-3.parquet")
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, ends=False))
    assert "part-3.parquet lacks the column 'city' of part-0.parquet" in line
    mixed(20).cast({"age": polars.String}).write_parquet(rows / "part-3.parquet")
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, ends=False))
    assert "part-3.parquet: column 'age' holds text, and numbers in part-0.parquet" in line
    assert not (tmp_path / "run" / "settings.json").exists()


def test_empty_files(launch, rows, tmp_path, one_line):
    (rows / "part-3.parquet").write_bytes(b"")
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, ends=False))
    assert "part-3.parquet: empty, no Parquet file" in line
    mixed(0).write_parquet(rows / "part-3.parquet")
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, ends=False))
    assert "part-3.parquet: no rows" in line


def test_a_damaged_row_group(launch, rows, tmp_path, one_line):
    file = rows / "part-2.parquet"
    content = bytearray(file.read_bytes())
    content[400:1200] = bytes(800)
    file.write_bytes(content)
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, ends=False))
    assert "part-2.parquet: damaged between rows" in line


def test_no_rank_0(launch, rows, tmp_path):
    (rank,) = launch("fit", rows, "-o", tmp_path / "run", *TINY, n=1, ends=False, MASTER_ADDR="")
    assert rank.code == 2
    assert rank.err.startswith("error: MASTER_ADDR, the address of rank 0, is not set: torchrun sets it")
    options = (*TINY, "--rank-timeout", "1")
    own = {"RANK": "1", "WORLD_SIZE": "2"}
    (rank,) = launch("fit", rows, "-o", tmp_path / "run", *options, n=1, ends=False, **own)
    assert rank.code == 2
    assert "rank 1 of 2 found not all others at 127.0.0.1" in rank.err
    assert len(rank.err.splitlines()) == 1


def test_other_code(launch, rows, tmp_path, one_line):
    code = "if rank == 1: made.support.ranks.VERSION = '0.1.9'"
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", *TINY, code=code, ends=False))
    assert "rank 1 runs another made than rank 0 (0.1.9 instead of" in line


def test_other_files(launch, rows, tmp_path, one_line):
    write(tmp_path / "others", mixed(400, seed=1), [0, 230, 260, 400])
    code = f"if rank == 1: os.chdir({str(tmp_path / 'others')!r})\nelse: os.chdir({str(rows)!r})"
    line = one_line(launch("fit", "*.parquet", "-o", tmp_path / "run", *TINY, code=code, ends=False))
    assert "find other files" in line


@pytest.mark.parametrize("option", ["--refit", "--update=run"])
def test_options_of_one_process(launch, rows, tmp_path, option, one_line):
    line = one_line(launch("fit", rows, "-o", tmp_path / "run", option, ends=False))
    assert "leave --" in line


def test_a_rank_that_dies(launch, rows, tmp_path):
    run = tmp_path / "run"
    options = (*TINY, "--checkpoint-every", "1e-9")
    code = AT_STEP.format("os.kill(os.getpid(), signal.SIGKILL)")
    first, second = launch("fit", rows, "-o", run, *options, code=code, ends=False)
    assert second.code == -9
    assert first.code == 1
    assert first.err.startswith("error: rank 1 ended, or cannot be reached")
    assert len(first.err.splitlines()) == 1
    assert len(history_of(run / "checkpoint.safetensors").batch_losses) == 5
    launch("fit", "-o", run, "--resume", "--quiet")
    launch("fit", rows, "-o", tmp_path / "undisturbed", *options)
    assert_same_weights(run, tmp_path / "undisturbed")
    # A fit that ended goes on for longer with another number of ranks.
    first, *_ = launch("fit", "-o", run, "--resume", "--quiet", "--epochs", "4", n=3)
    assert "fitted by 3 ranks together from step 30 on: rows are dealt out anew" in first.out
    assert results(run)["epochs"] == 4


@pytest.mark.long
def test_a_launcher_starts_ranks_again(launch, rows, tmp_path):
    run = tmp_path / "run"
    options = (*TINY, "--checkpoint-every", "1e-9")
    launch("fit", rows, "-o", run, *options, code=AT_STEP.format("os._exit(3)"), ends=False)
    launch("fit", rows, "-o", run, *options)  # by the same process, so that this is the same launch
    assert json.loads((run / "settings.json").read_text())["together"]["ranks"] == 2
    assert results(run)["ended"] == "finished"


@pytest.mark.long
def test_a_rank_that_hangs(launch, rows, tmp_path):
    code = AT_STEP.format("import time; time.sleep(100)")
    options = (*TINY, "--rank-timeout", "2")
    first, second = launch("fit", rows, "-o", tmp_path / "run", *options, code=code, ends=False, seconds=20)
    assert first.err.startswith("error: rank 1 did not answer in time")
    assert first.code == 1
    assert second.code == -9  # as torchrun ends it


def test_sigterm_saves(launch, rows, tmp_path):
    run = tmp_path / "run"
    code = AT_STEP.format("os.kill(os.getpid(), signal.SIGTERM)")
    first, second = launch("fit", rows, "-o", run, *TINY, code=code, ends=False)
    assert first.code == second.code == 130
    assert f"Go on with:  torchrun ... -m made fit -o {run} --resume" in first.out
    assert len(history_of(run / "checkpoint.safetensors").batch_losses) == 6
    assert made.load(run / "model.safetensors")
    launch("fit", "-o", run, "--resume", "--quiet")
    launch("fit", rows, "-o", tmp_path / "undisturbed", *TINY)
    assert_same_weights(run, tmp_path / "undisturbed")
