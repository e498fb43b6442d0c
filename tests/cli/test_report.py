"""``made report``: where the page goes, and what is refused."""

from __future__ import annotations


def test_a_page_in_the_folder_of_the_run_or_elsewhere(here, call):
    assert call("report", "run").out.split() == ["run/report.html"]
    assert "How good it is" in (here / "run/report.html").read_text()
    assert call("report", "conditional", "-o", "page.html").out.split() == ["page.html"]
    assert (here / "page.html").stat().st_size > 10_000


def test_what_cannot_be_written_is_said_before_the_work(here, call):
    assert "nowhere" in call("report", "run", "-o", "nowhere/page.html", code=2).err
