"""What a model draws: rows in batches, from a mixture of masks, with or without values that are given."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.kernels.one_pass.sampler import OnePassSampler, row_uniforms
from made.masked import MaskedModel
from made.masks.degrees import Mask
from made.masks.ordering import IntArray
from made.queries.constrained import Acceptance, Draw, sample_constrained
from made.queries.density import MaskDensity
from made.queries.given import draw_given, sample_given
from made.queries.reach import Reach, redraw_uniforms
from made.sampling import own_regions, sample_in_regions, sample_rows
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.resources import check_memory_of_rows
from made.variables.conditions import Where
from made.variables.constraints import constraints_of
from made.variables.outputs import check_output, drawn
from made.variables.regions import quantiles_in
from made.variables.rows import Rows, RowsLike

__all__ = ["SamplingModel"]

_log = logging.getLogger(__name__)


class SamplingModel(MaskedModel):
    """A masked network that rows are drawn from; `MADE` is what is built."""

    _sampler: OnePassSampler

    def sample(
        self,
        n: int,
        seed: int | None = None,
        mask: int | Sequence[int] | None = None,
        *,
        given: Mapping[Any, Any] | RowsLike | None = None,
        where: Where | None = None,
        context: ArrayLike | Tensor | None = None,
        first: int = 0,
        method: str = "one-pass",
        tails: bool = False,
        output: str | None = None,
        tally: Acceptance | None = None,
    ) -> Any:
        """Draw n rows.

        Row i is a function of (seed, i): drawing more rows, or in other portions, changes none of them.

        Parameters
        ----------
        n : int
            Number of rows; 0 gives an empty table.
        seed : int, optional
            Without one, rows differ at every call.
        mask : int or sequence of int, optional
            Draw from this mask alone, or from the mixture of these. By default from all K.
        given : mapping or array, optional
            Observed values to draw the rest from the conditional of: ``{variable: value}``, by number or by
            name, or a row (D,) with NaN or None where an entry is unknown, or n such rows (n, D), or a data
            frame of 1 or n rows. Exact where the ordering allows it; see `complete`, which says so. What is
            drawn is then never missing.
        where : mapping, str or sequence of str, optional
            Conditions that rows meet, such as ``"age >= 30"``; see `marginal`. No row is drawn in vain. Also
            conditions between columns, as text: ``"start <= end"``, ``"a + b == total"``. Rows are drawn anew
            until they meet these, and how often is logged.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        first : int
            Number of the first row to draw: ``sample(5, seed, first=10)`` are rows 10 to 14 of that seed.
        method : "one-pass" or "plain"
            ``"plain"`` runs the whole network once per variable; ``"one-pass"`` does the arithmetic of one
            forward pass in all. Both draw the same rows up to rounding.
        tails : bool
            Draw numbers from the tails of the density as well, far beyond all training rows. By default they
            stay within reach: the range of the training rows and a tenth, and their last millionth at either
            end (of a model of which the range is unknown, that alone). A row with a number beyond is drawn
            anew. A row for which a given number is beyond has tails; a condition is met, wherever it is.
        output : "numpy", "torch", "pandas" or "polars", optional
            What to return the rows as. By default it follows from what the model was fitted on.
        tally : Acceptance, optional
            How many rows were drawn for those that meet conditions between columns is added to it, and not
            logged.

        Returns
        -------
        data frame, (n, D) tensor or array
            Of a model that was fitted on a data frame, a frame of that library with the types of its columns;
            of a given frame, one of all its columns. Else a tensor of values, of the smallest type that holds
            them (uint8 for codes below 256), or an object array where labels are text.

        Examples
        --------
        >>> import made, polars
        >>> model = made.MADE([made.Bernoulli(1), made.Categorical(["no", "yes"])], hidden=(8,))
        >>> model.sample(2, seed=0).shape
        (2, 2)
        >>> dict(model.sample(2, seed=0, output="polars").schema)
        {'x0': UInt8, 'x1': String}
        """
        output, given = check_output(output), self.schema.with_absent(given)
        asked: dict[str, Any] = {"given": given, "where": where, "context": context}
        rows = self.draw(n, seed, mask, **asked, first=first, method=method, tails=tails, tally=tally)
        return drawn(self.schema, rows, output, given, self._values)

    def draw(
        self,
        n: int,
        seed: int | None = None,
        mask: int | Sequence[int] | None = None,
        *,
        given: Mapping[Any, Any] | RowsLike | None = None,
        where: Where | None = None,
        context: ArrayLike | Tensor | None = None,
        first: int = 0,
        method: str = "one-pass",
        tails: bool = False,
        tally: Acceptance | None = None,
    ) -> Rows:
        """Return what `sample` draws as encoded rows, which all methods take and do not check again."""
        n, first = check_int("n, the number of rows to draw,", n), check_int("first", first)
        check_memory_of_rows(
            n,
            self.n_variables,
            f"drawing {n:,} rows at once",
            "draw them in portions, first= says where one goes on",
        )
        key = (
            int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
            if seed is None
            else check_int("seed", seed)
        )
        if method not in ("one-pass", "plain"):
            raise InputError(f"method is 'one-pass' or 'plain', got {method!r}")
        masks = self.chosen_masks(mask)
        where, constraints = constraints_of(self.schema, where)
        asked: dict[str, Any] = {"where": where, "seed": key, "mask": masks, "context": context}
        if constraints:
            draw: Draw
            if given is not None or where is not None:
                (draw, reach), width = draw_given(self, n, given, **asked, first=first), self.n_variables + 2
            else:
                features = self.context.rows(context, n)
                draw, reach = partial(self._sample_again, masks, features, method), Reach.of(self)
                width = self.n_variables + 1
            numbers = np.arange(first, first + n)
            rows, found = sample_constrained(
                draw, constraints, numbers, width, key, self.rows_per_batch, None if tails else reach
            )
            if tally is None:
                _log.info("%s", found.describe())
            else:
                tally.add(found)
            return rows
        if given is not None or where is not None:
            return sample_given(self, n, given, **asked, first=first, tails=tails)
        features, reach = self.context.rows(context, n), None if tails else Reach.of(self)
        return self._sample(n, key, masks, features, first, method, reach)

    def density(self, k: int, groups: IntArray | None = None) -> MaskDensity:
        """Return mask k as queries see it; with (D,) groups, see `MaskSet.given_first`."""
        return self._density_under(k if groups is None else self.mask_set.given_first(groups, k), k)

    def reordered(self, k: int, groups: IntArray) -> MaskDensity:
        """Return the same with groups whatever the model was trained for, see `MaskSet.reordered`."""
        return self._density_under(self.mask_set.reordered(groups, k), k)

    def _density_under(self, mask: int | Mask, k: int) -> MaskDensity:
        return MaskDensity(
            k,
            self._mask_of(mask).ranks,
            self.device,
            partial(self._log_prob_under, mask),
            partial(self._sample_under, mask),
            partial(self._quantiles_under, mask),
        )

    def _sample(
        self,
        n: int,
        seed: int,
        masks: Sequence[int],
        context: Tensor | None,
        first: int,
        method: str,
        reach: Reach | None,
    ) -> Rows:
        """Draw rows in batches: row i is a function of (seed, first + i)."""
        rows = None if context is None else self._unknown_rows(n, context.to(self.device))
        width = self.n_variables + 1

        def batch(done: int) -> Rows:  # its uniforms are freed before those of the next are made
            u = row_uniforms(seed, first + done, min(n - done, self.rows_per_batch), width)
            own = None if rows is None else rows[done : done + len(u)]
            found = self._sample_batch(masks, u, own, method)
            if reach is not None:
                reach.keep(found, lambda at, attempt: again(done + at, attempt))
            return found

        def again(places: IntArray, attempt: int) -> Rows:
            u = redraw_uniforms(seed, first + places, np.zeros_like(places), attempt, width)
            return self._sample_again(masks, context, method, places, u, 1)

        parts = [batch(done) for done in range(0, n, self.rows_per_batch)]
        return parts[0] if len(parts) == 1 else Rows.cat([self._unknown_rows(0), *parts])

    def _sample_again(
        self,
        masks: Sequence[int],
        context: Tensor | None,
        method: str,
        places: IntArray,
        u: NDArray[np.float64],
        each: int,
    ) -> Rows:
        """Draw rows of some places, `each` of every one, from uniforms (m * each, D + 1)."""
        if not len(u):
            return self._unknown_rows(0)
        rows = None
        if context is not None:
            own = context[torch.from_numpy(places)].repeat_interleave(each, dim=0)
            rows = self._unknown_rows(len(u), own.to(self.device))
        return self._sample_batch(masks, u, rows, method)

    def _sample_batch(
        self, masks: Sequence[int], u: NDArray[np.float64], rows: Rows | None, method: str
    ) -> Rows:
        """Draw rows from the mixture of the given masks; the last uniform of a row picks its mask."""
        if len(masks) == 1:
            return self._sample_under(masks[0], u[:, :-1], rows, method)
        choice = (u[:, -1] * len(masks)).astype(np.int64)
        order, parts = [], []
        for i, k in enumerate(masks):
            own = np.flatnonzero(choice == i)
            if len(own):
                at = torch.from_numpy(own).to(self.device)
                order.append(own)
                parts.append(self._sample_under(k, u[own, :-1], None if rows is None else rows[at], method))
        return Rows.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(order))).to(self.device)]

    def _sample_under(
        self, mask: int | Mask, u: NDArray[np.float64], rows: Rows | None = None, method: str = "one-pass"
    ) -> Rows:
        """Draw the unknown entries of rows under one mask; ``u[:, d]`` is the uniform of variable d."""
        if rows is not None and own_regions(rows):
            with torch.no_grad():
                return sample_in_regions(
                    lambda rows: self._sample_under(mask, u, replace(rows, regions=None), method),
                    lambda rows: self._outputs(rows, self._product(mask)),
                    self.variables,
                    self._mask_of(mask).ordering,
                    torch.from_numpy(u).to(self.device),
                    rows,
                )
        own = self._unknown_rows(len(u)) if rows is None and self.missing_together else rows
        if own is None or not self.missing_together:
            return self._sample_by(mask, u, own, method)
        return self.missing_together.sample(
            self.variables,
            own,
            self._mask_of(mask).ordering,
            lambda some, numbers, recorded: self._sample_by(mask, u[numbers], some, method, recorded),
        )

    def _quantiles_under(
        self, mask: int | Mask, u: NDArray[np.float64], rows: Rows, variable: int
    ) -> tuple[Tensor, Tensor]:
        """Return codes and bodies (n, M) of a number at uniforms (M,), within its region, under one mask."""
        assert rows.regions is not None
        outputs = self._outputs(rows, self._product(mask))
        uniforms = torch.from_numpy(u).to(self.device)
        codes, bodies = quantiles_in(self.variables, outputs, variable, uniforms, rows.regions[variable])
        assert bodies is not None
        return codes, bodies

    def _sample_by(
        self,
        mask: int | Mask,
        u: NDArray[np.float64],
        rows: Rows | None,
        method: str,
        never_missing: NDArray[np.bool_] | None = None,
    ) -> Rows:
        """Draw the unknown entries of rows, each by itself.

        `never_missing` (D,) says which are recorded where they are drawn.
        """
        recorded: bool | NDArray[np.bool_]
        recorded = rows is not None and rows.recorded and self.variables.has_missing
        if never_missing is not None and not recorded:
            recorded = never_missing
        can_mix = isinstance(recorded, bool) or self.device.type == "cpu"
        if method == "one-pass" and can_mix and self._sampler.supports(self.network, self.variables):
            given: tuple[Tensor | None, ...] = (None, None, None, None)
            if rows is not None:
                features = None if rows.context is None else self.context.features(rows.context)
                some = rows.known is None or bool(rows.known.any())
                given = (
                    (rows.codes, rows.mask, features, rows.bodies) if some else (None, None, features, None)
                )
            codes, bodies = self._sampler.sample(
                self.network, self.variables, mask, self._mask_of, u, *given, recorded=recorded
            )
            if bodies is not None and self.variables.numbers is not None:
                bodies = self.variables.numbers.on(bodies.device).within_bounds(bodies)
            return Rows(codes, bodies=bodies)
        product, rows = self._product(mask), self._unknown_rows(len(u)) if rows is None else rows
        each = np.broadcast_to(recorded, self.n_variables)

        def pick(rows: Rows, variable: int, uniforms: Tensor) -> tuple[Tensor, Tensor | None]:
            outputs = self._outputs(rows, product)
            return self.variables.quantile(outputs, variable, uniforms, recorded=bool(each[variable]))

        with torch.no_grad():
            uniforms, numbers = torch.from_numpy(u).to(self.device), self.variables.numbers
            places = [] if numbers is None else numbers.places.tolist()
            return sample_rows(pick, self._mask_of(mask).ordering, uniforms, rows, places)

    def _unknown_rows(self, n: int, context: Tensor | None = None) -> Rows:
        """Return n rows of which nothing is known but their context; they take no memory."""
        codes = torch.zeros((n, 1), dtype=self.variables.dtype, device=self.device)
        shape = (n, self.n_variables)
        numbers = self.variables.numbers
        bodies = None if numbers is None else codes.long().expand(n, len(numbers.columns))
        return Rows(codes.expand(shape), codes.bool().expand(shape), context, bodies)
