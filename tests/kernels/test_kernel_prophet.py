"""The compiled maximum of Prophet's posterior against Prophet and its Stan program."""

from __future__ import annotations

import logging
import re

import numpy as np
import pandas as pd
import pytest

from forecast.kernels import KernelError
from forecast.kernels.prophet import ProphetEstimates, changepoints, draws, fit, fourier

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # Prophet's, under pandas 3.1


def history(months: int, seed: int) -> pd.DataFrame:
    """A drifting seasonal series with the month of a break, four events and two gaps."""
    draw = np.random.default_rng([seed, months])
    t = np.arange(months)
    y = 0.1 * np.cumsum(draw.standard_normal(months)) + 0.3 * np.sin(t * np.pi / 6) + 0.1 * draw.standard_normal(months)
    y += 0.05 * np.maximum(t - months // 2, 0)
    y[[4, months // 3]] = np.nan
    frame = pd.DataFrame({"ds": pd.date_range("2005-01-01", periods=months, freq="MS"), "y": y - np.nanmean(y)})
    for j in range(4):
        frame[f"event_{j}"] = np.where(t >= months - 8 - j, 0.8 ** (t - months + 8.0 + j) * (1 + (j == 0)), 0.0)
    return frame


def prophet(months: int):
    """Prophet with yearly terms and four events, as it comes otherwise."""
    from prophet import Prophet

    logging.getLogger("prophet").setLevel(logging.CRITICAL)
    logging.getLogger("cmdstanpy").setLevel(logging.CRITICAL)
    order = 10 if months >= 60 else 3
    model = Prophet(yearly_seasonality=order, weekly_seasonality=False, daily_seasonality=False)
    for j in range(4):
        model.add_regressor(f"event_{j}", standardize=False)
    return model


def arguments(inputs) -> dict[str, np.ndarray | float]:
    """What Prophet hands to Stan, as the kernel takes it."""
    return {
        "y": np.array(inputs.y),
        "t": np.array(inputs.t),
        "X": np.array(inputs.X),
        "changepoints": np.array(inputs.t_change),
        "sds": np.array(inputs.sigmas, dtype=float),
        "tau": inputs.tau,
    }


def log_posterior(given: dict, k, m, delta, beta, sigma_obs) -> float:
    """Stan's ``lp__`` of prophet.stan for a linear trend and additive terms, written out."""
    y, t = given["y"], given["t"]
    trend = m + k * t
    for when, by in zip(given["changepoints"], delta, strict=True):
        trend = trend + np.where(t >= when, by * (t - when), 0.0)
    left = y - trend - given["X"] @ beta
    out = -0.5 * (k / 5.0) ** 2 - 0.5 * (m / 5.0) ** 2 - 0.5 * (sigma_obs / 0.5) ** 2
    out -= np.sum(np.abs(delta)) / given["tau"] + 0.5 * np.sum((beta / given["sds"]) ** 2)
    return float(out - y.size * np.log(sigma_obs) - 0.5 * left @ left / sigma_obs**2)


def parameters(fitted: ProphetEstimates) -> tuple:
    return fitted.k, fitted.m, fitted.delta, fitted.beta, fitted.sigma_obs


@pytest.mark.parametrize("months", [24, 60, 99, 103, pytest.param(240, marks=pytest.mark.slow)])
@pytest.mark.parametrize("algorithm", ["Newton", "LBFGS"])
def test_the_objective_is_never_below_that_of_stan(months, algorithm):
    """At our maximum Prophet's own objective is at least what Newton and L-BFGS reach, which print eight digits."""
    frame, model = history(months, 1), prophet(months)
    model.fit(frame, algorithm=algorithm)
    given = arguments(prophet(months).preprocess(frame))
    found = [np.squeeze(model.params[name]) for name in ("k", "m", "delta", "beta", "sigma_obs")]
    theirs = log_posterior(given, *found)
    assert theirs == pytest.approx(model.params["lp__"].item(), abs=1e-4)
    ours = fit(**given)
    assert ours.log_posterior == pytest.approx(log_posterior(given, *parameters(ours)), abs=1e-9)
    assert ours.log_posterior > theirs - 1e-6


@pytest.mark.parametrize("tau", [0.01, 0.05, 0.5, 10.0])
@pytest.mark.parametrize("months", [40, 120])
def test_no_direction_leads_up_from_the_maximum(months, tau):
    """Every derivative is 0, or within the Laplace prior's where a change of growth is 0."""
    draw = np.random.default_rng(months)
    t = np.linspace(0.0, 1.0, months)
    y = np.clip(0.1 * np.cumsum(draw.standard_normal(months)), -1.0, 1.0)
    X, sds, means = fourier(30.4 * np.arange(months), 3), np.full(6, 0.2), np.full(6, 0.1)
    at = changepoints(t, 15)
    found = fit(y, t, X, at, sds, tau, means)
    left = (y - found.trend(t) - X @ found.beta) / found.sigma_obs**2
    assert left @ t == pytest.approx(found.k / 25.0, abs=1e-6)
    assert left.sum() == pytest.approx(found.m / 25.0, abs=1e-6)
    np.testing.assert_allclose(X.T @ left, (found.beta - means) / sds**2, atol=1e-6)
    slopes = np.array([np.where(t >= when, t - when, 0.0) @ left for when in at])
    moved = found.delta != 0.0
    np.testing.assert_allclose(slopes[moved], np.sign(found.delta[moved]) / tau, rtol=1e-6)
    assert (np.abs(slopes[~moved]) <= (1.0 + 1e-8) / tau).all()
    of_sigma = -months + found.sigma_obs**2 * (left @ left) - 4.0 * found.sigma_obs**2
    assert of_sigma == pytest.approx(0.0, abs=1e-5)


def test_changes_of_growth_are_found_where_they_are():
    """A break in growth is given to the changepoints about it, and none to the others."""
    t = np.linspace(0.0, 1.0, 120)
    y = np.where(t > 0.5, t - 0.5, 0.0) + 0.002 * np.random.default_rng(3).standard_normal(120)
    at = changepoints(t, 25)
    found = fit(y, t, np.empty((120, 0)), at, np.empty(0))
    near = np.abs(at - 0.5) < 0.06
    assert found.delta[near].sum() == pytest.approx(1.0, abs=0.1)
    assert np.abs(found.delta[~near]).sum() < 0.1


def test_means_of_the_prior_stand_where_months_say_nothing():
    """A term that is 0 in every month keeps the mean of its prior."""
    t = np.linspace(0.0, 1.0, 60)
    y = 0.3 * t + 0.01 * np.random.default_rng(4).standard_normal(60)
    found = fit(y, t, np.zeros((60, 1)), changepoints(t, 5), np.array([0.2]), means=np.array([-0.4]))
    assert found.beta[0] == pytest.approx(-0.4)


def test_design_is_that_of_prophet():
    """Seasonal terms, changepoints and the trend past the data are Prophet's own."""
    from prophet import Prophet

    frame, model = history(60, 5), prophet(60)
    model.fit(frame)
    seen = frame[frame["y"].notna()]
    t = ((seen["ds"] - seen["ds"].min()) / (seen["ds"].max() - seen["ds"].min())).to_numpy()
    np.testing.assert_allclose(changepoints(t), model.changepoints_t)
    days = (frame["ds"] - pd.Timestamp("1970-01-01")).dt.days.to_numpy(dtype=float)
    np.testing.assert_allclose(fourier(days, 10), Prophet.fourier_series(frame["ds"], 365.25, 10), atol=1e-9)
    k, m, delta = (np.squeeze(model.params[name]) for name in ("k", "m", "delta"))
    found = ProphetEstimates(k, m, delta, np.empty(0), 1.0, model.changepoints_t, 0.0, 1)
    later = np.linspace(0.0, 1.2, 50)
    expected = Prophet.piecewise_linear(later, delta, k, m, model.changepoints_t)
    np.testing.assert_allclose(found.trend(later), expected)


def test_futures_spread_as_the_model_says():
    """Without changes of growth the futures are normal about the trend; with them the spread grows as it must.

    The variance of a compound Poisson sum of hinges over [1, T] is rate * 2 scale**2 * (T - 1)**3 / 3.
    """
    t, X = np.array([1.1, 1.5]), np.zeros((2, 0))
    still = ProphetEstimates(0.5, 0.1, np.zeros(10), np.empty(0), 0.2, np.linspace(0.1, 0.8, 10), 0.0, 1)
    calm = draws(still, t, X, 100_000, seed=1)
    np.testing.assert_allclose(calm.mean(axis=0), [0.65, 0.85], atol=3e-3)
    np.testing.assert_allclose(calm.std(axis=0), 0.2, rtol=0.01)
    moving = ProphetEstimates(0.5, 0.1, np.full(10, 0.3), np.empty(0), 1e-9, np.linspace(0.1, 0.8, 10), 0.0, 1)
    spread = draws(moving, t, X, 200_000, seed=2).std(axis=0)
    np.testing.assert_allclose(spread, np.sqrt(10 * 2 * 0.3**2 * (t - 1.0) ** 3 / 3), rtol=0.02)
    np.testing.assert_array_equal(draws(moving, t, X, 5, seed=2), draws(moving, t, X, 5, seed=2))


Y, T = np.sin(np.arange(30.0)), np.linspace(0.0, 1.0, 30)
BAD = {
    "prophet: y (30,), t (29,), X (30, 0), sds (0,) and means (0,) do not match.": (Y, T[1:], 0.05, np.empty(0)),
    "prophet: a value is not finite; leave out the months without y.": (Y * np.nan, T, 0.05, np.empty(0)),
    "prophet: the sds of coefficients and tau must be above zero.": (Y, T, 0.0, np.empty(0)),
    "prophet: y is zero throughout; there is nothing to fit.": (0.0 * Y, T, 0.05, np.empty(0)),
    "prophet: 30 months and 32 terms have no posterior maximum that can be found; use fewer seasonal terms, regressors "
    "or changepoints.": (np.minimum(T, 0.5), T, 0.05, np.ones(30)),
}


@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_fitted_is_said(message):
    """Each degenerate input is refused with one sentence."""
    y, t, tau, sds = BAD[message]
    with pytest.raises(KernelError, match=f"^{re.escape(message)}$"):
        fit(y, t, np.eye(30)[:, : sds.size], np.empty(0), sds, tau)
