"""A unit changes nothing: the same figures in kilograms and in tonnes have forecasts a thousand times each other's."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import exports

import forecast as fc
from forecast.episodes.design import Design, EpisodeEffects
from forecast.registry import COMBINATION

MONTHS = pd.period_range("2021-01", periods=60, freq="M")
NO_EVENTS = fc.read_events().iloc[:0]


@pytest.mark.parametrize("scale", [1e-6, 0.0037, 1.0, 777.0, 1e6])
def test_what_rounding_leaves_of_the_floor_is_nothing(scale: float) -> None:
    """The log of a month without exports, rounded as models see it, comes back as no tonnes at all."""
    floors = scale * np.random.default_rng(1).uniform(0.5, 2.0, 200)
    raw = pd.Series(np.zeros(24), MONTHS[:24])
    effects = EpisodeEffects.none(1)
    for floor in floors:
        design = Design.of(raw, raw, float(floor), np.zeros(24), effects)
        logs = np.round(np.log([[floor, floor, floor * 1.001, floor * 1.001, floor * 1.001]]), 10)
        _, none, little, *_ = design.to_volume(logs)[0]
        assert none == 0.0
        assert little == pytest.approx(0.001 * floor * 31 / (365.2425 / 12), rel=1e-3)


@pytest.mark.slow
def test_series_with_zeros_are_forecast_alike_in_either_unit() -> None:
    """The calibrated combination, which learned from dust in one unit and from zeros in the other."""
    random = np.random.default_rng(3)
    kilograms = {code: random.lognormal(-5.5, 0.3, 60) * (random.random(60) > 0.2) for code in ("USA", "DEU", "JPN")}
    found = []
    for scale in (1.0, 1000.0):
        rows = [
            {"product": "w", "destination": code, "month": str(month), "volume_t": scale * volume}
            for code, own in kilograms.items() for month, volume in zip(MONTHS, own, strict=True)
        ]  # fmt: skip
        run = fc.forecast_all(
            fc.check_exports(pd.DataFrame(rows)), NO_EVENTS, {}, issued=date(2026, 1, 20), horizon=2,
            models=["naive", "seasonal_naive", "theta", "structural", "pooled", COMBINATION],
        ).forecasts  # fmt: skip
        found.append(run.set_index(["model", "destination", "month"])[["volume_t", "lower_80", "upper_80", "upper_95"]])
    np.testing.assert_allclose(found[1], 1000 * found[0], rtol=0.01, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("years", [3, 5])
@pytest.mark.parametrize("year", [[100, 80, 120, 90, 110, 105, 95, 130, 70, 100, 85, 115], [50] * 12, [100, 60] * 6])
def test_equal_years_are_forecast_to_come_again(year: list[float], years: int) -> None:
    """By the combination, over a leap year too: what fits exactly is the forecast."""
    table = exports({"USA": np.tile(np.array(year, dtype=float), years)}, start=f"{2026 - years}-01")
    found = fc.forecast_all(table, NO_EVENTS, {}, models=[COMBINATION], horizon=3).forecasts
    assert found["volume_t"].to_numpy() == pytest.approx(np.array(year[:3], dtype=float), rel=1e-6)
    assert ((found["lower_80"] <= year[:3]) & (found["upper_80"] >= year[:3])).all()
