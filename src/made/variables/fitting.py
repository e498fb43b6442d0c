"""What training rows set: how often values occur, the outputs that say so, and what a schema keeps of it.

Marginals of numbers, and how often each of very many classes occurs, are set once and kept by the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.support.checks import row_weights
from made.variables import normal_mixture
from made.variables.discrete import Discrete
from made.variables.many_classes import ManyClasses
from made.variables.marginal_fit import fit_numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["counts_of", "fitted_arguments", "is_fitted", "marginals_of"]


def is_fitted(variables: RowType) -> bool:
    """Return whether training rows have set all that is set once."""
    many = [block.is_fitted for block in variables.blocks if isinstance(block, ManyClasses)]
    return all(many) and (variables.numbers is None or variables.numbers.is_fitted)


def counts_of(variables: RowType, batches: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return how often each value of each variable occurs, D tensors (n_values,), float64.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    batches : iterable of (codes, weight)
        Codes (rows, D) and the weight of each row (rows,), float64.
    """
    totals = [torch.zeros(block.n, block.n_values, dtype=torch.float64) for block in variables.blocks]
    for codes, weight in batches:
        for total, (block, columns) in zip(totals, variables.split(codes), strict=True):
            if isinstance(block, Discrete):
                total += block.counts(columns, weight)
            else:
                total[0].index_add_(0, columns[:, 0].long(), weight)
    return [own for total in totals for own in total]


def marginals_of(variables: RowType, counts: Sequence[Tensor]) -> Tensor:
    """Return the outputs (n_outputs,) of the smoothed marginals for what `counts_of` returned."""
    parts: list[Tensor] = []
    for begin, block in variables.spans:
        total = torch.stack(list(counts[begin : begin + block.n]))
        if isinstance(block, Discrete):
            parts.append(block.marginals(total))
            continue
        if block.n_values > 1:
            parts.append(torch.log_softmax(torch.log(total + 1), dim=1))
        parts.append(normal_mixture.outputs_of().double())
    return torch.cat([part.flatten() for part in parts])


def fitted_arguments(
    variables: RowType,
    rows: Rows | None,
    weight: ArrayLike | None = None,
    counts: Sequence[Tensor] | None = None,
) -> dict[int, dict[str, Any]]:
    """Return the arguments of the variables that rows set something of, by the number of the variable.

    Parameters
    ----------
    variables : RowType
        As they are.
    rows, weight, counts
        As for `made.variables.schema.Schema.fitted`.
    """
    found: dict[int, dict[str, Any]] = {}
    if is_fitted(variables):
        return found
    numbers = variables.numbers
    if numbers is not None and rows is not None and rows.bodies is not None:
        for i, (place, numeric) in enumerate(zip(numbers.places.tolist(), numbers.columns, strict=True)):
            if not numeric.is_fitted:
                codes, bodies = rows.codes[:, place].cpu().numpy(), rows.bodies[:, i].cpu().numpy()
                found[place] = _arguments(fit_numeric(numeric, codes, bodies, weight).settings())
    if counts is None and rows is not None:
        ones = torch.ones(len(rows), dtype=torch.float64)
        own = ones if weight is None else torch.from_numpy(row_weights(weight, len(rows)))
        counts = counts_of(variables, [(rows.codes.cpu(), own)])
    for d, block in variables.columns():
        if isinstance(block, ManyClasses) and not block.is_fitted and counts is not None:
            found[d] = _arguments(block.settings()) | {"grouping": block.fitted(counts[d])}
    return found


def _arguments(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in ("kind", "n")}
