"""The combination as earlier days teach it."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports

import forecast as fc
from forecast.backtest.run import backtest_all, forecast_all
from forecast.ensemble.calibration import (
    EARLIER,
    UNLEARNED,
    _factors,
    _Replay,
    _unrest,
    _weights,
    calibrated,
    earlier_days,
)
from forecast.ensemble.combination import Cells, combination, interquartile_mean
from forecast.ensemble.conformal import HELD, UNREST
from forecast.kernels.arrays import floor_of
from forecast.realtime.days import month_lengths, release_day
from forecast.realtime.releases import vintages_of
from forecast.registry import MEMBERS
from forecast.tables.quantiles import NORMAL_SCORES, VOLUME_QUANTILES

VOLUMES = [*VOLUME_QUANTILES]
BOUNDS = [name for name in VOLUMES if name != "volume_t"]
MODELS = ["naive", "theta", "combination"]
EPISODE = {"kind": "licensing", "announced": date(2023, 3, 4), "effective": date(2023, 3, 4)}


def world(seed=0, months=96, destinations=5, sd=0.2):
    """Noisy levels from January 2016 on, more alike from month to month than a model would think."""
    random = np.random.default_rng(seed)
    volumes = np.exp(5 + sd * random.normal(size=(destinations, months)))
    return exports({f"D{place}": row for place, row in enumerate(volumes)}, start="2016-01")


@pytest.fixture(scope="module")
def run():
    """The last day of the world, forecast."""
    return forecast_all(world(), calendar(EPISODE), GROUPS, models=MODELS)


@pytest.mark.slow
def test_a_live_forecast_is_a_backtest_of_one_day():
    """The last of several days has the same rows, calibration included, when it is asked for alone."""
    table = world()
    past = backtest_all(table, calendar(EPISODE), GROUPS, models=MODELS, last=5)
    day = past.forecasts["issued"].max()
    alone = forecast_all(table, calendar(EPISODE), GROUPS, models=MODELS, issued=day)
    for name in ("forecasts", "calibration"):
        before, after = (getattr(found, name) for found in (past, alone))
        before = before[before["issued"] == day].drop(columns="actual_t", errors="ignore").reset_index(drop=True)
        pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.slow
def test_what_is_not_shown_teaches_too(run):
    """One destination asked for alone has the numbers that it has among all."""
    alone = forecast_all(world(), calendar(EPISODE), GROUPS, models=MODELS, destinations=["D2"])
    among = run.forecasts[run.forecasts["destination"] == "D2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.forecasts, among, check_exact=True)
    assert alone.calibration["destination"].unique().tolist() == ["D2"]


@pytest.mark.slow
def test_nothing_that_comes_later_teaches():
    """Change every later volume, revision, event and end: no number of the day moves, the calibration included."""
    table, events = world(), calendar(EPISODE, {**EPISODE, "kind": "truce", "announced": date(2023, 6, 1)})
    days = {"magnets": [date(2023, 3, 20), date(2023, 9, 20)]}
    assert fc.look_ahead_audit(table, events, GROUPS, days, models=MODELS, destinations=["D0", "D1"]).empty


def test_the_table_says_how_each_row_came_about(run):
    """Weights, shift and factors applied to the members' rows, above the floor of logs, give the combination's row."""
    known = vintages_of(world())["magnets"].as_of(run.forecasts["issued"].iloc[0])
    daily = known.div(month_lengths(pd.PeriodIndex(known.index)), axis=0)
    [length] = month_lengths(pd.PeriodIndex(run.forecasts["month"].unique()))
    floors = {code: floor_of(daily[code].to_numpy()) * length for code in daily}
    rows, notes = run.forecasts, run.calibration.set_index("destination")
    members = rows[rows["model"] == "theta"].set_index("destination")
    combined = rows[rows["model"] == "combination"].set_index("destination")
    assert len(notes) == len(combined) == 5
    for code, note in notes.iterrows():
        own = members.loc[code, VOLUMES].astype(float) + floors[code]
        median = own["volume_t"] * np.exp(note["shift"])
        assert combined.loc[code, "volume_t"] == pytest.approx(median - floors[code])
        for bound in BOUNDS:
            away = np.log(own[bound] / own["volume_t"]) * note[f"factor_{bound}"]
            assert combined.loc[code, bound] == pytest.approx(median * np.exp(away) - floors[code])
    assert (notes["cells"] == 5 * (EARLIER - 4)).all()  # the month of effect and the three after it are apart


@pytest.mark.slow
def test_a_bound_of_next_to_nothing_does_not_explode():
    """A median of grams whose bound is half a tonne, after an error: it moves by what a wider bound is in tonnes."""
    table = world(sd=0.6)
    table.loc[(table["destination"] == "D0") & (table["month"] == table["month"].max() - 1), "volume_t"] = 0.0
    members = backtest_all(table, calendar(), GROUPS, models=["naive", "theta"], last=EARLIER + 1).forecasts
    day = members["issued"].max()
    barred = (members["destination"] == "D0") & (members["issued"] == day)
    members.loc[barred, ["lower_95", "lower_80", "volume_t", "upper_80", "upper_95"]] = [0.0, 0.0, 1e-5, 0.5, 0.9]
    rows, _ = calibrated(members, vintages_of(table), calendar(), GROUPS, {"magnets": [day]})
    own = rows[rows["destination"] == "D0"].iloc[0]
    assert own["lower_80"] <= own["volume_t"] < 0.1
    assert 0.1 < own["upper_95"] < 10


@pytest.mark.slow
def test_a_bound_of_nothing_stays_nothing():
    """Where all members' bounds reach zero so does the combination's, after months of none and a factor below one."""
    table = world(sd=0.05)
    table.loc[table["destination"] == "D0", "volume_t"] *= np.where(
        np.arange((table["destination"] == "D0").sum()) % 9, 1, 0
    )
    members = backtest_all(table, calendar(), GROUPS, models=["naive", "theta"], last=EARLIER + 1).forecasts
    day = members["issued"].max()
    barred = (members["destination"] == "D0") & (members["issued"] == day)
    members.loc[barred, ["lower_95", "lower_80", "volume_t", "upper_80", "upper_95"]] = [0.0, 0.0, 0.0, 50.0, 90.0]
    rows, _ = calibrated(members, vintages_of(table), calendar(), GROUPS, {"magnets": [day]})
    own = rows[rows["destination"] == "D0"].iloc[0]
    assert own[["lower_95", "lower_80", "volume_t"]].tolist() == [0.0, 0.0, 0.0]
    assert own["upper_80"] > 0


def test_without_calibration_weights_are_equal():
    """And no earlier day is looked at."""
    plain = forecast_all(world(), calendar(), GROUPS, models=MODELS, calibrate=False)
    rows = plain.forecasts
    np.testing.assert_allclose(rows.loc[rows["model"] == "combination", VOLUMES], combination(rows)[VOLUMES])
    assert plain.calibration.empty


@pytest.mark.slow
def test_with_few_earlier_forecasts_the_models_own_stand():
    """In the first year of a product nothing was learned: unlearned weights, no shift, own intervals, and zero cells.

    The structural model counts next to nothing, the other members equally.
    """
    young = forecast_all(world(months=14, destinations=1), calendar(), GROUPS, models=MODELS)
    notes = young.calibration
    assert notes["cells"].tolist() == [0]
    unlearned = [1e-6 if name == "structural" else 1.0 for name in MEMBERS]
    expected = np.array([unlearned]) / sum(unlearned)
    np.testing.assert_allclose(notes[[f"weight_{name}" for name in MEMBERS]], expected)
    assert (notes[[f"factor_{bound}" for bound in BOUNDS]] == 1).all(axis=None)
    own = young.forecasts[young.forecasts["model"] == "theta"][BOUNDS].to_numpy()
    np.testing.assert_allclose(young.forecasts[young.forecasts["model"] == "combination"][BOUNDS], own)


def test_the_structural_model_speaks_where_it_stands_alone():
    """A member of next to no weight is the forecast where there is no other, and moves little where there are."""
    lone = np.full((2, len(MEMBERS) + 1, 1), np.nan)
    lone[:, MEMBERS.index("structural")] = 70.0
    lone[1, MEMBERS.index("theta")] = 100.0
    weights = np.tile(np.append(UNLEARNED, 1.0), (2, 1))
    assert interquartile_mean(lone, weights)[:, 0] == pytest.approx([70.0, 100.0], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "low", "high"), [("ban", 0.0, 0.9), ("tariff", 0.0, 1.0), ("truce", 1.0, 1.5)])
def test_a_measure_moves_a_forecast_by_what_it_does(kind, low, high):
    """Of one destination: who is heard, and by how much, is as without it, and all members go the way of its kind."""
    members = ["theta", "ets", "structural", "pooled", "combination"]
    day = date(2024, 1, 1)
    row = {"kind": kind, "announced": day, "effective": day, "destinations": ("D1",)}
    tables = [calendar(row), calendar(row).iloc[:0]]
    with_it, without = (
        forecast_all(world(), table, GROUPS, models=members, destinations=["D1"], experience="none") for table in tables
    )
    names = ["shift", *(f"weight_{name}" for name in MEMBERS)]
    pd.testing.assert_frame_equal(with_it.calibration[names], without.calibration[names], check_exact=True)
    ratio = with_it.forecasts.set_index("model")["volume_t"] / without.forecasts.set_index("model")["volume_t"]
    assert ratio.between(low, high).all()
    assert ratio.min() <= ratio["combination"] <= ratio.max()


@pytest.mark.slow
def replay(phases, volumes):
    """Cells of series 0 with the given phases, tonnes (cells, quantiles) of one model."""
    keys = pd.DataFrame({"month": pd.period_range("2010-01", periods=len(phases), freq="M")})
    cells = Cells(keys, np.asarray(volumes)[:, None])
    return _Replay(None, cells, np.array(phases, dtype=object), np.zeros(len(phases), dtype=int))


def test_months_of_an_event_have_half_of_what_calm_ones_learn_until_they_learn_themselves():
    """In logs; forty months of their own count for most."""
    shape, random = np.array([60.0, 75.0, 100.0, 130.0, 160.0]), np.random.default_rng(0)
    phases = ["calm"] * 100 + ["event"] * 45
    actual = 100 * np.exp(np.append(random.normal(0, 0.4, 100), np.full(45, np.nan)))
    volumes = np.tile(shape, (145, 1))
    factors, cells = _factors(replay(phases, volumes), volumes, actual, np.zeros(len(actual)))
    assert cells[[0, -1]].tolist() == [100, 0]
    np.testing.assert_allclose(np.log(factors[-1]), np.log(factors[0]) / 2)
    assert (factors[0][[0, 1, 3, 4]] > 1.2).all()
    actual[100:] = 100 * np.exp(random.normal(0, 0.1, 45))
    factors, cells = _factors(replay(phases, volumes), volumes, actual, np.zeros(len(actual)))
    assert cells[-1] == 45
    assert (factors[-1][[0, 1, 3, 4]] < 0.8).all()


def test_an_error_of_the_last_month_widens_the_next_month_most_and_later_ones_by_less():
    """Two and six months ahead the variance of the first month is one of two and of six."""
    shape, origins = np.array([60.0, 75.0, 100.0, 130.0, 160.0]), np.append(np.arange(24), [24, 24, 24])
    volumes = np.tile(shape, (27, 1))
    actual = np.append(np.full(23, 100.0), [100 * 1.3**3, np.nan, np.nan, np.nan])  # three times the upper bound away
    cells = replay(["calm"] * 27, volumes)
    cells.cells.keys["horizon"] = [1] * 24 + [1, 2, 6]
    variances = _unrest(cells, volumes, actual, origins, 24)[-3:] ** 2
    assert variances[0] == pytest.approx((1 + UNREST * 9) / (1 + UNREST * HELD))
    np.testing.assert_allclose(variances[1:] - 1, (variances[0] - 1) / np.array([2, 6]))


def test_months_without_trade_that_were_foreseen_teach_nothing():
    """Two years under a ban, all zero: the upper bounds of the return had been drawn in to a quarter."""
    shape = np.array([60.0, 75.0, 100.0, 130.0, 160.0])
    volumes = np.vstack([np.tile(shape, (60, 1)), np.tile(shape / 1e4, (40, 1))])
    actual = np.append(100 * np.exp(np.random.default_rng(0).normal(0, 0.2, 60)), np.zeros(40))
    with_zeros, cells = _factors(replay(["calm"] * 100, volumes), volumes, actual, np.zeros(100))
    without, _ = _factors(replay(["calm"] * 60, volumes[:60]), volumes[:60], actual[:60], np.zeros(60))
    assert cells[0] == 60
    np.testing.assert_allclose(with_zeros[0], without[0])


@pytest.mark.slow
def test_event_months_are_apart_from_calm_ones():
    """An episode that only few earlier cells have seen has no factors of its own in its months."""
    table = world()
    day = date(2023, 3, 20)
    found = forecast_all(table, calendar(EPISODE), GROUPS, models=MODELS, issued=day)
    assert found.calibration["phase"].unique().tolist() == ["event"]
    assert (found.calibration["cells"] == 0).all()
    calm = forecast_all(table, calendar(), GROUPS, models=MODELS, issued=day)
    assert (calm.calibration["cells"] > 0).all()


@pytest.mark.slow
def test_months_after_an_event_have_factors_of_their_own():
    """In the third month after the licence, those of the first two in 20 series count, not the month of its effect."""
    found = forecast_all(world(destinations=20), calendar(EPISODE), GROUPS, models=MODELS, issued=date(2023, 6, 20))
    assert found.calibration["phase"].unique().tolist() == ["after"]
    assert found.calibration["cells"].unique().tolist() == [2 * 20]


@pytest.mark.slow
def test_a_thousand_times_the_volumes_gives_a_thousand_times_the_forecasts(run):
    """In every column of the combination."""
    large = forecast_all(
        world().assign(volume_t=lambda rows: 1000 * rows["volume_t"]), calendar(EPISODE), GROUPS, models=MODELS
    )
    np.testing.assert_allclose(large.forecasts[VOLUMES], 1000 * run.forecasts[VOLUMES], rtol=1e-6)


@pytest.mark.slow
def test_weights_are_learned_among_the_models_at_hand():
    """Of two models each has a weight by its errors, adding to one; those not asked for weigh nothing."""
    season = 100 * np.exp(np.sin(2 * np.pi * np.arange(96) / 12))
    noise = np.exp(0.1 * np.random.default_rng(1).normal(size=(4, 96)))
    table = exports({f"D{place}": row for place, row in enumerate(season * noise)}, start="2016-01")
    found = forecast_all(table, calendar(), GROUPS, models=["theta", "seasonal_naive", "combination"])
    weights = found.calibration[[f"weight_{name}" for name in MEMBERS]]
    assert (weights[["weight_ets", "weight_pooled"]] == 0).all(axis=None)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights["weight_seasonal_naive"] > 0).all()
    assert not np.isclose(weights["weight_seasonal_naive"], 0.5, atol=0.01).any()


def test_a_few_empty_series_do_not_decide_the_weights():
    """Two models, the first twice as good on quiet series, the second on a few wild ones: quiet ones have their say."""
    random = np.random.default_rng(3)
    wild = np.arange(600) % 20 == 0
    sd = np.where(wild[:, None], [4.0, 0.4], [0.1, 0.2])
    volumes = np.full((600, len(MEMBERS) + 1, len(VOLUMES)), np.nan)
    stated = np.where(wild, 2.0, 0.15)[:, None, None] * NORMAL_SCORES
    volumes[:, :2] = 100 * np.exp(sd[..., None] * random.normal(size=(600, 2, 1)) + stated)
    here = SimpleNamespace(cells=Cells(pd.DataFrame(index=range(600)), volumes), calm=np.ones(600, dtype=bool))
    first, second = _weights(here, np.full(600, 100.0), np.zeros(600))[0, :2]
    assert first > 2 * second


def test_earlier_days_are_the_last_origins_before():
    """The day itself is none of them, and a day between two origins counts the one before."""
    releases = vintages_of(world(months=40))["magnets"]
    days = list(releases.cutoffs())
    assert earlier_days(releases, days[-1]) == days[-1 - EARLIER : -1]
    assert earlier_days(releases, date(2030, 1, 1)) == days[-EARLIER:]


@pytest.mark.slow
def test_intervals_hold_at_their_level_in_a_simulated_panel():
    """Thirty destinations, thirty origins: coverage within what the months' clustering allows, and a lower WIS."""
    table = world(seed=5, destinations=30, months=110, sd=0.35)
    found = backtest_all(table, calendar(), GROUPS, models=["naive", "theta", "combination"], last=30)
    rows = found.forecasts[found.forecasts["model"] == "combination"]
    for level, low, high in ((80, 0.76, 0.84), (95, 0.925, 0.975)):
        held = rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"]).mean()
        assert low < held < high


@pytest.mark.slow
@pytest.mark.parametrize("later", [date(2024, 4, 20), date(2024, 6, 3)])
def test_a_month_that_comes_out_a_year_late_teaches_nothing_before(later):
    """Which months an earlier origin reports goes by when they came out in the end; what is learned must not."""
    table, issued = world(), date(2023, 12, 20)
    table = table.assign(released=table["month"].map(release_day))  # January comes with February
    late = table["month"] == pd.Period("2023-01")
    days = {day: table.assign(released=table["released"].where(~late, day)) for day in (date(2024, 1, 20), later)}
    found = [
        forecast_all(one, calendar(EPISODE), GROUPS, models=MODELS, issued=issued, destinations=["D0"])
        for one in days.values()
    ]
    for name in ("forecasts", "calibration"):
        pd.testing.assert_frame_equal(*(getattr(one, name) for one in found), check_exact=True)
