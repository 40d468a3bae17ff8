"""The tables of a run as bytes, and back: an npz archive of numbers, with labels and text in JSON; nothing is pickled.

Floats keep every bit, so a run that is resumed ends byte for byte as one that was never interrupted.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES, ColumnType, TableSchema

_T = ColumnType
_WHOLE = (_T.COUNT, _T.MONTH, _T.FLAG)
_NUMBERS = (_T.NUMBER,)

Arrays = Mapping[str, NDArray[Any]]


class PartError(ValueError):
    """Bytes that are not the tables of a run."""


def as_part(run: Forecasts) -> bytes:
    """A run whose tables have exactly the columns of the schema, as bytes; tables without rows are left out.

    Raises
    ------
    ValueError
        When a table has other columns.
    """
    arrays: dict[str, NDArray[Any]] = {}
    labels: dict[str, list[list[Any]]] = {}
    for name, table in run:
        schema = RUN_TABLES[name]
        if len(table):
            arrays |= {f"{name}_{kind}": array for kind, array in _arrays(table[schema.columns], schema).items()}
            labels[name] = [[*_categories(table[column])] for column in _labelled(schema)]
    arrays["labels"] = np.frombuffer(json.dumps(labels).encode(), np.uint8)
    archive = BytesIO()
    np.savez(archive, allow_pickle=False, **arrays)
    return archive.getvalue()


def from_part(content: bytes) -> Forecasts:
    """The run that `as_part` made ``content`` of, its labels as categories.

    Raises
    ------
    PartError
        When the bytes are anything else.
    """
    try:
        arrays = _opened(content)
        labels = json.loads(arrays.pop("labels").tobytes())
        if {key.rpartition("_")[0] for key in arrays} - RUN_TABLES.keys() or labels.keys() - RUN_TABLES.keys():
            raise PartError("tables of another kind")
        return Forecasts(**{name: _table(RUN_TABLES[name], arrays, lists) for name, lists in labels.items()})
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError, OSError,
            zipfile.BadZipFile, EOFError) as error:  # fmt: skip
        raise PartError("no tables of a run") from error


def _opened(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an archive that is stored as it is, so that no few bytes become many."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise PartError("compressed entries")
        if sum(entry.file_size for entry in archive.infolist()) > len(content):
            raise PartError("entries that overlap")
    with np.load(BytesIO(content), allow_pickle=False) as found:
        return dict(found)


def _labelled(schema: TableSchema) -> list[str]:
    """The columns whose cells stand as codes into a list."""
    return [name for name, own in schema.types.items() if own not in (*_WHOLE, *_NUMBERS)]


def _arrays(table: pd.DataFrame, schema: TableSchema) -> dict[str, NDArray[Any]]:
    """Floats, whole numbers (months as ordinals) and codes of labels: a row for each column."""
    columns = {"numbers": schema.of_type(*_NUMBERS), "whole": schema.of_type(*_WHOLE), "codes": _labelled(schema)}
    rows = {
        "numbers": [table[name].to_numpy(np.float64) for name in columns["numbers"]],
        "whole": [_ordinals(table[name]) for name in columns["whole"]],
        "codes": [_codes(table[name]) for name in columns["codes"]],
    }
    return {kind: np.stack(arrays) for kind, arrays in rows.items() if arrays}


def _ordinals(cells: pd.Series) -> NDArray[np.int64]:
    if isinstance(cells.dtype, pd.PeriodDtype):
        return np.asarray(cells.astype("int64"), dtype=np.int64)
    return np.asarray(cells, dtype=np.int64)


def _categorical(cells: pd.Series) -> pd.Categorical:
    return cells.array if isinstance(cells.array, pd.Categorical) else pd.Categorical(cells)


def _codes(cells: pd.Series) -> NDArray[np.int64]:
    return np.asarray(_categorical(cells).codes, dtype=np.int64)


def _categories(cells: pd.Series) -> list[Any]:
    """Each different cell: a day as text, a tuple as a list."""
    return [cell.isoformat() if isinstance(cell, date) else cell for cell in _categorical(cells).categories]


def _table(schema: TableSchema, arrays: Arrays, labels: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """One table of a part: every column of its type, every code within its list."""
    named = _labelled(schema)
    numbers = _rows(arrays, f"{schema.name}_numbers", schema.of_type(*_NUMBERS), np.float64)
    whole = _rows(arrays, f"{schema.name}_whole", schema.of_type(*_WHOLE), np.int64)
    codes = _rows(arrays, f"{schema.name}_codes", named, np.int64)
    cells = {name: _from_labels(codes[name], own, schema.types[name]) for name, own in zip(named, labels, strict=True)}
    cells |= {name: pd.Series(values) for name, values in numbers.items()}
    cells |= {name: _from_whole(values, schema.types[name]) for name, values in whole.items()}
    if len({len(column) for column in cells.values()}) != 1:
        raise PartError("columns of several lengths")
    return pd.DataFrame({name: cells[name] for name in schema.columns})


def _rows(arrays: Arrays, key: str, names: Sequence[str], kind: type) -> dict[str, NDArray[Any]]:
    if not names:
        return {}
    found = arrays[key]
    if found.dtype != kind or found.ndim != 2 or len(found) != len(names):
        raise PartError("numbers of another kind")
    return dict(zip(names, found, strict=True))


def _from_whole(values: NDArray[np.int64], own: ColumnType) -> pd.Series:
    if own is _T.MONTH:
        return pd.Series(pd.PeriodIndex(pd.arrays.PeriodArray(values.copy(), dtype=pd.PeriodDtype("M"))))
    return pd.Series(values.astype(bool) if own is _T.FLAG else values)


def _from_labels(codes: NDArray[np.int64], labels: Sequence[Any], own: ColumnType) -> pd.Series:
    if not all(isinstance(label, str) for label in labels):
        raise PartError("labels that are no text")
    if own in (_T.DAY, _T.LABEL_DAY):
        values = pd.Index([date.fromisoformat(label) for label in labels], dtype=object)
    else:
        values = pd.Index(labels)
    packed = pd.Categorical.from_codes(codes, values)
    return pd.Series(packed) if own in (_T.LABEL, _T.LABEL_DAY) else pd.Series(packed.astype(values.dtype))
