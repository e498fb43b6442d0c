"""Checks that the settings in a model file fit its tensors, before anything is built.

A header of a hundred bytes may describe a model of any size. How large a model is follows from its settings
by arithmetic; that must be the size of the tensors in the file, so that what is built is about as large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from made.masks.mask_set import FRESH
from made.network.copula import shapes_of
from made.support.errors import InputError
from made.variables.class_groups import ClassGroups, default_coding
from made.variables.column import NUMBER
from made.variables.column_settings import MOST_CLASSES
from made.variables.row_type import VARIABLE_KINDS, RowType
from made.variables.schema import Schema

__all__ = ["check_model", "check_numbers"]

# Types that weights may have: they are read as float32.
_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_MOST_MASKS = 10**7
_COPULA = "network.copula."
# Each hash of a class takes eight bytes, and none of the file.
_MOST_HASHES = 16
# Numbers in tables of features of classes and in maps that smooth them, and how many for a byte of the file.
_MOST_ENTRIES, _ENTRIES_PER_BYTE = 2**21, 2

Shapes = dict[str, tuple[int, ...]]


class _Sizes(NamedTuple):
    """How many input features and outputs one column has."""

    inputs: int
    outputs: int


def check_model(kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Check that tensors are those of the model that settings describe.

    Parameters
    ----------
    kind : str
        ``"MADE"``, ``"Autoencoder"`` or ``"mixture"``.
    settings : mapping
        As `BaseModel.settings` returns them, and as files of 0.1.0 have them.
    tensors : mapping of str to Tensor
        The state of the model.

    Raises
    ------
    InputError, TypeError, KeyError, ValueError, AttributeError
        If they are not, or if settings make no sense.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    budget = _MOST_ENTRIES + _ENTRIES_PER_BYTE * sum(own.nbytes for own in tensors.values())
    if kind != "mixture":
        _check_network(settings, shapes, budget)
        return
    members = settings["members"]
    parts: list[Shapes] = [{} for _ in range(min(len(members), len(tensors)))]
    for name, shape in shapes.items():
        _, number, own = name.split(".", 2)
        parts[int(number)][own] = shape
        if name != f"members.{int(number)}.{own}":
            raise InputError(f"{name} is no tensor of a mixture")
    for member, part in zip(members, parts, strict=True):
        _check_network({**member, "schema": settings["schema"]}, part, budget)


def check_numbers(tensors: Mapping[str, Tensor]) -> None:
    """Check that weights are finite numbers, as they are and as the float32 that they become.

    Raises
    ------
    InputError
        For the first that are not; it names the tensor.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in _FLOATS:
            raise InputError(f"{name} holds {tensor.dtype}, and weights are float32".replace("torch.", ""))
        if tensor.numel() == 0:
            continue
        # No copy of the file: both ends are NaN where one number is.
        ends = torch.stack(torch.aminmax(tensor)).float()
        if not bool(torch.isfinite(ends).all()):
            raise InputError(f"{name} holds numbers that are not finite")


def _check_network(settings: Mapping[str, Any], shapes: Shapes, budget: int) -> None:
    """Check the tensors of one network."""
    sizes = settings["hidden"]
    hidden = [sizes] if isinstance(sizes, int) else list(sizes)
    if not all(type(size) is int and size >= 1 for size in hidden):
        raise InputError(f"hidden sizes are whole numbers of at least 1, got {sizes!r}")
    last = shapes.get(f"network.biases.{len(hidden)}", (0,))
    most = math.prod(last) + math.prod(shapes.get("network.context", (0,)))
    n_inputs, n_outputs, n_context = _count(settings, most, budget)
    widths = [n_inputs + (n_context if hidden else 0), *hidden, n_outputs]
    expected: Shapes = {}
    for i, width in enumerate(widths[1:]):
        expected[f"network.weights.{i}"] = (width, widths[i])
        expected[f"network.biases.{i}"] = (width,)
    if settings.get("direct"):
        expected["network.direct"] = (n_outputs, n_inputs)
    if n_context:
        expected["network.context"] = (n_outputs, n_context)
    of_copula = {name for name in shapes if settings.get("copula") and name.startswith(_COPULA)}
    _compare(expected, {name: shape for name, shape in shapes.items() if name not in of_copula})
    if settings.get("copula"):  # its columns may be built now: they are of the size of the other tensors
        found = shapes_of(Schema.from_dict(settings["schema"]).row_type)
        own = {_COPULA + name: shape for name, shape in found.items()}
        _compare(own, {name: shapes[name] for name in of_copula})
    _check_masks(settings)


def _compare(expected: Shapes, shapes: Shapes) -> None:
    """Raise an `InputError` for the first tensor that is not as expected."""
    for name in sorted(expected.keys() | shapes.keys()):
        own, wanted = shapes.get(name), expected.get(name)
        if own != wanted:
            raise InputError(
                f"its settings want {name} of shape {wanted}, and the file has "
                f"{'none' if own is None else own}"
            )


def _check_masks(settings: Mapping[str, Any]) -> None:
    numbers = [settings.get(name, 1) for name in ("orderings", "connectivities")]
    counts = [1 if own == FRESH else own for own in [*numbers, settings.get("fresh_masks", 1)]]
    if not all(type(own) is int and 1 <= own <= _MOST_MASKS for own in counts):
        raise InputError(f"there are 1 to {_MOST_MASKS:,} masks, and its settings have {counts}")
    if math.lcm(*counts[:2]) > _MOST_MASKS:
        raise InputError(f"there are at most {_MOST_MASKS:,} masks, and its settings have more")


def _count(settings: Mapping[str, Any], most: int, budget: int) -> tuple[int, int, int]:
    """Return how many input features, outputs and features of context there are.

    Parameters
    ----------
    settings : mapping
        Of the model.
    most : int
        The number of columns that there are at most.
    budget : int
        How many numbers tables of classes may hold.
    """
    of_context: list[Any]
    if "schema" in settings:
        entries, context = settings["schema"]["columns"], settings["schema"].get("context_places", [])
        of_context = []
    else:  # files of 0.1.0
        entries, context = settings["variables"], []
        own = settings.get("context", 0)
        of_context = [{"kind": NUMBER, "n": own}] if own and not isinstance(own, list) else own or []
    for entry in [*entries, *of_context]:
        if entry["kind"] not in (*VARIABLE_KINDS, NUMBER):
            raise InputError(
                f"unknown kind of variable {entry['kind']!r}: written by a newer version of made?"
            )
    counts = [entry["n"] for entry in [*entries, *of_context]]
    if not all(type(n) is int and n >= 1 for n in counts) or sum(counts) > most:
        raise InputError(f"its settings have more columns than its tensors, which have room for {most:,}")
    n_columns = sum(counts)
    if not all(type(place) is int and 0 <= place < n_columns for place in context):
        raise InputError("the places of its context are none of its columns")
    if len(set(context)) < len(context):
        raise InputError("a column is context twice")
    budgets = _Budgets(budget, MOST_CLASSES)
    totals, first, places = [0, 0, 0], 0, sorted(context)
    for k, (entry, n) in enumerate(zip([*entries, *of_context], counts, strict=True)):
        inside = n if k >= len(entries) else 0
        while k < len(entries) and places and places[0] < first + n:
            inside += 1
            places.pop(0)
        first += n
        own_sizes = _Sizes(1, 0) if entry["kind"] == NUMBER else budgets.sizes_of(entry)
        totals[0] += (n - inside) * own_sizes.inputs
        totals[1] += (n - inside) * own_sizes.outputs
        totals[2] += inside * own_sizes.inputs
    return totals[0], totals[1], totals[2]


class _Budgets:
    """What the variables that settings describe may take before they are known to fit the tensors.

    Parameters
    ----------
    entries : int
        Numbers in tables of classes.
    classes : int
        Classes that have no labels in the file.
    """

    def __init__(self, entries: int, classes: int) -> None:
        self.entries, self.classes = entries, classes

    def sizes_of(self, entry: Mapping[str, Any]) -> _Sizes:
        """Return the sizes of one column that an entry of the settings describes."""
        arguments = dict(entry) | {"n": 1}
        if entry["kind"] == "categorical":
            given = entry["classes"]
            n_classes = len(given) if isinstance(given, Sequence) else given
            if type(n_classes) is not int or n_classes < 1:
                raise InputError(f"the number of classes is at least 1, got {given!r}")
            if not isinstance(given, Sequence):
                self.classes -= n_classes
            coding = arguments.get("coding") or default_coding(n_classes)
            if coding == "grouped":
                return self._grouped(n_classes, arguments)
            self.entries -= n_classes * (1 if coding == "one-hot" else 40)
            self.entries -= n_classes**2 if arguments.get("smooth") else 0
            self._check()
        (block,) = RowType.from_settings([arguments]).blocks
        return _Sizes(block.input_size, block.output_size)

    def _grouped(self, n_classes: int, arguments: Mapping[str, Any]) -> _Sizes:
        grouping = arguments.get("grouping") or {}
        self._check()
        groups = ClassGroups.from_dict(n_classes, grouping)
        if groups.hashes > _MOST_HASHES:
            raise InputError(f"classes have at most {_MOST_HASHES} hashes, got {groups.hashes}")
        outputs = groups.n_outcomes + bool(arguments.get("missing"))
        return _Sizes(outputs + groups.hashes * groups.buckets, outputs)

    def _check(self) -> None:
        if self.classes < 0:
            raise InputError(f"it has more than {MOST_CLASSES:,} classes without labels")
        if self.entries < 0:
            raise InputError("its classes want tables far larger than its tensors")
