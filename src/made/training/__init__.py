"""Training: the loop, schedules, checkpoints, history."""

from made.training.history import History
from made.training.trainer import TrainingDivergedError, fit

__all__ = ["History", "TrainingDivergedError", "fit"]
