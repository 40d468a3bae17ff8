"""Several months together: sums whose intervals hold, of months known and months forecast."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady
from typer.testing import CliRunner, Result

from forecast import cli
from forecast.backtest.run import backtest_all, forecast_all
from forecast.ensemble.aggregates import JointForecast, spans, sums, volumes
from forecast.models.protocol import gaussian_bounds
from forecast.tables.frames import as_text
from forecast.tables.quantiles import NORMAL_SCORES, PROBABILITIES, VOLUME_QUANTILES
from forecast.tables.run import Forecasts
from forecast.tables.schema import OMITTED_COLUMNS, RUN_TABLES, SUM_COLUMNS

MODELS = ("naive", "seasonal_naive", "theta", "pooled", "combination")
VOLUMES = [*VOLUME_QUANTILES]
ISSUED = date(2024, 5, 20)
NONE = pd.Series(dtype=float, index=pd.PeriodIndex([], freq="M"))
RUNS = 5_000


def world(months: int = 60) -> pd.DataFrame:
    """Two countries and their total, from 2020 to 2024."""
    countries = {"USA": steady(months, 100, 0.1), "JPN": steady(months, 40, 0.2, 1)}
    return exports(countries | {"WLD": sum(countries.values())})


def run(table: pd.DataFrame, horizon: int = 3, **options: object) -> Forecasts:
    """Forecasts of 20 May 2024, from figures up to April."""
    plain = {"models": MODELS, "issued": ISSUED, "learn": False, "calibrate": False}
    return forecast_all(table, calendar(), GROUPS, horizon=horizon, **plain | options)


def joint(sd: np.ndarray, correlation: np.ndarray) -> JointForecast:
    """Months ahead about one tonne, normal in logs."""
    months = pd.period_range("2025-01", periods=len(sd), freq="M")
    bounds = np.exp(gaussian_bounds(np.zeros(len(sd)), sd, months))
    return JointForecast(months, bounds.to_numpy(), correlation, NONE)


def random_walk(count: int, sd: float = 0.3) -> tuple[JointForecast, np.ndarray]:
    """Months of a random walk, and its volumes in many worlds."""
    month = np.arange(1, count + 1)
    correlation = np.sqrt(np.minimum.outer(month, month) / np.maximum.outer(month, month))
    steps = sd * np.random.default_rng(0).normal(size=(RUNS, count))
    return joint(sd * np.sqrt(month), correlation), np.exp(steps.cumsum(axis=1))


def independent(count: int, sd: float = 0.5) -> tuple[JointForecast, np.ndarray]:
    """Months that have nothing to do with each other, and their volumes."""
    return joint(np.full(count, sd), np.eye(count)), np.exp(sd * np.random.default_rng(1).normal(size=(RUNS, count)))


@pytest.mark.parametrize("count", [2, 3, 6, 12])
@pytest.mark.parametrize("make", [random_walk, independent])
def test_the_interval_of_a_sum_holds_and_sums_of_bounds_are_too_wide(make, count: int) -> None:
    """Of simulated sums 80 and 95 % lie inside, within three binomial standard errors; more inside added bounds."""
    months, paths = make(count)
    found = months.total(months.months[0], months.months[-1])
    added, came = months.bounds.sum(axis=0), paths.sum(axis=1)
    for level, (lower, upper) in {0.80: (1, 3), 0.95: (0, 4)}.items():
        error = 3 * np.sqrt(level * (1 - level) / RUNS)
        held = np.mean((came >= found[lower]) & (came <= found[upper]))
        assert held == pytest.approx(level, abs=error)
        assert np.mean((came >= added[lower]) & (came <= added[upper])) > level + error
    assert found[2] == pytest.approx(np.median(came), rel=0.02)


def test_months_that_err_as_one_add_bound_by_bound() -> None:
    """With correlations of one the bounds of a sum are the sums of bounds: nothing makes up for anything."""
    months = joint(np.array([0.2, 0.4, 0.6]), np.ones((3, 3)))
    found = months.total(months.months[0], months.months[-1])
    np.testing.assert_allclose(found, months.bounds.sum(axis=0), rtol=2e-3)


def test_every_month_keeps_its_bounds_in_the_paths() -> None:
    """Quantiles of the paths of a month are the bounds that it is shown with, lopsided ones too."""
    months, _ = random_walk(3)
    lopsided = replace(months, bounds=np.array([[1, 5, 6, 9, 40], [0, 0, 2, 3, 4], [0, 1, 2, 3, 4]], dtype=float))
    found = np.quantile(lopsided.paths, PROBABILITIES, axis=0, method="hazen").T
    np.testing.assert_allclose(found, lopsided.bounds, rtol=0.01, atol=0.01)
    assert lopsided.paths.min() >= 0


@pytest.mark.parametrize(
    ("bounds", "outside"),
    [
        ([1.0, 2.0, 4.0, 8.0, 16.0], [0.5, 32.0]),  # logs go on as between the outer bounds
        ([0.0, 2.0, 4.0, 8.0, 16.0], [0.0, 32.0]),
        ([0.0, 0.0, 0.0, 0.0, 16.0], [0.0, 32.0]),  # no log: as far again in tonnes
        ([0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0]),
    ],
    ids=str,
)
def test_bounds_are_met_exactly_and_what_lies_beyond_goes_on(bounds: list[float], outside: list[float]) -> None:
    """At the scores of the bounds the volume is the bound; a step further out it is as far again."""
    np.testing.assert_allclose(volumes(NORMAL_SCORES, np.array(bounds)), bounds, rtol=1e-15)
    step = NORMAL_SCORES[4] - NORMAL_SCORES[3]
    beyond = np.array([NORMAL_SCORES[0] - step, NORMAL_SCORES[4] + step])
    np.testing.assert_allclose(volumes(beyond, np.array(bounds)), outside, rtol=1e-12)
    drawn = volumes(np.linspace(-4, 4, 201), np.array(bounds))
    assert (np.diff(drawn) >= 0).all()


def test_a_quarter_with_two_months_known_has_the_bounds_of_the_third() -> None:
    """April and May are known on 20 June: the quarter is their volumes and June's own row, bound by bound."""
    table = world()
    made = run(table, horizon=2, issued=date(2024, 6, 20))
    found = sums(made, table, 2).table
    known = table.set_index(["destination", "month"])["volume_t"]["USA"]["2024-04":"2024-05"].sum()
    june = made.forecasts[(made.forecasts["destination"] == "USA") & (made.forecasts["horizon"] == 1)]
    quarter = found[(found["destination"] == "USA") & (found["start"] == pd.Period("2024-04", "M"))]
    by_model = [rows.set_index("model").loc[list(MODELS), VOLUMES] for rows in (quarter, june)]
    np.testing.assert_array_equal(by_model[0], known + by_model[1])


def test_spans_are_the_horizon_the_quarters_the_rest_of_the_year_and_the_year() -> None:
    """Each once, of at least two months, and only what the months forecast complete."""
    found = {horizon: [f"{a} {b}" for a, b in spans(pd.Period("2024-10", "M"), horizon)] for horizon in (1, 2, 5)}
    year = ["2024-10 2024-12", "2024-01 2024-12"]
    assert found == {1: [], 2: ["2024-11 2024-12", *year], 5: ["2024-11 2025-03", "2024-11 2024-12", year[0],
                                                             "2025-01 2025-03", year[1]]}  # fmt: skip
    one_left = spans(pd.Period("2024-11", "M"), 1)
    assert [f"{a} {b}" for a, b in one_left] == ["2024-10 2024-12", "2024-01 2024-12"]


def test_every_forecast_has_its_sums() -> None:
    """A row per series, model and span, in the columns of the format, bounds in order."""
    table = world()
    found = sums(run(table), table, 3)
    assert found.table.columns.tolist() == SUM_COLUMNS
    assert found.omitted.columns.tolist() == OMITTED_COLUMNS
    assert len(found.omitted) == 0
    assert len(found.table) == 3 * len(MODELS) * 2  # May to July, and the second quarter
    assert (np.diff(found.table[VOLUMES], axis=1) > 0).all()


def test_a_thousand_volumes_give_a_thousand_sums() -> None:
    """A change of unit changes the unit of the sums."""
    table = world()
    larger = table.assign(volume_t=1000 * table["volume_t"])
    small, large = (sums(run(figures), figures, 3).table for figures in (table, larger))
    np.testing.assert_allclose(large[VOLUMES], 1000 * small[VOLUMES], rtol=1e-5)


@pytest.mark.slow
def test_the_same_call_gives_the_same_sums_and_a_longer_horizon_the_same_quarter() -> None:
    """Two calls agree to the last bit; the second quarter hangs on no later month."""
    table = world()
    first, again, longer = (sums(run(table, horizon), table, horizon).table for horizon in (3, 3, 7))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    second_quarter = [found[found["start"] == pd.Period("2024-04", "M")][VOLUMES] for found in (first, longer)]
    np.testing.assert_allclose(*second_quarter, rtol=1e-9)


@pytest.mark.slow
def test_known_months_are_those_known_on_the_issue_day() -> None:
    """April, revised in June, counts in a forecast of May as it was; in the actual of the quarter as it came to be."""
    table = world()
    april = (table["destination"] == "USA") & (table["month"] == pd.Period("2024-04", "M"))
    revised = table[april].assign(volume_t=7e4, released=date(2024, 6, 30))
    later = pd.concat([table, revised], ignore_index=True)
    pd.testing.assert_frame_equal(sums(run(table), table, 3).table, sums(run(later), later, 3).table)
    options = {"models": ["naive"], "destinations": ["USA"], "horizon": 3, "learn": False}
    past = backtest_all(later, calendar(), GROUPS, first=pd.Period("2024-05"), to=pd.Period("2024-05"), **options)
    found = sums(past, later, 3).table.set_index("start")
    months = table[(table["destination"] == "USA")].set_index("month")["volume_t"]
    assert found.loc[pd.Period("2024-04"), "actual_t"] == pytest.approx(7e4 + months["2024-05":"2024-06"].sum())
    assert found.loc[pd.Period("2024-04"), "volume_t"] < 1000


def test_what_came_after_the_issue_day_moves_no_sum() -> None:
    """Other volumes later on, and the correlations and sums of the day stay what they were, to the last bit."""
    table = world()
    later = np.array([day > ISSUED for day in table["released"]])
    other = table.assign(volume_t=table["volume_t"].where(~later, 7e5))
    before, after = run(table), run(other)
    pd.testing.assert_frame_equal(before.correlations, after.correlations, check_exact=True)
    assert len(before.correlations) == 3 * len(MODELS) * 3
    pd.testing.assert_frame_equal(sums(before, table, 3).table, sums(after, other, 3).table, check_exact=True)


def test_an_actual_is_there_once_all_months_are() -> None:
    """Figures end in December 2024: the fourth quarter has an actual, what reaches into 2025 has none."""
    table = world()
    past = backtest_all(
        table, calendar(), GROUPS, models=["naive"], destinations=["USA"], horizon=3, last=2, learn=False
    )
    found = sums(past, table, 3).table
    came = table[table["destination"] == "USA"].set_index("month")["volume_t"]["2024-10":].sum()
    quarter, beyond = (found.loc[found["start"] == pd.Period("2024-10"), "actual_t"],
                       found.loc[found["end"] > pd.Period("2024-12"), "actual_t"])  # fmt: skip
    assert quarter.tolist() == pytest.approx([came] * 2)
    assert len(beyond) == 2
    assert beyond.isna().all()


def test_a_month_that_was_never_published_leaves_no_sum() -> None:
    """Japan's April is not out on 20 May: no second quarter, and the reason; May to July are all forecast."""
    table = world()
    gap = (table["destination"] == "JPN") & (table["month"] == pd.Period("2024-04", "M"))
    found = sums(run(table[~gap]), table[~gap], 3)
    japan = found.table[found.table["destination"] == "JPN"]
    assert set(zip(japan["start"].astype(str), japan["end"].astype(str), strict=True)) == {("2024-05", "2024-07")}
    assert set(found.omitted["destination"]) == {"JPN"}
    assert set(found.omitted["reason"]) == {"2024-04 neither known nor forecast"}
    assert len(found.table) + len(found.omitted) == 3 * len(MODELS) * 2


def test_the_combination_goes_together_as_its_members_do_on_average() -> None:
    """Its correlation is the mean of theta's and arima's; where neither could be fitted it is that of naive."""
    table = exports({"USA": list(steady(60)), "JPN": [np.nan] * 47 + list(steady(13))})
    made = run(table, horizon=2, models=("naive", "theta", "arima", "combination"))
    found = made.correlations.set_index(["destination", "model"])["correlation"]
    assert found["USA", "theta"] != found["USA", "arima"]
    assert found["USA", "combination"] == pytest.approx((found["USA", "theta"] + found["USA", "arima"]) / 2)
    assert found["JPN"].index.tolist() == ["combination", "naive"]
    assert found["JPN", "combination"] == found["JPN", "naive"]


def test_one_month_ahead_has_no_correlations() -> None:
    """Nothing is noted, and nothing changes, where a single month is forecast."""
    made = run(world(), horizon=1)
    assert made.correlations.columns.tolist() == RUN_TABLES["correlations"].columns
    assert made.correlations.empty


def test_a_run_without_its_correlations_is_refused() -> None:
    """Sums cannot be had from forecasts alone, and the message says what to do."""
    table = world()
    made = run(table).replaced(correlations=RUN_TABLES["correlations"].empty())
    message = "expected the correlations of a run of several months, found none: forecast it anew."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sums(made, table, 3)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with exports.csv, figures up to December 2024; Japan's November is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2025, 1, 25))
    table = world()
    gap = (table["destination"] == "JPN") & (table["month"] == pd.Period("2024-11", "M"))
    columns = ["product", "destination", "month", "volume_t", "released"]
    as_text(table[~gap][columns]).to_csv("exports.csv", index=False)
    return tmp_path


def command(name: str, *more: str) -> Result:
    files = ["--exports", "exports.csv", "--events", "none", "--models", "naive,theta,combination"]
    return CliRunner().invoke(cli.app, [name, *files, "--output", "run", *more])


@pytest.mark.slow
def test_next_prints_the_sums_under_the_table(place: Path) -> None:
    """A row per destination and span with the numbers of sums.csv; why a sum is not there stands beside both."""
    result = command("next", "--horizon", "3", "--issued", "2024-12-20")
    assert result.exit_code == 0, result.output
    row = pd.read_csv("run/sums.csv").query("destination == 'USA' and model == 'combination'").set_index("start")
    quarter = row.loc["2024-10"]
    numbers = f"{quarter['volume_t']:,.0f} +{quarter['lower_80']:,.0f} to {quarter['upper_80']:,.0f}"
    assert re.search(rf"^ +Oct to Dec 2024, known to Nov +{numbers} *$", result.stdout, re.M)
    assert re.search(r"^United States +Dec 2024 to Feb 2025 +[\d,]+ +[\d,]+ to [\d,]+ *$", result.stdout, re.M)
    assert "| United States | Dec 2024 to Feb 2025 |" in Path("run/table.md").read_text()
    omitted = pd.read_csv("run/sums_omitted.csv")
    assert set(omitted["destination"]) == {"JPN", "ROW"}
    assert set(omitted.query("destination == 'JPN'")["reason"]) == {"2024-11 neither known nor forecast"}
    without = "2024-10 to 2024-12, 2024-01 to 2024-12 (2024-11 neither known nor forecast): Japan, Rest of world"
    assert re.search(rf"^Without a sum +{re.escape(without)} *$", result.stdout, re.M)


@pytest.mark.slow
def test_next_of_one_month_has_no_sums(place: Path) -> None:
    """Neither file nor table."""
    result = command("next")
    assert result.exit_code == 0, result.output
    assert not Path("run/sums.csv").exists()
    assert "months together" not in result.stdout + Path("run/table.md").read_text()


@pytest.mark.slow
def test_a_backtest_of_several_months_writes_sums_with_actuals(place: Path) -> None:
    """Every origin's sums beside its actual, as many as are out."""
    result = command("backtest", "--horizon", "3", "--origins", "4")
    assert result.exit_code == 0, result.output
    found = pd.read_csv("run/sums.csv")
    assert found.columns.tolist() == [*SUM_COLUMNS, "actual_t"]
    third_quarter = found.query("destination == 'USA' and start == '2024-07' and end == '2024-09'")["actual_t"]
    came = world().query("destination == 'USA'").set_index("month")["volume_t"]["2024-07":"2024-09"].sum()
    assert third_quarter.tolist() == pytest.approx([came] * len(third_quarter))
    assert found["actual_t"].isna().any()
