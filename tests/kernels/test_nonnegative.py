"""Least squares without negative coefficients, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from forecast.kernels.nonnegative import nonnegative_least_squares


@pytest.mark.parametrize("columns", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("alike", [0.0, 0.9, 0.999])
def test_coefficients_are_those_of_scipy(columns, alike):
    """Columns that are unlike, alike and nearly the same, for targets of any sign: zeros are the same too."""
    rng = np.random.default_rng([columns, int(1000 * alike)])
    zeros = 0
    for _ in range(200):
        common = rng.standard_normal((30, 1))
        rows = np.sqrt(alike) * common + np.sqrt(1.0 - alike) * rng.standard_normal((30, columns))
        target = rows @ rng.standard_normal(columns) + rng.standard_normal(30)
        expected = nnls(rows, target)[0]
        found = nonnegative_least_squares(rows.T @ rows, rows.T @ target)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * max(expected.max(), 1e-3))
        zeros += int((expected == 0.0).sum())
        assert (found[expected == 0.0] == 0.0).all()
    assert zeros > 0


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_rows_than_coefficients(rows):
    """Without rows all are zero; of one row one coefficient says all."""
    design, target = np.full((rows, 2), [[2.0, 1.0]] * rows or 0.0), np.full(rows, 3.0)
    found = nonnegative_least_squares(design.T @ design, design.T @ target)
    np.testing.assert_allclose(design @ found, target)
    assert (found >= 0).all()
    assert (found > 0).sum() == rows
