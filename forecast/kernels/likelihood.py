"""The exact Gaussian likelihood of a regression with seasonal ARMA errors, and its maximum: compiled.

Polynomials in the lag operator are arrays of coefficients, 1 first: AR ``1 - 0.5 B`` is ``[1, -0.5]`` and MA
``1 + 0.3 B`` is ``[1, 0.3]``. ``rows`` holds the differenced columns, one a row: a pulse for each missing month, then
regressors, then the series. ``means`` and ``precisions`` are those of a prior of the regressors, empty without one.
Variances are relative to that of the innovations. A function called ``..._adjoint`` is another one run backwards: from
derivatives of the deviance by what that returns to those by what it is given, ``by_...``.

References
----------
Morf, M., Sidhu, G. S., Kailath, T. (1974). Some new algorithms for recursive estimation in constant, linear,
discrete-time systems. IEEE Transactions on Automatic Control 19, 315-323. https://doi.org/10.1109/TAC.1974.1100576
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.jit import compiled, inlined, part

ArmaOrder = tuple[int, int, int, int]
"""p, q, P, Q"""
PolynomialFactors = tuple[Floats, Floats, Floats, Floats]
"""Short AR, short MA, seasonal AR and seasonal MA polynomial."""
Covariances = tuple[Floats, Floats, Floats, Floats]
"""What `step_down` and `pure_autocovariance` return."""
Made = tuple[PolynomialFactors, Floats, Floats, Covariances, Floats, Floats, Floats, Floats, Floats, float]
"""Factors, AR, MA, covariances, errors, variances, predictions, gains, Cholesky factor of the regression, variance."""

INSIDE = 1.0 - 1e-8
"""The largest partial autocorrelation; nearer to 1, rounding errors are larger than what likelihood is gained."""
_LEAST_VARIANCE = 1.0 - 1e-6
DEPENDENT = 1e-13
"""The share of its sum of squares that a row must have of its own."""
_MOST_EVALUATIONS, _LONGEST_STEP = 400, 0.7
"""Most evaluations of one descent, and its longest step along any angle."""


@compiled
def polynomial(partials: Floats) -> Floats:
    """Coefficients of the polynomial with these partial autocorrelations (Durbin-Levinson)."""
    order = partials.size
    out = np.zeros(order + 1)
    out[0] = 1.0
    for k in range(1, order + 1):
        partial = partials[k - 1]
        for i in range(1, k // 2 + 1):
            low, high = out[i], out[k - i]
            out[i] = low - partial * high
            out[k - i] = high - partial * low
        out[k] = -partial
    return out


@compiled
def product(short: Floats, seasonal: Floats) -> Floats:
    """Coefficients of ``short(B) * seasonal(B ** SEASON)``."""
    out = np.zeros(short.size + SEASON * (seasonal.size - 1))
    for j in range(seasonal.size):
        for i in range(short.size):
            out[i + SEASON * j] += short[i] * seasonal[j]
    return out


@compiled
def step_down(ar: Floats) -> tuple[Floats, Floats, Floats]:
    """Polynomials of every lower order, their last partial autocorrelations, and variances (Levinson, backwards).

    ``variances[k]`` is what k values of the past leave of the process ``ar(B) x = e``.
    """
    order = ar.size - 1
    lower = np.zeros((order + 1, order + 1))
    partials = np.zeros(order + 1)
    variances = np.zeros(order + 1)
    variances[order] = 1.0
    for i in range(order + 1):
        lower[order, i] = ar[i]
    for k in range(order, 0, -1):
        partials[k] = -lower[k, k]
        shrink = 1.0 - partials[k] ** 2
        variances[k - 1] = variances[k] / shrink
        for i in range(k):
            lower[k - 1, i] = (lower[k, i] + partials[k] * lower[k, k - i]) / shrink
    return lower, partials, variances


@compiled
def pure_autocovariance(ar: Floats, lower: Floats, partials: Floats, variances: Floats, count: int) -> Floats:
    """Autocovariances 0 .. count - 1, or up to the order, of ``ar(B) x = e``, from what `step_down` returns."""
    order = ar.size - 1
    out = np.zeros(max(count, order + 1))
    out[0] = variances[0]
    for k in range(1, out.size):
        last = min(order, k - 1)
        total = partials[k] * variances[k - 1] if k <= order else 0.0
        for i in range(1, last + 1):
            total -= lower[last, i] * out[k - i]
        out[k] = total
    return out


@compiled
def autocovariance(ma: Floats, pure: Floats, count: int) -> Floats:
    """Autocovariances 0 .. count - 1 of ``ar(B) w = ma(B) e``, from count + order of ``ar(B) x = e``."""
    order = ma.size - 1
    out = np.zeros(count)
    for lag in range(-order, order + 1):
        weight = 0.0
        for i in range(max(0, lag), min(order, order + lag) + 1):
            weight += ma[i] * ma[i - lag]
        if weight != 0.0:
            for h in range(count):
                out[h] += weight * pure[abs(h - lag)]
    return out


@compiled
def innovations(rows: Floats, ar: Floats, gamma: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Standardised one-step prediction errors of every row, their variances, all predictions, and the gains.

    ``predictions[j, t]`` is what row j is expected to be at t given its past. A NaN in ``rows`` is taken as predicted,
    so the predictions behind a tail of NaN are forecasts. The first variance that rounding has left below that of
    the innovations is NaN, and nothing after it is computed.

    ``gamma`` are the autocovariances up to the higher of both orders, ``reach``. An error in step t revises the next
    ``reach`` predictions by ``gains[t]``. The gain is itself rotated, by the
    partial autocorrelation of that lag, with what is predicted of one more series that begins as the autocovariances
    and is observed as zero (Morf-Kailath): the last row of ``predictions``.
    """
    count, n = rows.shape
    reach = gamma.size - 1
    gains = np.zeros((n + 1, reach))
    errors = np.zeros((count, n))
    variances = np.zeros(n)
    predictions = np.zeros((count + 1, n + reach + 1))
    begins, idle = begin(rows), count
    variance = gamma[0]
    for i in range(reach):
        gains[0, i] = gamma[i + 1]
        predictions[count, i] = gamma[i + 1]
    for t in range(n):
        if not _LEAST_VARIANCE < variance < np.inf:
            variances[t] = np.nan
            break
        variances[t] = variance
        scale = 1.0 / math.sqrt(variance)
        while idle > 0 and begins[idle - 1] <= t:
            idle -= 1
        for lag in range(1, ar.size):
            if ar[lag] != 0.0:
                for j in range(idle, count + 1):
                    predictions[j, t + reach] -= ar[lag] * predictions[j, t + reach - lag]
        for j in range(idle, count):
            error = (rows[j, t] - predictions[j, t]) * scale
            if not np.isnan(error):
                errors[j, t] = error
                error *= scale
                for i in range(reach):
                    predictions[j, t + 1 + i] += error * gains[t, i]
        partial = -predictions[count, t] * scale * scale
        for i in range(reach):
            other = predictions[count, t + 1 + i]
            gains[t + 1, i] = gains[t, i] + partial * other
            predictions[count, t + 1 + i] = other + partial * gains[t, i]
        variance *= 1.0 - partial * partial
    return errors, variances, predictions, gains


@part
def begin(rows: Floats) -> NDArray[np.int64]:
    """Until where each row and those before it are zero: nothing has to be computed for them before."""
    out = np.zeros(rows.shape[0], np.int64)
    for j in range(rows.shape[0]):
        most = out[j - 1] if j > 0 else rows.shape[1]
        while out[j] < most and rows[j, out[j]] == 0.0:
            out[j] += 1
    return out


@part
def factor(matrix: Floats) -> int:
    """The index of the first row of ``matrix`` that depends on those before, or -1; its Cholesky factor in place."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if j < i:
                matrix[i, j] = total / matrix[j, j]
            elif total > DEPENDENT * matrix[i, i]:
                matrix[i, i] = math.sqrt(total)
            else:
                return i
    return -1


@compiled
def regression(errors: Floats, pulses: int, means: Floats, precisions: Floats, variance: float) -> tuple[Floats, int]:
    """Cholesky factor of the cross products of standardised ``errors``, with ``variance`` times the prior added."""
    count, n = errors.shape
    matrix, begins = np.zeros((count, count)), begin(errors)
    for i in range(count):
        for j in range(i + 1):
            total = 0.0
            for t in range(begins[j], n):
                total += errors[i, t] * errors[j, t]
            matrix[i, j] = total
    last = count - 1
    for i in range(precisions.size):
        weight = variance * precisions[i]
        matrix[pulses + i, pulses + i] += weight
        matrix[last, pulses + i] += weight * means[i]
        matrix[last, last] += weight * means[i] ** 2
    return matrix, factor(matrix)


@compiled
def deviance(
    variances: Floats, matrix: Floats, dependent: int, pulses: int, precisions: Floats, variance: float
) -> tuple[float, float]:
    """Minus the log-likelihood, and the variance of the innovations, from what `regression` returns.

    The first is infinite where it cannot be computed. Without prior precisions the regression coefficients and the
    variance are at their maximum; with them the coefficients are integrated out at the ``variance`` given. Missing
    months are integrated out with a flat prior.
    """
    n = variances.size
    total = 0.0
    for t in range(n):
        total += math.log(variances[t])
    if dependent >= 0 or not total < np.inf:
        return np.inf, variance
    last = matrix.shape[0] - 1
    seen = n - pulses
    for i in range(pulses + precisions.size):
        total += 2.0 * math.log(matrix[i, i])
    for i in range(precisions.size):
        total -= math.log(variance * precisions[i])
    squares = matrix[last, last] ** 2
    if precisions.size == 0:
        variance = squares / seen
    total += seen * math.log(2.0 * math.pi * variance) + squares / variance
    return 0.5 * total, variance


@compiled
def inverted(matrix: Floats, size: int) -> Floats:
    """The inverse of the first ``size`` rows and columns of a lower triangle."""
    out = np.zeros((size, size))
    for column in range(size):
        out[column, column] = 1.0 / matrix[column, column]
        for i in range(column + 1, size):
            total = 0.0
            for k in range(column, i):
                total -= matrix[i, k] * out[k, column]
            out[i, column] = total / matrix[i, i]
    return out


@compiled
def solved(matrix: Floats) -> Floats:
    """The coefficients of the last row on all others, from the Cholesky factor of their cross products."""
    size = matrix.shape[0] - 1
    out = np.zeros(size)
    for i in range(size - 1, -1, -1):
        total = matrix[size, i]
        for k in range(i + 1, size):
            total -= matrix[k, i] * out[k]
        out[i] = total / matrix[i, i]
    return out


@part
def carriers(coefficients: Floats, lower: Floats) -> Floats:
    """The mixtures of rows that carry the derivative of the deviance, shape (mixtures, rows).

    One row orthogonal to the others for each coefficient that is integrated out, of which ``lower`` is the inverse of
    the Cholesky factor, and last the residual series.
    """
    size = lower.shape[0]
    out = np.zeros((size + 1, coefficients.size + 1))
    for i in range(size):
        for j in range(i + 1):
            out[i, j] = lower[i, j]
    for j in range(coefficients.size):
        out[size, j] = -coefficients[j]
    out[size, coefficients.size] = 1.0
    return out


@part
def mixed(mixture: Floats, rows: Floats, length: int) -> Floats:
    """Mixtures of the first of ``rows``, of a ``length``: a matrix product."""
    out = np.zeros((mixture.shape[0], length))
    for i in range(mixture.shape[0]):
        for j in range(mixture.shape[1]):
            if mixture[i, j] != 0.0:
                for t in range(length):
                    out[i, t] += mixture[i, j] * rows[j, t]
    return out


@part
def innovations_adjoint(
    errors: Floats,
    predictions: Floats,
    weight: float,
    revision: Floats,
    variances: Floats,
    gains: Floats,
    ar: Floats,
    short: int,
) -> tuple[Floats, Floats]:
    """Derivatives by the AR polynomial and by the autocovariances, from the errors of the mixtures that carry them.

    The derivatives by the errors are the errors, those of the last mixture times ``weight``. Predictions, of which
    there is no need without an AR part, and ``revision`` (their last row) are taken back step by step, in place.
    ``short`` is the order of the short AR factor; the derivatives at other lags than `lags_of` are left at zero.
    """
    count, n = errors.shape
    reach, lags = gains.shape[1], lags_of(ar, short)
    by_ar = np.zeros(ar.size)
    by_gain = np.zeros(reach)
    by_revision = np.zeros(n + reach + 1)
    by_prediction = np.zeros((count, n + reach + 1))
    begins, idle = begin(errors), 0
    by_variance = 0.0
    for back in range(n):
        t = n - 1 - back
        last = t + reach
        scale = 1.0 / math.sqrt(variances[t])
        precision = scale * scale
        partial = -revision[t] * precision
        by_partial = -2.0 * partial * variances[t] * by_variance
        by_variance *= 1.0 - partial * partial
        for i in range(reach):
            other = revision[t + 1 + i] - partial * gains[t, i]
            by_partial += by_gain[i] * other + by_revision[t + 1 + i] * gains[t, i]
            straight = by_gain[i] + partial * by_revision[t + 1 + i]
            by_revision[t + 1 + i] += partial * by_gain[i]
            by_gain[i] = straight
            revision[t + 1 + i] = other
        by_revision[t] -= by_partial * precision
        by_variance -= by_partial * partial * precision
        while idle < count and begins[idle] > t:
            idle += 1
        for j in range(idle, count):
            by_error = 0.0
            error = errors[j, t] * scale
            for i in range(reach):
                by_error += by_prediction[j, t + 1 + i] * gains[t, i]
                by_gain[i] += error * by_prediction[j, t + 1 + i]
            if lags.size > 0:
                for i in range(reach):
                    predictions[j, t + 1 + i] -= error * gains[t, i]
            half = errors[j, t] * scale * (weight if j == count - 1 else 1.0)
            by_variance -= (0.5 * half + by_error * precision) * error
            by_prediction[j, t] -= half + by_error * precision
        by_variance += 0.5 * precision
        for lag in lags:
            by_ar[lag] -= by_revision[last] * revision[last - lag]
            by_revision[last - lag] -= ar[lag] * by_revision[last]
            for j in range(idle, count):
                by_ar[lag] -= by_prediction[j, last] * predictions[j, last - lag]
                by_prediction[j, last - lag] -= ar[lag] * by_prediction[j, last]
    by_gamma = np.zeros(reach + 1)
    by_gamma[0] = by_variance
    for i in range(reach):
        by_gamma[i + 1] = by_gain[i] + by_revision[i]
    return by_ar, by_gamma


@part
def lags_of(ar: Floats, short: int) -> NDArray[np.int64]:
    """The lags of a product of a factor of order ``short`` with a seasonal one; those between them are not free."""
    out = np.zeros(ar.size, np.int64)
    count = 0
    for lag in range(1, ar.size):
        if lag % SEASON <= short:
            out[count] = lag
            count += 1
    return out[:count]


@part
def pure_autocovariance_adjoint(
    ar: Floats, lower: Floats, partials: Floats, variances: Floats, gamma: Floats, by_gamma: Floats, by_ar: Floats
) -> None:
    """Add to ``by_ar`` the derivatives by way of the autocovariances ``gamma``; changes ``by_gamma``."""
    order = ar.size - 1
    for k in range(gamma.size - 1, order, -1):
        for i in range(1, order + 1):
            by_ar[i] -= by_gamma[k] * gamma[k - i]
            by_gamma[k - i] -= by_gamma[k] * ar[i]
    by_lower = np.zeros((order + 1, order + 1))
    by_partial = np.zeros(order + 1)
    by_variance = 0.0
    for k in range(order, 0, -1):
        before = variances[k - 1]
        by_partial[k] = by_gamma[k] * before - 2.0 * partials[k] * before * by_variance
        by_variance = by_variance * (1.0 - partials[k] ** 2) + by_gamma[k] * partials[k]
        for i in range(1, k):
            by_lower[k - 1, i] -= by_gamma[k] * gamma[k - i]
            by_gamma[k - i] -= by_gamma[k] * lower[k - 1, i]
    by_variance += by_gamma[0]
    for k in range(1, order + 1):
        shrink = 1.0 - partials[k] ** 2
        by_shrink = -by_variance * variances[0] / shrink
        for i in range(k):
            by_lower[k, i] += by_lower[k - 1, i] / shrink
            by_lower[k, k - i] += by_lower[k - 1, i] * partials[k] / shrink
            by_partial[k] += by_lower[k - 1, i] * lower[k, k - i] / shrink
            by_shrink -= by_lower[k - 1, i] * lower[k - 1, i] / shrink
        by_lower[k, k] -= by_partial[k] - 2.0 * partials[k] * by_shrink
    for i in range(1, order + 1):
        by_ar[i] += by_lower[order, i]


@part
def autocovariance_adjoint(ma: Floats, pure: Floats, by_gamma: Floats) -> tuple[Floats, Floats]:
    """Derivatives by the MA polynomial and by the ``pure`` autocovariances."""
    order, count = ma.size - 1, by_gamma.size
    by_pure = np.zeros(pure.size)
    by_ma = np.zeros(order + 1)
    for lag in range(-order, order + 1):
        weight, by_weight = 0.0, 0.0
        for i in range(max(0, lag), min(order, order + lag) + 1):
            weight += ma[i] * ma[i - lag]
        for h in range(count):
            by_weight += by_gamma[h] * pure[abs(h - lag)]
            by_pure[abs(h - lag)] += by_gamma[h] * weight
        for i in range(max(0, lag), min(order, order + lag) + 1):
            by_ma[i] += by_weight * ma[i - lag]
            by_ma[i - lag] += by_weight * ma[i]
    return by_ma, by_pure


@part
def partial_autocorrelations(angles: Floats) -> Floats:
    """What the coordinates of a point stand for: inside (-1, 1), with a boundary that is reached."""
    out = np.zeros(angles.size)
    for i in range(angles.size):
        out[i] = INSIDE * math.sin(angles[i])
    return out


@compiled
def polynomials(angles: Floats, order: ArmaOrder) -> PolynomialFactors:
    """Short AR, short MA, seasonal AR and seasonal MA polynomial at a point."""
    p, q, P, Q = order
    partials = partial_autocorrelations(angles)
    return (
        polynomial(partials[:p]),
        polynomial(partials[p : p + q]),
        polynomial(partials[p + q : p + q + P]),
        polynomial(partials[p + q + P : p + q + P + Q]),
    )


@part
def product_adjoint(
    angles: Floats, first: int, short: Floats, first_seasonal: int, seasonal: Floats, by_product: Floats, out: Floats
) -> None:
    """Derivatives by the angles of both factors, given those by their product, put into ``out``.

    A polynomial is linear in each of its partial autocorrelations.
    """
    for which in range(2):
        begin, factor, other = (first, short, seasonal) if which == 0 else (first_seasonal, seasonal, short)
        step, skip = (1, SEASON) if which == 0 else (SEASON, 1)
        partials = partial_autocorrelations(angles[begin : begin + factor.size - 1])
        for k in range(partials.size):
            here, total = partials[k], 0.0
            partials[k] = 1.0
            high = polynomial(partials)
            partials[k] = 0.0
            low = polynomial(partials)
            partials[k] = here
            for i in range(factor.size):
                for j in range(other.size):
                    total += by_product[i * step + j * skip] * (high[i] - low[i]) * other[j]
            out[begin + k] = total * INSIDE * math.cos(angles[begin + k])


@inlined
def objective(
    point: Floats, order: ArmaOrder, rows: Floats, pulses: int, means: Floats, precisions: Floats
) -> tuple[float, Made]:
    """Minus the log-likelihood at a ``point``, and what its derivative is made of.

    A point is angles, and with a prior the log of the variance behind them.
    """
    factors = polynomials(point, order)
    ar, ma = product(factors[0], factors[2]), product(factors[1], factors[3])
    reach = max(ar.size, ma.size) - 1
    lower, partials, left = step_down(ar)
    pure = pure_autocovariance(ar, lower, partials, left, reach + ma.size)
    errors, variances, predictions, gains = innovations(rows, ar, autocovariance(ma, pure, reach + 1))
    variance = math.exp(point[-1]) if precisions.size > 0 else 1.0
    matrix, dependent = regression(errors, pulses, means, precisions, variance)
    value, variance = deviance(variances, matrix, dependent, pulses, precisions, variance)
    covariances = (lower, partials, left, pure)
    return value, (factors, ar, ma, covariances, errors, variances, predictions, gains, matrix, variance)


@inlined
def gradient(point: Floats, made: Made, order: ArmaOrder, pulses: int, means: Floats, precisions: Floats) -> Floats:
    """Derivatives of the objective by the coordinates of ``point``, from what was ``made`` of it there."""
    factors, ar, ma, covariances, errors, variances, predictions, gains, matrix, variance = made
    coefficients = solved(matrix)
    inverse = inverted(matrix, pulses + precisions.size)
    mixture = carriers(coefficients, inverse)
    by_ar, by_gamma = innovations_adjoint(
        mixed(mixture, errors, errors.shape[1]),
        mixed(mixture, predictions, predictions.shape[1] if ar.size > 1 else 0),
        1.0 / variance,
        predictions[-1],
        variances,
        gains,
        ar,
        order[0],
    )
    lower, partials, left, pure = covariances
    by_ma, by_pure = autocovariance_adjoint(ma, pure, by_gamma)
    pure_autocovariance_adjoint(ar, lower, partials, left, pure, by_pure, by_ar)
    out = np.zeros(point.size)
    p, q, P, _ = order
    product_adjoint(point, 0 * p, factors[0], p + q, factors[2], by_ar, out)
    product_adjoint(point, p, factors[1], p + q + P, factors[3], by_ma, out)
    if precisions.size > 0:
        seen = errors.shape[1] - pulses
        out[-1] = by_log_variance(matrix, coefficients, inverse, seen, pulses, means, precisions, variance)
    return out


@part
def by_log_variance(
    matrix: Floats,
    coefficients: Floats,
    lower: Floats,
    seen: int,
    pulses: int,
    means: Floats,
    precisions: Floats,
    variance: float,
) -> float:
    """The derivative of the deviance by the log of the variance, where there is a prior."""
    size = matrix.shape[0] - 1
    total: float = seen - precisions.size - matrix[size, size] ** 2 / variance
    for i in range(precisions.size):
        j = pulses + i
        spread = 0.0
        for k in range(j, size):
            spread += lower[k, j] ** 2
        total += precisions[i] * (variance * spread + (coefficients[j] - means[i]) ** 2)
    return 0.5 * total


@part
def downhill(inverse: Floats, slopes: Floats, step: Floats) -> float:
    """The descent promised by a quasi-Newton ``step``, which is written in place and no longer than `_LONGEST_STEP`."""
    longest, promise = _LONGEST_STEP, 0.0
    for i in range(step.size):
        step[i] = 0.0
        for j in range(step.size):
            step[i] -= inverse[i, j] * slopes[j]
        longest = max(longest, abs(step[i]))
    for i in range(step.size):
        step[i] *= _LONGEST_STEP / longest
        promise -= step[i] * slopes[i]
    return promise


@compiled
def minimise(
    point: Floats,
    inverse: Floats,
    close: float,
    order: ArmaOrder,
    rows: Floats,
    pulses: int,
    means: Floats,
    precisions: Floats,
) -> tuple[float, int, float]:
    """The lowest value found by BFGS, the evaluations, and the descent still promised, less than ``close`` if it can.

    ``point`` and ``inverse``, the inverse Hessian to begin with, become those at the end. A step that does not give a
    tenth of what it promised is shortened by parabolas.
    """
    size = point.size
    value, promise, share = np.inf, np.inf, 1.0
    step, tried, slopes, change = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
    for evaluations in range(1, _MOST_EVALUATIONS):
        for i in range(size):
            tried[i] = point[i] + share * step[i]
        found, made = objective(tried, order, rows, pulses, means, precisions)
        if evaluations == 1 or found <= value - 0.1 * share * promise:
            value = found
            if size == 0 or not value < np.inf:
                return value, evaluations, 0.0 if value < np.inf else np.inf
            new = gradient(tried, made, order, pulses, means, precisions)
            for i in range(size):
                change[i] = new[i] - slopes[i]
                step[i] *= share
                point[i], slopes[i] = tried[i], new[i]
            if evaluations > 1:
                update(inverse, step, change)
            promise = downhill(inverse, slopes, step)
            share = 1.0
        else:
            bend = found - value + share * promise
            shorter = 0.5 * share * share * promise / bend if bend < np.inf else 0.0
            share = min(max(shorter, 0.1 * share), 0.5 * share)
        if promise < close or share < 1e-9:
            break
    return value, evaluations, promise


@part
def update(inverse: Floats, step: Floats, change: Floats) -> None:
    """The inverse Hessian after a ``step`` over which the gradient changed by ``change`` (BFGS), in place."""
    size = step.size
    curvature = 0.0
    for i in range(size):
        curvature += step[i] * change[i]
    if not curvature > 1e-12:
        return
    along = np.zeros(size)
    total = 0.0
    for i in range(size):
        for j in range(size):
            along[i] += inverse[i, j] * change[j]
        total += along[i] * change[i]
    for i in range(size):
        for j in range(size):
            inverse[i, j] += (1.0 + total / curvature) * step[i] * step[j] / curvature
            inverse[i, j] -= (along[i] * step[j] + step[i] * along[j]) / curvature


@compiled
def recursive_residuals(errors: Floats, pulses: int, means: Floats, precisions: Floats, variance: float) -> Floats:
    """What the past of the last of ``errors`` and its regression on the others leave of it, in units of its own.

    The regression grows by one observation at a time (Givens rotations); an observation that goes into a coefficient of
    which nothing was known leaves NaN.
    """
    size, n = errors.shape[0] - 1, errors.shape[1]
    known = np.zeros((size, size + 1))
    for i in range(precisions.size):
        root = math.sqrt(variance * precisions[i])
        known[pulses + i, pulses + i] = root
        known[pulses + i, size] = root * means[i]
    out, row = np.zeros(n), np.zeros(size + 1)
    for t in range(n):
        for j in range(size + 1):
            row[j] = errors[j, t]
        spent = False
        for i in range(size):
            if abs(row[i]) > 1e-9:
                length = math.hypot(known[i, i], row[i])
                cosine, sine = known[i, i] / length, row[i] / length
                spent = spent or known[i, i] == 0.0
                for j in range(i, size + 1):
                    above, below = known[i, j], row[j]
                    known[i, j] = cosine * above + sine * below
                    row[j] = cosine * below - sine * above
        out[t] = np.nan if spent else row[size]
    return out
