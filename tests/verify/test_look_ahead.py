"""The audit moves nothing in an honest forecast and catches whatever looks ahead, by name and size."""

from __future__ import annotations

from datetime import date

import leaky
import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.realtime.releases import Snapshot, as_of
from forecast.registry import MODELS
from forecast.tables.schema import PERIOD_TOTAL_COLUMNS
from forecast.verify.look_ahead import (
    CHANGES,
    CORRUPTIONS,
    FINDING_COLUMNS,
    ROW_KEYS,
    AuditTables,
    look_ahead_audit,
    moved,
    sampled,
)

ISSUED = date(2024, 5, 20)
DAYS = {"magnets": [ISSUED]}
EPISODE = {
    "kind": "licensing", "announced": date(2023, 9, 10), "effective": date(2023, 10, 1),
    "ends": date(2024, 6, 11), "ends_announced": date(2024, 6, 5),
}  # fmt: skip
LATER = {"kind": "ban", "announced": date(2024, 7, 1), "effective": date(2024, 7, 1)}


def world(months: int = 60) -> pd.DataFrame:
    """Two countries and their total, to the end of 2024, less than half of it under licence from October 2023 on."""
    episode = np.where(np.arange(months) >= 45, 0.4, 1.0)
    usa, japan = (steady(months, level, 0.08, seed) * episode for seed, level in enumerate((100, 40)))
    return exports({"USA": usa, "JPN": japan, "WLD": 1.1 * (usa + japan)})


def totals() -> pd.DataFrame:
    """Two quarters of JPN, of which no month is known: one released before the day, one after."""
    quarter = {
        "product": "magnets",
        "destination": "JPN",
        "volume_t": 80.0,
        "precision_t": np.nan,
        "status": "reported",
    }
    spans = [("2019-07", "2019-09", date(2024, 4, 20)), ("2019-10", "2019-12", date(2024, 6, 20))]
    rows = [quarter | {"start": pd.Period(start), "end": pd.Period(end), "released": day, "source": ""}
            for start, end, day in spans]  # fmt: skip
    return pd.DataFrame(rows, columns=PERIOD_TOTAL_COLUMNS)


def known_by(tables: AuditTables, day: date) -> Snapshot:
    return as_of(tables.exports, tables.events, day, tables.totals)


def audited(forecast=fc.forecast_all, events=(EPISODE, LATER), **options):
    return look_ahead_audit(
        world(),
        calendar(*events),
        GROUPS,
        DAYS,
        totals=totals(),
        forecast=forecast,
        **{"models": ["naive", "pooled"], **options},
    )


def test_a_list_of_destinations_looks_no_further_than_its_day():
    """A destination whose figures begin after the day is named in no table of it: the audit compares those too."""
    later = exports({"KOR": [1.0] * 6}, start="2024-06")
    table = pd.concat([world(), later], ignore_index=True)
    assert look_ahead_audit(table, calendar(), GROUPS, DAYS, models=["naive"], calibrate=False).empty


@pytest.mark.slow
def test_an_honest_forecast_does_not_move():
    """No number of the fast models moves under any corruption, with a window and held parameters or without."""
    assert audited(models=["naive", "seasonal_naive", "theta", "pooled", "combination"], calibrate=False).empty
    assert audited(window=30, refit=3, horizon=3, models=["naive", "theta"]).empty


@pytest.mark.slow
def test_no_model_at_all_moves():
    """All models, effects included, on the day after a licence that has an unannounced end."""
    findings = audited(models=MODELS, refit=2, calibrate=False)
    assert findings.empty
    assert findings.columns.tolist() == FINDING_COLUMNS


LEAKS = {
    leaky.leaky_model: {"later_volumes", "revisions", "newcomers", "no_future"},
    leaky.leaky_ends: {"later_ends", "no_future"},
    leaky.leaky_calendar: {"later_events", "no_future"},
    leaky.leaky_weight: {"later_volumes", "no_future"},
    leaky.leaky_vintage: {"revisions"},
    leaky.leaky_releases: {"release_days", "newcomers", "revisions", "no_future"},
    leaky.leaky_totals: {"later_totals"},
    leaky.leaky_newcomers: {"newcomers"},
}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
@pytest.mark.slow
def test_a_leak_is_caught_by_the_corruption_of_what_it_reads(leak):
    """Each corruption alone finds the forecast that reads what it changes, and no other corruption is blamed."""
    with_regressors = leak in (leaky.leaky_ends, leaky.leaky_calendar)
    horizon = 3 if with_regressors else 1  # the end that leaks lies in the second month
    models = ["pooled"] if with_regressors else ["naive", "theta"]
    findings = audited(leak, models=models, learn=with_regressors, horizon=horizon)
    assert set(findings["corruption"]) == LEAKS[leak]


def test_every_table_is_compared():
    """A run of several months is compared in all its tables but those without rows."""
    run = fc.forecast_all(world(), calendar(EPISODE), GROUPS, issued=ISSUED, models=["pooled"], horizon=2)
    nothing = run.replaced(**{name: table.iloc[:0] for name, table in run})
    nudged = run.replaced(correlations=run.correlations.assign(correlation=0.5))
    assert set(ROW_KEYS) == {name for name, _ in run}
    assert set(moved(run, nothing, 2)["table"]) == {name for name in ("forecasts", "dropped", "effects")
                                                            if len(getattr(run, name))}  # fmt: skip
    assert moved(run, nudged, 2)["column"].unique().tolist() == ["correlation"]


def test_every_corruption_finds_a_leak():
    """There is none that the leaks above would not miss."""
    assert set().union(*LEAKS.values()) == set(CORRUPTIONS)


@pytest.mark.slow
def test_a_finding_says_what_moved_and_by_how_much():
    """Corruption, day, series, model, table, row, column, both values and their difference."""
    findings = audited(leaky.leaky_model, models=["naive"])
    first = findings[(findings["corruption"] == "no_future") & (findings["destination"] == "USA")].iloc[0]
    assert first[["issued", "product", "model", "table", "row", "column"]].tolist() == [
        ISSUED, "magnets", "naive", "forecasts", "2024-05", "volume_t",
    ]  # fmt: skip
    honest = fc.forecast_all(world(), calendar(), GROUPS, issued=ISSUED, destinations=["USA"], models=["naive"])
    known = as_of(world(), calendar(), ISSUED).volumes["magnets"]["USA"]
    may = 31 / (365.25 / 12)
    floor = 0.01 * np.median((known / (known.index.days_in_month / (365.25 / 12))).iloc[-24:])
    level = np.log(honest.forecasts["volume_t"].item() / may + floor)
    mean = np.log(world()["volume_t"].mean())
    assert first["before"] == pytest.approx(may * (np.exp(0.99 * level + 0.01 * mean) - floor))
    assert first["difference"] == first["after"] - first["before"]


@pytest.mark.slow
def test_a_leak_into_what_is_left_out_is_caught():
    """What is left out counts as numbers do: an event of tomorrow on an unknown part of the world is a finding."""
    elsewhere = LATER | {"destinations": ("KOR",)}
    findings = audited(leaky.leaky_calendar, models=["theta"], events=(EPISODE, elsewhere), learn=False)
    assert "dropped" in set(findings["table"])


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_a_corruption_leaves_what_was_known(corruption):
    """Volumes and calendar as known on the day are the same before and after it, and the arguments are not touched."""
    table, events = world(), calendar(EPISODE, LATER, EPISODE | {"ends": date(2024, 2, 1), "ends_announced": None})
    given = AuditTables(table, events, totals())
    copies = [part.copy(deep=True) for part in given]
    before, after = known_by(AuditTables(table, events, totals()), ISSUED), known_by(corruption(given, ISSUED), ISSUED)
    as_known = ["event", "kind", "announced", "effective", "ends", "scheduled"]
    pd.testing.assert_frame_equal(before.events[as_known], after.events[as_known])
    assert before.volumes.keys() == after.volumes.keys()
    pd.testing.assert_frame_equal(before.volumes["magnets"], after.volumes["magnets"])
    pd.testing.assert_frame_equal(before.totals, after.totals)
    for part, kept in zip(given, copies, strict=True):
        pd.testing.assert_frame_equal(part, kept)


@pytest.mark.parametrize("corruption", CHANGES.values(), ids=CHANGES)
def test_a_corruption_changes_what_came_later(corruption):
    """A month after the day, volumes or calendar are not what they were."""
    given, later = AuditTables(world(), calendar(EPISODE, LATER), totals()), date(2024, 12, 31)
    before, after = known_by(given, later), known_by(corruption(given, ISSUED), later)
    same = before.volumes.keys() == after.volumes.keys() and all(
        [before.events.equals(after.events), before.totals.equals(after.totals),
         before.volumes["magnets"].equals(after.volumes["magnets"])]
    )  # fmt: skip
    assert not same


def test_corrupted_tables_are_sound():
    """No volume is negative or missing, no end stands before its event, each event has a name of its own."""
    tables = AuditTables(world(), calendar(EPISODE, LATER), totals())
    for corruption in CHANGES.values():
        tables = corruption(tables, ISSUED)
    events = tables.events
    assert (tables.exports["volume_t"] > 0).all()
    assert events["event"].is_unique
    ended = events.dropna(subset=["ends"])
    assert len(ended) > 0
    assert (ended["ends"] > ended["effective"]).all()


def test_a_sample_is_spread_over_all_days():
    """First, middle and last of five; all of two; none of none."""
    five = [date(2025, 1, day) for day in range(1, 6)]
    assert sampled({"a": five, "b": five[:2], "c": []}) == {"a": [five[0], five[2], five[4]], "b": five[:2], "c": []}
