"""How good the models are that `made fit` leaves, by default and with recipes, held against the paper's.

Every fit is a process of its own, as a user would start it: its time and its peak memory are noted. The test
rows are looked at once, at the end of each fit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from measure import machine, write

_HERE = Path(__file__).parent

# The best of Germain et al. (2015). NLTCS is not in the paper: what is aimed at.
_PAPER = {"binarized_mnist": 86.64, "dna": 79.66, "mushrooms": 9.55, "nltcs": 6.00}

_FIT = """
import json, sys
from pathlib import Path
from made.experiments.run import Job, run
about = json.loads(sys.argv[1])
job = Job(about["data"], Path(about["folder"]), about["seed"], about["data_dir"], {}, about["training"],
          device="cpu", recipe=about["recipe"])
outcome = run(job, progress=True)
status = Path("/proc/self/status").read_text().split()
print(json.dumps({
    **{split: [score.nll, score.nll_se] for split, score in outcome.scores.items()},
    "minutes": outcome.history.epochs[-1].seconds / 60,
    "epochs": outcome.history.epochs[-1].epoch,
    "settings": outcome.model.settings() | {"variables": None},
    "megabytes": int(status[status.index("VmHWM:") + 1]) // 1024,
}))
"""


class _Fit(NamedTuple):
    data: str
    recipe: str

    def __str__(self) -> str:
        return f"{self.data}, {self.recipe}"


_FITS = (
    _Fit("nltcs", "default"),
    _Fit("mushrooms", "default"),
    _Fit("dna", "default"),
    _Fit("binarized_mnist", "mnist"),
)
_QUICK = (_Fit("digits", "default"),)


def main() -> None:
    """Fit, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--quick", action="store_true", help="two epochs on digits, for a check that it runs"
    )
    arguments.add_argument("--only", help="fits of this data set alone")
    arguments.add_argument("--seeds", type=int, default=1)
    arguments.add_argument("--data-dir", help="where named data sets lie [$MADE_DATA_DIR]")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "quality.json")
    options = arguments.parse_args()
    results: dict[str, Any] = {"machine": machine(), "fits": {}}
    print(f"{'':28}{'test NLL':>18}{'valid':>9}{'paper':>8}{'minutes':>9}{'MB':>7}")
    for fit in _QUICK if options.quick else _FITS:
        if options.only in (None, fit.data):
            own = [
                _run(fit, seed, options.data_dir, {"epochs": 2} if options.quick else {})
                for seed in range(options.seeds)
            ]
            results["fits"][str(fit)] = {"paper": _PAPER.get(fit.data), "seeds": own}
            for one in own:
                print(_line(fit, one), flush=True)
    write(options.out, results)


def _run(fit: _Fit, seed: int, data_dir: str | None, training: dict[str, Any]) -> dict[str, Any]:
    """Fit once, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        about = {**fit._asdict(), "seed": seed, "data_dir": data_dir, "training": training}
        about["folder"] = f"{folder}/run"
        done = subprocess.run(
            [sys.executable, "-c", _FIT, json.dumps(about)], stdout=subprocess.PIPE, text=True, check=True
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"seed": seed, **result}


def _line(fit: _Fit, one: dict[str, Any]) -> str:
    nll, error = one["test"]
    paper, seed = _PAPER.get(fit.data), one["seed"]
    name = f"{fit}, seed {seed}" if seed else str(fit)
    return (
        f"{name:28}{f'{nll:.2f} ± {error:.2f}':>18}"
        f"{one['valid'][0]:>9.2f}{'' if paper is None else f'{paper:.2f}':>8}{one['minutes']:>9.1f}"
        f"{one['megabytes']:>7,}"
    )


if __name__ == "__main__":
    main()
