"""Days and months: release days, Lunar New Year, and the share of a month's days on which something holds.

Every regressor of this package starts as a series of days and ends as its mean over the days of each month, so an
event that begins on the 20th acts on a third of its month.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

RELEASE_DAY = 20
DAYS_A_MONTH = 365.25 / 12
NEW_YEAR_WINDOWS = {"before": (-20, 0), "during": (0, 7), "after": (7, 21)}
"""Days from Lunar New Year's Day, first included, last not: the rush, the week off, the weeks until work is whole."""


@dataclass(frozen=True)
class Days:
    """The days of consecutive months: ``ordinals`` (proleptic ordinals, one per day) and where each month starts."""

    months: pd.PeriodIndex
    ordinals: np.ndarray
    starts: np.ndarray

    def monthly(self, daily: np.ndarray) -> np.ndarray:
        """Mean of ``daily`` (one value per day) over the days of each month."""
        lengths = np.diff(np.append(self.starts, len(self.ordinals)))
        return np.asarray(np.add.reduceat(daily, self.starts) / lengths)

    def between(self, start: date, end: date | None) -> np.ndarray:
        """1.0 on the days of [start, end), else 0.0; an open end (None) goes on for ever."""
        inside = self.ordinals >= start.toordinal()
        if end is not None:
            inside &= self.ordinals < end.toordinal()
        return np.asarray(inside, dtype=float)


def month_ordinal(day: date) -> int:
    """The ordinal of the month of a day, counted from January 1970.

    Examples
    --------
    >>> month_ordinal(date(1970, 2, 1))
    1
    """
    return (day.year - 1970) * 12 + day.month - 1


def months_of(ordinals: np.ndarray) -> pd.PeriodIndex:
    """Months from their ordinals, counted from January 1970.

    Examples
    --------
    >>> months_of(np.array([0, 1])).astype(str).tolist()
    ['1970-01', '1970-02']
    """
    months: pd.PeriodIndex = pd.PeriodIndex.from_ordinals(ordinals, freq="M")  # type: ignore[attr-defined]
    return months


@lru_cache(maxsize=4096)
def consecutive_months(first: int, count: int) -> pd.PeriodIndex:
    """So many months from an ordinal on.

    Examples
    --------
    >>> consecutive_months(0, 2).astype(str).tolist()
    ['1970-01', '1970-02']
    """
    return months_of(np.arange(first, first + count))


def month_lengths(months: pd.PeriodIndex) -> np.ndarray:
    """Days of each month over those of a mean month."""
    return _lengths(months.asi8.tobytes())


@lru_cache(maxsize=1024)
def _lengths(ordinals: bytes) -> np.ndarray:
    lengths = np.asarray(months_of(np.frombuffer(ordinals, np.int64)).days_in_month / DAYS_A_MONTH)
    lengths.flags.writeable = False  # everybody who asks is given the same
    return lengths


def days_of(months: pd.PeriodIndex) -> Days:
    """The days of ``months``, which must be consecutive."""
    return _days(months[0].ordinal, len(months))


@lru_cache(maxsize=256)
def _days(first: int, count: int) -> Days:
    months = consecutive_months(first, count)
    begins = np.array([date(month.year, month.month, 1).toordinal() for month in [*months, months[-1] + 1]])
    return Days(months, np.arange(begins[0], begins[-1]), begins[:-1] - begins[0])


@lru_cache(maxsize=256)
def lunar_new_year(year: int) -> date:
    """Lunar New Year's Day of a year, from the `holidays` package.

    Raises
    ------
    ValueError
        Outside the years 1950 to 2100.

    Examples
    --------
    >>> lunar_new_year(2025)
    datetime.date(2025, 1, 29)
    """
    import holidays

    official = holidays.country_holidays("CN", years=year, language="en_US", observed=False)
    named = official.get_named("Chinese New Year (Spring Festival)", lookup="exact")
    if not named:
        raise ValueError(f"expected a year from 1950 to 2100, found {year}, of which no Lunar New Year is known.")
    return min(day for day in named if day.year == year)


def lunar_new_year_shares(months: pd.PeriodIndex) -> dict[str, np.ndarray]:
    """Share of each month's days before, during and after Lunar New Year (`NEW_YEAR_WINDOWS`).

    Arrays of one value a month by ``lunar_new_year_before``, ``_during``, ``_after``; months must be consecutive.

    References
    ----------
    Findley, Monsell, Bell, Otto & Chen (1998), https://doi.org/10.1080/07350015.1998.10524743 (moving holidays by
    share of days); Roberts & White (2015), Reserve Bank of Australia RDP 2015-13 (windows around Lunar New Year).

    Examples
    --------
    >>> import pandas as pd
    >>> shares = lunar_new_year_shares(pd.period_range("2025-01", "2025-02", freq="M"))
    >>> (shares["lunar_new_year_during"] * [31, 28]).round(6).tolist()  # 29 to 31 January, 1 to 4 February
    [3.0, 4.0]
    """
    return dict(_new_year_shares(months[0].ordinal, len(months)))


@lru_cache(maxsize=256)
def _new_year_shares(first: int, count: int) -> dict[str, np.ndarray]:
    days = _days(first, count)
    new_years = [lunar_new_year(year) for year in range(days.months[0].year - 1, days.months[-1].year + 2)]
    shares = {f"lunar_new_year_{part}": _window(days, new_years, *NEW_YEAR_WINDOWS[part]) for part in NEW_YEAR_WINDOWS}
    for share in shares.values():
        share.flags.writeable = False  # everybody who asks is given the same
    return shares


def _window(days: Days, new_years: Iterable[date], first: int, last: int) -> np.ndarray:
    inside = np.zeros(len(days.ordinals))
    for day in new_years:
        inside += days.between(day + timedelta(days=first), day + timedelta(days=last))
    return days.monthly(inside)


def release_day(month: pd.Period) -> date:
    """The day on which Chinese customs publish a month by country: the 20th of the next month.

    Nothing comes out in February: January and February both come on 20 March.

    Examples
    --------
    >>> import pandas as pd
    >>> release_day(pd.Period("2025-05")), release_day(pd.Period("2026-01"))
    (datetime.date(2025, 6, 20), datetime.date(2026, 3, 20))
    """
    published = month + (2 if month.month == 1 else 1)
    return date(published.year, published.month, RELEASE_DAY)


def next_release(after: date) -> date:
    """The first release day later than ``after``.

    Examples
    --------
    >>> from datetime import date
    >>> next_release(date(2026, 1, 20))
    datetime.date(2026, 3, 20)
    """
    month = pd.Period(year=after.year, month=after.month, freq="M") - 2
    while release_day(month) <= after:
        month += 1
    return release_day(month)
