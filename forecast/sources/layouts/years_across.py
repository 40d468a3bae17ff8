"""Months down and years across, as the long table that it means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.headings import ROLES
from forecast.sources.files.sheet import Sheet, Table, distinct, over_empty
from forecast.sources.layouts.two_rows import FIGURE
from forecast.sources.meaning.carried import carried_down
from forecast.sources.meaning.quantities import of_one_quantity
from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed, places
from forecast.vocabulary.months import BUDDHIST, FIRST_MONTH, LAST, month_number, unmarked
from forecast.vocabulary.text import folded, without_note
from forecast.vocabulary.units import unit_in

_FEWEST_MONTHS = 2
"""Different months that a column must have below its heading."""

_MOSTLY = 0.6
"""Share of the cells of a column that must be months, sums below them apart."""

_HEADINGS = {"", "/", *(word.replace("_", " ") for word in ROLES["month"].split()), "month year", "months", "monat"}


@dataclass(frozen=True)
class YearsAcross:
    """Where a sheet has years across: the row of them, the column of months, and the year of each column of figures."""

    position: int
    months: int
    years: dict[int, int]


def years_across(sheet: Sheet, settings: ReadSettings) -> tuple[Table, list[str]] | None:
    """The table of a sheet with years across and months down, a row a figure, and notes on it; None for any other.

    Raises
    ------
    TableError
        Where a year stands over several columns and nothing says which are weights.
    """
    found = None if settings.columns else _found(sheet)
    if found is None:
        return None
    top = sheet.row(found.position)
    years = _of_one_quantity(sheet, found, settings)
    beside = [place for place, cell in enumerate(top) if place < min(found.years) and place != found.months]
    headings = distinct([top[place] or f"column {place + 1}" for place in beside])
    body, labels, said = _labelled(sheet, found, dict(zip(beside, headings, strict=True)))
    words = body[found.months].str.strip()
    number = words.map(_month_in)
    status = words.map(lambda word: unmarked(word)[1])
    parts = [
        labels.assign(
            year=str(year),
            month=number.astype(str).where(number > 0, words),
            status=status.where(status != "", unmarked(top[place])[1]),
            **{FIGURE: body[place]},
        )
        for place, year in years.items()
    ]
    above = tuple(cell for title in sheet.rows(found.position) for cell in title if cell)
    left = [cell for place, cell in enumerate(top) if cell and place not in (*years, *beside, found.months)]
    units = [unit for cell in _above(sheet, found.position) if (unit := unit_in(cell))]
    titles = tuple(dict.fromkeys((*above, *units)))
    notes = [*said, *([f"Columns left out: {listed(left)}."] if left else [])]
    return Table(sheet.file, pd.concat(parts).sort_index(kind="stable"), sheet.delimiter, titles), notes


def _labelled(
    sheet: Sheet, found: YearsAcross, headings: dict[int, str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The rows below the years, what stands before their months, and a note on what is carried down.

    Destinations that stand in rows of their own, above their months, are a column of them.
    """
    body = sheet.grid.iloc[found.position + 1 :].astype(str).apply(lambda column: column.str.strip())
    body = body[(body != "").any(axis=1)]
    empty = (body[list(found.years)] == "").all(axis=1)
    names = body[found.months].where(empty, "")
    known = [name for name in names if name]
    if known and all(places().find(name)[0] for name in known) and names.iloc[0]:
        table = body[~empty]
        above = names.replace("", None).ffill().fillna("")[~empty]
        return table, pd.DataFrame({"destination": above}), []
    first = min(found.years)
    wide = Table(sheet.file, body.set_axis([headings.get(place, str(place)) for place in body], axis=1))
    wide, said = carried_down(wide, list(headings.values()), str(first))
    labels = wide.cells[list(headings.values())]
    return body, labels[[name for name in labels if (labels[name] != "").any()]], said


def _found(sheet: Sheet) -> YearsAcross | None:
    for position, row in enumerate(sheet.rows()):
        years = {place: year for place, cell in enumerate(row) if (year := _year_in(cell))}
        others = [cell for place, cell in enumerate(row) if place not in years and cell.replace(".", "").isdigit()]
        if len(set(years.values())) < _FEWEST_MONTHS or others or not _in_order(list(years.values())):
            continue
        months = [place for place in range(min(years)) if _are_months(sheet, position, place, years)]
        if len(months) == 1:
            return YearsAcross(position, months[0], years)
    return None


def _year_in(cell: str) -> int:
    """The year that a heading is, whatever note stands behind it; 0 for any other."""
    bare = without_note(unmarked(cell)[0]).removesuffix("年").removesuffix("년").strip()
    return int(bare) if bare.isascii() and bare.isdigit() and FIRST_MONTH <= int(bare) <= LAST + BUDDHIST else 0


def _in_order(years: Sequence[int]) -> bool:
    """Whether years follow each other up or down, each block anew."""
    steps = {after - before for before, after in pairwise(years) if after != before}
    return bool({1, -1} & steps)


def _month_in(word: str) -> int:
    number = month_number(word)
    plain = unmarked(word)[0]
    return number or (int(plain) if plain.isascii() and plain.isdigit() and 1 <= int(plain) <= 12 else 0)


def _are_months(sheet: Sheet, position: int, place: int, years: Collection[int]) -> bool:
    """Whether a column has bare months below its heading: by name, or by number under a heading that says so."""
    body = sheet.grid.iloc[position + 1 :].astype(str)
    filled = (body[list(years)] != "").any(axis=1)
    cells = [cell.strip() for cell in body.loc[filled, place].unique() if cell.strip()]
    by_name = {number for cell in cells if (number := month_number(cell))}
    by_number = {number for cell in cells if (number := _month_in(cell))}
    named = folded(without_note(sheet.row(position)[place])) in _HEADINGS
    found = by_name if len(by_name) >= len(by_number) or not named else by_number
    return len(found) >= _FEWEST_MONTHS and len(found) >= _MOSTLY * min(len(cells), 12)


def _above(sheet: Sheet, position: int) -> list[str]:
    """The cells of the row above the years, each over the empty cells to its right too."""
    return over_empty(sheet.row(position - 1)) if position else []


def _of_one_quantity(sheet: Sheet, found: YearsAcross, settings: ReadSettings) -> dict[int, int]:
    """The columns of one quantity where each year stands over several: weights, or money where that is asked for."""
    if len(set(found.years.values())) == len(found.years):
        return found.years
    above = _above(sheet, found.position)
    words = {place: above[place] if above else "" for place in found.years}
    chosen = of_one_quantity(list(dict.fromkeys(words.values())), settings)
    years = {place: year for place, year in found.years.items() if words[place] in chosen}
    if len(chosen) == 1 and len(set(years.values())) == len(years):
        return years
    blocks = listed([word or "(no heading)" for word in words.values()][:6])
    raise TableError(
        f"{sheet.file}: expected each year once, found {listed([str(year) for year in found.years.values()], 6)} below "
        f"{blocks}. Leave one block of years in the file."
    )
