"""Files: what goes in comes out, and a write that fails leaves what was there and nothing else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
import torch

import made
from made.support.files import read_tensors, write_aside, write_tensors, writing_aside


def test_tensors_and_back(tmp_path):
    tensors = {
        "float": torch.arange(6, dtype=torch.float32).reshape(2, 3).T,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "whole": torch.tensor(7),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
    }
    settings = {"a": [1, 2.5, None, "ß"], "b": {"c": True}}
    write_tensors(tmp_path / "file", "checkpoint", settings, tensors)
    kind, again, back = read_tensors(tmp_path / "file")
    assert (kind, again) == ("checkpoint", settings)
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    for content in (b"first", b"second"):
        write_aside(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "other").touch()
    write_aside(tmp_path / "file", b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")}
    assert len(modes) == 1


def test_a_missing_folder_is_named(refused, tmp_path):
    with refused("cannot write", str(tmp_path / "no" / "model"), "No such file"):
        made.MADE(made.Bernoulli(3), (4,)).save(tmp_path / "no" / "model")
    assert os.listdir(tmp_path) == []


def test_a_folder_is_not_overwritten(refused, tmp_path):
    (tmp_path / "model").mkdir()
    with refused("cannot write"):
        made.MADE(made.Bernoulli(3), (4,)).save(tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_is_named_and_the_earlier_file_survives(refused, tmp_path):
    path = tmp_path / "model"
    write_aside(path, b"before")
    tmp_path.chmod(0o500)
    try:
        with refused("cannot write", str(path), "unchanged"):
            write_aside(path, b"after")
        assert path.read_bytes() == b"before"
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_whatever_fails_the_earlier_file_survives(refused, tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "model"
    write_aside(path, b"before")
    monkeypatch.setattr(os, call, fail)
    with refused("cannot write", str(path), "No space left on device", "unchanged"):
        write_aside(path, b"after")
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["model"]


def test_portions_appear_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with writing_aside(path) as file:
        for portion in (b"one ", b"two"):
            file.write(portion)
            file.flush()
            assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"one two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_whatever_ends_the_block_early_the_earlier_file_survives(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write():
        with writing_aside(path) as file:
            file.write(b"half")
            assert len(os.listdir(tmp_path)) == 2
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_place_is_said_before_the_work(refused, tmp_path):
    begun = False
    with refused("cannot write", str(tmp_path), "directory"), writing_aside(tmp_path):
        begun = True
    assert not begun


FULL_DISK = """
import resource, sys, made
made.MADE(made.Bernoulli(8), (64,), seed=1).save(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    made.MADE(made.Bernoulli(8), (64,), seed=2).save(sys.argv[1])
except made.InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_on_a_full_disk_the_earlier_file_survives(tmp_path):
    path = tmp_path / "model"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(f"cannot write {path}: ")
    assert run.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == ["model"]
    assert made.load(path).seed == 1
