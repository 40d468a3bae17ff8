"""Joint forecasts of several months: the median and the interval of their sum, from paths through the months.

Bounds of months do not add. Months that err independently make up for each other, so that the sum of their bounds is
too wide by far; months of a random walk err together, and it is less so. How far errors go together is in the
``correlations`` of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from forecast.tables.frames import latest_figures, records
from forecast.tables.quantiles import PROBABILITIES, VOLUME_QUANTILES, sobol_scores, volumes
from forecast.tables.run import Forecasts, correlation_matrix
from forecast.tables.schema import OMITTED_COLUMNS, SUM_COLUMNS

FORECAST = ["product", "destination", "model", "issued"]
DOUBLINGS = 12
"""Paths are two to this power."""

BARELY = 1e-10
"""Added to the diagonal of a correlation matrix, which may be singular."""

_MONTHS_A_QUARTER, _MONTHS_A_YEAR = 3, 12

Months = tuple[pd.Period, pd.Period]
"""First and last month."""


@dataclass(frozen=True)
class Sums:
    """Sums of several months: ``table`` with `SUM_COLUMNS`, and in ``omitted`` those that cannot be given, and why.

    ``volume_t`` is the median of the sum in tonnes, which is not the sum of the medians.
    """

    table: pd.DataFrame
    omitted: pd.DataFrame


def sums(run: Forecasts, exports: pd.DataFrame, horizon: int) -> Sums:
    """The sum over each of the `spans` of every forecast of ``run``, which was made for ``horizon`` months.

    A sum is of all months from ``start`` to ``end``: those up to the cutoff with the volume known on the issue day, of
    ``exports`` in the latest release by then, the others as forecast. So once January is out, the first quarter is
    January and the forecast of February and March. Where a month is neither known nor forecast, such as those that a
    series whose figures end early lacks before the cutoff, there is no sum.

    The months forecast are drawn together by a Gaussian copula: normal scores that correlate as the errors of the
    forecast do, each turned into a volume by the bounds of its month (`volumes`), so that every month keeps the bounds
    that it is shown with. A single month gets these bounds themselves. The draws are the same for every sum (Sobol'
    points, no seed), and those of the nearer months are the same however many follow.

    Where the run is a backtest, ``actual_t`` is the actual in the latest release: NaN until all months are out.

    Raises
    ------
    ValueError
        When the run lacks the correlations, as one read back from its folder does.

    References
    ----------
    Clemen, R. T. and Reilly, T. (1999), Correlations and copulas for decision and risk analysis. Management Science
    45, 208-224. doi:10.1287/mnsc.45.2.208

    Examples
    --------
    >>> import forecast as fc
    >>> run = fc.forecast_all(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["gallium"], destinations=["WLD"], models=["naive"], horizon=3,
    ... )
    >>> sums(run, fc.read_exports(), 3).table[["cutoff", "start", "end"]].astype(str).values.tolist()
    [['2025-12', '2026-01', '2026-03']]
    """
    found, omitted = [], []
    for key, cutoff, joint in _joints(run, exports, horizon):
        for start, end in spans(cutoff, horizon):
            missing = joint.missing(start, end)
            if missing:
                omitted.append((*key, start, end, _reason(missing)))
            else:
                found.append((*key, cutoff, start, end, *joint.total(start, end)))
    table = pd.DataFrame(found, columns=[*FORECAST, "cutoff", "start", "end", *VOLUME_QUANTILES])[SUM_COLUMNS]
    if "actual_t" in run.forecasts:
        table = _with_actuals(table, exports)
    return Sums(table, pd.DataFrame(omitted, columns=OMITTED_COLUMNS))


@cache
def spans(cutoff: pd.Period, horizon: int) -> tuple[Months, ...]:
    """First and last month of each sum of interest to a forecast of the ``horizon`` months after ``cutoff``.

    All months forecast; what they leave of the year, where they reach its end; every calendar quarter and every
    calendar year that ends among them, begun before or not. Each stands once, and one month is no sum.

    Examples
    --------
    >>> [f"{start} to {end}" for start, end in spans(pd.Period("2026-07"), 5)]
    ['2026-08 to 2026-12', '2026-07 to 2026-09', '2026-10 to 2026-12', '2026-01 to 2026-12']
    """
    first, last = cutoff + 1, cutoff + horizon
    months = pd.period_range(first, last, freq="M")
    quarters = [(month - _MONTHS_A_QUARTER + 1, month) for month in months if month.month % _MONTHS_A_QUARTER == 0]
    december = [month for month in months if month.month == _MONTHS_A_YEAR]
    rest = [(first, month) for month in december[:1]]
    years = [(month - _MONTHS_A_YEAR + 1, month) for month in december]
    return tuple(span for span in dict.fromkeys([(first, last), *rest, *quarters, *years]) if span[0] < span[1])


@dataclass(frozen=True)
class JointForecast:
    """Joint forecast of several months: one distribution, by a Gaussian copula.

    Attributes
    ----------
    months
        The months forecast.
    bounds
        An array (month, bound) in tonnes, columns `VOLUME_QUANTILES`.
    correlation
        That of the errors between the months; None where nothing is known of it.
    known
        Volumes in tonnes by month, as known on the issue day.
    """

    months: pd.PeriodIndex
    bounds: np.ndarray
    correlation: np.ndarray | None
    known: pd.Series

    def missing(self, start: pd.Period, end: pd.Period) -> list[pd.Period]:
        """The months from ``start`` to ``end`` that are neither known nor forecast."""
        there = {*self.months, *self.known.index}
        return [month for month in _months(start, end) if month not in there]

    def total(self, start: pd.Period, end: pd.Period) -> np.ndarray:
        """Quantiles of the sum from ``start`` to ``end`` in tonnes, `VOLUME_QUANTILES`; no month is missing."""
        summed = (self.months >= start) & (self.months <= end)
        before = float(self.known.loc[start : min(end, self.months[0] - 1)].sum())
        if summed.sum() == 1:
            own: np.ndarray = before + self.bounds[summed][0]
            return own
        total: np.ndarray = before + np.quantile(self.paths[:, summed].sum(axis=1), PROBABILITIES, method="hazen")
        return total

    @cached_property
    def paths(self) -> np.ndarray:
        """Volumes in tonnes drawn together, an array (path, month)."""
        if self.correlation is None:
            raise ValueError("expected the correlations of a run of several months, found none: forecast it anew.")
        root = np.linalg.cholesky(self.correlation + BARELY * np.eye(len(self.months)))
        scores = sobol_scores(len(self.months), DOUBLINGS) @ root.T
        return np.column_stack([volumes(score, bounds) for score, bounds in zip(scores.T, self.bounds, strict=True)])


@cache
def _months(start: pd.Period, end: pd.Period) -> tuple[pd.Period, ...]:
    return tuple(pd.period_range(start, end, freq="M"))


def _reason(missing: list[pd.Period]) -> str:
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{missing[0]}{more} neither known nor forecast"


def _joints(run: Forecasts, exports: pd.DataFrame, horizon: int) -> Iterator[tuple[Any, pd.Period, JointForecast]]:
    """Product, destination, model and issue day of each forecast, its cutoff, and its months as one distribution."""
    rows = run.forecasts[run.forecasts["horizon"] <= horizon]
    pairs: dict[Any, pd.DataFrame] = dict(list(run.correlations.groupby(FORECAST, sort=False)))
    known = {issued: _known(exports, issued) for issued in rows["issued"].unique()}
    for key, own in rows.groupby(FORECAST, sort=False):
        product, destination, _, issued = cast(tuple[str, str, str, date], key)
        own = own.sort_values("month")
        months = pd.PeriodIndex(own["month"])
        correlation = correlation_matrix(months, pairs[key]) if key in pairs else None
        if correlation is not None and np.isnan(correlation).any():
            correlation = None
        bounds, past = own[list(VOLUME_QUANTILES)].to_numpy(), known[issued][product, destination]
        yield key, own["cutoff"].iloc[0], JointForecast(months, bounds, correlation, past)


def _known(exports: pd.DataFrame, issued: date) -> dict[Any, pd.Series]:
    """Volumes by month of every series (product, destination), in the latest release by the day ``issued``."""
    latest = latest_figures(exports[exports["released"] <= issued]).sort_values("month")
    return dict(list(latest.set_index("month").groupby(["product", "destination"])["volume_t"]))


def _with_actuals(table: pd.DataFrame, exports: pd.DataFrame) -> pd.DataFrame:
    """The table with ``actual_t``, the sum of the latest release of every month; NaN where one is not out."""
    known = _known(exports, exports["released"].max())
    actual = [
        known[row.product, row.destination].reindex(list(_months(row.start, row.end))).sum(skipna=False)
        for row in records(table)
    ]
    return table.assign(actual_t=actual)
