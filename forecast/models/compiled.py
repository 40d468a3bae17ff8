"""ARIMA and Prophet by the compiled kernels: the models of `arima.py` and `prophet.py`, their optimisers replaced.

What is fitted, the choice of orders and the meaning of every number are the reference's. Where a kernel cannot, it
raises `forecast.kernels.KernelError`, and whoever asked may turn to the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from forecast.kernels import KernelError
from forecast.kernels import arima as arima_kernel
from forecast.kernels import prophet as prophet_kernel
from forecast.kernels.differenced import Prior
from forecast.models.exact import Repetition, repetition
from forecast.models.orders import (
    LARGEST_ROOT,
    Order,
    Training,
    affordable,
    candidates,
    constants,
    refuse_unidentified,
    trained_on,
)
from forecast.models.prophet import Basis, History, Maximum, Prophet, first_days
from forecast.models.protocol import FitError, as_correlation, gaussian_bounds, gaussian_effects
from forecast.models.season import LEAST_OBSERVED

FLAT = 1e3
"""Standard deviation, in logs, of the prior of the constant where the coefficients have priors."""

_MOST_ROUNDS, _CLOSE = 100, 1e-7
"""Most rounds in which constant and other parameters are maximised in turn, and the step under which they end."""


@dataclass(frozen=True)
class CompiledArima:
    """`forecast.models.arima.Arima` by the kernel: the same d, D, candidates and AICc, and the same two stages.

    The kernel estimates the coefficients anew under every candidate, where the reference holds those of the first, and
    its optimiser begins at several points; so it may choose another order, and find a higher likelihood of the same.
    With a ``prior`` and d = 0 it is the constant that is held while orders are compared.

    Examples
    --------
    A mean of 1 and a step of 2, without noise to speak of:

    >>> month = pd.period_range("2023-01", periods=24, freq="M")
    >>> step = pd.DataFrame({"licensing": (month >= "2024-01").astype(float)}, month)
    >>> y = 1 + 2 * step["licensing"] + 0.01 * np.resize([1, -1, -1, 1, 0], 24)
    >>> fit = CompiledArima((0, 0, 0), (0, 0, 0)).fit(y, step)
    >>> fit.effects().round(2).loc["licensing"].to_dict()
    {'estimate': 2.0, 'lower': 1.99, 'upper': 2.01}
    """

    order: Order | None = None
    seasonal_order: Order | None = None

    name: ClassVar[str] = "arima"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> CompiledArimaFit | Repetition:
        """The likeliest model of ``y`` given ``X``; gaps in ``y`` are integrated out.

        Raises
        ------
        FitError
            As the reference, where no model of this kind can be fitted.
        KernelError
            Where the kernel cannot fit it, or its optimiser did not converge.
        """
        training = trained_on(y, X, prior)
        again = repetition(y, X, prior, LEAST_OBSERVED)
        if again is not None:
            return again
        orders, seasonal_orders = candidates(training, self.order, self.seasonal_order)
        refuse_unidentified(training, orders[0][1], seasonal_orders[0][1])
        constant, chosen = _chosen(training, affordable(training, orders, seasonal_orders[0]), seasonal_orders)
        if not chosen.converged:
            raise KernelError(
                f"arima: the optimiser did not converge on {training.count} observed months; fit a simpler model."
            )
        fit = CompiledArimaFit(training, constant, chosen)
        return fit.settled() if constant.size else fit


@dataclass(frozen=True)
class CompiledArimaFit:
    """A fitted model: what it was fitted to, its ``constant`` (empty with d = 1), and the other parameters.

    ``kernel`` is of the centred logs less the constant.
    """

    training: Training
    constant: np.ndarray
    kernel: arima_kernel.ArimaEstimates

    @property
    def order(self) -> Order:
        """Order p, d, q."""
        return self.kernel.order

    @property
    def seasonal_order(self) -> Order:
        """Seasonal order P, D, Q."""
        return self.kernel.seasonal_order

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Median and bounds in logs over ``X.index``, which goes on from the last month of ``y``.

        Raises
        ------
        ValueError
            When ``X`` has other columns than in training, or does not begin the month after.
        FitError
            When the forecast is not a finite number.
        """
        months = pd.PeriodIndex(X.index)
        ahead = self._ahead(X)
        variance = np.diag(ahead.covariance)
        if not (np.isfinite(ahead.mean).all() and np.isfinite(variance).all() and (variance > 0).all()):
            raise FitError(f"arima {self.order}{self.seasonal_order} gives no finite forecast of {months[0]}.")
        mean = ahead.mean + self._level(months) + self.training.centre
        return gaussian_bounds(mean, np.sqrt(variance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of the forecast errors of the months ahead, exactly.

        Raises
        ------
        ValueError
            When ``X`` has other columns than in training, or does not begin the month after.
        """
        return as_correlation(self._ahead(X).covariance)

    def follow(self, y: pd.Series, X: pd.DataFrame) -> CompiledArimaFit | Repetition:
        """The same order and parameters on ``y`` and ``X``: nothing is estimated.

        Raises
        ------
        ValueError
            When ``X`` has other columns than in training.
        FitError
            With fewer than twelve observed months.
        KernelError
            When the likelihood of these months cannot be computed.
        """
        training = self.training.followed(y, X)
        again = repetition(y, X, training.prior_table, LEAST_OBSERVED)
        return replace(self, training=training).settled() if again is None else again

    def effects(self) -> pd.DataFrame:
        """What each regressor does to log volume: columns ``estimate``, ``lower``, ``upper`` (95 %), a row each.

        Without a prior it is generalised least squares at the fitted ARMA parameters, with a prior the posterior; in
        both the ARMA parameters and the constant are taken as known.
        """
        sd = np.sqrt(np.diag(self.kernel.coefficient_covariance))
        return gaussian_effects(self.kernel.coefficients, sd, pd.Index(self.training.regressors))

    def settled(self) -> CompiledArimaFit:
        """The fit with the kernel's account of the months it is now of, at the ARMA parameters, variance and constant.

        Where a prior makes the coefficients states they are given these months, else they stay.

        Raises
        ------
        KernelError
            When the likelihood of these months cannot be computed.
        """
        kernel, prior = self.kernel, _prior(self.training, 0)
        arma = np.concatenate([kernel.ar, kernel.ma, kernel.seasonal_ar, kernel.seasonal_ma])
        known = self._y(), self.training.X, self.order, self.seasonal_order, arma, prior, kernel.variance
        found = arima_kernel.evaluate(*known)
        held = replace(
            found,
            coefficients=found.coefficients if prior else kernel.coefficients,
            coefficient_covariance=found.coefficient_covariance * (kernel.variance / found.variance),
            variance=kernel.variance,
        )
        return replace(self, kernel=held)

    def _ahead(self, X: pd.DataFrame) -> arima_kernel.ArimaForecast:
        """What the kernel forecasts over ``X.index``, less constant and centre."""
        self.training.refuse_other_columns(X)
        self.training.refuse_other_months(pd.PeriodIndex(X.index))
        return arima_kernel.forecast(self.kernel, self._y(), self.training.X, X.to_numpy(dtype=float))

    def _y(self) -> np.ndarray:
        left: np.ndarray = self.training.y - self._level(self.training.months)
        return left

    def _level(self, months: pd.PeriodIndex) -> np.ndarray:
        """What the constant adds in each month."""
        level: np.ndarray = _constant(months, self.order[1], self.seasonal_order[1]) @ self.constant
        return level


def _constant(months: pd.PeriodIndex, d: int, D: int) -> np.ndarray:
    """The column of the constant, shape (months, 1); no column with a difference of any kind."""
    return np.ones((len(months), constants(d, D)))


def _prior(training: Training, constants: int) -> Prior | None:
    """Means and standard deviations of the constant, flat, and of the coefficients; None where these have none."""
    if training.prior is None:
        return None
    mean, sd = training.prior.T
    return np.append(np.zeros(constants), mean), np.append(np.full(constants, FLAT), sd)


def _chosen(
    training: Training, orders: list[Order], seasonal_orders: list[Order]
) -> tuple[np.ndarray, arima_kernel.ArimaEstimates]:
    """The constant and the other parameters of the candidate of lowest AICc, all at the maximum of its likelihood.

    Where coefficients have priors the kernel integrates out all that it estimates, so that there the constant and the
    rest are maximised in turn.
    """
    column = _constant(training.months, orders[0][1], seasonal_orders[0][1])
    beside = np.hstack([column, training.X])
    if training.prior is None or not column.size:
        fit = _search(training, training.y, beside, orders, seasonal_orders)
        constant, coefficients = np.split(fit.coefficients, [column.shape[1]])
        return constant, replace(fit, coefficients=coefficients)
    prior = _prior(training, 1)
    fit = arima_kernel.fit(training.y, beside, orders[0], seasonal_orders[0], prior)
    constant = fit.coefficients[:1]
    fit = _search(training, training.y - column @ constant, training.X, orders, seasonal_orders)
    for _ in range(_MOST_ROUNDS):
        arma = (training.y, beside, fit.order, fit.seasonal_order, fit.parameters[training.X.shape[1] : -1], prior)
        before, constant = constant, arima_kernel.evaluate(*arma, fit.variance).coefficients[:1]
        if abs(constant - before).item() < _CLOSE:
            return constant, fit
        rest = training.y - column @ constant, training.X, fit.order, fit.seasonal_order, _prior(training, 0)
        fit = arima_kernel.fit(*rest, start=fit)
    raise KernelError(f"arima: the constant did not settle on {training.count} observed months; give differences.")


def _search(
    training: Training, y: np.ndarray, X: np.ndarray, orders: list[Order], seasonal_orders: list[Order]
) -> arima_kernel.ArimaEstimates:
    """The candidate of lowest AICc, among those of ``y`` on ``X``."""
    (_, d, _), (_, D, _) = orders[0], seasonal_orders[0]
    seasonal = [(P, Q) for P, _, Q in seasonal_orders]
    offered = [(p, q, *seasonal[0]) for p, _, q in orders]
    return arima_kernel.search(y, X, offered, d, D, _prior(training, 0), seasonal, LARGEST_ROOT).fit


@dataclass(frozen=True)
class CompiledProphet(Prophet):
    """`forecast.models.prophet.Prophet` by the kernel: the exact maximum of the posterior that the library climbs.

    Examples
    --------
    >>> month = pd.period_range("2021-01", periods=40, freq="M")
    >>> y = pd.Series(5.04 + 0.01 * np.arange(40) + 0.1 * (-1) ** np.arange(40), month)
    >>> fit = CompiledProphet().fit(y, pd.DataFrame(index=month))
    >>> fit.predict(pd.DataFrame(index=month[-1:] + 1)).round(1).loc["2024-05"].to_dict()
    {'lower_95': 5.2, 'lower_80': 5.3, 'median': 5.4, 'upper_80': 5.6, 'upper_95': 5.7}
    """

    def maximum(self, history: History) -> Maximum:
        """Where the posterior is highest.

        Raises
        ------
        KernelError
            Where it has no maximum that can be found.
        """
        days, count = first_days(history.months), len(history.y)
        start, span = int(days[0]), int(days[-1] - days[0])
        t = (days - start) / span
        changes = prophet_kernel.changepoints(t, self.changes(count), self.changepoint_range)
        basis = Basis(start, span, changes, self.pairs(count))
        terms = basis.columns(history.months, history.X)[:, 2 + len(changes) :]
        scale = float(np.abs(history.y).max())
        sds = self.prior_sd(len(changes), basis.order, self.scales(history))
        fit = prophet_kernel.fit(
            history.y / scale, t, terms, changes, sds[2 + len(changes) :], self.changepoint_prior_scale
        )
        coefficients = np.concatenate([[fit.k, fit.m], fit.delta, fit.beta])
        return Maximum(basis, scale * coefficients, scale * fit.sigma_obs, scale * sds)
