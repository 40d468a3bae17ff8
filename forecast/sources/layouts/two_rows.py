"""Headers that say two things of a column, such as its month and its quantity, as the long table that they mean.

They stand in two rows, such as years above months or quantities above months, in three of which two are made one, or in
one heading: ``Jan 2023 Quantity``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import header_row, is_figure
from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, Table, distinct
from forecast.sources.layouts.headers.kinds import (
    HEADING_OF,
    IN_ONE_ROW,
    KIND_QUANTITY,
    KIND_WHOLE_MONTH,
    TwoRows,
    as_header,
    check_years,
)
from forecast.sources.layouts.headers.three_rows import with_units, with_whole_months
from forecast.sources.layouts.joined import is_month, joined_headings
from forecast.sources.meaning.direction import says_exports, says_imports
from forecast.sources.meaning.quantities import of_one_quantity
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import is_dated, unmarked
from forecast.vocabulary.units import kind_of_quantity, names_measure, unit_of
from forecast.vocabulary.words.currencies import other_currency

FIGURE = "figure"
"""The heading of the figures of the long table."""


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
    check_years(sheet, found)
    columns, read = found.columns, found.columns
    if KIND_QUANTITY in found.kinds:
        _check_covered(sheet, found)
        columns, read = _of_one_quantity(sheet, found, settings)
    top = sheet.row(found.position)
    under = found.below if found.rows == 2 else [""] * len(top)
    words = [f"{top[place]} {under[place]}".strip() for place in range(len(top))]
    odd = [place for place, word in enumerate(words) if is_dated(word) and kind_of_quantity(word)]
    beside = [place for place, word in enumerate(words) if word and not found.above[place] and place not in odd]
    names = [HEADING_OF[kind] for kind in found.kinds]
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
    if KIND_QUANTITY not in found.kinds:
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
    return f"{sheet.file}: found a header of two rows, {listed(above, 3)} above {listed(below, 3)}. {IN_ONE_ROW}"


# Which rows -----------------------------------------------------------------------------------------------------------


def _header(sheet: Sheet, settings: ReadSettings) -> tuple[Sheet, TwoRows | None]:
    """A header that says two things of a column, and the sheet, with two of three rows of a header in one.

    Of two rows, one is the best single one where there is one; those that can be read come first.
    """
    if any(word.isdigit() for word in settings.columns.values()):
        return sheet, None
    known = places("", settings.names)
    sheet = with_whole_months(_without_gaps(sheet), known)
    sheet, found = _of_two(sheet, settings, known)
    joined = with_units(sheet, found) if found is not None and found.columns else sheet
    return (sheet, found) if joined is sheet else _of_two(joined, settings, known)


def _without_gaps(sheet: Sheet) -> Sheet:
    """A sheet without blank rows among the first."""
    blank = [at for at, row in enumerate(sheet.rows()) if not any(row)]
    return replace(sheet, grid=sheet.grid.drop(index=sheet.grid.index[blank])) if blank else sheet


def _of_two(sheet: Sheet, settings: ReadSettings, known: Places) -> tuple[Sheet, TwoRows | None]:
    """The header of two rows, or of one that joins two things, and its sheet."""
    best = header_row(sheet, settings)
    last = min(len(sheet.grid), HEADER_WITHIN) - 2
    tried = range(last + 1) if best is None else [place for place in (best - 1, best) if 0 <= place <= last]
    found = [two for place in tried if (two := as_header(sheet, place, known)) is not None]
    joined = joined_headings(sheet)
    if joined is not None:
        position, above, below = joined
        found.append(
            TwoRows(
                position,
                (KIND_WHOLE_MONTH, KIND_QUANTITY),
                above,
                below,
                [at for at, cell in enumerate(above) if cell],
                1,
            )
        )
    return sheet, next((two for two in found if two.columns), found[0] if found else None)


# What they mean -------------------------------------------------------------------------------------------------------


def _check_words(sheet: Sheet, found: TwoRows | None) -> None:
    """Check that no words that are not known stand below months that are over several columns each.

    Raises
    ------
    TableError
        Where some do: what is in the first of these columns need not be a weight.
    """
    if found is not None and found.kinds[0] == KIND_WHOLE_MONTH:
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
        raise TableError(f"{sheet.file}: found a third row in the header ({listed(measures, 3)}). {IN_ONE_ROW}")
    if found.kinds != (KIND_QUANTITY, KIND_WHOLE_MONTH):
        return
    without = [word for word, above in zip(found.below, found.above, strict=True) if not above and is_month(word)]
    if without:
        raise TableError(
            f"{sheet.file}: expected a quantity above each month, found none above {listed(without, 3)}. {IN_ONE_ROW}"
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
            place = "below" if found.kinds[1] == KIND_QUANTITY and found.rows == 2 else "for"
            raise TableError(f"{sheet.file}: expected one quantity {place} {word}, found {several}. Leave one of them.")
        read += chosen
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    if not read:
        below = listed([*dict.fromkeys(found.measures[at] for at in found.columns)], 3)
        row = (
            "headings"
            if found.rows == 1
            else f"{'second' if found.kinds[1] == KIND_QUANTITY else 'first'} row of the header"
        )
        unit = other_currency("USD", below).lower() or "usd"
        hint = "" if money else f" Export it with weights; or --unit {unit} takes values instead, and calls them so."
        asked = "values" if money else "weights"
        raise TableError(f"{sheet.file}: expected {asked} in the {row}, found {below}.{hint}")
    kinds = {at: kind_of_quantity(found.measures[at]) for at in found.columns}
    other = "weight" if money else "money"
    beside = [at for at, kind in kinds.items() if kind == other] if all(kinds[at] for at in read) else []
    return sorted([*read, *beside]), read
