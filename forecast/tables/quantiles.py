"""The one quantile axis: five quantiles in ascending order, with the median by name and two interval levels.

Every array of quantiles in the package has this axis last; tables have the same quantiles as columns.
"""

from __future__ import annotations

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
