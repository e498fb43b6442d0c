"""One-pass sampling wherever the weights are: compiled loops on the CPU, torch operations elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.kernels.one_pass.plan_cache import PlanCache, parameters_of
from made.masks.degrees import Mask
from made.masks.ordering import IntArray
from made.network.network import Network
from made.support import uniforms
from made.variables.row_type import RowType

if TYPE_CHECKING:
    from made.kernels.one_pass.on_torch import TorchSampler
    from made.kernels.one_pass.plan import Plan

__all__ = ["OnePassSampler", "row_uniforms"]


class OnePassSampler:
    """Draws rows in one pass, and keeps what it derived for the latest mask: copies of it are empty."""

    def __init__(self) -> None:
        self._plans = PlanCache()
        self._latest: tuple[Plan, TorchSampler] | None = None

    def draw(
        self,
        network: Network,
        variables: RowType,
        mask: Any,
        make_mask: Callable[[Any], Mask],
        u: NDArray[np.float64],
        codes: IntArray | None,
        features: Tensor | None,
    ) -> Tensor:
        """Draw rows from uniforms.

        Parameters
        ----------
        network : Network
            Its weights may change between draws.
        variables : RowType
            What the columns are.
        mask : hashable
            What names the mask.
        make_mask : callable
            Maps that to the mask.
        u : (n, D) float64 array
            ``u[:, d]`` decides variable d, through the inverse of its CDF.
        codes : (n, D) int array, optional
            Codes that are given, and -1 where one is to be drawn. By default all are drawn.
        features : (n, C) tensor, optional
            Context features of each row.

        Returns
        -------
        (n, D) tensor of codes, where the weights are
        """
        plan = self._plans.get(network, variables, mask, make_mask)
        device, dtype = parameters_of(network)[0].device, variables.dtype
        compiled = _compiled() if device.type == "cpu" else None
        if compiled is not None:
            own = None if features is None else features.numpy()
            drawn = compiled.sample(plan, u, codes, own, dtype=np.uint8 if dtype == torch.uint8 else np.int64)
            return torch.from_numpy(drawn)
        given = None if codes is None else torch.from_numpy(codes).to(device)
        sampler = self._on_device(plan, variables, device)
        return sampler(torch.from_numpy(u).to(device), given, features).to(dtype)

    def __reduce__(self) -> Any:
        """Copy and pickle as one that knows nothing yet."""
        return OnePassSampler, ()

    def _on_device(self, plan: Plan, variables: RowType, device: torch.device) -> TorchSampler:
        from made.kernels.one_pass.on_torch import TorchSampler

        if self._latest is None or self._latest[0] is not plan or self._latest[1].device != device:
            self._latest = (plan, TorchSampler(plan, variables, device))
        return self._latest[1]


def row_uniforms(seed: int, first: int, n: int, width: int) -> NDArray[np.float64]:
    """Return the uniforms of rows, by all threads where that can be; see `uniforms.row_uniforms`."""
    compiled = _compiled()
    return (uniforms.row_uniforms if compiled is None else compiled.row_uniforms)(seed, first, n, width)


class _Compiled(NamedTuple):
    sample: Callable[..., NDArray[Any]]
    row_uniforms: Callable[[int, int, int, int], NDArray[np.float64]]


@functools.cache
def _compiled() -> _Compiled | None:
    """Return the compiled functions, looked up once; None where numba is missing."""
    try:
        from made.kernels.one_pass.batch import sample_one_pass
        from made.kernels.one_pass.philox import row_uniforms as by_all_threads
    except ImportError:
        return None
    return _Compiled(sample_one_pass, by_all_threads)
