"""Three matrices of associations, side by side."""

from __future__ import annotations

import numpy as np

from made.plots import associations_beside


def test_data_samples_and_their_difference():
    data, samples = np.eye(3), np.full((3, 3), 0.4)
    figure = associations_beside(data, samples, ["age", "a name that is much too long to stand there", "sex"])
    first, second, third = (axes.images[0] for axes in figure.axes[:3])
    np.testing.assert_array_equal(first.get_array(), data)
    assert first.get_clim() == second.get_clim() == (0, 1)
    np.testing.assert_allclose(third.get_array(), samples - data)
    assert third.get_clim() == (-0.6, 0.6)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown[0] == "age"
    assert len(shown[1]) == 18
