"""Damaged files of a run: ``made fit --resume`` ends with a right result, or one line; nothing is lost.

A few of each kind in `make test`; MADE_FUZZ_TABLES asks for more, as `make test-long` does.
"""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from mutations import damaged, forged, forged_file, opened
from targets import Checkpoints

import made
from made.training.checkpoint import Checkpoint

#: How many of each kind: of truncations, flipped bits, and forged files.
NUMBER = int(os.environ.get("MADE_FUZZ_TABLES", "4"))
READ = ["set/checkpoint.safetensors", "compared/comparison/1.safetensors", "refit/refit/0-"]
SETTINGS = ["set/settings.json", "compared/settings.json", "compared/comparison/decisions.json"]


@pytest.fixture(scope="module")
def runs():
    """Runs to go on with."""
    found = Checkpoints()
    yield found
    found.close()


def named(runs, start):
    """Return the name of the file that begins so: how long a refit is follows from the fit."""
    return next(name for name in runs.files if name.startswith(start))


def header(content):
    """Return what the header of a file says, and the rest: 0.0035465090040815984 is read as ...985 is."""
    try:
        size = int.from_bytes(content[:8], "little")
        return json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["made"]), bytes(
            content[8 + size :]
        )
    except ValueError:
        return None


@pytest.mark.parametrize("start", READ)
def test_every_truncation_of_a_checkpoint_is_noticed(runs, start):
    name = named(runs, start)
    content = runs.files[name]
    for end in range(0, len(content), max(1, len(content) // NUMBER)):
        assert not runs.resumes(name, content[:end], minutes=1), end


@pytest.mark.parametrize("start", READ)
def test_every_flipped_bit_of_a_checkpoint_is_noticed(runs, start):
    name = named(runs, start)
    rng = np.random.default_rng(3)
    for place in rng.integers(0, len(runs.files[name]), NUMBER).tolist():
        content = bytearray(runs.files[name])
        content[place] ^= 1 << int(rng.integers(8))
        if runs.resumes(name, bytes(content), minutes=1):
            assert header(content) == header(runs.files[name]), place


@pytest.mark.parametrize("start", READ)
def test_a_forged_checkpoint_is_refused_or_a_fit_goes_on(runs, start):
    name = named(runs, start)
    parts, rng = opened(runs.files[name]), np.random.default_rng(4)
    assert parts is not None
    for _ in range(NUMBER):
        runs.resumes(name, forged_file(parts, rng))


@pytest.mark.parametrize("name", SETTINGS)
def test_edited_settings_are_refused_or_a_fit_goes_on(runs, name):
    content, rng = runs.files[name], np.random.default_rng(5)
    for _ in range(NUMBER):
        runs.resumes(name, json.dumps(forged(json.loads(content), rng)).encode())
        runs.resumes(name, damaged(content, rng))


def test_a_run_without_one_of_its_files_goes_on_or_says_so(runs):
    found = {name: runs.resumes(name, None) for name in runs.files}
    refused = [name for name, goes_on in found.items() if not goes_on]
    assert refused == [name for name in runs.files if name.endswith("settings.json")]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("optimizer/0.exp_avg", lambda tensor: tensor[:1]),  # which fused Adam would write beyond
        ("optimizer/0.exp_avg_sq", lambda tensor: -tensor - 1),
        ("optimizer/0.step", lambda tensor: tensor + 0.5),
        ("weights/network.weights.0", lambda tensor: tensor * float("nan")),
        ("best/network.weights.0", lambda tensor: tensor + float("inf")),
        ("average/network.biases.0", lambda tensor: tensor.double()),
    ],
)
def test_tensors_of_a_checkpoint_are_those_of_its_model(runs, tmp_path, refused, part, change):
    kind, settings, tensors = opened(runs.files["set/checkpoint.safetensors"])
    made.support.files.write_tensors(tmp_path / "c", kind, settings, {**tensors, part: change(tensors[part])})
    model = made.MADE.from_settings(settings["model"]["settings"])
    training = made.training.settings.TrainingSettings(**settings["training"])
    with refused(str(tmp_path / "c"), "is damaged", "delete it"):
        Checkpoint.read(tmp_path / "c", model, training, settings["data"])
    made.support.files.write_tensors(tmp_path / "c", kind, settings, tensors)
    assert Checkpoint.read(tmp_path / "c", model, training, settings["data"]).step == settings["step"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda own: own.update(step=-1), "step"),
        (lambda own: own.update(seconds=float("nan")), "seconds"),
        (lambda own: own.pop("history"), "history"),
        (lambda own: own.update(more=1), "more"),
        (lambda own: own["history"].update(epochs=[]), "epochs"),
        (lambda own: own["history"].update(best_epoch=10**9), "best epoch"),
        (lambda own: own["history"]["epochs"][1].update(valid_nll=float("nan")), "epochs"),
        (lambda own: own["history"]["batch_losses"].pop(), "loss"),
        (lambda own: own["history"]["epochs"][1].update(valid_nll=None), "validated"),
        (lambda own: own["history"].update(notes=7), "words"),
        (lambda own: own["training"].update(more=1), "more"),
        (lambda own: own["model"].update(settings={}), "does not say"),
    ],
)
def test_what_a_checkpoint_says_is_checked(runs, tmp_path, refused, change, word):
    kind, settings, tensors = opened(runs.files["set/checkpoint.safetensors"])
    model = made.MADE.from_settings(settings["model"]["settings"])
    training = made.training.settings.TrainingSettings(**settings["training"])
    data = settings["data"]
    change(settings)
    made.support.files.write_tensors(tmp_path / "c", kind, settings, tensors)
    with refused(str(tmp_path / "c"), "is damaged", word):
        Checkpoint.read(tmp_path / "c", model, training, data)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("compared/comparison/decisions.json", own) for own in ("{}", "7", "[[]]", "[[0, 0]]", "[[0, 9]]")),
        ("compared/comparison/decisions.json", "[[0, Infinity]]"),
        *(("compared/best.json", own) for own in ('{"valid_nll": NaN}', "{}", "[]", '{"valid_nll": "1"}')),
    ],
)
def test_what_a_run_noted_of_itself_is_checked(runs, name, content):
    assert not runs.resumes(name, content.encode())
