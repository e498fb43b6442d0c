"""Questions to a model about incomplete rows: how probable, what may follow, how one variable is distributed.

Every answer says how it was found: exactly, or estimated with an error, or under an ordering of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import Askable
from made.queries.evidence import Evidence
from made.queries.gibbs import redraw_draws, redraw_modes
from made.queries.given import from_frame
from made.queries.inference import Inference
from made.queries.many_classes import conditional_of_many
from made.queries.means import means_of
from made.queries.numeric_conditional import NumericConditional, numeric_conditional
from made.queries.query import (
    MAX_STATES,
    METHODS,
    N_PARTICLES,
    Query,
    encoded_given,
    inference_of,
    row_numbers,
)
from made.queries.reach import Reach, reach_of
from made.queries.results import Answer, Conditional, Route
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.resources import check_memory_of_rows
from made.variables import frames
from made.variables.conditions import Where
from made.variables.encoding import check_variable
from made.variables.many_classes import ManyClasses
from made.variables.numeric import Numeric
from made.variables.outputs import check_output
from made.variables.rows import RowsLike

__all__ = ["KINDS", "METHODS", "Questions", "check_completions"]

#: What a completion is.
KINDS = {
    "draw": "drawn from the conditional joint distribution",
    "variable": "the most probable value of each variable alone",
    "joint": "the most probable completion as a whole",
    "mean": "the mean of numbers, the most probable value of others",
}


def check_completions(n: int, each: int, n_variables: int) -> None:
    """Raise an `InputError` where the completions of n rows, `each` of every row, need too much memory."""
    check_memory_of_rows(
        each * n,
        n_variables,
        f"{each:,} completions of {n:,} rows at once",
        "ask for fewer of each, or give fewer rows at a time",
    )


class Questions:
    """The questions that a model answers about incomplete rows; `Askable` is what the model must offer."""

    def marginal(
        self: Askable,
        rows: RowsLike,
        *,
        unknown: ArrayLike | None = None,
        where: Where | None = None,
        context: ArrayLike | Tensor | None = None,
        method: str = "auto",
        mask: int | Sequence[int] | None = None,
        seed: int = 0,
        particles: int = N_PARTICLES,
        max_states: int = MAX_STATES,
        first: int = 0,
    ) -> Answer:
        """Return log p of what is known in each row: the sum over everything that is not.

        Parameters
        ----------
        rows : data frame, array or tensor
            (n, D); unknown entries are None or NaN, a different pattern in every row if need be. `Rows`,
            which are encoded, pass as they are.
        unknown : (n, D) or (D,) bool array, optional
            True where an entry is unknown, whatever `rows` holds there.
        where : mapping, str or sequence of str, optional
            Conditions on what is unknown: ``{"age": made.Range(30), "city": {"Rome", "Paris"}}``, also
            `made.RECORDED` or `made.MISSING`; or text, or a list of it: ``"age >= 30"``,
            ``"30 <= age < 40"``, ``"city in {Rome, Paris}"``, ``"income is not missing"``. They are evidence,
            as what is known is.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        method : "auto", "exact", "estimate" or "given-first"
            ``"auto"`` is exact where the known variables come before the unknown ones in the ordering, or
            where those in between have at most `max_states` states; else it estimates. ``"exact"`` refuses to
            estimate, ``"estimate"`` does not sum over states. ``"given-first"``, for a model trained with
            several orderings, answers under its masks with their orderings changed so that the known
            variables come first: exact for these, which are not the model's own mixture.
        mask : int or sequence of int, optional
            Ask this mask alone, or the mixture of these.
        seed : int
            Of the particles of an estimate.
        particles : int
            How many per row and mask.
        max_states : int
            See `method`.
        first : int
            Number of the first row, whose particles are a function of (seed, number): rows may come in
            portions.

        Returns
        -------
        Answer
            Its `log_prob`, with `error`, `ess` and `method` row by row.

        Raises
        ------
        InputError
            If a row does not fit the model, or there is no exact answer and one was demanded.

        Warns
        -----
        PoorEstimateWarning
            If an estimate rests on few effective particles.

        Examples
        --------
        >>> import made
        >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
        >>> answer = model.marginal([[1, None, 0], [1, 0, None]])
        >>> answer.log_prob.round(3), answer.how[1]
        (array([-1.386, -1.386]), 'exact: what is given comes first in the ordering')
        >>> answer.method[0] == "exact"
        True
        """
        question = Query.of(self, method, mask, seed, particles, max_states, where)
        encoded = question.under_conditions(self.rows(rows, context, unknown=unknown), first)
        evidence = question.evidence(encoded, np.arange(len(encoded)) + check_int("first", first))
        evidence.warn_if_poor()
        return _answer(evidence, evidence.routes)

    def complete(
        self: Askable,
        rows: RowsLike,
        kind: str = "draw",
        number: int | None = None,
        *,
        level: float = 0.8,
        unknown: ArrayLike | None = None,
        where: Where | None = None,
        context: ArrayLike | Tensor | None = None,
        method: str = "auto",
        mask: int | Sequence[int] | None = None,
        seed: int = 0,
        particles: int = N_PARTICLES,
        max_states: int = MAX_STATES,
        first: int | IntArray = 0,
        output: str | None = None,
    ) -> Answer:
        """Fill in the unknown entries of rows.

        Parameters
        ----------
        rows, unknown, where, context, method, mask, seed, particles, max_states
            As for `marginal`.
        first : int or (n,) int array
            Number of the first row, as for `marginal`; or of each.
        kind : "draw", "variable", "joint" or "mean"
            ``"draw"``: a sample from the distribution of all that is unknown given all that is known, with
            numbers within reach: see `sample`.
            ``"variable"``: the most probable value of each variable alone, which together may make an
            improbable row. ``"joint"``: the most probable completion as a whole, or the best one found.
            ``"mean"``: the mean of every number, ordered classes among them, to the nearest value that there
            is, with the mean itself and an interval (`means`, `low` and `high` of the answer), and the most
            probable value of other variables; it draws nothing. `method` is ``"auto"`` or ``"given-first"``.
        number : int, optional
            With ``"draw"``: how many completions of each row.
        level : float
            With ``"mean"``: the share of a number's distribution between `low` and `high`, in its middle.
        output : "numpy", "torch", "pandas" or "polars", optional
            What `rows` of the answer are; by default what came in.

        Returns
        -------
        Answer
            Its `rows` are values as the user has them, (n, D), or (n, number, D): labels where a variable has
            labels; or a data frame, where one came in, with all its columns. `values` are an array always,
            and `codes` the codes; `log_prob`, `error` and `ess` are those of what is known, of the
            conditions, and of what is filled in having been recorded.

        Examples
        --------
        >>> import made
        >>> model = made.MADE([made.Categorical(["no", "yes"]), made.Bernoulli(2)], hidden=(8,))
        >>> filled = model.complete([["yes", None, 0], [None, 0, None]], seed=0)
        >>> filled.rows.shape, filled.kind
        ((2, 3), 'draw')
        >>> filled[0, 0]
        'yes'
        """
        if kind not in KINDS:
            raise InputError(f"kind is one of {', '.join(map(repr, KINDS))}; got {kind!r}")
        output = check_output(output)
        if number is not None and kind != "draw":
            raise InputError(f"number asks for several samples: with kind={kind!r} there is one completion")
        question = Query.of(self, method, mask, seed, particles, max_states, where, recorded=True)
        rows = self.schema.with_absent(rows)
        encoded = self.rows(rows, context, unknown=unknown, to_fill=True)
        numbers = row_numbers(first, len(encoded))
        encoded = question.under_conditions(encoded, int(numbers[:1].sum()))
        each = 1 if number is None else check_int("number, of completions per row,", number)
        check_completions(len(encoded), each, self.variables.n_variables)
        found = None
        if kind == "mean":
            states, routes, evidence, found = means_of(question, method, encoded, numbers, level)
        else:
            reach = Reach.of(self, encoded) if kind == "draw" else None
            states, routes, evidence = question.complete(encoded, kind, numbers, each, reach=reach)
            redraw = {"draw": redraw_draws, "variable": redraw_modes}.get(kind)
            if redraw is not None and method == "auto":
                routes = routes.copy()
                redraw(question, encoded, states, routes, evidence.ess, numbers)
            if reach is not None:  # what chains drew
                reach.set_to_ends(states.as_rows(), np.repeat(np.arange(len(encoded)), each))
        evidence.warn_if_poor()
        answer = replace(
            _answer(evidence, routes),
            kind=kind,
            codes=states.codes
            if number is None
            else states.codes.reshape(len(encoded), each, self.variables.n_variables),
            bodies=states.bodies if self.variables.numbers is not None else None,
            variables=self.variables,
            in_own_orderings=not question.is_given_first,
            labels=encoded.labels,
            columns=self.schema.modelled if self.schema.has_dates else (),
            means=None if found is None else found.means,
            low=None if found is None else found.low,
            high=None if found is None else found.high,
        )
        if frames.is_frame(rows):
            answer = answer.in_frame(rows, self.schema, encoded)
        return answer if output is None else answer.as_output(output, self.schema)

    def conditional(
        self: Askable,
        variable: int | str,
        given: Mapping[Any, Any] | RowsLike | None = None,
        *,
        where: Where | None = None,
        context: ArrayLike | Tensor | None = None,
        method: str = "auto",
        mask: int | Sequence[int] | None = None,
        seed: int = 0,
        particles: int = N_PARTICLES,
        max_states: int = MAX_STATES,
    ) -> Conditional | NumericConditional:
        """Return the distribution of one variable given others.

        By Bayes' rule, from how probable what is given is together with each value of the variable. Of a
        numeric variable the answer has `pmf`, `pdf`, `cdf`, `quantile`, `interval`, `mean` and `p_missing`.

        Parameters
        ----------
        variable : int or str
            Its column: its number counted from 0, or its name.
        given : mapping, array or data frame, optional
            ``{variable: value}``, or a row (D,) with None or NaN where an entry is unknown, or a frame of one
            row. By default nothing: the answer is then the variable's own distribution.
        where, context, method, mask, seed, particles, max_states
            As for `marginal`; `context` is one row, where the frame does not bring it. A condition on the
            variable itself leaves the distribution of what meets it.

        Raises
        ------
        InputError
            If there is no such variable, it is itself given, or what is given has probability 0.

        Examples
        --------
        >>> import made
        >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
        >>> model.conditional(1, {0: 1, 2: 0}).probabilities
        array([0.5, 0.5])
        """
        name = variable
        variable = self.schema.variable(name) if isinstance(name, str) else name
        variable = check_variable(self.variables, variable)
        question = Query.of(self, method, mask, seed, particles, max_states, where)
        own = question.regions.get(variable)
        given, context = from_frame(self.schema, {} if given is None else given, context)
        row = question.under_conditions(encoded_given(self, given))
        if len(row) != 1:
            raise InputError(f"conditional answers for one row of given values, got {len(row)}")
        known = row.mask.clone()
        if known[0, variable]:
            raise InputError(f"variable {name} is itself given: leave it out of given, or ask about another")
        known[:, variable] = True
        block = self.variables.block_of(variable)
        if isinstance(block, Numeric):
            return numeric_conditional(
                self.variables,
                variable,
                replace(row, known=known, context=self.context.rows(context, 1)),
                # The same particles for every value, so that noise moves all of them alike.
                lambda rows: question.evidence(rows, np.zeros(len(rows), int), next_variable=variable),
                reach_of(self, variable),
                own,
                question.likely(replace(row, context=self.context.rows(context, 1)), variable),
            )
        if isinstance(block, ManyClasses):
            whole = replace(row, context=self.context.rows(context, 1))
            return conditional_of_many(question, block, variable, whole)
        with_each = replace(row, known=known, context=self.context.rows(context, 1)).repeat(block.n_values)
        with_each.codes[:, variable] = torch.arange(block.n_values, dtype=with_each.codes.dtype)
        evidence = question.evidence(with_each, np.arange(block.n_values), next_variable=variable)
        evidence.of(int(evidence.ess.argmin())).warn_if_poor()
        log_prob = evidence.log_prob if own is None else np.where(own.codes, evidence.log_prob, -np.inf)
        total = np.logaddexp.reduce(log_prob)
        if np.isneginf(total):
            raise InputError("the model gives what is given probability 0: nothing follows from it")
        probabilities = np.exp(log_prob - total)
        # The error of a ratio of independent estimates, to first order.
        spread = (probabilities * evidence.error) ** 2
        own = (1 - probabilities) ** 2 * evidence.error**2
        return Conditional(
            probabilities=probabilities,
            error=probabilities * np.sqrt(own + spread.sum() - spread),
            ess=float(evidence.ess.min()),
            route=Route(evidence.routes.max()),
            values=block.values,
        )

    def inference(
        self: Askable,
        mask: int | Sequence[int] | None = None,
        groups: IntArray | None = None,
        **settings: Any,
    ) -> Inference:
        """Return what answers questions about encoded rows; the other methods are its faces.

        Parameters
        ----------
        mask : int or sequence of int, optional
            Which masks.
        groups : (D,) int array, optional
            Go through the variables group by group, see `MaskSet.given_first`: under masks not its own.
        **settings
            Of `made.queries.inference.Inference`.
        """
        return inference_of(self, mask, groups, **settings)


def _answer(evidence: Evidence, routes: IntArray) -> Answer:
    return Answer(
        log_prob=evidence.log_prob,
        error=evidence.error,
        ess=evidence.ess,
        routes=tuple(Route(route) for route in routes.tolist()),
    )
