"""What this machine makes of models: ``python machines.py FOLDER [compiled]``, under limits of `processors`.

Of each model in the folder, log p of its rows goes to ``NAME.npy`` and weights after some steps of training
to ``NAME.trained.safetensors``; what the processor is, to ``machine.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

import made
from made.kernels.jit.processor import PROCESSOR
from made.kernels.scores import compiled_scores

STEPS = 6


def trained(model, rows, compiled, dtype=torch.float32):
    """Train a model for some steps, each on all rows."""
    model = model.to(dtype)
    settings = {"epochs": STEPS, "batch_size": len(rows), "learning_rate": 1e-3, "seed": 0, "patience": None}
    made.fit(model, rows, None, **settings, compiled=compiled, device="cpu")
    return model


def main(folder: Path, compiled: bool) -> None:
    """Go through the models of a folder."""
    compiled_scores._FEWEST = 1  # numbers are scored by the compiled loop, however few they are
    out = Path(sys.argv[3])
    for file in sorted(folder.glob("*.safetensors")):
        model, given = made.load(file), np.load(folder / f"{file.stem}.rows.npz")
        context = {"context": given["context"]} if "context" in given else {}
        np.save(out / f"{file.stem}.npy", model.log_prob(given["values"], **context).numpy())
        if not context:
            trained(model, given["values"], compiled).save(out / f"{file.stem}.trained.safetensors")
    name = {"loops": PROCESSOR.name, "torch": torch.backends.cpu.get_cpu_capability()}
    (out / "machine.json").write_text(json.dumps(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "compiled")
