"""The laws that every model keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from laws import CASES, FROM_TWO, KEY, MONTHS, NOT_WIDER, Case, fitted, series, usual

from forecast.models.protocol import FitError
from forecast.registry import load
from forecast.tables.quantiles import QUANTILES


def each(cases: list[Case]) -> pytest.MarkDecorator:
    """A test for each case; the reference ARIMA, whose laws take long, is among the slow ones."""
    marks = {"arima": [pytest.mark.slow]}
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=case.id, marks=marks.get(case.id, [])) for case in cases]
    )


every_model = each(CASES)
models_with_effects = each([case for case in CASES if case.entry.effects])
models_that_widen = each([case for case in CASES if case.name not in NOT_WIDER])
models_of_one_series = each([case for case in CASES if not case.entry.panel])
models_of_a_panel = each([case for case in CASES if case.entry.panel])


@every_model
def test_a_forecast_has_a_row_a_month_and_the_columns_of_the_contract(case):
    """Rows are the months of X, columns are median and bounds."""
    fit, ahead = usual(case)
    found = fit.predict(ahead)
    pd.testing.assert_index_equal(found.index, ahead.index)
    assert found.columns.tolist() == [*QUANTILES]


@every_model
@pytest.mark.parametrize("seed", [0, 1])
def test_bounds_nest_and_are_finite(case, seed):
    """lower_95 < lower_80 < median < upper_80 < upper_95, every one a finite number."""
    fit, ahead = usual(case, seed)
    found = fit.predict(ahead)
    ordered = found[["lower_95", "lower_80", "median", "upper_80", "upper_95"]].to_numpy()
    assert np.isfinite(ordered).all()
    assert (np.diff(ordered, axis=1) > 0).all()


@every_model
def test_the_same_call_gives_the_same_numbers_and_leaves_its_inputs_alone(case):
    """Two fits agree to the last bit, and y and X are what they were."""
    y, X, ahead = series()
    given = y.copy(), X.copy(), ahead.copy()
    first, _ = usual(case)
    pd.testing.assert_frame_equal(fitted(case, y, X).predict(ahead), first.predict(ahead), check_exact=True)
    pd.testing.assert_series_equal(y, given[0])
    pd.testing.assert_frame_equal(X, given[1])
    pd.testing.assert_frame_equal(ahead, given[2])


@every_model
def test_what_comes_after_y_changes_nothing(case):
    """A series cut at the cutoff is forecast alike whatever its later months are."""
    y, X, ahead = series()
    changed = y.copy()
    changed.iloc[-6:] += 5
    cut = MONTHS - 6
    later = pd.concat([X, ahead]).iloc[cut : cut + 3]
    pd.testing.assert_frame_equal(
        fitted(case, changed.iloc[:cut], X.iloc[:cut]).predict(later),
        fitted(case, y.iloc[:cut], X.iloc[:cut]).predict(later),
        check_exact=True,
    )


@every_model
def test_a_month_is_forecast_alike_however_many_follow(case):
    """The first month's forecast depends neither on the horizon nor on regressors of later months."""
    fit, ahead = usual(case)
    later = ahead.copy()
    later.iloc[1:] = 0.0
    alone = fit.predict(ahead.iloc[:1])
    np.testing.assert_allclose(fit.predict(ahead).iloc[:1], alone, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit.predict(later).iloc[:1], alone, rtol=0, atol=1e-12)


@every_model
@pytest.mark.parametrize("missing", [[], [10, 11, 40, MONTHS - 1]], ids=["complete", "gaps"])
def test_a_thousand_volumes_give_a_thousand_forecasts(case, missing):
    """Adding a constant to y adds it to every forecast."""
    y, X, ahead = series()
    y.iloc[missing] = np.nan
    found = (fitted(case, y, X) if missing else usual(case)[0]).predict(ahead)
    shifted = fitted(case, y + np.log(1000), X).predict(ahead)
    np.testing.assert_allclose(shifted - np.log(1000), found, rtol=0, atol=case.tolerance)


@every_model
def test_a_gap_is_a_month_without_news(case):
    """Six months missing inside leave the forecast inside the interval of the complete series, and the other way."""
    y, X, ahead = series()
    complete = usual(case)[0].predict(ahead)
    y.iloc[[5, 17, 18, 19, 44, 60]] = np.nan
    gappy = fitted(case, y, X).predict(ahead)
    assert np.isfinite(gappy.to_numpy()).all()
    assert gappy["median"].between(complete["lower_95"], complete["upper_95"]).all()
    assert complete["median"].between(gappy["lower_95"], gappy["upper_95"]).all()


@models_that_widen
def test_a_series_that_ends_early_is_forecast_with_a_wider_interval(case):
    """Three months without a figure before the cutoff make the forecast of the same month less sure."""
    y, X, ahead = series()
    complete = usual(case)[0].predict(ahead)
    y.iloc[-3:] = np.nan
    early = fitted(case, y, X).predict(ahead)
    assert (early["upper_95"] - early["lower_95"] > complete["upper_95"] - complete["lower_95"]).all()


@models_with_effects
def test_a_known_step_is_recovered_inside_its_interval(case):
    """Of five steps of -1.5 at least four lie in their 95 % interval, and none is thought to be nothing."""
    effects = [usual(case, seed)[0].effects().loc["licensing"] for seed in range(5)]
    assert sum(effect["lower"] <= -1.5 <= effect["upper"] for effect in effects) >= 4
    assert all(effect["upper"] < 0 for effect in effects)


@models_of_one_series
@pytest.mark.parametrize("count", [0, 2])
def test_a_series_too_short_is_refused_in_a_sentence(case, count):
    """Two observed months are too few for any model but those named, and it says so by name."""
    y, X, ahead = series()
    y.iloc[count:] = np.nan
    if count == 2 and case.name in FROM_TWO:
        assert np.isfinite(fitted(case, y, X).predict(ahead).to_numpy()).all()
        return
    with pytest.raises(FitError, match=rf"^{case.name} needs \d+ .* and found \d+\.$"):
        fitted(case, y, X)


@models_of_a_panel
@pytest.mark.parametrize("count", [0, 2])
def test_a_series_too_short_is_left_out_of_a_panel(case, count):
    """A model of a panel has no fit for a series of two observed months."""
    y, X, _ = series()
    y.iloc[count:] = np.nan
    assert load(case.name).fit({KEY: (y, X)}) == {}
