"""Prophet, with settings for months: the library fits, and what it found is turned into a median and bounds."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from forecast.models.orders import LOG_DIGITS
from forecast.models.protocol import FitError, as_correlation, beliefs, gaussian_bounds, gaussian_effects, values_of
from forecast.models.season import LEAST_OBSERVED

LEAST_PRIOR_SD = 0.001
TINY = 1e-300
MONTHS_PER_CHANGEPOINT = 12
MOST_CHANGEPOINTS = 8
YEAR = 365.25
_MONTH = YEAR / 12
OPTIMISER = {"algorithm": "BFGS", "sig_figs": 18, "seed": 1}
LOGGERS = ("prophet", "prophet.plot", "prophet.models", "cmdstanpy")


@dataclass(frozen=True)
class Prophet:
    """Prophet's additive model of one series: a linear trend that bends, a yearly wave, and the regressors.

    The median is the library's own ``yhat`` under these settings:

    - The yearly wave has no Fourier pair under 24 observed months, two under 48, else three; months cannot show more.
    - One possible change of trend per 12 observed months, at most eight, spread over the first ``changepoint_range``.
    - ``y`` is log volume less its mean (and less the prior means of the effects): the library divides by the largest
      absolute value, so that without centring the answer would depend on the unit. What is left is rounded to 1e-10,
      so that a change of unit does not even change the last digit handed to the optimiser.
    - Regressors are not standardised. Without a prior their scale is ``regressor_prior_scale`` times the largest
      absolute value of ``y``, which is flat in effect. With a prior of standard deviation sd the scale given to the
      library is sd over that largest value, which makes sd one in logs.
    - Stan's BFGS always. Left alone, the library takes Newton below 100 months and L-BFGS from 100 on: a change of
      answer in the hundredth month. BFGS is as fast as L-BFGS and stops nearest to the optimum of the three. Where it
      gives up, the library falls back on Newton.

    The bounds are normal. The variance has three parts: the noise; the changes of trend still to come, with the exact
    variance of the library's own simulation of them, counted from the last observed month; and the coefficients, whose
    covariance the library leaves out. That covariance is the inverse of Gram matrix over long-run noise variance plus
    prior precision, with a normal of the same variance in place of the Laplace prior on changes of trend. So an effect
    known only from ``prior`` widens the interval by its own uncertainty.

    Errors of two months correlate through the coefficients, through changes of trend before both, and through the
    noise: r to the power of the months between them, r being the correlation of consecutive residuals.

    Prophet takes the months about its trend and wave for independent, so that it forgets how far off the last one was.
    With ``autoregressive`` the median is no longer the library's: the last residual is carried on, multiplied by the
    correlation of consecutive residuals each month, and the variance that it explains is taken off.

    References
    ----------
    Taylor, S. J. and Letham, B. (2018). Forecasting at scale. The American Statistician 72(1).
    https://doi.org/10.1080/00031305.2017.1380080

    Examples
    --------
    >>> month = pd.period_range("2021-01", periods=40, freq="M")
    >>> y = pd.Series(5.04 + 0.01 * np.arange(40) + 0.1 * (-1) ** np.arange(40), month)
    >>> fit = Prophet().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=month[-1:] + 1)).round(1).loc["2024-05"].to_dict()
    {'lower_95': 5.2, 'lower_80': 5.3, 'median': 5.4, 'upper_80': 5.6, 'upper_95': 5.7}
    """

    name: ClassVar[str] = "prophet"

    changepoint_range: float = 0.9
    changepoint_prior_scale: float = 0.05
    seasonality_prior_scale: float = 10.0
    regressor_prior_scale: float = 10.0
    autoregressive: bool = False

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> ProphetFit:
        """The maximum of Prophet's posterior given the observed months of ``y``; missing months are left out.

        A regressor without a row in ``prior``, or with an infinite sd, is flat; an sd below 0.001 counts as 0.001,
        since the library takes no zero.

        Raises
        ------
        FitError
            With fewer than twelve observed months; when they are all the same; or when a regressor without a prior
            does not move over them, so that nothing is known of its effect.
        """
        history = _history(y, X, prior)
        centre = float(history.y.mean())
        history = replace(history, y=np.round(history.y - centre, LOG_DIGITS))
        _refuse(history)
        fit = _concluded(self.maximum(history), history, centre)
        return fit if self.autoregressive else replace(fit, carry=0.0)

    def maximum(self, history: History) -> Maximum:
        """Where the library's optimiser ended on the centred logs of ``history``.

        Raises
        ------
        FitError
            When the optimiser failed.
        """
        model = self._library(history)
        _optimise(model, history)
        scale, found = model.y_scale, {name: value.ravel() for name, value in model.params.items()}
        start, changes = (model.start - pd.Timestamp(0)).days, model.changepoints_t
        basis = Basis(start, model.t_scale.days, changes, int(model.yearly_seasonality))
        beta = found["beta"][: 2 * basis.order + history.X.shape[1]]  # the library adds zeros where it has no column
        coefficients = np.concatenate([found["k"], found["m"], found["delta"], beta])
        prior_sd = self.prior_sd(len(basis.changes), basis.order, self.scales(history))
        return Maximum(basis, scale * coefficients, scale * found["sigma_obs"].item(), scale * prior_sd)

    def changes(self, months: int) -> int:
        """How many possible changes of trend so many observed months have."""
        return min(months // MONTHS_PER_CHANGEPOINT, MOST_CHANGEPOINTS)

    def pairs(self, months: int) -> int:
        """How many Fourier pairs the yearly wave has in so many observed months."""
        return 0 if months < 24 else 2 if months < 48 else 3

    def scales(self, history: History) -> np.ndarray:
        """Prior scales of the effects, in units of the largest absolute value of the centred logs."""
        scales = history.prior_sd / np.abs(history.y).max()
        return np.where(np.isinf(scales), self.regressor_prior_scale, scales)

    def prior_sd(self, changes: int, pairs: int, effects: np.ndarray) -> np.ndarray:
        """Prior standard deviations of slope, level, changes, waves and ``effects``, in the library's scale."""
        bends = np.full(changes, np.sqrt(2) * self.changepoint_prior_scale)
        waves = np.full(2 * pairs, self.seasonality_prior_scale)
        return np.concatenate([[5.0, 5.0], bends, waves, effects])  # 5: fixed in the library's Stan program

    def _library(self, history: History) -> Any:
        with _quiet():
            from prophet import Prophet as Library

            model = Library(
                growth="linear",
                n_changepoints=self.changes(len(history.y)),
                changepoint_range=self.changepoint_range,
                changepoint_prior_scale=self.changepoint_prior_scale,
                yearly_seasonality=self.pairs(len(history.y)),
                seasonality_prior_scale=self.seasonality_prior_scale,
                weekly_seasonality=False,
                daily_seasonality=False,
                uncertainty_samples=0,
            )
        for position, scale in enumerate(self.scales(history)):
            model.add_regressor(_column(position), prior_scale=scale, standardize=False, mode="additive")
        return model


@dataclass(frozen=True)
class History:
    """The observed ``months`` (ordinals): log volumes ``y`` less prior means of effects, regressors ``X``, a row each.

    ``prior_mean`` and ``prior_sd`` are those of the effects of ``regressors``, which name the columns of ``X``.
    """

    months: np.ndarray
    y: np.ndarray
    X: np.ndarray
    regressors: pd.Index
    prior_mean: np.ndarray
    prior_sd: np.ndarray


@dataclass(frozen=True)
class Basis:
    """What turns months into the columns of Prophet's linear predictor; time runs from 0 to 1 over the observed.

    ``start``, the first day of the first month observed, is counted from 1970-01-01; ``span`` are the days from there
    to the first day of the last. ``changes`` are the times at which the trend may bend, ``order`` the Fourier pairs.
    """

    start: int
    span: int
    changes: np.ndarray
    order: int

    def columns(self, months: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Slope, level, a bend per change of trend, sine and cosine per Fourier pair, regressors: a row per month.

        ``months`` are ordinals, as `pandas.Period` counts them.
        """
        days = first_days(months)
        t = (days - self.start) / self.span
        bends = np.maximum(t[:, None] - self.changes, 0)
        angle = 2 * np.pi / YEAR * days
        waves = [wave(pair * angle) for pair in range(1, self.order + 1) for wave in (np.sin, np.cos)]
        return np.column_stack([t, np.ones(len(t)), bends, *waves, X])


@dataclass(frozen=True)
class Maximum:
    """Coefficients of the columns of ``basis``, ``sigma`` of the noise and sds of the priors, all in centred logs."""

    basis: Basis
    coefficients: np.ndarray
    sigma: float
    prior_sd: np.ndarray


@dataclass(frozen=True)
class ProphetFit:
    """Prophet's parameters in logs: ``coefficients`` belong to the columns of ``basis``.

    They are of the logs less ``centre`` and less the effects of ``regressors`` at their ``prior_mean``.
    ``noise`` is the standard deviation of a month, ``bend`` that of the change of slope in a month, in logs per month;
    ``last`` is the last observed month, ``residual`` what it left, ``carry`` the share of it that a month passes on;
    ``persistence`` is the correlation of consecutive residuals.
    """

    basis: Basis
    last: pd.Period
    regressors: pd.Index
    prior_mean: np.ndarray
    centre: float
    coefficients: np.ndarray
    covariance: np.ndarray
    noise: float
    bend: float
    residual: float
    carry: float
    persistence: float

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """The library's ``yhat``, with what is carried on, and bounds that also know how sure the coefficients are."""
        months = pd.PeriodIndex(X.index)
        values = self._values(X)
        columns = self.basis.columns(months.asi8, values)
        distance = months.asi8 - self.last.ordinal
        passed = self.carry**distance
        median = self.centre + values @ self.prior_mean + columns @ self.coefficients
        estimation = np.einsum("ij,jk,ik->i", columns, self.covariance, columns)
        variance = self.noise**2 * (1 - passed**2) + trend_variance(distance, self.bend) + estimation
        return gaussian_bounds(median + passed * self.residual, np.sqrt(variance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of noise, changes of trend to come and coefficients together, as stated in `Prophet`."""
        months = pd.PeriodIndex(X.index).asi8
        columns = self.basis.columns(months, self._values(X))
        distance = months - self.last.ordinal
        passed = self.carry**distance
        alike = self.persistence ** np.abs(np.subtract.outer(distance, distance))
        noise = self.noise**2 * (alike - np.outer(passed, passed))
        estimation = columns @ self.covariance @ columns.T
        return as_correlation(noise + trend_covariance(distance, self.bend) + estimation)

    def effects(self) -> pd.DataFrame:
        """Estimate, lower and upper (95 %) of each regressor's effect, in logs.

        The maximum of the posterior has no interval of its own: this is the normal approximation stated in `Prophet`.
        """
        first = len(self.coefficients) - len(self.regressors)
        sd = np.sqrt(np.diag(self.covariance)[first:])
        return gaussian_effects(self.prior_mean + self.coefficients[first:], sd, self.regressors)

    def _values(self, X: pd.DataFrame) -> np.ndarray:
        """The regressors of ``X`` in the order of training."""
        return values_of(X, self.regressors)


def trend_variance(distance: np.ndarray, bend: float) -> np.ndarray:
    """Variance of the trend ``distance`` months after the last observed one, when slopes change by ``bend`` a month.

    The library lets half of a month's change of slope act in that month: a change i months before the end of h months
    weighs i + 1/2, and the squares add to h(4h² - 1)/12.

    Examples
    --------
    >>> trend_variance(np.array([1, 2]), bend=1.0).tolist()
    [0.25, 2.5]
    """
    variance: np.ndarray = bend**2 * distance * (4.0 * distance**2 - 1) / 12
    return variance


def trend_covariance(distance: np.ndarray, bend: float) -> np.ndarray:
    """Covariance of the trend between all months of ``distance``; its diagonal is `trend_variance`.

    Examples
    --------
    >>> trend_covariance(np.array([1, 2]), bend=1.0).tolist()
    [[0.25, 0.75], [0.75, 2.5]]
    """
    since_change = distance[:, None] - np.arange(1, distance.max() + 1) + 0.5
    weights = np.maximum(since_change, 0)
    covariance: np.ndarray = bend**2 * weights @ weights.T
    return covariance


def first_days(months: np.ndarray) -> np.ndarray:
    """Days from 1970-01-01 to the first day of each of ``months`` (ordinals).

    Examples
    --------
    >>> first_days(np.array([0, 1, 14]))
    array([  0,  31, 424])
    """
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _history(y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None) -> History:
    """The observed months, with effects at the means of their priors taken off; no sd under what the library takes."""
    values = y.to_numpy(dtype=float)
    observed = np.flatnonzero(~np.isnan(values))
    if len(observed) < LEAST_OBSERVED:
        raise FitError(f"prophet needs {LEAST_OBSERVED} observed months and found {len(observed)}.")
    regressors, (mean, sd) = X.to_numpy(dtype=float)[observed], beliefs(prior, X.columns)
    adjusted = values[observed] - regressors @ mean
    months = pd.PeriodIndex(y.index).asi8[observed]
    return History(months, adjusted, regressors, X.columns, mean, np.maximum(sd, LEAST_PRIOR_SD))


def _refuse(history: History) -> None:
    count = len(history.y)
    if not history.y.any():
        raise FitError(f"prophet found no change in {count} observed months, so it has no interval to give.")
    still = np.isinf(history.prior_sd) & (history.X.max(axis=0) == history.X.min(axis=0))
    unknown = [str(name) for name in history.regressors[still]]
    if unknown:
        raise FitError(
            f"prophet cannot estimate {', '.join(unknown)}: no movement in {count} observed months and no "
            "prior; leave it out or give a prior."
        )


def _optimise(model: Any, history: History) -> None:
    rows = pd.DataFrame(history.X, columns=[_column(position) for position in range(history.X.shape[1])])
    rows = rows.assign(ds=history.months.astype("datetime64[M]").astype("datetime64[us]"), y=history.y)
    with _quiet():
        try:
            model.fit(rows, **OPTIMISER)
        except RuntimeError as error:
            raise FitError(f"prophet's optimiser failed on {len(history.y)} observed months: {error}.") from error
        model.stan_backend.cleanup()


def _concluded(found: Maximum, history: History, centre: float) -> ProphetFit:
    """The fit at a maximum of the posterior, with the covariance that the library does not compute."""
    basis, coefficients = found.basis, found.coefficients
    columns = basis.columns(history.months, history.X)
    residuals = history.y - columns @ coefficients
    r = _correlation(residuals)
    noise, covariance = _uncertainty(found.sigma, r, columns, found.prior_sd)
    step = _MONTH / basis.span
    changes = len(basis.changes)
    bend = np.sqrt(2 * changes * step) * np.abs(coefficients[2 : 2 + changes]).mean() * step
    return ProphetFit(
        basis=basis,
        last=pd.Period(ordinal=int(history.months[-1]), freq="M"),
        regressors=history.regressors,
        prior_mean=history.prior_mean,
        centre=centre,
        coefficients=coefficients,
        covariance=covariance,
        noise=noise,
        bend=float(bend),
        residual=float(residuals[-1]),
        carry=r,
        persistence=r,
    )


def _correlation(residuals: np.ndarray) -> float:
    """Correlation of consecutive residuals, held within 0 and 0.9."""
    return float(np.clip(residuals[1:] @ residuals[:-1] / (residuals @ residuals + TINY), 0, 0.9))


def _uncertainty(sigma: float, r: float, columns: np.ndarray, prior_sd: np.ndarray) -> tuple[float, np.ndarray]:
    """Standard deviation of a month, and covariance of the coefficients.

    ``sigma`` is the library's, which counts no degrees of freedom; those that the shrunk coefficients take are given
    back. A level or a step rests on months that err alike, so for the covariance the variance of the noise is its
    long-run variance, (1 + r) / (1 - r) times as large, ``r`` being the correlation of consecutive residuals.
    """
    gram, precision, rows = columns.T @ columns, np.diag(prior_sd**-2.0), len(columns)
    taken = float(np.trace(np.linalg.solve(gram / sigma**2 + precision, gram / sigma**2)))
    variance = sigma**2 * rows / max(rows - taken, 1.0)
    return float(np.sqrt(variance)), np.linalg.inv(gram / (variance * (1 + r) / (1 - r)) + precision)


def _column(position: int) -> str:
    """A name that the library has not reserved."""
    return f"regressor_{position}"


@contextmanager
def _quiet() -> Iterator[None]:
    """The library's chatter off, and the loggers as they were afterwards: importing Prophet sets a level.

    Prophet 1.5 calls what pandas 3.1 deprecates, which is no matter of the caller's.
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for logger, (level, disabled) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.disabled = disabled
