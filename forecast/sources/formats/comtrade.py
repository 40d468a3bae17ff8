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
from forecast.sources.meaning.quantities import check_currency
from forecast.tables.frames import usual_release
from forecast.tables.read import TableError
from forecast.vocabulary.countries import members_of, places
from forecast.vocabulary.numbers import numbers
from forecast.vocabulary.text import counted
from forecast.vocabulary.units import unit_of

_PRODUCT = ("cmdcode", "commodity code", "cmd code")
_PARTNER = ("partnercode", "partner code")
NAMES = ("partnerdesc", "partner", "partneriso", "partner iso")
PERIOD = ("period", "refperiodid")
_FLOW = ("flowcode", "trade flow code", "flowdesc", "trade flow")
_WEIGHT = ("netwgt", "netweight kg", "netweightkg", "net weight kg")
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

KILOGRAMS = "8"
"""The code of the unit kilogram, as the service numbers units."""

_KG = {"kg", "weight in kilograms", "kilograms"}
_QUANTITIES = (
    (("qty", "quantity"), ("qtyunitcode", "qty unit code"), ("qtyunitabbr", "qty unit")),
    (("altqty", "alt qty"), ("altqtyunitcode", "alt qty unit code"), ("altqtyunitabbr", "alt qty unit")),
)
"""Headings of a quantity, of the code of its unit, and of the words for it; the first quantity before the second."""

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
    if table is None or not table.heading(*_WEIGHT, *_VALUE, "qty"):
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
    volume, unit, instead = _volumes(table, settings)
    flow = table.column(*_FLOW).str.lower()
    left_out = _left_out(table, year, flow)
    reporter = table.column("reportercode", "reporter code", "reporteriso", "reporter")
    partner = _partners(table)
    imports = flow.isin(_IMPORTS)
    exporter, destination = directed(reporter, partner, imports, "united_nations")
    estimated = _says(table, "isnetwgtestimated").where(~instead, _says(table, "isqtyestimated"))
    cells = {"product": table.column(*_PRODUCT), "destination": destination, "month": table.column(*PERIOD)}
    return Extract(
        table.file,
        f"UN Comtrade ({sheet.kind})",
        pd.DataFrame({**cells, "volume": volume, "unit": unit, "exporter": exporter, "imports": imports}).assign(
            status=estimated.map({True: "estimated", False: "reported"}).astype(object)
        ),
        left_out,
        "UN Comtrade",
        authority="united_nations",
        release=_release(reporter),
        notes=(*_notes(table), *_said_of_quantities(int((instead & (left_out == "")).sum()))),
    )


def _says(table: Table, heading: str) -> pd.Series:
    return table.column(heading).str.lower().isin({"true", "1"})


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


def _said_of_quantities(many: int) -> tuple[str, ...]:
    if not many:
        return ()
    rows = f"{counted(many, 'row')} {'has' if many == 1 else 'have'}"
    return (f"{rows} no net weight and a quantity in kilograms, which is read instead (qty).",)


def _volumes(table: Table, settings: ReadSettings) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Net weight in kg, or the quantity in kg where there is none; the unit, and where it is the quantity.

    A weight of 0 is none.
    """
    if settings.unit and unit_of(settings.unit).money:
        check_currency(table.file, settings.unit, "primaryValue (USD)", ())
        none = pd.Series(False, index=table.cells.index)
        return table.column(*_VALUE), pd.Series(settings.unit, index=table.cells.index, dtype=object), none
    weight = table.column(*_WEIGHT)
    absent = numbers(weight).fillna(0) == 0
    instead = pd.Series("", index=weight.index, dtype=object)
    for quantity, code, words in _QUANTITIES:
        in_kg = table.column(*code).str.removesuffix(".0") == KILOGRAMS
        in_kg |= table.column(*words).str.lower().isin(_KG)
        figures = table.column(*quantity).where(in_kg, "")
        instead = instead.where(instead != "", figures.where(numbers(figures).fillna(0) > 0, ""))
    unit = pd.Series("kg", index=table.cells.index, dtype=object)
    return weight.where(~absent, instead), unit, absent & (instead != "")
