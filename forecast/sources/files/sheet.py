"""A sheet of text cells, and the table that starts somewhere in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.safety.limits import MOST_CELLS, MOST_COLUMNS
from forecast.tables.cells import Texts, labels
from forecast.tables.read import TableError
from forecast.vocabulary.text import apart, folded, shown, without_note

_NUMBER, _FIRST_GROUP, _GROUP = (re.compile(text) for text in (r"\d+(\.\d+)?", r"\d{1,3}", r"\d{3}(\.\d+)?"))

CODED = re.compile(r"([A-Z][A-Z\d_]+): ?.+")
"""A heading of SDMX with its code and its label, such as ``FREQ: Frequency``."""

HEADER_WITHIN = 40
"""Rows from the top among which a header is sought."""


@dataclass(frozen=True)
class Sheet:
    """Cells as text (or categories that are), none missing.

    ``grid`` has the numbers of the rows in the file as index, columns 0, 1, 2...
    """

    file: str
    kind: str
    """What the container is, such as ``CSV separated by semicolons``."""
    grid: pd.DataFrame
    delimiter: str = ""
    title: str = ""
    """The name of one of several sheets of a workbook."""

    def row(self, position: int) -> list[str]:
        """Cells of the row at ``position``."""
        return [str(cell).strip() for cell in self.grid.iloc[position]]

    def rows(self, most: int = HEADER_WITHIN) -> Iterable[list[str]]:
        """The first rows."""
        return ([str(cell).strip() for cell in row] for row in self.grid.iloc[:most].to_numpy(dtype=object))

    def below(self, position: int) -> Table:
        """The table whose header is the row at ``position``."""
        header = distinct(self.row(position))
        cells = self.grid.iloc[position + 1 :].set_axis(header, axis=1)
        named = [column for column, name in zip(cells.columns, self.row(position), strict=True) if name]
        filled = named or header
        above = tuple(cell for title in self.rows(position) for cell in title if cell)
        return Table(self.file, cells[filled], self.delimiter, above)

    def headed(self, *needed: Collection[str]) -> Table | None:
        """The table whose header has a name of each of ``needed`` (aliases of one column, folded); None without one."""
        for position, row in enumerate(self.rows()):
            names = {folded(cell) for cell in row}
            if all(names & set(aliases) for aliases in needed):
                return self.below(position)
        return None


@dataclass(frozen=True)
class Table:
    """Columns by their headings; the index are the numbers of the rows in the file."""

    file: str
    cells: pd.DataFrame
    delimiter: str = ""
    above: tuple[str, ...] = ()
    """The cells of the title lines above the header."""

    @property
    def headings(self) -> list[str]:
        """The headings, as they stand in the file."""
        return [str(column) for column in self.cells.columns]

    def heading(self, *aliases: str) -> str | None:
        """The first heading that is one of ``aliases`` (folded), in the order of the aliases; notes behind it apart."""
        by_name: dict[str, str] = {}
        for form in (_parted, without_note, str):
            by_name |= {folded(form(heading)): heading for heading in reversed(self.headings)}
        return next((by_name[alias] for alias in aliases if alias in by_name), None)

    def column(self, *aliases: str) -> pd.Series:
        """Stripped cells under the first of ``aliases`` that is there; empty ones where none is."""
        cells = self.coded(self.heading(*aliases) or "")
        return pd.Series(cells.cat.categories.take(cells.cat.codes.to_numpy()), index=cells.index)

    def coded(self, heading: str) -> pd.Series:
        """Stripped cells under a heading as categories; empty ones where it is empty."""
        if not heading:
            return pd.Series(labels(np.zeros(len(self.cells), dtype=np.int8), [""]), index=self.cells.index)
        texts = Texts.of(self.cells[heading])
        return pd.Series(labels(texts.codes, texts.different.str.strip()), index=self.cells.index)

    def filled(self) -> Table:
        """The table without rows that are blank in every column."""
        blank = np.ones(len(self.cells), dtype=bool)
        for heading in self.headings:
            texts = Texts.of(self.cells[heading])
            blank &= np.array([not text.strip() for text in texts.different], dtype=bool)[texts.codes]
            if not blank.any():
                return self
        return replace(self, cells=self.cells[~blank])


def _parted(heading: str) -> str:
    """A heading with its words apart; of one with a code and a label, as SDMX writes both, the code."""
    code = CODED.fullmatch(heading)
    return code[1] if code else apart(heading)


def check_width(sheet: Sheet, header: int) -> None:
    """Check that no row of text separated by commas has numbers parted at marks of thousands beyond its header.

    A column without a heading may have totals.

    Raises
    ------
    TableError
        Where the cells beyond the header are three digits each, and no sums of those before.
    """
    names = sheet.row(header)
    last = max((place for place, name in enumerate(names) if name), default=0)
    if sheet.delimiter != "," or last + 1 >= len(names):
        return
    body = sheet.grid.iloc[header + 1 :]
    for number, row in body[(body[last + 1] != "").to_numpy(dtype=bool)].head(HEADER_WITHIN).iterrows():
        cells = [str(cell).strip() for cell in row]
        beyond = [cell for cell in cells[last:] if cell]
        if not (_FIRST_GROUP.fullmatch(beyond[0]) and _GROUP.fullmatch(beyond[-1])):
            continue
        figures = [float(cell) for cell in cells if _NUMBER.fullmatch(cell)]
        if abs(sum(figures[:-1]) - figures[-1]) > 1e-6 * abs(figures[-1]) + 1:
            found = f"expected {last + 1} cells as in the header, found {len([*filter(None, cells)])}"
            raise TableError(f"{sheet.file} row {number}: {found} ({', '.join(beyond[:4])}). Write numbers with commas "
                             "in quotes, or without commas.")  # fmt: skip


def distinct(names: Sequence[str]) -> list[str]:
    """``names``, cleaned, with a number behind each that stands already before.

    Examples
    --------
    >>> distinct(["Qty", "Qty", ""])
    ['Qty', 'Qty (2)', '']
    """
    seen: dict[str, int] = {}
    unlike = []
    for name in (shown(name, 120) for name in names):
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unlike


def over_empty(row: Sequence[str], hits: Sequence[bool] | None = None) -> list[str]:
    """Cells of a row, or those of them that are ``hits``, each over the empty cells to its right too.

    Examples
    --------
    >>> row = ["", "Quantity", "", "Value"]
    >>> over_empty(row), over_empty(row, [False, True, False, False])
    (['', 'Quantity', 'Quantity', 'Value'], ['', 'Quantity', 'Quantity', ''])
    """
    cells, last = [], ""
    for cell, hit in zip(row, map(bool, row) if hits is None else hits, strict=True):
        last = cell if hit else "" if cell else last
        cells.append(last)
    return cells


def bounded(file: str, rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, Sequence[str]]]:
    """(Row number, cells) of ``rows``, as long as they are no more than can be used.

    Raises
    ------
    TableError
        Where a row has more than `MOST_COLUMNS` cells, or all of them together, filled up to the widest, `MOST_CELLS`.
    """
    widest = 0
    for count, (number, cells) in enumerate(rows, start=1):
        widest = max(widest, len(cells))
        if widest > MOST_COLUMNS:
            raise TableError(f"{file} row {number}: expected at most {MOST_COLUMNS:,} columns, found {widest:,}.")
        if widest * count > MOST_CELLS:
            raise TableError(f"{file} row {number}: expected at most {MOST_CELLS:,} cells, found more. Split the file.")
        yield number, cells


def grid_of(rows: Iterable[tuple[int, Sequence[str]]]) -> pd.DataFrame:
    """A grid of (row number, cells), short rows filled up with empty cells."""
    numbers, fields = [], []
    for number, cells in rows:
        numbers.append(number)
        fields.append(list(cells))
    width = max((len(cells) for cells in fields), default=0)
    padded = [cells if len(cells) == width else cells + [""] * (width - len(cells)) for cells in fields]
    return pd.DataFrame(padded, index=numbers, columns=range(width), dtype=str)
