"""Rolling origins: forecasts made on one or many issue days, and the work spread over cores.

A live forecast is a backtest with one origin: `forecast_all` makes both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date

import pandas as pd

from forecast.combine import combination
from forecast.events import Members
from forecast.models.protocol import SeriesKey
from forecast.origin import PANEL_MODELS, Forecasts, Job, forecast_origin
from forecast.tables import FAILURE_COLUMNS

MODELS = ("naive", "seasonal_naive", "theta", "arima", "prophet", "pooled", "combination")
SERIES_A_TASK = 8

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Task:
    """A piece of work: some series at some origins with some models. Tasks share nothing, so any order will do."""

    origins: tuple[date, ...]
    series: tuple[SeriesKey, ...]
    models: tuple[str, ...]


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
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Forecasts:
    """Forecasts of every series on one or several issue days, each made with what was known on its day.

    ``groups`` maps the code of a group of destinations to its members, so that what acts on ``EU27`` acts on ``DEU``.
    ``issued`` defaults to the day on which the latest figures of the products were released. ``products`` and
    ``destinations`` select what is forecast; all other series and events stay as experience to learn from. Months
    forecast are the ``horizon`` months after the product's cutoff, and any further month that is published together
    with the first of them. ``progress`` is called with the number of pieces of work done and their total.

    Returns
    -------
    Forecasts
        Volumes in tonnes, medians with 80 and 95 % intervals: a row per series, model, issue day and month, or a row
        in ``failures`` with the reason.

    Raises
    ------
    ValueError
        When nothing was known of the products on an issue day, or a model has no such name.

    Examples
    --------
    >>> import forecast as fc
    >>> run = fc.forecast_all(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["gallium"], destinations=["WLD"], models=["naive"],
    ... )
    >>> run.forecasts[["destination", "model", "cutoff", "month"]].astype(str).values.tolist()
    [['WLD', 'naive', '2025-12', '2026-01']]
    """
    products = list(products or exports["product"].unique())
    days = _issue_days(exports, products, issued)
    job = Job(exports, events, groups, horizon, seed)
    series = selected_series(exports, products, destinations)
    return gather(run_tasks(job, plan(days, series, models, jobs), jobs, progress), models)


def _issue_days(exports: pd.DataFrame, products: Sequence[str], issued: date | Sequence[date] | None) -> list[date]:
    first = exports.loc[exports["product"].isin(products), "released"]
    days = [first.max()] if issued is None else [issued] if isinstance(issued, date) else sorted(set(issued))
    if first.empty or days[0] < first.min():
        raise ValueError(f"Nothing of {', '.join(products)} was released by {days[0]}: issue on a later day.")
    return days


def selected_series(
    exports: pd.DataFrame, products: Sequence[str], destinations: Sequence[str] | None = None
) -> list[SeriesKey]:
    """The (product, destination) pairs of ``exports`` among ``products`` and ``destinations`` (None: all), sorted."""
    rows = exports[exports["product"].isin(products)]
    if destinations is not None:
        rows = rows[rows["destination"].isin(destinations)]
    return sorted(set(zip(rows["product"], rows["destination"], strict=True)))


def plan(days: Sequence[date], series: Sequence[SeriesKey], models: Sequence[str], jobs: int) -> list[Task]:
    """Tasks that cover every series, origin and model: panel models by origin, the others by handfuls of series."""
    panel = tuple(name for name in models if name in PANEL_MODELS)
    single = tuple(name for name in models if name not in (*PANEL_MODELS, "combination"))
    size = max(1, min(SERIES_A_TASK, len(series) // (4 * max(jobs, 1))))
    handfuls = [tuple(series[start : start + size]) for start in range(0, len(series), size)]
    tasks = [Task(tuple(days), handful, single) for handful in handfuls] if single else []
    return tasks + ([Task((day,), tuple(series), panel) for day in days] if panel else [])


def run_tasks(job: Job, tasks: Sequence[Task], jobs: int, progress: Progress | None = None) -> list[Forecasts]:
    """The results of all tasks, in the order of ``tasks``; the numbers do not depend on ``jobs``."""
    from joblib import Parallel, delayed

    results: list[Forecasts] = []
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(run_task)(job, task) for task in tasks)
    for result in work:
        results.append(result)
        if progress is not None:
            progress(len(results), len(tasks))
    return results


def run_task(job: Job, task: Task) -> Forecasts:
    """The forecasts of one task, on one thread, so that sums are made in the same order everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return joined([forecast_origin(job, issued, task.series, task.models) for issued in task.origins])


def joined(parts: Sequence[Forecasts]) -> Forecasts:
    """The tables of several parts, one below the other."""
    tables = {item.name: [getattr(part, item.name) for part in parts] for item in fields(Forecasts)}
    return Forecasts(**{name: _stacked(frames) for name, frames in tables.items()})


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def gather(parts: Sequence[Forecasts], models: Sequence[str]) -> Forecasts:
    """The tables of a run in their final order, the combination added where it was asked for."""
    run = joined(parts)
    forecasts, failures = run.forecasts, run.failures
    if "combination" in models:
        combined = combination(forecasts)
        failures = _stacked([failures, _not_combined(failures, combined)])
        forecasts = _stacked([forecasts, combined[forecasts.columns]])
    by = ["product", "destination", "issued"]
    rank = {name: place for place, name in enumerate(models)}
    return Forecasts(
        _sorted(forecasts.assign(rank=forecasts["model"].map(rank)), [*by, "month", "rank"]).drop(columns="rank"),
        _sorted(run.effects, [*by, "model", "regressor"]),
        _sorted(run.dropped, [*by, "regressor"]),
        _sorted(failures, [*by, "model"]),
    )


def _sorted(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return table.sort_values(by, kind="stable").reset_index(drop=True)


def _not_combined(failures: pd.DataFrame, combined: pd.DataFrame) -> pd.DataFrame:
    """A failure of the combination for each series and day on which every model failed."""
    cell = ["product", "destination", "issued"]
    failed = failures[cell].drop_duplicates()
    none = ~pd.MultiIndex.from_frame(failed).isin(pd.MultiIndex.from_frame(combined[cell]))
    return failed[none].assign(model="combination", reason="No model could be fitted.")[FAILURE_COLUMNS]
