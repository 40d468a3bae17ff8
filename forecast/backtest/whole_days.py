"""A task of whole days: what concerns single series chunk by chunk, on one process or several, all of them in between.

Of the structural model, once the series of a chunk are done, a thousandth is kept, for tables of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from forecast.backtest.attribution import structural_parts
from forecast.backtest.origin import (
    EstimationOrigins,
    OriginForecaster,
    PanelFits,
    RunContext,
    panel_fits,
    taught_on,
)
from forecast.backtest.plan import Request, Task, is_panel, stage_days
from forecast.episodes.alone import Chunked, chunks, here
from forecast.episodes.design import Design
from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult, TaughtStage
from forecast.kernels.arrays import SEASON
from forecast.realtime.data import KnownOn
from forecast.realtime.days import consecutive_months
from forecast.registry import COMBINATION
from forecast.tables.frames import stacked
from forecast.tables.run import Forecasts, RowBuffer
from forecast.tables.schema import RUN_TABLES, SeriesKey
from forecast.totals.estimates import Course, estimates, needs_course
from forecast.totals.hierarchy import apart_from_rest

CALENDAR_MONTHS = pd.RangeIndex(1, SEASON + 1)

_CoursesByDay = Mapping[date, Callable[[SeriesKey], Course | None]]
"""What is known of the months of a series, by day."""


# In chunks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chunk:
    """Some series of a task before they are fitted: those forecast and shown, what is known of them, and taught."""

    cells: Mapping[date, tuple[SeriesKey, ...]]
    shown: Request
    known: Mapping[date, KnownOn]
    taught: Mapping[date, TaughtStage]


@dataclass(frozen=True)
class ChunkDone:
    """The rows of a chunk, and what all series together need.

    ``asked`` are the series that each panel model is to forecast on a day, ``designs`` what it sees, and ``courses``
    what estimates of months inside a sum are made from.
    """

    rows: RowBuffer
    asked: Mapping[tuple[str, date], Sequence[SeriesKey]]
    designs: Mapping[date, Mapping[SeriesKey, Design]]
    courses: Mapping[date, Mapping[SeriesKey, Course]]


def forecast_whole_days(context: RunContext, shown: Request, task: Task, chunked: Chunked = here) -> Forecasts:
    """The forecasts of a task of whole days, packed; no number depends on where its chunks are worked out."""
    taught = {day.issued: taught_on(context, day, chunked) for day in stage_days(task.products, context.estimated)}
    known = {day: [*one.series] for day, one in taught.items()}
    months = {day: {name: context.months(name, day) for name in one.snapshot.volumes} for day, one in taught.items()}
    series = list(dict.fromkeys([*(key for own in known.values() for key in own), *task.series]))
    cut = _Cut(context, shown, task, taught, months)
    rows, done = RowBuffer(), []
    for one in chunked(_forecast_chunk, (context.without_figures(), task.models), map(cut.chunk, chunks(series))):
        rows.extend(one.rows)
        done.append(replace(one, rows=RowBuffer()))
    for day in task.cells:
        unordered = {key: design for one in done for key, design in one.designs[day].items()}
        designs = {key: unordered.pop(key) for key in known[day] if key in unordered}
        empty = replace(context.without_figures(), known={day: context.known_on(day, (), months[day])})
        for name in filter(is_panel, task.models):
            asked = [key for one in done for key in one.asked[name, day]]
            for more in _panel_rows((empty, name, day), designs, asked, chunked):
                rows.extend(more)
    courses = {day: {key: course for one in done for key, course in one.courses[day].items()} for day in task.cells}
    found = estimates_of(context, shown, known, {day: own.get for day, own in courses.items()})
    return rows.packed().replaced(estimates=found).packed()


@dataclass(frozen=True)
class _Cut:
    """What chunks are cut from."""

    context: RunContext
    shown: Request
    task: Task
    taught: Mapping[date, TaughtStage]
    months: Mapping[date, Mapping[str, pd.PeriodIndex]]

    @cached_property
    def _asked(self) -> tuple[Mapping[date, Collection[SeriesKey]], Collection[SeriesKey]]:
        return {day: {*own} for day, own in self.task.cells.items()}, {*self.shown.series}

    def chunk(self, series: Sequence[SeriesKey]) -> Chunk:
        """The chunk of some series, which are let go here."""
        of_day, shown = self._asked
        known = {day: self.context.known_on(day, series, self.months[day]) for day in self.taught}
        return Chunk(
            {day: tuple(key for key in series if key in own) for day, own in of_day.items()},
            Request(self.shown.days, [key for key in series if key in shown]),
            known,
            {day: one.take(series, known[day].snapshot) for day, one in self.taught.items()},
        )


def _forecast_chunk(shared: tuple[RunContext, Sequence[str]], chunk: Chunk) -> ChunkDone:
    context, models = shared
    context = replace(context, known=chunk.known, stages={day: one.results() for day, one in chunk.taught.items()})
    rows, estimation = RowBuffer(), EstimationOrigins(context)
    single, panel = ([name for name in models if is_panel(name) == whole] for whole in (False, True))
    asked: dict[tuple[str, date], Sequence[SeriesKey]] = {}
    for day, series in chunk.cells.items():
        forecaster = OriginForecaster(estimation.on(day), estimation, rows)
        forecaster.forecast(series, single)
        asked |= {(name, day): [key for key in series if forecaster.is_known(key, name)] for name in panel}
    add_parts(rows, context, chunk.shown, _days_shown(chunk.shown, chunk.cells))
    stages = {day: context.stages[day] for day in chunk.cells}
    designs = {day: {key: one.design for key, one in own.items()} if panel else {} for day, own in stages.items()}
    courses = {
        day: {key: _course(one) for key, one in own.items() if needs_course(context.as_of(day), key)}
        for day, own in stages.items()
    }
    return ChunkDone(rows, asked, designs, courses)


_FitsWithDesigns = tuple[Mapping[SeriesKey, Design], PanelFits]


def _with_designs(fits: PanelFits, designs: Mapping[SeriesKey, Design]) -> Iterator[_FitsWithDesigns]:
    """Fits of a panel model in chunks, let go one by one, with what they are fitted to."""
    for keys in chunks([*fits]):
        yield {key: designs[key] for key in keys if key in designs}, {key: fits.pop(key) for key in keys}


def _panel_rows(
    shared: tuple[RunContext, str, date],
    designs: Mapping[SeriesKey, Design],
    asked: Sequence[SeriesKey],
    chunked: Chunked,
) -> Iterator[RowBuffer]:
    for fits in panel_fits(shared[1], designs, asked):
        yield from chunked(_forecast_panel, shared, _with_designs(fits, designs))


def _forecast_panel(shared: tuple[RunContext, str, date], piece: _FitsWithDesigns) -> RowBuffer:
    context, name, day = shared
    designs, fits = piece
    rows, estimation = RowBuffer(), EstimationOrigins(replace(context, designs={day: designs}))
    OriginForecaster(estimation.on(day), estimation, rows).add_fits(name, fits)
    return rows


# What is kept --------------------------------------------------------------------------------------------------------


def remains_of(context: RunContext, shown: Request, days: Collection[date]) -> dict[str, pd.DataFrame]:
    """The tables of a run that are made of the structural model, of those of some days that are shown."""
    stages = {day: context.stages[day] for day in _days_shown(shown, days)}
    courses = {day: _courses(own) for day, own in stages.items()}
    rows = RowBuffer()
    add_parts(rows, context, shown, [*stages])
    return {"estimates": estimates_of(context, shown, stages, courses), "parts": rows.tables().parts}


def _days_shown(shown: Request, days: Collection[date]) -> list[date]:
    return [day for day in days if any(day in of_product for of_product in shown.days.values())]


def add_parts(rows: RowBuffer, context: RunContext, request: Request, days: Sequence[date]) -> None:
    """Note the `structural_parts` of each series requested on each of ``days``, in the months that are reported.

    They are those of a combination: without it there are none.
    """
    for day in days if COMBINATION in context.settings.models else ():
        keys, stages = _requested(context.stages[day], request, day), context.stages[day]
        reported = {product: len(context.months(product, day)) for product in {product for product, _ in keys}}
        resting: dict[str, str] = {}
        for key in keys:
            found = structural_parts(stages[key], reported[key[0]], resting)
            rows.add("parts", *[(*key, day, *part) for part in found])


def estimates_of(
    context: RunContext, request: Request, known: Mapping[date, Collection[SeriesKey]], courses: _CoursesByDay
) -> pd.DataFrame:
    """Months known only inside a sum, of the series that were requested on each day, among those ``known`` on it."""
    found = [RUN_TABLES["estimates"].empty()]
    for day in _days_shown(request, courses):
        keys = _requested(known[day], request, day)
        apart = {product: apart_from_rest(context.data, product, day) for product in {product for product, _ in keys}}
        found.append(estimates(context.as_of(day), keys, courses[day], apart))
    return stacked(found)


def _requested(known: Collection[SeriesKey], request: Request, day: date) -> list[SeriesKey]:
    known = {*known}
    return [key for key in request.series if key in known and day in request.days[key[0]]]


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
