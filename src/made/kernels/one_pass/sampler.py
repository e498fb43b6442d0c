"""One-pass sampling wherever the weights are: compiled loops on the CPU, torch operations elsewhere."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.kernels.one_pass.number_tables import NumberTables, make_tables
from made.kernels.one_pass.plan_cache import PlanCache, parameters_of
from made.kernels.one_pass.supported import unsupported
from made.masks.degrees import Mask
from made.network.network import Network
from made.support import uniforms
from made.variables.row_type import RowType

if TYPE_CHECKING:
    from made.kernels.one_pass.on_torch import TorchSampler
    from made.kernels.one_pass.plan import Plan

__all__ = ["OnePassSampler", "row_uniforms"]

_log = logging.getLogger(__name__)


class OnePassSampler:
    """Samples rows in one pass, and keeps what it derived for the latest mask: copies of it are empty."""

    def __init__(self) -> None:
        self._plans = PlanCache()
        self._latest: tuple[Plan, TorchSampler] | None = None
        self._tables: tuple[RowType, NumberTables | None] | None = None
        self._checked: tuple[RowType, str] | None = None
        self._is_supported = True

    def supports(self, network: Network, variables: RowType) -> bool:
        """Return whether a model can be sampled in one pass; what keeps it from that is logged once."""
        asked = (variables, network.activation)
        if self._checked != asked:
            reason = unsupported(network, variables)
            if reason is not None:
                _log.warning("one-pass sampling does not support %s: it takes D passes, more slowly", reason)
            self._checked, self._is_supported = asked, reason is None
        return self._is_supported

    def sample(
        self,
        network: Network,
        variables: RowType,
        mask: Any,
        make_mask: Callable[[Any], Mask],
        u: NDArray[np.float64],
        codes: Tensor | None = None,
        known: Tensor | None = None,
        features: Tensor | None = None,
        bodies: Tensor | None = None,
        *,
        recorded: bool | NDArray[np.bool_] = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Sample rows from uniforms, with a model that it `supports`.

        Parameters
        ----------
        network : Network
            Its weights may change between calls.
        variables : RowType
            What the columns are.
        mask : hashable
            What names the mask.
        make_mask : callable
            Maps that to the mask.
        u : (n, D) float64 array
            ``u[:, d]`` decides variable d, through the inverse of its CDF.
        codes : (n, D) integer tensor, optional
            Codes of the known entries, where the weights are; what it holds elsewhere does not matter.
        known : (n, D) bool tensor, optional
            Which entries are known; given together with `codes`. By default none is, and all are sampled.
        features : (n, C) tensor, optional
            Context features of each row.
        bodies : (n, B) int64 tensor, optional
            Those of known entries, where there are B numeric variables; given together with `codes`.
        recorded : bool or (D,) bool array
            Whether no entry that is sampled is missing; on the CPU, for each variable.

        Returns
        -------
        codes : (n, D) tensor, where the weights are
        bodies : (n, B) int64 tensor, or None where there are no numeric variables
        """
        plan = self._plans.get(network, variables, mask, make_mask)
        device, dtype = parameters_of(network)[0].device, variables.dtype
        compiled = _compiled() if device.type == "cpu" else None
        if compiled is not None:
            code_type = np.uint8 if dtype == torch.uint8 else np.int64
            arrays = [None if x is None else x.numpy() for x in (codes, known, features)]
            tables, own = self._tables_of(variables), None
            if tables is not None:
                given = np.zeros((len(u), len(tables.last)), np.int64) if bodies is None else bodies.numpy()
                own = np.array(given, dtype=np.int64, order="C")
            if isinstance(recorded, np.ndarray):
                plan = plan._replace(n_drawn=np.where(recorded, plan.n_recorded, plan.n_drawn))
            elif recorded:
                plan = plan.of_recorded
            sampled = compiled.sample(plan, u, *arrays, dtype=code_type, tables=tables, bodies=own)
            return torch.from_numpy(sampled), None if own is None else torch.from_numpy(own)
        sampler = self._on_device(plan, variables, device)
        own_codes = None if codes is None else codes.to(device, torch.int64)
        own_known, own_bodies = (None if x is None else x.to(device) for x in (known, bodies))
        u_there = torch.from_numpy(u).to(device)
        drawn, found = sampler(u_there, own_codes, own_known, features, own_bodies, recorded=bool(recorded))
        return drawn.to(dtype), found

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty one."""
        return OnePassSampler, ()

    def _tables_of(self, variables: RowType) -> NumberTables | None:
        if self._tables is None or self._tables[0] is not variables:
            self._tables = (variables, make_tables(variables))
        return self._tables[1]

    def _on_device(self, plan: Plan, variables: RowType, device: torch.device) -> TorchSampler:
        from made.kernels.one_pass.on_torch import TorchSampler

        if self._latest is None or self._latest[0] is not plan or self._latest[1].device != device:
            self._latest = (plan, TorchSampler(plan, variables, device))
        return self._latest[1]


def row_uniforms(seed: int, first: int, n: int, width: int) -> NDArray[np.float64]:
    """Return the uniforms of rows, by all threads if numba is there; see `uniforms.row_uniforms`."""
    compiled = _compiled()
    return (uniforms.row_uniforms if compiled is None else compiled.row_uniforms)(seed, first, n, width)


class _Compiled(NamedTuple):
    sample: Callable[..., NDArray[Any]]
    row_uniforms: Callable[[int, int, int, int], NDArray[np.float64]]


@functools.cache
def _compiled() -> _Compiled | None:
    """Return the compiled functions, imported at the first call; None if numba is missing."""
    try:
        from made.kernels.one_pass.batch import sample_one_pass
        from made.kernels.one_pass.philox import row_uniforms as by_all_threads
    except ImportError:
        return None
    return _Compiled(sample_one_pass, by_all_threads)
