"""Ancestral sampling, the plain way: each variable is drawn given those before it, one pass for each.

Variables under conditions are drawn so whatever draws the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.region import Region
from made.variables.regions import quantile_in
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["own_regions", "sample_in_regions", "sample_rows"]


def sample_rows(
    pick: Callable[[Rows, int, Tensor], tuple[Tensor, Tensor | None]],
    ordering: IntArray,
    u: Tensor,
    rows: Rows,
    numeric: Sequence[int] = (),
) -> Rows:
    """Draw the unknown entries of rows, variable by variable.

    Parameters
    ----------
    pick : callable
        Maps rows, a variable and its uniforms (n,) to its codes (n,) and, if it is numeric, its bodies (n,),
        given what comes before it in the ordering; what comes after it is still to be drawn.
    ordering : (D,) int array
        The variables in the order in which they are drawn.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d: rows are a function of uniforms.
    rows : Rows
        What is known stays.
    numeric : sequence of int
        The numeric variables, in the order of their bodies.

    Returns
    -------
    Rows
        All of whose entries are known; without context.
    """
    known, codes = rows.mask, rows.codes.clone()
    bodies = None if rows.bodies is None else rows.bodies.clone()
    begun = Rows(codes, context=rows.context, bodies=bodies)
    for variable in ordering.tolist():
        own = known[:, variable]
        if bool(own.all()):
            continue
        drawn, body = pick(begun, variable, u[:, variable])
        codes[:, variable] = torch.where(own, codes[:, variable], drawn.to(codes.dtype))
        if bodies is not None and body is not None:
            place = numeric.index(variable)
            bodies[:, place] = torch.where(own, bodies[:, place], body)
    return replace(begun, context=None)


def sample_in_regions(
    sample: Callable[[Rows], Rows],
    outputs_of: Callable[[Rows], Tensor],
    variables: RowType,
    ordering: IntArray,
    u: Tensor,
    rows: Rows,
) -> Rows:
    """Draw the unknown entries of rows of which some have regions that they must be in.

    Each of these is drawn by mapping its uniform into what F gives the region. That takes a sample of what
    comes before it and a forward pass for each variable with a region.

    Parameters
    ----------
    sample : callable
        Fills rows in whatever their regions; what it draws for a variable depends on those before it alone.
    outputs_of : callable
        Maps complete rows to the outputs of the network.
    variables : RowType
        What the columns are.
    ordering : (D,) int array
        The variables in the order in which they are drawn.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d.
    rows : Rows
        What is known stays.
    """
    regions = own_regions(rows)
    for rank, variable in enumerate(ordering.tolist()):
        if variable not in regions:
            continue
        known = rows.mask.clone()
        unknown = (~known[:, variable]).nonzero()[:, 0]
        if not len(unknown):
            continue
        before = known[:, torch.from_numpy(ordering[:rank].copy()).to(known.device)]
        drawn = _copy(rows) if bool(before.all()) else sample(rows)
        outputs = outputs_of(replace(drawn, context=rows.context))[unknown]
        code, body = quantile_in(variables, outputs, variable, u[unknown, variable], regions[variable])
        drawn.codes[unknown, variable] = code.to(drawn.codes.dtype)
        if drawn.bodies is not None and body is not None and variables.numbers is not None:
            drawn.bodies[unknown, variables.numbers.number_of(variable)] = body
        known[:, torch.from_numpy(ordering[: rank + 1].copy()).to(known.device)] = True
        rows = replace(rows, codes=drawn.codes, bodies=drawn.bodies, known=known, scores=None)
    return replace(rows, known=None, context=None, regions=None) if rows.is_complete else sample(rows)


def _copy(rows: Rows) -> Rows:
    """Return complete rows with codes and bodies that may be written to."""
    bodies = None if rows.bodies is None else rows.bodies.clone()
    return Rows(rows.codes.clone(), bodies=bodies)


def own_regions(rows: Rows) -> dict[int, Region]:
    """Return the regions of rows but those that only say that an entry is recorded, where all are."""
    regions = rows.regions or {}
    return {d: own for d, own in regions.items() if not (rows.recorded and own.is_recorded)}
