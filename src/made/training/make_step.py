"""Which kind of step suits a fit: compiled on the CPU, a graph on CUDA, or plain."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import torch

from made.base import BaseModel
from made.model import MADE
from made.training.captured_step import CapturedStep
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep, Step, StepKind
from made.variables.row_type import LogLikelihood

__all__ = ["likelihood_of", "make_step"]

_log = logging.getLogger(__name__)

# Compiling takes some seconds, once per machine: fits shorter than about half a minute are not compiled.
_MIN_MULTIPLICATIONS = 3e12
# From how many weights on compiled products are ahead of torch's, by the processor's vectors. Measured by
# benchmarks/bench_steps.py, but for NEON; on older processors they are not ahead.
_LEAST_WEIGHTS = {"AVX-512": 50_000, "AVX2": 50_000, "NEON": 50_000}


def make_step(model: BaseModel, settings: TrainingSettings, n_steps: int, kind: str | None = None) -> Step:
    """Return what takes the steps of a fit.

    Parameters
    ----------
    model : BaseModel
        On the device where it is trained.
    settings : TrainingSettings
        Its `compiled` overrules what would be chosen on the CPU.
    n_steps : int
        Their maximum number. The choice depends on this, the model, the settings and the processor alone: a
        fit gives the same numbers whether or not anything was compiled before.
    kind : str, optional
        What an earlier part of the fit was taken by: it is kept, unless `compiled` says otherwise.
    """
    possible = _possible(model, settings)
    chosen = _chosen(model, settings, n_steps, possible)
    if kind is not None and kind != chosen and settings.compiled is None:
        if kind in ("plain", *possible):
            chosen = kind
        else:
            _log.warning("goes on with %s steps: %s ones, as before, cannot be taken here", chosen, kind)
    if chosen == "captured":
        return CapturedStep(model, settings)
    if chosen == "plain":
        return PlainStep(model, settings)
    assert isinstance(model, MADE)
    try:
        from made.kernels.likelihood.log_likelihood import CompiledLikelihood
        from made.training.compiled_step import CompiledStep
    except ImportError:  # numba is there, and does not suit what else is
        return PlainStep(model, settings)
    if chosen == "compiled":
        return CompiledStep(model, settings)
    return PlainStep(model, settings, CompiledLikelihood(model.variables))


def likelihood_of(model: BaseModel, settings: TrainingSettings, n_steps: int) -> LogLikelihood | None:
    """Return the compiled likelihood for steps that are plain otherwise, where it pays; else None."""
    possible = _possible(model, settings)
    if "captured" in possible or _chosen(model, settings, n_steps, possible) == "plain":
        return None
    try:
        from made.kernels.likelihood.log_likelihood import CompiledLikelihood
    except ImportError:  # as above
        return None
    return CompiledLikelihood(model.variables)


def _chosen(
    model: BaseModel, settings: TrainingSettings, n_steps: int, possible: tuple[StepKind, ...]
) -> StepKind:
    if "captured" in possible:
        return "captured"
    if not possible:
        return "plain"
    weights = sum(weight.numel() for weight in model.network.weights)
    pays = 3.0 * weights * settings.batch_size * n_steps > _MIN_MULTIPLICATIONS
    if not (pays if settings.compiled is None else settings.compiled):
        return "plain"
    if "compiled" in possible and (settings.compiled or _is_ahead(weights)):
        return "compiled"
    return "compiled likelihood"


def _is_ahead(weights: int) -> bool:
    """Return whether compiled products with this number of weights are faster than torch's."""
    try:
        from made.kernels.jit.processor import PROCESSOR
    except ImportError:
        return False
    least = _LEAST_WEIGHTS.get(PROCESSOR.name)
    return least is not None and weights >= least


def _possible(model: BaseModel, settings: TrainingSettings) -> tuple[StepKind, ...]:
    """Return what kinds there are for a fit beside plain steps."""
    if CapturedStep.suits(model):
        return ("captured",)
    if (
        find_spec("numba") is None  # importing it takes half a second
        or not isinstance(model, MADE)
        or model.device.type != "cpu"
        or settings.precision != "float32"
    ):
        return ()
    has_one_product = (
        model.has_one_mask
        and model.network.biases[-1].dtype in (torch.float32, torch.float64)
        and PlainStep.rows_at_once(model, settings.batch_size) == settings.batch_size
    )
    return ("compiled", "compiled likelihood") if has_one_product else ("compiled likelihood",)
