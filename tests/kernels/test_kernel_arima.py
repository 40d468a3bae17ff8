"""The compiled likelihood against statsmodels' SARIMAX, whose objective it optimises."""

from __future__ import annotations

import re
import warnings
from itertools import product

import numpy as np
import pytest

from forecast.kernels import KernelError, likelihood
from forecast.kernels.arima import evaluate, fit, forecast, search, standardised_innovations

with warnings.catch_warnings():
    from statsmodels.tsa.statespace.initialization import Initialization
    from statsmodels.tsa.statespace.sarimax import SARIMAX

ORDERS = [
    ((1, 1, 1), (0, 1, 1)),
    ((3, 1, 2), (0, 1, 1)),
    ((0, 1, 2), (1, 0, 0)),
    ((2, 0, 0), (1, 1, 0)),
    ((1, 0, 1), (1, 0, 1)),
    ((3, 2, 3), (0, 0, 0)),
    ((0, 2, 1), (0, 1, 3)),
    ((1, 1, 0), (3, 0, 2)),
    ((0, 0, 0), (0, 1, 0)),
]
LENGTHS = [24, 60, 120, 240]
GAPS = [[7], [3, 14, 16, 17], [0, 5, 18, 23, 35], [1, 12, 13, 20, 21, 22]]
KINDS = ["plain", "near_unit_root", "zero_heavy"]


def series(kind: str, months: int, seed: int) -> np.ndarray:
    """Log volumes with a season and a drifting level, or with roots close to one, or with mostly zeros."""
    draw = np.random.default_rng([seed, months])
    noise = draw.standard_normal(months)
    if kind == "near_unit_root":
        level, out = 0.0, np.empty(months)
        for t in range(months):
            level = 0.998 * level + noise[t] - 0.995 * (noise[t - 12] if t >= 12 else 0.0)
            out[t] = level
        return out
    if kind == "zero_heavy":
        volume = np.where(draw.random(months) < 0.7, 0.0, np.exp(noise))
        return np.log(volume + 0.1)
    season = 0.4 * np.sin(np.arange(months) * np.pi / 6)
    return 6.0 + season + 0.1 * np.cumsum(noise) + 0.1 * draw.standard_normal(months)


def regressors(months: int) -> np.ndarray:
    """A step, a pulse and a temporary change."""
    out = np.zeros((months, 3))
    out[months - 8 :, 0] = 1.0
    out[months - 9, 1] = 1.0
    out[months - 5 :, 2] = 0.7 ** np.arange(5)
    return out


def with_gaps(y: np.ndarray, gaps: list[int]) -> np.ndarray:
    out = y.copy()
    out[gaps] = np.nan
    return out


def arma_parameters(order: tuple, seasonal_order: tuple, kind: str, seed: int) -> np.ndarray:
    """Stationary and invertible parameters; the first of each part close to the boundary for series that are."""
    sizes = (order[0], order[2], seasonal_order[0], seasonal_order[2])
    angles = np.random.default_rng(seed).uniform(-1.0, 1.0, sum(sizes))
    if kind == "near_unit_root":
        angles *= 0.4
        angles[np.cumsum([0, *sizes[:-1]])[np.array(sizes) > 0]] = 1.4
    ar, ma, seasonal_ar, seasonal_ma = (part[1:] for part in likelihood.polynomials(angles, sizes))
    return np.concatenate([-ar, ma, -seasonal_ar, seasonal_ma])


def reference(y, X, order, seasonal_order, **options):
    """The model of statsmodels, filtered exactly to the end: as it comes it stops updating too early for 8 digits."""
    model = SARIMAX(y, exog=X, order=order, seasonal_order=(*seasonal_order, 12), **options)
    model.ssm.tolerance = 0.0
    return model


def lost(order: tuple, seasonal_order: tuple) -> int:
    return order[1] + 12 * seasonal_order[1]


@pytest.mark.parametrize(("order", "seasonal_order"), ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_likelihood_of_complete_series_is_that_of_statsmodels(order, seasonal_order, kind):
    """At the same parameters the log-likelihood, coefficients and variance profiled out, is statsmodels' to 1e-8.

    Close to a unit root statsmodels' stationary start carries seven digits.
    """
    digits = 1e-6 if kind == "near_unit_root" else 1e-8
    for months, X in product(LENGTHS, [None, "events"]):
        if months - lost(order, seasonal_order) < 8:
            continue
        X = None if X is None else regressors(months)
        y = series(kind, months, 1)
        parameters = arma_parameters(order, seasonal_order, kind, months)
        ours = evaluate(y, X, order, seasonal_order, parameters)
        model = reference(y, X, order, seasonal_order, simple_differencing=True, concentrate_scale=True)
        assert ours.log_likelihood == pytest.approx(model.loglike(ours.parameters[:-1]), abs=digits)


@pytest.mark.parametrize(("order", "seasonal_order"), ORDERS)
@pytest.mark.parametrize("gaps", GAPS)
def test_likelihood_with_missing_months_is_that_of_a_diffuse_start(order, seasonal_order, gaps):
    """With months missing the log-likelihood is that of the exact diffuse filter, but for a constant, to 1e-6."""
    for months, X in product([36, 120], [None, "events"]):
        X = None if X is None else regressors(months)
        y = with_gaps(series("plain", months, 2), gaps)
        parameters = arma_parameters(order, seasonal_order, "plain", months)
        ours = evaluate(y, X, order, seasonal_order, parameters)
        theirs = reference(y, X, order, seasonal_order, use_exact_diffuse=True).loglike(ours.parameters)
        constant = 0.5 * lost(order, seasonal_order) * np.log(2.0 * np.pi)
        assert ours.log_likelihood == pytest.approx(theirs + constant, abs=1e-6)


@pytest.mark.parametrize(("order", "seasonal_order"), ORDERS)
@pytest.mark.parametrize("gaps", [[], [3, 14, 16, 17], [0, 5, 18, 58, 59]])
def test_forecasts_and_innovations_are_those_of_statsmodels(order, seasonal_order, gaps):
    """At the same parameters means, standard deviations and standardised innovations agree to 1e-6 or better."""
    X, X_future = regressors(60), np.column_stack([np.ones(14), np.zeros(14), 0.7 ** np.arange(5, 19)])
    y = with_gaps(series("plain", 60, 3), gaps)
    ours = evaluate(y, X, order, seasonal_order, arma_parameters(order, seasonal_order, "plain", 3))
    theirs = reference(y, X, order, seasonal_order, use_exact_diffuse=True).filter(ours.parameters)
    ahead = forecast(ours, y, X, X_future)
    expected = theirs.get_forecast(14, exog=X_future)
    np.testing.assert_allclose(ahead.mean, expected.predicted_mean, rtol=1e-6)
    np.testing.assert_allclose(ahead.sd, expected.se_mean, rtol=1e-6)
    innovations = standardised_innovations(ours, y, X)
    seen = ~np.isnan(innovations)
    assert seen.sum() == ours.observations
    np.testing.assert_allclose(innovations[seen], theirs.standardized_forecasts_error[0][seen], atol=1e-6)


def dense(y, X, order, seasonal_order, parameters, means, sds, variance):
    """The log-density of differences with coefficients integrated out, from their covariance written out."""
    d, D = order[1], seasonal_order[1]
    columns = np.column_stack([X, y])
    for _ in range(d):
        columns = np.diff(columns, axis=0)
    for _ in range(D):
        columns = columns[12:] - columns[:-12]
    X, w = columns[:, :-1], columns[:, -1] - columns[:, :-1] @ means
    parts = np.split(parameters, np.cumsum([order[0], order[2], seasonal_order[0], seasonal_order[2]]))
    ar = likelihood.product(np.r_[1.0, -parts[0]], np.r_[1.0, -parts[2]])
    ma = likelihood.product(np.r_[1.0, parts[1]], np.r_[1.0, parts[3]])
    weights = np.zeros(4000)
    for t in range(weights.size):
        weights[t] = ma[t] if t < ma.size else 0.0
        for lag in range(1, min(t, ar.size - 1) + 1):
            weights[t] -= ar[lag] * weights[t - lag]
    gamma = [weights[: weights.size - lag] @ weights[lag:] for lag in range(w.size)]
    covariance = variance * np.array([[gamma[abs(i - j)] for j in range(w.size)] for i in range(w.size)])
    covariance += (X * sds**2) @ X.T
    square = w @ np.linalg.solve(covariance, w)
    return -0.5 * (w.size * np.log(2.0 * np.pi) + np.linalg.slogdet(covariance)[1] + square)


@pytest.mark.parametrize(
    ("order", "seasonal_order"), [((1, 1, 1), (0, 1, 1)), ((2, 0, 0), (1, 0, 0)), ((0, 1, 2), (0, 0, 0))]
)
def test_a_prior_integrates_the_coefficients_out(order, seasonal_order):
    """The log-likelihood is the density of the differences under the prior, written out as one large normal."""
    y, X = series("plain", 60, 4), regressors(60)
    prior = np.array([0.2, -0.1, 0.3]), np.array([0.3, 0.05, 1.0])
    parameters = arma_parameters(order, seasonal_order, "plain", 4)
    ours = evaluate(y, X, order, seasonal_order, parameters, prior, variance=0.02)
    expected = dense(y, X, order, seasonal_order, parameters, *prior, 0.02)
    assert ours.log_likelihood == pytest.approx(expected, abs=1e-8)


@pytest.mark.filterwarnings("ignore:Care should be used")
def test_forecasts_under_a_prior_are_those_of_coefficients_as_states():
    """With a prior, and gaps, statsmodels with its coefficients as states that start from the prior agrees."""
    order, seasonal_order = (1, 1, 1), (0, 1, 1)
    X, X_future = regressors(60), np.column_stack([np.ones(6), np.zeros(6), 0.7 ** np.arange(5, 11)])
    y = with_gaps(series("plain", 60, 5), [3, 14, 16, 17])
    means, sds = np.array([0.2, -0.1, 0.3]), np.array([0.3, 0.05, 1.0])
    ours = evaluate(y, X, order, seasonal_order, np.array([0.4, -0.3, -0.5]), (means, sds), variance=0.02)
    model = reference(y, X, order, seasonal_order, mle_regression=False, time_varying_regression=False)
    states, lags = model.k_states, 13
    start = Initialization(states)
    start.set(slice(0, lags), "diffuse")
    start.set(slice(lags, states - 3), "stationary")
    start.set(slice(states - 3, states), "known", constant=means, stationary_cov=np.diag(sds**2))
    model.ssm.initialization = start
    model._manual_initialization = True
    theirs = model.filter(np.array([0.4, -0.3, -0.5, 0.02]))
    expected = theirs.get_forecast(6, exog=X_future)
    ahead = forecast(ours, y, X, X_future)
    np.testing.assert_allclose(ahead.mean, expected.predicted_mean, rtol=1e-6)
    np.testing.assert_allclose(ahead.sd, expected.se_mean, rtol=1e-6)


def test_without_sd_a_prior_pins_the_coefficients_and_with_a_wide_one_it_frees_them():
    """The narrower the prior, the closer the coefficients are to its means; the wider, to least squares."""
    y, X = series("plain", 60, 6), regressors(60)
    parameters = np.array([0.4, -0.3, -0.5])
    free = evaluate(y, X, (1, 1, 1), (0, 1, 1), parameters)
    pinned, loose = (
        evaluate(y, X, (1, 1, 1), (0, 1, 1), parameters, (np.ones(3), np.full(3, sd)), free.variance)
        for sd in (1e-6, 1e4)
    )
    np.testing.assert_allclose(pinned.coefficients, 1.0, atol=1e-6)
    np.testing.assert_allclose(loose.coefficients, free.coefficients, atol=1e-6)
    np.testing.assert_allclose(loose.coefficient_covariance, free.coefficient_covariance, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(1, 1, 0, 1), (2, 3, 1, 2), (3, 0, 3, 0), (0, 3, 0, 3), (0, 0, 0, 1)])
@pytest.mark.parametrize("pulses", [0, 2])
@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.slow
def test_gradient_is_that_of_differences(sizes, pulses, with_prior):
    """The exact gradient is that of central differences of the objective."""
    draw = np.random.default_rng(sum(sizes) + pulses)
    rows = draw.standard_normal((pulses + 3, 60))
    prior = (np.array([0.3, -0.2]), np.array([4.0, 1.0])) if with_prior else (np.empty(0), np.empty(0))
    point = draw.uniform(-1.0, 1.0, sum(sizes) + with_prior)
    _, made = likelihood.objective(point, sizes, rows, pulses, *prior)
    gradient = likelihood.gradient(point, made, sizes, pulses, *prior)
    for i in range(point.size):
        step = np.zeros(point.size)
        step[i] = 1e-5
        above, below = (likelihood.objective(point + s, sizes, rows, pulses, *prior)[0] for s in (step, -step))
        assert gradient[i] == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::statsmodels.tools.sm_exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
@pytest.mark.parametrize("order", range(len(ORDERS)))
def test_the_optimum_is_never_below_that_of_statsmodels(kind, order):
    """The log-likelihood found is at most 1e-6 below what statsmodels finds with many iterations.

    A Latin square: every order meets every kind and every length, and every kind every length.
    """
    months, gaps = [(36, []), (60, [3, 14, 16, 17]), (120, [])][(kind + order) % 3]
    X = regressors(months)
    y = with_gaps(series(KINDS[kind], months, 7), gaps)
    ours = fit(y, X, *ORDERS[order])
    options = {"use_exact_diffuse": True} if gaps else {"simple_differencing": True}
    constant = 0.5 * lost(*ORDERS[order]) * np.log(2.0 * np.pi) if gaps else 0.0
    try:
        theirs = reference(y, X, *ORDERS[order], **options).fit(maxiter=500, disp=False, cov_type="none").llf
    except np.linalg.LinAlgError:  # statsmodels found no start for the filter on its way
        return
    assert ours.log_likelihood > theirs + constant - 1e-6


def test_a_warm_start_ends_where_a_cold_one_does():
    """From the fit of one month less, the same maximum is reached with fewer evaluations."""
    y, X = series("plain", 96, 8), regressors(96)
    before = fit(y[:-1], X[:-1])
    cold, warm = fit(y, X), fit(y, X, start=before)
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=1e-6)
    assert warm.evaluations < cold.evaluations


def test_search_finds_what_single_fits_find():
    """The AICc of every order is that of its own fit, and the fit returned is the lowest."""
    y, X = series("plain", 84, 9), regressors(84)
    orders = [(1, 1, 0, 1), (0, 1, 0, 1), (2, 0, 0, 1), (0, 0, 1, 0)]
    found = search(y, X, orders, 1, 1)
    singles = [fit(y, X, (p, 1, q), (P, 1, Q)) for p, q, P, Q in orders]
    np.testing.assert_allclose(found.aicc, [single.aicc for single in singles], rtol=1e-8)
    best = singles[int(np.argmin(found.aicc))]
    assert (found.fit.order, found.fit.seasonal_order) == (best.order, best.seasonal_order)
    assert found.converged.all()


def test_a_seasonal_part_tried_first_is_that_of_a_search_of_its_own():
    """Two searches after each other, the seasonal part under the first order and then the others, end at the same."""
    y, X = series("plain", 84, 9), regressors(84)
    seasonal, orders = [(0, 1), (1, 0), (0, 0)], [(1, 1), (0, 1), (2, 0)]
    alone = search(y, X, [(1, 1, *each) for each in seasonal], 1, 1)
    P, Q = seasonal[int(np.argmin(alone.aicc))]
    expected = search(y, X, [(p, q, P, Q) for p, q in orders], 1, 1)
    found = search(y, X, [(p, q, 0, 0) for p, q in orders], 1, 1, seasonal=seasonal)
    assert found.fit.parameters.tolist() == expected.fit.parameters.tolist()
    assert found.orders == expected.orders


def test_aicc_counts_every_parameter():
    """Two times 7 parameters (3 coefficients, 3 ARMA, variance), times n over n less 8, less twice the likelihood."""
    y, X = series("plain", 84, 9), regressors(84)
    found = fit(y, X)
    assert found.observations == 71
    assert found.aicc == pytest.approx(-2.0 * found.log_likelihood + 2.0 * 7 * 71 / (71 - 8))


def test_a_thousand_times_the_volume_gives_a_thousand_times_the_forecast():
    """A constant added to the series is added to the forecast; the spread stays."""
    y, X = series("plain", 60, 10), regressors(60)
    X_future = X[-3:]
    low, high = (forecast(fit(each, X), each, X, X_future) for each in (y, y + np.log(1000.0)))
    np.testing.assert_allclose(high.mean, low.mean + np.log(1000.0), rtol=1e-6)
    np.testing.assert_allclose(high.sd, low.sd, rtol=1e-5)


def test_paths_have_the_forecast_distribution():
    """Many futures have the mean and covariance of the forecast, and the same seed gives the same futures."""
    y = series("plain", 60, 11)
    ahead = forecast(fit(y), y, None, np.empty((4, 0)))
    paths = ahead.paths(200_000, seed=1)
    np.testing.assert_array_equal(paths[:5], ahead.paths(200_000, seed=1)[:5])
    np.testing.assert_allclose(paths.mean(axis=0), ahead.mean, atol=5e-3)
    np.testing.assert_allclose(np.cov(paths.T), ahead.covariance, rtol=0.03)


def test_inputs_are_left_as_they_are():
    """Neither the series, with its gaps, nor the regressors are changed."""
    y, X = with_gaps(series("plain", 60, 12), [5, 9]), regressors(60)
    before = y.copy(), X.copy()
    forecast(fit(y, X, (1, 0, 0), (0, 0, 0)), y, X, X[-2:])
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(X, before[1])


def test_statsmodels_takes_the_parameters_for_its_own_results():
    """``SARIMAX(...).smooth(fit.parameters)`` is statsmodels' results object at our optimum."""
    y, X = series("plain", 84, 13), regressors(84)
    ours = fit(y, X)
    theirs = reference(y, X, (1, 1, 1), (0, 1, 1), simple_differencing=True).smooth(ours.parameters)
    assert theirs.llf == pytest.approx(ours.log_likelihood, abs=1e-8)


BAD = {
    "arima: y has 14 months, more than 17 are needed; fit a simpler model.": lambda y, X: fit(y[:14], X[:14]),
    "arima: regressor 1 is constant or depends on those before it once differenced; leave it out or give a prior.": (
        lambda y, X: fit(y, np.column_stack([X[:, 0], np.ones(60)]))
    ),
    "arima: month 5 of y is missing and no other month says what it was; fit a simpler model.": (
        lambda y, X: fit(with_gaps(y, [5, 17, 29, 41, 53]))
    ),
    "arima: y is constant or explained exactly once differenced; nothing is left to fit.": (
        lambda y, X: fit(np.ones(60))
    ),
    "arima: q is 4, from 0 to 3 is possible.": lambda y, X: fit(y, order=(0, 1, 4)),
    "arima: X has shape (59, 3), one row for each of 60 months is needed.": lambda y, X: fit(y, X[1:]),
    "arima: X has values that are not finite; regressors are known in every month.": lambda y, X: fit(y, X * np.nan),
    "arima: y must be one column of finite numbers, with NaN where a month is missing.": lambda y, X: fit(y / 0.0),
    "arima: the prior needs a mean and an sd for each of 3 regressors, has 2 and 2.": (
        lambda y, X: fit(y, X, prior=(np.zeros(2), np.ones(2)))
    ),
    "arima: the prior needs finite means and finite sds above zero; leave it out for flat ones.": (
        lambda y, X: fit(y, X, prior=(np.zeros(3), np.zeros(3)))
    ),
    "arima: the start is a fit of (1, 1, 1)(0, 1, 1), (0, 1, 1)(0, 1, 1) is wanted.": (
        lambda y, X: fit(y, X, (0, 1, 1), start=fit(y, X))
    ),
    "arima: these orders have 3 AR and MA parameters, 2 were given.": (
        lambda y, X: evaluate(y, X, (1, 1, 1), (0, 1, 1), np.zeros(2))
    ),
    "arima: the likelihood cannot be computed in double precision here; fit a simpler model.": (
        lambda y, X: evaluate(y, X, (1, 0, 0), (0, 0, 0), np.array([1.2]))
    ),
    "arima: 3 regressors were fitted, X has 3 and X_future 2; give the same columns.": (
        lambda y, X: forecast(fit(y, X), y, X, X[:2, :2])
    ),
    "arima: none of the orders can be fitted; offer smaller ones or fewer regressors.": (
        lambda y, X: search(y[:16], None, [(1, 1, 0, 1)], 1, 1)
    ),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("message", BAD)
def test_what_cannot_be_fitted_is_said(message):
    """Each degenerate input is refused with one sentence that says what was expected and found."""
    with pytest.raises(KernelError, match=f"^{re.escape(message)}$"):
        BAD[message](series("plain", 60, 14), regressors(60))
