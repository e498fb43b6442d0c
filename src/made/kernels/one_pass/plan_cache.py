"""The latest plan of a model, kept for as long as its weights are what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from made.kernels.one_pass.plan import Plan, make_plan
from made.masks.degrees import Mask
from made.network.network import Network
from made.variables.row_type import RowType

__all__ = ["PlanCache", "parameters_of"]

# So many numbers of each parameter are compared.
_WATCHED = 16


class PlanCache:
    """Makes plans, and keeps the latest.

    Whether weights have changed is told from where they are, from torch's count of changes in place, and from
    some numbers of each parameter. So optimizers, loading and assigning are noticed, and what is written past
    torch's count (by way of ``weight.data`` or a numpy view) where it changes a parameter as a whole; of
    single weights changed that way, the cache must be told: `forget`.

    It is nothing but memory: copies and pickles of it are empty.

    Examples
    --------
    >>> import made
    >>> model, plans = made.MADE(made.Bernoulli(3), hidden=(4,)), PlanCache()
    >>> plan = plans.get(model.network, model.variables, 0, model.mask)
    >>> plan is plans.get(model.network, model.variables, 0, model.mask)
    True
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Make the plan anew when it is next asked for."""
        self._key: Any = None
        self._plan: Plan | None = None
        self._watched: list[Any] = []
        self._values: list[Any] = []

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
        key = (mask, variables, *((w.data_ptr(), w._version) for w in weights))
        if self._plan is None or self._key != key or self._values != _values(self._watched):
            own = make_mask(mask)
            self._plan = make_plan(network, own, variables)
            # Holding on to these views keeps the memory from being given to other weights.
            self._watched = [_some_of(w) for w in weights]
            self._key, self._values = key, _values(self._watched)
        return self._plan

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty cache."""
        return PlanCache, ()


def parameters_of(network: Network) -> list[Tensor]:
    """Return the parameters of a network; torch's own way, through all modules, takes a tenth of a row."""
    modules = (network, network.weights, network.biases)
    return [w for module in modules for w in module._parameters.values() if w is not None]


def _some_of(weight: Tensor) -> Any:
    """Return a view of some numbers of a parameter, spread over it."""
    flat = weight.detach().view(-1) if weight.is_contiguous() else weight.detach()
    some = flat[:: flat.shape[0] // _WATCHED | 1]  # an odd step meets all columns
    return some.numpy() if weight.device.type == "cpu" else some


def _values(watched: list[Any]) -> list[Any]:
    return [some.tobytes() if hasattr(some, "tobytes") else some.tolist() for some in watched]
