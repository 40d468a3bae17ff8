"""One schema of tables: name, columns with their types, keys, sort order, and whether a run may be without it.

Writer, reader, audit, checkpoint, empty tables and the order of a run's rows derive from it. One more table of a run is
one more entry of `RUN_TABLES`. The help of commands names its columns, so that pandas is imported where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from forecast.registry import MEMBERS
from forecast.safety.inert import from_csv_cell, visible
from forecast.safety.limits import COVERED, LONGEST_LABEL, LONGEST_TEXT, is_covered_day, is_covered_month

if TYPE_CHECKING:
    import pandas as pd


class ColumnType(Enum):
    """Type of a column, by what its cells are."""

    TEXT = "text"
    LABEL = "text that repeats from row to row: a category while it waits"
    DAY = "datetime.date, None where open"
    LABEL_DAY = "a day that repeats from row to row: a category while it waits"
    MONTH = "pandas.Period of a month"
    COUNT = "a whole number"
    NUMBER = "a float, NaN where there is none"
    CODES = "a tuple of codes"
    FLAG = "true or false"


T = ColumnType

SeriesKey = tuple[str, str]
"""(product, destination)"""

WORLD = "WLD"
"""The destination that is the total of all."""

REST_OF_WORLD = "ROW"
"""The total less the destinations with figures of their own."""

FIGURE_KEY = ["product", "destination", "month"]
"""Columns that say which figure a row of exports is a release of."""

WITHDRAWN = "withdrawn"
"""The status of a release that takes a figure back: from its day on there is none."""


@dataclass(frozen=True)
class TableSchema:
    """Name, columns and keys of one table.

    Attributes
    ----------
    name
        Its name in a run, and that of its file without the ending.
    types
        Column names in order, with the type of each.
    keys
        Columns that tell rows of one series, model and issue day apart.
    optional
        Whether an empty table has no file.
    saved
        Whether the table is written into the folder of a run.
    defaults
        What an absent or empty cell means, as text, by column that a file may be without.
    """

    name: str
    types: Mapping[str, ColumnType]
    keys: tuple[str, ...] = ()
    optional: bool = False
    saved: bool = True
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """Columns that no file may be without, in order."""
        return [name for name in self.types if name not in self.defaults]

    @property
    def columns(self) -> list[str]:
        """Column names in order."""
        return [*self.types]

    @property
    def sort(self) -> list[str]:
        """Sort columns: the series and the issue day, then the keys; the order of models is the run's."""
        return ["product", "destination", "issued", *(key for key in self.keys if key != "reason")]

    def of_type(self, *types: ColumnType) -> list[str]:
        """Names of the columns that have one of ``types``."""
        return [name for name, own in self.types.items() if own in types]

    def empty(self) -> pd.DataFrame:
        """The table without rows, with all its columns.

        Examples
        --------
        >>> RUN_TABLES["dropped"].empty().columns.tolist()
        ['product', 'destination', 'issued', 'event', 'reason']
        """
        return self._without_rows.copy()

    @cached_property
    def _without_rows(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({name: pd.Series([], dtype=_DTYPES.get(own, object)) for name, own in self.types.items()})

    def from_rows(self, rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
        """The table of ``rows``, tuples in the order of the columns; months may come as ordinals."""
        import pandas as pd

        listed = list(rows)
        if not listed:
            return self.empty()
        table = pd.DataFrame(listed, columns=self.columns)
        ordinals = [name for name in self.of_type(T.MONTH) if pd.api.types.is_integer_dtype(table[name])]
        months = {
            name: pd.PeriodIndex(pd.arrays.PeriodArray(table[name].to_numpy("int64"), dtype=pd.PeriodDtype("M")))
            for name in ordinals
        }
        return table.assign(**months)

    def from_text(self, raw: pd.DataFrame) -> pd.DataFrame:
        """The table of a file's cells: columns of the schema typed, further ones numbers; text is made visible.

        Raises
        ------
        ValueError
            When a column is missing, or a cell is not of its type: the first one, with its row in the file.

        Examples
        --------
        >>> import pandas as pd
        >>> RUN_TABLES["failures"].from_text(pd.DataFrame({"product": ["magnets"]}))
        Traceback (most recent call last):
        ValueError: expected column destination, found none.
        """
        import pandas as pd

        missing = [name for name in self.columns if name not in raw]
        if missing:
            raise ValueError(f"expected column {missing[0]}, found none.")
        return pd.DataFrame({name: _typed(raw[name], self.types.get(str(name), T.NUMBER)) for name in raw})


_DTYPES = {T.MONTH: "period[M]", T.COUNT: "int64", T.NUMBER: "float64", T.FLAG: "bool"}


def _typed(cells: pd.Series, own: ColumnType) -> pd.Series:
    """A column of text as its type says."""
    import pandas as pd

    _refuse_first(cells, own)
    if own in (T.TEXT, T.LABEL):
        shown = {text: visible(from_csv_cell(text)) for text in cells.unique()}
        changed = {text: new for text, new in shown.items() if new != text}
        return cells.replace(changed) if changed else cells
    if own in (T.DAY, T.LABEL_DAY):
        return cells.map(lambda cell: date.fromisoformat(cell) if cell else None).astype(object)
    if own is T.MONTH:
        return pd.Series(pd.PeriodIndex(cells, freq="M"), index=cells.index)
    if own is T.CODES:
        return cells.map(lambda cell: tuple(filter(None, from_csv_cell(cell).split(";"))))
    if own is T.FLAG:
        return cells.map({"True": True, "False": False}).astype(bool)
    return cells.astype("int64") if own is T.COUNT else cells.replace("", "nan").astype(float)


_NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?|-?inf|", re.ASCII)
_WRITTEN: dict[ColumnType, tuple[Callable[[str], object], str]] = {
    T.TEXT: (lambda text: len(text) <= LONGEST_TEXT, f"text of at most {LONGEST_TEXT} characters"),
    T.LABEL: (lambda text: 0 < len(text) <= LONGEST_LABEL, f"a name of 1 to {LONGEST_LABEL} characters"),
    T.CODES: (lambda text: len(text) <= LONGEST_TEXT, f"at most {LONGEST_TEXT} characters"),
    T.DAY: (lambda text: not text or is_covered_day(text), f"a day as YYYY-MM-DD, {COVERED}, or empty"),
    T.LABEL_DAY: (lambda text: is_covered_day(text), f"a day as YYYY-MM-DD, {COVERED}"),
    T.MONTH: (lambda text: is_covered_month(text), f"a month as YYYY-MM, {COVERED}"),
    T.COUNT: (re.compile(r"-?\d{1,15}", re.ASCII).fullmatch, "a whole number"),
    T.NUMBER: (lambda text: _NUMBER.fullmatch(text), "a number or empty"),
    T.FLAG: (lambda text: text in ("True", "False"), "True or False"),
}
"""What a cell of a run's table is as text, by type, with the words for it."""


def _refuse_first(cells: pd.Series, own: ColumnType) -> None:
    """Raise where a cell is not of its type, with the row of the first one."""
    is_sound, expected = _WRITTEN[own]
    wrong = [text for text in cells.unique() if not is_sound(text)]
    if wrong:
        row = int(cells.isin(wrong).to_numpy().argmax()) + 2
        found = repr(cells.iloc[row - 2][:60]) if cells.iloc[row - 2] else "an empty cell"
        raise ValueError(f"row {row}: {visible(str(cells.name)[:60])} must be {expected}, found {found}.")


_SERIES = {"product": T.LABEL, "destination": T.LABEL}
_FITTED = {**_SERIES, "model": T.LABEL, "issued": T.LABEL_DAY}
_BOUNDS = dict.fromkeys(["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"], T.NUMBER)
_INTERVAL = dict.fromkeys(["estimate", "lower", "upper"], T.NUMBER)

# What enters ---------------------------------------------------------------------------------------------------------

_OF_VOLUMES = {"released": "", "status": "reported", "precision_t": "", "source": ""}

EXPORTS = TableSchema(
    "exports",
    {
        "product": T.TEXT,
        "destination": T.TEXT,
        "month": T.MONTH,
        "volume_t": T.NUMBER,
        "released": T.DAY,
        "status": T.TEXT,
        "precision_t": T.NUMBER,
        "source": T.TEXT,
    },
    defaults=_OF_VOLUMES,
)
PERIOD_TOTALS = TableSchema(
    "period_totals",
    {
        "product": T.TEXT,
        "destination": T.TEXT,
        "start": T.MONTH,
        "end": T.MONTH,
        "volume_t": T.NUMBER,
        "released": T.DAY,
        "precision_t": T.NUMBER,
        "status": T.TEXT,
        "source": T.TEXT,
    },
    defaults=_OF_VOLUMES,
)
EVENTS = TableSchema(
    "events",
    {
        "event": T.TEXT,
        "kind": T.TEXT,
        "products": T.CODES,
        "destinations": T.CODES,
        **dict.fromkeys(["announced", "effective", "ends", "ends_announced"], T.DAY),
        "source": T.TEXT,
        "description": T.TEXT,
        "ends_status": T.TEXT,
        "continues": T.TEXT,
    },
    defaults=dict.fromkeys(["ends_status", "continues"], ""),
)
SCENARIOS = TableSchema("scenarios", {**EVENTS.types, "probability": T.NUMBER}, defaults=EVENTS.defaults)
DESTINATIONS = TableSchema(
    "destinations",
    {**dict.fromkeys(["code", "name", "iso2", "numeric", "kind"], T.TEXT), "members": T.CODES},
    defaults=dict.fromkeys(["iso2", "numeric", "kind", "members"], ""),
)

# What a run makes ----------------------------------------------------------------------------------------------------

RUN_TABLES = {
    table.name: table
    for table in (
        TableSchema(
            "forecasts",
            {
                **_FITTED,
                "cutoff": T.MONTH,
                "month": T.MONTH,
                "horizon": T.COUNT,
                **_BOUNDS,
                "last_known": T.MONTH,
            },
            keys=("month",),
        ),
        TableSchema(
            "effects",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "episode": T.LABEL,
                "kind": T.LABEL,
                "phase": T.LABEL,
                **_INTERVAL,
            },
            keys=("episode", "phase"),
            optional=True,
        ),
        TableSchema(
            "dropped",
            {**_SERIES, "issued": T.LABEL_DAY, "event": T.LABEL, "reason": T.TEXT},
            keys=("event",),
        ),
        TableSchema("failures", {**_FITTED, "reason": T.TEXT}, keys=("model", "reason")),
        TableSchema(
            "correlations",
            {**_FITTED, "month": T.MONTH, "other": T.MONTH, "correlation": T.NUMBER},
            keys=("model", "month", "other"),
            saved=False,
        ),
        TableSchema("reference_fits", {**_FITTED, "reason": T.TEXT}, keys=("model", "reason"), optional=True),
        TableSchema(
            "calibration",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "month": T.MONTH,
                "horizon": T.COUNT,
                "phase": T.LABEL,
                **dict.fromkeys([f"weight_{name}" for name in MEMBERS], T.NUMBER),
                "shift": T.NUMBER,
                "cells": T.COUNT,
                **dict.fromkeys([f"factor_{name}" for name in _BOUNDS if name != "volume_t"], T.NUMBER),
            },
            keys=("month",),
            optional=True,
        ),
        TableSchema(
            "reconciled",
            {
                **_FITTED,
                "cutoff": T.MONTH,
                "month": T.MONTH,
                "horizon": T.COUNT,
                **_BOUNDS,
                "parts": T.COUNT,
            },
            keys=("month",),
            optional=True,
        ),
        TableSchema(
            "estimates",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "month": T.MONTH,
                **_BOUNDS,
                "inside": T.LABEL,
                "sum_t": T.NUMBER,
            },
            keys=("month",),
            optional=True,
        ),
        TableSchema(
            "nowcasts",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "month": T.MONTH,
                "headline": T.LABEL,
                "headline_month": T.MONTH,
                "headline_t": T.NUMBER,
                **dict.fromkeys(["without_t", "without_lower_80", "without_upper_80"], T.NUMBER),
            },
            keys=("month",),
            optional=True,
        ),
        TableSchema(
            "record",
            {
                **_FITTED,
                "level": T.COUNT,
                "held": T.COUNT,
                "n": T.COUNT,
                "first_month": T.MONTH,
                "last_month": T.MONTH,
            },
            keys=("model", "level"),
            optional=True,
        ),
        TableSchema(
            "parts",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "month": T.MONTH,
                "name": T.LABEL,
                "kind": T.LABEL,
                **dict.fromkeys(["log", "lower_80", "upper_80"], T.NUMBER),
                "rests_on": T.TEXT,
            },
            keys=("month", "kind", "name"),
            optional=True,
        ),
        TableSchema(
            "judgements",
            {
                **_SERIES,
                "issued": T.LABEL_DAY,
                "month": T.MONTH,
                "model_t": T.NUMBER,
                "judged_t": T.NUMBER,
                "rule": T.TEXT,
                "reason": T.TEXT,
            },
            keys=("month",),
            optional=True,
        ),
    )
}
"""The tables of a run, by name."""

SCORES = TableSchema(
    "scores",
    {
        "product": T.TEXT,
        "model": T.TEXT,
        "slice": T.TEXT,
        "n": T.COUNT,
        **dict.fromkeys(["mae_t", "wape", "mase", "rmsse", "bias", "wis", "coverage_80", "coverage_95"], T.NUMBER),
    },
)
BRANCHES = TableSchema(
    "branches",
    {**RUN_TABLES["forecasts"].types, "branch": T.TEXT, "probability": T.NUMBER},
    keys=("branch", "month"),
)
SUMS = TableSchema(
    "sums", {**_FITTED, "cutoff": T.MONTH, "start": T.MONTH, "end": T.MONTH, **_BOUNDS}, keys=("start", "end")
)
OMITTED = TableSchema("omitted", {**_FITTED, "start": T.MONTH, "end": T.MONTH, "reason": T.TEXT}, keys=("start",))

EXPORT_COLUMNS = EXPORTS.columns
PERIOD_TOTAL_COLUMNS = PERIOD_TOTALS.columns
EVENT_COLUMNS = EVENTS.columns
SUPPOSED_COLUMNS = SCENARIOS.columns
DESTINATION_COLUMNS = DESTINATIONS.columns
SCORE_COLUMNS = SCORES.columns
SUM_COLUMNS = SUMS.columns
OMITTED_COLUMNS = OMITTED.columns
