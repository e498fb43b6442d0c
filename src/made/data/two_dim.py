"""Joint tables p(x1, x2) of two variables: from an image or an array, and points drawn from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from made.support.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["as_table", "draw", "flower_table", "image_table"]

_LARGEST_SIDE = 512  # a variable of more classes than that is a number, and its table fills memory
# A file of a hundred bytes may say that it is larger, and take as long.
_MOST_PIXELS, _LONGEST_SIDE = 2**26, 2**16
_SUM_TOLERANCE = 1e-3  # a float32 table of 200 x 200 entries misses 1 by far less


def as_table(array: np.ndarray[Any, Any], source: str) -> np.ndarray[Any, Any] | None:
    """Return an array as a normalized joint table, if it is one.

    Rows are whole numbers and a table has fractions, so that no array can be both.

    Parameters
    ----------
    array : ndarray of any shape and type
        What a file held.
    source : str
        The file, for messages.

    Returns
    -------
    ndarray of shape (K1, K2), float64, or None
        The table with sum 1; None where the array is not a table.

    Raises
    ------
    InputError
        If it is meant as a table, but has three dimensions, an entry that is negative or NaN, or one class.

    Examples
    --------
    >>> import numpy as np
    >>> as_table(np.array([[0.5, 0.25], [0.0, 0.25]]), "table.npy")
    array([[0.5 , 0.25],
           [0.  , 0.25]])
    >>> as_table(np.array([[1.0, 0.0], [0.0, 1.0]]), "rows.npy") is None
    True
    """
    if array.dtype.kind != "f" or array.ndim not in (2, 3) or array.size == 0:
        return None
    finite = np.isfinite(array)
    with np.errstate(invalid="ignore"):  # what a damaged file holds may be no number at all
        fractions = finite & (array != np.floor(array))
    if not fractions.any():
        return None
    if array.ndim == 3:
        raise InputError(
            f"{source}: shape {array.shape} with fractions such as {array[fractions][0]:g}: "
            "a joint table has two dimensions, and images are whole numbers; round or bin them"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that large are no probabilities
        total = float(array.sum(dtype=np.float64, where=finite))
    misses_entries = not finite.all() and total <= 1 and bool((array[finite] >= 0).all())
    if abs(total - 1) > _SUM_TOLERANCE and not misses_entries:
        return None
    bad = ~finite | (array < 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{source}: entry ({row}, {column}) of the joint table is {array[row, column]:g}; "
            "probabilities are finite and not negative"
        )
    return _normalized(array, source)


def image_table(path: Path) -> np.ndarray[Any, Any]:
    """Read an image as a joint table: the grey value is the probability, the row index is x1.

    Parameters
    ----------
    path : Path
        A PNG, JPEG, BMP, GIF (its first frame) or TIFF file; a side beyond 512 pixels is scaled down to that.

    Returns
    -------
    ndarray of shape (height, width), float64
        The table with sum 1.

    Raises
    ------
    InputError
        If the file is not an image, or is black all over.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > _MOST_PIXELS or max(image.size) > _LONGEST_SIDE:
                raise InputError(
                    f"{path}: an image of {width:,} x {height:,} pixels; scale it down to at most "
                    f"{_MOST_PIXELS:,} pixels and sides of {_LONGEST_SIDE:,}"
                )
            image.load()
            grey = _grey(image)
    except InputError:
        raise
    except Exception as error:  # each kind of image has errors of its own
        raise InputError(f"{path}: not an image that can be read ({_one_line(error)})") from error
    if max(grey.size) > _LARGEST_SIDE:
        scale = _LARGEST_SIDE / max(grey.size)
        width, height = (max(1, round(side * scale)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    return _normalized(np.asarray(grey, dtype=np.float64).clip(min=0), str(path))


def flower_table() -> np.ndarray[Any, Any]:
    """Make the table of the set ``two_dim``: a photograph of a dahlia that scikit-learn ships.

    Returns
    -------
    ndarray of shape (200, 200), float64
        The table with sum 1. The mutual information of x1 and x2 is 0.119 nats.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_image

    grey = Image.fromarray(load_sample_image("flower.jpg")).convert("L")
    width, height = grey.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = grey.crop((left, top, left + side, top + side)).resize((200, 200), Image.Resampling.LANCZOS)
    return _normalized(np.asarray(square, dtype=np.float64), "flower.jpg")


def draw(table: np.ndarray[Any, Any], n_points: int, seed: int) -> np.ndarray[Any, Any]:
    """Draw points independently from a joint table.

    Parameters
    ----------
    table : ndarray of shape (K1, K2)
        Probabilities.
    n_points : int
        How many points.
    seed : int
        Seed of numpy's default generator.

    Returns
    -------
    ndarray of shape (n_points, 2), int64
        Row and column index of each point.

    Examples
    --------
    >>> import numpy as np
    >>> draw(np.array([[0.0, 0.0], [0.0, 1.0]]), 2, seed=0)
    array([[1, 1],
           [1, 1]])
    """
    cumulative = np.cumsum(table, axis=None)
    uniforms = np.random.default_rng(seed).random(n_points)
    # side="right" skips entries of probability 0
    flat = np.searchsorted(cumulative / cumulative[-1], uniforms, side="right")
    return np.stack(np.divmod(flat, table.shape[1]), axis=1).astype(np.int64)


def _normalized(array: np.ndarray[Any, Any], source: str) -> np.ndarray[Any, Any]:
    table = array.astype(np.float64)
    if min(table.shape) < 2:
        raise InputError(
            f"{source}: a joint table of shape {table.shape} leaves one variable nothing to choose; "
            "give it at least 2 rows and 2 columns"
        )
    total = table.sum()
    if total <= 0:
        raise InputError(f"{source}: black all over, so no point has any probability; give another image")
    normalized: np.ndarray[Any, Any] = table / total
    return normalized


def _grey(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        # Pillow's own conversion from 16 or 32 bits to 8 clips instead of scaling
        return Image.fromarray(np.asarray(image, dtype=np.float32))
    if image.mode not in ("LA", "PA", "RGBA") and "transparency" not in image.info:
        return image.convert("L")
    # transparent pixels have probability 0, whatever their colour
    grey, alpha = np.asarray(image.convert("RGBA").convert("LA"), dtype=np.float32).transpose(2, 0, 1)
    return Image.fromarray(grey * alpha / 255)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
