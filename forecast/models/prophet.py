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
from scipy.special import ndtri

from forecast.models.protocol import FitError, as_correlation, gaussian_bounds

LEAST_OBSERVED = 12
LEAST_SD = 0.001
TINY = 1e-300
MONTHS_PER_CHANGEPOINT = 12
MOST_CHANGEPOINTS = 8
YEAR = 365.25
MONTH = YEAR / 12
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
    {'median': 5.4, 'lower_80': 5.3, 'upper_80': 5.6, 'lower_95': 5.2, 'upper_95': 5.7}
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
        prior = _complete(prior, X)
        observed = y.dropna()
        history = X.loc[observed.index]
        adjusted = observed - history.to_numpy() @ prior["mean"].to_numpy()
        centre = float(adjusted.mean())
        target = (adjusted - centre).round(10)
        _refuse(target, history, prior)
        fit = _concluded(self.maximum(target, history, prior["sd"]), target, history, prior, centre)
        return fit if self.autoregressive else replace(fit, carry=0.0)

    def maximum(self, target: pd.Series, history: pd.DataFrame, sd: pd.Series) -> Maximum:
        """Where the library's optimiser ended on centred logs ``target``, ``sd`` being those of the effects' priors.

        Raises
        ------
        FitError
            When the optimiser failed.
        """
        model = self._library(target, sd)
        _optimise(model, target, history)
        scale, found = model.y_scale, {name: value.ravel() for name, value in model.params.items()}
        basis = Basis(model.start, model.t_scale, model.changepoints_t, int(model.yearly_seasonality))
        beta = found["beta"][: 2 * basis.order + history.shape[1]]  # the library adds zeros where it has no column
        coefficients = np.concatenate([found["k"], found["m"], found["delta"], beta])
        prior_sd = self.prior_sd(len(basis.changes), basis.order, self.scales(target, sd))
        return Maximum(basis, scale * coefficients, scale * found["sigma_obs"].item(), scale * prior_sd)

    def changes(self, months: int) -> int:
        """How many possible changes of trend so many observed months have."""
        return min(months // MONTHS_PER_CHANGEPOINT, MOST_CHANGEPOINTS)

    def pairs(self, months: int) -> int:
        """How many Fourier pairs the yearly wave has in so many observed months."""
        return 0 if months < 24 else 2 if months < 48 else 3

    def scales(self, target: pd.Series, sd: pd.Series) -> np.ndarray:
        """Prior scales of the effects, in units of the largest absolute value of ``target``."""
        scales: np.ndarray = (sd / target.abs().max()).replace(np.inf, self.regressor_prior_scale).to_numpy()
        return scales

    def prior_sd(self, changes: int, pairs: int, effects: np.ndarray) -> np.ndarray:
        """Prior standard deviations of slope, level, changes, waves and ``effects``, in the library's scale."""
        bends = np.full(changes, np.sqrt(2) * self.changepoint_prior_scale)
        waves = np.full(2 * pairs, self.seasonality_prior_scale)
        return np.concatenate([[5.0, 5.0], bends, waves, effects])  # 5: fixed in the library's Stan program

    def _library(self, target: pd.Series, sd: pd.Series) -> Any:
        with _quiet():
            from prophet import Prophet as Library

            model = Library(
                growth="linear",
                n_changepoints=self.changes(len(target)),
                changepoint_range=self.changepoint_range,
                changepoint_prior_scale=self.changepoint_prior_scale,
                yearly_seasonality=self.pairs(len(target)),
                seasonality_prior_scale=self.seasonality_prior_scale,
                weekly_seasonality=False,
                daily_seasonality=False,
                uncertainty_samples=0,
            )
        for position, scale in enumerate(self.scales(target, sd)):
            model.add_regressor(_column(position), prior_scale=scale, standardize=False, mode="additive")
        return model


@dataclass(frozen=True)
class Basis:
    """What turns months into the columns of Prophet's linear predictor; time runs from 0 to 1 over the observed."""

    start: pd.Timestamp
    span: pd.Timedelta
    changes: np.ndarray
    order: int

    def columns(self, months: pd.PeriodIndex, X: np.ndarray) -> np.ndarray:
        """Slope, level, a bend per change of trend, sine and cosine per Fourier pair, regressors: a row per month."""
        days = months.to_timestamp()
        t = ((days - self.start) / self.span).to_numpy()
        bends = np.maximum(t[:, None] - self.changes, 0)
        angle = 2 * np.pi / YEAR * (days - pd.Timestamp(0)).days.to_numpy()
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
    """Prophet's parameters in logs: ``coefficients`` belong to the columns of ``basis``, less ``centre`` and ``prior``.

    ``noise`` is the standard deviation of a month, ``bend`` that of the change of slope in a month, in logs per month;
    ``last`` is the last observed month, ``residual`` what it left, ``carry`` the share of it that a month passes on;
    ``persistence`` is the correlation of consecutive residuals.
    """

    basis: Basis
    last: pd.Period
    prior: pd.DataFrame
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
        values = X[self.prior.index].to_numpy(dtype=float)
        columns = self.basis.columns(months, values)
        distance = months.asi8 - self.last.ordinal
        passed = self.carry**distance
        median = self.centre + values @ self.prior["mean"].to_numpy() + columns @ self.coefficients
        estimation = np.einsum("ij,jk,ik->i", columns, self.covariance, columns)
        variance = self.noise**2 * (1 - passed**2) + trend_variance(distance, self.bend) + estimation
        return gaussian_bounds(median + passed * self.residual, np.sqrt(variance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of noise, changes of trend to come and coefficients together, as stated in `Prophet`."""
        months = pd.PeriodIndex(X.index)
        columns = self.basis.columns(months, X[self.prior.index].to_numpy(dtype=float))
        distance = months.asi8 - self.last.ordinal
        passed = self.carry**distance
        alike = self.persistence ** np.abs(np.subtract.outer(distance, distance))
        noise = self.noise**2 * (alike - np.outer(passed, passed))
        estimation = columns @ self.covariance @ columns.T
        return as_correlation(noise + trend_covariance(distance, self.bend) + estimation)

    def effects(self) -> pd.DataFrame:
        """Estimate, lower and upper (95 %) of each regressor's effect, in logs.

        The maximum of the posterior has no interval of its own: this is the normal approximation stated in `Prophet`.
        """
        count = len(self.prior)
        first = len(self.coefficients) - count
        estimate = self.prior["mean"].to_numpy() + self.coefficients[first:]
        half = float(ndtri(0.975)) * np.sqrt(np.diag(self.covariance)[first:])
        bounds = {"estimate": estimate, "lower": estimate - half, "upper": estimate + half}
        return pd.DataFrame(bounds, index=self.prior.index.rename("regressor"))


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


def _complete(prior: pd.DataFrame | None, X: pd.DataFrame) -> pd.DataFrame:
    """A row per regressor of ``X``: mean 0 and infinite sd where ``prior`` says nothing."""
    given = pd.DataFrame(columns=["mean", "sd"], dtype=float) if prior is None else prior
    complete = given.reindex(X.columns)[["mean", "sd"]].astype(float).fillna({"mean": 0.0, "sd": np.inf})
    return complete.assign(sd=complete["sd"].clip(lower=LEAST_SD))


def _refuse(target: pd.Series, history: pd.DataFrame, prior: pd.DataFrame) -> None:
    if len(target) < LEAST_OBSERVED:
        raise FitError(f"prophet needs {LEAST_OBSERVED} observed months and found {len(target)}.")
    if not target.any():
        raise FitError(f"prophet found no change in {len(target)} observed months, so it has no interval to give.")
    still = (history.max() == history.min()).to_numpy() & np.isinf(prior["sd"]).to_numpy()
    unknown = [str(name) for name in history.columns[still]]
    if unknown:
        raise FitError(
            f"prophet cannot estimate {', '.join(unknown)}: no movement in {len(target)} observed months and no "
            "prior; leave it out or give a prior."
        )


def _optimise(model: Any, target: pd.Series, history: pd.DataFrame) -> None:
    rows = history.set_axis([_column(position) for position in range(history.shape[1])], axis=1)
    rows = rows.assign(ds=pd.PeriodIndex(target.index).to_timestamp(), y=target)
    with _quiet():
        try:
            model.fit(rows, **OPTIMISER)
        except RuntimeError as error:
            raise FitError(f"prophet's optimiser failed on {len(target)} observed months: {error}.") from error
        model.stan_backend.cleanup()


def _concluded(
    found: Maximum, target: pd.Series, history: pd.DataFrame, prior: pd.DataFrame, centre: float
) -> ProphetFit:
    """The fit at a maximum of the posterior, with the covariance that the library does not compute."""
    basis, coefficients = found.basis, found.coefficients
    columns = basis.columns(pd.PeriodIndex(history.index), history.to_numpy(dtype=float))
    residuals = target.to_numpy() - columns @ coefficients
    r = _correlation(residuals)
    noise, covariance = _uncertainty(found.sigma, r, columns, found.prior_sd)
    step = MONTH / basis.span.days
    changes = len(basis.changes)
    bend = np.sqrt(2 * changes * step) * np.abs(coefficients[2 : 2 + changes]).mean() * step
    last, residual = history.index[-1], float(residuals[-1])
    return ProphetFit(basis, last, prior, centre, coefficients, covariance, noise, float(bend), residual, r, r)


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
