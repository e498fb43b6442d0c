"""Draws docs/pictures/income.png: conditionals of a skewed number with a spike and gaps, and of a count."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import made
from made.plots.style import new_figure, save


def main() -> None:
    """Draw rows, fit them, and ask about one age."""
    draw, n = np.random.default_rng(0), 3000
    age = draw.integers(18, 90, n)
    children = draw.poisson(np.clip((age - 18) / 15, 0, 2))
    income = np.where(draw.random(n) < 0.2, 0.0, np.exp(draw.normal(7 + age / 100, 0.8)))
    income[draw.random(n) < 0.1] = np.nan
    model = made.MADE(
        [made.Numeric(step=1), made.Numeric(step=1), made.Numeric(spikes=[0.0], missing=True)],
        hidden=(64,),
        direct=True,
    )
    rows = np.stack([age, children, income], axis=1)
    made.fit(model, rows[:2700], rows[2700:], epochs=30, learning_rate=4e-3, seed=0)
    figure = new_figure(11, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    model.conditional("x2", {0: 40, 1: 2}).plot(left, name="income, EUR a month, at 40 with two children")
    model.conditional("x1", {0: 40}).plot(right, name="children, at 40")
    save(figure, Path(__file__).with_suffix(".png"))


if __name__ == "__main__":
    main()
