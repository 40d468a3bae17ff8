"""Headers as offices and desks write them, in the form in which tables are read: columns without a heading given one.

Codes with labels (``FREQ: Frequency``), months by number, names of a key below the months, and notes below the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import header_row, is_figure
from forecast.sources.files.headings import ALIASES, headings_of_role
from forecast.sources.files.sheet import CODED, HEADER_WITHIN, Sheet
from forecast.vocabulary.countries import places
from forecast.vocabulary.months import could_be_month, is_year, month_number
from forecast.vocabulary.text import apart, folded
from forecast.vocabulary.units import names_measure

_MONTH = re.compile(r"[Mm]?0?(\d{1,2})")
_LABELLED = re.compile(r"([^\s:]+): ?(\D.*)")
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FEWEST = 3
"""Headings from which on they are codes with labels, or months by number."""

_MOSTLY = 0.8
"""Share of the different cells of a column without a heading that must be of a kind."""


def as_read(sheet: Sheet, settings: ReadSettings) -> Sheet:
    """The sheet with its header in the form in which it is read; unchanged where the caller names columns."""
    if settings.columns or not len(sheet.grid):
        return sheet
    sheet = _with_named_key(with_names_of_months(_without_codes(_without_notes(sheet))))
    return _with_headings(sheet, settings)


def _without_notes(sheet: Sheet) -> Sheet:
    """A sheet of three columns or more without the last rows of one cell each."""
    last = len(sheet.grid)
    while sheet.grid.shape[1] >= _FEWEST and last and sum(map(bool, sheet.row(last - 1))) < 2:
        last -= 1
    return replace(sheet, grid=sheet.grid.iloc[:last]) if 0 < last < len(sheet.grid) else sheet


def _without_codes(sheet: Sheet) -> Sheet:
    """A sheet of SDMX whose headings and cells have both codes and labels: with codes of products, else labels."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        coded = [CODED.fullmatch(cell) for cell in row]
        if sum(map(bool, coded)) < max(_FEWEST, sum(map(bool, row)) // 2):
            continue
        grid = sheet.grid.iloc[position + 1 :].astype(object)
        for place, found in enumerate(coded):
            different = {str(cell): _LABELLED.fullmatch(str(cell).strip()) for cell in pd.unique(grid[place])}
            if found and all(different.values()):
                part = 1 if folded(found[1]) in ALIASES["product"] else 2
                grid[place] = grid[place].map({cell: match[part] for cell, match in different.items() if match})
        header = pd.DataFrame([[found[1] if found else cell for found, cell in zip(coded, row, strict=True)]],
                              index=[sheet.grid.index[position]], columns=grid.columns, dtype=object)  # fmt: skip
        return replace(sheet, grid=pd.concat([sheet.grid.iloc[:position].astype(object), header, grid]))
    return sheet


def with_names_of_months(sheet: Sheet) -> Sheet:
    """A sheet with names for months that are numbers, from 1 on, in a header with a year, or of twelve."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        run = _numbers_from_one(row)
        words = {folded(cell) for cell in row}
        yearly, whole = bool(words & set(ALIASES["year"])), len(run) == len(_NAMES)
        if not _FEWEST <= len(run) <= len(_NAMES) or not (yearly or (whole and words & set(ALIASES["destination"]))):
            continue
        grid = sheet.grid.astype(object)
        for number, place in enumerate(run):
            grid.iloc[position, place] = _NAMES[number]
        return replace(sheet, grid=grid)
    return sheet


def _numbers_from_one(row: Sequence[str]) -> list[int]:
    """The places of 1, 2, 3... beside each other, where no other cell is a number; none for any other row."""
    found = {place: int(match[1]) for place, cell in enumerate(row) if (match := _MONTH.fullmatch(cell))}
    run = list(found)
    if not run or [*found.values()] != [*range(1, len(run) + 1)] or run != [*range(run[0], run[0] + len(run))]:
        return []
    others = (cell for place, cell in enumerate(row) if place not in found)
    return [] if any(map(str.isdecimal, others)) else run


def _with_named_key(sheet: Sheet) -> Sheet:
    """A sheet with the name of its key in the row of the months, where it stands alone in the row below them."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        months = [place for place, cell in enumerate(row) if any(map(str.isdigit, cell)) and could_be_month(cell)]
        if len(months) < 2 or position + 2 >= len(sheet.grid):
            continue
        below = sheet.row(position + 1)
        named = [place for place, cell in enumerate(below) if cell]
        words = [below[at] for at in named]
        if not named or max(named) >= min(months) or not headings_of_role(words, "destination"):
            return sheet
        grid = sheet.grid.astype(object)
        for place in named:
            grid.iloc[position, place] = below[place]
        return replace(sheet, grid=grid.drop(index=grid.index[position + 1]))
    return sheet


# Columns without a heading -------------------------------------------------------------------------------------------


def _with_headings(sheet: Sheet, settings: ReadSettings) -> Sheet:
    """A sheet with headings for columns that have none, by what stands in them: one column of a kind at most."""
    position = header_row(sheet, settings)
    position = _below_blank_corner(sheet) if position is None else position
    if position is None or position + 1 >= len(sheet.grid):
        return sheet
    row = sheet.row(position)
    last = max(place for place, cell in enumerate(row) if cell)
    body = sheet.grid.iloc[position + 1 : position + 1 + 5 * HEADER_WITHIN]
    several = (body.astype(str).apply(lambda column: column.str.strip()) != "").sum(axis=1) > 1
    found: dict[str, list[int]] = {}
    for place in (at for at, cell in enumerate(row[:last]) if not cell and not _over(sheet, position, at)):
        cells = [str(cell).strip() for cell in pd.unique(body.loc[several, place]) if str(cell).strip()]
        if kind := _kind_of(cells):
            found.setdefault(kind, []).append(place)
    taken = {
        kind
        for kind in found
        if any(folded(apart(cell)) in ALIASES[kind] or headings_of_role([cell], kind) for cell in row if cell)
    }
    chosen = {kind: at[0] for kind, at in found.items() if len(at) == 1 and kind not in taken}
    if not chosen:
        return sheet
    grid = sheet.grid.astype(object)
    for kind, place in chosen.items():
        grid.iloc[position, place] = kind
    return replace(sheet, grid=grid)


def _below_blank_corner(sheet: Sheet) -> int | None:
    """The first row of destinations alone, behind a corner without a heading; None where there is none."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        words = [cell for cell in row if cell]
        if len(words) > 1 and not row[0] and all(not is_figure(cell) and places().knows(cell) for cell in words):
            return position
    return None


def _over(sheet: Sheet, position: int, place: int) -> bool:
    """Whether a row of a header above has a heading for a column; a title that was parted at its commas is none."""
    filled = [at for at, cell in enumerate(sheet.row(position)) if cell]
    above = [sheet.row(at) for at in range(max(0, position - 2), position)]
    return any(any(row[at] for at in filled) and any(row[: place + 1]) for row in above)


def _kind_of(cells: Sequence[str]) -> str:
    """The role of a column by its different cells; empty where they are of no kind."""
    if len(cells) < 2:
        return "year" if all(map(is_year, cells)) and cells else ""
    share = {
        "indicator": sum(map(names_measure, cells)),
        "year": sum(is_year(cell) for cell in cells),
        "month": sum(bool(month_number(cell)) or (not is_figure(cell) and could_be_month(cell)) for cell in cells),
        "destination": sum(not is_figure(cell) and places().knows(cell) for cell in cells),
        "product": sum(bool(re.fullmatch(r"(?:WA)?\d{6,10}", cell)) for cell in cells),
    }
    return next((kind for kind, many in share.items() if many >= _MOSTLY * len(cells)), "")
