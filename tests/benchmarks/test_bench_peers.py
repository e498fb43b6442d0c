"""The peers bench runs without a peer installed, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# Run as a script, with the peers hidden where they are installed.
WITHOUT_PEERS = """
import runpy, sys

sys.modules.update(zuko=None, nflows=None, pyro=None)
runpy.run_path("bench_peers.py", run_name="__main__")
"""


@pytest.mark.long
def test_quick_run_without_peers_writes_ratios_reasons_and_a_picture(tmp_path):
    out = tmp_path / "peers.json"
    command = [sys.executable, "-c", WITHOUT_PEERS, "--quick", "--threads", "1", "-o", out]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert results["machine"]["threads"] == 1
    assert set(results["layouts"]) == {"64-32-32-32-64", "64-128-128-64", "64-256-64"}
    for layout in results["layouts"].values():
        for part in ("training", "log_prob"):
            rows = layout[part]
            assert rows["seed"]["ratio"] == 1
            assert 0 < rows["made"]["lowest"] <= rows["made"]["ratio"] <= rows["made"]["highest"]
            for name in ("zuko", "nflows", "pyro"):
                assert rows[name]["absent"].startswith("not installed")
        assert layout["training"]["seed"]["optimizer"] == "plain Adam"
        assert layout["training"]["made"]["optimizer"] == "Adam within"
    assert "zuko    not installed" in done.stdout
    assert out.with_suffix(".png").stat().st_size > 10_000
