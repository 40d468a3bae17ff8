"""Nowcasts: a headline that is out conditions the world, its parts and later months, and nothing before it is out."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm
from scipy.stats import t as student

import forecast as fc
from forecast.realtime.data import Data
from forecast.tables.quantiles import MEDIAN, NORMAL_SCORES
from forecast.totals.nowcast import COMMON, Rest, conditioned, conditioned_world, correlation_of_part, rest_of_headline
from forecast.vocabulary.products import headlines_with

MONTHS = pd.period_range("2021-01", periods=40, freq="M")
NO_EVENTS = fc.read_events().iloc[:0]
HEADLINES = {"chips": "electronics"}


def rows(product: str, destination: str, volumes: np.ndarray, day: int) -> pd.DataFrame:
    """Monthly volumes in tonnes, each out on ``day`` of the next month."""
    table = pd.DataFrame({"month": MONTHS[: len(volumes)], "volume_t": volumes})
    released = [(month + 1).start_time.date().replace(day=day) for month in table["month"]]
    given = {"product": product, "destination": destination, "status": "reported", "precision_t": np.nan, "source": ""}
    return table.assign(released=released, **given)


def panel(last: float = 60.0) -> pd.DataFrame:
    """Chips with two destinations to April 2024, and electronics, 20 t more, with May, which holds ``last`` chips."""
    random = np.random.default_rng(2)
    parts = {code: size * np.exp(0.25 * random.normal(size=39)) for code, size in {"USA": 60.0, "JPN": 40.0}.items()}
    world = sum(parts.values())
    headline = np.append(world, last) + 20 * np.exp(0.1 * random.normal(size=40))
    own = [rows("chips", code, volumes, 20) for code, volumes in {**parts, "WLD": world}.items()]
    return pd.concat([*own, rows("electronics", "WLD", headline, 18)], ignore_index=True)


def run(table: pd.DataFrame, issued: date, **options) -> fc.Forecasts:
    """The combination of two models on a day."""
    return fc.forecast_all(
        table, NO_EVENTS, {}, issued=issued, products=["chips"], models=["theta", "naive", "combination"],
        headlines=HEADLINES, calibrate=False, **options,
    )  # fmt: skip


def medians(found: fc.Forecasts) -> pd.Series:
    """Medians of the combination by destination and month."""
    own = found.forecasts[found.forecasts["model"] == "combination"]
    return own.set_index(["destination", "month"])["volume_t"]


def test_the_world_is_bayes_rule_on_forecast_and_headline() -> None:
    """The posterior median is that of the product of the forecast's density and the rest's, integrated apart."""
    forecast, rest = 1000 * np.exp(0.3 * NORMAL_SCORES), Rest(np.log(200.0), 0.4, 5.0)

    def density(tonnes: float) -> float:
        belief = student.pdf(np.log(1000 - tonnes), 5.0, np.log(200.0), 0.4) / (1000 - tonnes)
        return float(lognorm.pdf(tonnes, 0.3, scale=1000) * belief)

    found = conditioned_world(forecast, 1000.0, rest).quantiles
    whole = quad(density, 1, 995, limit=200)[0]
    for tonnes, share in zip(found, (0.025, 0.1, 0.5, 0.9, 0.975), strict=True):
        assert quad(density, 1, tonnes, limit=200)[0] / whole == pytest.approx(share, abs=0.004)


def test_a_forecast_that_no_headline_allows_gives_way_to_it() -> None:
    """Where the forecast is sure of more than the headline holds, the headline less its rest stands alone."""
    found = conditioned_world(np.full(5, 500.0), 100.0, Rest(np.log(20.0), 0.1, 50.0))
    assert found.quantiles[MEDIAN] == pytest.approx(80.0, rel=1e-6)
    assert (np.diff(found.quantiles) > 0).all()


def test_the_rest_is_learned_from_months_with_both_figures() -> None:
    """A stated share counts as one month; with many the mean of their logs decides, and the spread is theirs."""
    own = np.full(60, 900.0)
    stated = rest_of_headline(np.array([]), np.array([]), 0.9)
    assert stated is None
    stated = rest_of_headline(np.full(60, np.nan), own, 0.9)
    assert stated is not None
    assert np.exp(stated.mean) == pytest.approx(100.0)
    rests = np.exp(np.log(300.0) + 0.2 * np.random.default_rng(0).normal(size=60))
    learned = rest_of_headline(own + rests, own, 0.9)
    assert learned is not None
    assert learned.mean == pytest.approx((np.log(rests).sum() + np.log(100.0)) / 61)
    assert learned.scale == pytest.approx(0.24, abs=0.05)


def test_a_part_moves_with_the_whole_as_far_as_it_makes_it_up() -> None:
    """Simulated parts that err alone have the correlation with their sum of the formula, less what is common."""
    random = np.random.default_rng(4)
    draws = np.array([25.0, 75.0]) * np.exp(np.array([0.1, 0.1]) * random.normal(size=(200_000, 2)))
    quantiles = [np.quantile(one, [0.025, 0.1, 0.5, 0.9, 0.975]) for one in (draws[:, 0], draws.sum(axis=1))]
    true = np.corrcoef(np.log(draws[:, 0]), np.log(draws.sum(axis=1)))[0, 1]
    assert correlation_of_part(*quantiles) == pytest.approx(COMMON + (1 - COMMON) * true, abs=0.02)


def test_conditioning_a_normal_score_is_regression() -> None:
    """Mean and variance of a score given another that is known are rho m and 1 - rho^2."""
    own = 100 * np.exp(0.2 * NORMAL_SCORES)
    found = conditioned(own, 0.6, 1.5, 0.0)
    assert np.log(found[MEDIAN] / 100) == pytest.approx(0.2 * 0.9)
    assert np.log(found[3] / found[MEDIAN]) == pytest.approx(0.2 * 0.8 * NORMAL_SCORES[3])


def test_a_headline_out_early_moves_world_and_parts_and_narrows_them() -> None:
    """Two days before the figures the world's forecast is near the headline less its rest, and its parts follow."""
    table, day = panel(last=60.0), date(2024, 5, 18)
    before, after = run(table, date(2024, 4, 20)), run(table, day)
    assert before.nowcasts.empty
    month = MONTHS[39]
    found = after.forecasts.query("model == 'combination'").set_index("destination")
    was = after.nowcasts.set_index("destination")
    assert found.loc["WLD", "volume_t"] == pytest.approx(60.0, rel=0.08)
    assert was.loc["WLD", "without_t"] > 80
    for code in ("WLD", "USA", "JPN"):
        assert found.loc[code, "volume_t"] < 0.92 * was.loc[code, "without_t"]
        width = np.log(was.loc[code, "without_upper_80"] / was.loc[code, "without_lower_80"])
        assert np.log(found.loc[code, "upper_80"] / found.loc[code, "lower_80"]) < width
    assert (found["month"] == month).all()


def test_parts_of_the_forecast_name_the_headline_and_add_up() -> None:
    """The log of the median is the sum of its parts, the headline's among them."""
    found = run(panel(), date(2024, 5, 18))
    parts = found.parts.groupby(["destination", "month"])["log"].sum()
    pd.testing.assert_series_equal(np.exp(parts), medians(found).sort_index(), check_names=False, check_dtype=False)
    assert (found.parts["kind"] == "headline").sum() == 3


@pytest.mark.slow
def test_nothing_later_than_the_issue_day_enters_a_nowcast() -> None:
    """The day before the headline is out it moves nothing; on its day figures of later days move nothing."""
    table = panel()
    assert run(table, date(2024, 5, 17)).nowcasts.empty
    other = panel(last=300.0)
    known = run(table, date(2024, 5, 17))
    pd.testing.assert_series_equal(medians(known), medians(run(other, date(2024, 5, 17))))
    late = rows("chips", "WLD", np.full(40, 500.0), 20).iloc[[39]]
    with_late = pd.concat([table, late], ignore_index=True)
    day = date(2024, 5, 18)
    pd.testing.assert_series_equal(medians(run(table, day)), medians(run(with_late, day)))


def test_later_months_follow_as_their_errors_go_together() -> None:
    """The second month is moved too, to the same side and less."""
    found = run(panel(last=60.0), date(2024, 5, 18), horizon=2)
    ratio = found.nowcasts.set_index(["destination", "month"])["without_t"].rdiv(medians(found)).dropna()
    first, second = (ratio["WLD", MONTHS[39] + step] for step in (0, 1))
    assert first < second < 1.0


def test_a_headline_without_a_stated_share_needs_three_months() -> None:
    """With two months of both figures a headline of a user's files says nothing yet."""
    table = panel()
    early = (table["product"] == "electronics") & (table["month"] < MONTHS[37])
    assert run(table[~early], date(2024, 5, 18)).nowcasts.empty
    assert len(run(table[~early | (table["month"] == MONTHS[36])], date(2024, 5, 18)).nowcasts) == 3


@cache
def may_2025() -> fc.Forecasts:
    """The world's magnets on 18 June 2025, two days before May's 1,238 t, when 2,117 t of all rare earths were out."""
    return fc.forecast_all(
        fc.read_exports(), fc.read_events(), fc.read_groups(), issued=date(2025, 6, 18),
        products=["rare_earth_magnets"], destinations=["WLD"], models=["structural", "naive", "combination"],
    )  # fmt: skip


@pytest.mark.slow
def test_the_shipped_headline_nowcasts_may_2025() -> None:
    """Rare earth products of 2,117 t bring May nearer to the actual, at less than half the width."""
    found = may_2025()
    row = found.forecasts.query("model == 'combination'").iloc[0]
    without = found.nowcasts.iloc[0]
    assert row["month"] == pd.Period("2025-05")
    assert abs(row["volume_t"] - 1238.47) < 0.75 * abs(without["without_t"] - 1238.47)
    assert row["lower_95"] <= 1238.47 <= row["upper_95"]
    assert row["upper_80"] < 2117
    assert row["upper_80"] - row["lower_80"] < 0.5 * (without["without_upper_80"] - without["without_lower_80"])


@pytest.mark.slow
def test_may_2025_lies_inside_its_80_interval() -> None:
    row = may_2025().forecasts.query("model == 'combination'").iloc[0]
    assert row["lower_80"] <= 1238.47 <= row["upper_80"]


def test_a_share_counts_from_the_day_on_which_it_was_stated() -> None:
    """Before that day a shipped headline has no share; headlines of one's own stand beside the shipped ones."""
    (shipped, own) = headlines_with(HEADLINES)
    assert shipped.known is not None
    assert shipped.share_on(date(2025, 6, 17)) is None
    assert shipped.share_on(shipped.known) == 0.9
    assert own.share is None
    assert Data(panel(), NO_EVENTS, {}).headlines == headlines_with({})
