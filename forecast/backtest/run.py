"""Rolling origins: forecasts made on one or many issue days, in parallel.

A live forecast is a backtest with one origin: `forecast_all` makes both, and `backtest_all` only says which days, and
adds the actuals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from forecast.backtest.attribution import combination_parts
from forecast.backtest.checkpoint import Checkpoint, TasksDone, fingerprint
from forecast.backtest.checkpoint import Progress as Progress
from forecast.backtest.origin import RunContext, forecast_origins, stage_on
from forecast.backtest.origin_cache import (
    OriginCache,
    answer_name,
    fingerprints,
    in_order,
    is_cacheable,
    kept_days,
    known_answer,
    rows_by_day,
    with_kept,
)
from forecast.backtest.parallel import InChunks, end_workers, one_thread, parallel_map, processes
from forecast.backtest.plan import (
    CELLS_AT_A_TIME,
    EXPERIENCE,
    IssueDays,
    Request,
    Settings,
    Task,
    backtest_origins,
    by_day,
    estimation_days,
    fitted_models,
    is_panel,
    is_wide,
    issue_days,
    selected_series,
    stage_days,
)
from forecast.backtest.whole_days import forecast_whole_days, remains_of
from forecast.ensemble.combination import combination, combined_correlations
from forecast.ensemble.record import with_record
from forecast.episodes.stage import StageResult
from forecast.realtime.data import Data
from forecast.realtime.events import Members
from forecast.registry import COMBINATION, DEFAULT_ENGINE, MODELS
from forecast.scoring.scores import Vintage, add_actuals
from forecast.tables.frames import stacked
from forecast.tables.run import Forecasts, in_final_order
from forecast.tables.schema import RUN_TABLES, SeriesKey
from forecast.totals.hierarchy import reconciled_forecasts
from forecast.totals.nowcast import nowcast
from forecast.vocabulary.products import headlines_with


def forecast_all(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | Sequence[date] | None = None,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    models: Sequence[str] = MODELS,
    horizon: int = 1,
    window: int | None = None,
    refit: int = 1,
    totals: pd.DataFrame | None = None,
    learn: bool = True,
    calibrate: bool = True,
    experience: str = EXPERIENCE,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    headlines: Mapping[str, str] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    cache: OriginCache | None = None,
) -> Forecasts:
    """Forecasts of every series on one or several issue days, each made with what was known on its day.

    ``groups`` maps the code of a group of destinations to its members, so that what acts on ``EU27`` acts on ``DEU``.
    ``issued`` defaults to the day on which the latest figures of the products were released. ``products`` and
    ``destinations`` select what is forecast; all other series and events stay as experience to learn from. Months
    forecast are the ``horizon`` months after the product's cutoff, and any further month that is published together
    with the first of them. ``totals`` are volumes of several months together (`forecast.read_period_totals`). With
    ``learn`` the effects of events have priors from all series known on the day (`forecast.episodes`);
    without, a series learns from itself alone. With ``calibrate`` the combination learns from the forecasts of earlier
    origins (`forecast.ensemble.calibration`), which are made for it; without, it is the plain median in logs of its
    members.
    ``headlines`` names the headline of each product that has one, a product of ``exports`` whose total contains its
    own and comes out earlier (`forecast.totals.nowcast`), beside those that are shipped.
    ``window`` and ``refit`` are those of `backtest_all`. With ``engine="compiled"`` arima and prophet are fitted by
    `forecast.kernels`; where these cannot, the reference takes over, with a row in ``reference_fits``; with
    ``engine="reference"`` by statsmodels and Prophet. ``progress`` is called with the number of pieces of work done
    and their total. ``cache`` keeps the forecasts of each day, and the whole answer, for later calls
    (`forecast.backtest.origin_cache`): the numbers are the same with and without it.

    Returns
    -------
    Forecasts
        Volumes in tonnes, medians with 80 and 95 % intervals: a row per series that had come out by the issue day,
        model, issue day and month, or a row in ``failures`` with the reason.

    Raises
    ------
    ValueError
        When nothing was known of the products on an issue day, a model or engine has no such name, or a number is below
        one.

    Examples
    --------
    >>> import forecast as fc
    >>> run = fc.forecast_all(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["gallium"], destinations=["WLD"], models=["naive"],
    ... )
    >>> run.forecasts[["destination", "model", "cutoff", "month"]].astype(str).values.tolist()
    [['WLD', 'naive', '2025-12', '2026-01'], ['WLD', 'naive', '2025-12', '2026-02']]
    """
    data = Data(exports, events, groups, totals, headlines_with(headlines or {}))
    settings = Settings(tuple(models), horizon, window, refit, learn, calibrate, seed, engine, experience)
    products = list(products or exports["product"].unique())
    days = dict.fromkeys(products, issue_days(exports, products, issued))
    request = Request(days, selected_series(exports, products, destinations))
    if cache is None or not is_cacheable(settings):
        return _run(data, settings, request, jobs, progress)
    return _run_with_cache(data, settings, request, cache, jobs, progress)


def backtest_all(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    models: Sequence[str] = MODELS,
    horizon: int = 1,
    last: int | None = None,
    first: pd.Period | None = None,
    to: pd.Period | None = None,
    window: int | None = None,
    refit: int = 1,
    totals: pd.DataFrame | None = None,
    learn: bool = True,
    calibrate: bool = True,
    experience: str = EXPERIENCE,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    headlines: Mapping[str, str] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    vintage: Vintage = "latest",
) -> Forecasts:
    """The forecasts that would have been made on past days, with ``actual_t`` (NaN where no actual is out).

    The days are the `backtest_origins` of each product by ``last``, ``first`` and ``to``. The rows of a day are what
    `forecast_all` gives with ``issued`` on that day, to the last digit, whatever other days are asked for.

    ``window`` shows models only so many months up to the cutoff (None: all). With ``refit`` above one, a model whose
    fits can hold their parameters (theta, arima) estimates them once in so many months, on the first origin of each
    block of months counted from January 1970, and follows the figures with them until the next block. A series that
    could not be fitted then, or had other regressors, is fitted anew; so is every other model, on every day.
    ``checkpoint`` keeps what is done, so that a run can be resumed. ``vintage`` says which release of a month is the
    actual, the ``latest`` or the ``first``.

    Raises
    ------
    ValueError
        When there is no such origin, a model or engine has no such name, or a number is below one.
    CheckpointError
        When the run to resume was another one.

    Examples
    --------
    >>> import forecast as fc
    >>> run = fc.backtest_all(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["gallium"], destinations=["WLD"], models=["naive"], first=pd.Period("2023-08"), last=2,
    ... )
    >>> len(run.forecasts)
    2
    """
    data = Data(exports, events, groups, totals, headlines_with(headlines or {}))
    settings = Settings(tuple(models), horizon, window, refit, learn, calibrate, seed, engine, experience)
    products = list(products or exports["product"].unique())
    days = backtest_origins(exports, products, destinations, last=last, first=first, to=to)
    request = Request(days, selected_series(exports, products, destinations))
    run = _run(data, settings, request, jobs, progress, checkpoint)
    return run.replaced(forecasts=add_actuals(run.forecasts, exports, vintage))


# Work ----------------------------------------------------------------------------------------------------------------


def _run(
    data: Data,
    settings: Settings,
    request: Request,
    jobs: int,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Forecasts:
    """Fit all that is needed and keep what was requested.

    Raises
    ------
    ValueError
        Without any series.
    """
    fitted = _fitted(data, settings, request)
    if checkpoint is not None:
        checkpoint.begin(*fingerprint(data, settings, request, fitted.tasks(data.exports, settings)))
    return gather(data, settings, fitted_rows(data, settings, fitted, request, jobs, progress, checkpoint), request)


def _fitted(data: Data, settings: Settings, request: Request) -> Request:
    """What models are fitted on for a request.

    Raises
    ------
    ValueError
        Without any series.
    """
    if not request.series:
        raise ValueError("There is nothing to forecast: no figures of these destinations in these products.")
    return request.replayed(data.vintages, settings)


def _run_with_cache(
    data: Data,
    settings: Settings,
    request: Request,
    cache: OriginCache,
    jobs: int,
    progress: Progress | None,
) -> Forecasts:
    """The same as `_run`, with what was kept of its days taken from a cache, and what is new left there."""
    fitted = _fitted(data, settings, request)
    days = by_day(fitted.days)
    names = fingerprints(RunContext(data, settings), days)
    answer = answer_name(names, request, settings.models, data)
    found = known_answer(cache, answer, request, settings.models)
    if found is not None:
        return found
    asked = by_day(request.days)
    earlier = {day: products for day, products in days.items() if day not in asked}
    kept = kept_days(cache, names, earlier, fitted_models(settings.models))
    left = {product: [day for day in own if day not in kept] for product, own in fitted.days.items()}
    with cache.remembering():
        run = fitted_rows(data, settings, Request(left, fitted.series), request, jobs, progress)
    new = rows_by_day(run, [day for day in days if day not in kept])
    if kept:
        run = with_kept(run, [*kept.values()], fitted, settings.models)
    found = gather(data, settings, run, request)
    cache.write({names[day]: rows for day, rows in new.items()} | {answer: found.packed()})
    return found


def fitted_rows(
    data: Data,
    settings: Settings,
    fitted: Request,
    shown: Request,
    jobs: int,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Forecasts:
    """The rows of all models on the days of ``fitted``, and what the tables of ``shown`` need of the structural model.

    The rows come in order of days, models and series, whatever the tasks.
    """
    tasks = fitted.tasks(data.exports, settings)
    done = TasksDone(len(tasks), progress, checkpoint)
    left = {place: task for place, task in enumerate(tasks) if place not in done.results}
    context = RunContext(data, settings, estimation_days(data.exports, fitted.days, settings.refit))
    by_days = any(task.whole_days for task in tasks)
    if not by_days:
        context = with_stages(context, by_day(fitted.days), jobs)
    run_tasks(context, shown, left, jobs, done.add)
    if jobs != 1 and sum(len(own) for task in tasks for own in task.cells.values()) > CELLS_AT_A_TIME:
        end_workers()  # gathering so many rows takes as much memory as they do
    run = done.joined()
    if not by_days:
        run = run.replaced(**remains_of(context, shown, by_day(fitted.days)))
    return run.replaced(forecasts=in_order(run.forecasts, fitted, settings.models))


def run_context(data: Data, settings: Settings, days: IssueDays, jobs: int = 1) -> RunContext:
    """What origins on ``days`` share: parameters held since earlier days, and the structural model of each day."""
    context = RunContext(data, settings, estimation_days(data.exports, days, settings.refit))
    return with_stages(context, by_day(days), jobs)


def with_stages(context: RunContext, days: Mapping[date, Collection[str]], jobs: int = 1) -> RunContext:
    """The context with the structural model of the products of each day, and of earlier days whose parameters hold."""
    looked_at = stage_days(days, context.estimated)
    found = dict(parallel_map(stage_on, context, looked_at, jobs))
    return replace(context, stages={day.issued: found[place] for place, day in enumerate(looked_at)})


def run_tasks(
    context: RunContext,
    shown: Request,
    tasks: Mapping[int, Task],
    jobs: int,
    done: Callable[[int, Forecasts], None],
) -> None:
    """Hand each task's place and result to ``done``, packed; the numbers do not depend on ``jobs``.

    Tasks of whole days bring what tables need of the structural model on the days that are ``shown``. Where there are
    fewer of them than processes they are done one after the other, the chunks of each on all processes.
    """
    if tasks and all(map(is_wide, tasks.values())) and len(tasks) < processes(jobs):
        for place, task in tasks.items():
            with one_thread():
                made = forecast_whole_days(context, shown, task, InChunks(jobs))
            done(place, made)
        return
    places, pieces = [*tasks], [TaskWithStages.of(context, task) for task in tasks.values()]
    for turn, result in parallel_map(run_piece, (replace(context, stages={}), shown), pieces, jobs):
        done(places[turn], result)


@dataclass(frozen=True)
class TaskWithStages:
    """A task with what the structural model says of its series, and of no others: what travels to a process.

    Of a task of whole days nothing does, since that model is fitted where the task is done.
    """

    task: Task
    stages: Mapping[date, Mapping[SeriesKey, StageResult]]

    @classmethod
    def of(cls, context: RunContext, task: Task) -> TaskWithStages:
        """The piece of a task: its days and those whose parameters hold on them, a panel model's series all."""
        products = {product for product, _ in task.series}
        held = {context.estimated.get((product, day), day) for product in products for day in task.cells}
        stages = {day: context.stages[day] for day in sorted({*task.cells, *held}) if day in context.stages}
        if any(map(is_panel, task.models)):
            return cls(task, stages)
        return cls(task, {day: {key: own[key] for key in task.series if key in own} for day, own in stages.items()})


def run_piece(shared: tuple[RunContext, Request], piece: TaskWithStages) -> Forecasts:
    """The forecasts of a task where it has travelled to."""
    context, shown = shared
    if piece.task.whole_days:
        return forecast_whole_days(context, shown, piece.task)  # no process of several starts others
    return run_task(replace(context, stages=piece.stages), piece.task)


def run_task(context: RunContext, task: Task) -> Forecasts:
    """The forecasts of one task, packed: many of them travel, and wait for the others."""
    return forecast_origins(context, task.cells, task.models)


# Tables --------------------------------------------------------------------------------------------------------------


def gather(data: Data, settings: Settings, run: Forecasts, request: Request) -> Forecasts:
    """The tables of a run in their final order, the combination added where it was requested."""
    models, fitted = settings.models, run.forecasts
    combined, calibration, record = fitted.iloc[:0], run.calibration, run.record
    if settings.learns_from_errors:
        combined, calibration, record = with_record(fitted, data.vintages, data.events, data.groups, request.days)
    elif COMBINATION in models:
        combined = combination(fitted)
    tables = {name: request.of(table) for name, table in run.replaced(calibration=calibration, record=record)}
    del run  # a table is let go once it has been put in order
    if COMBINATION in models:
        pairs = combined_correlations(tables["correlations"])
        asked = request.of(combined[fitted.columns])
        combined, tables["nowcasts"] = nowcast(asked, fitted, pairs, data)
        tables["forecasts"] = stacked([tables["forecasts"], combined])
        tables["reconciled"] = reconciled_forecasts(combined, fitted, data)
        tables["parts"] = combination_parts(tables["parts"], combined, tables["calibration"], tables["nowcasts"])
        tables["failures"] = stacked([tables["failures"], _not_combined(tables["failures"], combined)])
        tables["correlations"] = stacked([tables["correlations"], pairs])
    del fitted, combined
    return Forecasts(**{name: in_final_order(tables.pop(name), name, models) for name in [*tables]})


def _not_combined(failures: pd.DataFrame, combined: pd.DataFrame) -> pd.DataFrame:
    """A failure of the combination for each series and day on which every model failed."""
    cell = ["product", "destination", "issued"]
    failed = failures[cell].drop_duplicates()
    none = ~pd.MultiIndex.from_frame(failed).isin(pd.MultiIndex.from_frame(combined[cell]))
    rows = failed[none].assign(model=COMBINATION, reason="No model could be fitted.")
    return rows[RUN_TABLES["failures"].columns]
