"""A fit that does not fit into memory is refused before anything is begun; what one takes is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import made
from made.support import resources
from made.support.errors import InputError
from made.training.fit import fit
from made.training.memory import check_fit, fit_bytes


def free(monkeypatch, n_bytes):
    monkeypatch.setattr(resources, "_LITTLE", 0)
    monkeypatch.setattr(resources, "free_memory", lambda: n_bytes)


def test_the_estimate_grows_with_all_it_depends_on():
    assert fit_bytes(1, 0) < fit_bytes(2, 0) < fit_bytes(2, 10**3)


@pytest.mark.parametrize("hidden", [(99_999_999_999,), (10**30,), (10**9, 10**9), (3_000_000, 3_000_000)])
def test_a_network_larger_than_memory_is_refused(hidden):
    with pytest.raises(InputError, match=r"network of layers .*; take smaller hidden layers"):
        made.MADE(made.Bernoulli(6), hidden)


def test_direct_connections_count(monkeypatch):
    free(monkeypatch, 9 * (1000 * 10 * 2 + 500_000))
    made.MADE(made.Bernoulli(1000), (10,))
    with pytest.raises(InputError, match="take smaller hidden layers"):
        made.MADE(made.Bernoulli(1000), (10,), direct=True)


def test_a_fit_larger_than_memory_is_refused(monkeypatch):
    model = made.MADE(made.Bernoulli(6), (64,))
    rows = torch.randint(0, 2, (200, 6))
    check_fit(model, 100, 200)
    free(monkeypatch, 10_000)
    with pytest.raises(
        InputError, match=r"fitting a network of layers 6-64-6: about .* kB are needed.*smaller batch_size"
    ):
        fit(model, rows, epochs=1)


def test_it_is_the_smaller_of_batch_and_rows_that_counts(monkeypatch):
    model = made.MADE(made.Bernoulli(6), (64,))
    free(monkeypatch, fit_bytes(2 * 6 * 64, 200 * 76))
    check_fit(model, 10**12, 200)
    with pytest.raises(InputError):
        check_fit(model, 10**12, 10**12)


@pytest.mark.parametrize(
    "masks", [{"orderings": 1_000_000}, {"connectivities": 10**12}, {"orderings": 257, "connectivities": 256}]
)
def test_more_masks_than_can_be_scored_are_refused(masks):
    with pytest.raises(InputError, match=r"masks: a mixture .* 65,536 at most; lower orderings"):
        made.MADE(made.Bernoulli(6), (8,), **masks)


def test_rows_larger_than_memory_are_not_drawn():
    model = made.MADE(made.Bernoulli(6), (8,))
    with pytest.raises(InputError, match=r"drawing 10,000,000,000,000 rows at once: about .*portions"):
        model.sample(10**13)


# The peak of the process itself: what the system counts for a child includes its parent, as it was forked.
FIT = """
import numpy as np, made
def megabytes(name):
    status = open("/proc/self/status").read().split()
    return int(status[status.index(name) + 1]) // 1024
tiny = np.eye(4, dtype=int)
made.fit(made.MADE(made.Categorical(2, n=4), hidden=(4,)), tiny, valid=tiny, epochs=1)
print(megabytes("VmRSS:"))
x = np.random.default_rng(0).integers(0, 1000, (2048, 20))
model = made.MADE(made.Categorical(1000, n=20), hidden=(512, 512))
made.fit(model, x, valid=x, epochs=2, batch_size=2048)
print(megabytes("VmHWM:"))
"""

# What the libraries have of it with torch's build for the CPU; others bring hundreds of megabytes more.
_LIBRARIES = 340


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much was used")
def test_twenty_variables_of_a_thousand_classes():
    """The weights, their gradients, two moments and those of the best epoch are 410 MB."""
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, check=True)
    libraries, peak = map(int, done.stdout.split())
    assert peak - libraries < 10**9 // 2**20 - _LIBRARIES
