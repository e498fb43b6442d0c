"""The table of `made demo`: 442 people with diabetes, which scikit-learn ships, as a file of a user's own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from made.support.writing import write_aside

__all__ = ["NAMES", "write_example"]

#: Its columns: what was measured of each person, and how far the disease had gone a year later.
NAMES = (
    "age",
    "sex",
    "bmi",
    "blood_pressure",
    "cholesterol",
    "ldl",
    "hdl",
    "cholesterol_by_hdl",
    "log_triglycerides",
    "glucose",
    "progression",
)


def write_example(path: Path) -> int:
    """Write the table as CSV, and return the number of its rows.

    Numbers are written as short as they can be: 59 and 4.8598.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(NAMES)
    for row, progression in zip(found.data.tolist(), found.target.tolist(), strict=True):
        writer.writerow([f"{value:.10g}" for value in (*row, progression)])
    write_aside(path, text.getvalue().encode())
    return len(found.data)
