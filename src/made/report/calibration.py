"""Whether what a model says of single columns is borne out: where held-out values lie in its conditionals."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.mixture import Mixture
from made.model import MADE
from made.support.uniforms import row_uniforms
from made.variables.discrete import Discrete
from made.variables.normal_interval import log_interval
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["LEVELS", "coverage", "places"]

Floats = NDArray[np.float64]

#: Of the intervals whose coverage is counted.
LEVELS = (0.5, 0.8, 0.95)


@torch.no_grad()
def places(model: MADE, rows: Rows, seed: int = 0) -> Floats:
    """Return where each value lies in its distribution given the columns before it, (n, D) in [0, 1].

    That is P(less) + u P(equal), u uniform: uniformly distributed where the model is right, for classes and
    numbers alike (Czado, Gneiting and Held, *Predictive model assessment for count data*, Biometrics 65,
    2009). Of several masks the first is asked, of several models the first.

    Parameters
    ----------
    model : MADE
        Whose distributions these are.
    rows : Rows
        Complete.
    seed : int
        Of u.

    Returns
    -------
    (n, D) float64 array
        NaN where an entry is missing.
    """
    own = model.members[0] if isinstance(model, Mixture) else model
    u = torch.from_numpy(row_uniforms(seed, 0, len(rows), own.n_variables))
    parts = []
    for first in range(0, len(rows), own.rows_per_batch):
        batch = own.variables.scored(rows[first : first + own.rows_per_batch].to(own.device))
        outputs = own.outputs(batch, mask=0)
        columns = [_place(own, outputs, batch, d) for d in range(own.n_variables)]
        below, mass = (torch.stack([pair[i] for pair in columns], dim=1).cpu() for i in (0, 1))
        parts.append(below + u[first : first + len(batch)] * mass)
    found: Floats = torch.cat(parts).numpy()
    return found


def coverage(places: Floats) -> dict[float, tuple[float, float]]:
    """Return of each of `LEVELS` which share of values lies in the middle interval of that level.

    With the standard error that this share would have if it were the level.

    Examples
    --------
    >>> coverage(np.linspace(0, 1, 100))[0.5]
    (0.5, 0.05)
    """
    there = places[~np.isnan(places)]
    n = max(len(there), 1)
    return {
        level: (float((np.abs(there - 0.5) <= level / 2).mean()), float(np.sqrt(level * (1 - level) / n)))
        for level in LEVELS
    }


def _place(model: MADE, outputs: Tensor, rows: Rows, variable: int) -> tuple[Tensor, Tensor]:
    """Return P(less) and P(equal) of the values of one variable, given that they are not missing."""
    variables = model.variables
    block, own = variables.block_of(variable), variables.outputs_of(outputs, variable)
    codes = rows.codes[:, variable].long()
    gone = codes == (-1 if block.missing_code is None else block.missing_code)
    if isinstance(block, Discrete):
        masses = block.log_probabilities(own).double().exp()[:, : block.n_classes]
        there = masses.sum(dim=1)
        inside = codes.clamp(max=block.n_classes - 1)[:, None]
        mass = masses.gather(1, inside)[:, 0]
        below, mass = (masses.cumsum(1).gather(1, inside)[:, 0] - mass) / there, mass / there
    else:
        assert isinstance(block, Numeric)
        assert variables.numbers is not None
        assert rows.bodies is not None
        number = variables.numbers.number_of(variable)
        below, mass = _place_of_number(model, own, codes, rows.bodies[:, number], number)
    return below.masked_fill(gone, torch.nan), mass.masked_fill(gone, torch.nan)


def _place_of_number(
    model: MADE, outputs: Tensor, codes: Tensor, bodies: Tensor, number: int
) -> tuple[Tensor, Tensor]:
    numbers = model.variables.numbers
    assert numbers is not None
    block, column = numbers.columns[number], numbers.alone(number).on(outputs.device)
    n_classes = block.n_class_outputs
    masses = torch.ones(len(outputs), 1, dtype=torch.float64, device=outputs.device)
    if n_classes:
        masses = torch.softmax(column.class_logits(outputs), dim=1)[:, : block.n_classes]
        masses = masses / masses.sum(dim=1, keepdim=True)
    own = outputs[:, n_classes:]
    atoms = torch.from_numpy(block.bodies_of_codes(codes.cpu().numpy(), bodies.cpu().numpy()))
    values = column.floats_of(atoms.to(outputs.device)[:, None])[:, 0]
    half = (block.step or 0.0) / 2
    ends = [column.scores.point(end[None])[0][0] for end in (values - half, values + half)]
    low, high = (end.to(torch.float64) for end in ends)
    none = torch.full_like(low, -torch.inf)
    below = masses[:, 0] * log_interval(own, none, low).exp()
    mass = torch.zeros_like(below)
    if block.step is not None:
        mass = masses[:, 0] * log_interval(own, low, high).exp()
    for code, spike in enumerate(block.spikes, start=1):
        below = below + masses[:, code] * (spike < values)
        mass = mass + masses[:, code] * (spike == values)
    return below, mass
