"""Work on many rows, unit by unit, into a folder: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from made.cli.console import tell
from made.support.errors import InputError
from made.support.listing import counted
from made.support.locks import locked
from made.support.progress import counting

if TYPE_CHECKING:
    from made.runs.done import Done
    from made.runs.unit_work import UnitWork
    from made.runs.units import Unit
    from made.variables.schema import Schema

__all__ = ["do_units", "file_of", "folder_of", "goes_into_folder", "name_of_files", "tell_rejected_units"]


# Endings of files that commands write.
_FILES = (".csv", ".parquet", ".npy", ".png")
_STANDARD_OUTPUT = "-"


def goes_into_folder(names: Sequence[str], out: str | None, ray: str | None) -> bool:
    """Return whether a command writes a folder of files: for several files, or where the output is one."""
    from made.data.several import expanded

    if ray is not None or (out is not None and (out.endswith(("/", "\\")) or _is_folder(Path(out)))):
        return True
    return len(names) > 1 or any(Path(name).is_dir() for name in names) or len(expanded(list(names))) > 1


def file_of(out: str | None) -> Path | None:
    """Return the file that is written; None for standard output, which - stands for as well."""
    return None if out is None or out == _STANDARD_OUTPUT else Path(out)


def folder_of(out: str | None) -> Path:
    """Return the folder that is written, or say that one is needed."""
    path = file_of(out)
    if path is None:
        raise InputError("what is found out of several files goes into a folder: name it, as in -o scores/")
    if path.suffix in _FILES:
        raise InputError(f"{path}: several files are written into a folder, as in -o {path.stem}/")
    return path


def _is_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix not in _FILES


def name_of_files(paths: Sequence[Path]) -> str:
    """Return what files are called in a line."""
    return paths[0].name if len(paths) == 1 else f"{len(paths):,} files"


def do_units(
    work: UnitWork, out: Path, units: Sequence[Unit], what: str, schema: Schema, ray: str | None = None
) -> Done:
    """Do the units that are not in a folder yet, and show the progress.

    Parameters
    ----------
    work : UnitWork
        What is done.
    out : Path
        The folder.
    units : sequence of Unit
        All.
    what : str
        The same in a word.
    schema : Schema
        Of the model.
    ray : str, optional
        The address of a Ray cluster, or ``"local"`` for one that is begun here.

    Returns
    -------
    Done
        What is to be said of those that were done now.
    """
    from made.runs.done import together
    from made.runs.units import UnitFolder

    out = Path(out)
    place = out.resolve()
    with locked(place.parent, f".{place.name}.lock", out):
        folder = UnitFolder(out, units)
        missing = folder.missing
        if len(missing) < len(units):
            tell(
                f"{out}: {len(units) - len(missing):,} of {len(units):,} units are there, and not done again"
            )
        done: dict[int, Done] = {}
        with counting(what, sum(unit.n for unit in missing)) as advance:

            def one_by_one() -> Iterator[tuple[int, Done]]:
                for number, unit in enumerate(missing):
                    yield number, work(unit, advance)

            def spread(address: str) -> Iterator[tuple[int, Done]]:
                from made import ray

                for number, own in ray.spread(work, missing, address):
                    advance(missing[number].n)
                    yield number, own

            for number, own in one_by_one() if ray is None else spread(ray):
                if own.error:
                    kept = len(units) - len(missing) + len(done)
                    raise InputError(f"{own.error}; {kept:,} of {len(units):,} units are in {out}")
                done[number] = own
    total = together(done)
    schema.tell_rounded(total.rounded)
    if total.n_rejected and not total.n_rows:
        raise InputError(f"no row can be read: {total.first_rejected}")
    return total


def tell_rejected_units(done: Done, out: Path, what: str) -> None:
    """Say how many rows could not be read, and what became of them."""
    from made.runs.unit_work import rejected_folder

    if done.n_rejected:
        rows = counted(done.n_rejected, "row")
        first = "" if done.n_rejected == 1 else "the first: "
        tell(f"{rows} could not be read: {first}{done.first_rejected}; {what}, see {rejected_folder(out)}")
