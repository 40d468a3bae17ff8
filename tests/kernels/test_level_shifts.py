"""Laws of level shifts: what noise, a season, a stop of trade or a measure made is left as it is."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st

import forecast as fc
from forecast.kernels.outliers import HALF_A_YEAR, SURE
from forecast.kernels.outliers import at_present_level as moved
from forecast.verify.look_ahead import look_ahead_audit

NOISE, NOTHING = 0.1, -9.0
SERIES = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(0, NOISE, 60).clip(-0.2, 0.2))
PLACES, SIZES = st.integers(18, 60 - HALF_A_YEAR), st.sampled_from([-2.0, -1.6, 1.6, 2.0])
ALL = np.ones(60, dtype=bool)


def stepped(y, at, by):
    """The series with another level from a month on."""
    return y + np.where(np.arange(len(y)) < at, 0.0, by)


@given(SERIES, PLACES, SIZES)
def test_months_before_a_shift_come_to_the_level_after_it(y, at, by):
    """Within three months' noise, which is 0.2 at most; months from it on stay within that of one."""
    found = moved(stepped(y, at, by), ALL, NOTHING)
    np.testing.assert_allclose(found[at:], y[at:] + by, atol=0.2)
    np.testing.assert_allclose(found[:at], y[:at] + by, atol=0.6)


@given(SERIES)
def test_noise_and_what_every_year_does_are_no_shift(y):
    """Half a year high and half a year low, year by year, however large the steps."""
    np.testing.assert_array_equal(moved(y, ALL, NOTHING), y)
    season = y + np.where(np.arange(60) % 12 < 6, 0.0, 2.0)
    np.testing.assert_array_equal(moved(season, ALL, NOTHING), season)


@given(SERIES, st.integers(60 - HALF_A_YEAR + 1, 59), SIZES)
def test_a_recent_step_stays(y, at, by):
    """Before six months are known it may be a shift or an accident."""
    np.testing.assert_array_equal(moved(stepped(y, at, by), ALL, NOTHING), stepped(y, at, by))


@given(SERIES, PLACES, SIZES, st.floats(-50, 50))
def test_the_unit_decides_nothing(y, at, by, unit):
    """Times 1,000 is a thousand times, in logs a sum."""
    y = stepped(y, at, by)
    np.testing.assert_allclose(moved(y + unit, ALL, NOTHING + unit), moved(y, ALL, NOTHING) + unit, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=30)
@given(SERIES, PLACES)
def test_no_threshold_is_a_jump(y, at):
    """What is moved grows with the step by degrees, no faster than from nothing to all between both limits."""
    found = np.array([moved(stepped(y, at, by), ALL, NOTHING)[0] - y[0] for by in np.arange(0.0, 2.0, 0.01)])
    assert np.abs(np.diff(found)).max() < 0.01 * SURE


def test_a_measure_a_stop_of_trade_and_a_level_that_moves_often_are_none():
    """A month that a measure may have moved begins no shift, nor does the month after it."""
    y = np.random.default_rng(1).normal(0, NOISE, 60).clip(-0.2, 0.2)
    step = stepped(y, 30, 1.5)
    for place in (29, 30):
        free = ALL.copy()
        free[place] = False
        np.testing.assert_array_equal(moved(step, free, NOTHING), step)
    assert moved(step, ALL, NOTHING)[0] > y[0] + 0.7
    stopped = np.where((np.arange(60) >= 20) & (np.arange(60) < 40), NOTHING, y)
    np.testing.assert_array_equal(moved(stopped, ALL, NOTHING), stopped)
    often = y + np.repeat([0.0, 1.5, 0.0, 1.5, 0.0, 1.5], 10)
    np.testing.assert_array_equal(moved(often, ALL, NOTHING), often)


@pytest.mark.parametrize("y", [[np.nan] * 30, [1.0], [0.0] * 30, [], [0.0] * 12 + [np.nan] * 12 + [3.0] * 12])
def test_short_constant_and_broken_series_are_as_they_were(y):
    """Nothing is warned of, and nothing moved."""
    values = np.array(y, dtype=float)
    np.testing.assert_array_equal(moved(values, np.ones(len(values), dtype=bool), NOTHING), values)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(24, 24), (36, 12), (12, 36), (36, 6)])
@pytest.mark.parametrize("by", [5.0, 0.2])
def test_a_constant_at_another_level_than_years_ago_is_a_constant(before, after, by):
    """Half a year after a step of five times, and two years after: it had been forecast to come again a year later."""
    volumes = np.repeat([40.0 / by, 40.0], [before, after])
    rows = fc.forecast_all(simulated.exports({"USA": volumes}), simulated.calendar(), {}).forecasts
    found = rows[rows["model"] == "combination"].iloc[0]
    assert found["volume_t"] == pytest.approx(40.0, rel=0.02)
    assert found["upper_80"] < 44.0
    assert found["lower_80"] > 36.0


@pytest.mark.slow
def test_the_months_after_a_day_move_no_shift_before_it():
    """With shifts before the day, on its eve and after it the audit moves nothing."""
    rng = np.random.default_rng(3)
    panel = {code: 100 * np.exp(rng.normal(0, 0.1, 60)) for code in ("USA", "DEU", "JPN")}
    for place, at in zip(panel, (30, 49, 54), strict=True):
        panel[place][at:] *= 5.0  # April 2024, the 52nd month, is the last one known on the day
    licence = {"kind": "licensing", "announced": date(2023, 9, 10), "effective": date(2023, 10, 1)}
    days = {"magnets": [date(2024, 5, 20)]}
    models = ["theta", "structural", "combination"]
    assert look_ahead_audit(simulated.exports(panel), simulated.calendar(licence), {}, days, models=models).empty
