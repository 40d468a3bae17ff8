"""What the kernels compute on: columns of floats by month, the months of a season, and the floor of logs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEASON = 12
"""Months of a year."""

FLOOR = 0.01
"""Share of a usual month that is added before the log."""

FLOOR_MONTHS = 24
"""Positive months at the end that say what a usual one is."""


def floor_of(volume: np.ndarray, otherwise: float = 0.0) -> float:
    """One hundredth of the median of the last 24 positive months, in the unit of ``volume``.

    Months under a hundredth of the median of all positive ones do not count, so that 0 and 1 kg are the same news.

    Examples
    --------
    >>> floor_of(np.array([100.0, 300.0, 0.0, 200.0]))
    2.0
    """
    positive = volume[volume > 0]
    if not len(positive):
        return otherwise
    counted = positive[positive > FLOOR * np.median(positive)]
    return FLOOR * float(np.median(counted[-FLOOR_MONTHS:]))
