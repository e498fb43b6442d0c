"""A stand-in for CUDA's recorder."""

from __future__ import annotations

import pytest


class Again:
    """Does what CUDA's recorder does, without a device: a replay runs the function once more."""

    def __init__(self):
        self.calls = []

    def aside(self, run):
        self.calls.append("aside")
        return run()

    def record(self, run, generator=None):
        self.calls.append("record")
        result = run()
        return lambda: result.copy_(run()), result


@pytest.fixture
def again():
    """A recorder that needs no device; it lists the calls."""
    return Again()
