"""The command line: one function per command, and one line for an error that the user can correct."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer

from made.cli import (
    compare,
    complete,
    data,
    demo,
    evaluate,
    fit,
    recipes,
    report,
    reproduce,
    sample,
    schema,
    score,
    serve,
    show,
)
from made.cli.console import INTERRUPTED
from made.cli.options import with_addresses
from made.support.errors import InputError
from made.support.log import log_on_stderr
from made.training.interrupt import Termination, terminable

__all__ = ["app", "main"]

_TERMINATED = 143
# How often a thread that waits for the others looks whether they are done before it sleeps: by default so
# often that, where another process has a core, steps take ten times as long and more.
_LOOKS = "10000"
_OUTPUTS = ("-o", "--out")
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EDQUOT)

app = typer.Typer(
    name="made",
    help=(
        "Learn the joint distribution of the rows of a table, or of images, exactly.\n\n"
        "Start with: made demo. Then: made fit DATA -o RUN, made evaluate RUN, made sample RUN -n 100."
    ),
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(fit.fit)
app.command()(evaluate.evaluate)
app.command()(sample.sample)
app.command()(complete.complete)
app.command()(score.score)
app.command()(compare.compare)
app.command()(report.report)
app.command()(show.show)
app.command()(show.summary)
app.command()(serve.serve)
app.command()(data.data)
app.command()(schema.schema)
app.command()(recipes.recipes)
app.command()(demo.demo)
app.add_typer(reproduce.app, name="reproduce")


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version."),
    verbose: bool = typer.Option(
        False, "-v", help="With --version: what figures and times may depend on, too."
    ),
) -> None:
    """Take the options before the command."""
    if version:
        _print_version(verbose=verbose)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise InputError("-v goes with --version (see made --help)")


def _print_version(*, verbose: bool) -> None:
    from made import __version__

    typer.echo(__version__)
    if verbose:
        from made.kernels.jit.processor import PROCESSOR
        from made.support.versions import environment

        for name, value in {**environment(), "vectors": PROCESSOR.name}.items():
            if name != "made":
                typer.echo(f"{name}: {value}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: results on standard output, the rest on standard error.

    Exit codes: 0, 2 for an error that the user can correct (one line says what), 130 after Ctrl-C and 143
    after SIGTERM, which does what Ctrl-C does.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _LOOKS)  # read when torch is loaded
    if sys.stderr is None:  # closed, as 2>&- does
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 (open to the end)
    if sys.stdout is None:
        _fail("standard output is closed: leave >&- out", 2)
    termination, code = Termination(), 0
    try:
        _check_arguments(arguments)
        with terminable() as termination, log_on_stderr(), _warnings_of_one_line():
            code = app(args=with_addresses(arguments) or ["--help"], prog_name="made", standalone_mode=False)
        sys.stdout.flush()
    except InputError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe is gone
        sys.exit(1)
    except OSError as error:
        reason = error.strerror or str(error)
        # Files are written aside, which names them: what takes no more is what results are printed to.
        if error.filename is None and error.errno in _FULL:
            _forget_stdout()
            _fail(f"standard output: {reason}; some of the results are not written", 2)
        _fail(f"{error.filename or 'a file that was being written or read'}: {reason}", 2)
    except Exception as error:
        # typer's own errors about the arguments
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        command = getattr(getattr(error, "ctx", None), "command_path", "made")
        if message:
            _fail(f"{message} (see {command} --help)", 2)
        sys.exit(0)
    if code == INTERRUPTED:
        # Once Ctrl-C has come through an exec, `python -m` ends by SIGINT, whatever the code, until another
        # exec has ended well.
        exec("")
        _fail("interrupted", _TERMINATED if termination.has_come else INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _check_arguments(arguments: list[str]) -> None:
    """Raise an `InputError` for an output without a name: it would be the folder that one is in."""
    for option, value in pairwise([*arguments, "more"]):
        if (option in _OUTPUTS and not value.strip()) or option in [f"{name}=" for name in _OUTPUTS]:
            raise InputError(f"{option.rstrip('=')} is empty: it names a file or a folder")


def _forget_stdout() -> None:
    """Send what is left of standard output nowhere: Python would try to write it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _warnings_of_one_line() -> Iterator[None]:
    """Show warnings as one line each, without the place in the code."""

    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        sys.stderr.write(f"warning: {' '.join(str(message).split())}\n")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    sys.stderr.write(f"error: {line}\n" if code == 2 else f"{line}\n")
    sys.exit(code)
