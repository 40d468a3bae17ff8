"""Episodes of a series, the phases of their days, and what a path does to a month."""

from collections import namedtuple
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from forecast.episodes.course import FADES, FORCE, Episode, episodes_of, exposure
from forecast.episodes.transit import log_effect

Row = namedtuple("Row", "event kind products destinations announced effective ends continues")


def row(event, start, ends=None, kind="truce", destinations=("USA",), continues=""):
    return Row(event, kind, ("w",), destinations, start, start, ends, continues)


def names(rows, destination="USA", volumes=None):
    return [episode.events for episode in episodes_of(rows, "w", destination, {}, volumes)]


def test_rows_of_a_kind_that_abut_on_one_scope_are_one_episode():
    """An extension that begins on the day of the end continues the measure."""
    rows = [row("b", date(2025, 8, 12), date(2025, 11, 10)), row("a", date(2025, 5, 14), date(2025, 8, 12))]
    assert names(rows) == [("a", "b")]
    assert episodes_of(rows, "w", "USA", {})[0].ends == date(2025, 11, 10)


def test_rows_that_overlap_are_measures_of_their_own():
    """A second licence while the first is in force is a second measure."""
    rows = [row("a", date(2025, 4, 4), kind="licensing"), row("b", date(2025, 10, 1), kind="licensing")]
    assert names(rows) == [("a",), ("b",)]


def test_a_row_that_names_another_continues_it_across_a_gap_and_a_change_of_scope():
    """``continues`` wins over days and destinations."""
    rows = [row("a", date(2025, 1, 1), date(2025, 2, 1)), row("b", date(2025, 3, 1), None, continues="a")]
    assert names(rows) == [("a", "b")]


def test_a_part_counts_by_its_share_in_the_year_before_the_onset():
    """The USA takes a quarter of the total in the year before, whatever it took earlier or takes later."""
    months = pd.period_range("2022-01", periods=40, freq="M")
    volumes = pd.DataFrame({"WLD": 100.0, "USA": 25.0}, months)
    volumes.loc[:"2022-12", "USA"] = 90.0
    volumes.loc["2024-02":, "USA"] = 1.0
    found = episodes_of([row("a", date(2024, 2, 10))], "w", "WLD", {}, volumes)
    assert found[0].share == pytest.approx(0.25)


@pytest.mark.parametrize("lag", [0, 15, 30, 45])
def test_a_day_is_in_one_phase_at_most_and_both_ends_come_late_alike(lag):
    """Day shares of a month add up to at most one; days in force are as many at every lag."""
    ban = Episode("b", "ban", date(2024, 5, 1), date(2024, 6, 15), date(2025, 3, 10), 1.0, ("b",))
    months = pd.period_range("2024-01", periods=30, freq="M")
    shares = exposure(ban, months, lag)
    assert shares.sum(axis=1).max() <= 1 + 1e-12
    days = shares[:, 1:7] * np.asarray(months.days_in_month)[:, None]
    assert days.sum() == pytest.approx((date(2025, 3, 10) - date(2024, 6, 15)).days)


def test_a_measure_that_ended_before_its_effect_never_acted():
    """Only its notice is left."""
    ban = Episode("b", "ban", date(2024, 5, 1), date(2024, 6, 15), date(2024, 6, 10), 1.0, ("b",))
    shares = exposure(ban, pd.period_range("2024-01", periods=24, freq="M"))
    assert shares[:, 0].sum() > 0
    assert not shares[:, 1:].any()


def test_the_effect_on_a_month_is_the_mean_over_its_days_and_its_slope_the_derivative():
    """Half a month stopped and a quarter doubled: 0.25 + 0.5 of the month is left, and slopes by differences."""
    path, shares = np.array([-40.0, np.log(2.0)]), np.array([[0.5, 0.25]])
    effect, slope = log_effect(path, shares)
    assert np.exp(effect) == pytest.approx([0.75])
    moved = log_effect(path + np.array([0.0, 1e-6]), shares)[0]
    assert slope[0, 1] == pytest.approx((moved - effect)[0] / 1e-6, rel=1e-4)


PUT_OFF = {
    "a continuation that is called off ends nothing": (
        [row("a", date(2025, 4, 4)), row("b", date(2025, 9, 1), date(2025, 6, 1), continues="a")],
        (("a",), date(2025, 4, 4), None),
    ),
    "a measure put off takes effect when what continues it does": (
        [row("a", date(2025, 4, 4), date(2025, 4, 4)), row("b", date(2025, 9, 1), continues="a")],
        (("b",), date(2025, 9, 1), None),
    ),
    "the end is the latest, whichever row came last": (
        [row("a", date(2025, 4, 4), date(2025, 12, 1)), row("b", date(2025, 6, 1), date(2025, 7, 1), continues="a")],
        (("a", "b"), date(2025, 4, 4), date(2025, 12, 1)),
    ),
    "an open row ends with what continues it": (
        [row("a", date(2025, 4, 4)), row("b", date(2025, 6, 1), date(2025, 7, 1), continues="a")],
        (("a", "b"), date(2025, 4, 4), date(2025, 7, 1)),
    ),
    "an end named by its last day abuts too": (
        [row("a", date(2025, 4, 4), date(2025, 6, 2)), row("b", date(2025, 6, 1), date(2025, 7, 1))],
        (("a", "b"), date(2025, 4, 4), date(2025, 7, 1)),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), PUT_OFF.values(), ids=PUT_OFF)
def test_an_episode_of_several_rows_acts_when_one_of_them_does(rows, expected):
    """Called off, put off, nested and open rows: what is in force, and from when to when."""
    [found] = episodes_of(rows, "w", "USA", {})
    assert (found.events, found.effective, found.ends) == expected


@pytest.mark.parametrize(("days", "part"), [(1, 1 / 60), (5, 1 / 12), (30, 1 / 2), (60, 1.0), (200, 1.0)])
def test_a_halt_of_some_days_is_followed_by_as_small_a_part_of_what_follows_a_long_one(days, part):
    """A ban of one day had taken two fifths off the month after it."""
    halt = Episode("b", "ban", date(2024, 3, 4), date(2024, 3, 4), date(2024, 3, 4) + timedelta(days), 1.0, ("b",))
    shares = exposure(halt, pd.period_range("2024-03", periods=18, freq="M"))
    assert shares[:, FORCE.stop :].sum(axis=1).max() == pytest.approx(part, rel=0.01)


def test_what_is_not_back_after_the_last_phase_becomes_the_level_by_degrees():
    """It had come back in one month by decree: each month takes a twenty-fourth of what was left."""
    ban = Episode("b", "ban", date(2022, 1, 1), date(2022, 1, 1), date(2023, 1, 1), 1.0, ("b",))
    last = exposure(ban, pd.period_range("2023-01", periods=60, freq="M"))[:, -1]
    assert last[:3].sum() == 0
    assert last[5] == 1
    assert last[9:] / last[8:-1] == pytest.approx(np.exp(-1 / FADES), abs=0.003)
    assert last[6:].min() > 0
