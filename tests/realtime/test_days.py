"""Days counted by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.realtime.days import days_of, lunar_new_year, lunar_new_year_shares, next_release, release_day


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (2001, (1, 24)),
        (2018, (2, 16)),
        (2020, (1, 25)),
        (2023, (1, 22)),
        (2025, (1, 29)),
        (2026, (2, 17)),
        (2027, (2, 6)),
    ],
)
def test_lunar_new_year_is_the_day_that_almanacs_give(year, day):
    """New Year's Day, not its eve, whatever the official days off."""
    assert lunar_new_year(year) == date(year, *day)


@pytest.mark.parametrize("year", [1900, 2101])
def test_a_year_without_lunar_new_year_is_refused(year):
    """Beyond the almanac the year is named."""
    with pytest.raises(ValueError, match=rf"^expected a year from 1950 to 2100, found {year},"):
        lunar_new_year(year)


def test_shares_around_lunar_new_year_equal_days_counted_by_hand():
    """New Year on 29 January 2025: 20 days before, from the 9th; 7 during, to 4 February; 14 after, to the 18th."""
    shares = lunar_new_year_shares(pd.period_range("2024-12", "2025-03", freq="M"))
    days = pd.DataFrame(shares).mul([31, 31, 28, 31], axis=0).round(9)
    assert days["lunar_new_year_before"].tolist() == [0, 20, 0, 0]
    assert days["lunar_new_year_during"].tolist() == [0, 3, 4, 0]
    assert days["lunar_new_year_after"].tolist() == [0, 0, 14, 0]


def test_a_window_that_reaches_over_new_years_eve_of_the_calendar_year_is_counted():
    """2023: New Year on 22 January, so the 20 days before begin on 2 January; 2020: 25 January, on 5 January."""
    shares = lunar_new_year_shares(pd.period_range("2023-01", "2023-02", freq="M"))
    days = pd.DataFrame(shares).mul([31, 28], axis=0)
    assert days.round(9).to_numpy().tolist() == [[20, 7, 3], [0, 0, 11]]


def test_share_of_days_equals_a_plain_count():
    """The mean over days of a month of an indicator is the count of its days over the length of the month."""
    days = days_of(pd.period_range("2024-01", "2024-04", freq="M"))
    share = days.monthly(days.between(date(2024, 2, 20), date(2024, 3, 11)))
    assert np.allclose(share, [0, 10 / 29, 10 / 31, 0])


def test_january_and_february_come_out_together():
    """Nothing is published in February; both months come on 20 March."""
    months = pd.period_range("2025-12", "2026-03", freq="M")
    assert [release_day(month) for month in months] == [
        date(2026, 1, 20), date(2026, 3, 20), date(2026, 3, 20), date(2026, 4, 20),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (date(2026, 8, 19), date(2026, 8, 20)),
        (date(2026, 8, 20), date(2026, 9, 20)),
        (date(2026, 1, 20), date(2026, 3, 20)),
        (date(2026, 2, 28), date(2026, 3, 20)),
        (date(2025, 12, 20), date(2026, 1, 20)),
    ],
)
def test_next_release_is_the_first_publication_after_a_day(after, expected):
    """The day itself does not count: its figures are out."""
    assert next_release(after) == expected
