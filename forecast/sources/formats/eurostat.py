"""Eurostat's Comext as SDMX-CSV.

References
----------
Eurostat, datasets DS-045409 (quantities in 100 kg) and DS-059341 (in kg): flow 1 is imports, 2 exports; ``LAST UPDATE``
is the vintage of every row.
"""

from __future__ import annotations

import re

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, directed, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.tables.read import TableError
from forecast.vocabulary.text import of_each
from forecast.vocabulary.units import unit_of

WEIGHTS = {"QUANTITY_IN_100KG": "100 kg", "QUANTITY_KG": "kg", "QUANTITY_IN_KG": "kg", "QUANTITY_TONNES": "t"}
"""Unit of each indicator that is a weight, the one preferred first."""

_VALUES = {"VALUE_IN_EUROS", "VALUE_EUR", "VALUE_IN_EUR"}
_FLAGS = {"c": "confidential (flag c)", "m": "missing (flag m)", "n": "not significant (flag n)"}
STATUSES = {"e": "estimated", "p": "provisional", "s": "estimated"}
_STAMP = re.compile(r"(\d{2})/(\d{2})/(\d{2}|\d{4})\b")


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a download says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it is annual, or has values and no weight.
    """
    table = sheet.headed(("time period",), ("obs value",), ("reporter",), ("partner",))
    if table is None:
        return None
    table = table.filled()
    indicator, unit, left_out = _indicators(table, settings)
    frequency = of_each(_codes(table, "freq"), str.upper)
    if len(frequency) and (frequency == "A").all():
        raise TableError(
            f"{table.file}: is a download of Eurostat by year. Ask for the frequency M and download again."
        )
    flow = _codes(table, "flow")
    imports = flow.isin({"1", "IMPORT"})
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
    )  # fmt: skip


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
