"""Where the arithmetic is done: the CPU, a GPU, or a GPU where there is one."""

from __future__ import annotations

import torch

from made.support.errors import InputError

__all__ = ["find_device"]


def find_device(name: str | torch.device) -> torch.device:
    """Return a device that can be used here.

    Parameters
    ----------
    name : str or torch.device
        ``"auto"`` is CUDA where there is one, else the CPU.

    Raises
    ------
    InputError
        If there is no such device on this machine.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(f"device {str(name)!r} cannot be used here: say cpu, or leave it out") from error
