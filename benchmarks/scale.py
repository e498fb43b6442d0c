"""What training and scoring cost on 10, 100 and 1,000 machines: simulated, from what one machine did.

``python benchmarks/scale.py`` reads what `scale_constants.py`, `bench_distributed.py`, `bench_ray.py` and
`bench_peers.py` have measured; what is assumed stands in `ASSUMED`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from measure import write
from scale_step import Link, Part, Rank, checked, loopback, rank_of, step

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parents[1] / "docs/pictures/scale.png"
LAYOUTS = ("784-2048-2048-784", "mixed, 50 columns")
GPU = "784-2048-2048-784, one H100"
ROWS = 1e12

#: What was not measured.
ASSUMED: dict[str, float] = {
    "cores of a machine": 16,
    "cores' worth of 16 cores": 12.8,
    "latency between machines, seconds": 50e-6,
    "hours between failures of a machine": 5_000,
    "seconds to start again": 120,
    "seconds between checkpoints": 30,
    "units that the driver of Ray hands out a second": 1_000,
    "rows of a unit": 262_144,
}
NETWORKS = (1, 10, 25, 100)
MACHINES = (10, 100, 1000)


@dataclass(frozen=True)
class Machine:
    """A machine as one rank, or several, of a fit.

    Attributes
    ----------
    rank : Rank
        One core, or one GPU.
    units : float
        How many of these a machine is worth.
    read, first_read : float
        Rows that one process reads and encodes a second; in the first pass, which looks at columns.
    row : float
        Bytes of a row in files.
    checkpoint : float
        Seconds in which all wait for one.
    critical : float
        Rows of a batch beyond which more of them help less: the gradient noise scale.
    cpu : float
        Seconds of a core for a byte that is sent.
    most_ranks : int
        Tried are powers of 2 up to it.
    """

    rank: Rank
    units: float
    read: float
    first_read: float
    row: float
    checkpoint: float
    critical: float
    cpu: float = 0.0
    most_ranks: int = 16

    @property
    def ranks(self) -> list[int]:
        """How many ranks a machine may have."""
        return [own for own in (1, 2, 4, 8, 16) if own <= self.most_ranks]

    @property
    def rows_a_second(self) -> float:
        """What one machine does with large batches of rows that are in memory."""
        own = self.rank
        return self.units / (own.before.per_row + own.backward.per_row + own.after.per_row)


def rates(machine: Machine, n: int, rows: float, gigabits: float, *, every: int = 1) -> dict[str, float]:
    """Return rows a second of n machines at the best number of ranks; the rows are in memory."""
    tried = (rates_by(machine, n, ranks, rows, gigabits, every=every) for ranks in machine.ranks)
    return max(tried, key=lambda one: one["rows a second"])


def rates_by(
    machine: Machine, n: int, ranks: int, rows: float, gigabits: float, *, every: int = 1, reads: bool = False
) -> dict[str, float]:
    """Return rows a second of n machines, each of some ranks with so many rows in a step together.

    Rows are in memory, or read by each rank before it computes with them.
    """
    speed = machine.units / ranks
    link = Link(gigabits * 1e9 / 8, ASSUMED["latency between machines, seconds"], machine.cpu / speed)
    rank = machine.rank.faster(speed)
    if reads:
        rank = replace(rank, before=replace(rank.before, per_row=rank.before.per_row + 1 / machine.read))
    own = step(rank, rows / ranks, n * ranks, link, every=every)
    return {
        "rows a second": n * rows / own.seconds,
        "efficiency": rows / own.seconds / machine.rows_a_second,
        "seconds of a step": own.seconds,
        "of a step, waiting": own.waiting / own.seconds,
        "ranks of a machine": float(ranks),
        # Of the ranks of a machine one sends to another machine.
        "bytes sent by a machine": own.sent,
    }


def rows_for(machine: Machine, n: int, gigabits: float, efficiency: float = 0.8) -> int | None:
    """Return the fewest rows of a machine and step, a power of 2, with which an efficiency is reached."""
    tried = (2**power for power in range(6, 21))
    enough = (own for own in tried if rates(machine, n, own, gigabits)["efficiency"] >= efficiency)
    return next(enough, None)


def whole_fit(machine: Machine, n: int, rows: float, gigabits: float) -> dict[str, float]:
    """Return what a fit of `ROWS` rows costs that trains on each once, with all that comes on top.

    Hours are infinite where failures come sooner than the fit has started again.
    """
    tried = (_whole_fit(machine, n, ranks, rows, gigabits) for ranks in machine.ranks)
    return min(tried, key=lambda one: one["hours"])


def _whole_fit(machine: Machine, n: int, ranks: int, rows: float, gigabits: float) -> dict[str, float]:
    rate = rates_by(machine, n, ranks, rows, gigabits, reads=True)
    in_memory = rates_by(machine, n, ranks, rows, gigabits)
    steps = ROWS / (n * rows)
    # One pass looks at the columns, and one counts classes; a start after a failure repeats both.
    passes = ROWS / (n * ranks) * (1 / machine.first_read + 1 / machine.read)
    between = ASSUMED["seconds between checkpoints"]
    stepping = steps * rate["seconds of a step"] * (1 + machine.checkpoint / between)
    failures_a_second = n / ASSUMED["hours between failures of a machine"] / 3600
    lost = ASSUMED["seconds to start again"] + passes + between / 2
    kept = 1 - failures_a_second * lost
    seconds = (passes + stepping) / kept if kept > 0 else math.inf
    return {
        **rate,
        "rows of a step": n * rows,
        "steps": steps,
        "hours": seconds / 3600,
        "machine-hours": n * seconds / 3600,
        "hours of the steps": stepping / 3600,
        "of these reading": (steps * (rate["seconds of a step"] - in_memory["seconds of a step"])) / 3600,
        "hours of the passes before the first step": passes / 3600,
        "hours lost to failures": (seconds - passes - stepping) / 3600,
        "failures": failures_a_second * seconds,
        "bytes over the network": steps * rate["bytes sent by a machine"] * n,
        "bytes read": (3 + 2 * failures_a_second * seconds) * ROWS * machine.row,
    }


def gpu(peers: dict[str, Any], cpu_rank: Rank) -> Rank:
    """Return the rank of a GPU: plain steps of 128 rows and log p of 10,000, as measured on an H100."""
    found = peers["layouts"][LAYOUTS[0]]
    per_row = 3 / found["log_prob"]["made loop"]["rows per s"]  # forward, and twice as much backward
    fixed = 1 / found["training"]["made loop"]["steps per s"] - found["batch"] * per_row
    thirds = Part(fixed / 3, per_row / 3)
    return Rank(
        thirds, Part(fixed / 3, per_row * 2 / 3), Part(fixed / 3, 0.0), cpu_rank.sizes, cpu_rank.spread
    )


def scoring(per_core: float, n: int, in_bytes: float, out_bytes: float) -> dict[str, float]:
    """Return what scoring `ROWS` rows costs, in units; workers take the next unit when they have done one."""
    workers = n * ASSUMED["cores' worth of 16 cores"]
    unit = ASSUMED["rows of a unit"] / per_core
    units = ROWS / ASSUMED["rows of a unit"]
    computing, handing = (
        units * unit / workers,
        units / ASSUMED["units that the driver of Ray hands out a second"],
    )
    failures = n / ASSUMED["hours between failures of a machine"] / 3600 * max(computing, handing)
    again = failures * ASSUMED["cores of a machine"] * unit / workers
    seconds = max(computing + again, handing) + unit
    return {
        "hours": seconds / 3600,
        "machine-hours": n * seconds / 3600,
        "hours of computing": computing / 3600,
        "hours of handing out units": handing / 3600,
        "seconds of a unit": unit,
        "units": units,
        "failures": failures,
        "units done again": failures * ASSUMED["cores of a machine"],
        "bytes read a second": ROWS * in_bytes / seconds,
        "bytes written a second": ROWS * out_bytes / seconds,
        "bytes written": ROWS * out_bytes,
    }


def noise_scale(measured: dict[str, Any]) -> float:
    """Return the gradient noise scale in the second half of a fit: the median over epochs."""
    name = "gradient noise scale after each epoch, rows"
    (found,) = (one[name] for one in measured["one rank by rows of a step"].values() if one[name])
    return float(statistics.median(found[len(found) // 2 :]))


def machines(constants: dict[str, Any], peers: dict[str, Any]) -> dict[str, Machine]:
    """Return a machine of 16 cores for each layout, and one of a GPU."""
    found = {}
    for name in LAYOUTS:
        own = constants["layouts"][name]
        reading, cases = own["reading"], own["one rank by rows of a step"].values()
        found[name] = Machine(
            rank_of(own),
            ASSUMED["cores' worth of 16 cores"],
            reading["rows read a second"],
            reading["rows of the first pass a second"],
            reading["file bytes of a row"],
            statistics.median(one["checkpoint"] for one in cases),
            noise_scale(own),
            loopback(constants["all-reduce"], 2).cpu,
        )
    cpu = found[LAYOUTS[0]]
    found[GPU] = replace(cpu, rank=gpu(peers, cpu.rank), units=1.0, cpu=0.0, most_ranks=1)
    return found


def worth(machine: Machine, n: int, gigabits: float) -> dict[str, float]:
    """Return the batch with which n machines come to the same loss soonest, and how much sooner than one.

    With a batch B the rows that a loss takes grow by 1 + B / critical batch.
    """

    def useful(n: int, rows: int) -> float:
        return rates(machine, n, rows, gigabits)["rows a second"] / (1 + n * rows / machine.critical)

    tried = [2**power for power in range(4, 19)]
    best = max(tried, key=lambda rows: useful(n, rows))
    alone = max(useful(1, rows) for rows in tried)
    return {"rows of a step": n * best, "times as fast as one machine": useful(n, best) / alone}


def many(machine: Machine) -> dict[str, Any]:
    """Return what limits training on many machines, by network."""
    found: dict[str, Any] = {"rows a second of one machine": machine.rows_a_second}
    for n in MACHINES:
        for gigabits in NETWORKS:
            found[f"{n} machines, {gigabits} Gbit/s"] = {
                "rows of a machine and step for 80 %": rows_for(machine, n, gigabits),
                "with the critical batch": worth(machine, n, gigabits),
                "efficiency by rows of a machine and step": {
                    2**power: rates(machine, n, 2**power, gigabits)["efficiency"] for power in range(6, 19, 2)
                },
                "efficiency with 1,024 rows, averaged every so many steps": {
                    every: rates(machine, n, 1024, gigabits, every=every)["efficiency"]
                    for every in (1, 16, 128)
                },
            }
    return found


def draw(found: dict[str, Machine], path: Path) -> None:
    """Draw efficiency by rows of a machine and step."""
    from made.plots.style import LETTERS, grow_letters, new_figure, save

    figure = new_figure(12, 4)
    rows = [2**power for power in range(6, 20)]
    for axes, (name, machine) in zip(figure.subplots(1, len(found), sharey=True), found.items(), strict=True):
        for gigabits, colour in ((1, "#c1443c"), (10, "#8fb8de"), (100, "#1f4e8c")):
            for n, line in zip(MACHINES, ("-", "--", ":"), strict=True):
                own = [100 * rates(machine, n, each, gigabits)["efficiency"] for each in rows]
                axes.plot(rows, own, line, color=colour, label=f"{gigabits} Gbit/s, {n:,}")
        axes.set(xscale="log", ylim=(0, 105))
        y = "% of what machines do alone" if axes is figure.axes[0] else ""
        grow_letters(axes, x="rows of a machine and step", y=y, title=name)
    figure.axes[-1].legend(fontsize=LETTERS - 6, loc="upper left")
    save(figure, path)


def main() -> None:
    """Compute all, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constants", type=Path, default=RESULTS / "scale-constants.json")
    parser.add_argument("--measured", type=Path, default=RESULTS / "distributed.json")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "scale.json")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    constants, measured, peers, ray = (
        json.loads(path.read_text())
        for path in (given.constants, given.measured, RESULTS / "peers-cuda.json", RESULTS / "ray.json")
    )
    check = checked(constants, measured["rates"])
    for one in check:
        print(*(f"{own:.3g}" if isinstance(own, float) else own for own in one.values()), sep=" | ")
    found = machines(constants, peers)
    command = ray["the command, without Ray"]
    per_core, files = ray["rows"] / command["CPU seconds"], constants["scores"]
    score = files["file bytes of its score"]
    fits = {
        name: {
            f"{n} machines, {gigabits} Gbit/s": {
                key: own if math.isfinite(own) else None
                for key, own in whole_fit(
                    machine, n, rows_for(machine, n, gigabits) or 2**20, gigabits
                ).items()
            }
            for n in MACHINES
            for gigabits in (10, 100)
        }
        for name, machine in found.items()
    }
    write(
        given.out,
        {
            "assumed": ASSUMED,
            "one core": {name: asdict(machine) for name, machine in found.items()},
            "loopback": {n: asdict(loopback(constants["all-reduce"], n)) for n in (2, 3, 4)},
            "predicted against measured": check,
            "training": {name: many(machine) for name, machine in found.items()},
            "a fit of 10^12 rows": fits,
            "scoring 10^12 rows": {
                n: scoring(per_core, n, files["file bytes of a row"], score) for n in MACHINES
            },
        },
    )
    draw(found, given.picture)


if __name__ == "__main__":
    main()
