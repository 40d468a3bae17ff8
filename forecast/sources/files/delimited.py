"""Delimited text: its encoding, its separator, and its rows; or its columns, where it is written plainly.

By columns `pyarrow`'s reader takes each as its different cells, and which of them stands in each row. Where rows differ
in length or have quotes that only the rules of `csv` read, the answer is None, and the caller reads row by row, with a
sentence for what is wrong.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from statistics import median, mode

import numpy as np
import pandas as pd

from forecast.safety.limits import MOST_COLUMNS, MOST_ROWS
from forecast.sources.files.sheet import Sheet, bounded, grid_of
from forecast.tables.cells import recoded
from forecast.tables.read import TableError
from forecast.vocabulary.words.encodings import decoded

LARGE = 8_000_000
"""Bytes from which rows are parsed by columns where every row has the same fields."""

HEAD = 20_000
"""Characters by which the separator is known."""

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_WRAPPED = re.compile(r'\s*"((?:[^"]|"")*)"[\s,;|]*')
"""A line that is one quoted cell, its own quotes doubled, empty cells behind it."""

KEYS_BEFORE_TABS = re.compile(r'"?(?P<keys>[\w,]+)\\[\w ]+"?\t')
r"""The beginning of a file of Eurostat's, such as ``reporter,partner,flow\time`` and a tab."""

_PAIRS = {('"', '"'), ("'", "'"), *zip("\u201c\u201e\u201e\u201d", "\u201d\u201c\u201d\u201d", strict=True)}
"""Marks that stand around a cell that was quoted as text."""

MOST_QUOTINGS = 3
"""How many times over a line or a cell may have been quoted."""

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'
_BLOCK = 2**23
"""Bytes that are looked at together, and read by one task."""

_THREADED = 2**20
"""Bytes from which several threads read."""

_MOST_COLUMNS = 200
"""Columns up to which text is read by columns."""


def delimited_sheet(file: str, content: bytes) -> Sheet:
    """The rows of a text file as one sheet.

    Raises
    ------
    TableError
        Where a quote is not closed, a field is endless, or there are more rows than can be used.
    """
    if content.count(b"\n") > MOST_ROWS:
        raise TableError(f"{file}: expected at most {MOST_ROWS:,} rows, found more. Split the file by product.")
    if len(content) > LARGE:
        sheet = _by_columns(file, content)
        if sheet is not None:
            return sheet
    text, encoding = decoded(content)
    said, stated, skipped = _stated_separator(text)
    body = unwrapped(stated)
    separator = said or _separator(body)
    twice = ", quoted twice" if body is not stated else ""
    rows = ((row, [bare_cell(cell) for cell in cells]) for row, cells in _records(file, body, separator))
    grid = grid_of(bounded(file, rows))
    grid.index = grid.index + skipped
    return Sheet(file, _kind(separator, encoding) + twice, grid, separator)


def unwrapped(text: str) -> str:
    r"""The text with the lines that were quoted whole, once more than their cells, as they were before.

    A line counts as one of these where it then has as many cells as most lines. Where a quoted cell goes over several
    lines, nothing is changed.

    Examples
    --------
    >>> unwrapped('"a,b"\n"1,""x, y"" "\n2,z\n')
    'a,b\n1,"x, y" \n2,z\n'
    """
    lines = text.splitlines(keepends=True) if '"' in text else []
    if not any(_WRAPPED.fullmatch(line) for line in lines) or any(line.count('"') % 2 for line in lines):
        return text
    bare = [_bare_line(line) for line in lines]
    mark = _separator("".join(bare))
    counts = [_outside_quotes(line, mark) for line in bare]
    usual = mode([count for count, line in zip(counts, bare, strict=True) if line.strip()] or [0])
    chosen = [new if count == usual and count else old for old, new, count in zip(lines, bare, counts, strict=True)]
    return text if chosen == lines else "".join(chosen)


def _bare_line(line: str) -> str:
    """A line without the quotes around the whole of it."""
    end = line[len(line.rstrip("\r\n")) :]
    for _ in range(MOST_QUOTINGS):
        found = _WRAPPED.fullmatch(line)
        if not found:
            break
        line = found.group(1).replace('""', '"') + end
    return line


def bare_cell(cell: str) -> str:
    """A cell without marks of quotation around the whole of it.

    Examples
    --------
    >>> bare_cell('"USA"'), bare_cell("'2025-05'"), bare_cell("1'234"), bare_cell('"Soy" and "Rice"')
    ('USA', '2025-05', "1'234", '"Soy" and "Rice"')
    """
    for _ in range(MOST_QUOTINGS):
        text = cell.strip()
        if len(text) < 2 or (text[0], text[-1]) not in _PAIRS or {text[0], text[-1]} & {*text[1:-1].strip("\"'")}:
            break
        cell = text[1:-1]
    return cell


def _kind(separator: str, encoding: str) -> str:
    return f"text separated by {_SEPARATORS[separator]}, {encoding}"


def _stated_separator(text: str) -> tuple[str, str, int]:
    """The separator of a first line ``sep=;``, the text below it, and how many rows that line took."""
    first, _, rest = text.partition("\n")
    word = first.strip().strip('"')
    if word.lower().startswith("sep=") and len(word) <= 5:
        mark = first.strip("\r\n").strip('"')[4:5] or "\t"
        return (mark if mark in _SEPARATORS else ""), rest, 1
    return "", text, 0


def _separator(text: str) -> str:
    """The mark that parts the most of the first lines into equally many cells, header included; then into most.

    It is the tab where the first line is one of Eurostat, which parts keys by commas, and months by tabs.
    """
    if KEYS_BEFORE_TABS.match(text):
        return "\t"
    lines = [line for line in text[:HEAD].splitlines() if line.strip()][:30] or [""]
    counts = {mark: [_outside_quotes(line, mark) for line in lines] for mark in _SEPARATORS}
    alike = {mark: max((many.count(one) for one in many if one), default=0) for mark, many in counts.items()}
    usual = {mark: (alike[mark], median(many), sum(many)) for mark, many in counts.items()}
    return max(usual, key=lambda mark: usual[mark])


def _outside_quotes(line: str, mark: str) -> int:
    parts = line.split('"')
    return sum(part.count(mark) for part in parts[::2]) if len(parts) % 2 else line.count(mark)


def _records(file: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(row number, fields) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 1
    try:
        for fields in reader:
            if any(field and not field.isspace() for field in fields):
                yield row, fields
            row = reader.line_num + 1
    except csv.Error as error:
        raise TableError(_badly_quoted(file, row, error)) from error


def _badly_quoted(file: str, row: int, error: csv.Error) -> str:
    found = f"found a quote that is not closed or not doubled, or a field without end ({error})"
    return f"{file} row {row}: expected fields quoted as in CSV, {found}."


def _by_columns(file: str, content: bytes) -> Sheet | None:
    """A file of UTF-8 read by columns; None where rows differ in length or quotes stand inside fields."""
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    head = content[start : start + 2 * HEAD].decode(errors="replace")
    said, body, skipped = _stated_separator(head)
    separator = said or _separator(body)
    start += content[start:].find(b"\n") + 1 if skipped else 0
    try:
        width = len(next(csv.reader([body.partition("\n")[0]], delimiter=separator), []))
    except csv.Error:
        return None
    fits = 1 < width <= MOST_COLUMNS and is_plain(content, separator)
    grid = coded_columns(content, start, width, separator) if fits else None
    if grid is None:
        return None
    grid.index = pd.RangeIndex(1 + skipped, len(grid) + 1 + skipped)
    return Sheet(file, _kind(separator, "UTF-8"), grid, separator)


# By columns ----------------------------------------------------------------------------------------------------------


def header_and_columns(content: bytes) -> tuple[list[str], pd.DataFrame] | None:
    r"""The stripped cells of the first line and of the rows below it, of CSV in UTF-8; None where it is not plain.

    The frame has the columns 0, 1, 2..., each categories in the order of their first row, the numbers of the rows in
    the file as index, and no row that is blank.

    Examples
    --------
    >>> header, rows = header_and_columns(b"month,volume_t\n2025-05, 46\n,\n2025-06,47\n")
    >>> header, rows.to_numpy().tolist(), rows.index.tolist()
    (['month', 'volume_t'], [['2025-05', '46'], ['2025-06', '47']], [2, 4])
    >>> header_and_columns(b'a,b\n1,2 "two"\n') is None
    True
    """
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    end = content.find(b"\n", start) + 1
    if not end or not is_plain(content, ","):
        return None
    try:
        first = content[start:end].decode().strip("\r\n")
        header = [name.strip() for name in next(csv.reader([first], strict=True), [])]
    except (UnicodeDecodeError, csv.Error):
        return None
    rows = coded_columns(content, end, len(header), ",") if any(header) else None
    if rows is None:
        return None
    rows.index = pd.RangeIndex(2, len(rows) + 2)
    return header, _without_blank_rows(rows.apply(_stripped))


def coded_columns(content: bytes, start: int, width: int, separator: str) -> pd.DataFrame | None:
    """The rows of ``content`` from byte ``start`` on as ``width`` columns of categories; None where one is longer.

    ``content`` is UTF-8 and plain (`is_plain`).
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    body = memoryview(content)[start : _end(content)]
    if not body or width > _MOST_COLUMNS or bytes(body[:3]) == codecs.BOM_UTF8:
        return None
    names = [str(number) for number in range(width)]
    coded = pa.dictionary(pa.int32(), pa.string())
    freed = pa.system_memory_pool()  # gives back at once what it frees
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK // 2, use_threads=len(body) > _THREADED),
            arrow_csv.ParseOptions(delimiter=separator, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, coded), strings_can_be_null=False),
            memory_pool=freed,
        )
    except pa.ArrowInvalid:
        return None
    whole = table.unify_dictionaries(freed).combine_chunks(freed)
    return pd.DataFrame({number: _categories(whole.column(number)) for number in range(width)})


def _end(content: bytes) -> int:
    """Where the last line that is not empty ends."""
    end = len(content)
    while content[end - 1 : end] in (b"\n", b"\r"):
        end -= 1
    return end


def _categories(column: object) -> pd.Categorical:
    """A column of arrow's dictionary type."""
    chunk = column.chunk(0)  # type: ignore[attr-defined]
    return pd.Categorical.from_codes(chunk.indices.to_numpy(), pd.Index(chunk.dictionary.to_pandas()))


def is_plain(content: bytes, separator: str) -> bool:
    """Whether lines end in one way, no field is endless, and quotes stand around whole fields of one line only."""
    if content.count(b"\r") != content.count(b"\r\n"):
        return False
    longest = csv.field_size_limit()
    marks = np.frombuffer(content, dtype=np.uint8)
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    while start < len(content):
        stop = content.rfind(b"\n", start, start + _BLOCK) + 1 or len(content)
        if stop - start > 2 * _BLOCK or not _plain_lines(marks[start:stop], ord(separator), longest):
            return False
        start = stop
    return True


def _plain_lines(block: np.ndarray, separator: int, longest: int) -> bool:
    """`is_plain` of whole lines."""
    ends = np.flatnonzero(block == _LINE_FEED)
    if np.diff(ends, prepend=-1, append=len(block)).max() > longest:
        return False
    quotes = np.flatnonzero(block == _QUOTE)
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opened, closed = quotes[::2], quotes[1::2]
    before = np.where(opened > 0, block[opened - 1], _LINE_FEED)
    after = np.where(closed + 1 < len(block), block[np.minimum(closed + 1, len(block) - 1)], _LINE_FEED)
    around = np.isin(before, (separator, _LINE_FEED)).all() and np.isin(after, (separator, _LINE_FEED, _RETURN)).all()
    return bool(around and (np.searchsorted(ends, opened) == np.searchsorted(ends, closed)).all())


def _stripped(cells: pd.Series) -> pd.Series:
    """Cells without blanks around them."""
    texts = cells.cat.categories
    bare = texts.str.strip()
    return cells if bare.equals(texts) else recoded(cells, bare)


def _without_blank_rows(rows: pd.DataFrame) -> pd.DataFrame:
    blank = np.ones(len(rows), dtype=bool)
    for name in rows:
        if "" not in rows[name].cat.categories:
            return rows
        blank &= rows[name].cat.codes.to_numpy() == rows[name].cat.categories.get_loc("")
    return rows[~blank] if blank.any() else rows
