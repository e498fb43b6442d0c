"""Which entries of a row are odd, and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.report.odd_rows import odd_rows


@pytest.fixture(scope="module")
def fitted():
    """A number that follows a class, and a class of its own."""
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 3, 3000)
    size = 10.0 * kind + draw.normal(size=3000)
    other = draw.choice(["no", "yes"], 3000)
    rows = np.array(
        [[*own] for own in zip(kind.tolist(), size.tolist(), other.tolist(), strict=True)], object
    )
    variables = [made.Categorical(3), made.Numeric(), made.Categorical(["no", "yes"])]
    model = made.MADE(variables, hidden=(32,), direct=True)
    made.fit(model, rows[:2500], rows[2500:], epochs=10, batch_size=50, learning_rate=5e-3)
    return model, rows[2500:]


def test_the_entry_that_does_not_fit_is_named_with_what_was_expected(fitted):
    model, rows = fitted
    rows = rows.copy()
    rows[0] = [0, 20.0, "no"]
    encoded = model.rows(rows)
    log_prob = model.log_prob(encoded).numpy()
    (odd, plain) = odd_rows(model, encoded, log_prob, [0, int(np.argsort(log_prob)[len(rows) // 2])])
    assert odd.number == 0
    assert odd.percentile < 1
    # Either of the two that do not go together may be the odd one.
    assert set(odd.odd) == {"x0", "x1"}
    assert odd.odd["x0"].expected.startswith("2 (")
    entry = odd.odd["x1"]
    assert entry.value == "20"
    low, _, high = entry.expected.partition(" to ")
    assert -4 < float(low) < float(high.split()[0]) < 4
    assert plain.odd == {}
    assert 40 < plain.percentile < 60
    assert plain.values[2] in ("no", "yes")
