"""The theta method as a local level with a fixed drift, so that a missing month is only a month without news."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, pi
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from forecast.kernels.local_level import cost, filtered
from forecast.models.protocol import FitError, as_correlation, gaussian_bounds

LEAST_OBSERVED = 12
LEAST_OBSERVED_FOR_SEASON = 36
SEASON = 12
SEASON_QUANTILE = 1.645
GRID = np.linspace(0, 1, 17)
LEAST_RANGE = 1e-9


@dataclass(frozen=True)
class Theta:
    """The theta method on log volume; it has no use for ``X`` nor ``prior``.

    It is simple exponential smoothing with a drift of half the slope of the straight line through the season-adjusted
    logs [2]_, and exponential smoothing is the Kalman filter of a local level. The share of the level in the monthly
    variance is found by maximum likelihood. Intervals hold drift and season as known, as the method does.

    A season is taken out when at least 36 months are observed, every calendar month among them, and the autocorrelation
    of the detrended logs at lag 12 is above ``1.645 sqrt((1 + 2 (r_1**2 + ... + r_11**2)) / n)``, the test of [1]_; its
    factors are the month means of the detrended logs, centred to zero.

    References
    ----------
    .. [1] Assimakopoulos, V. and Nikolopoulos, K. (2000), The theta model: a decomposition approach to forecasting.
       International Journal of Forecasting 16, 521-530. doi:10.1016/S0169-2070(00)00066-2
    .. [2] Hyndman, R. J. and Billah, B. (2003), Unmasking the Theta method. International Journal of Forecasting 19,
       287-290. doi:10.1016/S0169-2070(01)00143-1

    Examples
    --------
    Noise about a level that does not move: the forecast is its mean.

    >>> month = pd.period_range("2024-01", periods=12, freq="M")
    >>> y, ahead = pd.Series([0.0, 1, 1, 0] * 3, month), month[-1:] + 1
    >>> fit = Theta().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=ahead)).round(2).loc["2025-01"].to_dict()
    {'lower_95': -0.57, 'lower_80': -0.2, 'median': 0.5, 'upper_80': 1.2, 'upper_95': 1.57}
    """

    name: ClassVar[str] = "theta"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> ThetaFit:
        """The level after the last month of ``y``, its drift, its season and how much they are to be trusted.

        Raises
        ------
        FitError
            With fewer than twelve observed months, or when they do not vary, so that no interval can be given.
        """
        values = y.to_numpy(dtype=float)
        count = int(np.isfinite(values).sum())
        if count < LEAST_OBSERVED:
            raise FitError(f"theta needs {LEAST_OBSERVED} observed months and found {count}.")
        calendar = pd.PeriodIndex(y.index).asi8 % SEASON
        season = season_factors(values, calendar)
        drift = _line(values - season[calendar])[1] / 2
        path = _varied(_without(values, season[calendar], drift))
        return ThetaFit(y.index[-1], local_level(path, _likeliest_share(path)), drift, season)


@dataclass(frozen=True)
class LocalLevel:
    """A local level filtered to the last month: ``value = level + noise``, the level a random walk.

    ``variance`` is that of noise and monthly step of the level together, the step having the ``share`` (0 to 1) of it;
    ``uncertainty`` is the variance of the filtered ``level``.
    """

    share: float
    level: float
    uncertainty: float
    variance: float
    loglikelihood: float


@dataclass(frozen=True)
class ThetaFit:
    """A local level up to ``month``, a monthly ``drift``, and twelve ``season`` factors from January on (logs)."""

    month: pd.Period
    state: LocalLevel
    drift: float
    season: np.ndarray

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The level moved on by the drift, with its season; the variance grows with the level's random walk."""
        months = pd.PeriodIndex(X.index)
        distance = months.asi8 - self.month.ordinal
        mean = self.state.level + self.drift * distance + self.season[months.asi8 % SEASON]
        step = self.state.share * self.state.variance
        noise = self.state.variance - step
        return gaussian_bounds(mean, np.sqrt(self.state.uncertainty + step * distance + noise), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of the local level: two months share what is not known of the level and its steps up to the earlier."""
        distance = pd.PeriodIndex(X.index).asi8 - self.month.ordinal
        step = self.state.share * self.state.variance
        shared = self.state.uncertainty + step * np.minimum.outer(distance, distance)
        return as_correlation(shared + (self.state.variance - step) * np.eye(len(distance)))

    def follow(self, y: pd.Series, X: pd.DataFrame) -> ThetaFit:
        """The same share, variance, drift and season, with the level filtered through ``y``: nothing is estimated.

        Raises
        ------
        FitError
            When ``y`` has fewer than two different values after season and drift.
        """
        calendar = pd.PeriodIndex(y.index).asi8 % SEASON
        path = _without(y.to_numpy(dtype=float), self.season[calendar], self.drift)
        state = local_level(_varied(path), self.state.share)
        ratio = self.state.variance / state.variance
        held = replace(state, uncertainty=state.uncertainty * ratio, variance=self.state.variance)
        return replace(self, month=y.index[-1], state=held)


def _without(values: np.ndarray, season: np.ndarray, drift: float) -> np.ndarray:
    """``values`` less their ``season`` and a ``drift`` that is zero in the last month."""
    path: np.ndarray = values - season - drift * np.arange(1 - len(values), 1)
    return path


def _varied(path: np.ndarray) -> np.ndarray:
    """``path``, refused where its observed months are all the same."""
    if np.nanmax(path) - np.nanmin(path) < LEAST_RANGE:
        count = np.isfinite(path).sum()
        raise FitError(f"theta found no variation in {count} observed months, so it has no interval to give.")
    return path


def season_factors(values: np.ndarray, calendar: np.ndarray) -> np.ndarray:
    """Twelve factors from January on, in the unit of ``values`` and adding to zero; all zero where no season is sure.

    ``values`` are consecutive months with gaps as NaN, and ``calendar`` their calendar months counted from zero.
    """
    observed = np.isfinite(values)
    if observed.sum() < LEAST_OBSERVED_FOR_SEASON or len(np.unique(calendar[observed])) < SEASON:
        return np.zeros(SEASON)
    level, slope = _line(values)
    detrended = values - level - slope * np.arange(len(values))
    if not _is_seasonal(detrended):
        return np.zeros(SEASON)
    factors = np.array([np.nanmean(detrended[calendar == month]) for month in range(SEASON)])
    centred: np.ndarray = factors - factors.mean()
    return centred


def _is_seasonal(detrended: np.ndarray) -> bool:
    r = autocorrelations(detrended)[1 : SEASON + 1]
    bound = SEASON_QUANTILE * np.sqrt((1 + 2 * np.square(r[:-1]).sum()) / np.isfinite(detrended).sum())
    return bool(r[-1] > bound)


def autocorrelations(values: np.ndarray) -> np.ndarray:
    """Autocorrelations of centred ``values`` at every lag from 0, each over its pairs of observed months.

    On complete values they are the usual estimates, sums of products over the sum of squares. Zero without a pair.
    """
    known = np.isfinite(values)
    filled, lags = np.where(known, values, 0.0), np.arange(len(values))
    products = np.correlate(filled, filled, "full")[len(values) - 1 :]
    pairs = np.correlate(known.astype(float), known.astype(float), "full")[len(values) - 1 :]
    mean = products / np.maximum(pairs, 1.0)
    correlations: np.ndarray = (1 - lags / len(values)) * mean / mean[0]
    return correlations


def local_level(path: np.ndarray, share: float) -> LocalLevel:
    """The local level whose step has ``share`` of the variance, filtered through ``path`` with gaps as NaN.

    The first observed value starts the level (an exactly diffuse start), so the likelihood, from which the variance is
    profiled out, is that of the observed values after it. ``path`` holds at least two different values.
    """
    level, uncertainty, count, squares, logs = filtered(path, share)
    variance = squares / count
    loglikelihood = -(count * (log(2 * pi * variance) + 1) + logs) / 2
    return LocalLevel(share, level, uncertainty * variance, variance, loglikelihood)


def _likeliest_share(path: np.ndarray) -> float:
    """The share of maximum likelihood: the best of a grid, then refined between its neighbours."""
    best = int(np.argmin([cost(share, path) for share in GRID]))
    between = GRID[max(best - 1, 0)], GRID[min(best + 1, len(GRID) - 1)]
    found = minimize_scalar(cost, bounds=between, args=(path,), method="bounded", options={"xatol": 1e-8})
    return float(min(found.x, GRID[best], key=lambda share: cost(share, path)))


def _line(values: np.ndarray) -> tuple[float, float]:
    """Level in the first month and monthly slope of the least-squares line through the observed ``values``."""
    month = np.flatnonzero(np.isfinite(values))
    slope, level = np.polyfit(month, values[month], 1)
    return float(level), float(slope)
