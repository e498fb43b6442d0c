"""The bench of what each setting is worth runs, and its differences are those of its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.long
def test_quick_run_writes_differences_a_table_and_a_picture(tmp_path):
    out = tmp_path / "ablations.json"
    command = [sys.executable, BENCHMARKS / "ablations.py", "--quick", "-o", out]
    subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    changes = json.loads(out.read_text())["sets"]["digits"]["changes"]
    base, *others = changes.values()
    assert base["from base"] == base["error"] == 0
    assert len(others) > 10
    for found in others:
        assert found["from base"] == pytest.approx(found["valid"] - base["valid"], abs=1e-9)
        assert found["error"] >= 0
    table = out.with_suffix(".md").read_text()
    assert f"{base['valid']:.2f} nats" in table
    assert all(about in table for about in changes)
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert not any("pixels" in about for about in changes)

    # A part that is measured anew leaves the others as they were.
    subprocess.run([*command, "--change", "Adam"], cwd=BENCHMARKS, capture_output=True, check=True)
    again = json.loads(out.read_text())["sets"]["digits"]["changes"]
    assert list(again) == list(changes)
    assert {about: found["valid"] for about, found in again.items()} == {
        about: found["valid"] for about, found in changes.items()
    }
