"""Correction of persistent forecast errors, and split-conformal scaling of intervals, in logs.

Everything here is an array over cells of one product, forecasts of earlier days first to last; an actual that was not
out on the day at hand is NaN. Errors are logs of actual over forecast.
"""

from __future__ import annotations

import numpy as np

from forecast.tables.quantiles import HALF_WIDTH, LEVELS, LOWER, MEDIAN, UPPER

ENOUGH = {"event": 40, "after": 40, "calm": 20}
"""Earlier cells that a factor needs, by phase; with fewer the models' own interval stands. Cells of the first two are
of few months, which share their shocks."""

TAIL = 1.0
"""Errors beyond a 95 % bound that the factor of the 80 % bound counts as: of 40 errors one is expected there."""

LARGEST = 4.0
"""No factor beyond this, nor below its inverse: more says that the forecasts, not the intervals, are wrong."""

CAP = 2.0
FURTHEST = float(np.log(100))
"""An error counts at most the first where means are taken, and the second as a distance (logs): a month without
exports has no logarithm."""

LEAST_WIDTH = 1e-3
"""Width in logs below which an interval counts as so wide when errors are weighed by it."""

REPEATS = 2
"""Forecasts in a row that must have erred to the same side before the next one is moved."""

OWN_WEIGHT = 6.0
"""Cells, or months, of other factors that count beside those seen when a factor is shrunk to these."""

LEAST_TRADE = 0.01
"""Share of the largest actual of a series under which a month has no trade to speak of."""

UNREST, HELD = 0.2, HALF_WIDTH[80] ** -2
"""What the square of the last distance adds to the next variance, and that square's mean where 80 % bounds hold."""

MOST_CARRIED = 0.5
CARRY_WEIGHT = 40.0
"""The share of repeated errors that is carried on is at most the first, and shrunk to none by so many more cells."""


def log_errors(actual: np.ndarray, volume: np.ndarray, cap: float = CAP) -> np.ndarray:
    """Log of actual over forecast, held within ``cap``; NaN where either is not known, and 0 where both are zero.

    Examples
    --------
    >>> log_errors(np.array([200.0, 0.0, 0.0]), np.array([100.0, 0.0, 5.0])).round(3).tolist()
    [0.693, 0.0, -2.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(actual) - np.log(volume)
    both = (actual == 0) & (volume == 0)
    return np.asarray(np.clip(np.where(both, 0.0, ratio), -cap, cap))


# Medians ------------------------------------------------------------------------------------------------------------


def persistent_error(errors: np.ndarray) -> np.ndarray:
    """The mean error of the `REPEATS` forecasts before each one where all have one sign, else zero.

    ``errors`` has shape (series, origins), NaN where unknown or where an event explains it; the result has one origin
    more, for the forecast to be made.

    Examples
    --------
    >>> persistent_error(np.array([[0.2, 0.4, -0.1]])).round(3).tolist()
    [[0.0, 0.0, 0.3, 0.0]]
    """
    series, origins = errors.shape
    mean = np.zeros((series, origins + 1))
    for place in range(REPEATS, origins + 1):
        last = errors[:, place - REPEATS : place]
        one_sign = (last > 0).all(axis=1) | (last < 0).all(axis=1)
        mean[one_sign, place] = last[one_sign].mean(axis=1)
    return mean


def bias_persistence(errors: np.ndarray, before: np.ndarray) -> float:
    """The share of repeated errors that the next forecast had too: least squares through zero, shrunk to none.

    Both of shape (series, origins); where ``before``, of `persistent_error`, is zero, nothing is learned.
    """
    seen = np.isfinite(errors) & (before != 0)
    squares = float((before[seen] ** 2).sum())
    if not squares:
        return 0.0
    share = float(before[seen] @ errors[seen]) / (squares * (1 + CARRY_WEIGHT / float(seen.sum())))
    return min(max(share, 0.0), MOST_CARRIED)


# Intervals ----------------------------------------------------------------------------------------------------------


def unrest(last: np.ndarray) -> np.ndarray:
    """How many times wider an interval is, by how far the actual before fell from its median as multiples of its bound.

    Large errors follow large ones. One that is not known says nothing.

    References
    ----------
    Engle (1982), Autoregressive conditional heteroscedasticity, https://doi.org/10.2307/1912773
    Papadopoulos, Gammerman & Vovk (2008), Normalized nonconformity measures for regression conformal prediction: scores
    in units of what the interval would be

    Examples
    --------
    >>> unrest(np.array([0.0, 1.0, 4.0, np.nan])).round(2).tolist()
    [0.94, 1.03, 1.93, 1.0]
    """
    square = np.where(np.isfinite(last), np.minimum(last, LARGEST) ** 2, HELD)
    return np.asarray(np.sqrt((1 + UNREST * square) / (1 + UNREST * HELD)))


def conformal_factors(actual: np.ndarray, volumes: np.ndarray, least: int = ENOUGH["calm"]) -> np.ndarray | None:
    """How many times further from the median, in logs, earlier bounds would have held at their level: (quantiles,).

    ``actual`` tonnes, ``volumes`` (cells, quantiles); None with fewer than ``least`` cells. Factors are one at the
    median, and held within `LARGEST`. Each side is calibrated apart, at half of what a level leaves out: months without
    exports lie far below in logs, and say nothing of how far above a month may come. Of few cells the largest error
    alone would set a 95 % bound: its factor lies between that and the 80 % bound's, by how many are expected beyond.

    References
    ----------
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, https://doi.org/10.1007/b106715
    Romano, Patterson & Candes (2019), Conformalized quantile regression, https://arxiv.org/abs/1905.03222, section 4:
    the two sides apart

    Examples
    --------
    Forecasts of 100 (80 to 125) of which half of the actuals fell on 156.25 ask for an upper bound twice as far away,
    in logs; none fell below, so that the lower one comes as near as any may:

    >>> cell = np.array([64.0, 80.0, 100.0, 125.0, 156.25])
    >>> conformal_factors(np.array([100.0, 156.25] * 30), np.tile(cell, (60, 1))).round(3).tolist()
    [0.25, 0.25, 1.0, 2.0, 1.32]
    """
    known = np.isfinite(actual) & (volumes[:, MEDIAN] > 0)
    if known.sum() < least:
        return None
    factors = np.ones(volumes.shape[1])
    above = log_errors(actual[known], volumes[known, MEDIAN]) > 0
    for level in LEVELS:
        distance = distances(actual[known], volumes[known], level)
        for place, beyond in ((LOWER[level], ~above), (UPPER[level], above)):
            factors[place] = conformal_quantile(np.where(beyond, distance, -distance), (1 + level / 100) / 2)
    found = np.clip(factors, 1 / LARGEST, LARGEST)
    tail = known.sum() * (1 - 95 / 100) / 2
    outer, inner = [LOWER[95], UPPER[95]], [LOWER[80], UPPER[80]]
    found[outer] = found[inner] * (found[outer] / found[inner]) ** (tail / (tail + TAIL))
    return np.asarray(found)


def shrunk(factors: np.ndarray, count: int, towards: np.ndarray) -> np.ndarray:
    """The logs of ``factors`` K / (K + `OWN_WEIGHT`) of the way from others, where a ``count`` of K taught them.

    Examples
    --------
    >>> shrunk(np.array([1.0, 0.25, 1.0, 4.0, 1.0]), 6, np.ones(5)).tolist()
    [1.0, 0.5, 1.0, 2.0, 1.0]
    """
    own = count / (count + OWN_WEIGHT)
    return np.asarray(factors**own * towards ** (1 - own))


def distances(actual: np.ndarray, volumes: np.ndarray, level: int) -> np.ndarray:
    """How far each actual fell from the median, in logs, as a multiple of how far the bound on its side lies.

    ``volumes`` along `forecast.tables.quantiles.VOLUME_QUANTILES`, ``level`` one of `LEVELS`.

    Examples
    --------
    >>> distances(np.array([25.0]), np.array([[40.0, 50.0, 100.0, 200.0, 250.0]]), 80).round(6).tolist()
    [2.0]
    """
    off = log_errors(actual, volumes[:, MEDIAN], FURTHEST)
    bound = np.where(off < 0, volumes[:, LOWER[level]], volumes[:, UPPER[level]])
    return np.asarray(np.abs(off) / np.maximum(np.abs(log_errors(bound, volumes[:, MEDIAN], FURTHEST)), 1e-6))


def mean_widths(volumes: np.ndarray) -> np.ndarray:
    """Mean over models of how wide their 80 % intervals are in logs, of tonnes (cells, models, quantiles): (cells,).

    Models without a forecast have no say; without any it is the least that there is.

    Examples
    --------
    >>> one, other = [50.0, 80.0, 100.0, 125.0, 200.0], [np.nan] * 5
    >>> mean_widths(np.array([[one, other], [other, other]])).round(3).tolist()
    [0.446, 0.001]
    """
    widths = np.abs(log_errors(volumes[..., UPPER[80]], volumes[..., LOWER[80]], FURTHEST))
    known = np.isfinite(widths)
    mean = np.where(known, widths, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.maximum(mean, LEAST_WIDTH))


def conformal_quantile(scores: np.ndarray, level: float) -> float:
    """The smallest score that a share of at least ``level`` of such scores and one more will not exceed.

    The ceil((n + 1) level)-th of n scores, and the largest where that is beyond n.

    Examples
    --------
    >>> conformal_quantile(np.arange(1.0, 10.0), 0.8)  # the eighth of nine
    8.0
    """
    place = int(np.ceil((len(scores) + 1) * level)) - 1
    return float(np.sort(scores)[min(place, len(scores) - 1)])


def rescale_intervals(volumes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """``volumes`` (cells, quantiles) so many times further from the median in logs (same shape); levels stay nested.

    Examples
    --------
    >>> cell = np.array([[40.0, 50.0, 100.0, 200.0, 300.0]])
    >>> rescale_intervals(cell, np.array([[1.0, 2.0, 1.0, 2.0, 1.0]])).round(6).tolist()
    [[25.0, 25.0, 100.0, 400.0, 400.0]]
    """
    median = volumes[:, [MEDIAN]]
    ratio = np.divide(volumes, median, out=np.ones_like(volumes), where=median > 0)
    found = np.where(median > 0, median * ratio**factors, volumes)
    found[:, LOWER[95]] = np.minimum(found[:, LOWER[95]], found[:, LOWER[80]])
    found[:, UPPER[95]] = np.maximum(found[:, UPPER[95]], found[:, UPPER[80]])
    return np.asarray(found)
