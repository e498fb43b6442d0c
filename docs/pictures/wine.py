"""Draws docs/pictures/wine.png: G, z and F of one column of scikit-learn's wines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_wine

import made
from made.plots.style import grow_letters, new_figure, save


def main() -> None:
    """Fit the wines, and draw."""
    wines = load_wine()
    rows = wines.data[np.random.default_rng(0).permutation(len(wines.data))]
    rows = np.concatenate([rows[:, 1:], rows[:, :1]], axis=1)  # alcohol last: given all others
    model = made.auto_fit(rows, seed=0)
    numbers = model.variables.numbers
    assert numbers is not None
    alcohol = rows[:, -1]
    grid = np.linspace(alcohol.min() - 0.5, alcohol.max() + 0.5, 600)
    z, log_slope = numbers.alone(len(numbers.columns) - 1).scores.point(torch.from_numpy(grid)[None])
    density = torch.exp(-0.5 * z**2 + log_slope)[0].numpy() / np.sqrt(2 * np.pi)
    figure = new_figure(11, 3.4)
    left, middle, right = figure.subplots(1, 3)
    left.hist(alcohol, 24, density=True, color="#8fb8de")
    left.plot(grid, density, color="#1f4e8c", linewidth=2)
    grow_letters(left, x="alcohol, %", y="density, per %", title="G: the marginal")
    middle.plot(grid, z[0].numpy(), color="#1f4e8c", linewidth=2)
    grow_letters(middle, x="alcohol, %", y="z", title="z: the normal score")
    for row, colour, dashes in ((3, "#c2410c", "-"), (11, "#111111", "--")):
        found = model.conditional(len(rows[0]) - 1, dict(enumerate(rows[row, :-1])))
        heights = found.heights / 0.01 if found.is_grid else found.pdf(found.nodes)
        right.plot(found.nodes, heights, dashes, color=colour, linewidth=2)
        right.axvline(alcohol[row], color=colour, linestyle=":", linewidth=1.5)
    right.plot(grid, density, color="#8fb8de", linewidth=2)
    right.set_xlim(grid[0], grid[-1])
    grow_letters(right, x="alcohol, %", y="density, per %", title="F: given the other 12")
    save(figure, Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main()
