"""``made recipes``: settings with a name, and what they gave."""

from __future__ import annotations

import typer

__all__ = ["recipes"]


def recipes() -> None:
    """List the recipes of made fit --recipe: what each is for, and what it gave."""
    from made.tuning.recipes import RECIPES

    typer.echo(
        f"{'recipe':<12}{'measured on':<18}{'valid':>8}{'test':>8}  {'time':<9}{'memory':<9}what it is"
    )
    for name, recipe in RECIPES.items():
        measured = [
            f"{own.data:<18}{own.valid:>8.2f}{own.test:>8.2f}  {f'{own.minutes:g} min':<9}"
            f"{f'{own.megabytes:,} MB':<9}"
            for own in recipe.figures
        ] or [f"{'':<18}{'':>8}{'':>8}  {'':<9}{'':<9}"]
        typer.echo(f"{name:<12}{measured[0]}{recipe.about}")
        for line in measured[1:]:
            typer.echo(f"{'':<12}{line}".rstrip())
    typer.echo(
        "\nNLL in nats per row; time on at most 2 cores. Take one with made fit DATA --recipe NAME -o RUN; "
        "options replace its settings."
    )
