"""Plain tables of any maker: long ones, months or destinations across, and the long frames of other libraries.

Columns are known by their headings, by what the caller says of them, and last by what stands in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from forecast.sources.extract import Extract, Settings, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.tables import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import from_parts, month_of, months
from forecast.vocabulary.numbers import is_gap, numbers
from forecast.vocabulary.text import folded, shown, slug
from forecast.vocabulary.units import is_money, unit_in, unit_of

ROLES = {
    "product": "product products commodity item good goods hs hs_code hscode commodity_code product_code cmdcode "
    "produto "
    "series_product 商品 商品编码 产品",
    "destination": "destination destinations country countries partner country_name partner_name partner_country "
    "importer "
    "importing_country destination_country to market iso3 iso_code country_code pais paises land pays 国家 国别 目的地 "
    "目的国 贸易伙伴 贸易伙伴名称 国家_地区 region",
    "month": "month period date time time_period year_month yearmonth ym ds timestamp timepoints timepoint mes data "
    "datum "
    "mois monat 月份 年月 日期 月 时间 yyyymm",
    "year": "year ano anno jahr annee 年 年份",
    "volume": "volume_t volume net_weight netweight netwgt net_wgt weight weight_kg quantity qty tonnes tons kg y "
    "value "
    "values exports export amount quantidade peso menge poids 数量 重量 出口量 volume_kg net_weight_kg quantity_kg "
    "quantity_t exports_t",
    "unit": "unit units uom unidade unit_of_measure quantity_unit qty_unit 单位 计量单位",
    "released": "released release release_date",
    "status": "status",
}
"""Headings of each column, folded, with ``_`` for the blanks."""

SAMPLE = 300
"""Different cells by which a column without a known heading is judged."""

IDENTIFIERS = ("unique id", "series id", "id", "series", "instances", "instance", "key")
"""Headings of columns that name a series, in the long frames of other libraries."""

_ALIASES = {role: tuple(word.replace("_", " ") for word in words.split()) for role, words in ROLES.items()}


@dataclass(frozen=True)
class Columns:
    """Which heading holds what; empty where none does."""

    product: str = ""
    destination: str = ""
    month: str = ""
    year: str = ""
    volume: str = ""
    unit: str = ""
    released: str = ""
    status: str = ""
    series: str = ""
    """The column that names product and destination together."""


def read(sheet: Sheet, settings: Settings) -> Extract | None:
    """What a table says; None where nothing in ``sheet`` looks like one.

    Raises
    ------
    TableError
        Where a column that is needed cannot be told, with those that are there.
    """
    table = _table(sheet, settings)
    if table is None:
        return None
    known = places("", settings.names)
    columns = _columns(table, settings)
    across = _months_across(table, columns) if not columns.month else []
    if across:
        return _melted_months(sheet, table, across, columns, settings)
    columns = _by_content(table, columns, known, settings)
    _check_month(table, columns)
    if not (columns.destination or columns.series or settings.destination):
        named = [heading for heading in table.headings if not heading.isdigit() and known.find(heading)[0]]
        if named:
            return _melted_destinations(sheet, table, named, columns, settings)
    return _long(sheet, table, columns, known, settings)


# Where the table is, and which columns are what -----------------------------------------------------------------------


def _table(sheet: Sheet, settings: Settings) -> Table | None:
    """The table below the first row that can be a header; all rows, columns numbered, where the caller numbers them."""
    if any(word.isdigit() for word in settings.columns.values()):
        names = [str(number + 1) for number in range(sheet.grid.shape[1])]
        return Table(sheet.file, sheet.grid.set_axis(names, axis=1), sheet.delimiter).filled()
    wanted = {folded(word) for word in settings.columns.values()}
    best = max(
        range(min(40, len(sheet.grid))), key=lambda position: _header_score(sheet.row(position), wanted), default=0
    )
    if _header_score(sheet.row(best), wanted) < 1:
        return None
    table = sheet.below(best).filled()
    return table if len(table.cells) else None


def _header_score(row: list[str], wanted: set[str]) -> float:
    """How many cells of a row can be headings; a number among them, if no year or month, speaks against it."""
    names = [folded(cell) for cell in row if cell]
    known = {alias for aliases in _ALIASES.values() for alias in aliases} | set(IDENTIFIERS)
    hits = sum(name in known or bool(unit_in(name)) for name in names) + 5 * len(wanted & set(names))
    dated = sum(month_of(cell) is not None for cell in row)
    figures = sum(_is_figure(cell) for cell in row)
    return hits + (dated if dated >= 2 else 0) - figures + 0.01 * len(names)


def _is_figure(cell: str) -> bool:
    return bool(cell) and month_of(cell) is None and numbers(pd.Series([cell], dtype=object)).notna().item()


def _columns(table: Table, settings: Settings) -> Columns:
    """Headings by role: the caller's, then those of the usual names, weights before values."""
    said = {role: _said(table, role, word) for role, word in settings.columns.items()}
    roles = [role for role in Columns.__dataclass_fields__ if role not in said]
    found = {role: table.heading(*_ALIASES[role]) or "" for role in roles if role in _ALIASES}
    columns = Columns(**{**found, **said})
    if "volume" not in said:
        columns = replace(columns, volume=_volume(table, settings))
    series = table.heading(*IDENTIFIERS) or ""
    if series and not columns.destination and "destination" not in said:
        columns = replace(columns, series=series)
    if columns.year and columns.month and "month" not in said and not _are_months(table.cells[columns.month]):
        return columns
    return replace(columns, year="") if columns.month and "year" not in said else columns


def _said(table: Table, role: str, word: str) -> str:
    if role not in Columns.__dataclass_fields__:
        raise TableError(f"--column: expected one of {', '.join(ROLES)} before the =, found {shown(role)!r}.")
    heading = word if word in table.headings else table.heading(folded(word))
    if heading is None:
        raise TableError(f"{table.file}: expected the column {shown(word)!r}, found {_headings(table)}.")
    return heading


def _volume(table: Table, settings: Settings) -> str:
    """The only column that can be the volume, one whose heading states a weight before the others; else empty."""
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    open_to = [
        heading for heading in table.headings if is_money(heading) == money or (money and heading in ("value", "y"))
    ]
    weights = [heading for heading in open_to if unit_in(heading) and _are_numbers(table.cells[heading])]
    usual = [heading for heading in table.headings if folded(heading) in _ALIASES["volume"] and heading in open_to]
    plain = [heading for heading in usual if unit_in(heading)] or usual
    if len(weights) == 1 and len(plain) <= 1:
        return weights[0]
    if plain and len(weights) <= 1:
        return plain[0]
    by_rank = [heading for alias in _ALIASES["volume"] for heading in weights if folded(heading) == alias]
    if by_rank:
        return by_rank[0]
    y = table.heading("y", "value", "values") if not weights else None
    return y if y and (money or folded(y) == "y" or bool(settings.unit)) else ""


def _by_content(table: Table, columns: Columns, known: Places, settings: Settings) -> Columns:
    """Roles that no heading told, where the cells of one column alone can hold them."""
    taken = {getattr(columns, role) for role in Columns.__dataclass_fields__}
    free = [heading for heading in table.headings if heading not in taken]
    if not columns.month and not (columns.year and columns.month):
        columns = replace(columns, month=_only([name for name in free if _are_months(table.cells[name])]))
    free = [name for name in free if name != columns.month]
    if not columns.destination and not columns.series and not settings.destination:
        columns = replace(columns, destination=_only([name for name in free if _are_places(table.cells[name], known)]))
    free = [name for name in free if name != columns.destination]
    if not columns.volume:
        figures = [name for name in free if _are_numbers(table.cells[name]) and not is_money(name)]
        across = [name for name in figures if known.find(name)[0]]
        columns = replace(columns, volume=_only(figures) if not across else "")
        free = [name for name in free if name != columns.volume]
    if columns.series and not columns.product and len(free) == 1 and not _are_numbers(table.cells[free[0]]):
        columns = replace(columns, product=columns.series, destination=free[0], series="")
    elif columns.destination and not columns.product and not columns.series and len(free) == 1:
        text = not _are_numbers(table.cells[free[0]]) and not is_money(free[0])
        columns = replace(columns, product=free[0] if text else "")
    return columns


def _only(found: list[str]) -> str:
    return found[0] if len(found) == 1 else ""


def _sample(cells: pd.Series) -> list[str]:
    return [text for text in (str(cell).strip() for cell in pd.unique(cells)[:SAMPLE]) if not is_gap(text)]


def _most(cells: pd.Series, test: Callable[[str], bool], share: float = 0.8) -> bool:
    sample = _sample(cells)
    return bool(sample) and sum(map(test, sample)) >= share * len(sample)


def _are_months(cells: pd.Series) -> bool:
    sample = pd.Series(_sample(cells), dtype=object)
    return bool(len(sample)) and bool(months(sample).notna().mean() >= 0.8)


def _are_places(cells: pd.Series, known: Places) -> bool:
    return _most(cells, lambda text: not _is_figure(text) and known.knows(text))


def _are_numbers(cells: pd.Series) -> bool:
    sample = pd.Series(_sample(cells), dtype=object)
    return bool(len(sample)) and bool(numbers(sample).notna().mean() >= 0.6)


# Long tables ----------------------------------------------------------------------------------------------------------


def _long(sheet: Sheet, table: Table, columns: Columns, known: Places, settings: Settings) -> Extract:
    if not columns.volume:
        raise TableError(_no_volume(table, columns, settings))
    if not (columns.destination or columns.series or settings.destination):
        raise TableError(_missing(table, "destination", "--column destination=NAME, or --destination WLD for a total"))
    cells = pd.DataFrame(
        {
            "product": _text(table, columns.product),
            "destination": _text(table, columns.destination),
            "month": _month_text(table, columns),
            "volume": _text(table, columns.volume),
            "released": _text(table, columns.released),
            "status": _text(table, columns.status),
        }
    )
    notes: list[str] = []
    if columns.series:
        pairs = {text: _parted(text, known, settings) for text in cells_of(table, columns.series)}
        series = _text(table, columns.series)
        cells["destination"] = series.map({text: destination for text, (_, destination) in pairs.items()})
        cells["product"] = series.map({text: product for text, (product, _) in pairs.items()})
    if settings.destination:
        cells["destination"] = settings.destination
    frame = bool(columns.series) or folded(columns.month) == "ds"
    cells["unit"], said = _units(table, columns, settings, frame)
    what = "long frame of a forecasting library" if frame else "plain table"
    return _extract(sheet, table, what, cells, repeated_rows(table.cells), settings, notes + said)


def cells_of(table: Table, heading: str) -> list[str]:
    """The different cells under ``heading``, stripped."""
    return [str(text) for text in pd.unique(_text(table, heading))]


def _parted(text: str, known: Places, settings: Settings) -> tuple[str, str]:
    """Product and destination in the name of a series, parted at a mark so that one side is a destination."""
    if settings.destination or known.find(text)[0]:
        return ("", text) if not settings.destination else (text, settings.destination)
    for mark in "/|:;_-. ,":
        for left, right in (
            (text.rpartition(mark)[0], text.rpartition(mark)[2]),
            text.split(mark, 1) if mark in text else ("", ""),
        ):
            if left and right and known.find(right)[0]:
                return left, right
            if left and right and known.find(left)[0]:
                return right, left
    return "", text


def _month_text(table: Table, columns: Columns) -> pd.Series:
    if columns.year and columns.month:
        return from_parts(_text(table, columns.year), _text(table, columns.month))
    return _text(table, columns.month)


def _text(table: Table, heading: str) -> pd.Series:
    if not heading:
        return pd.Series("", index=table.cells.index, dtype=object)
    return table.cells[heading].str.strip().astype(object)


def _units(table: Table, columns: Columns, settings: Settings, frame: bool = False) -> tuple[pd.Series, list[str]]:
    """The unit of each row, and what is taken for granted of it."""
    stated = settings.unit or unit_in(columns.volume) or _titled(table)
    if columns.unit and not settings.unit:
        unit = _text(table, columns.unit)
        return unit.where(unit != "", stated), []
    said = []
    if not stated and frame:
        stated = "t"
        said = [f"Nothing says the unit of {shown(columns.volume)}: it is taken for tonnes (--unit kg says otherwise)."]
    if not stated:
        raise TableError(
            f"{table.file}: expected the unit in the heading {shown(columns.volume) or 'of the volumes'!r} or in a "
            "column "
            "of units, found none. Say it: forecast import FILE --unit t (or kg, '100 kg', lb, kt, usd)."
        )
    return pd.Series(stated, index=table.cells.index, dtype=object), said


def _titled(table: Table) -> str:
    return next((unit for name in table.headings if "(" in name and (unit := unit_in(name.partition("(")[2]))), "")


# Wide tables ----------------------------------------------------------------------------------------------------------


def _months_across(table: Table, columns: Columns) -> list[str]:
    """Headings that are months, where there are at least two."""
    heads = pd.Series(table.headings, dtype=object)
    read = months(heads)
    across = [heading for heading, month in zip(heads, read, strict=True) if month is not None]
    return across if len(across) >= 2 else []


def _melted_months(sheet: Sheet, table: Table, across: list[str], columns: Columns, settings: Settings) -> Extract:
    names = Table(table.file, table.cells.drop(columns=across), table.delimiter)
    known = places("", settings.names)
    columns = replace(_by_content(names, replace(columns, volume="-"), known, settings), volume="")
    if not columns.destination and not settings.destination:
        raise TableError(_missing(names, "destination", "--column destination=NAME, or --destination WLD for a total"))
    unit, _ = _units(names, columns, settings)
    head = {
        "product": _text(names, columns.product),
        "destination": _text(names, columns.destination) if not settings.destination else settings.destination,
        "unit": unit,
    }
    parts = [pd.DataFrame(head).assign(month=name, volume=table.cells[name].str.strip()) for name in across]
    cells = pd.concat(parts).sort_index(kind="stable")
    left_out = repeated_rows(table.cells).reindex(cells.index) if table.cells.index.is_unique else None
    return _extract(sheet, table, "wide table, months across", cells, left_out, settings)


def _melted_destinations(
    sheet: Sheet, table: Table, across: list[str], columns: Columns, settings: Settings
) -> Extract:
    unit, _ = _units(table, replace(columns, volume=""), settings)
    head = pd.DataFrame({"product": _text(table, columns.product), "month": _month_text(table, columns), "unit": unit})
    parts = [head.assign(destination=name, volume=table.cells[name].str.strip()) for name in across]
    roles = {columns.product, columns.month, columns.year, columns.unit}
    others = [name for name in table.headings if name not in across and name not in roles]
    notes = [f"Columns that are no destination are left out: {listed(others)}."] if others else []
    cells = pd.concat(parts).sort_index(kind="stable")
    return _extract(sheet, table, "wide table, destinations across", cells, None, settings, notes)


def _extract(
    sheet: Sheet,
    table: Table,
    what: str,
    cells: pd.DataFrame,
    left_out: pd.Series | None,
    settings: Settings,
    notes: list[str] | None = None,
) -> Extract:
    """The extract of a plain table; one without a column of products is one, named by the caller or the file."""
    said = list(notes or [])
    if (cells["product"] == "").all():
        name = settings.product or slug(table.file.rpartition(".")[0] or table.file) or "product"
        cells = cells.assign(product=name)
        if not settings.product:
            said.append(
                f"No column names the product: it is called {name} after the file (--product NAME changes that)."
            )
    reason = left_out if left_out is not None else pd.Series("", index=cells.index, dtype=object)
    return Extract(
        table.file,
        f"{what} ({sheet.kind})",
        cells,
        reason,
        table.file,
        notes=tuple(said),
        comma_separated=sheet.delimiter != ";",
    )


# What is missing ------------------------------------------------------------------------------------------------------


def _check_month(table: Table, columns: Columns) -> None:
    if columns.month:
        return
    years = [
        name for name in table.headings if _most(table.cells[name], lambda text: text.isdigit() and len(text) == 4)
    ]
    if (columns.year or years) and len(table.cells):
        raise TableError(
            f"{table.file}: expected a month for every row, found years alone (column "
            f"{shown(columns.year or years[0])}). Export "
            "it by month, or name the column of months: --column year=NAME --column month=NAME."
        )
    raise TableError(_missing(table, "month", "--column month=NAME"))


def _no_volume(table: Table, columns: Columns, settings: Settings) -> str:
    money = [name for name in table.headings if is_money(name)]
    others = [name for name in table.headings if name not in money and _are_numbers(table.cells[name])]
    if money and not others:
        return (
            f"{table.file}: has a value ({listed(money, 2)}) and no weight. Export it with weights; or --column "
            f"volume={shown(money[0])!r} --unit usd takes the value instead, and calls it so."
        )
    hint = "--column volume=NAME --unit t"
    if not (columns.destination or columns.series or settings.destination):
        hint += " --destination CODE (WLD for a total), once for each column that is a series"
    return _missing(table, "volume", hint)


def _missing(table: Table, role: str, hint: str) -> str:
    there = f"{table.file}: cannot tell which column is the {role}; found {_headings(table)}."
    return f"{there} Say it: forecast import FILE {hint}."


def _headings(table: Table) -> str:
    return f"columns {listed(table.headings, 8)}"


def headless(sheet: Sheet) -> str:
    """What to do with a sheet whose first row is no header."""
    first = ", ".join(shown(cell, 20) for cell in sheet.row(0)[:6])
    if sheet.grid.shape[1] < 2:
        return f"{sheet.file}: expected a table of export figures, found text in one column ({first})."
    return (
        f"{sheet.file}: expected a header, found none (first row: {first}). Number the columns: forecast import FILE "
        "--column "
        "year=1 --column month=2 --column destination=3 --column volume=4 --unit kg."
    )
