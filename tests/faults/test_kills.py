"""A run that was killed at any moment goes on to the same weights, bit for bit; no file is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "kills.py"
# Of each kind; `make test-long` takes many.
NUMBER = int(os.environ.get("MADE_TEST_KILLS", "1"))
KINDS = ["plain"]
MORE = ["compared", "streamed", "compiled", "masks", "averaged"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and killed")
@pytest.mark.parametrize("kind", [*KINDS, *(pytest.param(kind, marks=pytest.mark.long) for kind in MORE)])
def test_runs_that_are_killed_end_as_if_they_had_not_been(tmp_path, kind):
    command = [sys.executable, str(PROGRAM), kind, str(NUMBER), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["different"], found["damaged"]) == (0, [])
    assert found["kills"] >= NUMBER // 2
