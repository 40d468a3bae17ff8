"""Forecast errors of every month at the last origin before it, and which of them the calendar explains.

The months after are compared with what that same origin expected of them: forecasts made later have already learned
from a change, so they show neither its size nor its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.kernels.arrays import floor_of
from forecast.realtime.days import days_of
from forecast.realtime.events import ACTING_KINDS, EASING, SHAPES, Members, Scope, acts_on, daily_shape, parts_of
from forecast.realtime.phases import MONTHS_AFTER
from forecast.realtime.releases import Snapshot
from forecast.tables.frames import records
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.run import Forecasts, correlation_matrix
from forecast.tables.schema import SeriesKey

MONTHS_COMPARED = 6
"""Months ahead that an origin's forecasts are compared with actuals."""

LEAST_DEVIATION = 1e-6

MIN_EXPOSURE = 0.1
"""Share of a month, or of an effect, from which the calendar explains anything."""


@dataclass(frozen=True)
class ForecastPath:
    """What one origin forecast from a month on, the last origin to do so before the month came out.

    Attributes
    ----------
    months
        Consecutive months, that month first.
    actual, median
        Tonnes; actuals NaN where none is out.
    logs
        Log of actual over median, the offset for zeros added to both.
    above, below
        Standard deviation in logs that the 80 % interval implies on either side of the median.
    correlation
        Of the errors of the months.
    less, more
        Whether the calendar explains that less came, and that more did, in a month.
    """

    months: pd.PeriodIndex
    actual: np.ndarray
    median: np.ndarray
    logs: np.ndarray
    above: np.ndarray
    below: np.ndarray
    correlation: np.ndarray
    less: np.ndarray
    more: np.ndarray

    @property
    def first(self) -> pd.Period:
        """The month that was next to come out."""
        month: pd.Period = self.months[0]
        return month

    @property
    def explained(self) -> np.ndarray:
        """Whether the calendar explains that a month lies on the side on which the first one does."""
        return self.more if self.logs[0] > 0 else self.less

    @property
    def clear(self) -> np.ndarray:
        """Whether a month has a figure and no explanation."""
        return np.asarray(np.isfinite(self.logs) & ~self.explained)

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviations of the months on the side on which the first one lies."""
        return self.above if self.logs[0] > 0 else self.below

    @property
    def standardised_error(self) -> float:
        """The first month's log ratio over its standard deviation; NaN where it is not clear."""
        return float(self.logs[0] / self.deviations[0]) if self.clear[0] else float("nan")

    def spread(self, count: int) -> float:
        """Standard deviation of the sum of the first ``count`` logs."""
        deviations = self.deviations[:count]
        return float(np.sqrt(deviations @ self.correlation[:count, :count] @ deviations))

    def since(self, place: int) -> ForecastPath:
        """The same from a later month on."""
        names = ("months", "actual", "median", "logs", "above", "below", "less", "more")
        later = {name: getattr(self, name)[place:] for name in names}
        return replace(self, **later, correlation=self.correlation[place:, place:])


@dataclass(frozen=True)
class ForecastErrors:
    """One series: the forecast path from each month on that came out, in order."""

    key: SeriesKey
    paths: tuple[ForecastPath, ...]


def forecast_errors(run: Forecasts, known: Snapshot, groups: Members, model: str) -> list[ForecastErrors]:
    """Forecast errors of every series that ``model`` forecast in a backtest of `MONTHS_COMPARED` months, sorted.

    ``known`` is what was known on the day whose knowledge is used: its calendar explains, its volumes set the floor.
    """
    rows = run.forecasts[(run.forecasts["model"] == model) & (run.forecasts["horizon"] <= MONTHS_COMPARED)]
    pairs = run.correlations[run.correlations["model"] == model]
    correlations = dict(iter(pairs.groupby(["product", "destination", "issued"], sort=False)))
    found = []
    for key, own in rows.groupby(["product", "destination"]):
        product, destination = map(str, key)
        volumes = known.volumes[product]
        offset = floor_of(volumes[destination].to_numpy())
        acting = Acting.on(series_scope(product, destination, volumes, groups), known.events, own)
        origins = [
            _forecast_path(of_day, offset, correlations.get((product, destination, issued)), acting)
            for issued, of_day in own.groupby("issued")
        ]
        found.append(ForecastErrors((product, destination), _from_each_month(origins)))
    return found


def _forecast_path(rows: pd.DataFrame, offset: float, pairs: pd.DataFrame | None, acting: Acting) -> ForecastPath:
    """The path of one origin over all its months."""
    rows = rows.sort_values("month")
    months = pd.PeriodIndex(rows["month"])
    actual, median, lower, upper = rows[["actual_t", "volume_t", "lower_80", "upper_80"]].to_numpy(dtype=float).T
    came, middle, low, high = (np.log(volume_t + offset) for volume_t in (actual, median, lower, upper))
    above, below = (np.maximum(half / HALF_WIDTH[80], LEAST_DEVIATION) for half in (high - middle, middle - low))
    correlation = np.eye(len(months)) if pairs is None else correlation_matrix(months, pairs, missing=0.0)
    explained = acting.explains(rows["last_known"].iloc[0], months)
    return ForecastPath(months, actual, median, came - middle, above, below, correlation, *explained)


def _from_each_month(origins: Iterable[ForecastPath]) -> tuple[ForecastPath, ...]:
    """From every month on that came out: the path of the last of ``origins``, given in order, to forecast it."""
    latest: dict[pd.Period, ForecastPath] = {}
    for origin in origins:
        for place, month in enumerate(origin.months):
            latest[month] = origin.since(place)
    return tuple(latest[month] for month in sorted(latest) if np.isfinite(latest[month].logs[0]))


# What the calendar explains -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Acting:
    """How every event on file (rows) acts on one series in ``months``, from 0 to 1, by shape.

    ``direction`` is +1 for an easing and -1 for a tightening.
    """

    months: pd.PeriodIndex
    direction: np.ndarray
    shapes: Mapping[str, np.ndarray]

    @classmethod
    def on(cls, scope: Scope, events: pd.DataFrame, forecasts: pd.DataFrame) -> Acting:
        """The events on a series over the months of its forecasts, and those that these are compared with.

        Each event counts by itself, not joined with others of its kind as in a regressor: one that comes on top of
        another, or extends it, is news as well.
        """
        first = forecasts[["last_known", "month"]].min().min() - MONTHS_AFTER - 1
        months = pd.period_range(first, forecasts["month"].max(), freq="M")
        days = days_of(months)
        acting = records(events[events["kind"].isin(ACTING_KINDS)])
        own = [event for event in acting if acts_on(event, scope.product, scope.destination, scope.members)]
        direction = np.array([1.0 if event.kind in EASING else -1.0 for event in own])
        shapes = {
            shape: np.array([days.monthly(daily_shape([event], shape, scope, days)) for event in own])
            for shape in SHAPES
        }
        return cls(months, direction[:, None], {shape: rows.reshape(-1, len(months)) for shape, rows in shapes.items()})

    def explains(self, base: pd.Period, months: pd.PeriodIndex) -> tuple[np.ndarray, np.ndarray]:
        """Whether the calendar explains that less came than was expected from ``base`` on, and that more did, by month.

        A tightening explains less from its effect to three months after, more when it ends and while the shock wears
        off; an easing the other way round; and the notice of either explains both. Always by a tenth at least, of the
        days of a month or of the effect: less could not be distinguished from nothing.
        """
        at = self.months.get_indexer(months)
        start = self.months.get_indexer(pd.PeriodIndex([base]))
        step, passing, notice = (self.shapes[shape] for shape in SHAPES)
        pushes = [step[:, at] - step[:, at - lag] for lag in range(1, MONTHS_AFTER + 2)]
        pushes += [step[:, at] - step[:, start], passing[:, at] - passing[:, start]]
        push = self.direction * np.array(pushes)
        noticed = (notice[:, at] >= MIN_EXPOSURE).any(axis=0)
        less, more = ((sign * push >= MIN_EXPOSURE).any(axis=(0, 1)) for sign in (-1, 1))
        return less | noticed, more | noticed


def volume_shares(volumes: pd.DataFrame, destination: str, members: Members) -> dict[str, float]:
    """The part of a destination's volume that goes to each of its parts, over the months known for both.

    ``volumes`` holds tonnes by month, one column per destination of the product. Empty for a single country.
    """
    parts = parts_of(map(str, volumes), destination, members)
    if not parts:
        return {}
    whole = volumes[destination].to_numpy(dtype=float)[:, None]
    part = volumes[parts].to_numpy(dtype=float)
    both = np.isfinite(part) & np.isfinite(whole)
    totals = np.where(both, whole, 0.0).sum(axis=0)
    shares = np.divide(np.where(both, part, 0.0).sum(axis=0), totals, out=np.zeros(len(parts)), where=totals > 0)
    return {code: float(share) for code, share in zip(parts, shares, strict=True) if share > 0}


def series_scope(product: str, destination: str, volumes: pd.DataFrame, members: Members) -> Scope:
    """How events see a series: its groups, and the shares of its parts in ``volumes`` (see `volume_shares`)."""
    shares: Mapping[str, float] = volume_shares(volumes, destination, members)
    return Scope(product, destination, members, shares)
