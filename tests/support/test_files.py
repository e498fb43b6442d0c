"""Files: what goes in comes out, and a write that fails leaves what was there and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

import made
from made.support.files import read_tensors, write_tensors


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


def test_a_missing_folder_is_named(refused, tmp_path):
    with refused("cannot write", str(tmp_path / "no" / "model"), "No such file"):
        made.MADE(made.Bernoulli(3), (4,)).save(tmp_path / "no" / "model")
    assert os.listdir(tmp_path) == []


def test_a_folder_is_not_overwritten(refused, tmp_path):
    (tmp_path / "model").mkdir()
    with refused("cannot write"):
        made.MADE(made.Bernoulli(3), (4,)).save(tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"]


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
