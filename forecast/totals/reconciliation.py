"""Joint draws of a total and its parts that add up: minimum-trace reconciliation of draws in tonnes.

Every series keeps its own forecast distribution. The draws are joined by a Gaussian copula whose correlations are those
of earlier forecast errors, shrunk, and each draw is moved onto the plane on which the parts add up to the total, by the
covariance of the draws (minimum trace). Medians of reconciled draws need not add up; the draws do.

References
----------
Wickramasuriya, Athanasopoulos and Hyndman (2019), Optimal forecast reconciliation for hierarchical and grouped time
series through trace minimization, doi 10.1080/01621459.2018.1448825.
Schäfer and Strimmer (2005), A shrinkage approach to large-scale covariance matrix estimation,
doi 10.2202/1544-6115.1175.
"""

from __future__ import annotations

import numpy as np

from forecast.tables.quantiles import PROBABILITIES, sobol_scores, volumes

DRAW_DOUBLINGS = 12
"""Draws are two to this power."""

MOST_QUASI_RANDOM = 100
"""Series up to which draws are Sobol' points; beyond, pseudo-random with a fixed seed."""


def shrunk_correlation(errors: np.ndarray) -> np.ndarray:
    """Correlation of forecast errors between series, shrunk to none by the intensity that minimises the expected loss.

    ``errors`` (origins x series) in logs, NaN where there was no forecast or actual: pairs count the origins that they
    share. With fewer than three origins nothing is known and the identity is returned.

    Examples
    --------
    >>> steps = np.random.default_rng(1).normal(size=(4000, 1))
    >>> shrunk_correlation(np.hstack([steps, steps, -steps])).round(2).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    >>> shrunk_correlation(np.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    known = np.isfinite(errors)
    count = known.T.astype(float) @ known
    if errors.shape[0] < 3:
        return np.eye(errors.shape[1])
    sizes = np.sqrt((np.where(known, errors, 0.0) ** 2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    scaled = np.where(known, np.divide(errors, sizes, out=np.zeros_like(errors), where=sizes > 0), 0.0)
    shared = np.maximum(count, 1.0)
    mean = (scaled.T @ scaled) / shared
    variance = ((scaled**2).T @ scaled**2 / shared - mean**2) / np.maximum(shared - 1, 1.0)
    off = ~np.eye(len(mean), dtype=bool) & (count >= 3)
    squares = float((mean[off] ** 2).sum())
    intensity = min(float(variance[off].sum()) / squares, 1.0) if squares > 0 else 1.0
    found = np.where(off, np.clip((1 - intensity) * mean, -1.0, 1.0), 0.0)
    np.fill_diagonal(found, 1.0)
    return _positive_definite(found)


def _positive_definite(correlation: np.ndarray) -> np.ndarray:
    """The nearest correlation matrix by clipping eigenvalues: pairs rest on different origins and need not agree."""
    values, vectors = np.linalg.eigh(correlation)
    if values[0] > 0:
        return correlation
    found = (vectors * np.maximum(values, 1e-9)) @ vectors.T
    size = np.sqrt(np.diag(found))
    return np.asarray(found / np.outer(size, size))


def joint_draws(quantiles: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Draws in tonnes (draw x series) of series with marginal ``quantiles`` (series x quantile), joined by a copula.

    The same quantiles give the same draws.
    """
    root = np.linalg.cholesky(correlation + 1e-10 * np.eye(len(quantiles)))
    scores = normal_scores(len(quantiles)) @ root.T
    return np.column_stack([volumes(score, own) for score, own in zip(scores.T, quantiles, strict=True)])


def normal_scores(count: int) -> np.ndarray:
    """Independent normal scores (draw x series), the same in every call.

    Examples
    --------
    >>> normal_scores(2).shape
    (4096, 2)
    """
    if count > MOST_QUASI_RANDOM:
        return np.random.default_rng(0).standard_normal((2**DRAW_DOUBLINGS, count))
    return sobol_scores(count, DRAW_DOUBLINGS)


def reconciled_draws(draws: np.ndarray) -> np.ndarray:
    """``draws`` (draw x series, the total last) moved so that in each the parts add up to the total, none below zero.

    The gap of a draw is shared out by the covariance of the draws, so that what is known surely moves least.

    Examples
    --------
    >>> sure, unsure = np.array([10.0, 10.0, 10.0, 10.0]), np.array([20.0, 24.0, 16.0, 20.0])
    >>> found = reconciled_draws(np.column_stack([sure, unsure, np.array([33.0, 33.0, 33.0, 33.0])]))
    >>> found.round(6).tolist()[0]
    [10.0, 23.0, 33.0]
    """
    covariance = np.atleast_2d(np.cov(draws, rowvar=False))
    constraint = np.append(np.ones(draws.shape[1] - 1), -1.0)
    direction = covariance @ constraint
    size = float(constraint @ direction)
    gap = draws @ constraint
    moved = draws - np.outer(gap, direction / size) if size > 0 else draws.copy()
    parts = np.maximum(moved[:, :-1], 0.0)
    return np.column_stack([parts, parts.sum(axis=1)])


def reconcile(quantiles: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Quantiles (series x quantile, the total last) of the reconciled draws of forecasts with these ``quantiles``."""
    found = reconciled_draws(joint_draws(quantiles, correlation))
    return np.asarray(np.quantile(found, PROBABILITIES, axis=0, method="hazen").T)
