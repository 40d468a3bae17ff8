"""The US Census Bureau's monthly trade by commodity and country, as JSON, CSV or Parquet.

References
----------
International Trade API, api.census.gov: country codes 1000 to 7999, groups of countries beside them, ``-`` the total;
weights in kg as first or second quantity; flags A (suppressed) and N (not available).
"""

from __future__ import annotations

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, directed, repeated_rows, united_states_release
from forecast.sources.files.sheet import Sheet, Table
from forecast.tables.read import TableError
from forecast.vocabulary.countries import places
from forecast.vocabulary.months import from_parts
from forecast.vocabulary.text import of_each
from forecast.vocabulary.units import unit_of

IMPORTED = ("i commodity",)
EXPORTED = ("e commodity",)
_QUANTITIES = (
    (("gen qy1 mo", "con qy1 mo", "qty 1 mo"), "unit qy1", ("gen qy1 mo flag", "con qy1 mo flag", "qty 1 mo flag")),
    (("gen qy2 mo", "con qy2 mo", "qty 2 mo"), "unit qy2", ("gen qy2 mo flag", "con qy2 mo flag", "qty 2 mo flag")),
)
_VALUE = ("gen val mo", "con val mo", "all val mo")
_FLAGS = {
    "A": "suppressed by the Census (flag A)",
    "N": "not available (flag N)",
    "S": "suppressed by the Census (flag S)",
}
"""What a flag beside a quantity says; the figure is then no zero."""


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What an answer says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it has a value and no quantity, or no month.
    """
    table = sheet.headed(("cty code", "cty name"), IMPORTED + EXPORTED)
    if table is None:
        return None
    table = table.filled()
    volume, unit, flag = _money(table, settings) or _weights(table)
    imports = pd.Series(table.heading(*IMPORTED) is not None, index=table.cells.index)
    reporter = pd.Series("USA", index=table.cells.index, dtype=object)
    partner, groups = _partners(table)
    exporter, destination = directed(reporter, partner, imports, "united_states")
    reason = repeated_rows(table.cells).where(~groups, "a group of countries")
    cells = {"product": table.column(*EXPORTED, *IMPORTED), "destination": destination, "month": _months(table)}
    return Extract(
        table.file,
        f"US Census, {'imports' if imports.any() else 'exports'} by country ({sheet.kind})",
        pd.DataFrame({**cells, "volume": volume, "unit": unit, "exporter": exporter, "imports": imports}),
        reason.where(reason != "", flag.map(_FLAGS).fillna("")),
        "US Census Bureau",
        authority="united_states",
        release=united_states_release,
    )


def _months(table: Table) -> pd.Series:
    if table.heading("time"):
        return table.column("time")
    if table.heading("year") and table.heading("month"):
        return from_parts(table.column("year"), table.column("month"))
    raise TableError(f"{table.file}: is an answer of the US Census without months. Ask for time, or YEAR and MONTH.")


def _partners(table: Table) -> tuple[pd.Series, pd.Series]:
    """Codes of partners where they are known, else names; and which of them are groups of countries."""
    codes, names = table.column("cty code"), table.column("cty name")
    known, _ = places("united_states").each(codes)
    total = codes == "-"
    groups = (codes != "") & ~total & ~codes.str.fullmatch(r"[1-7]\d{3}")
    words = codes.where((known != "") | (names == ""), names)
    return words.where(~total, "World"), groups


def _weights(table: Table) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The first quantity whose unit is a weight, its unit and its flag."""
    found = [
        (table.column(*aliases), table.column(unit), table.column(*flags).str.upper())
        for aliases, unit, flags in _QUANTITIES
        if table.heading(*aliases)
    ]
    if not found:
        asked = "GEN_QY1_MO, UNIT_QY1" if table.heading(*IMPORTED) else "QTY_1_MO, UNIT_QY1"
        raise TableError(
            f"{table.file}: is an answer of the US Census with a value in dollars and no weight. Ask for {asked} as "
            "well "
            "(and _FLAG), of ten-digit codes; or --unit usd takes the value instead, and calls it so."
        )
    if len(found) == 1:
        return found[0]
    weighs = of_each(found[1][1], _is_weight).astype(bool) & ~of_each(found[0][1], _is_weight).astype(bool)
    volume, unit, flag = (first.where(~weighs, second) for first, second in zip(*found, strict=True))
    return volume, unit, flag


def _is_weight(word: str) -> bool:
    return unit_of(word).factor > 0 and not unit_of(word).money


def _money(table: Table, settings: ReadSettings) -> tuple[pd.Series, pd.Series, pd.Series] | None:
    if unit_of(settings.unit).money != "USD" or table.heading(*_VALUE) is None:
        return None
    index = table.cells.index
    return table.column(*_VALUE), pd.Series(settings.unit, index=index, dtype=object), pd.Series("", index=index)
