"""``made complete``: fill in the unknown entries of rows, and say how the answers were found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import tell, tell_rejected
from made.cli.options import DataDir, Device, Ray, Run, Where, check_out, load_run
from made.cli.units import do_units, file_of, folder_of, goes_into_folder, name_of_files, tell_rejected_units
from made.support.errors import InputError
from made.support.listing import counted
from made.support.progress import counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from made.runs.completer import Completer
    from made.runs.completions import IncompleteRows

__all__ = ["complete"]

# How many completions of an image fit into a picture.
_PER_IMAGE = 6


def complete(
    run: Run,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ROWS...]",
            help="A file of rows, unknown entries empty, ?, NA or NaN; - is standard input. Or several "
            ".parquet files, or their folder.",
            show_default=False,
        ),
    ] = None,
    half: Annotated[
        str | None,
        typer.Option(
            help="Instead of ROWS: 8 test images of the run, their top, bottom, left or right half given."
        ),
    ] = None,
    where: Where = None,
    kind: Annotated[
        str,
        typer.Option(
            help="draw (from the conditional joint distribution), variable (each most probable value), "
            "joint (the most probable completion as a whole) or mean (of numbers, with an interval: columns "
            "NAME_low and NAME_high; the most probable value of others)."
        ),
    ] = "draw",
    number: Annotated[
        int | None, typer.Option("--number", "-n", help="Completions per row [1; of a picture 6].")
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="With --kind mean: the share between NAME_low and NAME_high [0.8].")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="auto (exact where it can be), exact (or refuse), estimate, or given-first (under an "
            "ordering with the known variables first, for models of several orderings)."
        ),
    ] = "auto",
    particles: Annotated[int, typer.Option(help="Per row and mask, where an answer is estimated.")] = 1000,
    max_states: Annotated[int, typer.Option(help="Sum exactly over at most this many states.")] = 4096,
    seed: Annotated[int, typer.Option(help="Of the particles and of the completions.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".csv, .parquet, .npy or .png [-: CSV on standard output]; a folder for several files, or "
            "where it ends in /.",
        ),
    ] = None,
    data_dir: DataDir = None,
    device: Device = "cpu",
    ray: Ray = None,
) -> None:
    """Fill in the unknown entries of rows, and say how: exactly, or estimated.

    Columns are found by their names, in any order. Others pass through, and one that is not there is
    filled in; what is written has the columns of FILE in their order, then those that are filled in. Rows
    that cannot be read are left out; FILE.rejected.csv, beside FILE, says why.

    Several .parquet files are completed unit by unit, a run of row groups each, and a unit is one file of the
    folder, where `file` and `row` (its number there, from 0) say which row it is; what is drawn is a function
    of these and the seed. The command, run again, does what is not there yet. --ray does the units on a
    cluster.
    """
    how: dict[str, Any] = {"where": where} if where else {}
    how |= {"method": method, "particles": particles, "max_states": max_states, "seed": seed, "kind": kind}
    how |= {} if level is None else {"level": level}
    _check(files, half, number, how)
    if files and goes_into_folder(files, out, ray):
        _into_folder(run, files, folder_of(out), number, device, ray, how)
    elif ray is not None:
        raise InputError("--ray completes files of rows: leave --half out")
    else:
        place = file_of(out)
        _into_file(run, files[0] if files else None, half, number, how, place, data_dir, device)


def _check(files: list[str] | None, half: str | None, number: int | None, how: dict[str, Any]) -> None:
    """Check what concerns all ways."""
    from made.queries.questions import KINDS, METHODS

    if (not files) == (half is None):
        raise InputError(
            "made complete needs either ROWS, a file of incomplete rows, or --half for images of the run"
        )
    for option, known in (("kind", KINDS), ("method", METHODS)):
        if how[option] not in known:
            raise InputError(f"--{option} is one of {', '.join(known)}; got {how[option]!r}")
    if number is not None and number < 0:
        raise InputError(f"-n is the number of completions of each row, at least 0; got {number}")
    if number is not None and how["kind"] != "draw":
        raise InputError(
            f"-n asks for several samples: with --kind {how['kind']} each row has one completion"
        )
    if "level" in how and how["kind"] != "mean":
        raise InputError(f"--level is that of an interval: --kind {how['kind']} has none, --kind mean has")


def _into_folder(
    run: Path,
    names: list[str],
    out: Path,
    number: int | None,
    device: str,
    ray: str | None,
    how: dict[str, Any],
) -> None:
    from made.queries.questions import KINDS
    from made.runs.unit_work import CompleteUnits, Packed
    from made.runs.units import ROWS_OF_SLOW, digest_of, find_units, parquet_files

    paths = parquet_files(names)
    _, model = load_run(run, device)
    packed = Packed.of(model, device)
    job = digest_of({"command": "complete", "model": packed.digest, "number": number, **how})
    units = find_units(paths, job, ROWS_OF_SLOW)
    done = do_units(CompleteUnits(packed, out, number, **how), out, units, "completing", model.schema, ray)
    each = "" if number is None else f", {number:,} of each row"
    tell(f"{name_of_files(paths)}: {_gaps(done.n_rows, done.n_unknown)}; {KINDS[how['kind']]}{each}: {out}")
    _tell_counts(done.how, done.poor)
    tell_rejected_units(done, out, "left out")


def _into_file(
    run: Path,
    rows: str | None,
    half: str | None,
    number: int | None,
    how: dict[str, Any],
    out: Path | None,
    data_dir: str | None,
    device: str,
) -> None:
    import numpy as np

    from made.queries.questions import KINDS
    from made.runs.completer import Completer
    from made.runs.completions import (
        IMAGES,
        check_picture,
        draw_completions,
        find_incomplete_rows,
        half_images,
    )
    from made.runs.other_columns import OtherColumns
    from made.runs.row_source import portions_of_file
    from made.runs.samples import csv_text, write_rows

    kind, seed = how["kind"], how["seed"]
    check_out(out, "completions")
    if kind == "mean" and out is not None and out.suffix not in (".csv", ".parquet"):
        raise InputError(f"{out}: means have intervals beside them: write .csv or .parquet")
    folder, model = load_run(run, device)
    is_picture = out is not None and out.suffix == ".png"
    number = _PER_IMAGE if is_picture and number is None and kind == "draw" else number
    images: IncompleteRows | None = None
    if rows is None:
        images = half_images(folder, model, half or "", IMAGES, seed, data_dir)
    elif is_picture:
        images = find_incomplete_rows(model, rows)
    if out is not None and is_picture and images is not None:
        check_picture(out, images, number, model.schema.image_shape)
        images = images[:IMAGES]
    source = portions_of_file(model, rows or "") if images is None else images.as_source(model)
    completer = Completer(model, number, **how)

    has_names = out is None or out.suffix in (".csv", ".parquet")
    rest = iter(source)
    first = next(rest)
    others = OtherColumns.of(model.schema, first) if has_names else OtherColumns()
    parts = chain([first], rest)
    del first  # it is not kept
    beside = others.beside(source.name, model.schema, dict.fromkeys(completer.beside, "float64"))

    def portions() -> Iterator[NDArray[Any]]:
        for found in parts:
            values = completer.complete(found.rows, found.first, advance)
            if others.kinds:
                own = np.repeat(others.values(found), completer.each, axis=0)
                values = np.hstack([values, own], dtype=object)
            if len(values):  # else nothing is to be shown yet: there may be no row that can be read
                yield values

    # Rows printed on a terminal show the progress themselves, and a bar would mix with them.
    with counting("completing", source.n_rows, hidden=out is None and sys.stdout.isatty()) as advance:
        if out is None:
            for text in csv_text(model, portions(), beside, others.ordered):
                typer.echo(text, nl=False)
        elif is_picture or out.suffix == ".npy":  # these need all rows in memory
            nothing = np.empty((0, len(model.schema.modelled_table)), dtype=object)
            values = np.concatenate(list(portions()) or [nothing])
        else:
            write_rows(out, model, None, portions(), beside, others.ordered)
    if out is not None and is_picture and images is not None:
        codes = model.schema.encode_modelled(values).numpy().astype(np.int64)
        filled = codes if number is None else codes.reshape(len(images), number, -1)
        draw_completions(out, images, filled, model, model.schema.image_shape)
    elif out is not None and out.suffix == ".npy":
        write_rows(out, model, len(values), [values])
    _tell_how(source.name, completer, KINDS[kind], out)
    tell_rejected(source.rejected, out, "left out")


def _gaps(n_rows: int, n_unknown: int) -> str:
    return f"{counted(n_rows, 'row')}, {counted(n_unknown, 'unknown entry', 'unknown entries')}"


def _tell_how(name: str, completer: Completer, what: str, out: Path | None) -> None:
    """Say what the completions are and how they were found; warn of poor estimates."""
    each = "" if completer.number is None else f", {completer.number:,} of each row"
    place = "" if out is None else f": {out}"
    tell(f"{name}: {_gaps(completer.n_rows, completer.n_unknown)}; {what}{each}{place}")
    _tell_counts(completer.how, completer.poor)


def _tell_counts(how: Mapping[str, int], poor: str) -> None:
    for own, count in Counter(how).most_common():
        tell(f"  {count:,} {'row' if count == 1 else 'rows'} {own}")
    if poor:
        tell(f"  {poor}, or use --method given-first with a model of several orderings")
