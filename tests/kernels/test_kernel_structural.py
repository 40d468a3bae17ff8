"""The compiled posterior of a local level with regressors against dense linear algebra in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from forecast.kernels.arrays import SEASON
from forecast.kernels.structural import (
    in_units_of_prior,
    level_weights,
    mixture_quantiles,
    over_grid,
    posterior,
    square_root,
    whitened,
)

STEPS, SD = np.array([0.01, 0.3]), np.array([0.01, 0.15, 1.0])
CELLS = np.array([(q, season) for q in range(len(STEPS)) for season in range(len(SD))]).T.copy()
WEAK, STARTS = np.array([1.0, 0.02**2]), (0.05, 4, 2)


def panel(k: int, n: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns with the response last, which months have a figure, and variances of the noise."""
    rng = np.random.default_rng(k)
    regressors = rng.random((n, k - SEASON)) * (rng.random((n, k - SEASON)) < 0.25)
    columns = np.column_stack([np.eye(SEASON)[np.arange(n) % SEASON], regressors])
    y = 5 + 0.3 * columns @ rng.normal(size=k) + rng.normal(0, 0.1, n).cumsum()
    seen = np.ones(n, bool)
    seen[[0, 20, 21]] = False
    return np.column_stack([columns, y]), seen, 1 + rng.random(n)


def covariance_of(k: int, likeness: float) -> np.ndarray:
    """A prior whose regressors move together but for a share of their variance; the season's at one."""
    found = np.eye(k)
    found[SEASON:, SEASON:] = 0.5 * (likeness + (1 - likeness) * np.eye(k - SEASON))
    return found


def dense(columns, seen, noise, step, mean, covariance, start, rounds):
    """Coefficients, covariance, sigma squared and log likelihood by precisions, the diffuse level taken out of sums."""
    walk = step * np.maximum(np.arange(len(seen)) - np.argmax(seen), 0.0)
    inverse = np.linalg.inv((np.minimum.outer(walk, walk) + np.diag(noise))[np.ix_(seen, seen)])
    ones = np.ones(len(inverse))
    inverse -= np.outer(inverse @ ones, ones @ inverse) / (ones @ inverse @ ones)
    gram = columns[seen].T @ inverse @ columns[seen]
    inner, cross, precision = gram[:-1, :-1], gram[:-1, -1], np.linalg.inv(covariance)
    count, sigma2 = len(ones) - 1, start
    for _ in range(rounds):
        posterior_covariance = np.linalg.inv(inner / sigma2 + precision)
        b = posterior_covariance @ (cross / sigma2 + precision @ mean)
        squares = gram[-1, -1] - 2 * b @ cross + b @ inner @ b
        used = (posterior_covariance * inner).sum() / sigma2
        sigma2 = (WEAK.prod() + squares) / (WEAK[0] + max(count - used, 0.5))
    apart = np.linalg.slogdet(posterior_covariance)[1] - np.linalg.slogdet(covariance)[1]
    _, logs, _, _ = whitened(columns, seen, noise, step)
    penalty = (squares + WEAK.prod()) / sigma2 + (b - mean) @ precision @ (b - mean)
    return b, posterior_covariance, sigma2, -0.5 * ((count + WEAK[0]) * np.log(sigma2) + logs - apart + penalty)


@pytest.mark.slow
@pytest.mark.parametrize("likeness", [0.0, 0.7])
@pytest.mark.parametrize("k", [15, 26, 59])
def test_the_posterior_over_the_grid_is_that_of_dense_linear_algebra(k, likeness):
    """Coefficients, covariance, sigma squared and likelihood at each point are those of numpy to nine digits."""
    columns, seen, noise = panel(k)
    mean, covariance = np.linspace(-0.3, 0.2, k), covariance_of(k, likeness)
    root, of_season = square_root(covariance), (CELLS[0], SD[CELLS[1]])
    b, roots, sigma2, logs, _, _ = over_grid(columns, seen, (noise, STEPS), of_season, (mean, root, WEAK), STARTS)
    start = STARTS[0]
    for at, (q, season) in enumerate(CELLS.T):
        scale = np.append(np.full(SEASON, SD[season]), np.ones(k - SEASON))
        prior, rounds = covariance * np.outer(scale, scale), STARTS[1] if at == 0 else STARTS[2]
        expected = dense(columns, seen, noise, STEPS[q], mean, prior, start, rounds)
        spread = root @ roots[at]
        size = np.abs(expected[1]).max()
        assert mean + root @ b[at] == pytest.approx(expected[0], rel=1e-9, abs=1e-9 * np.abs(expected[0]).max())
        assert spread @ spread.T == pytest.approx(expected[1], rel=1e-9, abs=1e-9 * size)
        assert (sigma2[at], logs[at]) == pytest.approx((expected[2], expected[3]), rel=1e-9)
        start = sigma2[at]


def test_the_posterior_is_the_dense_gaussian_conditioning():
    """Posterior of the coefficients as by the full covariance of the months, the first level nearly diffuse."""
    rng = np.random.default_rng(3)
    n, q, sigma2 = 40, 0.3, 0.04
    X, y, seen = rng.normal(size=(n, 3)), rng.normal(size=n), np.ones(n, bool)
    seen[[4, 17]] = False
    noise = 1 + rng.random(n)
    gram, logs, _, _ = whitened(np.column_stack([X, y]), seen, noise, q)
    prior, mean = np.diag([0.5, 1.0, 2.0]), np.array([0.1, -0.2, 0.3])
    root, tight = square_root(prior), np.array([1e12, sigma2])
    b, of_b, found, _ = posterior(in_units_of_prior(gram, mean, root), 37, logs, sigma2, tight, 4)
    walk = q * np.arange(n)
    dense = sigma2 * (np.minimum.outer(walk, walk) + np.diag(noise) + 1e7)
    K = X @ prior @ X.T + dense
    gain = prior @ X[seen].T @ np.linalg.inv(K[np.ix_(seen, seen)])
    assert found == pytest.approx(sigma2, rel=1e-6)
    assert mean + root @ b == pytest.approx(mean + gain @ (y - X @ mean)[seen], abs=1e-4)
    spread = root @ of_b
    assert np.diag(spread @ spread.T) == pytest.approx(np.diag(prior - gain @ X[seen] @ prior), abs=1e-4)


@pytest.mark.parametrize("likeness", [1.0, 1 - 1e-15])
def test_a_prior_that_is_singular_or_nearly_so_is_no_obstacle(likeness):
    """Regressors that the prior moves as one have the posterior of their sum, which dense precisions cannot say."""
    k = 26
    columns, seen, noise = panel(k)
    root = square_root(covariance_of(k, likeness))
    of_season = CELLS[0], SD[CELLS[1]]
    prior = np.zeros(k), root, WEAK
    b, roots, sigma2, _, _, _ = over_grid(columns, seen, (noise, STEPS), of_season, prior, STARTS)
    summed = np.column_stack([columns[:, :SEASON], columns[:, SEASON:k].sum(axis=1), columns[:, k]])
    one = square_root(np.diag([*np.ones(SEASON), 0.5]))
    of_sum = over_grid(summed, seen, (noise, STEPS), of_season, (np.zeros(SEASON + 1), one, WEAK), STARTS)
    coefficients, of_one = b @ root.T, of_sum[0] @ one.T
    assert coefficients[:, SEASON:] == pytest.approx(np.repeat(of_one[:, SEASON:], k - SEASON, axis=1), abs=1e-6)
    assert sigma2 == pytest.approx(of_sum[2], rel=1e-6)
    assert np.isfinite(roots).all()


def test_the_root_of_a_covariance_is_its_root():
    """The root times its transpose is the covariance; a variance of zero has a row of nothing that could be seen."""
    half = np.random.default_rng(0).normal(size=(7, 7))
    assert np.tril(square_root(half @ half.T)) @ square_root(half @ half.T).T == pytest.approx(half @ half.T, rel=1e-12)
    assert square_root(np.diag([4.0, 0.0])) == pytest.approx(np.diag([2.0, 0.0]), abs=1e-100)


def test_weights_of_a_level_are_those_of_its_filter():
    """They add to one, and the level of every column is their sum over its months; none counts that was not seen."""
    columns, seen, _ = panel(15)
    weights = level_weights(seen, 0.3)
    np.testing.assert_allclose(weights @ columns, whitened(columns, seen, np.ones(len(seen)), 0.3)[2], rtol=1e-12)
    assert weights.sum() == pytest.approx(1.0)
    assert not weights[~seen].any()


@pytest.mark.parametrize("apart", [0.0, 1.0, 50.0])
def test_quantiles_of_a_mixture_have_its_probabilities_below_them(apart):
    """Normals on top of each other, beside each other and far apart, where the distribution is flat between two."""
    rng = np.random.default_rng(1)
    weights, probabilities = np.array([0.3, 0.45, 0.25]), np.array([0.025, 0.1, 0.5, 0.9, 0.975])
    means, sd = apart * rng.normal(size=(3, 4)), rng.uniform(0.01, 2.0, (3, 4))
    found = mixture_quantiles(weights, means, sd, probabilities)
    below = np.einsum("c,chq->hq", weights, ndtr((found - means[:, :, None]) / sd[:, :, None]))
    assert below == pytest.approx(np.tile(probabilities, (4, 1)), abs=1e-12)
    assert (np.diff(found, axis=1) > 0).all()
