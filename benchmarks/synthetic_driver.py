"""Fit one peer of `synthetic.py` to rows, draw and complete rows. Runs in the environment of that peer.

    python synthetic_driver.py NAME FOLDER

FOLDER holds `train.csv`, `test.csv`, `about.json` (columns that are classes, cells of the others, how many
rows, seed) and the rows to be completed, `hidden_NUMBER.csv`. What is drawn and completed goes there as CSV,
log-masses of test rows as `log_mass.npy`, and `found.json` says how many seconds it took. It imports nothing
of made, which is not installed there.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["PACKAGES", "installed", "timed"]

# Rows that are drawn, and scored, on the clock; completions of a row, of which the mean or the mode is taken.
_N_TIMED, _N_DRAWS = 100_000, 20


class About(NamedTuple):
    """What is asked for."""

    classes: list[str]
    cells: dict[str, float]
    n_rows: int
    seed: int
    hidden: list[int]


def main() -> None:
    """Do as the folder says."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    about = About(**json.loads((folder / "about.json").read_text()))
    np.random.seed(about.seed)  # noqa: NPY002 - arfpy draws from the global generator
    warnings.simplefilter("ignore")
    package = PACKAGES[name]
    found: dict[str, Any] = {
        **installed(package),
        "version": f"{package} {importlib.metadata.version(package)}",
    }
    _SYSTEMS[name](_read(folder / "train.csv", about), about, folder, found)
    (folder / "found.json").write_text(json.dumps(found))


def _read(file: Path, about: About) -> pd.DataFrame:
    kinds = dict.fromkeys(about.classes, str)
    frame = pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""])
    # Text as objects: not every peer knows newer kinds of text.
    return frame.astype(dict.fromkeys(about.classes, object))


def timed(found: dict[str, Any], what: str, call: Callable[[], Any]) -> Any:
    """Call, and note the seconds of the processor, with those of processes it started, and of the clock.

    On a machine that does other work as well, only the former say what it costs.
    """
    began, used = time.monotonic(), sum(os.times()[:4])
    answer = call()
    found[what] = sum(os.times()[:4]) - used
    found[f"{what}, clock"] = time.monotonic() - began
    return answer


def _draw(draw: Callable[[int], pd.DataFrame], about: About, folder: Path, found: dict[str, Any]) -> None:
    """Draw rows on the clock, twice, and keep as many as are asked for."""
    found["rows timed"] = _N_TIMED
    timed(found, "first draw", lambda: draw(_N_TIMED))
    rows = timed(found, "draw", lambda: draw(_N_TIMED))
    if about.n_rows > len(rows):
        rows = draw(about.n_rows)
    rows.iloc[: about.n_rows].to_csv(folder / "drawn.csv", index=False)


def _score(score: Callable[[pd.DataFrame], Any], train: pd.DataFrame, found: dict[str, Any]) -> None:
    """Score training rows on the clock, again and again until they are enough, twice."""
    rows = train.iloc[np.arange(_N_TIMED) % len(train)].reset_index(drop=True)
    timed(found, "first score", lambda: score(rows))
    timed(found, "score", lambda: score(rows))


def _argn(train: pd.DataFrame, about: About, folder: Path, found: dict[str, Any]) -> None:
    """TabularARGN as it is by default, except that rare values are not kept out: nor does made by default."""
    from mostlyai.engine import TabularARGN

    model = TabularARGN(value_protection=False, random_state=about.seed, device="cpu")
    timed(found, "fit", lambda: model.fit(train))
    _draw(lambda n: model.sample(n_samples=n), about, folder, found)
    test = _read(folder / "test.csv", about)
    gaps = {percent: _read(folder / f"hidden_{percent}.csv", about) for percent in about.hidden}
    with _noted(found, "no score"):
        _score(model.log_prob, train, found)
        np.save(folder / "log_mass.npy", _argn_masses(model, test, about))
    with _noted(found, "no completion"):
        for percent, rows in gaps.items():
            filled = timed(found, f"complete_{percent}", lambda rows=rows: _argn_filled(model, rows, about))
            filled.to_csv(folder / f"completed_{percent}.csv", index=False)
    with _noted(found, "no log score"):
        scores = _argn_scores(model, test, gaps, about)
        for percent, own in scores.items():
            np.save(folder / f"log_score_{percent}.npy", own)


@contextmanager
def _noted(found: dict[str, Any], what: str) -> Iterator[None]:
    """Note why something failed, which has no part in the rest."""
    try:
        yield
    except Exception as error:
        found[what] = repr(error)[:200]


def _argn_masses(model: Any, rows: pd.DataFrame, about: About) -> Any:
    """Return log-masses of the cells that rows stand for: those of bins are uniform within them, as it draws.

    What is beyond the training rows has the mass of the outermost bin or value, as it is encoded: more than
    it would draw. A missing number that is written in digits has random ones, with a mass: NaN.
    """
    masses = np.array(model.log_prob(rows), dtype=np.float64)
    return masses + _argn_widths(model, rows, about).sum(axis=1)


def _argn_widths(model: Any, rows: pd.DataFrame, about: About) -> Any:
    """Return what turns masses of bins into those of cells, (n, D); NaN for a missing number in digits."""
    widths = np.zeros(rows.shape)
    stats = next(Path(model.workspace_dir).rglob("tgt-stats/stats.json"))
    of_columns = json.loads(stats.read_text())["columns"]
    for d, name in enumerate(rows):
        if name not in about.cells:
            continue
        values, own = rows[name].to_numpy(np.float64), of_columns[name]
        if own["encoding_type"].endswith("DIGIT"):
            widths[np.isnan(values), d] = np.nan
        elif own["encoding_type"].endswith("BINNED"):
            edges = np.array(own["bins"])
            bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
            share = np.minimum(1.0, about.cells[name] / np.diff(edges)[bins])
            # The least and the greatest value are events of their own.
            is_within = ~np.isnan(values) & ~np.isin(values, edges[[0, -1]])
            widths[:, d] = np.where(is_within, np.log(share), 0.0)
    return widths


def _argn_scores(
    model: Any, test: pd.DataFrame, gaps: dict[int, pd.DataFrame], about: About
) -> dict[int, Any]:
    """Return log-masses of the hidden cells of the first test rows given the others, by percent hidden.

    They are of orders with what is known first: it has learned all orders.
    """
    import torch
    from mostlyai.engine._tabular.common import get_argn_column_names
    from mostlyai.engine._tabular.encoding import encode_df
    from mostlyai.engine._tabular.probability import _initialize_model
    from mostlyai.engine._workspace import Workspace

    network, stats, _, _, columns, *_ = _initialize_model(
        workspace=Workspace(model.workspace_dir), device="cpu"
    )
    network.eval()
    rows = test.iloc[: max(len(own) for own in gaps.values())]
    encoded = encode_df(df=rows, stats=stats)[0]
    codes = {name: torch.tensor(encoded[name].to_numpy(), dtype=torch.long)[:, None] for name in encoded}
    names = np.array(get_argn_column_names(stats["columns"], list(rows)))
    widths = _argn_widths(model, rows, about)

    def score(i: int, unknown: list[str]) -> float:
        order = [own for own in columns if own not in unknown] + unknown
        row = {name: own[i : i + 1] for name, own in codes.items()}
        with torch.no_grad():
            outputs, _ = network(row, mode="trn", column_order=order)
        return -sum(
            float(torch.nn.functional.cross_entropy(outputs[name], row[name][:, 0]))
            for name, place in network.tgt_sub_columns_lookup.items()
            if place.col_name in unknown
        )

    found = {}
    for percent, own in gaps.items():
        hidden = (rows.iloc[: len(own)].notna() & own.isna()).to_numpy()
        scores = [score(i, names[is_hidden].tolist()) for i, is_hidden in enumerate(hidden)]
        found[percent] = np.where(hidden, widths[: len(own)], 0.0).sum(axis=1) + scores
    return found


def _argn_filled(model: Any, rows: pd.DataFrame, about: About) -> pd.DataFrame:
    """Return the means of numbers and the most frequent labels of 20 completions.

    They are asked for in one call: `n_draws` goes through all patterns of gaps anew for every draw.
    """
    many = rows.loc[np.repeat(rows.index, _N_DRAWS)].reset_index(drop=True)
    drawn = model.impute(many).reset_index(drop=True)
    for name in rows:
        known = many[name].notna().to_numpy()
        if not (
            drawn[name][known].astype(str).str.strip() == many[name][known].astype(str).str.strip()
        ).all():
            moved = pd.to_numeric(drawn[name][known], errors="coerce") - pd.to_numeric(
                many[name][known], errors="coerce"
            )
            if not (moved.abs() < 1e-9).all():
                raise ValueError(f"what is known of {name} was changed, or rows came back in another order")
    own = drawn.groupby(np.repeat(np.arange(len(rows)), _N_DRAWS))
    columns = {
        name: own[name].agg(lambda part: part.mode().iloc[0] if len(part.mode()) else None)
        if name in about.classes
        else own[name].mean()
        for name in rows
    }
    return pd.DataFrame(columns)


def _ctgan(train: pd.DataFrame, about: About, folder: Path, found: dict[str, Any]) -> None:
    """CTGAN as it is by default, 300 epochs."""
    from ctgan import CTGAN

    model = CTGAN(enable_gpu=False)
    model.set_random_state(about.seed)
    timed(found, "fit", lambda: model.fit(train, discrete_columns=about.classes))
    _draw(model.sample, about, folder, found)


def _arf(train: pd.DataFrame, about: About, folder: Path, found: dict[str, Any]) -> None:
    """Adversarial random forests as arfpy has them by default."""
    from arfpy import arf

    def fit() -> Any:
        model = arf.arf(x=train, verbose=False, random_state=about.seed)
        model.forde()
        return model

    model = timed(found, "fit", fit)
    _draw(model.forge, about, folder, found)


def _network(train: pd.DataFrame, about: About, folder: Path, found: dict[str, Any]) -> None:
    """A Bayesian network of pgmpy; how many bins is chosen off the clock."""
    from synthetic_network import Network, best_number_of_bins

    n_bins = best_number_of_bins(train, about.cells, about.seed)
    model = timed(found, "fit", lambda: Network(train, about.cells, n_bins))
    _draw(lambda n: model.sample(n, about.seed), about, folder, found)
    _score(model.log_mass, train, found)
    np.save(folder / "log_mass.npy", model.log_mass(_read(folder / "test.csv", about)))


_SYSTEMS = {"argn": _argn, "ctgan": _ctgan, "arf": _arf, "network": _network}
PACKAGES = {"argn": "mostlyai-engine", "ctgan": "ctgan", "arf": "arfpy", "network": "pgmpy"}


def installed(package: str) -> dict[str, float]:
    """Return the megabytes of a package and of all that it needs, and how many packages these are."""
    total, waiting, seen, found = 0, [(package, frozenset[str]())], set(), set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            own = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            files = [Path(str(own.locate_file(file))) for file in own.files or []]
            total += sum(file.stat().st_size for file in files if file.exists())
        waiting += _needs(own, extras)
    return {"size": total / 1e6, "packages": len(found)}


def _needs(own: importlib.metadata.Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Return what a distribution needs here, each with the extras that are asked for."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement
    found = []
    for line in own.requires or []:
        need = Requirement(line)
        asked = [{"extra": extra} for extra in ("", *extras)]
        if need.marker is None or any(need.marker.evaluate(own_extra) for own_extra in asked):
            found.append((need.name.lower().replace("_", "-"), frozenset(need.extras)))
    return found


if __name__ == "__main__":
    main()
