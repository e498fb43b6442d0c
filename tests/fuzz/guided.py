"""Feeds a target inputs that reach new code: ``python tests/fuzz/guided.py TARGET --inputs 10000``.

TARGET is model, checkpoint, schema or data; see `targets.py`. Atheris changes inputs, and keeps those that
reach code of made's which none before did. An input that ends in anything but a result or one line, or takes
longer than ten seconds, is a fault: it is written into the folder of faults, and the program goes on. The
last line counts them; the exit code is 1 if there are any. With ``--unguided``, or where there is no atheris,
inputs are drawn at random.

With ``--keep FOLDER`` the smallest of the inputs that together reach all lines that were reached are written
there: the corpus of the tests is made of them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
LONGEST_INPUT = 200_000


class TooLongError(BaseException):
    """An input took longer than it may."""


class Counter:
    """Checks inputs one after the other, and keeps those that are faults.

    Parameters
    ----------
    target : Target
    n_inputs : int
        How many are checked.
    faults : Path
        Where faults are written, one of a kind.
    """

    def __init__(self, target: Any, n_inputs: int, faults: Path) -> None:
        self.target, self.n_inputs, self.faults = target, n_inputs, faults
        self.n_done = self.n_results = self.n_faults = 0
        self.slowest, self.kinds = 0.0, dict[str, int]()
        for seed in target.seeds():  # what is compiled once is compiled now
            target.check(seed)
        self.began = time.monotonic()
        signal.signal(signal.SIGALRM, _too_long)

    def check(self, content: bytes) -> None:
        """Check one input; end the program after the last."""
        from targets import LONGEST

        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            self.n_results += self.target.check(content)
        except (Exception, TooLongError) as error:
            self._note(content, error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.n_done += 1
        if self.n_done % 500 == 0:
            print(self.line(), file=sys.stderr, flush=True)
        if self.n_done == self.n_inputs:
            self.end()

    def end(self) -> None:
        """Print the figures, and end the program: libFuzzer knows of no other way."""
        self.target.close()
        for kind, count in sorted(self.kinds.items(), key=lambda item: -item[1]):
            print(f"{count:6}  {kind}")
        print(self.line(), flush=True)
        sys.stderr.flush()
        os._exit(1 if self.n_faults else 0)

    def line(self) -> str:
        """Return the figures so far."""
        refused = self.n_done - self.n_results - self.n_faults
        return (
            f"{self.target.name}: {self.n_done:,} inputs, {self.n_results:,} results, {refused:,} refused "
            f"in one line, {self.n_faults:,} faults of {len(self.kinds)} kinds; slowest {self.slowest:.1f} s"
            f", {time.monotonic() - self.began:.0f} s in all"
        )

    def _note(self, content: bytes, error: BaseException) -> None:
        self.n_faults += 1
        place = [own for own in traceback.extract_tb(error.__traceback__) if "made" in own.filename]
        where = " < ".join(f"{Path(own.filename).name}:{own.lineno}" for own in place[::-1][:3])
        kind = f"{type(error).__name__} at {where}: {(str(error).splitlines() or [''])[0][:120]}"
        name = f"{type(error).__name__} at {where}"
        if sum(own.startswith(name) for own in self.kinds) < 3:
            self.faults.mkdir(parents=True, exist_ok=True)
            file = self.faults / f"{self.target.name}-{hashlib.sha256(content).hexdigest()[:12]}"
            file.write_bytes(content)
            file.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))
        known = next((own for own in self.kinds if own.startswith(name)), kind)
        self.kinds[known] = self.kinds.get(known, 0) + 1


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLongError(f"takes too long, in {frame and frame.f_code.co_name}")


def lines_of(target: Any, content: bytes) -> frozenset[tuple[str, int]]:
    """Return which lines of made an input reaches."""
    found = set[tuple[str, int]]()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if "/made/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        target.check(content)
    except Exception:
        return frozenset()
    finally:
        sys.settrace(None)
    return frozenset(found)


def keep(target: Any, found: Path, out: Path, most: int) -> None:
    """Write those inputs that together reach all lines which are reached, small ones first."""
    known = set[tuple[str, int]]()
    for seed in target.seeds():
        known |= lines_of(target, seed)
    n_kept, size = 0, 0
    for file in sorted(found.iterdir(), key=lambda own: own.stat().st_size):
        content = file.read_bytes()
        new = lines_of(target, content) - known
        if new and size + len(content) <= most:
            known |= new
            out.mkdir(parents=True, exist_ok=True)
            name = out / f"{target.name}-{hashlib.sha256(content).hexdigest()[:12]}"
            name.write_bytes(content)
            n_kept, size = n_kept + 1, size + len(content)
    print(f"{target.name}: {n_kept} inputs of {size:,} bytes are kept; they reach {len(known):,} lines")


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Feed a target inputs that reach new code.")
    parser.add_argument("target", choices=["model", "checkpoint", "schema", "data"])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=Path, default=Path(tempfile.gettempdir(), "made-faults"))
    parser.add_argument("--found", type=Path, help="Where inputs that reach new code are written.")
    parser.add_argument("--keep", type=Path, help="Write the smallest of --found that reach as much there.")
    parser.add_argument("--most", type=int, default=75_000, help="Bytes of --keep.")
    parser.add_argument("--unguided", action="store_true", help="Draw inputs at random, without atheris.")
    own = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if not own.unguided and own.keep is None and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: inputs are drawn at random", file=sys.stderr)
        own.unguided = True
    if own.keep is not None or own.unguided:
        from targets import TARGETS

        target = TARGETS[own.target]()
        if own.keep is not None:
            keep(target, own.found, own.keep, own.most)
            target.close()
            return
        import numpy as np

        counter = Counter(target, own.inputs, own.faults)
        for number in range(own.inputs):
            counter.check(target.drawn(np.random.default_rng([own.seed, number])))
        return
    guided(own)


def guided(own: argparse.Namespace) -> None:
    """Feed the target with atheris."""
    import atheris

    # numba compiles what is in kernels, and cannot with calls that count.
    with atheris.instrument_imports(include=["made"], exclude=["made.kernels"]):
        from targets import TARGETS
    import numpy as np

    target = TARGETS[own.target]()
    counter = Counter(target, own.inputs, own.faults)
    folder = own.found or Path(tempfile.mkdtemp(prefix="made-found-"))
    folder.mkdir(parents=True, exist_ok=True)
    seeds = Path(tempfile.mkdtemp(prefix="made-seeds-"))
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)

    def mutate(content: bytes, longest: int, seed: int) -> bytes:
        def flip(part: bytes) -> bytes:
            return bytes(atheris.Mutate(part, len(part) + 64))

        rng = np.random.default_rng(seed)
        if rng.random() < 0.3:  # what was changed many times is refused for the first thing that is wrong
            sound = target.seeds()
            content = sound[int(rng.integers(len(sound)))]
        return target.mutated(content, rng, flip)[:longest]

    options = [
        f"-max_len={LONGEST_INPUT}",
        f"-seed={own.seed}",
        "-rss_limit_mb=6000",
        "-verbosity=0",
    ]
    options.append(f"-artifact_prefix={seeds}/")
    corpus = [str(folder), str(seeds), *map(str, [HERE / "corpus"] if (HERE / "corpus").is_dir() else [])]
    atheris.Setup([sys.argv[0], *options, *corpus], counter.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
