"""Regions of the variables of a row: from conditions, their mass given what comes before, values in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.variables.allowed_values import region_of
from made.variables.conditions import RECORDED, Condition, Where, read_where
from made.variables.discrete import Discrete
from made.variables.many_classes import ManyClasses
from made.variables.normal_interval import log_interval, quantile_between
from made.variables.normal_mixture import quantile, quantiles
from made.variables.numeric import Numeric
from made.variables.region import Region
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["log_mass", "quantile_in", "quantiles_in", "regions_of", "with_masses"]

_BELOW_ONE = 1 - 2.0**-53


def regions_of(
    variables: RowType,
    where: Where | None,
    place_of: Callable[[Any], int],
    name_of: Callable[[int], str],
    *,
    recorded: bool = False,
) -> dict[int, Region]:
    """Return what conditions allow of each variable that they are about.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    where : mapping, str or sequence of str, optional
        Conditions by column, or as text; see `conditions.read_where`.
    place_of, name_of : callables
        Map what a column is called to its number, and back.
    recorded : bool
        No variable is missing.
    """
    conditions: dict[int, list[Condition]] = read_where(where, place_of)
    if recorded:
        for d, block in variables.columns():
            if block.missing:
                conditions.setdefault(d, []).append(RECORDED)
    return {d: region_of(variables.block_of(d), own, name_of(d)) for d, own in sorted(conditions.items())}


def log_mass(variables: RowType, outputs: Tensor, variable: int, region: Region) -> Tensor:
    """Return log P(x_d in the region | the variables before it), (rows,) float64.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    outputs : (rows, n_outputs) tensor
        Of the network.
    variable : int
        d.
    region : Region
        Of that variable.
    """
    return torch.logsumexp(_parts(variables, outputs, variable, region), dim=1)


def with_masses(variables: RowType, outputs: Tensor, log_prob: Tensor, rows: Rows) -> Tensor:
    """Return log p of each variable, (n, D), with log P of its region for each unknown entry that has one.

    Parameters
    ----------
    variables, outputs
        As for `log_mass`.
    log_prob : (n, D) tensor
        Of the values that rows hold.
    rows : Rows
        Say which entries are known, and have regions.
    """
    log_prob = log_prob.clone()
    for variable, region in (rows.regions or {}).items():
        own = (~rows.mask[:, variable]).nonzero()[:, 0]
        if len(own):
            log_prob[own, variable] = log_mass(variables, outputs[own], variable, region).to(log_prob.dtype)
    return log_prob


def quantile_in(
    variables: RowType, outputs: Tensor, variable: int, uniforms: Tensor, region: Region
) -> tuple[Tensor, Tensor | None]:
    """Return codes (rows,), and bodies where it is numeric, at the uniforms (rows,) of what a region has.

    The uniform picks an interval, a class or an atom and, scaled up, the value; see `log_mass`.
    """
    parts = _parts(variables, outputs, variable, region)
    mass = torch.softmax(parts, dim=1)
    cumulated = mass.cumsum(1)
    inside = (uniforms + 2.0**-54).clamp(max=_BELOW_ONE)
    at = torch.searchsorted(cumulated, (inside * cumulated[:, -1])[:, None].contiguous(), right=True)[:, 0]
    last = torch.where(mass > 0, torch.arange(mass.shape[1], device=mass.device), 0).amax(dim=1)
    at = torch.minimum(at, last)
    block = variables.block_of(variable)
    if isinstance(block, ManyClasses):
        own_mass = mass.gather(1, at[:, None])[:, 0]
        before = cumulated.gather(1, at[:, None])[:, 0] - own_mass
        return block.codes_within(at, ((inside - before) / own_mass).clamp(0, 1), region.codes), None
    if not isinstance(block, Numeric):
        return at, None
    n_intervals = len(region.low)
    own_part = at.cpu().numpy()
    codes = np.where(own_part < n_intervals, 0, own_part - n_intervals + 1)
    bodies = np.zeros(len(at), dtype=np.int64)
    if n_intervals:
        which = at.clamp(max=n_intervals - 1)
        before = torch.cat([torch.zeros_like(cumulated[:, :1]), cumulated], dim=1)
        share = inside - before.gather(1, which[:, None])[:, 0]
        share = (share / mass.gather(1, which[:, None])[:, 0]).clamp(2.0**-54, _BELOW_ONE)
        low, high = (torch.from_numpy(end).to(outputs.device)[which] for end in (region.low, region.high))
        own = variables.outputs_of(outputs, variable)[:, block.n_class_outputs :]
        is_whole = bool(np.isinf(region.low).all() and np.isinf(region.high).all())
        z = (quantile(own, share) if is_whole else quantile_between(own, share, low, high)).cpu()
        bodies = _bodies(variables, variable, z, region, which.cpu().numpy())
    codes = np.where(codes == 0, block.codes_of(bodies), codes)
    bodies = block.bodies_of_codes(codes, bodies)
    return torch.from_numpy(codes).to(outputs.device), torch.from_numpy(bodies).to(outputs.device)


def quantiles_in(
    variables: RowType, outputs: Tensor, variable: int, uniforms: Tensor, region: Region
) -> tuple[Tensor, Tensor | None]:
    """Return codes (rows, M), and bodies, at each of the uniforms (M,) in every row; see `quantile_in`."""
    block, (n, n_each) = variables.block_of(variable), (len(outputs), len(uniforms))
    is_whole = bool(np.isneginf(region.low).all() and np.isposinf(region.high).all())
    if not (isinstance(block, Numeric) and is_whole and len(region.low) == 1 and not region.codes[1:].any()):
        repeated = outputs.repeat_interleave(n_each, dim=0)
        codes, bodies = quantile_in(variables, repeated, variable, uniforms.repeat(n), region)
        return codes.view(n, n_each), None if bodies is None else bodies.view(n, n_each)
    inside = (uniforms + 2.0**-54).clamp(max=_BELOW_ONE)
    own = variables.outputs_of(outputs, variable)[:, block.n_class_outputs :]
    z = quantiles(own, inside).cpu().flatten()
    found = _bodies(variables, variable, z, region, np.zeros(len(z), dtype=np.int64))
    of_body = block.codes_of(found)
    found = block.bodies_of_codes(of_body, found)
    codes, bodies = (torch.from_numpy(part).to(outputs.device) for part in (of_body, found))
    return codes.view(n, n_each), bodies.view(n, n_each)


def _parts(variables: RowType, outputs: Tensor, variable: int, region: Region) -> Tensor:
    """Return log mass of each interval of a body, then of each class or atom: -inf where not allowed."""
    block, own = variables.block_of(variable), variables.outputs_of(outputs, variable)
    if isinstance(block, ManyClasses):
        return block.log_masses(own, region.codes)
    allowed = torch.from_numpy(region.codes).to(outputs.device)
    if isinstance(block, Discrete):
        return block.log_probabilities(own).masked_fill(~allowed, -torch.inf)
    assert isinstance(block, Numeric)
    assert variables.numbers is not None
    n_classes = block.n_class_outputs
    if n_classes:
        column = variables.numbers.alone(variables.numbers.number_of(variable)).on(outputs.device)
        of_codes = torch.log_softmax(column.class_logits(own), dim=1)
    else:
        of_codes = own.new_zeros((len(own), 1), dtype=torch.float64)
    atoms = of_codes[:, 1:].masked_fill(~allowed[1:], -torch.inf)
    low, high = (torch.from_numpy(end).to(outputs.device) for end in (region.low, region.high))
    bodies = log_interval(own[:, None, n_classes:], low[None], high[None]) + of_codes[:, :1]
    return torch.cat([bodies.expand(-1, len(region.low)), atoms], dim=1)


def _bodies(
    variables: RowType, variable: int, z: Tensor, region: Region, which: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the bodies of normal scores, each within its interval."""
    assert variables.numbers is not None
    number = variables.numbers.number_of(variable)
    column = variables.numbers.columns[number]
    values = variables.numbers.alone(number).scores.values(z[None])[0].numpy()
    least, most = region.least[which], region.most[which]
    if column.step is None:
        return column.bodies_near(np.clip(values, least, most))
    points: NDArray[np.int64] = np.clip(column.bodies_near(values), least, most)
    return points
