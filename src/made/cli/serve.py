"""``made serve``: models behind an address."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from made.cli.console import tell
from made.cli.settings import with_settings
from made.service.settings import Limits
from made.support.errors import InputError

__all__ = ["serve"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_VARIABLE = "MADE_TOKEN"


@with_settings(Limits, defaults={})
def serve(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of runs, or model files.")],
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
    """Answer questions to models at an address: scores, samples, completions, distributions of columns.

    A model is called by the name of its run folder: POST /models/NAME/score with {"rows": [{"age": 39}]}. All
    that may be asked is described at /docs. Needs made[service].
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
    models = Models(runs)
    if host not in _LOOPBACK and not tokens:
        tell(
            f"WARNING: others can reach {host}, and no token is asked for: anyone there may ask. "
            "Give --token-file FILE"
        )
    for own in models:
        tell(f"{own.name}: {own.model!r}")
    app = create_app(models, limits, tokens, reload_models=reload_models)
    logging.getLogger("made").setLevel(logging.INFO)
    serve_app(
        app, host, port, lambda address: tell(f"made answers at {address}, described at {address}/docs")
    )
