"""The one quantile axis: five quantiles in ascending order, with the median by name and two interval levels.

Every array of quantiles in the package has this axis last; tables have the same quantiles as columns.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtri

LEVELS = (80, 95)
"""Interval levels in percent, the narrower first."""

QUANTILES = ("lower_95", "lower_80", "median", "upper_80", "upper_95")
"""Names along the axis, ascending."""

VOLUME_QUANTILES = ("lower_95", "lower_80", "volume_t", "upper_80", "upper_95")
"""The same as columns in tonnes: ``volume_t`` is the median."""

PROBABILITIES = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
"""Share of the distribution below each quantile."""

MEDIAN = QUANTILES.index("median")
LOWER = {level: QUANTILES.index(f"lower_{level}") for level in LEVELS}
UPPER = {level: QUANTILES.index(f"upper_{level}") for level in LEVELS}
"""Places on the axis: of the median, and of an interval's bounds by its level."""

HALF_WIDTH = {level: float(ndtri(0.5 + level / 200)) for level in LEVELS}
"""Half the width of a normal interval in standard deviations, by level."""

NORMAL_SCORES = np.array([-HALF_WIDTH[95], -HALF_WIDTH[80], 0.0, HALF_WIDTH[80], HALF_WIDTH[95]])
"""Quantiles of a standard normal distribution, exactly symmetric."""

BEYOND_RECORD = {80: 1.5, 95: 2.5}
"""How many times the largest month on record, or the median where that is more, an upper bound of the next month may
be, by its level: in logs a month without exports is as far as a hundredfold one, and carries upper bounds to volumes
that nobody ships."""

RECORD_MONTHS = 24
"""Observed months from which a record is one; with fewer the log of the multiple grows as they shrink."""


@cache
def sobol_scores(dimensions: int, doublings: int) -> np.ndarray:
    """Normal scores (point x dimension) of two to the power of ``doublings`` Sobol' points; read only.

    The same in every call, half a step from zero; the first columns are those of fewer dimensions.

    Examples
    --------
    >>> sobol_scores(2, 2).round(2).tolist()
    [[-1.15, -1.15], [0.32, 0.32], [1.15, -0.32], [-0.32, 1.15]]
    """
    from scipy.stats import qmc  # with all of its statistics, which only draws need

    points = qmc.Sobol(dimensions, scramble=False).random_base2(doublings)
    scores: np.ndarray = ndtri(points + 0.5 / len(points))
    scores.flags.writeable = False
    return scores


def volumes(scores: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Volumes at normal ``scores`` of a month with known ``bounds`` in tonnes: `VOLUME_QUANTILES` at `NORMAL_SCORES`.

    Between two bounds the log is linear in the score, and so it goes on beyond the outer ones. Where the lower of two
    is zero there is no log, and the volume is linear, never below zero.

    Examples
    --------
    >>> bounds = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    >>> volumes(NORMAL_SCORES, bounds).round(6).tolist()
    [1.0, 2.0, 4.0, 8.0, 16.0]
    >>> volumes(NORMAL_SCORES[3:4] / 2, bounds).round(6).tolist()  # half way from the median to upper_80, in logs
    [5.656854]
    """
    place = np.clip(np.searchsorted(NORMAL_SCORES, scores) - 1, 0, len(NORMAL_SCORES) - 2)
    way = (scores - NORMAL_SCORES[place]) / (NORMAL_SCORES[place + 1] - NORMAL_SCORES[place])
    low, high = bounds[place], bounds[place + 1]
    positive = low > 0
    logs = np.log(np.where(positive, high, 1) / np.where(positive, low, 1))
    drawn: np.ndarray = np.where(positive, low * np.exp(way * logs), np.maximum(way * high, 0.0))
    return drawn


KNOWN_WITHIN = 0.1
"""Share of the way from none to a quantile's probability, at its end, over which the quantile falls to none."""


def with_none(volumes_by_month: np.ndarray, none: np.ndarray) -> np.ndarray:
    """Volumes (months, quantiles) where there is none at all with probability ``none`` (months,): of the mixture.

    A quantile at or below that probability is zero, and the others are such quantiles of the volumes as are left. They
    fall to zero over the last `KNOWN_WITHIN` of the way, since no such probability is known to the digit.

    Examples
    --------
    >>> cell = np.array([[25.0, 50.0, 100.0, 200.0, 400.0]])
    >>> with_none(cell, np.array([0.2])).round().tolist()
    [[0.0, 0.0, 84.0, 186.0, 362.0]]
    >>> with_none(cell, np.array([0.6])).round().tolist()
    [[0.0, 0.0, 0.0, 144.0, 259.0]]
    """
    found = volumes_by_month.copy()
    for place in np.flatnonzero(none > 0):
        left = (PROBABILITIES - none[place]) / max(1.0 - none[place], 1e-300)
        known = np.clip((PROBABILITIES - none[place]) / (KNOWN_WITHIN * PROBABILITIES), 0.0, 1.0)
        found[place] = known * volumes(ndtri(np.maximum(left, 1e-12)), volumes_by_month[place])
    return found


def within_record(
    volumes: np.ndarray,
    record: float | np.ndarray,
    known: int | np.ndarray,
    ahead: int | np.ndarray = 1,
    doubt: float | np.ndarray = 0.0,
    expected: float | np.ndarray = 0.0,
) -> np.ndarray:
    """``volumes`` (cells, quantiles) with upper bounds within `BEYOND_RECORD` of the larger of median and ``record``.

    ``record`` is the largest of ``known`` months, in the unit of the volumes; the cell is ``ahead`` months after the
    last of them, and the log of the multiple grows with the root of these, as the spread of a random walk does, or as
    there are fewer than `RECORD_MONTHS`, whichever is more.
    ``doubt`` is the standard deviation (logs) of what no record tells, the effect of measures in the cell, of which
    ``expected`` is the mean, against the month of the record: as far as its bound lies above that it is added in
    squares, since what comes back comes back to where it was. Each is one for all cells or (cells,).

    Examples
    --------
    >>> cell = np.array([[10.0, 40.0, 100.0, 900.0, 9000.0]])
    >>> within_record(cell, 200.0, 60).tolist()
    [[10.0, 40.0, 100.0, 300.0, 500.0]]
    >>> within_record(cell, 200.0, 60, ahead=4).round(6).tolist()
    [[10.0, 40.0, 100.0, 450.0, 1250.0]]
    >>> within_record(cell, 200.0, 60, doubt=0.9).round().tolist()
    [[10.0, 40.0, 100.0, 679.0, 1460.0]]
    >>> within_record(cell, 200.0, 60, doubt=0.9, expected=-1.0).round().tolist()
    [[10.0, 40.0, 100.0, 309.0, 659.0]]
    """
    found, largest = volumes.copy(), np.maximum(record, volumes[:, MEDIAN])
    for level, multiple in BEYOND_RECORD.items():
        beyond = np.log(multiple) * np.maximum(np.sqrt(ahead), RECORD_MONTHS / np.asarray(known))
        spread = HALF_WIDTH[level] * np.asarray(doubt)
        bound = largest * np.exp(np.hypot(beyond, np.clip(expected + spread, 0.0, spread)))
        found[:, UPPER[level]] = np.minimum(found[:, UPPER[level]], bound)
    return found
