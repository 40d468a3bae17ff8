"""The maximum of Prophet's posterior, for a linear trend and additive terms: Prophet's own objective, compiled.

The objective is that of Prophet's Stan program: normal errors, normal priors on growth, offset and coefficients, a
Laplace prior on changes of growth, a half-normal prior on the error's standard deviation. For a given standard
deviation it is a quadratic in everything but the changes of growth, where it is a lasso, which an active set solves
exactly; for given coefficients the standard deviation has a closed form. Everything is in Prophet's scaled units: y
over its largest absolute value, t from 0 to 1 over the months observed.

References
----------
Taylor, S. J., Letham, B. (2018). Forecasting at scale. The American Statistician 72, 37-45.
https://doi.org/10.1080/00031305.2017.1380080

Lee, H., Battle, A., Raina, R., Ng, A. Y. (2007). Efficient sparse coding algorithms. Advances in Neural Information
Processing Systems 19 (the active set). https://doi.org/10.7551/mitpress/7503.003.0105
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forecast.kernels import KernelError
from forecast.kernels.arrays import Floats
from forecast.kernels.jit import compiled, part
from forecast.kernels.likelihood import factor

GROWTH_SD, NOISE_SD = 5.0, 0.5
"""Prophet's priors of growth and offset, and of the standard deviation of the errors."""
_MOST_ROUNDS, _CLOSE = 100, 1e-9
"""Most rounds, and the change of the log variance under which they end."""
SMALLEST = 1e-14
"""The share of the mean square of y under which the variance counts as vanishing."""


@dataclass(frozen=True, slots=True)
class ProphetEstimates:
    """Prophet's parameters at the maximum of its posterior, named as in its Stan program, in scaled units.

    ``k`` is the growth before the first of ``changepoints``, ``m`` the offset, ``delta`` the change of growth at each
    changepoint, ``beta`` the coefficients, ``sigma_obs`` the standard deviation of the errors. ``log_posterior`` is
    Stan's ``lp__``: without constants.
    """

    k: float
    m: float
    delta: Floats
    beta: Floats
    sigma_obs: float
    changepoints: Floats
    log_posterior: float
    rounds: int

    def trend(self, t: Floats) -> Floats:
        """The trend at scaled times ``t``, past the last changepoint with its growth."""
        return self.m + self.k * t + _hinges(t, self.changepoints) @ self.delta


def fit(
    y: Floats, t: Floats, X: Floats, changepoints: Floats, sds: Floats, tau: float = 0.05, means: Floats | None = None
) -> ProphetEstimates:
    """Prophet's posterior mode for scaled ``y`` (n,) at scaled times ``t`` (n,) with terms ``X`` (n, terms).

    ``sds`` and ``means`` are those of the normal priors of the coefficients, scaled as ``y``; Prophet's means are 0.
    ``tau`` is the scale of the Laplace prior, Prophet's changepoint_prior_scale. Rows with a missing ``y`` must have
    been left out, as Prophet does.

    Raises
    ------
    KernelError
        When shapes do not match, a value is not finite, or the posterior has no maximum: with as many terms as months
        the errors can vanish.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0.0, 1.0, 60)
    >>> y = 0.2 + 0.5 * t + 0.01 * np.random.default_rng(0).standard_normal(60)
    >>> fitted = fit(y, t, np.empty((60, 0)), changepoints(t, 5), np.empty(0))
    >>> bool(np.abs(fitted.delta).max() < 0.1), round(fitted.sigma_obs, 2)
    (True, 0.01)
    """
    y, t, X, changepoints, sds = (np.asarray(part, dtype=float) for part in (y, t, X, changepoints, sds))
    means = np.zeros(sds.size) if means is None else np.asarray(means, dtype=float)
    _check(y, t, X, changepoints, sds, means, tau)
    terms = np.column_stack([t, np.ones(t.size), X, _hinges(t, changepoints)])
    columns = np.column_stack([terms, y])
    precisions = np.concatenate([np.full(2, GROWTH_SD**-2.0), sds**-2.0])
    pulls = precisions * np.concatenate([np.zeros(2), means])
    coefficients, variance, rounds = mode(columns.T @ columns, precisions, pulls, 1.0 / tau, y.size)
    if not 0 < rounds < _MOST_ROUNDS:
        raise KernelError(
            f"prophet: {y.size} months and {terms.shape[1]} terms have no posterior maximum that can be found; use "
            "fewer seasonal terms, regressors or changepoints."
        )
    k, m, beta, delta = coefficients[0], coefficients[1], coefficients[2 : 2 + sds.size], coefficients[2 + sds.size :]
    left = y - terms @ coefficients
    squares = (k**2 + m**2) / GROWTH_SD**2 + variance / NOISE_SD**2 + left @ left / variance
    squares += np.sum(((beta - means) / sds) ** 2)
    log_posterior = -0.5 * squares - np.abs(delta).sum() / tau - 0.5 * y.size * np.log(variance)
    return ProphetEstimates(
        float(k), float(m), delta, beta, math.sqrt(variance), changepoints, float(log_posterior), int(rounds)
    )


def draws(fitted: ProphetEstimates, t: Floats, X: Floats, count: int, seed: int) -> Floats:
    """Futures at scaled times ``t`` (h,) with terms ``X`` (h, terms), shape (count, h).

    Prophet's generative model: past 1 the growth goes on changing as often, and by as much, as it did; errors are
    normal; coefficients are taken as known. The same ``seed`` gives the same futures.
    """
    random = np.random.default_rng(seed)
    beyond = max(float(t.max()) - 1.0, 0.0)
    changes = random.poisson(fitted.changepoints.size * beyond, count)
    of = np.repeat(np.arange(count), changes)
    when = 1.0 + beyond * random.random(of.size)
    size = random.laplace(0.0, np.abs(fitted.delta).mean() + 1e-8 if fitted.delta.size else 0.0, of.size)
    out = fitted.trend(t) + X @ fitted.beta + fitted.sigma_obs * random.standard_normal((count, t.size))
    for step, time in enumerate(t):
        out[:, step] += np.bincount(of, size * np.maximum(time - when, 0.0), count)
    return out


def changepoints(t: Floats, count: int = 25, share: float = 0.8) -> Floats:
    """Prophet's changepoints: ``count`` of the times ``t`` (n,), evenly through the first ``share`` of them."""
    within = int(np.floor(t.size * share))
    count = min(count, within - 1)
    chosen: Floats = t[np.linspace(0, within - 1, count + 1).round().astype(int)[1:]]
    return chosen


def fourier(days: Floats, order: int, period: float = 365.25) -> Floats:
    """Prophet's seasonal terms for ``days`` (n,) since 1970-01-01: sine and cosine by turns, shape (n, 2 order)."""
    angles = 2.0 * np.pi * np.outer(days, np.arange(1, order + 1)) / period
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(days), 2 * order)


def _hinges(t: Floats, changepoints: Floats) -> Floats:
    """What a change of growth by 1 at each changepoint adds to the trend, shape (n, changepoints)."""
    return np.maximum(np.subtract.outer(t, changepoints), 0.0)


def _check(y: Floats, t: Floats, X: Floats, changepoints: Floats, sds: Floats, means: Floats, tau: float) -> None:
    if y.ndim != 1 or t.shape != y.shape or X.shape != (y.size, sds.size) or means.shape != sds.shape:
        raise KernelError(
            f"prophet: y {y.shape}, t {t.shape}, X {X.shape}, sds {sds.shape} and means {means.shape} do not match."
        )
    if not all(np.isfinite(part).all() for part in (y, t, X, changepoints, sds, means)):
        raise KernelError("prophet: a value is not finite; leave out the months without y.")
    if not ((sds > 0.0).all() and tau > 0.0):
        raise KernelError("prophet: the sds of coefficients and tau must be above zero.")
    if not y @ y > 0.0:
        raise KernelError("prophet: y is zero throughout; there is nothing to fit.")


@compiled
def mode(gram: Floats, precisions: Floats, pulls: Floats, rate: float, n: int) -> tuple[Floats, float, int]:
    """Coefficients and error variance at the posterior's maximum, and the rounds it took; 0 where there is none.

    ``gram`` holds the cross products of the terms with normal priors, those with Laplace priors of that ``rate``, and
    y. The coefficients given a variance, and the variance given them, are a fixed point of the log variance; a secant
    within bounds finds it. It is approached from above, so that of several maxima it is the one of largest variance.
    """
    size = gram.shape[0] - 1
    change = np.zeros(size - precisions.size)
    coefficients = np.zeros(size)
    least = math.log(SMALLEST * gram[size, size] / n)
    now = math.log(gram[size, size] / n)
    below, above, last, last_gap = -np.inf, np.inf, np.inf, 0.0
    for rounds in range(1, _MOST_ROUNDS):
        variance = math.exp(now)
        if not quadratic(gram, precisions, pulls, variance, variance * rate, change, coefficients):
            return coefficients, variance, 0
        square = squares_left(gram, coefficients)
        root = math.sqrt(n * n + 4.0 * square / NOISE_SD**2)
        gap = math.log(2.0 * square / (n + root)) - now
        if abs(gap) < _CLOSE:
            return coefficients, variance, rounds
        if gap < 0.0:
            above = min(above, now)
        else:
            below = max(below, now)
        slope = (gap - last_gap) / (now - last)
        last, last_gap = now, gap
        longest = max(2.0 * abs(gap), 0.5)
        now += gap if not slope < 0.0 else min(max(-gap / slope, -longest), longest)
        if not below < now < above:
            now = 0.5 * (below + above) if above - below < np.inf else last + last_gap
        if now < least:
            return coefficients, variance, 0
    return coefficients, variance, _MOST_ROUNDS


@part
def squares_left(gram: Floats, coefficients: Floats) -> float:
    """The sum of squares that ``coefficients`` leave of y."""
    size = coefficients.size
    total: float = gram[size, size]
    for i in range(size):
        along = -2.0 * gram[size, i]
        for j in range(size):
            along += gram[i, j] * coefficients[j]
        total += coefficients[i] * along
    return total


@part
def quadratic(
    gram: Floats,
    precisions: Floats,
    pulls: Floats,
    variance: float,
    penalty: float,
    change: Floats,
    coefficients: Floats,
) -> bool:
    """Whether the coefficients for a ``variance`` can be found; they, and their part with Laplace priors, in place."""
    free, size = precisions.size, gram.shape[0] - 1
    matrix = np.zeros((size + 1, size + 1))
    for i in range(size + 1):
        for j in range(i + 1):
            matrix[i, j] = gram[i, j]
    for i in range(free):
        matrix[i, i] += variance * precisions[i]
        matrix[size, i] += variance * pulls[i]
    for i in range(size + 1):
        for j in range(i + 1):
            for k in range(min(j, free)):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            if j < free:
                matrix[i, j] = matrix[i, j] / matrix[j, j] if j < i else math.sqrt(matrix[i, i])
    if not lasso(matrix, free, penalty, change):
        return False
    for i in range(change.size):
        coefficients[free + i] = change[i]
    for i in range(free - 1, -1, -1):
        total = matrix[size, i]
        for k in range(i + 1, free):
            total -= matrix[k, i] * coefficients[k]
        for k in range(change.size):
            total -= matrix[free + k, i] * change[k]
        coefficients[i] = total / matrix[i, i]
    return True


@part
def lasso(matrix: Floats, first: int, penalty: float, x: Floats) -> bool:
    """Whether the lasso whose lower triangle of cross products begins at ``first`` can be solved; ``x`` in place.

    An active set: the largest violation joins it, its equations are solved, and what would change sign leaves it.
    """
    size, last = x.size, matrix.shape[0] - 1
    signs = np.zeros(size)
    for i in range(size):
        signs[i] = math.copysign(1.0, x[i]) if x[i] != 0.0 else 0.0
    for _ in range(50 * (size + 1)):
        if not settle_active(matrix, first, penalty, signs, x):
            return False
        worst, most = -1, penalty * (1.0 + 1e-9)
        for i in range(size):
            slope = matrix[last, first + i]
            for j in range(size):
                slope -= matrix[first + max(i, j), first + min(i, j)] * x[j]
            if signs[i] == 0.0 and abs(slope) > most:
                worst, most, sign = i, abs(slope), math.copysign(1.0, slope)
        if worst < 0:
            return True
        signs[worst] = sign
    return False


@part
def settle_active(matrix: Floats, first: int, penalty: float, signs: Floats, x: Floats) -> bool:
    """Whether the equations of the active set can be solved: where ``signs`` are not 0, and in place with ``x``."""
    last = matrix.shape[0] - 1
    active = np.zeros(x.size, np.int64)
    while True:
        count = 0
        for i in range(x.size):
            if signs[i] != 0.0:
                active[count] = i
                count += 1
        if count == 0:
            return True
        small, there = np.zeros((count, count)), np.zeros(count)
        for i in range(count):
            for j in range(i + 1):
                small[i, j] = matrix[first + active[i], first + active[j]]
            there[i] = matrix[last, first + active[i]] - penalty * signs[active[i]]
        if factor(small) >= 0:
            return False
        for i in range(count):
            for k in range(i):
                there[i] -= small[i, k] * there[k]
            there[i] /= small[i, i]
        for i in range(count - 1, -1, -1):
            for k in range(i + 1, count):
                there[i] -= small[k, i] * there[k]
            there[i] /= small[i, i]
        share, leaving = 1.0, -1
        for i in range(count):
            here = x[active[i]]
            if there[i] * signs[active[i]] <= 0.0 and here / (here - there[i]) < share:
                share, leaving = here / (here - there[i]), i
        for i in range(count):
            x[active[i]] += share * (there[i] - x[active[i]])
        if leaving < 0:
            return True
        x[active[leaving]] = 0.0
        signs[active[leaving]] = 0.0
