"""Particles of a model that has learned any ordering: half of them are drawn with what is given first.

Under mask k, particles that are drawn along its ordering weigh as much as they make what is given probable:
few count where much that is given comes late. With what is given first, the same network draws nearly from
the conditional. Here half are drawn in each way, and all are weighed by the mixture of both that they may
have come from (the balance heuristic, Veach & Guibas 1995), which is never off by more than a factor of two:

    p(x_G) = E[ p(x_G, x_B) / (s(x_B) / 2 + q(x_B | x_G) / 2) ],

B the unknown variables before the last given one, s how they are drawn along the ordering, q with G first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Density, Floats, States
from made.queries.quadrature import log_evidence
from made.queries.work import index
from made.variables.rows import Rows

__all__ = ["Proposal", "draw_and_weigh"]

#: Maps the number of a mask and (D,) groups to that mask with its ordering changed to go group by group.
Proposal = Callable[[int, IntArray], Density]

_GIVEN, _BETWEEN, _REST = 0, 1, 2


def draw_and_weigh(
    density: Density,
    proposal: Proposal,
    rows: Rows,
    begun: Rows,
    between: BoolArray,
    owner: IntArray,
    u: Floats,
    size: int,
) -> tuple[States, Floats]:
    """Return particles of some rows, and the logarithms of their weights, whose mean is p of what is given.

    Parameters
    ----------
    density : Density
        The mask.
    proposal : callable
        Returns it with what is given first.
    rows : Rows
        n rows.
    begun : Rows
        P particles to be drawn: what is known of the row of each, and labels that are no class.
    between : (n, D) bool array
        Unknown entries before the last given one. The others of a particle are not to be used.
    owner : (P,) int array
        The row of each particle, in ascending order.
    u : (P, D) array
        Uniforms.
    size : int
        How many rows go through the network at once.
    """
    known = rows.mask.cpu().numpy()
    states = density.sample(u, begun)
    groups = np.where(known, _GIVEN, np.where(between, _BETWEEN, _REST))
    patterns, which = np.unique(groups[owner], axis=0, return_inverse=True)
    drawn = [np.flatnonzero(which.reshape(-1) == number) for number in range(len(patterns))]
    given_first = [proposal(density.number, pattern) for pattern in patterns]
    for own, other in zip(drawn, given_first, strict=True):
        second = own[own % 2 == 1]
        states[second] = other.sample(u[second], begun[index(second)])

    def scored(asked: Density, some: IntArray, counted: BoolArray) -> Floats:
        own = states[some].rows(rows[index(owner[some])], counted[owner[some]])
        return np.concatenate([log_evidence(asked, part) for part in own.batches(size)])

    both, log_second = known | between, np.zeros(len(owner))
    for own, other in zip(drawn, given_first, strict=True):
        log_second[own] = scored(other, own, both) - scored(other, own, known)
    everyone = np.arange(len(owner))
    together = scored(density, everyone, both)
    log_first = together - scored(density, everyone, known)
    return states, together - (np.logaddexp(log_first, log_second) - np.log(2.0))
