"""Outliers: single months far from those on both sides, which say little of what comes next.

In logs a month without a shipment lies several logs below the others, and one such month in five years would widen
every interval since. It is drawn in to where noise could still have put it, as a Hampel filter does, by medians of what
lies before and after. A lower figure is drawn in to a lower one; by what it does to the estimates of noise and season
other months may be drawn in to a little less (`tests/kernels/test_outliers.py` has the bound).

References
----------
Hampel (1974), The influence curve and its role in robust estimation, doi 10.2307/2285666.
Pearson, Neuvo, Astola and Gabbouj (2016), Generalized Hampel filters, doi 10.1186/s13634-016-0383-6.
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
    limit = FAR * max(noise_of(y), LEAST_NOISE)
    if not any((np.abs(y[lag:] - y[:-lag]) > limit).any() for lag in range(1, BESIDE + 1)):
        return y  # no month is so far from any that its medians rest on
    apart = _beyond_both_sides(y)
    out = np.where(known, beyond_the_season(apart, least=2), 0.0)
    trade = np.where(known, np.clip(y - apart - nothing, 0.0, 1.0), 0.0)
    found = y.copy()
    for sign, weight in ((-1.0, free), (1.0, free * trade)):
        beyond = np.maximum(sign * out - limit, 0.0)
        often = float(np.minimum(beyond / limit, 1.0).sum()) / float(known.sum())
        found -= sign * weight * max(1.0 - (often / OFTEN) ** 2, 0.0) * beyond
    return found


def noise_of(y: Floats) -> float:
    """Standard deviation of a month's noise, by the median absolute deviation of the steps from figure to figure."""
    steps = np.diff(y[np.isfinite(y)])
    if not len(steps):
        return 0.0
    return _MAD * float(np.median(np.abs(steps - np.median(steps)))) / float(np.sqrt(2.0))


def _beyond_both_sides(y: Floats) -> Floats:
    """How far each month lies above or below both sides, 0 where it lies between them; gaps as NaN."""
    padded = np.concatenate([np.full(BESIDE, np.nan), y, np.full(BESIDE, np.nan)])
    windows = sliding_window_view(padded, BESIDE)
    before, after = y - medians(windows[: len(y)]), y - medians(windows[BESIDE + 1 :])
    nearer = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where(np.isfinite(y), np.where(before * after > 0, nearer, 0.0), np.nan)


def beyond_the_season(out: Floats, least: int) -> Floats:
    """``out`` less the median of what the calendar month does in other years, at least so many, towards zero."""
    years = -(-len(out) // SEASON)
    by_year = np.concatenate([out, np.full(years * SEASON - len(out), np.nan)]).reshape(years, SEASON).T
    others = np.where(np.eye(years, dtype=bool), np.nan, by_year[:, None, :])  # calendar month x year x other year
    found = medians(others)
    found = np.where(np.isfinite(others).sum(axis=2) >= least, found, 0.0).T.ravel()[: len(out)]
    usual = np.where(found * out > 0, np.abs(found), 0.0)
    return np.asarray(np.sign(out) * np.maximum(np.abs(out) - usual, 0.0))


def medians(values: Floats) -> Floats:
    """Medians over the last axis of what is known, NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(count - one, 0) // 2, -1) for one in (1, 0))
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)[..., 0])
