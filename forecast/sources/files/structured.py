"""JSON and Parquet as sheets whose first row is the header."""

from __future__ import annotations

import io
import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from forecast.safety.limits import MOST_CELLS, MOST_COLUMNS, MOST_ROWS
from forecast.sources.files.delimited import decoded
from forecast.sources.files.sheet import Sheet, bounded, grid_of
from forecast.sources.files.workbook import cell_text
from forecast.tables.read import TableError
from forecast.vocabulary.text import shown

if TYPE_CHECKING:
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

LARGEST_TEXT = 2_000_000_000
"""Bytes that the text of a Parquet file may have, each word counted as often as it stands."""

_LISTS = ("data", "dataset", "results", "value", "items", "rows", "records")
"""Names under which services put the list of rows."""


def json_sheet(file: str, content: bytes) -> Sheet:
    """A list of objects, a list of lists whose first is the header, or an object that holds one of these.

    Raises
    ------
    TableError
        Where the text is no JSON, or holds no list of rows.
    """
    try:
        said = json.loads(decoded(content)[0])
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error), 80)
        raise TableError(f"{file}: expected JSON, found text that cannot be read as it ({reason}).") from error
    rows = _rows(said)
    if not rows:
        raise TableError(f"{file}: expected JSON with a list of rows, found {_instead(said)}.")
    return Sheet(file, "JSON", _grid(file, rows))


def parquet_sheet(file: str, content: bytes) -> Sheet:
    """The columns of a Parquet file, an index that pandas kept among them.

    Raises
    ------
    TableError
        Where the file is damaged, or would be larger in memory than a table may be.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(io.BytesIO(content))
        rows, columns = opened.metadata.num_rows, opened.metadata.num_columns
        if rows > MOST_ROWS:
            raise TableError(f"{file}: expected at most {MOST_ROWS:,} rows, found {rows:,}.")
        if columns > MOST_COLUMNS or rows * columns > 10 * MOST_CELLS:
            raise TableError(f"{file}: expected a table that fits, found {rows:,} rows of {columns:,} columns.")
        frame = _unpacked(file, content, opened).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, TableError):
            raise
        reason = shown(str(error), 80)
        raise TableError(f"{file}: expected Parquet, found a file that cannot be read as it ({reason}).") from error
    return Sheet(file, "Parquet", frame_grid(frame))


def _unpacked(file: str, content: bytes, opened: ParquetFile) -> Table:
    """The columns of a file, text as codes: a word that is repeated is there once, and is counted as often as it is."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    nested = [field.name for field in opened.schema_arrow if pa.types.is_nested(field.type)]
    if nested:
        raise TableError(f"{file}: expected a cell in each column, found lists in {shown(nested[0])!r}.")
    physical = [opened.schema.column(number) for number in range(opened.metadata.num_columns)]
    texts = [column.path for column in physical if column.physical_type == "BYTE_ARRAY"]
    table = parquet.ParquetFile(io.BytesIO(content), read_dictionary=texts).read()
    size = sum(
        compute.sum(compute.take(compute.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for column in table.columns
        for chunk in column.chunks
        if pa.types.is_dictionary(chunk.type)
    )
    if size > LARGEST_TEXT:
        raise TableError(f"{file}: expected at most {LARGEST_TEXT // 10**6:,} MB of text, found {size // 10**6:,} MB.")
    return table


def frame_grid(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame's cells as text below a first row of its headings."""
    texts = {number: frame.iloc[:, number].astype(object).map(cell_text) for number in range(frame.shape[1])}
    cells = pd.DataFrame(texts, dtype=str)
    header = pd.DataFrame([[str(name) for name in frame.columns]], columns=list(texts), dtype=str)
    grid = pd.concat([header, cells], ignore_index=True)
    grid.index = pd.RangeIndex(len(grid))
    return grid


def _rows(said: Any) -> list[Any]:
    """The list of rows in an answer; empty where there is none."""
    if isinstance(said, dict):
        by_name = {str(name).lower(): held for name, held in said.items()}
        lists = [by_name[name] for name in _LISTS if isinstance(by_name.get(name), list | dict)]
        return next((rows for held in lists if (rows := _rows(held))), [])
    if isinstance(said, list) and said and all(isinstance(row, dict) for row in said):
        return said
    return said if isinstance(said, list) and said and all(isinstance(row, list) for row in said) else []


def _grid(file: str, rows: list[Any]) -> pd.DataFrame:
    numbered = enumerate(rows, start=1)
    if isinstance(rows[0], list):
        return grid_of(bounded(file, ((number, [_json_text(value) for value in row]) for number, row in numbered)))
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    cells = ((number, [_json_text(row.get(name)) for name in names]) for number, row in numbered)
    return grid_of(bounded(file, chain([(0, [*map(cell_text, names)])], cells)))


def _json_text(value: Any) -> str:
    return shown(json.dumps(value), 200) if isinstance(value, list | dict) else cell_text(value)


def _instead(said: Any) -> str:
    if isinstance(said, dict):
        error = next((str(said[name]) for name in ("error", "errorObject", "message") if said.get(name)), "")
        empty = any(said.get(name) == [] for name in _LISTS)
        return f"the answer {shown(error, 100)!r}" if error else "an empty list" if empty else "an object without one"
    return "an empty list" if said == [] else f"a {type(said).__name__}"
