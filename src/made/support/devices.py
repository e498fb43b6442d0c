"""Where the arithmetic is done: the CPU, a GPU, or a GPU where there is one; and constants that follow it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor

from made.support.errors import InputError

__all__ = ["Constant", "OnDevices", "find_device"]

Own = TypeVar("Own", bound="OnDevices")


class OnDevices:
    """Something made on the CPU whose tensors are constants: each device that is asked for gets a copy, once.

    A CUDA graph cannot be captured where a constant is still to be carried to the device.

    Examples
    --------
    >>> class Scale(OnDevices):
    ...     def __init__(self):
    ...         self.factor = torch.tensor(2.0)
    >>> scale = Scale()
    >>> scale.on(torch.device("cpu")) is scale, scale.on(torch.device("meta")).factor.device.type
    (True, 'meta')
    """

    def on(self: Own, device: torch.device) -> Own:
        """Return this with its tensors on a device."""
        if device.type == "cpu":
            return self
        copies: dict[torch.device, Any] = self.__dict__.setdefault("_copies", {})
        if device not in copies:
            copies[device] = own = copy.copy(self)
            for name, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(own, name, value.to(device))
                elif isinstance(value, OnDevices):
                    setattr(own, name, value.on(device))
        found: Own = copies[device]
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle without the copies."""
        return {name: value for name, value in vars(self).items() if name != "_copies"}


class Constant(OnDevices):
    """One tensor that follows to each device.

    Examples
    --------
    >>> Constant(torch.ones(2)).on(torch.device("meta")).tensor.device.type
    'meta'
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


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
