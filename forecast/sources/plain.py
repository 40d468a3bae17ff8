"""CSV files in the project's own columns, the shipped ones among them.

Reading has two halves. Here: is this a CSV file at all, in UTF-8, separated by commas, every row with as many fields as
the header? In `forecast.tables.read`: is every cell, and every pair of rows, what it must be?
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import pandas as pd

from forecast.realtime.events import KINDS
from forecast.tables.read import TableError, destinations_table, events_table, exports_table, period_totals_table

SHIPPED = "shipped"
"""The word that names the packaged file where a path is expected."""

_NOT_CSV = {
    b"PK\x03\x04": "a zip archive or an Excel workbook. Save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook. Save the sheet as CSV",
    b"\x1f\x8b": "a gzip archive. Unpack it first",
    b"%PDF": "a PDF document. Export its table as CSV",
    b"\xff\xfe": "UTF-16 text. Save it as UTF-8",
    b"\xfe\xff": "UTF-16 text. Save it as UTF-8",
}


def shipped(name: str) -> Path:
    """The packaged data file ``name``: inside an installed package, or in the ``data/`` folder of a checkout.

    Examples
    --------
    >>> shipped("exports.csv").name
    'exports.csv'
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "data" / name
    return installed if installed.exists() else package.parent / "data" / name


def read_destinations() -> pd.DataFrame:
    """The shipped destinations and groups: columns `forecast.tables.schema.DESTINATION_COLUMNS`, a row per code.

    Examples
    --------
    >>> read_destinations().set_index("code").loc["DEU", "name"]
    'Germany'
    """
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

    Without paths, the shipped ones; ``"shipped"`` names the packaged file. A key that stands twice is an error, in two
    files as in one.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.

    Examples
    --------
    >>> sorted(read_exports().columns)[:3]
    ['destination', 'month', 'precision_t']
    """
    return exports_table(raw_files(paths or [SHIPPED], "exports.csv"), read_destinations(), today)


def read_period_totals(*paths: str | Path, today: date | None = None) -> pd.DataFrame:
    """Volumes of several months together: columns `forecast.tables.schema.PERIOD_TOTAL_COLUMNS`; paths as in `read_exports`.

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
    return events_table(raw_files(paths or [SHIPPED], "events.csv"), read_destinations(), KINDS)


def raw_files(paths: Collection[str | Path], shipped_name: str) -> dict[str, pd.DataFrame]:
    """Every cell as a stripped string, a table per file, by the name that messages use.

    That is the file's own name, or the path as given where two files share one. ``"shipped"`` among the paths stands
    for the packaged file ``shipped_name``. Rows are indexed by their number in the file; blank ones are left out.

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
        shared = f"shipped {path.name}" if word == SHIPPED else word
        name = path.name if count[path.name] == 1 else shared
        try:
            files[name] = _raw_table(name, path)
        except TableError as error:
            problems += error.problems
    if problems:
        raise TableError(*problems)
    return files


def _raw_table(name: str, path: Path) -> pd.DataFrame:
    """Every cell of a CSV file as a stripped string, indexed by row number; blank rows are left out."""
    records = list(_records(name, _text(name, path)))
    if not records:
        raise TableError(f"{name}: expected a header and rows, found an empty file.")
    (_, header), *records = records
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


def _text(name: str, path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TableError(f"{name}: expected a CSV file, found none that can be read at {path} ({reason}).") from error
    _check_content(name, content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        found = f"found byte 0x{byte:02x} in row {row}"
        raise TableError(f"{name}: expected UTF-8 text, {found}. Save the file as UTF-8.") from error


def _check_content(name: str, content: bytes) -> None:
    expected = f"{name}: expected a CSV file, found"
    for signature, what in _NOT_CSV.items():
        if content.startswith(signature):
            raise TableError(f"{expected} {what}.")
    if b"\0" in content:
        raise TableError(f"{expected} binary content.")
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
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
    if len(header) > 1:
        return
    for mark, what in {";": "semicolons", "\t": "tabs", "|": "bars"}.items():
        if mark in header[0]:
            raise TableError(f"{name} row 1: expected fields separated by commas, found {what}. Save it with commas.")
