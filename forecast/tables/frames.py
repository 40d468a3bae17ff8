"""Rows of tables: stacked, packed into categories, and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.types import union_categoricals

from forecast.tables.schema import ColumnType, TableSchema


def records(table: pd.DataFrame) -> list[Any]:
    """The rows of a table as named tuples."""
    return list(table.itertuples(index=False))


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns, at least one, one below the other; those without rows have no say in the types."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def packed(table: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """A table whose labels are categories, in half the memory; one without rows as it is.

    Examples
    --------
    >>> from forecast.tables.schema import RUN_TABLES
    >>> packed(pd.DataFrame({"model": ["arima", "arima"]}), RUN_TABLES["failures"]).dtypes.astype(str).tolist()
    ['category']
    """
    labels = [name for name in schema.of_type(ColumnType.LABEL, ColumnType.LABEL_DAY) if name in table]
    return table.astype(dict.fromkeys(labels, "category")) if len(table) else table


def unpacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables that were `packed` one below the other, as `stacked` gives those that they were made of.

    Examples
    --------
    >>> from forecast.tables.schema import RUN_TABLES
    >>> parts = [pd.DataFrame({"model": [name], "volume_t": [1.0]}) for name in ("arima", "theta")]
    >>> unpacked([packed(part, RUN_TABLES["forecasts"]) for part in parts]).equals(stacked(parts))
    True
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        return tables[0]
    return pd.DataFrame({name: _whole([table[name] for table in filled]) for name in filled[0]}, copy=False)


def _whole(parts: list[pd.Series]) -> pd.Series:
    """One column of `unpacked`."""
    if parts[0].dtype != "category":
        return pd.concat(parts, ignore_index=True)
    labels = union_categoricals(parts)
    return pd.Series(labels.astype(labels.categories.dtype))


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` as it stands in a CSV file, every cell a string: the inverse of the checks above.

    Months are ``YYYY-MM``, days ``YYYY-MM-DD``, tuples joined by semicolons, numbers in the shortest form that reads
    back as the same float; None and NaN are empty.

    Examples
    --------
    >>> as_text(pd.DataFrame({"products": [("a", "b")], "ends": [None], "volume_t": [0.1]})).loc[0].tolist()
    ['a;b', '', '0.1']
    """
    return pd.DataFrame({name: table[name].astype(object).map(_cell_text).astype(str) for name in table.columns})


def _cell_text(value: object) -> str:
    if isinstance(value, tuple):
        return ";".join(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)
