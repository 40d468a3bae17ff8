"""The two benchmarks: the last observed month again, and the same calendar month again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from forecast.models.exact import LEAST_SD
from forecast.models.protocol import FitError, as_correlation, gaussian_bounds
from forecast.models.season import SEASON

_LEAST_OBSERVED = 3
ENOUGH_PAIRS = 6


@dataclass(frozen=True)
class Naive:
    """The last observed month, carried forward as a random walk; it has no use for ``X`` nor ``prior``.

    The variance of a month is the mean square of the changes between months that are both observed and adjacent. With
    fewer than six such pairs it is the mean square of the changes between consecutive observed months, however far
    apart, each taken as if it had happened in one month: wide on purpose.

    Examples
    --------
    >>> month = pd.period_range("2025-01", periods=4, freq="M")
    >>> y, ahead = pd.Series([5.0, 6.0, 5.0, np.nan], month), month[-1:] + 1
    >>> fit = Naive().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=ahead)).round(2).loc["2025-05"].to_dict()
    {'lower_95': 2.23, 'lower_80': 3.19, 'median': 5.0, 'upper_80': 6.81, 'upper_95': 7.77}
    """

    name: ClassVar[str] = "naive"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> NaiveFit:
        """The random walk that goes on from the last observed month of ``y``.

        Raises
        ------
        FitError
            With fewer than three observed months.
        """
        observed = y.dropna()
        if len(observed) < _LEAST_OBSERVED:
            raise FitError(f"naive needs {_LEAST_OBSERVED} observed months and found {len(observed)}.")
        changes = differences(y, 1)
        if len(changes) < ENOUGH_PAIRS:
            changes = np.diff(observed.to_numpy())
        return NaiveFit(float(observed.iloc[-1]), observed.index[-1], _root_mean_square(changes))


@dataclass(frozen=True)
class NaiveFit:
    """A random walk from ``level`` in ``month``, whose monthly step has standard deviation ``sd`` (logs)."""

    level: float
    month: pd.Period
    sd: float

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The last observed value, and bounds that widen with the root of the months since it was observed."""
        months = pd.PeriodIndex(X.index)
        distance = months.asi8 - self.month.ordinal
        return gaussian_bounds(np.full(len(months), self.level), self.sd * np.sqrt(distance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of a random walk: two months share the steps up to the earlier one."""
        distance = pd.PeriodIndex(X.index).asi8 - self.month.ordinal
        return as_correlation(np.minimum.outer(distance, distance))


@dataclass(frozen=True)
class SeasonalNaive:
    """The same calendar month of the latest year in which it was observed; no use for ``X`` nor ``prior``.

    The variance of a year is the mean square of the 12-month differences between observed months. An interval looks at
    one month alone; between months, the errors correlate as those differences do, which are taken for an AR(1) with the
    correlation of consecutive ones, held within 0 and 1.

    Examples
    --------
    >>> month = pd.period_range("2024-01", periods=18, freq="M")
    >>> y, ahead = pd.Series([float(m.month + (m.year == 2025)) for m in month], month), month[-1:] + 1
    >>> fit = SeasonalNaive().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=ahead)).round(2).loc["2025-07"].to_dict()
    {'lower_95': 5.04, 'lower_80': 5.72, 'median': 7.0, 'upper_80': 8.28, 'upper_95': 8.96}
    """

    name: ClassVar[str] = "seasonal_naive"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> SeasonalNaiveFit:
        """The yearly random walk of each calendar month of ``y``.

        Raises
        ------
        FitError
            With fewer than six pairs of observed months a year apart.
        """
        changes = differences(y, SEASON)
        if len(changes) < ENOUGH_PAIRS:
            raise FitError(
                f"seasonal_naive needs {ENOUGH_PAIRS} pairs of observed months a year apart and found {len(changes)}."
            )
        return SeasonalNaiveFit(y.dropna(), _root_mean_square(changes), _persistence(y))


@dataclass(frozen=True)
class SeasonalNaiveFit:
    """The ``observed`` months, the standard deviation ``sd`` of a year's change (logs), and its ``persistence``.

    That is the correlation of the change over a year to one month with the change over a year to the next month.
    """

    observed: pd.Series
    sd: float
    persistence: float

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The latest observed value of each calendar month; bounds widen with the root of the years since.

        Raises
        ------
        FitError
            When a month of ``X.index`` was never observed in any year.
        """
        months = pd.PeriodIndex(X.index)
        latest = self._latest(months)
        years = (months.asi8 - pd.PeriodIndex(self.observed.index).asi8[latest]) / SEASON
        return gaussian_bounds(self.observed.to_numpy()[latest], self.sd * np.sqrt(years), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of sums of yearly changes, one a year since the source of each month."""
        months = pd.PeriodIndex(X.index)
        years = (months.asi8 - pd.PeriodIndex(self.observed.index).asi8[self._latest(months)]) // SEASON
        changes = np.concatenate([month - SEASON * np.arange(n) for month, n in zip(months.asi8, years, strict=True)])
        added = np.repeat(np.eye(len(months)), years, axis=1)
        together = self.persistence ** np.abs(np.subtract.outer(changes, changes))
        return as_correlation(added @ together @ added.T)

    def _latest(self, months: pd.PeriodIndex) -> np.ndarray:
        """Where among ``observed`` the latest of the same calendar month stands, for each of ``months``."""
        apart = np.subtract.outer(months.asi8, pd.PeriodIndex(self.observed.index).asi8[::-1])
        same = apart % SEASON == 0
        if not same.any(axis=1).all():
            month = months[int(same.any(axis=1).argmin())]
            raise FitError(f"seasonal_naive cannot forecast {month}: that calendar month was never observed.")
        latest: np.ndarray = len(self.observed) - 1 - same.argmax(axis=1)
        return latest


def differences(y: pd.Series, lag: int) -> np.ndarray:
    """Changes of ``y``, a complete monthly series with gaps as NaN, between observed months ``lag`` months apart."""
    values = y.to_numpy(dtype=float)
    changes = values[lag:] - values[:-lag]
    observed: np.ndarray = changes[np.isfinite(changes)]
    return observed


def _persistence(y: pd.Series) -> float:
    """Correlation about zero of the 12-month differences of ``y`` with those a month later, held within 0 and 1."""
    values = y.to_numpy(dtype=float)
    change = values[SEASON:] - values[:-SEASON]
    products = change[1:] * change[:-1]
    known = np.isfinite(products)
    size = float(np.sqrt(np.sum(change[1:][known] ** 2) * np.sum(change[:-1][known] ** 2)))
    return float(np.clip(products[known].sum() / size, 0, 1)) if size > 0 else 0.0


def _root_mean_square(changes: np.ndarray) -> float:
    """Of ``changes`` (logs), at least that of a figure of three digits."""
    return max(float(np.sqrt(np.mean(changes**2))), LEAST_SD)
