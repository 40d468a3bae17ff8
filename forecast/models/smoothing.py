"""What the models of exponential smoothing share: how a series is laid out for the kernel, and a fit that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecast.kernels import KernelError
from forecast.kernels import exponential_smoothing as kernel
from forecast.kernels.differenced import Prior
from forecast.models.exact import FLAT_PRIOR_SD, LEAST_SD, Repetition, repetition
from forecast.models.protocol import FitError, as_correlation, beliefs, gaussian_bounds, gaussian_effects, values_of
from forecast.models.season import LEAST_OBSERVED, LEAST_OBSERVED_FOR_SEASON, SEASON, season_share


@dataclass(frozen=True)
class Smoothed:
    """Fits of the kernel to the months from the first to the last figure of a series, a form each, with their weights.

    ``month`` is the last of these, ``centre`` what was taken off the logs, ``prior`` is by regressor (mean, sd). The
    forecast is normal, with the mean and the covariance of the forms' mixture.
    """

    name: str
    forms: tuple[kernel.SmoothingFit, ...]
    weights: np.ndarray
    month: pd.Period
    centre: float
    regressors: pd.Index
    prior: Prior | None

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Median and bounds in logs over ``X.index``.

        Raises
        ------
        FitError
            When the forecast is not a finite number.
        """
        months = pd.PeriodIndex(X.index)
        mean, covariance = self._ahead(X)
        sd = np.sqrt(np.diag(covariance))
        if not (np.isfinite(mean).all() and np.isfinite(sd).all()):
            raise FitError(f"{self.name} gives no finite forecast of {months[0]}.")
        return gaussian_bounds(mean, sd, months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of the errors to come, the first states, the coefficients and the form together, exactly."""
        return as_correlation(self._ahead(X)[1])

    def effects(self) -> pd.DataFrame:
        """What each regressor does to log volume: columns ``estimate``, ``lower``, ``upper`` (95 %), a row each."""
        mean, covariance = self._mixture([(fit.coefficients, fit.coefficient_covariance) for fit in self.forms])
        return gaussian_effects(mean, np.sqrt(np.diag(covariance)), self.regressors)

    def follow(self, y: pd.Series, X: pd.DataFrame) -> Smoothed | Repetition:
        """The same weights, smoothing parameters and variances on ``y`` and ``X``: first states and coefficients move.

        Raises
        ------
        FitError
            With fewer than twelve observed months.
        """
        prior = None if self.prior is None else pd.DataFrame(np.transpose(self.prior), self.regressors, ["mean", "sd"])
        again = repetition(y, X, prior, LEAST_OBSERVED)
        if again is not None:
            return again
        values, columns, month = span(self.name, y, X)
        forms = tuple(kernel.held(fit, values - self.centre, columns, self.prior) for fit in self.forms)
        return replace(self, forms=forms, month=month)

    def _ahead(self, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance over ``X.index``; months since the last figure lie between."""
        gap = int(pd.PeriodIndex(X.index).asi8[0]) - self.month.ordinal - 1
        future = values_of(X, self.regressors)
        between = np.zeros((gap, future.shape[1]))
        mean, covariance = self._mixture([kernel.forecast(fit, np.vstack([between, future])) for fit in self.forms])
        return mean[gap:] + self.centre, covariance[gap:, gap:] + LEAST_SD**2 * np.eye(len(X))

    def _mixture(self, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the mixture of ``parts``, each a mean and a covariance."""
        means, covariances = (np.stack(values) for values in zip(*parts, strict=True))
        mean = self.weights @ means
        apart = means - mean
        within = np.tensordot(self.weights, covariances, 1)
        return mean, within + (self.weights * apart.T) @ apart


def smoothed(
    name: str, kinds: Sequence[int], y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None, unit: float
) -> Smoothed | Repetition:
    """Forms of ``kinds`` of ``y`` about a mean of ``unit``, by Akaike weights; seasonal from 30 observed months on.

    Raises
    ------
    FitError
        With fewer than twelve observed months, or when no form can be fitted.
    """
    values, columns, month = span(name, y, X)
    again = repetition(y, X, prior, LEAST_OBSERVED)
    if again is not None:
        return again
    centre = float(np.nanmean(values)) - unit
    given = _prior(prior, X.columns)
    seasons = [False, True] if np.isfinite(values).sum() >= LEAST_OBSERVED_FOR_SEASON else [False]
    share = season_share(values, np.arange(len(values)) % SEASON, 1.0)
    try:
        forms, weights = kernel.every_form(values - centre, columns, kinds, seasons, given, share)
    except KernelError as error:
        raise FitError(f"{name}: {error}") from error
    return Smoothed(name, forms, weights, month, centre, X.columns, given)


def span(name: str, y: pd.Series, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, pd.Period]:
    """Logs and regressors from the first to the last figure, and the month of the last.

    Raises
    ------
    FitError
        With fewer than twelve observed months.
    """
    values = y.to_numpy(dtype=float)
    seen = np.flatnonzero(np.isfinite(values))
    if len(seen) < LEAST_OBSERVED:
        raise FitError(f"{name} needs {LEAST_OBSERVED} observed months and found {len(seen)}.")
    part = slice(seen[0], seen[-1] + 1)
    return values[part], X.to_numpy(dtype=float)[part], y.index[seen[-1]]


def _prior(prior: pd.DataFrame | None, regressors: pd.Index) -> Prior | None:
    if prior is None or not len(regressors):
        return None
    mean, sd = beliefs(prior, regressors)
    return mean, np.where(np.isfinite(sd), sd, FLAT_PRIOR_SD)
