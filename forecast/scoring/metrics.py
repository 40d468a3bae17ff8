"""Measures of a forecast against the actual, one line each: losses (a value per row), then measures (one number).

Symbols, the same throughout: ``y`` the actual, ``f`` the forecast (a median), ``l`` and ``u`` the bounds of a central
interval, ``n`` rows. Volumes are in tonnes; bounds that share a unit with the actual keep it.

Every argument is a number or holds one value per row. Rows whose actual is not out are left out by the caller: a
missing or infinite value raises, because a comparison with NaN is quietly false. A ratio without a denominator
(all actuals zero) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_SEASONAL_LAG = 12
MIN_PAIRS = 6


# Losses: one value per row


def absolute_error(actual: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Absolute error of each row, ``|f - y|``, in the unit of the actual.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, or hold a missing or infinite value.

    Examples
    --------
    >>> absolute_error([10, 20], [12, 15]).tolist()
    [2.0, 5.0]
    """
    y, f = _rows(actual=actual, forecast=forecast)
    return np.abs(f - y)


def pinball(actual: ArrayLike, quantile: ArrayLike, tau: float) -> FloatArray:
    """Pinball (quantile) loss of each row, ``max(tau (y - q), (tau - 1) (y - q))``, in the unit of the actual.

    ``q`` is the forecast of the quantile ``tau``, strictly between 0 and 1; half the absolute error at 0.5.

    Raises
    ------
    ValueError
        When ``tau`` is outside (0, 1), or the arguments differ in length, are empty, or hold a missing value.

    References
    ----------
    Koenker and Bassett (1978), Regression quantiles, doi 10.2307/1913643.

    Examples
    --------
    Ten too low costs nine times what ten too high does, for the 90 % quantile:

    >>> pinball([20, 20], [10, 30], tau=0.9).round(12).tolist()
    [9.0, 1.0]
    """
    if not 0 < tau < 1:
        raise ValueError(f"pinball: tau is {tau}; a quantile lies strictly between 0 and 1.")
    y, q = _rows(actual=actual, quantile=quantile)
    return np.maximum(tau * (y - q), (tau - 1) * (y - q))


def interval_score(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike, level: float) -> FloatArray:
    """Interval score of each row, ``(u - l) + (2/a) max(l - y, 0) + (2/a) max(y - u, 0)`` with ``a = 1 - level/100``.

    The width, and a fine for each tonne by which the actual falls outside. ``level`` is in percent, 80 for 80 %.

    Raises
    ------
    ValueError
        When ``level`` is outside (0, 100), a lower bound lies above its upper one, or the arguments differ in length,
        are empty, or hold a missing value.

    References
    ----------
    Gneiting and Raftery (2007), Strictly proper scoring rules, doi 10.1198/016214506000001437.

    Examples
    --------
    Inside: the width, 20. Three above the upper bound of an 80 % interval: 20 + 2/0.2 x 3.

    >>> interval_score([25, 33], [10, 10], [30, 30], level=80).round(12).tolist()
    [20.0, 50.0]
    """
    if not 0 < level < 100:
        raise ValueError(f"interval_score: level is {level}; give percent strictly between 0 and 100, such as 80.")
    y, low, up = _interval(actual, lower, upper)
    return (up - low) + 200 / (100 - level) * (np.maximum(low - y, 0) + np.maximum(y - up, 0))


def weighted_interval_score(
    actual: ArrayLike,
    median: ArrayLike,
    lower_80: ArrayLike,
    upper_80: ArrayLike,
    lower_95: ArrayLike,
    upper_95: ArrayLike,
) -> FloatArray:
    """Weighted interval score of each row, ``(|y - f|/2 + sum_k (a_k/2) IS_k) / (K + 1/2)``, K = 2 intervals.

    With ``a = 0.2`` and ``0.05`` the weights are 0.5, 0.1, 0.025, and the divisor 2.5. It equals twice the mean
    pinball loss over the five quantiles, approximates the CRPS, and is in the unit of the actual.

    Raises
    ------
    ValueError
        When a lower bound lies above its upper one, or the arguments differ in length, are empty, or hold a missing
        value.

    References
    ----------
    Bracher, Ray, Gneiting and Reich (2021), Evaluating epidemic forecasts in an interval format,
    doi 10.1371/journal.pcbi.1008618.

    Examples
    --------
    ``(10/2 + 0.1 x 20 + 0.025 x 40) / 2.5``:

    >>> weighted_interval_score([30], [20], [10], [30], [0], [40]).round(12).tolist()
    [3.2]
    """
    inner = interval_score(actual, lower_80, upper_80, level=80)
    outer = interval_score(actual, lower_95, upper_95, level=95)
    return (0.5 * absolute_error(actual, median) + 0.1 * inner + 0.025 * outer) / 2.5


# Measures: one number


def mae(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Mean absolute error, ``(1/n) sum |f - y|``, in the unit of the actual.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, or hold a missing or infinite value.

    References
    ----------
    Willmott and Matsuura (2005), doi 10.3354/cr030079.

    Examples
    --------
    >>> mae([10, 20, 30], [12, 15, 30])  # (2 + 5 + 0) / 3
    2.3333333333333335
    """
    return float(np.mean(absolute_error(actual, forecast)))


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Weighted absolute percentage error, ``sum |f - y| / sum |y|``, a fraction; NaN when every actual is zero.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, or hold a missing or infinite value.

    References
    ----------
    Davydenko and Fildes (2013), Measuring forecasting accuracy, doi 10.1016/j.ijforecast.2012.09.002.

    Examples
    --------
    >>> wape([10, 20, 20], [12, 15, 20])  # 7 / 50
    0.14
    """
    return _ratio(np.sum(absolute_error(actual, forecast)), np.sum(np.abs(np.asarray(actual, dtype=float))))


def bias(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Bias, ``sum (f - y) / sum y``, a fraction: above zero the forecasts were too high; NaN when actuals sum to zero.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, or hold a missing or infinite value.

    References
    ----------
    Davydenko and Fildes (2013), Measuring forecasting accuracy, doi 10.1016/j.ijforecast.2012.09.002.

    Examples
    --------
    >>> bias([10, 20, 20], [12, 15, 20])  # (2 - 5) / 50
    -0.06
    """
    y, f = _rows(actual=actual, forecast=forecast)
    return _ratio(np.sum(f - y), np.sum(y))


def mase(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute scaled error, ``(1/n) sum |f - y| / s``; below one it beats last year's same month in training.

    ``s`` is `seasonal_scale` of the row's series: one number, or one per row.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, hold a missing value, or a scale is not above zero.

    References
    ----------
    Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001.

    Examples
    --------
    >>> mase([10, 200], [12, 180], scale=[4, 20])  # (2/4 + 20/20) / 2
    0.75
    """
    return float(np.mean(absolute_error(actual, forecast) / _positive(scale)))


def rmsse(actual: ArrayLike, forecast: ArrayLike, scale_squared: ArrayLike) -> float:
    """Root mean squared scaled error, ``sqrt((1/n) sum (f - y)^2 / s2)``, without a unit.

    ``s2`` is `seasonal_scale_squared` of the row's series: one number, or one per row. Over several series the mean
    is taken over rows, before the root.

    Raises
    ------
    ValueError
        When the arguments differ in length, are empty, hold a missing value, or a scale is not above zero.

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos (2022), M5 accuracy competition, doi 10.1016/j.ijforecast.2021.11.013.

    Examples
    --------
    >>> rmsse([10, 200], [14, 180], scale_squared=[16, 400])  # sqrt((16/16 + 400/400) / 2)
    1.0
    """
    return float(np.sqrt(np.mean(absolute_error(actual, forecast) ** 2 / _positive(scale_squared))))


def wis(
    actual: ArrayLike,
    median: ArrayLike,
    lower_80: ArrayLike,
    upper_80: ArrayLike,
    lower_95: ArrayLike,
    upper_95: ArrayLike,
) -> float:
    """Mean `weighted_interval_score`, ``(1/n) sum WIS``, in the unit of the actual; for a point forecast, the MAE.

    Raises
    ------
    ValueError
        When a lower bound lies above its upper one, or the arguments differ in length, are empty, or hold a missing
        value.

    References
    ----------
    Bracher, Ray, Gneiting and Reich (2021), doi 10.1371/journal.pcbi.1008618.

    Examples
    --------
    ``(0 + 0.1 x 20 + 0.025 x 40) / 2.5`` is 1.2 for an actual at the median; 3.2 at the upper 80 % bound:

    >>> round(wis([20, 30], [20, 20], [10, 10], [30, 30], [0, 0], [40, 40]), 12)
    2.2
    """
    return float(np.mean(weighted_interval_score(actual, median, lower_80, upper_80, lower_95, upper_95)))


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Coverage, ``(1/n) sum [l <= y <= u]``: the fraction of actuals inside the interval, bounds included.

    Raises
    ------
    ValueError
        When a lower bound lies above its upper one, or the arguments differ in length, are empty, or hold a missing
        value.

    References
    ----------
    Christoffersen (1998), Evaluating interval forecasts, doi 10.2307/2527341.

    Examples
    --------
    >>> coverage([10, 20, 30, 40], [5, 5, 5, 5], [30, 30, 30, 30])  # 10, 20 and 30 of four
    0.75
    """
    y, low, up = _interval(actual, lower, upper)
    return float(np.mean((low <= y) & (y <= up)))


def skill(score: float, score_naive: float) -> float:
    """Skill, ``1 - score / score_naive``: 1 is perfect, 0 no better than naive; NaN when naive was perfect.

    Any measure that is better when smaller and zero when perfect (MAE, WIS), of both models over the same rows.

    Raises
    ------
    ValueError
        When either score is negative, missing or infinite.

    References
    ----------
    Murphy (1988), Skill scores based on the mean square error, doi 10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2.

    Examples
    --------
    >>> skill(30.0, 40.0)  # a quarter less
    0.25
    """
    if not (0 <= score < np.inf and 0 <= score_naive < np.inf):
        raise ValueError(f"skill: scores are {score} and {score_naive}; both must be finite and not negative.")
    return 1 - _ratio(score, score_naive)


MEASURES: dict[str, Callable[..., float]] = {
    "mae_t": mae,
    "wape": wape,
    "mase": mase,
    "rmsse": rmsse,
    "bias": bias,
    "wis": wis,
    "coverage": coverage,
    "skill": skill,
}
"""Every measure by the name that it has in tables; ``coverage`` stands there once per level."""


# Scales of MASE and RMSSE


def seasonal_scale(volume_t: ArrayLike) -> float:
    """Mean absolute 12-month difference, ``(1/P) sum |y_t - y_(t-12)|`` over the P pairs observed, in tonnes.

    ``volume_t`` holds consecutive months with gaps as NaN. NaN with fewer than six pairs, and where every difference
    is zero: such a series has no scale.

    Raises
    ------
    ValueError
        When ``volume_t`` is not one series.

    References
    ----------
    Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001.

    Examples
    --------
    A year of 10, then three months of 14 and three of 8: differences 4, 4, 4, 2, 2, 2.

    >>> seasonal_scale([10] * 12 + [14, 14, 14, 8, 8, 8])
    3.0
    >>> seasonal_scale([10] * 12 + [14, 14, 14, 8, 8])
    nan
    """
    return _scale(np.abs(_seasonal_differences(volume_t)))


def seasonal_scale_squared(volume_t: ArrayLike) -> float:
    """Mean squared 12-month difference, ``(1/P) sum (y_t - y_(t-12))^2`` over the P pairs observed, in tonnes squared.

    ``volume_t`` holds consecutive months with gaps as NaN. NaN with fewer than six pairs, and where every difference
    is zero.

    Raises
    ------
    ValueError
        When ``volume_t`` is not one series.

    References
    ----------
    Hyndman and Koehler (2006), doi 10.1016/j.ijforecast.2006.03.001.

    Examples
    --------
    >>> seasonal_scale_squared([10] * 12 + [14, 14, 14, 8, 8, 8])  # (3 x 16 + 3 x 4) / 6
    10.0
    """
    return _scale(_seasonal_differences(volume_t) ** 2)


def _seasonal_differences(volume_t: ArrayLike) -> FloatArray:
    y = np.asarray(volume_t, dtype=float)
    if y.ndim != 1:
        raise ValueError(f"volume_t has {y.ndim} dimensions; give one series of consecutive months.")
    differences: FloatArray = y[_SEASONAL_LAG:] - y[:-_SEASONAL_LAG]
    return differences[~np.isnan(differences)]


def _scale(differences: FloatArray) -> float:
    if differences.size < MIN_PAIRS or not differences.any():
        return float("nan")
    return float(np.mean(differences))


# Checks


def _rows(**arguments: ArrayLike) -> list[FloatArray]:
    values = {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in arguments.items()}
    rows = max(value.size for value in values.values())
    for name, value in values.items():
        if value.size == 0:
            raise ValueError(f"{name} is empty; there is nothing to score.")
        if value.ndim > 1 or value.size not in (1, rows):
            raise ValueError(f"{name} has shape {value.shape}; expected one number, or one for each of {rows} rows.")
        missing = value.size - np.count_nonzero(np.isfinite(value))
        if missing:
            raise ValueError(f"{name} has {missing} missing or infinite of {value.size}; leave those rows out.")
    return list(values.values())


def _interval(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> list[FloatArray]:
    y, low, up = _rows(actual=actual, lower=lower, upper=upper)
    crossed = np.count_nonzero(low > up)
    if crossed:
        raise ValueError(f"{crossed} lower bounds lie above their upper bounds; expected lower <= upper in every row.")
    return [y, low, up]


def _positive(scale: ArrayLike) -> FloatArray:
    (value,) = _rows(scale=scale)
    if np.any(value <= 0):
        raise ValueError(f"scale is {value.min():g}; expected above zero, so leave out series without a scale.")
    return value


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")
