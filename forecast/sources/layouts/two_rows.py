"""Headers that say two things of a column, such as its month and its quantity, as the long table that they mean.

They stand in two rows, such as years above months or quantities above months, or in one heading: ``Jan 2023 Quantity``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import header_row, is_figure
from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, Table, distinct, over_empty
from forecast.sources.layouts.joined import is_month, joined_headings
from forecast.sources.meaning.direction import says_exports, says_imports
from forecast.sources.meaning.quantities import MEASURE, of_one_quantity
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import FIRST_MONTH, LAST, is_dated, months, unmarked
from forecast.vocabulary.text import folded
from forecast.vocabulary.units import kind_of_quantity, names_measure, unit_of
from forecast.vocabulary.words.currencies import other_currency
from forecast.vocabulary.words.month_names import MONTH_NAMES

FIGURE = "figure"
"""The heading of the figures of the long table."""

_YEAR, _NAME, _MONTH, _DESTINATION, _UNIT = "year", "name of a month", "month", "destination", "unit"
_HEADINGS = {_YEAR: "year", _NAME: "month", _MONTH: "month", _DESTINATION: "destination", _UNIT: MEASURE}
"""The heading that the long table has for each kind of cells."""

_BELOW = {
    _YEAR: (_NAME, _UNIT, _DESTINATION),
    _MONTH: (_UNIT, _DESTINATION),
    _UNIT: (_MONTH, _DESTINATION),
    _DESTINATION: (_UNIT, _MONTH, _YEAR, _NAME),
    _NAME: (_YEAR,),
}
"""What can stand in the second row, by what stands in the first; units before destinations, as KG and LT are both."""

_ONE_ROW = "Write the header in one row, with cells such as 2024-01 or Japan (t)."


@dataclass(frozen=True)
class TwoRows:
    """A header of two rows: the place of the first, their kinds, and what is above and below in each column.

    ``above`` has a merged cell over all its columns. ``columns`` are those of figures; the second kind is empty, and
    there are none, where no cells of the second row are of a kind. A heading that joins both is parted: ``rows`` is 1.
    """

    position: int
    kinds: tuple[str, str]
    above: list[str]
    below: list[str]
    columns: list[int]
    rows: int = 2

    @property
    def measures(self) -> list[str]:
        """What each column measures, where the header says that."""
        return self.above if self.kinds[0] == _UNIT else self.below

    @property
    def others(self) -> list[str]:
        """What else the header says of each column: its month or its destination."""
        return self.below if self.kinds[0] == _UNIT else self.above


def long_table(sheet: Sheet, settings: ReadSettings) -> tuple[Table, list[str], str] | None:
    """The table of a sheet with such a header, a row a figure, notes on it, and what it is; None for any other.

    Raises
    ------
    TableError
        Where the header can be meant in several ways.
    """
    sheet, found = _header(sheet, settings)
    if found is None or not found.columns:
        _check_words(sheet, found)
        return None
    _check_years(sheet, found)
    columns, read = found.columns, found.columns
    if _UNIT in found.kinds:
        _check_covered(sheet, found)
        columns, read = _of_one_quantity(sheet, found, settings)
    top = sheet.row(found.position)
    under = found.below if found.rows == 2 else [""] * len(top)
    words = [f"{top[place]} {under[place]}".strip() for place in range(len(top))]
    odd = [place for place, word in enumerate(words) if is_dated(word) and kind_of_quantity(word)]
    beside = [place for place, word in enumerate(words) if word and not found.above[place] and place not in odd]
    names = [_HEADINGS[kind] for kind in found.kinds]
    given = [*names, "status", FIGURE]
    headings = distinct([*given, *(words[place] for place in beside)])[len(given) :]
    body = sheet.grid.iloc[found.position + found.rows :].astype(str)
    body = body[(body != "").any(axis=1)]
    labels = body[beside].set_axis(headings, axis=1)
    parts = []
    for place in columns:
        said = pd.DataFrame(dict(zip(names, (found.above[place], found.below[place]), strict=True)), index=body.index)
        said["status"] = unmarked(found.above[place])[1] or unmarked(found.below[place])[1]
        parts.append(pd.concat([labels, said, body[place].rename(FIGURE)], axis=1))
    left = [place for place, word in enumerate(words) if word and place not in (*columns, *beside)]
    left = [place for place in left if found.below[place] or place in odd]
    cells = pd.concat(parts).sort_index(kind="stable")
    unused = listed([f"{found.above[at]} {found.below[at]}".strip() or words[at] for at in left])
    what = "table with a header of two rows" if found.rows == 2 else "table with months and quantities in its headings"
    table = Table(sheet.file, cells, sheet.delimiter, _titles(sheet, found, read))
    return table, [f"Columns left out: {unused}."] if left else [], what


def _titles(sheet: Sheet, found: TwoRows, read: Sequence[int]) -> tuple[str, ...]:
    """The lines above the header, and what the figures that are read are; lines of exports beside imports apart."""
    titles = [cell for title in sheet.rows(found.position) for cell in title if cell]
    if _UNIT not in found.kinds:
        return tuple(titles)
    words = list(dict.fromkeys(found.measures[place] for place in read))
    inward = any(map(says_imports, words))
    return (*(line for line in titles if not (inward and says_exports(line))), *words)


def unread(sheet: Sheet, settings: ReadSettings) -> str:
    """What is seen of a header of two rows that cannot be read, and what to do; empty where there is none."""
    _, found = _header(sheet, settings)
    return "" if found is None or found.columns else _seen(sheet, found)


def _seen(sheet: Sheet, found: TwoRows) -> str:
    above, below = (list(dict.fromkeys(filter(None, row))) for row in (found.above, found.below))
    return f"{sheet.file}: found a header of two rows, {listed(above, 3)} above {listed(below, 3)}. {_ONE_ROW}"


# Which rows -----------------------------------------------------------------------------------------------------------


def _header(sheet: Sheet, settings: ReadSettings) -> tuple[Sheet, TwoRows | None]:
    """A header that says two things of a column, and the sheet, with years and names of months in one row of three.

    Of two rows, one is the best single one where there is one; those that can be read come first.
    """
    if any(word.isdigit() for word in settings.columns.values()):
        return sheet, None
    known = places("", settings.names)
    sheet = _with_whole_months(sheet, known)
    best = header_row(sheet, settings)
    last = min(len(sheet.grid), HEADER_WITHIN) - 2
    tried = range(last + 1) if best is None else [place for place in (best - 1, best) if 0 <= place <= last]
    found = [two for place in tried if (two := _as_header(sheet, place, known)) is not None]
    joined = joined_headings(sheet)
    if joined is not None:
        position, above, below = joined
        found.append(TwoRows(position, (_MONTH, _UNIT), above, below, [at for at, cell in enumerate(above) if cell], 1))
    return sheet, next((two for two in found if two.columns), found[0] if found else None)


def _with_whole_months(sheet: Sheet, known: Places) -> Sheet:
    """A sheet with months for names of months below years, where a row beside these two has quantities."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        if position + 1 == len(sheet.grid) or not any(_of_kind(row, _YEAR, known)):
            continue
        found = _as_header(sheet, position, known)
        around = [at for at in (position - 1, position + 2) if 0 <= at < len(sheet.grid)]
        measured = [at for at in around if sum(map(names_measure, sheet.row(at))) > 1]
        if found is None or found.kinds != (_YEAR, _NAME) or not measured:
            continue
        _check_years(sheet, found, repeated=True)
        grid = sheet.grid.astype(object)
        for place, above in enumerate(found.above):
            grid.iloc[position + 1, place] = found.below[place] or ("" if above else row[place])
        for place in found.columns:
            year, status = unmarked(found.above[place])[0], unmarked(found.below[place])[1]
            month = f"{year}-{_number(found.below[place]):02d}"
            grid.iloc[position + 1, place] = f"{month} ({status})" if status else month
        return replace(sheet, grid=grid.drop(index=grid.index[position]))
    return sheet


def _as_header(sheet: Sheet, position: int, known: Places) -> TwoRows | None:
    """Two rows as a header; None where the first has no cells of one kind over cells of another."""
    top, bottom = sheet.row(position), sheet.row(position + 1)
    for kind, kinds_below in _BELOW.items():
        if kind == _UNIT:
            found = _below_measures(position, top, bottom, known)
            if found is not None:
                return found
            continue
        above = over_empty(top, _of_kind(top, kind, known))
        under = [place for place, word in enumerate(bottom) if word and above[place]]
        wide = _is_wide(above, under)
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


def _below_measures(position: int, top: Sequence[str], bottom: Sequence[str], known: Places) -> TwoRows | None:
    """Quantities above months or destinations, each with one of these below it; a unit in a corner is none of them."""
    measures = [names_measure(cell) and not {":", "："} & set(cell) for cell in top]
    for kind in _BELOW[_UNIT]:
        hits = _of_kind(bottom, kind, known)
        above = over_empty(top, [one and hit for one, hit in zip(measures, hits, strict=True)])
        columns = [place for place, hit in enumerate(hits) if hit and above[place]]
        if columns and _is_title(top, bottom, above, columns):
            return None
        written = kind == _MONTH and not all(bottom[place].isdigit() for place in columns)
        money = any(kind_of_quantity(above[place]) == "money" for place in columns)
        if (written or _is_wide(above, columns)) and (len(columns) > 1 or money):
            return TwoRows(position, (_UNIT, kind), above, list(bottom), columns)
    return None


def _is_title(top: Sequence[str], bottom: Sequence[str], above: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether the only quantity of a row is the end of a title that was parted at its commas, over headings."""
    first = columns[0]
    alone = len({above[place] for place in columns}) == 1 and kind_of_quantity(above[first]) != "money"
    return alone and all(top[:first]) and all(bottom[:first]) and first > 0


def _is_wide(above: Sequence[str], places: Sequence[int]) -> bool:
    """Whether each cell of the first row is over several of the second."""
    return bool(places) and all(sum(above[place] == word for place in places) > 1 for word in set(above) - {""})


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
    return names_measure(cell)


def _number(cell: str) -> int:
    """The number of a month by its name or number; 0 for any other text."""
    cell = unmarked(cell)[0]
    return int(cell) if cell.isdecimal() and len(cell) < 3 else MONTH_NAMES.get(folded(cell), 0)


def _by_chance(kind: str, above: Sequence[str], below: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether numbers of months may be figures: they do not count from one below each cell."""
    if kind != _NAME or not all(below[place].isdecimal() for place in columns):
        return False
    numbers = [
        [int(below[place]) for place in columns if above[place] == word] for word in {above[at] for at in columns}
    ]
    return any(own != list(range(1, len(own) + 1)) for own in numbers)


# What they mean -------------------------------------------------------------------------------------------------------


def _check_years(sheet: Sheet, found: TwoRows, repeated: bool = False) -> None:
    """Check that the months below each year are of that year, once each unless ``repeated`` for several quantities.

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
        if (list(dict.fromkeys(numbers)) if repeated else numbers) != sorted(set(numbers)):
            seen = f"expected months of one year below {year}, in order, found {names[0]} to {names[-1]}"
            raise TableError(f"{sheet.file}: {seen}. {_ONE_ROW}")
    without = [word for word, above in zip(found.below, found.above, strict=True) if not above and _number(word)]
    if without:
        raise TableError(
            f"{sheet.file}: expected a year above each month, found none above {listed(without)}. {_ONE_ROW}"
        )


def _check_words(sheet: Sheet, found: TwoRows | None) -> None:
    """Check that no words that are not known stand below months that are over several columns each.

    Raises
    ------
    TableError
        Where some do: what is in the first of these columns need not be a weight.
    """
    if found is not None and found.kinds[0] == _MONTH:
        words = [word for word, above in zip(found.below, found.above, strict=True) if word and above]
        if not any(map(is_figure, words)):
            raise TableError(_seen(sheet, found))


def _check_covered(sheet: Sheet, found: TwoRows) -> None:
    """Check that a quantity stands above each month where one stands above some, and that no third row is of any.

    Raises
    ------
    TableError
        Where that is not so.
    """
    third = sheet.row(found.position + 2) if found.rows == 2 and found.position + 2 < len(sheet.grid) else []
    measures = [third[place] for place in found.columns if third and names_measure(third[place])]
    if len(measures) > 1:
        raise TableError(f"{sheet.file}: found a third row in the header ({listed(measures, 3)}). {_ONE_ROW}")
    if found.kinds != (_UNIT, _MONTH):
        return
    without = [word for word, above in zip(found.below, found.above, strict=True) if not above and is_month(word)]
    if without:
        raise TableError(
            f"{sheet.file}: expected a quantity above each month, found none above {listed(without, 3)}. {_ONE_ROW}"
        )


def _of_one_quantity(sheet: Sheet, found: TwoRows, settings: ReadSettings) -> tuple[list[int], list[int]]:
    """The columns of weights and of money, and those of one quantity for each month or destination that are read.

    Raises
    ------
    TableError
        Where there are several, or none at all.
    """
    read = []
    for word in dict.fromkeys(found.others[place] for place in found.columns):
        own = [at for at in found.columns if found.others[at] == word]
        wanted = of_one_quantity([found.measures[at] for at in own], settings)
        chosen = [at for at in own if found.measures[at] in wanted]
        if len(chosen) > 1:
            several = listed([found.measures[at] for at in chosen])
            place = "below" if found.kinds[1] == _UNIT and found.rows == 2 else "for"
            raise TableError(f"{sheet.file}: expected one quantity {place} {word}, found {several}. Leave one of them.")
        read += chosen
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    if not read:
        below = listed([*dict.fromkeys(found.measures[at] for at in found.columns)], 3)
        row = "headings" if found.rows == 1 else f"{'second' if found.kinds[1] == _UNIT else 'first'} row of the header"
        unit = other_currency("USD", below).lower() or "usd"
        hint = "" if money else f" Export it with weights; or --unit {unit} takes values instead, and calls them so."
        asked = "values" if money else "weights"
        raise TableError(f"{sheet.file}: expected {asked} in the {row}, found {below}.{hint}")
    kinds = {at: kind_of_quantity(found.measures[at]) for at in found.columns}
    other = "weight" if money else "money"
    beside = [at for at, kind in kinds.items() if kind == other] if all(kinds[at] for at in read) else []
    return sorted([*read, *beside]), read
