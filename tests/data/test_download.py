"""Downloads, from a server on this machine: only what is right reaches the cache."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from made.data.download import DownloadError, cache_dir, fetch
from made.support.errors import InputError


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        body = b"right" * 1000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:100] if self.path == "/cut" else body)

    def log_message(self, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def right(place: Path) -> None:
    for path in place.iterdir():
        if path.read_bytes() != b"right" * 1000:
            raise InputError(f"{path}: wrong")


def test_files_arrive_together(server, cache, capfd):
    fetch({"a.npz": f"{server}/a", "b.npz": f"{server}/b"}, cache, right)
    assert sorted(path.name for path in cache.iterdir()) == ["a.npz", "b.npz"]
    assert (cache / "a.npz").read_bytes() == b"right" * 1000
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_demand(server, cache, capfd):
    fetch({"a.npz": f"{server}/a"}, cache, right, progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "a.npz" in shown.err


@pytest.mark.parametrize(
    ("second", "message"),
    [("missing", "127.0.0.1:.*: HTTP 404"), ("cut", "127.0.0.1:.*: the connection broke off")],
)
def test_a_failure_leaves_the_cache_as_it_was(server, cache, second, message):
    with pytest.raises(DownloadError, match=message):
        fetch({"a.npz": f"{server}/a", "b.npz": f"{server}/{second}"}, cache, right)
    assert list(cache.iterdir()) == []


def test_what_is_wrong_is_not_kept(server, cache):
    def wrong(place: Path) -> None:
        raise InputError(f"{place / 'a.npz'}: not the rows")

    with pytest.raises(DownloadError, match=r"sent is not it: a\.npz: not the rows"):
        fetch({"a.npz": f"{server}/a"}, cache, wrong)
    assert list(cache.iterdir()) == []


def test_no_server_is_told_at_once(cache):
    start = time.perf_counter()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9: no connection"):
        fetch({"a.npz": "http://127.0.0.1:9/a"}, cache, right)
    assert time.perf_counter() - start < 5


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written .*; set MADE_CACHE_DIR"):
        fetch({"a.npz": "http://127.0.0.1:9/a"}, tmp_path / "file" / "cache", right)


def test_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.setenv("MADE_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("MADE_CACHE_DIR")
    assert cache_dir().name == "made"
