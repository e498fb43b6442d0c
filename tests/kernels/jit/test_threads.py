"""What is compiled uses as many threads as torch, and leaves torch's number of threads as it is."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
import torch

from made.kernels.jit.threads import over_threads

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
        pytest.param("model.log_prob(rows)", marks=pytest.mark.long),
        pytest.param("model.sample(2, seed=0)", marks=pytest.mark.long),
        pytest.param("model.sample(300, seed=0)", marks=pytest.mark.long),
        "made.fit(model, rows, epochs=1, batch_size=512, compiled=True)",
        pytest.param(
            "made.fit(model, rows, epochs=1, batch_size=512, compiled=False)", marks=pytest.mark.long
        ),
    ],
)
def test_torch_keeps_its_number_of_threads(call):
    code = f"{_PREPARED}\n{call}\nprint(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


@numba.njit(nogil=True)
def count(begin, end, counts, bounds):
    bounds[begin] = end
    for i in range(begin, end):
        counts[i] += 1


@pytest.fixture
def threads(request):
    """As many threads of torch as a test asks for."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3, 8], indirect=True)
@pytest.mark.parametrize(("n", "size"), [(0, 4), (1, 4), (4, 4), (5, 4), (97, 4), (97, 1), (97, 200)])
def test_every_number_is_in_one_part_and_parts_begin_at_whole_sizes(threads, n, size):
    counts, bounds = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    over_threads(count, n, size, counts, bounds)
    assert (counts == 1).all()
    begins = np.flatnonzero(bounds)
    assert len(begins) == min(threads, -(-n // size))
    assert (begins % size == 0).all()


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_parts_are_done_by_several_threads_at_once(threads):
    both = threading.Barrier(2, timeout=60)
    over_threads(lambda begin, end: both.wait(), 2, 1)


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_what_a_part_raises_is_raised_when_all_have_ended(threads):
    ended = threading.Event()

    def part(begin, end):
        if begin == 0:
            raise ValueError("the first")
        ended.set()

    with pytest.raises(ValueError, match="the first"):
        over_threads(part, 2, 1)
    assert ended.is_set()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
@pytest.mark.parametrize("threads", [2], indirect=True)
def test_a_forked_process_has_threads_of_its_own(threads):
    over_threads(lambda begin, end: None, 2, 1)  # the threads of this process are started
    child = multiprocessing.get_context("fork").Process(target=_in_two_parts)
    child.start()
    child.join(60)
    is_hanging = child.is_alive()
    child.kill()
    assert not is_hanging
    assert child.exitcode == 0


def _in_two_parts():
    torch.set_num_threads(2)
    over_threads(lambda begin, end: None, 2, 1)
