"""What a plan in an edited settings.json may hold."""

from __future__ import annotations

import pytest

from made.runs.config_checks import check_plan
from made.support.errors import InputError


def plan(hidden):
    candidate = {"about": "layers", "model": {"hidden": hidden}, "training": {"epochs": 2}}
    return {"candidates": [candidate], "rungs": [{"fraction": 1.0, "n_kept": 1}]}


def test_candidates_have_a_list_of_layers():
    check_plan(plan([64, 64]))
    for hidden in ([], 64, [0], ["64"], None):
        with pytest.raises(InputError, match="a candidate: model is not what made writes there"):
            check_plan(plan(hidden))
