"""Checks of single cells: what a cell must be, the sentence where it is not, and its value.

A check carries the rest of its sentence, to follow ``file row: key: column``. A list in a cell is separated by
semicolons. Each different string of a column is looked at once: a column of months has few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pandera.pandas as pa

LARGEST_VOLUME_T = 1e9
"""More tonnes a month than of any traded good: a larger volume is a slip of the unit."""

Problem = tuple[int, str]
"""(position of the row in the joined raw table, sentence)"""

_MONTH_TEXT = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])", re.ASCII)
_DAY_TEXT = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_SLUG_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def cell(test: Callable[[str], bool], sentence: str) -> pa.Check:
    """A check that runs ``test`` once for each different cell of a column."""
    return pa.Check(lambda cells: cells.map({text: test(text) for text in cells.unique()}).astype(bool), error=sentence)


def number(test: Callable[[pd.Series], pd.Series], sentence: str) -> pa.Check:
    """A check that runs ``test`` on a column as floats, NaN where a cell is no number."""
    return pa.Check(lambda cells: test(numbers(cells)), error=sentence)


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
VOLUME = [
    cell(bool, "must be tonnes, found an empty cell. A missing month is a missing row; zero is 0."),
    number(np.isfinite, "must be a number of tonnes such as 1234.5, found {found}."),
    number(lambda volume: ~(volume < 0), "must be zero or more tonnes, found {found}."),
    number(
        lambda volume: ~(volume > LARGEST_VOLUME_T), "must be at most 1e9 tonnes, found {found}. Is it in kilograms?"
    ),
]
PRECISION = [
    cell(lambda text: not text or is_number(text), "must be a number of tonnes or empty, found {found}."),
    VOLUME[2],
]


def month_until(today: date) -> pa.Check:
    """Check that a month is not after that of ``today``."""
    last = f"{today:%Y-%m}"
    return cell(lambda text: text <= last, f"must not be after today's month, {last}, found {{found}}.")


def day_until(today: date) -> pa.Check:
    """Check that a day is not after ``today``, or is empty."""
    return cell(lambda text: text <= f"{today}", f"must not be after today, {today}, found {{found}}.")


def known_destination(destinations: pd.DataFrame) -> pa.Check:
    """Check that a destination is a code of ``destinations``."""
    codes = set(destinations["code"])
    return cell(lambda text: text in codes, "must be a known code, found {found}.")


def known_destinations(destinations: pd.DataFrame) -> pa.Check:
    """Check that a list of destinations is ``ALL`` or codes of ``destinations``."""
    codes = {"ALL", *destinations["code"]}
    sentence = "must be ALL or known codes separated by semicolons, found {found}."
    return cell(lambda text: codes.issuperset(items(text)), sentence)


def cell_problems(
    raw: pd.DataFrame,
    key: pd.Series,
    checks: Mapping[str, list[pa.Check]],
    hints: Mapping[str, Callable[[str], str]],
) -> list[Problem]:
    """List a problem for the first check that each cell fails.

    ``raw`` has the index (file, row), ``key`` names each of its rows, ``checks`` and ``hints`` go by column; a hint
    says what a wrong cell may have meant.
    """
    schema = pa.DataFrameSchema({column: pa.Column(None, tests) for column, tests in checks.items()})
    try:
        schema.validate(raw.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases.sort_values(["index", "check_number"]).drop_duplicates(["index", "column"])
    else:
        return []
    problems = []
    for position, column, sentence, text in zip(
        failures["index"], failures["column"], failures["check"], failures["failure_case"], strict=True
    ):
        hint = hints[column](text) if column in hints else ""
        problem = f"{column} {sentence.format(found=_found(text))}{hint}"
        problems.append((int(position), f"{where(raw, key, int(position))} {problem}"))
    return problems


def where(raw: pd.DataFrame, key: pd.Series, position: int) -> str:
    """``file row N: key:`` of the row at ``position``."""
    name, row = raw.index[position]
    named = key.iloc[position].strip()
    return f"{name} row {row}: {named}:" if named else f"{name} row {row}:"


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
        return named + (_did_you_mean(near) or every)

    return hint


def _did_you_mean(candidates: list[str]) -> str:
    return f" Did you mean {' or '.join(candidates)}?" if candidates else ""


def nearest_destinations(word: str, destinations: pd.DataFrame) -> list[str]:
    """At most three destinations that ``word`` may mean, as ``CODE (name)``, nearest first; none where none is near.

    A code or name in other letters, a two-letter or numeric code, part of a name, then similar spelling.

    Examples
    --------
    >>> codes = pd.DataFrame({"code": ["DEU"], "name": ["Germany"], "iso2": ["DE"], "numeric": ["276"]})
    >>> nearest_destinations("germany", codes)
    ['DEU (Germany)']
    """
    sought = word.strip().lower()
    if not sought:
        return []
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
    similar = get_close_matches(sought, list(codes if len(sought) <= 3 else names), 1)
    return parts[:3] or [{**names, **codes}[spelling] for spelling in similar]


# From text to values --------------------------------------------------------------------------------------------------


def each(cells: pd.Series, read: Callable[[str], object]) -> pd.Series:
    """``read`` of every cell as objects, called once for each different cell."""
    codes, different = pd.factorize(cells)
    values = np.empty(len(different), dtype=object)
    values[:] = [read(text) for text in different]
    return pd.Series(values[codes], index=cells.index, dtype=object)


def months(cells: pd.Series) -> pd.Series:
    """Monthly periods."""
    codes, different = pd.factorize(cells)
    return pd.Series(pd.PeriodIndex(different, freq="M").take(codes), index=cells.index, dtype="period[M]")


def days(cells: pd.Series) -> pd.Series:
    """Dates as objects, None where empty."""
    return each(cells, lambda text: date.fromisoformat(text) if text else None)


def numbers(cells: pd.Series) -> pd.Series:
    """Floats, NaN where a cell is empty or no number."""
    return pd.to_numeric(cells, errors="coerce").astype(float)


def lists(cells: pd.Series) -> pd.Series:
    """Tuples of strings as objects, ``()`` where empty."""
    return each(cells, lambda text: tuple(items(text)) if text else ())


def items(text: str) -> list[str]:
    """The parts of a list in one cell: at least one, which may be empty."""
    return [item.strip() for item in text.split(";")]
