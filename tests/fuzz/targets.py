"""What is fuzzed: model files, checkpoints and settings of runs, schemas, data files.

Each target has sound inputs, makes others of them, and checks what made makes of one: a result that is right,
or one clear line. `guided.py` feeds them inputs that reach new code, the tests a few and those of `corpus/`.
An input is bytes; where it could stand in several files, its first line says which.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import typer
from mutations import damaged, forged, forged_file, opened
from seeds import DATA, MODELS, ROWS, SCHEMAS, begin_runs, without_pictures

import made
from made.cli import app, main
from made.data.choices import Choices
from made.data.portions import open_portions
from made.data.readers import read
from made.data.row_file import open_rows

__all__ = ["TARGETS", "Checkpoints", "DataFiles", "ModelFiles", "Schemas", "Target", "check_model_file"]

#: Seconds that any input may take, and bytes of memory that reading a model file may take above its size.
LONGEST, MEMORY = 10, 200_000_000
_LONGEST_LINE = 1_100
# Stands for the folder of a target in its inputs.
_FOLDER = b"<folder>"
_COMMAND = typer.main.get_command(app)


class Target(ABC):
    """Something that reads what others wrote.

    Attributes
    ----------
    folder : Path
        Where inputs are put, in memory where that is possible; deleted by `close`.
    """

    name: str

    def __init__(self) -> None:
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="made-fuzz-", dir=place))

    def close(self) -> None:
        """Delete the files of the target."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def seeds(self) -> list[bytes]:
        """Return sound inputs."""

    @abstractmethod
    def mutated(
        self, content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        """Return another input made of one; `flip` changes bytes instead of `damaged`."""

    @abstractmethod
    def check(self, content: bytes) -> bool:
        """Raise an error if an input gives anything but a right result, or one line; return which it is."""

    def drawn(self, rng: np.random.Generator) -> bytes:
        """Return an input: a sound one, mutated up to three times."""
        seeds = self.seeds()
        content = seeds[int(rng.integers(len(seeds)))]
        for _ in range(int(rng.integers(1, 4))):
            content = self.mutated(content, rng)
        return content


def check_line(message: str) -> None:
    """Check that a message is one line that a person can read."""
    assert len(message.splitlines()) == 1, message
    assert 10 < len(message) <= _LONGEST_LINE, message
    assert "Traceback" not in message
    assert "object at 0x" not in message, message


def check_refusal(path: Path, error: made.InputError) -> None:
    """Check that a file was refused in one line that names it, and not for want of memory."""
    assert not isinstance(error.__cause__ or error.__context__, MemoryError), error
    assert str(error).startswith(str(path)), error
    check_line(str(error))


@contextlib.contextmanager
def within_memory(size: int) -> Iterator[None]:
    """Limit what the process may take, to so many bytes more than it has, where the system can do that."""
    if sys.platform != "linux":
        yield
        return
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (own + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def check_model_file(path: Path, *, memory: int | None = None) -> bool:
    """Load a file: it is refused in one line, or is a model that answers. Return whether it is one."""
    try:
        with within_memory(memory + path.stat().st_size) if memory else contextlib.nullcontext():
            model = made.load(path)
    except made.InputError as error:
        check_refusal(path, error)
        return False
    check_answers(model)
    return True


def check_answers(model: Any) -> None:
    """Check that a model can be shown, and that its samples have a finite log p."""
    assert repr(model)
    assert str(model.schema)
    assert model.schema._repr_html_()
    if isinstance(model, made.MADE) and model.n_masks <= 100:
        context = np.zeros((2, model.context.n_columns)) if model.context else None
        rows = model.rows(model.sample(2, seed=0, context=context), context)
        scores = model.log_prob(rows)
        assert bool(torch.isfinite(scores).all()), scores


class ModelFiles(Target):
    """Model files: settings and tensors are forged, with right digests, or bytes are changed."""

    name = "model"

    def __init__(self) -> None:
        super().__init__()
        self._seeds = []
        for name, build in MODELS.items():
            if name != "classes":  # 2 MB
                build().save(self.folder / "seed")
                self._seeds.append((self.folder / "seed").read_bytes())
        self._others = [own for own in map(opened, self._seeds) if own is not None]

    def seeds(self) -> list[bytes]:
        return self._seeds

    def mutated(
        self, content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        parts = None if rng.random() < 0.2 else opened(content)
        if parts is None:
            return damaged(content, rng) if flip is None else flip(content)
        return forged_file(parts, rng, self._others)

    def check(self, content: bytes) -> bool:
        path = self.folder / "model.safetensors"
        path.write_bytes(content)
        return check_model_file(path, memory=MEMORY)


class Schemas(Target):
    """Schema files, given for the rows of a small table."""

    name = "schema"

    def __init__(self) -> None:
        super().__init__()
        (self.folder / "rows.csv").write_text(ROWS)
        self._others = [json.loads(own) for own in SCHEMAS.values()]

    def seeds(self) -> list[bytes]:
        return [own.encode() for own in SCHEMAS.values()]

    def mutated(
        self, content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        return _mutated_json(content, rng, flip, self._others)

    def check(self, content: bytes) -> bool:
        path = self.folder / "schema.json"
        path.write_bytes(content)
        try:
            schema = made.Schema.read(path)
            assert str(schema)
            schema.write(self.folder / "again.json")
            again = made.Schema.read(self.folder / "again.json")
            assert str(again) == str(schema)
            data = made.data.load(self.folder / "rows.csv", choices=Choices(schema=schema))
            rows = data.schema.encode(data.train, data.context_of("train"))
            model = made.MADE(data.schema.fitted(rows), (3,), seed=0)
            scores = model.log_prob(rows)
        except made.InputError as error:
            check_line(str(error))
            return False
        assert bool(torch.isfinite(scores).all()), scores
        check_answers(model)
        return True


class DataFiles(Target):
    """Data files of every kind that is read; the first line of an input is the name of its file."""

    name = "data"

    def __init__(self) -> None:
        super().__init__()
        self._children = _Children()

    def close(self) -> None:
        super().close()
        self._children.close()

    def seeds(self) -> list[bytes]:
        found = []
        for name, make in DATA.items():
            with contextlib.suppress(TypeError):  # this polars may not compress
                found.append(name.encode() + b"\n" + make())
        return found

    def mutated(
        self, content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        name, _, own = content.partition(b"\n")
        if rng.random() < 0.05:
            name = rng.choice(list(DATA)).encode()
        changed = damaged(own, rng) if flip is None or rng.random() < 0.3 else flip(own)
        return name + b"\n" + changed

    def check(self, content: bytes) -> bool:
        name, _, own = content.partition(b"\n")
        if name.decode(errors="replace") not in DATA:
            return False
        path = self.folder / name.decode()
        path.write_bytes(own)
        if path.suffix in (".parquet", ".arrow", ".feather"):  # polars may end the process
            found = self._children.read(path)
        else:
            found = self.reads(path)
        path.unlink()
        return found

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Read a file in every way; return whether there are rows in it."""
        calls: list[Callable[[], Any]] = [
            lambda: read(path, missing=True),
            lambda: read(path, missing=True, lenient=True),
            lambda: list(open_portions(path, missing=True) or []),
            lambda: made.data.load(path),
        ]
        if path.suffix in (".npy", ".parquet"):
            calls.append(lambda: open_rows(path).read(0, 1))
        results = [cls._outcome(path, call) for call in calls]
        dataset = results[3]
        if dataset is not None:
            rows = dataset.schema.encode(dataset.train)
            model = made.MADE(dataset.schema.fitted(rows), (), seed=0)
            scores = model.log_prob(rows[:20])
            assert bool(torch.isfinite(scores).all()), scores
        return results[0] is not None

    @staticmethod
    def _outcome(path: Path, call: Callable[[], Any]) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                return call()
        except made.InputError as error:
            check_refusal(path, error)
            return None


class Checkpoints(Target):
    """Files of a run that ``made fit --resume`` reads; the first line of an input says which."""

    name = "checkpoint"

    def __init__(self) -> None:
        super().__init__()
        self.runs = begin_runs(self.folder)
        self.files = {
            f"{name}/{own.relative_to(run)}": own.read_bytes()
            for name, run in self.runs.items()
            for own in sorted(run.rglob("*"))
            if own.is_file() and own.suffix in (".safetensors", ".json")
        }
        self._others = [own for own in map(opened, self.files.values()) if own is not None]

    def seeds(self) -> list[bytes]:
        own = str(self.folder).encode()
        return [name.encode() + b"\n" + content.replace(own, _FOLDER) for name, content in self.files.items()]

    def mutated(
        self, content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None = None
    ) -> bytes:
        name, _, own = content.partition(b"\n")
        if name.endswith(b".json"):
            return name + b"\n" + _mutated_json(own, rng, flip, [json.loads(own)] if _is_json(own) else [])
        parts = None if rng.random() < 0.2 else opened(own)
        if parts is None:
            return name + b"\n" + (damaged(own, rng) if flip is None else flip(own))
        return name + b"\n" + forged_file(parts, rng, self._others)

    def check(self, content: bytes) -> bool:
        place, _, own = content.partition(b"\n")
        name = place.decode(errors="replace")
        if name not in self.files:
            return False
        return self.resumes(name, own.replace(_FOLDER, str(self.folder).encode()))

    @staticmethod
    def _is_forged(name: str, content: bytes | None) -> bool:
        """Return whether what is wrong with a sound file shows late, after fits before it have gone on."""
        if name == "compared/settings.json":
            return True
        return content is not None and name.count("/") == 2 and opened(content) is not None

    def resumes(self, name: str, content: bytes | None, minutes: float = 0.02) -> bool:
        """Go on with a copy of a run one of whose files is another, or missing; return whether that is done.

        It ends with figures that are finite, or with one line and the files as they were. What there is no
        time for is not read.
        """
        run, _, file = name.partition("/")
        folder = self.folder / "copy" / run
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        shutil.copytree(self.runs[run], folder)
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(content)
        kept = {own: own.read_bytes() for own in folder.rglob("*") if own.suffix in (".safetensors", ".json")}
        options = ["--resume", "--device", "cpu", "--quiet", "--minutes", str(minutes)]
        options += [] if run == "compared" else ["--epochs", "3"]
        code, err = _called(["fit", "-o", str(folder), *options])
        assert code in (0, 2), (code, err)
        if code == 2:
            lines = [line for line in err.splitlines() if line.startswith("error: ")]
            assert len(lines) == 1, err
            assert err.splitlines()[-1] == lines[0], err
            check_line(lines[0])
            if self._is_forged(name, content):  # what came before it was gone through
                return False
            changed = [own.name for own, was in kept.items() if not own.exists() or own.read_bytes() != was]
            assert not changed or "diverged" in lines[0], (changed, err)
            return False
        check_figures(json.loads((folder / "results.json").read_text()))
        check_answers(made.load(folder))
        return True


def check_figures(content: Any) -> None:
    """Check that all numbers in JSON are finite."""
    if isinstance(content, float):
        assert math.isfinite(content), "a figure that is not finite"
    for own in (
        content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    ):
        check_figures(own)


def _called(arguments: list[str]) -> tuple[Any, str]:
    """Call the command line: its exit code, and what it wrote on standard error."""
    out, err, code = io.StringIO(), io.StringIO(), None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        without_pictures(),
        mock.patch("typer.main.get_command", return_value=_COMMAND),  # it is built anew for each call
    ):
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code
    return code, err.getvalue()


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _mutated_json(
    content: bytes, rng: np.random.Generator, flip: Callable[[bytes], bytes] | None, others: list[Any]
) -> bytes:
    """Return JSON with other values, or other bytes."""
    if rng.random() < 0.2 or not _is_json(content):
        return damaged(content, rng) if flip is None else flip(content)
    return json.dumps(forged(json.loads(content), rng, others)).encode()


class _Children:
    """Reads files in processes of their own, which polars may end; forked from one without threads."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__)), "serve"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._server = subprocess.Popen(program, **pipes, env={**os.environ, "POLARS_MAX_THREADS": "1"})
        assert self._server.stdout is not None
        self._server.stdout.readline()  # it is ready

    def read(self, path: Path) -> bool:
        """Read a file; what ends the process is an error here."""
        assert self._server.stdin is not None and self._server.stdout is not None  # noqa: PT018
        self._server.stdin.write(f"{path}\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer in (True, False), answer
        return bool(answer)

    def close(self) -> None:
        """End the server."""
        self._server.communicate()


def _serve() -> None:
    """Read each file that standard input names in a forked process, and say how that ended."""
    print("ready", flush=True)
    for line in sys.stdin:
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what polars says of a panic
            try:
                answer: Any = DataFiles.reads(Path(line.rstrip("\n")))
            except BaseException as error:
                answer = "".join(traceback.format_exception(error))[-3_000:]
            os.write(sender, json.dumps(answer).encode())
            os._exit(0)
        os.close(sender)
        with os.fdopen(receiver, "rb") as file:
            content = file.read().decode()
        status = os.waitpid(child, 0)[1]
        ended = f"the process ended with signal {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}"
        print(content or json.dumps(ended), flush=True)


TARGETS: dict[str, type[Target]] = {own.name: own for own in (ModelFiles, Checkpoints, Schemas, DataFiles)}

if __name__ == "__main__":
    _serve()
