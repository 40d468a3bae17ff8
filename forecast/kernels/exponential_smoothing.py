"""Exponential smoothing of one series with regressors: forms compared by AICc, and forecasts with joint covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.kernels import KernelError, likelihood, smoothing
from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.differenced import Prior
from forecast.kernels.smoothing import COMPLEX, DAMPED, LEVEL, TREND, Form, Series

FIRST = {LEVEL: (-0.5,), TREND: (-0.5, -2.0), DAMPED: (-0.5, -2.0, 1.0), COMPLEX: (1.0, 0.1)}
FIRST_OF_SEASON = {LEVEL: -1.5, TREND: -1.5, DAMPED: -1.5, COMPLEX: -2.2}
"""Where descents begin, in angles."""
SPAN, SIMPLEX_TOLERANCE, MOST_STEPS = 0.8, 0.05, 300
"""Size of the first simplex, the differences of log-likelihood at which a descent ends, and most evaluations."""
MOST_WORSE = 1e4
"""Ratio of error variances above which parameters held since an earlier month do not fit a series any more."""


@dataclass(frozen=True, slots=True)
class SmoothingFit:
    """Exponential smoothing at its maximum.

    ``point`` is where the optimiser ended. ``linear`` are the first states that least squares found and then the
    coefficients of the ``regressors``, with their ``covariance``; ``states`` are those that each column ends in, the
    series' last. ``variance`` is that of the errors, ``against`` the one that the prior was weighted
    against; ``share`` as in `search`, ``months`` the length of the series.
    """

    form: Form
    point: Floats
    linear: Floats
    covariance: Floats
    states: Floats
    variance: float
    log_likelihood: float
    aicc: float
    months: int
    regressors: int
    share: float
    against: float

    @property
    def coefficients(self) -> Floats:
        """What the regressors do, in the unit of the series."""
        return self.linear[self.linear.size - self.regressors :]

    @property
    def coefficient_covariance(self) -> Floats:
        """Covariance of `coefficients`, first states and they being uncertain together."""
        first = self.linear.size - self.regressors
        return self.covariance[first:, first:]

    @property
    def moves(self) -> Floats:
        """Smoothing parameters as in `forecast.kernels.smoothing.moves`."""
        return smoothing.moves(self.point, *self.form)


def search(
    y: Floats,
    X: Floats,
    kinds: Sequence[int],
    seasons: Sequence[bool],
    prior: Prior | None = None,
    share: float = 1.0,
) -> SmoothingFit:
    """The fit of lowest AICc, the first of equals, of ``y`` (months,) on ``X`` (months, regressors).

    Whether there is a season is settled with the first of ``kinds`` (LEVEL, TREND, DAMPED, COMPLEX), the others have
    the same. ``y`` begins and ends with a figure and has NaN for gaps. Without a ``prior`` coefficients are free. The
    complex form begins with that ``share`` of the means of the calendar months, less a straight line, as its season.

    Raises
    ------
    KernelError
        When none of the forms can be fitted.

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).standard_normal(60))
    >>> found = search(walk, np.empty((60, 0)), [LEVEL, DAMPED], [False])
    >>> found.form, bool(found.moves[6] > 0.9)  # the level takes nearly all of an error
    ((0, False), True)
    """
    fits = [fit(y, X, (kinds[0], seasonal), prior, share) for seasonal in seasons]
    seasonal = min(fits, key=lambda found: found.aicc).form[1]
    fits += [fit(y, X, (kind, seasonal), prior, share) for kind in kinds[1:]]
    best = min(fits, key=lambda found: found.aicc)
    if not np.isfinite(best.aicc):
        raise KernelError(
            f"no form can be fitted to {int(np.isfinite(y).sum())} months with {X.shape[1]} regressors; "
            "leave some out or give a prior."
        )
    return best


def fit(y: Floats, X: Floats, form: Form, prior: Prior | None = None, share: float = 1.0) -> SmoothingFit:
    """One form at the maximum of its likelihood; its AICc is infinite where months do not suffice.

    The weight of a prior against the errors is that of their variance at the end of a first descent, and in the end of
    the second.
    """
    points = _simplex(form)
    variance = _rough_variance(y)
    for _ in range(1 if prior is None or not X.shape[1] else 2):
        series = _series(y, X, prior, variance, share)
        value, _ = smoothing.descend(points, SIMPLEX_TOLERANCE, MOST_STEPS, series, *form)
        if not np.isfinite(value):
            break
        variance = float(np.exp(2 * value / series.known.sum() - 1) / (2 * np.pi))
    found = at_point(y, X, form, points[0].copy(), prior, variance, share)
    if prior is None or not np.isfinite(found.aicc):
        return found
    return at_point(y, X, form, found.point, prior, found.variance, share)


def at_point(
    y: Floats, X: Floats, form: Form, point: Floats, prior: Prior | None, variance: float, share: float = 1.0
) -> SmoothingFit:
    """The fit at a ``point`` of the optimiser; ``variance`` sets the weight of the prior and is estimated anew."""
    series = _series(y, X, prior, variance, share)
    errors, states = smoothing.one_step_errors(series, *form, smoothing.moves(point, *form))
    starts, n = len(errors) - len(series.rows), int(series.known.sum())
    matrix, dependent = likelihood.regression(errors, starts, series.means, series.weights, 1.0)
    parameters = point.size + starts + (X.shape[1] if prior is None else 0) + 1
    size, spare = len(errors) - 1, n - parameters - 1
    kept = y.size, X.shape[1], share, variance
    if dependent >= 0 or spare <= 0:
        nothing = np.zeros(size), np.zeros((size, size)), states, np.inf, -np.inf, np.inf
        return SmoothingFit(form, point, *nothing, *kept)
    squares = float(matrix[-1, -1] ** 2)
    log_likelihood = -0.5 * n * (np.log(2 * np.pi * squares / n) + 1)
    aicc = -2 * log_likelihood + 2 * parameters * n / spare
    variance = squares / max(n - parameters + 1 - _passed(form), 1)
    lower = likelihood.inverted(matrix, size)
    covariance = variance * (lower.T @ lower)
    found = likelihood.solved(matrix), covariance, states, variance, log_likelihood, aicc
    return SmoothingFit(form, point, *found, *kept)


def held(fitted: SmoothingFit, y: Floats, X: Floats, prior: Prior | None) -> SmoothingFit:
    """The smoothing parameters and the variance of a fit on other months: nothing but what is linear is found anew.

    Raises
    ------
    KernelError
        When the errors are more than `MOST_WORSE` times as large in variance: first states found by passes over the
        series run away where parameters are at the edge of what can be inverted.
    """
    found = at_point(y, X, fitted.form, fitted.point, prior, fitted.against, fitted.share)
    if not found.variance <= MOST_WORSE * fitted.variance:
        raise KernelError("Parameters held from an earlier month leave errors that run away: estimate them anew.")
    covariance = found.covariance * (fitted.variance / found.variance)
    return replace(found, covariance=covariance, variance=fitted.variance)


def forecast(fitted: SmoothingFit, X_future: Floats) -> tuple[Floats, Floats]:
    """Mean and joint covariance of the months after the last of the fit: as many as ``X_future`` has rows.

    Errors to come, first states and coefficients are uncertain; the smoothing parameters are taken as known.
    """
    by, months = fitted.moves, len(X_future)
    paths = smoothing.ahead(fitted.states, by, fitted.months % SEASON, months)
    unknown = -paths[:-1]
    unknown[len(unknown) - fitted.regressors :] += X_future.T
    mean = paths[-1] + fitted.linear @ unknown
    response = smoothing.responses(by, months)
    return mean, fitted.variance * (response.T @ response) + unknown.T @ fitted.covariance @ unknown


def _passed(form: Form) -> int:
    """First states that passes over the series found; they cost months, but are not counted by the AICc [1]_.

    .. [1] Svetunkov, Kourentzes & Ord (2022), https://doi.org/10.1002/nav.22074
    """
    kind, seasonal = form
    return (2 + (SEASON - 1) * seasonal) * (kind == COMPLEX)


def _simplex(form: Form) -> Floats:
    kind, seasonal = form
    first = np.array([*FIRST[kind], *((FIRST_OF_SEASON[kind],) if seasonal else ())])
    return np.vstack([first, first + SPAN * np.eye(first.size)])


def _rough_variance(y: Floats) -> float:
    """The mean square of what changes from figure to figure."""
    return float(np.mean(np.diff(y[np.isfinite(y)]) ** 2))


def _series(y: Floats, X: Floats, prior: Prior | None, variance: float, share: float) -> Series:
    known = np.isfinite(y)
    rows = np.ascontiguousarray(np.vstack([X.T, np.where(known, y, 0.0)]))
    if prior is None:
        return Series(rows, known, np.empty(0), np.empty(0), share)
    return Series(rows, known, prior[0], variance / prior[1] ** 2, share)
