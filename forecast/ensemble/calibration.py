"""Calibration of the forecast combination on earlier origins: weights, bias persistence, conformal intervals.

What is learned on a day comes from the forecasts that the same models made on the `EARLIER` origins before, and from
those actuals that were out on the day. So it is the same for a live forecast and for a day of a backtest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from forecast.ensemble.combination import CELL, Cells, as_rows, interquartile_mean, laid_out, precision_weights
from forecast.ensemble.conformal import (
    CAP,
    ENOUGH,
    LEAST_TRADE,
    bias_persistence,
    conformal_factors,
    distances,
    log_errors,
    mean_widths,
    persistent_error,
    rescale_intervals,
    shrunk,
    unrest,
)
from forecast.kernels.arrays import floor_of
from forecast.realtime.days import month_lengths
from forecast.realtime.events import Members
from forecast.realtime.phases import PHASES, phases
from forecast.realtime.releases import Vintages, VintagesByProduct
from forecast.registry import MEMBERS, REGISTRY
from forecast.tables.frames import stacked
from forecast.tables.quantiles import MEDIAN, QUANTILES, UPPER, VOLUME_QUANTILES, within_record
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES

BY_MONTHS = ("event", "after")
"""Phases whose factors are shrunk by months and not by cells: all series of one month share its shocks, so that sixty
of them are one month."""

UNLEARNED = np.array([REGISTRY[name].unlearned for name in MEMBERS])
"""Weights of the members where too little was learned."""

EARLIER = 24
"""Origins before a day whose forecasts it learns from."""


def earlier_days(releases: Vintages, issued: date) -> list[date]:
    """The last `EARLIER` origins of a product before a day, in order."""
    return [day for day in releases.cutoffs() if day < issued][-EARLIER:]


def calibrated(
    forecasts: pd.DataFrame,
    releases: VintagesByProduct,
    events: pd.DataFrame,
    groups: Members,
    days: Mapping[str, Sequence[date]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of model ``combination`` on each of ``days`` (issue days by product), and how each came about.

    ``forecasts`` holds the members' rows of those days and of the `earlier_days` of each, of all series of the product.
    The second table has the columns `RUN_TABLES["calibration"].columns`.
    """
    parts = [
        tuple(table[table["destination"].isin(asked)] for table in _on_day(learned, issued))
        for product, of_product in days.items()
        if product in releases
        for learned, asked in _learners(forecasts[forecasts["product"] == product], releases[product], events, groups)
        for issued in of_product
    ]
    if not parts:
        return _nothing(forecasts[CELL])
    rows, notes = zip(*parts, strict=True)
    return stacked(rows), stacked(notes)


def _learners(
    forecasts: pd.DataFrame, releases: Vintages, events: pd.DataFrame, groups: Members
) -> Iterator[tuple[_Replay, list[str]]]:
    """Forecasts of a product that learn together, and the destinations whose result counts.

    The rest of the world learns from all others. They do not from it: it is the difference of what they teach already.
    """
    if forecasts.empty:
        return
    whole = _Replay.of(forecasts, releases, events, groups)
    rest = (whole.cells.keys["destination"] == REST_OF_WORLD).to_numpy()
    if not rest.all():
        others = whole.take(~rest)
        yield others, [*others.cells.keys["destination"].unique()]
    if rest.any():
        yield whole, [REST_OF_WORLD]


def _nothing(keys: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables without rows."""
    return as_rows(keys.iloc[:0], np.empty((0, len(VOLUME_QUANTILES)))), RUN_TABLES["calibration"].empty()


@dataclass(frozen=True)
class _Replay:
    """The members' forecasts of one product on all days at hand, a row a cell.

    ``phase`` is that of the calendar (`forecast.realtime.phases.phases`), ``series`` is the place of its destination.
    """

    releases: Vintages
    cells: Cells
    phase: np.ndarray
    series: np.ndarray

    @property
    def calm(self) -> np.ndarray:
        """Whether each cell is neither of an event, or of its end, nor of the three months after."""
        return np.asarray(self.phase == "calm")

    @classmethod
    def of(cls, forecasts: pd.DataFrame, releases: Vintages, events: pd.DataFrame, groups: Members) -> _Replay:
        cells = laid_out(forecasts)
        phase = phases(cells.keys, events, groups).astype(str).to_numpy(dtype=object)
        return cls(releases, cells, phase, pd.factorize(cells.keys["destination"])[0])

    def take(self, chosen: np.ndarray) -> _Replay:
        """Some of the cells."""
        cells = Cells(self.cells.keys[chosen].reset_index(drop=True), self.cells.volumes[chosen])
        return replace(self, cells=cells, phase=self.phase[chosen], series=self.series[chosen])

    def first(self, issued: date) -> np.ndarray:
        """Whether the month of each cell came out first after its cutoff, or with that month, by a day.

        Where that month is not out yet no guess is made of what will come out with it: an earlier origin has rows of
        such months or not by when they came out in the end, which nobody knew on the day.
        """
        known = self.releases.until(issued)
        reach = {}
        for cutoff in self.cells.keys["cutoff"].unique():
            month = cutoff + 1
            reach[cutoff] = max(known.together(month)) if month.ordinal in known.first_out else month
        return np.asarray(self.cells.keys["month"] <= self.cells.keys["cutoff"].map(reach))


def _on_day(replay: _Replay, issued: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The combination of one product on one day, and how it came about."""
    days = [*earlier_days(replay.releases, issued), issued]
    places = {day: place for place, day in enumerate(days)}
    place = replay.cells.keys["issued"].map(places).fillna(-1).to_numpy(dtype=int)
    if not (place == places[issued]).any():
        return _nothing(replay.cells.keys)
    near, origin = replay.take(place >= 0), place[place >= 0]
    chosen = near.first(issued) | (origin == places[issued])
    here, origin = near.take(chosen), origin[chosen]
    today = origin == places[issued]
    actual = np.where(today, np.nan, actuals_known(here.cells.keys, replay.releases, issued))
    known = replay.releases.as_of(issued)
    floor = _floors(here.cells.keys, known)
    weights = _weights(here, actual, floor)
    plain = interquartile_mean(here.cells.volumes, weights)
    raised, came = plain + floor[:, None], actual + floor
    shift = _shifts(here, raised, came, origin, len(days) - 1)
    volumes = raised * np.exp(shift)[:, None]
    wider = np.repeat(_unrest(here, volumes, came, origin, len(days) - 1)[:, None], len(QUANTILES), axis=1)
    factors, cells = _factors(here, rescale_intervals(volumes, wider), came, floor)
    factors = np.where(np.arange(len(QUANTILES)) == MEDIAN, 1.0, wider * factors)
    keys = here.cells.keys[today].reset_index(drop=True)
    scaled = np.maximum(rescale_intervals(volumes[today], factors[today]) - floor[today, None], 0.0)
    scaled[:, : MEDIAN + 1][plain[today, : MEDIAN + 1] <= 0] = 0.0  # nothing is no volume that an error could scale
    rows = as_rows(keys, _held(scaled, plain[today], keys, known))
    learned = {f"weight_{name}": weights[today, at] for at, name in enumerate(MEMBERS)}
    learned |= {f"factor_{name}": factors[today, at] for at, name in enumerate(QUANTILES) if at != MEDIAN}
    notes = keys.assign(phase=here.phase[today], cells=cells[today], shift=shift[today], **learned)
    return rows, notes[RUN_TABLES["calibration"].columns]


def actuals_known(keys: pd.DataFrame, releases: Vintages, issued: date) -> np.ndarray:
    """The actual of each cell as of a day; NaN where it was not out."""
    known = releases.as_of(issued)
    if known is None:
        return np.full(len(keys), np.nan)
    row = keys["month"].array.asi8 - known.index[0].ordinal
    column = known.columns.get_indexer(pd.Index(keys["destination"]))
    inside = (row >= 0) & (row < len(known)) & (column >= 0)
    values = known.to_numpy()
    return np.asarray(np.where(inside, values[np.where(inside, row, 0), np.where(inside, column, 0)], np.nan))


def _floors(keys: pd.DataFrame, known: pd.DataFrame | None) -> np.ndarray:
    """Tonnes added to the volumes of each cell before their logs, as models do; none to a series without trade.

    Next to nothing has no logarithm to speak of: a bound of a gram or a kilogram is the same distance from 0 t.
    """
    codes = keys["destination"].unique()
    wide = pd.DataFrame(index=[], columns=codes) if known is None else known.reindex(columns=codes)
    daily = wide.to_numpy(dtype=float) / month_lengths(pd.PeriodIndex(wide.index, freq="M"))[:, None]
    floors = dict(zip(codes, (floor_of(own) for own in daily.T), strict=True))
    return np.asarray(
        keys["destination"].map(floors).to_numpy(dtype=float) * month_lengths(pd.PeriodIndex(keys["month"]))
    )


def _held(volumes: np.ndarray, plain: np.ndarray, keys: pd.DataFrame, known: pd.DataFrame | None) -> np.ndarray:
    """Calibrated ``volumes`` (cells, quantiles) whose upper bounds lie within the record of ``known`` figures.

    The models' own bounds, which are ``plain``, stand where they lie beyond it: they know how far a measure that comes
    or goes may carry a month. Without any trade there is no record to hold a bound to.
    """
    if known is None:
        return volumes
    months = pd.PeriodIndex(known.index)
    daily = known.reindex(columns=pd.Index(keys["destination"])).to_numpy() / month_lengths(months)[:, None]
    seen = np.isfinite(daily)
    largest = np.where(seen, daily, 0.0).max(axis=0) * month_lengths(pd.PeriodIndex(keys["month"]))
    ahead = keys["month"].array.asi8 - keys["last_known"].array.asi8
    record = np.where(largest > 0, largest, np.inf)
    held = within_record(volumes, record, np.maximum(seen.sum(axis=0), 1), ahead)
    return np.asarray(np.minimum(volumes, np.maximum(held, plain)))


def _weights(here: _Replay, actual: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Weights of the models, the same for all cells of a day; unlearned where there are few earlier ones.

    All members know the measures. One more in the calendar moves a forecast by what it does, and not by who is heard.
    A model without any forecast has no weight; cells that a model lacks teach nothing. Errors count in units of the
    models' own intervals (weighted least squares), so that a few series of many empty months do not decide for all.
    """
    members = len(MEMBERS)
    volumes = here.cells.volumes[:, :members] + floor[:, None, None]
    errors = log_errors((actual + floor)[:, None], volumes[:, :, MEDIAN])
    errors = np.clip(errors / mean_widths(volumes)[:, None], -CAP, CAP)
    there = np.flatnonzero(np.isfinite(here.cells.volumes[:, :members, MEDIAN]).any(axis=0))
    whole = np.isfinite(errors[:, there]).all(axis=1)
    weights = np.ones(here.cells.volumes.shape[:2])
    weights[:, :members] = UNLEARNED / UNLEARNED.sum()
    if len(there) and whole.sum() >= ENOUGH["calm"]:
        weights[:, :members] = 0.0
        weights[:, there] = precision_weights(errors[whole][:, there])
    return weights


def _shifts(here: _Replay, volumes: np.ndarray, actual: np.ndarray, origin: np.ndarray, last: int) -> np.ndarray:
    """What is added to the log forecast of each cell since the forecasts of calm months before it erred to one side.

    Forecasts of one series on one day count as one, by their mean error; where an event explains one, none is repeated.
    """
    errors = _by_origin(here, np.where(here.calm, log_errors(actual, volumes[:, MEDIAN]), np.nan), origin, last)
    before = persistent_error(errors)
    shift = before * bias_persistence(errors, before[:, :last])
    return np.asarray(shift[here.series, origin])


def _unrest(here: _Replay, volumes: np.ndarray, actual: np.ndarray, origin: np.ndarray, last: int) -> np.ndarray:
    """The factor of the width of each cell since the forecast of its series before it erred, or did not.

    The error of a month further ahead adds up those of all months to it, of which the first alone has that variance.
    With fewer than `ENOUGH` forecasts the factor is one.
    """
    if np.isfinite(actual).sum() < ENOUGH["calm"]:
        return np.ones(len(actual))
    distance = np.where(volumes[:, MEDIAN] > 0, distances(actual, volumes, 80), np.nan)
    before = np.full((int(here.series.max()) + 1, last + 1), np.nan)
    before[:, 1:] = _by_origin(here, distance, origin, last)
    months = here.cells.keys["horizon"].to_numpy(dtype=float)
    return np.asarray(np.sqrt(1.0 + (unrest(before)[here.series, origin] ** 2 - 1.0) / months))


def _by_origin(here: _Replay, values: np.ndarray, origin: np.ndarray, last: int) -> np.ndarray:
    """The mean of the values of the cells of each series on each earlier day: (series, ``last``), NaN without any."""
    cell, shape = (here.series, origin), (int(here.series.max()) + 1, last + 1)
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, cell, values)
    np.add.at(count, cell, 1.0)
    return np.asarray(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)[:, :last])


def _factors(
    here: _Replay, volumes: np.ndarray, actual: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The factors of the bounds' distance for every cell (cells, quantiles), and from how many earlier cells they come.

    Each phase is apart, since the months after an event err in other ways than the month of the event itself. With
    fewer than `ENOUGH` of its cells the count is zero, and factors are one; in months of an event and after one they
    are half way, in logs, to those of calm months. Months without trade to speak of, foreseen as such, teach nothing.
    """
    factors, cells = np.ones((len(actual), len(QUANTILES))), np.zeros(len(actual), dtype=int)
    silent = _without_trade(here, volumes - floor[:, None], actual - floor)
    known, otherwise = np.isfinite(actual) & ~silent, np.ones(len(QUANTILES))
    for name in sorted(PHASES, key=BY_MONTHS.__contains__):
        kind = here.phase == name
        seen = kind & known
        found = conformal_factors(actual[seen], volumes[seen], ENOUGH[name])
        months = here.cells.keys["month"][seen].nunique()
        count = 0 if found is None else months if name in BY_MONTHS else int(seen.sum())
        own = otherwise if found is None else shrunk(found, count, otherwise)
        factors[kind], cells[kind] = own, seen.sum() if found is not None else 0
        otherwise = np.sqrt(own) if name not in BY_MONTHS else otherwise
    return factors, cells


def _without_trade(here: _Replay, volumes: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Cells whose actual and upper bound lie below `LEAST_TRADE` of the largest actual of their series."""
    largest = np.zeros(int(here.series.max()) + 1)
    np.maximum.at(largest, here.series, np.nan_to_num(actual))
    least = LEAST_TRADE * largest[here.series]
    return np.asarray((actual <= least) & (volumes[:, UPPER[80]] <= least))
