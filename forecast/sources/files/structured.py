"""JSON and Parquet as sheets whose first row is the header."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from itertools import chain
from itertools import product as combinations_of
from typing import TYPE_CHECKING, Any

import pandas as pd

from forecast.safety.limits import MOST_CELLS, MOST_COLUMNS, MOST_ROWS
from forecast.sources.files.headings import ALIASES, headings_of_role
from forecast.sources.files.sheet import Sheet, bounded, grid_of
from forecast.sources.files.workbook import cell_text
from forecast.tables.read import TableError
from forecast.vocabulary.text import folded, shown
from forecast.vocabulary.words.encodings import decoded

if TYPE_CHECKING:
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

LARGEST_TEXT = 2_000_000_000
"""Bytes that the text of a Parquet file may have, each word counted as often as it stands."""

_LISTS = ("data", "dataset", "results", "value", "items", "rows", "records")
"""Names under which services put the list of rows."""

_HEADS, _NAMES = ("columns", "fields", "headers", "header", "names"), ("text", "name", "label", "id", "code")
"""Names under which they put the list of headings, and a heading in an object."""


DEEPEST = 8
"""Objects within each other in which a list of rows is looked for."""


def json_sheet(file: str, content: bytes) -> Sheet:
    """A list of objects, a list of lists whose first is the header, objects line by line, or what holds one of these.

    JSON-stat, and the ways in which pandas writes a frame, are read as the rows that they mean.

    Raises
    ------
    TableError
        Where the text is no JSON, or holds no list of rows.
    """
    try:
        said = _parsed(decoded(content)[0])
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


def _parsed(text: str) -> Any:
    """What JSON says; of a line each, where the whole is none, the list of them."""
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.lstrip()[:1] in "{[" and line.rstrip()[-1:] in "}]" for line in lines[:2]):
            raise
        return [json.loads(line) for line in lines]


def _rows(said: Any, within: int = DEEPEST) -> list[Any]:
    """The list of rows in an answer, in objects ``within`` each other at most; empty where there is none."""
    if isinstance(said, dict) and within:
        by_name = {str(name).lower(): held for name, held in said.items()}
        named = [by_name[name] for name in _LISTS if isinstance(by_name.get(name), list | dict)]
        others = [held for held in said.values() if isinstance(held, dict) and not any(held is one for one in named)]
        if rows := _stat_rows(said) or _headed(by_name) or _first(_rows(held, within - 1) for held in named):
            return rows
        return _of_columns(said) or _only([rows for held in others if (rows := _rows(held, within - 1))])
    if isinstance(said, list) and said and all(isinstance(row, dict) for row in said):
        return said
    return said if isinstance(said, list) and said and all(isinstance(row, list) for row in said) else []


def _first(found: Iterable[list[Any]]) -> list[Any]:
    return next((rows for rows in found if rows), [])


def _only(found: list[list[Any]]) -> list[Any]:
    return found[0] if len(found) == 1 else []


def _headed(said: dict[str, Any]) -> list[Any]:
    """Rows of an object that has their headings beside them; empty for any other."""
    heads: list[Any] = next((said[name] for name in _HEADS if isinstance(said.get(name), list) and said[name]), [])
    rows: list[Any] = next((said[name] for name in _LISTS if isinstance(said.get(name), list) and said[name]), [])
    if rows and all(isinstance(row, dict) and _is_of_px_web(row) for row in rows):
        rows = [[*row["key"], *row["values"]] for row in rows]
    if not heads or not all(isinstance(row, list) and len(row) == len(heads) for row in rows):
        return []
    names = [next((head[name] for name in _NAMES if head.get(name)), "") if isinstance(head, dict) else head
             for head in heads]  # fmt: skip
    return [names, *rows] if rows else []


def _is_of_px_web(row: dict[str, Any]) -> bool:
    return isinstance(row.get("key"), list) and isinstance(row.get("values"), list)


def _of_columns(said: dict[str, Any]) -> list[Any]:
    """Rows of a frame that is written by column or by number of its row; empty for any other object."""
    held = list(said.values())
    if len(held) > 1 and all(isinstance(column, list) and column and len(column) == len(held[0]) for column in held):
        plain = not any(isinstance(cell, list | dict) for column in held for cell in column)
        return [list(said), *map(list, zip(*held, strict=True))] if plain else []
    if len(held) < 2 or not all(isinstance(column, dict) and column.keys() == held[0].keys() for column in held):
        return []
    if all(str(name).isdecimal() for name in said):
        return held
    numbered = all(str(name).isdecimal() for name in held[0])
    return [list(said), *([column[name] for column in held] for name in held[0])] if numbered and held[0] else []


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row with a cell for each of what an object in it holds: ``country`` with a ``code`` is ``country_code``."""
    if not any(isinstance(cell, dict) for cell in row.values()):
        return row
    flat: dict[str, Any] = {}
    for name, cell in row.items():
        flat |= {f"{name}_{part}": held for part, held in cell.items()} if isinstance(cell, dict) else {name: cell}
    return flat


def _grid(file: str, rows: list[Any]) -> pd.DataFrame:
    numbered = enumerate(rows, start=1)
    if isinstance(rows[0], list):
        return grid_of(bounded(file, ((number, [_json_text(value) for value in row]) for number, row in numbered)))
    rows = [_flat(row) for row in rows]
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    cells = ((number, [_json_text(row.get(name)) for name in names]) for number, row in enumerate(rows, start=1))
    return grid_of(bounded(file, chain([(0, [*map(cell_text, names)])], cells)))


def _json_text(value: Any) -> str:
    return shown(json.dumps(value), 200) if isinstance(value, list | dict) else cell_text(value)


def _instead(said: Any) -> str:
    if isinstance(said, dict):
        error = next((str(said[name]) for name in ("error", "errorObject", "message") if said.get(name)), "")
        empty = any(said.get(name) == [] for name in _LISTS)
        return f"the answer {shown(error, 100)!r}" if error else "an empty list" if empty else "an object without one"
    return "an empty list" if said == [] else f"a {type(said).__name__}"


# JSON-stat ------------------------------------------------------------------------------------------------------------

_FIGURE = "value"
"""The heading of the figures."""

_ROLES = ("product", "destination", "month", "reporter", "flow", "unit")


def _stat_rows(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that an object in JSON-stat means, cells by heading; none for any other object.

    Headings are the names of dimensions by which columns are known, else their labels. A category is shown by its
    label, one of products by its code; units of categories are a column of their own.

    Examples
    --------
    >>> month = {"label": "month", "category": {"index": ["2025M01", "2025M02"]}}
    >>> said = {"id": ["Tid"], "size": [2], "dimension": {"Tid": month}, "value": [5, None]}
    >>> _stat_rows(said)
    [{'month': '2025M01', 'value': 5}]
    """
    inner = said.get("dataset")
    held = inner if isinstance(inner, dict) else said
    dimensions, figures = held.get("dimension"), held.get("value")
    if not isinstance(dimensions, dict) or not isinstance(figures, list | dict):
        return []
    names = held.get("id") or dimensions.get("id")
    if not isinstance(names, list) or not all(isinstance(name, str) and name in dimensions for name in names):
        return []
    parts = [_categories(name, _object(dimensions[name])) for name in names]
    if math.prod(map(len, parts)) * (len(parts) + 2) > MOST_CELLS:
        return []
    rows = []
    for number, cells in enumerate(combinations_of(*parts)):
        figure = figures.get(str(number)) if isinstance(figures, dict) else (figures[number : number + 1] or [None])[0]
        if figure is not None:
            rows.append({name: cell for part in cells for name, cell in part.items()} | {_FIGURE: figure})
    return rows


def _categories(name: str, dimension: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of each category of a dimension, in the order of the figures."""
    category = _object(dimension.get("category"))
    labels, units = _object(category.get("label")), _object(category.get("unit"))
    codes = _codes(category.get("index"), labels)
    heading = _heading(name, str(dimension.get("label") or name))
    coded = folded(heading) in ALIASES["product"]
    cells = [{heading: code if coded else labels.get(code, code)} for code in codes]
    if not units:
        return cells
    return [cell | {"unit": _object(units.get(code)).get("base", "")} for cell, code in zip(cells, codes, strict=True)]


def _codes(index: Any, labels: dict[str, Any]) -> list[str]:
    """The codes of the categories of a dimension in order; of one category there may be no index."""
    if isinstance(index, dict) and all(isinstance(place, int) for place in index.values()):
        return sorted(index, key=index.__getitem__) or [*labels]
    return [str(code) for code in index] if isinstance(index, list) and index else [*labels]


def _object(held: Any) -> dict[str, Any]:
    return held if isinstance(held, dict) else {}


def _heading(name: str, label: str) -> str:
    known = [word for word in (name, label) for role in _ROLES if folded(word) in ALIASES[role]]
    loose = [word for word in (name, label) for role in _ROLES if headings_of_role([word], role)]
    return next(iter([*known, *loose]), label)
