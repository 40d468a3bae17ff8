"""Rows of tables: stacked, packed into categories, and as text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pandas as pd
from pandas.api.types import infer_dtype, union_categoricals

from forecast.safety.inert import csv_cell
from forecast.tables.schema import FIGURE_KEY, WITHDRAWN, ColumnType, TableSchema

_SPECIAL = re.compile('[,"\r\n]')
"""What makes a cell of CSV stand in quotes."""


def records(table: pd.DataFrame) -> list[Any]:
    """The rows of a table as named tuples."""
    return list(table.itertuples(index=False))


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns, at least one, one below the other; those without rows have no say in the types."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def latest_figures(exports: pd.DataFrame) -> pd.DataFrame:
    """The latest release of each figure of a table of exports, in the order of release, without withdrawn ones.

    Examples
    --------
    >>> row = {"product": "w", "destination": "USA", "month": "2025-05"}
    >>> released = [row | {"volume_t": 46.0, "released": 1}, row | {"volume_t": 47.0, "released": 2}]
    >>> latest_figures(pd.DataFrame(released))["volume_t"].tolist()
    [47.0]
    >>> latest_figures(pd.DataFrame([*released, row | {"volume_t": math.nan, "released": 3}])).empty
    True
    """
    latest = exports.sort_values("released", kind="stable").drop_duplicates(FIGURE_KEY, keep="last")
    gone = latest["volume_t"].isna()
    return latest[~gone] if gone.any() else latest


def withdrawals(table: pd.DataFrame) -> pd.Series:
    """Whether each row of exports withdraws a figure: no volume, and an earlier release has one or the status says so.

    Examples
    --------
    >>> from datetime import date
    >>> row = {"product": "w", "destination": "USA", "month": "2025-05", "status": ""}
    >>> days = [(46.0, date(2025, 6, 20)), (math.nan, date(2025, 7, 20)), (math.nan, date(2025, 5, 31))]
    >>> withdrawals(pd.DataFrame([row | {"volume_t": tonnes, "released": day} for tonnes, day in days])).tolist()
    [False, True, False]
    """
    empty = table["volume_t"].isna()
    if not empty.any():
        return empty
    rows = table.assign(released=table["released"].astype(object))
    first = rows[~empty].groupby(FIGURE_KEY, observed=True)["released"].min().rename("first")
    before = rows[empty].join(first, on=FIGURE_KEY)
    pairs = zip(before["first"], before["released"], strict=True)
    later = [not pd.isna(known) and known < day for known, day in pairs]
    revoked = pd.Series(later, index=before.index, dtype=bool).reindex(table.index, fill_value=False)
    return empty & (revoked | says_withdrawn(table))


def says_withdrawn(table: pd.DataFrame) -> pd.Series:
    """Whether the status of each row says that it withdraws a figure."""
    return table["status"].map(lambda text: str(text).lower() == WITHDRAWN).astype(bool)


def packed(table: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """A table whose labels are categories, in half the memory; one without rows as it is.

    Examples
    --------
    >>> from forecast.tables.schema import RUN_TABLES
    >>> packed(pd.DataFrame({"model": ["arima", "arima"]}), RUN_TABLES["failures"]).dtypes.astype(str).tolist()
    ['category']
    """
    if not len(table):
        return table
    labels = schema.of_type(ColumnType.LABEL, ColumnType.LABEL_DAY)
    loose = [name for name in labels if name in table and table[name].dtype != "category"]
    return table.astype(dict.fromkeys(loose, "category")) if loose else table


def packed_whole(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables that were `packed` one below the other, packed still; categories are in order, so that rows sort by them.

    Examples
    --------
    >>> from forecast.tables.schema import RUN_TABLES
    >>> parts = [packed(pd.DataFrame({"model": [name]}), RUN_TABLES["failures"]) for name in ("theta", "arima")]
    >>> packed_whole(parts)["model"].sort_values().tolist()
    ['arima', 'theta']
    """
    filled = [table for table in tables if len(table)]
    return pd.DataFrame({name: _labels([own[name] for own in filled]) for name in tables[0]}) if filled else tables[0]


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
    whole = _labels(parts) if len(parts) > 1 else parts[0].reset_index(drop=True)
    return whole.astype(whole.cat.categories.dtype) if whole.dtype == "category" else whole


def _labels(parts: list[pd.Series]) -> pd.Series:
    """One column of `packed_whole`."""
    if parts[0].dtype != "category":
        return pd.concat(parts, ignore_index=True)
    return pd.Series(union_categoricals(parts, sort_categories=True))


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` as it stands in a CSV file, every cell a string: the inverse of the checks above.

    Months are ``YYYY-MM``, days ``YYYY-MM-DD``, tuples joined by semicolons, numbers in the shortest form that reads
    back as the same float; None and NaN are empty. Text that a spreadsheet would take for a formula has an apostrophe
    before it (`forecast.safety.inert.csv_cell`).

    Examples
    --------
    >>> as_text(pd.DataFrame({"products": [("a", "b")], "ends": [None], "volume_t": [0.1]})).loc[0].tolist()
    ['a;b', '', '0.1']
    """
    return pd.DataFrame({name: _texts(table[name]) for name in table.columns}, index=table.index)


def csv_blocks(table: pd.DataFrame, rows: int = 2**16) -> Iterator[tuple[int, str]]:
    r"""The lines of `as_text` as CSV, the header first, in blocks of ``rows``: how many rows are done, and the text.

    Examples
    --------
    >>> [text for _, text in csv_blocks(pd.DataFrame({"source": ["a, b"], "volume_t": [0.1]}))]
    ['source,volume_t\n', '"a, b",0.1\n']
    """
    import pyarrow as pa
    from pyarrow import compute

    yield 0, ",".join(map(_quoted, map(str, table.columns))) + "\n"
    for start in range(0, len(table), rows):
        block = as_text(table.iloc[start : start + rows])
        columns = [pa.array(_each(block[name], _quoted), pa.large_string()) for name in block]
        lines = (
            columns[0]
            if len(columns) == 1
            else compute.binary_join_element_wise(*columns, pa.scalar(",", pa.large_string()))
        )
        yield start + len(block), "\n".join([*lines.to_pylist(), ""])


def _quoted(text: str) -> str:
    """A cell as the rules of CSV want it."""
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def _texts(cells: pd.Series) -> pd.Series:
    """A column as text: each different cell is looked at once where equal cells are written alike."""
    if cells.dtype.kind == "f":
        return pd.Series([repr(one) if one == one else "" for one in cells.tolist()], index=cells.index, dtype=str)
    alike = cells.dtype != object or infer_dtype(cells, skipna=False) in ("string", "date")
    return _each(cells, _cell_text) if alike else cells.map(_cell_text).astype(str)


def _each(cells: pd.Series, text_of: Callable[[Any], str]) -> pd.Series:
    codes, different = pd.factorize(cells, use_na_sentinel=False)
    texts = pd.Series([text_of(one) for one in different], dtype=str)
    return pd.Series(texts.array.take(codes), index=cells.index)


def _cell_text(value: object) -> str:
    if isinstance(value, tuple):
        return csv_cell(";".join(value))
    if isinstance(value, str):
        return csv_cell(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def usual_release(month: pd.Period) -> date:
    """The day from which a volume of ``month`` is known where no day is given: the 20th of the next month.

    Examples
    --------
    >>> usual_release(pd.Period("2025-12", freq="M"))
    datetime.date(2026, 1, 20)
    """
    after = month + 1
    return date(after.year, after.month, 20)
