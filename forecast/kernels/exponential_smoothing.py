"""Exponential smoothing of one series with regressors: forms weighed by AICc, and forecasts with joint covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.kernels import KernelError, likelihood, smoothing
from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.differenced import Prior
from forecast.kernels.smoothing import COMPLEX, DAMPED, LEVEL, TREND, Angles, Form, Series

ANGLES = {LEVEL: (-0.3,), TREND: (-0.3, -4.0), DAMPED: (-0.3, -4.0, 1.0), COMPLEX: (1.2, 0.1)}
ANGLE_OF_SEASON, ANGLE_SD = -4.0, 1.5
"""Means of the prior of the smoothing parameters, of the season's too, in angles, and its standard deviation.

Means lie where a part of solar_pv, hs2 and petroleum (`benchmarks/episodes.md`) has its likeliest values. Without a
prior these are often at an edge, and one low month takes them there and back.
"""
SPAN, LATER_SPAN, SIMPLEX_TOLERANCE, MOST_STEPS = 0.8, 0.1, 1e-6, 1000
"""Sizes of first simplexes, the differences of log density at which a descent ends, and most evaluations."""
LEAST_AKAIKE = 1e-5
"""Akaike weight below which a form is left out."""
MOST_WORSE = 1e4
"""Ratio of error variances above which parameters held since an earlier month do not fit a series any more."""


@dataclass(frozen=True, slots=True)
class SmoothingFit:
    """Exponential smoothing at the mode of its posterior density.

    ``point`` is where the optimiser ended, and ``log_likelihood`` that of it. ``linear`` are the first states that
    least squares found, then the coefficients of ``regressors``, with their ``covariance``; ``states`` are those that
    each column ends in, the series' last. ``variance`` is that of the errors, ``against`` the one that the prior was
    weighted against; ``share`` as in `every_form`, ``months`` the length of the series.
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


def every_form(
    y: Floats,
    X: Floats,
    kinds: Sequence[int],
    seasons: Sequence[bool],
    prior: Prior | None = None,
    share: float = 1.0,
) -> tuple[tuple[SmoothingFit, ...], Floats]:
    """Fits of ``y`` (months,) on ``X`` (months, regressors) in every form, and their Akaike weights [1]_, (forms,).

    Forms are of ``kinds`` (LEVEL, TREND, DAMPED, COMPLEX) and ``seasons``; those of next to no weight are left out.
    ``y`` begins and ends with a figure and has NaN for gaps. Without a ``prior`` coefficients are free. The complex
    form begins with that ``share`` of the means of the calendar months, less a straight line, as its season.

    Raises
    ------
    KernelError
        When none of the forms can be fitted.

    References
    ----------
    .. [1] Kolassa, S. (2011), Combining exponential smoothing forecasts using Akaike weights. International Journal of
       Forecasting 27, 238-251. doi:10.1016/j.ijforecast.2010.04.006

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).standard_normal(60))
    >>> fits, weights = every_form(walk, np.empty((60, 0)), [LEVEL, DAMPED], [False])
    >>> [(found.form, bool(found.moves[6] > 0.8)) for found in fits]  # the level takes most of an error
    [((0, False), True), ((2, False), True)]
    >>> weights.round(2).tolist()
    [0.82, 0.18]
    """
    fits = [fit(y, X, (kind, seasonal), prior, share) for kind in kinds for seasonal in seasons]
    aicc = np.array([found.aicc for found in fits])
    if not np.isfinite(aicc).any():
        raise KernelError(
            f"no form can be fitted to {int(np.isfinite(y).sum())} months with {X.shape[1]} regressors; "
            "leave some out or give a prior."
        )
    weights = np.exp(0.5 * (aicc.min() - aicc))
    weights /= weights.sum()
    kept = weights >= LEAST_AKAIKE
    return tuple(found for found, keep in zip(fits, kept, strict=True) if keep), weights[kept] / weights[kept].sum()


def fit(
    y: Floats, X: Floats, form: Form, prior: Prior | None = None, share: float = 1.0, spread: float = ANGLE_SD
) -> SmoothingFit:
    """One form at its posterior mode, its likeliest if ``spread`` is infinite; an infinite AICc where months lack.

    The weight of a prior against the errors is that of their variance at the end of a first descent, and in the end of
    the second.
    """
    angles = _angles(form, spread)
    point, variance = angles.mean, _rough_variance(y)
    for size in (SPAN,) if prior is None or not X.shape[1] else (SPAN, LATER_SPAN):
        points = np.vstack([point, point + size * np.eye(point.size)])
        series = _series(y, X, prior, variance, share)
        value, _ = smoothing.descend(points, SIMPLEX_TOLERANCE, MOST_STEPS, series, angles, *form)
        if not np.isfinite(value):
            break
        point = points[0].copy()
        likely = value - 0.5 * float(np.sum(((point - angles.mean) / spread) ** 2))
        variance = float(np.exp(2 * likely / series.known.sum() - 1) / (2 * np.pi))
    found = at_point(y, X, form, point, prior, variance, share)
    if prior is None or not np.isfinite(found.aicc):
        return found
    return at_point(y, X, form, point, prior, found.variance, share)


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


def _angles(form: Form, spread: float) -> Angles:
    kind, seasonal = form
    return Angles(np.array([*ANGLES[kind], *((ANGLE_OF_SEASON,) if seasonal else ())]), spread)


def _rough_variance(y: Floats) -> float:
    """The mean square of what changes from figure to figure."""
    return float(np.mean(np.diff(y[np.isfinite(y)]) ** 2))


def _series(y: Floats, X: Floats, prior: Prior | None, variance: float, share: float) -> Series:
    known = np.isfinite(y)
    rows = np.ascontiguousarray(np.vstack([X.T, np.where(known, y, 0.0)]))
    if prior is None:
        return Series(rows, known, np.empty(0), np.empty(0), share)
    return Series(rows, known, prior[0], variance / prior[1] ** 2, share)
