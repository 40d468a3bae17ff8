"""Least squares whose coefficients are not negative, for a handful of them."""

from __future__ import annotations

import numpy as np

from forecast.kernels.arrays import Floats

TOLERANCE = 1e-12
"""Share of the largest moment by which a coefficient has to be worth it to be taken in."""


def nonnegative_least_squares(gram: Floats, moments: Floats) -> Floats:
    """The coefficients ``x``, none negative, that make ``x @ gram @ x / 2 - moments @ x`` least, by an active set.

    ``gram`` has the shape (coefficients, coefficients) and ``moments`` (coefficients,): of rows ``A`` and targets ``b``
    they are ``A.T @ A`` and ``A.T @ b``.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where coefficients that are worth taking in cannot be told apart.

    References
    ----------
    Lawson & Hanson (1974), Solving Least Squares Problems, algorithm 23.10, https://doi.org/10.1137/1.9781611971217

    Examples
    --------
    >>> nonnegative_least_squares(np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([1.0, -1.0])).tolist()
    [1.0, 0.0]
    """
    found, inside = np.zeros(len(moments)), np.zeros(len(moments), dtype=bool)
    least = TOLERANCE * np.abs(moments).max(initial=0.0)
    for _ in range(3 * len(moments)):
        worth = np.where(inside, -np.inf, moments - gram @ found)
        if not (worth > least).any():
            break
        inside[np.argmax(worth)] = True
        while True:
            tried = np.zeros_like(found)
            tried[inside] = np.linalg.solve(gram[np.ix_(inside, inside)], moments[inside])
            below = inside & (tried < 0)
            if not below.any():
                break
            found += (found[below] / (found[below] - tried[below])).min() * (tried - found)
            inside &= found > TOLERANCE * found.max()
        found = tried
    return found
