"""The compiled models against the reference: at the same parameters the same numbers, at their own no less likely."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

import forecast as fc
from forecast.backtest.origin import Origin
from forecast.backtest.plan import Settings
from forecast.backtest.run import run_context
from forecast.kernels import KernelError
from forecast.models.arima import Arima, ArimaFit, _sarimax
from forecast.models.compiled import CompiledArima, CompiledArimaFit, CompiledProphet
from forecast.models.orders import trained_on
from forecast.models.prophet import Prophet
from forecast.models.protocol import FitError
from forecast.realtime.data import Data
from forecast.registry import ENGINES, load

INDEX = pd.period_range("2018-01", periods=84, freq="M")
AHEAD = pd.period_range(INDEX[-1] + 1, periods=4, freq="M")
GAPS = {"complete": [], "inside": [3, 40, 41], "trailing": [30, 82, 83]}
PRIOR = pd.DataFrame({"mean": [-0.8, 0.1], "sd": [0.3, 0.2]}, index=["licensing", "notice"])
ORDERS = [((0, 1, 1), (0, 0, 0)), ((1, 0, 1), (0, 0, 0)), ((1, 1, 1), (0, 1, 1)), ((1, 0, 0), (0, 1, 1))]


def regressors(months: pd.PeriodIndex) -> pd.DataFrame:
    """A step, and a notice of two months before it."""
    since = months.asi8 - pd.Period("2022-05").ordinal
    return pd.DataFrame({"licensing": (since >= 0) * 1.0, "notice": np.isin(since, [-2, -1]) * 1.0}, months)


def series(seed: int = 0) -> pd.Series:
    """A level that goes back to 6, a season, noise, and the step."""
    random = np.random.default_rng(seed)
    level = pd.Series(random.normal(0, 0.3, len(INDEX)), INDEX).ewm(alpha=0.4).mean()
    season = 0.5 * np.sin(2 * np.pi * INDEX.month / 12)
    return 6 + level + season + random.normal(0, 0.1, len(INDEX)) - regressors(INDEX)["licensing"]


def at_the_same_parameters(
    fit: CompiledArimaFit, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None, exact: bool = False
) -> ArimaFit:
    """The reference's fit of a series at the parameters of a compiled one, with an ``exact`` diffuse start or not."""
    kernel, training = fit.kernel, trained_on(y, X, prior)
    constant = fit.constant * (1 - kernel.ar.sum()) * (1 - kernel.seasonal_ar.sum())  # statsmodels' is an intercept
    coefficients = kernel.coefficients if prior is None else []
    arma = [kernel.ar, kernel.ma, kernel.seasonal_ar, kernel.seasonal_ma]
    params = np.concatenate([constant, coefficients, *arma, [kernel.variance]])
    model = _sarimax(training, fit.order, fit.seasonal_order, as_states=prior is not None, use_exact_diffuse=exact)
    return ArimaFit(fit.order, fit.seasonal_order, True, training, model.smooth(params, cov_type="none"))


@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
@pytest.mark.parametrize("prior", [None, PRIOR], ids=["flat", "prior"])
@pytest.mark.parametrize("orders", ORDERS, ids=str)
def test_at_the_same_parameters_it_is_the_reference(orders, prior, gaps):
    """Median, bounds, correlation and effects are those of statsmodels, as exactly as its own start is diffuse."""
    y, X, ahead = series(), regressors(INDEX), regressors(AHEAD)
    y.iloc[gaps] = np.nan
    fit = CompiledArima(*orders).fit(y, X, prior)
    reference = at_the_same_parameters(fit, y, X, prior, exact=prior is None)
    close = 1e-6 if prior is None or not gaps else 1e-5
    np.testing.assert_allclose(fit.predict(ahead), reference.predict(ahead), rtol=0, atol=close)
    np.testing.assert_allclose(fit.correlation(ahead), reference.correlation(ahead), rtol=0, atol=close)
    np.testing.assert_allclose(fit.effects(), reference.effects(), rtol=0, atol=1e-4)  # its own diffuse start


@pytest.mark.slow
@pytest.mark.parametrize("orders", ORDERS, ids=str)
def test_it_is_no_less_likely_than_the_reference(orders):
    """Statsmodels' likelihood where the kernel ended is not below that where statsmodels ended."""
    y, X = series(1), regressors(INDEX)
    found = at_the_same_parameters(CompiledArima(*orders).fit(y, X), y, X, None)
    assert found.results.llf > Arima(*orders).fit(y, X).results.llf - 1e-4


def test_a_prior_keeps_its_doubt_in_the_interval():
    """A regressor that never acted shifts the forecast by its prior mean and adds its prior variance."""
    X, ahead = pd.DataFrame({"ban": 0.0}, INDEX), pd.DataFrame({"ban": [1.0, 0.0, 1.0, 1.0]}, AHEAD)
    prior = pd.DataFrame({"mean": [-2.0], "sd": [0.5]}, index=["ban"])
    found = CompiledArima().fit(series(), X, prior).predict(ahead)
    assert found["upper_95"].sub(found["lower_95"]).div(2 * 1.959964).iloc[[0, 2, 3]].gt(0.5).all()
    assert found["upper_95"].sub(found["lower_95"]).iloc[1] < found["upper_95"].sub(found["lower_95"]).iloc[0]


@pytest.mark.parametrize("prior", [None, PRIOR], ids=["flat", "prior"])
@pytest.mark.parametrize("count", [40, 84])
@pytest.mark.parametrize("gaps", [[], [3, 9]], ids=["complete", "gaps"])
def test_prophet_ends_where_the_library_does(count, prior, gaps):
    """Where the library's optimiser arrives, median and bounds are its own to 0.002 in logs, effects to 0.005."""
    y, X = series().iloc[-count:], regressors(INDEX).iloc[-count:]
    y.iloc[gaps] = np.nan
    ahead = regressors(AHEAD)
    fits = [model.fit(y, X, prior) for model in (CompiledProphet(), Prophet())]
    np.testing.assert_allclose(*(fit.predict(ahead) for fit in fits), rtol=0, atol=2e-3)
    np.testing.assert_allclose(*(fit.effects() for fit in fits), rtol=0, atol=5e-3)


def test_what_the_reference_refuses_is_refused_in_the_same_words():
    """A FitError is the reference's: it is no matter of the engine."""
    y, X = series(), regressors(INDEX).assign(other=1.0)
    reasons = []
    for engine in ("reference", "compiled"):
        with pytest.raises(FitError) as refused:
            load("arima", engine).fit(y, X)
        reasons.append(str(refused.value))
    assert reasons[0] == reasons[1]


def test_an_order_beyond_the_kernel_is_left_to_whoever_asked():
    """The kernel says what it cannot, and fits nothing else instead."""
    with pytest.raises(KernelError, match=r"^arima: p is 4, from 0 to 3 is possible\.$"):
        CompiledArima((4, 1, 0), (0, 0, 0)).fit(series(), regressors(INDEX))


@pytest.mark.slow
def test_the_compiled_models_load_neither_library():
    """Neither statsmodels nor Prophet is imported for a compiled fit."""
    code = (
        "import sys; from forecast.registry import load; load('arima', 'compiled'), load('prophet', 'compiled');"
        " assert not {'statsmodels', 'prophet', 'cmdstanpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_engine_that_is_not_there_is_named():
    """The sentence says which engines there are."""
    with pytest.raises(ValueError, match=r"^There is no engine 'fast': choose among compiled, reference\.$"):
        load("arima", "fast")


def shipped(issued: date) -> list[tuple[pd.Series, pd.DataFrame, pd.DataFrame, pd.DataFrame | None]]:
    """The designs of all series of magnets as known on a day, less what episodes did to them."""
    data = Data(fc.read_exports(), fc.read_events(), fc.read_groups())
    context = run_context(data, Settings(), {"rare_earth_magnets": [issued]})
    origin = Origin(context, context.as_of(issued))
    designs = [origin.design(("rare_earth_magnets", code)) for code in origin.snapshot.volumes["rare_earth_magnets"]]
    return [(design.y, design.X, design.X_future, design.prior) for design in designs]


@pytest.mark.slow
@pytest.mark.parametrize("issued", [date(2025, 5, 20), date(2025, 10, 20), date(2026, 3, 20)], ids=str)
def test_over_the_shipped_data_arima_is_the_reference_where_both_arrive(issued):
    """At the reference's order the compiled fit is no less likely, and as likely only with the same forecast."""
    compared = 0
    for y, X, ahead, prior in shipped(issued):
        try:
            reference = Arima().fit(y, X, prior)
        except FitError:
            continue
        fit = CompiledArima(reference.order, reference.seasonal_order).fit(y, X, prior)
        gain = at_the_same_parameters(fit, y, X, prior).results.llf - reference.results.llf
        assert gain > -1e-2
        if gain < 1e-2:
            np.testing.assert_allclose(fit.predict(ahead), reference.predict(ahead), rtol=0, atol=2e-2)
            compared += 1
    assert compared


@pytest.mark.slow
def test_over_the_shipped_data_forecasts_of_both_engines_are_alike():
    """Medians and bounds of half of all series differ by less than 1 %, the others by less than an eighth."""
    days = [date(2025, 5, 20), date(2025, 10, 20), date(2026, 3, 20)]
    tables = fc.read_exports(), fc.read_events(), fc.read_groups()
    options = {"issued": days, "products": ["rare_earth_magnets"], "models": ["arima"]}
    compiled, reference = (fc.forecast_all(*tables, engine=engine, **options) for engine in ENGINES)
    key, volumes = ["destination", "issued", "month"], ["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]
    pd.testing.assert_frame_equal(compiled.forecasts[key], reference.forecasts[key])
    apart = np.log(compiled.forecasts[volumes] / reference.forecasts[volumes]).abs().max(axis=1)
    assert len(compiled.reference_fits) == 0
    assert apart.median() < 0.01
    assert apart.max() < 0.15
