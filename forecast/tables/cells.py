"""Checks of single cells: what a cell must be, the sentence where it is not, and its value.

A check carries the rest of its sentence, to follow ``file row: key: column``. A list in a cell is separated by
semicolons. Each different string of a column is looked at once (`Texts`): a column of months has few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from forecast.safety.limits import (
    FIRST_YEAR,
    LAST_YEAR,
    LONGEST_NAME,
    LONGEST_TEXT,
    SMALLEST_VOLUME_T,
    is_covered_month,
)
from forecast.tables.schema import REST_OF_WORLD
from forecast.vocabulary.countries import EUROPEAN_UNION, UNION_OF_TODAY, group_named, nearest, places

LARGEST_VOLUME_T = 1e9
"""More tonnes a month than of any traded good: a larger volume is a slip of the unit."""


Problem = tuple[int, str]
"""(position of the row in the joined raw table, sentence)"""

_MONTH_TEXT = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])", re.ASCII)
_DAY_TEXT = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_SLUG_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Texts:
    """The cells of a column: ``different`` strings, each used, and ``codes``, the place of each cell's among them."""

    codes: np.ndarray
    different: pd.Index

    @classmethod
    def of(cls, cells: pd.Series) -> Texts:
        """Those of a column of strings, or of categories that are strings.

        Examples
        --------
        >>> texts = Texts.of(pd.Series(["b", "a", "b"]))
        >>> texts.codes.tolist(), texts.different.tolist()
        ([0, 1, 0], ['b', 'a'])
        """
        if not isinstance(cells.dtype, pd.CategoricalDtype):
            return cls(*pd.factorize(cells, use_na_sentinel=False))
        codes, different = cells.cat.codes.to_numpy(), cells.cat.categories
        used = np.bincount(codes, minlength=len(different)) > 0
        return cls(codes, different) if used.all() else cls((np.cumsum(used) - 1)[codes], different[used])

    @cached_property
    def numbers(self) -> np.ndarray:
        """The different strings as floats, NaN where one is no number, no zero with a minus."""
        return pd.to_numeric(pd.Series(self.different), errors="coerce").to_numpy(dtype=np.float64) + 0.0


@dataclass(frozen=True)
class Check:
    """What each of the different strings of a column must be: ``passed`` is a mask of them."""

    passed: Callable[[Texts], np.ndarray]
    sentence: str


def cell(test: Callable[[str], bool], sentence: str) -> Check:
    """A check that runs ``test`` once for each different cell of a column."""
    return Check(lambda texts: np.array([test(text) for text in texts.different], dtype=bool), sentence)


def number(test: Callable[[np.ndarray], np.ndarray], sentence: str) -> Check:
    """A check that runs ``test`` on the different cells as floats, NaN where a cell is no number."""
    return Check(lambda texts: test(texts.numbers), sentence)


def is_day(text: str) -> bool:
    """Whether ``text`` is a day of the calendar written YYYY-MM-DD."""
    if not _DAY_TEXT.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_number(text: str) -> bool:
    """Whether ``text`` is a finite decimal number, without separators of thousands."""
    return bool(np.isfinite(pd.to_numeric(text, errors="coerce")))


def is_slug(text: str) -> bool:
    """Whether ``text`` can name a product: letters, digits, ``_``, ``.`` and ``-``."""
    return _SLUG_TEXT.fullmatch(text) is not None


FILLED = cell(bool, "must not be empty.")
SLUG = cell(is_slug, "must be a slug or an HS code such as rare_earth_magnets or 85051110, found {found}.")
SLUGS = cell(
    lambda text: all(is_slug(item) for item in items(text)),
    "must be ALL, or slugs or HS codes separated by semicolons, found {found}.",
)
MONTH = cell(lambda text: _MONTH_TEXT.fullmatch(text) is not None, "must be a month as YYYY-MM, found {found}.")
DAY = cell(is_day, "must be a day as YYYY-MM-DD, found {found}.")
DAY_OR_OPEN = cell(lambda text: not text or is_day(text), "must be a day as YYYY-MM-DD or empty, found {found}.")
MONTH_COVERED = cell(is_covered_month, f"must be from {FIRST_YEAR}-01 to {LAST_YEAR}-12, found {{found}}.")
NAME_LENGTH = cell(
    lambda text: all(len(item) <= LONGEST_NAME for item in items(text)),
    f"must have at most {LONGEST_NAME} characters, found {{found}}.",
)
TEXT_LENGTH = cell(lambda text: len(text) <= LONGEST_TEXT, f"must have at most {LONGEST_TEXT:,} characters.")
VOLUME = [
    Check(
        lambda texts: texts.different != "",
        "must be tonnes, found an empty cell. A missing month is a missing row; zero is 0.",
    ),
    number(np.isfinite, "must be a number of tonnes such as 1234.5, found {found}."),
    number(lambda volume: ~(volume < 0), "must be zero or more tonnes, found {found}."),
    number(
        lambda volume: ~((volume > 0) & (volume < SMALLEST_VOLUME_T)),
        f"must be zero or at least {SMALLEST_VOLUME_T:g} tonnes, found {{found}}.",
    ),
    number(
        lambda volume: ~(volume > LARGEST_VOLUME_T), "must be at most 1e9 tonnes, found {found}. Is it in kilograms?"
    ),
]
PRECISION = [
    Check(
        lambda texts: (texts.different == "") | np.isfinite(texts.numbers),
        "must be a number of tonnes or empty, found {found}.",
    ),
    VOLUME[2],
]
VOLUME_OR_EMPTY = [
    Check(lambda texts: (texts.different == "") | np.isfinite(texts.numbers), VOLUME[1].sentence),
    *VOLUME[2:],
]
"""Those of a volume that a later release may have withdrawn."""


def month_until(today: date) -> Check:
    """Check that a month is not after that of ``today``."""
    last = f"{today:%Y-%m}"
    return cell(lambda text: text <= last, f"must not be after today's month, {last}, found {{found}}.")


def day_until(today: date) -> Check:
    """Check that a day is not after ``today``, or is empty."""
    return cell(lambda text: text <= f"{today}", f"must not be after today, {today}, found {{found}}.")


def known_destination(destinations: pd.DataFrame) -> Check:
    """Check that a destination is a code of ``destinations``."""
    codes = set(destinations["code"])
    return cell(lambda text: text in codes, "must be a known code, found {found}.")


def known_destinations(destinations: pd.DataFrame) -> Check:
    """Check that a list of destinations is ``ALL`` or codes of ``destinations``."""
    codes = {"ALL", *destinations["code"]}
    sentence = "must be ALL or known codes separated by semicolons, found {found}."
    return cell(lambda text: codes.issuperset(items(text)), sentence)


def cell_problems(
    raw: pd.DataFrame,
    key: str,
    checks: Mapping[str, Sequence[Check]],
    hints: Mapping[str, Callable[[str], str]],
) -> list[Problem]:
    """List a problem for the first check that each cell fails, by row, check and column.

    ``raw`` has the index (file, row), ``key`` names each of its rows by its columns, such as ``{destination} {month}``,
    ``checks`` and ``hints`` go by column; a hint says what a wrong cell may have meant.
    """
    found: list[tuple[int, int, int, str]] = []
    for place, (column, tests) in enumerate(checks.items()):
        texts = Texts.of(raw[column])
        hint = hints.get(column, _no_hint)
        for number, wrong, sentence in _first_failures(texts, tests):
            said = {
                code: f"{column} {sentence.format(found=_found(text))}{hint(text)}"
                for code, text in zip(np.flatnonzero(wrong).tolist(), texts.different[wrong], strict=True)
            }
            rows = np.flatnonzero(wrong[texts.codes])
            codes = texts.codes[rows].tolist()
            found += [(row, number, place, said[code]) for row, code in zip(rows.tolist(), codes, strict=True)]
    found.sort(key=lambda problem: problem[:3])
    places = where(raw, key, [row for row, *_ in found])
    return [(row, f"{place} {said}") for place, (row, _, _, said) in zip(places, found, strict=True)]


def _first_failures(texts: Texts, tests: Sequence[Check]) -> list[tuple[int, np.ndarray, str]]:
    """Number and sentence of each check that is failed first by some of the different strings, with a mask of them."""
    failures = []
    passed = np.ones(len(texts.different), dtype=bool)
    for number, check in enumerate(tests):
        wrong = passed & ~check.passed(texts)
        if wrong.any():
            failures.append((number, wrong, check.sentence))
            passed &= ~wrong
    return failures


def where(raw: pd.DataFrame, key: str, positions: Sequence[int]) -> list[str]:
    """``file row N: key:`` of the rows at ``positions``."""
    if not positions:
        return []
    rows = raw.iloc[list(positions)]
    keys = [key.format_map(row).strip() for row in rows.to_dict("records")]
    return [_where(name, row, named) for (name, row), named in zip(rows.index, keys, strict=True)]


def _where(name: Any, row: Any, named: str) -> str:
    named = named if len(named) <= LONGEST_NAME else f"{named[:57]}..."
    return f"{name} row {row}: {named}:" if named else f"{name} row {row}:"


def _no_hint(text: str) -> str:
    return ""


def _found(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...") if text else "an empty cell"


# What may have been meant --------------------------------------------------------------------------------------------


def kind_hint(kinds: Collection[str]) -> Callable[[str], str]:
    """The kind that a wrong one may have meant, or all kinds."""
    every = f" Kinds are {', '.join(kinds)}."
    return lambda text: _did_you_mean(get_close_matches(text.lower(), list(kinds), 1)) or every


def destination_hint(destinations: pd.DataFrame) -> Callable[[str], str]:
    """The destinations that wrong codes, one or a list of them, may have meant."""
    codes = {"ALL", *destinations["code"]}
    every = " Codes are ISO 3166-1 alpha-3, WLD for the total, and groups such as EU27."

    def hint(text: str) -> str:
        unknown = [item for item in items(text) if item not in codes]
        named = f" Not known: {', '.join(map(repr, unknown))}." if ";" in text else ""
        near = [place for item in unknown for place in nearest_destinations(item, destinations)]
        several = [f" {item!r} is no destination ({group_named(item)}): leave its rows out." for item in unknown
                   if group_named(item)]  # fmt: skip
        return named + (_did_you_mean(near) or "".join(several) or every)

    return hint


def _did_you_mean(candidates: list[str]) -> str:
    return f" Did you mean {' or '.join(candidates)}?" if candidates else ""


def code_named(word: str) -> str:
    """Code of the destination that ``word`` names whole, by a code or a name; ``word`` itself where it names none.

    The Union is that of today, and the rest of the world is one, too.

    Examples
    --------
    >>> [code_named(word) for word in ("Japan", "jpn", "European Union", "Rest of world", "Atlantis")]
    ['JPN', 'JPN', 'EU27', 'ROW', 'Atlantis']
    """
    if group_named(word) == group_named(REST_OF_WORLD):
        return REST_OF_WORLD
    code, _ = places().find(word)
    return (UNION_OF_TODAY if code == EUROPEAN_UNION else code) or word


LONGEST_CODE = 3


def nearest_destinations(word: str, destinations: pd.DataFrame) -> list[str]:
    """At most three destinations that ``word`` may mean, as ``CODE (name)``, nearest first; none where none is near.

    A code or name in other letters, a code of another system, part of a name, then a name of similar spelling; a code
    that merely looks like another is another country's.

    Examples
    --------
    >>> codes = pd.DataFrame({"code": ["DEU"], "name": ["Germany"], "iso2": ["DE"], "numeric": ["276"]})
    >>> nearest_destinations("germany", codes)
    ['DEU (Germany)']
    """
    sought = word.strip().lower()
    if not sought:
        return []
    named = nearest(word, destinations)
    if named or group_named(word):
        return named
    said = [f"{code} ({name})" for code, name in zip(destinations["code"], destinations["name"], strict=True)]
    spellings = [
        dict(zip(destinations[column].str.lower(), said, strict=True)) for column in ("code", "name", "iso2", "numeric")
    ]
    for spelling in spellings:
        if sought in spelling:
            return [spelling[sought]]
    codes, names = spellings[:2]
    parts = [said for code, said in codes.items() if code.startswith(sought)]
    parts += [said for name, said in names.items() if f" {sought} " in f" {name} " or f" {name} " in f" {sought} "]
    similar = get_close_matches(sought, list(names), 1) if len(sought) > LONGEST_CODE else []
    return parts[:3] or [names[spelling] for spelling in similar]


# From text to values --------------------------------------------------------------------------------------------------


def each(cells: pd.Series, read: Callable[[str], object]) -> pd.Series:
    """``read`` of every cell as objects, called once for each different cell."""
    texts = Texts.of(cells)
    values = np.empty(len(texts.different), dtype=object)
    values[:] = [read(text) for text in texts.different]
    return pd.Series(values[texts.codes], index=cells.index, dtype=object)


def coded(cells: pd.Series) -> pd.Series:
    """The column as categories, in the order of their first row."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells
    codes, different = pd.factorize(cells, use_na_sentinel=False)
    return pd.Series(pd.Categorical.from_codes(codes, different), index=cells.index)


def recoded(cells: pd.Series, texts: Sequence[str] | pd.Index) -> pd.Series:
    """A column of categories with another text for each category; some of ``texts`` may be equal.

    Examples
    --------
    >>> recoded(coded(pd.Series(["a", "b", "a"])), ["x", "x"]).tolist()
    ['x', 'x', 'x']
    """
    return pd.Series(labels(cells.cat.codes.to_numpy(), texts), index=cells.index)


def labels(codes: np.ndarray, texts: Sequence[str] | pd.Index) -> pd.Categorical:
    """Categories of the place of each cell among ``texts``, some of which may be equal.

    Examples
    --------
    >>> labels(np.array([0, 2, 1]), ["x", "y", "x"]).tolist()
    ['x', 'x', 'y']
    """
    places, different = pd.factorize(pd.Index(texts, dtype=str))
    return pd.Categorical.from_codes(places[codes], different)


def as_plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with strings for categories that are strings, and objects for other categories."""
    by_name = table.select_dtypes("category")
    plain = {str(name): cells.cat.categories.take(cells.cat.codes.to_numpy()).array for name, cells in by_name.items()}
    return table.assign(**plain)


def months(cells: pd.Series) -> pd.Series:
    """Monthly periods."""
    texts = Texts.of(cells)
    periods = pd.PeriodIndex(texts.different, freq="M")
    return pd.Series(periods.take(texts.codes), index=cells.index, dtype="period[M]")


def days(cells: pd.Series) -> pd.Series:
    """Dates as objects, None where empty."""
    return each(cells, day_or_none)


def day_or_none(text: str) -> date | None:
    """The day of a cell, None where it is empty."""
    return date.fromisoformat(text) if text else None


def numbers(cells: pd.Series) -> pd.Series:
    """Floats, NaN where a cell is empty or no number."""
    texts = Texts.of(cells)
    return pd.Series(texts.numbers[texts.codes], index=cells.index)


def lists(cells: pd.Series) -> pd.Series:
    """Tuples of strings as objects, ``()`` where empty."""
    return each(cells, lambda text: tuple(items(text)) if text else ())


def items(text: str) -> list[str]:
    """The parts of a list in one cell: at least one, which may be empty."""
    return [item.strip() for item in text.split(";")]
