"""Regression with seasonal ARIMA errors on log volume: statsmodels' SARIMAX, and a choice of its order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import ndtri

from forecast.models.protocol import FitError, gaussian_bounds

with warnings.catch_warnings():  # statsmodels changes the warning filters when it is imported
    from statsmodels.tsa.statespace.sarimax import SARIMAX

SEASON = 12
LEAST_OBSERVED = 12
LEAST_OBSERVED_FOR_TWO = 24
LEAST_OBSERVED_FOR_SEASON = 36
LEAST_PAIRS = 6
LEAST_RANGE = 1e-9
WIDER = 1.25
ARMA = [(1, 1), (0, 1), (1, 0), (0, 0), (0, 2), (2, 0)]
SHORT_ARMA = [(0, 1), (1, 0), (0, 0)]
SEASONAL_ARMA = {0: [(0, 0), (1, 0)], 1: [(0, 1), (1, 0), (0, 0)]}
SEARCH: dict[str, dict[str, float]] = {"lbfgs": {"maxiter": 50, "factr": 1e9}}
FINAL: dict[str, dict[str, float]] = {"lbfgs": {"maxiter": 200, "factr": 1e7}, "nm": {"maxiter": 1000}}

Order = tuple[int, int, int]


@dataclass(frozen=True)
class Arima:
    """Regression with ARIMA errors: ``order`` is (p, d, q), ``seasonal_order`` is (P, D, Q) of twelve months.

    An order left out is chosen for the series: D by `seasonal_differences`, d by `differences`, then p, q, P and Q of
    that d and D by AICc [2]_ over a few candidates. Nothing is seasonal with fewer than 36 observed months; p + q is at
    most 1 with fewer than 24. A constant is estimated when d is 0, and never a drift: over the few months ahead a drift
    is small beside the noise, and it hangs on the first and last months alone, so that a step between them becomes
    growth without end.

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
    >>> y = 1 + 2 * step["licensing"] + 0.01 * np.tile([1, -1, -1, 1], 6)
    >>> fit = Arima((0, 0, 0), (0, 0, 0)).fit(y, step)
    >>> fit.effects().round(2).loc["licensing"].to_dict()
    {'estimate': 2.0, 'lower': 1.99, 'upper': 2.01}
    >>> lifted = pd.DataFrame({"licensing": [0.0]}, month[-1:] + 1)
    >>> fit.predict(lifted).round(2).loc["2025-01", "median"]
    np.float64(1.0)
    """

    order: Order | None = None
    seasonal_order: Order | None = None

    name: ClassVar[str] = "arima"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> ArimaFit:
        """The likeliest model of ``y`` given ``X``; gaps in ``y`` are missing values of its state space.

        Raises
        ------
        FitError
            With fewer than twelve observed months, when the months do not vary or are fewer than the parameters, when a
            regressor without a prior cannot be told apart, or when no likelihood can be computed.
        """
        training = _training(y, X, prior)
        orders, seasonal_orders = _candidates(training, self.order, self.seasonal_order)
        _refuse_unidentified(training, orders[0][1], seasonal_orders[0][1])
        chosen = _search(training, orders, seasonal_orders)
        model = _sarimax(training, chosen.order, chosen.seasonal_order, as_states=training.prior is not None)
        results, converged = _maximise(model, chosen.start, FINAL)
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
        self._refuse_other(X, months)
        exog = X.to_numpy(dtype=float) if X.shape[1] else None
        with _quiet():
            ahead = self.results.get_forecast(len(months), exog=exog)
            mean, variance = np.asarray(ahead.predicted_mean), np.asarray(ahead.var_pred_mean)
        if not (np.isfinite(mean).all() and np.isfinite(variance).all() and (variance > 0).all()):
            raise FitError(f"arima {self.order}{self.seasonal_order} gives no finite forecast of {months[0]}.")
        return gaussian_bounds(mean + self.training.centre, np.sqrt(variance), months)

    def effects(self) -> pd.DataFrame:
        """What each regressor does to log volume: columns ``estimate``, ``lower``, ``upper`` (95 %), a row each.

        Without a prior it is generalised least squares at the fitted ARMA parameters, with a prior the posterior; in
        both the ARMA parameters are taken as known.
        """
        mean, covariance = _coefficients(self._with_coefficients_as_states(), len(self.training.regressors))
        half = ndtri(0.975) * np.sqrt(np.diag(covariance))
        columns = {"estimate": mean, "lower": mean - half, "upper": mean + half}
        return pd.DataFrame(columns, index=pd.Index(self.training.regressors, name="regressor"))

    def _with_coefficients_as_states(self) -> Any:
        if self.training.prior is not None or not self.training.regressors:
            return self.results
        first = int(self.order[1] == 0)
        params = np.delete(self.results.params, slice(first, first + len(self.training.regressors)))
        with _quiet():
            return _sarimax(self.training, self.order, self.seasonal_order, as_states=True).filter(params)

    def _refuse_other(self, X: pd.DataFrame, months: pd.PeriodIndex) -> None:
        if X.columns.tolist() != self.training.regressors:
            raise ValueError(
                f"arima was fitted with regressors {self.training.regressors} and is asked to predict with"
                f" {X.columns.tolist()}: give the same columns in the same order."
            )
        expected = self.training.months[-1] + 1
        if months[0] != expected or (np.diff(months.asi8) != 1).any():
            raise ValueError(f"arima predicts consecutive months from {expected} on and was given {months[0]} first.")


@dataclass(frozen=True)
class Training:
    """What is fitted: logs ``y`` less their ``centre``, regressors ``X`` as an array, and (mean, sd) of the prior."""

    y: np.ndarray
    X: np.ndarray
    centre: float
    regressors: list[str]
    months: pd.PeriodIndex
    prior: np.ndarray | None

    @property
    def observed(self) -> np.ndarray:
        """True where a month was observed."""
        known: np.ndarray = np.isfinite(self.y)
        return known

    @property
    def count(self) -> int:
        """How many months were observed."""
        return int(self.observed.sum())

    @property
    def complete(self) -> bool:
        """Whether every month was observed."""
        return self.count == len(self.y)


@dataclass(frozen=True)
class Candidate:
    """An order, how good it is, and the parameters from which its optimiser starts."""

    order: Order
    seasonal_order: Order
    aicc: float
    start: np.ndarray


def _training(y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None) -> Training:
    observed = y.dropna()
    if len(observed) < LEAST_OBSERVED:
        raise FitError(f"arima needs {LEAST_OBSERVED} observed months and found {len(observed)}.")
    if observed.max() - observed.min() < LEAST_RANGE:
        raise FitError(f"arima found no variation in {len(observed)} observed months, so it has no interval to give.")
    regressors = X.columns.tolist()
    beliefs = None if prior is None or not regressors else prior.loc[regressors, ["mean", "sd"]].to_numpy(dtype=float)
    centre = float(observed.mean())
    values = y.to_numpy(dtype=float) - centre
    return Training(values, X.to_numpy(dtype=float), centre, regressors, pd.PeriodIndex(y.index), beliefs)


def _candidates(
    training: Training, order: Order | None, seasonal_order: Order | None
) -> tuple[list[Order], list[Order]]:
    """Orders and seasonal orders to choose among, all of one d and one D, the most general first."""
    D = seasonal_order[1] if seasonal_order else seasonal_differences(training)
    d = order[1] if order else differences(training, D)
    arma = ARMA if training.count >= LEAST_OBSERVED_FOR_TWO else SHORT_ARMA
    seasonal = SEASONAL_ARMA[D] if training.count >= LEAST_OBSERVED_FOR_SEASON else [(0, 0)]
    orders = [order] if order else [(p, d, q) for p, q in arma]
    return orders, [seasonal_order] if seasonal_order else [(P, D, Q) for P, Q in seasonal]


def seasonal_differences(training: Training) -> int:
    """One where the changes from month to month come back a year later, else zero.

    They do when their autocorrelation at lag 12, after least squares on the changes of the regressors, is above two
    standard errors. It is sought in changes because a wandering level hides a season there less, and in what the
    regressors leave because a step is one large change. It is zero with fewer than 36 observed months, and where some
    calendar month was observed less than twice.
    """
    years = np.bincount(training.months.month.to_numpy()[training.observed], minlength=SEASON + 1)[1:]
    if training.count < LEAST_OBSERVED_FOR_SEASON or years.min() < 2:
        return 0
    change = _unexplained(training, 1, 0)
    products = change[SEASON:] * change[:-SEASON]
    pairs = np.isfinite(products).sum()
    if pairs < LEAST_PAIRS:
        return 0
    return int(np.nanmean(products) / np.nanmean(change**2) > 2 / np.sqrt(pairs))


def differences(training: Training, D: int) -> int:
    """One unless differencing widens the (seasonally differenced) logs by more than a quarter, else zero.

    Widths are residual standard deviations of least squares on the regressors, differenced alike, so that a step does
    not look like a wandering level. White noise widens by 41 %, an AR(1) of 0.5 not at all. In doubt it is one: to
    difference too much costs little in the months just ahead, to hold on to an old mean costs more. It is zero where
    too few changes are known.
    """
    level, change = _width(training, 0, D), _width(training, 1, D)
    return int(change <= WIDER * level)


def _width(training: Training, d: int, D: int) -> float:
    """Residual standard deviation of the differenced logs; infinite with fewer than six degrees of freedom."""
    left = _unexplained(training, d, D)
    freedom = np.isfinite(left).sum() - training.X.shape[1] - 1
    return float(np.sqrt(np.nansum(left**2) / freedom)) if freedom >= LEAST_PAIRS else np.inf


def _unexplained(training: Training, d: int, D: int) -> np.ndarray:
    """Residuals of least squares of the differenced logs on a constant and the differenced regressors, gaps as NaN."""
    y, X = _differenced(training.y, d, D), _differenced(training.X, d, D)
    known = np.isfinite(y)
    design = np.column_stack([np.ones(len(y)), X])
    left: np.ndarray = y - design @ np.linalg.lstsq(design[known], y[known])[0]
    return left


def _differenced(values: np.ndarray, d: int, D: int) -> np.ndarray:
    for lag in [SEASON] * D + [1] * d:
        values = values[lag:] - values[:-lag]
    return values


def _refuse_unidentified(training: Training, d: int, D: int) -> None:
    """Refuse what no number of likelihood evaluations can find, given the differences that are taken."""
    seen = np.unique(training.months.month[training.observed])
    if D and len(seen) < SEASON:
        raise FitError(f"arima takes yearly differences and needs every calendar month, but observed only {len(seen)}.")
    if training.prior is not None:
        return
    known = np.arange(len(training.y))[training.observed]
    free = [known**power for power in range(max(d, 1) + D)]
    if D:
        free += [training.months.month[known] == month for month in range(2, SEASON + 1)]
    basis = np.column_stack(free).astype(float)
    for regressor, column in zip(training.regressors, training.X[known].T, strict=True):
        rest = column - basis @ np.linalg.lstsq(basis, column)[0]
        if float(np.linalg.norm(rest)) <= LEAST_RANGE * float(np.linalg.norm(column)):
            raise FitError(
                f"arima cannot tell regressor {regressor!r} apart: in the {len(known)} observed months it is constant,"
                f" or made up of the season, the trend and the regressors before it. Leave it out or give it a prior."
            )
        basis = np.column_stack([basis, column])


def _search(training: Training, orders: list[Order], seasonal_orders: list[Order]) -> Candidate:
    """The candidate of lowest AICc: the seasonal part first, under the first order, then the other part under it.

    Meanwhile the coefficients stay where the first candidate has them, so that each optimiser has few parameters.
    """
    coefficients = _first_coefficients(training, orders[0], seasonal_orders[0])
    seasonal = [_candidate(training, coefficients, orders[0], seasonal_order) for seasonal_order in seasonal_orders]
    best = min(seasonal, key=lambda candidate: candidate.aicc)
    others = [_candidate(training, coefficients, order, best.seasonal_order) for order in orders[1:]]
    best = min([best, *others], key=lambda candidate: candidate.aicc)
    if not np.isfinite(best.aicc):
        raise FitError(
            f"arima finds no model of {training.count} observed months and {len(training.regressors)} regressors:"
            " no candidate has fewer parameters than months and a finite likelihood."
        )
    return best


def _candidate(training: Training, coefficients: np.ndarray, order: Order, seasonal_order: Order) -> Candidate:
    """One order of the choice; its AICc is infinite where it has too many parameters or no likelihood."""
    count = training.count - order[1] - SEASON * seasonal_order[1]
    constant = [0.0] if order[1] == 0 else []
    free = [] if training.prior is not None else coefficients.tolist()
    arma = _arma_start(order, seasonal_order)
    parameters = len(constant) + len(free) + len(arma) + 1
    if count - parameters - 1 <= 0:
        return Candidate(order, seasonal_order, np.inf, np.array([]))
    rest = replace(training, y=training.y - training.X @ coefficients, X=training.X[:, :0])
    model = _sarimax(rest, order, seasonal_order, simple_differencing=training.complete, concentrate_scale=True)
    results, _ = _maximise(model, np.array(constant + arma), SEARCH)
    aicc = -2 * float(results.llf) + 2 * parameters * count / (count - parameters - 1)
    split = len(constant)
    start = np.concatenate([results.params[:split], free, results.params[split:], [results.scale]])
    return Candidate(order, seasonal_order, aicc, start)


def _first_coefficients(training: Training, order: Order, seasonal_order: Order) -> np.ndarray:
    """Coefficients under the first candidate, which has them as states."""
    if not training.regressors:
        return np.array([])
    spread = np.nanvar(_unexplained(training, order[1], seasonal_order[1]))
    variance = spread if np.isfinite(spread) and spread > 0 else np.nanvar(training.y)
    constant = [0.0] if order[1] == 0 else []
    start = np.array([*constant, *_arma_start(order, seasonal_order), variance])
    model = _sarimax(training, order, seasonal_order, as_states=True, simple_differencing=training.complete)
    results, _ = _maximise(model, start, SEARCH)
    return _coefficients(results, len(training.regressors))[0]


def _coefficients(results: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the last ``count`` states after the last month: the coefficients given all months."""
    first = results.filtered_state.shape[0] - count
    return results.filtered_state[first:, -1], results.filtered_state_cov[first:, first:, -1]


def _arma_start(order: Order, seasonal_order: Order) -> list[float]:
    """Where an optimiser starts: weak autoregression, and moving averages that give back some of each difference."""
    (p, d, q), (P, D, Q) = order, seasonal_order
    return [0.1] * p + [-0.3 if d else 0.1] * q + [0.1] * P + [-0.5 if D else 0.1] * Q


def _sarimax(training: Training, order: Order, seasonal_order: Order, as_states: bool = False, **options: Any) -> Any:
    """Statsmodels' model, its coefficients either parameters or states that start at the prior (or diffuse)."""
    count = training.X.shape[1]
    if as_states:
        burn = 0 if options.get("simple_differencing") else order[1] + SEASON * seasonal_order[1]
        options |= {"mle_regression": False, "loglikelihood_burn": burn}
    model = SARIMAX(
        training.y,
        exog=training.X if count else None,
        order=order,
        seasonal_order=(*seasonal_order, SEASON if any(seasonal_order) else 0),
        trend="c" if order[1] == 0 else "n",
        **options,
    )
    if as_states and training.prior is not None:
        mean, sd = training.prior.T
        states = (model.k_states - count, model.k_states)
        model.ssm.initialization.set(states, "known", constant=mean, stationary_cov=np.diag(sd**2))
    return model


def _maximise(model: Any, start: np.ndarray, optimisers: dict[str, dict[str, float]]) -> tuple[Any, bool]:
    """The likeliest results found, and whether the last optimiser tried says that it converged.

    An optimiser that stops short hands its best point on to the next.
    """
    best = None
    for method, options in optimisers.items():
        with _quiet():
            found = model.fit(start, method=method, disp=False, cov_type="none", **options)
        if best is None or found.llf > best.llf:
            best = found
        if found.mle_retvals["converged"]:
            return best, True
        start = best.params
    return best, False


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of statsmodels: what they say is in ``converged``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
