"""What is kept of the structural model once the days of a task are done: a thousandth of it, for tables of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import pandas as pd

from forecast.backtest.attribution import structural_parts
from forecast.backtest.origin import RunContext
from forecast.backtest.plan import Request
from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult
from forecast.kernels.arrays import SEASON
from forecast.realtime.days import consecutive_months
from forecast.realtime.releases import months_ahead
from forecast.registry import COMBINATION
from forecast.tables.frames import stacked
from forecast.tables.run import RowBuffer
from forecast.tables.schema import RUN_TABLES, SeriesKey
from forecast.totals.estimates import Course, estimates
from forecast.totals.hierarchy import apart_from_rest

CALENDAR_MONTHS = pd.RangeIndex(1, SEASON + 1)


def remains_of(context: RunContext, shown: Request, days: Collection[date]) -> dict[str, pd.DataFrame]:
    """The tables of a run that are made of the structural model, of those of some days that are shown."""
    own = [day for day in days if any(day in of_product for of_product in shown.days.values())]
    return {"estimates": estimates_of(context, shown, own), "parts": structural_parts_of(context, shown, own)}


def structural_parts_of(context: RunContext, request: Request, days: Sequence[date]) -> pd.DataFrame:
    """The `structural_parts` of each series that was requested on each of ``days``, in the months that are reported.

    They are those of a combination: without it there are none.
    """
    rows = RowBuffer()
    for day in days if COMBINATION in context.settings.models else ():
        known, stages = context.as_of(day), _requested(context, request, day)
        reported = {
            product: len(months_ahead(context.data.vintages[product], known.cutoff(product), context.settings.horizon))
            for product in {product for product, _ in stages}
        }
        resting: dict[str, str] = {}
        for key, stage in stages.items():
            rows.add("parts", *[(*key, day, *part) for part in structural_parts(stage, reported[key[0]], resting)])
    return rows.tables().parts


def estimates_of(context: RunContext, request: Request, days: Sequence[date]) -> pd.DataFrame:
    """Months known only inside a sum, of the series that were requested on each of ``days``."""
    found = [RUN_TABLES["estimates"].empty()]
    for day in days:
        keys = [*_requested(context, request, day)]
        apart = {product: apart_from_rest(context.data, product, day) for product in {product for product, _ in keys}}
        found.append(estimates(context.as_of(day), keys, _courses(context.stages[day]), apart))
    return stacked(found)


def _requested(context: RunContext, request: Request, day: date) -> Mapping[SeriesKey, StageResult]:
    stages = context.stages[day]
    return {key: stages[key] for key in request.series if key in stages and day in request.days[key[0]]}


def _courses(stages: Mapping[SeriesKey, StageResult]) -> Callable[[SeriesKey], Course | None]:
    """What is known of the months of a series, made when it is asked for: few have a month without a figure."""
    return lru_cache(maxsize=64)(lambda key: _course(stages[key]) if key in stages else None)


def _course(stage: StageResult) -> Course:
    months = pd.PeriodIndex(stage.design.X_future.index).asi8 % SEASON
    sums = np.bincount(months, stage.parts[:, BASIC_PARTS.index("season")], SEASON)
    season = pd.Series(sums / np.bincount(months, minlength=SEASON), CALENDAR_MONTHS)
    first = stage.design.y.index[-1].ordinal - len(stage.past) + 1
    past = pd.Series(stage.past, consecutive_months(first, len(stage.past)))
    return Course(season, past, float(np.sqrt(stage.design.effects.covariance[0, 0])))
