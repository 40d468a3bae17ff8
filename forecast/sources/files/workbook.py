"""Excel workbooks, of 2007 and later and of before, a sheet each."""

from __future__ import annotations

import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from forecast.sources.files.sheet import Sheet, bounded, grid_of
from forecast.tables.read import TableError
from forecast.vocabulary.text import shown

MOST_SHEET_ROWS = 2**20
"""Rows that a sheet of a workbook can have."""

WORKBOOK = "xl/workbook.xml"
"""The part that makes a zip archive an .xlsx workbook."""

BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
"""What zipfile raises where an archive is damaged, locked by a password, or packed in a way that it does not know."""

MOST_UNPACKED = 400_000_000
"""Bytes that a workbook may unpack to."""


def workbook_sheets(file: str, content: bytes) -> list[Sheet]:
    """The sheets of an .xlsx workbook that have cells.

    Raises
    ------
    TableError
        Where the file is damaged, or would unpack to more than `MOST_UNPACKED`.
    """
    from openpyxl import load_workbook

    _check_size(file, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions that openpyxl leaves out are of no use here
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            return _sheets(file, "an Excel workbook", [(str(sheet.title), _rows(sheet)) for sheet in book.worksheets])
    except TableError:
        raise
    except Exception as error:  # a damaged workbook fails anywhere in zipfile, the XML parser or openpyxl
        raise TableError(_damaged(file, error)) from error


def _rows(sheet: Any) -> Iterator[Sequence[Any]]:
    """The rows of a sheet one by one, whatever size the sheet says that it has."""
    sheet.reset_dimensions()
    return iter(sheet.iter_rows(values_only=True))


def old_workbook_sheets(file: str, content: bytes) -> list[Sheet]:
    """The sheets of an .xls workbook that have cells.

    Raises
    ------
    TableError
        Where the file is damaged or no workbook.
    """
    import xlrd

    try:
        book = xlrd.open_workbook(file_contents=content, logfile=io.StringIO())
        named = [
            (sheet.name, [[_old(cell, book.datemode) for cell in sheet.row(row)] for row in range(sheet.nrows)])
            for sheet in book.sheets()
        ]
    except Exception as error:  # a damaged workbook fails anywhere in xlrd
        raise TableError(_damaged(file, error)) from error
    return _sheets(file, "an Excel workbook of before 2007", [(title, iter(rows)) for title, rows in named])


def is_workbook(file: str, content: bytes) -> bool:
    """Whether a zip archive is an .xlsx workbook.

    Raises
    ------
    TableError
        Where it is damaged.
    """
    return any(part.filename == WORKBOOK for part in _parts(file, content))


def _parts(file: str, content: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.infolist()
    except BROKEN_ARCHIVE as error:
        raise TableError(_damaged(file, error)) from error


def _check_size(file: str, content: bytes) -> None:
    unpacked = sum(part.file_size for part in _parts(file, content))
    if unpacked > MOST_UNPACKED:
        limit = f"{MOST_UNPACKED / 1e6:.0f} MB"
        raise TableError(f"{file}: expected a workbook of at most {limit} unpacked, found {unpacked / 1e6:.0f} MB.")


def _damaged(file: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:80] or type(error).__name__
    return f"{file}: expected an Excel workbook, found one that cannot be read ({reason}). Save it again, or as CSV."


def _sheets(file: str, kind: str, named: list[tuple[str, Iterator[Sequence[Any]]]]) -> list[Sheet]:
    sheets = []
    for title, rows in named:
        name = file if len(named) == 1 else f"{file} [{shown(title)}]"
        grid = grid_of(bounded(name, _filled(name, rows)))
        if len(grid):
            sheets.append(Sheet(name, kind, grid, title=title if len(named) > 1 else ""))
    return sheets


def _filled(file: str, rows: Iterator[Sequence[Any]]) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells of the rows that have some; empty cells at the end are none."""
    for number, row in enumerate(rows, start=1):
        if number > MOST_SHEET_ROWS:
            raise TableError(f"{file}: expected at most {MOST_SHEET_ROWS:,} rows, found a row of a higher number.")
        cells = [cell_text(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def cell_text(value: object) -> str:
    """A cell's value as text: days as ``YYYY-MM-DD``, whole numbers without a point, nothing as an empty cell.

    Half a letter, as JSON can write it, is U+FFFD.

    Examples
    --------
    >>> cell_text(202505.0), cell_text(datetime(2025, 5, 1)), cell_text(None)
    ('202505', '2025-05-01', '')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, datetime | date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value).strip()
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _old(cell: object, datemode: int) -> object:
    import xlrd

    value, kind = cell.value, cell.ctype  # type: ignore[attr-defined]
    if kind == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(value, datemode)
    return None if kind in (xlrd.XL_CELL_ERROR, xlrd.XL_CELL_EMPTY) else value
