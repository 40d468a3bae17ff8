"""Downloaded files of any known source as one exports table, with everything that could not be used beside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path

import pandas as pd
from pandas.api.types import union_categoricals

from forecast.sources.extract import UNUSED_COLUMNS, Extract, Reading, ReadSettings, reading, unused_rows
from forecast.sources.files.opening import sheets_of
from forecast.sources.files.sheet import Sheet
from forecast.sources.formats import READERS
from forecast.sources.layouts.refusals import headless
from forecast.sources.meaning.cumulative import cumulative_notes, of_single_months
from forecast.sources.meaning.naming import named
from forecast.sources.overlaps import joined_sources
from forecast.tables import cells as checks
from forecast.tables.cells import as_plain, recoded
from forecast.tables.read import TableError
from forecast.tables.schema import EXPORT_COLUMNS
from forecast.vocabulary.countries import listed, places
from forecast.vocabulary.products import renamed
from forecast.vocabulary.text import shown, slug
from forecast.vocabulary.units import unit_of

Steps = Callable[[int, int], None]

FIRST_ROWS = 3
"""Rows of each cause that a summary names."""

_PLAIN_NUMBER = r"\d+(\.(\d{1,2}|\d{4,}))?"
"""A number that reads the same whatever the mark before fractions."""


@dataclass(frozen=True)
class FileSummary:
    """What one file was, and how many rows of it were used."""

    file: str
    what: str
    used: int
    unused: int


@dataclass(frozen=True)
class Imported:
    """The files as read.

    ``exports`` has the columns `forecast.tables.schema.EXPORT_COLUMNS`, ``unused`` the columns
    `forecast.sources.extract.UNUSED_COLUMNS`: a row for every figure that was not used, with the reason.
    """

    exports: pd.DataFrame
    unused: pd.DataFrame
    files: tuple[FileSummary, ...]
    notes: tuple[str, ...] = field(default=())

    def causes(self) -> pd.DataFrame:
        """A row per cause: ``reason``, ``rows``, and the ``first`` of them in words, the most frequent first."""
        return causes(self.unused)


def import_exports(
    paths: str | Path | Sequence[str | Path],
    source: str | None = None,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    product: str | None = None,
    destination: str | None = None,
    exporter: str | None = None,
    released: date | None = None,
    names: Mapping[str, str] | None = None,
    decimal: str | None = None,
    today: date | None = None,
    progress: Steps | None = None,
) -> Imported:
    r"""The export figures in downloaded files: each is known by its content, or read as ``source`` says.

    ``columns`` names columns by role (``destination``, ``month``, ``year``, ``volume``, ``unit``, ``product``),
    ``unit`` the unit where no column or heading does, or a currency to take values for volumes (in millions).
    ``product`` names the product where the file does not, and picks it where the file has several; ``destination`` is
    that of every row, ``exporter`` the one country whose exports are read, ``released`` the day from which the figures
    count as known. ``names`` maps the file's own names of destinations to codes; ``decimal`` is the mark before
    fractions; ``today`` bounds months. ``progress`` is called with how many steps are done of how many.

    Raises
    ------
    TableError
        Where a file cannot be read, is of no known kind, or holds no figure that can be used; where figures disagree.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.csv"
    ...     _ = path.write_text("Country;Period;NetWeight (kg)\nUK;May-25;1.234,5\nROW;May-25;10\n")
    ...     got = import_exports(path, product="widget", today=date(2026, 1, 1))
    >>> got.exports[["destination", "month", "volume_t"]].values.tolist()
    [['GBR', Period('2025-05', 'M'), 1.2345]]
    >>> got.unused["reason"].tolist()
    ['no single destination: a group, a rest, or none stated']
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    settings = ReadSettings(
        today or date.today(),
        dict(columns or {}),
        unit or "",
        product or "",
        destination or "",
        (exporter or "").upper(),
        released,
        dict(names or {}),
        decimal,
    )
    _check_settings(settings, source)
    readings, problems = [], []
    step = _counted(progress, 2 * len(given) + 1)
    for path in given:
        try:
            readings += _readings(Path(path), source, settings, step)
        except TableError as error:
            problems += error.problems
    if problems:
        raise TableError(*problems)
    imported = _imported(readings, settings)
    step()
    return imported


def causes(unused: pd.DataFrame) -> pd.DataFrame:
    """A row per cause in ``unused``: ``reason``, ``rows``, the ``first`` of them in words; the most frequent first."""
    rows = []
    one_file = unused["file"].nunique() == 1
    for reason, group in unused.groupby("reason", sort=False):
        words = [_in_words(row, one_file) for row in group.head(FIRST_ROWS).to_dict("records")]
        if str(reason).startswith(("a destination", "no single")):
            words = [listed(_by_destination(group), longest=80)]
        rows.append({"reason": reason, "rows": len(group), "first": "; ".join(words)})
    table = pd.DataFrame(rows, columns=["reason", "rows", "first"])
    return table.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _by_destination(unused: pd.DataFrame) -> list[str]:
    """Destinations of rows that were not used, each with its rows, and their volume as the file has it.

    There is no volume where a figure could be read in two ways, such as 1.234.

    Examples
    --------
    >>> _by_destination(pd.DataFrame({"destination": ["ROW", "ROW", ""], "volume": ["10", "2.5", "1.234"]}))
    ['ROW: 2 rows with 12.5 in all', '(empty): 1 row']
    """
    said = []
    for name, volumes in unused["volume"].astype(str).groupby(unused["destination"].astype(str), sort=False):
        rows = f"{len(volumes):,} row{'s' if len(volumes) > 1 else ''}"
        plain = volumes.str.fullmatch(_PLAIN_NUMBER).all()
        said.append(
            f"{name or '(empty)'}: {rows}" + (f" with {volumes.astype(float).sum():,.10g} in all" if plain else "")
        )
    return said


def sentences(imported: Imported) -> list[str]:
    """What the files are and what was read of them, a line each: files, notes, causes."""
    said = [f"{one.file}: {one.what}; {one.used:,} figures used, {one.unused:,} not." for one in imported.files]
    said += imported.notes
    for row in imported.causes().to_dict("records"):
        said.append(f"Not used, {row['rows']:,}: {row['reason']} ({row['first']}).")
    return said


def money_of(exports: pd.DataFrame) -> str:
    """The currency whose millions the volumes are, where they are no tonnes; else empty.

    Examples
    --------
    >>> money_of(pd.DataFrame({"status": ["usd_million", "usd_million"]}))
    'USD'
    """
    statuses = exports["status"].astype(str).unique()
    money = sorted({text.removesuffix("_million").upper() for text in statuses if text.endswith("_million")})
    return money[0] if money else ""


# One file -------------------------------------------------------------------------------------------------------------


def _check_settings(settings: ReadSettings, source: str | None) -> None:
    if source is not None and source not in READERS:
        raise TableError(f"--source: expected one of {', '.join(READERS)}, found {shown(source)!r}.")
    unit = unit_of(settings.unit, settings.product) if settings.unit else None
    if unit and unit.refusal and not unit.factor > 0:
        raise TableError(f"--unit: {shown(settings.unit)!r} is {unit.refusal}. Use t, kg, '100 kg', lb, kt or usd.")
    for word in filter(None, [settings.destination, *settings.names.values()]):
        if not places().find(word)[0]:
            raise TableError(f"--destination: expected a code such as USA or WLD, found {shown(word)!r}.")
    if settings.decimal not in (None, ",", "."):
        raise TableError(
            f"--decimal: expected , or . as the mark before fractions, found {shown(settings.decimal or '')!r}."
        )


def _counted(progress: Steps | None, steps: int) -> Callable[[], None]:
    """What is called at the end of each of so many steps."""
    done = count(1)
    return lambda: progress(next(done), steps) if progress is not None else None


def _readings(path: Path, source: str | None, settings: ReadSettings, step: Callable[[], None]) -> list[Reading]:
    """A file as read, in two steps: of the one sheet that says something, or of each."""
    sheets = [sheet for sheet in sheets_of(path) if len(sheet.grid)]
    step()
    found, problems = [], []
    for sheet in sheets:
        try:
            extract = _extract(sheet, source, settings)
        except TableError as error:
            problems += error.problems
            continue
        if extract is not None:
            found.append((sheet, extract))
    readings = [of_single_months(reading(one, settings), one.summed) for one in named(found, settings)]
    step()
    if readings:
        left = tuple(f"A sheet was not read. {problem}" for problem in problems)
        return [replace(readings[0], notes=(*readings[0].notes, *left)), *readings[1:]]
    raise TableError(*(problems or [headless(sheets[0])]))


def _extract(sheet: Sheet, source: str | None, settings: ReadSettings) -> Extract | None:
    readers = READERS if source is None else {source: READERS[source]}
    if source is None and settings.columns:
        readers = {"table": READERS["table"]}
    for name, read in readers.items():
        extract = read(sheet, settings)
        if extract is not None:
            return extract
        if source is not None:
            raise TableError(f"{sheet.file}: expected a file of {name}, found none of its headings.")
    return None


# All files ------------------------------------------------------------------------------------------------------------


def _imported(readings: list[Reading], settings: ReadSettings) -> Imported:
    rows = _one_below_the_other([one.rows for one in readings])
    unused = [one.unused for one in readings]
    rows, apart = _of_one_exporter(rows, settings)
    rows, other, notes = _of_products(rows, settings)
    unused += [apart, other]
    result = joined_sources(rows)
    every = pd.concat([part for part in [*unused, result.unused] if len(part)] or [unused[0]], ignore_index=True)
    if result.rows.empty:
        raise TableError(*_nothing(readings, every))
    notes = [*(note for one in readings for note in one.notes), *notes, *result.notes, *_money_notes(result.rows)]
    exports = _typed(result.rows)
    notes += cumulative_notes(exports)
    files = [
        FileSummary(
            one.file,
            one.what,
            int((result.rows["file"] == one.file).sum()),
            int((every["file"] == one.file).sum()),
        )
        for one in readings
    ]
    ordered = every.sort_values(["file", "row"], kind="stable", ignore_index=True)
    return Imported(exports, ordered, tuple(files), tuple(dict.fromkeys(notes)))


def _one_below_the_other(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of several readings, text as the categories of all."""
    if len(tables) == 1:
        return tables[0].reset_index(drop=True)
    whole = {name: [table[name] for table in tables] for name in tables[0]}
    return pd.DataFrame(
        {
            name: union_categoricals(parts) if parts[0].dtype == "category" else pd.concat(parts, ignore_index=True)
            for name, parts in whole.items()
        }
    )


def _of_one_exporter(rows: pd.DataFrame, settings: ReadSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the one exporter, and those of others.

    Raises
    ------
    TableError
        Where there are several and none is chosen.
    """
    none = pd.DataFrame(columns=UNUSED_COLUMNS)
    several = sorted(set(rows["exporter"].unique()) - {""})
    chosen = settings.exporter
    if not chosen and len(several) > 1:
        raise TableError(
            f"{listed(sorted(rows['file'].unique()), 2)}: holds the exports of {listed(several)}. Choose one: "
            "forecast import FILE "
            f"--exporter {several[0]}."
        )
    if not chosen or set(several) <= {chosen}:
        return rows, none
    mine = (rows["exporter"] == chosen) | (rows["exporter"] == "")
    return rows[mine], unused_rows("", rows[~mine], f"exports of another country than {chosen}")


def _of_products(rows: pd.DataFrame, settings: ReadSettings) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Rows under the slugs of their products, those of products not asked for, and what is to be said of codes."""
    none = pd.DataFrame(columns=UNUSED_COLUMNS)
    there = [str(word) for word in rows["product"].unique()]
    wanted = slug(settings.product)
    if wanted and len(there) == 1:
        return rows.assign(product=recoded(rows["product"], [wanted] * len(rows["product"].cat.categories))), none, []
    names, said = renamed(there)
    words = rows["product"].cat.categories
    rows = rows.assign(product=recoded(rows["product"], [names.get(word, word) for word in words]))
    if not wanted:
        return rows, none, said
    mine = rows["product"].isin({wanted, names.get(wanted, wanted)})
    return rows[mine], unused_rows("", rows[~mine], f"another product than {wanted}"), said


def _money_notes(rows: pd.DataFrame) -> list[str]:
    money = money_of(rows)
    return [f"Volumes are millions of {money}, not tonnes: read every t as million {money}."] if money else []


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """The exports table of the rows."""
    table = rows.assign(
        month=checks.months(rows["month"]), released=checks.days(rows["released"]), precision_t=float("nan")
    )
    return as_plain(table[EXPORT_COLUMNS]).reset_index(drop=True)


def _nothing(readings: list[Reading], unused: pd.DataFrame) -> list[str]:
    """Sentences where no row of any file can be used."""
    said = [f"{one.file}: is a {one.what}, and none of its rows can be used." for one in readings]
    for row in causes(unused).to_dict("records"):
        way_out = _way_out(row["reason"])
        said.append(f"{row['rows']:,} rows: {row['reason']} ({row['first']}).{way_out}")
    return said


def _way_out(reason: str) -> str:
    if reason.startswith("a destination"):
        return " Give them codes: --name 'Their name=USA'."
    if reason.startswith(("a value in ", "a quantity in ")) and ", not in " in reason:
        return " Say --unit as the file has it, or convert its figures first."
    if reason.startswith("no single"):
        return " Figures by country are needed, or those of the total (WLD)."
    if reason.startswith("no month that"):
        return " Write them as YYYY-MM."
    return " Give the file figures by month." if "not a month" in reason else ""


def _in_words(row: Mapping[Hashable, object], one_file: bool) -> str:
    cells = " ".join(str(row[name]) for name in ("destination", "month", "volume") if row[name])
    place = f"row {row['row']}" if one_file else f"{row['file']} row {row['row']}"
    return f"{place}: {cells}" if cells else place
