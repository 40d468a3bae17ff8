"""Delimited text read by columns: each column as its different cells, and which of them stands in each row.

`pyarrow`'s reader takes what is written plainly; where rows differ in length or have quotes that only the
rules of `csv` read, the answer is None, and the caller reads row by row, with a sentence for what is wrong.
"""

from __future__ import annotations

import codecs
import csv

import numpy as np
import pandas as pd

from forecast.tables.cells import recoded

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'
_BLOCK = 2**23
"""Bytes that are looked at together, and read by one task."""

_THREADED = 2**20
"""Bytes from which several threads read."""

_MOST_COLUMNS = 200


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
