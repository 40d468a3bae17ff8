from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from forecast import backtest_all, forecast_all
from forecast.adapters import (
    ExportForecaster,
    forecasts_to_nixtla,
    from_nixtla,
    from_sktime,
    to_nixtla,
    to_sktime,
)

NO_EVENTS = simulated.calendar().astype(object)
CELL = ["product", "destination", "month", "volume_t"]


@pytest.fixture
def exports() -> pd.DataFrame:
    return simulated.exports({"USA": [1.0, 2.0, np.nan, 4.0] * 8, "DEU": list(simulated.steady(30))})


def test_there_and_back_keeps_every_figure(exports: pd.DataFrame) -> None:
    """Both frames give the same product, destination, month and volume back, gaps left out."""
    expected = exports[CELL].sort_values(CELL[:3]).reset_index(drop=True)
    for there, back in ((to_nixtla, from_nixtla), (to_sktime, from_sktime)):
        found = back(there(exports))[CELL].sort_values(CELL[:3]).reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_index_type=False)


def test_only_the_latest_release_goes_out(exports: pd.DataFrame) -> None:
    """A revised month stands once, with its latest figure."""
    revised = exports.iloc[:1].assign(volume_t=9.0, released=date(2023, 1, 1))
    frame = to_nixtla(pd.concat([revised, exports], ignore_index=True))
    assert not frame.duplicated(["unique_id", "ds"]).any()
    assert frame.query("unique_id == 'magnets/USA'")["y"].iloc[0] == 9.0


def test_a_gap_is_nan_in_the_panel(exports: pd.DataFrame) -> None:
    """Sktime wants months without holes."""
    series = to_sktime(exports).loc[("magnets", "USA"), "volume_t"]
    assert series.isna().sum() == 8
    assert series.index.equals(pd.period_range("2020-01", periods=32, freq="M"))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"unique_id": ["a/b"], "ds": ["2025-01-01"]}), "expected columns unique_id, ds, y; found no y."),
        (pd.DataFrame({"unique_id": ["a"], "ds": ["2025-01-01"], "y": [1.0]}), "expected unique_id as product/destin"),
    ],
)
def test_a_frame_that_is_none_is_refused(frame: pd.DataFrame, said: str) -> None:
    """The column or the name is said."""
    with pytest.raises(ValueError, match=said):
        from_nixtla(frame)


def test_forecasts_have_a_column_a_model_with_their_actual(exports: pd.DataFrame) -> None:
    """Every number of a backtest stands in the frame, one row a series, month and cutoff."""
    run = backtest_all(exports, NO_EVENTS, {}, models=["naive", "theta"], last=2)
    frame = forecasts_to_nixtla(run.forecasts)
    theta = run.forecasts[run.forecasts["model"] == "theta"]
    assert len(frame) == len(theta)
    assert sorted(frame["theta-hi-95"]) == sorted(theta["upper_95"])
    assert np.isclose(np.abs(frame["theta"] - frame["y"]).sum(), np.abs(theta["volume_t"] - theta["actual_t"]).sum())


def test_the_estimator_is_the_forecast(exports: pd.DataFrame) -> None:
    """Predict gives the rows of forecast_all, of the rows asked for alone, and leaves what it was given alone."""
    before = exports.copy()
    fitted = ExportForecaster(models=["naive", "theta"], horizon=2).fit(exports)
    expected = forecast_all(exports, NO_EVENTS, {}, models=["naive", "theta"], horizon=2).forecasts
    pd.testing.assert_frame_equal(fitted.predict(), expected)
    usa = fitted.predict(pd.DataFrame({"destination": ["USA"]}))
    pd.testing.assert_frame_equal(usa, expected[expected["destination"] == "USA"].reset_index(drop=True))
    pd.testing.assert_frame_equal(exports, before)


def test_the_estimator_keeps_the_contract(exports: pd.DataFrame) -> None:
    """Parameters are kept as given, settable and cloned; fit returns the estimator, and what is fitted ends in _."""
    models = ["naive"]
    estimator = ExportForecaster(models=models, horizon=3)
    assert estimator.get_params()["models"] is models
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.set_params(horizon=1).horizon == 1
    with pytest.raises(NotFittedError, match="call fit with an exports table first"):
        estimator.predict()
    before = set(vars(estimator))
    assert estimator.fit(exports) is estimator
    assert {name for name in vars(estimator) if name not in before} == {"run_", "n_features_in_"}
    first = estimator.predict()
    pd.testing.assert_frame_equal(estimator.fit(exports).predict(), first)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
    ],
    ids=lambda check: check.__name__,
)
def test_the_checks_of_scikit_learn_that_need_no_matrix(check: Callable[[str, object], None]) -> None:
    """All of its own checks but those that fit a matrix of numbers, which is no exports table."""
    check("ExportForecaster", ExportForecaster(models=("naive",)))


def test_the_score_is_minus_the_mean_absolute_error(exports: pd.DataFrame) -> None:
    """Against later figures, by hand; without one of the months forecast it is refused."""
    early = exports[[day <= date(2022, 5, 20) for day in exports["released"]]]
    estimator = ExportForecaster(models=["naive"]).fit(early)
    rows = estimator.predict().merge(exports, on=["product", "destination", "month"], suffixes=("", "_actual"))
    expected = -np.abs(rows["volume_t"] - rows["volume_t_actual"]).mean()
    assert estimator.score(exports) == pytest.approx(expected)
    with pytest.raises(ValueError, match="expected figures of a month that was forecast, found none"):
        estimator.score(early)
