"""What was known on a day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import calendar, exports, steady

import forecast as fc
from forecast.realtime.days import release_day
from forecast.realtime.releases import ReleaseHabit, as_of, months_ahead, origins, vintages_of
from forecast.tables.frames import usual_release


def test_a_volume_is_known_from_its_release_day():
    """The day before, the cutoff is a month earlier."""
    table = exports({"USA": [1.0, 2.0, 3.0]}, start="2025-03")
    assert as_of(table, calendar(), date(2025, 5, 19)).cutoff("magnets") == pd.Period("2025-03")
    assert as_of(table, calendar(), date(2025, 5, 20)).cutoff("magnets") == pd.Period("2025-04")


def test_the_vintage_of_the_day_counts():
    """A revision replaces the first figure from its own release on, in whatever order the rows stand."""
    first = exports({"USA": [1.0, 2.0]}, start="2025-03")
    revised = first.iloc[[0]].assign(volume_t=1.5, released=date(2025, 6, 20))
    table = pd.concat([revised, first], ignore_index=True)
    for day, expected in ((date(2025, 6, 19), [1.0, 2.0]), (date(2025, 6, 20), [1.5, 2.0])):
        assert as_of(table, calendar(), day).volumes["magnets"]["USA"].tolist() == expected


def test_a_withdrawn_figure_is_a_gap_from_its_day_on():
    """The day before it is what it was; the cutoff does not move, and a later release ends the gap."""
    first = exports({"USA": [1.0, 2.0]}, start="2025-03")
    withdrawn = first.iloc[[1]].assign(volume_t=np.nan, released=date(2025, 6, 20))
    again = first.iloc[[1]].assign(volume_t=2.5, released=date(2025, 7, 20))
    table = pd.concat([again, withdrawn, first], ignore_index=True)
    for day, expected in ((date(2025, 6, 19), 2.0), (date(2025, 6, 20), np.nan), (date(2025, 7, 20), 2.5)):
        known = as_of(table, calendar(), day)
        assert known.cutoff("magnets") == pd.Period("2025-04")
        assert np.array_equal(known.volumes["magnets"]["USA"], [1.0, expected], equal_nan=True)
    assert origins(table, "magnets") == origins(first, "magnets")


def test_a_series_of_which_all_is_withdrawn_is_not_there():
    """Neither a column without figures nor a product without any is part of a snapshot."""
    table = exports({"USA": [1.0, 2.0], "DEU": [3.0]}, start="2025-03")
    gone = table[table["destination"] == "DEU"].assign(volume_t=np.nan, released=date(2025, 6, 20))
    known = as_of(pd.concat([table, gone]), calendar(), date(2025, 6, 20))
    assert known.volumes["magnets"].columns.tolist() == ["USA"]
    assert as_of(gone, calendar(), date(2025, 6, 20)).volumes == {}


def test_series_that_end_before_the_cutoff_keep_empty_months():
    """The cutoff is the product's; the gap is a gap."""
    table = exports({"WLD": [10.0, 11.0, 12.0], "USA": [1.0, np.nan, np.nan]}, start="2025-03")
    volumes = as_of(table, calendar(), date(2025, 7, 1)).volumes["magnets"]
    assert volumes.index.equals(pd.period_range("2025-03", "2025-05", freq="M"))
    assert volumes["USA"].isna().tolist() == [False, True, True]


def test_an_origin_is_a_day_on_which_the_cutoff_moves():
    """Not a revision, not a late series; January and February give one origin."""
    table = exports({"WLD": steady(4)}, start="2025-03")
    late = table.iloc[[0]].assign(destination="USA", released=date(2025, 5, 25))
    revision = table.iloc[[1]].assign(released=date(2025, 6, 28))
    days = origins(pd.concat([table, late, revision]), "magnets")
    assert days == [date(2025, 4, 20), date(2025, 5, 20), date(2025, 6, 20), date(2025, 7, 20)]
    shipped = [day for day in origins(fc.read_exports(), "rare_earth_magnets") if day.year == 2025]
    assert [day.month for day in shipped] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("cutoff", "horizon", "expected"),
    [
        ("2024-12", 1, ["2025-01", "2025-02"]),
        ("2025-12", 1, ["2026-01", "2026-02"]),
        ("2025-02", 1, ["2025-03"]),
        ("2025-02", 3, ["2025-03", "2025-04", "2025-05"]),
        ("2026-07", 1, ["2026-08"]),
    ],
)
def test_months_that_come_out_together_are_forecast_together(cutoff, horizon, expected):
    """On the shipped release days, whether or not the months are out yet."""
    months = months_ahead(vintages_of(fc.read_exports())["rare_earth_magnets"], pd.Period(cutoff), horizon)
    assert months.astype(str).tolist() == expected


def test_releases_are_read_once_for_all_days():
    """Months that came out together are looked up for every task and day, and not read off all releases again."""
    magnets = vintages_of(fc.read_exports())["rare_earth_magnets"]
    first = months_ahead(magnets, pd.Period("2024-12"), 1)
    magnets.month[:] = 0
    assert months_ahead(magnets, pd.Period("2024-12"), 1).equals(first)


def test_days_share_the_figures_that_nobody_has_revised():
    """What was known on many days of a large panel fits into memory; a revision gives a day figures of its own."""
    table = exports({"WLD": [3.0, 4.0, 5.0], "USA": [1.0, 2.0, np.nan]}, start="2025-03")
    both = vintages_of(table)["magnets"]
    april, may = both.as_of(date(2025, 5, 20)), both.as_of(date(2025, 6, 20))
    assert np.shares_memory(april.to_numpy(), may.to_numpy())
    assert april.to_numpy().tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert not may.to_numpy().flags.writeable
    later = vintages_of(pd.concat([table, table.iloc[[0]].assign(volume_t=9.0, released=date(2025, 6, 25))]))["magnets"]
    before, after = later.as_of(date(2025, 6, 20)), later.as_of(date(2025, 6, 25))
    assert before.to_numpy()[0, 1] == 3.0
    assert after.to_numpy()[0, 1] == 9.0
    assert not np.shares_memory(before.to_numpy(), after.to_numpy())


def test_a_destination_that_nobody_has_heard_of_leaves_no_trace():
    """Neither in the figures of a day nor in how they lie in memory, by which sums end on one last digit or another."""
    table = exports({code: steady(36, seed=seed) for seed, code in enumerate(("DEU", "USA", "WLD"))}, start="2020-01")
    late = exports({"FRA": [5.0] * 3}, start="2023-01")
    day = date(2023, 1, 20)
    before, after = (as_of(rows, calendar(), day).volumes["magnets"] for rows in (table, pd.concat([table, late])))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert before.to_numpy().strides == after.to_numpy().strides
    assert before.sum().tolist() == after.sum().tolist()


def test_while_the_next_months_are_not_out_the_year_before_says_which_come_together():
    """A live forecast in January reports January and February as the backtest will."""
    full = fc.read_exports()
    live = full[[released <= date(2025, 1, 20) for released in full["released"]]]
    for table in (full, live):
        months = months_ahead(vintages_of(table)["rare_earth_magnets"], pd.Period("2024-12"), 1)
        assert months.astype(str).tolist() == ["2025-01", "2025-02"]


def test_the_rest_of_a_withdrawn_total_is_withdrawn():
    """From the day on which the total of a month is taken back, the rest of the world of that month is a gap."""
    table = exports({"WLD": [10.0] * 14, "USA": [4.0] * 14}, start="2024-01")
    total = table[table["destination"].eq("WLD") & table["month"].eq(pd.Period("2024-05"))]
    both = pd.concat([table, total.assign(volume_t=np.nan, released=date(2025, 4, 1))], ignore_index=True)
    rest = fc.with_rest_of_world(both, {}, date(2025, 4, 1))
    for day, expected in ((date(2025, 3, 31), 6.0), (date(2025, 4, 1), np.nan)):
        known = as_of(rest, calendar(), day).volumes["magnets"].loc["2024-05", "ROW"]
        assert np.array_equal([known], [expected], equal_nan=True)


# When the next figures come ------------------------------------------------------------------------------------------


def habit(released: dict[str, date]) -> ReleaseHabit:
    return ReleaseHabit(tuple((pd.Period(month, "M"), day) for month, day in released.items()))


def test_figures_come_on_the_day_on_which_they_usually_come():
    """Months later and day of the month are medians: one late release moves nothing, and a short month ends early."""
    monthly = pd.period_range("2025-01", "2025-11", freq="M")
    found = habit({str(month): date((month + 2).year, (month + 2).month, 9) for month in monthly})
    late = ReleaseHabit((*found.out, (pd.Period("2025-12", "M"), date(2026, 4, 1))))
    assert late.due(pd.Period("2026-01", "M")) == date(2026, 3, 9)
    assert late.next_after(pd.Period("2025-12", "M"), date(2026, 3, 9)) == date(2026, 4, 9)
    ends = habit({"2025-06": date(2025, 7, 31), "2025-07": date(2025, 8, 29), "2025-08": date(2025, 9, 30),
                  "2025-09": date(2025, 11, 1), "2025-10": date(2025, 11, 30)})  # fmt: skip
    assert ends.due(pd.Period("2026-01", "M")) == date(2026, 2, 28)


def test_months_that_came_out_together_do_so_again():
    """Nobody says when January comes but the year before: here with February."""
    monthly = pd.period_range("2025-01", "2025-12", freq="M")
    days = {str(month): date((month + 1).year, (month + 1).month, 18) for month in monthly} | {
        "2025-01": date(2025, 3, 18)
    }
    assert habit(days).next_after(monthly[-1], date(2026, 1, 18)) == date(2026, 3, 18)


@pytest.mark.parametrize("days", ["customs", "none given", "two months", "all at once"])
def test_without_days_of_their_own_figures_come_as_chinese_customs_publish(days: str):
    """By their calendar, the 20th that a file without days is given, too few months, or a history from one file."""
    months = pd.period_range("2025-01", "2025-12", freq="M")
    released = {
        "customs": [release_day(month) for month in months],
        "none given": [usual_release(month) for month in months],
        "two months": [date(2026, 1, 2), date(2026, 1, 25)],
        "all at once": [date(2026, 1, 25)] * 12,
    }[days]
    found = ReleaseHabit(tuple(zip(months[-len(released) :], released, strict=True)))
    assert (found.own, found.next_after(months[-1], date(2026, 1, 25))) == ((), date(2026, 3, 20))


def test_a_release_after_the_day_says_nothing_of_the_next():
    """The habit is that of the first releases of the last twelve months known on the day; revisions are none."""
    own = exports({"USA": [1.0] * 15}, start="2024-01")
    own = own.assign(released=[date(day.year, day.month, 28) for day in own["released"]])
    revised = own.assign(released=date(2025, 3, 30), volume_t=2.0)
    later = exports({"USA": [1.0] * 3}, start="2025-04").assign(released=date(2025, 8, 3))
    found = [as_of(table, calendar(), date(2025, 4, 28)).habits["magnets"]
             for table in (own, pd.concat([own, revised.iloc[:12], later], ignore_index=True))]  # fmt: skip
    assert found[0] == found[1]
    assert [str(month) for month, _ in found[0].out] == pd.period_range("2024-04", "2025-03", freq="M").astype(
        str
    ).tolist()
    assert found[0].next_after(pd.Period("2025-03", "M"), date(2025, 4, 28)) == date(2025, 5, 28)
