"""The parity sample redoes what the kernels did, shows whatever is different, and knows no more than the day did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import toeplitz
from scipy.stats import multivariate_normal
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.backtest.origin import Origin
from forecast.backtest.plan import Settings
from forecast.backtest.run import run_context
from forecast.kernels import prophet as prophet_kernel
from forecast.models.arima import Arima
from forecast.models.compiled import CompiledArima, CompiledArimaFit, CompiledProphet
from forecast.models.prophet import OPTIMISER
from forecast.models.protocol import FitError
from forecast.realtime.data import Data
from forecast.tables.quantiles import MEDIAN, QUANTILES
from forecast.tables.run import Forecasts
from forecast.tables.schema import PERIOD_TOTAL_COLUMNS
from forecast.verify.look_ahead import CHANGES, AuditTables, no_future
from forecast.verify.parity import FIT, PARITY_COLUMNS, _log_posterior, parity_sample

EVENTS = calendar({"kind": "licensing", "announced": date(2023, 9, 10)})
MODELS = ["naive", "arima", "prophet"]
COMPILED = {"engine": "compiled"}
"""Only its fits are held against the libraries."""


def table() -> pd.DataFrame:
    """Two destinations of five years, the second with a wandering level and a gap."""
    wandering = 50 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.1, 60)))
    wandering[20] = np.nan
    return exports({"USA": steady(60), "JPN": wandering})


def backtest(**options) -> Forecasts:
    return fc.backtest_all(table(), EVENTS, GROUPS, **{**COMPILED, "models": MODELS, "last": 3, **options})


def sample(run: Forecasts, **options) -> pd.DataFrame:
    return parity_sample(run, table(), EVENTS, GROUPS, **COMPILED | options)


@pytest.fixture(scope="module", autouse=True)
def _the_library_reaches_its_maximum() -> Iterator[None]:
    """Newton's method in the library: in one fit BFGS stops 0.08 below the maximum in log posterior, 0.6 % off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPTIMISER, "algorithm", "Newton")
        yield


@pytest.fixture(scope="module")
def run() -> Forecasts:
    return backtest()


@pytest.fixture(scope="module")
def parity(run: Forecasts) -> pd.DataFrame:
    return sample(run)


@pytest.mark.slow
def test_so_many_fits_of_each_model_in_turn(run: Forecasts, parity: pd.DataFrame):
    """Four are two of each model, none twice; twelve are all there are; an odd one is of arima."""
    assert parity.columns.tolist() == PARITY_COLUMNS
    assert parity["model"].tolist() == ["arima", "arima", "prophet", "prophet"]
    assert not parity.duplicated(FIT).any()
    assert sample(run, count=1)["model"].tolist() == ["arima"]
    assert len(sample(run, count=99)) == 12


def test_medians_are_those_of_the_run_and_differences_logs_of_ratios(run: Forecasts, parity: pd.DataFrame):
    """What the run says of a month stands beside what the library says, with the log of their ratio."""
    both = parity.merge(run.forecasts, on=[*FIT, "month"])
    assert both["compiled_t"].tolist() == both["volume_t"].tolist()
    np.testing.assert_array_equal(parity["difference"], np.log(parity["compiled_t"] / parity["reference_t"]))
    assert parity["difference"].abs().max() < 5e-3
    assert parity["width"].abs().max() < 2e-2
    assert parity["gain"].min() > -1e-2
    assert parity["reason"].unique().tolist() == [""]


def test_the_reference_is_the_library_on_the_design_of_the_day(parity: pd.DataFrame):
    """The median of an arima is that of statsmodels at the order that the kernel chose, as the reference gives it."""
    first = parity.iloc[0]
    data = Data(table(), EVENTS, GROUPS)
    context = run_context(data, Settings(), {"magnets": [first["issued"]]})
    design = Origin(context, context.as_of(first["issued"])).design((first["product"], first["destination"]))
    chosen = CompiledArima().fit(design.y, design.X, design.prior)
    ahead = Arima(chosen.order, chosen.seasonal_order).fit(design.y, design.X, design.prior).predict(design.X_future)
    volumes = design.to_volume(design.with_effects(ahead[[*QUANTILES]].to_numpy()))
    assert first["reference_t"] == pytest.approx(volumes[ahead.index.get_loc(first["month"]), MEDIAN])
    assert first["order"] == str(chosen.order).replace(" ", "")
    assert not any(chosen.seasonal_order)


@pytest.mark.slow
def test_the_same_sample_twice_and_another_with_another_seed(run: Forecasts, parity: pd.DataFrame):
    """The draw hangs on the seed and on which fits there are, not on the order of their rows."""
    shuffled = run.replaced(forecasts=run.forecasts.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(sample(shuffled), parity)
    drawn = [sample(run, seed=seed, count=2)[FIT].to_numpy().tolist() for seed in range(4)]
    assert any(fits != drawn[0] for fits in drawn)


@pytest.mark.slow
def test_the_future_does_not_move_a_sample_of_the_past(run: Forecasts, parity: pd.DataFrame):
    """Whatever came after the last day of the sample is changed, or gone, and no number is another."""
    given = AuditTables(table(), EVENTS, pd.DataFrame(columns=PERIOD_TOTAL_COLUMNS))
    for changes in (list(CHANGES.values()), [no_future]):
        other = given
        for change in changes:
            other = change(other, run.forecasts["issued"].max())
        again = parity_sample(run, other.exports, other.events, GROUPS, **COMPILED)
        pd.testing.assert_frame_equal(again, parity)


@pytest.mark.slow
def test_a_shifted_median_is_shown(monkeypatch: pytest.MonkeyPatch):
    """Kernels of arima that say 0.1 too much in logs differ from statsmodels by 0.1, and in nothing else."""
    honest = CompiledArimaFit.predict
    monkeypatch.setattr(CompiledArimaFit, "predict", lambda fit, X: honest(fit, X) + 0.1)
    found = sample(backtest(models=["arima"]), count=2)
    np.testing.assert_allclose(found["difference"], 0.1, atol=3e-3)  # of the volume and its floor, a hundredth
    assert found["gain"].min() > -1e-2


def test_parameters_that_are_not_the_likeliest_are_shown(monkeypatch: pytest.MonkeyPatch):
    """Twice the variance costs what it costs the normal density of the changes, and widens intervals."""
    honest = CompiledArima.fit
    fits = []

    def too_wide(model, y, X, prior=None):
        fit = honest(replace(model, order=(0, 1, 1), seasonal_order=(0, 0, 0)), y, X, prior)
        fits.append((fit.kernel, y, X, prior))
        return replace(fit, kernel=replace(fit.kernel, variance=2 * fit.kernel.variance))

    monkeypatch.setattr(CompiledArima, "fit", too_wide)
    options = {"learn": False, "destinations": ["USA"], "models": ["arima"], "last": 1}
    run = fc.backtest_all(table(), EVENTS.iloc[:0], GROUPS, **COMPILED, **options)
    found = parity_sample(run, table(), EVENTS.iloc[:0], GROUPS, learn=False, **COMPILED)
    kernel, y, X, prior = fits[-1]
    assert found["order"].tolist() == ["(0,1,1)"]
    cost = _density(2 * kernel.variance, kernel.ma[0], y, X, prior) - _density(
        kernel.variance, kernel.ma[0], y, X, prior
    )
    assert cost < -4
    assert found["gain"].item() == pytest.approx(cost, abs=0.02)
    assert found["width"].item() == pytest.approx(np.log(2) / 2, abs=0.05)


def _density(variance: float, ma: float, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame) -> float:
    """Log density of the changes of ``y``: a moving average, and effects of ``X`` with a normal prior."""
    changes, columns = np.diff(y.to_numpy()), np.diff(X.to_numpy(dtype=float), axis=0)
    bands = np.zeros(len(changes))
    bands[:2] = 1 + ma**2, ma
    covariance = variance * toeplitz(bands) + columns @ np.diag(prior["sd"] ** 2) @ columns.T
    return float(multivariate_normal(columns @ prior["mean"], covariance).logpdf(changes))


def test_a_prophet_that_is_off_its_maximum_is_shown(monkeypatch: pytest.MonkeyPatch):
    """With its level 0.1 too high the median is too, and the library's own posterior is lower."""
    honest = CompiledProphet.maximum

    def too_high(model, history):
        found = honest(model, history)
        level = np.eye(len(found.coefficients))[1]
        return replace(found, coefficients=found.coefficients + 0.1 * level)

    monkeypatch.setattr(CompiledProphet, "maximum", too_high)
    found = sample(backtest(models=["prophet"]), count=2)
    np.testing.assert_allclose(found["difference"], 0.1, atol=5e-3)
    assert found["gain"].max() < -1


def test_the_posterior_is_the_librarys(monkeypatch: pytest.MonkeyPatch):
    """At its maximum it is what the kernel says of Stan's, whose unit is the largest y, up to n logs of that unit."""
    maxima = []
    honest = prophet_kernel.fit

    def noted(y, *terms):
        maxima.append((len(y), honest(y, *terms).log_posterior))
        return honest(y, *terms)

    monkeypatch.setattr(prophet_kernel, "fit", noted)
    issued = date(2024, 8, 20)
    context = run_context(Data(table(), EVENTS, GROUPS), Settings(), {"magnets": [issued]})
    origin = Origin(context, context.as_of(issued))
    design = origin.design(("magnets", "JPN"))
    fit = origin.estimate_by("prophet", ("magnets", "JPN"), "compiled")
    (count, log_posterior), y = maxima[0], design.y.dropna()
    left = (y - fit.centre - design.X.loc[y.index].to_numpy() @ fit.prior_mean).abs().max()
    assert _log_posterior(fit, design) == pytest.approx(log_posterior - count * np.log(left), abs=1e-6)


@pytest.mark.slow
def test_held_parameters_are_held_by_the_library_too():
    """With refit the sample follows from the day of estimation; taken for fresh fits, the same forecasts differ."""
    run = backtest(models=["arima"], refit=12, last=6)
    held = sample(run, refit=12, count=99)["difference"].abs()
    fresh = sample(run, count=99)["difference"].abs()
    assert len(held) == 12
    assert held.max() < 1e-3
    assert fresh.max() > 3e-3


def test_a_window_is_a_window_for_the_library():
    """The library sees the months that the kernels saw, for several months ahead and without learning."""
    options = {"window": 40, "horizon": 3, "learn": False}
    found = sample(backtest(last=2, models=["arima"], **options), count=1, **options)
    assert found["month"].diff().iloc[1:].map(lambda step: step.n).tolist() == [1, 1]
    assert found["difference"].abs().max() < 1e-3


def test_fits_left_to_the_reference_are_not_among_them(run: Forecasts):
    """They are the library's already; nor is any fit of the reference engine."""
    left = run.forecasts.loc[run.forecasts["model"] == "arima", FIT].assign(reason="did not converge")
    found = sample(run.replaced(reference_fits=left), count=2)
    assert found["model"].unique().tolist() == ["prophet"]
    for nothing in (sample(run, engine="reference"), sample(run, count=0)):
        assert nothing.empty
        assert nothing.columns.tolist() == PARITY_COLUMNS


@pytest.mark.parametrize("error", [FitError, ValueError], ids=lambda error: error.__name__)
def test_what_the_library_cannot_is_said(error: type, run: Forecasts, monkeypatch: pytest.MonkeyPatch):
    """Its reason, ours or statsmodels' own, stands in the row, which has no number of the library."""

    def refuse(model, y, X, prior=None):
        raise error("arima is not in the mood.")

    monkeypatch.setattr(Arima, "fit", refuse)
    found = sample(run, count=1)
    assert found["reason"].tolist() == ["arima is not in the mood."]
    assert found[["reference_t", "difference", "width", "gain"]].isna().all(axis=None)
    assert found["compiled_t"].notna().all()


def test_a_count_below_zero_is_refused(run: Forecasts):
    """A sentence says what was expected."""
    with pytest.raises(ValueError, match=r"^count: expected zero or more, found -1\.$"):
        sample(run, count=-1)
