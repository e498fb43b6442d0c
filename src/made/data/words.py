"""Words of text files: which mark a missing value, and which are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from made.support.checks import LARGEST_EXACT

if TYPE_CHECKING:
    import polars

__all__ = [
    "MISSING_WORDS",
    "are_gaps",
    "as_number",
    "as_numbers",
    "has_decimal_comma",
    "is_gap",
    "parsed",
    "rounded_whole",
    "vanished",
]

#: What files write where a value is missing, in small letters.
MISSING_WORDS = ("", "?", "na", "n/a", "nan", "none", "null")

# A whole number, written without an exponent.
_WHOLE = r"^[+-]?\d{1,400}([.,]0*)?$"
# A number with a decimal comma.
_DECIMAL_COMMA = r"^[+-]?(\d+,\d*|\d*,\d+|\d+)([eE][+-]?\d+)?$"


def is_gap(word: str) -> bool:
    """Return whether a word marks a missing value.

    Examples
    --------
    >>> is_gap(" N/A "), is_gap("0")
    (True, False)
    """
    return word.strip().lower() in MISSING_WORDS


def are_gaps(words: polars.Series) -> polars.Series:
    """Return which words, without blanks around them, mark a missing value."""
    return words.str.to_lowercase().is_in(MISSING_WORDS)


def has_decimal_comma(words: polars.Series) -> tuple[bool, bool]:
    """Return whether a word is a number with a decimal comma, and whether one has a decimal point.

    A column has decimal commas where the first is so, and the second is not.

    Parameters
    ----------
    words : Series of strings
        Without blanks around them; null where missing.

    Examples
    --------
    >>> import polars
    >>> has_decimal_comma(polars.Series(["3", "4,5"])), has_decimal_comma(polars.Series(["a", "4.5"]))
    ((True, False), (False, True))
    """
    with_comma = words.filter(words.str.contains(_DECIMAL_COMMA)).str.contains(",", literal=True)
    return bool(with_comma.any()), bool(words.str.contains(r"\d\.\d").any())


def as_numbers(words: polars.Series, *, decimal_comma: bool | None = False) -> polars.Series:
    """Return the numbers that words are, null where a word is none: Int64 where all are whole, else Float64.

    Parameters
    ----------
    words : Series of strings
        Without blanks around them; null where missing.
    decimal_comma : bool, optional
        Whether ``1,5`` is a number. None: it is where no word has a decimal point.

    Examples
    --------
    >>> import polars
    >>> as_numbers(polars.Series(["3", None, "+4"])).to_list()
    [3, None, 4]
    >>> as_numbers(polars.Series(["3", "4,5"]), decimal_comma=None).to_list()
    [3.0, 4.5]
    """
    import polars

    whole: polars.Series = words.cast(polars.Int64, strict=False)
    if whole.null_count() == words.null_count():
        return whole
    numbers: polars.Series = words.cast(polars.Float64, strict=False)
    if decimal_comma is None:
        decimal_comma = False
        if numbers.null_count() > words.null_count():
            has_comma, has_point = has_decimal_comma(words)
            decimal_comma = has_comma and not has_point
    if decimal_comma:
        own = words.str.replace(",", ".", literal=True).cast(polars.Float64, strict=False)
        numbers = own.set(~words.str.contains(_DECIMAL_COMMA).fill_null(value=False), None)
    return numbers


def rounded_whole(words: polars.Series, numbers: polars.Series) -> int | None:
    """Return the place of the first word that is a whole number and no float64; None where none is.

    Parameters
    ----------
    words : Series of strings
        Without blanks around them; null where missing.
    numbers : Series of Float64
        What they were read as.

    Examples
    --------
    >>> import polars
    >>> words = polars.Series(["0.5", "9007199254740992", "9007199254740993"])
    >>> rounded_whole(words, as_numbers(words))
    2
    """
    large = (numbers.abs() >= float(LARGEST_EXACT)) & words.str.contains(_WHOLE)
    for place in large.fill_null(value=False).arg_true().to_list():
        if int(words[place].replace(",", ".").split(".")[0]) != int(numbers[place]):
            return int(place)
    return None


def vanished(words: polars.Series, numbers: polars.Series) -> polars.Series:
    """Return which words are numbers other than 0 that became 0.

    Examples
    --------
    >>> import polars
    >>> words = polars.Series(["0.0", "1e-400"])
    >>> vanished(words, as_numbers(words)).to_list()
    [False, True]
    """
    return ((numbers == 0) & words.str.contains(r"^[+-]?[0.,]*[1-9]")).fill_null(value=False)


def parsed(words: list[str], *, decimal_comma: bool | None = False) -> list[int | float | str]:
    """Return words as the numbers that they are, whole ones exactly; what is none stays a word.

    Examples
    --------
    >>> parsed(["9007199254740993", "0.5", "abc"])
    [9007199254740993, 0.5, 'abc']
    """
    import polars

    series = polars.Series(words, dtype=polars.String).str.strip_chars()
    whole = series.cast(polars.Int64, strict=False).to_list()
    numbers = as_numbers(series, decimal_comma=decimal_comma).to_list()
    return [
        exact if exact is not None else word if number is None else number
        for exact, number, word in zip(whole, numbers, words, strict=True)
    ]


def as_number(word: str) -> float | None:
    """Return the number that a word is, or None."""
    if "_" in word:  # Python reads 1_000 as a number, files do not mean it
        return None
    try:
        return float(word)
    except ValueError:
        return None
