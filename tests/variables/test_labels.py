"""Codes of values by their labels, where these are larger than a float can tell apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import made
from made.variables.labels import codes_of_values

LARGE = 7726660183129676213


@pytest.mark.parametrize("dtype", ["int64", "uint64", "object"])
@pytest.mark.parametrize("labels", [[LARGE, LARGE + 1], [5, LARGE + 1, LARGE, LARGE - 1], [-1, LARGE]])
def test_large_labels_are_told_apart(labels, dtype):
    block = made.Categorical(labels, unseen=0.1)
    values = np.array([label for label in labels if label >= 0] + [LARGE + 2], dtype=dtype)
    found, bad = codes_of_values(values, block)
    assert bad is None
    expected = [code for code, label in enumerate(labels) if label >= 0] + [block.unseen_code]
    assert found.tolist() == expected


def test_labels_beyond_signed_numbers():
    labels = [2**63 + 1, 2**63, 3]
    block = made.Categorical(labels)
    assert codes_of_values(np.array(labels, dtype=np.uint64), block)[0].tolist() == [0, 1, 2]
    assert codes_of_values(np.array([3]), block)[0].tolist() == [2]
    assert codes_of_values(np.array([2**63 + 2], dtype=np.uint64), block)[1] == 0


def test_one_large_number_of_a_frame_is_told_from_the_next():
    frame = pd.DataFrame({"flag": [True], "number": np.array([LARGE], dtype=np.uint64)})
    model = made.auto_fit(frame, max_time=0.2)
    both = pd.DataFrame({"flag": [True, True], "number": np.array([LARGE, LARGE + 1], dtype=np.uint64)})
    assert model.schema.encode(both).codes[:, 1].tolist() == [0, 1]
    assert np.isfinite(model.log_prob(both).numpy()).all()
