"""``made serve``: models behind an address."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from made.cli.console import command, tell
from made.cli.settings import with_settings
from made.service.settings import Limits
from made.support.errors import InputError

__all__ = ["serve"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_VARIABLE = "MADE_TOKEN"


@with_settings(Limits, defaults={})
def serve(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Folders of runs, or model files [those of made demo]."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes one that is free.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Tokens, one a line, one of which requests bring [${_VARIABLE}]."),
    ] = None,
    reload_models: Annotated[
        bool, typer.Option("--reload-models", help="Take up model files that are replaced.")
    ] = False,
    **settings: Any,
) -> None:
    """Answer questions to models at an address, on a page for browsers and in JSON.

    A model is called by the name of its run folder: POST /models/NAME/score with {"rows": [{"age": 39}]}. All
    that may be asked is described at /docs. Without RUN the models of made demo are served, which are fitted
    if there are none. Needs made[service].
    """
    try:
        from made.service.app import create_app
        from made.service.server import serve as serve_app
    except ImportError as error:
        raise InputError(f"made serve needs {error.name}: pip install 'made[service]'") from error
    from made.service.guard import read_tokens
    from made.service.models import Models

    limits = Limits(**{name: value for name, value in settings.items() if value is not None})
    tokens = read_tokens(token_file, os.environ.get(_VARIABLE) or None)
    with contextlib.ExitStack() as stack:
        models = Models(runs or _runs_of_demo(stack))
        if host not in _LOOPBACK and not tokens:
            tell(
                f"WARNING: others can reach {host}, and no token is asked for: anyone there may ask. "
                "Give --token-file FILE"
            )
        for own in models:
            tell(f"{own.name}: {own.model!r}")
        app = create_app(models, limits, tokens, reload_models=reload_models)
        log = logging.getLogger("made.runs")
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.WARNING)  # not what rows lack, request by request
        serve_app(app, host, port, _tell_address)


def _tell_address(address: str) -> None:
    tell(f"made answers at {address}: open it in a browser; the API is described at {address}/docs")


def _runs_of_demo(stack: contextlib.ExitStack) -> list[Path]:
    """Return the runs that ``made demo`` has left here; where there are none, fit them for this time only."""
    from made.cli.demo import OUT, demo_runs, fit_both

    found = demo_runs()
    if found:
        tell(f"No RUN is given: these are the runs of {command()} demo.")
        return found
    tell(
        f"No RUN is given, and {command()} demo has left none here: its digits and its table are fitted now."
    )
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    return fit_both(Path(folder) / OUT.name)
