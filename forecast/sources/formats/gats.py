"""Years down and months across, as USDA's GATS writes its reports: title lines, a unit per row, notes below.

References
----------
Global Agricultural Trade System, Foreign Agricultural Service, USDA, apps.fas.usda.gov/gats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, united_states_release
from forecast.sources.files.columns import unit_beside
from forecast.sources.files.headings import ALIASES
from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, Table, distinct
from forecast.sources.layouts.headers.as_written import with_names_of_months
from forecast.sources.layouts.titles import with_destination
from forecast.sources.meaning.quantities import check_currency
from forecast.tables.frames import usual_release
from forecast.tables.read import TableError
from forecast.vocabulary.numbers import statuses
from forecast.vocabulary.text import folded, slug
from forecast.vocabulary.units import unit_in, unit_of
from forecast.vocabulary.words.month_names import MONTH_NAMES

_YEAR = (*ALIASES["year"], "years")
_PARTNER = (
    "partner",
    "country",
    "destination",
    "partners",
    "area partners of destination",
    "country name",
    "国家",
    *ALIASES["destination"],
)
_PRODUCT = ("hs code", "product code", "product", "commodity", "hs", "code", *ALIASES["product"])
_UNIT = ("uom", "unit", "unit of measure", "units", "单位", *ALIASES["unit"])
_SPAN = re.compile(r"(\d{4})(?:\s*-\s*(\d{4}))?")

FEWEST_MONTHS = 2
"""Months across from which a header is one of months: a year that has begun has few."""


@dataclass(frozen=True)
class Layout:
    """Where a sheet has its header and its months: position of the header, heading of each month's column."""

    table: Table
    months: dict[str, int]
    quantities: bool
    """Whether the header says of each month that it is a quantity."""


def layout(sheet: Sheet) -> Layout | None:
    """The first row with months across, two at least, and the header in it or in the row below; None without one."""
    for position, row in enumerate(sheet.rows(HEADER_WITHIN)):
        across = {place: MONTH_NAMES[folded(cell)] for place, cell in enumerate(row) if folded(cell) in MONTH_NAMES}
        if len(set(across.values())) < FEWEST_MONTHS:
            continue
        for below in (position, position + 1):
            if below < len(sheet.grid) and {folded(cell) for cell in sheet.row(below)} & set(_YEAR):
                return _layout(sheet, below, across)
    return None


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """The figures of a sheet with years down and months across; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it has values and no quantities, or nothing says the unit or the destination.
    """
    found = layout(with_names_of_months(sheet))
    if found is None:
        return None
    table = found.table
    year = table.column(*_YEAR).str.extract(r"^(\d{4}(?:\s*-\s*\d{4})?)$")[0].fillna("")
    partner = table.column(*_PARTNER)
    placed: list[str] = []
    if table.heading(*_PARTNER) is None:
        settings, placed = with_destination(sheet, table.above, settings)
    if table.heading(*_PARTNER) is None and not settings.destination:
        raise TableError(f"{table.file}: has years down and months across and no column of destinations. Say whose "
                         "figures they are: --destination WLD for the total.")  # fmt: skip
    figure = (year != "") & ((partner != "") | bool(settings.destination))
    unit = _units(table, found, settings)
    rows = pd.DataFrame({"product": table.column(*_PRODUCT), "destination": partner, "year": year, "unit": unit})
    months = [_across(rows, table.cells[heading], number) for heading, number in found.months.items()]
    cells = pd.concat([part[figure.to_numpy()] for part in months]).sort_index(kind="stable")
    notes = _notes(rows[~figure.to_numpy()], table)
    cells = pd.concat([cells, notes])
    if settings.destination:
        cells["destination"] = cells["destination"].where(cells["destination"] != "", settings.destination)
    marks = statuses(cells["volume"])
    cells = cells.assign(status=marks) if marks.astype(bool).any() else cells
    gats = table.heading("uom") is not None
    return Extract(
        table.file,
        f"{'USDA GATS report' if gats else 'table'} of years down and months across ({sheet.kind})",
        cells.drop(columns="reason"),
        cells["reason"],
        "USDA GATS" if gats else table.file,
        release=united_states_release if gats else usual_release,
        notes=tuple(placed),
        comma_separated=sheet.delimiter != ";",
        unnamed="" if cells["product"].any() else "years down and months across",
        file_product=slug(table.file.rpartition(".")[0] or table.file) or "product",
    )


def _layout(sheet: Sheet, header: int, across: dict[int, int]) -> Layout:
    below = sheet.row(header)
    names = distinct([cell or f"column {place + 1}" for place, cell in enumerate(below)])
    cells = sheet.grid.iloc[header + 1 :].set_axis(names, axis=1)
    words = {folded(below[place]) for place in across}
    if words & {"value", "values"} and not words & {"qty", "quantity"}:
        raise TableError(f"{sheet.file}: is a report of values. Ask for quantities and download again.")
    wanted = {place: month for place, month in across.items() if folded(below[place]) not in ("value", "values")}
    above = tuple(cell for title in sheet.rows(header) for cell in title if cell)
    table = Table(sheet.file, cells, sheet.delimiter, above).filled()
    return Layout(table, {names[place]: month for place, month in wanted.items()}, bool(words & {"qty", "quantity"}))


def _units(table: Table, found: Layout, settings: ReadSettings) -> pd.Series:
    said = table.column(*_UNIT)
    if settings.unit and unit_of(settings.unit).money:
        check_currency(table.file, settings.unit, "", table.above)
    stated = settings.unit or next((unit for heading in table.headings if (unit := unit_in(heading))), "")
    stated = stated or unit_beside(table)
    if table.heading(*_UNIT) is None and not stated:
        raise TableError(f"{table.file}: has years down and months across and no unit. Say it: --unit kg or --unit t.")
    return said.where(said != "", stated)


def _across(rows: pd.DataFrame, volume: pd.Series, month: int) -> pd.DataFrame:
    first = rows["year"].str.extract(_SPAN)
    one_year = first[1].isna() | (first[0] == first[1])
    text = first[0].fillna("") + f"-{month:02d}"
    return rows.drop(columns="year").assign(
        month=text, volume=volume.str.strip(), reason=one_year.map({True: "", False: "several years together"})
    )


def _notes(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    first = table.cells.apply(lambda row: next((str(cell).strip() for cell in row if str(cell).strip()), ""), axis=1)
    return rows.drop(columns="year").assign(
        month=rows["year"], volume=first.reindex(rows.index), reason="a note or a further table below"
    )
