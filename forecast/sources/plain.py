"""CSV files in the project's own columns, the shipped ones among them.

Reading has two halves. Here: is this a CSV file at all, in UTF-8, separated by commas, every row with as many fields as
the header? In `forecast.tables.read`: is every cell, and every pair of rows, what it must be?
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd

from forecast.realtime.events import KINDS
from forecast.safety.atomic import is_file, read_regular
from forecast.safety.limits import LARGEST_FILE, MOST_COLUMNS, MOST_ROWS
from forecast.sources.files.delimited import bare_cell, header_and_columns, unwrapped
from forecast.sources.files.headings import ROLES
from forecast.sources.importing import import_exports, sentences
from forecast.sources.overlaps import TableOfFiles, in_order_of_right
from forecast.tables.read import TableError, destinations_table, events_table, exports_table, period_totals_table
from forecast.tables.schema import EXPORT_COLUMNS, FIGURE_KEY, SeriesKey
from forecast.vocabulary.countries import listed
from forecast.vocabulary.products import product_of
from forecast.vocabulary.shipped import SHIPPED, shipped
from forecast.vocabulary.text import counted
from forecast.vocabulary.units import unit_in

_NO_TABLE = b"%PDF"
"""First bytes of files in which nothing can be imported."""

_NOT_CSV = {
    b"PK\x03\x04": "a zip archive or an Excel workbook. Save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook. Save the sheet as CSV",
    b"\x1f\x8b": "a gzip archive. Unpack it first",
    b"%PDF": "a PDF document. Export its table as CSV",
    b"\xff\xfe": "UTF-16 text. Save it as UTF-8",
    b"\xfe\xff": "UTF-16 text. Save it as UTF-8",
}
_FREE_TEXT = ("event", "continues", "status", "source", "description", "name")
"""Columns whose cells may be quotations."""

_NOT_STRICT = {*ROLES["unit"].split(), *ROLES["flow"].split(), "trade flow"}
"""Headings of columns that say that not every volume need be in tonnes, or exports."""

_MARKS = ('"', "'", "\u201c", "\u201d", "\u201e")

_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<")


def read_destinations() -> pd.DataFrame:
    """The shipped destinations and groups: columns `forecast.tables.schema.DESTINATION_COLUMNS`, a row per code.

    Examples
    --------
    >>> read_destinations().set_index("code").loc["DEU", "name"]
    'Germany'
    """
    return _destinations().copy()


@cache
def _destinations() -> pd.DataFrame:
    """The same, read once: every table is checked against them."""
    return destinations_table(raw_files([SHIPPED], "destinations.csv"))


def read_groups() -> dict[str, tuple[str, ...]]:
    """Members of each shipped group of destinations, by the code of the group.

    Examples
    --------
    >>> len(read_groups()["EU27"])
    27
    """
    groups = read_destinations().query("kind == 'group'")
    return dict(zip(groups["code"], groups["members"], strict=True))


def read_exports(*paths: str | Path, today: date | None = None) -> pd.DataFrame:
    """Monthly volumes of all ``paths`` joined: columns `forecast.tables.schema.EXPORT_COLUMNS`.

    Without paths, the shipped ones; ``"shipped"`` names the packaged file. Files in other columns than the project's
    are imported as `forecast.sources.importing.import_exports` does. Figures that stand in two files and agree are one;
    a series of the user's own stands instead of the shipped one.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.

    Examples
    --------
    >>> sorted(read_exports().columns)[:3]
    ['destination', 'month', 'precision_t']
    """
    return exports_in(paths, today).exports


@dataclass(frozen=True)
class ExportFiles:
    """What stands in files of export figures: ``exports``, and a line each in ``said`` for what the imported ones were.

    Among these lines are the ``replaced`` ones, which say whose figures were taken in place of others.
    """

    exports: pd.DataFrame
    said: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def exports_in(paths: Collection[str | Path], today: date | None = None) -> ExportFiles:
    """The figures of all ``paths``, as `read_exports` gives them, with a word on every file that was imported.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.
    """
    given = list(paths) or [SHIPPED]
    mine = [path for path in given if str(path) != SHIPPED]
    foreign = [path for path in mine if not in_own_columns(Path(path))]
    own = [path for path in mine if path not in foreign]
    problems, said = [], []
    sources: list[TableOfFiles] = []
    try:
        sources += [_own_exports(own, today)] if own else []
    except TableError as error:
        problems += error.problems
    try:
        if foreign:
            imported = import_exports(foreign, today=today)
            sources.append(TableOfFiles(listed([one.file for one in imported.files], 3, 80), imported.exports, {}))
            said = sentences(imported)
    except TableError as error:
        problems += error.problems
    if problems:
        raise TableError(*problems)
    if len(mine) < len(given):
        shipped_ones = exports_table(raw_files([SHIPPED], "exports.csv"), read_destinations())
        sources.append(TableOfFiles("the shipped file", shipped_ones, {}))
    exports, replaced = in_order_of_right(sources)
    return ExportFiles(exports, (*said, *replaced), tuple(replaced))


def in_own_columns(path: Path) -> bool:
    """Whether a file is to be read strictly: our columns, no units or flows, in its first row, or nothing to import."""
    try:
        if not is_file(path):
            return True
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return True
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    first = {cell.strip().strip("\"'\u201c\u201d\u201e ").lower() for cell in text.partition("\n")[0].split(",")}
    if first & _NOT_STRICT or ("volume_t" not in first and any(map(unit_in, first))):
        return False
    return not any(first) or len(first & set(EXPORT_COLUMNS[:4])) >= 2 or head.startswith(_NO_TABLE)


def _own_exports(paths: list[str | Path], today: date | None) -> TableOfFiles:
    """The user's own table."""
    raw = without_repeats(raw_files(paths, "exports.csv"))
    table = _under_slugs(exports_table(raw, read_destinations(), today))
    files: dict[SeriesKey, str] = {}
    for name, rows in raw.items() if len(raw) > 1 else ():
        for product, destination in rows[["product", "destination"]].drop_duplicates().itertuples(index=False):
            files.setdefault((product_of(product), destination), name)
    return TableOfFiles(next(iter(raw)), table, files)


def _under_slugs(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the slug of every product that is given by its HS code."""
    slugs = {word: product_of(word) for word in table["product"].unique()}
    if all(word == slug for word, slug in slugs.items()):
        return table
    named = table.assign(product=table["product"].map(slugs).astype(table["product"].dtype))
    again = named[named.duplicated([*FIGURE_KEY, "released"])]
    if len(again):
        row = again.iloc[0]
        twice = f"{row['destination']} {row['month']} stands under {row['product']} and under its customs code"
        raise TableError(f"exports: {twice} ({counted(len(again), 'figure')}). One row per product and month.")
    return named


def of_other_products(table: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``table`` of products that ``own`` does not have: what is learned from beside figures of one's own.

    Not series by series: parts of one source beside the total of another would be reconciled with it.

    Examples
    --------
    >>> shipped_ones, own = pd.DataFrame({"product": ["gallium", "urea"]}), pd.DataFrame({"product": ["urea"]})
    >>> of_other_products(shipped_ones, own)["product"].tolist()
    ['gallium']
    """
    return table[~table["product"].isin(own["product"].unique())].reset_index(drop=True)


def without_repeats(files: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Raw tables without the rows that stand in an earlier file, with the same figure of the same release.

    Examples
    --------
    >>> row = pd.DataFrame({"product": ["w"], "destination": ["USA"], "month": ["2025-05"], "volume_t": ["1"]})
    >>> [len(raw) for raw in without_repeats({"a.csv": row, "b.csv": row}).values()]
    [1, 0]
    """
    key = [*EXPORT_COLUMNS[:5]]
    if len(files) < 2 or any(not set(key[:4]) <= set(raw.columns) for raw in files.values()):
        return files
    left, seen = {}, pd.MultiIndex.from_tuples([], names=key)
    for name, raw in files.items():
        cells = raw.loc[:, ~raw.columns.duplicated()].reindex(columns=key, fill_value="")
        rows = pd.MultiIndex.from_frame(cells.assign(volume_t=pd.to_numeric(cells["volume_t"], errors="coerce")))
        left[name] = raw[~rows.isin(seen)]
        seen = seen.append(rows)
    return left


def read_period_totals(*paths: str | Path, today: date | None = None) -> pd.DataFrame:
    """Volumes of several months together, with the columns `PERIOD_TOTAL_COLUMNS`; paths as in `read_exports`.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.
    """
    return period_totals_table(raw_files(paths or [SHIPPED], "period_totals.csv"), read_destinations(), today)


def read_events(*paths: str | Path) -> pd.DataFrame:
    """Policy events: columns `forecast.tables.schema.EVENT_COLUMNS`, a row each; paths as in `read_exports`.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.
    """
    given = tuple(map(str, paths)) or (SHIPPED,)
    return _shipped_events().copy() if given == (SHIPPED,) else _events(given)


@cache
def _shipped_events() -> pd.DataFrame:
    """The shipped calendar, read once."""
    return _events((SHIPPED,))


def _events(paths: Collection[str]) -> pd.DataFrame:
    table = events_table(raw_files(paths, "events.csv"), read_destinations(), KINDS)
    return table.assign(products=table["products"].map(lambda products: tuple(map(product_of, products))))


def raw_files(paths: Collection[str | Path], shipped_name: str) -> dict[str, pd.DataFrame]:
    """Every cell as a stripped string, a table per file, by the name that messages use.

    That is the file's own name, or the path as given where two files share one. ``"shipped"`` among the paths means
    the packaged file ``shipped_name``. Rows are indexed by their number in the file; blank ones are left out.

    Raises
    ------
    TableError
        A sentence for every file that cannot be read or is no CSV file in UTF-8 with rows as long as its header.

    Examples
    --------
    >>> table = raw_files([SHIPPED], "destinations.csv")["destinations.csv"]
    >>> table.loc[table["code"] == "DEU", "name"].item()
    'Germany'
    """
    given = {str(path): shipped(shipped_name) if str(path) == SHIPPED else Path(path) for path in paths}
    count = Counter(path.name for path in given.values())
    files, problems = {}, []
    for word, path in given.items():
        name = path.name if count[path.name] == 1 else f"shipped {path.name}" if word == SHIPPED else word
        try:
            files[name] = _raw_table(name, path)
        except TableError as error:
            problems += error.problems
    if problems:
        raise TableError(*problems)
    return files


def _raw_table(name: str, path: Path) -> pd.DataFrame:
    """Every cell of a CSV file as a stripped string, indexed by row number; blank rows are left out."""
    content = _content(name, path)
    plainly = _by_columns(content)
    if plainly is None:
        return _by_records(name, content)
    header, rows = plainly
    _check_delimiter(name, header)
    return rows.set_axis(header, axis=1)


def _by_columns(content: bytes) -> tuple[list[str], pd.DataFrame] | None:
    """Header and cells of a file that needs no reading row by row; None for any other."""
    plainly = header_and_columns(content)
    return None if plainly is None or _quoted_again(*plainly) else plainly


def _by_records(name: str, content: bytes) -> pd.DataFrame:
    """The same row by row, by the rules of `csv`, with a sentence for every row that is too long or too short."""
    records = list(_records(name, unwrapped(_text(name, content))))
    if not records:
        raise TableError(f"{name}: expected a header and rows, found an empty file.")
    (_, header), *records = _bare(records)
    _check_delimiter(name, header)
    wrong = [
        f"{name} row {row}: expected {len(header)} fields as in the header, found {len(fields)}."
        for row, fields in records
        if len(fields) != len(header)
    ]
    if wrong:
        raise TableError(*wrong)
    rows = [row for row, _ in records]
    return pd.DataFrame([fields for _, fields in records], index=rows, columns=header, dtype=str)


def _quoted_again(header: list[str], rows: pd.DataFrame) -> bool:
    """Whether lines or cells have quotes around them that are text by the rules of CSV."""
    cells = [rows[place].cat.categories for place, name in enumerate(header) if name not in _FREE_TEXT]
    texts = [*header, *(str(text) for column in cells for text in column)]
    return "," in header[0] or any(text[:1] in _MARKS for text in texts)


def _bare(records: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """The rows without quotes that were written into cells: those of free text only where the header has them too."""
    _, header = records[0]
    names = [bare_cell(cell) for cell in header]
    free = {place for place, name in enumerate(names) if name in _FREE_TEXT and names == header}
    if not any(cell[:1] in _MARKS for _, fields in records for cell in fields):
        return records
    return [
        (row, [cell if at in free else bare_cell(cell) for at, cell in enumerate(fields)]) for row, fields in records
    ]


def _content(name: str, path: Path) -> bytes:
    try:
        content = read_regular(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise TableError(f"{name}: expected a CSV file, found none that can be read at {path} ({reason}).") from error
    _check_content(name, content)
    return content


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        found = f"found byte 0x{content[error.start]:02x} in row {row}"
        raise TableError(f"{name}: expected UTF-8 text, {found}. Save the file as UTF-8.") from error


def _check_content(name: str, content: bytes) -> None:
    expected = f"{name}: expected a CSV file, found"
    for signature, what in _NOT_CSV.items():
        if content.startswith(signature):
            raise TableError(f"{expected} {what}.")
    if b"\0" in content:
        raise TableError(f"{expected} binary content.")
    if content.count(b"\n") > MOST_ROWS:
        raise TableError(f"{expected} more than {MOST_ROWS:,} rows. Split the file by product.")
    if _PAGE.match(content):
        raise TableError(f"{expected} an HTML or XML page. Download the file itself.")


def _records(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """(row number in the file, stripped fields) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = 1
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            if any(stripped):
                yield row, stripped
            row = reader.line_num + 1
    except csv.Error as error:
        found = f"found a quote that is not closed or not doubled ({error})"
        raise TableError(f"{name} row {row}: expected fields quoted as in CSV, {found}.") from error


def _check_delimiter(name: str, header: list[str]) -> None:
    if len(header) > MOST_COLUMNS:
        raise TableError(f"{name} row 1: expected at most {MOST_COLUMNS:,} columns, found {len(header):,}.")
    for mark, what in {";": "semicolons", "\t": "tabs", "|": "bars"}.items() if len(header) == 1 else ():
        if mark in header[0]:
            raise TableError(f"{name} row 1: expected fields separated by commas, found {what}. Save it with commas.")
