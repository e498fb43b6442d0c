"""``made reproduce mnist`` and ``made reproduce two-dim``: the seed's two experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from made.cli.console import make_folder, tell
from made.support.errors import InputError
from made.support.figures import with_error

__all__ = ["app"]

app = typer.Typer(
    help="Run the seed's experiments again, and write a report to hold beside the seed.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Quick = Annotated[
    bool, typer.Option("--quick", help="Fewer epochs and points: minutes, to see that it runs.")
]
Seed = Annotated[int, typer.Option(help="Of everything that is drawn.")]


@app.command("mnist")
def mnist(
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="seed, shuffled, connectivities, orderings, fresh, paper-1, paper-32 or all [seed]."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes through the training images [200].")] = None,
    sample_every: Annotated[
        int | None, typer.Option(help="Epochs between two sample grids [a quarter].")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the report goes.")] = Path(
        "runs/reproduce-mnist"
    ),
    data_dir: Annotated[
        str | None, typer.Option(help="Where binarized_mnist.npz lies [$MADE_DATA_DIR].")
    ] = None,
    seed: Seed = 0,
    quick: Quick = False,
) -> None:
    """Run the seed's section 1: binarized MNIST with its settings (Figure 5), and variants by name.

    With --quick, all recipes on the embedded 8x8 digits, 10 epochs each.
    """
    from made import data
    from made.reproduce.mnist import VARIANTS, MnistPlan, load_images, reproduce_variant
    from made.reproduce.mnist_report import write_mnist
    from made.runs.scores import baseline_scores

    wanted = recipe or (["all"] if quick else ["seed"])
    chosen = list(VARIANTS) if "all" in wanted else wanted
    for name in chosen:
        if name not in VARIANTS:
            raise InputError(f"a recipe is one of {', '.join(VARIANTS)} or all; got {name!r}")
    epochs = epochs if epochs is not None else 10 if quick else 200
    if epochs < 1 or (sample_every is not None and sample_every < 1):
        raise InputError("--epochs and --sample-every must be at least 1")
    every = sample_every or max(1, epochs // 4)
    plan = MnistPlan(epochs=epochs, sample_every=every, seed=seed)
    folder = make_folder(out)
    if quick:
        dataset, notes = data.load("digits"), ["--quick: a few epochs on the embedded 8x8 digits."]
    else:
        dataset, notes = load_images(data_dir)
    for note in notes:
        tell(note)
    results = []
    for name in dict.fromkeys(chosen):
        tell(f"{name}: {VARIANTS[name].title}")
        results.append(reproduce_variant(VARIANTS[name], dataset, plan, progress=True))
        tell(f"    test NLL {with_error(results[-1].test.nll, results[-1].test.nll_se, 3)} nats per image")
    write_mnist(folder, dataset, plan, notes, results, baseline_scores(dataset))
    for result in results:
        test = with_error(result.test.nll, result.test.nll_se, 3)
        typer.echo(
            f"{result.variant.name:<16}valid {result.valid.nll:8.3f}   test {test:>16} nats per image   "
            f"{result.seconds:.0f} s"
        )
    _end(folder)


@app.command("two-dim")
def two_dim(
    table: Annotated[
        str, typer.Option(help="A joint table (.npy) or an image [embedded].", metavar="FILE")
    ] = "two_dim",
    points: Annotated[int | None, typer.Option(help="Points drawn from the table [100000].")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Of the three codings; the others in proportion [20].")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the report goes.")] = Path(
        "runs/reproduce-two-dim"
    ),
    seed: Seed = 0,
    quick: Quick = False,
) -> None:
    """Run the seed's section 2: five models of one joint table, judged by the table (Figures 6 to 10)."""
    import numpy as np

    from made.reproduce.two_dim import TwoDimPlan, reproduce_two_dim
    from made.reproduce.two_dim_report import write_two_dim

    epochs = epochs if epochs is not None else 4 if quick else 20
    points = points if points is not None else 20_000 if quick else 100_000
    if epochs < 1 or points < 1000:
        raise InputError("--epochs must be at least 1 and --points at least 1000")
    plan = TwoDimPlan(points=points, epochs=epochs, naive_epochs=epochs * 5, own_epochs=epochs, seed=seed)
    folder = make_folder(out)
    truth, train, test, results = reproduce_two_dim(table, plan, progress=True)
    rows = np.concatenate([train, test])
    figures = write_two_dim(folder, table, plan, truth, rows, test, results)["figures"]
    typer.echo(f"entropy of the truth {figures['entropy of the truth']:.4f} nats")
    typer.echo(f"product of true marginals: KL {figures['product of the true marginals']['kl']:.4f} nats")
    for result in results:
        typer.echo(
            f"({result.name}) {result.title:<20}KL {result.kl:.4f}   held-out NLL "
            f"{with_error(result.score.nll, result.score.nll_se, 4)} nats"
        )
    _end(folder)


def _end(folder: Path) -> None:
    typer.echo(f"\nOpen {folder / 'report.html'} in a browser; the figures are in {folder / 'results.json'}.")
