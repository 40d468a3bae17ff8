"""Exponential smoothing with one source of error, first states and regressors found by least squares: compiled.

A series is ``y[t] = w'a + s[m] + b'X[t] + e[t]``: a level part ``a`` of two states, which moves by a matrix ``A`` and
takes ``g e[t]``, and for each of twelve places ``m`` of the year a state ``s[m]`` that takes ``h e[t]`` when its month
comes. In a month without a figure the error is its expectation, zero. At given smoothing parameters the errors are
linear in the first states and in ``b``, so that the optimiser sees the smoothing parameters alone.

Forms are LEVEL, TREND and DAMPED (exponential smoothing [1]_) and COMPLEX (complex exponential smoothing [2]_), each
with a season or without. The first states of the complex form come from the series by a pass forwards and one
backwards [2]_, those of the others by least squares.

References
----------
.. [1] Hyndman, R. J., Koehler, A. B., Ord, J. K., Snyder, R. D. (2008), Forecasting with exponential smoothing: the
   state space approach. https://doi.org/10.1007/978-3-540-71918-2
.. [2] Svetunkov, I., Kourentzes, N., Ord, J. K. (2022), Complex exponential smoothing. Naval Research Logistics 69,
   1108-1123. https://doi.org/10.1002/nav.22074
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.kernels.arrays import SEASON, Floats
from forecast.kernels.jit import compiled, part
from forecast.kernels.likelihood import regression

Flags = NDArray[np.bool_]
Form = tuple[int, bool]
"""One of LEVEL, TREND, DAMPED and COMPLEX, and whether there is a season."""

LEVEL, TREND, DAMPED, COMPLEX = 0, 1, 2, 3
STATES = 2 + SEASON
LEAST_DAMPING, MOST_DAMPING = 0.8, 0.98
LEAST_GAIN = 1e-4
"""Of an error that the level takes, and that it leaves."""
LARGEST_ERROR = 1e3
"""In logs, of a series about ten at most and of regressors about one."""


class Series(NamedTuple):
    """Regressors and last the series by rows, zero where it has a gap; which months are ``known``; the prior's part.

    ``means`` and ``weights`` are those of the prior of the regressors, the weight being the variance of the errors over
    that of the prior; both are empty where coefficients are free.
    """

    rows: Floats
    known: Flags
    means: Floats
    weights: Floats
    share: float


class Angles(NamedTuple):
    """The prior of the smoothing parameters: normal in the angles of the optimiser, ``mean`` (angles,), one ``sd``."""

    mean: Floats
    sd: float


@part
def between(angle: float, low: float, high: float) -> float:
    """A number between two others, from one without bounds."""
    return low + (high - low) / (1.0 + math.exp(-angle))


@compiled
def moves(point: Floats, form: int, seasonal: bool) -> Floats:
    """The smoothing parameters at a ``point`` of the optimiser: w (2), A by rows (4), g (2) and h, shape (9,)."""
    out = np.zeros(9)
    out[0] = 1.0
    if form == COMPLEX:
        first, second = between(point[0], 0.01, 1.8), between(point[1], 0.01, 1.9)
        out[2], out[3], out[4], out[5] = 1.0, second - 1.0, 1.0, 1.0 - first
        out[6], out[7] = first - second, first + second
        if seasonal:
            out[8] = between(point[2], 0.0, 1.0)
        return out
    alpha = between(point[0], LEAST_GAIN, 1.0 - LEAST_GAIN)
    out[2], out[6] = 1.0, alpha
    if form != LEVEL:
        damping = between(point[2], LEAST_DAMPING, MOST_DAMPING) if form == DAMPED else 1.0
        out[1], out[3], out[5] = damping, damping, damping
        out[7] = alpha * between(point[1], 0.0, 1.0)
    if seasonal:
        out[8] = (1.0 - alpha) * between(point[-1], 0.0, 1.0)
    return out


@compiled
def run(column: Floats, known: Flags, state: Floats, by: Floats, errors: Floats, backwards: bool) -> None:
    """One-step ``errors`` of a ``column`` whose first month has place 0; ``state`` (a, then s) moves in place."""
    for i in range(column.size):
        t = column.size - 1 - i if backwards else i
        m = 2 + t % SEASON
        level, slope = state[0], state[1]
        error = column[t] - by[0] * level - by[1] * slope - state[m] if known[t] else 0.0
        state[0] = by[2] * level + by[3] * slope + by[6] * error
        state[1] = by[4] * level + by[5] * slope + by[7] * error
        state[m] += by[8] * error
        errors[t] = error


@compiled
def backcast(column: Floats, known: Flags, share: float, by: Floats, state: Floats, errors: Floats) -> None:
    """The first ``state`` of a ``column`` in the complex form, from a rough one by a pass forwards and one backwards.

    The rough one is the mean of the first twelve known months, and the mean of each place less a straight line.
    """
    n, count, total, early = column.size, 0, 0.0, 0.0
    for t in range(n):
        if known[t]:
            count += 1
            total += column[t]
            if count <= SEASON:
                early += (column[t] - early) / count
    state[0], state[1] = early, early / 1.1
    if share > 0.0:
        _seasonal_start(column, known, share, state)
    run(column, known, state, by, errors, False)
    run(column, known, state, by, errors, True)


@part
def _seasonal_start(column: Floats, known: Flags, share: float, state: Floats) -> None:
    """Write the means of the places of the year less a straight line, times ``share``, into ``state``."""
    count, centre, mean, square, along = 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(column.size):
        if known[t]:
            count += 1.0
            centre += t
            mean += column[t]
    centre, mean = centre / count, mean / count
    for t in range(column.size):
        if known[t]:
            square += (t - centre) ** 2
            along += (t - centre) * (column[t] - mean)
    counts = np.zeros(SEASON)
    for t in range(column.size):
        if known[t]:
            m = t % SEASON
            counts[m] += 1.0
            state[2 + m] += (column[t] - mean - along / square * (t - centre) - state[2 + m]) / counts[m]
    middle = 0.0
    for m in range(SEASON):
        middle += state[2 + m] / SEASON
    for m in range(SEASON):
        state[2 + m] = share * (state[2 + m] - middle)


@compiled
def first_states(form: int, seasonal: bool) -> NDArray[np.int64]:
    """Places in the state of the first states that least squares find: level, slope, and eleven months."""
    levels = 0 if form == COMPLEX else 1 if form == LEVEL else 2
    out = np.zeros(levels + (SEASON - 1 if seasonal and levels > 0 else 0), np.int64)
    for i in range(out.size):
        out[i] = i if i < levels else 2 + i - levels
    return out


@compiled
def one_step_errors(series: Series, form: int, seasonal: bool, by: Floats) -> tuple[Floats, Floats]:
    """Errors of each column, and the state that each ends in: first states, regressors, and last the series.

    They are linear: the errors of the series less ``b`` times a regressor are its errors less ``b`` times theirs.
    """
    starts = first_states(form, seasonal)
    count, n = starts.size + series.rows.shape[0], series.rows.shape[1]
    errors, states, nothing = np.zeros((count, n)), np.zeros((count, STATES)), np.zeros(n)
    for j in range(count):
        if j < starts.size:
            states[j, starts[j]] = -1.0
            run(nothing, series.known, states[j], by, errors[j], False)
        else:
            column = series.rows[j - starts.size]
            if form == COMPLEX:
                backcast(column, series.known, series.share if seasonal else 0.0, by, states[j], errors[j])
            run(column, series.known, states[j], by, errors[j], False)
    return errors, states


@part
def explodes(errors: Floats) -> bool:
    """Whether one-step errors, of regressors too, grow from month to month: nothing is left of digits in their sums."""
    for row in errors:
        for error in row:
            if not abs(error) < LARGEST_ERROR:
                return True
    return False


@compiled
def _objective(point: Floats, series: Series, angles: Angles, form: int, seasonal: bool) -> float:
    """Minus the log posterior density at a ``point``, variance and all that is linear being at their maximum."""
    by = moves(point, form, seasonal)
    errors, _ = one_step_errors(series, form, seasonal, by)
    if explodes(errors):
        return np.inf
    starts = errors.shape[0] - series.rows.shape[0]
    matrix, dependent = regression(errors, starts, series.means, series.weights, 1.0)
    if dependent >= 0:
        return np.inf
    n = 0.0
    for known in series.known:
        n += 1.0 if known else 0.0
    unlikely = 0.0
    for k in range(point.size):
        unlikely += 0.5 * ((point[k] - angles.mean[k]) / angles.sd) ** 2
    return 0.5 * n * (math.log(2.0 * math.pi * matrix[-1, -1] ** 2 / n) + 1.0) + unlikely


@compiled
def descend(
    points: Floats, close: float, most: int, series: Series, angles: Angles, form: int, seasonal: bool
) -> tuple[float, int]:
    """The lowest value that a simplex of ``points`` comes to, and the evaluations; in place, the best point first.

    It ends when the values at all corners are within ``close`` of each other (Nelder & Mead 1965,
    https://doi.org/10.1093/comjnl/7.4.308).
    """
    size = points.shape[1]
    values, centre, tried, further = np.empty(size + 1), np.empty(size), np.empty(size), np.empty(size)
    for i in range(size + 1):
        values[i] = _objective(points[i], series, angles, form, seasonal)
    count = size + 1
    while True:
        best, worst = settle(points, values)
        if values[size] - values[0] < close or count >= most:
            return values[0], count
        for k in range(size):
            centre[k] = 0.0
            for i in range(size):
                centre[k] += points[i, k] / size
            tried[k] = 2.0 * centre[k] - points[size, k]
        value = _objective(tried, series, angles, form, seasonal)
        count += 1
        if value < best or value >= worst:
            share = 2.0 if value < best else 0.5 if value < values[size] else -0.5
            for k in range(size):
                further[k] = centre[k] + share * (centre[k] - points[size, k])
            found = _objective(further, series, angles, form, seasonal)
            count += 1
            if found < value:
                value = found
                tried[:] = further
        if value < values[size]:
            values[size] = value
            points[size] = tried
        else:
            for i in range(1, size + 1):
                for k in range(size):
                    points[i, k] = 0.5 * (points[0, k] + points[i, k])
                values[i] = _objective(points[i], series, angles, form, seasonal)
            count += size


@part
def settle(points: Floats, values: Floats) -> tuple[float, float]:
    """Bring the best point to the front and the worst to the end; the best value, and the worst but one."""
    last = values.size - 1
    best, worst = 0, 0
    for i in range(last + 1):
        if values[i] < values[best]:
            best = i
    swap(points, values, 0, best)
    for i in range(last + 1):
        if values[i] >= values[worst]:
            worst = i
    swap(points, values, last, worst)
    second = values[0]
    for i in range(last):
        second = max(second, values[i])
    return values[0], second


@part
def swap(points: Floats, values: Floats, i: int, j: int) -> None:
    """Exchange two points and their values."""
    values[i], values[j] = values[j], values[i]
    for k in range(points.shape[1]):
        points[i, k], points[j, k] = points[j, k], points[i, k]


@compiled
def ahead(states: Floats, by: Floats, place: int, months: int) -> Floats:
    """What follows each of ``states`` without errors, from a ``place`` of the year on: shape (states, months)."""
    out = np.empty((states.shape[0], months))
    for j in range(states.shape[0]):
        state = states[j].copy()
        for t in range(months):
            level, slope = state[0], state[1]
            out[j, t] = by[0] * level + by[1] * slope + state[2 + (place + t) % SEASON]
            state[0] = by[2] * level + by[3] * slope
            state[1] = by[4] * level + by[5] * slope
    return out


@compiled
def responses(by: Floats, months: int) -> Floats:
    """What an error of one in each month ahead adds to that month and those behind it: shape (months, months)."""
    out, state = np.eye(months), np.zeros((1, STATES))
    state[0, 0], state[0, 1], state[0, 2 + SEASON - 1] = by[6], by[7], by[8]
    later = ahead(state, by, 0, months)
    for i in range(months):
        for t in range(i + 1, months):
            out[i, t] = later[0, t - i - 1]
    return out
