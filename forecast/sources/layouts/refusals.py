"""What to say of a table in which something that is needed is missing: what is there, and how to name it."""

from __future__ import annotations

import re

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import Columns, are_numbers, headings_of, most_are
from forecast.sources.files.sheet import Sheet, Table
from forecast.sources.layouts.joined import two_meanings
from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed
from forecast.vocabulary.months import is_short, month_of, why_no_month
from forecast.vocabulary.text import shown
from forecast.vocabulary.units import is_money
from forecast.vocabulary.words.currencies import other_currency

_MARKED = re.compile(r"(.*\S)\s*\([^()]{1,3}\)")
"""A heading with a sign in brackets behind it."""


def check_month(table: Table, columns: Columns) -> None:
    """Check that a column has the months.

    Raises
    ------
    TableError
        Where none has, with what is there instead.
    """
    if columns.month:
        return
    short = [name for name in table.headings if is_short(name)]
    if len(short) > 1:
        raise TableError(two_meanings(table.file, short[0]))
    odd = [name for name in table.headings if why_no_month(name).endswith(", not a month")]
    if len(odd) > 1:
        what = f"headings such as {shown(odd[0])}: {why_no_month(odd[0])}"
        raise TableError(f"{table.file}: found {what}. Give the file figures by month.")
    years = [
        name for name in table.headings if most_are(table.cells[name], lambda text: text.isdigit() and len(text) == 4)
    ]
    if (columns.year or years) and len(table.cells):
        raise TableError(
            f"{table.file}: expected a month for every row, found years alone (column "
            f"{shown(columns.year or years[0])}). Export "
            "it by month, or name the column of months: --column year=NAME --column month=NAME."
        )
    marked = [name for name in table.headings if (found := _MARKED.fullmatch(name)) and month_of(found[1])]
    if marked:
        seen = f"found headings such as {shown(marked[0])}, a month with a sign that is not known"
        raise TableError(f"{table.file}: {seen}. Write it as {month_of(marked[0].partition('(')[0].strip())}.")
    raise TableError(missing(table, "month", "--column month=NAME"))


def no_volume(table: Table, columns: Columns, settings: ReadSettings) -> str:
    """What to say of a table in which no column can be the volume."""
    money = [name for name in table.headings if is_money(name)]
    others = [name for name in table.headings if name not in money and are_numbers(table.cells[name])]
    if money and not others:
        currency = other_currency("USD", money[0]).lower() or "usd"
        return (
            f"{table.file}: has a value ({listed(money, 2)}) and no weight. Export it with weights; or --column "
            f"volume={shown(money[0])!r} --unit {currency} takes the value instead, and calls it so."
        )
    hint = "--column volume=NAME --unit t"
    if not (columns.destination or columns.series or settings.destination):
        hint += " --destination CODE (WLD for a total), once for each column that is a series"
    return missing(table, "volume", hint)


def missing(table: Table, role: str, hint: str) -> str:
    """What to say of a table in which no column can have a role, and ``hint``, the options that name it."""
    there = f"{table.file}: cannot tell which column is the {role}; found {headings_of(table)}."
    return f"{there} Say it: forecast import FILE {hint}."


def headless(sheet: Sheet) -> str:
    """What to do with a sheet whose first row is no header."""
    first = ", ".join(shown(cell, 20) for cell in sheet.row(0)[:6])
    if sheet.grid.shape[1] < 2:
        return f"{sheet.file}: expected a table of export figures, found text in one column ({first})."
    return (
        f"{sheet.file}: expected a header, found none (first row: {first}). Number the columns: forecast import FILE "
        "--column "
        "year=1 --column month=2 --column destination=3 --column volume=4 --unit kg."
    )
