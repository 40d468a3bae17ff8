"""Plain tables of any maker: long ones, months or destinations across, and the long frames of other libraries.

Columns are known by their headings, by what the caller says of them, and last by what stands in them.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, repeated_rows
from forecast.sources.files.columns import (
    Columns,
    are_codes,
    are_numbers,
    breakdowns_in,
    by_content,
    columns_of,
    dated_left_out,
    product_by_content,
    table_in,
    unit_beside,
)
from forecast.sources.files.sheet import Sheet, Table
from forecast.sources.layouts.dated import dated
from forecast.sources.layouts.headers.as_written import as_read
from forecast.sources.layouts.refusals import check_month, missing, no_volume
from forecast.sources.layouts.titles import product_in_titles, with_destination
from forecast.sources.layouts.two_rows import FIGURE, long_table, unread
from forecast.sources.layouts.years_across import years_across
from forecast.sources.meaning.breakdowns import BY, parted
from forecast.sources.meaning.carried import carried_down
from forecast.sources.meaning.cumulative import summed_in, summed_rows
from forecast.sources.meaning.direction import imports_in, mirrored_cells, not_exported
from forecast.sources.meaning.quantities import (
    MEASURE,
    against_unit,
    check_stated,
    other_quantities,
    scaled,
    units_of_measures,
    units_of_money,
)
from forecast.sources.meaning.stacked import first_table
from forecast.tables.cells import recoded
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import from_parts, months, serial_months, unmarked
from forecast.vocabulary.numbers import is_currency, said_of_marks, statuses
from forecast.vocabulary.text import folded, of_each, shown, slug
from forecast.vocabulary.units import kind_of_quantity, unit_in, unit_of


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a table says; None where nothing in ``sheet`` looks like one.

    Raises
    ------
    TableError
        Where a column that is needed cannot be found, with those that are there.
    """
    first, said = first_table(as_read(sheet, settings), settings)
    try:
        found = _of_one_table(first, settings)
    except TableError as error:
        raise TableError(*error.problems, *said) from error
    return found and replace(found, notes=(*found.notes, *said))


def _of_one_table(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    across = years_across(sheet, settings)
    if across is not None:
        return _spread(sheet, *across, "table of months down and years across", settings)
    sheet, said = dated(sheet, settings)
    found = _of_dated_months(sheet, settings)
    return found and replace(found, notes=(*said, *found.notes))


def _of_dated_months(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    spread = long_table(sheet, settings)
    if spread is not None:
        return _spread(sheet, *spread, settings)
    odd = unread(sheet, settings)
    try:
        found = _of_one_header(sheet, settings)
    except TableError:
        if not odd:
            raise
        found = None
    if found is None and odd:
        raise TableError(odd)
    return found


def _of_one_header(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a table with a header of one row says; None where there is none."""
    table = table_in(sheet, settings)
    if table is None:
        return None
    known = places("", settings.names)
    columns = columns_of(table, settings)
    across = _months_across(table, columns) if not columns.month else []
    if across:
        return _melted_months(sheet, table, across, columns, settings)
    columns = by_content(table, columns, known, settings)
    check_month(table, columns)
    if not (columns.destination or columns.series or settings.destination):
        named = [heading for heading in table.headings if not heading.isdigit() and known.find(heading)[0]]
        if named:
            return _melted_destinations(sheet, table, named, columns, settings)
    return _long(sheet, table, columns, known, settings)


def _spread(sheet: Sheet, table: Table, notes: list[str], what: str, settings: ReadSettings) -> Extract:
    """What a table of another layout says, from the long table that it means."""
    known = places("", settings.names)
    columns = replace(columns_of(table, settings), volume=FIGURE)
    columns = replace(columns, indicator=MEASURE) if MEASURE in table.headings else columns
    columns = by_content(table, columns, known, settings)
    check_month(table, columns)
    found = _long(sheet, table, columns, known, settings)
    return replace(found, what=f"{what} ({sheet.kind})", notes=(*notes, *found.notes))


# Long tables ----------------------------------------------------------------------------------------------------------


def _long(sheet: Sheet, table: Table, columns: Columns, known: Places, settings: ReadSettings) -> Extract:
    placed: list[str] = []
    if not (columns.destination or columns.series):
        settings, placed = with_destination(sheet, [*table.above, columns.volume], settings)
    if not columns.volume:
        raise TableError(no_volume(table, columns, settings))
    if not (columns.destination or columns.series or settings.destination):
        raise TableError(missing(table, "destination", "--column destination=NAME, or --destination WLD for a total"))
    keys = [columns.year, columns.month, columns.destination, columns.product, columns.reporter, columns.unit]
    table, carried = carried_down(table, keys, columns.volume)
    cells = pd.DataFrame(
        {
            "product": table.coded(columns.product),
            "destination": table.coded(columns.destination),
            "month": _month_text(table, columns),
            "volume": table.coded(columns.volume),
            "released": table.coded(columns.released),
            "status": table.coded(columns.status),
        }
    )
    notes: list[str] = []
    if columns.series:
        pairs = {text: _parted(text, known, settings) for text in cells_of(table, columns.series)}
        series = table.coded(columns.series)
        cells["destination"] = series.map({text: destination for text, (_, destination) in pairs.items()})
        cells["product"] = series.map({text: product for text, (product, _) in pairs.items()})
    if settings.destination:
        cells["destination"] = settings.destination
    frame = bool(columns.series) or folded(columns.month) == "ds"
    cells["unit"], said = _units(table, columns, settings, frame)
    beside, also = _beside(table, columns, known)
    cells, said = cells.assign(**beside), [*placed, *carried, *said, *also, *product_by_content(columns, settings)]
    what = "long frame of a forecasting library" if frame else "plain table"
    left_out = _left_out(table, columns, settings)
    said += dated_left_out(table, columns)
    return _extract(sheet, table, what, cells, columns, left_out, settings, notes + said)


def _left_out(table: Table, columns: Columns, settings: ReadSettings, repeated: bool = True) -> pd.Series:
    """Reasons why rows are not used: repeated ones, flows into the reporter, quantities that are no weight."""
    none = pd.Series("", index=table.cells.index, dtype=object)
    reasons = repeated_rows(table.cells) if repeated else none
    flows = table.coded(columns.flow)
    why = not_exported(table.file, columns.flow, flows.cat.categories)
    reasons = reasons.where(~flows.isin(why), flows.astype(object).map(why)) if why else reasons
    other = other_quantities(table, columns.unit, columns.indicator, settings.unit)
    return reasons.where(reasons != "", other)


def _beside(table: Table, columns: Columns, known: Places) -> tuple[dict[str, pd.Series], list[str]]:
    """Cells of the exporter and of breakdowns, and a word on an exporter who is the same in every row."""
    headings = breakdowns_in(table, columns)
    reporter = columns.reporter
    if reporter and not are_codes(table.cells[reporter], known):
        headings, reporter = [*headings, reporter], ""
    parts = {f"{BY}{name}": table.coded(name) for name in headings}
    if not reporter:
        return parts, []
    words = table.coded(reporter)
    exporter = words.astype(str).map(lambda word: known.find(word)[0] or shown(word)).astype("category")
    one = list(exporter.cat.categories) if exporter.nunique() == 1 else []
    notes = [f"The exporter is {one[0]} in every row (column {shown(reporter)})."] if one else []
    return {**parts, "exporter": exporter}, notes


def _labels(table: Table, columns: Columns) -> list[str]:
    """The headings of columns of words that may say what figures are: of no role, or a measure, unit or product."""
    open_to = ("unit", "product", "indicator")
    taken = {getattr(columns, role) for role in Columns.__dataclass_fields__ if role not in open_to}
    return [name for name in table.headings if name not in taken and not are_numbers(table.cells[name])]


def cells_of(table: Table, heading: str) -> list[str]:
    """The different cells under ``heading``, stripped."""
    return [str(text) for text in pd.unique(table.coded(heading))]


def _parted(text: str, known: Places, settings: ReadSettings) -> tuple[str, str]:
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
        return from_parts(table.coded(columns.year), table.coded(columns.month))
    return table.coded(columns.month)


def _units(table: Table, columns: Columns, settings: ReadSettings, frame: bool = False) -> tuple[pd.Series, list[str]]:
    """The unit of each row, and what is taken for granted of it."""
    if settings.unit and unit_of(settings.unit).money:
        money = units_of_money(table, columns.unit, columns.indicator, columns.volume, settings.unit)
        return scaled(money, table, columns.scale if is_currency(settings.unit) else "")
    stated = settings.unit or unit_in(columns.volume) or unit_beside(table) or unit_in(columns.destination)
    if columns.indicator and not settings.unit:
        unit = units_of_measures(table, columns.unit, columns.indicator, stated)
        weighs = of_each(table.coded(columns.indicator), kind_of_quantity) == "weight"
        if not (weighs & (unit == "")).any():
            headed = columns.indicator == MEASURE and not columns.scale
            read = {str(word) for word in unit[weighs.to_numpy(dtype=bool)]} if headed else set()
            for word in (word for word in read if not unit_of(word).refusal):
                check_stated(table.file, word, table.above)
            return scaled(unit, table, columns.scale)
    elif columns.unit and not settings.unit:
        unit, heading = table.coded(columns.unit), unit_in(columns.volume)
        said = [heading if heading and unit_of(text).refusal else text or stated for text in unit.cat.categories]
        return scaled(recoded(unit, said), table, columns.scale)
    notes = []
    if not stated and frame:
        stated = "t"
        notes = [
            f"Nothing says the unit of {shown(columns.volume)}: it is taken for tonnes (--unit kg says otherwise)."
        ]
    if not stated:
        raise TableError(
            f"{table.file}: expected the unit in {_place_of_unit(columns)} or in a column "
            "of units, found none. Say it: forecast import FILE --unit kg (or --unit t, '100 kg', lb, kt, usd)."
        )
    if settings.unit:
        notes += against_unit(settings.unit, columns.volume, table.coded(columns.unit).cat.categories)
    else:
        check_stated(table.file, stated, table.above)
    unit, multiplied = scaled(recoded(table.coded(""), [stated]), table, columns.scale)
    return unit, notes + multiplied


def _place_of_unit(columns: Columns) -> str:
    headed = columns.volume not in ("", FIGURE)
    return f"the heading {shown(columns.volume)!r}" if headed else "a title line above the header"


# Wide tables ----------------------------------------------------------------------------------------------------------


def _months_across(table: Table, columns: Columns) -> list[str]:
    """Headings that are months, where there are at least two."""
    heads = pd.Series(table.headings, dtype=object)
    read = months(heads)
    across = [heading for heading, month in zip(heads, read, strict=True) if month is not None]
    return across if len(across) >= 2 else []


def _melted_months(sheet: Sheet, table: Table, across: list[str], columns: Columns, settings: ReadSettings) -> Extract:
    names = replace(table, cells=table.cells.drop(columns=across))
    known = places("", settings.names)
    columns = replace(by_content(names, replace(columns, volume="-"), known, settings), volume="")
    settings, placed = (settings, []) if columns.destination else with_destination(sheet, table.above, settings)
    if not columns.destination and not settings.destination:
        raise TableError(missing(names, "destination", "--column destination=NAME, or --destination WLD for a total"))
    unit, said = _units(names, columns, settings)
    head = {
        "product": names.coded(columns.product),
        "destination": names.coded(columns.destination) if not settings.destination else settings.destination,
        "unit": unit,
    }
    beside, also = _beside(names, columns, known)
    said += [*placed, *also, *dated_left_out(table, columns, across)]
    parts = [
        pd.DataFrame({**head, **beside}).assign(month=name, volume=table.cells[name].str.strip()) for name in across
    ]
    cells = pd.concat(parts).sort_index(kind="stable")
    reasons = _left_out(table, columns, settings)
    left_out = reasons.reindex(cells.index) if table.cells.index.is_unique else None
    return _extract(sheet, table, "wide table, months across", cells, columns, left_out, settings, said)


def _melted_destinations(
    sheet: Sheet, table: Table, across: list[str], columns: Columns, settings: ReadSettings
) -> Extract:
    unit, said = _units(table, replace(columns, volume=""), settings)
    head = pd.DataFrame({"product": table.coded(columns.product), "month": _month_text(table, columns), "unit": unit})
    known = places("", settings.names)
    beside, notes = _beside(table, columns, known)
    head = head.assign(**beside)
    roles = {columns.product, columns.month, columns.year, columns.unit, columns.scale, columns.flow, columns.reporter}
    roles |= {name.removeprefix(BY) for name in beside}
    free = [name for name in table.headings if name not in (*across, *roles) and not name.isdigit()]
    groups = [name for name in free if known.knows(name)]
    figures = [name for name in table.headings if name in (*across, *groups)]
    parts = [head.assign(destination=name, volume=table.cells[name].str.strip()) for name in figures]
    others = [name for name in table.headings if name not in (*figures, *roles)]
    notes = [*said, *notes, *([f"Columns that are no destination are left out: {listed(others)}."] if others else [])]
    cells = pd.concat(parts).sort_index(kind="stable")
    reasons = _left_out(table, columns, settings, repeated=False)
    left_out = reasons.reindex(cells.index) if table.cells.index.is_unique else None
    return _extract(sheet, table, "wide table, destinations across", cells, columns, left_out, settings, notes)


def _extract(
    sheet: Sheet,
    table: Table,
    what: str,
    cells: pd.DataFrame,
    columns: Columns,
    left_out: pd.Series | None,
    settings: ReadSettings,
    notes: list[str] | None = None,
) -> Extract:
    """The extract of a plain table; one without a column of products is of one, which `named` gives a name."""
    said = list(notes or [])
    comma_separated = sheet.delimiter != ";"
    said += said_of_marks(cells["volume"], settings.decimal, comma_separated) if sheet.delimiter else []
    cells, named = _named_and_marked(table, cells, settings)
    said += named
    serials = serial_months(cells["month"].unique())
    if serials:
        first = next(iter(serials))
        said.append(f"Months such as {first} are days as Excel counts them: that is {serials[first]}.")
    reason = left_out if left_out is not None else pd.Series("", index=cells.index, dtype=object)
    own, lines = columns.volume, [line for line in (*table.above, sheet.title) if line]
    sums, label = summed_rows(table, _labels(table, columns))
    if sums.any():
        reason = reason.mask(reason.index.isin(table.cells.index[sums]), "a sum since January, not a month's figure")
    inward = "" if columns.flow else imports_in(own, lines)
    if inward:
        partner = table.coded(columns.destination).astype(object)
        partner = partner if len(partner) == len(cells) else partner.reindex(cells.index)
        cells = mirrored_cells(table.file, inward, cells, (columns.destination, partner), settings)
    found = parted(table.file, cells, reason)
    return Extract(
        table.file,
        f"{what} ({sheet.kind})",
        cells[[name for name in cells if not str(name).startswith(BY)]],
        found.reasons,
        table.file,
        parts=found.added,
        notes=(*said, *found.notes),
        comma_separated=comma_separated,
        unnamed=what if (cells["product"] == "").all() else "",
        file_product=slug(table.file.rpartition(".")[0] or table.file) or "product",
        summed=summed_in(table.file, own, [label, *lines], [name for name in table.headings if name != own]),
    )


def _named_and_marked(table: Table, cells: pd.DataFrame, settings: ReadSettings) -> tuple[pd.DataFrame, list[str]]:
    """Cells with the status that signs behind months and figures give, and the product of a title, and a note on it."""
    marks = of_each(cells["month"], lambda text: unmarked(text)[1])
    marks = marks.where(marks != "", statuses(cells["volume"]))
    if marks.astype(bool).any():
        stated = cells.get("status", marks).astype(object)
        cells = cells.assign(status=stated.where(stated != "", marks))
    if (cells["product"] == "").all() and not settings.product:
        product, line = product_in_titles(table.above)
        cells = cells.assign(product=product)
        named = f"The product is called {slug(product)}, as {shown(line)!r} says (--product NAME changes that)."
        return cells, [named] if line else []
    return cells, []
