"""Sobol' points are those of scipy, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from forecast.kernels.sobol import DIMENSIONS, sobol_points


@pytest.mark.parametrize("dimensions", [1, 2, 11, DIMENSIONS, DIMENSIONS + 1])
@pytest.mark.parametrize("doublings", [1, 5, 12, 14])
def test_points_are_those_of_scipy(dimensions: int, doublings: int) -> None:
    """Every dimension of the table, and those beyond it."""
    theirs = qmc.Sobol(dimensions, scramble=False).random_base2(doublings)
    np.testing.assert_array_equal(sobol_points(dimensions, doublings), theirs)
