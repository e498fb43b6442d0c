"""What a row is: the variables of a model side by side, their codes and their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.errors import InputError
from made.variables import sparse_one_hot
from made.variables.base import Label, Variable
from made.variables.discrete import Bernoulli, Categorical, Discrete
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["RowType"]

#: The kinds of variable by the name that model files give them.
VARIABLE_KINDS: dict[str, type[Discrete]] = {kind.kind: kind for kind in (Bernoulli, Categorical)}

# Types that torch cannot compare, and what they are read as.
_ODD_TYPES = {
    torch.bool: torch.uint8,
    torch.uint16: torch.int64,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
}


class RowType:
    """All variables of a model, in the order of the columns of a row.

    Parameters
    ----------
    blocks : Variable or sequence of Variable
        Neighbours of one kind are joined into one block.

    Attributes
    ----------
    n_variables : int
        D.
    n_inputs, n_outputs : int
        Width of the network's first and last layer.
    input_sizes, output_sizes : (D,) int arrays
        Input features and outputs of each variable.
    feature_shares : (n_inputs,) array
        Share of its variable that each input feature is.
    feature_powers : (n_inputs,) array
        Mean square of each input feature, were all values equally probable.

    Examples
    --------
    >>> RowType([Bernoulli(1), Bernoulli(2), Categorical(3)])
    RowType([Bernoulli(3), Categorical(3, n=1, coding='one-hot')])
    """

    def __init__(self, blocks: Variable | Sequence[Variable]) -> None:
        given: list[Discrete] = []
        for block in blocks if isinstance(blocks, Sequence) else [blocks]:
            if not isinstance(block, Discrete):
                raise InputError(
                    f"variables are made.Bernoulli(n), made.Categorical(K) or a list of these, got {block!r}"
                )
            given.append(block)
        if not given:
            raise InputError("a model needs at least one variable, got an empty list")
        self.blocks = _join(given)
        counts = [block.n for block in self.blocks]
        self.input_sizes: IntArray = np.repeat([block.input_size for block in self.blocks], counts)
        self.output_sizes: IntArray = np.repeat([block.output_size for block in self.blocks], counts)
        # A variable with several features counts once in a fan-in: of one-hot features, one is 1.
        powers = np.repeat([block.input_power for block in self.blocks], counts)
        self.feature_shares = np.repeat(1.0 / self.input_sizes, self.input_sizes)
        self.feature_powers = np.repeat(powers / self.input_sizes, self.input_sizes)
        self.n_values: IntArray = np.repeat([block.n_values for block in self.blocks], counts)
        self.n_variables = sum(counts)
        self.n_inputs = int(self.input_sizes.sum())
        self.n_outputs = int(self.output_sizes.sum())
        self._most_values = int(self.n_values.max())
        self.dtype = torch.uint8 if self._most_values <= 256 else torch.int64
        self._columns = np.concatenate([[0], np.cumsum(counts)])
        self._outputs = np.concatenate([[0], np.cumsum(self.output_sizes)])

    def rows(self, x: ArrayLike | Tensor, first: int = 0) -> Tensor:
        """Return `x` as a checked tensor of codes.

        Parameters
        ----------
        x : (n, D) array or tensor
            Values: a column with labels holds labels, any other holds its codes 0..K-1.
        first : int
            What messages call the first of these rows: its number in a file, where `x` is a slice of one.

        Returns
        -------
        (n, D) tensor, uint8 (int64 where a variable has more than 256 classes)

        Raises
        ------
        InputError
            If the shape is wrong or a value is none of its variable's: names the first bad row and column.

        Examples
        --------
        >>> RowType([Categorical(["no", "yes"]), Categorical([10, 20, 30])]).rows([["yes", 10], ["no", 30]])
        tensor([[1, 0],
                [0, 2]], dtype=torch.uint8)
        """
        if isinstance(x, Tensor) and self.has_labels:
            x = x.detach().cpu().numpy()
        codes = x if isinstance(x, Tensor) else self._tensor(x, first)
        self._check_shape(tuple(codes.shape))
        if codes.dtype in _ODD_TYPES:
            codes = codes.to(_ODD_TYPES[codes.dtype])
        self._check(codes, first)
        return codes.to(self.dtype)

    def features(self, codes: Tensor) -> Tensor:
        """Turn codes (rows, D) into the network's input (rows, n_inputs), float32."""
        if len(self.blocks) == 1:
            return self.blocks[0].features(codes)
        return torch.cat([block.features(columns) for block, columns in self._split(codes)], dim=1)

    @property
    def leaves_codes(self) -> tuple[bool, ...]:
        """Whether `inputs` leaves the codes of each block as they are."""
        wide = [
            block.kernel_kind == "one-hot" and block.n_values >= sparse_one_hot.FEWEST_CLASSES
            for block in self.blocks
        ]
        # Only where they are most of all features: the others are then multiplied a little slower.
        n_wide = sum(block.n * block.input_size for block, own in zip(self.blocks, wide, strict=True) if own)
        return tuple(own and 2 * n_wide > self.n_inputs for own in wide)

    def inputs(self, codes: Tensor, dtype: torch.dtype) -> Tensor | SparseOneHot:
        """Turn codes (rows, D) into what the network takes: features; on the CPU, wide one-hot ones as codes.

        Parameters
        ----------
        codes : (n, D) tensor
            Checked rows.
        dtype : torch.dtype
            Of the network's weights.
        """
        if codes.device.type != "cpu" or self._most_values < sparse_one_hot.FEWEST_CLASSES:
            return self.features(codes).to(dtype)
        leaves_codes = self.leaves_codes
        if not any(leaves_codes):
            return self.features(codes).to(dtype)
        parts = list(zip(leaves_codes, self._split(codes), strict=True))
        others = [block.features(own) for leaves, (block, own) in parts if not leaves]
        kept = np.repeat(leaves_codes, [block.n for block in self.blocks])
        firsts = np.cumsum(self.input_sizes) - self.input_sizes
        return SparseOneHot(
            codes=torch.cat([own for leaves, (_, own) in parts if leaves], dim=1).t().long().contiguous(),
            firsts=tuple(firsts[kept].tolist()),
            sizes=tuple(self.input_sizes[kept].tolist()),
            others=torch.cat([codes.new_empty(len(codes), 0), *others], dim=1).to(dtype),
            columns=torch.from_numpy(np.flatnonzero(np.repeat(~kept, self.input_sizes))),
        )

    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return log p of each variable in nats, (rows, D), under the network's outputs (rows, n_outputs)."""
        parts = [
            block.log_prob(self._block_outputs(outputs, i), columns)
            for i, (block, columns) in enumerate(self._split(codes))
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the network's outputs (rows, n_outputs) as probabilities, same shape."""
        parts = [
            block.probabilities(self._block_outputs(outputs, i)).flatten(1)
            for i, block in enumerate(self.blocks)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the most probable codes (rows, D) under probabilities (rows, n_outputs)."""
        parts = [
            block.most_probable(self._block_outputs(probabilities, i)) for i, block in enumerate(self.blocks)
        ]
        return torch.cat(parts, dim=1).to(self.dtype)

    def quantile(self, outputs: Tensor, variable: int, uniforms: Tensor) -> Tensor:
        """Return the codes (rows,) of one variable at the uniforms (rows,), as `Variable.quantile`."""
        block = self.block_of(variable)
        own = outputs[:, self._outputs[variable] : self._outputs[variable + 1]]
        return block.quantile(own, uniforms)

    def block_of(self, variable: int) -> Discrete:
        """Return the block that a variable belongs to."""
        return self.blocks[int(np.searchsorted(self._columns, variable, side="right")) - 1]

    def marginals(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the outputs (n_outputs,) of the smoothed marginals of rows that come in batches.

        Parameters
        ----------
        batches : iterable of (codes, weight)
            Codes (rows, D) and the weight of each row (rows,), float64.
        """
        totals = [torch.zeros(block.n, block.n_values, dtype=torch.float64) for block in self.blocks]
        for codes, weight in batches:
            for total, (block, columns) in zip(totals, self._split(codes), strict=True):
                total += block.counts(columns, weight)
        parts = [block.marginals(total) for block, total in zip(self.blocks, totals, strict=True)]
        return torch.cat([part.flatten() for part in parts])

    def values(self, codes: ArrayLike | Tensor) -> NDArray[Any]:
        """Turn codes into values: the inverse of `rows`, an object array where labels are strings.

        Examples
        --------
        >>> RowType(Categorical([10, 20, 30])).values([[2], [0]])
        array([[30],
               [10]])
        """
        array = self._checked_codes(codes).cpu().numpy()
        columns: list[NDArray[Any]] = []
        for first, block in zip(self._columns, self.blocks, strict=False):
            for column in range(first, first + block.n):
                own = array[:, column]
                columns.append(own if block.labels is None else _as_array(block.labels)[own])
        if any(column.dtype == object for column in columns):
            columns = [column.astype(object) for column in columns]
        return np.stack(columns, axis=1)

    @property
    def has_labels(self) -> bool:
        """Whether any variable has labels other than its codes."""
        return any(block.labels is not None for block in self.blocks)

    def settings(self) -> list[dict[str, Any]]:
        """Return the JSON-ready description that `from_settings` reads."""
        return [block.settings() for block in self.blocks]

    @classmethod
    def from_settings(cls, settings: Sequence[dict[str, Any]]) -> RowType:
        """Build the variables that `settings` describes."""
        blocks = []
        for entry in settings:
            arguments = dict(entry)
            kind = arguments.pop("kind")
            if arguments.get("coding") == "bumps":  # as files of 0.1 call it
                arguments["coding"] = "radial-basis"
            if kind not in VARIABLE_KINDS:
                raise InputError(f"unknown kind of variable {kind!r}: written by a newer version of made?")
            blocks.append(VARIABLE_KINDS[kind](**arguments))
        return cls(blocks)

    def __repr__(self) -> str:
        """Show the blocks."""
        return f"RowType({list(self.blocks)})"

    def _split(self, codes: Tensor) -> list[tuple[Discrete, Tensor]]:
        return [
            (block, codes[:, first : first + block.n])
            for first, block in zip(self._columns, self.blocks, strict=False)
        ]

    def _block_outputs(self, outputs: Tensor, i: int) -> Tensor:
        own = outputs[:, self._outputs[self._columns[i]] : self._outputs[self._columns[i + 1]]]
        return own.reshape(len(outputs), self.blocks[i].n, self.blocks[i].output_size)

    def _checked_codes(self, codes: ArrayLike | Tensor) -> Tensor:
        table = codes if isinstance(codes, Tensor) else torch.as_tensor(np.asarray(codes))
        self._check_shape(tuple(table.shape))
        self._check(table, 0)
        return table

    def _tensor(self, x: ArrayLike, first: int) -> Tensor:
        array = _table(x)
        if array.dtype.kind in "OUS" or self.has_labels:
            array = self._translated(array, first)
        elif array.dtype.kind not in "biuf":
            raise InputError(f"rows hold numbers, got an array of {array.dtype}")
        elif array.dtype.kind == "u" and array.dtype.itemsize > 1:
            array = array.astype(np.int64)
        # torch takes neither foreign byte orders nor, without a warning, arrays that may not be written to
        array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
        return torch.from_numpy(array if array.flags.writeable else array.copy())

    def _translated(self, array: NDArray[Any], first: int) -> NDArray[np.int64]:
        self._check_shape(array.shape)
        codes = np.empty(array.shape, dtype=np.int64)
        for begin, block in zip(self._columns, self.blocks, strict=False):
            for column in range(begin, begin + block.n):
                codes[:, column] = _translate(array[:, column], block, column, first)
        return codes

    def _check(self, codes: Tensor, first_row: int) -> None:
        """Raise at the first row with a value that is no code of its variable."""
        found = [
            (*place, block)
            for first, block in zip(self._columns, self.blocks, strict=False)
            if (place := _first_bad(codes[:, first : first + block.n], block, int(first))) is not None
        ]
        if not found:
            return
        row, column, block = min(found, key=lambda place: place[:2])
        _refuse(codes[row, column].item(), first_row + row, column, block)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if len(shape) == 2 and shape[1] == self.n_variables:
            return
        if len(shape) == 2:
            raise InputError(f"rows have {shape[1]} columns, the model has {self.n_variables} variables")
        raise InputError(
            f"rows are a table (n, {self.n_variables}), got shape {tuple(shape)}; one row is x[None, :]"
        )


def _join(blocks: Sequence[Discrete]) -> tuple[Discrete, ...]:
    """Join neighbours that differ in nothing but their number, so that work is done per block."""

    def likeness(block: Discrete) -> str:
        return repr(sorted((block.settings() | {"n": 0}).items(), key=lambda item: item[0]))

    joined = []
    for _, group in groupby(blocks, key=likeness):
        members = list(group)
        arguments = members[0].settings() | {"n": sum(member.n for member in members)}
        arguments.pop("kind")
        joined.append(type(members[0])(**arguments))
    return tuple(joined)


def _table(x: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(x)
    except ValueError:
        raise InputError(
            "rows differ in their number of columns: each needs one entry per variable"
        ) from None


def _as_array(labels: Sequence[Label]) -> NDArray[Any]:
    """Return labels as an array that keeps each as it is: of numbers of one type, else of objects."""
    of_numbers = {type(label) for label in labels} in ({int}, {float})
    return np.array(labels, dtype=None if of_numbers else object)


def _first_bad(codes: Tensor, block: Discrete, first: int) -> tuple[int, int] | None:
    """Return row and column of the first value that is no code of a block whose columns begin at `first`."""
    largest = block.n_values - 1
    if not codes.is_floating_point() and codes.numel():  # one look at all of them, as they mostly are right
        low, high = torch.aminmax(codes)
        if low >= 0 and high <= largest:
            return None
    bad = codes < 0
    if codes.is_floating_point():
        bad |= ~torch.isfinite(codes) | (codes != torch.floor(codes)) | (codes > largest)
    elif largest < torch.iinfo(codes.dtype).max:  # a bound beyond the type would wrap around
        bad |= codes > largest
    if not bool(bad.any()):
        return None
    row, column = (int(i) for i in bad.nonzero()[0])
    return row, first + column


def _refuse(value: float, row: int, column: int, block: Discrete) -> None:
    where = f"row {row}, column {column} (counted from 0)"
    if value != value:
        raise InputError(f"{where} is NaN: every entry must be known; drop or fill such rows")
    allowed = "0 or 1" if isinstance(block, Bernoulli) else f"a whole number 0..{block.n_values - 1}"
    raise InputError(f"{where} holds {value:g}: a {block.kind} variable takes {allowed}")


def _translate(values: NDArray[Any], block: Discrete, column: int, first: int) -> NDArray[np.int64]:
    """Turn one column of labels, or of codes where there are no labels, into codes."""
    if block.labels is not None:
        codes = _codes_of_labels(values, block.labels)
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            _refuse_label(values[row], first + row, column, block.labels)
        return codes
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"row {first + row}, column {column} (counted from 0) holds {str(value)!r}, "
                "but its variable has no labels: it takes numbers"
            ) from None
    place = _first_bad(torch.from_numpy(numbers)[:, None], block, column)
    if place is not None:
        _refuse(numbers[place[0]], first + place[0], column, block)
    return numbers.astype(np.int64)


def _codes_of_labels(values: NDArray[Any], labels: Sequence[Label]) -> NDArray[np.int64]:
    """Return the code of each value, -1 where it is no label."""
    if values.dtype.kind in "biu" and all(isinstance(label, int) for label in labels):
        known = np.asarray(labels)
        order = np.argsort(known, kind="stable")
        places = np.minimum(np.searchsorted(known[order], values), len(known) - 1)
        found: NDArray[np.int64] = np.where(known[order][places] == values, order[places], -1)
        return found
    # The text and the numbers of a file may stand for the same label ("3" and 3); a label itself comes first.
    codes: dict[Any, int] = {str(label): i for i, label in enumerate(labels)}
    codes |= {label: i for i, label in enumerate(labels)}
    return np.array([_code_of_label(value, codes) for value in values.tolist()], dtype=np.int64)


def _code_of_label(value: Any, codes: Mapping[Any, int]) -> int:
    try:
        code = codes.get(value)
    except TypeError:  # a list, say, which is no label
        return -1
    if code is None and isinstance(value, int | float) and not isinstance(value, bool):
        code = codes.get(f"{value:.17g}")
    return -1 if code is None else code


def _refuse_label(value: Any, row: int, column: int, labels: Sequence[Label]) -> None:
    plain = value.item() if isinstance(value, np.generic) else value
    shown = f"{plain:g}" if isinstance(plain, float) else repr(plain)
    some = ", ".join(map(repr, labels[:6])) + (", ..." if len(labels) > 6 else "")
    raise InputError(
        f"row {row}, column {column} (counted from 0) holds {shown}, "
        f"which is none of its {len(labels)} labels ({some})"
    )
