"""Tables below each other in one sheet, of which the first is read."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import header_row, header_score, is_figure
from forecast.sources.files.headings import ALIASES
from forecast.sources.files.sheet import Sheet
from forecast.sources.meaning.direction import says_imports
from forecast.tables.cells import Texts
from forecast.vocabulary.months import could_be_month
from forecast.vocabulary.text import folded, shown
from forecast.vocabulary.units import is_money

_MORE = re.compile(r"\b(?:continued|cont|contd|fortsetzung|suite|continuacion|continuacao|cont d)\b|续|続")
"""Words, folded, of the title of a table that goes on."""

_DAYS = frozenset([*ALIASES["month"], *ALIASES["released"]])
"""Headings, folded, of columns of months and days."""

MOST_CELLS_OF_TITLE, MOST_TRIED = 3, 500
"""Cells that a title can be in, parted at its commas, and rows that are tried as second headers."""


def first_table(sheet: Sheet, settings: ReadSettings) -> tuple[Sheet, list[str]]:
    """A sheet up to its second table, and a sentence on that; none where there is one table.

    Another begins where a title and a header, or another header in the place of the first, stand below rows.
    """
    top = header_row(sheet, settings)
    if top is None or any(word.isdigit() for word in settings.columns.values()):
        return sheet, []
    counts = _filled(sheet)
    header = sheet.row(top)
    short = (counts > 0) & (counts <= MOST_CELLS_OF_TITLE) & (counts < sum(map(bool, header)))
    below_title = np.flatnonzero(short[:-1] & ~short[1:]) + 1
    corner = next(place for place, cell in enumerate(header) if cell)
    texts = Texts.of(sheet.grid[corner])
    again = np.flatnonzero((texts.different.str.strip() == header[corner])[texts.codes])
    above = {folded(" ".join(filter(None, row))) for row in sheet.rows(top)} - {""}
    for place in sorted({*below_title[:MOST_TRIED].tolist(), *again[:MOST_TRIED].tolist()}):
        if place <= top + 1:
            continue
        row, start = sheet.row(place), place
        while start > top + 1 and short[start - 1] and header_score(sheet.row(start - 1)) >= 0:
            start -= 1
        title = " ".join(filter(None, sheet.row(place - 1))) if start < place else ""
        if start == top + 1 or (title and _has_figures(sheet.row(place - 1))):
            continue
        same = row == header or (top > 0 and row == sheet.row(top - 1))
        headed = header_score(row) >= 2 and not _has_figures(row) and not _goes_on(sheet, row, top, start)
        other = headed or bool(title and (says_imports(title) or is_money(title)))
        goes_on = folded(title) in above or bool(_MORE.search(folded(title)))
        if goes_on or (same and not title) or not (same or other):
            continue
        second = f"The table from row {sheet.grid.index[start]} on ({shown(title or ', '.join(row), 50)})"
        said = f"{second} is a second one and not read: give it in a file of its own, or put it first."
        return replace(sheet, grid=sheet.grid.iloc[:start]), [said]
    return sheet, []


def _has_figures(row: list[str]) -> bool:
    """Whether a cell is a number and no year: a row of few cells is a title, and one of words a header, without."""
    return any(is_figure(cell) and not re.fullmatch(r"(19|20)\d\d", cell.strip()) for cell in row)


def _goes_on(sheet: Sheet, row: list[str], top: int, start: int) -> bool:
    """Whether it is a row of the table above: a cell is in its column already, or days are in columns of days alone."""
    above = sheet.grid.iloc[top + 1 : start].to_numpy(dtype=object)
    days = [folded(heading) in _DAYS for heading, cell in zip(sheet.row(top), row, strict=True) if could_be_month(cell)]
    return (bool(days) and all(days)) or any(cell and (above[:, at] == cell).any() for at, cell in enumerate(row))


def _filled(sheet: Sheet) -> np.ndarray:
    """How many cells of each row are not empty."""
    counts = np.zeros(len(sheet.grid), dtype=np.int32)
    for name in sheet.grid.columns:
        texts = Texts.of(sheet.grid[name])
        counts += np.array([bool(str(text).strip()) for text in texts.different], dtype=np.int32)[texts.codes]
    return counts
