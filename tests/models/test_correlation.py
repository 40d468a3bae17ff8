"""How errors of the months ahead go together: laws of every model, and what each says against simulated paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from laws import CASES, MONTHS, Case, fitted, series, usual

from forecast.models.arima import Arima
from forecast.models.naive import Naive, SeasonalNaive
from forecast.models.pooled import Pooled, PooledFit, SparseFit, krige, krige_covariance
from forecast.models.prophet import Prophet, trend_covariance, trend_variance
from forecast.models.theta import Theta
from forecast.tables.schema import WORLD

GAPS = [10, 11, 40, MONTHS - 2, MONTHS - 1]
every_model = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def longer(count: int) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """The series of the laws, and regressors over ``count`` months ahead."""
    y, X, _ = series()
    months = pd.period_range(y.index[-1] + 1, periods=count, freq="M")
    return y, X, pd.DataFrame({"licensing": np.arange(count) % 3 / 2}, months)


def simulated_correlation(paths: np.ndarray) -> np.ndarray:
    """The correlation of paths, an array (path, month)."""
    return np.corrcoef(paths, rowvar=False)


@every_model
@pytest.mark.parametrize("missing", [[], GAPS], ids=["complete", "gaps"])
@pytest.mark.slow
def test_it_is_a_correlation_matrix(case: Case, missing: list[int]) -> None:
    """Symmetric, ones on the diagonal, no eigenvalue below zero, over more than a year ahead."""
    y, X, ahead = longer(15)
    y.iloc[missing] = np.nan
    found = (fitted(case, y, X) if missing else usual(case)[0]).correlation(ahead)
    assert found.shape == (15, 15)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_array_equal(np.diag(found), 1.0)
    assert np.linalg.eigvalsh(found).min() > -1e-9
    assert np.abs(found).max() <= 1 + 1e-12


@pytest.mark.slow
@every_model
def test_two_months_go_together_alike_however_many_follow(case: Case) -> None:
    """What is said of the first months depends neither on the horizon nor on regressors of later months."""
    _, _, ahead = longer(8)
    fit, _ = usual(case)
    other = ahead.copy()
    other.iloc[3:] = 0.0
    for longest in (ahead, other):
        np.testing.assert_allclose(fit.correlation(longest)[:3, :3], fit.correlation(ahead.iloc[:3]), atol=1e-12)


def test_naive_is_a_random_walk_from_the_last_observed_month() -> None:
    """Two months without a figure: errors share these steps too."""
    month = pd.period_range("2020-01", periods=40, freq="M")
    rng = np.random.default_rng(0)
    y = pd.Series(rng.normal(size=40).cumsum(), month)
    y.iloc[-2:] = np.nan
    ahead = pd.DataFrame(index=pd.period_range("2023-05", periods=4, freq="M"))
    steps = rng.normal(size=(40_000, 6)).cumsum(axis=1)[:, 2:]
    found = Naive().fit(y, pd.DataFrame(index=month)).correlation(ahead)
    np.testing.assert_allclose(found, simulated_correlation(steps), atol=0.02)


def test_seasonal_naive_adds_up_yearly_changes() -> None:
    """Changes over a year that are an AR(1) from month to month, one a year since the source: here two of them."""
    month = pd.period_range("2020-01", periods=40, freq="M")
    y = pd.Series(np.random.default_rng(1).normal(size=40).cumsum(), month)
    fit = replace(SeasonalNaive().fit(y, pd.DataFrame(index=month)), persistence=0.8)
    rng = np.random.default_rng(2)
    changes = np.zeros((40_000, 30))
    changes[:, 0] = rng.normal(size=40_000)
    for place in range(1, 30):
        changes[:, place] = 0.8 * changes[:, place - 1] + 0.6 * rng.normal(size=40_000)
    ahead = pd.DataFrame(index=pd.period_range("2024-04", periods=14, freq="M"))  # the source of 2024-05 is 2023-04
    sources = fit.observed.index.asi8[fit._latest(ahead.index)]
    first = sources.min() + 12
    paths = [
        sum(changes[:, place - first] for place in range(source + 12, month + 1, 12))
        for month, source in zip(pd.PeriodIndex(ahead.index).asi8, sources, strict=True)
    ]
    np.testing.assert_allclose(fit.correlation(ahead), simulated_correlation(np.array(paths).T), atol=0.025)


@pytest.mark.parametrize(("missing", "expected"), [([], 0.9), ([5, 17, 30], 0.9)], ids=["complete", "gaps"])
def test_seasonal_naive_sees_how_yearly_changes_persist(missing: list[int], expected: float) -> None:
    """Long series of yearly changes that are an AR(1) of 0.9: it is found, gaps or not."""
    rng = np.random.default_rng(3)
    change = np.zeros(1200)
    for place in range(1, len(change)):
        change[place] = expected * change[place - 1] + rng.normal()
    y = np.zeros(1200)
    for place in range(12, len(y)):
        y[place] = y[place - 12] + change[place]
    y[missing] = np.nan
    month = pd.period_range("1900-01", periods=1200, freq="M")
    fit = SeasonalNaive().fit(pd.Series(y, month), pd.DataFrame(index=month))
    assert fit.persistence == pytest.approx(expected, abs=0.03)


def test_theta_is_a_local_level_two_months_after_its_last_figure() -> None:
    """Paths of level, steps, season and noise drawn from what the fit says of each, over more than a year."""
    y, X, ahead = longer(14)
    y.iloc[-2:] = np.nan
    fit = Theta().fit(y, X)
    fit = replace(fit, state=replace(fit.state, share=0.3, uncertainty=0.5 * fit.state.variance))
    rng, count = np.random.default_rng(4), 40_000
    step = np.sqrt(fit.state.share * fit.state.variance)
    level = np.sqrt(fit.state.uncertainty) * rng.normal(size=(count, 1))
    noise = np.sqrt(fit.state.variance - step**2) * rng.normal(size=(count, 14))
    factors = np.sqrt(fit.doubt * fit.state.variance) * rng.normal(size=(count, 12))
    walk = step * rng.normal(size=(count, 14)).cumsum(axis=1)
    paths = level + walk + factors[:, pd.PeriodIndex(ahead.index).asi8 % 12] + noise
    np.testing.assert_allclose(fit.correlation(ahead), simulated_correlation(paths), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "seasonal_order"),
    [((1, 0, 1), (0, 0, 0)), ((0, 1, 1), (0, 0, 0)), ((2, 0, 0), (1, 0, 0)), ((0, 1, 1), (0, 1, 1))],
    ids=str,
)
@pytest.mark.parametrize("beliefs", [None, (-1.0, 0.5)], ids=["flat", "prior"])
def test_arima_agrees_with_paths_that_statsmodels_simulates(order, seasonal_order, beliefs) -> None:
    """Correlation of 4000 paths simulated from the end of the series; variances are those of its forecasts."""
    y, X, _ = series()
    ahead = longer(4)[2]
    prior = None if beliefs is None else pd.DataFrame([beliefs], ["licensing"], ["mean", "sd"])
    fit = Arima(order, seasonal_order).fit(y, X, prior)
    simulated = fit.results.simulate(
        4, anchor="end", repetitions=4000, exog=ahead.to_numpy(), rng=np.random.default_rng(5)
    )
    paths = np.asarray(simulated).reshape(4, 4000).T
    np.testing.assert_allclose(fit.correlation(ahead), simulated_correlation(paths), atol=0.05)


@pytest.mark.parametrize("autoregressive", [False, True], ids=["plain", "autoregressive"])
def test_prophet_agrees_with_paths_of_its_parts(autoregressive: bool) -> None:
    """Paths of coefficients, of slopes that change every month, and of noise that fades, from two months before."""
    y, X, ahead = series()
    y.iloc[-2:] = np.nan
    fit = replace(Prophet(autoregressive=autoregressive).fit(y, X), noise=0.1, bend=0.05, persistence=0.6)
    fit = replace(fit, carry=0.6 if autoregressive else 0.0)
    rng, count = np.random.default_rng(6), 40_000
    columns = fit.basis.columns(pd.PeriodIndex(ahead.index).asi8, ahead.to_numpy())
    coefficients = rng.multivariate_normal(np.zeros(len(fit.coefficients)), fit.covariance, count)
    slope, trend, trends = np.zeros(count), np.zeros(count), []
    noise, noises = 0.1 * rng.normal(size=count) * (not autoregressive), []
    for _ in range(5):
        bend = 0.05 * rng.normal(size=count)
        trend = trend + slope + bend / 2
        slope = slope + bend
        noise = 0.6 * noise + 0.1 * 0.8 * rng.normal(size=count)
        trends, noises = [*trends, trend], [*noises, noise]
    paths = coefficients @ columns.T + np.array(trends).T[:, 2:] + np.array(noises).T[:, 2:]
    np.testing.assert_allclose(fit.correlation(ahead), simulated_correlation(paths), atol=0.02)
    distance = np.array([1, 2, 7, 30])
    np.testing.assert_allclose(np.diag(trend_covariance(distance, 0.3)), trend_variance(distance, 0.3))


def panel(rng: np.random.Generator, step: float, noise: float, count: int = 40) -> dict[str, pd.Series]:
    """Series of 75 months: a random walk seen with noise, in logs."""
    months = pd.period_range("2018-01", periods=75, freq="M")
    walks = 5 + step * rng.normal(size=(count, 75)).cumsum(axis=1) + noise * rng.normal(size=(count, 75))
    return {f"D{place:02d}": pd.Series(walk, months) for place, walk in enumerate(walks)}


@pytest.mark.slow
@pytest.mark.parametrize(("step", "noise"), [(0.1, 0.0), (0.1, 0.15), (0.0, 0.2)], ids=["walk", "both", "noise"])
def test_pooled_agrees_with_the_errors_that_it_makes(step: float, noise: float) -> None:
    """Errors over three months of 40 series in 12 panels, against the mean of what the fits say."""
    rng, errors, said = np.random.default_rng(7), [], []
    for _ in range(12):
        logs = panel(rng, step, noise)
        fits = Pooled().fit({("p", name): (y[:72], pd.DataFrame(index=y.index[:72])) for name, y in logs.items()})
        for (_, name), fit in fits.items():
            ahead = pd.DataFrame(index=logs[name].index[72:])
            found = fit.predict(ahead)
            errors.append(((logs[name][72:] - found["median"]) / (found["upper_80"] - found["median"])).to_numpy())
            said.append(fit.correlation(ahead))
    np.testing.assert_allclose(np.mean(said, axis=0), simulated_correlation(np.array(errors)), atol=0.12)


def test_a_share_has_the_errors_of_the_total_and_its_own() -> None:
    """A sparse destination: both covariances are added, and their diagonals are the variances of the forecasts."""
    logs = panel(np.random.default_rng(8), 0.1, 0.1, 6)
    months = logs["D00"].index
    total = np.log(sum(np.exp(y) for y in logs.values()))
    sparse = logs["D00"].where(np.isin(np.arange(75), [20, 44, 70]))
    series_of = {"D00": sparse.iloc[20:], **{name: logs[name] for name in list(logs)[1:]}, WORLD: total}
    fits = Pooled().fit({("p", name): (y, pd.DataFrame(index=y.index)) for name, y in series_of.items()})
    ahead = pd.DataFrame(index=pd.period_range(months[-1] + 1, periods=3, freq="M"))
    ordinals, none = pd.PeriodIndex(ahead.index).asi8, np.zeros((3, 0))
    world, share = fits["p", WORLD], fits["p", "D00"]
    assert isinstance(world, PooledFit)
    assert isinstance(share, SparseFit)
    np.testing.assert_allclose(np.diag(world.covariance(ordinals, none)), world.moments(ordinals, none)[1])
    added = world.covariance(ordinals, none) + krige_covariance(share.months, ordinals, share.noise, share.step)
    sd = np.sqrt(np.diag(added))
    np.testing.assert_allclose(share.correlation(ahead), added / np.outer(sd, sd))
    found = share.predict(ahead)
    np.testing.assert_allclose((found["upper_95"] - found["median"]) / 1.959964, sd, rtol=1e-6)


def test_kriging_errors_go_together_as_in_the_walk_itself() -> None:
    """The covariance of the errors is that of the noisy random walk, conditioned on what is known."""
    known, ahead, noise, step = np.array([3, 4, 9, 20]), np.array([24, 26, 31]), 0.3, 0.05
    months = np.concatenate([known, ahead])
    covariance = 1e6 + step * np.minimum.outer(months, months) + noise * np.eye(7)
    gain = np.linalg.solve(covariance[:4, :4], covariance[:4, 4:])
    found = krige_covariance(known, ahead, noise, step)
    np.testing.assert_allclose(found, covariance[4:, 4:] - covariance[4:, :4] @ gain, rtol=1e-3)
    np.testing.assert_allclose(np.diag(found), krige(known, ahead, noise, step)[1])
