"""A save that fails, or dies, at any call to the system leaves the old file or the new one, whole."""

from __future__ import annotations

import errno
import os
import signal
import sys

import pytest

import made
from made.support import writing
from made.support.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and killed")

# What a save asks of the system, where it is found.
CALLS = [
    (writing.tempfile, "mkstemp"),
    (writing.os, "fsync"),
    (writing.os, "replace"),
    (writing.os, "open"),
    (writing.os, "close"),
    (writing.Path, "chmod"),
]


class Faults:
    """Counts calls to the system; the one of a number fails, or is the last one."""

    def __init__(self, number=None, kind="fails", errno=errno.ENOSPC):
        self.number, self.kind, self.errno, self.count = number, kind, errno, 0

    def install(self, monkeypatch):
        for place, name in CALLS:
            monkeypatch.setattr(place, name, self._watched(getattr(place, name)))
        opened = writing.Path.open

        def open_watched(path, *args, **kwargs):
            file = opened(path, *args, **kwargs)
            return Watched(file, self) if "wb" in args else file

        monkeypatch.setattr(writing.Path, "open", open_watched)

    def strike(self):
        self.count += 1
        if self.count - 1 != self.number:
            return
        if self.kind == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(self.errno, os.strerror(self.errno))

    def _watched(self, call):
        def watched(*args, **kwargs):
            self.strike()
            return call(*args, **kwargs)

        return watched


class Watched:
    """A file whose writes are watched; of each the first half may be written."""

    def __init__(self, file, faults):
        self._file, self._faults = file, faults

    def write(self, content):
        self._file.write(memoryview(content)[: len(content) // 2])
        self._file.flush()
        self._faults.strike()
        self._file.write(memoryview(content)[len(content) // 2 :])
        return len(content)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()


def model_of(seed):
    model = made.MADE([made.Bernoulli(3), made.Numeric(2)], (8,), seed=seed)
    model.set_marginals([[0, 1, 0, 1.5, 2.5], [1, 1, 0, 0.5, 3.5], [0, 0, 1, 2.5, 0.5]])
    return model


@pytest.fixture
def saved(tmp_path):
    """A file with a model, the bytes of it, and those of the one that is to replace it."""
    path = tmp_path / "model.safetensors"
    model_of(1).save(path)
    new = path.read_bytes()
    model_of(0).save(path)
    return path, path.read_bytes(), new


def n_calls(path, monkeypatch):
    faults = Faults()
    with monkeypatch.context() as patch:
        faults.install(patch)
        model_of(1).save(path)
    return faults.count


def test_every_call_is_watched(saved, monkeypatch):
    assert n_calls(saved[0], monkeypatch) >= 8
    assert saved[0].read_bytes() == saved[2]


def refusal_of(save):
    try:
        save()
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_each_call_fails_in_turn(saved, monkeypatch, error):
    path, old, new = saved
    for number in range(n_calls(path, monkeypatch)):
        path.write_bytes(old)
        with monkeypatch.context() as patch:
            Faults(number, "fails", error).install(patch)
            refusal = refusal_of(lambda: model_of(1).save(path))
        # What does not matter to the file may fail: a lock, and that its name is on the disk already.
        assert path.read_bytes() == (new if refusal is None else old)
        if refusal is not None:
            assert str(path) in refusal
            assert os.strerror(error) in refusal
        assert os.listdir(path.parent) == [path.name]


def test_each_call_is_the_last_in_turn(saved, monkeypatch):
    path, old, new = saved
    found = set()
    for number in range(n_calls(path, monkeypatch)):
        path.write_bytes(old)
        child = os.fork()
        if child == 0:
            Faults(number, "dies").install(pytest.MonkeyPatch())
            model_of(1).save(path)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert path.read_bytes() in (old, new)
        found.add(path.read_bytes() == new)
        made.load(path)
        model_of(0).save(path)  # which forgets what the dead one left
        assert os.listdir(path.parent) == [path.name]
    assert found == {False, True}
