"""What a row is: the variables of a model side by side, their features and their distributions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.errors import InputError
from made.variables import sparse_one_hot
from made.variables.base import Variable
from made.variables.discrete import Bernoulli, Categorical, Discrete
from made.variables.joint_softmax import JointSoftmax
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["RowType"]

#: The kinds of variable by the name that model files give them.
VARIABLE_KINDS: dict[str, type[Discrete]] = {kind.kind: kind for kind in (Bernoulli, Categorical)}


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
    dtype : torch.dtype
        Of codes: uint8, or int64 where a variable has more than 256 classes.
    has_labels : bool
        Whether any variable has labels other than its codes.
    feature_shares : (n_inputs,) array
        Fraction of its variable that each input feature is.
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
        self.has_labels = any(block.labels is not None for block in self.blocks)
        ends = np.cumsum(counts).tolist()
        #: The first column of each block, and the block.
        self.spans = tuple(zip([0, *ends[:-1]], self.blocks, strict=True))
        self._ends_of_outputs = [0, *np.cumsum(self.output_sizes).tolist()]
        self._joint: JointSoftmax | None = None
        self._one_hot: tuple[Tensor, Tensor] | None = None
        if len(self.blocks) > 1:  # a call for all of them takes less time than one for each
            if all(block.output_map is None for block in self.blocks):
                self._joint = JointSoftmax(self.n_values, self.output_sizes)
            if all(block.feature_table is None for block in self.blocks):
                firsts = np.cumsum(self.input_sizes) - self.input_sizes
                is_one_hot = np.repeat([block.kernel_kind == "one-hot" for block in self.blocks], counts)
                self._one_hot = torch.from_numpy(firsts), torch.from_numpy(is_one_hot)

    def columns(self) -> Iterator[tuple[int, Discrete]]:
        """Go through the columns: the number of each, and the block that it belongs to."""
        return ((d, block) for begin, block in self.spans for d in range(begin, begin + block.n))

    def features(self, codes: Tensor) -> Tensor:
        """Turn codes (rows, D) into the network's input (rows, n_inputs), float32."""
        if self._one_hot is None or codes.device.type != "cpu":
            return self.features_by_block(codes)
        firsts, is_one_hot = self._one_hot
        features = torch.zeros(len(codes), self.n_inputs)
        ones = torch.where(is_one_hot, 1.0, codes)
        return features.scatter_(1, torch.addcmul(firsts, codes.long(), is_one_hot), ones)

    def features_by_block(self, codes: Tensor) -> Tensor:
        """Return what `features` does, block after block."""
        parts = [block.features(own) for block, own in self._split(codes)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

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
        if self._joint is not None and outputs.device.type == "cpu":
            return self._joint.log_prob(outputs, codes)
        return self.log_prob_by_block(outputs, codes)

    def log_prob_by_block(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return what `log_prob` does, block after block."""
        split = zip(self._split(codes), self._split_outputs(outputs), strict=True)
        parts = [block.log_prob(own_outputs, own) for (block, own), own_outputs in split]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the network's outputs (rows, n_outputs) as probabilities, same shape."""
        split = zip(self.blocks, self._split_outputs(outputs), strict=True)
        parts = [block.probabilities(own).flatten(1) for block, own in split]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the most probable codes (rows, D) under probabilities (rows, n_outputs)."""
        split = zip(self.blocks, self._split_outputs(probabilities), strict=True)
        return torch.cat([block.most_probable(own) for block, own in split], dim=1).to(self.dtype)

    def quantile(self, outputs: Tensor, variable: int, uniforms: Tensor) -> Tensor:
        """Return the codes (rows,) of one variable at the uniforms (rows,), as `Variable.quantile`."""
        begin, end = self._ends_of_outputs[variable : variable + 2]
        return self.block_of(variable).quantile(outputs[:, begin:end], uniforms)

    def block_of(self, variable: int) -> Discrete:
        """Return the block that a variable belongs to."""
        return next(block for begin, block in self.spans if variable < begin + block.n)

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
        """Return every block with its columns of codes, (rows, n)."""
        return [(block, codes[:, begin : begin + block.n]) for begin, block in self.spans]

    def _split_outputs(self, outputs: Tensor) -> list[Tensor]:
        """Return what the outputs are of each block, (rows, n, output_size)."""
        ends, n = self._ends_of_outputs, len(outputs)
        return [
            outputs[:, ends[begin] : ends[begin + block.n]].reshape(n, block.n, block.output_size)
            for begin, block in self.spans
        ]


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
