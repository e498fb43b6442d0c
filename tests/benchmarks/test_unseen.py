"""The bench of the defaults on data they were not chosen on runs, and its figures are sane."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# Run as a script, every fit with a few steps.
SHORT = """
import runpy
from made.tuning import candidates as adapt

adapt._STEPS = ((None, 12),)
adapt._STEPS_DROPPED_INPUTS = 12
adapt._EPOCHS = (1, 3)
runpy.run_path("unseen.py", run_name="__main__")
"""


@pytest.mark.long
def test_a_short_run_writes_figures_and_a_table(tmp_path):
    out = tmp_path / "unseen.json"
    command = [sys.executable, "-c", SHORT, "--only", "tumours", "-o", out]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    (found,) = json.loads(out.read_text())["sets"].values()
    assert found["auto_fit"][0] < 30 * np.log(2)
    assert found["truth"] is None
    assert found["best of all"] in [own["test"] for own in found["tried"].values()]
    assert f"{found['best of all']:.3f}" in out.with_suffix(".md").read_text()
    assert "chosen:" in done.stderr
