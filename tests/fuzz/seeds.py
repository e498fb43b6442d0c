"""Sound inputs, out of which `targets.py` makes others: model files, schemas, data files, runs."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars
import torch
from PIL import Image

import made
from made.data.inference import infer_schema
from made.runs.config import RunConfig
from made.runs.run import run
from made.tuning.candidates import Candidate
from made.tuning.comparison import Comparison
from made.variables.fitting import counts_of

__all__ = ["DATA", "MODELS", "ROWS", "SCHEMAS", "begin_runs", "frame", "without_pictures"]

B, C, N = made.Bernoulli, made.Categorical, made.Numeric


def numbers() -> made.MADE:
    """Return a model of numbers, with a grid, a spike and gaps."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(size=60), rng.integers(0, 9, 60), rng.choice([0.0, 2.5], 60)], axis=1)
    columns = [N(), N(step=1, bounds=(0, 8)), N(step=0.5, spikes=[0.0], missing=True)]
    model = made.MADE(columns, (6,), seed=1)
    model.set_marginals(rows)
    return model


def classes() -> made.MADE:
    """Return a model of classes of every coding, of which one has 2,500, with context."""
    columns = [C(["no", "yes"]), C(5, coding="radial-basis", smooth=1.0), C(2500), C([1, 2], unseen=0.1)]
    return made.MADE([*columns, B(2)], (7, 7), context=[C(3), B(1)], residual=True, direct=True, orderings=2)


def few_classes() -> made.MADE:
    """Return the same, smaller."""
    columns = [C(["no", "yes"]), C(5, coding="radial-basis", smooth=1.0), C([1, 2], unseen=0.1)]
    return made.MADE([*columns, B(2)], (4,), context=[C(3), B(1)], residual=True, direct=True, orderings=2)


def dates() -> made.MADE:
    """Return a model of dates, labels and numbers, as rows have them."""
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * k % 50) for k in range(40)]
    table = polars.DataFrame({"day": days, "k": ["a", "b"] * 20, "x": np.arange(40) ** 1.5})
    schema = infer_schema(table)
    rows = schema.encode_complete(table)
    counts = counts_of(schema.row_type, [(rows.codes, torch.ones(40, dtype=torch.float64))])
    return made.MADE(schema.fitted(rows, counts=counts), (5,))


def mixture() -> made.Mixture:
    """Return a mixture of two models."""
    return made.Mixture([made.MADE(B(4), (5,), seed=seed) for seed in (0, 1)])


#: Models of every kind, by name.
MODELS: dict[str, Callable[[], Any]] = {
    "numbers": numbers,
    "classes": classes,
    "few classes": few_classes,
    "dates": dates,
    "mixture": mixture,
    "autoencoder": lambda: made.Autoencoder(B(6), (4, 3, 4)),
    "degrees": lambda: made.MADE(B(4), (3, 2), connectivity=[[1, 2, 3], [2, 3]]),
    "weights": lambda: made.MADE(B(4), (3,), connectivity=[0.2, 0.3, 0.5], connectivities=2),
}


def frame() -> polars.DataFrame:
    """Return a table with whole numbers beyond 2^53, floats, text with gaps, and truth values."""
    rng = np.random.default_rng(0)
    return polars.DataFrame(
        {
            "id": [2**53 + k for k in range(50)],
            "x": rng.normal(size=50),
            "w": ["a", "bß", "c", 'd,"e"', None] * 10,
            "b": [True, False] * 25,
        }
    )


def _written(write: Callable[[Any], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _archive(compression: int) -> bytes:
    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", compression) as members:
            members.writestr("x.npy", _written(lambda own: np.save(own, np.eye(9))))

    return _written(write)


def _picture(kind: str) -> bytes:
    picture = Image.fromarray(np.arange(30, dtype=np.uint8).reshape(5, 6) * 8)
    return _written(lambda file: picture.save(file, kind))


#: Files of every kind that is read, by name.
DATA: dict[str, Callable[[], bytes]] = {
    "whole.npy": lambda: _written(lambda file: np.save(file, np.arange(60).reshape(20, 3))),
    "text.npy": lambda: _written(lambda file: np.save(file, np.array([["a", "b"], ["c", "d"]]))),
    "table.npy": lambda: _written(lambda file: np.save(file, np.full((2, 3, 2), 1 / 12))),
    "two.npz": lambda: _written(lambda file: np.savez(file, train=np.eye(5), test=np.eye(5))),
    "deflated.npz": lambda: _written(lambda file: np.savez_compressed(file, x=np.eye(5))),
    "lzma.npz": lambda: _archive(zipfile.ZIP_LZMA),
    "bzip2.npz": lambda: _archive(zipfile.ZIP_BZIP2),
    "rows.csv": lambda: frame().write_csv().encode(),
    "semicolons.csv": lambda: b"a;b\n" + b"".join(b"%d,5;%d\n" % (k, k % 3) for k in range(30)),
    "rows.csv.gz": lambda: gzip.compress(frame().write_csv().encode(), mtime=0),
    "rows.csv.zst": lambda: _written(lambda file: frame().write_csv(file, compression="zstd")),
    "rows.tsv": lambda: frame().write_csv(separator="\t").encode(),
    "rows.data": lambda: b"0,1,0\n1,1,0\n" * 10,
    "rows.amat": lambda: b"0 1 0\n1 1 0\n" * 10,
    "rows.jsonl": lambda: frame().write_ndjson().encode(),
    "rows.ndjson": lambda: b'{"day": "2024-01-01", "k": 3}\n{"k": 1.5, "more": null}\n' * 6,
    "rows.jsonl.gz": lambda: gzip.compress(frame().write_ndjson().encode(), mtime=0),
    "rows.parquet": lambda: _written(frame().write_parquet),
    "rows.arrow": lambda: _written(frame().write_ipc),
    "stream.feather": lambda: _written(frame().write_ipc_stream),
    "rows.xlsx": lambda: _archive(zipfile.ZIP_DEFLATED),
    "picture.png": lambda: _picture("png"),
    "picture.jpg": lambda: _picture("jpeg"),
    "picture.bmp": lambda: _picture("bmp"),
    "picture.gif": lambda: _picture("gif"),
    "picture.tif": lambda: _picture("tiff"),
}

#: Rows of every kind of column, for schemas and runs.
ROWS = "kind,age,city,day\n" + "".join(
    f"{k % 2},{20 + k * 7 % 41}.5,{('Oslo', 'Rome', '', 'Bern')[k % 4]},2024-{1 + k % 12:02}-{day:02}\n"
    for k, day in zip(range(60), [*range(1, 29)] * 3, strict=False)
)
_ENTRIES: dict[str, list[dict[str, Any]]] = {
    "plain": [
        {"name": "kind", "kind": "category", "classes": 2},
        {"name": "age", "kind": "numeric", "step": 0.5, "rounds": True, "spikes": [20.5], "missing": True},
        {"name": "city", "kind": "category", "classes": ["Oslo", "Rome", "Bern"], "missing": True},
        {"name": "day", "kind": "date", "note": "of the visit", "why": "it looks like one"},
    ],
    "open": [
        {"name": "age", "kind": "numeric", "periods": [7.0]},
        {"name": "city", "kind": "category", "unseen": True},
        {"name": "kind", "kind": "category", "context": True},
        {"name": "day", "kind": "drop", "why": "not wanted"},
    ],
    "codes": [
        {"name": "kind", "kind": "category", "classes": [0, 1, 2], "ordered": True, "unseen": 0.05},
        {"name": "age", "kind": "numeric", "step": None},
    ],
}
#: Schema files by name.
SCHEMAS = {name: json.dumps({"columns": own}) for name, own in _ENTRIES.items()}


@contextlib.contextmanager
def without_pictures() -> Iterator[None]:
    """Let runs draw no pictures and fit no baselines, which is most of the time that a tiny one takes."""
    with contextlib.ExitStack() as patches:
        for name in ("draw_loss", "draw_samples"):
            patches.enter_context(mock.patch(f"made.runs.run.{name}", lambda path, *others: path))
        patches.enter_context(mock.patch("made.runs.run.baseline_scores", return_value={}))
        yield


def _two(_facts: Any) -> list[Candidate]:
    training = {"epochs": 2, "batch_size": 24, "learning_rate": 0.01, "ema": 0.5}
    return [Candidate(str(width), {"hidden": (width,)}, training) for width in (3, 4)]


def begin_runs(folder: Path) -> dict[str, Path]:
    """Make folders of runs: one at its end, one killed in its comparison, one that ended with a refit."""
    rows = [f"{k % 2},{('Oslo', 'Rome', '', 'Bern')[k % 4]},size {k * 7 % 5}" for k in range(60)]
    (folder / "rows.csv").write_text("\n".join(["kind,city,size", *rows]))
    training = {"epochs": 2, "batch_size": 16, "ema": 0.9, "compiled": False}
    base = RunConfig(
        data=str(folder / "rows.csv"),
        folder=folder / "set",
        seed=0,
        data_dir=None,
        model={"hidden": (3,)},
        training=training,
        device="cpu",
    )
    plain = Comparison._go_to

    def go_to(self: Comparison, rung: Any, *others: Any) -> Any:
        if rung.fraction > self.plan.rungs[0].fraction:
            raise KeyboardInterrupt  # as if it were killed
        return plain(self, rung, *others)

    with without_pictures():
        run(base)
        run(replace(base, folder=folder / "refit", refit=True))
        with (
            mock.patch("made.tuning.plan.candidates", _two),
            mock.patch.object(Comparison, "_go_to", go_to),
            contextlib.suppress(KeyboardInterrupt),
        ):
            run(replace(base, folder=folder / "compared", model={}, training={}))
    return {name: folder / name for name in ("set", "compared", "refit")}
