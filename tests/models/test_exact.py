"""Series that repeat themselves: the forecast is the same again, in every model and both engines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.models.exact import LEAST_SD, repetition
from forecast.registry import load

YEAR = np.array([3.0, 2.0, 4.0, 1.0, 3.5, 2.5, 3.0, 2.0, 4.5, 1.5, 3.0, 2.0])
INDEX = pd.period_range("2020-01", periods=60, freq="M")
AHEAD = pd.period_range("2025-01", periods=14, freq="M")
ENGINES = [
    ("theta", "compiled"),
    ("ets", "compiled"),
    ("ces", "compiled"),
    ("arima", "compiled"),
    ("arima", "reference"),
]
every_engine = pytest.mark.parametrize(("name", "engine"), ENGINES)


def none(months: pd.PeriodIndex) -> pd.DataFrame:
    return pd.DataFrame(index=months)


@every_engine
def test_equal_years_are_forecast_to_come_again(name, engine):
    """Five years to the last digit alike: the sixth is the same, inside an interval that is not empty."""
    fit = load(name, engine).fit(pd.Series(np.tile(YEAR, 5), INDEX), none(INDEX))
    found = fit.predict(none(AHEAD))
    np.testing.assert_allclose(found["median"], [*YEAR, *YEAR[:2]], atol=1e-9)
    np.testing.assert_allclose(
        found["upper_95"] - found["median"], 1.959964 * LEAST_SD * np.sqrt([1] * 12 + [2] * 2), rtol=1e-6
    )
    correlation = fit.correlation(none(AHEAD))
    assert correlation[0, 12] == pytest.approx(np.sqrt(0.5))
    assert correlation[0, 1] == 0


@every_engine
def test_a_constant_goes_on(name, engine):
    """Twenty equal months, two of them missing: the same again, less surely with each month."""
    y = pd.Series(2.0, INDEX[:20])
    y.iloc[[4, 19]] = np.nan
    ahead = pd.period_range("2021-09", periods=2, freq="M")
    found = load(name, engine).fit(y, none(y.index)).predict(none(ahead))
    np.testing.assert_allclose(found["median"], 2)
    np.testing.assert_allclose(
        (found["upper_95"] - found["median"]) / (1.959964 * LEAST_SD), np.sqrt([2, 3]), rtol=1e-6
    )


@pytest.mark.parametrize(("name", "engine"), ENGINES[1:])
def test_an_event_that_never_acted_moves_the_constant_by_its_prior(name, engine):
    """A measure ahead, of which a prior alone is known: its mean moves the forecast, its doubt widens it."""
    X, ahead = pd.DataFrame({"ban": 0.0}, INDEX), pd.DataFrame({"ban": [0.0, 1.0]}, AHEAD[:2])
    prior = pd.DataFrame({"mean": [-2.0], "sd": [0.5]}, ["ban"])
    found = load(name, engine).fit(pd.Series(5.0, INDEX), X, prior).predict(ahead)
    np.testing.assert_allclose(found["median"], [5, 3])
    np.testing.assert_allclose((found["upper_95"] - found["median"]).iloc[1], 1.959964 * 0.5, rtol=1e-4)


def test_what_a_regressor_explains_exactly_is_its_own():
    """A constant with a step of -1.5: the effect is found, and taken off where the measure ends."""
    X = pd.DataFrame({"licensing": (INDEX >= "2023-01").astype(float)}, INDEX)
    found = repetition(5 - 1.5 * X["licensing"], X, None, 12)
    assert found is not None
    assert found.effects().loc["licensing", "estimate"] == pytest.approx(-1.5, abs=1e-6)
    ahead = pd.DataFrame({"licensing": [1.0, 0.0]}, AHEAD[:2])
    np.testing.assert_allclose(found.predict(ahead)["median"], [3.5, 5.0], atol=1e-5)


def test_a_series_with_any_noise_is_none():
    """A last figure that is a hundredth off, a year observed once, or too few figures: no repetition."""
    y = pd.Series(np.tile(YEAR, 5), INDEX)
    assert repetition(y.where(INDEX != "2024-12", 2.01), none(INDEX), None, 12) is None
    assert repetition(y[:12], none(INDEX[:12]), None, 12) is None
    assert repetition(pd.Series(1.0, INDEX[:11]), none(INDEX[:11]), None, 12) is None


def test_following_takes_the_latest_figures():
    """The year again as the later one has it."""
    fit = repetition(pd.Series(np.tile(YEAR, 4), INDEX[:48]), none(INDEX[:48]), None, 12)
    assert fit is not None
    later = pd.Series(np.concatenate([np.tile(YEAR, 4), YEAR + 1]), INDEX)
    np.testing.assert_allclose(fit.follow(later, none(INDEX)).predict(none(AHEAD))["median"].iloc[:12], YEAR + 1)
