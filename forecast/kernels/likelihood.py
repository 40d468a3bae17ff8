"""The exact Gaussian likelihood of a regression with seasonal ARMA errors, and its maximum: compiled.

Polynomials in the lag operator are arrays of coefficients, 1 first: AR ``1 - 0.5 B`` is ``[1, -0.5]`` and MA
``1 + 0.3 B`` is ``[1, 0.3]``. ``rows`` holds the differenced columns, one a row of the array, in the order pulses (one for each
missing month), regressors, series. Variances are relative to the variance of the innovations.

References
----------
Morf, M., Sidhu, G. S., Kailath, T. (1974). Some new algorithms for recursive estimation in constant, linear,
discrete-time systems. IEEE Transactions on Automatic Control 19, 315-323. https://doi.org/10.1109/TAC.1974.1100576
"""

from __future__ import annotations

import math

import numpy as np

from forecast.kernels.compiled import compiled

LEAST_VARIANCE = 0.999999
DEPENDENT = 1e-13
SEASON = 12
INSIDE = 1.0 - 1e-9
FORWARD = 1e-7
CENTRAL = 1e-5
LONGEST = 0.7
CLOSE = 1e-9


@compiled
def polynomial(partial):
    """Coefficients of the polynomial whose partial autocorrelations are ``partial`` (Durbin-Levinson)."""
    order = partial.size
    now = np.zeros(order + 1)
    now[0] = 1.0
    for k in range(1, order + 1):
        last = now.copy()
        for i in range(1, k):
            now[i] = last[i] - partial[k - 1] * last[k - i]
        now[k] = -partial[k - 1]
    return now


@compiled
def product(short, seasonal, season):
    """Coefficients of ``short(B) * seasonal(B ** season)``."""
    out = np.zeros(short.size + season * (seasonal.size - 1))
    for j in range(seasonal.size):
        for i in range(short.size):
            out[i + season * j] += short[i] * seasonal[j]
    return out


@compiled
def pure_autocovariance(ar, count):
    """Autocovariances 0 .. count - 1 of ``ar(B) x = e``, from its partial autocorrelations (Levinson, backwards)."""
    order = ar.size - 1
    lower = np.zeros((order + 1, order + 1))
    lower[order] = ar
    out = np.zeros(max(count, order + 1))
    variance = 1.0
    for k in range(order, 0, -1):
        partial = -lower[k, k]
        shrink = 1.0 - partial * partial
        variance /= shrink
        for i in range(k):
            lower[k - 1, i] = (lower[k, i] + partial * lower[k, k - i]) / shrink
    out[0] = variance
    for k in range(1, order + 1):
        partial = -lower[k, k]
        total = partial * variance
        for i in range(1, k):
            total -= lower[k - 1, i] * out[k - i]
        out[k] = total
        variance *= 1.0 - partial * partial
    for k in range(order + 1, count):
        total = 0.0
        for i in range(1, order + 1):
            total -= ar[i] * out[k - i]
        out[k] = total
    return out


@compiled
def autocovariance(ar, ma, count):
    """Autocovariances 0 .. count - 1 of ``ar(B) w = ma(B) e``."""
    order = ma.size - 1
    pure = pure_autocovariance(ar, count + order)
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
def innovations(rows, ar, ma):
    """Standardised one-step prediction errors of every row, their variances, and all predictions.

    ``predictions[j, t]`` is what row j is expected to be at t given its past. A NaN in ``rows`` is taken as predicted,
    so the predictions behind a tail of NaN are forecasts. The first variance that rounding has left below that of
    the innovations is NaN, and nothing after it is computed.

    Each error revises the next ``reach`` predictions by a gain. The gain itself changes in the direction of one more
    series that is observed as zero (Morf-Kailath): the last row of ``predictions``.
    """
    count, n = rows.shape
    reach = max(ar.size, ma.size) - 1
    gamma = autocovariance(ar, ma, reach + 1)
    gain = np.empty(reach)
    errors = np.zeros((count, n))
    variances = np.empty(n)
    predictions = np.zeros((count + 1, n + reach + 1))
    variance = gamma[0]
    for i in range(reach):
        gain[i] = gamma[i + 1]
        predictions[count, i] = gamma[i + 1]
    weight = -1.0 / variance
    for t in range(n):
        if not LEAST_VARIANCE < variance < np.inf:
            variances[t] = np.nan
            break
        variances[t] = variance
        root = math.sqrt(variance)
        for lag in range(1, ar.size):
            if ar[lag] != 0.0:
                for j in range(count + 1):
                    predictions[j, t + reach] -= ar[lag] * predictions[j, t + reach - lag]
        for j in range(count):
            error = (rows[j, t] - predictions[j, t]) / root
            if not np.isnan(error):
                errors[j, t] = error
                error /= root
                for i in range(reach):
                    predictions[j, t + 1 + i] += error * gain[i]
        seen = predictions[count, t]
        slope = weight * seen
        error = -seen / variance
        for i in range(reach):
            direction = predictions[count, t + 1 + i]
            predictions[count, t + 1 + i] = direction + error * gain[i]
            gain[i] += slope * direction
        weight *= variance / (variance + slope * seen)
        variance += slope * seen
    return errors, variances, predictions


@compiled
def factor(matrix):
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
def regression(errors, pulses, means, precisions, variance):
    """Cholesky factor of the cross products of standardised ``errors``, with ``variance`` times the prior added."""
    count, n = errors.shape
    matrix = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1):
            total = 0.0
            for t in range(n):
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
def deviance(errors, variances, pulses, means, precisions, variance):
    """Minus the log-likelihood, and the variance of the innovations; infinite where it cannot be computed.

    Without prior precisions the regression coefficients and the variance are at their maximum; with them the
    coefficients are integrated out at the ``variance`` given. Missing months are integrated out with a flat prior.
    """
    n = variances.size
    total = 0.0
    for t in range(n):
        total += math.log(variances[t])
    if not total < np.inf:
        return np.inf, variance
    matrix, dependent = regression(errors, pulses, means, precisions, variance)
    if dependent >= 0:
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
def polynomials(angles, order):
    """The AR and MA polynomials of ``order`` (p, q, P, Q): sines of ``angles`` are partial autocorrelations."""
    partial = INSIDE * np.sin(angles)
    p, q, P, Q = order
    short_ar = polynomial(partial[:p])
    short_ma = polynomial(partial[p : p + q])
    seasonal_ar = polynomial(partial[p + q : p + q + P])
    seasonal_ma = polynomial(partial[p + q + P : p + q + P + Q])
    return product(short_ar, seasonal_ar, SEASON), product(short_ma, seasonal_ma, SEASON)


@compiled
def objective(point, order, rows, pulses, means, precisions):
    """Minus the log-likelihood at a ``point``: angles, and with a prior the log of the variance behind them."""
    ar, ma = polynomials(point, order)
    variance = math.exp(point[-1]) if precisions.size > 0 else 1.0
    errors, variances, _ = innovations(rows, ar, ma)
    return deviance(errors, variances, pulses, means, precisions, variance)[0]


@compiled
def slopes(point, value, width, order, rows, pulses, means, precisions):
    """Differences of the objective over ``width`` along every coordinate: forward from ``value``, central if NaN."""
    out = np.empty(point.size)
    moved = point.copy()
    for i in range(point.size):
        moved[i] = point[i] + width
        above = objective(moved, order, rows, pulses, means, precisions)
        if np.isnan(value):
            moved[i] = point[i] - width
            out[i] = (above - objective(moved, order, rows, pulses, means, precisions)) / (2.0 * width)
        else:
            out[i] = (above - value) / width
        moved[i] = point[i]
    return out


@compiled
def backtrack(point, value, step, promise, order, rows, pulses, means, precisions):
    """The first share of ``step``, shortened by parabolas, with a tenth of its promised descent; 0 if there is none."""
    share = 1.0
    for tried in range(1, 30):
        found = objective(point + share * step, order, rows, pulses, means, precisions)
        if found <= value - 0.1 * share * promise:
            return share, found, tried
        bend = found - value + share * promise
        shorter = 0.5 * share * share * promise / bend if bend < np.inf else 0.0
        share = min(max(shorter, 0.1 * share), 0.5 * share)
    return 0.0, value, 30


@compiled
def minimise(point, scale, order, rows, pulses, means, precisions):
    """The lowest point found from ``point`` by BFGS, its value, inverse Hessian, evaluations, and what was promised."""
    size = point.size
    inverse = np.zeros((size, size))
    for i in range(size):
        inverse[i, i] = scale
    value = objective(point, order, rows, pulses, means, precisions)
    evaluations = 1 + size
    central = False
    gradient = slopes(point, value, FORWARD, order, rows, pulses, means, precisions)
    promise = np.inf
    for _ in range(200):
        step = np.zeros(size)
        for i in range(size):
            for j in range(size):
                step[i] -= inverse[i, j] * gradient[j]
        longest = 0.0
        promise = 0.0
        for i in range(size):
            longest = max(longest, abs(step[i]))
        for i in range(size):
            if longest > LONGEST:
                step[i] *= LONGEST / longest
            promise -= step[i] * gradient[i]
        share = 0.0
        if promise > CLOSE:
            share, found, tried = backtrack(point, value, step, promise, order, rows, pulses, means, precisions)
            evaluations += tried
        if share == 0.0:
            if central:
                break
            central = True
            gradient = slopes(point, np.nan, CENTRAL, order, rows, pulses, means, precisions)
            evaluations += 2 * size
            continue
        point = point + share * step
        value = found
        before = gradient
        if central:
            gradient = slopes(point, np.nan, CENTRAL, order, rows, pulses, means, precisions)
            evaluations += 2 * size
        else:
            gradient = slopes(point, value, FORWARD, order, rows, pulses, means, precisions)
            evaluations += size
        update(inverse, share * step, gradient - before)
    return point, value, inverse, evaluations, promise


@compiled
def update(inverse, step, change):
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
def estimates(matrix):
    """The coefficients on all rows but the last, and the inverse of their cross products, from the Cholesky factor."""
    size = matrix.shape[0] - 1
    coefficients = np.zeros(size)
    inverse = np.zeros((size, size))
    for i in range(size - 1, -1, -1):
        total = matrix[size, i]
        for k in range(i + 1, size):
            total -= matrix[k, i] * coefficients[k]
        coefficients[i] = total / matrix[i, i]
    for column in range(size):
        for i in range(column, size):
            total = 1.0 if i == column else 0.0
            for k in range(column, i):
                total -= matrix[i, k] * inverse[k, column]
            inverse[i, column] = total / matrix[i, i]
    return coefficients, inverse.T @ inverse


@compiled
def settle(rows, pulses, means, precisions):
    """Coefficients of a first regression with white errors, taken from the last of ``rows`` in place.

    They change no likelihood but for the means, which move by as much, and keep rounding errors small. Also returned:
    the moved means, the mean square left, and the first row that depends on those before, or -1.
    """
    last, n = rows.shape[0] - 1, rows.shape[1]
    square = 0.0
    for t in range(n):
        square += rows[last, t] ** 2 / n
    matrix, dependent = regression(rows, pulses, means, precisions, 1e-6 * square + 1e-300)
    shift = np.zeros(last)
    if dependent < 0:
        shift = estimates(matrix)[0]
        for j in range(last):
            for t in range(n):
                rows[last, t] -= shift[j] * rows[j, t]
        square = 0.0
        for t in range(n):
            square += rows[last, t] ** 2 / n
    return shift, means - shift[pulses : pulses + means.size], square, dependent


@compiled
def maximise(orders, rows, pulses, means, precisions, square, start):
    """The highest likelihood of every order (p, q, P, Q): points, minus log-likelihoods, evaluations, promises.

    ``start`` is a point for the first order, or empty.
    """
    count = orders.shape[0]
    spare = 1 if precisions.size > 0 else 0
    points = np.zeros((count, 13))
    values = np.full(count, np.inf)
    evaluations = np.zeros(count, np.int64)
    promises = np.full(count, np.inf)
    for i in range(count):
        order = (orders[i, 0], orders[i, 1], orders[i, 2], orders[i, 3])
        size = orders[i].sum() + spare
        point = np.full(size, 0.1)
        if spare:
            point[size - 1] = math.log(square)
        if start.size == size:
            point = start
        found = minimise(point, 1.0 / rows.shape[1], order, rows, pulses, means, precisions)
        points[i, :size], values[i], _, evaluations[i], promises[i] = found
    return points, values, evaluations, promises


@compiled
def recursive_residuals(errors, pulses, means, precisions, variance):
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
    out = np.empty(n)
    for t in range(n):
        row = errors[:, t].copy()
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
