"""The registry of named data sets. Plain data, quick to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["REGISTRY", "SPLITS", "Entry"]

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Entry:
    """What is known about a named set before any file is opened."""

    title: str
    n_variables: int
    rows: Mapping[str, int]
    source: str
    kind: str = "binary"
    digest: str = ""  # sha256 of train, valid and test rows as uint8, one after the other
    urls: Mapping[str, str] | None = None  # file name -> address; None: made from what scikit-learn ships
    other_files: tuple[str, ...] = ()  # another form of the same rows: train, valid, test
    image_shape: tuple[int, int] | None = None

    def forms(self) -> list[tuple[str, ...]]:
        """The files that hold the set, form by form."""
        return [form for form in (tuple(self.urls or ()), self.other_files) if form]


def _rows(train: int, valid: int, test: int) -> dict[str, int]:
    return {"train": train, "valid": valid, "test": test}


_RELEASE = "https://github.com/mgermain/MADE/releases/download/ICML2015/"
_MADE = "https://raw.githubusercontent.com/mgermain/MADE/ace8010eb56461b7ac5104d4baf4ffc171665ebc/datasets/"
_UCLA = "https://raw.githubusercontent.com/UCLA-StarAI/Density-Estimation-Datasets/master/datasets/nltcs/"

REGISTRY: dict[str, Entry] = {
    "digits": Entry(
        title="handwritten digits, 8x8 pixels, lit at 8 of 16",
        n_variables=64,
        rows=_rows(1437, 180, 180),
        source="scikit-learn's load_digits (UCI Optical Recognition of Handwritten Digits)",
        image_shape=(8, 8),
    ),
    "binarized_mnist": Entry(
        title="handwritten digits, 28x28 pixels, binarized once and for all",
        n_variables=784,
        rows=_rows(50_000, 10_000, 10_000),
        source=_RELEASE + "binarized_mnist.npz",
        digest="07ad6da6ba6894a550cb68ae290ff3deb006a01f6b6ce1b3123edec502f1fce8",
        urls={"binarized_mnist.npz": _RELEASE + "binarized_mnist.npz"},
        other_files=tuple(f"binarized_mnist_{split}.amat" for split in SPLITS),
        image_shape=(28, 28),
    ),
    "dna": Entry(
        title="splice junctions of DNA (UCI)",
        n_variables=180,
        rows=_rows(1400, 600, 1186),
        source=_MADE + "dna.npz",
        digest="8f65d8ffdfff0d7fbd88c69e5fb90b05e0a671fbac59900c4fe607a8be3c1b41",
        urls={"dna.npz": _MADE + "dna.npz"},
    ),
    "mushrooms": Entry(
        title="features of mushrooms, one-hot (UCI)",
        n_variables=112,
        rows=_rows(2000, 500, 5624),
        source=_MADE + "mushrooms.npz",
        digest="c129bab9732f4a35900d99cfc0c259e2cc6efd950292a4eaa193bbc88cc7c092",
        urls={"mushrooms.npz": _MADE + "mushrooms.npz"},
    ),
    "nltcs": Entry(
        title="disabilities of the elderly, National Long Term Care Survey",
        n_variables=16,
        rows=_rows(16_181, 2157, 3236),
        source=_UCLA,
        digest="22a8a5af3744486e3f2f559b26ef5c67815292aa81a04f2000b325b2d45b5064",
        urls={f"nltcs.{split}.data": f"{_UCLA}nltcs.{split}.data" for split in SPLITS},
    ),
    "two_dim": Entry(
        title="points of a 200x200 joint table, whose exact density is known",
        n_variables=2,
        rows=_rows(80_000, 10_000, 10_000),
        source="a photograph of a flower that scikit-learn ships, grey values read as probabilities",
        kind="categorical",
    ),
}
