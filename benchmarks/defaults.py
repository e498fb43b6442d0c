"""The defaults against those of another version, on the same rows, in turn: test NLL beside time.

``python benchmarks/defaults.py --old PYTHON`` runs `made.auto_fit` with nothing set, here and with the
interpreter of another environment, where an earlier made is installed. Each fit is a process of its own, and
the time is that of all of it. Without ``--old`` only this version is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import made
from measure import add
from unseen import SETS, Rows, adult

_HERE = Path(__file__).parent
_NAMED = ("nltcs", "mushrooms", "dna")
_SMALL = (1, 3, 5, 8, 9, 14)  # columns of the census table

# What runs in a process of its own; `estimate` is what versions before 0.2 call it.
_FIT = """
import json, resource, sys
import numpy as np
import made
rows, seed = np.load(sys.argv[1]), int(sys.argv[2])
columns = [made.Bernoulli() if k == 2 else made.Categorical(int(k)) for k in rows["classes"]]
if hasattr(made, "auto_fit"):
    model = made.auto_fit(rows["train"], rows["valid"], schema=columns, seed=seed)
else:
    model = made.estimate(rows["train"], rows["valid"], variables=columns, seed=seed)
nll = -model.log_prob(rows["test"]).double().numpy()
found = {"nll": nll.mean(), "error": nll.std(ddof=1) / len(nll) ** 0.5, "version": made.__version__}
found["valid"] = -float(model.log_prob(rows["valid"]).mean())
found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps(found))
"""


def main() -> None:
    """Fit in turn, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--old", help="the interpreter of an environment with the other version")
    arguments.add_argument("--only", default="", help="sets whose name begins so")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--old-seeds", type=int, default=1, help="of the other version, which may be slow")
    arguments.add_argument("--data-dir", help="where the files of the named sets and adult.csv lie")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "defaults.json")
    options = arguments.parse_args()
    for name, rows in _sets(options.data_dir, options.only):
        found: dict[str, Any] = {"new": [], "old": []}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.npz"
            np.savez(file, train=rows.train, valid=rows.valid, test=rows.test, classes=rows.classes)
            for seed in range(options.seeds):
                found["new"].append(_fit(sys.executable, file, seed))
                if options.old and seed < options.old_seeds:
                    found["old"].append(_fit(options.old, file, seed))
        table = _table(add(options.out, "sets", name, found))
        options.out.with_suffix(".md").write_text(table)
        print(table, flush=True)


def _sets(data_dir: str | None, only: str) -> Iterator[tuple[str, Rows]]:
    for name in _NAMED:
        if name.startswith(only):
            own = made.data.load(name, data_dir=data_dir)
            yield name, Rows(own.train, own.valid, own.test, list(own.classes))
    for each in SETS:
        if each.name.startswith(only) and (data_dir or each.make is not adult):
            yield each.name, each.make(data_dir)
    if data_dir and "census, 360 x 6".startswith(only):
        whole = adult(data_dir)
        train, valid, test = whole.train[:360, _SMALL], whole.valid[:40, _SMALL], whole.test[:, _SMALL]
        yield "census, 360 x 6", Rows(train, valid, test, [whole.classes[d] for d in _SMALL])


def _fit(python: str, file: Path, seed: int) -> dict[str, Any]:
    began = time.monotonic()
    done = subprocess.run(
        [python, "-c", _FIT, str(file), str(seed)], check=True, stdout=subprocess.PIPE, text=True
    )
    return {**json.loads(done.stdout), "seconds": round(time.monotonic() - began, 1)}


def _table(sets: dict[str, Any]) -> str:
    """Return what was measured as a table in Markdown: means over seeds, and the slowest."""
    lines = [
        "| rows | before: test NLL, seconds | now: test NLL (each seed), seconds | difference | processor |",
        "|---|---|---|---|---|",
    ]
    for name, found in sets.items():
        old, new = found["old"], found["new"]
        mean = statistics.fmean(own["nll"] for own in new)
        each = ", ".join(f"{own['nll']:.3f}" for own in new)
        slowest = max(own["seconds"] for own in new)
        now = f"{mean:.3f} ± {new[0]['error']:.3f} ({each}), {slowest:.0f} s"
        before = difference = ""
        if old:
            mean_before = statistics.fmean(own["nll"] for own in old)
            before = f"{mean_before:.3f}, {max(own['seconds'] for own in old):.0f} s"
            difference = f"{mean / mean_before - 1:+.2%}"
        processor = found["machine"]["processor"]
        lines.append(f"| {name} | {before} | {now} | {difference} | {processor} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
