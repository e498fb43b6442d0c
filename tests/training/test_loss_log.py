"""The log of losses: read at once on the CPU, by the dozen elsewhere; the mean counts rows."""

from __future__ import annotations

import math

import pytest
import torch

from made.training.loss_log import LossLog

CPU = torch.device("cpu")


def test_on_the_cpu_every_loss_is_read_at_once():
    log = LossLog([], [2, 2], CPU)
    assert not log.is_due
    assert math.isnan(log.latest)
    log.add(torch.tensor(1.5))
    assert log.is_due
    assert list(log.read()) == [(1, 1.5)]
    assert not log.is_due
    assert log.latest == 1.5


def test_elsewhere_32_are_read_together():
    log = LossLog([], [1] * 64, torch.device("cuda"))
    for step in range(32):
        assert not log.is_due
        log.add(torch.tensor(float(step)))
    assert log.is_due
    assert log.losses == []
    assert list(log.read()) == [(step + 1, float(step)) for step in range(32)]
    assert log.losses == [float(step) for step in range(32)]


def test_whoever_stops_reading_has_noted_what_was_read():
    log = LossLog([4.0], [1, 1, 1, 1], torch.device("cuda"))
    for loss in (3.0, math.nan, 2.0):
        log.add(torch.tensor(loss))
    for step, loss in log.read():
        if math.isnan(loss):
            assert step == 3
            break
    assert log.losses[:2] == [4.0, 3.0]
    assert len(log.losses) == 3
    assert list(log.read()) == []


def test_mean_of_the_latest_epoch():
    log = LossLog([9.0, 9.0, 9.0], [2, 2, 1], CPU)
    for loss in (1.0, 2.0, 4.0):
        log.add(torch.tensor(loss))
        list(log.read())
    assert log.mean_of_epoch() == pytest.approx((2 * 1 + 2 * 2 + 4) / 5, rel=1e-12)
    assert LossLog([], [1], CPU).mean_of_epoch() is None
