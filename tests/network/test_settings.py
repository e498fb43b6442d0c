"""Settings of the network: the same in their dataclass and in the constructor of `MADE`."""

from __future__ import annotations

import inspect

import pytest

import made
from made.network.network import ACTIVATIONS
from made.network.settings import ACTIVATION_NAMES, NETWORK_SETTINGS, NetworkSettings

# What is no choice about the network: what a row is, what it is conditioned on, and the seed.
OTHERS = {"variables", "seed", "context"}


def test_made_takes_these_settings_with_these_defaults():
    arguments = dict(inspect.signature(made.MADE).parameters)
    assert {name for name in arguments if name not in OTHERS} == set(NETWORK_SETTINGS)
    settings = NetworkSettings()
    for name in NETWORK_SETTINGS:
        assert arguments[name].default == getattr(settings, name), name


def test_activations():
    assert tuple(ACTIVATIONS) == ACTIVATION_NAMES
    assert all(name in made.MADE.__doc__ for name in ACTIVATION_NAMES)


def test_every_setting_is_documented():
    for name in NETWORK_SETTINGS:
        assert f"\n    {name} : " in made.MADE.__doc__
        assert f"\n{name} : " in NetworkSettings.__doc__


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("activation", "swish", ["activation", "relu", "'swish'"]),
        ("dropout", 1.0, ["dropout", "[0, 1)"]),
        ("input_dropout", -0.1, ["input_dropout", "[0, 1)"]),
        ("residual", 1, ["residual", "True or False"]),
        ("direct", "yes", ["direct", "True or False"]),
        ("fresh_masks", 0, ["fresh_masks", "at least 1"]),
    ],
)
def test_refused_as_by_made(refused, name, value, words):
    for take in (
        lambda: NetworkSettings(**{name: value}),
        lambda: made.MADE(made.Bernoulli(3), **{name: value}),
    ):
        with refused(*words):
            take()
