"""The season of a series, by hand and on simulated series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.models.season import FADING, log_days, season_doubt, season_factors, season_share
from forecast.registry import load

MONTHS = 96
CALENDAR = np.arange(MONTHS) % 12
YEAR_OF_SINE = np.sin(2 * np.pi * np.arange(12) / 12)


def noise(seed: int, sd: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sd, MONTHS)


def test_a_season_comes_back_and_noise_has_little():
    """A sine of amplitude one comes back, adding to zero; of 50 series of noise the mean share is below a third."""
    found = season_factors(YEAR_OF_SINE[CALENDAR] + noise(4), CALENDAR)
    np.testing.assert_allclose(found, YEAR_OF_SINE, atol=0.15)
    assert found.sum() == pytest.approx(0, abs=1e-12)
    assert np.mean([season_share(noise(seed), CALENDAR) for seed in range(50)]) < 1 / 3


def test_shrunk_factors_are_nearer_to_the_truth():
    """Over 200 series with a season as large as the noise of its means, the share lowers the mean square error."""
    truth = YEAR_OF_SINE[CALENDAR] * 0.06
    raw, shrunk = np.zeros(200), np.zeros(200)
    for seed in range(200):
        values = truth + noise(seed)
        found = season_factors(values, CALENDAR)
        share = season_share(values, CALENDAR)
        shrunk[seed] = np.square(found - truth[:12]).mean()
        raw[seed] = np.square(found / max(share, 1e-9) - truth[:12]).mean() if share else np.nan
    assert np.nanmean(shrunk[np.isfinite(raw)]) < np.nanmean(raw)


def test_a_year_has_so_much_of_the_weight_of_the_next():
    """Two series of three years that differ in one January of the first or last year: the factors differ by weight."""
    weights = FADING ** np.array([2.0, 1.0, 0.0])
    calendar, values = np.arange(36) % 12, np.tile(10 * YEAR_OF_SINE, 3)
    moved = []
    for year in (0, 2):
        changed = values.copy()
        changed[12 * year + 5] += 1e-6
        moved.append((season_factors(changed, calendar) - season_factors(values, calendar))[5])
    assert moved[0] / moved[1] == pytest.approx(weights[0] / weights[2], rel=0.1)


def test_few_months_or_a_month_never_seen_leave_no_season():
    """29 months are too few, 30 are enough; without a single February nobody can say what February does."""
    julys = np.where(CALENDAR == 6, 1.0, 0.0)
    assert not season_factors(julys[:29], CALENDAR[:29]).any()
    assert season_factors(julys[:30], CALENDAR[:30]).argmax() == 6
    assert not season_factors(np.where(CALENDAR == 1, np.nan, YEAR_OF_SINE[CALENDAR]), CALENDAR).any()


def test_doubt_is_the_variance_of_a_weighted_mean():
    """With equal weights and eight years an eighth; a month seen once has all of the variance of a month."""
    np.testing.assert_allclose(season_doubt(np.zeros(MONTHS), CALENDAR, 1.0), 1 / 8)
    values = np.where((CALENDAR == 3) & (np.arange(MONTHS) != 39), np.nan, 0.0)
    assert season_doubt(values, CALENDAR)[3] == pytest.approx(1)


@pytest.mark.parametrize("missing", [[], [3, 40, 41]], ids=["complete", "gaps"])
def test_a_straight_line_has_no_season(missing):
    """Growth alone leaves factors of zero."""
    values = 0.05 * np.arange(MONTHS)
    values[missing] = np.nan
    np.testing.assert_allclose(season_factors(values, CALENDAR), 0, atol=1e-9)


@pytest.mark.parametrize("name", ["theta", "arima", "ets", "ces"])
def test_ten_a_day_are_280_in_february(name):
    """Per day the series is a constant: 310 in January, 280 in February, 290 in a leap year's."""
    months = pd.period_range("2020-01", periods=60, freq="M")
    ahead = pd.period_range("2025-01", periods=38, freq="M")
    y = pd.Series(np.log(10.0 * months.days_in_month) - log_days(months), months)
    found = load(name, "compiled").fit(y, pd.DataFrame(index=months)).predict(pd.DataFrame(index=ahead))
    volumes = np.exp(found["median"] + log_days(ahead))
    np.testing.assert_allclose(volumes, 10 * ahead.days_in_month, rtol=1e-9)
