"""`made` as a rank that notes what its fit took: ``python distributed_worker.py FOLDER fit ...``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from made.cli import main
from made.training.distributed import RankedTrainer

_run = RankedTrainer.run


def noted(trainer: RankedTrainer, *arguments: Any, **others: Any) -> None:
    """Take the steps, and write the seconds of this process and on the clock."""
    began = time.process_time(), time.perf_counter()
    _run(trainer, *arguments, **others)
    taken = {"cpu": time.process_time() - began[0], "clock": time.perf_counter() - began[1]}
    (Path(sys.argv[1]) / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(taken))


if __name__ == "__main__":
    RankedTrainer.run = noted  # type: ignore[method-assign]
    main(sys.argv[2:])
