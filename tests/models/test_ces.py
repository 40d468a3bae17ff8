"""Complex exponential smoothing stays where its filter can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.episodes.design import holiday_prior, holidays
from forecast.models.ces import Ces

MONTHS = pd.period_range("2021-01", periods=48, freq="M")
EXPLODED = (84, 112, 154, 193, 217, 286, 341, 352)
"""Seeds at which the likeliest parameters had errors that grow from month to month: unit or no fit by last digits."""


@pytest.mark.parametrize("seed", EXPLODED)
def test_the_unit_decides_nothing(seed):
    """Ten and a thousand times the volumes are a constant in logs, and have the same forecast beyond it."""
    random = np.random.default_rng(seed)
    y = np.cumsum(random.normal(0, 0.03, 48)) + random.normal(0, 0.2, 48)
    X, X_future = holidays(MONTHS[0].ordinal, 48, 1)
    found = []
    for log in np.log([1.0, 10.0, 1000.0]):
        fit = Ces().fit(pd.Series((y + log).round(10), MONTHS), X, holiday_prior(tuple(X)))
        found.append(fit.predict(X_future).iloc[0] - log)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)
