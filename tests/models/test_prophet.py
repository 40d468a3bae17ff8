from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from forecast.models.prophet import Prophet, trend_variance
from forecast.models.protocol import FitError
from forecast.tables.quantiles import QUANTILES

MONTHS = 72
AHEAD = 3


def simulated(seed: int = 0, months: int = MONTHS) -> tuple[pd.Series, pd.DataFrame]:
    """A trend, a wave, correlated noise and a step of -0.6 from month 40 on; with the months to forecast."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.1, months + AHEAD)
    for at in range(1, len(noise)):
        noise[at] += 0.5 * noise[at - 1]
    t = np.arange(months + AHEAD)
    month = pd.period_range("2018-01", periods=len(t), freq="M")
    X = pd.DataFrame({"tariff": (t >= 40).astype(float), "holiday": (t % 12 == 1) * 0.5}, index=month)
    y = 6 + 0.01 * t + 0.2 * np.sin(2 * np.pi * t / 12) - 0.6 * X["tariff"] - 0.3 * X["holiday"] + noise
    return y, X


def with_gaps(y: pd.Series) -> pd.Series:
    return y.mask(np.isin(np.arange(len(y)), [5, 6, 30, 51]))


@pytest.fixture(scope="module")
def series() -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    y, X = simulated()
    return with_gaps(y[:MONTHS]), X[:MONTHS], X[MONTHS:]


def library(y: pd.Series, X: pd.DataFrame, prior_scale: float = 10.0):
    """The library itself under the settings that the adapter states, fitted to ``y`` less its mean."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import prophet

        model = prophet.Prophet(
            n_changepoints=len(y.dropna()) // 12,
            changepoint_range=0.9,
            yearly_seasonality=3,
            weekly_seasonality=False,
            daily_seasonality=False,
        )
        for name in X:
            model.add_regressor(name, prior_scale=prior_scale, standardize=False)
        rows = X.assign(ds=X.index.to_timestamp(), y=(y - y.mean()).round(10)).dropna()
        return model.fit(rows, algorithm="BFGS", sig_figs=18, seed=1)


def no_events(index: pd.PeriodIndex) -> pd.DataFrame:
    return pd.DataFrame(index=index)


def test_the_median_is_the_library_s_own_yhat(series) -> None:
    """With the settings that the docstring states, the library's yhat is the median, to 1e-8."""
    y, X, ahead = series
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = library(y, X).predict(ahead.assign(ds=ahead.index.to_timestamp()))["yhat"] + y.mean()
    found = Prophet().fit(y, X).predict(ahead)
    assert found.columns.tolist() == [*QUANTILES]
    np.testing.assert_allclose(found["median"], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("observed", "order"), [(23, 0), (24, 2), (47, 2), (48, 3)])
def test_the_wave_has_as_many_pairs_as_observed_months_can_show(observed: int, order: int) -> None:
    """Observed months count, not months passed: none under 24, two pairs under 48, then three."""
    y = simulated(months=60)[0][:60]
    y = y.mask(np.arange(60) >= observed)
    assert Prophet().fit(y, no_events(y.index)).basis.order == order


def test_a_prior_is_in_logs(series) -> None:
    """At the maximum the pull of the data on an effect equals that of its prior, (effect - mean) / sd², in logs."""
    y, X, _ = series
    prior = pd.DataFrame({"mean": [-0.2, -0.1], "sd": [0.05, 0.02]}, index=X.columns)
    fit = Prophet().fit(y, X, prior)
    observed = y.dropna()
    adjusted = observed - X.loc[observed.index] @ prior["mean"]
    columns = fit.basis.columns(observed.index.asi8, X.loc[observed.index].to_numpy())
    residuals = adjusted - adjusted.mean() - columns @ fit.coefficients
    sigma = np.sqrt((residuals**2).mean())  # the library's own, but for its weak prior on sigma
    pull = X.loc[observed.index].T @ residuals / sigma**2
    np.testing.assert_allclose(pull, (fit.effects()["estimate"] - prior["mean"]) / prior["sd"] ** 2, rtol=0.05)


def test_an_event_never_seen_moves_and_widens_by_its_prior(series) -> None:
    """An event known from its prior alone has that prior as its effect, in the median and in the variance."""
    y, X, ahead = series
    prior = pd.DataFrame({"mean": [-0.7], "sd": [0.4]}, index=["ban"])
    fit = Prophet().fit(y, X.assign(ban=0.0), prior)
    without, struck = fit.predict(ahead.assign(ban=0.0)), fit.predict(ahead.assign(ban=0.5))
    np.testing.assert_allclose(struck["median"] - without["median"], -0.35, atol=1e-8)
    variance = [((bounds["upper_95"] - bounds["median"]) / 1.959963984540054) ** 2 for bounds in (without, struck)]
    np.testing.assert_allclose(variance[1] - variance[0], (0.5 * 0.4) ** 2, rtol=1e-6)
    np.testing.assert_allclose(fit.effects().loc["ban"], [-0.7, -0.7 - 0.784, -0.7 + 0.784], atol=1e-3)


def test_the_variance_of_trends_to_come_is_the_library_s() -> None:
    """The closed form agrees with 20,000 of the library's own simulated trends, within their sampling error."""
    y, _ = simulated()
    y = y[:MONTHS]
    model = library(y, no_events(y.index))
    months = pd.DataFrame({"ds": pd.period_range(y.index[-1] + 1, periods=12, freq="M").to_timestamp()})
    model.uncertainty_samples = 20_000
    before = np.random.get_state()
    np.random.seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trends = model.predictive_samples(months)["trend"]
    np.random.set_state(before)
    bend = Prophet().fit(y, no_events(y.index)).bend
    np.testing.assert_allclose(trend_variance(np.arange(1, 13), bend), trends.var(axis=1), rtol=0.12)


def test_months_without_figures_before_the_cutoff_widen_the_trend(series) -> None:
    """A destination whose figures end half a year before the cutoff is forecast over the longer distance."""
    y, X, ahead = series
    short = Prophet().fit(y.mask(np.arange(MONTHS) >= MONTHS - 6), X)
    assert short.last == y.index[-7]
    widened = trend_variance(np.array([7]), short.bend)
    bounds = short.predict(ahead[:1])
    assert bounds["upper_80"].iloc[0] - bounds["median"].iloc[0] > 1.28 * np.sqrt(short.noise**2 + widened[0])


@pytest.mark.slow
def test_a_known_step_is_recovered_in_most_series() -> None:
    """In simulation, with correlated noise, the 95 % interval of the effect holds the truth as often as it says."""
    held = []
    for seed in range(40):
        y, X = simulated(seed)
        effect = Prophet().fit(y[:MONTHS], X[:MONTHS]).effects().loc["tariff"]
        held.append(effect["lower"] <= -0.6 <= effect["upper"])
    assert sum(held) >= 34  # a binomial of 0.95 falls below it once in 300 times


@pytest.mark.slow
def test_the_last_residual_is_carried_on_when_asked() -> None:
    """With autocorrelated noise the carried residual brings the next month closer, and only it moves the median."""
    errors = []
    for seed in range(20):
        y, _ = simulated(seed)
        past, ahead = with_gaps(y[:MONTHS]), no_events(y.index[MONTHS:])
        plain = Prophet().fit(past, no_events(past.index))
        carried = Prophet(autoregressive=True).fit(past, no_events(past.index))
        moved = carried.predict(ahead)["median"] - plain.predict(ahead)["median"]
        np.testing.assert_allclose(moved, carried.carry ** np.arange(1, AHEAD + 1) * carried.residual, atol=1e-12)
        errors.append([abs(y.iloc[MONTHS] - fit.predict(ahead)["median"].iloc[0]) for fit in (plain, carried)])
    before, after = np.mean(errors, axis=0)
    assert after < 0.9 * before


def test_a_change_of_unit_changes_nothing_else(series) -> None:
    """A thousand times the volume gives a thousand times the forecast, to the last digits."""
    y, X, ahead = series
    one, thousand = Prophet().fit(y, X).predict(ahead), Prophet().fit(y + np.log(1000), X).predict(ahead)
    np.testing.assert_allclose(thousand - one, np.log(1000), rtol=0, atol=1e-12)


def test_the_same_call_gives_the_same_numbers_and_leaves_no_trace(series) -> None:
    """Two fits agree exactly; inputs, numpy's generator, loggers and warning filters are as they were."""
    y, X, ahead = series
    copies = y.copy(), X.copy()
    loggers = [logging.getLogger(name) for name in ("prophet", "cmdstanpy")]
    loggers[0].setLevel(logging.ERROR)
    before = np.random.get_state()[1].copy(), list(warnings.filters)
    first, second = (Prophet().fit(y, X).predict(ahead) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    pd.testing.assert_series_equal(y, copies[0])
    pd.testing.assert_frame_equal(X, copies[1])
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert list(warnings.filters) == before[1]
    assert loggers[0].level == logging.ERROR
    assert not any(logger.disabled for logger in loggers)
    loggers[0].setLevel(logging.NOTSET)


@pytest.mark.slow
def test_nothing_is_printed() -> None:
    """A fit in a fresh interpreter says nothing on either stream, not even about plotly."""
    program = (
        "import numpy as np, pandas as pd; from forecast.models.prophet import Prophet;"
        "m = pd.period_range('2021-01', periods=24, freq='M'); X = pd.DataFrame(index=m);"
        "Prophet().fit(pd.Series(np.sin(np.arange(24.0) ** 2), m), X).predict(X.set_axis(m + 24))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_names_that_the_library_reserves_are_free_here(series) -> None:
    """A regressor may be called what the library keeps for itself."""
    y, X, _ = series
    renamed = X.set_axis(["trend", "a_delim_b"], axis=1)
    effects = Prophet().fit(y, renamed).effects()
    assert effects.index.tolist() == ["trend", "a_delim_b"]
    np.testing.assert_array_equal(effects, Prophet().fit(y, X).effects())


def test_what_cannot_be_fitted_is_refused_with_the_reason() -> None:
    """Too few months, no movement, and an effect of which nothing is known are each named."""
    y, X = simulated(months=20)
    with pytest.raises(FitError, match=r"^prophet needs 12 observed months and found 11\.$"):
        Prophet().fit(y[:11], no_events(y.index[:11]))
    with pytest.raises(FitError, match=r"^prophet found no change in 20 observed months, so it has no interval to"):
        Prophet().fit(0 * y[:20], no_events(y.index[:20]))
    expected = r"^prophet cannot estimate tariff: no movement in 20 observed months and no prior; leave it out or give"
    with pytest.raises(FitError, match=expected):
        Prophet().fit(y[:20], X[:20])
