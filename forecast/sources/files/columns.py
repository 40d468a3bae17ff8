"""Which column of a plain table holds what: by its heading, by what the caller says, and last by what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.headings import ALIASES, ROLES, headings_of_role
from forecast.sources.files.sheet import Sheet, Table, check_width
from forecast.sources.meaning.breakdowns import is_way_of_transport, names_breakdown, names_total
from forecast.sources.meaning.cumulative import says_cumulative
from forecast.sources.meaning.direction import are_flows, says_imports
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import is_dated, is_year, month_number, month_of, months, serial_months
from forecast.vocabulary.numbers import is_gap, numbers
from forecast.vocabulary.text import apart, folded, shown
from forecast.vocabulary.units import is_money, kind_of_quantity, unit_in, unit_in_title, unit_of
from forecast.vocabulary.words.currencies import other_currency

SAMPLE = 300
"""Different cells by which a column without a known heading is judged."""

MOST_INDICATORS = 12
"""Different cells that a column may have which says what each figure measures."""

_HALF = 0.5
"""Share of the different cells that are destinations below a heading that may say so, notes below the table apart."""

FEWEST_SERIALS = 3
"""Different numbers, all of them the first or last day of a month to Excel, that are not volumes by chance."""

_ONE_SIDE = ("destination", "partner", "importer", "importing", "to", "destino", "bestimmungsland", "zielland",
             "partnerland", "partenaire")  # fmt: skip
"""Words of headings that say to which side a country belongs; one called country alone may be either."""

_NEUTRAL = ("value", "values", "y", "obs value", "valor", "wert", "valeur", "figure", "amount", "data", "数值", "値",
            "значение")  # fmt: skip
"""Headings of figures whose quantity another column names."""

IDENTIFIERS = ("unique id", "series id", "id", "series", "instances", "instance", "key")
"""Headings of columns that name a series, in the long frames of other libraries."""

CURRENCY_HEADINGS = ("currency", "currency code", "wahrung", "moneda", "moeda", "devise", "valuta", "货币", "币种",
                     "币制", "通貨", "통화", "валюта")  # fmt: skip
"""Headings, folded, of columns that name the currency of each row."""


@dataclass(frozen=True)
class Columns:
    """Which heading holds what; empty where none does."""

    product: str = ""
    destination: str = ""
    month: str = ""
    year: str = ""
    volume: str = ""
    unit: str = ""
    scale: str = ""
    released: str = ""
    status: str = ""
    flow: str = ""
    reporter: str = ""
    """The country that exports, or that declares."""
    indicator: str = ""
    """What the figure of each row measures, where rows of weight and of money stand in one column."""
    series: str = ""
    """The column that names product and destination together."""


def table_in(sheet: Sheet, settings: ReadSettings) -> Table | None:
    """The table below the first row that can be a header; all rows, columns numbered, where the caller numbers them."""
    if any(word.isdigit() for word in settings.columns.values()):
        names = [str(number + 1) for number in range(sheet.grid.shape[1])]
        return Table(sheet.file, sheet.grid.set_axis(names, axis=1), sheet.delimiter).filled()
    best = header_row(sheet, settings)
    if best is None:
        return None
    check_width(sheet, best)
    table = sheet.below(best).filled()
    return table if len(table.cells) else None


def header_row(sheet: Sheet, settings: ReadSettings) -> int | None:
    """The position of the row that reads most like a header; None where none does."""
    wanted = {folded(word) for word in settings.columns.values()}
    scores = [header_score(row, wanted) for row in sheet.rows()]
    best = max(range(len(scores)), key=scores.__getitem__, default=0)
    return best if scores and scores[best] >= 1 else None


def header_score(row: Sequence[str], wanted: Collection[str] = ()) -> float:
    """How many cells of a row can be headings; a number among them, if no year or month, speaks against it."""
    return _header_score(tuple(row), frozenset(wanted))


@lru_cache(maxsize=512)
def _header_score(row: tuple[str, ...], wanted: frozenset[str]) -> float:
    names = [folded(cell) for cell in row if cell]
    if len(names) == 1 < len(row) or (len(names) == 2 and names[0] in ALIASES["unit"] and unit_in(names[1])):
        return 0.0  # a title line, or the unit in one
    known = {alias for aliases in ALIASES.values() for alias in aliases} | set(IDENTIFIERS)
    loose = sum(folded(apart(cell)) in known or bool(headings_of_role([cell], "destination")) for cell in row)
    hits = max(loose, sum(name in known or bool(unit_in(name)) for name in names)) + 5 * len(wanted & set(names))
    are_months = _which_are_months(pd.Series(row, dtype=object))
    dated = int(are_months.sum())
    figures = sum(is_figure(cell) for cell, is_month in zip(row, are_months, strict=True) if not is_month)
    return hits + (dated if dated >= 2 else 0) - figures + 0.01 * len(names)


@lru_cache(maxsize=4_096)
def is_figure(cell: str) -> bool:
    """Whether a cell is a number and no month."""
    return bool(cell) and month_of(cell) is None and numbers(pd.Series([cell], dtype=object)).notna().item()


def columns_of(table: Table, settings: ReadSettings) -> Columns:
    """Headings by role: the caller's, then those of the usual names, weights before values."""
    said = {role: _said(table, role, word) for role, word in settings.columns.items()}
    roles = [role for role in Columns.__dataclass_fields__ if role not in said]
    found = {
        role: table.heading(*ALIASES[role]) or _loosely(table, role, settings) for role in roles if role in ALIASES
    }
    columns = _of_two_sides(table, Columns(**{**found, **said}), settings)
    columns = columns if columns.flow else replace(columns, flow=_only(_flows(table)))
    if "volume" not in said:
        columns = replace(columns, volume=_volume(table, settings) or _neutral(table, columns, settings))
    series = table.heading(*IDENTIFIERS) or ""
    if series and not columns.destination and "destination" not in said:
        columns = replace(columns, series=series)
    if columns.year and columns.month and "month" not in said and not _are_months(table.cells[columns.month]):
        return columns
    return replace(columns, year="") if columns.month and "year" not in said else columns


def _loosely(table: Table, role: str, settings: ReadSettings) -> str:
    """The heading that names a role beside words such as code or name, in two languages, or with a number behind it.

    Of several, that of names comes before that of codes for destinations, and the reverse for products.
    """
    open_to = headings_of_role(table.headings, role)
    if role == "destination":
        known = places("", settings.names)
        open_to = [name for name in open_to if are_codes(table.cells[name], known, _HALF)]
    if role == "product":
        coded = [name for name in open_to if most_are(table.cells[name], lambda text: any(map(str.isdigit, text)))]
        open_to = [*coded, *open_to]
    return next(iter(open_to), "")


def _flows(table: Table) -> list[str]:
    """Headings of columns of words for exports and imports, none of which names a quantity as well."""
    samples = {name: _sample(table.cells[name]) for name in table.headings}
    short = {name: cells for name, cells in samples.items() if len(cells) <= MOST_INDICATORS}
    return [name for name, cells in short.items() if are_flows(cells) and not any(map(kind_of_quantity, cells))]


def _said(table: Table, role: str, word: str) -> str:
    if role not in Columns.__dataclass_fields__:
        raise TableError(f"--column: expected one of {', '.join(ROLES)} before the =, found {shown(role)!r}.")
    heading = word if word in table.headings else table.heading(folded(word))
    if heading is None:
        raise TableError(f"{table.file}: expected the column {shown(word)!r}, found {headings_of(table)}.")
    return heading


def _of_two_sides(table: Table, columns: Columns, settings: ReadSettings) -> Columns:
    """The destination from the column that says so, one called country beside it being that of the reporter."""
    known = places("", settings.names)
    if "destination" in settings.columns or not columns.destination:
        return columns
    named = [name for name in table.headings if folded(name) in ALIASES["destination"]]
    sided = [name for name in named if set(folded(name).split()) & set(_ONE_SIDE)]
    sided = [name for name in sided if _are_places(table.cells[name], known)]
    if not sided or columns.destination in sided:
        return columns
    other = columns.destination
    if columns.reporter or not _are_places(table.cells[other], known):
        return replace(columns, destination=sided[0])
    codes = [table.cells[name].map(lambda word: known.find(str(word))[0]).astype(str) for name in (sided[0], other)]
    apart = bool((codes[0] != codes[1]).mean() > 0.5) and bool((codes[1] != "").all())
    return replace(columns, destination=sided[0], reporter=other if apart else "")


def _neutral(table: Table, columns: Columns, settings: ReadSettings) -> str:
    """The column of figures whose quantity stands in another column, if rows of what is asked for are among them."""
    wanted = "money" if settings.unit and unit_of(settings.unit).money else "weight"
    words = [str(text) for name in (columns.unit, columns.indicator) if name for text in pd.unique(table.cells[name])]
    named = [name for name in table.headings if kind_of_quantity(name) == wanted and are_numbers(table.cells[name])]
    if not any(kind_of_quantity(text) == wanted for text in words) or (named and wanted == "weight"):
        return ""
    heading = table.heading(*_NEUTRAL)
    return heading if heading and are_numbers(table.cells[heading]) else ""


def _volume(table: Table, settings: ReadSettings) -> str:
    """The only column that can be the volume, one of a month's exports before one of sums or imports; else empty."""
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    open_to = [
        heading for heading in table.headings if is_money(heading) == money or (money and heading in ("value", "y"))
    ]
    return _volume_of(table, plainest(open_to), money, settings) or _volume_of(table, open_to, money, settings)


def plainest(headings: Sequence[str]) -> list[str]:
    """The headings that name neither sums since January nor imports; all where each does."""
    return [one for one in headings if not (says_cumulative(one) or says_imports(one))] or list(headings)


def _volume_of(table: Table, open_to: Sequence[str], money: bool, settings: ReadSettings) -> str:
    """The only one of some headings that can be the volume, one that states a weight before the others; else empty."""
    weights = [heading for heading in open_to if unit_in(heading) and are_numbers(table.cells[heading])]
    usual = [heading for heading in table.headings if folded(heading) in ALIASES["volume"] and heading in open_to]
    plain = [heading for heading in usual if unit_in(heading)] or usual
    worth = [heading for heading in open_to if money and is_money(heading) and are_numbers(table.cells[heading])]
    asked = unit_of(settings.unit).money if worth else ""
    worth = [heading for heading in worth if not other_currency(asked, heading)] or worth
    if len(worth) == 1 and not plain:
        return worth[0]
    if len(weights) == 1 and len(plain) <= 1:
        return weights[0]
    if plain and len(weights) <= 1:
        return plain[0]
    by_rank = [heading for alias in ALIASES["volume"] for heading in weights if folded(heading) == alias]
    if by_rank:
        return by_rank[0]
    named = [
        heading for heading in open_to if kind_of_quantity(heading) == "weight" and are_numbers(table.cells[heading])
    ]
    if len(named) == 1 and not money:
        return named[0]
    y = table.heading("y", "value", "values") if not weights else None
    return y if y and (money or folded(y) == "y" or bool(settings.unit)) else ""


def by_content(table: Table, columns: Columns, known: Places, settings: ReadSettings) -> Columns:
    """Roles that no heading gave, where the cells of one column alone can hold them."""
    if columns.product and not (columns.indicator or "product" in settings.columns):
        measures = _are_quantities(table.cells[columns.product])
        columns = replace(columns, product="", indicator=columns.product) if measures else columns
    taken = {getattr(columns, role) for role in Columns.__dataclass_fields__}
    taken.add(table.heading(*CURRENCY_HEADINGS) or "")
    free = [heading for heading in table.headings if heading not in taken]
    if not columns.month:
        columns = _of_two_columns(table, columns, free)
    free = [heading for heading in free if heading != columns.month]
    if not columns.month:
        columns = replace(columns, month=_only([name for name in free if _are_months(table.cells[name])]))
    free = [name for name in free if name != columns.month]
    if not columns.destination and not columns.series and not settings.destination:
        columns = replace(columns, destination=_only([name for name in free if _are_places(table.cells[name], known)]))
    free = [name for name in free if name != columns.destination]
    if columns.destination and not columns.reporter:
        others = [name for name in free if are_codes(table.cells[name], known)]
        others = [name for name in others if not _are_the_same(table, name, columns.destination, known)]
        columns = replace(columns, reporter=_only(others))
    if not columns.indicator:
        columns = replace(columns, indicator=_only([name for name in free if _are_quantities(table.cells[name])]))
    if not columns.volume:
        columns = replace(columns, volume=_neutral(table, columns, settings))
    part = {*breakdowns_in(table, columns), columns.reporter, columns.indicator}
    free = [name for name in free if name not in part and not most_are(table.cells[name], known.knows)]
    if not columns.volume:
        figures = plainest([name for name in free if are_numbers(table.cells[name]) and not is_money(name)])
        across = [name for name in figures if known.find(name)[0]]
        columns = replace(columns, volume=_only(figures) if not across else "")
        free = [name for name in free if name != columns.volume]
    if columns.series and not columns.product and len(free) == 1 and not are_numbers(table.cells[free[0]]):
        columns = replace(columns, product=columns.series, destination=free[0], series="")
    elif columns.destination and not columns.product and not columns.series and len(free) == 1:
        text = not are_numbers(table.cells[free[0]].str.rstrip("% ")) and not is_money(free[0])
        columns = replace(columns, product=free[0] if text and not _has_total(table.cells[free[0]]) else "")
    return columns


def _of_two_columns(table: Table, columns: Columns, free: Sequence[str]) -> Columns:
    """Columns with a year and names of months where they stand in two, by their cells alone."""
    named = _only([name for name in free if most_are(table.cells[name], lambda text: bool(month_number(text)), 1)])
    years = columns.year or _only([name for name in free if most_are(table.cells[name], is_year, 1)])
    return replace(columns, month=named, year=years) if named and years else columns


def product_by_content(columns: Columns, settings: ReadSettings) -> list[str]:
    """A word on a column that is taken for the products because no other role is left for it."""
    usual = folded(columns.product) in ALIASES["product"] or "product" in settings.columns
    said = f"The products are those of the column {shown(columns.product)} (--column product=NAME names another)."
    return [] if usual or not columns.product or columns.series else [said]


def _only(found: list[str]) -> str:
    return found[0] if len(found) == 1 else ""


def _sample(cells: pd.Series) -> list[str]:
    return [text for text in (str(cell).strip() for cell in pd.unique(cells)[:SAMPLE]) if not is_gap(text)]


def most_are(cells: pd.Series, test: Callable[[str], bool], share: float = 0.8) -> bool:
    """Whether ``test`` holds of ``share`` of the different cells, gaps apart."""
    sample = _sample(cells)
    return bool(sample) and sum(map(test, sample)) >= share * len(sample)


def _are_months(cells: pd.Series) -> bool:
    sample = pd.Series(_sample(cells), dtype=object)
    return bool(len(sample)) and bool(_which_are_months(sample).mean() >= 0.8)


def _which_are_months(cells: pd.Series) -> pd.Series:
    """Which cells that nothing calls months are some."""
    serials = serial_months(cells)
    found = months(cells).notna()
    return found if len(serials) >= FEWEST_SERIALS else found & ~cells.isin(serials)


def _are_places(cells: pd.Series, known: Places) -> bool:
    return most_are(cells, lambda text: not is_figure(text) and known.knows(text))


def are_codes(cells: pd.Series, known: Places, share: float = 0.8) -> bool:
    """Whether most of the different cells are single destinations by name or by letters."""
    return most_are(cells, lambda text: not is_figure(text) and bool(known.find(text)[0]), share)


def _are_the_same(table: Table, one: str, other: str, known: Places) -> bool:
    """Whether two columns name the same destinations, as one of codes does beside one of names."""
    pairs = table.cells[[one, other]].astype(str).drop_duplicates().head(SAMPLE)
    codes = pairs.map(lambda word: known.find(word)[0])
    return bool((codes[one] == codes[other]).mean() > 0.5)


def _are_quantities(cells: pd.Series) -> bool:
    """Whether the cells say what a figure measures, money for one."""
    kinds = {kind_of_quantity(text) for text in _sample(cells)[:MOST_INDICATORS]}
    return kinds == {"weight", "money"} and pd.unique(cells).size <= MOST_INDICATORS


def breakdowns_in(table: Table, columns: Columns) -> list[str]:
    """Headings of columns without another role that part a figure by something that is no product.

    They are known by the heading, or by cells that are all means of transport.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Mode of transport": ["Sea"], "Grade": ["A"], "By": ["Air"]}))
    >>> breakdowns_in(table, Columns())
    ['Mode of transport', 'By']
    """
    taken = {getattr(columns, role) for role in Columns.__dataclass_fields__}
    return [
        name
        for name in table.headings
        if name not in taken
        and not (unit_in(name) or is_money(name))
        and (
            names_breakdown(name)
            or _has_total(table.cells[name])
            or most_are(table.cells[name], is_way_of_transport, 1)
        )
    ]


def _has_total(cells: pd.Series) -> bool:
    """Whether one of several cells of words, none of them a month, says that its row has all parts together."""
    sample = _sample(cells)
    return len(sample) > 1 and any(names_total(text) for text in sample) and not _are_months(cells)


def are_numbers(cells: pd.Series) -> bool:
    """Whether most of the different cells are numbers."""
    sample = pd.Series(_sample(cells), dtype=object)
    return bool(len(sample)) and bool(numbers(sample).notna().mean() >= 0.6)


def headings_of(table: Table) -> str:
    """The columns that are there, in words."""
    return f"columns {listed(table.headings, 8)}"


def unit_beside(table: Table) -> str:
    """The unit in brackets in any heading, else the only one of the lines around the header; else empty."""
    in_heading = (unit_in(name.partition("(")[2]) for name in table.headings if "(" in name)
    first = [cell for cell in map(str, table.cells.iloc[0]) if cell.strip()] if len(table.cells) else []
    lines = [*table.above, *(first if len(first) == 1 else [])]
    above = {unit for line in lines if (unit := unit_in_title(line))}
    return next(filter(None, in_heading), above.pop() if len(above) == 1 else "")


def dated_left_out(table: Table, columns: Columns, used: Sequence[str] = ()) -> list[str]:
    """A sentence on the headings with a year or a month that are of no use; none where there are none."""
    taken = {*used, *(getattr(columns, role) for role in Columns.__dataclass_fields__)}
    left = [name for name in table.headings if name not in taken and is_dated(name)]
    return [f"Columns left out: {listed(left)}."] if left else []
