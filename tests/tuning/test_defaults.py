"""The defaults that the help of ``made fit`` shows are those that are taken."""

from __future__ import annotations

from made.network.settings import NetworkSettings
from made.support.settings import options
from made.training.settings import FOLLOWING, TrainingSettings
from made.tuning.candidates import when_set_by_hand
from made.tuning.defaults import IN_WORDS
from made.tuning.facts import Facts
from made.tuning.recipes import DEFAULT


def test_every_option_has_its_default():
    own = [option.name for cls in (TrainingSettings, NetworkSettings) for option in options(cls)]
    assert set(IN_WORDS) == set(own) - {"seed"}


def test_training():
    small, large, huge = (when_set_by_hand(Facts(n)).training for n in (9_999, 10_000, 10**7))
    assert IN_WORDS["batch_size"] == f"{small['batch_size']}; from 10,000 rows on {large['batch_size']}"
    assert (small["batch_size"], large["batch_size"]) == (100, 256)
    assert large["epochs"] == round(7_000 / (10_000 / 256))
    assert when_set_by_hand(Facts(20)).training["epochs"] == 500
    assert IN_WORDS["epochs"] == "as many as make 7,000 steps, at most 500"
    assert large["patience"] == large["epochs"] // 5
    assert IN_WORDS["patience"] == "a fifth of the epochs"
    assert all(IN_WORDS["ema"] == f"{own['ema']:g}" for own in (small, large, huge))


def test_what_follows_from_the_optimizer():
    adamw, adam = FOLLOWING["adamw"], FOLLOWING["adam"]
    for name in ("learning_rate", "weight_decay"):
        assert IN_WORDS[name] == f"{adamw[name]:g}; adam {adam[name]:g}"
    assert IN_WORDS["schedule"] == f"{adamw['schedule']}; adam {adam['schedule']}"
    settings = TrainingSettings()
    for name in ("optimizer", "precision", "resample_every"):
        assert IN_WORDS[name] == str(getattr(settings, name))


def test_network():
    few, many = (
        NetworkSettings(**DEFAULT.model_settings(when_set_by_hand(Facts(n)).model)) for n in (20_000, 20_001)
    )
    assert IN_WORDS["dropout"] == f"{few.dropout:g}; from 20,000 rows on {many.dropout:g}"
    assert IN_WORDS["input_dropout"] == f"{few.input_dropout:g}"
    assert IN_WORDS["hidden"] == ",".join(map(str, few.hidden))
    for name in ("ordering", "orderings", "connectivity", "connectivities", "activation"):
        assert IN_WORDS[name] == str(getattr(few, name))
    for name in ("residual", "direct"):
        assert (IN_WORDS[name], getattr(few, name)) == ("yes", True)
