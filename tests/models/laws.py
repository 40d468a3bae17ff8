"""What the laws are tried on: every model of the registry, and the series they all see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from forecast.models.protocol import FitError
from forecast.registry import REGISTRY, ModelEntry, load

MONTHS = 84
KEY = ("product", "AAA")


TOLERANCE = {"arima": 1e-5}
"""What a shift of the logs may change, in logs, where an optimiser stops short of the optimum; else 1e-6. By case."""

FROM_TWO = {"structural": "its priors say what two months do not"}
"""Models of one series that two observed months are enough for, and why."""

NOT_WIDER = {"seasonal_naive": "the year before is what counts", "prophet": "the trend is what counts"}
"""Models whose interval months missing before the cutoff need not widen, and why."""


@dataclass(frozen=True)
class Case:
    """One model under one engine."""

    entry: ModelEntry
    engine: str

    @property
    def name(self) -> str:
        """The model's name."""
        return self.entry.name

    @property
    def id(self) -> str:
        """The name, with the engine behind it where that is not the reference."""
        return self.name if self.engine == "reference" else f"{self.name}-{self.engine}"

    @property
    def tolerance(self) -> float:
        """What a shift of the logs may change."""
        return TOLERANCE.get(self.id, 1e-6)


CASES = [
    Case(entry, engine)
    for entry in REGISTRY.values()
    for engine in ("reference", "compiled")
    if engine == "reference" or entry.compiled
]
"""Every model of the registry, a new one and one of another package included."""


def fitted(case: Case, y: pd.Series, X: pd.DataFrame):
    """The model of ``case`` fitted to one series; a model of a panel gets a panel of that series alone."""
    model: Any = load(case.name, case.engine)
    if not case.entry.panel:
        return model.fit(y, X)
    panel = {KEY: (y, X)}
    fits = model.fit(panel)
    if KEY not in fits:
        raise FitError(model.refusals(panel)[KEY])
    return fits[KEY]


@cache
def usual(case: Case, seed: int = 0) -> tuple[Any, pd.DataFrame]:
    """The model of ``case`` fitted to the whole of `series`, once for all laws, and the regressors ahead."""
    y, X, ahead = series(seed)
    return fitted(case, y, X), ahead


def series(seed: int = 0, step: float = -1.5) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """A wandering level with a season and a step; its regressor in training and over three months ahead."""
    rng = np.random.default_rng(seed)
    months = pd.period_range("2018-01", periods=MONTHS + 3, freq="M")
    X = pd.DataFrame({"licensing": (months >= "2022-06").astype(float)}, index=months)
    season = 0.4 * np.sin(2 * np.pi * months.month / 12)
    level = 6 + rng.normal(0, 0.08, len(months)).cumsum() + rng.normal(0, 0.04, len(months))
    y = pd.Series(level + season, index=months) + step * X["licensing"]
    return y.iloc[:MONTHS], X.iloc[:MONTHS], X.iloc[MONTHS:]
