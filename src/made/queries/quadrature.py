"""Evidence of rows with unknown numbers in between, by numerical integration.

An unknown number x_d that comes before something given is integrated over u in [0, 1], with x_d = F^-1(u),
given what comes before it, so that its own density drops out:

    p(x_G) = sum over atoms + P(body) * integral over u of p(x_G | the variables before it)

Other unknown variables in between are summed over. An integral is a Gauss-Kronrod rule of 15 nodes on panels
(Kronrod 1965), whose difference to the Gauss rule on 7 of these nodes tells its error. With one number, the
panels of the largest errors are split once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Density, Floats, States
from made.queries.value_sets import ValueSet
from made.variables.rows import Rows

__all__ = ["MOST_NUMBERS", "integrate", "log_evidence", "n_nodes", "panel_rule"]

#: Largest number of variables that are integrated over together.
MOST_NUMBERS = 2
# Abscissae above 0 and weights of the Gauss-Kronrod rule of 15 nodes on [-1, 1], from the outside in.
_ABSCISSAE = np.array(
    [
        *(0.991455371120812639206854697526329, 0.949107912342758524526189684047851),
        *(0.864864423359769072789712788640926, 0.741531185599394439863864773280788),
        *(0.586087235467691130294144691258380, 0.405845151377397166906606412076961),
        *(0.207784955007898467600689403773245, 0.0),
    ]
)
_KRONROD = np.array(
    [
        *(0.022935322010529224963732008058970, 0.063092092629978553290700663189204),
        *(0.104790010322250183839876322541518, 0.140653259715525918745189590510238),
        *(0.169004726639267902826583426598550, 0.190350578064785409913256402421014),
        *(0.204432940075298892414161999234649, 0.209482141084727828012999174891714),
    ]
)
_NODES = np.concatenate([-_ABSCISSAE, _ABSCISSAE[-2::-1]])
_WEIGHTS = np.concatenate([_KRONROD, _KRONROD[-2::-1]])
_GAUSS = np.zeros(15)
_GAUSS[1::2] = np.polynomial.legendre.leggauss(7)[1]
# Panels end at these normal scores: what is given may speak for values far out.
_EDGES = [-np.inf, *np.linspace(-4.0, 4.0, 15), np.inf]
_EDGES_OF_TWO = [-np.inf, 0.0, np.inf]
# The panels that are split, into how many, and the relative error above which that is done.
_SPLIT, _INTO, _ACCURATE = 8, 4, 1e-5


def n_nodes(n_numbers: IntArray) -> IntArray:
    """Return the number of nodes with which the integral over `n_numbers` variables begins.

    Examples
    --------
    >>> n_nodes(np.array([0, 1, 2])).tolist()
    [1, 240, 900]
    """
    of_one, of_two = 15 * (len(_EDGES) - 1), (15 * (len(_EDGES_OF_TWO) - 1)) ** 2
    return np.where(n_numbers == 0, 1, np.where(n_numbers == 1, of_one, of_two))


def panel_rule(scores: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """Return nodes u in (0, 1), 15 for each panel, and their weights by the rules of Kronrod and of Gauss.

    Parameters
    ----------
    scores : sequence of float
        The normal scores at which panels end, from -inf to inf.

    Examples
    --------
    >>> u, kronrod, _ = panel_rule([-np.inf, 0.0, np.inf])
    >>> len(u), bool(np.isclose((kronrod * u**2).sum(), 1 / 3))
    (30, True)
    """
    edges = torch.special.ndtr(torch.tensor(scores, dtype=torch.float64)).numpy()
    half = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + half + half * _NODES
    return u.ravel(), (half * _WEIGHTS).ravel(), (half * _GAUSS).ravel()


@dataclass(frozen=True)
class _Question:
    """Rows with the same variables in between.

    Attributes
    ----------
    density : Density
        The mask that is asked.
    rows : Rows
        With what is given.
    between : IntArray
        The variables to sum or to integrate over.
    sets : sequence of D ValueSet
        Their values.
    at_once : int
        How many states are scored together.
    """

    density: Density
    rows: Rows
    between: IntArray
    sets: Sequence[ValueSet]
    at_once: int

    def of(self, some: IntArray) -> _Question:
        """Return the same about some of the rows."""
        return replace(self, rows=self.rows[torch.from_numpy(some)])


def integrate(
    density: Density, rows: Rows, between: BoolArray, sets: Sequence[ValueSet], at_once: int
) -> tuple[Floats, Floats]:
    """Return log p of what is given, and a bound on its error, (n,) each, in nats.

    Parameters
    ----------
    density : Density
        The mask that is asked.
    rows : Rows
        With what is given.
    between : (n, D) bool array
        The unknown variables that come before something given: at most `MOST_NUMBERS` are integrated over.
    sets : sequence of D ValueSet
        The values of each.
    at_once : int
        How many states are scored together.
    """
    log_prob, error = np.zeros((2, len(rows)))
    patterns, which = np.unique(between, axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        chosen = np.flatnonzero(which.reshape(-1) == i)
        asked = _Question(density, rows, np.flatnonzero(pattern), sets, at_once).of(chosen)
        log_prob[chosen], error[chosen] = _integral(asked)
    return log_prob, error


def _integral(asked: _Question) -> tuple[Floats, Floats]:
    """Return log p and the bound on its error, for rows of one pattern."""
    numbers = [int(d) for d in asked.between if asked.sets[d].has_nodes]
    log_total, log_error = np.full((2, len(asked.rows)), -np.inf)
    for chosen in product([False, True], repeat=len(numbers)):
        bodies = [d for d, is_body in zip(numbers, chosen, strict=True) if is_body]
        discrete = [int(d) for d in asked.between if d not in bodies]
        if any(len(asked.sets[d]) == 0 for d in discrete):
            continue
        own, own_error = _by_panels(asked, discrete, bodies)
        log_total, log_error = np.logaddexp(log_total, own), np.logaddexp(log_error, own_error)
    with np.errstate(invalid="ignore"):
        error = np.where(np.isneginf(log_total), 0.0, np.exp(log_error - log_total))
    return log_total, error


def _by_panels(asked: _Question, discrete: list[int], bodies: list[int]) -> tuple[Floats, Floats]:
    """Return log of the integral over some bodies, summed over the other variables, and of its error."""
    if not bodies:
        none = np.full(len(asked.rows), -np.inf)
        nodes = np.zeros((len(asked.rows), 1, 0))
        return np.logaddexp.reduce(_log_values(asked, discrete, bodies, nodes), axis=(1, 2)), none
    if len(bodies) == 2:
        return _tensor_rule(asked, discrete, bodies)
    z = torch.tensor(_EDGES, dtype=torch.float64)
    edges = np.broadcast_to(torch.special.ndtr(z).numpy(), (len(asked.rows), len(z)))
    low, high = edges[:, :-1], edges[:, 1:]
    by_rule = _one_rule(asked, discrete, bodies, low, high)
    total, errors = np.logaddexp.reduce(by_rule[0], axis=1), _log_difference(*by_rule)
    log_error = np.logaddexp.reduce(errors, axis=1)
    poor = np.flatnonzero(log_error - total > np.log(_ACCURATE))
    if len(poor):
        worst = np.argsort(-errors[poor], axis=1)[:, :_SPLIT]
        parts = np.linspace(0, 1, _INTO + 1)
        begin, width = (np.take_along_axis(a[poor], worst, 1) for a in (low, high - low))
        cuts = begin[:, :, None] + width[:, :, None] * parts
        shape = (len(poor), -1)
        finer = _one_rule(
            asked.of(poor), discrete, bodies, cuts[:, :, :-1].reshape(shape), cuts[:, :, 1:].reshape(shape)
        )
        left, rest = by_rule[0][poor].copy(), errors[poor].copy()
        np.put_along_axis(left, worst, -np.inf, 1)
        np.put_along_axis(rest, worst, -np.inf, 1)
        total[poor] = np.logaddexp.reduce(np.concatenate([left, finer[0]], axis=1), axis=1)
        log_error[poor] = np.logaddexp.reduce(np.concatenate([rest, _log_difference(*finer)], axis=1), axis=1)
    return total, log_error


def _one_rule(
    asked: _Question, discrete: list[int], bodies: list[int], low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    """Return log of the integral over each panel, (n, P), by the rule of Kronrod and by that of Gauss."""
    n, n_panels = low.shape
    half = (high - low) / 2
    u = (low + half)[:, :, None] + half[:, :, None] * _NODES
    values = _log_values(asked, discrete, bodies, u.reshape(n, -1, 1))
    values = np.logaddexp.reduce(values, axis=1).reshape(n, n_panels, 15)
    with np.errstate(divide="ignore"):
        weights = [np.log(rule) + np.log(half)[:, :, None] for rule in (_WEIGHTS, _GAUSS)]
    by_kronrod, by_gauss = (np.logaddexp.reduce(values + own, axis=2) for own in weights)
    return by_kronrod, by_gauss


def _tensor_rule(asked: _Question, discrete: list[int], bodies: list[int]) -> tuple[Floats, Floats]:
    """Return log of the integral over two bodies, and of its error, (n,) each."""
    u, *rules = panel_rule(_EDGES_OF_TWO)
    nodes = np.stack(np.meshgrid(u, u, indexing="ij"), axis=-1).reshape(1, -1, 2)
    values = _log_values(asked, discrete, bodies, np.broadcast_to(nodes, (len(asked.rows), *nodes.shape[1:])))
    values = np.logaddexp.reduce(values, axis=1)
    with np.errstate(divide="ignore"):  # the rule of Gauss has half of the nodes
        logs = [np.log(rule) for rule in rules]
    found = [np.logaddexp.reduce(values + (one[:, None] + one).ravel(), axis=1) for one in logs]
    return found[0], _log_difference(*found)


def _log_values(asked: _Question, discrete: list[int], bodies: list[int], nodes: Floats) -> Floats:
    """Return log p of what is given together with each state, (n, S, M).

    Parameters
    ----------
    asked : _Question
        About n rows.
    discrete, bodies : lists of int
        The variables in S states that are listed, and those of which M nodes are given.
    nodes : (n, M, len(bodies)) array
        Shares of F of each body.
    """
    rows, n_rows = asked.rows, len(asked.rows)
    sets = [asked.sets[d] for d in discrete]
    sizes = [len(own) for own in sets]
    n_states, n_nodes_each = math.prod(sizes), nodes.shape[1]
    listed = np.indices(sizes).reshape(len(sets), n_states)  # (variables, S)
    known = rows.mask.cpu().numpy()
    # What comes after all that is given does not matter: as good as known.
    to_draw = np.zeros(known.shape[1], dtype=bool)
    to_draw[bodies] = True
    counted = known.copy()
    counted[:, discrete] = True
    regions = dict(rows.regions or {})
    regions |= {d: own for d in bodies if (own := asked.sets[d].body) is not None}
    found = np.empty(n_rows * n_states * n_nodes_each)
    for first in range(0, len(found), asked.at_once):
        number = np.arange(first, min(first + asked.at_once, len(found)))
        owner, state, node = np.unravel_index(number, (n_rows, n_states, n_nodes_each))
        part = rows[torch.from_numpy(owner)]
        states = States.of(part)
        for d, values, at in zip(discrete, sets, listed, strict=True):
            states.codes[:, d] = values.codes[at[state]]
            if values.place is not None:
                states.bodies[:, values.place] = values.bodies[at[state]]
        like = replace(part, regions=regions)
        if bodies:
            u = np.full(states.codes.shape, 0.5)
            u[:, bodies] = nodes[owner, node]
            begun = states.rows(like, np.broadcast_to(~to_draw, states.codes.shape).copy())
            states = asked.density.sample(u, begun)
        found[number] = log_evidence(asked.density, states.rows(like, counted[owner]))
    return found.reshape(n_rows, n_states, n_nodes_each)


def log_evidence(density: Density, rows: Rows) -> Floats:
    """Return log p of what is known in each row and of the regions of what is not, (n,).

    Entries that are not known hold values: of those, what comes later depends on them.
    """
    counted = rows.mask.cpu().numpy()
    if rows.regions:
        counted = counted | np.isin(np.arange(counted.shape[1]), list(rows.regions))
    scores: Floats = np.where(counted, density.log_prob(rows), 0).sum(axis=1)
    return scores


def _log_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Floats:
    """Return log |exp(a) - exp(b)|."""
    most, least = np.maximum(a, b), np.minimum(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(np.isneginf(most), -np.inf, most + np.log(-np.expm1(least - most)))
    return found
