"""How the rows of one call are answered: grouped by their masks, and joined in their order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Askable, Floats, States
from made.queries.evidence import Evidence
from made.queries.inference import Inference
from made.queries.modes import joint_modes, variable_modes
from made.queries.reach import N_REDRAWS, Reach, redraw_uniforms
from made.queries.results import Route
from made.queries.work import index
from made.support.checks import check_int
from made.support.errors import InputError
from made.variables.allowed_values import region_of
from made.variables.conditions import Where
from made.variables.constraints import constraints_of
from made.variables.date_conditions import where_parts
from made.variables.encoding import encode_given
from made.variables.numeric import Numeric
from made.variables.region import Region
from made.variables.regions import regions_of
from made.variables.rows import Rows, RowsLike

__all__ = ["MAX_STATES", "METHODS", "N_PARTICLES", "Query", "encoded_given", "inference_of", "row_numbers"]

#: How a question may be answered.
METHODS = ("auto", "exact", "estimate", "given-first")
#: By default: number of particles per row and mask, and the largest number of states that are summed over.
N_PARTICLES, MAX_STATES = 1000, 4096
# Where values that a network finds likely are looked for: uniforms that are even in normal scores; and under
# how many masks at most.
_LIKELY = np.array([0.5 * math.erfc(-z / 5 * math.sqrt(0.5)) for z in range(-24, 25)])
_MOST_MASKS = 16
# The square of a larger number may overflow: its density is integrated over.
_LARGEST_NODE = 1e150


@dataclass(frozen=True)
class Query:
    """How the rows of one call are to be answered."""

    model: Askable
    is_given_first: bool
    mask: int | Sequence[int] | None
    settings: dict[str, Any]
    regions: Mapping[int, Region]

    @staticmethod
    def of(
        model: Askable,
        method: str,
        mask: int | Sequence[int] | None,
        seed: int,
        particles: int,
        max_states: int,
        where: Where | None = None,
        *,
        recorded: bool = False,
    ) -> Query:
        """Check the settings of a question; with `recorded`, no unknown entry is missing."""
        if method not in METHODS:
            raise InputError(f"method is one of {', '.join(map(repr, METHODS))}; got {method!r}")
        settings = {
            "seed": check_int("seed", seed),
            "particles": check_int("particles", particles, least=2),
            "max_states": 1 if method == "estimate" else check_int("max_states", max_states, least=1),
            "exact": method == "exact",
        }
        schema = model.schema
        for between in constraints_of(schema, where)[1]:
            raise InputError(
                f"{between.text!r} is a condition between columns: sample meets such, and this question "
                "takes conditions on one column each"
            )
        regions = regions_of(
            model.variables,
            where_parts(schema.modelled, where),
            schema.variable,
            lambda d: schema.modelled[d].name,
            recorded=recorded,
        )
        return Query(model, method == "given-first", mask, settings, regions)

    def under_conditions(self, rows: Rows, first: int = 0) -> Rows:
        """Return rows with the conditions of the question on what is unknown in them.

        Raises
        ------
        InputError
            If what is known in a row does not meet them.
        """
        if not self.regions:
            return rows
        for d, region in self.regions.items():
            if not region.is_recorded:
                self._check(rows, d, region, first)
        recorded = all(d in self.regions for d, block in self.model.variables.columns() if block.missing)
        return replace(rows, regions=self.regions, recorded=recorded)

    def _check(self, rows: Rows, d: int, region: Region, first: int) -> None:
        numbers = self.model.variables.numbers
        codes = rows.codes[:, d].tolist()
        bodies = [0] * len(codes)
        if rows.bodies is not None and numbers is not None and d in numbers.places:
            bodies = rows.bodies[:, numbers.number_of(d)].tolist()
        for row in rows.mask[:, d].nonzero()[:, 0].tolist():
            if not region.allows(codes[row], bodies[row]):
                name = self.model.schema.modelled[d].name
                raise InputError(
                    f"row {first + row} (counted from 0): what is given as {name} does not meet the "
                    f"condition on {name}"
                )

    def evidence(self, rows: Rows, numbers: IntArray, next_variable: int | None = None) -> Evidence:
        """Return how probable what is known in each row is."""
        parts = [
            (chosen, inference.evidence(_some(rows, chosen), numbers[chosen], integrates=True))
            for chosen, inference in self._inferences(rows, next_variable)
        ]
        return self._together(parts, len(rows))

    def likely(self, row: Rows, variable: int) -> Floats:
        """Return values of a number that the network finds likely given one row: hints, not an answer.

        What comes before it and is unknown is at its median.
        """
        model, block = self.model, self.model.variables.block_of(variable)
        assert isinstance(block, Numeric)
        region = self.regions.get(variable) or region_of(block, [], str(variable))
        found = []
        row = replace(row, scores=None)
        for k in model.chosen_masks(self.mask)[:_MOST_MASKS]:
            density = model.density(k)
            state = density.sample(np.full(row.codes.shape, 0.5), row).rows(row)
            own = replace(state, known=None, regions={variable: region})
            codes, bodies = density.quantiles(_LIKELY, own, variable)
            found.append(block.floats_of(bodies[codes == 0]))
        values = np.unique(np.concatenate(found))
        return values[np.abs(values) < _LARGEST_NODE]

    def complete(
        self,
        rows: Rows,
        kind: str,
        numbers: IntArray,
        each: int = 1,
        first: int = 0,
        uniforms: Floats | None = None,
        reach: Reach | None = None,
    ) -> tuple[States, IntArray, Evidence]:
        """Return completions, n * each, their routes (n,), and the evidence that they follow from.

        `first` is the number of the first completion of each row; `uniforms`, (n * each, D + 2), draw them in
        place of the streams of the rows. What is drawn keeps within reach, where it is given.
        """
        n = len(rows)
        states = States.of(rows.repeat(each))
        routes, parts = np.empty(n, dtype=np.int64), []
        for chosen, inference in self._inferences(rows):
            some, own = _some(rows, chosen), numbers[chosen]
            evidence = inference.evidence(some, own)
            parts.append((chosen, evidence))
            if kind == "draw":
                at = (chosen[:, None] * each + np.arange(each)).ravel()
                u = None if uniforms is None else uniforms[at]
                drawn = inference.complete(some, evidence, own, each, first, u)
                if reach is not None:
                    redraw = partial(self._redraw, inference, some, evidence, own, each, first)
                    reach.keep(drawn.as_rows(), redraw, np.repeat(chosen, each), N_REDRAWS)
                states[at] = drawn
            else:
                modes = variable_modes if kind == "variable" else joint_modes
                states[chosen], exact = modes(inference, some, evidence, own)
                otherwise = Route.COUNTED if kind == "variable" else Route.SEARCHED
                routes[chosen] = np.where(exact, int(Route.SUMMED), int(otherwise))
        evidence = self._together(parts, n)
        return states, evidence.routes if kind == "draw" else routes, evidence

    def _redraw(
        self,
        inference: Inference,
        rows: Rows,
        evidence: Evidence,
        numbers: IntArray,
        each: int,
        first: int,
        at: IntArray,
        attempt: int,
    ) -> Rows:
        """Draw completions at some places anew: all attempts from this one on, those of a place together."""
        owner, draw = np.divmod(at, each)
        width = rows.codes.shape[1] + 2
        u = redraw_uniforms(self.settings["seed"], numbers[owner], first + draw, attempt, width, N_REDRAWS)
        if len(rows) == 1:  # what its completions are picked among is found once
            return inference.complete(rows, evidence, numbers, len(u), uniforms=u).as_rows()
        own = rows[index(owner)], evidence[owner], numbers[owner]
        return inference.complete(*own, N_REDRAWS, uniforms=u).as_rows()

    def groups_of(
        self, rows: Rows, next_variable: int | None = None
    ) -> Iterator[tuple[IntArray, IntArray | None]]:
        """Yield groups of rows, by their numbers, each with the order of its variables, group by group.

        With given-first, what is under a condition comes after what is known, then `next_variable`, then
        the rest. Otherwise all rows are together, and the order is that of the masks.
        """
        if not self.is_given_first:
            if len(rows):
                yield np.arange(len(rows)), None
            return
        known = rows.mask.cpu().numpy()
        order = np.where(known, 0, 3)
        conditioned = list(rows.regions or ())
        order[:, conditioned] = np.where(known[:, conditioned], 0, 1)
        if next_variable is not None:
            order[:, next_variable] = 2
        patterns, which = np.unique(order, axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            yield np.flatnonzero(which.reshape(-1) == i), pattern

    def _inferences(
        self, rows: Rows, next_variable: int | None = None
    ) -> Iterator[tuple[IntArray, Inference]]:
        """Yield groups of rows, by their numbers, each with the inference that answers it."""
        for chosen, groups in self.groups_of(rows, next_variable):
            if groups is None:
                yield chosen, self._inference
            else:
                yield chosen, inference_of(self.model, self.mask, groups, **self.settings)

    @cached_property
    def _inference(self) -> Inference:
        """What answers in the order of the masks; what it found of a row is there when it is drawn again."""
        return inference_of(self.model, self.mask, None, **self.settings)

    def _together(self, parts: list[tuple[IntArray, Evidence]], n: int) -> Evidence:
        """Join the answers of the groups, in the order of the rows."""
        log_prob, error, ess = np.zeros((3, n))
        routes = np.zeros(n, dtype=np.int64)
        for chosen, evidence in parts:
            log_prob[chosen], error[chosen], ess[chosen] = evidence.log_prob, evidence.error, evidence.ess
            routes[chosen] = evidence.routes
        if self.is_given_first:  # which several conditions may need more for
            routes[routes <= Route.SUMMED] = int(Route.GIVEN_FIRST)
        return Evidence(log_prob, error, ess, routes, mask_weights=np.zeros((0, n)))


def _some(rows: Rows, chosen: IntArray) -> Rows:
    """Return the rows at these places, in order; all of them are the same rows."""
    return rows if len(chosen) == len(rows) else rows[index(chosen)]


def row_numbers(first: int | IntArray, n: int) -> IntArray:
    """Return the numbers of n rows: from the first on, or each as it is given."""
    if isinstance(first, np.ndarray):
        return first.astype(np.int64)
    return np.arange(n) + check_int("first", first)


def inference_of(
    model: Askable, mask: int | Sequence[int] | None, groups: IntArray | None, **settings: Any
) -> Inference:
    """Return what answers questions about encoded rows under these masks."""
    return Inference(
        model.variables,
        lambda k: model.density(k, groups),
        model.chosen_masks(mask),
        rows_per_batch=model.rows_per_batch,
        **settings,
    )


def encoded_given(model: Askable, given: Mapping[Any, Any] | RowsLike) -> Rows:
    """Return what is given as rows that the model computes with, without context."""
    if isinstance(given, Rows):
        return given
    own = model.schema.given_parts(given) if model.schema.has_dates else given
    return encode_given(model.variables, own, model.schema.variable)
