"""Candidates: what is tried for how many rows."""

import pytest

from made.experiments.adapt import candidates
from made.experiments.recipe import DEFAULT
from made.training.settings import TrainingSettings


@pytest.mark.parametrize("n_rows", [1, 50, 400, 2_000, 6_001, 50_000, 300_000, 10**7])
def test_every_candidate_has_settings_that_are_known(n_rows):
    tried = candidates(n_rows)
    assert tried
    for candidate in tried:
        DEFAULT.model_settings(candidate.model)
        settings = TrainingSettings(**candidate.training)
        assert 10 <= settings.epochs <= 1_500


def test_large_data_get_few_candidates_and_few_epochs():
    assert len(candidates(300_000)) == 1
    assert len(candidates(1_000)) > len(candidates(20_000)) > 1 == len(candidates(20_001))
    assert candidates(300_000)[0].training["epochs"] < candidates(1_000)[0].training["epochs"]
