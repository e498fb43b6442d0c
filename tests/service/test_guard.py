"""Tokens, sizes, numbers and times: what is beyond a limit is refused with a status of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from made.service import answers
from made.service.app import create_app
from made.service.guard import read_tokens
from made.service.models import Models
from made.service.settings import Limits
from made.support.errors import InputError

SCORE = "/models/people/score"


@pytest.fixture
def service(run):
    """A function that starts a service with some limits and tokens."""

    @contextmanager
    def started(tokens=(), **limits):
        with TestClient(create_app(Models([run]), Limits(**limits), tokens)) as client:
            yield client

    return started


def test_a_token_is_asked_for_everywhere_but_at_the_door_of_health(service, rows):
    with service(["first-token", "second-token"]) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/models", "/metrics", "/openapi.json", "/models/people/schema"):
            assert client.get(path).status_code == 401
        for header in (
            "Bearer wrong-token",
            "Basic first-token",
            "first-token",
            "Bearer",
            "Bearer first-tokenx",
        ):
            refused = client.post(SCORE, json={"rows": rows}, headers={"authorization": header})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        for token in ("first-token", "second-token"):
            headers = {"authorization": f"Bearer {token}"}
            assert client.post(SCORE, json={"rows": rows}, headers=headers).status_code == 200


def test_tokens_are_read_from_a_file(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("correct-horse\n\n  battery-staple \n")
    assert read_tokens(file, None) == ("correct-horse", "battery-staple")
    assert read_tokens(file, "of-the-shell") == ("of-the-shell", "correct-horse", "battery-staple")
    assert read_tokens(None, None) == ()
    file.write_text("\n")
    with pytest.raises(InputError, match="holds no token"):
        read_tokens(file, None)
    file.write_text("short\n")
    with pytest.raises(InputError, match="at least 8"):
        read_tokens(file, None)
    with pytest.raises(InputError, match="No such file"):
        read_tokens(tmp_path / "none", None)


def test_rows_and_bytes_are_limited(service, rows):
    with service(max_rows=5, max_megabytes=0.001) as client:
        assert client.post(SCORE, json={"rows": rows[:5]}).status_code == 200
        refused = client.post(SCORE, json={"rows": rows})
        assert refused.status_code == 413
        assert "6 rows where 5 are allowed" in refused.json()["detail"]
        refused = client.post(SCORE, content=b" " * 2_000, headers={"content-type": "application/json"})
        assert refused.status_code == 413
        assert "0.001 MB" in refused.json()["detail"]

        def parts():  # without a length in the head
            for _ in range(20):
                yield b" " * 200

        refused = client.post(SCORE, content=parts(), headers={"content-type": "application/json"})
        assert refused.status_code == 413
        assert client.get("/healthz").status_code == 200


def test_a_request_may_take_so_long(service, monkeypatch):
    def slow(*_):
        time.sleep(0.4)

    with service(max_seconds=0.1) as client:
        monkeypatch.setattr(answers, "conditional", slow)
        refused = client.post("/models/people/conditional", json={"variable": "age"})
        assert refused.status_code == 408
        assert "0.1 seconds" in refused.json()["detail"]


def test_more_requests_than_allowed_are_told_to_try_again(run, rows, monkeypatch):
    import httpx2

    def slow(served, asked):
        time.sleep(0.3)
        return [{"log_prob": [0.0]} for _ in asked]

    monkeypatch.setattr(answers, "scores_together", slow)

    async def at_once(n, **limits):
        app = create_app(Models([run]), Limits(**limits))
        transport = httpx2.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as client:
            ask = [client.post(f"http://made{SCORE}", json={"rows": rows[:1]}) for _ in range(n)]
            return await asyncio.gather(*ask)

    found = asyncio.run(at_once(12, max_requests=4))
    assert sorted(answer.status_code for answer in found) == [200] * 4 + [429] * 8
    assert all(answer.headers["retry-after"] == "1" for answer in found if answer.status_code == 429)
    found = asyncio.run(at_once(12, max_waiting=4))
    statuses = sorted(answer.status_code for answer in found)
    assert 503 in statuses
    assert statuses.count(200) >= 4
    assert all(answer.headers["retry-after"] == "1" for answer in found if answer.status_code == 503)
