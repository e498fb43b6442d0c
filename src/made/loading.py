"""From a file back to the model that was saved."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

from made.autoencoder import Autoencoder
from made.base import BaseModel
from made.mixture import Mixture
from made.model import MADE
from made.model_files import check_model, check_numbers
from made.network.copula import Copula
from made.support.devices import find_device
from made.support.errors import InputError, fault_of
from made.support.files import read_tensors

__all__ = ["load"]

MODEL_KINDS: dict[str, type[BaseModel]] = {kind.kind: kind for kind in (MADE, Mixture, Autoencoder)}


def load(path: str | Path, device: str | torch.device = "cpu") -> MADE | Autoencoder:
    """Load a model that was saved with its ``save`` method.

    The file says how to build the model; it runs no code, and remembers no device.

    Parameters
    ----------
    path : path
        A model file, or the folder of a run.
    device : str or torch.device
        Where to put the weights; ``"auto"`` is CUDA where there is one.

    Returns
    -------
    MADE, Mixture or Autoencoder

    Raises
    ------
    InputError
        If the file is missing, truncated, damaged, of another program or of a newer made.

    Examples
    --------
    >>> import made, tempfile
    >>> model = made.MADE(made.Bernoulli(3), hidden=(4,))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     again = made.load(f"{folder}/model.safetensors")
    >>> bool((again.log_prob([[0, 1, 1]]) == model.log_prob([[0, 1, 1]])).all())
    True
    """
    place = find_device(device)
    if Path(path).is_dir():
        path = Path(path) / "model.safetensors"
        if not path.exists():
            raise InputError(f"{path.parent} holds no trained model: there is no {path.name} in it")
    kind, settings, tensors = read_tensors(path)
    if kind not in MODEL_KINDS:
        raise InputError(f"{path} holds a {kind}, not a model ({' or '.join(MODEL_KINDS)})")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            check_model(kind, settings, tensors)
            check_numbers(tensors)
            model = MODEL_KINDS[kind].from_settings(settings)
        model.load_state_dict(tensors)
        for part in model.modules():
            if isinstance(part, Copula):
                part.check()
    # A stranger's settings may be anything at all: whatever they make fail, it is the file that is wrong.
    except Exception as error:
        raise InputError(
            f"{path} does not describe a model that this made can build: {fault_of(error)}"
        ) from error
    violations = model.count_violations() if isinstance(model, MADE) else 0
    if violations:
        raise InputError(
            f"{path}: {violations} weights that the mask rules out are not zero; the file was altered"
        )
    return model.to(place)  # type: ignore[return-value]
