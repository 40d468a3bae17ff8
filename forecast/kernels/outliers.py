"""Outliers, of which two kinds are taken out of logs before models are fitted: lone months, and shifts of the level.

In logs a month without a shipment lies several logs below the others, and one such month in five years would widen
every interval since. It is drawn in to where noise could still have put it, as a Hampel filter does, by medians of what
lies before and after. A lower figure is drawn in to a lower one; by what it does to the estimates of noise and season
other months may be drawn in to a little less (`tests/kernels/test_outliers.py` has the bound).

A level that changes from one month to the next and stays there is no season either, but one such step in four years is
half of what the data say of its calendar month. Months before it are moved to the level after it (Chen and Liu),
continuously in its size, by firm shrinkage (Gao and Bruce).

References
----------
Hampel (1974), The influence curve and its role in robust estimation, doi 10.2307/2285666.
Pearson, Neuvo, Astola and Gabbouj (2016), Generalized Hampel filters, doi 10.1186/s13634-016-0383-6.
Chen and Liu (1993), Joint estimation of model parameters and outlier effects in time series, doi
10.1080/01621459.1993.10594321.
Gao and Bruce (1997), WaveShrink with firm shrinkage, Statistica Sinica 7, 855-874.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from forecast.kernels.arrays import SEASON, Floats

BESIDE = 3
"""Months before and after, whose medians a month is held against."""

FAR, LEAST_NOISE = 5.0, 0.05
"""How far a month may lie from the nearer median, in standard deviations of a month's noise, and the least of these."""

OFTEN = 0.1
"""Share of months so far out, on one side, from which none is an outlier any more: what is common is no accident."""

SURE = 7.0
"""Size of a shift of the level, in the same unit, from which it is whole; up to `FAR` it is none."""

HALF_A_YEAR, LEAST_BEFORE = 6, 3
"""Months from a shift on whose changes over a year are held against as many before, and the fewest of these."""

ONE_SHIFT, OFTEN_SHIFTED = 4, 0.03
"""Power of the sizes by which months within half a year share one shift; and share of months with a shift, the first
apart, from which none is one: a level that moves often is the series' way."""

_MAD = 1.4826  # of a normal distribution: standard deviation by median absolute deviation


def winsorised(y: Floats, free: np.ndarray, nothing: float) -> Floats:
    """Logs by consecutive month, gaps as NaN, where ``free`` months lie no further out than noise could have put them.

    A month counts as far out by the nearer of the medians before and after it, and by less in so far as its calendar
    month lies out in other years. The more months are far out on its side, the less it is drawn in; each side is by
    itself, so that a low month changes nothing for high ones. A high month among months without trade, whose log is
    ``nothing``, is a shipment and stays. So do the last month, of which it is not known whether it begins a lower
    level, the first, and one beside a long gap.

    Examples
    --------
    >>> y = np.tile([0.1, -0.1, 0.2, 0.0], 12)
    >>> y[20] = -4.6
    >>> winsorised(y, np.ones(48, bool), -9.0).round(1)[18:23].tolist()
    [0.2, 0.0, -1.7, -0.1, 0.2]
    >>> float(winsorised(y[:21], np.ones(21, bool), -9.0)[20])
    -4.6
    """
    known = np.isfinite(y)
    limit = FAR * max(_noise_sd(y), LEAST_NOISE)
    if not any((np.abs(y[lag:] - y[:-lag]) > limit).any() for lag in range(1, BESIDE + 1)):
        return y  # no month is so far from any that its medians rest on
    apart = _beyond_both_sides(y)
    out = np.where(known, _beyond_the_season(apart, least=2), 0.0)
    trade = np.where(known, np.clip(y - apart - nothing, 0.0, 1.0), 0.0)
    found = y.copy()
    for sign, weight in ((-1.0, free), (1.0, free * trade)):
        beyond = np.maximum(sign * out - limit, 0.0)
        often = float(np.minimum(beyond / limit, 1.0).sum()) / float(known.sum())
        found -= sign * weight * max(1.0 - (often / OFTEN) ** 2, 0.0) * beyond
    return found


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
    limit, sure = (far * max(_noise_sd(y), LEAST_NOISE) for far in (FAR, SURE))
    size = _sizes(y, limit)
    if not size.any():
        return y
    share = np.clip((np.abs(size) - limit) / (sure - limit), 0.0, 1.0)
    whole = np.where(share < 1.0, sure * share, np.abs(size))
    counts = free * np.append(False, free[:-1]) * _trade(y, nothing)
    often = max(float(counts @ share) - 1.0, 0.0) / float(np.isfinite(y).sum())
    moved = counts * max(1.0 - (often / OFTEN_SHIFTED) ** 2, 0.0) * np.sign(size) * whole
    return np.asarray(y + (moved.sum() - np.cumsum(moved)))


def _sizes(y: Floats, limit: float) -> Floats:
    """The size of the shift that each month begins, 0 for none."""
    step = np.append(np.nan, np.diff(y))[: len(y)]
    if len(y) <= SEASON or not (np.abs(step) > limit).any():
        return np.zeros(len(y))
    alone = np.nan_to_num(_beyond_the_season(step, least=1))
    before, after = _beside(np.append(np.full(SEASON, np.nan), y[SEASON:] - y[:-SEASON]))
    whole = np.isfinite(after).all(axis=1)
    earlier = np.where(np.isfinite(before).sum(axis=1) >= LEAST_BEFORE, _medians(before), 0.0)
    stays = np.where(whole, _medians(after) - earlier, 0.0)
    found = np.where(stays * alone > 0, np.sign(stays) * np.minimum(np.abs(stays), np.abs(alone)), 0.0)
    return _largest_nearby(np.maximum(found, 0.0)) - _largest_nearby(np.maximum(-found, 0.0))


def _largest_nearby(size: Floats) -> Floats:
    """Each size by the share of its month in the one shift of half a year: next to nothing but of the largest."""
    weight = size**ONE_SHIFT
    beside = np.convolve(weight, np.ones(2 * HALF_A_YEAR - 1))[HALF_A_YEAR - 1 :][: len(size)]
    return np.asarray(size * weight / np.maximum(beside, 1e-300))


def _beside(values: Floats) -> tuple[Floats, Floats]:
    """The months before each, and those from it on: (n, HALF_A_YEAR) both, NaN beyond the ends."""
    windows = _windows(values, HALF_A_YEAR)
    return windows[: len(values)], windows[HALF_A_YEAR : HALF_A_YEAR + len(values)]


def _trade(y: Floats, nothing: float) -> Floats:
    """Whether all months beside each had trade, from 0 to 1."""
    least = np.fmin.reduce(np.concatenate(_beside(y), axis=1), axis=1)
    return np.asarray(np.clip(np.nan_to_num(least, nan=nothing) - nothing - 1.0, 0.0, 1.0))


def _noise_sd(y: Floats) -> float:
    """Standard deviation of a month's noise, by the median absolute deviation of the steps from figure to figure."""
    steps = np.diff(y[np.isfinite(y)])
    if not len(steps):
        return 0.0
    return _MAD * float(np.median(np.abs(steps - np.median(steps)))) / float(np.sqrt(2.0))


def _beyond_both_sides(y: Floats) -> Floats:
    """How far each month lies above or below both sides, 0 where it lies between them; gaps as NaN."""
    windows = _windows(y, BESIDE)
    before, after = y - _medians(windows[: len(y)]), y - _medians(windows[BESIDE + 1 :])
    nearer = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where(np.isfinite(y), np.where(before * after > 0, nearer, 0.0), np.nan)


def _beyond_the_season(out: Floats, least: int) -> Floats:
    """``out`` less the median of what the calendar month does in other years, at least so many, towards zero."""
    years = -(-len(out) // SEASON)
    by_year = np.concatenate([out, np.full(years * SEASON - len(out), np.nan)]).reshape(years, SEASON).T
    others = np.where(np.eye(years, dtype=bool), np.nan, by_year[:, None, :])  # calendar month x year x other year
    found = _medians(others)
    found = np.where(np.isfinite(others).sum(axis=2) >= least, found, 0.0).T.ravel()[: len(out)]
    usual = np.where(found * out > 0, np.abs(found), 0.0)
    return np.asarray(np.sign(out) * np.maximum(np.abs(out) - usual, 0.0))


def _windows(values: Floats, months: int) -> Floats:
    """All runs of so many months, the first of them before the first value and the last behind the last, as NaN."""
    ends = np.full(months, np.nan)
    return sliding_window_view(np.concatenate([ends, values, ends]), months)


def _medians(values: Floats) -> Floats:
    """Medians over the last axis of what is known, NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(count - one, 0) // 2, -1) for one in (1, 0))
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)[..., 0])
