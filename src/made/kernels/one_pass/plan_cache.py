"""The plans of a model that were used last, kept as long as its weights do not change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from made.kernels.one_pass.plan import Plan, make_plan
from made.kernels.weight_versions import versions
from made.masks.degrees import Mask
from made.network.network import Network
from made.variables.row_type import RowType

__all__ = ["PlanCache", "parameters_of"]


#: Bytes of plans that are kept beside the latest: a plan holds the active weights twice.
_MOST_BYTES, _MOST_PLANS = 2**28, 64


class PlanCache:
    """Makes plans, and keeps those used last until a weight changes.

    A mixture of K masks takes K plans for every batch: 64 are kept, of 256 MB at most, and always the latest.

    Changes are detected from the address and the version of each parameter (`weight_versions`): optimizers,
    loading, assignment and changes in place are noticed. Torch does not count what is written through
    ``weight.data`` or a numpy view: `torch.autograd.graph.increment_version` tells it.

    Copies and pickles of a cache are empty.

    Examples
    --------
    >>> import made
    >>> model, plans = made.MADE(made.Bernoulli(3), hidden=(4,)), PlanCache()
    >>> plan = plans.get(model.network, model.variables, 0, model.mask)
    >>> plan is plans.get(model.network, model.variables, 0, model.mask)
    True
    """

    def __init__(self) -> None:
        self._state: Any = None
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._weights: list[Tensor] = []

    def get(self, network: Network, variables: RowType, mask: Any, make_mask: Callable[[Any], Mask]) -> Plan:
        """Return the plan of a network under one mask.

        Parameters
        ----------
        network, variables
            What `make_plan` takes.
        mask : hashable
            Which mask it is: a number, or the mask itself.
        make_mask : callable
            Takes `mask` and returns the mask; called if there is a plan to make.
        """
        weights = parameters_of(network)
        state = versions(weights)
        if state is None or self._state != (variables, state):
            self._plans.clear()
            # Holding on to the memory keeps its addresses from being given to other weights.
            self._state, self._weights = (variables, state), [weight.detach() for weight in weights]
        plan = self._plans.get(mask)
        if plan is None:
            plan = make_plan(network, make_mask(mask), variables)
            self._plans[mask] = plan
            self._drop_oldest()
        self._plans.move_to_end(mask)
        return plan

    def _drop_oldest(self) -> None:
        total = sum(map(_size, self._plans.values()))
        while len(self._plans) > 1 and (total > _MOST_BYTES or len(self._plans) > _MOST_PLANS):
            total -= _size(self._plans.popitem(last=False)[1])

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty cache."""
        return PlanCache, ()


def _size(plan: Plan) -> int:
    return sum(part.nbytes for part in plan if isinstance(part, np.ndarray))


def parameters_of(network: Network) -> list[Tensor]:
    """Return all that a network computes with; `Network.parameters` takes a tenth of the time of one row."""
    modules = (network, network.weights, network.biases)
    own: list[Tensor] = [w for module in modules for w in module._parameters.values() if w is not None]
    return own if network.copula is None else [*own, *network.copula.buffers()]
