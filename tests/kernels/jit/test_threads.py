"""What is compiled uses as many threads as torch, and leaves torch's number of threads as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: numba sets the threads of OpenMP, which torch shares, when it first starts some.
_PREPARED = """
import numpy as np
import torch
import made

torch.set_num_threads(1)
draw = np.random.default_rng(0)
rows = np.stack([draw.integers(0, 3, 4096), *draw.normal(size=(20, 4096)).round(1)], axis=1)
model = made.MADE([made.Categorical(3), *(made.Numeric(step=0.1) for _ in range(20))], hidden=(16,))
model.set_marginals(rows)
"""


@pytest.mark.parametrize(
    "call",
    [
        "model.log_prob(rows)",
        "model.sample(2, seed=0)",
        "model.sample(300, seed=0)",
        "made.fit(model, rows, epochs=1, batch_size=512, compiled=True)",
        "made.fit(model, rows, epochs=1, batch_size=512, compiled=False)",
    ],
)
def test_torch_keeps_its_number_of_threads(call):
    code = f"{_PREPARED}\n{call}\nprint(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
