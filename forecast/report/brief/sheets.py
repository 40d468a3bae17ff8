"""The tables of a briefing to go on with: an Excel workbook, Markdown to paste, and the page on paper (PDF)."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from forecast.report.brief.behind import Behind
from forecast.report.brief.page import brief_tables
from forecast.report.brief.tables import BriefTable, Cell, written
from forecast.report.outlook import Outlook
from forecast.report.text import spoken
from forecast.safety.inert import markdown, visible

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PRINT_SECONDS = 120
LONGEST_TITLE, WIDEST_COLUMN = 31, 60


class PrintError(ValueError):
    """Why there is no PDF: one sentence."""


# Markdown ------------------------------------------------------------------------------------------------------------


def brief_markdown(found: Sequence[Outlook], behind: Behind) -> str:
    """Headline, tables and notes of every product as Markdown that shows hostile text as it is."""
    return "\n".join(line for outlook in found for line in _product(outlook, behind))


def _product(found: Outlook, behind: Behind) -> list[str]:
    title = f"## {markdown(spoken(found.product).capitalize())}"
    headline = markdown(" ".join(behind.headline(found)))
    listed = [line for table in brief_tables(found, behind) for line in _markdown_table(table)]
    remarks = [f"- {remark.label}: {markdown('; '.join(remark.lines))}" for remark in found.remarks]
    return [title, "", headline, "", *listed, *remarks, ""]


def _markdown_table(table: BriefTable) -> list[str]:
    rows = [table.head, ["---"] * len(table.head), *([*map(markdown, line)] for line in written(table))]
    return [f"### {markdown(table.caption)}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]


# Excel ---------------------------------------------------------------------------------------------------------------


def brief_workbook(found: Sequence[Outlook], behind: Behind) -> bytes:
    """A workbook with a sheet a table: tonnes are numbers, an interval is two columns, and no text is a formula.

    The same outlooks are the same bytes: where the library puts the time of writing stands the issue day.
    """
    book = Workbook()
    book.remove(book.active)
    for outlook in found:
        for table in brief_tables(outlook, behind):
            _fill(book.create_sheet(_title(table.caption, book.sheetnames)), table)
    content = BytesIO()
    book.save(content)
    return _dated(content, found[0].issued)


def _dated(workbook: BytesIO, day: date) -> bytes:
    made, midnight = BytesIO(), f"{day}T00:00:00Z".encode()
    with ZipFile(workbook) as parts, ZipFile(made, "w") as dated:
        for name in parts.namelist():
            part = parts.read(name)
            part = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", midnight, part) if name == "docProps/core.xml" else part
            dated.writestr(ZipInfo(name), part, ZIP_DEFLATED)
    return made.getvalue()


def _title(caption: str, taken: Sequence[str]) -> str:
    """A name of a sheet: without the letters that Excel refuses, of its length, and not there yet.

    Examples
    --------
    >>> _title("Parts: World [2026-08]", []), _title("a", ["a"])
    ('Parts  World  2026-08', 'a 2')
    """
    plain = "".join(" " if letter in "[]:*?/\\'" else letter for letter in visible(caption)).strip() or "table"
    known = {name.casefold() for name in taken}
    endings = ("" if number == 1 else f" {number}" for number in itertools.count(1))
    names = (f"{plain[: LONGEST_TITLE - len(ending)]}{ending}" for ending in endings)
    return next(name for name in names if name.casefold() not in known)


def _fill(sheet: Worksheet, table: BriefTable) -> None:
    wide = [any(isinstance(cell, tuple) for cell in column) for column in zip(*table.lines, strict=True)]
    _write(sheet, 1, [table.caption])
    _write(sheet, 2, [name for heading, two in zip(table.head, wide, strict=True) for name in _headings(heading, two)])
    for place, line in enumerate(table.lines, start=3):
        _write(sheet, place, [one for cell, two in zip(line, wide, strict=True) for one in _cells(cell, two)])
    for cell in (*sheet[1], *sheet[2]):
        cell.font = Font(bold=True)
    sheet.freeze_panes = "B3"
    for number, column in enumerate(sheet.iter_cols(min_row=2), start=1):
        letters = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[get_column_letter(number)].width = min(max(letters + 2, 9), WIDEST_COLUMN)


def _headings(name: str, two: bool) -> list[str]:
    return [f"{name}, from", f"{name}, to"] if two else [name]


def _cells(cell: Cell, two: bool) -> list[str | float]:
    if isinstance(cell, tuple):
        return [*cell]
    return [cell, ""] if two else [cell]


def _write(sheet: Worksheet, row: int, cells: Sequence[str | float]) -> None:
    """Put cells into a row; text is text, also where it begins like a formula."""
    for column, value in enumerate(cells, start=1):
        cell = sheet.cell(row, column)
        if isinstance(value, str) and value:
            cell.value = visible(value)
            cell.data_type = "s"
            cell.quotePrefix = True
            cell.alignment = Alignment(vertical="top")
        elif isinstance(value, float) and not math.isnan(value):
            cell.value = value
            cell.number_format = "#,##0.0"


# Paper ---------------------------------------------------------------------------------------------------------------


def brief_pdf(page: str) -> bytes:
    """The page as PDF, printed by Chromium.

    Raises
    ------
    PrintError
        When there is no Chromium, or it prints nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        names = ", ".join(BROWSERS)
        raise PrintError(f"--pdf: expected {names}, found none. Install Chromium, or print the page from a browser.")
    with TemporaryDirectory(prefix="forecast-brief-") as scratch:
        source, target = Path(scratch) / "brief.html", Path(scratch) / "brief.pdf"
        source.write_text(page, encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={scratch}/own",
        ]
        command = [browser, *flags, f"--print-to-pdf={target}", source.as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=PRINT_SECONDS, check=False)
        if done.returncode or not target.is_file():
            raise PrintError(
                f"--pdf: expected {browser} to print the page, found that it ended with {done.returncode}."
            )
        return target.read_bytes()
