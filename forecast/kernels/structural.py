"""A local level with regressors: columns whitened by the level's Kalman filter, and the posterior of the coefficients.

With the level's first value diffuse, filtering every column alike and scaling by the innovation variances turns the
generalised least squares of a local level plus regression into an ordinary one (Harvey 1989, section 3.4.2).

The regression is done in units of the prior, in which coefficients are standard normal before any month is seen: then
the matrix to factorise is the identity plus what the months say, and no pivot of it can be below one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.jit import compiled, part

ROUNDED_OFF, LEAST_PIVOT = 2.0**-52, 1e-300
"""Share of a variance, by coefficient, that no rounding can tell from nothing, and the least variance of all."""

LOWEST = -3.0
"""The log effect beyond which the noise of a month that an episode lowers grows no more."""

LEAST_LEFT = 1e-12
"""The least share of a month's volume that episodes leave."""

WITHIN, NEWTON_STEPS = 2.1, 200
"""Standard deviations from every mean within which the quantiles of a mixture lie, and the most steps to each."""

HALF_ROOT, NORMAL = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)


@compiled
def whitened(
    columns: Floats, observed: NDArray[np.bool_], noise: Floats, step: float
) -> tuple[Floats, float, Floats, float]:
    """Gram matrix of the whitened ``columns`` (n, m), the sum of log innovation variances, the levels (m,), variance.

    ``noise`` (n,) and ``step``, that of the level from one month to the next, are variances relative to sigma squared.
    The first observed month starts the level; the levels are those after the last month.
    """
    n, m = columns.shape
    level = np.zeros(m)
    errors = np.zeros((n, m))
    started, variance, logs = False, 0.0, 0.0
    for t in range(n):
        if started:
            variance += step
        if not observed[t]:
            continue
        if not started:
            for j in range(m):
                level[j] = columns[t, j]
            variance, started = noise[t], True
            continue
        spread = variance + noise[t]
        gain, size = variance / spread, 1.0 / math.sqrt(spread)
        for j in range(m):
            error = columns[t, j] - level[j]
            level[j] += gain * error
            errors[t, j] = size * error
        variance = gain * noise[t]
        logs += math.log(spread)
    return errors.T @ errors, logs, level, variance


@compiled
def level_weights(observed: NDArray[np.bool_], step: float) -> Floats:
    """What each month counts for in the level that `whitened` leaves after the last month: (n,), adds to one.

    Every month has the same noise, and ``step`` times its variance is that of the level's step.
    """
    weights = np.zeros(len(observed))
    started, variance = False, 0.0
    for t in range(len(observed)):
        if started:
            variance += step
        if not observed[t]:
            continue
        gain = variance / (variance + 1.0) if started else 1.0
        weights[:t] *= 1.0 - gain
        weights[t] = gain
        variance = gain
        started = True
    return weights


@part
def take_off(row: Floats, rows: Floats, at: int, weights: Floats, first: int, last: int) -> None:
    """Subtract from ``row`` those of ``rows`` from ``first`` to ``last``, columns from ``at`` on, times ``weights``.

    Four at a time, since reading and writing ``row`` takes longer than the sums. The rows are upper triangular: what
    lies before the diagonal is zero or not asked for, and passed over.
    """
    j = first
    while j + 3 < last:
        begin = max(j, at)
        a, b, c, d = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
        one, two, three, four = rows[j, begin:], rows[j + 1, begin:], rows[j + 2, begin:], rows[j + 3, begin:]
        own = row[begin - at :]
        for place in range(len(own)):
            own[place] -= (a * one[place] + b * two[place]) + (c * three[place] + d * four[place])
        j += 4
    while j < last:
        begin = max(j, at)
        a, one, own = weights[j], rows[j, begin:], row[begin - at :]
        for place in range(len(own)):
            own[place] -= a * one[place]
        j += 1


@part
def factorise(matrix: Floats, least: Floats) -> float:
    """Put the Cholesky factor of a ``matrix`` (k, k) on and above its diagonal; returns the log determinant.

    Only what is there is read. A pivot that rounding has taken below ``least`` (k,) is that.
    """
    k = len(matrix)
    size, weights = 0.0, np.zeros(k)
    for i in range(k):
        for j in range(i):
            weights[j] = matrix[j, i]
        row = matrix[i, i:]
        take_off(row, matrix, i, weights, 0, i)
        pivot = max(row[0], least[i])
        size += math.log(pivot)
        root = math.sqrt(pivot)
        for place in range(1, len(row)):
            row[place] /= root
        row[0] = root
    return size


@part
def invert(factor: Floats, inverse: Floats) -> None:
    """Put into ``inverse`` (k, k), zeros below its diagonal, the inverse of an upper triangular ``factor``."""
    k = len(factor)
    weights = np.zeros(k)
    for i in range(k - 1, -1, -1):
        scale = 1.0 / factor[i, i]
        for j in range(i + 1, k):
            weights[j] = scale * factor[i, j]
        row = inverse[i, i:]
        row[:] = 0.0
        row[0] = scale
        take_off(row, inverse, i, weights, i + 1, k)


@compiled
def square_root(covariance: Floats) -> Floats:
    """Lower triangular root of a ``covariance`` (k, k): the root times its transpose is that.

    One that is singular has a root too: what rounding leaves of a variance is nothing that could be seen.
    """
    k = len(covariance)
    found, least = covariance.copy(), np.zeros(k)
    for i in range(k):
        least[i] = max(k * ROUNDED_OFF * covariance[i, i], LEAST_PIVOT)
        found[i, :i] = 0.0
    factorise(found, least)
    return np.ascontiguousarray(found.T)


@part
def changed(change: Floats, matrix: Floats, found: Floats) -> None:
    """Put into ``found`` the transpose of ``change``'s transpose times ``matrix``; zeros are passed over."""
    m = len(matrix)
    row = np.zeros(m)
    for j in range(m):
        row[:] = 0.0
        for i in range(m):
            weight = change[i, j]
            if weight != 0.0:
                for place in range(m):
                    row[place] += weight * matrix[i, place]
        for place in range(m):
            found[place, j] = row[place]


@compiled
def in_units_of_prior(gram: Floats, mean: Floats, root: Floats) -> Floats:
    """Gram matrix (k + 1, k + 1) of the columns times ``root`` (k, k), and the response less the columns at ``mean``.

    Zeros of ``root`` are passed over: there are more of them than of others.
    """
    m = len(gram)
    change, half, found = np.zeros((m, m)), np.zeros((m, m)), np.zeros((m, m))
    change[m - 1, m - 1] = 1.0
    for i in range(m - 1):
        change[i, m - 1] = -mean[i]
        for j in range(m - 1):
            change[i, j] = root[i, j]
    changed(change, gram, half)
    changed(change, half, found)
    return found


@compiled
def posterior(
    gram: Floats, count: int, logs: float, start: float, weak: Floats, rounds: int
) -> tuple[Floats, Floats, float, float]:
    """Coefficients, root of their covariance, sigma squared and log marginal likelihood of a whitened regression.

    ``gram`` (k + 1, k + 1) has the response last and is in units of the prior, which is standard normal; the root
    (k, k) is upper triangular, and the root times its transpose the covariance. ``weak`` are degrees of freedom and
    variance of the prior of sigma squared, which is MacKay's fixed point, from ``start``.
    """
    k = len(gram) - 1
    sigma2, squares, size, length = start, 0.0, 0.0, 0.0
    b, drawn, matrix, root, ones = np.zeros(k), np.zeros(k), np.zeros((k, k)), np.zeros((k, k)), np.ones(k)
    for _ in range(rounds):
        for i in range(k):
            row, own = matrix[i, i:], gram[i, i:k]
            for place in range(len(row)):
                row[place] = own[place] / sigma2
            row[0] += 1.0
        size = factorise(matrix, ones)
        invert(matrix, root)
        drawn[:], left = 0.0, 0.0
        for i in range(k):
            weight = gram[k, i] / sigma2
            for j in range(i, k):
                drawn[j] += weight * root[i, j]
                left += root[i, j] ** 2
        b[:] = root @ drawn
        length, cross = 0.0, 0.0
        for i in range(k):
            length += b[i] ** 2
            cross += b[i] * gram[k, i]
        squares = max(gram[k, k] - cross - sigma2 * length, 0.0)
        sigma2 = (weak[0] * weak[1] + squares) / (weak[0] + max(count - (k - left), 0.5))
    likelihood = -0.5 * ((count + weak[0]) * math.log(sigma2) + logs + size)
    likelihood -= 0.5 * ((squares + weak[0] * weak[1]) / sigma2 + length)
    return b, root, sigma2, likelihood


@compiled
def over_grid(
    columns: Floats,
    observed: NDArray[np.bool_],
    variances: tuple[Floats, Floats],
    cells: tuple[NDArray[np.int64], Floats],
    prior: tuple[Floats, Floats, Floats],
    starts: tuple[float, int, int],
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """The `posterior` at each cell of a grid: coefficients, root, sigma squared, likelihood; levels, variances.

    ``variances`` are those of the noise of each month, and those that a step of the level may have; ``cells`` the place
    of the latter and the standard deviation of the season of each cell, in the order in which sigma squared starts from
    that of the cell before. ``prior`` is mean, `square_root` of the covariance, one
    for the season, and that of the noise; ``starts`` the first sigma squared, and the rounds of the first cell and of
    the others. Coefficients and roots are in units of the prior: the mean and its root times them are those of the
    columns. Levels and their variances are by that of the step.
    """
    noise, steps = variances
    place, sd = cells
    mean, root, weak = prior
    sigma2, first, others = starts
    k, count = len(mean), observed.sum() - 1
    grams = np.zeros((len(steps), k + 1, k + 1))
    logs, levels, spreads = np.zeros(len(steps)), np.zeros((len(steps), k + 1)), np.zeros(len(steps))
    done, scale, scaled = np.zeros(len(steps), np.bool_), np.ones(k + 1), np.zeros((k + 1, k + 1))
    b, roots = np.zeros((len(place), k)), np.zeros((len(place), k, k))
    sigmas, likelihoods = np.zeros(len(place)), np.zeros(len(place))
    for at in range(len(place)):
        q = place[at]
        if not done[q]:
            gram, logs[q], level, spreads[q] = whitened(columns, observed, noise, steps[q])
            units, done[q] = in_units_of_prior(gram, mean, root), True
            for i in range(k + 1):
                levels[q, i] = level[i]
                for j in range(k + 1):
                    grams[q, i, j] = units[i, j]
        scale[:SEASON] = sd[at]
        for i in range(k + 1):
            for j in range(k + 1):
                scaled[i, j] = grams[q, i, j] * scale[j] * scale[i]
        rounds = first if at == 0 else others
        found, spread, sigma2, likelihoods[at] = posterior(scaled, count, logs[q], sigma2, weak, rounds)
        for i in range(k):
            b[at, i] = scale[i] * found[i]
            for j in range(i, k):
                roots[at, i, j] = scale[i] * spread[i, j]
        sigmas[at] = sigma2
    return b, roots, sigmas, likelihoods, levels, spreads


@part
def linearised(path: Floats, shares: Floats, knots: int, slopes: Floats) -> tuple[Floats, Floats]:
    """Log effect of stacked paths of ``knots`` each on the months, and what it is beyond its slopes times the paths.

    ``shares`` (n, paths) as of `forecast.episodes.transit.log_effect`; the slopes are put into ``slopes`` (n, paths).
    """
    n = len(shares)
    effect, beyond, factors = np.zeros(n), np.zeros(n), np.exp(path)
    for t in range(n):
        for first in range(0, len(path), knots):
            left, across = 1.0, 0.0
            for j in range(first, first + knots):
                left += shares[t, j] * (factors[j] - 1.0)
            left = max(left, LEAST_LEFT)
            for j in range(first, first + knots):
                slopes[t, j] = shares[t, j] * factors[j] / left
                across += slopes[t, j] * path[j]
            effect[t] += math.log(left)
            beyond[t] += math.log(left) - across
    return effect, beyond


@compiled
def at_lag(
    months: tuple[Floats, NDArray[np.bool_], Floats, Floats],
    prior: tuple[Floats, Floats, NDArray[np.int64], Floats],
    knots: int,
    grid: tuple[Floats, Floats],
    cells: tuple[NDArray[np.int64], NDArray[np.int64]],
    starts: tuple[float, int, int],
    turns: int,
    lumpy: float,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """`over_grid` where the paths of episodes are linearised ``turns`` times, at the best point of the time before.

    ``months`` are response, whether it is observed, columns (n, m) that are no paths, and shares (n, paths) of the
    phases. ``prior`` is the mean of all coefficients, their loadings (all, active) on the active ones in units of the
    prior, the places of these, and the prior of the noise. ``grid`` are variances of a step of the level and standard
    deviations of the season; ``cells`` (2, cells) the places of both in the first turn and in the last; those between
    have the best point alone. A month that an episode lowers is noisier, by ``lumpy`` of what goods in lots would be.
    """
    response, observed, base, shares = months
    mean, loading, active, weak = prior
    steps, sd = grid
    coarse, last = cells
    n, m, k = len(response), base.shape[1], len(active)
    root, inner = np.zeros((k, k)), np.zeros(k)
    for i in range(k):
        inner[i] = mean[active[i]]
        for j in range(k):
            root[i, j] = loading[active[i], j]
    columns, slopes, coefficients = np.zeros((n, k + 1)), np.zeros(shares.shape), mean.copy()
    noise = np.zeros(n)
    for t in range(n):
        for j in range(m):
            columns[t, j] = base[t, j]
    own = last if turns == 1 else coarse
    for turn in range(turns):
        effect, beyond = linearised(coefficients[m:], shares, knots, slopes)
        for t in range(n):
            for j in range(m, k):
                columns[t, j] = slopes[t, active[j] - m]
            columns[t, k] = response[t] - beyond[t] if observed[t] else 0.0
            lots = math.expm1(-min(max(effect[t], LOWEST), 0.0))
            noise[t] = 1.0 + lumpy * lots
        place, season = own[0].copy(), np.zeros(own.shape[1])
        for at in range(len(place)):
            season[at] = sd[own[1, at]]
        found = over_grid(columns, observed, (noise, steps), (place, season), (inner, root, weak), starts)
        if turn < turns - 1:
            best = 0
            for at in range(len(place)):
                best = at if found[3][at] > found[3][best] else best
            for i in range(len(mean)):
                coefficients[i] = mean[i]
                for j in range(k):
                    coefficients[i] += loading[i, j] * found[0][best, j]
            own = last if turn == turns - 2 else np.ascontiguousarray(own[:, best : best + 1])
    return found


@compiled
def mixture_quantiles(weights: Floats, means: Floats, sd: Floats, probabilities: Floats) -> Floats:
    """Quantiles (months, ``probabilities``) of mixtures of normals: ``weights`` (n,), ``means`` and ``sd`` (n, months).

    By Newton's steps, halved into the bracket of the root where one leaves it.
    """
    found = np.zeros((means.shape[1], len(probabilities)))
    for month in range(means.shape[1]):
        mean, spread = means[:, month].copy(), sd[:, month].copy()
        lowest, highest = (mean - WITHIN * spread).min(), (mean + WITHIN * spread).max()
        for place in range(len(probabilities)):
            low, high = lowest, highest
            at = (low + high) / 2
            for _ in range(NEWTON_STEPS):
                below, density = -probabilities[place], 0.0
                for j in range(len(weights)):
                    score = (at - mean[j]) / spread[j]
                    below += weights[j] * 0.5 * math.erfc(-score * HALF_ROOT)
                    density += weights[j] * math.exp(-0.5 * score * score) / spread[j]
                if below < 0.0:
                    low = at
                else:
                    high = at
                before, at = at, at - below / max(density * NORMAL, LEAST_PIVOT)
                if not low < at < high:
                    at = (low + high) / 2
                if abs(at - before) <= ROUNDED_OFF * abs(at):
                    break
            found[month, place] = at
    return found
