"""The kernel of exponential smoothing against statsmodels, against numbers of statsforecast, and against loops."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from forecast.kernels import KernelError, smoothing
from forecast.kernels import exponential_smoothing as kernel
from forecast.kernels.smoothing import COMPLEX, DAMPED, LEVEL, TREND

with warnings.catch_warnings():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

NONE = np.empty((72, 0))


def series(seed: int = 0, gaps: tuple[int, ...] = ()) -> np.ndarray:
    """A level that wanders, a trend that fades, a season and noise; 72 months."""
    random = np.random.default_rng(seed)
    months = np.arange(72)
    level = random.normal(0, 0.05, 72).cumsum() + 1 - 0.95**months
    y = level + 0.4 * np.sin(months * np.pi / 6) + random.normal(0, 0.1, 72)
    y[list(gaps)] = np.nan
    return y


def statsmodels_of(y: np.ndarray, form: tuple[int, bool], **known) -> ETSModel:
    kind, seasonal = form
    return ETSModel(
        y,
        error="add",
        trend=None if kind == LEVEL else "add",
        damped_trend=kind == DAMPED,
        seasonal="add" if seasonal else None,
        seasonal_periods=12 if seasonal else None,
        **known,
    )


FORMS = [(LEVEL, False), (TREND, False), (DAMPED, False), (LEVEL, True), (DAMPED, True)]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_at_the_same_parameters_it_is_statsmodels(form):
    """Likelihood and forecast of ETSModel at the kernel's smoothing parameters and first states are the kernel's."""
    y = series()
    fit = kernel.fit(y, NONE, form)
    kind, seasonal = form
    starts = 1 if kind == LEVEL else 2
    known = {"initialization_method": "known", "initial_level": fit.linear[0]}
    if kind != LEVEL:
        known["initial_trend"] = fit.linear[1]
    if seasonal:
        known["initial_seasonal"] = np.append(fit.linear[starts:], 0.0)
    by = fit.moves
    names = {"smoothing_level": by[6], "smoothing_trend": by[7], "smoothing_seasonal": by[8], "damping_trend": by[1]}
    model = statsmodels_of(y, form, **known)
    given = [names[name] for name in model.param_names if name in names]
    states = [known[name] for name in ("initial_level", "initial_trend") if name in known]
    results = model.smooth(np.array([*given, *states, *known.get("initial_seasonal", [])[::-1]]))
    assert fit.log_likelihood == pytest.approx(results.llf, abs=1e-6)
    np.testing.assert_allclose(kernel.forecast(fit, NONE[:14])[0], results.forecast(14), atol=1e-8)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_hardly_less_likely_than_statsmodels(form, seed):
    """The optimiser of statsmodels, over the same parameters and first states, gains no more than the last simplex."""
    y = series(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = statsmodels_of(y, form).fit(disp=False)
    damping = found.params[found.model.param_names.index("damping_trend")] if form[0] == DAMPED else 0.9
    if smoothing.LEAST_DAMPING <= damping <= smoothing.MOST_DAMPING:
        assert kernel.fit(y, NONE, form, spread=np.inf).log_likelihood > found.llf - 2 * kernel.SIMPLEX_TOLERANCE


CES = {
    # python -c "from statsforecast.ces import ...": cesmodel(y, 12, kind, 1.2, 1.01, 0.2, None, 3), version 2.1.1; the
    # states of its first months, its forecasts of months 1, 2, 12, 13 and 14.
    False: (
        [10.658747690227063, 9.051098005991479],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [10.78752631083663, 10.871296655109152, 11.806316388044099, 11.90402844999796, 12.002549201487628],
    ),
    True: (
        [11.109329824453903, 9.399319474689598],
        [
            -0.597125493374,
            -0.478864160697,
            -0.375387276395,
            -0.331688119871,
            -0.400212300326,
            -0.485060674962,
            -0.644844788552,
            -0.770344462994,
            -0.854168416303,
            -0.977079196957,
            -0.821383467927,
            -0.796533843986,
        ],
        [10.927982764830263, 11.146015308819605, 11.807310129220818, 12.151800084828034, 12.384454868671847],
    ),
}


@pytest.mark.parametrize("seasonal", [False, True])
def test_complex_smoothing_is_that_of_statsforecast(seasonal):
    """From the same first states at the same parameters the forecasts are statsforecast's."""
    t = np.arange(48)
    y = 10 + 0.01 * t + 0.3 * np.sin(2 * np.pi * t / 12) + 0.1 * np.sin(t**2 / 7)
    level, season, expected = CES[seasonal]
    by = np.array([1, 0, 1, 0.01, 1, -0.2, 0.19, 2.21, 0.2 if seasonal else 0.0])
    states = np.array([[*level, *season]])
    smoothing.run(y, np.ones(48, bool), states[0], by, np.empty(48), False)
    found = smoothing.ahead(states, by, 48 % 12, 14)[0]
    np.testing.assert_allclose(found[[0, 1, 11, 12, 13]], expected, rtol=1e-9)


def test_the_parameters_of_the_complex_form_lie_where_statsforecast_seeks_them():
    """0.01 to 1.8 and 0.01 to 1.9, at whatever point."""
    for point in (-50.0, 0.0, 50.0):
        by = smoothing.moves(np.full(3, point), COMPLEX, True)
        assert 0.01 <= 1 - by[5] <= 1.8
        assert 0.01 <= by[3] + 1 <= 1.9
        assert 0 <= by[8] <= 1


@pytest.mark.parametrize("form", [*FORMS, (COMPLEX, False), (COMPLEX, True)], ids=str)
@pytest.mark.parametrize("gaps", [(), (3, 30, 31)], ids=["complete", "gaps"])
def test_forecasts_and_their_covariance_are_those_of_simulated_paths(form, gaps):
    """20,000 paths that go on from the last state with errors drawn, and first states drawn, by a plain loop."""
    fit = kernel.fit(series(0, gaps), NONE, form)
    random, paths = np.random.default_rng(1), np.empty((20_000, 15))
    drawn = fit.linear + random.normal(size=(len(paths), fit.linear.size)) @ np.linalg.cholesky(fit.covariance).T
    states = fit.states[-1] - drawn @ fit.states[:-1]
    w0, w1, a00, a01, a10, a11, g0, g1, h = fit.moves
    for month in range(15):
        place = 2 + (72 + month) % 12
        error = np.sqrt(fit.variance) * random.normal(size=len(paths))
        level, slope = states[:, 0].copy(), states[:, 1].copy()
        paths[:, month] = w0 * level + w1 * slope + states[:, place] + error
        states[:, 0] = a00 * level + a01 * slope + g0 * error
        states[:, 1] = a10 * level + a11 * slope + g1 * error
        states[:, place] += h * error
    mean, covariance = kernel.forecast(fit, NONE[:15])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(paths.mean(axis=0), mean, atol=0.04 * sd.max())
    np.testing.assert_allclose(paths.std(axis=0), sd, rtol=0.04)
    np.testing.assert_allclose(np.corrcoef(paths, rowvar=False), covariance / np.outer(sd, sd), atol=0.04)


@pytest.mark.parametrize("form", [(DAMPED, True), (COMPLEX, True)], ids=str)
def test_what_a_regressor_does_is_taken_off_and_put_back(form):
    """At the same point, a series with a known effect has the errors of the series without it."""
    step = (np.arange(72) >= 40).astype(float)[:, None]
    fit = kernel.fit(series(), NONE, form)
    prior = np.array([-1.5]), np.array([1e-4])
    with_step = kernel.at_point(series() - 1.5 * step[:, 0], step, form, fit.point, prior, fit.variance)
    assert with_step.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-2)
    lifted = kernel.forecast(with_step, np.zeros((3, 1)))[0]
    np.testing.assert_allclose(lifted, kernel.forecast(fit, NONE[:3])[0], atol=1e-3)


def test_a_regressor_that_was_always_on_keeps_its_prior():
    """It is known only together with the level: its variance is that of the prior, and so is that of its end."""
    prior = np.array([-2.0]), np.array([0.9])
    fit = kernel.fit(series(), np.ones((72, 1)), (LEVEL, False), prior)
    assert fit.coefficients[0] == pytest.approx(-2, abs=1e-9)
    assert fit.coefficient_covariance[0, 0] == pytest.approx(0.81, rel=1e-3)
    ends, goes_on = (kernel.forecast(fit, np.array([[on]]))[1].item() for on in (0.0, 1.0))
    assert ends - goes_on == pytest.approx(0.81, rel=0.01)


def test_a_regressor_that_cannot_be_told_from_the_level_is_refused_without_a_prior():
    """No form has a likelihood, and the sentence says what to do."""
    with pytest.raises(KernelError, match=r"^no form can be fitted to 72 months with 1 regressors; leave some out or"):
        kernel.every_form(series(), np.ones((72, 1)), [LEVEL, DAMPED], [False, True])
