"""The pictures of a run and of the seed's worked example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made import plots
from made.data import Dataset
from made.mixture import Mixture
from made.model import MADE
from made.support.errors import InputError
from made.training.history import History
from made.variables.discrete import Bernoulli, Categorical

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "draw_figure_6",
    "draw_loss",
    "draw_model",
    "draw_rows",
    "draw_samples",
    "draw_surprise",
    "draw_worked_example",
]

_MOST_SURPRISING = 8
# How many rows a picture of samples shows: images or rows of a table, and points of a plane.
_ROWS, _POINTS = 100, 20_000


def draw_loss(path: Path, history: History, baselines: Mapping[str, float], title: str) -> Path:
    """Draw the loss curve of a fit."""
    with_valid = [record for record in history.epochs if record.valid_nll is not None]
    figure = plots.loss_curve(
        np.arange(1, len(history.batch_losses) + 1),
        history.batch_losses,
        [record.step for record in with_valid],
        history.valid_nll,
        baselines=dict(baselines),
        best_step=None if history.best is None else history.best.step,
        title=title,
    )
    plots.save(figure, path)
    return path


def draw_samples(path: Path, model: MADE, data: Dataset, seed: int) -> Path:
    """Draw samples of the model beside as many held-out rows, both chosen by the seed."""
    wanted = _POINTS if data.image_shape is None and data.n_variables <= 2 else _ROWS
    n = min(wanted, len(data.test))
    # Chosen at random, since the rows of a file may be sorted: those of binarized MNIST begin with zeros.
    picked = np.random.default_rng(seed).permutation(len(data.test))[:n]
    context = data.context_of("test")
    own = None if context is None else context[picked]
    drawn = model.sample(n, seed=seed, context=own, output="numpy")
    if data.is_protected:  # the rows themselves are not to be seen
        return draw_rows(path, drawn, model)
    if _is_table(model):
        tables = {data.name: data.test[picked], "samples of the model": _in_parts(model, drawn)}
        return _draw_columns(path, tables, model, f"Samples and {data.name}")
    real = data.codes("test")[picked]
    samples = model.schema.encode_modelled(drawn).cpu().numpy()
    title = f"Samples and {data.name}"
    if data.image_shape is not None:
        n_values = max(data.classes)
        figure = plots.samples_beside(samples, real, data.image_shape, n_values=n_values, title=title)
    else:
        figure = plots.samples_table(samples, real, n_values=data.classes, title=title)
    plots.save(figure, path)
    return path


def _is_table(model: MADE) -> bool:
    """Whether rows are drawn column by column, with their labels: those of a table are, codes are not."""
    is_named = model.schema.is_named and model.schema.image_shape is None
    return is_named or model.variables.numbers is not None


def _in_parts(model: MADE, rows: Any) -> NDArray[Any]:
    """Return rows that a model has drawn as values of its variables: dates in their parts."""
    return np.asarray(model.schema.table_of(rows)[0] if model.schema.has_dates else rows)


def _draw_columns(path: Path, tables: Mapping[str, Any], model: MADE, title: str | None = None) -> Path:
    named = [column.name for column in model.schema.modelled]
    plots.save(plots.columns_of(tables, named, title), path)
    return path


def draw_rows(path: Path, rows: NDArray[Any], model: MADE) -> Path:
    """Draw rows of values: as images if they are images, else as a table with its column names."""
    if len(rows) == 0:
        raise InputError("a picture needs at least one row: ask for -n 1 or more")
    if _is_table(model):
        return _draw_columns(path, {"drawn by the model": _in_parts(model, rows)}, model)
    schema, codes = model.schema, model.schema.encode_modelled(rows).numpy()
    if schema.image_shape is None:
        figure = plots.samples_table(codes, n_values=list(schema.classes))
    else:
        largest = max(schema.classes)
        figure = plots.image_grid(codes, schema.image_shape, n_values=largest, title="drawn by the model")
    plots.save(figure, path)
    return path


def draw_surprise(path: Path, model: MADE, data: Dataset) -> Path | None:
    """Draw the held-out images that surprise the model most, and where; under mask 0, if it has several."""
    if data.image_shape is None or data.is_protected:
        return None
    scores = model.log_prob(data.test, per_variable=True, mask=0, context=data.context_of("test"))
    per_variable = -scores.cpu().numpy()
    worst = np.argsort(-per_variable.sum(axis=1))[:_MOST_SURPRISING]
    figure = plots.surprise(
        data.codes("test")[worst],
        per_variable[worst],
        data.image_shape,
        n_values=max(data.classes),
        title="The held-out images that surprise the model most"
        + ("" if model.n_masks == 1 else f",\nunder mask 0 of {model.n_masks}"),
    )
    plots.save(figure, path)
    return path


def draw_model(folder: Path, model: MADE, data: Dataset | None) -> list[Path]:
    """Draw the masks of a model, a small network unit by unit, and what one pixel may depend on.

    Of a mixture of models these are of its first member.
    """
    if isinstance(model, Mixture):
        model = model.members[0]  # whose mask 0 is that of the mixture
    mask = model.mask(0)
    names = [f"hidden {i}" for i in range(1, len(mask.layers))] + ["output"]
    if model.context and mask.connectivity:
        names[0] += f", context from input {len(mask.input_ranks)} on"
    plots.save(plots.mask_matrices(mask.layers, titles=names), folder / "masks.png")
    drawn = [folder / "masks.png"]
    try:
        figure = _network(model)
    except InputError:  # too many units to draw: the matrices show the same
        pass
    else:
        plots.save(figure, folder / "network.png")
        drawn.append(folder / "network.png")
    if data is not None and data.image_shape is not None:
        height, width = data.image_shape
        middle = (height // 2) * width + width // 2
        figure = plots.predecessors(data.codes("test")[0], mask.ordering, middle, data.image_shape)
        plots.save(figure, folder / "predecessors.png")
        drawn.append(folder / "predecessors.png")
    return drawn


def draw_figure_6() -> Figure:
    """Draw the seed's Figure 6: two one-hot variables, with 3 classes here instead of 200."""
    one_hot = MADE(Categorical(3, n=2), hidden=(4,), connectivity=[[1, 1, 1, 1]])
    return _network(one_hot, title="Figure 6: two variables, one-hot (3 classes each)")


def draw_worked_example(folder: Path) -> list[Path]:
    """Draw the seed's Figures 2, 3, 4 and 6 again.

    Figure 2: a pixel and those before it. Figure 3: the 3-4-3 autoencoder. Figure 4: the same with masks,
    degrees 1 2 1 2. Figure 6: see `draw_figure_6`.
    """
    from made.data import load

    digits = load("digits")
    masked = MADE(Bernoulli(3), hidden=(4,), connectivity=[[1, 2, 1, 2]])
    ones = [np.ones_like(matrix) for matrix in masked.mask().layers]
    figures = {
        "figure2_predecessors.png": plots.predecessors(
            digits.test[0], np.arange(64), 36, (8, 8), title="Figure 2: what a pixel may depend on"
        ),
        "figure3_autoencoder.png": plots.network(
            masked.mask().input_ranks, None, ones, title="Figure 3: an autoencoder, no masks"
        ),
        "figure4_masked.png": _network(masked, title="Figure 4: masked, degrees 1 2 1 2"),
        "figure6_one_hot.png": draw_figure_6(),
    }
    for name, figure in figures.items():
        plots.save(figure, folder / name)
    return [folder / name for name in figures]


def _network(model: MADE, title: str | None = None) -> Figure:
    mask = model.mask(0)
    direct = mask.direct if model.network.direct is not None else np.zeros_like(mask.direct)
    layers, names, variables = list(mask.layers), None, model.context.variables
    if model.context:
        # Context has direct connections to every output.
        direct = np.hstack([direct, np.ones((len(direct), mask.n_context), dtype=bool)])
        nothing = np.zeros((len(layers[0]), len(mask.feature_ranks) - layers[0].shape[1]), dtype=bool)
        layers[0] = np.hstack([layers[0], nothing])  # without hidden layers, that is the only way
        owners = np.repeat(np.arange(model.n_variables), model.variables.input_sizes)
        columns = np.arange(mask.n_context)
        if variables is not None:
            columns = np.repeat(np.arange(variables.n_variables), variables.input_sizes)
        names = [f"$x_{{{d + 1}}}$" for d in owners] + [f"$c_{{{c + 1}}}$" for c in columns]
    return plots.network(
        mask.feature_ranks,
        mask.connectivity,
        layers,
        direct=direct if direct.any() else None,
        input_names=names,
        title=title,
    )
