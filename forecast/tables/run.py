"""The tables of a run by name, and the rows from which they are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.tables.frames import packed, packed_whole, unpacked
from forecast.tables.schema import RUN_TABLES


class Forecasts:
    """The tables of a run, each under its name in `forecast.tables.schema.RUN_TABLES`; one that is left out is empty.

    Attributes
    ----------
    forecasts
        Volumes in tonnes, medians with 80 and 95 % intervals, a row per series, model, issue day and month.
    effects
        What each episode does to log volume in each phase, with its 95 % interval.
    dropped, failures
        Regressors left out, and series without a forecast, with the reason.
    correlations
        Correlation of the errors of two months of one forecast, for each pair of months of the horizon: what
        `forecast.ensemble.aggregates` needs. With a horizon of one month it has no rows.
    reference_fits
        A row, with the reason, for each fit that the compiled engine left to the reference.
    calibration
        A row for each row of the combination: the weights of the members, the shift of the median in logs, and the
        factors of the bounds' distance, with the number of earlier forecasts that they rest on.
    reconciled
        Forecasts of the total, its parts and the rest of the world whose draws add up
        (`forecast.totals.hierarchy`).
    estimates
        Months up to the cutoff that are known only inside a sum (`forecast.totals.estimates`).
    nowcasts
        A row for each row of the combination that a headline moved, with what it was without
        (`forecast.totals.nowcast`).
    record
        How often the intervals of the combination would have held on the origins before, one month ahead
        (`forecast.ensemble.record`); a run of several issue days has no rows.
    parts
        Additive parts in logs of each median of the combination (`forecast.backtest.attribution`).
    judgements
        What somebody set in place of the shown model's median, with the reason (`forecast.ensemble.judgement`).

    Raises
    ------
    TypeError
        When a table has another name.
    """

    def __init__(self, **tables: pd.DataFrame) -> None:
        unknown = tables.keys() - RUN_TABLES.keys()
        if unknown:
            raise TypeError(f"a run has no table {min(unknown)!r}; it has {', '.join(RUN_TABLES)}.")
        self._tables = {name: tables[name] if name in tables else own.empty() for name, own in RUN_TABLES.items()}

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self._tables:
            raise AttributeError(f"a run has no table {name!r}; it has {', '.join(RUN_TABLES)}.")
        return self._tables[name]

    def __iter__(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Names and tables."""
        return iter(self._tables.items())

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(table):,}" for name, table in self if len(table))
        models = ", ".join(dict.fromkeys(map(str, self.forecasts["model"])))
        return f"Forecasts(rows: {rows or 'none'}; models: {models or 'none'})"

    def replaced(self, **tables: pd.DataFrame) -> Forecasts:
        """The run with some tables replaced."""
        return Forecasts(**{**self._tables, **tables})

    def packed(self) -> Forecasts:
        """The run with labels as categories, in half the memory."""
        return Forecasts(**{name: packed(table, RUN_TABLES[name]) for name, table in self})


def joined(parts: Iterable[Forecasts], still_packed: Collection[str] = ()) -> Forecasts:
    """The tables of several `Forecasts.packed` runs, one below the other; those ``still_packed`` remain so.

    Of parts that nobody else holds a table is let go as soon as it is part of the whole one.
    """
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in RUN_TABLES}
    for part in parts:
        for name, table in part:
            tables[name].append(table)
    whole = {name: packed_whole if name in still_packed else unpacked for name in RUN_TABLES}
    return Forecasts(**{name: whole[name](tables.pop(name)) for name in RUN_TABLES})


def in_final_order(table: pd.DataFrame, name: str, models: Sequence[str]) -> pd.DataFrame:
    """The rows of the models requested, sorted as the schema says; forecasts in the order of the models.

    Rows change places while they are packed.
    """
    own = RUN_TABLES[name]
    if "model" in table and name != "reference_fits":
        requested = table["model"].isin(models).to_numpy()
        table = table if requested.all() else table[requested]
    table, by = packed(table, own), own.sort
    if name == "forecasts" and len(table):
        table, by = table.assign(model=table["model"].cat.set_categories([*dict.fromkeys(models)])), [*by, "model"]
    return unpacked([table.sort_values(by, kind="stable", ignore_index=True)])


def correlation_matrix(months: pd.PeriodIndex, pairs: pd.DataFrame, missing: float = np.nan) -> np.ndarray:
    """Correlations of the errors of ``months``, from rows of ``correlations`` of one forecast; ones on the diagonal.

    A pair without a row is ``missing``.

    Examples
    --------
    >>> months = pd.period_range("2025-05", periods=3, freq="M")
    >>> pairs = pd.DataFrame({"month": months[:1], "other": months[1:2], "correlation": [0.5]})
    >>> correlation_matrix(months, pairs, missing=0.0).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    one, other = (months.get_indexer(pd.PeriodIndex(pairs[name])) for name in ("month", "other"))
    both = (one >= 0) & (other >= 0)
    matrix = np.full((len(months), len(months)), missing)
    np.fill_diagonal(matrix, 1.0)
    matrix[one[both], other[both]] = matrix[other[both], one[both]] = pairs["correlation"].to_numpy()[both]
    return matrix


ROWS_NOTED = 20_000
"""Rows of a table that are packed once so many are noted: as Python's own numbers they take ten times the memory."""


class RowBuffer:
    """Buffer of rows of a run's tables: making a table of each row would take longer. It travels with its rows packed.

    Examples
    --------
    >>> rows, more = RowBuffer(), RowBuffer()
    >>> more.add("failures", ("magnets", "USA", "arima", None, "No figure."))
    >>> rows.extend(more)
    >>> rows.tables()
    Forecasts(rows: failures 1; models: none)
    """

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._packed: defaultdict[str, list[pd.DataFrame]] = defaultdict(list)

    def add(self, table: str, *rows: tuple[Any, ...]) -> None:
        """Note rows of ``table``, cells in the order of its columns."""
        self._rows[table].extend(rows)
        if len(self._rows[table]) >= ROWS_NOTED:
            self._pack(table)

    def extend(self, other: RowBuffer) -> None:
        """Note the rows of another buffer below those noted so far."""
        for table, parts in other._packed.items():
            if parts:
                self._pack(table)
                self._packed[table] += parts
        for table, rows in other._rows.items():
            self.add(table, *rows)

    def tables(self) -> Forecasts:
        """The tables of all rows noted so far."""
        return joined([self.packed()])

    def packed(self) -> Forecasts:
        """The same with labels as categories, as `Forecasts.packed` has them."""
        self._pack(*RUN_TABLES)
        return Forecasts(**{name: packed_whole(parts) for name, parts in self._packed.items() if parts})

    def __getstate__(self) -> dict[str, Any]:
        self._pack(*RUN_TABLES)
        return self.__dict__

    def _pack(self, *tables: str) -> None:
        """Pack what was noted since the last time."""
        for table in tables:
            if rows := self._rows.pop(table, None):
                self._packed[table].append(packed(RUN_TABLES[table].from_rows(rows), RUN_TABLES[table]))
