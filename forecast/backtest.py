"""Rolling origins: forecasts made on one or many issue days, and the work spread over cores.

A live forecast is a backtest with one origin: `forecast_all` makes both, and `backtest_all` only says which days, and
adds what came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from itertools import groupby
from typing import Any

import pandas as pd

from forecast.checkpoint import Checkpoint, table_digest
from forecast.combine import MEMBERS, STAND_IN, combination, combined_correlations
from forecast.costs import series_a_task
from forecast.effects import Expectation
from forecast.evaluate import Measure, Vintage, add_actuals, phases, scores, significance
from forecast.events import Members
from forecast.known import Known, origins
from forecast.models import check_engine
from forecast.models.protocol import SeriesKey
from forecast.origin import PANEL_MODELS, Forecasts, Job, expect, forecast_origins
from forecast.tables import FAILURE_COLUMNS, SCORE_COLUMNS
from forecast.work import spread

MODELS = ("naive", "seasonal_naive", "theta", "arima", "prophet", "pooled", "combination")
ORIGINS = 24
"""How many origins a backtest has where nothing is said."""

REMEMBERED_DAYS = 32
"""Days of which a process keeps what was known: most backtests have fewer, and each takes a month x series table."""

Progress = Callable[[int, int], None]
Days = Mapping[str, Sequence[date]]
"""Issue days by product."""


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
    window: int | None = None,
    refit: int = 1,
    totals: pd.DataFrame | None = None,
    learn: bool = True,
    seed: int = 0,
    engine: str = "reference",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Forecasts:
    """Forecasts of every series on one or several issue days, each made with what was known on its day.

    ``groups`` maps the code of a group of destinations to its members, so that what acts on ``EU27`` acts on ``DEU``.
    ``issued`` defaults to the day on which the latest figures of the products were released. ``products`` and
    ``destinations`` select what is forecast; all other series and events stay as experience to learn from. Months
    forecast are the ``horizon`` months after the product's cutoff, and any further month that is published together
    with the first of them. ``totals`` are volumes of several months together (`forecast.read_period_totals`). With
    ``learn`` the effects of events have priors from all series known on the day (`forecast.effects`); without, a series
    learns from itself alone. ``window`` and ``refit`` are those of `backtest_all`. With ``engine="compiled"`` arima and
    prophet are fitted by `forecast.kernels`; where these cannot, the reference takes over, with a row in
    ``reference_fits``. ``progress`` is called with the number of pieces of work done and their total.

    Returns
    -------
    Forecasts
        Volumes in tonnes, medians with 80 and 95 % intervals: a row per series, model, issue day and month, or a row
        in ``failures`` with the reason.

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
    products = list(products or exports["product"].unique())
    days = dict.fromkeys(products, _issue_days(exports, products, issued))
    job = _job(exports, events, groups, totals, days, horizon, window, refit, seed, engine)
    job = replace(job, expected=expected(job, days, jobs)) if learn else job
    tasks = plan(days, selected_series(exports, products, destinations), models, engine)
    return gather(run_tasks(job, tasks, jobs, progress), models)


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
    seed: int = 0,
    engine: str = "reference",
    jobs: int = 1,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    vintage: Vintage = "latest",
) -> Forecasts:
    """The forecasts that would have been made on past days, with ``actual_t``, what came (NaN where nothing is out).

    The days are the `backtest_origins` of each product by ``last``, ``first`` and ``to``. The rows of a day are what
    `forecast_all` gives with ``issued`` on that day, to the last digit, whatever other days are asked for.

    ``window`` shows models only so many months up to the cutoff (None: all). With ``refit`` above one, a model whose
    fits can hold their parameters (theta, arima) estimates them once in so many months, on the first origin of each
    block of months counted from January 1970, and follows the figures with them until the next block. A series that
    could not be fitted then, or had other regressors, is fitted anew; so is every other model, on every day.
    ``checkpoint`` keeps what is done, so that a run can be resumed. ``vintage`` says which release of a month counts as
    what came, the ``latest`` or the ``first``.

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
    products = list(products or exports["product"].unique())
    days = backtest_origins(exports, products, destinations, last=last, first=first, to=to)
    job = _job(exports, events, groups, totals, days, horizon, window, refit, seed, engine)
    series = selected_series(exports, products, destinations)
    if checkpoint is not None:
        checkpoint.begin(*_fingerprint(job, days, series, models, refit, learn))
    job = replace(job, expected=expected(job, days, jobs)) if learn else job
    tasks = plan(days, series, models, engine)
    run = gather(run_tasks(job, tasks, jobs, progress, checkpoint), models)
    return replace(run, forecasts=add_actuals(run.forecasts, exports, vintage))


@dataclass(frozen=True)
class EventsCompared:
    """The same backtest with and without events, and what the events added.

    ``scores`` has the columns of `forecast.evaluate.scores` after ``events`` (``with`` or ``without``);
    ``significance`` tests each model with events against the same model without.
    """

    with_events: Forecasts
    without_events: Forecasts
    scores: pd.DataFrame
    significance: pd.DataFrame


def compare_events(
    exports: pd.DataFrame, events: pd.DataFrame, groups: Members, *, measure: Measure = "mae_t", **options: Any
) -> EventsCompared:
    """What the events added: `backtest_all` with ``options`` run twice, scored in the same slices and tested.

    Phases are those of the calendar in both runs. ``measure`` is that of `forecast.evaluate.significance`. Models that
    take no regressors come out the same.

    Examples
    --------
    >>> import forecast as fc
    >>> both = fc.compare_events(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["rare_earth_magnets"], destinations=["USA"], models=["naive"], to=pd.Period("2025-05"), last=3,
    ... )
    >>> both.significance.loc[0, "verdict"]
    'same losses as naive without events (n = 3 months)'
    """
    runs = {"with": backtest_all(exports, events, groups, **options)}
    runs["without"] = backtest_all(exports, events.iloc[:0], groups, **options)
    phase = {name: phases(run.forecasts, events, groups) for name, run in runs.items()}
    scored = [
        scores(run.forecasts, exports, phase[name]).assign(events=name)[["events", *SCORE_COLUMNS, "n_mase"]]
        for name, run in runs.items()
    ]
    tested = [
        _with_against_without(runs, model, exports, events, groups, measure)
        for model in runs["with"].forecasts["model"].unique()
    ]
    return EventsCompared(runs["with"], runs["without"], pd.concat(scored, ignore_index=True), _stacked(tested))


def _with_against_without(
    runs: Mapping[str, Forecasts],
    model: str,
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    measure: Measure,
) -> pd.DataFrame:
    """The significance of one model with events against itself without."""
    own = {name: run.forecasts[run.forecasts["model"] == model] for name, run in runs.items()}
    against = f"{model} without events"
    both = pd.concat([own["with"], own["without"].assign(model=against)], ignore_index=True)
    return significance(both, exports, against, measure, phases(both, events, groups))


# Days ----------------------------------------------------------------------------------------------------------------


def _issue_days(exports: pd.DataFrame, products: Sequence[str], issued: date | Sequence[date] | None) -> list[date]:
    first = exports.loc[exports["product"].isin(products), "released"]
    days = [first.max()] if issued is None else [issued] if isinstance(issued, date) else sorted(set(issued))
    if first.empty or days[0] < first.min():
        raise ValueError(f"Nothing of {', '.join(products)} was released by {days[0]}: issue on a later day.")
    return days


def backtest_origins(
    exports: pd.DataFrame,
    products: Sequence[str],
    destinations: Sequence[str] | None = None,
    *,
    last: int | None = None,
    first: pd.Period | None = None,
    to: pd.Period | None = None,
) -> dict[str, list[date]]:
    """Days by product on which its cutoff moved and the month after has an actual for one of ``destinations``.

    ``first`` and ``to`` bound that month, both included, and ``last`` takes the last so many of what is left (None: 24,
    or all where there is a bound). A product without such a day has an empty list.

    Raises
    ------
    ValueError
        When no product has such a day, or ``last`` is below one.

    Examples
    --------
    >>> import forecast as fc
    >>> days = backtest_origins(fc.read_exports(), ["rare_earth_magnets"], ["USA"], to=pd.Period("2025-05"))
    >>> [str(day) for day in days["rare_earth_magnets"][-3:]]  # to forecast February and March, then April, then May
    ['2025-03-20', '2025-04-20', '2025-05-20']
    """
    count = ORIGINS if last is None and first is None and to is None else last
    if count is not None:
        _positive("last", count)
    found = {}
    for product in products:
        series = selected_series(exports, [product], destinations)
        rows = exports[exports["product"].eq(product) & exports["destination"].isin([code for _, code in series])]
        months = {month for month in rows["month"].unique() if (first or month) <= month <= (to or month)}
        days = [day for day, cutoff in cutoffs(exports, product).items() if cutoff + 1 in months]
        found[product] = days[-count:] if count else days
    if not any(found.values()):
        raise ValueError(f"{', '.join(products)}: expected a month with figures before it, found none to forecast.")
    return found


def cutoffs(exports: pd.DataFrame, product: str) -> dict[date, pd.Period]:
    """The cutoff of each origin of a product, by its day, in order."""
    rows = exports[exports["product"] == product]
    return {day: rows.loc[rows["released"] <= day, "month"].max() for day in origins(exports, product)}


def estimation_days(exports: pd.DataFrame, days: Days, refit: int) -> dict[tuple[str, date], date]:
    """The day on which parameters held on an issue day were estimated, by product and issue day; empty for refit 1.

    It is the first origin of the block of ``refit`` months (counted from January 1970) that the cutoff of the issue day
    lies in, and depends on no other issue day.

    Raises
    ------
    ValueError
        When ``refit`` is below one.
    """
    if _positive("refit", refit) == 1:
        return {}
    estimated = {}
    for product, issue_days in days.items():
        starts = cutoffs(exports, product)
        firsts: dict[int, date] = {}
        for day, cutoff in starts.items():
            firsts.setdefault(cutoff.ordinal // refit, day)
        for issued in issue_days:
            known = [cutoff for day, cutoff in starts.items() if day <= issued]
            if known:
                estimated[product, issued] = firsts[known[-1].ordinal // refit]
    return estimated


# Work ----------------------------------------------------------------------------------------------------------------


def _job(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    totals: pd.DataFrame | None,
    days: Days,
    horizon: int,
    window: int | None,
    refit: int,
    seed: int,
    engine: str,
) -> Job:
    if window is not None:
        _positive("window", window)
    estimated = estimation_days(exports, days, refit)
    job = Job(exports, events, groups, _positive("horizon", horizon), seed, window, estimated, totals)
    return replace(job, engine=check_engine(engine))


def expected(job: Job, days: Days, jobs: int) -> dict[date, dict[SeriesKey, Expectation]]:
    """What was expected of the effects of events on each day that a run looks at, by series."""
    looked_at = sorted({day for of_product in days.values() for day in of_product} | set(job.estimated.values()))
    found = dict(spread(expect, job, looked_at, jobs))
    return {day: found[place] for place, day in enumerate(looked_at)}


def _positive(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"{name}: expected one or more, found {number}.")
    return number


def selected_series(
    exports: pd.DataFrame, products: Sequence[str], destinations: Sequence[str] | None = None
) -> list[SeriesKey]:
    """The (product, destination) pairs of ``exports`` among ``products`` and ``destinations`` (None: all), sorted."""
    rows = exports[exports["product"].isin(products)]
    if destinations is not None:
        rows = rows[rows["destination"].isin(destinations)]
    return sorted(set(zip(rows["product"], rows["destination"], strict=True)))


def plan(days: Days, series: Sequence[SeriesKey], models: Sequence[str], engine: str = "reference") -> list[Task]:
    """Tasks that cover every series, origin and model: panel models by origin, the others by handfuls of series.

    The same for any number of processes, so that a run can be resumed with another number of them; how many series are
    a handful is up to `forecast.costs`.

    Raises
    ------
    ValueError
        Without any series.
    """
    if not series:
        raise ValueError("There is nothing to forecast: no figures of these destinations in these products.")
    names = fitted_models(models)
    panel = tuple(name for name in names if name in PANEL_MODELS)
    single = tuple(name for name in names if name not in PANEL_MODELS)
    tasks = [
        Task(tuple(days[product]), handful, single)
        for product, of_product in groupby(series, key=lambda key: key[0])
        for handful in _handfuls(list(of_product), len(days[product]), single, engine)
    ]
    for day in sorted({day for of_product in days.values() for day in of_product}):
        tasks.append(Task((day,), tuple(key for key in series if day in days[key[0]]), panel))
    return [task for task in tasks if task.origins and task.models]


def fitted_models(models: Sequence[str]) -> list[str]:
    """The models to fit where ``models`` are asked for: those, or all members of the combination where it stands alone.

    Examples
    --------
    >>> fitted_models(["theta", "combination"]), fitted_models(["combination"])
    (['theta'], ['theta', 'arima', 'prophet', 'pooled', 'naive'])
    """
    own = [name for name in models if name != "combination"]
    return own or [*MEMBERS, STAND_IN]


def _handfuls(
    series: Sequence[SeriesKey], count: int, models: Sequence[str], engine: str
) -> list[tuple[SeriesKey, ...]]:
    size = series_a_task(len(series), count, models, engine)
    return [tuple(series[start : start + size]) for start in range(0, len(series), size)]


def run_tasks(
    job: Job,
    tasks: Sequence[Task],
    jobs: int,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[Forecasts]:
    """The results of all tasks, in the order of ``tasks``; the numbers do not depend on ``jobs``."""
    done = {} if checkpoint is None else _kept(checkpoint, len(tasks))
    left = [place for place in range(len(tasks)) if place not in done]
    for turn, result in spread(run_task, remembering(job), [tasks[place] for place in left], jobs):
        done[left[turn]] = result
        if checkpoint is not None:
            checkpoint.write(left[turn], result)
        if progress is not None:
            progress(len(done), len(tasks))
    return [done[place] for place in range(len(tasks))]


def remembering(job: Job) -> Job:
    """The same job, which takes what was known on a day apart once in each process: all of its tasks need it."""
    return _Remembering(**{item.name: getattr(job, item.name) for item in fields(Job)})


@dataclass(frozen=True)
class _Remembering(Job):
    seen: dict[date, Known] = field(default_factory=dict)

    def known_on(self, issued: date) -> Known:
        if issued in self.seen:
            return self.seen[issued]
        known = super().known_on(issued)
        if len(self.seen) < REMEMBERED_DAYS:
            self.seen[issued] = known
        return known


def _kept(checkpoint: Checkpoint, count: int) -> dict[int, Forecasts]:
    kept = {place: checkpoint.read(place) for place in range(count)}
    return {place: result for place, result in kept.items() if result is not None}


def run_task(job: Job, task: Task) -> Forecasts:
    """The forecasts of one task."""
    return joined(forecast_origins(job, task.origins, task.series, task.models))


def _fingerprint(
    job: Job, days: Days, series: Sequence[SeriesKey], models: Sequence[str], refit: int, learn: bool
) -> tuple[dict[str, str], dict[str, object]]:
    """Digests of the tables by name, and the arguments that numbers depend on."""
    groups = pd.DataFrame({"code": list(job.groups), "members": list(job.groups.values())})
    tables = {"exports": table_digest(job.exports), "events": table_digest(job.events), "groups": table_digest(groups)}
    if job.totals is not None:
        tables["period_totals"] = table_digest(job.totals)
    arguments: dict[str, object] = {"models": list(models), "series": [" ".join(key) for key in series]}
    arguments |= {"horizon": job.horizon, "window": job.window, "refit": refit, "learn": learn, "seed": job.seed}
    arguments["engine"] = job.engine
    arguments["origins"] = {product: [day.isoformat() for day in of_product] for product, of_product in days.items()}
    return tables, arguments


# Tables --------------------------------------------------------------------------------------------------------------


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
    forecasts, failures, correlations = run.forecasts, run.failures, run.correlations
    if "combination" in models:
        combined = combination(forecasts)
        failures = _stacked([failures, _not_combined(failures, combined)])
        forecasts = _stacked([forecasts, combined[forecasts.columns]])
        correlations = _stacked([correlations, combined_correlations(correlations)])
    by = ["product", "destination", "issued"]
    rank = {name: place for place, name in enumerate(models)}
    tables = (forecasts, run.effects, failures, correlations)
    forecasts, effects, failures, correlations = (table[table["model"].isin(models)] for table in tables)
    return Forecasts(
        _sorted(forecasts.assign(rank=forecasts["model"].map(rank)), [*by, "month", "rank"]).drop(columns="rank"),
        _sorted(effects, [*by, "model", "regressor"]),
        _sorted(run.dropped, [*by, "regressor"]),
        _sorted(failures, [*by, "model"]),
        _sorted(correlations, [*by, "model", "month", "other"]),
        _sorted(run.reference_fits, [*by, "model"]),
    )


def _sorted(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return table.sort_values(by, kind="stable").reset_index(drop=True)


def _not_combined(failures: pd.DataFrame, combined: pd.DataFrame) -> pd.DataFrame:
    """A failure of the combination for each series and day on which every model failed."""
    cell = ["product", "destination", "issued"]
    failed = failures[cell].drop_duplicates()
    none = ~pd.MultiIndex.from_frame(failed).isin(pd.MultiIndex.from_frame(combined[cell]))
    return failed[none].assign(model="combination", reason="No model could be fitted.")[FAILURE_COLUMNS]
