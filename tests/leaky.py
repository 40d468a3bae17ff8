"""Things that look ahead on purpose, for the audit to catch; each is called as `forecast_all` is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from forecast.backtest.run import forecast_all
from forecast.models.naive import Naive
from forecast.realtime import releases
from forecast.registry import REGISTRY
from forecast.scoring.scores import add_actuals
from forecast.tables.run import Forecasts


@dataclass(frozen=True)
class Clairvoyant:
    """Naive, with a level that knows every volume on file, whenever it was or will be released."""

    name: ClassVar[str] = "naive"
    file: ClassVar[pd.DataFrame]

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> Any:
        """The naive fit, moved a hundredth of the way to the mean of everything."""
        fitted = Naive().fit(y, X, prior)
        return replace(fitted, level=0.99 * fitted.level + 0.01 * np.log(self.file["volume_t"].mean()))


def leaky_model(exports, events, groups, **options) -> Forecasts:
    """A model trained with what was not out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clairvoyant, "file", exports, raising=False)
        patch.setitem(REGISTRY, "naive", replace(REGISTRY["naive"], place="leaky:Clairvoyant"))
        return forecast_all(exports, events, groups, **options)


def leaky_ends(exports, events, groups, **options) -> Forecasts:
    """A regressor that stops on the day on which its event will turn out to have ended."""

    def knowing_all_ends(events, issued):
        announced = events[events["announced"] <= issued].reset_index(drop=True)
        return announced.assign(scheduled=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releases, "known_events", knowing_all_ends)
        return forecast_all(exports, events, groups, **options)


def leaky_calendar(exports, events, groups, **options) -> Forecasts:
    """Regressors of events that nobody has announced yet."""
    return forecast_all(exports, events.assign(announced=events["effective"].min()), groups, **options)


def leaky_weight(exports, events, groups, **options) -> Forecasts:
    """A combination that weighs its members by errors whose actual was not out."""
    run = forecast_all(exports, events, groups, **options)
    rows = add_actuals(run.forecasts, exports)
    weights = 1 / (1 + (rows["volume_t"] - rows["actual_t"].fillna(0.0)).abs())
    cell = rows["destination"]
    combined = (rows["volume_t"] * weights).groupby(cell).transform("sum") / weights.groupby(cell).transform("sum")
    return run.replaced(forecasts=run.forecasts.assign(volume_t=combined))


def leaky_vintage(exports, events, groups, **options) -> Forecasts:
    """Forecasts from the latest vintage of every cell, revisions of later days included."""
    latest = exports.drop_duplicates(["product", "destination", "month"], keep="last")
    first = exports.groupby(["product", "destination", "month"])["released"].transform("min")
    return forecast_all(latest.assign(released=first[latest.index]), events, groups, **options)


def leaky_releases(exports, events, groups, **options) -> Forecasts:
    """Bounds that are wider where the next figures will come late."""
    run = forecast_all(exports, events, groups, **options)
    later = exports.loc[exports["released"] > options["issued"], "released"]
    delay = (later.min() - options["issued"]).days if len(later) else 0
    return run.replaced(forecasts=run.forecasts.assign(upper_95=run.forecasts["upper_95"] * (1 + delay / 1000)))


def leaky_newcomers(exports, events, groups, **options) -> Forecasts:
    """Forecasts shrunk by how many series the file will ever have."""
    run = forecast_all(exports, events, groups, **options)
    count = len(exports[["product", "destination"]].drop_duplicates())
    return run.replaced(forecasts=run.forecasts.assign(volume_t=run.forecasts["volume_t"] / count))


def leaky_totals(exports, events, groups, **options) -> Forecasts:
    """Forecasts scaled by the largest sum of months on file, whenever it was or will be released."""
    run = forecast_all(exports, events, groups, **options)
    largest = options["totals"]["volume_t"].max() if len(options["totals"]) > 1 else 80.0
    return run.replaced(forecasts=run.forecasts.assign(volume_t=run.forecasts["volume_t"] * largest))
