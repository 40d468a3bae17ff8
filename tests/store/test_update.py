from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simulated
import stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast import backtest_all
from forecast.ensemble.judgement import parse_judgement
from forecast.scoring.scores import add_actuals
from forecast.store.changes import (
    CALENDAR,
    CONTRIBUTIONS,
    NEWS_DECOMP_COLUMNS,
    Inputs,
    calendar_until,
    news_decomposition,
    what_changed,
)
from forecast.store.database import Store
from forecast.store.issued import issued_forecasts, issued_judgements, issues
from forecast.store.track import RECORD_COLUMNS, held_record, record, running, track
from forecast.store.update import receive, run_update
from forecast.store.vintages import exports_as_of
from forecast.tables.read import TableError

KEYS = ["product", "destination", "model", "issued", "month"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


def same_as_backtest(store: Store, exports: pd.DataFrame, days: list[date], how: object) -> None:
    """The rows of the track that count are those of the backtest of the same days."""
    end = days[-1]
    backtest = backtest_all(
        stored.until(exports, end), stored.calendar(), simulated.GROUPS, models=how.models, calibrate=how.calibrate,
        horizon=how.horizon, first=pd.Period(days[0], "M"), to=pd.Period(days[-2], "M"),
    ).forecasts  # fmt: skip
    rows = track(store, end)
    rows = rows[rows["counts"]].sort_values(KEYS).reset_index(drop=True)
    expected = backtest[backtest["actual_t"].notna()].sort_values(KEYS).reset_index(drop=True)
    columns = [*KEYS, "cutoff", "horizon", "volume_t", "lower_80", "upper_80", "lower_95", "upper_95", "actual_t"]
    pd.testing.assert_frame_equal(rows[columns], expected[columns], check_dtype=False, rtol=1e-12)


@pytest.mark.slow
def test_a_year_played_release_by_release_is_the_backtest_of_the_same_days(store: Store, tmp_path: Path) -> None:
    """With revisions among the files, what was issued month by month and its actuals are those of the backtest."""
    exports = stored.with_revisions(stored.figures())
    days = sorted(set(exports["released"]))[-13:]
    stored.play(store, exports, days, tmp_path)
    same_as_backtest(store, exports, days, stored.CHEAP)


@pytest.mark.slow
def test_a_year_with_late_releases_is_the_backtest_of_the_same_days(store: Store, tmp_path: Path) -> None:
    """Months that come out two at a time, with revisions and a measure announced meanwhile, change nothing of that.

    On two days of the year two months are scored at once.
    """
    exports = stored.with_revisions(stored.with_late_releases(stored.figures(), ("2022-08", "2023-01")))
    days = sorted(set(exports["released"]))[-12:]
    how = replace(stored.CHEAP, models=("naive", "structural"), horizon=2)
    played = stored.play(store, exports, days, tmp_path, stored.routine(how))
    same_as_backtest(store, exports, days, how)
    assert [done.scored["month"].nunique() for done in played].count(2) == 2


@pytest.mark.slow
def test_a_calibrated_combination_played_is_the_backtest(store: Store, tmp_path: Path) -> None:
    """What the combination learns from earlier origins is the same in the routine and in the backtest."""
    how = replace(stored.CHEAP, calibrate=True)
    exports = stored.with_revisions(stored.figures(36))
    days = sorted(set(exports["released"]))[-4:]
    stored.play(store, exports, days, tmp_path, stored.routine(how))
    same_as_backtest(store, exports, days, how)


@pytest.mark.slow
def test_a_second_run_changes_nothing(store: Store, tmp_path: Path) -> None:
    """The same file again, the same day or a later one, adds no row anywhere and makes no issue."""
    exports, day = stored.figures(), date(2022, 6, 20)
    (first,) = stored.play(store, exports, [day], tmp_path)
    before = [len(store.query(f"SELECT * FROM {name}")) for name in ("files", "vintages", "issues", "forecasts")]
    for later in (0, 3):
        again = run_update(store, [tmp_path / f"{day}.csv"], stored.routine(), day + timedelta(days=later))
        assert (again.issue, again.run, len(again.known_files)) == (None, None, 1)
        assert again.last.number == first.issue.number
    after = [len(store.query(f"SELECT * FROM {name}")) for name in ("files", "vintages", "issues", "forecasts")]
    assert after == before


@pytest.mark.slow
def test_a_later_issue_is_another_row(store: Store, tmp_path: Path) -> None:
    """A changed setting makes a second issue of the same day; the first stays, and it alone counts."""
    exports, days = stored.figures(), [date(2022, 6, 20), date(2022, 7, 20)]
    stored.play(store, exports, days[:1], tmp_path)
    before = issued_forecasts(store, 1)
    other = replace(stored.CHEAP, models=("theta", "naive"))
    run_update(store, [], stored.routine(other), days[0])
    stored.play(store, exports, days[1:], tmp_path)
    assert [issue.number for issue in issues(store)] == [1, 2, 3]
    pd.testing.assert_frame_equal(issued_forecasts(store, 1), before)
    rows = track(store, days[1])
    assert set(rows.loc[rows["counts"], "issue"]) == {1}
    assert set(rows["issue"]) == {1, 2}


@pytest.mark.slow
def test_a_forecast_made_after_its_month_was_out_does_not_count(store: Store, tmp_path: Path) -> None:
    """An issue entered late is kept and shown, and is no part of the record."""
    exports, days = stored.figures(), [date(2022, 6, 20), date(2022, 7, 20)]
    stored.play(store, exports, days[:1], tmp_path)
    store._connection.execute("UPDATE issues SET made = DATE '2022-07-20'")  # as a dishonest clock would have it
    stored.play(store, exports, days[1:], tmp_path)
    rows = track(store, days[1])
    assert len(rows)
    assert not rows["counts"].any()
    assert record(rows).empty


@pytest.mark.slow
def test_the_update_scores_the_month_that_came_out(store: Store, tmp_path: Path) -> None:
    """Actuals, insides and errors of the last month are those of the table, by hand."""
    exports, days = stored.figures(), [date(2022, 6, 20), date(2022, 7, 20)]
    _, second = stored.play(store, exports, days, tmp_path)
    expected = add_actuals(issued_forecasts(store, 1), stored.until(exports, days[1]))
    scored = second.scored.sort_values(["destination", "model"]).reset_index(drop=True)
    expected = expected[expected["actual_t"].notna()].sort_values(["destination", "model"]).reset_index(drop=True)
    assert set(scored["month"].astype(str)) == {"2022-06"}
    np.testing.assert_array_equal(scored["actual_t"], expected["actual_t"])
    np.testing.assert_allclose(scored["error"], expected["volume_t"] / expected["actual_t"] - 1)
    inside = (expected["lower_80"] <= expected["actual_t"]) & (expected["actual_t"] <= expected["upper_80"])
    assert scored["inside_80"].tolist() == inside.tolist()


@pytest.mark.slow
def test_what_is_taken_in_after_an_issue_of_its_day_is_scored_once(store: Store, tmp_path: Path) -> None:
    """Of two issues on the day of a release the one that has the figures scores them; a third one does not again."""
    exports, days = stored.figures(), [date(2022, 6, 20), date(2022, 7, 20)]
    stored.play(store, exports, days[:1], tmp_path)
    before = run_update(store, [], stored.routine(replace(stored.CHEAP, seed=1)), days[1])
    [with_figures] = stored.play(store, exports, days[1:], tmp_path)
    after = run_update(store, [], stored.routine(replace(stored.CHEAP, seed=2)), days[1])
    assert [len(done.scored) for done in (before, with_figures, after)] == [0, 9, 0]
    rows = track(store, days[1])
    assert rows[rows["counts"]].groupby(["destination", "model", "month"]).size().eq(1).all()
    assert record(rows, 1).query("slice == 'all'")["n"].tolist() == [3, 3, 3]


@pytest.mark.slow
def test_the_record_is_silent_below_the_minimum_and_right_above_it(store: Store, tmp_path: Path) -> None:
    """Shares, Wilson intervals and skill of three months and three destinations, against a plain loop."""
    exports, days = stored.figures(), [date(2022, month, 20) for month in (5, 6, 7, 8)]
    stored.play(store, exports, days, tmp_path)
    rows = track(store, days[-1])
    found = record(rows, minimum=9).set_index(["model", "slice"]).loc[("theta", "all")]
    own = rows[rows["model"] == "theta"]
    held = sum(low <= y <= high for low, y, high in zip(own["lower_80"], own["actual_t"], own["upper_80"], strict=True))
    assert (found["n"], found["held_80"], found["coverage_80"]) == (9, held, held / 9)
    lost = sum(abs(f - y) for f, y in zip(own["volume_t"], own["actual_t"], strict=True))
    base = sum(abs(f - y) for f, y in zip(own["naive_t"], own["actual_t"], strict=True))
    assert found["skill"] == pytest.approx(1 - lost / base)
    silent = record(rows, minimum=10)
    assert silent[["coverage_80", "lower_80", "skill"]].isna().all(axis=None)
    assert running(rows, ["magnets"], "theta", 1)["n"].tolist() == [3, 6, 9]
    assert held_record(rows, minimum=3).query("model == 'theta' and level == 80")["held"].sum() == held
    assert record(rows.iloc[:0]).columns.tolist() == RECORD_COLUMNS


def test_a_file_that_is_refused_leaves_the_store_as_it_was(store: Store, tmp_path: Path) -> None:
    """A negative volume and a file that is not there are named, and nothing is taken in."""
    bad = tmp_path / "bad.csv"
    bad.write_text("product,destination,month,volume_t\nmagnets,USA,2020-05,-3\n", "utf-8")
    with pytest.raises(TableError, match=r"bad\.csv row 2"):
        run_update(store, [bad], stored.routine(), date(2022, 6, 20))
    with pytest.raises(TableError, match=r"none.csv: expected a file of export figures, found none that can be read"):
        run_update(store, [tmp_path / "none.csv"], stored.routine(), date(2022, 6, 20))
    assert exports_as_of(store, date(2022, 6, 20)).empty


def test_one_file_under_two_names_is_taken_in_once(store: Store, tmp_path: Path) -> None:
    """A copy adds nothing and is no error."""
    exports, day = stored.until(stored.figures(), date(2022, 6, 20)), date(2022, 6, 20)
    paths = [stored.write(exports, tmp_path / name) for name in ("a.csv", "copy of a.csv")]
    done = run_update(store, paths, stored.routine(), day)
    assert (done.appended.new, len(done.known_files)) == (len(exports), 1)


def test_a_destination_without_figures_is_named(store: Store, tmp_path: Path) -> None:
    """The codes on file are listed, and the store stays empty."""
    exports, day = stored.figures(), date(2022, 6, 20)
    with pytest.raises(TableError, match=r"expected a destination with figures \(DEU, USA, WLD\), found JPN\.$"):
        stored.play(store, exports, [day], tmp_path, stored.routine(destinations=["JPN"]))
    assert exports_as_of(store, day).empty


def test_figures_that_are_late_are_said(store: Store, tmp_path: Path) -> None:
    """A month that its source owed before the day stands in a remark."""
    (done,) = stored.play(store, stored.until(stored.figures(), date(2022, 6, 20)), [date(2022, 8, 1)], tmp_path)
    assert any(remark.startswith("magnets: 2022-06 was due on 2022-07-2") for remark in done.remarks)


# What changed --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The changes of an update with everything: settings, revisions, new figures, three kinds of calendar news."""
    folder = tmp_path_factory.mktemp("pair")
    exports = stored.with_revisions(stored.figures(36), every=2)
    days = sorted(set(exports["released"]))[-3:]
    models = ("naive", "arima", "combination")
    old_calendar = simulated.calendar(
        {"kind": "licensing", "announced": date(2021, 6, 1)},
        {"kind": "ban", "announced": date(2021, 9, 1), "ends": date(2022, 2, 1), "destinations": ("DEU",)},
    )
    moved = old_calendar.assign(effective=[date(2021, 7, 1), date(2021, 9, 1)])
    ended = moved.assign(ends=[date(2022, 11, 1), date(2022, 2, 1)])
    added = simulated.calendar({"event": "ban-x", "kind": "ban", "announced": days[-1], "destinations": ("DEU",)})
    new_calendar = pd.concat([ended, added], ignore_index=True).astype(object)
    first = replace(stored.routine(replace(stored.CHEAP, models=models, horizon=3)), events=old_calendar)
    second = replace(first, events=new_calendar, settings=replace(first.settings, window=24, horizon=2))
    with Store(folder / "store.duckdb") as store:
        stored.play(store, exports, days[:2], folder, first)
        (done,) = stored.play(store, exports, days[2:], folder, second)
    return done.changes


@pytest.mark.slow
def test_contributions_add_up_to_the_change_in_logs_and_in_tonnes(pair: pd.DataFrame) -> None:
    """For every series and month the steps sum to the difference of the medians."""
    cells = pair.groupby(["product", "destination", "month"], sort=False)
    assert len(cells) == 6
    for _, own in cells:
        before, after = own["before_t"].iloc[0], own["after_t"].iloc[0]
        assert own["contribution"].tolist() == list(CONTRIBUTIONS)
        assert own["change_t"].sum() == pytest.approx(after - before, rel=1e-12, abs=1e-9)
        assert own["log_change"].sum() == pytest.approx(np.log(after / before), rel=1e-12, abs=1e-12)


def test_every_cause_that_moved_an_input_is_seen(pair: pd.DataFrame) -> None:
    """Settings, revisions, new figures, and added, moved and ended entries each move some forecast."""
    moved = pair.groupby("contribution")["change_t"].apply(lambda column: column.abs().max())
    assert set(moved[moved > 1e-6].index) == set(CONTRIBUTIONS)


def volumes(exports: pd.DataFrame, events: pd.DataFrame, issued: date, horizon: int) -> pd.DataFrame:
    """A forecaster whose number depends on all its inputs in the plainest way."""
    latest = exports.sort_values("released", kind="stable").drop_duplicates("month", keep="last")
    median = latest["volume_t"].mean() * 2.0 ** len(events) * (1 + events["ends"].notna().sum())
    cutoff = latest["month"].max()
    months = [cutoff + ahead for ahead in range(1, horizon + 1)]
    row = {"product": "w", "destination": "USA", "model": "plain", "cutoff": cutoff, "volume_t": median}
    return pd.DataFrame([row | {"month": month, "horizon": (month - cutoff).n} for month in months])


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    figures=st.lists(st.floats(0.01, 1e6), min_size=3, max_size=8),
    new=st.integers(0, 3), revised=st.booleans(), added=st.integers(0, 2), ended=st.booleans(), same=st.booleans(),
    reach=st.integers(1, 4),
)  # fmt: skip
def test_contributions_add_up_for_any_news(
    figures: list[float], new: int, revised: bool, added: int, ended: bool, same: bool, reach: int
) -> None:
    """Whatever moved between two issues, the steps sum to the change, and a step that moved nothing is zero."""
    table = simulated.exports({"USA": figures}, product="w")
    old_day, day = date(2021, 1, 1), date(2021, 2, 1)
    later = simulated.exports({"USA": [*figures, *[7.0] * new]}, product="w")
    if revised:
        later.loc[0, "volume_t"] *= 1.5
    calendar = simulated.calendar({"kind": "ban", "announced": date(2020, 2, 1)})
    news = [{"event": f"new-{place}", "kind": "tax", "announced": day} for place in range(added)]
    after = pd.concat([calendar, simulated.calendar(*news)], ignore_index=True).astype(object) if news else calendar
    if ended:
        after = after.assign(ends=[date(2021, 1, 15), *[None] * added]).astype(object)
    forecaster = volumes
    old = Inputs(table, calendar, old_day, forecaster(table, calendar, old_day, reach))
    new_inputs = Inputs(later, after, day, forecaster(later, after, day, 2))
    found = what_changed(old, new_inputs, same, forecaster)
    assert len(found) == 2 * len(CONTRIBUTIONS)
    for _, own in found.groupby("month"):
        before, now = own["before_t"].iloc[0], own["after_t"].iloc[0]
        assert own["change_t"].sum() == pytest.approx(now - before, rel=1e-9, abs=1e-9 * max(now, before))
        assert own["log_change"].sum() == pytest.approx(np.log(now / before), abs=1e-9)
        steps = own.set_index("contribution")["change_t"]
        still = {"revisions": not revised, "new_figures": not new, "calendar_added": not added,
                 "calendar_ended": not ended, "calendar_moved": True}  # fmt: skip
        assert all(steps[name] == 0 for name, nothing in still.items() if nothing)


@pytest.mark.parametrize("known", [True, False], ids=["old settings can be had", "another version"])
@pytest.mark.parametrize("reach", [1, 2])
def test_what_settings_and_news_move_only_together_is_the_interaction(known: bool, reach: int) -> None:
    """Settings that double every number, and figures that raise it: by hand, and both ways it closes exactly."""
    table = simulated.exports({"USA": [10.0, 30.0]}, product="w")
    later = simulated.exports({"USA": [10.0, 30.0, 80.0]}, product="w")
    events = simulated.calendar({"kind": "ban", "announced": date(2020, 1, 5)})

    def doubled(*step: object) -> pd.DataFrame:
        rows = volumes(*step)
        return rows.assign(volume_t=2 * rows["volume_t"])

    days = date(2020, 3, 20), date(2020, 4, 20)
    old = Inputs(table, events, days[0], volumes(table, events, days[0], reach))
    new = Inputs(later, events, days[1], doubled(later, events, days[1], 1))
    found = what_changed(old, new, False, doubled, volumes if known else None).set_index("contribution")
    moved = found["change_t"][found["change_t"].abs() > 1e-12].to_dict()
    start = (
        40.0 if known or reach == 2 else 80.0
    )  # a month that was not issued is as the present settings would have it
    assert found["before_t"].unique().tolist() == [start]
    assert found["after_t"].unique().tolist() == [160.0]
    news = {"new_figures": 40.0, "interaction": 40.0} if known else {"new_figures": 80.0}
    assert moved == ({"settings": 40.0} if start == 40.0 else {}) | news
    assert found["log_change"].sum() == pytest.approx(np.log(160 / start))
    if known:
        assert found.loc["interaction", "log_change"] == pytest.approx(0, abs=1e-12)


def test_the_calendar_moves_in_three_steps() -> None:
    """Added entries come first, then moved days, then ends; the last step is the new calendar."""
    old = stored.calendar()
    new = pd.concat([old, simulated.calendar({"event": "z", "kind": "ban", "announced": date(2023, 1, 1)})])
    new = new.assign(effective=date(2023, 5, 1), ends=date(2023, 6, 1)).astype(object).reset_index(drop=True)
    added, moved, ended = (calendar_until(old, new, name) for name in CALENDAR)
    assert added["effective"].tolist() == [date(2021, 6, 1), date(2023, 3, 1), date(2023, 5, 1)]
    assert moved["effective"].tolist() == [date(2023, 5, 1)] * 3
    assert moved["ends"].tolist() == [None, None, date(2023, 6, 1)]
    pd.testing.assert_frame_equal(ended, new)


def test_changes_fit_the_open_table_of_revisions(pair: pd.DataFrame) -> None:
    """Columns, types and rules of the data contract: revisions have a base and a source, and close on the change."""
    table = news_decomposition(pair)
    assert table.columns.tolist() == NEWS_DECOMP_COLUMNS
    assert set(table["decomposition"]) == {"revision"}
    assert set(table["revision_source"]) == {"news", "reestimation", "interaction"}
    assert table[["base_vintage_date", "contribution"]].notna().all(axis=None)
    assert (table["vintage_date"] > table["base_vintage_date"]).all()
    for name in ("date", "vintage_date", "base_vintage_date"):
        assert table[name].dtype == "datetime64[ns]"
    keys = ["variable", "date", "forecast_horizon", "source", "vintage_date", "base_vintage_date"]
    closed = table.groupby(keys)["contribution"].sum().to_numpy()
    changes = pair.drop_duplicates(["destination", "month"]).sort_values(["destination", "month"])
    np.testing.assert_allclose(closed, changes["after_t"] - changes["before_t"], atol=1e-9)


# Judgement -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_judgement_stands_beside_the_model_and_both_are_scored(store: Store, tmp_path: Path) -> None:
    """The combination is as without judgement; the judged rows, their reason and both scores are kept."""
    exports, days = stored.figures(), [date(2022, 6, 20), date(2022, 7, 20)]
    how = stored.routine(judgements=[parse_judgement("USA=-20%: customs strike")])
    with Store(tmp_path / "plain.duckdb") as plain:
        (without,) = stored.play(plain, exports, days[:1], tmp_path)
    first, second = stored.play(store, exports, days, tmp_path, how)
    rows = first.run.forecasts
    pd.testing.assert_frame_equal(rows[rows["model"] != "judged"], without.run.forecasts)
    assert set(rows.loc[rows["model"] == "judged", "destination"]) == {"USA", "WLD"}
    assert issued_judgements(store)["reason"].tolist()[:2] == ["customs strike", "follows its parts"]
    assert {"judged", "combination"} <= set(second.scored["model"])
    assert {"judged", "combination"} <= set(second.changes["model"])


@pytest.mark.slow
def test_a_download_in_other_columns_is_taken_in(store: Store, tmp_path: Path) -> None:
    """Country names, month words and kilograms: the figures are those of our own columns, and a line says so."""
    known = stored.until(stored.figures(), date(2022, 6, 20))
    known = known[known["product"] == known["product"].iloc[0]]
    places = {"USA": "United States", "DEU": "Germany", "JPN": "Japan", "WLD": "World"}
    known = known[known["destination"].isin(places)]
    table = pd.DataFrame({
        "Product": known["product"], "Country": known["destination"].map(places),
        "Period": [month.strftime("%b-%y") for month in known["month"]], "Net weight (kg)": 1000 * known["volume_t"],
    })  # fmt: skip
    table.to_csv(tmp_path / "download.csv", sep=";", index=False)
    done = run_update(store, [tmp_path / "download.csv"], stored.routine(), date(2022, 7, 1))
    assert any("download.csv" in sentence for sentence in done.remarks)
    found = done.exports.set_index(["destination", "month"])["volume_t"].sort_index()
    expected = known.set_index(["destination", "month"])["volume_t"].sort_index()
    pd.testing.assert_series_equal(found, expected, check_index_type=False, rtol=1e-9)
    assert len(done.run.forecasts)


# Products under another spelling -------------------------------------------------------------------------------------


def spelt(folder: Path, product: str, volume: float) -> Path:
    path = folder / f"{product}.csv"
    path.write_text(
        f"product,destination,month,volume_t,released\n{product},USA,2023-01,{volume},2023-03-2{volume:.0f}\n"
    )
    return path


def test_a_revision_under_another_spelling_is_one_of_the_same_product(store: Store, tmp_path: Path):
    """Capitals and marks make no second product, and that is said."""
    receive(store, [spelt(tmp_path, "rare_earth_alloys", 1)], date(2023, 3, 28))
    appended, _, said = receive(store, [spelt(tmp_path, "Rare-Earth-Alloys", 2)], date(2023, 3, 28))
    assert appended.revised == 1
    assert said[-1] == "The product 'Rare-Earth-Alloys' is rare_earth_alloys, as the store calls it."
    assert set(exports_as_of(store, date(2023, 3, 28))["product"]) == {"rare_earth_alloys"}


def test_a_product_that_is_spelt_nearly_as_one_of_the_store_is_asked_about(store: Store, tmp_path: Path):
    """Nothing is taken in; another product, or one that differs by a digit, is."""
    receive(store, [spelt(tmp_path, "rare_earth_alloys", 1)], date(2023, 3, 28))
    with pytest.raises(
        TableError, match=r"the product 'rare_earth_aloys' is not in .* and rare_earth_alloys is: if it"
    ):
        receive(store, [spelt(tmp_path, "rare_earth_aloys", 2)], date(2023, 3, 28))
    receive(store, [spelt(tmp_path, "urea", 2), spelt(tmp_path, "rare_earth_alloys2", 3)], date(2023, 3, 28))
    known = exports_as_of(store, date(2023, 3, 28))
    assert sorted(known["product"]) == ["rare_earth_alloys", "rare_earth_alloys2", "urea"]
