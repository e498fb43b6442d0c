"""A fit of wide categorical variables stays within a gigabyte."""

import subprocess
import sys
from pathlib import Path

import pytest

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
