"""The sheets in a file, whatever its name: the container is known by its first bytes."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import replace
from gzip import GzipFile
from pathlib import Path, PurePosixPath

from forecast.safety.atomic import read_regular
from forecast.safety.limits import LARGEST_FILE
from forecast.sources.files.delimited import delimited_sheet
from forecast.sources.files.sheet import Sheet
from forecast.sources.files.structured import json_sheet, parquet_sheet
from forecast.sources.files.workbook import BROKEN_ARCHIVE, is_workbook, old_workbook_sheets, workbook_sheets
from forecast.tables.read import TableError
from forecast.vocabulary.text import shown
from forecast.vocabulary.words.encodings import of_two_bytes

_REFUSED = {
    b"BZh": "a bzip2 archive. Unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive. Unpack it first",
    b"Rar!": "a RAR archive. Unpack it first",
    b"%PDF": "a PDF document. Download the table as CSV",
    b"\x89PNG": "a picture. Download the table as CSV",
    b"{\\rtf": "a text document. Save the table as CSV",
}


_NOTES = ("readme", "license", "licence", "metadata", "liesmich", "leiame", "lisezmoi", "notes")
_DOCUMENTS = {".pdf", ".doc", ".docx", ".html", ".htm", ".xml", ".png", ".jpg", ".rtf", ".md"}
"""Beginnings of names, and endings, of files in an archive that are no tables."""

MOST_FILES = 200
"""Tables that an archive may have."""

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
        return workbook_sheets(file, content) if is_workbook(file, content) else _of_archive(file, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return old_workbook_sheets(file, content)
    if content.startswith(b"PAR1"):
        return [parquet_sheet(file, content)]
    bare = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"<"):
        raise TableError(f"{file}: expected a table, found an HTML or XML page. Download the file itself.")
    if bare[:1] in (b"{", b"["):
        return [json_sheet(file, content)]
    if b"\0" in content and not (content.startswith((b"\xff\xfe", b"\xfe\xff")) or of_two_bytes(content)):
        raise TableError(f"{file}: expected a table, found binary content.")
    return [delimited_sheet(file, content)]


def _of_archive(file: str, content: bytes) -> list[Sheet]:
    """The sheets of all tables in a zip archive, each under the name of the archive and its own."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [part for part in archive.infolist() if _can_be_table(part.filename)]
        if not parts or len(parts) > MOST_FILES:
            found = f"{len(parts):,} files that can be one" if parts else "none"
            raise TableError(f"{file}: expected tables in the zip archive, at most {MOST_FILES}, found {found}.")
        if sum(part.file_size for part in parts) > LARGEST_FILE:
            limit = f"{LARGEST_FILE / 1e6:,.0f} MB"
            raise TableError(f"{file}: expected at most {limit} unpacked, found more. Ask for fewer products or years.")
        sheets = []
        for part in parts:
            stem = shown(PurePosixPath(part.filename).stem, 60)
            name = f"{file} [{stem}]" if len(parts) > 1 else file
            held = _member(file, archive, part)
            if held.startswith((b"PK\x03\x04", GZIP)) and not (held[:1] == b"P" and is_workbook(name, held)):
                raise TableError(f"{name}: expected a table, found an archive inside another. Unpack it first.")
            inside = sheets_in(name, held) if held.strip() else []
            sheets += [replace(sheet, title=sheet.title or stem) for sheet in inside] if len(parts) > 1 else inside
        return sheets


def _member(file: str, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(part) as member:
            return member.read(part.file_size + 1)
    except BROKEN_ARCHIVE as error:
        raise TableError(
            f"{file}: expected a zip archive that can be unpacked, found one that is damaged, or locked by a password. "
            "Unpack it and give the files inside."
        ) from error


def _can_be_table(name: str) -> bool:
    """Whether the name of a file in an archive is none of a document, a picture or what systems leave beside files."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    notes = path.stem.lower().startswith(_NOTES) and path.suffix.lower() in (".txt", ".md", "")
    return not (name.endswith("/") or hidden or notes) and path.suffix.lower() not in _DOCUMENTS


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
