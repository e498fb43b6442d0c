"""Settings as dataclasses: checks, options and documentation follow from the fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from made.support.settings import Option, check_names, check_settings, documented, options, setting


@documented
@dataclass(frozen=True)
class Oven:
    """An oven."""

    minutes: int = setting(30, least=1, help="How long.")
    degrees: float = setting(180.0, above=0, help="How hot.")
    humidity: float = setting(0.0, least=0, below=1, help="How wet.")
    weight: float | None = setting(None, least=0, help="In kilograms.")
    fan: bool | None = setting(None, help="Whether it turns.")
    program: str | None = setting(None, choices=("bread", "cake"), help="Which.")
    shelves: int | Sequence[int] = setting((1, 2), help="Where.")
    secret: int = setting(0, is_option=False, help="Not told.")

    def __post_init__(self):
        check_settings(self)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("minutes", 0, "minutes must be a whole number of at least 1, got 0"),
        ("minutes", True, "minutes must be a whole number of at least 1, got True"),
        ("minutes", None, "minutes must be a whole number of at least 1, got None"),
        ("secret", -1, "secret must be a whole number of at least 0, got -1"),
        ("degrees", 0, "degrees must be above 0, got 0"),
        ("degrees", math.inf, "degrees must be above 0, got inf"),
        ("degrees", "9", "degrees must be above 0, got '9'"),
        ("degrees", [9], "degrees must be above 0, got \\[9\\]"),
        ("degrees", True, "degrees must be above 0, got True"),
        ("weight", -0.5, "weight must be at least 0, got -0.5"),
        ("weight", math.nan, "weight must be at least 0, got nan"),
        ("humidity", 1.0, r"humidity is a fraction in \[0, 1\), got 1.0"),
        ("fan", 1, "fan is True or False, got 1"),
        ("program", "pizza", "program is one of bread, cake, got 'pizza'"),
    ],
)
def test_refused(name, value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Oven(**{name: value})


def test_checked_settings_have_the_types_of_their_fields():
    oven = Oven(minutes=np.int64(5), degrees=200, humidity=0, weight=np.float32(0.5), fan=np.True_)
    assert (type(oven.minutes), type(oven.degrees), type(oven.weight)) == (int, float, float)
    assert (type(oven.humidity), oven.fan) == (float, True)
    assert Oven() == Oven(weight=None, program=None, shelves=(1, 2))


def test_options():
    assert options(Oven) == [
        Option("minutes", int, 30, "How long."),
        Option("degrees", float, 180.0, "How hot."),
        Option("humidity", float, 0.0, "How wet."),
        Option("weight", float, None, "In kilograms."),
        Option("fan", bool, None, "Whether it turns."),
        Option("program", str, None, "Which."),
        Option("shelves", str, (1, 2), "Where."),
    ]


def test_documentation():
    lines = Oven.__doc__.splitlines()
    assert lines[:4] == ["An oven.", "", "Parameters", "----------"]
    assert lines[4:6] == ["minutes : int, default 30", "    How long."]
    assert 'program : "bread" or "cake", default None' in lines
    assert "secret : int, default 0" in lines


def test_unknown_names(refused):
    check_names(["fan", "minutes"], ["minutes", "fan"], "an oven")
    with refused("an oven has no setting 'minuts': did you mean 'minutes'? There are fan, minutes"):
        check_names(["fan", "minuts"], ["fan", "minutes"], "an oven")
    with refused("'xyz'"):  # close to nothing
        check_names(["xyz"], ["fan"], "an oven")
