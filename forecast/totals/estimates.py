"""Months known only inside a sum: their estimate, conditioned on what is known of several months or of the world.

Two kinds of sum hold a month that nobody printed: a total of several months of the same series, such as a quarter, and
the world's figure of the month. Around either the series is a local level with the season of its structural model, in
logs; its months without a figure are drawn jointly given all those with one, and moved onto the sum where there is one
(`forecast.totals.reconciliation.reconciled_draws`). Where the share of the world moves less from month to month than
the volume does, the level is one of the share, and the world's figure carries the estimate.

References
----------
Chow and Lin (1971), Best linear unbiased interpolation, distribution, and extrapolation of time series by related
series, doi 10.2307/1928739.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.realtime.period_totals import remainders
from forecast.realtime.releases import Snapshot
from forecast.tables.quantiles import PROBABILITIES
from forecast.tables.schema import RUN_TABLES, WORLD, SeriesKey
from forecast.totals.reconciliation import normal_scores, reconciled_draws

ESTIMATED_MONTHS = 24
"""Months up to the cutoff whose estimates are given."""

MEMORY = 60
"""Months up to the cutoff that an estimate looks at."""

LEVEL_SHARE = 1 / 3
"""Share of the variance of a month's change that is a step of the level, and so is the noise of each of the two
months: a level and a noise of one size."""

LEAST_KNOWN = 6
LEAST_CHANGE_VARIANCE = 0.02**2
FLOOR_SHARE = 0.01
"""Figures without which a series has no estimates, least variance of a month's change (logs), and the share of the
median that is added before the log."""


class GappedLevel(NamedTuple):
    """Months of a series in logs less season, NaN where not known, and the variance of a month's change."""

    logs: np.ndarray
    variance: float


def gapped_level(logs: np.ndarray) -> GappedLevel:
    """The level's variance from the changes between known months, each over the steps that lie between.

    Half the weight is on the median of squares, so that a month of an event does not decide alone.

    Examples
    --------
    >>> round(gapped_level(np.array([0.0, 0.1, np.nan, 0.0, 0.1])).variance, 4)
    0.0156
    """
    places = np.flatnonzero(np.isfinite(logs))
    steps = np.diff(places)
    squares = np.diff(logs[places]) ** 2 / (1 + LEVEL_SHARE * (steps - 1))
    typical = float(np.median(squares)) / 0.455 if len(squares) else 0.0
    whole = float(squares.mean()) if len(squares) else 0.0
    return GappedLevel(logs, max(0.5 * (typical + whole), LEAST_CHANGE_VARIANCE))


def missing_moments(level: GappedLevel) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance in logs of the months without a figure, noise included, given those with one.

    Examples
    --------
    >>> mean, covariance = missing_moments(GappedLevel(np.array([1.0, np.nan, 1.0]), 0.03))
    >>> mean.round(6).tolist(), covariance.round(4).tolist()
    ([1.0], [[0.02]])
    """
    months = np.arange(1, len(level.logs) + 1)
    step = noise = level.variance * LEVEL_SHARE
    whole = step * np.minimum.outer(months, months) + noise * np.eye(len(months))
    known = np.isfinite(level.logs)
    inside = whole[np.ix_(known, known)]
    across = whole[np.ix_(~known, known)]
    ones = np.ones(int(known.sum()))
    solved = np.linalg.solve(inside, np.column_stack([ones, level.logs[known]]))
    centre = float(ones @ solved[:, 1] / (ones @ solved[:, 0]))
    mean = centre + across @ np.linalg.solve(inside, level.logs[known] - centre)
    gain = np.linalg.solve(inside, across.T).T
    lack = 1 - gain @ ones
    covariance = whole[np.ix_(~known, ~known)] - gain @ across.T + np.outer(lack, lack) / (ones @ solved[:, 0])
    return mean, covariance


def estimates(snapshot: Snapshot, seasons: Mapping[SeriesKey, pd.Series]) -> pd.DataFrame:
    """Months of the series of ``seasons`` that are known only inside a sum: the table ``estimates`` of a run.

    ``seasons`` has the season of each series in logs by calendar month (1 to 12). Months are those of the last two
    years up to the cutoff, after the first figure of the series.

    Returns
    -------
    pandas.DataFrame
        Quantiles in tonnes, a row per series and month; ``inside`` says which sum, ``sum_t`` is its volume.
    """
    rows: list[tuple[Any, ...]] = []
    for (product, code), season in seasons.items():
        wide = snapshot.volumes[product].iloc[-MEMORY:]
        totals = snapshot.totals
        own = totals[(totals["product"] == product) & (totals["destination"] == code)]
        world = wide[WORLD] if WORLD in wide and code != WORLD else None
        for month, *cells in _of_series(wide[code], own, world, season):
            rows.append((product, code, snapshot.issued, month, *cells))
    return RUN_TABLES["estimates"].from_rows(rows)


def _of_series(
    volume: pd.Series, totals: pd.DataFrame, world: pd.Series | None, season: pd.Series
) -> Iterator[tuple[Any, ...]]:
    """Month, quantiles in tonnes in the order of the table, the sum's name and its tonnes."""
    months = pd.PeriodIndex(volume.index)
    values = volume.to_numpy(dtype=float)
    known = np.isfinite(values)
    if known.sum() < LEAST_KNOWN:
        return
    first = int(np.argmax(known))
    whole = None if world is None else world.to_numpy(dtype=float)
    seasonal = season.reindex(months.month[first:]).to_numpy(dtype=float)
    draws = _draws(values[first:], None if whole is None else whole[first:], seasonal)
    missing = np.flatnonzero(~known[first:]) + first
    inside: dict[int, tuple[str, float]] = {}
    within = totals[totals["end"] <= months[-1]] if len(totals) else totals
    for mask, mean in remainders(volume.iloc[first:], within) if len(within) else ():
        at = [int(place) for place in np.flatnonzero(mask) + first]
        columns = np.searchsorted(missing, at)
        tonnes = mean * len(at)
        fixed = np.full((len(draws), 1), tonnes)
        draws[:, columns] = reconciled_draws(np.hstack([draws[:, columns], fixed]))[:, :-1]
        inside |= dict.fromkeys(at, (f"{months[at[0]]} to {months[at[-1]]}", tonnes))
    if whole is not None:
        worlds = ((int(place), (WORLD, float(whole[place]))) for place in missing if np.isfinite(whole[place]))
        inside = {**dict(worlds), **inside}
    quantiles = np.quantile(draws, PROBABILITIES, axis=0, method="hazen")
    for column, place in enumerate(missing):
        if int(place) in inside and place >= len(months) - ESTIMATED_MONTHS:
            low_95, low_80, median, high_80, high_95 = map(float, quantiles[:, column])
            yield (months[int(place)], median, low_80, high_80, low_95, high_95, *inside[int(place)])


def _draws(values: np.ndarray, world: np.ndarray | None, season: np.ndarray) -> np.ndarray:
    """Draws in tonnes (draw x month without a figure), with the world's figure where its share moves less.

    Where the world lacks a month as well its log is taken to lie on the line between its neighbours.
    """
    known = np.isfinite(values)
    floor = FLOOR_SHARE * float(np.median(values[known])) + 1e-9
    own = gapped_level(np.log(values + floor) - season)
    base = season
    if world is not None and np.isfinite(world[known]).sum() >= LEAST_KNOWN:
        carried = pd.Series(np.log(np.maximum(world, floor))).interpolate(limit_direction="both").to_numpy()
        shares = np.log(values + floor) - carried
        variance = gapped_level(np.where(np.isfinite(world), shares, np.nan)).variance
        if variance < own.variance:
            own, base = GappedLevel(shares, variance), carried
    mean, covariance = missing_moments(own)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(mean)))
    logs = mean + normal_scores(len(mean)) @ root.T + base[~known]
    return np.asarray(np.maximum(np.exp(logs) - floor, 0.0))
