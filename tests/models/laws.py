"""What the laws are tried on: a line for every model, and the series they all see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.models import load
from forecast.models.protocol import FitError

MONTHS = 84
KEY = ("product", "AAA")


@dataclass(frozen=True)
class Case:
    """How one model is tried.

    ``tolerance`` bounds what a shift of the logs may change, in logs: more where an optimiser stops short of the
    optimum. ``widens``: months missing before the cutoff must widen the interval (not where it is the year before or
    the trend that counts). ``effects``: it estimates its regressors.
    """

    name: str
    tolerance: float = 1e-6
    widens: bool = True
    effects: bool = False
    panel: bool = False
    engine: str = "reference"

    @property
    def id(self) -> str:
        """The name, with the engine behind it where that is not the reference."""
        return self.name if self.engine == "reference" else f"{self.name}-{self.engine}"


CASES = [
    Case("naive"),
    Case("seasonal_naive", widens=False),
    Case("theta"),
    Case("ets", effects=True),
    Case("ces", effects=True),
    Case("arima", tolerance=1e-5, effects=True),
    Case("arima", effects=True, engine="compiled"),
    Case("prophet", widens=False, effects=True),
    Case("prophet", widens=False, effects=True, engine="compiled"),
    Case("pooled", effects=True, panel=True),
]


def fitted(case: Case, y: pd.Series, X: pd.DataFrame):
    """The model of ``case`` fitted to one series; a model of a panel gets a panel of that series alone."""
    model: Any = load(case.name, case.engine)
    if case.name != "pooled":
        return model.fit(y, X)
    panel = {KEY: (y, X)}
    fits = model.fit(panel)
    if KEY not in fits:
        raise FitError(model.refusals(panel)[KEY])
    return fits[KEY]


def series(seed: int = 0, step: float = -1.5) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """A wandering level with a season and a step; its regressor in training and over three months ahead."""
    rng = np.random.default_rng(seed)
    months = pd.period_range("2018-01", periods=MONTHS + 3, freq="M")
    X = pd.DataFrame({"licensing": (months >= "2022-06").astype(float)}, index=months)
    season = 0.4 * np.sin(2 * np.pi * months.month / 12)
    level = 6 + rng.normal(0, 0.08, len(months)).cumsum() + rng.normal(0, 0.04, len(months))
    y = pd.Series(level + season, index=months) + step * X["licensing"]
    return y.iloc[:MONTHS], X.iloc[:MONTHS], X.iloc[MONTHS:]
