"""Frames from Python, checked with the sentences of files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pandas as pd

from forecast.realtime.events import KINDS
from forecast.sources.plain import read_destinations
from forecast.tables.frames import as_text
from forecast.tables.read import TableError, events_table, exports_table
from forecast.tables.schema import EXPORT_COLUMNS
from forecast.vocabulary.months import month_of, why_no_month
from forecast.vocabulary.text import shown


def check_exports(frame: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """The exports table of a frame made in Python: columns `forecast.tables.schema.EXPORT_COLUMNS`.

    ``month`` may be monthly periods, timestamps, dates or text; a missing ``released`` is the usual day. Rows in
    sentences are counted from 0, as in the frame.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be, and for periods that are no months.

    Examples
    --------
    >>> frame = pd.DataFrame({"product": "w", "destination": "USA", "month": ["2025-05-01"], "volume_t": [3.5]})
    >>> check_exports(frame, date(2026, 1, 1))[["month", "released"]].values.tolist()
    [[Period('2025-05', 'M'), datetime.date(2025, 6, 20)]]
    """
    _check_frame(frame, "exports")
    flat = _flat(frame, EXPORT_COLUMNS)
    raw = _raw(flat, days=("released",))
    if "month" in flat:
        raw["month"] = _months(flat["month"], "exports")
    return exports_table({"exports": raw}, read_destinations(), today)


def check_events(frame: pd.DataFrame) -> pd.DataFrame:
    """The events table of a frame made in Python: columns `forecast.tables.schema.EVENT_COLUMNS`.

    ``products`` and ``destinations`` may be lists, tuples or text; days may be dates, timestamps or text.

    Raises
    ------
    TableError
        For any column or cell that is not as it must be.

    Examples
    --------
    >>> frame = pd.DataFrame({"event": ["e"], "kind": ["ban"], "products": [["w"]], "destinations": ["USA"],
    ...                       "announced": [pd.Timestamp("2025-01-02")], "effective": ["2025-02-01"], "ends": [None],
    ...                       "ends_announced": [None], "source": [""], "description": [""]})
    >>> check_events(frame)[["products", "announced"]].values.tolist()
    [[('w',), datetime.date(2025, 1, 2)]]
    """
    _check_frame(frame, "events")
    lists = {name: frame[name].map(_joined) for name in ("products", "destinations") if name in frame}
    raw = _raw(frame.assign(**lists), days=("announced", "effective", "ends", "ends_announced"))
    return events_table({"events": raw}, read_destinations(), KINDS)


def _check_frame(frame: Any, name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise TableError(f"{name}: expected a pandas DataFrame, found {type(frame).__name__}.")


def _flat(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame with the levels of its index that are columns of the table as columns."""
    levels = [name for name in frame.index.names if name in columns and name not in frame]
    return frame.reset_index(level=levels) if levels else frame


def _raw(frame: pd.DataFrame, days: tuple[str, ...]) -> pd.DataFrame:
    """The frame as text, rows counted from 0."""
    dated = {name: frame[name].map(_day) for name in days if name in frame}
    table: pd.DataFrame = frame.assign(**dated).reset_index(drop=True)
    if table.columns.duplicated().any():
        twice = table.columns[table.columns.duplicated()][0]
        raise TableError(f"column {shown(str(twice))} stands twice. One column of each name.")
    return as_text(table).rename(columns=str)


def _months(cells: pd.Series, name: str) -> list[str]:
    """Months as ``YYYY-MM``; what is no month as it stands, for the check of cells to name."""
    frequency = getattr(cells.dtype, "freq", None)
    if isinstance(cells.dtype, pd.PeriodDtype) and cells.dtype.freq != pd.offsets.MonthEnd():
        raise TableError(f"{name}: month must be monthly periods (freq M), found periods of {frequency}.")
    return [_month(value, name, row) for row, value in enumerate(cells)]


def _month(value: Any, name: str, row: int) -> str:
    if isinstance(value, pd.Period):
        if value.freqstr != "M":
            raise TableError(
                f"{name} row {row}: month must be a monthly period (freq M), found {value} of {value.freqstr}."
            )
        return str(value)
    if isinstance(value, datetime | date):
        return "" if pd.isna(value) else f"{value:%Y-%m}"
    text = str(value)
    month = month_of(text)
    why = why_no_month(text)
    if month is None and why.startswith("a quarter"):
        raise TableError(f"{name} row {row}: month must be a month such as 2025-05, found {shown(text)!r}, {why}.")
    return str(month) if month is not None else shown(text)


def _day(value: Any) -> str:
    if value is None or value is pd.NaT or value != value:
        return ""
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime | date) else str(value)


def _joined(value: Any) -> str:
    return ";".join(map(str, value)) if isinstance(value, list | tuple | set) else str(value)
