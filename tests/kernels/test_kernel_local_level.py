"""The compiled local level against the same recursion in plain Python."""

from __future__ import annotations

from math import isnan, log, pi

import numpy as np
import pytest

from forecast.kernels.local_level import cost, filtered

GAPS = {"complete": [], "first": [0, 1], "inside": [3, 4, 40], "last": [50, 58, 59]}


def plain(path: list[float], share: float) -> tuple[float, float, int, float, float]:
    """The Kalman filter of a local level that starts at the first value, a step at a time."""
    noise = 1 - share
    first = next(place for place, value in enumerate(path) if not isnan(value))
    level, uncertainty = path[first], noise
    count, squares, logs = 0, 0.0, 0.0
    for value in path[first + 1 :]:
        uncertainty += share
        if isnan(value):
            continue
        spread = uncertainty + noise
        error, gain = value - level, uncertainty / spread
        level, uncertainty = level + gain * error, gain * noise
        count, squares, logs = count + 1, squares + error * error / spread, logs + log(spread)
    return level, uncertainty, count, squares, logs


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
def test_the_filter_is_that_of_plain_python_to_the_last_digit(share, gaps):
    """Level, variance, count, squares and logs are the same numbers, so that a search over them ends at the same."""
    path = np.random.default_rng(1).normal(6, 0.4, 60)
    path[gaps] = np.nan
    expected = plain(path.tolist(), share)
    assert filtered(path, share) == expected
    _, _, count, squares, logs = expected
    assert cost(share, path) == (count * (log(2 * pi * (squares / count)) + 1) + logs) / 2
