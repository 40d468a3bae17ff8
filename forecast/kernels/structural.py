"""A local level with regressors: columns whitened by the level's Kalman filter, and the posterior of the coefficients.

With the level's first value diffuse, filtering every column alike and scaling by the innovation variances turns the
generalised least squares of a local level plus regression into an ordinary one (Harvey 1989, section 3.4.2).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forecast.kernels.arrays import Floats
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
