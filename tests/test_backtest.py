"""The honest clock: nothing that was not known on the issue day moves a forecast, whatever the model."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.backtest import MODELS, forecast_all
from forecast.tables import DROPPED_COLUMNS, FAILURE_COLUMNS, FORECAST_COLUMNS

ISSUED = date(2024, 5, 20)
EPISODE = {
    "kind": "licensing", "announced": date(2024, 1, 10), "effective": date(2024, 3, 1),
    "ends": date(2024, 4, 11), "ends_announced": date(2024, 4, 5),
}  # fmt: skip
FAST = ("naive", "seasonal_naive", "theta", "pooled", "combination")


def world(months=60, seed=0):
    """Three countries and their total, to the end of 2024, with a season and an episode in spring 2024."""
    season = 1 + 0.2 * np.sin(np.arange(months) * np.pi / 6)
    episode = np.where(np.arange(months) >= 50, 0.4, 1.0)
    countries = {name: steady(months, level, 0.08, seed + place) * season * episode
                 for place, (name, level) in enumerate({"USA": 100, "JPN": 40, "DEU": 60}.items())}  # fmt: skip
    return exports(countries | {"WLD": sum(countries.values()) * 1.1})


def run(table, events, issued=ISSUED, **options):
    return forecast_all(table, events, GROUPS, issued=issued, **{"models": FAST} | options)


def test_every_series_and_model_has_a_row_or_a_reason():
    """Forecasts and failures together cover series times models, in the columns of the formats."""
    table = pd.concat([world(), exports({"ITA": [5.0]}), exports({"KOR": [1.0]}, start="2024-12")])
    result = run(table, calendar(EPISODE))
    done = set(result.forecasts[["destination", "model"]].itertuples(index=False, name=None))
    failed = set(result.failures[["destination", "model"]].itertuples(index=False, name=None))
    assert done | failed == {(code, name) for code in ("USA", "JPN", "DEU", "WLD", "ITA", "KOR") for name in FAST}
    assert not done & failed
    assert result.forecasts.columns.tolist() == FORECAST_COLUMNS
    assert result.failures.columns.tolist() == FAILURE_COLUMNS
    assert result.dropped.columns.tolist() == DROPPED_COLUMNS
    reason = result.failures.query("destination == 'KOR' and model == 'theta'")["reason"].item()
    assert reason == "No figure of KOR was released by 2024-05-20."


def future_volumes(table, events):
    after = np.array([day > ISSUED for day in table["released"]])
    return table.assign(volume_t=table["volume_t"].where(~after, 7e5)), events


def revisions(table, events):
    known = table[[day <= ISSUED for day in table["released"]]]
    return pd.concat([table, known.assign(volume_t=1.0, released=date(2024, 5, 21))]), events


def other_products(table, events):
    other = world(seed=50).assign(product="gallium", released=date(2024, 6, 1), volume_t=3e4)
    return pd.concat([table, other]), events


def new_events(table, events):
    ban = {"event": "ban", "kind": "ban", "announced": date(2024, 5, 21), "effective": date(2024, 4, 1)}
    return table, pd.concat([events, calendar(ban)], ignore_index=True)


def later_ends(table, events):
    return table, events.assign(ends=date(2024, 5, 30), ends_announced=date(2024, 5, 21))


def no_future(table, events):
    return table[[day <= ISSUED for day in table["released"]]], events


CORRUPTIONS = [future_volumes, revisions, other_products, new_events, no_future]


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_nothing_that_came_after_the_issue_day_moves_a_number(corrupt):
    """Later volumes, revisions, products and events, or none at all: the forecasts of the day stay what they were."""
    table, events = world(), calendar(EPISODE)
    before, after = run(table, events), run(*corrupt(table, events))
    pd.testing.assert_frame_equal(before.forecasts, after.forecasts)
    pd.testing.assert_frame_equal(before.dropped, after.dropped)


@pytest.mark.slow
@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_nothing_that_came_after_the_issue_day_moves_arima_or_prophet(corrupt):
    """The same law for the models that take regressors, effects included."""
    table, events = world(), calendar(EPISODE)
    options = {"models": ("arima", "prophet"), "destinations": ["USA"]}
    before, after = run(table, events, **options), run(*corrupt(table, events), **options)
    pd.testing.assert_frame_equal(before.forecasts, after.forecasts)
    pd.testing.assert_frame_equal(before.effects, after.effects)


def test_an_end_announced_later_is_not_known_and_one_announced_earlier_is():
    """The end of 11 April counts from 5 April; moved to an announcement after the issue day it does not."""
    table, events = world(), calendar(EPISODE)
    unknown = later_ends(table, events)[1].assign(ends=date(2024, 4, 11))
    pd.testing.assert_frame_equal(
        run(table, unknown).forecasts, run(table, calendar(EPISODE | {"ends": None, "ends_announced": None})).forecasts
    )
    assert not run(table, events).forecasts.equals(run(table, unknown).forecasts)


def test_live_and_past_are_one_function():
    """The rows of an origin are the same alone and among others, to the last digit."""
    table, events = world(), calendar(EPISODE)
    days = [date(2024, 3, 20), date(2024, 4, 20), ISSUED]
    together = run(table, events, issued=days).forecasts
    for day in days:
        alone = run(table, events, issued=day).forecasts
        among = together[together["issued"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, among)


def test_selecting_a_destination_changes_none_of_its_numbers():
    """Every other series stays as experience to learn from."""
    table, events = world(), calendar(EPISODE)
    everything = run(table, events).forecasts
    chosen = run(table, events, destinations=["JPN"]).forecasts
    pd.testing.assert_frame_equal(chosen, everything[everything["destination"] == "JPN"].reset_index(drop=True))


@pytest.mark.slow
def test_one_process_and_two_give_identical_tables():
    """Work is cut into pieces that share nothing."""
    table, events = world(), calendar(EPISODE)
    one = run(table, events, models=MODELS)
    two = run(table, events, models=MODELS, jobs=2)
    for name in ("forecasts", "effects", "dropped", "failures"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))


def test_a_thousand_times_the_volume_gives_a_thousand_times_the_forecast():
    """Grams or tonnes: the unit decides nothing, zeros included."""
    table = world()
    table.loc[[3, 17], "volume_t"] = 0.0
    small, large = (
        run(table, calendar(EPISODE)),
        run(table.assign(volume_t=1000 * table["volume_t"]), calendar(EPISODE)),
    )
    volumes = ["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert np.allclose(1000 * small.forecasts[volumes], large.forecasts[volumes], rtol=1e-4)


def test_intervals_nest_and_nothing_is_negative():
    """lower_95 <= lower_80 <= volume_t <= upper_80 <= upper_95, in tonnes."""
    rows = run(world(), calendar(EPISODE), horizon=3).forecasts
    ordered = rows[["lower_95", "lower_80", "volume_t", "upper_80", "upper_95"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert (ordered >= 0).all()


def test_january_forecasts_february_too():
    """An origin on 20 January reports both months that come out on 20 March."""
    table = world()
    together = [date(2025, 3, 20) if month == pd.Period("2025-01") else day
                for month, day in zip(table["month"], table["released"], strict=True)]  # fmt: skip
    table = table.assign(released=together)
    shipped = fc.read_exports()
    result = forecast_all(shipped, calendar(), GROUPS, issued=date(2025, 1, 20), products=["rare_earth_magnets"],
                          destinations=["WLD"], models=["naive"])  # fmt: skip
    assert result.forecasts[["month", "horizon"]].astype(str).to_numpy().tolist() == [
        ["2025-01", "1"],
        ["2025-02", "2"],
    ]


def test_an_issue_day_before_any_figure_is_refused():
    """In one sentence that says what to do."""
    with pytest.raises(ValueError, match=r"Nothing of magnets was released by 2019-01-01: issue on a later day\."):
        run(world(), calendar(), issued=date(2019, 1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["arima", "prophet", "pooled", "combination"])
def test_in_the_second_month_of_an_episode_events_help(model):
    """Licensing from 15 March cuts volumes to a fifth; in April the forecast of May with events is the nearer one."""
    event = calendar({"kind": "licensing", "announced": date(2024, 3, 15)})
    errors = {"with": [], "without": []}
    for seed in range(6):
        share = np.concatenate([np.zeros(50), [17 / 31], np.ones(3)])
        volumes = steady(54, 100.0, 0.1, seed) * (1 + share * (0.2 - 1))
        truth = np.log(volumes[52])
        for name, events in (("with", event), ("without", event.iloc[:0])):
            result = run(exports({"USA": volumes, "WLD": 3 * volumes}), events, issued=date(2024, 5, 20), models=MODELS)
            row = result.forecasts.query("destination == 'USA' and model == @model and horizon == 1")
            errors[name].append(abs(np.log(row["volume_t"].item()) - truth))
    assert np.mean(errors["with"]) <= np.mean(errors["without"])
