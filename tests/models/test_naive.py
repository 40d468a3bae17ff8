"""The two benchmarks, against numbers done by hand."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from forecast.models.naive import Naive, SeasonalNaive, differences
from forecast.models.protocol import FitError
from forecast.registry import REGISTRY, load
from forecast.tables.quantiles import QUANTILES

NAN = float("nan")


def series(values: list[float], first: str = "2023-01") -> pd.Series:
    return pd.Series(values, pd.period_range(first, periods=len(values), freq="M"), dtype=float)


def forecast(model, y: pd.Series, horizon: int) -> pd.DataFrame:
    ahead = pd.period_range(y.index[-1] + 1, periods=horizon, freq="M")
    return model.fit(y, pd.DataFrame(index=y.index)).predict(pd.DataFrame(index=ahead))


def test_naive_repeats_the_last_month_and_widens_with_the_root_of_the_distance():
    """Six changes of +-2 have root mean square 2: a 95 % half-width of 1.96 * 2 * sqrt(h)."""
    found = forecast(Naive(), series([0, 2, 0, 2, 0, 2, 0]), horizon=4)
    assert found["median"].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(found["upper_95"], 1.959964 * 2 * np.sqrt([1, 2, 3, 4]), rtol=1e-6)
    np.testing.assert_allclose(found["lower_80"], -1.281552 * 2 * np.sqrt([1, 2, 3, 4]), rtol=1e-6)


def test_naive_counts_the_distance_from_the_last_observed_month():
    """Three months without a figure before the cutoff make the first forecast four months away."""
    found = forecast(Naive(), series([0, 2, 0, 2, 0, 2, 0, NAN, NAN, NAN]), horizon=1)
    assert found["median"].tolist() == [0]
    assert found["upper_95"].iloc[0] == pytest.approx(1.959964 * 2 * 2, rel=1e-6)


def test_naive_takes_its_variance_from_adjacent_months_alone():
    """The jump of 100 across a gap is not a change of one month where six such changes are known."""
    found = forecast(Naive(), series([0, 2, 0, 2, NAN, 102, 100, 102, 100]), horizon=1)
    assert found["upper_95"].iloc[0] == pytest.approx(100 + 1.959964 * 2, rel=1e-6)


def test_naive_falls_back_on_changes_across_gaps_where_adjacent_months_are_few():
    """Changes of 3 over two months and of -1 over one: root mean square sqrt(5), not divided by any distance."""
    found = forecast(Naive(), series([0, NAN, 3, 2]), horizon=1)
    assert found["upper_95"].iloc[0] == pytest.approx(2 + 1.959964 * np.sqrt(5), rel=1e-6)


def test_seasonal_naive_takes_the_latest_observed_year_of_each_calendar_month():
    """Of two years rising by 1, with last January missing, January comes from two years back and is sqrt(2) wider."""
    values = [float(month) for month in range(1, 13)] + [month + 1.0 for month in range(1, 13)]
    values[12] = NAN
    found = forecast(SeasonalNaive(), series(values), horizon=14)
    assert found["median"].tolist() == [1, *range(3, 14), 1, 3]
    half = (found["upper_95"] - found["median"]).to_numpy()
    np.testing.assert_allclose(half, 1.959964 * np.sqrt([2, *[1] * 11, 3, 2]), rtol=1e-6)


def test_differences_need_both_months():
    """A change is known only between two observed months exactly the lag apart."""
    assert differences(series([1, 2, NAN, 5, 9]), 1).tolist() == [1, 4]
    assert differences(series([1, 2, NAN, 5, 9]), 2).tolist() == [3]
    assert differences(series([1, 2, NAN, 5, 9]), 3).tolist() == [4, 7]


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (Naive(), [1, NAN, 2], "naive needs 3 observed months and found 2."),
        (
            SeasonalNaive(),
            [*range(12), *range(5)],
            "seasonal_naive needs 6 pairs of observed months a year apart and found 5.",
        ),
    ],
)
def test_a_series_that_cannot_be_fitted_says_why(model, values, message):
    """Too few months are refused in one sentence."""
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        forecast(model, series(values), horizon=1)


@pytest.mark.parametrize(("model", "values"), [(Naive(), [1, 1, 1]), (SeasonalNaive(), [*range(12), *range(6)])])
def test_what_never_changed_goes_on_with_the_doubt_of_three_digits(model, values):
    """The same again, with a standard deviation of a thousandth."""
    found = forecast(model, series(values), horizon=1).iloc[0]
    assert found["median"] == (1 if isinstance(model, Naive) else 6)
    assert found["upper_95"] - found["median"] == pytest.approx(1.959964e-3)


def test_seasonal_naive_refuses_a_calendar_month_that_it_never_saw():
    """A January observed in no year cannot be repeated."""
    y = series([NAN, *range(2, 13), NAN, *range(3, 14)])
    message = "seasonal_naive cannot forecast 2025-01: that calendar month was never observed."
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        forecast(SeasonalNaive(), y, horizon=1)


def test_models_are_loaded_by_name_and_are_frozen():
    """A name gives the model that calls itself so, and nobody can change its hyper-parameters."""
    model = load("seasonal_naive")
    assert model.name == "seasonal_naive"
    with pytest.raises(FrozenInstanceError):
        model.name = "naive"


def test_an_unknown_name_is_answered_with_the_names():
    """Who asks for a model that is not there reads which there are."""
    message = f"There is no model 'tbats': choose among {', '.join(REGISTRY)}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load("tbats")


def test_bounds_are_the_columns():
    """The columns are the contract's, in its order."""
    assert forecast(Naive(), series([1, 2, 1]), horizon=1).columns.tolist() == [*QUANTILES]
