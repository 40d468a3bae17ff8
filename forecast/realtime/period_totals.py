"""Totals of several months: what they say of the months that are not known one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.realtime.days import consecutive_months


def remainders(volume: pd.Series, totals: pd.DataFrame) -> list[tuple[np.ndarray, float]]:
    """Mean volume of the unobserved months implied by each period total, with a mask of those months.

    Months known by themselves are taken off their total; of totals that overlap in other months the shortest counts.

    Examples
    --------
    >>> month = pd.period_range("2023-01", "2023-03", freq="M")
    >>> totals = pd.DataFrame({"start": month[:1], "end": month[2:], "volume_t": [28.0]})
    >>> remainders(pd.Series([np.nan, 8.0, np.nan], month), totals)
    [(array([ True, False,  True]), 10.0)]
    """
    values, months = volume.to_numpy(dtype=float), pd.PeriodIndex(volume.index).asi8
    missing, found = np.isnan(values), []
    covered, known = ~missing, np.where(missing, 0.0, values)
    starts, ends = totals["start"].array.asi8, totals["end"].array.asi8
    sums = totals["volume_t"].to_numpy(dtype=float)
    for at in np.argsort(ends - starts, kind="stable"):
        inside = (months >= starts[at]) & (months <= ends[at])
        unknown = inside & missing
        rest = float(sums[at] - known[inside].sum())
        if unknown.any() and not (unknown & covered).any() and rest > 0:
            found.append((unknown, rest / int(unknown.sum())))
            covered = covered | unknown
    return found


def with_totals(volume: pd.Series, totals: pd.DataFrame) -> pd.Series:
    """``volume`` (tonnes by consecutive month, gaps as NaN) with the months inside a total at their mean.

    The series begins with the first month of any total, where that is earlier.

    Examples
    --------
    >>> month = pd.period_range("2023-03", "2023-04", freq="M")
    >>> half_year = pd.DataFrame({"start": month[:1] - 2, "end": month[1:], "volume_t": [40.0]})
    >>> with_totals(pd.Series([10.0, np.nan], month), half_year).tolist()
    [10.0, 10.0, 10.0, 10.0]
    """
    if not len(totals):
        return volume
    begin, end = volume.index[0].ordinal, volume.index[-1].ordinal
    first = min(begin, int(totals["start"].array.asi8.min()))
    before = np.full(begin - first, np.nan)
    months = consecutive_months(first, end + 1 - first)
    filled = pd.Series(np.append(before, volume.to_numpy(dtype=float)), months, name=volume.name)
    values = filled.to_numpy(copy=True)
    for unknown, mean in remainders(filled, totals[totals["end"].array.asi8 <= end]):
        values[unknown] = mean
    return pd.Series(values, months, name=volume.name)
