"""The combination against a plain loop."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.ensemble.combination import CELL, combination, interquartile_mean
from forecast.tables.quantiles import VOLUME_QUANTILES

FACTORS = {"lower_95": 0.5, "lower_80": 0.8, "upper_80": 1.25, "upper_95": 2.0}


def rows(*cells):
    """A row per (destination, model, volume); its bounds are multiples of the volume."""
    table = pd.DataFrame(cells, columns=["destination", "model", "volume_t"])
    month = pd.Period("2025-05")
    origin = {"product": "magnets", "issued": date(2025, 5, 20), "horizon": 1}
    table = table.assign(**origin, cutoff=month - 1, month=month, last_known=month - 1)
    bounds = {name: table["volume_t"] * factor for name, factor in FACTORS.items()}
    return table.assign(**bounds)


def test_the_combination_is_the_mean_of_the_middle_half_in_logs():
    """Of two their geometric mean, of three two thirds of the middle one. Naive has no voice among members."""
    table = rows(
        ("USA", "theta", 100.0), ("USA", "arima", 400.0), ("USA", "naive", 9.0),
        ("JPN", "pooled", 5.0), ("JPN", "theta", 7.0), ("JPN", "ets", 90.0),
    )  # fmt: skip
    combined = combination(table).set_index("destination")
    assert np.isclose(combined.loc["USA", "volume_t"], 200.0)
    middle = 7 ** (2 / 3) * 5 ** (1 / 6) * 90 ** (1 / 6)
    assert np.allclose(
        combined.loc["JPN", [*VOLUME_QUANTILES]].astype(float), middle * np.array([0.5, 0.8, 1, 1.25, 2.0])
    )


def test_naive_stands_in_alone_where_no_member_could_be_fitted():
    """And a cell without any row stays without."""
    combined = combination(rows(("USA", "theta", 100.0), ("KOR", "naive", 3.0), ("KOR", "prophet", 8.0)))
    assert dict(zip(combined["destination"], combined["volume_t"], strict=True)) == {"USA": 100.0, "KOR": 3.0}


def test_a_zero_among_two_counts_for_a_hundredth_of_their_mean():
    """The geometric mean of 400 and 2, and no logarithm fails."""
    found = combination(rows(("USA", "theta", 0.0), ("USA", "arima", 400.0)))["volume_t"].tolist()
    assert found == pytest.approx([np.sqrt(800.0)])


def by_steps(volumes: np.ndarray, weights: np.ndarray, steps: int = 20_000) -> float:
    """The mean of the logs at evenly spaced places of the middle half of the weight, one by one."""
    order = np.argsort(volumes)
    ends = np.cumsum(weights[order]) / weights.sum()
    places = 0.25 + 0.5 * (np.arange(steps) + 0.5) / steps
    return float(np.exp(np.log(volumes[order])[np.searchsorted(ends, places)].mean()))


def test_many_cells_agree_with_a_count_of_small_steps():
    """Random cells with one to five members of random weights."""
    random = np.random.default_rng(3)
    for count in [1, 2, 3, 4, 5] * 4:
        volumes, weights = random.lognormal(size=count), random.uniform(0.1, 1, count)
        found = interquartile_mean(volumes[None, :, None], weights[None, :]).item()
        assert np.isclose(found, by_steps(volumes, weights), rtol=1e-3)
    table = rows(("USA", "theta", 1.0), ("USA", "ces", 2.0))
    assert set(CELL) <= set(combination(table))


def test_cells_are_the_same_a_block_at_a_time(monkeypatch):
    """Each cell for itself, whichever others are looked at with it; no cells have no means."""
    random = np.random.default_rng(4)
    volumes, weights = random.lognormal(size=(7, 3, 5)), random.uniform(0.1, 1, (7, 3))
    whole = interquartile_mean(volumes, weights)
    monkeypatch.setattr("forecast.ensemble.combination.CELLS_AT_ONCE", 3)
    np.testing.assert_array_equal(interquartile_mean(volumes, weights), whole)
    assert interquartile_mean(volumes[:0], weights[:0]).shape == (0, 5)


volumes_and_weights = st.lists(
    st.tuples(st.floats(1e-3, 1e6), st.floats(0, 1), st.floats(1, 10)), min_size=1, max_size=7
).filter(lambda models: sum(weight for _, weight, _ in models) > 0.01)


@given(volumes_and_weights)
def test_it_is_monotone_within_and_scales(models):
    """More of any member is never less of the whole; it lies between the members; a thousand times is a thousand."""
    volumes, weights, factors = (np.array(part) for part in zip(*models, strict=True))

    def of(values):
        return interquartile_mean(values[None, :, None], weights[None, :]).item()

    found = of(volumes)
    assert of(volumes * factors) >= found * (1 - 1e-9)
    assert volumes.min() * (1 - 1e-9) <= found <= volumes.max() * (1 + 1e-9)
    assert np.isclose(of(1000 * volumes), 1000 * found, rtol=1e-9)


@given(volumes_and_weights, st.integers(0, 6), st.floats(-1e-6, 1e-6))
def test_it_is_continuous_in_volumes_and_weights(models, place, small):
    """A millionth of one volume or weight moves the whole by no more than the range of logs over ten thousand."""
    volumes, weights, _ = (np.array(part) for part in zip(*models, strict=True))
    moved, heavier = volumes.copy(), weights.copy()
    moved[place % len(models)] *= 1 + small
    heavier[place % len(models)] = max(heavier[place % len(models)] + small, 0.0)
    spread = 1 + np.ptp(np.log(volumes))
    before = interquartile_mean(volumes[None, :, None], weights[None, :]).item()
    for after in ((moved, weights), (volumes, heavier)):
        found = interquartile_mean(after[0][None, :, None], after[1][None, :]).item()
        assert abs(np.log(found / before)) < 1e-3 * spread


def test_a_model_of_no_weight_says_nothing():
    """4, 100 and 200 with weights .5, 0 and .5: the middle one has no voice."""
    found = interquartile_mean(np.array([4.0, 100.0, 200.0])[None, :, None], np.array([[0.5, 0.0, 0.5]]))
    assert np.isclose(found.item(), np.sqrt(800))


@given(st.floats(1.0, 3.0), st.floats(0, 1e-9))
def test_a_model_of_zero_does_not_decide_for_all(weight, small):
    """A seasonal naive of zero beside three models of hundreds had made the whole zero; nothing is nearly nothing."""
    weights = np.array([[weight, 1.0, 1.0, 1.0]])
    found, near = (interquartile_mean(np.array([least, 400, 500, 600])[None, :, None], weights) for least in (0, small))
    assert 4.0 < found.item() < 500.0
    assert np.isclose(found, near)
    assert interquartile_mean(np.array([0.0, 0.0, 0.0, 9.0])[None, :, None], np.ones((1, 4))).item() == 0.0
