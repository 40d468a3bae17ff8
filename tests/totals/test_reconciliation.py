"""Totals: draws that add up, correlations of errors, and the rest of the world by vintage."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.realtime.rest_of_world import separate_destinations, with_rest_of_world
from forecast.tables.quantiles import MEDIAN, NORMAL_SCORES
from forecast.totals.hierarchy import SUM
from forecast.totals.reconciliation import joint_draws, reconcile, reconciled_draws, shrunk_correlation

MONTHS = pd.period_range("2021-01", periods=40, freq="M")


def exports(volumes: dict[str, np.ndarray], released: date | None = None) -> pd.DataFrame:
    """Monthly volumes in tonnes by destination, each out on the 20th of the next month unless a day is given."""
    rows = [
        {"product": "magnets", "destination": code, "month": month, "volume_t": float(volume),
         "released": released or (month + 1).start_time.date().replace(day=20),
         "status": "reported", "precision_t": np.nan, "source": ""}
        for code, own in volumes.items() for month, volume in zip(MONTHS, own, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def lognormal(median: float, sd: float) -> np.ndarray:
    """Quantiles of a log-normal distribution in tonnes."""
    return np.asarray(median * np.exp(sd * NORMAL_SCORES))


def test_reconciled_draws_add_up_and_are_not_negative() -> None:
    """In every draw the parts add up to the total, whatever the base forecasts say."""
    quantiles = np.array([lognormal(5, 1.5), lognormal(50, 0.4), lognormal(80, 0.1)])
    found = reconciled_draws(joint_draws(quantiles, np.eye(3)))
    np.testing.assert_allclose(found[:, :-1].sum(axis=1), found[:, -1], rtol=1e-12)
    assert (found >= 0).all()


def test_minimum_trace_is_generalised_least_squares() -> None:
    """The mean of reconciled draws is the estimate of parts and total by generalised least squares on S."""
    random = np.random.default_rng(3)
    covariance = np.array([[4.0, 1.0, 2.0], [1.0, 9.0, 3.0], [2.0, 3.0, 6.0]])
    base = np.array([100.0, 200.0, 330.0])
    draws = random.multivariate_normal(base, covariance, size=2000)
    summing = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    weight = np.linalg.inv(np.cov(draws, rowvar=False))
    bottom = np.linalg.solve(summing.T @ weight @ summing, summing.T @ weight @ draws.mean(axis=0))
    np.testing.assert_allclose(reconciled_draws(draws).mean(axis=0), summing @ bottom, rtol=1e-9)


def test_a_sure_total_narrows_unsure_parts() -> None:
    """With a total that is nearly known, parts that err independently are known better than alone."""
    quantiles = np.array([lognormal(50, 0.3), lognormal(50, 0.3), lognormal(100, 0.01)])
    alone, together = quantiles[0], reconcile(quantiles, np.eye(3))[0]
    assert together[3] - together[1] < 0.8 * (alone[3] - alone[1])
    assert together[MEDIAN] == pytest.approx(50, rel=0.03)


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_correlations_of_errors_are_recovered_and_noise_is_not(gaps: float) -> None:
    """A common shock shows as correlation, with and without gaps; unrelated errors of few origins shrink to none."""
    random = np.random.default_rng(5)
    common = random.normal(size=(400, 1))
    errors = np.hstack([common + 0.5 * random.normal(size=(400, 1)) for _ in range(3)])
    errors[random.random(errors.shape) < gaps] = np.nan
    found = shrunk_correlation(errors)
    np.testing.assert_allclose(found[np.triu_indices(3, 1)], 0.8, atol=0.08)
    noise = shrunk_correlation(random.normal(size=(12, 30)))
    assert np.abs(noise[np.triu_indices(30, 1)]).max() < 0.25
    np.linalg.cholesky(found)


def test_the_rest_is_the_total_less_what_is_apart() -> None:
    """A group replaces its members where these lack figures; a thinly covered destination stays in the rest."""
    volumes = {"WLD": np.full(40, 100.0), "USA": np.full(40, 30.0), "EU27": np.full(40, 20.0)}
    table = exports(volumes)
    thin = exports({"JPN": np.full(40, 5.0)}).iloc[:10]
    table = pd.concat([table, thin], ignore_index=True)
    groups = {"EU27": ("DEU", "FRA")}
    assert separate_destinations(table, groups) == ["EU27", "USA"]
    rest = with_rest_of_world(table, groups, date(2030, 1, 1)).query("destination == 'ROW'")
    assert rest["volume_t"].unique().tolist() == [50.0]


def test_the_rest_is_known_when_the_last_of_its_terms_is_and_revised_with_them() -> None:
    """A month of the rest comes out with the later of total and part; a revision of the total is a vintage of it."""
    table = exports({"WLD": np.full(40, 100.0), "USA": np.full(40, 30.0)})
    late = (table["destination"] == "USA") & (table["month"] == MONTHS[-1])
    table.loc[late, "released"] = date(2024, 9, 1)
    revised = table[(table["destination"] == "WLD") & (table["month"] == MONTHS[-2])]
    table = pd.concat([table, revised.assign(volume_t=110.0, released=date(2024, 8, 1))], ignore_index=True)
    rest = with_rest_of_world(table, {}, date(2030, 1, 1)).query("destination == 'ROW'")
    last = rest[rest["month"] >= MONTHS[-2]][["volume_t", "released"]].values.tolist()
    assert last == [[70.0, date(2024, 4, 20)], [80.0, date(2024, 8, 1)], [70.0, date(2024, 9, 1)]]


def test_nothing_later_than_the_issue_day_enters_the_rest() -> None:
    """The rows of the rest are those that a file ending on the issue day would give."""
    volumes = {"WLD": np.linspace(100, 140, 40), "USA": np.linspace(30, 20, 40)}
    table, day = exports(volumes), date(2023, 6, 20)
    until = table[table["released"] <= day]
    whole = with_rest_of_world(table, {}, day).query("destination == 'ROW'").reset_index(drop=True)
    alone = with_rest_of_world(until, {}, day).query("destination == 'ROW'").reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, alone)
    assert (whole["released"] <= day).all()


def world() -> pd.DataFrame:
    """A total with two destinations of its own, all noisy."""
    random = np.random.default_rng(11)
    parts = {code: size * np.exp(0.2 * random.normal(size=40)) for code, size in {"USA": 30.0, "JPN": 20.0}.items()}
    rest = 50 * np.exp(0.1 * random.normal(size=40))
    return exports({**parts, "WLD": rest + sum(parts.values())})


@pytest.mark.slow
def test_a_run_with_the_rest_has_a_total_and_parts_that_belong_together() -> None:
    """World, rest and destinations stand in ``reconciled``; the median of the total is near the sum of the medians."""
    table = with_rest_of_world(world(), {}, date(2024, 5, 20))
    run = fc.forecast_all(table, fc.read_events().iloc[:0], {}, models=["theta", "combination"], horizon=2)
    medians = run.reconciled.set_index(["month", "destination"])["volume_t"].unstack()
    assert medians.columns.tolist() == ["JPN", "ROW", "USA", "WLD"]
    np.testing.assert_allclose(medians[["JPN", "ROW", "USA"]].sum(axis=1), medians["WLD"], rtol=0.02)
    assert (run.reconciled["parts"] == 3).all()


@pytest.mark.slow
def test_without_a_total_the_sum_is_of_draws() -> None:
    """Destinations without a total have their sum, narrower than the sum of the bounds of errors that cancel."""
    table = world()
    run = fc.forecast_all(
        table[table["destination"] != "WLD"], fc.read_events().iloc[:0], {}, models=["theta", "combination"]
    )
    (row,) = run.reconciled.to_dict("records")
    parts = run.forecasts[run.forecasts["model"] == "combination"]
    assert row["destination"] == SUM
    assert row["volume_t"] == pytest.approx(parts["volume_t"].sum(), rel=0.03)
    assert row["upper_80"] - row["lower_80"] < (parts["upper_80"] - parts["lower_80"]).sum()
