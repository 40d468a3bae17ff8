"""Headers of two rows, such as years above months or destinations above units, as the long table that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import header_row, plainest
from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, Table, distinct
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import FIRST_MONTH, LAST, MONTH_NAMES, months, unmarked
from forecast.vocabulary.text import folded
from forecast.vocabulary.units import is_money, unit_in, unit_of

FIGURE = "figure"
"""The heading of the figures of the long table."""

_YEAR, _NAME, _MONTH, _DESTINATION, _UNIT = "year", "name of a month", "month", "destination", "unit"
_HEADINGS = {_YEAR: "year", _NAME: "month", _MONTH: "month", _DESTINATION: "destination", _UNIT: "unit"}
"""The heading that the long table has for each kind of cells."""

_BELOW = {
    _YEAR: (_NAME, _UNIT, _DESTINATION),
    _MONTH: (_UNIT, _DESTINATION),
    _DESTINATION: (_UNIT, _MONTH, _YEAR, _NAME),
    _NAME: (_YEAR,),
}
"""What can stand in the second row, by what stands in the first; units before destinations, as KG and LT are both."""

_ONE_ROW = "Write the header in one row, with cells such as 2024-01 or Japan (t)."


@dataclass(frozen=True)
class TwoRows:
    """A header of two rows: the place of the first, their kinds, and what is above and below in each column.

    ``above`` has a merged cell over all its columns. ``columns`` are those of figures; the second kind is empty, and
    there are none, where no cells of the second row are of a kind.
    """

    position: int
    kinds: tuple[str, str]
    above: list[str]
    below: list[str]
    columns: list[int]


def long_table(sheet: Sheet, settings: ReadSettings) -> tuple[Table, list[str]] | None:
    """The table of a sheet with a header of two rows, a row a figure, and notes on it; None for any other.

    Raises
    ------
    TableError
        Where the two rows can be meant in several ways.
    """
    found = _two_rows(sheet, settings)
    if found is None or not found.columns:
        return None
    _check_years(sheet, found)
    columns = _of_one_quantity(sheet, found, settings) if found.kinds[1] == _UNIT else found.columns
    top = sheet.row(found.position)
    beside = [place for place, above in enumerate(found.above) if not above and (top[place] or found.below[place])]
    headings = distinct([f"{top[place]} {found.below[place]}".strip() for place in beside])
    body = sheet.grid.iloc[found.position + 2 :].astype(str)
    body = body[(body != "").any(axis=1)]
    labels = body[beside].set_axis(headings, axis=1)
    names = [_HEADINGS[kind] for kind in found.kinds]
    words = [unit_in(word) or word if found.kinds[1] == _UNIT else word for word in found.below]
    parts = []
    for place in columns:
        said = pd.DataFrame(dict(zip(names, (found.above[place], words[place]), strict=True)), index=body.index)
        said["status"] = unmarked(found.above[place])[1] or unmarked(found.below[place])[1]
        parts.append(pd.concat([labels, said, body[place].rename(FIGURE)], axis=1))
    titles = tuple(cell for title in sheet.rows(found.position) for cell in title if cell)
    if found.kinds[1] == _UNIT:
        titles += tuple(dict.fromkeys(found.below[place] for place in columns))
    left = [place for place, word in enumerate(found.below) if word and place not in (*columns, *beside)]
    cells = pd.concat(parts).sort_index(kind="stable")
    unused = listed([f"{found.above[at]} {found.below[at]}" for at in left])
    return Table(sheet.file, cells, sheet.delimiter, titles), [f"Columns left out: {unused}."] if left else []


def unread(sheet: Sheet, settings: ReadSettings) -> str:
    """What is seen of a header of two rows that cannot be read, and what to do; empty where there is none."""
    found = _two_rows(sheet, settings)
    if found is None or found.columns:
        return ""
    above, below = (list(dict.fromkeys(filter(None, row))) for row in (found.above, found.below))
    return f"{sheet.file}: found a header of two rows, {listed(above, 3)} above {listed(below, 3)}. {_ONE_ROW}"


# Which rows -----------------------------------------------------------------------------------------------------------


def _two_rows(sheet: Sheet, settings: ReadSettings) -> TwoRows | None:
    """The two rows of a header, one of them the best single one where there is one; those that can be read first."""
    if any(word.isdigit() for word in settings.columns.values()):
        return None
    best, known = header_row(sheet, settings), places("", settings.names)
    last = min(len(sheet.grid), HEADER_WITHIN) - 2
    tried = range(last + 1) if best is None else [place for place in (best - 1, best) if 0 <= place <= last]
    found = [two for place in tried if (two := _as_header(sheet, place, known)) is not None]
    return next((two for two in found if two.columns), found[0] if found else None)


def _as_header(sheet: Sheet, position: int, known: Places) -> TwoRows | None:
    """Two rows as a header; None where the first has no cells of one kind over cells of another."""
    top, bottom = sheet.row(position), sheet.row(position + 1)
    for kind, kinds_below in _BELOW.items():
        above = _merged(top, _of_kind(top, kind, known))
        under = [place for place, word in enumerate(bottom) if word and above[place]]
        wide = bool(under) and all(sum(above[place] == word for place in under) > 1 for word in set(above) - {""})
        places_of = {
            other: [place for place, hit in enumerate(_of_kind(bottom, other, known)) if hit and place in under]
            for other in kinds_below
            if wide or other == _UNIT
        }
        below = max(places_of, key=lambda other: len(places_of[other]), default="")
        columns = places_of.get(below, [])
        if len(columns) > 1 and not _by_chance(below, above, bottom, columns):
            return TwoRows(position, (kind, below), above, bottom, columns)
        several = kind != _DESTINATION or len({*above} - {""}) > 1
        if wide and several and any(not top[place] for place in under):
            return TwoRows(position, (kind, ""), above, bottom, [])
    return None


def _of_kind(row: Sequence[str], kind: str, known: Places) -> list[bool]:
    """Which cells of a row are of a kind."""
    if kind == _MONTH:
        return [month is not None for month in months(pd.Series(row, dtype=object))]
    return [bool(cell) and _is_of_kind(cell, kind, known) for cell in row]


def _is_of_kind(cell: str, kind: str, known: Places) -> bool:
    if kind == _YEAR:
        cell = unmarked(cell)[0]
        return cell.isdecimal() and len(cell) == 4 and FIRST_MONTH <= int(cell) <= LAST
    if kind == _NAME:
        return 1 <= _number(cell) <= 12
    if kind == _DESTINATION:
        return not cell.isdigit() and known.knows(cell)
    return bool(unit_in(cell)) or is_money(cell) or unit_of(cell).refusal != unit_of("?").refusal


def _number(cell: str) -> int:
    """The number of a month by its name or number; 0 for any other text."""
    cell = unmarked(cell)[0]
    return int(cell) if cell.isdecimal() and len(cell) < 3 else MONTH_NAMES.get(folded(cell), 0)


def _merged(row: Sequence[str], hits: Sequence[bool]) -> list[str]:
    """The cells of a kind, each also over the empty cells to its right; empty elsewhere."""
    merged, last = [], ""
    for cell, hit in zip(row, hits, strict=True):
        last = cell if hit else "" if cell else last
        merged.append(last)
    return merged


def _by_chance(kind: str, above: Sequence[str], below: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether numbers of months may be figures: they do not count from one below each cell."""
    if kind != _NAME or not all(below[place].isdecimal() for place in columns):
        return False
    numbers = [
        [int(below[place]) for place in columns if above[place] == word] for word in {above[at] for at in columns}
    ]
    return any(own != list(range(1, len(own) + 1)) for own in numbers)


# What they mean -------------------------------------------------------------------------------------------------------


def _check_years(sheet: Sheet, found: TwoRows) -> None:
    """Check that the months below each year are of that year.

    Raises
    ------
    TableError
        Where months are out of order, as in a year that begins in April, or have no year above them.
    """
    if found.kinds != (_YEAR, _NAME):
        return
    for year in dict.fromkeys(found.above[place] for place in found.columns):
        names = [found.below[place] for place in found.columns if found.above[place] == year]
        numbers = [_number(name) for name in names]
        if numbers != sorted(set(numbers)):
            seen = f"expected months of one year below {year}, in order, found {names[0]} to {names[-1]}"
            raise TableError(f"{sheet.file}: {seen}. {_ONE_ROW}")
    without = [word for word, above in zip(found.below, found.above, strict=True) if not above and _number(word)]
    if without:
        raise TableError(
            f"{sheet.file}: expected a year above each month, found none above {listed(without)}. {_ONE_ROW}"
        )


def _of_one_quantity(sheet: Sheet, found: TwoRows, settings: ReadSettings) -> list[int]:
    """The columns of figures with one quantity below each cell: a weight, or money where that is asked for.

    Raises
    ------
    TableError
        Where there are several, or none at all.
    """
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    columns = []
    for word in dict.fromkeys(found.above[place] for place in found.columns):
        own = [at for at in found.columns if found.above[at] == word and is_money(found.below[at]) == money]
        chosen = own if money else [at for at in own if unit_in(found.below[at])] or own
        chosen = [at for at in chosen if found.below[at] in plainest([found.below[at] for at in chosen])]
        if len(chosen) > 1:
            several = listed([found.below[at] for at in chosen])
            raise TableError(f"{sheet.file}: expected one quantity below {word}, found {several}. Leave one of them.")
        columns += chosen
    if not columns:
        below = listed([*dict.fromkeys(found.below[at] for at in found.columns)], 3)
        hint = "Export it with weights; or --unit usd takes values instead, and calls them so."
        raise TableError(f"{sheet.file}: expected weights in the second row of the header, found {below}. {hint}")
    return columns
