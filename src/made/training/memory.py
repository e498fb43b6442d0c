"""How much memory a fit takes beside its rows, estimated from sizes; what does not fit is refused before."""

from __future__ import annotations

from made.base import BaseModel
from made.support.resources import check_memory

__all__ = ["check_fit", "fit_bytes"]

# Copies of the weights in a fit: weights, masks, gradient, two moments, average, best, checkpoint.
_COPIES, _FLOAT = 8, 4
# Activations that a step keeps, as multiples of what the layers give.
_KEPT = 4


def fit_bytes(n_weights: float, n_units: float) -> int:
    """Return about how many bytes a fit takes.

    Parameters
    ----------
    n_weights : float
        Those that masks set to zero included.
    n_units : float
        Inputs, units and outputs of all rows of a batch.

    Examples
    --------
    >>> fit_bytes(n_weights=1_000_000, n_units=100_000)
    33600000
    """
    return int(_FLOAT * (_COPIES * n_weights + _KEPT * n_units))


def check_fit(model: BaseModel, batch_size: int, n_rows: int) -> None:
    """Raise an `InputError` where a model on the CPU cannot be fitted with the memory that is free."""
    if model.device.type != "cpu":
        return
    widths = model.widths
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    # The weights themselves are there.
    needed = fit_bytes(n_weights, min(batch_size, n_rows) * sum(widths)) - _FLOAT * n_weights
    layers = "-".join(map(str, widths))
    check_memory(
        needed, f"fitting a network of layers {layers}", "take smaller hidden layers, or a smaller batch_size"
    )
