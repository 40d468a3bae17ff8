"""Totals of several months: what they say of the months that are not known one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from forecast.tables.frames import records


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
    covered, found = volume.notna().to_numpy(), []
    spans = totals.assign(months=totals["end"].astype("int64") - totals["start"].astype("int64"))
    for row in records(spans.sort_values("months", kind="stable")):
        inside = np.asarray((volume.index >= row.start) & (volume.index <= row.end))
        unknown = inside & volume.isna().to_numpy()
        rest = row.volume_t - float(volume[inside].sum())
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
    first = min([volume.index[0], *totals["start"]])
    filled = volume.reindex(pd.period_range(first, volume.index[-1], freq="M"))
    within = totals[totals["end"] <= volume.index[-1]]
    for months, mean in remainders(filled, within):
        filled = filled.mask(months, mean)
    return filled
