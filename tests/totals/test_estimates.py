"""Months known only inside a sum: estimates that add up to it, follow the world, and hold as often as they say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.realtime.releases import as_of
from forecast.tables.schema import PERIOD_TOTAL_COLUMNS
from forecast.totals.estimates import LEVEL_SHARE, Course, GappedLevel, estimates, gapped_level, missing_moments

MONTHS = pd.period_range("2021-01", periods=40, freq="M")
NO_EVENTS = fc.read_events().iloc[:0]
FLAT = Course(pd.Series(0.0, index=range(1, 13)), pd.Series(dtype=float), 0.0)
USA = ("magnets", "USA")
DAY = date(2024, 6, 1)


def exports(volumes: dict[str, np.ndarray]) -> pd.DataFrame:
    """Monthly volumes in tonnes by destination, out on the 20th of the next month; NaN is no row."""
    found = [
        {"product": "magnets", "destination": code, "month": month, "volume_t": float(volume),
         "released": (month + 1).start_time.date().replace(day=20), "status": "", "precision_t": np.nan, "source": ""}
        for code, own in volumes.items() for month, volume in zip(MONTHS, own, strict=True) if np.isfinite(volume)
    ]  # fmt: skip
    return pd.DataFrame(found)


def total(start: int, end: int, volume_t: float, released: date = date(2024, 5, 20)) -> pd.DataFrame:
    """What is known of the months from place ``start`` to ``end`` together."""
    row = {"product": "magnets", "destination": "USA", "start": MONTHS[start], "end": MONTHS[end],
           "volume_t": volume_t, "released": released, "precision_t": 0.5, "status": "", "source": ""}  # fmt: skip
    return pd.DataFrame([row])[PERIOD_TOTAL_COLUMNS]


def found(volumes: dict[str, np.ndarray], totals: pd.DataFrame | None, code: str = "USA") -> pd.DataFrame:
    """The estimates of one destination, by month."""
    snapshot = as_of(exports(volumes), NO_EVENTS, DAY, totals)
    return estimates(snapshot, [("magnets", code)], {("magnets", code): FLAT}.get, {}).set_index("month")


def noisy(seed: int, sd: float = 0.1) -> np.ndarray:
    """A level of 100 t with noise."""
    return np.asarray(100 * np.exp(sd * np.random.default_rng(seed).normal(size=40)))


def test_missing_months_are_the_conditional_normal() -> None:
    """Mean and variance of a missing month are those of the local level with a diffuse start, by a dense solution."""
    logs = np.array([0.3, 0.1, np.nan, np.nan, 0.5, 0.4])
    mean, covariance = missing_moments(GappedLevel(logs, 0.3))
    step = noise = 0.3 * LEVEL_SHARE
    whole = 1e4 + step * np.minimum.outer(np.arange(6), np.arange(6)) + noise * np.eye(6)
    seen, gap = [0, 1, 4, 5], [2, 3]
    gain = whole[np.ix_(gap, seen)] @ np.linalg.inv(whole[np.ix_(seen, seen)])
    np.testing.assert_allclose(mean, gain @ logs[seen], atol=1e-3)
    np.testing.assert_allclose(covariance, whole[np.ix_(gap, gap)] - gain @ whole[np.ix_(seen, gap)], atol=1e-3)


def test_the_variance_of_a_change_is_recovered() -> None:
    """Of a simulated local level with gaps, within a fifth."""
    random = np.random.default_rng(1)
    logs = np.cumsum(0.1 * random.normal(size=2000)) + 0.1 * random.normal(size=2000)
    logs[random.random(2000) < 0.3] = np.nan
    assert gapped_level(logs).variance == pytest.approx(0.03, rel=0.2)


def test_months_inside_a_total_add_up_to_it() -> None:
    """Three months of which only the sum is known share it, near a third each, and know less than the sum does."""
    volume = noisy(3)
    volume[36:39] = np.nan
    table = found({"USA": volume}, total(36, 38, 450.0))
    assert table.index.tolist() == list(MONTHS[36:39])
    assert table["volume_t"].sum() == pytest.approx(450.0, rel=0.01)
    assert ((table["lower_80"] < 150) & (table["upper_80"] > 150)).all()
    assert (table["inside"] == f"{MONTHS[36]} to {MONTHS[38]}").all()
    assert (table["sum_t"] == 450.0).all()


def test_one_unknown_month_of_a_total_is_known() -> None:
    """A total less all other months of it leaves no doubt."""
    volume = noisy(4)
    volume[37] = np.nan
    table = found({"USA": volume}, total(36, 38, volume[36] + volume[38] + 77.0))
    assert table.loc[MONTHS[37], ["lower_95", "volume_t", "upper_95"]].tolist() == pytest.approx([77.0] * 3)


def test_a_month_that_the_world_knows_follows_the_world() -> None:
    """Where shares are steady, a destination is estimated at its share of the world's figure and not at its level."""
    world = noisy(5, 0.4)
    world[37] = 20.0
    usa = 0.3 * world * np.exp(0.02 * np.random.default_rng(6).normal(size=40))
    usa[37] = np.nan
    table = found({"USA": usa, "WLD": world}, None)
    assert table.loc[MONTHS[37], "volume_t"] == pytest.approx(6.0, rel=0.05)
    assert table.loc[MONTHS[37], "inside"] == "WLD"


@pytest.mark.slow
def test_intervals_hold() -> None:
    """Of months knocked out of simulated local levels, 80 % intervals hold 74 to 86 %."""
    random, held = np.random.default_rng(7), []
    for _ in range(100):
        volume = 100 * np.exp(np.cumsum(0.1 * random.normal(size=40)) + 0.1 * random.normal(size=40))
        known = volume.copy()
        known[35:38] = np.nan
        table = found({"USA": known}, total(35, 37, float(volume[35:38].sum())))
        held.append((table["lower_80"] <= volume[35:38]) & (table["upper_80"] >= volume[35:38]))
    assert 0.74 < np.mean(held) < 0.86


def test_a_month_under_a_measure_is_estimated_under_it() -> None:
    """A part that a measure struck after its last figure is not given its old share of the world's, and less surely."""
    volumes = {"USA": noisy(1), "WLD": 10 * noisy(2, 0.02)}
    volumes["USA"][36:] = np.nan
    before = found(volumes, None)
    struck = pd.Series(np.where(np.arange(40) >= 37, np.log(0.4), 0.0), MONTHS)
    snapshot = as_of(exports(volumes), NO_EVENTS, DAY)
    courses = {USA: FLAT._replace(effects=struck, doubt=0.3), ("magnets", "WLD"): FLAT}
    after = estimates(snapshot, [USA], courses.get, {}).set_index("month")
    ratio = after["volume_t"] / before["volume_t"]
    width = [np.log(table["upper_80"] / table["lower_80"]) for table in (before, after)]
    assert ratio.iloc[0] == pytest.approx(1.0)
    assert ratio.iloc[1:].to_numpy() == pytest.approx(0.4, rel=0.02)
    assert (width[1].iloc[1:] > 1.3 * width[0].iloc[1:]).all()
    struck_too = {**courses, ("magnets", "WLD"): courses[USA]}
    everywhere = estimates(snapshot, [USA], struck_too.get, {}).set_index("month")
    assert everywhere["volume_t"].to_numpy() == pytest.approx(before["volume_t"].to_numpy(), rel=0.02)


def test_the_rest_of_the_world_is_what_the_others_leave() -> None:
    """Medians of the rest and of the destination apart add up to the world's figure in every month without figures."""
    volumes = {"USA": noisy(1), "WLD": 10 * noisy(2, 0.02)}
    volumes["ROW"] = volumes["WLD"] - volumes["USA"]
    for code in ("USA", "ROW"):
        volumes[code][37:] = np.nan
    courses = dict.fromkeys([("magnets", code) for code in volumes], FLAT)
    snapshot = as_of(exports(volumes), NO_EVENTS, DAY)
    table = estimates(snapshot, [USA, ("magnets", "ROW")], courses.get, {"magnets": ["USA"]})
    medians = table.pivot(index="month", columns="destination", values="volume_t")
    assert len(medians) == 3
    assert medians.sum(axis=1).to_numpy() == pytest.approx(volumes["WLD"][37:], rel=1e-3)


def test_nothing_later_than_the_issue_day_enters_an_estimate() -> None:
    """A total that came out a day later is not used, and later figures move nothing."""
    volume = noisy(8)
    volume[36:39] = np.nan
    late = total(36, 38, 450.0, date(2024, 6, 2))
    assert found({"USA": volume}, late).empty
    table = exports({"USA": volume})
    later = table.iloc[[-1]].assign(month=MONTHS[37], volume_t=900.0, released=date(2024, 6, 2))
    both = [
        estimates(as_of(rows, NO_EVENTS, DAY, total(36, 38, 450.0)), [USA], {USA: FLAT}.get, {})
        for rows in (table, pd.concat([table, later]))
    ]
    pd.testing.assert_frame_equal(*both)


def test_scale_changes_nothing() -> None:
    """A thousand times the volumes give a thousand times the estimates."""
    volume = noisy(9)
    volume[36:39] = np.nan
    one, thousand = (
        found({"USA": factor * volume}, total(36, 38, factor * 450.0))[["lower_80", "volume_t"]].to_numpy()
        for factor in (1.0, 1000.0)
    )
    np.testing.assert_allclose(thousand, 1000 * one, rtol=1e-6)


def test_few_figures_have_no_estimate() -> None:
    """A series with five figures has none: its level is not known."""
    volume = np.full(40, np.nan)
    volume[30:35] = 100.0
    assert found({"USA": volume}, total(36, 38, 450.0)).empty
