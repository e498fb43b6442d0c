"""The conditional of a variable of very many classes, without asking about each of them where that can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Floats
from made.queries.query import Query, inference_of
from made.queries.results import Conditional, Route
from made.support.errors import InputError
from made.variables.many_classes import ManyClasses
from made.variables.rows import Rows

__all__ = ["conditional_of_many"]

# Completions that are counted where the evidence of each class would have to be estimated.
_DRAWS = 10_000


def conditional_of_many(question: Query, block: ManyClasses, variable: int, row: Rows) -> Conditional:
    """Return the distribution of a variable of very many classes given one row.

    Where the variable comes after all that is given, which class of a group it is makes no difference to
    that: one class of each outcome is asked about. Where what is given after it can be scored exactly, each
    class is asked about. Otherwise completions are counted.

    Parameters
    ----------
    question : Query
        How to answer.
    block : ManyClasses
        What the variable is.
    variable : int
        Which variable.
    row : Rows
        One row, in which the variable is unknown, with its context.
    """
    is_last, is_direct = _place(question, variable, row)
    entries = block.entries
    if is_last:
        codes, _ = block.likeliest
        log_prob, error, ess, route = _evidence(question, row, variable, codes)
        log_prob = log_prob - entries.added[codes].numpy()
        outcomes = entries.outcomes[: block.n_values].numpy()
        log_prob = log_prob[outcomes] + entries.added[: block.n_values].numpy()
        error, ess = error[outcomes], ess[outcomes]
    elif is_direct or question.settings["exact"]:
        log_prob, error, ess, route = _evidence(question, row, variable, torch.arange(block.n_values))
    else:
        return _counted(question, block, variable, row)
    if row.regions and variable in row.regions:
        log_prob = np.where(row.regions[variable].codes, log_prob, -np.inf)
    total = np.logaddexp.reduce(log_prob)
    if np.isneginf(total):
        raise InputError("the model gives what is given probability 0: nothing follows from it")
    p = np.exp(log_prob - total)
    spread = (p * error) ** 2
    errors = p * np.sqrt((1 - p) ** 2 * error**2 + spread.sum() - spread)
    return Conditional(p, errors, float(ess.min()), route, block.values)


def _place(question: Query, variable: int, row: Rows) -> tuple[bool, bool]:
    """Return whether the variable comes after all that is given, and whether nothing else is summed out."""
    if question.is_given_first:
        return True, True
    known: BoolArray = row.mask.cpu().numpy()[0]
    inference = inference_of(question.model, question.mask, None, **question.settings)
    every: list[IntArray] = [inference.density(k).ranks for k in inference.masks]
    given = known.copy()
    given[[d for d in row.regions or () if d != variable]] = True
    lasts = [int(np.where(given, ranks, 0).max()) for ranks in every]
    is_last = all(ranks[variable] > last for ranks, last in zip(every, lasts, strict=True))
    others = ~known
    others[variable] = False
    between = [bool((others & (ranks < last)).any()) for ranks, last in zip(every, lasts, strict=True)]
    return is_last, not any(between)


def _evidence(
    question: Query, row: Rows, variable: int, codes: torch.Tensor
) -> tuple[Floats, Floats, Floats, Route]:
    """Return how probable what is given is together with each code: log p, its error, ESS and the route."""
    known = row.mask.clone()
    known[:, variable] = True
    rows = replace(row, known=known).repeat(len(codes))
    rows.codes[:, variable] = codes.to(rows.codes)
    # The same particles for every value, so that noise moves all of them alike.
    evidence = question.evidence(rows, np.zeros(len(codes), dtype=np.int64), next_variable=variable)
    evidence.of(int(evidence.ess.argmin())).warn_if_poor()
    return evidence.log_prob, evidence.error, evidence.ess, Route(evidence.routes.max())


def _counted(question: Query, block: ManyClasses, variable: int, row: Rows) -> Conditional:
    states, _, evidence = question.complete(
        replace(row, recorded=False), "draw", np.zeros(1, dtype=np.int64), _DRAWS
    )
    evidence.warn_if_poor()
    p = np.bincount(states.codes[:, variable], minlength=block.n_values) / _DRAWS
    ess = min(float(evidence.ess.min()), float(_DRAWS))
    return Conditional(p, np.sqrt(p * (1 - p) / ess), ess, Route.COUNTED, block.values)
