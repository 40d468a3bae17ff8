"""The theta method as a local level with a fixed drift, so that a missing month is only a month without news."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, pi
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from forecast.kernels.local_level import cost, filtered
from forecast.models.exact import LEAST_SD, Repetition, repetition
from forecast.models.protocol import FitError, as_correlation, gaussian_bounds
from forecast.models.season import LEAST_OBSERVED, SEASON, line, season_doubt, season_factors

GRID = np.linspace(0, 1, 17)
PARABOLA = 1e-3
"""Half the width of the parabola by whose lowest point a minimum is found, in shares."""


@dataclass(frozen=True)
class Theta:
    """The theta method on log volume; it has no use for ``X`` nor ``prior``.

    It is simple exponential smoothing with a drift of half the slope of the straight line through the season-adjusted
    logs [2]_, and exponential smoothing is the Kalman filter of a local level. The share of the level in the monthly
    variance is found by maximum likelihood. Intervals hold the drift as known, as the method does, and the season as
    uncertain as a mean of so many months.

    The season taken out is that of `forecast.models.season`: means of the calendar months in which a year has 0.8 of
    the weight of the next, shrunk by how much of them is noise. A series that repeats itself exactly is forecast to go
    on so (`forecast.models.exact`).

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

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> ThetaFit | Repetition:
        """The level after the last month of ``y``, its drift, its season and how much they are to be trusted.

        Raises
        ------
        FitError
            With fewer than twelve observed months.
        """
        values = y.to_numpy(dtype=float)
        count = int(np.isfinite(values).sum())
        if count < LEAST_OBSERVED:
            raise FitError(f"theta needs {LEAST_OBSERVED} observed months and found {count}.")
        again = repetition(y, X.iloc[:, :0], None, LEAST_OBSERVED)
        if again is not None:
            return again
        calendar = pd.PeriodIndex(y.index).asi8 % SEASON
        season = season_factors(values, calendar)
        doubt = season_doubt(values, calendar) if season.any() else np.zeros(SEASON)
        drift = line(values - season[calendar])[1] / 2
        path = _without(values, season[calendar], drift)
        return ThetaFit(y.index[-1], local_level(path, _likeliest_share(path)), drift, season, doubt)


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
    """A local level up to ``month``, a monthly ``drift``, and twelve ``season`` factors from January on (logs).

    ``doubt`` are the variances of the factors over that of the state.
    """

    month: pd.Period
    state: LocalLevel
    drift: float
    season: np.ndarray
    doubt: np.ndarray

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The level moved on by the drift, with its season; the variance grows with the level's random walk."""
        months = pd.PeriodIndex(X.index)
        distance = months.asi8 - self.month.ordinal
        mean = self.state.level + self.drift * distance + self.season[months.asi8 % SEASON]
        return gaussian_bounds(mean, np.sqrt(np.diag(self._covariance(months))), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of the local level and the season.

        Two months share what is not known of the level, its steps up to the earlier one, and, a year or more apart,
        the factor of their calendar month.
        """
        return as_correlation(self._covariance(pd.PeriodIndex(X.index)))

    def _covariance(self, months: pd.PeriodIndex) -> np.ndarray:
        """Covariance of the errors between ``months``."""
        distance, calendar = months.asi8 - self.month.ordinal, months.asi8 % SEASON
        step = self.state.share * self.state.variance
        level = self.state.uncertainty + step * np.minimum.outer(distance, distance)
        season = np.equal.outer(calendar, calendar) * self.doubt[calendar] * self.state.variance
        covariance: np.ndarray = level + season + (self.state.variance - step) * np.eye(len(months))
        return covariance

    def follow(self, y: pd.Series, X: pd.DataFrame) -> ThetaFit:
        """The same share, variance, drift and season, with the level filtered through ``y``: nothing is estimated."""
        calendar = pd.PeriodIndex(y.index).asi8 % SEASON
        path = _without(y.to_numpy(dtype=float), self.season[calendar], self.drift)
        state = local_level(path, self.state.share)
        ratio = self.state.variance / state.variance
        held = replace(state, uncertainty=state.uncertainty * ratio, variance=self.state.variance)
        return replace(self, month=y.index[-1], state=held)


def _without(values: np.ndarray, season: np.ndarray, drift: float) -> np.ndarray:
    """``values`` less their ``season`` and a ``drift`` that is zero in the last month."""
    path: np.ndarray = values - season - drift * np.arange(1 - len(values), 1)
    return path


def local_level(path: np.ndarray, share: float) -> LocalLevel:
    """The local level whose step has ``share`` of the variance, filtered through ``path`` with gaps as NaN.

    The first observed value starts the level (an exactly diffuse start), so the likelihood, from which the variance is
    profiled out, is that of the observed values after it. The variance is at least that of a figure of three digits.
    """
    level, uncertainty, count, squares, logs = filtered(path, share)
    variance = max(squares / count, LEAST_SD**2)
    loglikelihood = -(count * (log(2 * pi * variance) + 1) + logs) / 2
    return LocalLevel(share, level, uncertainty * variance, variance, loglikelihood)


def _likeliest_share(path: np.ndarray) -> float:
    """The share of maximum likelihood: the best of a grid, then refined between its neighbours."""
    best = int(np.argmin([cost(share, path) for share in GRID]))
    between = GRID[max(best - 1, 0)], GRID[min(best + 1, len(GRID) - 1)]
    found = minimize_scalar(cost, bounds=between, args=(path,), method="bounded", options={"xatol": 1e-8}).x
    return float(min(_lowest(found, path), GRID[best], key=lambda share: cost(share, path)))


def _lowest(share: float, path: np.ndarray) -> float:
    """The lowest point of the parabola through the costs at and about a ``share`` that is nearly it.

    A minimum is flat: values tell it to half of their digits, and the machine's linear algebra decides of the others.
    """
    width = min(PARABOLA, share, 1.0 - share)
    below, here, above = (cost(share + width * side, path) for side in (-1, 0, 1))
    bend = below - 2.0 * here + above
    step = 0.5 * width * (below - above) / bend if bend > 0.0 else 0.0
    return share + step if abs(step) <= width else share
