"""Which kind of step suits a fit: compiled on the CPU, a graph on CUDA, or plain."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from made.base import BaseModel
from made.model import MADE
from made.training.captured_step import CapturedStep
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep, Step

__all__ = ["make_step"]

# Compiling takes some seconds, once per machine: fits shorter than about half a minute are not compiled.
_MIN_MULTIPLICATIONS = 3e12


def make_step(model: BaseModel, settings: TrainingSettings, n_steps: int) -> Step:
    """Return what takes the steps of a fit.

    Parameters
    ----------
    model : BaseModel
        On the device where it is trained.
    settings : TrainingSettings
        Its `compiled` overrules what would be chosen on the CPU.
    n_steps : int
        Their maximum number. The choice depends on this, the model and the settings alone: a fit gives the
        same numbers whether or not anything was compiled before.
    """
    if CapturedStep.suits(model):
        return CapturedStep(model, settings)
    if not _can_be_compiled(model, settings):
        return PlainStep(model, settings)
    weights = sum(weight.numel() for weight in model.network.weights)
    pays = 3.0 * weights * settings.batch_size * n_steps > _MIN_MULTIPLICATIONS
    if not (pays if settings.compiled is None else settings.compiled):
        return PlainStep(model, settings)
    try:
        from made.kernels.likelihood.log_likelihood import CompiledLikelihood
        from made.training.compiled_step import CompiledStep
    except ImportError:  # numba is there, and does not suit what else is
        return PlainStep(model, settings)
    if _has_one_product(model, settings):
        assert isinstance(model, MADE)
        return CompiledStep(model, settings)
    return PlainStep(model, settings, CompiledLikelihood(model.variables))


def _can_be_compiled(model: BaseModel, settings: TrainingSettings) -> bool:
    return (
        find_spec("numba") is not None  # importing it takes half a second
        and isinstance(model, MADE)
        and model.device.type == "cpu"
        and settings.precision == "float32"
    )


def _has_one_product(model: BaseModel, settings: TrainingSettings) -> bool:
    """Return whether the products are compiled too: those of one mask, with all rows at once."""
    return (
        isinstance(model, MADE)
        and model.has_one_mask
        and model.network.biases[-1].dtype in (torch.float32, torch.float64)
        and PlainStep.rows_at_once(model, settings.batch_size) == settings.batch_size
    )
