"""A local level with regressors: columns whitened by the level's Kalman filter, and the posterior of the coefficients.

With the level's first value diffuse, filtering every column alike and scaling by the innovation variances turns the
generalised least squares of a local level plus regression into an ordinary one (Harvey 1989, section 3.4.2).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.jit import compiled


@compiled
def whitened(
    columns: Floats, observed: NDArray[np.bool_], noise: Floats, steps: Floats
) -> tuple[Floats, float, Floats, float]:
    """Gram matrix of the whitened ``columns`` (n, m), the sum of log innovation variances, the levels (m,), variance.

    ``noise`` and ``steps`` (n,) are variances relative to sigma squared, ``steps[t]`` that of the step into month t.
    The first observed month starts the level; the levels are those after the last month.
    """
    n, m = columns.shape
    level = np.zeros(m)
    gram = np.zeros((m, m))
    error = np.zeros(m)
    started, variance, logs = False, 0.0, 0.0
    for t in range(n):
        if started:
            variance += steps[t]
        if not observed[t]:
            continue
        if not started:
            for j in range(m):
                level[j] = columns[t, j]
            variance, started = noise[t], True
            continue
        spread = variance + noise[t]
        gain = variance / spread
        for j in range(m):
            error[j] = columns[t, j] - level[j]
            level[j] += gain * error[j]
        for i in range(m):
            scaled = error[i] / spread
            if scaled != 0.0:
                for j in range(i, m):
                    gram[i, j] += scaled * error[j]
        variance = gain * noise[t]
        logs += math.log(spread)
    for i in range(m):
        for j in range(i):
            gram[i, j] = gram[j, i]
    return gram, logs, level, variance


@compiled
def posterior(
    gram: Floats, count: int, logs: float, mean: Floats, precision: Floats, start: float, weak: Floats, rounds: int
) -> tuple[Floats, Floats, float, float]:
    """Coefficients, covariance, sigma squared and log marginal likelihood of a whitened regression.

    ``gram`` (k + 1, k + 1) has the response last, ``mean`` (k,) and ``precision`` (k, k) are the prior's, ``weak``
    degrees of freedom and variance of the prior of sigma squared. Sigma squared is MacKay's fixed point, from
    ``start``; the likelihood leaves out what does not depend on the coefficients' prior and sigma.
    """
    k = len(mean)
    cross = np.ascontiguousarray(gram[:k, k])
    inner = np.ascontiguousarray(gram[:k, :k])
    pull = precision @ mean
    sigma2 = start
    b, covariance, squares = mean, inner, 0.0
    for _ in range(rounds):
        covariance = np.linalg.inv(inner / sigma2 + precision)  # type: ignore[assignment]
        b = covariance @ (cross / sigma2 + pull)
        squares = max(gram[k, k] - 2.0 * (b @ cross) + b @ (inner @ b), 0.0)
        used = (covariance * inner).sum() / sigma2
        sigma2 = (weak[0] * weak[1] + squares) / (weak[0] + max(count - used, 0.5))
    shift = b - mean
    size = np.linalg.slogdet(covariance)[1]
    penalty = shift @ (precision @ shift)
    likelihood = -0.5 * ((count + weak[0]) * math.log(sigma2) + logs - size)
    likelihood -= 0.5 * ((squares + weak[0] * weak[1]) / sigma2 + penalty)
    return b, covariance, sigma2, likelihood


@compiled
def over_grid(
    columns: Floats,
    observed: NDArray[np.bool_],
    variances: tuple[Floats, Floats, Floats],
    cells: tuple[NDArray[np.int64], Floats],
    prior: tuple[Floats, Floats, Floats],
    starts: tuple[float, int, int],
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """The `posterior` at each cell of a grid: coefficients, covariance, sigma squared, likelihood; levels, variances.

    Covariances are transposed: as `posterior` lays them out, of which products by other libraries take their order.
    ``variances`` are those of the noise of each month, of the level's steps, and the factors by which the latter are
    multiplied; ``cells`` the place of such a factor and the precision of the season of each cell, in the order in which
    sigma squared starts from that of the cell before. ``prior`` is mean, precision and that of the noise; ``starts``
    the first sigma squared, and the rounds of the first cell and of the others. Levels and variances are by factor.
    """
    noise, steps, factors = variances
    place, tight = cells
    mean, precision, weak = prior
    sigma2, first, others = starts
    k, count = len(mean), observed.sum() - 1
    grams = np.zeros((len(factors), k + 1, k + 1))
    logs, levels, spreads = np.zeros(len(factors)), np.zeros((len(factors), k + 1)), np.zeros(len(factors))
    done = np.zeros(len(factors), np.bool_)
    b, covariances = np.zeros((len(place), k)), np.zeros((len(place), k, k))
    sigmas, likelihoods = np.zeros(len(place)), np.zeros(len(place))
    for at in range(len(place)):
        q = place[at]
        if not done[q]:
            grams[q], logs[q], levels[q], spreads[q] = whitened(columns, observed, noise, factors[q] * steps)
            done[q] = True
        for month in range(SEASON):
            precision[month, month] = tight[at]
        rounds = first if at == 0 else others
        found = posterior(grams[q], count, logs[q], mean, precision, sigma2, weak, rounds)
        b[at], covariance, sigma2, likelihoods[at] = found
        covariances[at] = covariance.T
        sigmas[at] = sigma2
    return b, covariances, sigmas, likelihoods, levels, spreads
