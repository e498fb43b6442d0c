"""The cost bench runs, and writes what steps cost as the work grows, and a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told otherwise")
def test_quick_run_writes_time_memory_and_a_picture(tmp_path):
    out = tmp_path / "cost.json"
    command = [sys.executable, BENCHMARKS / "bench_cost.py", "--quick", "--threads", "1", "-o", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())
    assert results["machine"]["threads"] == 1
    swept = {
        axis: {name: [point["x"] for point in curve] for name, curve in results[axis].items()}
        for axis in ("variables, D", "width", "hidden layers", "masks, K")
    }
    assert swept == {
        "variables, D": {"": [16, 64]},
        "width": {"one hidden layer": [32], "two hidden layers": [32]},
        "hidden layers": {"": [1, 2]},
        "masks, K": {"": [1, "fresh"]},
    }
    points = [point for axis in swept for curve in results[axis].values() for point in curve]
    for point in points:
        assert 0 < point["lowest"] <= point["ms"] <= point["highest"] < 1e4
        assert -1 < point["peak MB"] < 500  # pages are counted in bundles: next to nothing may be below
        assert point["libraries MB"] > 50
        assert 0 < point["active"] < point["weights"]
    reference = results["reference"]
    assert reference["layout"] == "64-32-32-64"
    assert reference["weights"] == 2 * 64 * 32 + 32 * 32
    assert sum(point == {"x": point["x"], **reference} for point in points) == 4
    assert "64-32-32-64, masks: fresh" in done.stdout
    assert out.with_suffix(".png").stat().st_size > 10_000
