"""Memory and disk: what needs more than there is is refused in one line that names the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.support import resources
from made.support.errors import InputError
from made.support.resources import as_size, check_disk, check_memory, free_disk, free_memory


def test_what_is_free_is_some_of_what_there_is():
    free = free_memory()
    assert free is None or 2**20 < free < 2**50
    assert free_disk(Path.cwd()) > 0


def test_a_folder_that_will_be_made_has_the_room_of_its_parent(tmp_path):
    assert free_disk(tmp_path / "a" / "b") == pytest.approx(free_disk(tmp_path), rel=0.1)


@given(st.floats(0, 1e40))
def test_sizes_are_short(n):
    number, unit = as_size(n).split()
    assert unit in ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
    assert float(number.replace(",", "")) <= 1000 or unit == "EB"


@pytest.mark.parametrize("needed", [10**30, 1e18])
def test_refusals_name_what_how_much_and_the_remedy(tmp_path, needed):
    with pytest.raises(
        InputError, match=r"^not enough memory for this: about .* EB are needed, .*; take less$"
    ):
        check_memory(needed, "this", "take less")
    with pytest.raises(
        InputError, match=r"^not enough room for this in .*: about .* EB are needed, .*; take less$"
    ):
        check_disk(tmp_path, needed, "this", "take less")


def test_where_the_system_does_not_say_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "free_memory", lambda: None)
    monkeypatch.setattr(resources, "free_disk", lambda folder: None)
    check_memory(1e30, "this", "take less")
    check_disk(tmp_path, 1e30, "this", "take less")


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    limit, used = tmp_path / "max", tmp_path / "current"
    limit.write_text("1000\n")
    used.write_text("400\n")
    monkeypatch.setattr(resources, "_GROUPS", ((str(limit), str(used)),))
    assert free_memory() == 600
    limit.write_text("max\n")
    assert free_memory() != 600


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are read from /proc")
def test_the_limit_of_the_process_counts():
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33)); "
        "from made.support.resources import free_memory; assert 2**30 < free_memory() < 2**33"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
