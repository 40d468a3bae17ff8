"""From levels to what the likelihood sees, and back: gaps to regressors, differencing, integration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.kernels import KernelError, likelihood
from forecast.kernels.arrays import SEASON, Floats

Prior = tuple[Floats, Floats]
"""Means and standard deviations of the coefficients, one each a regressor."""


class Differenced(NamedTuple):
    """A series and its regressors between the first and the last month observed.

    ``levels`` has a row for each missing month (1 in it, else 0), each regressor, and last the series with its gaps
    filled, less a first regression on the others with coefficients ``shift``; ``rows`` are the differences of all.
    ``means`` are the prior's less that ``shift``; ``square`` is the mean square of the last of ``rows``; ``start``
    and ``stop`` are where the observed months begin and end in what was given.
    """

    levels: Floats
    rows: Floats
    pulses: int
    means: Floats
    precisions: Floats
    shift: Floats
    square: float
    start: int
    stop: int


def arrange(y: Floats, X: Floats, d: int, D: int, prior: Prior | None) -> Differenced:
    """``y`` (months,) with gaps as NaN and ``X`` (months, regressors), as the likelihood takes them.

    Raises
    ------
    KernelError
        When too few months are observed, the prior does not fit ``X``, or a column depends on those before it.
    """
    seen = np.flatnonzero(~np.isnan(y))
    least = d + SEASON * D + 1 + (X.shape[1] if prior is None else 0)
    if seen.size <= least:
        raise KernelError(f"arima: y has {seen.size} months, more than {least} are needed; fit a simpler model.")
    start, stop = int(seen[0]), int(seen[-1]) + 1
    filled, gaps = _fill(y[start:stop])
    levels = np.vstack([np.eye(stop - start)[gaps], X[start:stop].T, filled])
    rows = difference(levels, d, D)
    means, precisions = _prior(prior, X.shape[1])
    shift, square, dependent = _settle(rows, gaps.size, means, precisions)
    if dependent >= 0 or not square > 0.0:
        raise KernelError(f"arima: {_dependence(dependent, gaps + start, X.shape[1])}")
    levels[-1] -= shift @ levels[:-1]
    means = means - shift[gaps.size : gaps.size + means.size]
    return Differenced(levels, rows, gaps.size, means, precisions, shift, square, start, stop)


def _fill(y: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """``y`` with the last value before each gap in it, and where the gaps are, the last first.

    In that order the rows that are zero the longest come before others, and what is mixed of the first rows is zero as
    long as they are.
    """
    missing = np.isnan(y)
    if not missing.any():
        return y, np.empty(0, dtype=np.intp)
    last = np.maximum.accumulate(np.where(missing, 0, np.arange(y.size)))
    return y[last], np.flatnonzero(missing)[::-1]


def _prior(prior: Prior | None, regressors: int) -> Prior:
    """Means and precisions; both empty where there is no prior or nothing that it could be of."""
    if prior is None:
        return np.empty(0), np.empty(0)
    means, sds = (np.array(part, dtype=float) for part in prior)
    if means.shape != (regressors,) or sds.shape != (regressors,):
        raise KernelError(
            f"arima: the prior needs a mean and an sd for each of {regressors} regressors, has {means.size} and "
            f"{sds.size}."
        )
    if not (np.isfinite(means).all() and np.isfinite(sds).all() and (sds > 0).all()):
        raise KernelError("arima: the prior needs finite means and finite sds above zero; leave it out for flat ones.")
    return means, sds**-2.0


def _settle(rows: Floats, pulses: int, means: Floats, precisions: Floats) -> tuple[Floats, float, int]:
    """Coefficients of a first regression with white errors, taken from the last of ``rows`` in place.

    They change no likelihood but for the means, which move by as much, and keep rounding errors small. Also returned:
    the mean square left, and the first row that depends on those before, or -1.
    """
    least = 1e-6 * float(np.mean(rows[-1] ** 2)) + 1e-300
    matrix, dependent = likelihood.regression(rows, pulses, means, precisions, least)
    if dependent >= 0:
        return np.zeros(len(rows) - 1), np.inf, dependent
    shift = likelihood.solved(matrix)
    for coefficient, row in zip(shift, rows[:-1], strict=True):
        rows[-1] -= coefficient * row
    return shift, float(np.mean(rows[-1] ** 2)), dependent


def _dependence(row: int, gaps: NDArray[np.intp], regressors: int) -> str:
    if 0 <= row < gaps.size:
        return f"month {gaps[row]} of y is missing and no other month says what it was; fit a simpler model."
    if 0 <= row < gaps.size + regressors:
        return (
            f"regressor {row - gaps.size} is constant or depends on those before it once differenced; leave it out "
            "or give a prior."
        )
    return "y is constant or explained exactly once differenced; nothing is left to fit."


def difference(levels: Floats, d: int, D: int) -> Floats:
    """Rows of ``levels`` differenced d times by one month and D times by a season: a new array, d + 12 D shorter."""
    for _ in range(d):
        levels = levels[:, 1:] - levels[:, :-1]
    for _ in range(D):
        levels = levels[:, SEASON:] - levels[:, :-SEASON]
    return np.array(levels, order="C")


def integrate(steps: Floats, levels: Floats, d: int, D: int) -> Floats:
    """What follows rows of ``levels`` when their differences go on as ``steps``, shape (rows, h)."""
    back = _difference_polynomial(d, D)
    size, known = back.size - 1, levels.shape[1]
    out = np.concatenate([levels[:, known - size :], steps], axis=1)
    for t in range(size, out.shape[1]):
        out[:, t] -= out[:, t - size : t] @ back[:0:-1]
    return out[:, size:]


def _difference_polynomial(d: int, D: int) -> Floats:
    """Coefficients of ``(1 - B) ** d (1 - B ** SEASON) ** D``."""
    out = np.zeros(d + SEASON * D + 1)
    out[0] = 1.0
    for lag in (1,) * d + (SEASON,) * D:
        out[lag:] -= out[:-lag]
    return out
