"""What the models of exponential smoothing share: near nothing they are monotone, and their forms are a mixture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.kernels import exponential_smoothing as kernel
from forecast.models.ces import Ces
from forecast.models.ets import Ets

MONTHS = pd.period_range("2022-01", periods=48, freq="M")
AHEAD = pd.DataFrame(index=pd.period_range("2026-01", periods=14, freq="M"))


def logs(seed: int) -> np.ndarray:
    """A level that wanders, noise, and in every other series a season."""
    random = np.random.default_rng(seed)
    season = 0.2 * np.sin(np.arange(48) * np.pi / 6) * (seed % 2)
    return np.cumsum(random.normal(0, 0.05, 48)) + random.normal(0, 0.1, 48) + season


def fitted(model: Ets | Ces, y: np.ndarray):
    return model.fit(pd.Series(y, MONTHS), pd.DataFrame(index=MONTHS))


@pytest.mark.parametrize("model", [Ets(), Ces()], ids=["ets", "ces"])
@pytest.mark.parametrize("seed", [1, 4, 8, 10])
def test_the_lower_the_last_month_the_lower_the_forecast(seed, model):
    """From the usual volume to a hundredth of it in steps of a ninth: never up, never down by more than a third."""
    y = logs(seed)
    medians = []
    for share in np.geomspace(1, 0.01, 41):
        low = np.append(y[:-1], y[-1] + np.log(share))
        medians.append(fitted(model, low).predict(AHEAD)["median"].iloc[0])
    steps = np.diff(medians)
    assert steps.max() < 0
    assert steps.min() > np.log(2 / 3)


@pytest.mark.parametrize("model", [Ets(), Ces()], ids=["ets", "ces"])
def test_the_forecast_is_that_of_draws_from_the_forms(model):
    """Draws of a form by its weight and then from its normal distribution have the forecast's mean and covariance."""
    fit = fitted(model, logs(10))
    random, draws = np.random.default_rng(0), []
    assert len(fit.forms) > 1
    for form, weight in zip(fit.forms, fit.weights, strict=True):
        mean, covariance = kernel.forecast(form, np.empty((14, 0)))
        draws.append(random.multivariate_normal(mean + fit.centre, covariance, size=round(100_000 * weight)))
    drawn = np.concatenate(draws)
    predicted = fit.predict(AHEAD)
    sd = drawn.std(axis=0)
    np.testing.assert_allclose(predicted["median"], drawn.mean(axis=0), atol=0.02 * sd.max())
    np.testing.assert_allclose((predicted["upper_80"] - predicted["median"]) / 1.2815515655446, sd, rtol=0.02)
    np.testing.assert_allclose(fit.correlation(AHEAD), np.corrcoef(drawn, rowvar=False), atol=0.02)


def test_forms_weigh_by_their_aicc():
    """exp(-AICc / 2), to a sum of one."""
    fit = fitted(Ets(), logs(1))
    expected = np.exp([-0.5 * form.aicc for form in fit.forms])
    np.testing.assert_allclose(fit.weights, expected / expected.sum(), rtol=1e-9)
