"""What the tests of ``made.data`` share: a cache of their own, and the real files where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no data directory from the environment."""
    place = tmp_path / "cache"
    monkeypatch.setenv("MADE_CACHE_DIR", str(place))
    monkeypatch.delenv("MADE_DATA_DIR", raising=False)
    return place


# taken before the fixture above hides it
_GIVEN = os.environ.get("MADE_DATA_DIR")


@pytest.fixture
def real() -> Path:
    """The directory of the real data sets."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    for place in [Path(_GIVEN)] if _GIVEN else [beside]:
        if (place / "dna.npz").is_file():
            return place
    pytest.skip("the real data sets are not here; set MADE_DATA_DIR to the directory that holds them")
