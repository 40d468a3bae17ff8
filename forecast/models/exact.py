"""A series that repeats itself to the last digit: the same month, or the same year, again, but for its regressors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.models.protocol import as_correlation, beliefs, gaussian_bounds, gaussian_effects, values_of
from forecast.models.season import SEASON

_LEAST_RANGE = 1e-9
LEAST_REPEATED = {1: 3, SEASON: 9}
"""How many changes must all be zero, by the distance of the months; of two years' twelve regressors may take three."""

FLAT_PRIOR_SD = 1e3
"""The standard deviation (logs) of a coefficient of which nothing is known."""

LEAST_SD = 1e-3
"""The least standard deviation of a change (logs): a figure of three digits is not surer."""


@dataclass(frozen=True)
class Repetition:
    """A random walk, or one for each calendar month, whose change has the standard deviation `LEAST_SD`.

    ``lag`` is 1 or 12; ``last`` the latest figure of each of ``lag`` places and ``before`` the regressors in its month;
    ``month`` is the last one observed; ``mean`` and ``covariance`` are of the coefficients.
    """

    lag: int
    last: np.ndarray
    month: pd.Period
    regressors: pd.Index
    mean: np.ndarray
    covariance: np.ndarray
    before: np.ndarray

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The same again, and what regressors that change do to it."""
        months = pd.PeriodIndex(X.index)
        moved = self._moved(X)
        level = self.last[self._place(months)] + moved @ self.mean
        return gaussian_bounds(level, np.sqrt(np.diag(self._covariance(X))), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Months of one place share the changes up to the earlier one; all share what is not known of coefficients."""
        return as_correlation(self._covariance(X))

    def follow(self, y: pd.Series, X: pd.DataFrame) -> Repetition:
        """The same coefficients, and the latest figures of ``y``."""
        return _repetition(self, y, X)

    def effects(self) -> pd.DataFrame:
        """What each regressor does to log volume: columns ``estimate``, ``lower``, ``upper`` (95 %), a row each."""
        return gaussian_effects(self.mean, np.sqrt(np.diag(self.covariance)), self.regressors)

    def _moved(self, X: pd.DataFrame) -> np.ndarray:
        moved: np.ndarray = values_of(X, self.regressors) - self.before[self._place(pd.PeriodIndex(X.index))]
        return moved

    def _place(self, months: pd.PeriodIndex) -> np.ndarray:
        place: np.ndarray = months.asi8 % self.lag
        return place

    def _covariance(self, X: pd.DataFrame) -> np.ndarray:
        months, moved = pd.PeriodIndex(X.index), self._moved(X)
        changes = -(-(months.asi8 - self.month.ordinal) // self.lag)
        same = np.equal.outer(self._place(months), self._place(months))
        covariance: np.ndarray = LEAST_SD**2 * same * np.minimum.outer(changes, changes)
        covariance += moved @ self.covariance @ moved.T
        return covariance


def repetition(y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None, least: int) -> Repetition | None:
    """The series as a repetition of a month or of a year; None where it is none or has fewer than ``least`` figures.

    ``X`` and ``prior`` as in `forecast.models.protocol.Model`. Changes that the regressors explain exactly are theirs;
    one that did not move is as its prior has it, and does nothing without a prior.

    Examples
    --------
    >>> months = pd.period_range("2023-01", periods=24, freq="M")
    >>> found = repetition(pd.Series(np.tile(np.arange(12.0), 2), months), pd.DataFrame(index=months), None, 12)
    >>> found.predict(pd.DataFrame(index=pd.period_range("2025-02", periods=1, freq="M")))["median"].tolist()
    [1.0]
    """
    values = y.to_numpy(dtype=float)
    if np.isfinite(values).sum() < least:
        return None
    for lag, enough in LEAST_REPEATED.items():
        change, moved = _changes(values, X.to_numpy(dtype=float), lag)
        spare = len(change) - np.linalg.matrix_rank(moved) if moved.size else len(change)
        if spare >= enough and _complete(values, lag) and _explained(change, moved):
            return _fitted(lag, y, X, prior, change, moved)
    return None


def _changes(values: np.ndarray, columns: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the series and of the regressors over ``lag`` months, where both ends are known."""
    change = values[lag:] - values[:-lag]
    known = np.isfinite(change)
    return change[known], (columns[lag:] - columns[:-lag])[known]


def _explained(change: np.ndarray, moved: np.ndarray) -> bool:
    """Whether the regressors leave nothing of ``change``."""
    left = change - moved @ np.linalg.lstsq(moved, change)[0] if moved.any() else change
    return bool(np.abs(left).max() < _LEAST_RANGE)


def _complete(values: np.ndarray, lag: int) -> bool:
    """Whether every place of a year (or the series itself) was observed."""
    return len(np.unique(np.flatnonzero(np.isfinite(values)) % lag)) == lag


def _fitted(
    lag: int, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None, change: np.ndarray, moved: np.ndarray
) -> Repetition:
    """The coefficients given changes that are as sure as `LEAST_SD`, with the latest figures."""
    mean, sd = beliefs(prior, X.columns)
    spread = np.where(np.isfinite(sd), sd, FLAT_PRIOR_SD)
    covariance = np.linalg.inv(np.diag(spread**-2.0) + moved.T @ moved / LEAST_SD**2)
    estimate = covariance @ (mean / spread**2 + moved.T @ change / LEAST_SD**2)
    idle = ~np.isfinite(sd) & (moved == 0).all(axis=0)
    covariance[idle], covariance[:, idle] = 0.0, 0.0
    nothing = np.empty(0), y.index[-1], X.columns
    return _repetition(Repetition(lag, *nothing, estimate, covariance, np.empty((0, 0))), y, X)


def _repetition(held: Repetition, y: pd.Series, X: pd.DataFrame) -> Repetition:
    """``held`` with the latest figures of ``y``, of each place."""
    months, values = pd.PeriodIndex(y.index), y.to_numpy(dtype=float)
    seen = np.flatnonzero(np.isfinite(values))
    latest = np.zeros(held.lag, dtype=int)
    latest[months.asi8[seen] % held.lag] = seen
    before = values_of(X, held.regressors)[latest]
    return replace(held, last=values[latest], month=months[seen[-1]], before=before)
