"""The theta method, against statsmodels' state space and its ThetaModel, and against numbers done by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from forecast.models.protocol import FitError
from forecast.models.theta import Theta, _likeliest_share, local_level

MONTHS = 96
YEAR_OF_SINE = np.sin(2 * np.pi * np.arange(12) / 12)


def wandering(seed: int, season: float = 0.0) -> pd.Series:
    """A drifting random walk seen through noise, with a season of that amplitude."""
    rng = np.random.default_rng(seed)
    level = 5 + 0.02 * np.arange(MONTHS) + rng.normal(0, 0.1, MONTHS).cumsum()
    values = level + rng.normal(0, 0.15, MONTHS) + season * np.tile(YEAR_OF_SINE, MONTHS // 12)
    return pd.Series(values, pd.period_range("2017-01", periods=MONTHS, freq="M"))


def ahead(y: pd.Series, horizon: int) -> pd.DataFrame:
    return pd.DataFrame(index=pd.period_range(y.index[-1] + 1, periods=horizon, freq="M"))


def fitted(y: pd.Series):
    return Theta().fit(y, pd.DataFrame(index=y.index))


GAPS = {"complete": [], "inside": [3, 4, 40, 70], "trailing": [50, 94, 95]}


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 1.0])
@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
def test_the_filter_is_statsmodels_local_level(share, gaps):
    """At the same variances the level, its variance and the likelihood agree with an exactly diffuse local level."""
    path = wandering(1).to_numpy().copy()
    path[gaps] = np.nan
    found = local_level(path, share)
    model = UnobservedComponents(path, level="llevel", use_exact_diffuse=True)
    expected = model.smooth([found.variance * (1 - share), found.variance * share])
    assert found.level == pytest.approx(expected.filtered_state[0, -1], abs=1e-8)
    assert found.uncertainty == pytest.approx(expected.filtered_state_cov[0, 0, -1], abs=1e-8)
    diffuse_start = -np.log(2 * np.pi) / 2
    assert found.loglikelihood + diffuse_start == pytest.approx(expected.llf, abs=1e-6)


@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
def test_the_share_found_is_the_likeliest(gaps):
    """The optimiser of statsmodels, over the same likelihood, ends no higher."""
    y = wandering(2)
    y.iloc[gaps] = np.nan
    fit = fitted(y)
    path = y - fit.drift * np.arange(MONTHS)
    model = UnobservedComponents(path.to_numpy(), level="llevel", use_exact_diffuse=True)
    found = model.fit(method="nm", disp=False, maxiter=5000, xtol=1e-9, ftol=1e-9).llf
    assert found == pytest.approx(fit.state.loglikelihood - np.log(2 * np.pi) / 2, abs=1e-4)


@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
def test_the_forecast_is_statsmodels_of_the_detrended_logs(gaps):
    """Median and bounds are the local level's forecast of the logs without their drift, with the drift put back."""
    y = wandering(3)
    y.iloc[gaps] = np.nan
    fit = fitted(y)
    model = UnobservedComponents((y - fit.drift * np.arange(MONTHS)).to_numpy(), level="llevel", use_exact_diffuse=True)
    step = fit.state.share * fit.state.variance
    expected = model.smooth([fit.state.variance - step, step]).get_forecast(4)
    found = fit.predict(ahead(y, 4))
    drift = fit.drift * np.arange(MONTHS, MONTHS + 4)
    np.testing.assert_allclose(found["median"], expected.predicted_mean + drift, atol=1e-6)
    half = ndtri(0.975) * np.sqrt(expected.var_pred_mean)
    np.testing.assert_allclose(found["upper_95"], expected.predicted_mean + drift + half, atol=1e-6)


def test_the_drift_is_half_the_slope_of_the_line():
    """On a straight line with noise that does not move it, the drift is half of the line's slope."""
    months = pd.period_range("2020-01", periods=24, freq="M")
    y = pd.Series(0.2 * np.arange(24) + np.tile([0.1, -0.1, -0.1, 0.1], 6), months)
    assert fitted(y).drift == pytest.approx(0.1, abs=1e-12)


@pytest.mark.parametrize("season", [0.0, 1.0])
def test_on_a_complete_series_it_is_close_to_statsmodels_theta(season):
    """Two estimates of the smoothing, and two of the season, leave one-step forecasts within a third of their sd."""
    apart = []
    for seed in range(10):
        y = wandering(seed, season)
        found = fitted(y).predict(ahead(y, 1)).iloc[0]
        sd = (found["upper_95"] - found["median"]) / ndtri(0.975)
        expected = ThetaModel(y, period=12, method="additive").fit().forecast(1).iloc[0]
        apart.append(abs(found["median"] - expected) / sd)
    assert np.median(apart) < 1 / 3
    assert max(apart) < 1


def test_the_season_starts_in_the_month_in_which_the_series_starts():
    """A series that begins in May keeps its high month when it goes on."""
    months = pd.period_range("2017-05", periods=MONTHS, freq="M")
    noise = np.random.default_rng(5).normal(0, 0.1, MONTHS)
    y = pd.Series(3.0 * (months.month == 7) + noise, months)
    found = fitted(y).predict(ahead(y, 12))["median"]
    assert str(found.idxmax()) == "2025-07"
    assert found.max() - found.median() == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([*range(11), float("nan")], "theta needs 12 observed months and found 11."),
    ],
)
def test_a_series_that_cannot_be_fitted_says_why(values, message):
    """Too few months are refused in one sentence."""
    y = pd.Series(values, pd.period_range("2024-01", periods=len(values), freq="M"))
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        fitted(y)


@pytest.mark.parametrize("seed", range(5))
def test_last_digits_decide_nothing(seed):
    """What rounding does to a path moves the share of the level by as little, though the likelihood is flat there."""
    random = np.random.default_rng(seed)
    path = np.cumsum(random.normal(0, 0.05, 60)) + random.normal(0, 0.1, 60)
    shares = [_likeliest_share(path + random.normal(0, 1e-15, 60)) for _ in range(5)]
    assert 0.01 < shares[0] < 0.99
    assert np.ptp(shares) < 1e-10
