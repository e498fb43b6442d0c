"""The defaults of `made fit`, in words for its help, since they depend on the data.

Nothing is imported, so that the help is quick. Tests compare the words with `candidates` and `recipes`.
"""

from __future__ import annotations

__all__ = ["IN_WORDS"]

#: By the name of the setting, for all settings that are options.
IN_WORDS = {
    "epochs": "as many as make 7,000 steps, at most 500",
    "batch_size": "100; from 10,000 rows on 256",
    "optimizer": "adamw",
    "learning_rate": "0.004; adam 0.001",
    "weight_decay": "0.05; adam 0",
    "schedule": "one-cycle; adam constant",
    "patience": "a fifth of the epochs",
    "resample_every": "1",
    "precision": "float32",
    "ema": "0.998",
    "hidden": "512,512",
    "ordering": "natural",
    "orderings": "1",
    "connectivity": "even",
    "connectivities": "1",
    "activation": "relu",
    "residual": "yes",
    "direct": "yes",
    "dropout": "0.5; from 20,000 rows on 0.1",
    "input_dropout": "0",
}
