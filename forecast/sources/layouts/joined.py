"""Headings that join a month and a quantity, such as ``Jan 2023 Quantity``, parted into both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from forecast.sources.files.sheet import HEADER_WITHIN, Sheet
from forecast.sources.meaning.cumulative import says_cumulative
from forecast.sources.meaning.direction import says_imports
from forecast.tables.read import TableError
from forecast.vocabulary.months import could_be_month, is_short, month_of, month_within, months
from forecast.vocabulary.text import shown
from forecast.vocabulary.units import kind_of_quantity, names_measure


def joined_headings(sheet: Sheet) -> tuple[int, list[str], list[str]] | None:
    """The first row with two headings that join a month and a quantity: its place, its months, and its quantities.

    Raises
    ------
    TableError
        Where quantities of months stand beside months that stand alone, or a month could be a day.
    """
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        parts = [month_and_measure(cell, could_be_month) if any(map(str.isdigit, cell)) else ("", "") for cell in row]
        read = months(pd.Series([month for month, _ in parts], dtype=object))
        columns = [place for place, month in enumerate(read) if month is not None]
        open_to = [month for month, _ in parts if is_short(month)]
        if len(open_to) > 1 and len(columns) < len(open_to):
            raise TableError(two_meanings(sheet.file, open_to[0]))
        if len(columns) > 1 and any(map(is_month, row)):
            _check_alone(sheet, row, [parts[place][1] for place in columns])
            return None
        if len(columns) > 1:
            above, below = (["" if place not in columns else part[at] for place, part in enumerate(parts)]
                            for at in (0, 1))  # fmt: skip
            return position, above, below
    return None


def _check_alone(sheet: Sheet, row: Sequence[str], measures: Sequence[str]) -> None:
    """Check that months that stand alone are what is read: none that is joined with a quantity is of a month's weight.

    Raises
    ------
    TableError
        Where one is.
    """
    weights = [word for word in measures if kind_of_quantity(word) == "weight"]
    if any(not (says_cumulative(word) or says_imports(word)) for word in weights):
        alone = next(filter(is_month, row))
        seen = f"expected a quantity in the heading of each month, found {alone} alone beside {shown(weights[0])}"
        raise TableError(f"{sheet.file}: {seen}. Leave one of them.")


def month_and_measure(heading: str, written: Callable[[str], bool]) -> tuple[str, str]:
    """The month, ``written`` as it is asked for, and the quantity that a heading joins; both empty for any other."""
    month, measure = month_within(heading, written)
    return (month, measure) if names_measure(measure) else ("", "")


def two_meanings(file: str, text: str) -> str:
    """What to say of headings that can be months and years, or days and months."""
    return (
        f"{file}: found headings such as {shown(text)}, which can be a month and a year or a day and a month. Write "
        "them as in 2024-01."
    )


def is_month(text: str) -> bool:
    """Whether a text alone is a month."""
    return month_of(text) is not None
