"""UN Comtrade: the answers of its service, as JSON or CSV.

References
----------
UN Comtrade, comtradeapi.un.org: partner 0 is the world; rows by second partner, customs procedure and mode of transport
repeat the volume of the total; ``refMonth`` 52 is a whole year; net weights may be estimated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from forecast.sources.extract import (
    Extract,
    ReadSettings,
    china_release,
    directed,
    european_union_release,
    repeated_rows,
    united_states_release,
)
from forecast.sources.files.sheet import Sheet, Table
from forecast.tables.frames import usual_release
from forecast.tables.read import TableError
from forecast.vocabulary.countries import members_of, places
from forecast.vocabulary.numbers import numbers
from forecast.vocabulary.units import unit_of

_PRODUCT = ("cmdcode", "commodity code", "cmd code")
_PARTNER = ("partnercode", "partner code")
NAMES = ("partnerdesc", "partner", "partneriso", "partner iso")
PERIOD = ("period", "refperiodid")
_FLOW = ("flowcode", "trade flow code", "flowdesc", "trade flow")
_WEIGHT = ("netwgt", "netweight kg", "net weight kg")
_VALUE = ("primaryvalue", "fobvalue", "trade value us")
TOTALS = {
    "partner2code": ({"0", "", "0.0"}, "a breakdown by second partner, counted in the total"),
    "customscode": ({"C00", ""}, "a breakdown by customs procedure, counted in the total"),
    "motcode": ({"0", "", "0.0"}, "a breakdown by mode of transport, counted in the total"),
    "moscode": ({"0", "", "0.0"}, "a breakdown by mode of supply, counted in the total"),
}
"""Values of a column that mark a total, and what the other rows are."""

CUT_AT = {500: "a preview without a key", 100_000: "an answer with a key", 250_000: "an answer with a paid key"}
"""Rows at which the service cuts an answer, and which answer that is."""

OTHER_ASIA = "490"
"""Partner "Other Asia, nes", which is Taiwan by convention."""

_EXPORTS, _IMPORTS = {"x", "2", "export", "exports"}, {"m", "1", "import", "imports"}


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What an answer says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it is annual, or cut by the service.
    """
    table = sheet.headed(_PRODUCT, _PARTNER, PERIOD)
    if table is None or not (table.heading(*_WEIGHT) or table.heading(*_VALUE)):
        return None
    table = table.filled()
    year = _years(table)
    if year.all() and len(year):
        raise TableError(
            f"{table.file}: is an answer of UN Comtrade by year, found no month in its {len(year):,} rows. Ask for "
            "freqCode M (monthly) and download again."
        )
    if len(table.cells) in CUT_AT:
        raise TableError(
            f"{table.file}: is an answer of UN Comtrade with exactly {len(table.cells):,} rows, at which "
            f"{CUT_AT[len(table.cells)]} is cut. Ask for fewer months at once, and give all the answers."
        )
    volume, unit = _volumes(table, settings)
    flow = table.column(*_FLOW).str.lower()
    reporter = table.column("reportercode", "reporter code", "reporteriso", "reporter")
    partner = _partners(table)
    imports = flow.isin(_IMPORTS)
    exporter, destination = directed(reporter, partner, imports, "united_nations")
    estimated = table.column("isnetwgtestimated").str.lower().isin({"true", "1"})
    cells = {"product": table.column(*_PRODUCT), "destination": destination, "month": table.column(*PERIOD)}
    return Extract(
        table.file,
        f"UN Comtrade ({sheet.kind})",
        pd.DataFrame({**cells, "volume": volume, "unit": unit, "exporter": exporter, "imports": imports}).assign(
            status=estimated.map({True: "estimated", False: "reported"}).astype(object)
        ),
        _left_out(table, year, flow),
        "UN Comtrade",
        authority="united_nations",
        release=_release(reporter),
        notes=_notes(table),
    )


def _release(reporter: pd.Series) -> Callable[[pd.Period], date]:
    """When the offices that declared the figures published a month: the latest of their days."""
    codes, _ = places("united_nations").each(pd.Series(reporter.unique(), dtype=object))
    rules = {"CHN": china_release, "USA": united_states_release}
    rules |= dict.fromkeys([*members_of("EU27"), "EU27", "EU"], european_union_release)
    found = {rules.get(code, usual_release) for code in codes}
    return lambda month: max(rule(month) for rule in found)


def _notes(table: Table) -> tuple[str, ...]:
    if not (table.column(*_PARTNER).str.removesuffix(".0") == OTHER_ASIA).any():
        return ()
    return ('Partner 490 ("Other Asia, nes") is read as Taiwan, as UN Comtrade means it.',)


def _years(table: Table) -> pd.Series:
    month = table.column("refmonth").str.removesuffix(".0")
    frequency = table.column("freqcode", "freq").str.upper()
    return (month == "52") | (frequency == "A") | (table.column(*PERIOD).str.len() == 4)


def _left_out(table: Table, year: pd.Series, flow: pd.Series) -> pd.Series:
    reason = repeated_rows(table.cells).where(~year, "a year, not a month")
    known = flow.isin(_EXPORTS | _IMPORTS | {""})
    reason = reason.where(known | (reason != ""), "re-exports or another flow, not exports")
    for column, (totals, what) in TOTALS.items():
        part = ~table.column(column).isin(totals)
        reason = reason.where(~part | (reason != ""), what)
    return reason


def _partners(table: Table) -> pd.Series:
    """Codes of partners where they are known, else their names."""
    codes, names = table.column(*_PARTNER).str.removesuffix(".0"), table.column(*NAMES)
    known, _ = places("united_nations").each(codes)
    return codes.where((known != "") | (names == ""), names)


def _volumes(table: Table, settings: ReadSettings) -> tuple[pd.Series, pd.Series]:
    """Net weight in kg, the quantity where it is in kg and the weight is not there; 0 is no weight."""
    if settings.unit and unit_of(settings.unit).money:
        return table.column(*_VALUE), pd.Series(settings.unit, index=table.cells.index, dtype=object)
    weight = table.column(*_WEIGHT)
    quantity = table.column("qty").where(table.column("qtyunitabbr").str.lower() == "kg", "")
    absent = numbers(weight).fillna(0) == 0
    instead = quantity.where(numbers(quantity).fillna(0) > 0, "")
    return weight.where(~absent, instead), pd.Series("kg", index=table.cells.index, dtype=object)
