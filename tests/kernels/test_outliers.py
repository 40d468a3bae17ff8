"""Laws of outliers: what noise, a season, a new level or a measure made is left as it is."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st

import forecast as fc
from forecast.episodes.course import Episode
from forecast.kernels.outliers import FAR, LEAST_NOISE, OFTEN
from forecast.kernels.outliers import winsorised as drawn_in
from forecast.verify.look_ahead import look_ahead_audit

NOISE = 0.2
SERIES = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(0, NOISE, 60))
PLACES = st.integers(0, 59)
ALL = np.ones(60, dtype=bool)
NOTHING = -20.0


def winsorised(y, free, nothing=NOTHING):
    """Of a series that trades in every month."""
    return drawn_in(y, free, nothing)


def scale(y):
    """Standard deviation of a month's noise, by the median absolute deviation of its changes."""
    steps = np.diff(y)
    return 1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2)


@given(SERIES, st.integers(3, 56), st.sampled_from([-4.6, 3.0]))
def test_a_lone_month_is_drawn_in_to_where_noise_could_have_put_it(y, at, by):
    """It stays beyond all others on its side, and no other month is moved by more than a few percent."""
    y = np.clip(y, -2 * NOISE, 2 * NOISE)
    spoilt = y.copy()
    spoilt[at] += by
    found = winsorised(spoilt, ALL)
    assert abs(found[at]) < FAR * 2 * NOISE + abs(by) / (60 * OFTEN) ** 2
    assert np.sign(by) * found[at] > (np.sign(by) * np.delete(spoilt, at)).max()
    others = np.delete(np.arange(60), at)
    np.testing.assert_allclose(found[others], y[others], atol=0.2 * NOISE)


@given(SERIES, PLACES, st.floats(0, 5), st.floats(0, 5))
def test_a_lower_month_never_comes_out_higher(y, at, one, other):
    """A figure that goes to zero takes what models see with it."""
    drawn = []
    for by in sorted([one, other]):
        lowered = y.copy()
        lowered[at] -= by
        drawn.append(winsorised(lowered, ALL)[at])
    assert drawn[1] <= drawn[0] + 1e-12


@given(SERIES, st.integers(3, 28), st.integers(31, 56), st.floats(0, 5))
def test_a_lower_month_raises_no_other(y, low, high, by):
    """A spike is hardly given back when another month goes to nothing: by what the noise and the season seem to be."""
    y[high] += 2.5
    lowered = y.copy()
    lowered[low] -= by
    noise = FAR * abs(scale(lowered) - scale(y))
    assert winsorised(lowered, ALL)[high] <= winsorised(y, ALL)[high] + noise + NOISE


@given(SERIES, st.integers(1, 8))
def test_the_more_often_the_less_is_drawn_in(y, count):
    """Each empty month more leaves all of them lower, by degrees and not at once; beyond one in ten none is moved."""
    places = 7 * np.arange(1, count + 1)
    quiet = np.clip(y, -1.5 * NOISE, 1.5 * NOISE)
    quiet[places] -= 5.0
    left = (winsorised(quiet, ALL) - quiet)[places]
    assert (left >= 0).all()
    assert left.max() <= 5.0 * max(1 - (count / 60 / OFTEN) ** 2, 0.0) + 1e-9


def test_a_shipment_among_months_without_trade_stays():
    """One in five years is what there is to know; among months with trade it is drawn in."""
    y = np.zeros(60)
    y[30] = 4.6
    np.testing.assert_array_equal(drawn_in(y, ALL, 0.0), y)
    assert drawn_in(y, ALL, -4.6)[30] < 1.5


@given(SERIES, st.floats(-50, 50))
def test_the_unit_decides_nothing(y, by):
    """Times 1,000 is a thousand times, in logs a sum."""
    y[[10, 40]] -= 5.0
    np.testing.assert_allclose(drawn_in(y + by, ALL, NOTHING + by), drawn_in(y, ALL, NOTHING) + by, atol=1e-9)


@given(SERIES, st.floats(-6, 6))
def test_the_last_month_is_believed(y, by):
    """Whether it begins another level is not known, and no month is judged by one that was not yet known."""
    y[-1] += by
    assert winsorised(y, ALL)[-1] == y[-1]


@given(SERIES, st.integers(2, 50), st.floats(-6, 6))
def test_a_new_level_is_none(y, at, by):
    """A step moves the months on one side with it."""
    quiet = np.clip(y, -1.5 * NOISE, 1.5 * NOISE)  # without outliers of its own
    quiet[at:] += by
    np.testing.assert_allclose(winsorised(quiet, ALL), quiet, atol=0.2 * NOISE)


def test_what_every_year_does_is_none():
    """A month without trade each February is the season."""
    y = np.random.default_rng(1).normal(0, NOISE, 72)
    y[1::12] -= 4.0
    np.testing.assert_array_equal(winsorised(y, np.ones(72, dtype=bool)), y)


def test_months_of_measures_and_gaps_stay():
    """A month that is not free is left, and a month without a figure is none."""
    y = np.random.default_rng(2).normal(0, NOISE, 60)
    y[[20, 30]] -= 4.0
    y[40] = np.nan
    free = ALL.copy()
    free[20] = False
    found = winsorised(y, free)
    assert found[20] == y[20]
    assert found[30] > y[30] + 2.0
    assert np.isnan(found[40])


@pytest.mark.parametrize("y", [[np.nan] * 3, [1.0], [0.0, 9.0], [1.0, 1.0, 1.0], []])
def test_short_and_constant_series_are_as_they_were(y):
    """Nothing is warned of, and nothing moved."""
    values = np.array(y, dtype=float)
    np.testing.assert_array_equal(winsorised(values, np.ones(len(values), dtype=bool)), values)


def test_a_constant_with_one_other_month_keeps_some_of_it():
    """Where all other months are equal noise is not nothing, so that the month is not erased."""
    y = np.zeros(60)
    y[30] = -1.0
    drawn = (1.0 - FAR * LEAST_NOISE) * (1 - (1 / 60 / OFTEN) ** 2)
    assert winsorised(y, ALL)[30] == pytest.approx(drawn - 1.0)


def test_months_that_an_episode_may_have_moved():
    """From the announcement through the first year in force, and from the month before the end to six months after."""
    ban = Episode("b", "ban", date(2022, 3, 10), date(2022, 4, 1), date(2024, 6, 20), 1.0, ("b",))
    months = pd.period_range("2022-01", "2025-03", freq="M")
    unsettled = months[ban.unsettled(months.asi8)].astype(str)
    assert [unsettled[0], unsettled[13], unsettled[14], unsettled[-1]] == ["2022-03", "2023-04", "2024-05", "2024-12"]
    assert len(unsettled) == 14 + 8
    told_late = Episode("b", "ban", date(2022, 9, 10), date(2022, 4, 1), None, 1.0, ("b",))
    assert str(months[told_late.unsettled(months.asi8)][0]) == "2022-04"


@pytest.mark.slow
@settings(max_examples=3, derandomize=True)
@given(st.integers(0, 10_000))
def test_one_missed_shipment_widens_no_interval_for_years(seed):
    """Two years later the 80 % interval is at most half as wide again; it was three times as wide."""
    rng = np.random.default_rng(seed)
    plain = 100 * np.exp(rng.normal(0, 0.2, 60) + rng.normal(0, 0.05, 60).cumsum())
    missed = plain.copy()
    missed[34] = 0.0
    models = ["theta", "ets", "structural"]

    def width(volumes: np.ndarray) -> pd.Series:
        table = simulated.exports({"USA": volumes})
        rows = fc.forecast_all(table, simulated.calendar(), {}, models=models).forecasts.set_index("model")
        return np.log(rows["upper_80"] / rows["lower_80"])

    assert (width(missed) < 1.5 * width(plain)).all()


@pytest.mark.slow
def test_the_months_after_a_day_move_no_outlier_before_it():
    """With spikes and empty months before the day, after it, and on its eve the audit moves nothing."""
    rng = np.random.default_rng(3)
    panel = {code: 100 * np.exp(rng.normal(0, 0.2, 60)) for code in ("USA", "DEU", "JPN")}
    for at, volumes in enumerate(panel.values()):
        volumes[[20 + at, 51, 52 + at]] *= [0.0, 8.0, 0.01]  # April 2024 is the last month known on the day
        volumes[[35 + at, 54]] *= [12.0, 0.0]
    licence = {"kind": "licensing", "announced": date(2023, 9, 10), "effective": date(2023, 10, 1)}
    days = {"magnets": [date(2024, 5, 20)]}
    models = ["theta", "structural", "combination"]
    assert look_ahead_audit(simulated.exports(panel), simulated.calendar(licence), {}, days, models=models).empty
