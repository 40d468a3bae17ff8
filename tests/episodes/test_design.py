"""Laws of the way back from logs to tonnes: upper bounds stay near what was ever shipped."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st

import forecast as fc
from forecast.episodes.design import Design, EpisodeEffects
from forecast.kernels.arrays import FLOOR
from forecast.realtime.days import month_lengths
from forecast.realtime.events import EASING, TIGHTENING
from forecast.tables.quantiles import BEYOND_RECORD, LEVELS, MEDIAN, NORMAL_SCORES, UPPER

LENGTH = float(month_lengths(pd.PeriodIndex(["2025-01"], freq="M"))[0])


def design(tonnes: np.ndarray, floor: float = 1.0, ahead: int = 1, doubt: float = 0.0) -> Design:
    """A series up to December 2024, tonnes per mean month, with months ahead whose effects have a sd of ``doubt``."""
    months = pd.period_range(end="2024-12", periods=len(tonnes), freq="M")
    raw = pd.Series(np.log(tonnes + floor), months)
    effects = EpisodeEffects(np.zeros(ahead), np.eye(ahead) * doubt**2)
    return Design.of(raw, raw, floor, np.zeros(len(raw)), effects)


@given(st.floats(0.01, 4.0), st.floats(-3.0, 3.0))
def test_upper_bounds_lie_near_the_record_and_never_below_the_median(sd, above):
    """However wide a normal is in logs, and wherever its median; lower bounds and the median are as they were."""
    series = design(np.append(np.full(59, 50.0), 200.0))
    logs = np.log(200.0) + above + sd * NORMAL_SCORES[None]
    found = series.to_volume(logs)[0]
    plain = np.maximum(np.exp(logs[0]) - 1.0, 0.0) * LENGTH
    np.testing.assert_allclose(found[: MEDIAN + 1], plain[: MEDIAN + 1], rtol=1e-9, atol=1e-6)
    assert (np.diff(found) >= 0).all()
    for level, multiple in BEYOND_RECORD.items():
        bound = multiple * max(200.0 * LENGTH, found[MEDIAN])
        assert found[UPPER[level]] == pytest.approx(min(plain[UPPER[level]], bound))


def test_a_short_series_has_no_record():
    """The largest of six months says little: its multiple is raised to the fourth power, that of two years stands."""
    wide = np.log(100.0) + 5 * NORMAL_SCORES[None]
    young, old = (design(np.full(count, 100.0)).to_volume(wide)[0, UPPER[80]] for count in (6, 24))
    assert (young, old) == pytest.approx((1.5**4 * 100 * LENGTH, 1.5 * 100 * LENGTH))


def test_a_series_without_trade_may_begin():
    """Its bounds are those of its floor, a hundredth of a usual month."""
    found = design(np.zeros(60), floor=0.01).to_volume(np.log(0.01) + 9 * NORMAL_SCORES[None])[0]
    assert found[UPPER[80]] == pytest.approx(1.5 * 0.01 / FLOOR * LENGTH)


@given(st.floats(0.0, 2.0), st.integers(1, 24))
def test_what_is_not_known_of_a_measure_and_further_months_lie_beyond_the_record(doubt, ahead):
    """A bound may be as far as record and effect are in doubt together, that of further months as far as a walk."""
    wide = np.log(100.0) + 20 * NORMAL_SCORES[None]
    found = design(np.full(60, 100.0), 1e-6, ahead, doubt).to_volume(np.repeat(wide, ahead, axis=0))
    tonnes = found / month_lengths(pd.period_range("2025-01", periods=ahead, freq="M"))[:, None]
    for level, multiple in BEYOND_RECORD.items():
        far = np.log(multiple) ** 2 * np.arange(1, ahead + 1) + (NORMAL_SCORES[UPPER[level]] * doubt) ** 2
        np.testing.assert_allclose(np.log(tonnes[:, UPPER[level]] / tonnes[:, MEDIAN]), np.sqrt(far), rtol=1e-6)


@given(st.floats(-3.0, 0.0), st.floats(0.0, 2.0), st.floats(0.01, 2.0), st.floats(-2.0, 3.0))
def test_a_restriction_raises_no_upper_bound_and_an_easing_lowers_no_lower_one(mean, doubt, sd, above):
    """Whatever is not known of it, whether the record or the model's own interval bounds the month."""
    logs = np.log(100.0) + above + sd * NORMAL_SCORES[None]
    plain = design(np.append(np.full(59, 50.0), 200.0))
    none, variance = plain.effects, np.full((1, 1), doubt**2)
    restricted = replace(plain, effects=EpisodeEffects(np.array([mean]), variance, unrestricted=none))
    eased = replace(plain, effects=EpisodeEffects(np.array([-mean]), variance, uneased=none))
    without, lower, higher = (one.to_volume(one.with_effects(logs))[0] for one in (plain, restricted, eased))
    assert (lower[MEDIAN + 1 :] <= without[MEDIAN + 1 :] * (1 + 1e-9)).all()
    assert (higher[:MEDIAN] >= without[:MEDIAN] * (1 - 1e-9)).all()
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(higher) >= 0).all()


def test_an_effect_against_its_kind_moves_bounds_as_the_median():
    """From no effect on: what a restriction is believed to add is added, and no doubt beside it."""
    plain, quantiles = design(np.full(60, 100.0)), np.log(100.0) + 0.1 * NORMAL_SCORES[None]
    for mean, moved in ((-1e-9, 0.0), (0.3, 0.3)):
        effects = EpisodeEffects(np.array([mean]), np.eye(1), unrestricted=plain.effects)
        found = replace(plain, effects=effects).with_effects(quantiles)
        np.testing.assert_allclose(found[0, MEDIAN:], quantiles[0, MEDIAN:] + moved, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ban", "licensing", "tariff", "tariff_cut", "quota_removal"])
def test_a_measure_ahead_moves_bounds_to_its_own_side_alone(kind):
    """In the months in which it is in force, of every member; in the month before, goods may be sent ahead of it."""
    models = ["theta", "arima", "ets", "ces", "pooled", "structural", "combination"]
    measure = {"kind": kind, "announced": date(2024, 12, 10), "effective": date(2025, 2, 1)}
    table = simulated.exports({code: simulated.steady(60, 400.0, 0.15, at) for at, code in enumerate(("USA", "DEU"))})
    calendars = (simulated.calendar(), simulated.calendar(measure))
    options = {"models": models, "horizon": 3, "calibrate": False, "issued": date(2025, 1, 20)}
    plain, knowing = (fc.forecast_all(table, known, {}, **options).forecasts for known in calendars)
    acts = knowing["month"] >= pd.Period("2025-02", "M")
    assert acts.sum() == 4 * len(models)
    side, sign = ("lower", -1.0) if kind in EASING else ("upper", 1.0)
    bounds = [f"{side}_{level}" for level in LEVELS]
    further = sign * (knowing[bounds] - plain[bounds])
    assert (further[acts] <= 1e-6).all(axis=None)
    if kind in TIGHTENING:
        assert (further[~acts] > 1e-6).any(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("months_in_force", [14, 60])
def test_a_measure_that_goes_on_widens_no_interval(months_in_force):
    """Of level and effect only the sum is seen, and that is known: a member is as sure as without any measure."""
    start = (pd.Period("2025-01", "M") - months_in_force).start_time.date()
    ban = {"kind": "ban", "announced": start, "effective": start}
    volumes = np.where(np.arange(60) < 60 - months_in_force, 400.0, 80.0) * simulated.steady(60, 1.0, 0.15)
    models = ["theta", "arima", "ets", "ces"]

    def width(calendar: pd.DataFrame, volumes: np.ndarray) -> pd.Series:
        rows = fc.forecast_all(simulated.exports({"USA": volumes}), calendar, {}, models=models).forecasts
        rows = rows.set_index("model")
        return np.log(rows["upper_80"] / rows["lower_80"])

    plain = width(simulated.calendar(), simulated.steady(60, 400.0, 0.15))
    assert (width(simulated.calendar(ban), volumes) < 1.35 * plain).all()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("calibrate", [False, True])
def test_a_ban_in_force_from_the_start_has_the_spread_of_its_prior_when_it_ends(engine, calibrate):
    """No figure tells what it holds back, so that no record can hold a bound: at least three times either way."""
    ban = {"kind": "ban", "announced": date(2018, 12, 1), "effective": date(2019, 1, 1)}
    end = {"ends": date(2025, 1, 1), "ends_announced": date(2024, 12, 10)}
    table = simulated.exports({code: simulated.steady(60, 400.0, 0.15, at) for at, code in enumerate(("USA", "DEU"))})
    options = {"models": ["theta", "arima", "combination"], "engine": engine, "calibrate": calibrate}
    rows = fc.forecast_all(table, simulated.calendar(ban | end), {}, **options).forecasts
    assert (rows["upper_80"] > 3.0 * rows["volume_t"]).all()
    assert (rows["lower_80"] < rows["volume_t"] / 3.0).all()


def test_a_benchmark_knows_of_no_measure_by_its_bounds_either():
    """Naive's interval lies at the record that a wild series has just set, whatever a ban that ends may do."""
    ban = {"kind": "ban", "announced": date(2018, 12, 1), "effective": date(2019, 1, 1)}
    end = {"ends": date(2025, 1, 1), "ends_announced": date(2024, 12, 10)}
    volumes = simulated.steady(60, 100.0, 1.5)
    volumes[-1] = 1.1 * volumes.max()
    table = simulated.exports({"USA": volumes})
    calendars = (simulated.calendar(), simulated.calendar(ban | end))
    plain, knowing = (fc.forecast_all(table, known, {}, models=["naive"]).forecasts for known in calendars)
    assert plain["upper_95"].item() == pytest.approx(BEYOND_RECORD[95] * plain["volume_t"].item())
    pd.testing.assert_frame_equal(plain, knowing)


@pytest.mark.slow
@pytest.mark.parametrize("calibrate", [False, True])
def test_empty_months_carry_no_bound_to_what_nobody_ships(calibrate):
    """A series half empty beside others with spikes: every model, and what earlier forecasts taught, keeps to it."""
    random = np.random.default_rng(1)
    panel = {code: 100 * np.exp(random.normal(0, 0.15, 60)) for code in ("USA", "DEU", "JPN")}
    for at, volumes in enumerate(panel.values()):
        volumes[[40 + at, 47 + at, 55 + at]] *= 2.5
    panel["FRA"] = 10 * np.exp(random.normal(0, 0.3, 60)) * (random.random(60) > 0.45)
    options = {"models": ["theta", "ets", "combination"], "calibrate": calibrate}
    rows = fc.forecast_all(simulated.exports(panel), simulated.calendar(), {}, **options).forecasts
    record = rows["destination"].map({code: volumes.max() for code, volumes in panel.items()})
    assert (rows["upper_95"] <= 2.5 * np.maximum(record, rows["volume_t"]) * 31 / 28).all()
