"""A fit that follows later figures keeps its parameters: judged by statsmodels at the same parameters."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from forecast.models.arima import Arima
from forecast.models.ces import Ces
from forecast.models.compiled import CompiledArima
from forecast.models.ets import Ets
from forecast.models.theta import Theta
from forecast.tables.quantiles import QUANTILES

with warnings.catch_warnings():
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.statespace.structural import UnobservedComponents

INDEX = pd.period_range("2018-01", periods=72, freq="M")
AHEAD = pd.period_range(INDEX[-1] + 1, periods=3, freq="M")


def series(seed: int = 0) -> pd.Series:
    """A level that wanders a little under a strong season, a step in 2021, and a gap."""
    random = np.random.default_rng(seed)
    season = np.tile(np.sin(np.arange(12) * np.pi / 6), 6)
    y = pd.Series(5 + random.normal(0, 0.05, 72).cumsum() + 2 * season + random.normal(0, 0.1, 72), INDEX)
    y.iloc[20] = np.nan
    return y - step(INDEX)["licensing"]


def step(months: pd.PeriodIndex) -> pd.DataFrame:
    return pd.DataFrame({"licensing": (months >= "2021-01").astype(float)}, months)


def none(months: pd.PeriodIndex) -> pd.DataFrame:
    return pd.DataFrame(index=months)


PRIOR = pd.DataFrame({"mean": [-0.5], "sd": [0.2]}, index=["licensing"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "X", "prior"),
    [
        *[(Theta(), none, None), (Arima(), none, None), (Arima(), step, None), (Arima(), step, PRIOR)],
        *[(CompiledArima(), none, None), (CompiledArima(), step, None), (CompiledArima(), step, PRIOR)],
        *[(Ets(), none, None), (Ets(), step, PRIOR), (Ces(), none, None), (Ces(), step, PRIOR)],
    ],
    ids=[
        *["theta", "arima", "regressor", "prior", "compiled", "compiled-regressor", "compiled-prior"],
        *["ets", "ets-prior", "ces", "ces-prior"],
    ],
)
def test_following_the_same_figures_changes_nothing(model, X, prior):
    """With nothing new to filter the forecast stays what it was, whatever the coefficients started from."""
    fit = model.fit(series(), X(INDEX), prior)
    expected = fit.predict(X(AHEAD))
    pd.testing.assert_frame_equal(fit.follow(series(), X(INDEX)).predict(X(AHEAD)), expected, rtol=1e-10)


@pytest.mark.parametrize("order", [(1, 1, 1), (1, 0, 0)])
def test_arima_follows_as_statsmodels_filters(order):
    """Statsmodels' own model of the longer series, at the parameters of the shorter one, gives the same forecast."""
    y, centre = series(), series()[:60].mean()
    fit = Arima(order, (0, 0, 0)).fit(y[:60], step(INDEX[:60]))
    trend = "n" if order[1] else "c"
    model = SARIMAX((y - centre).to_numpy(), step(INDEX).to_numpy(), order=order, trend=trend)
    expected = model.filter(fit.results.params).get_forecast(3, exog=step(AHEAD).to_numpy())
    found = fit.follow(y, step(INDEX)).predict(step(AHEAD))
    np.testing.assert_allclose(found["median"], expected.predicted_mean + centre, rtol=1e-10)
    half = ndtri(0.975) * np.sqrt(expected.var_pred_mean)
    np.testing.assert_allclose(found["upper_95"] - found["median"], half, rtol=1e-8)


def test_a_prior_stays_what_it_was_at_the_estimate():
    """What a coefficient started from is held too, and the later figures move it on from there."""
    fit = Arima((0, 1, 1), (0, 0, 0)).fit(series()[:40], step(INDEX[:40]), PRIOR)
    later = fit.follow(series(), step(INDEX)).effects().loc["licensing"]
    assert (fit.training.prior == PRIOR.to_numpy()).all()
    assert later["upper"] - later["lower"] < 2 * 1.96 * PRIOR["sd"].item()


def test_theta_follows_as_statsmodels_filters():
    """The local level of statsmodels, at the variances of the shorter series and less its season and drift."""
    y = series()
    fit = Theta().fit(y[:60], none(INDEX[:60]))
    assert fit.season.any()
    path = y.to_numpy() - fit.season[INDEX.month - 1] - fit.drift * np.arange(-71, 1)
    noise, moves = (1 - fit.state.share) * fit.state.variance, fit.state.share * fit.state.variance
    expected = UnobservedComponents(path, level="llevel", use_exact_diffuse=True).filter([noise, moves]).get_forecast(3)
    found = fit.follow(y, none(INDEX)).predict(none(AHEAD))
    median = expected.predicted_mean + fit.drift * np.array([1, 2, 3]) + fit.season[AHEAD.month - 1]
    np.testing.assert_allclose(found["median"], median, rtol=1e-9)
    variance = expected.var_pred_mean + fit.doubt[AHEAD.month - 1] * fit.state.variance
    half = ndtri(0.9) * np.sqrt(variance)
    np.testing.assert_allclose(found["upper_80"] - found["median"], half, rtol=1e-7)


@pytest.mark.parametrize("model", [Theta(), Arima()])
@pytest.mark.slow
def test_a_fit_is_left_as_it_was_and_moves_with_the_unit(model):
    """Following gives a new fit; a constant added to all figures is added to what follows."""
    y = series()
    fit = model.fit(y[:60], none(INDEX[:60]))
    before = fit.predict(none(INDEX[60:63]))
    followed = fit.follow(y, none(INDEX)).predict(none(AHEAD))
    pd.testing.assert_frame_equal(fit.predict(none(INDEX[60:63])), before)
    shifted = model.fit(y[:60] + 7, none(INDEX[:60])).follow(y + 7, none(INDEX)).predict(none(AHEAD))
    np.testing.assert_allclose(shifted[list(QUANTILES)], followed[list(QUANTILES)] + 7, atol=1e-4)


def test_what_cannot_be_followed_says_why():
    """Other columns than in training are a mistake."""
    arima = Arima().fit(series(), none(INDEX))
    message = "arima was fitted with regressors [] and is asked to predict with ['licensing']"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        arima.follow(series(), step(INDEX))


@pytest.mark.parametrize("model", [Arima(), CompiledArima(), Ets(), Ces()])
def test_months_that_never_change_are_followed(model):
    """A fit shown a constant forecasts that constant."""
    fit = model.fit(series(), none(INDEX)).follow(pd.Series(1.0, INDEX), none(INDEX))
    found = fit.predict(none(AHEAD))
    assert np.isfinite(found.to_numpy()).all()
    assert (found["median"] - 1).abs().max() < 3 * (found["upper_95"] - found["median"]).max()
