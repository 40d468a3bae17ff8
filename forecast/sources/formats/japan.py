"""Japan's customs, as e-Stat and the Ministry of Finance have them: a row a year, months across with two quantities.

References
----------
Trade Statistics of Japan, customs.go.jp/toukei: ``Exp or Imp`` 1 is exports, 2 imports; values are thousands of yen;
country codes of its own; months that are not out yet stand as zeros; files by port have a row per customs office.
"""

from __future__ import annotations

import re
from datetime import date

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, directed, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.sources.meaning.direction import IMPORTS, beside_exports
from forecast.tables.read import TableError
from forecast.vocabulary.numbers import numbers
from forecast.vocabulary.text import folded
from forecast.vocabulary.units import unit_of
from forecast.vocabulary.words.month_names import MONTH_NAMES

_ACROSS = re.compile(r"(?P<what>quantity ?1|quantity ?2|value) (?P<month>[a-z]+)")
_APRIL = "apl"
"""How files of some years write April."""

NOT_OUT = "a month that is zero in every row of its year: not out yet"
"""Why a month at the end of a year is not used."""


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a file says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it has no months across.
    """
    table = sheet.headed(("exp or imp",), ("year",), ("hs",))
    if table is None or table.heading("unit1", "unit2", "unit 1", "unit 2") is None:
        return None
    table = table.filled()
    across = _across(table)
    if not across:
        raise TableError(f"{table.file}: is a file of Japan's customs by year (no Value-Jan). Take the monthly one.")
    cells = pd.concat([_of_month(table, number, headings, settings) for number, headings in across.items()])
    cells = cells.sort_index(kind="stable")
    reason = repeated_rows(table.cells).reindex(cells.index) if table.cells.index.is_unique else cells["none"]
    beside = beside_exports(cells["imports"], ~cells["imports"], cells["reporter"], settings)
    reason = reason.where(~beside, IMPORTS).where(~_after_last(cells), NOT_OUT)
    exporter, destination = directed(cells["reporter"], cells["partner"], cells["imports"], "japan")
    return Extract(
        table.file,
        f"Japan's customs, months across ({sheet.kind})",
        cells.assign(exporter=exporter, destination=destination).drop(columns=["reporter", "partner", "any", "none"]),
        reason,
        "Trade Statistics of Japan",
        authority="japan",
        release=japan_release,
        parts=table.heading("custom", "customs", "port") is not None,
    )


def japan_release(month: pd.Period) -> date:
    """The day by which Japan has published ``month`` by country and code: the end of the next month.

    Examples
    --------
    >>> japan_release(pd.Period("2025-01", freq="M"))
    datetime.date(2025, 2, 28)
    """
    end: date = (month + 1).end_time.date()
    return end


def _across(table: Table) -> dict[int, dict[str, str]]:
    """The headings of each month by what they hold: ``quantity1``, ``quantity2``, ``value``."""
    found: dict[int, dict[str, str]] = {}
    for heading in table.headings:
        match = _ACROSS.fullmatch(folded(heading))
        number = MONTH_NAMES.get("apr" if match["month"] == _APRIL else match["month"], 0) if match else 0
        if match and number:
            found.setdefault(number, {})[match["what"].replace(" ", "")] = heading
    return found


def _of_month(table: Table, number: int, headings: dict[str, str], settings: ReadSettings) -> pd.DataFrame:
    """The rows of one month: the second quantity, or the first where that alone is a weight; value where asked for."""
    first, second, value = (_stripped(table, headings.get(name, "")) for name in ("quantity1", "quantity2", "value"))
    units = table.column("unit1", "unit 1"), table.column("unit2", "unit 2")
    volume, unit = second.where(~units[0].map(_is_weight) | units[1].map(_is_weight), first), units[1]
    unit = unit.where(~units[0].map(_is_weight) | units[1].map(_is_weight), units[0])
    unit = unit.where(unit != "", units[0]).where(lambda words: words != "", "no unit")
    if settings.unit and unit_of(settings.unit).money == "JPY":
        volume, unit = value.where(numbers(value).fillna(0) == 0, value + "000"), unit.mask(unit != "", settings.unit)
    partner = table.column("country") if table.heading("country") else pd.Series("World", index=table.cells.index)
    year = table.column("year")
    said = {"product": table.column("hs").str.strip("' "), "month": year + f"-{number:02d}", "partner": partner}
    there = [numbers(cells).fillna(0) != 0 for cells in (first, second, value)]
    return pd.DataFrame({**said, "volume": volume, "unit": unit}).assign(
        reporter="JPN", imports=table.column("exp or imp") == "2", any=there[0] | there[1] | there[2], none=""
    )


def _stripped(table: Table, heading: str) -> pd.Series:
    return table.coded(heading).astype(str).astype(object)


def _is_weight(word: str) -> bool:
    return unit_of(word).factor > 0 and not unit_of(word).money


def _after_last(cells: pd.DataFrame) -> pd.Series:
    """Rows of months behind the last of their year in which any row has a figure."""
    last = cells["month"].where(cells["any"], "").groupby(cells["month"].str[:4]).transform("max")
    return cells["month"] > last
