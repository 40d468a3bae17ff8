"""Eurostat's Comext as SDMX-CSV, and as the tab-separated files of its bulk download.

References
----------
Eurostat, datasets DS-045409 (quantities in 100 kg) and DS-059341 (in kg): flow 1 is imports, 2 exports; ``LAST UPDATE``
is the vintage of every row. In bulk files one cell holds all keys of a row, months stand across, each figure may have
a flag behind it, and ``:`` is none.
"""

from __future__ import annotations

import re

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, directed, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.sources.meaning.direction import IMPORTS, beside_exports
from forecast.tables.read import TableError
from forecast.vocabulary.countries import places
from forecast.vocabulary.text import of_each
from forecast.vocabulary.units import unit_of

WEIGHTS = {"QUANTITY_IN_100KG": "100 kg", "QUANTITY_KG": "kg", "QUANTITY_IN_KG": "kg", "QUANTITY_TONNES": "t"}
"""Unit of each indicator that is a weight, the one preferred first."""

_VALUES = {"VALUE_IN_EUROS", "VALUE_EUR", "VALUE_IN_EUR"}
_FLAGS = {"c": "confidential (flag c)", "m": "missing (flag m)", "n": "not significant (flag n)"}
STATUSES = {"e": "estimated", "p": "provisional", "s": "estimated"}
_IMPORTS, _EXPORTS = {"1", "IMPORT"}, {"2", "EXPORT"}
_TIME = re.compile(r"\\(?:time|time_period)$", re.IGNORECASE)
_ABSENT = ("", ":")
_FLAGGED = r"^(\S+)\s+([a-z]+)$"
"""A figure, or the sign of none, and the flag behind it."""

_BULK = {
    "REPORTER": ("declarant iso", "reporter", "declarant"),
    "PARTNER": ("partner iso", "partner"),
    "product": ("product nc",),
    "FLOW": ("flow",),
    "TIME_PERIOD": ("period",),
}
_BULK_WEIGHT, _BULK_VALUE = ("quantity kg", "quantity in kg"), ("value eur", "value in euros")
"""Headings of the bulk file, and those that they stand in place of."""

_STAMP = re.compile(r"(\d{2})/(\d{2})/(\d{2}|\d{4})\b")


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a download says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it is annual, or has values and no weight.
    """
    bulk = _of_bulk(sheet, settings)
    table = bulk or _of_tabs(sheet) or sheet.headed(("time period",), ("obs value",), ("reporter",), ("partner",))
    if table is None or table.heading("reporter") is None or table.heading("partner") is None:
        return None
    table = table.filled()
    indicator, unit, left_out = _indicators(table, settings)
    if len(table.cells) and _are_years(table):
        raise TableError(
            f"{table.file}: is a download of Eurostat by year. Ask for the frequency M and download again."
        )
    flow = of_each(_codes(table, "flow"), str.upper)
    imports = flow.isin(_IMPORTS)
    codes, _ = places("european_union").each(_codes(table, "reporter"))
    beside = beside_exports(imports, flow.isin(_EXPORTS), codes, settings)
    left_out = left_out.where((left_out != "") | ~beside, IMPORTS)
    exporter, destination = directed(_codes(table, "reporter"), _codes(table, "partner"), imports, "european_union")
    flag = table.column("obs flag", "obs status").str.lower()
    cells = {"product": _codes(table, "product", "cn", "product nc"), "destination": destination}
    return Extract(
        table.file,
        f"Eurostat, trade by country ({sheet.kind})",
        pd.DataFrame({**cells, "month": table.column("time period"), "volume": table.column("obs value"), "unit": unit})
        .assign(exporter=exporter, imports=imports, status=flag.map(STATUSES).fillna(""), released=_vintages(table)),
        left_out.where(left_out != "", flag.map(_FLAGS).fillna("")),
        f"Eurostat, {indicator.lower().replace('_', ' ')}",
        authority="european_union",
        parts=bulk is not None,
    )  # fmt: skip


def _of_bulk(sheet: Sheet, settings: ReadSettings) -> Table | None:
    """The rows of the monthly bulk file, with the headings of SDMX-CSV; None where ``sheet`` is none.

    Rows of several statistical procedures are parts of a figure.
    """
    table = sheet.headed(("product nc",), ("flow",), ("period",), ("stat procedure", "stat regime"))
    if table is None:
        return None
    money = bool(settings.unit) and unit_of(settings.unit).money == "EUR"
    figures = (table.heading(*_BULK_VALUE), "VALUE_EUR") if money else (table.heading(*_BULK_WEIGHT), "QUANTITY_KG")
    names = {table.heading(*aliases): name for name, aliases in _BULK.items()} | {figures[0]: "OBS_VALUE"}
    if None in names:
        return None
    left = [name for name in table.headings if name not in names and name in {"REPORTER", "PARTNER"}]
    cells = table.cells.drop(columns=left).rename(columns=names).assign(indicators=figures[1])
    return Table(table.file, cells, table.delimiter)


def _of_tabs(sheet: Sheet) -> Table | None:
    """The rows of a bulk file, one a figure, with the headings of SDMX-CSV; None where ``sheet`` is none.

    Its keys are in one cell, or in cells of their own where another program has parted them.
    """
    header = sheet.row(0)
    last = next((place for place, cell in enumerate(header) if _TIME.search(cell)), None)
    if last is None:
        return None
    names = _TIME.sub("", ",".join(header[: last + 1])).split(",")
    keys = sheet.grid.iloc[1:, : last + 1].astype(str)
    words = keys if last else keys[0].str.split(",", expand=True)
    if words.shape[1] != len(names):
        raise TableError(f"{sheet.file}: expected the keys {', '.join(names)} in every row, found others.")
    labels = words.set_axis(names, axis=1)
    parts = []
    for place, period in enumerate(header[last + 1 :], start=last + 1):
        cells = sheet.grid[place].astype(str).iloc[1:].str.strip()
        there = ~cells.isin(_ABSENT)
        figures = cells[there].str.extract(_FLAGGED)
        volume, flag = figures[0].fillna(cells[there]), figures[1].fillna("")
        parts.append(labels[there].assign(TIME_PERIOD=period, OBS_VALUE=volume, OBS_FLAG=flag))
    rows = pd.concat(parts).sort_index(kind="stable") if parts else labels.iloc[:0]
    return Table(sheet.file, rows, sheet.delimiter)


def _are_years(table: Table) -> bool:
    """Whether all rows are of years, by their frequency or their period."""
    frequency = of_each(_codes(table, "freq"), str.upper)
    return bool((frequency == "A").all() or table.column("time period").str.fullmatch(r"\d{4}").all())


def _codes(table: Table, *aliases: str) -> pd.Series:
    """Codes of a column whose cells may carry their labels, ``DE:Germany``."""
    return of_each(table.column(*aliases), lambda text: text.partition(":")[0].strip())


def _indicators(table: Table, settings: ReadSettings) -> tuple[str, pd.Series, pd.Series]:
    """The indicator that is read, the unit of every row, and why rows of the others are left out."""
    said = of_each(_codes(table, "indicators", "indicator"), str.upper)
    there = set(said.unique())
    wanted = _VALUES if settings.unit and unit_of(settings.unit).money == "EUR" else set(WEIGHTS)
    chosen = next((name for name in [*WEIGHTS, *sorted(_VALUES)] if name in there & wanted), "")
    if not chosen and there & _VALUES:
        raise TableError(
            f"{table.file}: is a download of Eurostat with values and no weight. Ask for the indicator "
            "QUANTITY_IN_100KG; or --unit eur takes the value instead, and calls it so."
        )
    if not chosen and "".join(there):
        raise TableError(
            f"{table.file}: is a download of Eurostat, expected the indicator QUANTITY_IN_100KG or QUANTITY_KG, "
            f"found {', '.join(sorted(there))[:80]}."
        )
    other = (said != chosen).map({True: "another indicator than the weight", False: ""}).astype(object)
    reason = repeated_rows(table.cells)
    unit = WEIGHTS.get(chosen, settings.unit)
    return chosen, pd.Series(unit, index=said.index, dtype=object), reason.where(other == "", other)


def _vintages(table: Table) -> pd.Series:
    return of_each(table.column("last update"), _day)


def _day(stamp: str) -> str:
    """A day as ``YYYY-MM-DD`` of a stamp such as ``16/07/26 11:00:00``; empty where it is none."""
    found = _STAMP.match(stamp)
    if found:
        day, month, year = found.groups()
        return f"{year if len(year) == 4 else '20' + year}-{month}-{day}"
    return stamp[:10] if re.match(r"\d{4}-\d{2}-\d{2}", stamp) else ""
