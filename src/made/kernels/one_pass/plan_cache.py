"""The latest plan of a model, kept as long as its weights do not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from made.kernels.one_pass.plan import Plan, make_plan
from made.kernels.weight_versions import versions
from made.masks.degrees import Mask
from made.network.network import Network
from made.variables.row_type import RowType

__all__ = ["PlanCache", "parameters_of"]


class PlanCache:
    """Makes plans, and keeps the latest until a weight changes.

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
        self._key: Any = None
        self._plan: Plan | None = None
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
        key = None if state is None else (mask, variables, state)
        if self._plan is None or key is None or self._key != key:
            self._plan = make_plan(network, make_mask(mask), variables)
            # Holding on to the memory keeps its addresses from being given to other weights.
            self._key, self._weights = key, [weight.detach() for weight in weights]
        return self._plan

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty cache."""
        return PlanCache, ()


def parameters_of(network: Network) -> list[Tensor]:
    """Return the parameters of a network; `Network.parameters` takes a tenth of the time of one row."""
    modules = (network, network.weights, network.biases)
    return [w for module in modules for w in module._parameters.values() if w is not None]
