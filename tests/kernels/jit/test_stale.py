"""Compiled code is forgotten when a file of the kernels has changed, and only then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from made.kernels.jit import stale
from made.kernels.jit.stale import compiled_functions, forget_stale_code
from made.kernels.one_pass import elementwise, one_row


@pytest.fixture
def loop(tmp_path):
    """A loop with code on disk, beside that of another."""

    def draw():
        """Stand in for a compiled loop."""

    draw._cache = SimpleNamespace(cache_path=str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    for name in ("one.draw-12.py311.nbi", "one.draw-12.py311.1.nbc", "one.other-5.py311.nbi"):
        (tmp_path / "cache" / name).write_bytes(b"code")
    return draw


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir() if path.suffix in (".nbi", ".nbc"))


def test_code_without_a_stamp_is_forgotten_once(loop, tmp_path):
    forget_stale_code(loop)
    assert kept(tmp_path) == ["one.other-5.py311.nbi"]
    (tmp_path / "cache" / "one.draw-12.py311.nbi").write_bytes(b"new code")
    forget_stale_code(loop)
    assert "one.draw-12.py311.nbi" in kept(tmp_path)


def test_code_is_forgotten_when_a_file_changes(loop, tmp_path, monkeypatch):
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    (kernels / "tiles.py").write_text("old = 1")
    monkeypatch.setattr(stale, "__file__", str(kernels / "stale.py"))
    forget_stale_code(loop)
    (tmp_path / "cache" / "one.draw-12.py311.nbi").write_bytes(b"new code")
    (kernels / "tiles.py").write_text("new = 1")
    forget_stale_code(loop)
    assert kept(tmp_path) == ["one.other-5.py311.nbi"]


def test_code_is_forgotten_when_a_file_of_another_folder_of_kernels_changes(loop, tmp_path, monkeypatch):
    for folder in ("jit", "one_pass"):
        (tmp_path / "kernels" / folder).mkdir(parents=True)
    (tmp_path / "kernels" / "one_pass" / "one_row.py").write_text("old = 1")
    monkeypatch.setattr(stale, "__file__", str(tmp_path / "kernels" / "jit" / "stale.py"))
    forget_stale_code(loop)
    (tmp_path / "cache" / "one.draw-12.py311.nbi").write_bytes(b"new code")
    forget_stale_code(loop)
    assert "one.draw-12.py311.nbi" in kept(tmp_path)
    (tmp_path / "kernels" / "one_pass" / "one_row.py").write_text("new = 1")
    forget_stale_code(loop)
    assert kept(tmp_path) == ["one.other-5.py311.nbi"]


def test_the_functions_that_others_call_are_forgotten_too():
    names = {function.__name__ for function in compiled_functions(elementwise, one_row)}
    assert {"sample_rows", "_finish_units", "activated", "threshold"} <= names
    assert "add_scaled" not in names  # imported, or nothing that is kept on disk


def test_a_folder_that_cannot_be_written_to_is_left_alone(loop, tmp_path, monkeypatch):
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(stale, "write_aside", refuse)
    forget_stale_code(loop)
    assert not (tmp_path / "cache" / "made-kernels.sha256").exists()


def test_every_version_of_a_loop_is_announced_unless_it_is_on_disk(loop, tmp_path, caplog):
    (tmp_path / "cache" / "one.draw-12.py311.nbi").write_bytes(b"compiled for Table")
    with caplog.at_level("INFO"):
        for of in ("Table", "Other", "Other", ""):
            stale.say_if_compiling(loop, "the loop", of)
    assert [record.message for record in caplog.records] == ["compiling the loop"]
