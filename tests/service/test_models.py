"""Models are called by their folders, and a file that is replaced is taken up."""

from __future__ import annotations

import logging
import shutil

import pytest

import made
from made.service.models import Models
from made.support.errors import InputError


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the run that a test may change."""
    return shutil.copytree(run, tmp_path / "people")


def test_names_are_those_of_folders_and_files(copied, tmp_path):
    file = tmp_path / "other.safetensors"
    shutil.copy(copied / "model.safetensors", file)
    models = Models([copied, file])
    assert [own.name for own in models] == ["people", "other"]
    assert models.get("people").held_out is not None
    assert models.get("other").held_out is None
    assert models.get("none") is None
    again = shutil.copytree(copied, tmp_path / "deep" / "people")
    with pytest.raises(InputError, match="both called 'people'"):
        Models([copied, again])


def test_what_answers_nothing_is_refused(tmp_path):
    made.Autoencoder(made.Bernoulli(3), hidden=(4,)).save(tmp_path / "plain.safetensors")
    with pytest.raises(InputError, match="has no likelihood"):
        Models([tmp_path / "plain.safetensors"])
    with pytest.raises(InputError, match="no run folder"):
        Models([tmp_path / "none"])


def test_a_file_that_is_replaced_is_taken_up_and_a_damaged_one_is_not(copied, caplog):
    models = Models([copied])
    before = models.get("people")
    assert models.reload() == []
    other = made.MADE(made.Bernoulli(2), hidden=(3,))
    other.save(copied / "model.safetensors")
    assert models.reload() == ["people"]
    assert models.get("people").model.n_variables == 2
    assert before.model.n_variables > 2
    kept = models.get("people")
    (copied / "model.safetensors").write_bytes(b"nonsense")
    with caplog.at_level(logging.WARNING):
        assert models.reload() == []
    assert "stays as it was loaded" in caplog.text
    assert models.get("people") is kept
    (copied / "model.safetensors").unlink()
    assert models.reload() == []
    assert models.get("people") is kept
