"""Values in a tensor to encoded rows by operations of torch alone, which ``torch.export`` and others follow.

`encoding` looks at values and refuses what is none; here nothing can be refused. What a tensor cannot hold,
labels that are text, has no place here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from made.support.errors import InputError
from made.support.following import searched
from made.variables.base import Variable
from made.variables.numeric import Numeric
from made.variables.refusals import check_shape
from made.variables.rows import Rows

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = ["rows_of_values"]


def rows_of_values(variables: RowType, values: Tensor) -> tuple[Rows, Tensor]:
    """Encode values without a look at them.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    values : (n, D) tensor
        Of any type. NaN is missing where its variable may be. Numbers of a grid are rounded to it.

    Returns
    -------
    rows : Rows
    verdict : (n,) float64 tensor
        What is to be added to log p of each row: 0; -inf where a value is none of its variable, which has
        probability 0; NaN where an entry is NaN and never missing.

    Raises
    ------
    InputError
        If the shape is wrong, or labels are text.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli, Categorical
    >>> from made.variables.row_type import RowType
    >>> some = RowType([Bernoulli(1), Categorical([10, 20, 40])])
    >>> rows, verdict = rows_of_values(some, torch.tensor([[1, 40], [0, 30]]))
    >>> rows.codes.tolist(), verdict.tolist()
    ([[1, 2], [0, 0]], [0.0, -inf])
    """
    check_shape(variables, tuple(values.shape))
    wide = values.double()
    gaps = wide.isnan()
    parts, refused, empty = [], [], []
    for begin, block in variables.spans:
        own, gap = wide[:, begin : begin + block.n], gaps[:, begin : begin + block.n]
        codes, is_value = _numbers(block, own) if isinstance(block, Numeric) else _classes(block, own)
        if block.unseen_code is not None:
            # Of codes, whole numbers alone may be labels that are no class.
            is_unseen = ~is_value & ((own == own.floor()) | (block.labels is not None)) & ~own.isnan()
            is_unseen &= own.isfinite() | (not block.ordered)
            codes, is_value = torch.where(is_unseen, block.unseen_code, codes), is_value | is_unseen
        if block.missing_code is not None:
            codes, gap = torch.where(gap, block.missing_code, codes), torch.zeros_like(gap)
        parts.append(codes)
        refused.append(~(is_value | own.isnan()))
        empty.append(gap)
    codes = torch.cat(parts, dim=1)
    bodies = None
    if variables.numbers is not None:
        numbers = variables.numbers.on(values.device)
        own = wide.index_select(1, numbers.variables)
        bodies = numbers.bodies_near(torch.where(own.isfinite(), own, 0.0))
        bodies = torch.where(own.isnan(), 0, bodies)
        spikes = numbers.codes_of(bodies)
        there = codes.index_select(1, numbers.variables)
        codes = codes.index_copy(1, numbers.variables, torch.where(there == 0, spikes, there))
    verdict = torch.where(torch.cat(refused, dim=1), -torch.inf, 0.0)
    verdict = torch.where(torch.cat(empty, dim=1), torch.nan, verdict).sum(dim=1)
    return Rows(codes, bodies=bodies), verdict.double()


def _numbers(block: Numeric, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes of the body, and which entries are numbers that it can be."""
    most = torch.inf if block.step is None else block.step * 2.0**63
    return torch.zeros_like(values, dtype=torch.int64), values.abs() < most


def _classes(block: Variable, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the codes of values, and which of these are values at all; the code of others is 0."""
    if block.labels is None:
        is_value = (values >= 0) & (values < block.n_classes) & (values == values.floor())
        return torch.where(is_value, values, 0).long(), is_value
    if any(isinstance(label, str) for label in block.labels):
        raise InputError(
            "no tensor holds labels that are text: encode the rows first, rows = model.rows(x), and pass "
            "Rows(codes) of the tensor rows.codes"
        )
    labels, codes = torch.tensor([float(label) for label in block.labels], dtype=torch.float64).sort()
    labels, codes = labels.to(values.device), codes.to(values.device)
    place = (searched(labels, values) - 1).clamp(min=0)
    is_value = labels[place] == values
    return torch.where(is_value, codes[place], 0), is_value
