"""Who may ask, how much at once, and what is counted: what stands before every request."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from made.service.settings import Limits
from made.support.errors import InputError

__all__ = ["Guard", "Metrics", "read_tokens"]

# What is open without a token, for whoever watches over the process.
_OPEN = frozenset({"/healthz"})
_FEWEST_CHARACTERS = 8


def read_tokens(file: Path | None, variable: str | None) -> tuple[str, ...]:
    r"""Return the tokens of a file, one a line, and of a variable of the environment.

    Raises
    ------
    InputError
        If the file cannot be read or has none, or one is too short to be secret.

    Examples
    --------
    >>> read_tokens(None, "correct-horse")
    ('correct-horse',)
    """
    words = [] if variable is None else [variable.strip()]
    if file is not None:
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise InputError(f"{file}: the tokens cannot be read: {reason}") from error
        words += [line.strip() for line in lines]
    tokens = tuple(word for word in words if word)
    if (file is not None or variable is not None) and not tokens:
        raise InputError(f"{file or 'MADE_TOKEN'} holds no token: write one, of one line")
    if any(len(token) < _FEWEST_CHARACTERS for token in tokens):
        raise InputError(f"a token has at least {_FEWEST_CHARACTERS} characters: make a longer one")
    return tokens


class Metrics:
    """What the service counts, for Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "made_requests_total",
            "Requests by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "made_request_seconds",
            "Seconds from the request to the end of its answer.",
            ("route",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.rows = Counter(
            "made_rows_total", "Rows scored, drawn or completed.", ("what",), registry=self.registry
        )
        self.running = Gauge("made_requests_running", "Requests worked on.", registry=self.registry)
        self.passes = Counter(
            "made_batches_total", "Forward passes for small requests together.", registry=self.registry
        )

    def text(self) -> bytes:
        """Return all of them, as Prometheus reads them."""
        return generate_latest(self.registry)


class Guard:
    """An ASGI application around another: tokens, sizes, numbers and times of requests.

    Parameters
    ----------
    app : ASGI application
    limits : Limits
    tokens : sequence of str
        One of which a request has to bring; none is asked for where there are none.
    metrics : Metrics
    open_paths : collection of str
        What is answered without a token too, beside `/healthz`: the files of the page, which hold no secret.
    asking_paths : collection of str
        Those of them that ask people for the token: without one they come with the status 401.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        tokens: Sequence[str],
        metrics: Metrics,
        open_paths: Collection[str] = (),
        asking_paths: Collection[str] = (),
    ) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._open, self._asking = _OPEN | frozenset(open_paths), frozenset(asking_paths)
        self._tokens = [token.encode() for token in tokens]
        self._n = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.monotonic()
        is_asking = scope["path"] in self._asking and not self._may_ask(scope)

        async def counted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if is_asking and message["status"] == 200:
                    challenge = (b"www-authenticate", b"Bearer")
                    message = {**message, "status": 401, "headers": [*message["headers"], challenge]}
                status = message["status"]
            await send(message)

        self._n += 1
        self._metrics.running.set(self._n)
        try:
            refused = self._refusal(scope)
            if refused is not None:
                await _refuse(counted, *refused)
            else:
                await self._answer(scope, receive, counted)
        finally:
            self._n -= 1
            self._metrics.running.set(self._n)
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - began)

    def _refusal(self, scope: Any) -> tuple[int, str, dict[str, str]] | None:
        """Return the status, the reason and the headers of a refusal; None where there is none."""
        headers = _headers_of(scope)
        if scope["path"] not in self._open and not self._may_ask(scope):
            return 401, "a token is needed: Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"}
        if self._n > self._limits.max_requests:
            reason = f"{self._limits.max_requests} requests are worked on already: try again"
            return 429, reason, {"retry-after": "1"}
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most_bytes:
            return 413, self._too_large, {}
        return None

    def _may_ask(self, scope: Any) -> bool:
        """Return whether a request brings a token, or none is asked for."""
        if not self._tokens:
            return True
        kind, _, token = _headers_of(scope).get(b"authorization", b"").partition(b" ")
        # All are compared, each in constant time: how long it takes says nothing about any.
        found = [hmac.compare_digest(token.strip(), own) for own in self._tokens]
        return kind.lower() == b"bearer" and any(found)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        n_bytes, has_begun = 0, False

        async def bounded() -> Any:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._most_bytes:
                raise _TooLargeError
            return message

        async def noted(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await asyncio.wait_for(self._app(scope, bounded, noted), self._limits.max_seconds)
        except (_TooLargeError, asyncio.TimeoutError) as error:
            if has_begun:
                raise  # the connection is closed: what was sent is seen to be cut off
            if isinstance(error, _TooLargeError):
                await _refuse(send, 413, self._too_large, {})
            else:
                seconds = self._limits.max_seconds
                await _refuse(send, 408, f"it took longer than {seconds:g} seconds: ask for fewer rows", {})

    @property
    def _most_bytes(self) -> int:
        return int(self._limits.max_megabytes * 1e6)

    @property
    def _too_large(self) -> str:
        return f"the body is larger than {self._limits.max_megabytes:g} MB: send fewer rows at a time"


def _headers_of(scope: Any) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in scope["headers"]}


class _TooLargeError(Exception):
    pass


async def _refuse(send: Any, status: int, reason: str, headers: dict[str, str]) -> None:
    body = json.dumps({"detail": reason}).encode()
    pairs = [("content-type", "application/json"), ("content-length", str(len(body))), *headers.items()]
    encoded = [(name.encode(), value.encode()) for name, value in pairs]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
