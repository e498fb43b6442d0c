"""What the codes of a categorical variable enter the network as where that is not one-hot."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["class_features", "smoothing_map"]

# Largest number of radial basis functions, and their standard deviation in distances between centres.
_MAX_CENTRES = 40
_RELATIVE_WIDTH = 2.0


def class_features(n_classes: int, coding: str, *, missing: bool) -> Tensor:
    """Return what each code enters the network as where that is not one-hot, (n_values, input_size)."""
    table = _features_of_classes(n_classes, coding)
    if not missing:
        return table
    # One more feature says whether the entry is missing; the others are 0 then.
    features = torch.zeros(n_classes + 1, table.shape[1] + 1)
    features[:-1, :-1], features[-1, -1] = table, 1.0
    return features


def _features_of_classes(n_values: int, coding: str) -> Tensor:
    codes = torch.arange(n_values, dtype=torch.float64)
    if coding == "radial-basis":
        centres = torch.linspace(0, n_values - 1, min(n_values, _MAX_CENTRES), dtype=torch.float64)
        width = _RELATIVE_WIDTH * max(n_values - 1, 1) / max(len(centres) - 1, 1)
        basis = torch.exp(-0.5 * ((codes[:, None] - centres) / width) ** 2)
        spread = basis.std(dim=0, correction=0).clamp(min=1e-12)
        return ((basis - basis.mean(dim=0)) / spread).float()
    return (codes / max(n_values - 1, 1) if coding == "scaled" else codes).float()[:, None]


def smoothing_map(n_classes: int, smooth: float, *, missing: bool) -> Tensor | None:
    """Return the matrix that averages logits along the classes, (K, K) with columns summing to 1."""
    if smooth == 0:
        return None
    codes = torch.arange(n_classes, dtype=torch.float64)
    weights = torch.exp(-0.5 * ((codes[:, None] - codes) / smooth) ** 2)
    weights /= weights.sum(dim=0)
    if missing:  # which is beside the classes
        weights = torch.nn.functional.pad(weights, (0, 1, 0, 1))
        weights[-1, -1] = 1
    return weights.float()
