"""The honest clock: nothing that was not known on the issue day moves a forecast, whatever the model."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.backtest.ablation import compare_events
from forecast.backtest.origin import Origin, RunContext
from forecast.backtest.parallel import InChunks
from forecast.backtest.plan import Settings, backtest_origins, estimation_days, plan
from forecast.backtest.run import backtest_all, forecast_all, run_context
from forecast.kernels import KernelError
from forecast.models.theta import Theta
from forecast.realtime.data import Data
from forecast.registry import MEMBERS, MODELS
from forecast.tables.quantiles import MEDIAN, QUANTILES
from forecast.tables.schema import RUN_TABLES

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
    return forecast_all(table, events, GROUPS, issued=issued, **{"models": FAST, "calibrate": False} | options)


@cache
def usual(**options):
    """The forecast of the world with its episode, once for all that is compared with it."""
    return run(world(), calendar(EPISODE), **options)


@pytest.mark.slow
def test_every_series_and_model_has_a_row_or_a_reason():
    """Forecasts and failures together cover models times series known on the day, in the columns of the formats."""
    table = pd.concat([world(), exports({"ITA": [5.0]}), exports({"KOR": [1.0]}, start="2024-12")])
    result = run(table, calendar(EPISODE))
    done = set(result.forecasts[["destination", "model"]].itertuples(index=False, name=None))
    failed = set(result.failures[["destination", "model"]].itertuples(index=False, name=None))
    assert done | failed == {(code, name) for code in ("USA", "JPN", "DEU", "WLD", "ITA") for name in FAST}
    assert not done & failed
    assert result.forecasts.columns.tolist() == RUN_TABLES["forecasts"].columns
    assert result.failures.columns.tolist() == RUN_TABLES["failures"].columns
    assert result.dropped.columns.tolist() == RUN_TABLES["dropped"].columns


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


@pytest.mark.slow
@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_nothing_that_came_after_the_issue_day_moves_a_number(corrupt):
    """Later volumes, revisions, products and events, or none at all: the forecasts of the day stay what they were."""
    table, events = world(), calendar(EPISODE)
    before, after = usual(), run(*corrupt(table, events))
    pd.testing.assert_frame_equal(before.forecasts, after.forecasts)
    pd.testing.assert_frame_equal(before.dropped, after.dropped)


@pytest.mark.slow
@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_nothing_that_came_after_the_issue_day_moves_arima_or_prophet(corrupt):
    """The same law for the models that take regressors, effects included."""
    table, events = world(), calendar(EPISODE)
    options = {"models": ("arima", "prophet"), "destinations": ("USA",)}
    before, after = usual(**options), run(*corrupt(table, events), **options)
    pd.testing.assert_frame_equal(before.forecasts, after.forecasts)
    pd.testing.assert_frame_equal(before.effects, after.effects)


@pytest.mark.slow
def test_an_end_announced_later_is_not_known_and_one_announced_earlier_is():
    """The end of 11 April counts from 5 April; moved to an announcement after the issue day it does not."""
    table, events = world(), calendar(EPISODE)
    unknown = later_ends(table, events)[1].assign(ends=date(2024, 4, 11))
    without = run(table, unknown)
    pd.testing.assert_frame_equal(
        without.forecasts, run(table, calendar(EPISODE | {"ends": None, "ends_announced": None})).forecasts
    )
    assert not usual().forecasts.equals(without.forecasts)


@pytest.mark.slow
def test_live_and_past_are_one_function():
    """The rows of an origin are the same alone and among others, to the last digit."""
    table, events = world(), calendar(EPISODE)
    days = [date(2024, 3, 20), date(2024, 4, 20), ISSUED]
    together = run(table, events, issued=days).forecasts
    for day in days:
        alone = (usual() if day == ISSUED else run(table, events, issued=day)).forecasts
        among = together[together["issued"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, among)


@pytest.mark.slow
def test_selecting_a_destination_changes_none_of_its_numbers():
    """Every other series stays as experience to learn from."""
    table, events = world(), calendar(EPISODE)
    everything = usual().forecasts
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


@pytest.mark.slow
@pytest.mark.parametrize(("refit", "jobs"), [(1, 2), (3, 1)])
def test_tasks_of_whole_days_change_no_number(refit, jobs, monkeypatch):
    """A run that goes day by day has the tables of one that does all days at once, parameters held or not."""
    options = {"products": ["magnets"], "models": ["theta", "pooled", "combination"], "refit": refit, "last": 4}
    monkeypatch.setattr("forecast.backtest.plan.DAYS_ENOUGH", 1_000)
    at_once = replay(world(), **options)
    monkeypatch.setattr("forecast.backtest.plan.CELLS_AT_A_TIME", 1)
    for (name, table), (_, other) in zip(at_once, replay(world(), jobs=jobs, **options), strict=True):
        pd.testing.assert_frame_equal(table, other, check_exact=True, obj=name)


def gapped_world():
    """Destinations with all that happens to one: gaps in a sum and in the rest of the world, one figure, none yet."""
    table = world()
    gap = table["destination"].isin(["USA", "JPN"]) & table["month"].isin([pd.Period("2023-10"), pd.Period("2024-02")])
    few = [exports({"ITA": [5.0]}), exports({"KOR": [1.0] * 3}, start="2024-10")]
    return fc.with_rest_of_world(pd.concat([table[~gap], *few], ignore_index=True), GROUPS, date(2025, 2, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"last": 1, "horizon": 3}, {"last": 3, "refit": 3, "destinations": ["USA", "ROW"]}]
)
def test_one_day_on_two_processes_has_the_numbers_of_one(options, monkeypatch):
    """Series of a day that go to several processes, two at a time, leave the tables that all of them leave in one."""
    monkeypatch.setattr("forecast.backtest.plan.CELLS_AT_A_TIME", 1)
    options |= {"models": ["naive", "theta", "structural", "pooled", "combination"], "to": pd.Period("2024-06")}
    here = replay(gapped_world(), **options)
    assert {"ROW", "USA"} <= {*here.estimates["destination"]}
    monkeypatch.setattr("forecast.backtest.plan.WIDE", 1)
    monkeypatch.setattr("forecast.episodes.alone.SERIES_A_CHUNK", 2)
    started = []
    monkeypatch.setattr("forecast.backtest.run.InChunks", lambda jobs: started.append(jobs) or InChunks(jobs))
    apart = replay(gapped_world(), jobs=4, **options)
    assert {*started} == {4}
    for (name, table), (_, other) in zip(here, apart, strict=True):
        pd.testing.assert_frame_equal(table, other, check_exact=True, obj=name)


@pytest.mark.slow
def test_days_on_two_processes_know_what_lies_apart_from_the_rest_of_the_world(monkeypatch):
    """Estimates of the rest of the world are the same wherever its day is worked out."""
    monkeypatch.setattr("forecast.backtest.plan.CELLS_AT_A_TIME", 1)
    options = {"models": ["naive"], "last": 2, "to": pd.Period("2024-06")}
    here, apart = (replay(gapped_world(), jobs=jobs, **options).estimates for jobs in (1, 2))
    assert "ROW" in {*here["destination"]}
    pd.testing.assert_frame_equal(here, apart, check_exact=True)


def test_a_task_is_a_day_or_the_days_that_hold_parameters_of_one(monkeypatch):
    """Each product on its own issue days alone; which days go together depends on no number of processes."""
    monkeypatch.setattr("forecast.backtest.plan.CELLS_AT_A_TIME", 0)
    may, june, july, later = (date(2025, month, day) for month, day in ((5, 20), (6, 20), (7, 20), (7, 25)))
    days, series = {"a": [may, june, july], "b": [july, later]}, [("a", "USA"), ("b", "USA"), ("b", "WLD")]
    a, b = (("a", "USA"),), (("b", "USA"), ("b", "WLD"))
    apart = plan(days, series, Settings(), {})
    assert [dict(task.cells) for task in apart] == [{may: a}, {june: a}, {july: a + b}, {later: b}]
    held = {("a", may): may, ("a", june): may, ("a", july): july, ("b", july): july, ("b", later): july}
    assert [dict(task.cells) for task in plan(days, series, Settings(refit=2), held)] == [
        {may: a, june: a},
        {july: a + b, later: b},
    ]


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


@pytest.mark.slow
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
            result = run(
                exports({"USA": volumes, "WLD": 3 * volumes}), events, issued=date(2024, 5, 20), models=[model]
            )
            row = result.forecasts.query("destination == 'USA' and model == @model and horizon == 1")
            errors[name].append(abs(np.log(row["volume_t"].item()) - truth))
    assert np.mean(errors["with"]) <= np.mean(errors["without"])


# Backtests -----------------------------------------------------------------------------------------------------------


def replay(table, events=None, **options):
    return backtest_all(
        table,
        calendar(EPISODE) if events is None else events,
        GROUPS,
        **{"models": ["naive", "theta"], "calibrate": False} | options,
    )


def as_forecast(run, issued):
    """The rows of one day of a backtest, as a live forecast would have them."""
    rows = run.forecasts[run.forecasts["issued"] == issued]
    return rows.drop(columns="actual_t").reset_index(drop=True)


@pytest.mark.parametrize(
    "options",
    [{"models": FAST}, {"window": 30}, {"refit": 4, "horizon": 3}, {"refit": 5, "window": 24}],
    ids=["plain", "window", "refit", "both"],
)
@pytest.mark.slow
def test_every_origin_of_a_backtest_is_the_forecast_of_its_day(options):
    """Rows of a day are those of a live forecast, to the digit, whatever other origins were asked for."""
    table = world()
    long, short = replay(table, last=5, **options), replay(table, last=2, **options)
    days = sorted(long.forecasts["issued"].unique())
    assert len(days) == 5
    assert sorted(short.forecasts["issued"].unique()) == days[-2:]
    for day in days:
        live = run(table, calendar(EPISODE), issued=day, **{"models": ["naive", "theta"]} | options)
        pd.testing.assert_frame_equal(as_forecast(long, day), live.forecasts)
        if day in days[-2:]:
            pd.testing.assert_frame_equal(as_forecast(short, day), live.forecasts)


@pytest.mark.slow
def test_arima_holds_its_parameters_whatever_the_origins():
    """With refit the rows of arima, effects included, do not depend on the first origin of the run."""
    options = {"models": ["arima"], "destinations": ["USA"], "refit": 6}
    long, short = replay(world(), last=5, **options), replay(world(), last=2, **options)
    for day in short.forecasts["issued"].unique():
        live = run(world(), calendar(EPISODE), issued=day, **options)
        pd.testing.assert_frame_equal(as_forecast(long, day), live.forecasts)
        pd.testing.assert_frame_equal(as_forecast(short, day), live.forecasts)
        pd.testing.assert_frame_equal(long.effects.query("issued == @day").reset_index(drop=True), live.effects)


@pytest.mark.slow
def test_the_origins_are_the_last_whose_next_month_came():
    """Figures end in December 2024: the last origin that can be scored is that of 20 December, for December."""
    forecasts = replay(world(), last=3, models=["naive"]).forecasts
    assert sorted(forecasts["issued"].unique()) == [date(2024, month, 20) for month in (10, 11, 12)]
    assert forecasts["actual_t"].notna().all()
    bounded = replay(world(), first=pd.Period("2024-02"), to=pd.Period("2024-04")).forecasts
    assert sorted(bounded["issued"].unique()) == [date(2024, month, 20) for month in (2, 3, 4)]
    assert len(replay(world(), models=["naive"]).forecasts["issued"].unique()) == 24


def test_an_origin_counts_where_a_selected_series_came():
    """ITA ends in June 2024, and so does its backtest, though others go on."""
    table = pd.concat([world(), exports({"ITA": steady(54)})])
    days = backtest_origins(table, ["magnets"], ["ITA"], last=2)
    assert days == {"magnets": [date(2024, 5, 20), date(2024, 6, 20)]}


@pytest.mark.slow
def test_each_product_has_origins_of_its_own():
    """A product that comes out on other days is forecast on those and on no others."""
    other = exports({"USA": steady(40), "WLD": steady(40, 300.0)}, product="gallium")
    other = other.assign(released=[day.replace(day=25) for day in other["released"]])
    table = pd.concat([world(), other], ignore_index=True)
    forecasts = replay(table, last=2, models=FAST).forecasts
    days = forecasts.groupby("product")["issued"].unique()
    assert sorted(days["gallium"]) == [date(2023, 3, 25), date(2023, 4, 25)]
    assert sorted(days["magnets"]) == [date(2024, 11, 20), date(2024, 12, 20)]


def test_no_month_is_left_out_between_december_and_march():
    """January and February come on 20 March: one origin forecasts both, none is in February, and both are scored."""
    table = world()
    together = [date(month.year, 3, 20) if month.month == 1 else day
                for month, day in zip(table["month"], table["released"], strict=True)]  # fmt: skip
    forecasts = replay(table.assign(released=together), first=pd.Period("2024-01"), to=pd.Period("2024-03")).forecasts
    usa = forecasts.query("destination == 'USA' and model == 'naive'")
    assert usa[["issued", "month", "horizon"]].astype(str).to_numpy().tolist() == [
        ["2024-01-20", "2024-01", "1"],
        ["2024-01-20", "2024-02", "2"],
        ["2024-03-20", "2024-03", "1"],
    ]
    assert usa["actual_t"].notna().all()


def test_a_forecast_uses_the_vintage_of_its_day_and_is_scored_against_the_latest():
    """A figure of 500 t, corrected to 105 t a month later: naive carries on 500 by the day, and the truth is 105."""
    table = exports({"USA": [100.0, 90, 110, 100, 95, 105, 100, 90]})
    first = table.iloc[[5]].assign(volume_t=500.0)
    corrected = table.assign(released=[date(2020, 8, 20) if place == 5 else day
                                       for place, day in enumerate(table["released"])])  # fmt: skip
    forecasts = replay(pd.concat([first, corrected]), models=["naive"], last=3).forecasts
    rows = forecasts.set_index("issued")[["volume_t", "actual_t"]].round(9)
    assert rows.loc[date(2020, 7, 20)].tolist() == [round(500.0 * 31 / 30, 9), 100.0]
    assert rows.loc[date(2020, 6, 20)].tolist() == [round(95.0 * 30 / 31, 9), 105.0]
    assert rows.loc[date(2020, 8, 20)].tolist() == [100.0, 90.0]


@pytest.mark.slow
def test_an_end_that_is_only_scheduled_never_comes():
    """Past its scheduled end an event goes on acting; an announced end that nobody doubts ends it."""
    scheduled = EPISODE | {"ends": date(2024, 4, 1), "ends_announced": date(2024, 1, 10), "ends_status": "scheduled"}
    open_end, closed = EPISODE | {"ends": None, "ends_announced": None}, scheduled | {"ends_status": ""}
    options = {"models": ["pooled"], "last": 8}
    forecasts = {name: replay(world(), calendar(event), **options).forecasts
                 for name, event in {"scheduled": scheduled, "open": open_end, "closed": closed}.items()}  # fmt: skip
    pd.testing.assert_frame_equal(forecasts["scheduled"], forecasts["open"])
    assert not forecasts["scheduled"].equals(forecasts["closed"])


@pytest.mark.slow
def test_a_window_hides_what_lies_before_it():
    """Thirty months of window give the forecast of a file that begins thirty months before the cutoff."""
    table = world()
    short = table[table["month"] > pd.Period("2024-04") - 30]
    found = run(table, calendar(EPISODE), window=30)
    expected = run(short, calendar(EPISODE))
    pd.testing.assert_frame_equal(found.forecasts, expected.forecasts)
    assert not found.forecasts.equals(usual().forecasts)


def test_a_window_hides_sums_that_begin_before_it():
    """A sum of months that reaches back beyond the window teaches nothing; inside it, it stays."""
    sums = {"product": "magnets", "destination": "WLD", "end": pd.Period("2024-01"), "volume_t": 900.0}
    starts = {"start": [pd.Period("2020-01"), pd.Period("2023-11")], "released": [date(2024, 2, 20)] * 2}
    data = Data(world(), calendar(), GROUPS, pd.DataFrame(starts).assign(**sums))
    assert RunContext(data, Settings(window=12)).as_of(ISSUED).totals["start"].tolist() == [pd.Period("2023-11")]


def test_failures_name_what_was_known_on_their_day():
    """A series is named from its first release on, also once its figures are withdrawn, and not before."""
    table = pd.concat([world(), exports({"KOR": [1.0]}, start="2024-06")], ignore_index=True)
    gone = table[table["destination"] == "KOR"].assign(volume_t=np.nan, released=date(2024, 8, 1), status="withdrawn")
    days = [date(2024, month, 20) for month in (6, 7, 8)]
    result = run(pd.concat([table, gone]), calendar(), days, models=["naive", "combination"])
    assert result.failures.query("model == 'naive'")[["destination", "issued", "reason"]].to_numpy().tolist() == [
        ["KOR", days[1], "naive needs 3 observed months and found 1."],
        ["KOR", days[2], "No figure of KOR was released by 2024-08-20."],
    ]
    combined = result.failures.query("model == 'combination'")
    assert combined["issued"].tolist() == days[1:]


def test_a_series_that_ended_before_the_window_says_so():
    """Nothing in the window is a reason, not a hole."""
    table = pd.concat([world(), exports({"ITA": steady(30)})])
    reason = run(table, calendar(), window=12, models=["naive"]).failures["reason"].tolist()
    assert reason == ["No figure of ITA for the 12 months to the cutoff was released by 2024-05-20."]


def test_parameters_are_estimated_on_the_first_origin_of_a_block():
    """Blocks of three months begin in January, April, ...: cutoffs of May and June use the fit of April's."""
    days = [date(2024, month, 20) for month in (4, 5, 6, 7, 8)]
    estimated = estimation_days(world(), {"magnets": days}, 3)
    april, july = date(2024, 5, 20), date(2024, 8, 20)
    assert [estimated["magnets", day] for day in days] == [date(2024, 2, 20), april, april, april, july]


def test_held_parameters_are_those_of_the_earlier_day():
    """Theta on 20 July follows the fit of 20 May; on the day of the estimate it is a fit like any other."""
    table, may, july = world(), date(2024, 5, 20), date(2024, 7, 20)
    options = {"models": ["theta"], "destinations": ["USA"]}
    context = run_context(Data(table, calendar(), GROUPS), Settings(), {"magnets": [may, july]})
    earlier, later = (Origin(context, context.as_of(day)).design(("magnets", "USA")) for day in (may, july))
    held = Theta().fit(earlier.y, earlier.X).follow(later.y, later.X).predict(later.X_future)
    found = run(table, calendar(), issued=july, refit=3, **options).forecasts
    volumes = later.to_volume(held[[*QUANTILES]].to_numpy())[0]
    assert found["volume_t"].item() == pytest.approx(volumes[MEDIAN], rel=1e-12)
    fresh = run(table, calendar(), issued=july, **options).forecasts
    assert not np.allclose(found["upper_95"], fresh["upper_95"], rtol=1e-6)
    pd.testing.assert_frame_equal(
        run(table, calendar(), issued=may, refit=3, **options).forecasts,
        run(table, calendar(), issued=may, **options).forecasts,
    )


@pytest.mark.parametrize("model", ["theta", pytest.param("arima", marks=pytest.mark.slow)])
def test_an_event_after_the_estimate_acts_on_held_parameters(model):
    """A ban announced between estimate and issue day lowers the forecast though parameters are older."""
    ban = calendar({"kind": "ban", "announced": date(2024, 7, 10), "effective": date(2024, 7, 12)})
    options = {"models": [model], "destinations": ["USA"], "issued": date(2024, 7, 20), "refit": 12}
    held, without = (run(world(), events, **options) for events in (ban, calendar()))
    assert set(held.effects["kind"]) == {"ban"}
    assert held.forecasts["volume_t"].item() < 0.9 * without.forecasts["volume_t"].item()


def test_a_combination_alone_has_its_members():
    """Asked for nothing else, the combination is that of all members, whose rows are not reported."""
    table = exports({"ITA": [100.0, 90, 110, 100, 95, 105]})
    rows = run(table, calendar(), issued=date(2020, 7, 20), models=["combination"]).forecasts
    beside = run(table, calendar(), issued=date(2020, 7, 20), models=[*MEMBERS, "combination"]).forecasts
    combined = beside[beside["model"] == "combination"].reset_index(drop=True)
    assert rows["model"].tolist() == ["combination"]
    pd.testing.assert_frame_equal(rows, combined, check_exact=True)


def test_progress_counts_to_the_end():
    """The last call says that all is done."""
    calls = []
    replay(world(), last=2, models=["naive", "pooled"], progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, len(calls)) for done in range(1, len(calls) + 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"last": 0}, "last: expected one or more, found 0."),
        ({"refit": 0}, "refit: expected one or more, found 0."),
        ({"window": 0}, "window: expected one or more, found 0."),
        ({"horizon": 0}, "horizon: expected one or more, found 0."),
        ({"first": pd.Period("2031-01")}, "magnets: expected a month with figures before it, found none to forecast."),
        ({"models": ["nave"]}, "There is no model 'nave': choose among naive, seasonal_naive, theta, arima, ets, ces,"
                               " prophet, structural, pooled."),
    ],
)  # fmt: skip
def test_a_backtest_that_cannot_be_says_why(options, message):
    """Numbers below one, months without figures and unknown models are refused in one sentence."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replay(world(), **options)


def test_a_destination_without_figures_is_nothing_to_forecast():
    """Not an empty table."""
    message = "There is nothing to forecast: no figures of these destinations in these products."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        run(world(), calendar(), destinations=["FRA"])


@pytest.mark.slow
def test_what_events_added_is_tested_model_by_model():
    """Naive takes no regressors and comes out the same; pooled is tested against itself without events."""
    options = {"models": ["naive", "pooled"], "first": pd.Period("2024-02"), "to": pd.Period("2024-08")}
    both = compare_events(world(), calendar(EPISODE), GROUPS, measure="mase", **options)
    verdicts = both.significance.query("slice == 'all'").set_index("model")["verdict"]
    assert verdicts["naive"] == "same losses as naive without events (n = 7 months)"
    assert re.search(r"pooled without events \(p [=<] 0\.\d+, n = 7 months\)$", verdicts["pooled"])
    pd.testing.assert_frame_equal(both.without_events.forecasts, replay(world(), calendar(), **options).forecasts)
    counts = both.scores.groupby(["events", "slice"])["n"].first().unstack("events")
    assert counts["with"].equals(counts["without"].rename("with"))
    assert {"phase=event", "phase=after", "phase=calm"} <= set(counts.index)


@pytest.mark.slow
def test_engines_agree_on_a_plain_series_and_one_of_them_is_the_default(pytestconfig):
    """Forecasts of both engines have the same rows, medians within 5 %, and without a word it is that of `--engine`."""
    options = {"models": ["arima", "prophet"], "destinations": ["USA"], "learn": False}
    default, reference, compiled = (
        run(world(), calendar(EPISODE), **options | engine)
        for engine in ({}, {"engine": "reference"}, {"engine": "compiled"})
    )
    named = {"reference": reference, "compiled": compiled}[pytestconfig.getoption("engine")]
    pd.testing.assert_frame_equal(default.forecasts, named.forecasts, check_exact=True)
    assert not compiled.forecasts.equals(reference.forecasts)
    np.testing.assert_allclose(compiled.forecasts["volume_t"], reference.forecasts["volume_t"], rtol=0.05)
    assert not len(compiled.reference_fits)


@pytest.mark.slow
@pytest.mark.parametrize("refit", [1, 6])
def test_what_a_kernel_cannot_fit_the_reference_fits_and_a_row_says_so(monkeypatch, refit):
    """The numbers are the reference's, on every day that uses the fit, and each has a row with the kernel's reason."""

    def refuses(*_):
        raise KernelError("arima: fit a simpler model.")

    options = {"models": ["arima"], "destinations": ["USA"], "last": 2, "refit": refit, "learn": False}
    reference = backtest_all(world(), calendar(), GROUPS, **options, engine="reference")
    monkeypatch.setattr("forecast.kernels.arima.search", refuses)
    compiled = backtest_all(world(), calendar(), GROUPS, **options, engine="compiled")
    pd.testing.assert_frame_equal(compiled.forecasts, reference.forecasts, check_exact=True)
    found = compiled.reference_fits
    assert found["issued"].tolist() == reference.forecasts["issued"].drop_duplicates().tolist()
    assert set(found["reason"]) == {"arima: fit a simpler model."}
    assert not len(reference.reference_fits)


@pytest.mark.slow
def test_parameters_that_no_kernel_can_follow_are_followed_by_nobody(monkeypatch):
    """Where held parameters have no likelihood in later months, the reference fits these anew and a row says so."""

    def refuses(*_):
        raise KernelError("arima: fit a simpler model.")

    monkeypatch.setattr("forecast.models.compiled.CompiledArimaFit.follow", refuses)
    options = {"models": ["arima"], "destinations": ["USA"], "last": 6, "learn": False}
    compiled = backtest_all(world(), calendar(), GROUPS, **options, refit=6, engine="compiled")
    anew = backtest_all(world(), calendar(), GROUPS, **options, engine="reference")
    days = compiled.reference_fits["issued"].tolist()
    assert 0 < len(days) < 6
    same = [table[table["issued"].isin(days)].reset_index(drop=True) for table in (compiled.forecasts, anew.forecasts)]
    pd.testing.assert_frame_equal(*same, check_exact=True)


def test_a_backtest_is_scored_against_the_vintage_asked_for():
    """A month first published as 1 t and revised to 90 t: the actual is either, and the forecasts are the same."""
    table = exports({"USA": steady(30)})
    month = table["month"].max()
    late = table[table["month"] == month].assign(volume_t=90.0, released=date(2023, 1, 20))
    table = pd.concat([table.assign(volume_t=table["volume_t"].where(table["month"] != month, 1.0)), late])
    latest, first = (
        backtest_all(table, calendar(), {}, models=["naive"], last=1, vintage=vintage).forecasts
        for vintage in ("latest", "first")
    )
    assert (latest["actual_t"].item(), first["actual_t"].item()) == (90.0, 1.0)
    assert latest["volume_t"].item() == first["volume_t"].item()
