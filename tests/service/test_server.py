"""``made serve`` as a process: it says where it answers, and drains when it is asked to end."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from made.cli import main


@pytest.fixture
def serving(run, serve_process):
    """A function that runs ``made serve`` until the block ends, and gives port, process and lines."""
    return lambda *options, **settings: serve_process([run], *options, **settings)


def post(port, path, body, **headers):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/models/people/{path}",
        json.dumps(body).encode(),
        {"content-type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_it_answers_and_drains(serving, rows):
    with serving() as (port, process, lines):
        assert "people: " in "".join(lines)
        assert len(post(port, "score", {"rows": rows})["log_prob"]) == len(rows)
        found = {}

        def ask():
            found.update(post(port, "sample", {"n": 60_000, "seed": 0}))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert len(found["rows"]) == 60_000
        assert process.wait(40) == 0


def test_the_work_of_a_client_that_is_gone_ends(serving):
    with serving() as (port, _, _):
        post(port, "sample", {"n": 1})
        body = b'{"n": 100000, "seed": 0}'
        head = f"POST /models/people/sample HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as own:
            own.sendall(head.encode() + body)
            own.recv(1_000)

        def drawn():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                return float(re.search(r'made_rows_total{what="drawn"} (\S+)', answer.read().decode())[1])

        time.sleep(0.5)
        first = drawn()
        time.sleep(0.5)
        assert drawn() == first < 100_000


def test_tokens_of_the_environment_are_asked_for(serving, rows):
    with serving(env={"MADE_TOKEN": "of-the-shell"}) as (port, _, _):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(port, "score", {"rows": rows})
        assert post(port, "score", {"rows": rows}, authorization="Bearer of-the-shell")["log_prob"]


def refusal(capsys, *arguments):
    """Return what a command that is refused says."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", *map(str, arguments)])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_what_cannot_be_served_is_one_line(run, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for options, word in (
            (("--port", port), "give another --port"),
            (("--host", "256.1.1.1"), "cannot listen"),
            (("--port", "70000"), "cannot listen"),
            (("--token-file", tmp_path / "none"), "tokens"),
            (("--max-rows", "0"), "max_rows"),
        ):
            assert word in refusal(capsys, run, *options).splitlines()[-1]
    assert "no run folder" in refusal(capsys, tmp_path / "none")


def test_an_address_that_others_reach_is_warned_of(run, tmp_path, capsys):
    tokens = tmp_path / "tokens"
    tokens.write_text("correct-horse")
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        assert "WARNING: others can reach 0.0.0.0" in refusal(
            capsys, run, "--host", "0.0.0.0", "--port", port
        )
        asked = refusal(capsys, run, "--host", "0.0.0.0", "--port", port, "--token-file", tokens)
        assert "WARNING" not in asked
        assert "WARNING" not in refusal(capsys, run, "--port", port)
