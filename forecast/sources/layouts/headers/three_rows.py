"""Headers of three rows with two of them made one: years with names of months, quantities with units."""

from __future__ import annotations

from dataclasses import replace

from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, over_empty
from forecast.sources.layouts.headers.kinds import (
    KIND_DESTINATION,
    KIND_MONTH_NAME,
    KIND_QUANTITY,
    KIND_YEAR,
    TwoRows,
    as_header,
    check_years,
    is_of_kind,
    number_of_month,
    of_kind,
)
from forecast.vocabulary.countries import Places
from forecast.vocabulary.months import unmarked
from forecast.vocabulary.units import names_measure


def with_whole_months(sheet: Sheet, known: Places) -> Sheet:
    """A sheet with months for names of months below years, where a third row has quantities or destinations.

    That row stands above these two, below them or between them.
    """
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        if not any(of_kind(row, KIND_YEAR, known)):
            continue
        found, below = _years_over_names(sheet, position, known), position + 1
        if found is None:
            found, below = _years_over_others(sheet, position, known), position + 2
        if found is None:
            continue
        check_years(sheet, found, repeated=True)
        grid = sheet.grid.astype(object)
        for place, above in enumerate(found.above):
            grid.iloc[below, place] = found.below[place] or ("" if above else row[place])
        for place in found.columns:
            year, status = unmarked(found.above[place])[0], unmarked(found.below[place])[1]
            month = f"{year}-{number_of_month(found.below[place]):02d}"
            grid.iloc[below, place] = f"{month} ({status})" if status else month
        return replace(sheet, grid=grid.drop(index=grid.index[position]))
    return sheet


def _years_over_names(sheet: Sheet, position: int, known: Places) -> TwoRows | None:
    """Years over names of months, with quantities or destinations in the row above or below; None for any other."""
    found = as_header(sheet, position, known) if position + 1 < len(sheet.grid) else None
    if found is None or found.kinds != (KIND_YEAR, KIND_MONTH_NAME):
        return None
    around = [sheet.row(at) for at in (position - 1, position + 2) if 0 <= at < len(sheet.grid)]
    measured = any(sum(map(names_measure, row)) > 1 for row in around)
    placed = [[row[at] for at in found.columns if is_of_kind(row[at], KIND_DESTINATION, known)] for row in around]
    return found if measured or any(len(row) > 1 for row in placed) else None


def _years_over_others(sheet: Sheet, position: int, known: Places) -> TwoRows | None:
    """Years over quantities or destinations over names of months; None for any other."""
    if position + 2 >= len(sheet.grid):
        return None
    top, middle, bottom = (sheet.row(position + step) for step in range(3))
    above, between = over_empty(top, of_kind(top, KIND_YEAR, known)), over_empty(middle)
    columns = [at for at, hit in enumerate(of_kind(bottom, KIND_MONTH_NAME, known)) if hit and above[at]]
    blocks: dict[tuple[str, str], list[int]] = {}
    for at in columns:
        blocks.setdefault((above[at], between[at]), []).append(number_of_month(bottom[at]))
    words = {word for _, word in blocks}
    named = bool(words) and any(
        all(is_of_kind(word, kind, known) for word in words) for kind in (KIND_QUANTITY, KIND_DESTINATION)
    )
    counted = all(bottom[at].isdecimal() for at in columns)
    sound = all(own == (list(range(1, len(own) + 1)) if counted else sorted(set(own))) for own in blocks.values())
    return (
        TwoRows(position, (KIND_YEAR, KIND_MONTH_NAME), above, bottom, columns)
        if named and sound and len(columns) > 1
        else None
    )


def with_units(sheet: Sheet, found: TwoRows) -> Sheet:
    """A sheet with the units of a third row in the quantities above them, where each quantity has one."""
    third = sheet.row(found.position + 2) if found.rows == 2 and found.position + 2 < len(sheet.grid) else []
    if not third or found.kinds[1] != KIND_QUANTITY or not all(names_measure(third[at]) for at in found.columns):
        return sheet
    grid = sheet.grid.astype(object)
    for at in found.columns:
        grid.iloc[found.position + 1, at] = f"{found.below[at]} ({third[at]})"
    for at, cell in enumerate(third):
        if cell and at not in found.columns:
            grid.iloc[found.position + 1, at] = f"{found.below[at]} {cell}".strip()
    return replace(sheet, grid=grid.drop(index=grid.index[found.position + 2]))
