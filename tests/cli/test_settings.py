"""Options that come from settings: one for each field, with its type, its help and its default."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from made.cli.fit import fit
from made.cli.settings import with_settings
from made.network.settings import NetworkSettings
from made.support.settings import options, setting
from made.training.settings import TrainingSettings


@dataclass(frozen=True)
class Oven:
    """An oven."""

    name: str = setting("mine", help="Is an argument of the command.")
    max_degrees: float | None = setting(None, help="How hot.")
    minutes: int = setting(30, help="How long.")
    fan: bool = setting(False, help="Whether it turns.")


@pytest.fixture
def bake():
    """A command with these settings, and what it was called with."""
    taken = []

    @with_settings(Oven, defaults={"fan": "no"})
    def bake(
        name: Annotated[str, typer.Argument()] = "yours",
        *,
        quiet: Annotated[bool, typer.Option("--quiet", help="Be quiet.")] = False,
        **settings,
    ) -> None:
        """Bake."""
        taken.append({"name": name, "quiet": quiet, **settings})

    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(bake)
    return lambda *arguments: (CliRunner().invoke(app, arguments), taken)


def test_what_is_given_reaches_the_command(bake):
    _, (taken,) = bake("his", "--max-degrees", "1.5", "--no-fan", "--quiet")
    assert taken == {"name": "his", "quiet": True, "max_degrees": 1.5, "minutes": None, "fan": False}


def test_help(bake):
    lines = bake("--help")[0].output.splitlines()
    own = [line.split()[0] for line in lines if line.startswith("  --")]
    assert own == ["--max-degrees", "--minutes", "--fan", "--quiet", "--help"]
    text = " ".join(" ".join(lines).split())
    assert "--minutes <int> How long [30]." in text or "--minutes INTEGER How long [30]." in text
    assert "--fan / --no-fan Whether it turns [no]." in text


def test_a_word_of_the_wrong_type(bake):
    result, taken = bake("--minutes", "long")
    assert result.exit_code == 2
    assert taken == []


def test_made_fit_has_every_setting(call):
    text = call("fit", "--help").out
    offered = [option for cls in (TrainingSettings, NetworkSettings) for option in options(cls)]
    for option in offered:
        assert f"--{option.name.replace('_', '-')} " in text
    for name in ("--data-dir", "--coding", "--context", "--device", "--resume", "--force", "--quiet"):
        assert name in text
    hidden = {"warmup", "valid_masks", "compiled", "shift", "fresh_masks", "field"}
    assert not hidden & set(inspect.signature(fit).parameters)
