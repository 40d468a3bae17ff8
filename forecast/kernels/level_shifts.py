"""Level shifts of the past: from one month to the next a series changes its level, and stays there.

A customer won or a plant opened is no season, but one such step in four years is half of what the data say of its
calendar month, and widens every interval since. Months before a shift are moved to the level after it [1]_: continuously
in its size, by firm shrinkage [2]_.

References
----------
.. [1] Chen, C. and Liu, L.-M. (1993), Joint estimation of model parameters and outlier effects in time series. Journal
   of the American Statistical Association 88, 284-297. doi:10.1080/01621459.1993.10594321
.. [2] Gao, H.-Y. and Bruce, A. G. (1997), WaveShrink with firm shrinkage. Statistica Sinica 7, 855-874.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.outliers import LEAST_NOISE, beyond_the_season, medians, noise_of

BESIDE, LEAST_BEFORE = 6, 3
"""Months from a shift on whose changes over a year are held against those of as many before, and the fewest of these."""

FAR, SURE = 5.0, 7.0
"""Sizes of a shift, in standard deviations of a month's noise, up to which it is none and from which it is whole."""

OFTEN = 0.03
"""Share of months with a shift, the first apart, from which none is one: a level that moves often is the series' way."""


def at_present_level(y: Floats, free: np.ndarray, nothing: float) -> Floats:
    """Logs by consecutive month, gaps as NaN, with what lies before a level shift moved to the level after it.

    A shift is as large as the change from the month before, less what the calendar month does in other years, and as
    the change of the changes over a year: the smaller of both where they agree in sign. The six months from it on must
    be known, so that no recent month begins one. A month that is not ``free``, or follows one, begins none, nor does
    one beside months without trade, whose log is ``nothing``.

    Examples
    --------
    >>> y = np.tile([0.1, 0.0], 24) + np.where(np.arange(48) < 24, 0.0, 1.6)
    >>> at_present_level(y, np.ones(48, bool), -9.0).round(1)[20:28].tolist()
    [1.7, 1.6, 1.7, 1.6, 1.7, 1.6, 1.7, 1.6]
    """
    limit, sure = (far * max(noise_of(y), LEAST_NOISE) for far in (FAR, SURE))
    size = _sizes(y, limit)
    if not size.any():
        return y
    share = np.clip((np.abs(size) - limit) / (sure - limit), 0.0, 1.0)
    whole = np.where(share < 1.0, sure * share, np.abs(size))
    counts = free * np.append(False, free[:-1]) * _trade(y, nothing)
    often = max(float(counts @ share) - 1.0, 0.0) / float(np.isfinite(y).sum())
    moved = counts * max(1.0 - (often / OFTEN) ** 2, 0.0) * np.sign(size) * whole
    return np.asarray(y + (moved.sum() - np.cumsum(moved)))


def _sizes(y: Floats, limit: float) -> Floats:
    """The size of the shift that each month begins, 0 for none."""
    step = np.append(np.nan, np.diff(y))[: len(y)]
    if len(y) <= SEASON or not (np.abs(step) > limit).any():
        return np.zeros(len(y))
    alone = np.nan_to_num(beyond_the_season(step, least=1))
    before, after = _beside(np.append(np.full(SEASON, np.nan), y[SEASON:] - y[:-SEASON]))
    whole = np.isfinite(after).all(axis=1)
    earlier = np.where(np.isfinite(before).sum(axis=1) >= LEAST_BEFORE, medians(before), 0.0)
    stays = np.where(whole, medians(after) - earlier, 0.0)
    return np.asarray(np.where(stays * alone > 0, np.sign(stays) * np.minimum(np.abs(stays), np.abs(alone)), 0.0))


def _beside(values: Floats) -> tuple[Floats, Floats]:
    """The months before each, and those from it on: (n, BESIDE) both, NaN beyond the ends."""
    ends = np.full(BESIDE, np.nan)
    windows = sliding_window_view(np.concatenate([ends, values, ends]), BESIDE)
    return windows[: len(values)], windows[BESIDE : BESIDE + len(values)]


def _trade(y: Floats, nothing: float) -> Floats:
    """Whether all months beside each had trade, from 0 to 1."""
    least = np.fmin.reduce(np.concatenate(_beside(y), axis=1), axis=1)
    return np.asarray(np.clip(np.nan_to_num(least, nan=nothing) - nothing - 1.0, 0.0, 1.0))
