"""Log p of each entry by the compiled loop, where numbers have spikes enough for that to pay."""

from __future__ import annotations

import functools
from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from made.kernels.likelihood.plan import Plan, make_plan
from made.support.following import is_followed
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["compiled_log_prob"]

# Densities at spikes: fewer take less time than to load compiled code.
_FEWEST = 2**16

_plans: WeakKeyDictionary[RowType, Plan] = WeakKeyDictionary()


def compiled_log_prob(variables: RowType, outputs: Tensor, rows: Rows) -> Tensor | None:
    """Return log p of each entry in nats, (n, D) float64, as `RowType.log_prob` does.

    None where that is the way to go: without many spikes inside bodies, of which every one takes as long as a
    number of its own; where torch differentiates or follows; in float64, and on other devices.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    outputs : (n, n_outputs) tensor
        Of the network.
    rows : Rows
        With their scores.
    """
    numbers = variables.numbers
    if numbers is None or len(outputs) * len(numbers.inside) < _FEWEST:
        return None
    is_plain = outputs.requires_grad or is_followed() or outputs.dtype != torch.float32
    find = None if is_plain or outputs.device.type != "cpu" else _loop()
    if find is None:
        return None
    if variables not in _plans:
        plan = make_plan(variables)
        if plan is None:
            return None
        _plans[variables] = plan
    assert rows.scores is not None
    log_prob, _ = find(_plans[variables], outputs, rows.codes, rows.scores)
    return log_prob.t()


@functools.cache
def _loop() -> Callable[[Plan, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """Return what runs the compiled loop, imported at the first call; None if numba is missing."""
    try:
        from made.kernels.likelihood import log_likelihood, loop
    except ImportError:
        return None
    log_likelihood.say_what_is_compiled(loop.log_likelihood_of_part)
    return log_likelihood.log_prob_and_slopes
