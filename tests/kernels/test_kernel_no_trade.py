"""Months without trade, their season and those under measures: on simulated series, and laws of what they say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st

import forecast as fc
from forecast.kernels.no_trade import EmptyMonths

MODELS = ["theta", "pooled", "combination"]
SEEDS = range(4)
CODES = ("USA", "DEU", "JPN", "KOR")
ZERO = -np.log(100.0)


def trade(seed: int, months: int = 72, sd: float = 0.3) -> np.ndarray:
    """Independent months about 100 t, January 2020 the first."""
    return simulated.steady(months, noise=sd, seed=seed)


def forecasts(panel: dict[str, np.ndarray], *events: dict[str, object], models: list[str] = MODELS) -> pd.DataFrame:
    """The next month by destination and model."""
    table = fc.forecast_all(simulated.exports(panel), simulated.calendar(*events), {}, models=models).forecasts
    return table.set_index(["destination", "model"]).sort_index()


def ended(seed: int, empty: slice, months: int = 72) -> np.ndarray:
    """Trade with some months without."""
    volumes = trade(seed, months)
    volumes[empty] = 0.0
    return volumes


def at_random(share: float) -> dict[str, np.ndarray]:
    """Four series in which a month is empty with a probability, and the last three are not."""
    panel = {}
    for seed, code in zip(SEEDS, CODES, strict=True):
        panel[code] = trade(seed, 96)
        panel[code][:93][np.random.default_rng(seed).random(93) < share] = 0.0
    return panel


def test_after_one_empty_month_under_a_ban_nobody_is_certain():
    """The first whole month under it is empty, and a usual month is all but inside."""
    ban = {"kind": "ban", "announced": date(2025, 11, 10), "effective": date(2025, 11, 12)}
    panel = {code: ended(seed, slice(-1, None)) for seed, code in zip(SEEDS, CODES, strict=True)}
    rows = forecasts(panel, ban)
    assert (rows["volume_t"] < 1).all()
    assert (rows["upper_95"] > 75).all()


def test_a_season_moves_no_zeros():
    """Years without trade after trade with a strong season, forecast for the month of its height."""
    season = np.exp(1.5 * np.cos(2 * np.pi * np.arange(84) / 12))  # January is the height
    panel = {code: trade(seed, 84) * season for seed, code in zip(SEEDS, CODES, strict=True)}
    for volumes in panel.values():
        volumes[-30:] = 0.0
    rows = forecasts(panel)
    assert (rows[["volume_t", "upper_80", "upper_95"]] == 0).all(axis=None)


@pytest.mark.parametrize("empty", [[0], [0, 1, 11], [0, 1, 2, 3, 4, 8, 9, 10, 11]])
def test_months_that_are_empty_every_year_are_empty_again_and_the_others_are_not(empty):
    """Before the empty January nothing is expected; with the figures to a month before trade, the usual is."""
    panel = {code: trade(seed) for seed, code in zip(SEEDS, CODES, strict=True)}
    for volumes in panel.values():
        volumes[np.isin(np.arange(72) % 12, empty)] = 0.0
    rows = forecasts(panel)
    assert (rows["volume_t"] < 1).all()
    assert (rows["upper_80"] < 5).all()
    before_trade = 60 + next(month for month in range(12) if month not in empty)
    rows = forecasts({code: volumes[:before_trade] for code, volumes in panel.items()}, models=["theta"])
    assert (rows["volume_t"] > 60).all()
    assert (rows["lower_80"] > 30).all()


def test_a_short_series_with_one_empty_month_has_the_level_of_the_others():
    """Fourteen months."""
    rows = forecasts(
        {code: ended(seed, slice(5, 6), 14) for seed, code in zip(SEEDS, CODES, strict=True)}, models=["theta"]
    )
    assert rows["volume_t"].between(65, 140).all()
    assert (rows["upper_80"] < 220).all()


def test_a_season_moves_no_zeros_under_a_measure_and_trade_is_expected_back_at_its_end():
    """Two and a half years of zeros under a duty, forecast for the month of the height; they say nothing of its end."""
    duty = {"kind": "tariff", "announced": date(2024, 6, 10), "effective": date(2024, 7, 1)}
    lifted = {**duty, "ends": date(2027, 1, 1), "ends_announced": date(2026, 12, 15)}
    season = np.exp(1.5 * np.cos(2 * np.pi * np.arange(84) / 12))  # January is the height
    panel = {code: season * ended(seed, slice(54, None), 84) for seed, code in zip(SEEDS, CODES, strict=True)}
    under, after = (forecasts(panel, event) for event in (duty, lifted))
    assert (under[["volume_t", "upper_80"]] == 0).all(axis=None)
    assert (after["volume_t"] > 20).all()


def test_a_thousand_times_the_volume_is_a_thousand_times_the_forecast():
    """Nothing is absolute in tonnes."""
    panel = at_random(0.2)
    small, large = forecasts(panel), forecasts({code: 1000 * volumes for code, volumes in panel.items()})
    columns = ["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]
    np.testing.assert_allclose(large[columns], 1000 * small[columns], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 200), st.sampled_from([20, 58, 59]), st.floats(0.0, 3.0))
def test_a_figure_that_goes_to_zero_moves_nothing_at_once(seed, place, size):
    """What models see and the probability of none are continuous in every month, the last as well."""
    y = np.log(np.append(trade(seed, 59), 100.0) / 100 + 0.01)
    y[40] = ZERO
    found = []
    for above in (size, size + 1e-7):
        moved = y.copy()
        moved[place] = ZERO + above
        months = EmptyMonths.of(moved, np.ones(60, bool), ZERO)
        assert months is not None
        found.append(np.concatenate([months.lifted(last=True), months.lifted(last=False), months.probability(6)]))
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)


@given(st.integers(0, 200), st.integers(0, 20))
def test_the_longer_without_the_likelier_none(seed, count):
    """One month more of a spell that has not ended, in a series that has had none before."""
    y = np.log(trade(seed, 80) / 100 + 0.01)
    likely = []
    for months in (count, count + 1):
        y[59 : 59 + months] = ZERO
        y_known = y[: 59 + months]
        empty = EmptyMonths.of(y_known, np.ones(len(y_known), bool), ZERO)
        likely.append(0.0 if empty is None else float(empty.probability(1)[0]))
    assert likely[0] < likely[1] <= 1.0


def test_months_of_measures_are_not_lifted():
    """What a ban may have emptied is its effect; the month beside it is none of its doing."""
    y = np.zeros(60)
    y[[30, 40]] = ZERO
    free = np.ones(60, bool)
    free[40] = False
    months = EmptyMonths.of(y, free, ZERO)
    assert months is not None
    assert months.lifted(last=False)[[30, 40]] == pytest.approx([0.0, ZERO])


def test_where_months_differ_much_none_is_a_low_one():
    """Noise of a standard deviation of 2.5: nothing is lifted, and none is no likelier than the models have it."""
    y = np.random.default_rng(0).normal(0, 2.5, 60).clip(ZERO + 1.0, None)
    y[[20, 35]] = ZERO
    months = EmptyMonths.of(y, np.ones(60, bool), ZERO)
    assert months is not None
    np.testing.assert_array_equal(months.lifted(last=True), y)
    np.testing.assert_array_equal(months.probability(3), 0.0)
