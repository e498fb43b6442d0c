"""What a user may say about a column: its kind, classes, step and the like, checked, and as arguments.

These are the words of `Schema.with_column` and of schema files; what rows set is none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from made.support.errors import InputError
from made.support.json_values import is_number
from made.variables.column import NUMERIC, Column

__all__ = [
    "FITTED",
    "KINDS",
    "MOST_CLASSES",
    "OPEN_KINDS",
    "SETTINGS",
    "arguments_of",
    "check_settings",
    "edited",
    "kind_of",
    "settings_said",
]

#: What a column may be said to be.
KINDS = ("numeric", "category", "date")
_KINDS_IN_WORDS = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
#: The kind of an open column of dates, which its rows part into variables.
DATE = "date"
#: What may be said about a column of each kind.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("step", "rounds", "spikes", "missing", "periods"),
    "category": ("classes", "missing", "unseen", "ordered"),
    "date": (),
}
#: The kind of an open column of each.
OPEN_KINDS = {"numeric": NUMERIC, "category": "categorical", "date": DATE}
#: Of how many classes without labels there are files: they take a hundred bytes each, and none of the file.
MOST_CLASSES = 10**6
#: Arguments that training rows set.
FITTED = ("marginal", "grouping")


def kind_of(column: Column) -> str:
    """Return which of `KINDS` a column is.

    Examples
    --------
    >>> kind_of(Column("sold", "bernoulli"))
    'category'
    """
    if column.part is not None or column.kind == DATE:
        return "date"
    return "numeric" if column.kind == NUMERIC else "category"


def check_settings(name: str, kind: str, settings: Mapping[str, Any]) -> None:
    """Check a kind and what is said about a column of it.

    Raises
    ------
    InputError
        For what is not known or makes no sense; it names the column and what may stand there.

    Examples
    --------
    >>> check_settings("age", "number", {})
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: column 'age': a kind is numeric, category or date, got 'number'
    """
    if kind not in KINDS:
        raise InputError(f"column {name!r}: a kind is {_KINDS_IN_WORDS}, got {kind!r}")
    known = SETTINGS[kind]
    if settings and not known:
        raise InputError(f"column {name!r}: a {kind} column has no settings: leave {', '.join(settings)} out")
    for key, value in settings.items():
        if key not in known:
            raise InputError(f"column {name!r}: a {kind} column has no {key!r}: it has {', '.join(known)}")
        complaint = _CHECKS[key](value)
        if complaint:
            raise InputError(f"column {name!r}: {key} {complaint}, got {_shown(value)}")
    step, spikes = settings.get("step"), settings.get("spikes") or ()
    classes = settings.get("classes")
    if settings.get("ordered") and isinstance(classes, list | tuple) and isinstance(classes[0], str):
        raise InputError(f"column {name!r}: ordered classes are numbers, and these are texts")
    off = [own for own in spikes if step is not None and not _is_multiple(own, step)]
    if off:
        raise InputError(f"column {name!r}: its spike {off[0]:g} is no multiple of its step {step:g}")


def arguments_of(kind: str, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return kind and arguments of a `Column`, all of which is said.

    Examples
    --------
    >>> arguments_of("category", {"classes": [0, 1]})
    ('bernoulli', {})
    >>> arguments_of("numeric", {"step": 1.0, "rounds": True, "spikes": []})
    ('numeric', {'step': 1.0, 'rounds': True})
    """
    from made.variables.class_groups import default_coding

    missing = {"missing": True} if settings.get("missing") else {}
    if kind == "numeric":
        step, spikes, periods = settings.get("step"), settings.get("spikes"), settings.get("periods")
        return NUMERIC, {
            **({} if step is None else {"step": float(step)}),
            **({"rounds": True} if step is not None and settings.get("rounds") else {}),
            **missing,
            **({"spikes": sorted(map(float, spikes))} if spikes else {}),
            **({"periods": sorted(map(float, periods), reverse=True)} if periods else {}),
        }
    classes = settings["classes"]
    if not isinstance(classes, int):
        classes = len(classes) if list(classes) == list(range(len(classes))) else list(classes)
    n_classes = classes if isinstance(classes, int) else len(classes)
    unseen = settings.get("unseen") or None
    if classes == 2 and not missing and unseen is None:
        return "bernoulli", {}
    if unseen is not None and isinstance(classes, int):
        classes = list(range(classes))
    more: dict[str, Any] = {} if unseen is None else {"unseen": float(unseen)}
    more |= {"ordered": True} if settings.get("ordered") else {}
    return "categorical", {"classes": classes, "coding": default_coding(n_classes), **more, **missing}


def settings_said(column: Column) -> dict[str, Any]:
    """Return what would have to be said for a column to be as it is; of an open one what is said.

    Examples
    --------
    >>> settings_said(Column("city", "categorical", {"classes": ["Oslo", "Rome"], "unseen": 0.01}))
    {'classes': ['Oslo', 'Rome'], 'unseen': 0.01}
    """
    own = column.arguments
    if column.part is not None:
        return {}
    if column.is_open:
        return {name: value for name, value in own.items() if name in SETTINGS[kind_of(column)]}
    missing = {"missing": True} if own.get("missing") else {}
    if column.kind == NUMERIC:
        step = own.get("step")
        rounds = {} if step is None else {"rounds": bool(own.get("rounds"))}
        periods = {"periods": list(own["periods"])} if own.get("periods") else {}
        return {"step": step, **rounds, "spikes": list(own.get("spikes", ())), **periods, **missing}
    classes = own.get("classes", 2)
    more = {name: own[name] for name in ("unseen", "ordered") if own.get(name) is not None}
    return {"classes": classes if isinstance(classes, int) else list(classes), **more, **missing}


def edited(column: Column, kind: str | None, settings: Mapping[str, Any]) -> Column:
    """Return a column of another kind, or with other settings; what has to follow from rows is left open."""
    own_kind = kind_of(column)
    kind = own_kind if kind is None else kind
    name = column.name if column.part is None else column.part.column
    check_settings(name, kind, settings)
    if kind == own_kind == "date":
        return column
    said = settings_said(column)
    is_open = column.is_open
    if kind != own_kind:
        if kind == "numeric" and any(isinstance(label, str) for label in column.labels or ()):
            raise InputError(f"column {column.name!r} holds text: it cannot be numeric")
        said, is_open = _some_of(said, "missing") if kind != "date" else {}, True
    elif "step" in settings and settings["step"] != said.get("step"):
        said = _some_of(said, "missing", "periods")
        is_open = is_open or "spikes" not in settings
        said |= {} if "rounds" in settings else {"rounds": False}
    elif "classes" in settings:
        is_open = is_open or (
            "unseen" not in settings and any(isinstance(own, str) for own in _list(settings))
        )
        stays_ordered = said.get("ordered") and not any(isinstance(own, str) for own in _list(settings))
        said = {**_some_of(said, "missing"), **({"ordered": True} if stays_ordered else {})}
    said |= settings
    is_open = is_open or said.get("unseen") is True
    check_settings(name, kind, said)
    if is_open:
        return Column(name, OPEN_KINDS[kind], said, column.note, is_open=True)
    coding = column.arguments.get("coding")
    kept = {"coding": coding} if coding in ("scaled", "raw") else {}
    new_kind, arguments = arguments_of(kind, said)
    return Column(column.name, new_kind, {**arguments, **kept}, column.note, found=column.found)


def _some_of(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: own for name, own in said.items() if name in names}


def _list(settings: Mapping[str, Any]) -> Sequence[Any]:
    classes = settings["classes"]
    return () if isinstance(classes, int) else classes


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_multiple(value: float, step: float) -> bool:
    steps = value / step
    return math.isfinite(steps) and abs(steps - round(steps)) <= 1e-9


def _check_classes(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if value > MOST_CLASSES:
            return f"are at most {MOST_CLASSES:,} where they have no labels"
        return "" if value >= 2 else "are at least two, or how many codes from 0 there are"
    words = "are a list of texts, or of whole numbers, in their order; or how many codes from 0 there are"
    if not isinstance(value, list | tuple) or not value:
        return words + ", one or more"
    kinds = {type(own) for own in value}
    if kinds not in ({str}, {int}):
        return words
    twice = (
        next((own for own in value if value.count(own) > 1), None) if len(set(value)) < len(value) else None
    )
    return "" if twice is None else f"differ, and {twice!r} stands there twice"


def _check_bool(value: Any) -> str:
    return "" if isinstance(value, bool) else "is true or false"


#: What is wrong with a value, to stand after its name; nothing where it is right.
_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "step": lambda own: (
        "" if own is None or (is_number(own) and own > 0) else "is a number above 0, or null for none"
    ),
    "rounds": _check_bool,
    "spikes": lambda own: (
        ""
        if isinstance(own, list | tuple) and all(map(is_number, own)) and len(set(own)) == len(own)
        else "are a list of numbers that differ"
    ),
    "missing": _check_bool,
    "ordered": _check_bool,
    "periods": lambda own: (
        ""
        if isinstance(own, list | tuple)
        and all(is_number(period) and period > 0 for period in own)
        and len(set(own)) == len(own)
        else "are a list of numbers above 0 that differ"
    ),
    "classes": _check_classes,
    "unseen": lambda own: (
        ""
        if isinstance(own, bool) or own is None or (is_number(own) and 0 < own < 1)
        else "is true, false, or the probability of a label that is no class, between 0 and 1"
    ),
}
