"""The server of an application: at an address, until it is asked to end."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from made.support.errors import InputError

__all__ = ["serve"]

_SECONDS_TO_DRAIN = 30
_BACKLOG = 2_048


def serve(app: FastAPI, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve an application until SIGTERM or Ctrl-C; what is being answered then is answered first.

    Parameters
    ----------
    app : FastAPI
        Answers.
    host : str
        Address to listen at.
    port : int
        0 takes one that is free.
    started : callable
        Told the address, once requests are answered.

    Raises
    ------
    InputError
        If nothing can listen there.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot listen at {host}, port {port}: {reason}; give another --port") from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=_SECONDS_TO_DRAIN
    )
    shown = f"[{host}]" if ":" in host else host
    # What was imported and loaded stays: looking for garbage in it stops all answers for 0.2 s at a time.
    gc.collect()
    gc.freeze()
    # The server hands on a signal once it has ended: that of SIGTERM would count as a failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with listening:
        address = f"http://{shown}:{listening.getsockname()[1]}"
        _Server(config, lambda: started(address)).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> Any:
        """Begin, and say so."""
        await super().startup(sockets)
        if self.started:
            self._tell()
