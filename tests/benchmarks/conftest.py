"""The benches are no package: their tests import them by name."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """What imports a module of the benches."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module
