"""What a row is: the variables of a model side by side, their features and their distributions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.errors import InputError
from made.support.following import scattered
from made.variables import cross_entropy, sparse_one_hot
from made.variables.base import Variable
from made.variables.code_table import CodeTable, Entries
from made.variables.discrete import Bernoulli, Discrete
from made.variables.joint_softmax import JointSoftmax
from made.variables.many_classes import Categorical
from made.variables.numeric import Numeric
from made.variables.numeric_columns import NumericColumns
from made.variables.rows import Rows
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["LogLikelihood", "RowType"]

#: Maps outputs (n, n_outputs) and rows to log p of the rows in nats, (n,).
LogLikelihood = Callable[[Tensor, Rows], Tensor]

#: The kinds of variable by the name that model files give them.
VARIABLE_KINDS: dict[str, Any] = {kind.kind: kind for kind in (Bernoulli, Categorical, Numeric)}


class RowType:
    """All variables of a model, in the order of the columns of a row.

    Parameters
    ----------
    blocks : Variable or sequence of Variable
        Neighbours of one kind are joined into one block, but for numeric ones, of which each is a block.

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
    has_missing : bool
        Whether an entry of any variable may be missing.
    has_unseen : bool
        Whether a label of any variable may be none of its classes.
    n_codes : (D,) int array
        Number of codes of each variable, that of such a label among them.
    numbers : NumericColumns or None
        The numeric variables together; None where there is none.
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
        given: list[Variable] = []
        for block in blocks if isinstance(blocks, Sequence) else [blocks]:
            if not isinstance(block, Discrete | Numeric):
                raise InputError(
                    "variables are made.Bernoulli(n), made.Categorical(K), made.Numeric(n) or a list of "
                    f"these, got {block!r}"
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
        self.n_codes: IntArray = np.repeat([block.n_codes for block in self.blocks], counts)
        self._most_values = int(self.n_values.max())
        self.dtype = torch.uint8 if self.n_codes.max() <= 256 else torch.int64
        self.has_labels = any(block.labels is not None for block in self.blocks)
        self.has_missing = any(block.missing for block in self.blocks)
        self.has_unseen = any(block.unseen is not None for block in self.blocks)
        ends = np.cumsum(counts).tolist()
        #: The first column of each block, and the block.
        self.spans = tuple(zip([0, *ends[:-1]], self.blocks, strict=True))
        starts = np.cumsum([0, *(block.n * block.input_size for block in self.blocks)]).tolist()
        # The first column of each discrete block, its first feature, and the block.
        self._discrete = [
            (begin, start, block)
            for (begin, block), start in zip(self.spans, starts, strict=False)
            if isinstance(block, Discrete)
        ]
        self._ends_of_outputs = [0, *np.cumsum(self.output_sizes).tolist()]
        firsts = np.cumsum(self.input_sizes) - self.input_sizes
        self.numbers = self._numbers(firsts)
        self._joint: JointSoftmax | None = None
        self._table: CodeTable | None = None
        self._one_hot: tuple[Tensor, Tensor] | None = None
        # A call for all columns takes less time than one for each block.
        if len(self.blocks) > 1 or self.numbers is not None:
            if all(block.output_map is None for block in self.blocks):
                sizes = np.repeat([_class_outputs_of(block) for block in self.blocks], counts)
                n_outcomes = np.repeat([block.n_outcomes for block in self.blocks], counts)
                places = self.output_sizes.cumsum() - self.output_sizes
                own = [np.arange(place, place + size) for place, size in zip(places, sizes, strict=True)]
                columns = None if self.numbers is None else np.concatenate(own).astype(np.int64)
                self._joint = JointSoftmax(n_outcomes, sizes, columns)
                self._table = self._table_of_codes()
            if all(block.kernel_kind in ("bernoulli", "one-hot") for block in self.blocks):
                is_one_hot = [isinstance(block, Categorical) for block in self.blocks]
                self._one_hot = torch.from_numpy(firsts), torch.from_numpy(np.repeat(is_one_hot, counts))

    def _numbers(self, first_inputs: IntArray) -> NumericColumns | None:
        found = [(d, block) for d, block in self.columns() if isinstance(block, Numeric)]
        if not found:
            return None
        places = np.array([d for d, _ in found])
        first_outputs = np.array(self._ends_of_outputs)[places]
        return NumericColumns([block for _, block in found], places, first_inputs[places], first_outputs)

    def _table_of_codes(self) -> CodeTable | None:
        """Return what log p adds for the codes of all columns; None where codes are outcomes."""
        if all(not isinstance(block, Discrete) or block.entries is None for block in self.blocks):
            return None
        return CodeTable(self.entries_of_codes())

    def entries_of_codes(self) -> list[Entries]:
        """Return what log p adds for the codes of each column."""
        own = [block.entries if isinstance(block, Discrete) else None for block in self.blocks]
        return [
            Entries.plain(block.n_values) if entries is None else entries
            for entries, block in zip(own, self.blocks, strict=True)
            for _ in range(block.n)
        ]

    def columns(self) -> Iterator[tuple[int, Variable]]:
        """Go through the columns: the number of each, and the block that it belongs to."""
        return ((d, block) for begin, block in self.spans for d in range(begin, begin + block.n))

    def scored(self, rows: Rows) -> Rows:
        """Return rows with the scores of their numeric entries, where they need them and have none yet."""
        if self.numbers is None or rows.scores is not None or rows.bodies is None:
            return rows
        return replace(rows, scores=self.numbers.on(rows.bodies.device).scores_of(rows.bodies))

    def features(self, codes: Tensor, scores: Tensor | None = None) -> Tensor:
        """Turn codes (rows, D) into the network's input (rows, n_inputs), float32.

        Parameters
        ----------
        codes : (rows, D) tensor
            Of the entries.
        scores : (rows, B, 3 or 4) tensor, optional
            Of the B numeric entries of each row, see `scored`; needed where there are any.
        """
        if self.numbers is not None:
            assert scores is not None, "numeric entries have scores: see RowType.scored"
            features = codes.new_zeros((codes.shape[0], self.n_inputs), dtype=torch.float32)
            features = self.numbers.on(codes.device).add_features(features, codes, scores)
            for begin, first, block in self._discrete:
                own = block.features(codes[:, begin : begin + block.n])
                features[:, first : first + own.shape[1]] = own
            return features
        if self._one_hot is None or codes.device.type != "cpu":
            return self.features_by_block(codes)
        firsts, is_one_hot = self._one_hot
        features = codes.new_zeros((codes.shape[0], self.n_inputs), dtype=torch.float32)
        ones = torch.where(is_one_hot, 1.0, codes)
        if self.has_unseen:  # a label that is no class: all its features are zero
            seen = codes < torch.from_numpy(self.n_values)
            ones, codes = ones * seen, codes * seen
        return scattered(features, 1, torch.addcmul(firsts, codes.long(), is_one_hot), ones)

    def features_by_block(self, codes: Tensor) -> Tensor:
        """Return what `features` does of discrete variables, block after block."""
        parts = [block.features(own) for block, own in self.split(codes) if isinstance(block, Discrete)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    @property
    def leaves_codes(self) -> tuple[bool, ...]:
        """Whether `inputs` leaves the codes of each block as they are."""
        wide = [
            block.kernel_kind in ("one-hot", "grouped") and block.n_values >= sparse_one_hot.FEWEST_CLASSES
            for block in self.blocks
        ]
        # Only where they are most of all features: the others are then multiplied a little slower.
        n_wide = sum(block.n * block.input_size for block, own in zip(self.blocks, wide, strict=True) if own)
        return tuple(own and 2 * n_wide > self.n_inputs for own in wide)

    def inputs(
        self, codes: Tensor, dtype: torch.dtype, scores: Tensor | None = None
    ) -> Tensor | SparseOneHot:
        """Turn codes (rows, D) into what the network takes: features; on the CPU, wide one-hot ones as codes.

        Parameters
        ----------
        codes, scores
            As for `features`.
        dtype : torch.dtype
            Of the network's weights.
        """
        few = self._most_values < sparse_one_hot.FEWEST_CLASSES
        if codes.device.type != "cpu" or few or self.numbers is not None:
            return self.features(codes, scores).to(dtype)
        leaves_codes = self.leaves_codes
        if not any(leaves_codes):
            return self.features(codes).to(dtype)
        ends = np.cumsum([0, *(block.n * block.input_size for block in self.blocks)]).tolist()
        left, others = [], [codes.new_empty(len(codes), 0)]
        for leaves, first, (block, own) in zip(leaves_codes, ends, self.split(codes), strict=False):
            if leaves and isinstance(block, Categorical):
                left.append((first, block.one_hots(own)))
            elif isinstance(block, Discrete):
                others.append(block.features(own))
        return SparseOneHot.of(left, torch.cat(others, dim=1).to(dtype), self.n_inputs)

    def log_prob(
        self, outputs: Tensor, codes: Tensor, scores: Tensor | None = None, *, plainly: bool = False
    ) -> Tensor:
        """Return log p of each variable in nats, (rows, D), under the network's outputs (rows, n_outputs).

        Parameters
        ----------
        outputs : (rows, n_outputs) tensor
            Of the network.
        codes, scores
            As for `features`.
        plainly : bool
            With operations of torch alone, which ``torch.func`` and ``torch.export`` follow.

        Returns
        -------
        (rows, D) tensor
            In float64 where there are numeric variables: densities in the columns' own units.
        """
        if self.numbers is None:
            return self._log_prob_of_codes(outputs, codes, plainly)
        numbers = self.numbers.on(outputs.device)
        assert scores is not None, "numeric entries have scores: see RowType.scored"
        ratio, columns = numbers.log_ratio(outputs.t().contiguous(), scores, plainly=plainly)
        outputs, bodies = columns.t(), scores[:, :, 2] + ratio.t().double()
        of_codes, of_body = self._log_prob_of_codes(outputs, codes, plainly).double(), None
        if numbers.has_grid_spikes:
            of_body = self._log_prob_of_codes(outputs, numbers.as_bodies(codes), plainly).double()
        return numbers.add_bodies(of_codes, of_body, codes, bodies)

    def log_likelihood(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Return log p of complete rows with their scores in nats, (n,): the sum over variables."""
        return self.log_prob(outputs, rows.codes, rows.scores).sum(dim=1)

    def log_steps(self, rows: Rows) -> Tensor:
        """Return the logarithm of the step of the grid that each entry is a point of, (n, D); else 0."""
        out = torch.zeros(rows.codes.shape, dtype=torch.float64, device=rows.codes.device)
        if self.numbers is not None:
            for d, column in zip(self.numbers.places.tolist(), self.numbers.columns, strict=True):
                if column.step is not None:
                    is_point = (rows.codes[:, d] == 0) & rows.mask[:, d]
                    out[:, d] = is_point.double() * math.log(column.step)
        return out

    def _log_prob_of_codes(self, outputs: Tensor, codes: Tensor, plainly: bool) -> Tensor:
        joins = outputs.device.type == "cpu" or self.numbers is not None
        if self._joint is not None and joins and not plainly:
            joint = self._joint.on(outputs.device)
            if self._table is None:
                return joint.log_prob(outputs, codes)
            entries = self._table(codes.long())
            return entries.log_prob(joint.log_prob(outputs, entries.outcomes))
        return self.log_prob_by_block(outputs, codes)

    def log_prob_by_block(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return what `log_prob` does of codes, block after block."""
        split = zip(self.split(codes), self._split_outputs(outputs), strict=True)
        parts = []
        for (block, own), own_outputs in split:
            if isinstance(block, Numeric):
                classes = own_outputs[:, :, : block.n_class_outputs]
                log_p = cross_entropy.log_prob(classes, own.long()) if block.n_class_outputs else None
                parts.append(classes.new_zeros(own.shape) if log_p is None else log_p)
            elif isinstance(block, Discrete):
                parts.append(block.log_prob(own_outputs, own))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the network's outputs (rows, n_outputs) as probabilities, same shape."""
        return self._of_discrete(
            "probabilities", outputs, lambda block, own: block.probabilities(own).flatten(1)
        )

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the most probable codes (rows, D) under probabilities (rows, n_outputs)."""
        return self._of_discrete(
            "the most probable values", probabilities, lambda block, own: block.most_probable(own)
        ).to(self.dtype)

    def _of_discrete(self, what: str, outputs: Tensor, of: Callable[[Discrete, Tensor], Tensor]) -> Tensor:
        if self.numbers is not None:
            raise InputError(f"{what} are those of classes, and a row has numeric variables")
        split = zip(self.blocks, self._split_outputs(outputs), strict=True)
        parts = [of(block, own) for block, own in split if isinstance(block, Discrete)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def quantile(
        self, outputs: Tensor, variable: int, uniforms: Tensor, *, recorded: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return codes (rows,), and bodies where it is numeric, of one variable at the uniforms (rows,).

        With `recorded`, of its distribution given that it is not missing.
        """
        block, own = self.block_of(variable), self.outputs_of(outputs, variable)
        if isinstance(block, Discrete):
            if recorded and isinstance(block, Categorical) and block.missing:
                return block.quantile_of_recorded(own, uniforms), None
            return block.quantile(own, uniforms), None
        assert self.numbers is not None
        column = self.numbers.alone(self.numbers.number_of(variable)).on(outputs.device)
        return column.quantile(own, uniforms, recorded=recorded)

    def outputs_of(self, outputs: Tensor, variable: int) -> Tensor:
        """Return what belongs to one variable of the network's outputs (rows, n_outputs)."""
        begin, end = self._ends_of_outputs[variable : variable + 2]
        return outputs[:, begin:end]

    def block_of(self, variable: int) -> Variable:
        """Return the block that a variable belongs to."""
        return next(block for begin, block in self.spans if variable < begin + block.n)

    def discrete(self, variable: int) -> Discrete:
        """Return the block of a variable that is discrete."""
        block = self.block_of(variable)
        assert isinstance(block, Discrete)
        return block

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

    def split(self, codes: Tensor) -> list[tuple[Variable, Tensor]]:
        """Return every block with its columns of codes, (rows, n)."""
        return [(block, codes[:, begin : begin + block.n]) for begin, block in self.spans]

    def _split_outputs(self, outputs: Tensor) -> list[Tensor]:
        """Return what the outputs are of each block, (rows, n, output_size)."""
        ends, n = self._ends_of_outputs, outputs.shape[0]
        return [
            outputs[:, ends[begin] : ends[begin + block.n]].reshape(n, block.n, block.output_size)
            for begin, block in self.spans
        ]


def _class_outputs_of(block: Variable) -> int:
    """Return how many outputs of a variable are logits of its codes."""
    return block.n_class_outputs if isinstance(block, Numeric) else block.output_size


def _join(blocks: Sequence[Variable]) -> tuple[Variable, ...]:
    """Join neighbours that differ in nothing but their number, so that work is done per block."""

    def likeness(block: Variable) -> str:
        return repr(sorted((block.settings() | {"n": 0}).items(), key=lambda item: item[0]))

    joined: list[Variable] = []
    for _, group in groupby(blocks, key=likeness):
        members = list(group)
        if len(members) == 1 and (members[0].n == 1 or isinstance(members[0], Discrete)):
            joined += members  # nothing to join: very many classes are not laid out twice
            continue
        n = sum(member.n for member in members)
        arguments = {
            name: value for name, value in members[0].settings().items() if name not in ("kind", "n")
        }
        if isinstance(members[0], Numeric):
            joined += [Numeric(**arguments) for _ in range(n)]
        else:
            make: Any = type(members[0])
            joined.append(make(n=n, **arguments))
    return tuple(joined)
