"""Rows set apart for validation: how many, which, with what belongs to them, and that it is said."""

import numpy as np
import pytest
import torch

import made
from made.training.held_out import FEWEST_ROWS, set_apart


def _numbered(n: int) -> np.ndarray:
    return (np.arange(n)[:, None] >> np.arange(10)) & 1


def _numbers(rows) -> np.ndarray:
    return np.asarray(rows, dtype=int) @ (1 << np.arange(10))


@pytest.fixture
def model():
    return made.MADE(made.Bernoulli(10), hidden=(8,))


def test_a_tenth_is_set_apart_and_every_row_is_in_one_part(model):
    parts = set_apart(model.rows(_numbered(1000)))
    assert len(parts.valid) == 100
    together = np.concatenate([_numbers(parts.train.codes), _numbers(parts.valid.codes)])
    np.testing.assert_array_equal(np.sort(together), np.arange(1000))
    assert "100 of the 1,000 training rows" in parts.note


def test_the_draw_follows_from_the_seed(model):
    first, again, other = (set_apart(model.rows(_numbered(500)), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.valid.codes, again.valid.codes)
    assert not torch.equal(first.valid.codes, other.valid.codes)


def test_weights_and_context_go_with_their_rows():
    model = made.MADE(made.Bernoulli(10), hidden=(8,), context=1)
    n = 300
    rows = model.rows(_numbered(n), np.arange(n)[:, None] / n)
    parts = set_apart(rows, np.arange(n) + 1.0)
    np.testing.assert_array_equal(_numbers(parts.train.codes), parts.sample_weight - 1)
    np.testing.assert_allclose(_numbers(parts.train.codes) / n, parts.train.context[:, 0])
    np.testing.assert_allclose(_numbers(parts.valid.codes) / n, parts.valid.context[:, 0])


def test_few_rows_are_all_trained_on(model):
    history = made.fit(model, _numbered(FEWEST_ROWS - 1), epochs=2, batch_size=50)
    assert history.valid_nll == []
    assert "99 rows are too few" in history.notes[0]


def test_a_fit_without_validation_rows_chooses_its_epoch_all_the_same(model):
    history = made.fit(model, _numbered(500), epochs=3)
    assert len(history.valid_nll) == 4
    assert "50 of the 500" in history.notes[0]


def test_no_validation_can_be_asked_for(model):
    history = made.fit(model, _numbered(500), False, epochs=1)
    assert history.valid_nll == []
    assert history.notes == []


def test_the_last_rows_of_a_file_are_taken(model, tmp_path):
    np.save(tmp_path / "rows.npy", _numbered(400).astype(np.uint8))
    parts = set_apart(made.data.open_rows(tmp_path / "rows.npy"))
    assert (parts.train.n, parts.valid.n) == (360, 40)
    np.testing.assert_array_equal(_numbers(parts.valid.read(0, 40)), np.arange(360, 400))
    assert "the last ones" in parts.note


def test_a_resumed_fit_sets_the_same_rows_apart(tmp_path):
    rows, file = _numbered(600), tmp_path / "checkpoint.safetensors"
    whole, again = (made.MADE(made.Bernoulli(10), hidden=(8,)) for _ in range(2))
    made.fit(whole, rows, epochs=4, schedule="constant")
    made.fit(again, rows, epochs=2, schedule="constant", checkpoint=file)
    history = made.fit(again, rows, epochs=4, schedule="constant", checkpoint=file, resume=True)
    assert torch.equal(whole.network.biases[0], again.network.biases[0])
    assert len(history.notes) == 1
