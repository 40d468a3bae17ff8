"""The season of a series in logs, shrunk by how much of it is noise, and the lengths of months."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.kernels.arrays import SEASON as SEASON

MEAN_DAYS = 365.25 / 12
LEAST_OBSERVED = 12
"""Fewest observed months to which any model but the benchmarks is fitted."""

LEAST_OBSERVED_FOR_SEASON = 30
FADING = 0.8
"""The weight of a year in the season against that of the year after it."""


def log_days(months: pd.PeriodIndex) -> np.ndarray:
    """Log of the days of each month over those of a mean month, to be taken off log volumes and added to forecasts.

    What is modelled is then a volume per day. Over 60 destinations of one trade panel the default's error was 0.8 %
    lower for it, over 300 series of another 0.6 % (3.5 and 2.7 standard errors), over 20 of a third the same.

    Examples
    --------
    >>> log_days(pd.PeriodIndex(["2025-01", "2025-02"], freq="M")).round(3).tolist()
    [0.018, -0.083]
    """
    lengths: np.ndarray = np.log(months.days_in_month.to_numpy() / MEAN_DAYS)
    return lengths


def line(values: np.ndarray) -> tuple[float, float]:
    """Level in the first month and monthly slope of the least-squares line through the observed ``values``.

    Examples
    --------
    >>> level, slope = line(np.array([1.0, np.nan, 5.0]))
    >>> round(level, 6), round(slope, 6)
    (1.0, 2.0)
    """
    month = np.flatnonzero(np.isfinite(values))
    centre, mean = month.mean(), values[month].mean()
    slope = float(((month - centre) @ (values[month] - mean)) / max(((month - centre) ** 2).sum(), 1.0))
    return float(mean - slope * centre), slope


def season_factors(values: np.ndarray, calendar: np.ndarray, fading: float = FADING) -> np.ndarray:
    """Twelve factors from January on, in the unit of ``values`` and adding to zero; all zero where no season is seen.

    ``values`` are consecutive months with gaps as NaN, ``calendar`` their calendar months counted from zero. Factors
    are means of the calendar months less a straight line, times the `season_share`. They are zero with fewer than 30
    observed months, and where a calendar month was never observed.
    """
    factors = _means(values, calendar, fading)
    return factors * _share(values, calendar, factors, fading) if factors.any() else factors


def season_share(values: np.ndarray, calendar: np.ndarray, fading: float = FADING) -> float:
    """How much of the raw factors is season and not noise, 0 to 1: the positive part of James and Stein's share [1]_.

    One less the variance that means of so many months have without a season over the variance of the factors; half of
    the variance of the changes from month to month, season taken out, is that of a month.

    References
    ----------
    .. [1] Miller, D. M. and Williams, D. (2003), Shrinkage estimators of time series seasonal factors and their effect
       on forecasting accuracy. International Journal of Forecasting 19, 669-684. doi:10.1016/S0169-2070(02)00077-8

    Examples
    --------
    The same four years again and again are all season:

    >>> season_share(np.tile(np.arange(12.0) % 5, 4), np.tile(np.arange(12), 4)) > 0.99
    True
    """
    return _share(values, calendar, _means(values, calendar, fading), fading)


def season_doubt(values: np.ndarray, calendar: np.ndarray, fading: float = FADING) -> np.ndarray:
    """The variance of each factor over that of a month, shape (12,): that of a weighted mean.

    Examples
    --------
    Two years, the first having 0.8 of the weight of the second: (0.64 + 1) / 1.8**2.

    >>> season_doubt(np.zeros(24), np.tile(np.arange(12), 2)).round(3).tolist()[0]
    0.506
    """
    weight = _weights(values, fading)
    squares = np.bincount(calendar, weight**2, SEASON)
    doubt: np.ndarray = squares / np.bincount(calendar, weight, SEASON) ** 2
    return doubt


def _means(values: np.ndarray, calendar: np.ndarray, fading: float) -> np.ndarray:
    """Weighted means of the calendar months less a straight line, adding to zero."""
    observed = np.isfinite(values)
    if observed.sum() < LEAST_OBSERVED_FOR_SEASON or not np.bincount(calendar[observed], minlength=SEASON).all():
        return np.zeros(SEASON)
    level, slope = line(values)
    weight = _weights(values, fading)
    detrended = np.where(observed, values - level - slope * np.arange(len(values)), 0.0)
    means = np.bincount(calendar, weight * detrended, SEASON) / np.bincount(calendar, weight, SEASON)
    centred: np.ndarray = means - means.mean()
    return centred


def _share(values: np.ndarray, calendar: np.ndarray, factors: np.ndarray, fading: float) -> float:
    changes = np.diff(values - factors[calendar])
    changes = changes[np.isfinite(changes)]
    spread = float((factors**2).sum()) / (SEASON - 1)
    if len(changes) <= SEASON or not spread > 0:
        return 0.0
    month = ((changes - changes.mean()) ** 2).sum() / (len(changes) - SEASON) / 2
    return max(0.0, 1 - float(month * season_doubt(values, calendar, fading).mean()) / spread)


def _weights(values: np.ndarray, fading: float) -> np.ndarray:
    """The weight of each month, zero where it is missing."""
    years = np.arange(len(values) - 1, -1, -1) // SEASON
    weights: np.ndarray = np.isfinite(values) * fading**years
    return weights
