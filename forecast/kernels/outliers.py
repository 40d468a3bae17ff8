"""Outliers: single months far from those on both sides, which say little of what comes next.

In logs a month without a shipment lies several logs below the others, and one such month in five years would widen
every interval since. It is drawn in to where noise could still have put it, as a Hampel filter does, by medians of what
lies before and after; it stays the lowest month that there was, so that forecasts are monotone in it.

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

USUAL = 0.95
"""Share of the months that lie no further out than is allowed in any case: what happens every year is no accident."""

_MAD = 1.4826  # of a normal distribution: standard deviation by median absolute deviation


def winsorised(y: Floats, free: np.ndarray) -> Floats:
    """Logs by consecutive month, gaps as NaN, where ``free`` months lie no further out than noise could have put them.

    A month counts as far out by the nearer of the medians before and after it, and by less in so far as its calendar
    month lies out in other years. The last one has none after it: whether it begins a lower level is not known.

    Examples
    --------
    >>> y = np.tile([0.1, -0.1, 0.2, 0.0], 12)
    >>> y[20] = -4.6
    >>> winsorised(y, np.ones(48, bool)).round(1)[18:23].tolist(), winsorised(y[:21], np.ones(21, bool))[20]
    ([0.2, 0.0, -1.6, -0.1, 0.2], np.float64(-4.6))
    """
    known = np.isfinite(y)
    steps = np.diff(y[known])
    if not len(steps):
        return y
    out = _beyond_the_season(_beyond_both_sides(y))
    noise = _MAD * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2.0)
    limit = max(FAR * max(noise, LEAST_NOISE), float(np.quantile(np.abs(out[known]), USUAL)))
    beyond = np.sign(out) * np.maximum(np.abs(out) - limit, 0.0)
    return np.asarray(np.where(free & known, y - beyond, y))


def _beyond_both_sides(y: Floats) -> Floats:
    """How far each month lies above or below both sides, 0 where it lies between them; gaps as NaN."""
    padded = np.concatenate([np.full(BESIDE, np.nan), y, np.full(BESIDE, np.nan)])
    windows = sliding_window_view(padded, BESIDE)
    before, after = y - _medians(windows[: len(y)]), y - _medians(windows[BESIDE + 1 :])
    nearer = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where(np.isfinite(y), np.where(before * after > 0, nearer, 0.0), np.nan)


def _beyond_the_season(out: Floats) -> Floats:
    """The same less the median of what the calendar month does in other years, at least two, towards zero."""
    years = -(-len(out) // SEASON)
    by_year = np.concatenate([out, np.full(years * SEASON - len(out), np.nan)]).reshape(years, SEASON).T
    others = np.where(np.eye(years, dtype=bool), np.nan, by_year[:, None, :])  # calendar month x year x other year
    medians = np.where(np.isfinite(others).sum(axis=2) > 1, _medians(others), 0.0).T.ravel()[: len(out)]
    usual = np.where(medians * out > 0, np.abs(medians), 0.0)
    return np.asarray(np.sign(out) * np.maximum(np.abs(out) - usual, 0.0))


def _medians(values: Floats) -> Floats:
    """Medians over the last axis of what is known, NaN where nothing is."""
    ordered = np.sort(values, axis=-1)  # NaN comes last
    count = np.isfinite(values).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(count - one, 0) // 2, -1) for one in (1, 0))
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)[..., 0])
