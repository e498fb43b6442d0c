"""The bench of seasons runs, and its figures are sane."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
def test_a_short_run_writes_figures_and_a_table(tmp_path):
    out = tmp_path / "seasons.json"
    command = [sys.executable, "seasons.py", "--only", "made up", "--seconds", "1", "-o", out]
    subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    (found,) = json.loads(out.read_text())["tables"].values()
    assert (found["rows"], len(found["folds"]), len(found["later"])) == (3000, 5, 3)
    assert all(own["with"] > -25 for own in found["folds"])
    assert "| made up | 3,000 |" in out.with_suffix(".md").read_text()
