"""What a backtest found, against values by hand on a small one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from replays import ACTUALS, ERRORS, MONTHS, digest, write, write_backtest

from forecast.registry import MEMBERS
from forecast.report.page import analysis as findings
from forecast.report.page import sections
from forecast.report.page import text as words
from forecast.report.page.run_tables import Replay, actuals_of, read_replay
from forecast.report.text import times
from forecast.tables.run_folder import OutputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backtest(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="module")
def replay(folder: Path) -> Replay:
    return read_replay(folder)


def test_a_folder_is_read_as_it_was_written(replay: Replay):
    """Months are periods, days dates, counts integers; the calendar and the run without events come along."""
    row = replay.forecasts.iloc[0]
    assert row["month"] == MONTHS[0]
    assert row["issued"] == date(2025, 3, 20)
    assert row["actual_t"] == ACTUALS["USA"][0]
    assert replay.scores["n"].dtype == int
    assert replay.models == ["naive", "combination"]
    assert replay.shown == "combination"
    assert replay.missing == ()
    assert replay.events is not None
    assert replay.events["event"].tolist() == ["licensing-2025"]
    assert replay.without_events is not None
    assert replay.without_events.events is not None
    assert replay.without_events.events.empty


def test_the_phase_is_that_of_the_calendar_on_the_issue_day(replay: Replay):
    """Licensing from 8 May: its month is an event on 20 May, and June comes after; March and April are calm."""
    phases = replay.forecasts.drop_duplicates("month").set_index("month")["phase"]
    assert phases.astype(str).tolist() == ["calm", "calm", "event", "after"]


def test_a_calendar_that_changed_since_is_not_used(tmp_path: Path):
    """A file with another sha256 than the run read is missing, and the report says so."""
    changed = write_backtest(tmp_path / "run")
    events = changed / "events.csv"
    events.write_text(events.read_text().replace("2025-05-08", "2025-05-09"))
    assert digest(events) not in json.loads((changed / "run.json").read_text())["inputs"].values()
    again = read_replay(changed)
    assert again.events is None
    assert again.missing == ("The file events.csv is not the one that the run read as events.csv: its sha256 differs.",)
    assert "phase" not in again.forecasts
    assert findings.calendar_of(again, "magnets").empty


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "scores.csv").unlink(),
         "{run}: expected scores.csv of a backtest, found none that can be read."),
        (lambda run: (run / "scores.csv").write_text("product,model\n"),
         "{run}/scores.csv: expected the columns of a backtest, found none called slice, n, mae_t, wape, mase, rmsse,"
         " bias, wis, coverage_80, coverage_95."),
        (lambda run: _without_actuals(run / "forecasts.csv"),
         "{run}: expected a backtest, found no forecast whose actual is out."),
    ],
)  # fmt: skip
def test_what_is_no_backtest_is_refused(tmp_path: Path, spoil, message: str):
    """In one sentence that names the folder."""
    run = write_backtest(tmp_path / "run", without_events=False)
    spoil(run)
    with pytest.raises(OutputError, match=f"^{re.escape(message.format(run=run))}$"):
        read_replay(run)


def _without_actuals(path: Path) -> None:
    table = pd.read_csv(path, dtype=str)
    table.assign(actual_t="").to_csv(path, index=False)


def test_destinations_with_more_months_come_first(replay: Replay):
    """Equal months: the larger volume, here the United States; a series with too few months is left out."""
    assert findings.main_destinations(replay, "magnets") == ["USA", "DEU"]
    few = replay.forecasts["destination"].ne("USA") | replay.forecasts["month"].le(MONTHS[1])
    assert findings.main_destinations(replace(replay, forecasts=replay.forecasts[few]), "magnets") == ["DEU"]


def test_the_world_stands_first_however_few_its_months(replay: Replay):
    """A total is what is read first."""
    world = replay.forecasts[replay.forecasts["month"].ge(MONTHS[1])].assign(destination="WLD")
    both = replace(replay, forecasts=pd.concat([replay.forecasts, world], ignore_index=True))
    assert findings.main_destinations(both, "magnets") == ["WLD", "USA", "DEU"]


def test_an_event_is_unseen_until_it_is_announced_and_known_from_that_day_on(replay: Replay):
    """The table of what was seen: May as forecast on 20 May knows the licences of 8 May."""
    seen = findings.seen_when(replay, "magnets", "USA")
    assert seen["month"].tolist() == [MONTHS[2], MONTHS[3]]
    assert seen["known"].tolist() == [["licensing-2025"], ["licensing-2025"]]
    assert seen["unseen"].tolist() == [[], []]
    assert seen["last_t"].tolist() == [400.0, 40.0]
    calendar = findings.calendar_of(replay, "magnets")
    assert findings.known_and_acting(calendar, date(2025, 5, 7), MONTHS[2]) == []
    assert findings.announced_later(calendar, date(2025, 5, 7), MONTHS[2]) == ["licensing-2025"]
    assert findings.announced_later(calendar, date(2025, 5, 7), MONTHS[1]) == []


def test_an_event_that_ended_is_known_to_act_in_the_months_after_it(replay: Replay):
    """As in the forecast, by the day on which the end was known; nothing of it is left half a year on."""
    calendar = findings.calendar_of(replay, "magnets").assign(ends=date(2025, 6, 1), ends_announced=date(2025, 5, 30))
    september, later = pd.Period("2025-09", "M"), pd.Period("2026-03", "M")
    found = [findings.known_and_acting(calendar, date(2025, 6, 20), month) for month in (september, later)]
    assert found == [["licensing-2025"], []]


def test_the_worst_miss_is_the_largest_against_its_own_series(replay: Replay):
    """Twenty tonnes are 20/155 of Germany's mean and 20/310 of that of the United States."""
    worst = findings.worst_misses(replay, most=5)
    assert worst["destination"].tolist() == ["DEU"] * 4 + ["USA"]
    assert worst["miss"].to_numpy() == pytest.approx([20 / 155] * 4 + [20 / 310])


def test_the_best_model_must_forecast_at_least_half_as_often_as_the_most(replay: Replay):
    """A model that shone once does not win; without it the combination does, and naive wins where nobody beats it."""
    assert findings.best_model(replay, "magnets") == "combination"
    lucky = replay.scores[replay.scores["model"] == "combination"].assign(model="lucky", n=1)
    test = replay.significance[replay.significance["model"] == "combination"].assign(model="lucky", skill=0.99)
    with_lucky = replace(
        replay, scores=pd.concat([replay.scores, lucky]), significance=pd.concat([replay.significance, test])
    )
    assert findings.best_model(with_lucky, "magnets") == "combination"
    worse = replace(replay, significance=replay.significance.assign(skill=-0.1))
    assert findings.best_model(worse, "magnets") == "naive"


def test_what_events_added_is_measured_on_the_rows_of_both_runs(replay: Replay):
    """The combination misses by 20 t with events and 60 t without; naive is the same in both and says nothing."""
    added = findings.added_by_events(replay)
    everything = added[added["slice"] == "all"]
    assert everything["model"].tolist() == ["combination"]
    assert everything[["n", "with", "without"]].to_numpy().tolist() == [[8, 20.0, 60.0]]
    assert set(added["slice"]) >= {"horizon=1", "phase=event", "phase=calm", "destination=DEU"}
    assert findings.added_by_events(replace(replay, without_events=None)).empty


def test_an_interval_that_always_or_never_held_has_its_bounds_in_closed_form():
    """Clopper and Pearson: 0 of n is bounded by 1 - 0.025^(1/n), n of n by 0.025^(1/n)."""
    assert findings.binomial_interval(0, 12) == pytest.approx((0.0, 1 - 0.025 ** (1 / 12)))
    assert findings.binomial_interval(12, 12) == pytest.approx((0.025 ** (1 / 12), 1.0))


def test_intervals_are_counted_with_their_bounds(replay: Replay):
    """Twenty tonnes off is inside 30, sixty is outside 50."""
    counts = findings.interval_counts(replay.scored, ["model"]).set_index(["model", "level"])
    assert counts["held"].to_dict() == {
        ("naive", 80): 0, ("combination", 80): 8, ("naive", 95): 0, ("combination", 95): 8,
    }  # fmt: skip


@pytest.mark.parametrize(("actual_t", "place"), [(1, 0), (2, 1), (5, 1), (15, 2), (30, 2), (40, 3), (55, 4), (61, 5)])
def test_every_actual_falls_into_one_place_and_bounds_count_as_inside(actual_t: float, place: int):
    """Bounds at 2, 10, 30, 50 and 60."""
    row = {"lower_95": 2.0, "lower_80": 10.0, "volume_t": 30.0, "upper_80": 50.0, "upper_95": 60.0}
    places = findings.where_actuals_fell(pd.DataFrame([row | {"actual_t": actual_t}]))
    assert places["count"].tolist() == [int(place == other) for other in range(6)]
    assert places["expected"].sum() == pytest.approx(1.0)


def test_misses_are_factors_by_model_and_month(replay: Replay):
    """In May the combination says 60 t of the United States where 40 t came: 1.5 times."""
    table = findings.miss_factors(replay, "magnets", "USA")
    assert table.loc["combination"].to_numpy() == pytest.approx([520 / 500, 420 / 400, 60 / 40, 320 / 300])
    assert table.index.tolist() == ["naive", "combination"]


def test_actuals_come_from_the_figures_or_from_the_forecasts(replay: Replay):
    """Where the file is gone, the months that were scored are left."""
    assert len(actuals_of(replay, "magnets", "USA")) == 16
    scored = actuals_of(replace(replay, exports=None), "magnets", "USA")
    assert scored.to_dict() == dict(zip(MONTHS, ACTUALS["USA"], strict=True))


def test_failures_are_counted_by_series_with_their_last_reason(replay: Replay):
    """Two origins of Japan, one row."""
    rows = findings.failures_by_series(replay)
    assert rows[["destination", "origins", "reason"]].to_numpy().tolist() == [
        ["JPN", 2, "No model could be fitted & none will."]
    ]


def test_the_answer_says_who_won_by_how_much_and_on_what(replay: Replay):
    """The whole text: equal misses cannot be tested, and the answer says so.

    Interval scores by hand: (10 + 6 + 2.5) / 2.5 = 7.4 t with events, 7.3 t where a bound is cut at zero; without
    (30 + 36 + 12.5) / 2.5 = 31.4 t.
    """
    assert words.product_answer(replay, "magnets") == [
        "Magnets, one month ahead (4 months from 2025-03 to 2025-06, 2 destinations).",
        "Best was combination: it missed by 20 t on average (n = 8 forecasts), 67 % less than naive on the same"
        " forecasts, month by month: not testable against naive (n = 4 months).",
        "Intervals of combination: 80 % held 8 of 8 times (100 %; 95 % confidence 63 % to 100 %), no sign of being"
        " wrong; 95 % held 8 of 8 times (100 %; 95 % confidence 63 % to 100 %), no sign of being wrong.",
        "With events the mean absolute error of combination is 20 t, without them 60 t (n = 8): not testable"
        " against combination without events (n = 4 months).",
        "With events the weighted interval score of combination is 7.4 t, without them 31 t (n = 8): better than"
        " combination without events (p < 0.001, n = 4 months).",
    ]
    assert ERRORS == {"naive": 60.0, "combination": 20.0}


def test_an_interval_is_judged_by_what_confidence_allows():
    """Half of a hundred is too narrow for 80 %, all of a hundred too wide, three of four says nothing."""
    assert [words.judged(80, held, n) for held, n in [(50, 100), (100, 100), (3, 4)]] == [
        "too narrow", "too wide", "no sign of being wrong",
    ]  # fmt: skip


def test_a_month_without_exports_is_a_factor_only_where_something_was_forecast():
    """Nothing against nothing is no miss."""
    rows = pd.DataFrame({"volume_t": [0.0, 50.0], "actual_t": [0.0, 0.0], "upper_95": [100.0, 100.0]})
    assert np.isnan(findings.factors(rows)[0])
    assert [times(factor) for factor in findings.factors(rows)] == ["-", "×∞"]


# Parity --------------------------------------------------------------------------------------------------------------


def parity(**columns: object) -> pd.DataFrame:
    """Two fits of one day, the first of two months; ``columns`` over them."""
    rows = {
        "product": "magnets", "destination": "USA", "model": ["arima", "arima", "prophet"],
        "issued": date(2025, 3, 20), "month": [*MONTHS[:2], MONTHS[0]], "order": ["(0,1,1)", "(0,1,1)", ""],
        "compiled_t": [100.0, 100.0, 90.0], "reference_t": [100.0, 99.0, 90.0],
        "difference": [0.0, np.log(100 / 99), 0.0], "width": [0.0, 0.001, 0.0], "gain": [0.1, 0.1, -0.5],
        "reason": "",
    }  # fmt: skip
    return pd.DataFrame(rows | columns)


def test_parity_in_a_sentence(replay: Replay):
    """Fits are counted and not months; 100 against 99 t is 1.02 % at most; a posterior lower by a half is likelier."""
    assert words.agreement(replace(replay, parity=parity())) == (
        "Parity: 2 random fits redone by statsmodels and Prophet; medians differ by at most 1.02 %,"
        " and 1 library fit is likelier."
    )


def test_parity_that_could_not_be_measured(replay: Replay):
    """What was not redone is counted; nothing measured is said, and the reference needs no measure."""
    reason = ["arima has no likelihood.", "arima has no likelihood.", ""]
    lost = {"difference": [np.nan, np.nan, -1e-7], "gain": [np.nan, np.nan, 0.0]}
    assert words.agreement(replace(replay, parity=parity(reason=reason, **lost))) == (
        "Parity: 2 random fits redone by statsmodels and Prophet; 1 could not be redone; medians differ by at most"
        " 0.01 %, and no library fit is likelier."
    )
    assert words.agreement(replace(replay, parity=parity(reason="No.", difference=np.nan, gain=np.nan))) == (
        "Parity: statsmodels and Prophet could redo none of 2 random fits."
    )
    assert words.agreement(replay) == "Parity with statsmodels and Prophet was not measured."
    about = {"arguments": {"engine": "reference"}}
    assert words.agreement(replace(replay, about=about)) == (
        "Parity: the reference engine is statsmodels and Prophet themselves."
    )


@pytest.mark.slow
def test_parity_is_read_from_its_folder_and_shown(tmp_path: Path):
    """The table comes back as it was written, and stands under what was asked, in logs to two digits."""
    run = write_backtest(tmp_path / "run")
    write(parity(), run / "parity.csv")
    again = read_replay(run)
    pd.testing.assert_frame_equal(again.parity, parity(), check_dtype=False)
    *_, sentence, shown, note = [piece.text for piece in sections.what_was_asked(again)]
    assert "medians differ by at most 1.02 %" in sentence
    assert re.findall(r"<td[^>]*>([^<]*)</td>", shown)[12:24] == [
        "magnets", "United States", "arima", "(0,1,1)", "2025-03-20", "2025-04", "100", "99",
        "+0.01", "+0.001", "+0.1", "",
    ]  # fmt: skip
    assert "above zero the compiled fit is the likelier" in note
    (*_, nothing) = sections.what_was_asked(read_replay(write_backtest(tmp_path / "other")))
    assert nothing.text == "<p>Parity with statsmodels and Prophet was not measured.</p>"


def test_what_the_combination_learned_is_counted_by_phase(replay: Replay):
    """Two calm months and one of an event: means of weights, medians of factors, and nothing where nothing is kept."""
    weights = {f"weight_{name}": 0.0 for name in MEMBERS} | {"weight_theta": 0.4, "weight_arima": 0.6}
    rows = pd.DataFrame([
        {"product": "magnets", "phase": phase, "cells": cells, "shift": shift, "factor_lower_80": factor}
        | dict.fromkeys(["factor_upper_80", "factor_lower_95", "factor_upper_95"], 1.0)
        | weights
        for phase, cells, shift, factor in [("calm", 50, 0.0, 0.8), ("calm", 60, 0.1, 1.0), ("event", 0, 0.0, 1.0)]
    ])  # fmt: skip
    found = findings.learned_by_phase(replace(replay, calibration=rows), "magnets").set_index("phase")
    assert found.index.tolist() == ["event", "calm"]
    assert found.loc["calm", ["n", "learned", "moved", "cells"]].tolist() == [2, 2, 1, 60]
    assert found.loc["calm", ["weight_arima", "factor_lower_80"]].tolist() == [0.6, 0.9]
    assert found.loc["event", ["n", "learned"]].tolist() == [1, 0]
    shown = sections.calibration(replace(replay, calibration=rows))
    text = "".join(getattr(piece, "text", "") for piece in shown)
    assert "What the combination learned" in text
    assert "0.90 and 1.00" in text
    assert replay.calibration.empty
    assert findings.learned_by_phase(replay, "magnets").empty
