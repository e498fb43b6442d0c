"""A run folder: what may be claimed, and what is said about folders that hold no run."""

from __future__ import annotations

import os

import pytest

import made
from made.runs.folder import RunFolder

FILES = ["settings.json", "metrics.csv", "results.json", "model.safetensors", "checkpoint.safetensors"]


def test_claim_makes_the_folder(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "first")
    assert not folder.holds_run
    folder.claim(force=False)
    assert folder.path.is_dir()
    assert not folder.holds_run


@pytest.mark.parametrize("name", FILES)
def test_run_in_place_is_refused(tmp_path, refused, name):
    (tmp_path / name).write_text("earlier")
    with refused(str(tmp_path), "already holds a run", "--resume", "--force"):
        RunFolder(tmp_path).claim(force=False)
    assert (tmp_path / name).read_text() == "earlier"


def test_force_puts_the_run_aside_until_there_is_a_new_one(tmp_path):
    for name in [*FILES, "notes.txt"]:
        (tmp_path / name).write_text("earlier")
    folder = RunFolder(tmp_path)
    folder.claim(force=True)
    assert not folder.holds_run
    assert {path.name for path in (tmp_path / ".replaced").iterdir()} == set(FILES)
    folder.forget_replaced()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_folder_with_other_files_is_fine(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    RunFolder(tmp_path).claim(force=False)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_file_in_place_is_refused(tmp_path, refused):
    file = tmp_path / "run"
    file.write_text("mine")
    for folder in (RunFolder(file), RunFolder(file / "below")):
        with refused(str(file)):
            folder.claim(force=True)
    assert file.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_refused(tmp_path, refused):
    tmp_path.chmod(0o500)
    with refused(str(tmp_path)):
        RunFolder(tmp_path).claim(force=False)
    with refused(str(tmp_path)):
        RunFolder(tmp_path / "run").claim(force=False)
    tmp_path.chmod(0o700)


def test_json_and_back(tmp_path):
    RunFolder(tmp_path).write_json("settings.json", {"columns": ["a"], "image_shape": [2, 3]})
    assert RunFolder(tmp_path).read_json("settings.json") == {"columns": ["a"], "image_shape": [2, 3]}


def test_names_and_image_shape_of_version_0_1(tmp_path):
    """Runs of that version noted beside the model what its schema says today."""
    made.MADE(made.Bernoulli(6), hidden=(4,)).save(tmp_path / "model.safetensors")
    RunFolder(tmp_path).write_json("settings.json", {"columns": list("abcdef"), "image_shape": [2, 3]})
    schema = RunFolder(tmp_path).load_model().schema
    assert schema.names == tuple("abcdef")
    assert schema.is_named
    assert schema.image_shape == (2, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, ["holds no run", "settings.json"]), ("{", ["settings.json"]), ("[1]", ["settings.json"])],
)
def test_no_settings(tmp_path, refused, content, words):
    if content is not None:
        (tmp_path / "settings.json").write_text(content)
    with refused(*words):
        RunFolder(tmp_path).read_json("settings.json")


def test_settings_that_say_nothing_about_data(tmp_path, refused):
    (tmp_path / "settings.json").write_text("{}")
    with refused("settings.json"):
        RunFolder(tmp_path).load_data()


def test_no_settings_no_names(tmp_path):
    made.MADE(made.Bernoulli(6), hidden=(4,)).save(tmp_path / "model.safetensors")
    schema = RunFolder(tmp_path).load_model().schema
    assert not schema.is_named
    assert schema.image_shape is None


def test_model_of_a_folder_or_a_file(tmp_path, refused):
    with refused("there is no run folder"):
        RunFolder(tmp_path / "missing").load_model()
    with refused("holds no trained model"):
        RunFolder(tmp_path).load_model()
    model = made.MADE(made.Bernoulli(3), hidden=(4,))
    model.save(tmp_path / "model.safetensors")
    for place in (tmp_path, tmp_path / "model.safetensors"):
        assert RunFolder(place).load_model().settings() == model.settings()


def test_autoencoder_is_no_model_of_a_run(tmp_path, refused):
    made.Autoencoder(made.Bernoulli(3), hidden=(2,)).save(tmp_path / "model.safetensors")
    with refused("autoencoder"):
        RunFolder(tmp_path).load_model()


def test_unknown_device(tmp_path, refused):
    made.MADE(made.Bernoulli(3), hidden=(4,)).save(tmp_path / "model.safetensors")
    with refused("banana"):
        RunFolder(tmp_path).load_model("banana")
