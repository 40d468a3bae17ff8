"""Months that stand without their year, across or down, as months of the year that a title, a sheet or a file names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, over_empty
from forecast.sources.layouts.joined import month_and_measure
from forecast.sources.layouts.titles import year_of_months
from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed
from forecast.vocabulary.months import FIRST_MONTH, LAST, could_be_month, month_number, month_within, unmarked
from forecast.vocabulary.text import shown
from forecast.vocabulary.units import names_measure

_FEWEST = 2
"""Bare months in a row or a column from which on they are the months of figures."""

_CODES_TOO = {"MAR", "CZE"}
"""Short names of months that are codes of countries: a row that has no others is one of destinations."""

_ABOVE = "Months are of the year that stands above them."
_MOSTLY = 0.6
"""Share of the different cells of a column that must be bare months or years."""


def dated(sheet: Sheet, settings: ReadSettings) -> tuple[Sheet, list[str]]:
    """The sheet with the year in each month that stands without one, and a note on it; unchanged where none does.

    In a column a year may stand above its months, in a row of its own.

    Raises
    ------
    TableError
        Where nothing says the year, several things do, or months run on into a year that nothing names.
    """
    if settings.columns or not len(sheet.grid):
        return sheet, []
    across = _across(sheet)
    if across is not None:
        place, months = across
        return _dated_across(sheet, place, months)
    down = _down(sheet)
    return _dated_down(sheet, down) if down is not None else (sheet, [])


# Across --------------------------------------------------------------------------------------------------------------


def _across(sheet: Sheet) -> tuple[int, dict[int, int]] | None:
    """The row with bare months and their places, if no year stands in a cell around it or in a column."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        months = {place: month_number(part) for place, cell in enumerate(row) if (part := _bare_month(cell))}
        different = len(set(months.values()))
        if {row[place] for place in months} <= _CODES_TOO:
            continue
        if different < _FEWEST or (different < len(months) and not _told_apart(sheet, position, months)):
            continue
        around = [cell for at in (position - 1, position, position + 1) if 0 <= at < len(sheet.grid)
                  for cell in sheet.row(at)]  # fmt: skip
        alone = not any(map(_is_year, around)) or _one_title(sheet, position)
        return (position, months) if alone and _year_column(sheet, position) is None else None
    return None


def _bare_month(cell: str) -> str:
    """The name of a month that a cell is, or that it joins with a quantity; empty for any other."""
    if month_within(cell, could_be_month)[0]:
        return ""
    return cell if month_number(cell) else month_and_measure(cell, lambda text: bool(month_number(text)))[0]


def _told_apart(sheet: Sheet, position: int, months: dict[int, int]) -> bool:
    """Whether months that stand several times are of different quantities, by their headings or the row beside them."""
    headings = [cell.replace(_bare_month(cell), "", 1) for cell in sheet.row(position)]
    beside = [over_empty(sheet.row(at)) for at in (position - 1, position + 1) if 0 <= at < len(sheet.grid)]
    return any(
        all(names_measure(row[place]) for place in months)
        and len({(number, row[place]) for place, number in months.items()}) == len(months)
        for row in (headings, *beside)
    )


def _one_title(sheet: Sheet, position: int) -> bool:
    """Whether the years around a row stand in a title above it: one alone, or at the end of a line parted at commas."""
    below = [cell for at in (position, position + 1) if at < len(sheet.grid) for cell in sheet.row(at)]
    above = sheet.row(position - 1) if position else []
    filled = [cell for cell in above if cell]
    parted = above[: len(filled)] == filled and bool(sheet.row(position)[0]) and sum(map(_is_year, filled)) == 1
    return not any(map(_is_year, below)) and (len(filled) == 1 or parted)


def _is_year(cell: str) -> bool:
    bare = unmarked(cell)[0].removesuffix("年").removesuffix("년").strip()
    return bare.isascii() and bare.isdigit() and len(bare) == 4 and FIRST_MONTH <= int(bare) <= LAST


def _year_column(sheet: Sheet, position: int) -> int | None:
    """The first column whose cells below a row are mostly years; None where there is none."""
    for place in sheet.grid.columns:
        cells = [str(cell).strip() for cell in pd.unique(sheet.grid[place].iloc[position + 1 :])][:HEADER_WITHIN]
        filled = [cell for cell in cells if cell]
        if filled and sum(map(_is_year, filled)) >= _MOSTLY * len(filled):
            return int(place)
    return None


def _dated_across(sheet: Sheet, position: int, months: dict[int, int]) -> tuple[Sheet, list[str]]:
    lines = [cell for title in sheet.rows(position) for cell in title if cell]
    year, over_two, said = year_of_months(sheet, lines)
    cells = {place: sheet.row(position)[place] for place in months}
    names = {number: _bare_month(cells[place]) for place, number in reversed(months.items())}
    order = list(dict.fromkeys(months.values()))
    written = _written(sheet, order, [names[number] for number in order], year, over_two)
    words = dict(zip(order, written, strict=True))
    grid = sheet.grid.astype(object)
    for place, number in months.items():
        part = _bare_month(cells[place])
        grid.iloc[position, place] = cells[place].replace(part, _with_status(words[number], part), 1)
    return replace(sheet, grid=_without_lone_years(grid, position)), [f"Months are of the year in {said}."]


def _without_lone_years(grid: pd.DataFrame, position: int) -> pd.DataFrame:
    """A grid without the rows above a position that have a year alone, which would be a header over all columns."""
    alone = [
        row
        for row in grid.index[:position]
        if len(filled := [cell for cell in grid.loc[row] if str(cell).strip()]) == 1
        and _is_year(str(filled[0]).strip())
    ]
    return grid.drop(index=alone)


def _written(sheet: Sheet, numbers: Sequence[int], names: Sequence[str], year: int, over_two: bool) -> list[str]:
    """Months of a year as ``YYYY-MM``: from the first of them on where it goes over two calendar years."""
    seen = f"{names[0]} to {names[-1]}"
    if not year:
        raise TableError(
            f"{sheet.file}: found months without a year ({listed(list(names), 3)}). Write it to the months, as in "
            "2024-01, or in a title line above the table."
        )
    turns = [place for place in range(1, len(numbers)) if numbers[place] <= numbers[place - 1]]
    if over_two and not (len(turns) == 1 or (not turns and numbers[0] > 1)):
        raise TableError(
            f"{sheet.file}: cannot tell in which of two years the months from {seen} are. Write them as in 2024-01."
        )
    if not over_two and turns:
        raise TableError(f"{sheet.file}: expected months of one year in order, found {seen}. Write them as in 2024-01.")
    turn = turns[0] if turns else len(numbers)
    return [f"{year + (place >= turn)}-{number:02d}" for place, number in enumerate(numbers)]


# Down ----------------------------------------------------------------------------------------------------------------


def _down(sheet: Sheet) -> int | None:
    """The column with bare months, if no other one has years and no row has several."""
    if any(sum(map(_is_year, row)) >= _FEWEST for row in sheet.rows(HEADER_WITHIN)):
        return None
    found = []
    for place in sheet.grid.columns:
        cells = [str(cell).strip() for cell in pd.unique(sheet.grid[place])]
        months = {number for cell in cells if (number := month_number(cell))}
        sound = sum(bool(month_number(cell)) or _is_year(cell) for cell in cells if cell)
        if len(months) >= _FEWEST and sound >= _MOSTLY * (sum(map(bool, cells)) - len(_titles(sheet, int(place)))):
            found.append(int(place))
    if len(found) != 1:
        return None
    first = next(at for at in range(len(sheet.grid)) if month_number(str(sheet.grid[found[0]].iloc[at])))
    years = _year_column(sheet, first - 1)
    return found[0] if years in (None, found[0]) else None


def _titles(sheet: Sheet, place: int) -> list[str]:
    """The cells of a column above its first month."""
    cells = [str(cell).strip() for cell in sheet.grid[place].iloc[:HEADER_WITHIN]]
    first = next((at for at, cell in enumerate(cells) if month_number(cell)), 0)
    return [cell for cell in dict.fromkeys(cells[:first]) if cell and not _is_year(cell)]


def _dated_down(sheet: Sheet, place: int) -> tuple[Sheet, list[str]]:
    cells = [str(cell).strip() for cell in sheet.grid[place]]
    numbers = [month_number(cell) for cell in cells]
    first = next(at for at, number in enumerate(numbers) if number)
    if any(map(_is_year, cells[max(0, first - 1) :])):
        months, note = _below_years(sheet, cells, numbers), _ABOVE
    else:
        lines = [cell for title in sheet.rows(first) for cell in title if cell]
        year, over_two, said = year_of_months(sheet, lines)
        named = {number: cell for number, cell in zip(numbers, cells, strict=True) if number}
        order = [number for number in numbers if number]
        order = order if len(set(order)) == len(order) else sorted(named)
        written = _written(sheet, order, [named[number] for number in order], year, over_two)
        words = dict(zip(order, written, strict=True))
        months, note = [words.get(number, "") for number in numbers], f"Months are of the year in {said}."
    marked = [_with_status(month, cell) if month else cell for month, cell in zip(months, cells, strict=True)]
    grid = sheet.grid.astype(object)
    grid[place] = marked
    above = 0 if note == _ABOVE else first
    return replace(sheet, grid=_without_lone_years(grid, above)), [note]


def _below_years(sheet: Sheet, cells: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """Months of the year in the nearest cell above that has one; empty where a cell is no month."""
    months, year = [], ""
    for cell, number in zip(cells, numbers, strict=True):
        year = unmarked(cell)[0][:4] if _is_year(cell) else year
        if number and not year:
            raise TableError(
                f"{sheet.file}: expected a year above each month, found none above {shown(cell)}. Write the months as "
                "in 2024-01."
            )
        months.append(f"{year}-{number:02d}" if number else "")
    return months


def _with_status(month: str, cell: str) -> str:
    status = unmarked(cell)[1]
    return f"{month} ({status})" if status else month
