"""Saving: the format by the ending, and never half a file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from made.plots import check_place, image_grid, save
from made.support.errors import InputError


@pytest.fixture
def figure():
    return image_grid([[0, 1, 1, 0]], (2, 2))


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")])
def test_the_ending_chooses_the_format(figure, tmp_path, name, start):
    save(figure, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.jpg", "a", "png"])
def test_other_endings_are_refused(figure, tmp_path, name):
    with pytest.raises(InputError, match="end the name in"):
        save(figure, tmp_path / name)


def test_a_folder_that_is_not_there(figure, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        save(figure, tmp_path / "none" / "a.png")


def test_a_place_is_checked_before_there_is_a_figure(tmp_path, monkeypatch):
    check_place(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        check_place(tmp_path / "b.png")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="no right to write into"):
        check_place(tmp_path / "a.png")


def test_a_failure_leaves_the_earlier_file(figure, tmp_path, monkeypatch):
    target = tmp_path / "a.png"
    target.write_bytes(b"earlier")

    def half_written(path, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", half_written)
    with pytest.raises(InputError, match="disk full"):
        save(figure, target)
    assert target.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_importing_costs_neither_matplotlib_nor_scipy():
    look = (
        "import sys, made; before = set(sys.modules);"
        "import made.plots, made.baselines; new = set(sys.modules) - before;"
        "print(sorted({'matplotlib', 'scipy', 'torch'} & new))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_picture_touches_pyplot():
    look = (
        "import sys; from made.plots import image_grid; image_grid([[0, 1, 1, 0]], (2, 2));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
