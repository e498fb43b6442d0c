"""How good the models are that `made fit` leaves, by default and with recipes, held against the paper's.

Every fit is a process of its own, as a user would start it: its time and its peak memory are noted. The test
rows are looked at once, at the end of each fit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from measure import add

_HERE = Path(__file__).parent

# In nats per row; MADE: the best of Germain et al. (2015). DARN is a bound on its likelihood. NLTCS is
# not among its data.
_PUBLISHED = {
    "binarized_mnist": "MADE 86.64, EoNADE 85.10, DARN about 84.1",
    "dna": "MADE 79.66",
    "mushrooms": "MADE 9.55",
}

_FIT = """
import json, sys
from pathlib import Path
from made.runs.config import RunConfig
from made.runs.run import run
about = json.loads(sys.argv[1])
job = RunConfig(about["data"], Path(about["folder"]), about["seed"], about["data_dir"], {}, about["training"],
          device="cpu", recipe=about["recipe"])
outcome = run(job, progress=True)
status = Path("/proc/self/status").read_text().split()
print(json.dumps({
    **{split: [score.nll, score.nll_se] for split, score in outcome.scores.items()},
    "epochs": outcome.history.epochs[-1].epoch,
    "settings": outcome.model.settings() | {"variables": None},
    "megabytes": int(status[status.index("VmHWM:") + 1]) // 1024,
}))
"""


class _Fit(NamedTuple):
    data: str
    recipe: str
    seeds: int = 3

    def __str__(self) -> str:
        return f"{self.data}, {self.recipe}"


_FITS = (
    _Fit("nltcs", "default"),
    _Fit("nltcs", "nltcs"),
    _Fit("mushrooms", "default"),
    _Fit("mushrooms", "mushrooms"),
    _Fit("dna", "default"),
    _Fit("dna", "dna"),
    _Fit("binarized_mnist", "default", seeds=1),
    _Fit("binarized_mnist", "mnist-quick", seeds=1),
    _Fit("binarized_mnist", "mnist", seeds=1),
)
_QUICK = (_Fit("digits", "default", seeds=1),)


def main() -> None:
    """Fit, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--quick", action="store_true", help="two epochs on digits, for a check that it runs"
    )
    arguments.add_argument("--only", help="fits of this data set alone; others stay as they were measured")
    arguments.add_argument("--recipe", help="fits of this recipe alone, likewise")
    arguments.add_argument("--seeds", type=int, help="how many [3; for MNIST 1]")
    arguments.add_argument("--data-dir", help="where named data sets lie [$MADE_DATA_DIR]")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "quality.json")
    options = arguments.parse_args()
    for fit in _QUICK if options.quick else _FITS:
        if options.only not in (None, fit.data) or options.recipe not in (None, fit.recipe):
            continue
        training = {"epochs": 2} if options.quick else {}
        seeds = range(options.seeds or fit.seeds)
        own = [_run(fit, seed, options.data_dir, training) for seed in seeds]
        found = {"published": _PUBLISHED.get(fit.data), "seeds": own}
        table = _table(add(options.out, "fits", str(fit), found))
        options.out.with_suffix(".md").write_text(table)
        print(table)


def _run(fit: _Fit, seed: int, data_dir: str | None, training: dict[str, Any]) -> dict[str, Any]:
    """Fit once, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        about = {**fit._asdict(), "seed": seed, "data_dir": data_dir, "training": training}
        about["folder"] = f"{folder}/run"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", _FIT, json.dumps(about)], stdout=subprocess.PIPE, text=True, check=True
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"seed": seed, "minutes": (time.monotonic() - began) / 60, **result}


def _table(fits: Mapping[str, Any]) -> str:
    """Return what was measured as a table in Markdown, in the order in which fits are listed above."""
    lines = [
        "| data, recipe | test NLL, nats | by seed | valid | published | minutes | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    known = [str(fit) for fit in (*_FITS, *_QUICK)]
    for name in sorted(fits, key=known.index):
        seeds = fits[name]["seeds"]
        test = [seed["test"][0] for seed in seeds]
        mean, error = statistics.mean(test), statistics.mean(seed["test"][1] for seed in seeds)
        by_seed = "" if len(seeds) == 1 else ", ".join(f"{nll:.2f}" for nll in test)
        valid = statistics.mean(seed["valid"][0] for seed in seeds)
        minutes = max(seed["minutes"] for seed in seeds)
        megabytes = max(seed["megabytes"] for seed in seeds)
        lines.append(
            f"| {name} | {mean:.2f} ± {error:.2f} | {by_seed} | {valid:.2f} "
            f"| {fits[name]['published'] or ''} | {minutes:.1f} | {megabytes:,} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
