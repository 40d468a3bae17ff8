"""Regression with seasonal ARIMA errors on log volume: statsmodels' SARIMAX, and a choice of its order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from forecast.models.exact import Repetition, repetition
from forecast.models.orders import (
    LARGEST_ROOT,
    Order,
    Training,
    affordable,
    candidates,
    constants,
    largest_root,
    parameter_count,
    refuse_unidentified,
    residuals,
    spare_months,
    trained_on,
)
from forecast.models.protocol import FitError, as_correlation, gaussian_bounds, gaussian_effects
from forecast.models.season import LEAST_OBSERVED, SEASON

with warnings.catch_warnings():  # statsmodels changes the warning filters when it is imported
    from statsmodels.tsa.statespace.sarimax import SARIMAX

SEARCH: dict[str, dict[str, float]] = {"lbfgs": {"maxiter": 50, "factr": 1e9}}
POLISH: dict[str, dict[str, float]] = {"bfgs": {"gtol": 1e-5, "maxiter": 50}, "nm": {"maxiter": 1000}}
FINAL: dict[str, dict[str, float]] = {"lbfgs": {"maxiter": 200, "factr": 1e3}, "nm": {"maxiter": 1000}}


@dataclass(frozen=True)
class Arima:
    """Regression with ARIMA errors [1]_: ``order`` is (p, d, q), ``seasonal_order`` is (P, D, Q) of twelve months.

    An order left out is chosen for the series (`forecast.models.orders`): D by `seasonal_differences`, d is one, then
    p, q, P and Q of that d and D by AICc [2]_ over a few candidates, of which none has an autoregressive root beyond
    `LARGEST_ROOT`. Nothing is seasonal with fewer than 30 observed months; p + q is at most 1 with fewer than 24. A
    constant is estimated when d and D are both 0, and never a drift: over the few months ahead a drift is small beside
    the noise, and it hangs on the first and last months alone, so that a step between them becomes growth without end.

    Without a ``prior`` the coefficients are estimated with the other parameters and intervals take them as known, as
    statsmodels does. With it each coefficient is a state that starts at its prior, and its uncertainty is in the
    interval.

    References
    ----------
    .. [1] Box, G. E. P. and Tiao, G. C. (1975), Intervention analysis with applications to economic and environmental
       problems. Journal of the American Statistical Association 70, 70-79. doi:10.1080/01621459.1975.10480264
    .. [2] Hurvich, C. M. and Tsai, C.-L. (1989), Regression and time series model selection in small samples.
       Biometrika 76, 297-307. doi:10.1093/biomet/76.2.297

    Examples
    --------
    A mean of 1 and a step of 2, without noise to speak of:

    >>> month = pd.period_range("2023-01", periods=24, freq="M")
    >>> step = pd.DataFrame({"licensing": (month >= "2024-01").astype(float)}, month)
    >>> y = 1 + 2 * step["licensing"] + 0.01 * np.resize([1, -1, -1, 1, 0], 24)
    >>> fit = Arima((0, 0, 0), (0, 0, 0)).fit(y, step)
    >>> fit.effects().round(2).loc["licensing"].to_dict()
    {'estimate': 2.0, 'lower': 1.99, 'upper': 2.01}
    >>> lifted = pd.DataFrame({"licensing": [0.0]}, month[-1:] + 1)
    >>> fit.predict(lifted)["median"].round(2).tolist()
    [1.0]
    """

    order: Order | None = None
    seasonal_order: Order | None = None

    name: ClassVar[str] = "arima"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> ArimaFit | Repetition:
        """The likeliest model of ``y`` given ``X``; gaps in ``y`` are missing values of its state space.

        Raises
        ------
        FitError
            With fewer than twelve observed months, when they are fewer than the parameters, when a
            regressor without a prior cannot be told apart, or when no likelihood can be computed.
        """
        training = trained_on(y, X, prior)
        again = repetition(y, X, prior, LEAST_OBSERVED)
        if again is not None:
            return again
        orders, seasonal_orders = candidates(training, self.order, self.seasonal_order)
        refuse_unidentified(training, orders[0][1], seasonal_orders[0][1])
        try:
            chosen = _search(training, orders, seasonal_orders)
            model = _sarimax(training, chosen.order, chosen.seasonal_order, as_states=training.prior is not None)
            results, converged = _settled(model, chosen.start)
        except np.linalg.LinAlgError as error:
            raise FitError(
                f"arima found no likelihood for {training.count} observed months with {len(training.regressors)}"
                " regressors: leave some out or give them a prior."
            ) from error
        return ArimaFit(chosen.order, chosen.seasonal_order, converged, training, results)


@dataclass(frozen=True)
class ArimaFit:
    """A fitted model, its order, and whether the optimiser ``converged`` (where not, it is the likeliest point found).

    ``results`` is what statsmodels has to say of the centred logs: diagnostics, parameters, likelihood.
    """

    order: Order
    seasonal_order: Order
    converged: bool
    training: Training
    results: Any

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
        mean, variance = np.asarray(ahead.predicted_mean), np.asarray(ahead.var_pred_mean)
        if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance > 0).all()):
            raise FitError(f"arima {self.order}{self.seasonal_order} gives no finite forecast of {months[0]}.")
        return gaussian_bounds(mean + self.training.centre, np.sqrt(variance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """That of the state space, exactly: the covariance of the state a month ahead, carried on to later months.

        Raises
        ------
        ValueError
            When ``X`` has other columns than in training, or does not begin the month after.
        """
        return as_correlation(_error_covariance(self._ahead(X).prediction_results))

    def _ahead(self, X: pd.DataFrame) -> Any:
        """What statsmodels forecasts over ``X.index``."""
        self.training.refuse_other_columns(X)
        self.training.refuse_other_months(pd.PeriodIndex(X.index))
        with _quiet():
            return self.results.get_forecast(len(X), exog=X.to_numpy(dtype=float) if X.shape[1] else None)

    def follow(self, y: pd.Series, X: pd.DataFrame) -> ArimaFit | Repetition:
        """The same order and parameters, filtered through ``y`` and ``X``: nothing is estimated.

        Raises
        ------
        ValueError
            When ``X`` has other columns than in training.
        FitError
            With fewer than twelve observed months.
        """
        training = self.training.followed(y, X)
        again = repetition(y, X, training.prior_table, LEAST_OBSERVED)
        if again is not None:
            return again
        model = _sarimax(training, self.order, self.seasonal_order, as_states=training.prior is not None)
        with _quiet():
            results = model.smooth(self.results.params, cov_type="none")
        return replace(self, training=training, results=results)

    def effects(self) -> pd.DataFrame:
        """What each regressor does to log volume: columns ``estimate``, ``lower``, ``upper`` (95 %), a row each.

        Without a prior it is generalised least squares at the fitted ARMA parameters, with a prior the posterior; in
        both the ARMA parameters are taken as known.
        """
        mean, covariance = _coefficients(self._with_coefficients_as_states(), len(self.training.regressors))
        return gaussian_effects(mean, np.sqrt(np.diag(covariance)), pd.Index(self.training.regressors))

    def _with_coefficients_as_states(self) -> Any:
        if self.training.prior is not None or not self.training.regressors:
            return self.results
        first = constants(self.order[1], self.seasonal_order[1])
        params = np.delete(self.results.params, slice(first, first + len(self.training.regressors)))
        with _quiet():
            return _sarimax(self.training, self.order, self.seasonal_order, as_states=True).filter(params)


@dataclass(frozen=True)
class Candidate:
    """An order, how good it is, the largest root of its ``ar`` part, and where its optimiser starts."""

    order: Order
    seasonal_order: Order
    aicc: float
    root: float
    start: np.ndarray


def _search(training: Training, orders: list[Order], seasonal_orders: list[Order]) -> Candidate:
    """The candidate of lowest AICc: the seasonal part first, under the first order, then the other part under it.

    Meanwhile the coefficients stay where the first candidate has them, so that each optimiser has few parameters.
    """
    orders = affordable(training, orders, seasonal_orders[0])
    coefficients = _first_coefficients(training, orders[0], seasonal_orders[0])
    seasonal = [_candidate(training, coefficients, orders[0], seasonal_order) for seasonal_order in seasonal_orders]
    best = min(seasonal, key=lambda candidate: candidate.aicc)
    others = [_candidate(training, coefficients, order, best.seasonal_order) for order in orders[1:]]
    offered = [best, *others]
    inside = [candidate for candidate in offered if candidate.root <= LARGEST_ROOT]
    return min(inside or offered, key=lambda candidate: candidate.aicc)


def _candidate(training: Training, coefficients: np.ndarray, order: Order, seasonal_order: Order) -> Candidate:
    """One order of the choice, its AICc infinite where it has too many parameters or no finite likelihood."""
    rest = replace(training, y=training.y - training.X @ coefficients, X=training.X[:, :0])
    model = _sarimax(rest, order, seasonal_order, simple_differencing=training.complete, concentrate_scale=True)
    results, _ = _maximise(model, _start(order, seasonal_order), SEARCH)
    parameters, spare = (count(training, order, seasonal_order) for count in (parameter_count, spare_months))
    aicc = -2 * float(results.llf) + 2 * parameters * (parameters + 1 + spare) / spare if spare > 0 else np.inf
    constant = constants(order[1], seasonal_order[1])
    root = largest_root(results.params[constant : constant + order[0]])
    free = coefficients if training.prior is None else coefficients[:0]
    start = np.concatenate([results.params[:constant], free, results.params[constant:], [results.scale]])
    return Candidate(order, seasonal_order, aicc if np.isfinite(aicc) else np.inf, root, start)


def _first_coefficients(training: Training, order: Order, seasonal_order: Order) -> np.ndarray:
    """Coefficients under the first candidate, which has them as states."""
    if not training.regressors:
        return np.array([])
    left = residuals(training, order[1], seasonal_order[1])
    variance = np.nansum(left**2) / max(np.isfinite(left).sum(), 1) or np.nanvar(training.y)
    model = _sarimax(training, order, seasonal_order, as_states=True, simple_differencing=training.complete)
    results, _ = _maximise(model, np.append(_start(order, seasonal_order), variance), SEARCH)
    return _coefficients(results, len(training.regressors))[0]


def _coefficients(results: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the last ``count`` states after the last month: the coefficients given all months."""
    first = results.filtered_state.shape[0] - count
    return results.filtered_state[first:, -1], results.filtered_state_cov[first:, first:, -1]


def _error_covariance(ahead: Any) -> np.ndarray:
    """Covariance of the errors of all months ahead of a state space without noise of its own in what is observed.

    With Z what is seen of the state, T its transition and P its covariance ``h`` months ahead, the covariance with a
    month k later is Z P (T^k)' Z'.
    """
    states, covariance = ahead.predicted_state_cov, np.zeros((ahead.nforecast, ahead.nforecast))
    seen = np.broadcast_to(ahead.design[0].reshape(len(states), -1), (len(states), len(covariance)))
    for h in range(len(covariance)):
        shared = states[:, :, h] @ seen[:, h]
        for later in range(h, len(covariance)):
            covariance[h, later] = covariance[later, h] = seen[:, later] @ shared
            shared = ahead.transition @ shared
    return covariance


def _start(order: Order, seasonal_order: Order) -> np.ndarray:
    """Where an optimiser starts: the constant, and moving averages that give back some of each difference."""
    (p, d, q), (P, D, Q) = order, seasonal_order
    constant = [0.0] * constants(d, D)
    return np.array(constant + [0.1] * p + [-0.3 if d else 0.1] * q + [0.1] * P + [-0.5 if D else 0.1] * Q)


def _sarimax(training: Training, order: Order, seasonal_order: Order, as_states: bool = False, **options: Any) -> Any:
    """Statsmodels' model, its coefficients either parameters or states that start at the prior (or diffuse)."""
    count = training.X.shape[1]
    constant = constants(order[1], seasonal_order[1])
    if constant:
        _refuse_constant(training)
    if as_states:
        burn = 0 if options.get("simple_differencing") else order[1] + SEASON * seasonal_order[1]
        options |= {"mle_regression": False, "loglikelihood_burn": burn}
    model = SARIMAX(
        training.y,
        exog=training.X if count else None,
        order=order,
        seasonal_order=(*seasonal_order, SEASON if any(seasonal_order) else 0),
        trend="c" if constant else "n",
        **options,
    )
    if as_states and training.prior is not None:
        mean, sd = training.prior.T
        states = (model.k_states - count, model.k_states)
        model.ssm.initialization.set(states, "known", constant=mean, stationary_cov=np.diag(sd**2))
    return model


def _refuse_constant(training: Training) -> None:
    """Refuse a regressor that never moves: statsmodels does not take it beside a constant, whatever is known of it."""
    columns = zip(training.regressors, training.X.T, strict=False)  # none where the coefficients are taken off already
    still = [name for name, column in columns if column[0] != 0 and np.ptp(column) == 0]
    if still:
        raise FitError(f"arima: {', '.join(still)} never moves, which statsmodels does not take beside a constant.")


def _maximise(model: Any, start: np.ndarray, optimisers: dict[str, dict[str, float]]) -> tuple[Any, bool]:
    """The likeliest results found, and whether the last optimiser tried says that it converged.

    An optimiser that stops short hands its best point on to the next.
    """
    if not len(start):
        return model.smooth(start, cov_type="none"), True
    best = None
    for method, options in optimisers.items():
        found = _optimised(model, start, method, options)
        if best is None or found.llf > best.llf:
            best = found
        if found.mle_retvals["converged"]:
            return best, True
        start = best.params
    return best, False


def _settled(model: Any, start: np.ndarray) -> tuple[Any, bool]:
    """The results of `_maximise` by `FINAL`, and from there by `POLISH`, whichever are likelier.

    The likelihood is flat along some directions, where the first descent stops by how its arithmetic happens to round.
    """
    best, converged = _maximise(model, start, FINAL)
    if len(start):
        polished, _ = _maximise(model, best.params, POLISH)
        best = polished if polished.llf > best.llf else best
    return best, converged


def _optimised(model: Any, start: np.ndarray, method: str, options: dict[str, float]) -> Any:
    with _quiet():
        return model.fit(start, method=method, disp=False, cov_type="none", **options)


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of statsmodels: what they say is in ``converged``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
