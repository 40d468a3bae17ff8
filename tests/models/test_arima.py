"""Regression with seasonal ARIMA errors, against statsmodels called directly and against least squares by hand."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import toeplitz
from scipy.stats import multivariate_normal

from forecast.models.arima import Arima
from forecast.models.orders import LARGEST_ROOT, largest_root, seasonal_differences, trained_on
from forecast.models.protocol import FitError
from forecast.registry import load

with warnings.catch_warnings():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

MONTHS = 96
INDEX = pd.period_range("2017-01", periods=MONTHS, freq="M")
AHEAD = pd.period_range(INDEX[-1] + 1, periods=3, freq="M")
GAPS = {"complete": [], "inside": [2, 30, 31, 60], "trailing": [50, MONTHS - 2, MONTHS - 1]}
WHITE = (0, 0, 0)


def regressors(months: pd.PeriodIndex = INDEX) -> pd.DataFrame:
    """A step, what decays after it, and something that varies all the time."""
    since = months.astype("int64").to_numpy() - pd.Period("2021-04").ordinal
    columns = {
        "licensing": np.where(since >= 0, 1.0, 0.0),
        "licensing_decay": np.where(since >= 0, 0.6 ** np.abs(since), 0.0),
        "new_year": np.cos(since * 1.7),
    }
    return pd.DataFrame(columns, index=months)


def airline(seed: int = 0) -> pd.Series:
    """An airline process with moving averages -0.4 and -0.6 under the regressors."""
    shocks = np.random.default_rng(seed).normal(0, 0.1, MONTHS + 13)
    moved = shocks[13:] - 0.4 * shocks[12:-1] - 0.6 * shocks[1:-12] + 0.24 * shocks[:-13]
    values = np.zeros(MONTHS + 13)
    for month in range(13, MONTHS + 13):
        values[month] = values[month - 1] + values[month - 12] - values[month - 13] + moved[month - 13]
    return pd.Series(values[13:] + 8, INDEX) + regressors() @ [-1.0, -0.5, 0.1]


def noise(seed: int = 0, count: int = MONTHS) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(0, 1, count), INDEX[:count])


def statsmodels_of(y: pd.Series, X: pd.DataFrame, order, seasonal_order):
    exog = X.to_numpy() if X.shape[1] else None
    trend = "c" if order[1] == seasonal_order[1] == 0 else "n"
    centred = (y - y.mean()).to_numpy()
    return SARIMAX(centred, exog, order=order, seasonal_order=(*seasonal_order, 12), trend=trend)


@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS.keys())
@pytest.mark.parametrize("columns", [[], ["licensing", "licensing_decay", "new_year"]], ids=["alone", "regressors"])
@pytest.mark.parametrize("orders", [((0, 1, 1), (0, 1, 1)), ((1, 0, 1), (0, 0, 0)), ((2, 1, 0), (1, 0, 0))])
@pytest.mark.slow
def test_with_a_fixed_order_it_is_statsmodels(orders, columns, gaps):
    """Forecast and intervals are SARIMAX's at the same parameters, and those are at least as likely as its own."""
    y, X, ahead = airline(), regressors()[columns], regressors(AHEAD)[columns]
    y.iloc[gaps] = np.nan
    fit = Arima(*orders).fit(y, X)
    found = fit.predict(ahead)
    reference = statsmodels_of(y, X, *orders)
    expected = reference.smooth(fit.results.params).get_forecast(3, exog=ahead.to_numpy() if columns else None)
    np.testing.assert_allclose(found["median"], expected.predicted_mean + y.mean(), atol=1e-6)
    for level in (80, 95):
        interval = expected.conf_int(alpha=1 - level / 100) + y.mean()
        np.testing.assert_allclose(found[[f"lower_{level}", f"upper_{level}"]], interval, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fit.results.llf > reference.fit(disp=False).llf - 1e-3
    assert fit.converged


def test_white_noise_with_a_prior_is_the_posterior_of_least_squares():
    """Coefficients, their intervals, the forecast and the likelihood are those of the Gaussian posterior by hand."""
    X, ahead = regressors(), regressors(AHEAD)
    y = noise() + X @ [-1.0, -0.5, 0.1] + 4
    prior = pd.DataFrame({"mean": [-0.5, 0.0, 0.2], "sd": [0.2, 0.5, 0.05]}, index=X.columns)
    fit = Arima(WHITE, WHITE).fit(y, X, prior)
    constant, variance = fit.results.params
    left = (y - y.mean() - constant).to_numpy()
    precision = X.T.to_numpy() @ X.to_numpy() / variance + np.diag(prior["sd"] ** -2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (X.T.to_numpy() @ left / variance + prior["mean"] / prior["sd"] ** 2)
    effects = fit.effects()
    np.testing.assert_allclose(effects["estimate"], mean, atol=1e-8)
    np.testing.assert_allclose(effects["upper"], mean + 1.959964 * np.sqrt(np.diag(covariance)), atol=1e-6)
    found = fit.predict(ahead)
    np.testing.assert_allclose(found["median"], y.mean() + constant + ahead.to_numpy() @ mean, atol=1e-8)
    spread = np.sqrt(variance + np.diag(ahead.to_numpy() @ covariance @ ahead.T.to_numpy()))
    np.testing.assert_allclose(found["upper_95"] - found["median"], 1.959964 * spread, atol=1e-6)
    marginal = multivariate_normal(
        X.to_numpy() @ prior["mean"], variance * np.eye(MONTHS) + X.to_numpy() @ np.diag(prior["sd"] ** 2) @ X.T
    )
    assert fit.results.llf == pytest.approx(marginal.logpdf(left), abs=1e-6)


def test_without_a_prior_effects_are_generalised_least_squares():
    """At the fitted AR(1) coefficients and intervals are those of least squares weighted by its covariance."""
    X = regressors()
    y = noise(1).ewm(alpha=0.4).mean() + X @ [-1.0, -0.5, 0.1]
    fit = Arima((1, 0, 0), WHITE).fit(y, X)
    constant, phi, variance = fit.results.params[[0, 4, 5]]
    weight = np.linalg.inv(variance / (1 - phi**2) * toeplitz(phi ** np.arange(MONTHS)))
    covariance = np.linalg.inv(X.T.to_numpy() @ weight @ X.to_numpy())
    mean = covariance @ X.T.to_numpy() @ weight @ (y - y.mean() - constant / (1 - phi)).to_numpy()
    np.testing.assert_allclose(fit.effects()["estimate"], mean, atol=1e-5)
    np.testing.assert_allclose(fit.effects()["estimate"], fit.results.params[1:4], atol=1e-3)
    half = fit.effects()["upper"] - fit.effects()["estimate"]
    np.testing.assert_allclose(half, 1.959964 * np.sqrt(np.diag(covariance)), atol=1e-5)


def test_a_prior_makes_a_regressor_that_never_acted_usable():
    """A regressor that is zero in training has its prior for effect, and that prior's doubt in the interval."""
    X, ahead = pd.DataFrame({"ban": 0.0}, index=INDEX), pd.DataFrame({"ban": [1.0, 0.0, 1.0]}, index=AHEAD)
    prior = pd.DataFrame({"mean": [-2.0], "sd": [0.5]}, index=["ban"])
    fit = Arima().fit(airline(), X, prior)
    plain = Arima(fit.order, fit.seasonal_order).fit(airline(), X[[]])
    found, without = fit.predict(ahead), plain.predict(ahead[[]])
    np.testing.assert_allclose(found["median"] - without["median"], [-2, 0, -2], atol=1e-4)
    doubt = (found["upper_95"] - found["median"]) ** 2 - (without["upper_95"] - without["median"]) ** 2
    np.testing.assert_allclose(doubt, 1.959964**2 * 0.25 * np.array([1, 0, 1]), atol=1e-3)
    effect = fit.effects().loc["ban"]
    assert effect.tolist() == pytest.approx([-2, -2 - 1.959964 * 0.5, -2 + 1.959964 * 0.5], abs=1e-6)


def random_walk(seed: int) -> pd.Series:
    return noise(seed).cumsum()


def seasonal_noise(seed: int) -> pd.Series:
    return noise(seed) + 2 * np.sin(2 * np.pi * INDEX.month / 12)


def seasonal_walk(seed: int) -> pd.Series:
    return random_walk(seed) + 2 * np.sin(2 * np.pi * INDEX.month / 12) * np.where(INDEX.month % 2, 1, -1)


def rising_noise(seed: int) -> pd.Series:
    return noise(seed) + 0.1 * np.arange(MONTHS)


@pytest.mark.parametrize(
    ("process", "expected"),
    [(noise, 0), (random_walk, 0), (rising_noise, 0), (seasonal_noise, 1), (seasonal_walk, 1), (airline, 1)],
)
def test_a_yearly_difference_is_found_with_gaps_and_steps(process, expected):
    """In at least 17 of 20 series with a tenth of the months missing and a step of ten, D is the process's."""
    X = regressors()
    right = 0
    for seed in range(20):
        y = process(seed) - 10 * X["licensing"]
        y.iloc[np.random.default_rng(seed).choice(np.arange(1, MONTHS), MONTHS // 10, replace=False)] = np.nan
        right += seasonal_differences(trained_on(y, X, None)) == expected
    assert right >= 17


@pytest.mark.parametrize("process", [noise, airline])
def test_regressors_do_not_change_the_differences(process):
    """A fall by ten at the regressor's month leaves D as it was, and so do any number of regressors never at work."""
    X = regressors()
    idle = X.assign(**{f"idle_{column}": float(column) for column in range(40)})
    prior = pd.DataFrame({"mean": 0.0, "sd": 0.5}, idle.columns)
    for seed in range(10):
        alone = seasonal_differences(trained_on(process(seed), X, None))
        assert seasonal_differences(trained_on(process(seed) - 10 * X["licensing"], X, None)) == alone
        assert seasonal_differences(trained_on(process(seed), idle, prior)) == alone


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_yearly_differences_have_no_drift(engine):
    """A yearly random walk that grew by a quarter each year is forecast to repeat its last year, twice."""
    y = seasonal_noise(0) * 0.1 + 0.02 * np.arange(MONTHS)
    fit = load("arima", engine).__class__((0, 0, 0), (0, 1, 0)).fit(y, regressors()[[]])
    ahead = pd.DataFrame(index=pd.period_range(INDEX[-1] + 1, periods=24, freq="M"))
    np.testing.assert_allclose(fit.predict(ahead)["median"], np.tile(y.iloc[-12:], 2), atol=1e-6)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_growth_that_feeds_itself_is_not_chosen(engine):
    """Changes that are a random walk have no order chosen whose root is beyond the largest."""
    y, none = noise(5).cumsum().cumsum(), regressors()[[]]
    fit = load("arima", engine).fit(y, none)
    free = load("arima", engine).__class__((1, 1, 0), (0, 0, 0)).fit(y, none)
    assert largest_root(autoregressive(free)) > LARGEST_ROOT
    assert largest_root(autoregressive(fit)) <= LARGEST_ROOT + 0.01


def autoregressive(fit) -> np.ndarray:
    """The short AR parameters of a fit of either engine."""
    return fit.kernel.ar if hasattr(fit, "kernel") else fit.results.params[: fit.order[0]]


def test_the_largest_root_is_that_of_the_polynomial():
    """The roots 0.9 and -0.5 make 1 - 0.4 B - 0.45 B**2."""
    assert largest_root(np.array([0.4, 0.45])) == pytest.approx(0.9)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_regressor_that_was_always_on_keeps_its_prior(engine):
    """It and the level are known only together: where it ends the forecast moves by the prior, with its doubt."""
    X = pd.DataFrame({"ban": 1.0}, INDEX)
    ahead = pd.DataFrame({"ban": [0.0, 1.0]}, AHEAD[:2])
    prior = pd.DataFrame({"mean": [-2.0], "sd": [0.9]}, ["ban"])
    fit = load("arima", engine).fit(random_walk(0) * 0.05, X, prior)
    assert fit.effects().loc["ban"].tolist() == pytest.approx([-2, -2 - 1.959964 * 0.9, -2 + 1.959964 * 0.9], abs=1e-3)
    ends, goes_on = fit.predict(ahead)["median"] - (random_walk(0) * 0.05).iloc[-1]
    assert ends == pytest.approx(2, abs=0.2)
    assert abs(goes_on) < 0.2
    half = fit.predict(ahead).eval("upper_95 - median")
    assert half.iloc[0] > 1.959964 * 0.9 > 3 * half.iloc[1]


@pytest.mark.slow
def test_the_order_chosen_is_of_low_aicc():
    """On an airline process no candidate of the same d and D, fitted in full by statsmodels, is better by two."""
    y, X = airline(), regressors()
    fit = Arima().fit(y, X)
    assert (fit.order[1], fit.seasonal_order[1]) == (1, 1)

    def aicc(order, seasonal_order):
        results = Arima(order, seasonal_order).fit(y, X).results
        count, k = MONTHS - 13, len(results.params)
        return -2 * results.llf + 2 * k * count / (count - k - 1)

    others = [((p, 1, q), (0, 1, Q)) for p, q in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)] for Q in (0, 1)]
    assert aicc(fit.order, fit.seasonal_order) < min(aicc(*other) for other in others) + 2


@pytest.mark.parametrize(("count", "most"), [(12, 1), (23, 1), (29, 2)])
def test_a_short_series_gets_a_small_model(count, most):
    """Under 24 months p + q is at most 1, under 30 at most 2 and nothing is seasonal."""
    y = (noise(3, count) + 3 * np.sin(2 * np.pi * INDEX.month[:count] / 12)).cumsum()
    fit = Arima().fit(y, regressors()[[]].iloc[:count])
    assert fit.order[0] + fit.order[2] <= most
    assert fit.seasonal_order == (0, 0, 0)


@pytest.mark.slow
def test_half_an_order_can_be_fixed():
    """A given order stays, and the seasonal one is chosen to go with it."""
    fit = Arima(order=(2, 1, 0)).fit(airline(), regressors())
    assert fit.order == (2, 1, 0)
    assert fit.seasonal_order[1] == 1
    fit = Arima(seasonal_order=(0, 1, 1)).fit(noise(), regressors())
    assert fit.seasonal_order == (0, 1, 1)
    assert fit.order[1] == 1


NEVER = "it is constant, or made up of the season, the trend and the regressors before it."


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(MONTHS),
        np.ones(MONTHS),
        2 * regressors()["licensing"].to_numpy() + 1,
        (INDEX.month == 2).astype(float),
    ],
    ids=["zero", "constant", "collinear", "seasonal"],
)
def test_a_regressor_that_cannot_be_told_apart_is_named(column):
    """Constant, collinear or differenced away: the fit is refused with the regressor's name."""
    X = regressors()[["licensing"]].assign(other=column)
    message = (
        f"arima cannot tell regressor 'other' apart: in the 96 observed months {NEVER} Leave it out or give it a prior."
    )
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        Arima((0, 1, 1), (0, 1, 1)).fit(airline(), X)


def test_a_regressor_of_one_calendar_month_keeps_the_chosen_order_from_yearly_differences():
    """Where a yearly difference would take a regressor away, none is chosen and the regressor is estimated."""
    X = pd.DataFrame({"february": (INDEX.month == 2).astype(float)}, index=INDEX)
    fit = Arima().fit(seasonal_noise(0) - 3 * X["february"], X)
    assert fit.seasonal_order[1] == 0
    assert fit.effects().loc["february", "upper"] < 0


def test_a_regressor_that_acts_only_in_missing_months_is_named():
    """A pulse in a month without a figure cannot be estimated."""
    y, X = airline(), regressors()[[]].assign(pulse=(INDEX == "2020-03").astype(float))
    y["2020-03"] = np.nan
    with pytest.raises(FitError, match=r"^arima cannot tell regressor 'pulse' apart: in the 95 observed months"):
        Arima().fit(y, X)


@pytest.mark.parametrize(
    ("y", "model", "message"),
    [
        (noise(0, 11), Arima(), "arima needs 12 observed months and found 11."),
        (
            noise().where(INDEX.month != 2),
            Arima((0, 1, 1), (0, 1, 1)),
            "arima takes yearly differences and needs every calendar month, but observed only 11.",
        ),
    ],
)
def test_a_series_that_cannot_be_fitted_says_why(y, model, message):
    """Too few or unsuitable months are refused in one sentence."""
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        model.fit(y, pd.DataFrame(index=y.index))


def test_more_parameters_than_months_are_refused():
    """Twelve months cannot carry nine coefficients and a variance and leave one to judge them by."""
    numbers = np.random.default_rng(0).normal(size=(12, 9))
    X = pd.DataFrame(numbers, index=INDEX[:12], columns=[f"event_{column}" for column in range(9)])
    message = (
        "arima needs more months than parameters and found 12 observed months, which every candidate with 9 regressors"
        " uses up."
    )
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        Arima().fit(noise(0, 12), X)


def test_parameters_without_a_likelihood_are_a_reason_not_a_crash(monkeypatch):
    """What numpy cannot factorise inside statsmodels becomes the sentence of a FitError."""

    def fails(*_):
        raise np.linalg.LinAlgError("LU decomposition error")

    monkeypatch.setattr("forecast.models.arima._maximise", fails)
    message = "arima found no likelihood for 96 observed months with 3 regressors: leave some out or give them a prior."
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        Arima().fit(airline(), regressors())


def test_a_regressor_that_never_moves_is_refused_by_name():
    """With a prior it could be distinguished from the constant, but statsmodels does not take it."""
    y, X = noise(), regressors()[[]].assign(tax=1.0)
    prior = pd.DataFrame({"mean": [0.0], "sd": [0.5]}, index=["tax"])
    message = "arima: tax never moves, which statsmodels does not take beside a constant."
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        Arima((0, 0, 0), (0, 0, 0)).fit(y, X, prior)


def test_predict_refuses_other_months_or_columns():
    """The horizon goes on from the last month of y, with the columns of training."""
    fit = Arima((0, 1, 1), WHITE).fit(airline(), regressors())
    message = "arima predicts consecutive months from 2025-01 on and was given 2025-02 first."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit.predict(regressors(AHEAD + 1))
    message = (
        "arima was fitted with regressors ['licensing', 'licensing_decay', 'new_year'] and is asked to predict with"
        " ['licensing']: give the same columns in the same order."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit.predict(regressors(AHEAD)[["licensing"]])


@pytest.mark.slow
def test_a_fit_that_does_not_converge_says_so(monkeypatch):
    """With one step of each optimiser the fit still predicts, and does not claim to have converged."""
    monkeypatch.setattr("forecast.models.arima.FINAL", {"lbfgs": {"maxiter": 1}, "nm": {"maxiter": 1}})
    fit = Arima((2, 1, 2), (0, 1, 1)).fit(airline(), regressors())
    assert not fit.converged
    assert np.isfinite(fit.predict(regressors(AHEAD)).to_numpy()).all()


@pytest.mark.slow
def test_importing_it_leaves_the_warning_filters_alone():
    """Statsmodels resets the filters on import; whoever imports this file keeps theirs."""
    code = (
        "import warnings, numpy, pandas, scipy.special; import forecast.models.protocol;"
        " before = list(warnings.filters); import forecast.models.arima; assert warnings.filters == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
