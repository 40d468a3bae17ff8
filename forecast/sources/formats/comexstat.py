"""Brazil's ComexStat: its bulk files (a row per state, route and customs house) and its web export.

References
----------
ComexStat, MDIC: ``CO_PAIS`` is Brazil's own code of a country; ``QT_ESTAT`` is in the unit of the product,
``KG_LIQUIDO`` in kilograms.
"""

from __future__ import annotations

import re

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, directed, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.sources.meaning.quantities import check_currency
from forecast.tables.read import TableError
from forecast.vocabulary.months import from_parts
from forecast.vocabulary.text import folded
from forecast.vocabulary.units import unit_of

_PARTNER = ("paises", "pais", "countries", "country")
_YEAR = ("ano", "year")
MONTH = ("mes", "month")
_PRODUCT = (
    "codigo ncm", "ncm code", "codigo sh6", "hs6 code", "codigo sh4", "hs4 code", "codigo sh2", "hs2 code", "codigo "
    "cuci",
)  # fmt: skip
_WEIGHT = ("quilograma liquido", "net weight", "quilogramas liquidos", "net kilogram", "kilogram net")
_VALUE = ("valor us fob", "valor fob us", "us fob value", "fob value us")
_ANNUAL = re.compile(r"\d{4} (quilograma liquido|valor us fob|valor fob us|net weight|quantidade estatistica)")


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a file of ComexStat says, of either kind; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where it is annual, or has a value and no weight.
    """
    bulk = sheet.headed(("co ano",), ("co mes",), ("co pais",))
    if bulk is not None:
        return _bulk(bulk.filled(), sheet, settings)
    for position, row in enumerate(sheet.rows()):
        names = [folded(cell) for cell in row]
        if set(names) & set(_PARTNER) and set(names) & set(_YEAR) and any(map(_is_web, names)):
            return _web(sheet.below(position).filled(), sheet, settings)
    return None


def _is_web(name: str) -> bool:
    return name in _WEIGHT[:1] + _VALUE or _ANNUAL.fullmatch(name) is not None or name.startswith("codigo sh")


def _bulk(table: Table, sheet: Sheet, settings: ReadSettings) -> Extract:
    imports = pd.Series(bool(table.heading("vl frete", "vl seguro")), index=table.cells.index)
    month = from_parts(table.column("co ano"), table.column("co mes"))
    product = table.column("co ncm", "sh4", "co sh4")
    product = product.where(product.str.len() != 7, "0" + product)  # a code that lost its leading zero
    what = f"ComexStat, bulk file by state and route ({sheet.kind})"
    weight = _volume(table, ("kg liquido",), ("vl fob",), settings)
    return _extract(table, what, (product, table.column("co pais"), month, weight), imports, settings)


def _web(table: Table, sheet: Sheet, settings: ReadSettings) -> Extract:
    if table.heading(*MONTH) is None:
        raise TableError(
            f"{table.file}: is an export of ComexStat by year (no column Mês). Tick the monthly detail (Detalhar por "
            "mês) "
            "and export again."
        )
    month = from_parts(table.column(*_YEAR), table.column(*MONTH).str.extract(r"^(\d{1,2}|[^\W\d_]+)")[0].fillna(""))
    imports = table.column("fluxo", "flow").str.lower().str.startswith("imp")
    product = table.column(*_PRODUCT)
    fallback = pd.Series(settings.product, index=product.index, dtype=object)
    product = product.where(product != "", fallback)
    weight = _volume(table, _WEIGHT, _VALUE, settings)
    what = f"ComexStat, web export ({sheet.kind})"
    return _extract(table, what, (product, table.column(*_PARTNER), month, weight), imports, settings)


def _extract(
    table: Table, what: str, figures: tuple[pd.Series, ...], imports: pd.Series, settings: ReadSettings
) -> Extract:
    product, partner, month, volume = figures
    brazil = pd.Series("BRA", index=partner.index, dtype=object)
    exporter, destination = directed(brazil, partner, imports, "brazil")
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    cells = {"product": product, "destination": destination, "month": month, "volume": volume}
    return Extract(
        table.file,
        what,
        pd.DataFrame({**cells, "exporter": exporter, "imports": imports}).assign(unit=settings.unit if money else "kg"),
        repeated_rows(table.cells),
        "ComexStat",
        authority="brazil",
        parts=True,
        comma_separated=table.delimiter != ";",
    )


def _volume(table: Table, weight: tuple[str, ...], value: tuple[str, ...], settings: ReadSettings) -> pd.Series:
    money = settings.unit and unit_of(settings.unit).money
    if money and table.heading(*value):
        check_currency(table.file, settings.unit, "Valor US$ FOB", ())
        return table.column(*value)
    if table.heading(*weight) is None:
        raise TableError(
            f"{table.file}: is an export of ComexStat with a value and no weight. Tick Quilograma Líquido and export "
            "again; or --unit usd takes the value instead, and calls it so."
        )
    return table.column(*weight)
