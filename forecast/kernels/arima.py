"""Regression with seasonal ARIMA errors by exact maximum likelihood: the objective of statsmodels' SARIMAX, compiled.

The series and its regressors are differenced, and one set of recursions turns each of them into one-step prediction
errors of the ARMA part. A regression among those errors gives the coefficients and the variance, so that the
optimiser sees the AR and MA parameters alone. A missing month is a regressor of its own, integrated out with a flat
prior: the likelihood of the months observed under a diffuse start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.kernels import KernelError, likelihood
from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.differenced import Differenced, Prior, arrange, integrate
from forecast.kernels.likelihood import ArmaOrder

Triple = tuple[int, int, int]

HIGHEST = {"p": 3, "d": 2, "q": 3, "P": 3, "D": 1, "Q": 3}
PLACES = ((0.4, 0.8), (-0.3, -1.2), (0.8, 1.2), (-1.2, -1.2))
"""Angles of the first AR and MA term from which descents on real series most often ended in the highest maximum."""
WIDTH = 1.3
THOROUGH, QUICK = 17, 3
"""Most descents for a fit, and for one of many orders."""
_ROUGH, _CLOSE, _ENOUGH = 1e-3, 1e-9, 1e-6
"""Promised gain of log-likelihood under which a first descent ends, the best one ends, and it counts as converged."""


@dataclass(frozen=True, slots=True)
class ArimaEstimates:
    """A regression with seasonal ARIMA errors at given or estimated parameters.

    ``ar``, ``ma``, ``seasonal_ar`` and ``seasonal_ma`` have statsmodels' signs: ``y[t] = ar[0] y[t - 1] + e[t] +
    ma[0] e[t - 1]``. Without a prior ``coefficients`` are at their maximum and ``coefficient_covariance`` is that of
    generalised least squares at these parameters; with one they are the posterior mean and covariance.
    ``observations`` counts the months that the likelihood is of: observed, less those that differencing takes.
    ``point`` is where the optimiser ended, in its own coordinates; it is empty where nothing was optimised.
    """

    order: Triple
    seasonal_order: Triple
    ar: Floats
    ma: Floats
    seasonal_ar: Floats
    seasonal_ma: Floats
    coefficients: Floats
    coefficient_covariance: Floats
    variance: float
    log_likelihood: float
    aicc: float
    observations: int
    prior: Prior | None
    converged: bool = True
    evaluations: int = 1
    point: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def parameters(self) -> Floats:
        """Coefficients, AR, MA, seasonal AR, seasonal MA, variance: as ``SARIMAX(...).smooth`` takes them."""
        arma = (self.ar, self.ma, self.seasonal_ar, self.seasonal_ma)
        return np.concatenate([self.coefficients, *arma, [self.variance]])


@dataclass(frozen=True, slots=True)
class ArimaForecast:
    """Means and joint covariance of the months ahead, shapes (h,) and (h, h), in the unit of the series."""

    mean: Floats
    covariance: Floats

    @property
    def sd(self) -> Floats:
        """Standard deviation of every month ahead, shape (h,)."""
        return np.sqrt(np.diag(self.covariance))

    def paths(self, draws: int, seed: int) -> Floats:
        """Futures drawn from the joint distribution, shape (draws, h); the same ``seed`` gives the same futures."""
        normal = np.random.default_rng(seed).standard_normal((draws, self.mean.size))
        return self.mean + normal @ np.linalg.cholesky(self.covariance).T


@dataclass(frozen=True, slots=True)
class ArimaSearch:
    """What every candidate order came to; ``fit`` is the one of lowest AICc, the first of equals.

    A candidate that has no likelihood, or more parameters than its observations allow, has an infinite ``aicc``.
    """

    orders: tuple[tuple[int, int, int, int], ...]
    aicc: Floats
    log_likelihood: Floats
    converged: NDArray[np.bool_]
    fit: ArimaEstimates


def fit(
    y: Floats,
    X: Floats | None = None,
    order: Triple = (1, 1, 1),
    seasonal_order: Triple = (0, 1, 1),
    prior: Prior | None = None,
    start: ArimaEstimates | None = None,
) -> ArimaEstimates:
    """The model of ``y`` (months,) on ``X`` (months, regressors) at the maximum of its likelihood.

    ``y`` has NaN where a month is missing; ``X`` has none. Orders are (p, d, q) and (P, D, Q) at twelve months, p, q,
    P, Q up to 3, d up to 2, D up to 1. AR and MA parts are kept stationary and invertible. There is no constant but
    what ``X`` holds. With a ``prior`` the coefficients are integrated out. ``start``, a fit of the same orders (to one
    month less, say), saves half of the work.

    Raises
    ------
    KernelError
        When too few months are observed, a regressor depends on the others after differencing, nothing is left to
        explain, or the likelihood cannot be computed.

    References
    ----------
    Durbin, J., Koopman, S. J. (2012). Time Series Analysis by State Space Methods.
    https://doi.org/10.1093/acprof:oso/9780199641178.001.0001

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal(240)
    >>> walk = np.cumsum(noise[1:] + 0.5 * noise[:-1])
    >>> fitted = fit(walk, order=(0, 1, 1), seasonal_order=(0, 0, 0))
    >>> fitted.ma.round(1), fitted.converged
    (array([0.5]), True)
    """
    design = _design(y, X, order, seasonal_order, prior)
    arma_order = _arma_order(order, seasonal_order)
    points = _first_points(design, arma_order, THOROUGH) if start is None else [_end(start, order, seasonal_order)]
    found = _maximum(design, arma_order, points)
    return _at_point(design, order, seasonal_order, found, prior)


def search(
    y: Floats,
    X: Floats | None,
    orders: Sequence[ArmaOrder],
    d: int,
    D: int,
    prior: Prior | None = None,
    seasonal: Sequence[tuple[int, int]] = (),
    largest_root: float = 1.0,
) -> ArimaSearch:
    """The AICc of every one of ``orders``, (p, q, P, Q), at the same differencing, and the fit where it is lowest.

    Arguments as in `fit`. The AICc counts the variance, AR and MA parameters and, without a prior, coefficients. The
    candidates are given fewer descents than `fit` gives a model; the best of them is then fitted as `fit` would. With
    ``seasonal``, pairs (P, Q), these are tried first under p, q of the first of ``orders``; all orders then have the
    best. Orders whose AR part has an inverse root of a modulus beyond ``largest_root`` are passed over, as are those
    whose optimiser did not converge, where there are others.

    Raises
    ------
    KernelError
        As `fit`, or when none of the orders can be fitted.
    """
    first = [(*orders[0][:2], P, Q) for P, Q in seasonal]
    for p, q, P, Q in [*first, *orders]:
        _arma_order((p, d, q), (P, D, Q))
    candidates = _Candidates(_design(y, X, (0, d, 0), (0, D, 0), prior), d, D, prior)
    if first:
        _, _, P, Q = candidates.best(first)[0]
        orders = [(p, q, P, Q) for p, q, _, _ in orders]
    best, fitted, aicc = candidates.settled(orders, largest_root)
    aicc[orders.index(best)] = fitted.aicc
    found = [candidates.found[order] for order in orders]
    return ArimaSearch(
        tuple(orders),
        np.array(aicc),
        np.array([-each.value for each in found]),
        np.array([each.converged for each in found]),
        fitted,
    )


@dataclass(frozen=True)
class _Candidates:
    """Orders of one series and one differencing, and what was ``found`` of those that were tried."""

    design: Differenced
    d: int
    D: int
    prior: Prior | None
    found: dict[ArmaOrder, _Maximum] = field(default_factory=dict)

    def best(self, orders: Sequence[ArmaOrder]) -> tuple[ArmaOrder, list[float]]:
        """The order of lowest AICc, the first of equals, and the AICc of all."""
        aicc = [self._aicc(order) for order in orders]
        best = int(np.argmin(aicc))
        if not np.isfinite(aicc[best]):
            raise KernelError("arima: none of the orders can be fitted; offer smaller ones or fewer regressors.")
        return orders[best], aicc

    def settled(
        self, orders: Sequence[ArmaOrder], largest_root: float
    ) -> tuple[ArmaOrder, ArimaEstimates, list[float]]:
        """The order of lowest AICc whose fit converges with no root beyond the largest, its fit, and the AICc of all.

        Where there is none, the order of lowest AICc.
        """
        first, aicc = self.best(orders)
        for place in np.argsort(aicc, kind="stable"):
            order = orders[place]
            if np.isfinite(aicc[place]) and self._root(order) <= largest_root:
                fitted = self.fit(order)
                if fitted.converged and self._root(order) <= largest_root:
                    return order, fitted, aicc
        return first, self.fit(first), aicc

    def _root(self, order: ArmaOrder) -> float:
        """The modulus of the largest inverse root of the AR part of an order that was tried."""
        return _largest_root(likelihood.polynomials(self.found[order].point, order)[0])

    def fit(self, order: ArmaOrder) -> ArimaEstimates:
        """The fit of an order that was tried, with as many descents as a model is given."""
        points = _first_points(self.design, order, THOROUGH)
        if len(points) > QUICK:
            self.found[order] = _maximum(self.design, order, points)
        p, q, P, Q = order
        return _at_point(self.design, (p, self.d, q), (P, self.D, Q), self.found[order], self.prior)

    def _aicc(self, order: ArmaOrder) -> float:
        if order not in self.found:
            self.found[order] = _maximum(self.design, order, _first_points(self.design, order, QUICK))
        return _aicc(-self.found[order].value, self.design, sum(order))


def evaluate(
    y: Floats,
    X: Floats | None,
    order: Triple,
    seasonal_order: Triple,
    parameters: Floats,
    prior: Prior | None = None,
    variance: float = 1.0,
) -> ArimaEstimates:
    """The model at given ``parameters``, AR, MA, seasonal AR and seasonal MA in a row, with none of them optimised.

    Other arguments as in `fit`. The coefficients, and without a prior the variance, are at their maximum; with a prior
    ``variance`` is that of the innovations.

    Raises
    ------
    KernelError
        As `fit`, and when the AR part is not stationary.
    """
    sizes = _arma_order(order, seasonal_order)
    if len(parameters) != sum(sizes):
        raise KernelError(f"arima: these orders have {sum(sizes)} AR and MA parameters, {len(parameters)} were given.")
    design = _design(y, X, order, seasonal_order, prior)
    parts = np.split(np.asarray(parameters, dtype=float), np.cumsum(sizes)[:-1])
    return _conclude(design, order, seasonal_order, parts, variance, prior)


def forecast(fitted: ArimaEstimates, y: Floats, X: Floats | None, X_future: Floats) -> ArimaForecast:
    """Mean and covariance of the months after the last row of ``y``: as many as ``X_future`` (h, regressors) has rows.

    ``y`` and ``X`` are those of the fit, or later ones that its parameters are to be applied to. Missing months at the
    end of ``y`` lengthen the distance. Without a prior the coefficients are taken as known, as statsmodels takes them;
    with one their posterior covariance is part of the answer. Without regressors ``X_future`` has shape (h, 0).

    Raises
    ------
    KernelError
        When the regressors are not those of the fit, or the likelihood cannot be computed for this ``y``.

    Examples
    --------
    >>> import numpy as np
    >>> walk = np.cumsum(np.random.default_rng(0).standard_normal(60))
    >>> ahead = forecast(fit(walk, None, (0, 1, 0), (0, 0, 0)), walk, None, np.empty((4, 0)))
    >>> bool(np.allclose(ahead.mean, walk[-1])), (ahead.sd / ahead.sd[0]).round(2).tolist()
    (True, [1.0, 1.41, 1.73, 2.0])
    """
    X, X_future = _matrix(X, len(y), "X"), _matrix(X_future, len(X_future), "X_future")
    _check_columns(fitted, X, X_future)
    design = _applied(fitted, y, X)
    future = np.vstack([X[design.stop :], X_future])
    count, n = design.rows.shape
    followed = _followed(design.rows, len(future))
    errors, variances, predictions = _innovations(followed, _parts(fitted))
    moved, inverse = _regression(design, errors[:count, :n], fitted.variance)
    d, D = fitted.order[1], fitted.seasonal_order[1]
    columns = integrate(predictions[:count, n : n + len(future)], design.levels, d, D)
    mean = columns[-1] - moved @ columns[:-1] + _effects(fitted, design, moved, future)
    response = integrate(_responses(predictions[count:-1, n:]), np.zeros((len(future), d + SEASON * D)), d, D)
    unknown = -columns[:-1]
    if fitted.prior is not None:
        unknown[design.pulses :] += future.T
    covariance = response.T @ (variances[n:, None] * response) + unknown.T @ inverse @ unknown
    beyond = X.shape[0] - design.stop
    return ArimaForecast(mean[beyond:], fitted.variance * covariance[beyond:, beyond:])


def standardised_innovations(fitted: ArimaEstimates, y: Floats, X: Floats | None = None) -> Floats:
    """One-step prediction errors over their standard deviations, shape (months,).

    NaN where a month is missing or goes into the start: the first d + 12 D, and later ones where those are missing.
    Without a prior the coefficients are taken as known throughout; with one each error knows the errors before it.

    Raises
    ------
    KernelError
        When the regressors are not those of the fit, or the likelihood cannot be computed for this ``y``.
    """
    X = _matrix(X, len(y), "X")
    _check_columns(fitted, X, X)
    design = _applied(fitted, y, X)
    errors, _, _ = _innovations(design.rows, _parts(fitted))
    residuals = likelihood.recursive_residuals(errors, design.pulses, design.means, design.precisions, fitted.variance)
    out = np.full(len(y), np.nan)
    out[design.stop - residuals.size : design.stop] = residuals / np.sqrt(fitted.variance)
    return out


def _arma_order(order: Triple, seasonal_order: Triple) -> ArmaOrder:
    """p, q, P, Q of orders that the kernel takes."""
    (p, d, q), (P, D, Q) = order, seasonal_order
    for name, value in {"p": p, "d": d, "q": q, "P": P, "D": D, "Q": Q}.items():
        if not 0 <= value <= HIGHEST[name]:
            raise KernelError(f"arima: {name} is {value}, from 0 to {HIGHEST[name]} is possible.")
    return p, q, P, Q


def _matrix(X: Floats | None, months: int, name: str) -> Floats:
    X = np.empty((months, 0)) if X is None else np.asarray(X, dtype=float)
    if X.ndim != 2 or X.shape[0] != months:
        raise KernelError(f"arima: {name} has shape {X.shape}, one row for each of {months} months is needed.")
    if not np.isfinite(X).all():
        raise KernelError(f"arima: {name} has values that are not finite; regressors are known in every month.")
    return X


def _design(y: Floats, X: Floats | None, order: Triple, seasonal_order: Triple, prior: Prior | None) -> Differenced:
    _arma_order(order, seasonal_order)
    y = np.asarray(y, dtype=float)
    if y.ndim != 1 or np.isinf(y).any():
        raise KernelError("arima: y must be one column of finite numbers, with NaN where a month is missing.")
    return arrange(y, _matrix(X, y.size, "X"), order[1], seasonal_order[1], prior)


def _end(start: ArimaEstimates, order: Triple, seasonal_order: Triple) -> Floats:
    """Where a fit of the same orders ended."""
    if (start.order, start.seasonal_order) != (order, seasonal_order):
        raise KernelError(
            f"arima: the start is a fit of {start.order}{start.seasonal_order}, {order}{seasonal_order} is wanted."
        )
    return start.point


def _first_points(design: Differenced, order: ArmaOrder, most: int) -> list[Floats]:
    """Where descents begin: one place, or up to ``most`` where AR and MA terms of one kind can cancel.

    Such likelihoods have many maxima, on every side of where the terms cancel, and the more the more terms there are.
    """
    p, q, P, Q = order
    mixed = (p > 0 and q > 0) or (P > 0 and Q > 0)
    count = min(most, 2 ** (sum(order) - 2) + 1) if mixed else 1
    named = [_place(order, *place) for place in PLACES[:count]]
    points = named + [_spread(number, sum(order)) for number in range(1, count - len(named) + 1)]
    if design.means.size:
        points = [np.append(point, np.log(design.square)) for point in points]
    return points


def _place(order: ArmaOrder, ar: float, ma: float) -> Floats:
    """Given angles for the first AR and MA term, small ones for the others."""
    p, q, P, Q = order
    point = np.full(sum(order), 0.1)
    both = P > 0 and Q > 0
    for count, first, angle in (
        (p, 0, ar),
        (q, p, ma),
        (P, p + q, ar if both else 0.1),
        (Q, p + q + P, ma if both else 0.5),
    ):
        if count:
            point[first] = angle
    return point


def _spread(number: int, size: int) -> Floats:
    """The point of that ``number`` in a sequence that fills the cube of angles evenly (Roberts' R sequence)."""
    root = 2.0
    for _ in range(30):
        root = (1.0 + root) ** (1.0 / (size + 1))
    return WIDTH * (2.0 * ((0.5 + number * root ** -np.arange(1.0, size + 1.0)) % 1.0) - 1.0)


class _Maximum(NamedTuple):
    """A point of the optimiser, minus the log-likelihood there, and how it was found."""

    point: Floats
    value: float
    evaluations: int
    converged: bool


def _maximum(design: Differenced, order: ArmaOrder, first_points: list[Floats]) -> _Maximum:
    """The end of the best descent from any of ``first_points``; all but the best stop early."""
    arguments = (order, design.rows, design.pulses, design.means, design.precisions)
    ends, evaluations = [], 0
    for first in first_points:
        point, inverse = first.copy(), np.eye(first.size) / design.rows.shape[1]
        close = _ROUGH if len(first_points) > 1 else _CLOSE
        value, tried, promise = likelihood.minimise(point, inverse, close, *arguments)
        ends.append((value, point, inverse))
        evaluations += tried
    if len(first_points) > 1:
        _, point, inverse = min(ends, key=itemgetter(0))
        value, tried, promise = likelihood.minimise(point, inverse, _CLOSE, *arguments)
        evaluations += tried
    return _Maximum(point, value, evaluations, promise < _ENOUGH)


def _at_point(
    design: Differenced, order: Triple, seasonal_order: Triple, found: _Maximum, prior: Prior | None
) -> ArimaEstimates:
    """The fit at a point of the optimiser."""
    ar, ma, seasonal_ar, seasonal_ma = (
        factor[1:] for factor in likelihood.polynomials(found.point, _arma_order(order, seasonal_order))
    )
    variance = float(np.exp(found.point[-1])) if design.means.size else 1.0
    concluded = _conclude(design, order, seasonal_order, (-ar, ma, -seasonal_ar, seasonal_ma), variance, prior)
    return replace(concluded, point=found.point, evaluations=found.evaluations, converged=found.converged)


def _conclude(
    design: Differenced,
    order: Triple,
    seasonal_order: Triple,
    parts: Sequence[Floats],
    variance: float,
    prior: Prior | None,
) -> ArimaEstimates:
    """The fit at given AR, MA, seasonal AR and seasonal MA parameters."""
    errors, variances, _ = _innovations(design.rows, parts)
    matrix, dependent = likelihood.regression(errors, design.pulses, design.means, design.precisions, variance)
    negative, variance = likelihood.deviance(variances, matrix, dependent, design.pulses, design.precisions, variance)
    if not np.isfinite(negative):
        raise KernelError("arima: the likelihood cannot be computed in double precision here; fit a simpler model.")
    moved, inverse = _regression(design, errors, variance)
    regressors = slice(design.pulses, None)
    return ArimaEstimates(
        order,
        seasonal_order,
        ar=parts[0],
        ma=parts[1],
        seasonal_ar=parts[2],
        seasonal_ma=parts[3],
        coefficients=(design.shift + moved)[regressors],
        coefficient_covariance=variance * inverse[regressors, regressors],
        variance=variance,
        log_likelihood=-negative,
        aicc=_aicc(-negative, design, sum(part.size for part in parts)),
        observations=design.rows.shape[1] - design.pulses,
        prior=prior,
    )


def _largest_root(polynomial: Floats) -> float:
    """The modulus of the largest inverse root of a polynomial in the lag operator, 1 being the unit circle."""
    if polynomial.size < 3:
        return float(np.abs(polynomial[1:]).sum())
    return float(np.abs(np.roots(polynomial)).max())


def _products(parts: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The AR and the MA polynomial, seasonal parts multiplied in."""
    one = np.ones(1)
    ar, ma, seasonal_ar, seasonal_ma = parts
    ar, seasonal_ar = np.concatenate([one, -ar]), np.concatenate([one, -seasonal_ar])
    ma, seasonal_ma = np.concatenate([one, ma]), np.concatenate([one, seasonal_ma])
    return likelihood.product(ar, seasonal_ar), likelihood.product(ma, seasonal_ma)


def _parts(fitted: ArimaEstimates) -> Sequence[Floats]:
    return fitted.ar, fitted.ma, fitted.seasonal_ar, fitted.seasonal_ma


def _innovations(rows: Floats, parts: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Standardised one-step errors of ``rows``, their variances, and all predictions, at given parameters."""
    ar, ma = _products(parts)
    reach = max(ar.size, ma.size) - 1
    pure = likelihood.pure_autocovariance(ar, *likelihood.step_down(ar), reach + ma.size)
    return likelihood.innovations(rows, ar, likelihood.autocovariance(ma, pure, reach + 1))[:3]


def _regression(design: Differenced, errors: Floats, variance: float) -> tuple[Floats, Floats]:
    """Coefficients less the shift of ``design``, and their covariance over ``variance``."""
    errors = np.ascontiguousarray(errors)
    matrix, _ = likelihood.regression(errors, design.pulses, design.means, design.precisions, variance)
    lower = likelihood.inverted(matrix, matrix.shape[0] - 1)
    return likelihood.solved(matrix), lower.T @ lower


def _aicc(log_likelihood: float, design: Differenced, parameters: int) -> float:
    """AIC with the correction for small samples; infinite where it does not exist."""
    n = design.rows.shape[1] - design.pulses
    flat = design.rows.shape[0] - 1 - design.pulses - design.precisions.size
    k = parameters + 1 + flat
    if n - k - 1 <= 0:
        return np.inf
    return float(-2.0 * log_likelihood + 2.0 * k * n / (n - k - 1))


def _check_columns(fitted: ArimaEstimates, X: Floats, X_future: Floats) -> None:
    expected = fitted.coefficients.size
    if X.shape[1] != expected or X_future.shape[1] != expected:
        raise KernelError(
            f"arima: {expected} regressors were fitted, X has {X.shape[1]} and X_future {X_future.shape[1]}; "
            "give the same columns."
        )


def _applied(fitted: ArimaEstimates, y: Floats, X: Floats) -> Differenced:
    """The design of ``y`` for a fit; coefficients without a prior are known, and their effects are taken out."""
    orders = fitted.order, fitted.seasonal_order
    if fitted.prior is None:
        return _design(y - X @ fitted.coefficients, None, *orders, None)
    return _design(y, X, *orders, fitted.prior)


def _followed(rows: Floats, ahead: int) -> Floats:
    """``rows`` going on as predicted for ``ahead`` steps; a row for each step, 0 before, 1 in it, then as predicted."""
    count, n = rows.shape
    out = np.full((count + ahead, n + ahead), np.nan)
    out[:count, :n] = rows
    for i in range(ahead):
        out[count + i, : n + i] = 0.0
        out[count + i, n + i] = 1.0
    return out


def _responses(predictions: Floats) -> Floats:
    """What an error of 1 in each step ahead adds to that step and those behind it, shape (h, h)."""
    ahead = predictions.shape[0]
    return np.triu(predictions[:, :ahead], 1) + np.eye(ahead)


def _effects(fitted: ArimaEstimates, design: Differenced, moved: Floats, future: Floats) -> Floats:
    """What the regressors add to the months ahead, shape (h,)."""
    if fitted.prior is None:
        return future @ fitted.coefficients
    return future @ (design.shift + moved)[design.pulses :]
