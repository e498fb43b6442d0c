"""Settings as dataclasses: the default, the bounds and the meaning of each stand in its field.

Checks, documentation and the options of the command line are derived from there. Nothing heavy is imported,
so that a command line can show its help at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_args, get_type_hints

from made.support.errors import InputError

__all__ = ["Option", "check_names", "check_settings", "documented", "options", "setting"]

_Class = TypeVar("_Class", bound=type)
_SIMPLE = (bool, int, float, str)


@dataclass(frozen=True)
class Option:
    """What a command line needs to know of a setting.

    Attributes
    ----------
    name : str
        Of the field.
    type : type
        ``int``, ``float``, ``bool`` or ``str``: what is typed. A setting of another type is typed as text.
    default : object
        What holds where nothing is typed.
    help : str
        What the setting does.
    """

    name: str
    type: type
    default: Any
    help: str


def setting(
    default: Any,
    *,
    help: str,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[str] | None = None,
    is_option: bool = True,
) -> Any:
    """Return the field of a dataclass for one setting.

    Parameters
    ----------
    default : object
        Its default.
    help : str
        What it does: a sentence or two.
    least, above : float, optional
        The smallest number allowed, or a bound that is not allowed itself.
    below : float, optional
        Likewise at the other end.
    choices : sequence of str, optional
        All that it may be.
    is_option : bool
        Whether the command line offers it.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Walk:
    ...     steps: int = setting(10, least=1, help="How many.")
    ...     pace: str = setting("slow", choices=("slow", "fast"), help="How quickly.")
    ...
    ...     def __post_init__(self):
    ...         check_settings(self)
    >>> Walk(steps=3)
    Walk(steps=3, pace='slow')
    >>> Walk(pace="lame")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: pace is one of slow, fast, got 'lame'
    """
    metadata = {
        "help": help,
        "least": least,
        "above": above,
        "below": below,
        "choices": choices,
        "is_option": is_option,
    }
    return field(default=default, metadata=metadata)


def check_settings(settings: Any) -> None:
    """Check the settings of a dataclass against the bounds of their fields, and give them their types.

    None is fine where the annotation allows it. What is neither number, switch nor text is left to its user.

    Parameters
    ----------
    settings : dataclass
        Its fields are made by `setting`. A frozen one is changed in place, so call it in ``__post_init__``.

    Raises
    ------
    InputError
        For the first setting that is out of bounds.
    """
    hints = get_type_hints(type(settings))
    for own in fields(settings):
        value = getattr(settings, own.name)
        if value is None and type(None) in get_args(hints[own.name]):
            continue
        checked = _checked(own.name, value, _simple_type(hints[own.name]), **own.metadata)
        object.__setattr__(settings, own.name, checked)


def check_names(names: Iterable[str], known: Sequence[str], owner: str) -> None:
    """Raise an `InputError` for the first name that is not known, with the closest that is.

    Parameters
    ----------
    names : iterable of str
        What was given.
    known : sequence of str
        What there is.
    owner : str
        Whose settings they are.

    Examples
    --------
    >>> check_names(["epoch"], ["epochs", "seed"], "made.fit")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: made.fit has no setting 'epoch': did you mean 'epochs'? There are ...
    """
    import difflib

    for name in names:
        if name not in known:
            (closest,) = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise InputError(
                f"{owner} has no setting {name!r}: did you mean {closest!r}? There are {', '.join(known)}"
            )


def options(cls: type) -> list[Option]:
    """Return the settings of a dataclass that a command line offers, in the order of the fields."""
    hints = get_type_hints(cls)
    return [
        Option(own.name, _simple_type(hints[own.name]) or str, own.default, own.metadata["help"])
        for own in fields(cls)
        if own.metadata["is_option"]
    ]


def documented(cls: _Class) -> _Class:
    """Complete the docstring of a dataclass: its parameters, as the fields describe them."""
    lines = [cls.__doc__ or "", "", "Parameters", "----------"]
    for own in fields(cls):
        choices = own.metadata["choices"]
        kind = str(own.type) if choices is None else " or ".join(f'"{choice}"' for choice in choices)
        lines += [f"{own.name} : {kind}, default {own.default!r}", f"    {own.metadata['help']}"]
    cls.__doc__ = "\n".join(lines)
    return cls


def _simple_type(annotation: Any) -> type | None:
    """Return the number, switch or text that an annotation stands for, None apart; None for all else."""
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and kinds[0] in _SIMPLE else None


def _checked(
    name: str,
    value: Any,
    kind: type | None,
    *,
    least: float | None,
    above: float | None,
    below: float | None,
    choices: Sequence[str] | None,
    **_: Any,
) -> Any:
    from made.support.checks import check_bool, check_fraction, check_int

    if choices is not None:
        if value not in choices:
            raise InputError(f"{name} is one of {', '.join(choices)}, got {value!r}")
        return value
    if kind is bool:
        return check_bool(name, value)
    if kind is int:
        return check_int(name, value, least=int(least or 0))
    if kind is float and (least, below) == (0, 1):
        return check_fraction(name, value)
    if kind is float:
        return _check_number(name, value, least, above)
    return value


def _check_number(name: str, value: Any, least: float | None, above: float | None) -> float:
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if above is not None and not (number > above and math.isfinite(number)):
        raise InputError(f"{name} must be above {above:g}, got {value!r}")
    if least is not None and not (number >= least and math.isfinite(number)):
        raise InputError(f"{name} must be at least {least:g}, got {value!r}")
    return number
