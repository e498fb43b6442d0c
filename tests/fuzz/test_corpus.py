"""Inputs that once were faults, or that reach what no others do: each is a right result, or one line.

`guided.py` found them; the file names begin with the name of the target.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from targets import LONGEST, TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, and alarms set")
@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_right_results_or_one_line(name):
    files = sorted(CORPUS.glob(f"{name}-*"))
    assert files

    def too_long(*_):
        raise AssertionError("takes too long")

    target = TARGETS[name]()
    before = signal.signal(signal.SIGALRM, too_long)
    try:
        target.check(target.seeds()[0])  # what is compiled once is compiled now
        for file in files:
            signal.alarm(LONGEST)
            try:
                target.check(file.read_bytes())
            except Exception as error:
                raise AssertionError(f"{file.name}") from error
            finally:
                signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)
        target.close()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_of_every_kind_are_read(name):
    """Else what is made of them tests nothing."""
    target = TARGETS[name]()
    try:
        found = {seed[:40].split(b"\n")[0]: target.check(seed) for seed in target.seeds()[:12]}
        assert sum(found.values()) > len(found) // 2, found
        rng = np.random.default_rng(0)
        target.check(target.drawn(rng))
    finally:
        target.close()
