"""Series with months without trade: how likely another one is, and what is usual where there is trade."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated

import forecast as fc
from forecast.kernels.no_trade import EmptyMonths
from forecast.tables.quantiles import MEDIAN, NORMAL_SCORES, PROBABILITIES, with_none
from forecast.verify.look_ahead import look_ahead_audit

DUTY = {"kind": "tariff", "announced": date(2025, 1, 1)}
"""A duty from the 61st month of `simulated.exports` on."""

MODELS = ["theta", "arima", "structural", "combination"]
USUAL = 400.0
NOTHING = float(np.log(0.01))


def lots(months: int, empty: float, seed: int = 0) -> np.ndarray:
    """Volumes of a usual month with noise of 0.2, a share of them without trade, none of these at either end."""
    rng = np.random.default_rng([seed, months])
    volumes = simulated.steady(months, USUAL, 0.2, seed)
    volumes[2 + rng.permutation(months - 4)[: round(empty * months)]] = 0.0
    return volumes


def ahead(volumes: np.ndarray, horizon: int = 1, calendar: pd.DataFrame | None = None) -> pd.DataFrame:
    """Forecasts of a series alone, without earlier origins."""
    table, known = simulated.exports({"USA": volumes}), simulated.calendar() if calendar is None else calendar
    return fc.forecast_all(
        table, known, {}, models=MODELS, calibrate=False, horizon=horizon, experience="none"
    ).forecasts  # fmt: skip


@pytest.mark.parametrize("empty", [0.05, 0.1, 0.2, 0.3])
def test_empty_months_take_nothing_off_the_median(empty):
    """The median is that of months with trade, and the lower 95 % bound none where one month in twenty had none."""
    found = ahead(lots(72, empty))
    np.testing.assert_allclose(found["volume_t"], USUAL, rtol=0.3)
    assert (found["upper_80"] < 2.0 * USUAL).all()
    assert (found["lower_95"] == 0.0).all()
    if empty > 0.15:
        assert (found["lower_80"] == 0.0).all()


def test_mostly_empty_months_have_a_median_of_none_or_little():
    """Where two months in three have none the median is far below a usual month, and the upper bound is one."""
    found = ahead(lots(72, 0.65))
    assert (found["volume_t"] < 0.25 * USUAL).all()
    assert found["upper_95"].between(0.5 * USUAL, 2.5 * USUAL).all()


@pytest.mark.parametrize("months", [15, 40, 61])
def test_the_month_after_the_only_empty_one_may_be_empty_or_usual(months):
    """One month without trade may be a hole in the data, a halt, or nothing."""
    found = ahead(np.append(simulated.steady(months - 1, USUAL, 0.15), 0.0))
    assert (found["lower_95"] == 0.0).all()
    combined = found[found["model"] == "combination"].iloc[0]
    assert combined["upper_95"] > USUAL
    assert combined["upper_80"] > 0.8 * USUAL


@pytest.mark.slow
def test_the_longer_a_spell_the_likelier_the_next_month_is_empty():
    """From one month without trade on to two years, where nothing is forecast."""
    medians, uppers = [], []
    for spell in (0, 1, 3, 6, 12, 24):
        found = ahead(np.append(simulated.steady(60, USUAL, 0.15), np.zeros(spell)))
        combined = found[found["model"] == "combination"].iloc[0]
        medians.append(combined["volume_t"])
        uppers.append(combined["upper_95"])
    assert np.all(np.diff(medians) <= 0.02 * USUAL)
    assert medians[-1] < 0.01 * USUAL
    assert uppers[-1] < 0.05 * USUAL


def test_months_that_are_empty_every_year_are_forecast_empty_and_others_are_not():
    """A season of trade: none from July to October."""
    month = np.arange(84) % 12
    volumes = np.where((month >= 6) & (month <= 9), 0.0, simulated.steady(84, USUAL, 0.15))
    found = ahead(volumes, horizon=12)
    combined = found[found["model"] == "combination"].set_index("month")["volume_t"]
    closed = (combined.index.month >= 7) & (combined.index.month <= 10)
    assert (combined[closed] < 0.05 * USUAL).all()
    np.testing.assert_allclose(combined[~closed], USUAL, rtol=0.45)


def test_a_season_moves_no_series_that_has_ended():
    """Three years without trade after six in which one quarter had most of it: nothing in that quarter either."""
    season = np.where(np.arange(72) % 12 < 3, 3.0, 0.5)
    found = ahead(np.append(season * simulated.steady(72, USUAL, 0.15), np.zeros(36)), horizon=4)
    combined = found[found["model"] == "combination"]
    assert (combined["volume_t"] < 0.01 * USUAL).all()


def test_months_under_a_ban_say_nothing_of_those_after_it():
    """Five years of none were the ban's doing: a year and more after it no bound is none on their account."""
    parts = simulated.steady(60, USUAL, 0.15), np.zeros(60), simulated.steady(18, USUAL, 0.15, 3)
    ban = {"kind": "ban", "announced": date(2025, 1, 1), "ends": date(2030, 1, 1), "ends_announced": date(2029, 12, 1)}
    found = ahead(np.concatenate(parts), calendar=simulated.calendar(ban))
    np.testing.assert_allclose(found["volume_t"], USUAL, rtol=0.3)
    assert (found["lower_95"] > 0.25 * USUAL).all()


@pytest.mark.slow
def test_intervals_of_months_that_come_and_go_hold_what_they_say():
    """Lots of a usual size in six months of seven: 80 % intervals, none among them, hold 80 % of the next months."""
    held, empty, expected = [], [], []
    for seed in range(12):
        rng = np.random.default_rng([7, seed])
        volumes = simulated.steady(84, USUAL, 0.4, seed) * (rng.random(84) > 1.0 / 7.0)
        table = simulated.exports({"USA": volumes})
        run = fc.backtest_all(
            table, simulated.calendar(), {}, models=["theta"], calibrate=False, last=18, experience="none"
        ).forecasts  # fmt: skip
        own = run[run["model"] == "theta"]
        held += own["actual_t"].between(own["lower_80"], own["upper_80"]).tolist()
        empty += (own["actual_t"] == 0.0).tolist()
        logs = np.log(volumes + 0.01 * USUAL)
        for last in range(66, 84):
            months = EmptyMonths.of(logs[:last], np.ones(last, dtype=bool), float(np.log(0.01 * USUAL)))
            assert months is not None
            expected.append(months.probability(1)[0])
    assert 0.72 < np.mean(held) < 0.92
    assert abs(np.mean(expected) - np.mean(empty)) < 0.05


def test_the_months_after_a_day_move_nothing_before_it():
    """What is empty later makes no month before it likelier to be empty, and no level another."""
    panel = {code: lots(60, 0.15, at) for at, code in enumerate(("USA", "DEU"))}
    for volumes in panel.values():
        volumes[53:] = 0.0  # May 2024, the 53rd month, is out on 20 June
    days = {"magnets": [date(2024, 6, 20)]}
    tables = simulated.exports(panel), simulated.calendar(), {}
    assert look_ahead_audit(*tables, days, models=["theta", "structural", "pooled"], calibrate=False).empty


@pytest.mark.slow
@pytest.mark.parametrize("calendar", [simulated.calendar(), simulated.calendar(DUTY)], ids=["none", "duty"])
@pytest.mark.parametrize("spell", [1, 4])
def test_a_last_month_that_goes_to_none_moves_forecasts_step_by_step(spell, calendar):
    """Medians fall with it and never jump: no step of a fifth in the log moves one by half a usual month."""
    before = simulated.steady(60, USUAL, 0.15)
    medians = []
    for last in [*USUAL * np.exp(-np.arange(0.0, 9.0, 0.4)), 0.0]:
        found = ahead(np.append(before, np.full(spell, last)), calendar=calendar)
        medians.append(found.set_index("model")["volume_t"]["combination"])
    assert np.abs(np.diff(medians)).max() < 0.5 * USUAL


def test_emptiness_is_a_degree():
    """From a figure that is usual to none, the probability of the next none rises without a jump."""
    logs = np.zeros(40)
    found = []
    for last in np.linspace(0.0, NOTHING, 200):
        logs[-1] = last
        months = EmptyMonths.of(logs, np.ones(40, dtype=bool), NOTHING)
        found.append(0.0 if months is None else float(months.probability(1)[0]))
    assert np.all(np.diff(found) >= -1e-12)
    assert np.diff(found).max() < 0.05
    assert 0.1 < found[-1] < 0.5


@pytest.mark.parametrize("goes", [[-1], [-2], [-3], [-3, -2], [-2, -1]])
def test_the_freedom_of_a_month_under_a_duty_is_a_degree(goes):
    """While figures go from usual to none and others stay none, no month becomes or ceases to be free at once."""
    logs, under = np.zeros(60), np.arange(60) >= 54
    logs[[5, 20, 33, 57]] = NOTHING
    found = []
    for last in np.linspace(0.0, NOTHING, 400):
        logs[goes] = last
        months = EmptyMonths.of(logs, ~under, NOTHING, unstopped=np.ones(60, dtype=bool))
        assert months is not None
        found.append(months.free[under])
    assert np.abs(np.diff(found, axis=0)).max() < 0.06
    assert np.ptp(found, axis=0).max() > 0.02


@pytest.mark.parametrize("none", [0.0, 0.03, 0.3, 0.7])
def test_quantiles_with_none_are_those_of_the_mixture(none):
    """Against draws: a share of months is empty, the others are log-normal."""
    sd = 0.3
    rng = np.random.default_rng(5)
    drawn = np.where(rng.random(400_000) < none, 0.0, USUAL * np.exp(sd * rng.standard_normal(400_000)))
    found = with_none(USUAL * np.exp(sd * NORMAL_SCORES)[None], np.array([none]))[0]
    far = np.abs(PROBABILITIES - none) > 0.15 * PROBABILITIES
    np.testing.assert_allclose(found[far], np.quantile(drawn, PROBABILITIES)[far], rtol=0.02, atol=1e-9)
    assert found[MEDIAN] == pytest.approx(np.quantile(drawn, 0.5), rel=0.02)


@pytest.mark.parametrize("since", [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
@pytest.mark.parametrize("empty", [0.1, 0.3])
def test_months_without_trade_that_come_and_go_are_not_the_doing_of_a_duty(since, empty):
    """A duty under which trade is as before, empty months among them, moves medians by less than a tenth."""
    volumes = np.append(lots(60, empty), USUAL * np.array(since))
    known, blind = (ahead(volumes, calendar=calendar) for calendar in (simulated.calendar(DUTY), None))
    medians = known.set_index("model")["volume_t"] / blind.set_index("model")["volume_t"]
    assert medians["combination"] == pytest.approx(1.0, abs=0.1)
    assert medians["structural"] == pytest.approx(1.0, abs=0.2)


def test_a_last_empty_month_is_the_habit_of_a_series_that_has_one_and_else_perhaps_of_a_duty():
    """The month of a duty without trade: usual again where one in ten had none; where none had, it may be either."""
    habit, never = (
        ahead(np.append(lots(60, empty), 0.0), calendar=simulated.calendar(DUTY)).set_index("model").loc["combination"]
        for empty in (0.1, 0.0)
    )
    assert 0.25 * USUAL < habit["volume_t"] < USUAL
    assert never["volume_t"] < 0.15 * USUAL
    assert 0.5 * USUAL < never["upper_80"] < USUAL


def test_a_year_without_trade_under_a_duty_is_its_doing_and_so_is_what_a_ban_empties():
    """However often months were empty before, the thirteenth is forecast empty, and the second under a ban."""
    long = ahead(np.append(lots(60, 0.2), np.zeros(12)), calendar=simulated.calendar(DUTY))
    banned = ahead(np.append(lots(60, 0.2), 0.0), calendar=simulated.calendar({**DUTY, "kind": "ban"}))
    for found in (long, banned):
        combined = found.set_index("model").loc["combination"]
        assert combined["upper_80"] < 0.01 * USUAL


@pytest.mark.slow
def test_what_comes_and_goes_under_a_duty_is_judged_by_the_months_before():
    """Months after the day move nothing: spells that end later are not over yet."""
    panel = {code: np.append(lots(58, 0.15, at), np.zeros(6)) for at, code in enumerate(("USA", "DEU"))}
    for volumes in panel.values():
        volumes[61:] = USUAL  # empty from November 2024 to January 2025, with trade from February on
    tables = simulated.exports(panel), simulated.calendar(DUTY), {}
    days = {"magnets": [date(2025, 2, 20)]}
    assert look_ahead_audit(*tables, days, models=["theta", "structural"], calibrate=False).empty
