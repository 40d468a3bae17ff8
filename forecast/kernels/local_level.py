"""A local level through the Kalman filter, a random walk seen with noise: compiled."""

from __future__ import annotations

import math

import numpy as np

from forecast.kernels.arrays import Floats
from forecast.kernels.jit import compiled


@compiled
def filtered(path: Floats, share: float) -> tuple[float, float, int, float, float]:
    """The level after the last of ``path`` (n,), its variance, and what the likelihood is made of.

    That is how many values came after the first, the sum of their squared errors over the variances expected, and the
    sum of the logs of these. Variances are relative to noise and monthly step of the level together, the step having
    the ``share`` (0 to 1). Gaps in ``path`` are NaN; the first observed value starts the level.
    """
    noise = 1.0 - share
    level, uncertainty = np.nan, noise
    count, squares, logs = 0, 0.0, 0.0
    for value in path:
        if np.isnan(level):
            level = value
            continue
        uncertainty += share
        if np.isnan(value):
            continue
        spread = uncertainty + noise
        error = value - level
        gain = uncertainty / spread
        level += gain * error
        uncertainty = gain * noise
        count, squares, logs = count + 1, squares + error * error / spread, logs + math.log(spread)
    return level, uncertainty, count, squares, logs


@compiled
def cost(share: float, path: Floats) -> float:
    """Minus the log-likelihood of ``path`` at a ``share``, the variance profiled out; see `filtered`."""
    _, _, count, squares, logs = filtered(path, share)
    return (count * (math.log(2.0 * math.pi * (squares / count)) + 1.0) + logs) / 2.0
