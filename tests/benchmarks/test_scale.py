"""The simulator of many machines: its ring, its buckets, and what becomes of a step as things change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks/results"


@pytest.fixture
def steps(bench):
    """The simulated steps."""
    return bench("scale_step")


@pytest.fixture
def scale(bench):
    """The bench."""
    return bench("scale")


@pytest.fixture
def rank(steps):
    """A rank of three layers."""
    part = steps.Part(0.01, 1e-4)
    return steps.Rank(part, part, part, (6_400_000, 16_800_000, 6_400_000), spread=0.05)


def test_a_ring_sends_each_byte_twice_but_for_a_share(steps):
    link = steps.Link(bandwidth=1e9, latency=1e-4)
    assert link.ring(1, 1e9) == 0
    assert link.ring(2, 1e9) == pytest.approx(1 + 2e-4)
    assert link.ring(4, 1e9) == pytest.approx(1.5 + 6e-4)
    assert steps.sent(4, 1e9) == pytest.approx(1.5e9)
    assert steps.sent(1, 1e9) == 0


def test_buckets_are_torchs(steps):
    """The first is closed at 1 MiB, the others at 25 MiB, the last layer first."""
    assert steps.buckets((6_400_000, 16_800_000, 6_400_000)) == [
        (6_400_000, pytest.approx(6.4 / 29.6)),
        (23_200_000, 1.0),
    ]
    sizes = [size for size, _ in steps.buckets((100, 30_000_000, 200, 2_000_000))]
    assert sizes == [2_000_000, 30_000_200, 100]
    assert steps.buckets((40,)) == [(40, 1.0)]


def test_one_rank_waits_for_nobody(steps, rank):
    own = steps.step(rank, 1000, 1, steps.Link(1.0, 1.0, 1.0))
    assert own.seconds == pytest.approx(rank.seconds(1000))
    assert own.waiting == own.sent == 0


def test_more_bandwidth_less_time(steps, rank):
    seconds = [steps.step(rank, 1000, 8, steps.Link(10.0**power, 1e-5)).seconds for power in (7, 8, 9, 12)]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 2 * seconds[-1]
    # Without a network that counts, what is left is the slowest of eight.
    late = np.mean(steps.slowest(8, rank.spread))
    assert seconds[-1] == pytest.approx(late * rank.seconds(1000), rel=0.02)
    assert 1.05 < late < 1.1


def test_a_bucket_is_hidden_behind_the_rest_of_the_backward_pass(steps, rank):
    """The first of two buckets takes no time of its own where the backward pass is long enough."""
    alike, link = replace(rank, spread=0.0), steps.Link(1e8, 0.0)
    own = steps.step(alike, 10_000, 4, link)
    assert own.waiting == pytest.approx(link.ring(4, 23_200_000))
    in_one = replace(alike, sizes=(29_600_000,))
    assert steps.step(in_one, 10_000, 4, link).waiting == pytest.approx(link.ring(4, 29_600_000))


def test_the_seed_decides(steps, rank):
    link = steps.Link(1e9, 1e-5)
    first, again, other = (steps.step(rank, 100, 16, link, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first.seconds == pytest.approx(other.seconds, rel=0.05)


def test_more_ranks_than_cores_share_them(steps, rank):
    link = steps.Link(1e12, 0.0)
    two, four = (steps.step(rank, 100, n, link, crowd=crowd).seconds for n, crowd in ((2, 1.0), (4, 2.0)))
    assert four > 2 * two


def test_weights_that_are_averaged_seldom_send_less(steps, rank):
    link = steps.Link(1e7, 0.0)
    each, seldom = (steps.step(rank, 100, 8, link, every=every) for every in (1, 16))
    assert seldom.sent == each.sent / 16
    assert seldom.seconds < each.seconds / 5


def test_lines_are_found_again(steps):
    """A rank is what its steps were; the ring of processes too."""
    sizes = [4096, 2**20, 2**25]
    link = steps.Link(2e9, 1e-4, 1e-9)
    ring = {
        str(n): {
            str(size): {
                "seconds": link.ring(n, size),
                "CPU seconds of a process": 1e-9 * steps.sent(n, size) + 1e-5,
            }
            for size in sizes
        }
        for n in (2, 3)
    }
    for n in (2, 3):
        found = steps.loopback(ring, n)
        assert (found.bandwidth, found.latency, found.cpu) == pytest.approx((2e9, 1e-4, 1e-9))
    part = steps.Part(0.02, 3e-4)
    cases = {
        str(rows): {
            "seconds before the backward pass": part(rows),
            "backward": 2 * part(rows),
            "after": 0.01,
            "spread of the logarithm": 0.04,
            "bytes of parameters": [100, 200],
        }
        for rows in (250, 500, 1000)
    }
    rank = steps.rank_of({"one rank by rows of a step": cases})
    assert (rank.before.fixed, rank.before.per_row) == pytest.approx((0.02, 3e-4))
    assert rank.after.fixed == pytest.approx(0.01)
    assert (rank.sizes, rank.spread) == ((100, 200), 0.04)


@pytest.fixture
def machine(scale, rank):
    """16 cores."""
    return scale.Machine(rank, 12.8, 20_000, 10_000, 100, 0.5, 10_000)


def test_rates_grow_with_the_batch_and_end_at_what_machines_do(scale, machine):
    grown = [scale.rates(machine, 100, rows, 10)["efficiency"] for rows in (64, 1024, 16_384, 2**18)]
    assert grown == sorted(grown)
    assert 0.85 < grown[-1] < 1
    enough = scale.rows_for(machine, 100, 10)
    assert scale.rates(machine, 100, enough, 10)["efficiency"] >= 0.8
    assert scale.rates(machine, 100, enough // 2, 10)["efficiency"] < 0.8


def test_beyond_the_critical_batch_more_machines_do_not_help(scale, machine):
    own = scale.worth(machine, 1000, 100)
    assert own["times as fast as one machine"] < 10
    large = scale.worth(replace(machine, critical=1e9), 1000, 100)
    assert large["times as fast as one machine"] > 500


def test_a_whole_fit_counts_passes_and_failures(scale, machine, monkeypatch):
    own = scale.whole_fit(machine, 10, 4096, 10)
    monkeypatch.setitem(scale.ASSUMED, "hours between failures of a machine", 1e15)
    ideal = scale.whole_fit(machine, 10, 4096, 10)
    assert own["hours"] > ideal["hours"]
    assert ideal["hours lost to failures"] == pytest.approx(0, abs=1e-3)
    assert ideal["bytes read"] == pytest.approx(3 * 1e12 * 100)
    assert ideal["machine-hours"] == pytest.approx(10 * ideal["hours"])
    assert ideal["hours"] > ideal["hours of the steps"] > ideal["of these reading"] > 0


def test_a_fit_that_starts_again_for_longer_than_machines_last_does_not_end(scale, machine):
    slow = replace(machine, first_read=100.0)
    assert scale.whole_fit(slow, 1000, 4096, 10)["hours"] == np.inf


def test_scoring_is_cores_until_units_are_handed_out_too_slowly(scale):
    few, many = (scale.scoring(600_000, n, 6.0, 5.0) for n in (10, 1000))
    assert few["hours"] == pytest.approx(few["hours of computing"], rel=0.02)
    assert many["hours"] == pytest.approx(many["hours of handing out units"], rel=0.02)
    assert few["bytes read a second"] == pytest.approx(6e12 / few["hours"] / 3600)


def test_what_is_written_says_how_far_off_it_is():
    found = json.loads((RESULTS / "scale.json").read_text())
    for one in found["predicted against measured"]:
        ratio = one["predicted rows a second"] / one["measured rows a second"]
        assert one["error"] == pytest.approx(ratio - 1)
    assert {one["ranks"] for one in found["predicted against measured"]} >= {1, 2}
