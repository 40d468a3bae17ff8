"""The sheets in a file, whatever its name: the container is known by its first bytes."""

from __future__ import annotations

import io
import zlib
from gzip import GzipFile
from pathlib import Path

from forecast.safety.atomic import read_regular
from forecast.safety.limits import LARGEST_FILE
from forecast.sources.files.delimited import delimited_sheet
from forecast.sources.files.sheet import Sheet
from forecast.sources.files.structured import json_sheet, parquet_sheet
from forecast.sources.files.workbook import old_workbook_sheets, workbook_sheets
from forecast.tables.read import TableError
from forecast.vocabulary.text import shown

_REFUSED = {
    b"BZh": "a bzip2 archive. Unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive. Unpack it first",
    b"Rar!": "a RAR archive. Unpack it first",
    b"%PDF": "a PDF document. Download the table as CSV",
    b"\x89PNG": "a picture. Download the table as CSV",
    b"{\\rtf": "a text document. Save the table as CSV",
}


GZIP = b"\x1f\x8b"
"""First bytes of a file that gzip packed."""


def sheets_of(path: Path) -> list[Sheet]:
    """The sheets in the file at ``path``, at least one.

    Raises
    ------
    TableError
        Where the file cannot be read, holds no table, or is of a kind that holds none.
    """
    file = shown(path.name, 80)
    try:
        content = read_regular(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise TableError(
            f"{file}: expected a file of export figures, found none that can be read ({reason})."
        ) from error
    sheets = sheets_in(file, content)
    if not any(len(sheet.grid) for sheet in sheets):
        raise TableError(f"{file}: expected a header and rows, found an empty file.")
    return sheets


def sheets_in(file: str, content: bytes) -> list[Sheet]:
    """The sheets in ``content``, by its first bytes; those of a file that gzip packed are read as they were before.

    Raises
    ------
    TableError
        Where it is damaged, unpacks to more than `LARGEST_FILE`, or is of a kind that holds no table.
    """
    if content.startswith(GZIP):
        content = _unpacked(file, content)
    for signature, what in _REFUSED.items():
        if content.startswith(signature):
            raise TableError(f"{file}: expected a table, found {what}.")
    if content.startswith(b"PK\x03\x04"):
        return workbook_sheets(file, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return old_workbook_sheets(file, content)
    if content.startswith(b"PAR1"):
        return [parquet_sheet(file, content)]
    bare = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"<"):
        raise TableError(f"{file}: expected a table, found an HTML or XML page. Download the file itself.")
    if bare[:1] in (b"{", b"["):
        return [json_sheet(file, content)]
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{file}: expected a table, found binary content.")
    return [delimited_sheet(file, content)]


def _unpacked(file: str, content: bytes) -> bytes:
    """The file in a gzip archive, which may hold no further one."""
    try:
        with GzipFile(fileobj=io.BytesIO(content)) as archive:
            found = archive.read(LARGEST_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{file}: expected a table, found a damaged gzip archive. Download it again.") from error
    if len(found) > LARGEST_FILE:
        limit = f"{LARGEST_FILE / 1e6:,.0f} MB"
        raise TableError(f"{file}: expected at most {limit} unpacked, found more. Ask for fewer products or years.")
    if found.startswith(GZIP):
        raise TableError(f"{file}: expected a table, found a gzip archive inside another. Unpack it first.")
    return found
