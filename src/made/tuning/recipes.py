"""Recipes: named settings of network and training; ``made fit`` takes the default one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from made.baselines import ChowLiuTree
from made.model import MADE
from made.network.settings import NETWORK_SETTINGS
from made.support.errors import InputError
from made.support.settings import check_names
from made.tuning.candidates import Candidate, when_set_by_hand
from made.tuning.chow_liu_init import build_as_tree, can_be_tree
from made.tuning.copula_init import build_as_copula, can_be_copula
from made.tuning.copula_of_rows import n_features_of_copula
from made.tuning.facts import Facts
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = [
    "DEFAULT",
    "RECIPES",
    "Figures",
    "Recipe",
    "as_recipe",
    "build_model",
    "find_recipe",
    "recipe_for",
]

# Common to all recipes. Direct connections let every output see every variable before it, however narrow the
# layers; evenly spaced degrees leave no variable out by chance.
_MODEL: dict[str, Any] = {
    "hidden": (512, 512),
    "connectivity": "even",
    "activation": "relu",
    "residual": True,
    "direct": True,
    "dropout": 0.1,
}


@dataclass(frozen=True)
class Figures:
    """The results of a recipe, means over seeds: of `benchmarks/quality.py`, of the default of `defaults.py`.

    Attributes
    ----------
    data : str
        The data set.
    valid, test : float
        NLL in nats per row.
    minutes : float
        Of training.
    megabytes : int
        Peak memory of the process.
    """

    data: str
    valid: float
    test: float
    minutes: float
    megabytes: int


@dataclass(frozen=True)
class Recipe:
    """Settings with a name.

    Attributes
    ----------
    name : str
        What `made fit --recipe` calls it.
    about : str
        What it is for, in a few words.
    model, training : mapping
        Arguments of `MADE` and of `made.fit`.
    is_tree, is_copula : bool
        Whether a model starts as the Chow-Liu tree of the training rows, or as the Gaussian copula of their
        numeric columns, where it can.
    is_sharp : bool
        Whether the correlations of that copula are taken as they are.
    figures : tuple of Figures
        Its results, by data set.
    """

    name: str
    about: str
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    is_tree: bool = False
    is_copula: bool = False
    is_sharp: bool = False
    figures: tuple[Figures, ...] = ()

    def model_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `MADE`; those given replace the recipe's."""
        check_names(given, NETWORK_SETTINGS, "a model")
        return {**_MODEL, **self.model, **given}


DEFAULT = Recipe(
    "default",
    "any data: size and regularization are compared by validation, the rest follows from the rows",
    figures=(
        Figures("nltcs", valid=5.93, test=5.99, minutes=0.4, megabytes=339),
        Figures("mushrooms", valid=9.54, test=9.56, minutes=0.8, megabytes=391),
        Figures("dna", valid=79.17, test=79.09, minutes=1.5, megabytes=409),
    ),
)

_MNIST = Recipe(
    "mnist",
    "images of 28 x 28: units see a neighbourhood, and images are shifted by a pixel at first",
    model={
        "hidden": (2352, 2352, 2352, 2352),
        "dropout": 0.15,
        "field": {"grid": (28, 28), "reach": 6},
    },
    training={"epochs": 90, "batch_size": 256, "learning_rate": 2e-3, "shift": 1},
    figures=(Figures("binarized_mnist", valid=84.16, test=83.60, minutes=24.8, megabytes=1652),),
)
_MNIST_QUICK = Recipe(
    "mnist-quick",
    "the same with layers of 1,568 and a tenth of the units dropped, for fewer epochs",
    model={**_MNIST.model, "hidden": (1568, 1568, 1568, 1568), "dropout": 0.1},
    training={**_MNIST.training, "epochs": 60},
    figures=(Figures("binarized_mnist", valid=85.53, test=84.85, minutes=9.1, megabytes=1110),),
)
_DNA = Recipe(
    "dna",
    "few rows, mostly noise: 8 orderings; half of all units and three in ten inputs dropped, for long",
    model={"orderings": 8, "dropout": 0.5, "input_dropout": 0.3},
    training={"epochs": 1500, "batch_size": 100, "ema": 0.998},
    figures=(Figures("dna", valid=78.75, test=78.64, minutes=5.2, megabytes=538),),
)
_MUSHROOMS = Recipe(
    "mushrooms",
    "few rows, hardly any noise: from the Chow-Liu tree, three layers, six in ten units dropped",
    model={"hidden": (768, 768, 768), "dropout": 0.6},
    training={"epochs": 250, "batch_size": 100, "patience": 50, "ema": 0.998},
    is_tree=True,
    figures=(Figures("mushrooms", valid=9.53, test=9.55, minutes=1.6, megabytes=518),),
)
_NLTCS = Recipe(
    "nltcs",
    "few columns, enough rows: 4 orderings, a tenth of the units dropped",
    model={"orderings": 4},
    training={"epochs": 80, "batch_size": 256, "ema": 0.998},
    figures=(Figures("nltcs", valid=5.93, test=5.99, minutes=1.0, megabytes=502),),
)

#: All recipes by name.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (DEFAULT, _MNIST, _MNIST_QUICK, _DNA, _MUSHROOMS, _NLTCS)
}


def recipe_for(name: str, facts: Facts) -> Recipe:
    """Return the recipe of that name; the default one with the settings for rows of this kind.

    Raises
    ------
    InputError
        If there is no such recipe.
    """
    recipe = find_recipe(name)
    return as_recipe(when_set_by_hand(facts)) if recipe is DEFAULT else recipe


def as_recipe(candidate: Candidate) -> Recipe:
    """Return the default recipe with a candidate's settings."""
    own = candidate
    return replace(
        DEFAULT,
        model=own.model,
        training=own.training,
        is_tree=own.is_tree,
        is_copula=own.is_copula,
        is_sharp=own.is_sharp,
    )


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in RECIPES:
        raise InputError(f"there is no recipe {name!r}; made recipes lists them: {', '.join(RECIPES)}")
    return RECIPES[name]


def build_model(
    schema: Schema,
    seed: int,
    given: Mapping[str, Any],
    recipe: Recipe = DEFAULT,
    tree: Callable[[], ChowLiuTree] | None = None,
    train: Rows | None = None,
) -> MADE:
    """Build the model of a recipe for a table, with `given` in place of the recipe's arguments.

    Parameters
    ----------
    schema : Schema
        Says what the columns are, context among them.
    seed : int
        Of the masks and the initial weights.
    given : mapping
        Arguments of `MADE` that replace those of the recipe.
    recipe : Recipe
        The arguments that are not given.
    tree : callable, optional
        Returns the Chow-Liu tree of the training rows, for recipes that start as it.
    train : Rows, optional
        The training rows, for recipes that start as their copula.
    """
    settings = recipe.model_settings(given)
    by_hand = {"ordering", "orderings", "direct"} & set(given)
    if recipe.is_tree and tree is not None and not by_hand and can_be_tree(schema):
        return build_as_tree(schema, settings, tree(), seed)
    can_be = n_features_of_copula if settings.get("copula") else can_be_copula
    if recipe.is_copula and train is not None and not by_hand and can_be(schema):
        return build_as_copula(schema, settings, train, seed, is_sharp=recipe.is_sharp)
    if "copula" not in given:
        settings.pop("copula", None)  # of no rows
    return MADE(schema, seed=seed, **settings)
