"""The best model of a run so far, on disk while the run goes on: what a kill leaves."""

from __future__ import annotations

import logging
import math
from typing import Any

from made.base import BaseModel
from made.runs.folder import RunFolder
from made.support.errors import InputError
from made.support.json_values import is_number

__all__ = ["BestModel"]

_log = logging.getLogger(__name__)


class BestModel:
    """Keeps the model file of a run up to date with its best model.

    Parameters
    ----------
    folder : RunFolder
        With the best model before an interruption, perhaps.

    Attributes
    ----------
    nll : float
        Validation NLL of the model in the file; infinite where there is none.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.nll = folder, math.inf
        if folder.best_file.exists() and folder.model_file.exists():
            nll: Any = folder.read_json(folder.best_file.name).get("valid_nll")
            if not is_number(nll):
                raise InputError(f"{folder.best_file} is damaged: delete it, and the run goes on")
            self.nll = float(nll)

    def __call__(self, model: BaseModel, nll: float) -> None:
        """Write a model, if it is better than that in the file; where that fails, say so and go on."""
        if not nll < self.nll:
            return
        try:
            self.folder.forget_results()  # those of an earlier model of this run
            model.save(self.folder.model_file)
            self.folder.write_json(self.folder.best_file.name, {"valid_nll": nll})
        except InputError as error:
            _log.warning("the best model so far is not kept, and the fit goes on: %s", error)
            return
        self.nll = nll
