"""Options of a command that come from settings: one for each field of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

import typer

from made.support.settings import Option, options

__all__ = ["with_settings"]

_Command = TypeVar("_Command", bound=Callable[..., None])
_Kind = inspect.Parameter


def with_settings(*classes: type, defaults: Mapping[str, str]) -> Callable[[_Command], _Command]:
    """Give a command an option for every setting that it has no argument for.

    The command takes them as ``**settings``: by name, None where an option was not given. In the help they
    stand before its keyword-only arguments.

    Parameters
    ----------
    *classes : type
        Dataclasses whose fields are made by `made.support.settings.setting`.
    defaults : mapping of str to str
        What to show as the default of a setting, where that is not the field's.
    """

    def decorate(command: _Command) -> _Command:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not _Kind.VAR_KEYWORD]
        names = {parameter.name for parameter in own}
        added = [
            _parameter(option, defaults.get(option.name, str(option.default)))
            for cls in classes
            for option in options(cls)
            if option.name not in names
        ]
        last = [parameter for parameter in own if parameter.kind is _Kind.KEYWORD_ONLY]
        parameters = [*(parameter for parameter in own if parameter not in last), *added, *last]
        # typer reads both.
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _parameter(option: Option, default: str) -> inspect.Parameter:
    name = option.name.replace("_", "-")
    words = [f"--{name}/--no-{name}"] if option.type is bool else []
    text = typer.Option(*words, help=f"{option.help.removesuffix('.')} [{default}].")
    annotation = Annotated[option.type | None, text]  # type: ignore[name-defined]
    return inspect.Parameter(option.name, _Kind.KEYWORD_ONLY, default=None, annotation=annotation)
