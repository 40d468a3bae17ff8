"""Rolling origins: forecasts made on one or many issue days, and the work spread over cores.

A live forecast is a backtest with one origin: `forecast_all` makes both, and `backtest_all` only says which days, and
adds what came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from forecast.calibration import calibrated, earlier_days
from forecast.checkpoint import Checkpoint, table_digest
from forecast.combine import MEMBERS, STAND_IN, combination, combined_correlations
from forecast.costs import series_a_task
from forecast.effects import Expectation
from forecast.evaluate import Measure, Vintage, add_actuals, phases, scores, significance
from forecast.events import Members
from forecast.known import Archive, all_series, archive, cutoffs
from forecast.models import DEFAULT_ENGINE, check_engine
from forecast.models.protocol import SeriesKey
from forecast.origin import PANEL_MODELS, Forecasts, Job, expect, forecast_origins
from forecast.tables import FAILURE_COLUMNS, SCORE_COLUMNS, packed, stacked, unpacked
from forecast.work import spread

MODELS = ("naive", "seasonal_naive", "theta", "arima", "ets", "ces", "prophet", "pooled", "combination")
ORIGINS = 24
"""How many origins a backtest has where nothing is said."""


Progress = Callable[[int, int], None]
Days = Mapping[str, Sequence[date]]
"""Issue days by product."""


@dataclass(frozen=True)
class Asked:
    """What a run is to give: issue days by product, series, models, and whether the combination learns from the past.

    To learn it needs more than is given: the members on earlier days, for every series of a product.
    """

    days: Days
    series: Sequence[SeriesKey]
    models: Sequence[str]
    calibrate: bool

    @property
    def learns(self) -> bool:
        """Whether there is a combination that learns from earlier forecasts."""
        return self.calibrate and "combination" in self.models

    def replayed(self, releases: Archive) -> tuple[Days, Sequence[SeriesKey]]:
        """The days and series that models are fitted on."""
        if not self.learns:
            return self.days, self.series
        days = {
            product: sorted({*of_product}.union(*(earlier_days(releases[product], day) for day in of_product)))
            for product, of_product in self.days.items()
        }
        return days, all_series(releases, self.days)

    def kept(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that were asked for."""
        wanted = {(*key, day) for key in self.series for day in self.days[key[0]]}
        rows = zip(table["product"], table["destination"], table["issued"], strict=True)
        return _chosen(table, np.fromiter((row in wanted for row in rows), dtype=bool, count=len(table)))


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
    calibrate: bool = True,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
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
    learns from itself alone. With ``calibrate`` the combination learns from the forecasts of earlier origins
    (`forecast.calibration`), which are made for it; without, it is the plain interquartile mean in logs of its members.
    ``window`` and ``refit`` are those of `backtest_all`. With ``engine="compiled"`` arima and prophet are fitted by
    `forecast.kernels`; where these cannot, the reference takes over, with a row in ``reference_fits``; with
    ``engine="reference"`` by statsmodels and Prophet. ``progress`` is called with the number of pieces of work done
    and their total.

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
    asked = Asked(days, selected_series(exports, products, destinations), models, calibrate)
    job = _job(exports, events, groups, totals, asked, horizon, window, refit, seed, engine)
    return _run(job, asked, learn, jobs, progress)


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
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
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
    asked = Asked(days, selected_series(exports, products, destinations), models, calibrate)
    job = _job(exports, events, groups, totals, asked, horizon, window, refit, seed, engine)
    if checkpoint is not None:
        checkpoint.begin(*_fingerprint(exports, job, asked, refit, learn))
    run = _run(job, asked, learn, jobs, progress, checkpoint)
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
    return EventsCompared(runs["with"], runs["without"], pd.concat(scored, ignore_index=True), stacked(tested))


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
    asked: Asked,
    horizon: int,
    window: int | None,
    refit: int,
    seed: int,
    engine: str,
) -> Job:
    if window is not None:
        _positive("window", window)
    releases = archive(exports)
    estimated = estimation_days(exports, asked.replayed(releases)[0], refit)
    job = Job(releases, events, groups, _positive("horizon", horizon), seed, window, estimated, totals)
    return replace(job, engine=check_engine(engine))


def _run(
    job: Job,
    asked: Asked,
    learn: bool,
    jobs: int,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Forecasts:
    """Fit all that is needed and keep what was asked for.

    Raises
    ------
    ValueError
        Without any series.
    """
    if not asked.series:
        raise ValueError("There is nothing to forecast: no figures of these destinations in these products.")
    days, series = asked.replayed(job.releases)
    job = replace(job, expected=expected(job, days, jobs)) if learn else job
    tasks = plan(days, series, asked.models, job.engine)
    return gather(job, joined(run_tasks(job, tasks, jobs, progress, checkpoint)), asked)


def expected(job: Job, days: Days, jobs: int) -> dict[date, Mapping[SeriesKey, Expectation]]:
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


def plan(days: Days, series: Sequence[SeriesKey], models: Sequence[str], engine: str = DEFAULT_ENGINE) -> list[Task]:
    """Tasks that cover every series, origin and model: panel models by origin, the others by handfuls of series.

    The same for any number of processes, so that a run can be resumed with another number of them; how many series are
    a handful is up to `forecast.costs`.
    """
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
    """The results of all tasks, `packed`, in the order of ``tasks``; the numbers do not depend on ``jobs``."""
    done = {} if checkpoint is None else _kept(checkpoint, len(tasks))
    left = [place for place in range(len(tasks)) if place not in done]
    for turn, result in spread(run_task, job, [tasks[place] for place in left], jobs):
        done[left[turn]] = result
        if checkpoint is not None:
            checkpoint.write(left[turn], result)
        if progress is not None:
            progress(len(done), len(tasks))
    return [done[place] for place in range(len(tasks))]


def _kept(checkpoint: Checkpoint, count: int) -> dict[int, Forecasts]:
    kept = {place: checkpoint.read(place) for place in range(count)}
    return {place: result for place, result in kept.items() if result is not None}


def run_task(job: Job, task: Task) -> Forecasts:
    """The forecasts of one task, `packed`: many of them travel, and wait for the others."""
    found = forecast_origins(job, task.origins, task.series, task.models)
    return replace(found, **{item.name: packed(getattr(found, item.name)) for item in fields(Forecasts)})


def _fingerprint(
    exports: pd.DataFrame, job: Job, asked: Asked, refit: int, learn: bool
) -> tuple[dict[str, str], dict[str, object]]:
    """Digests of the tables by name, and the arguments that numbers depend on."""
    groups = pd.DataFrame({"code": list(job.groups), "members": list(job.groups.values())})
    tables = {"exports": table_digest(exports), "events": table_digest(job.events), "groups": table_digest(groups)}
    if job.totals is not None:
        tables["period_totals"] = table_digest(job.totals)
    arguments: dict[str, object] = {"models": list(asked.models), "series": [" ".join(key) for key in asked.series]}
    arguments |= {"horizon": job.horizon, "window": job.window, "refit": refit, "learn": learn, "seed": job.seed}
    arguments |= {"engine": job.engine, "calibrate": asked.calibrate}
    days = {product: [day.isoformat() for day in of_product] for product, of_product in asked.days.items()}
    return tables, arguments | {"origins": days}


# Tables --------------------------------------------------------------------------------------------------------------


def joined(parts: Sequence[Forecasts]) -> Forecasts:
    """The tables of several parts, which are `packed`, one below the other."""
    tables = {item.name: [getattr(part, item.name) for part in parts] for item in fields(Forecasts)}
    del parts  # tables of many series are large: what is done with goes
    return Forecasts(**{name: unpacked(tables.pop(name)) for name in [*tables]})


def gather(job: Job, run: Forecasts, asked: Asked) -> Forecasts:
    """The tables of a run in their final order, the combination added where it was asked for."""
    models, combined, calibration = asked.models, run.forecasts.iloc[:0], run.calibration
    if asked.learns:
        combined, calibration = calibrated(run.forecasts, job.releases, job.events, job.groups, asked.days)
    elif "combination" in models:
        combined = combination(run.forecasts)
    tables = {item.name: getattr(run, item.name) for item in fields(Forecasts)}
    tables["forecasts"] = stacked([run.forecasts, combined[run.forecasts.columns]])
    del run
    tables["calibration"] = calibration
    tables = {name: asked.kept(table) for name, table in tables.items()}
    if "combination" in models:
        tables["failures"] = stacked([tables["failures"], _not_combined(tables["failures"], combined)])
        tables["correlations"] = stacked([tables["correlations"], combined_correlations(tables["correlations"])])
    return Forecasts(**{name: _in_order(tables.pop(name), name, models) for name in [*tables]})


ORDER = {
    "forecasts": ["month"],
    "effects": ["model", "regressor"],
    "dropped": ["regressor"],
    "failures": ["model"],
    "correlations": ["model", "month", "other"],
    "reference_fits": ["model"],
    "calibration": ["month"],
}
"""What each table is sorted by after product, destination and issue day; forecasts by the models as asked for, last."""


def _in_order(table: pd.DataFrame, name: str, models: Sequence[str]) -> pd.DataFrame:
    if name in ("forecasts", "effects", "failures", "correlations"):
        table = _chosen(table, table["model"].isin(models).to_numpy())
    if name == "forecasts":
        table = table.iloc[np.argsort(table["model"].map(list(models).index).to_numpy(), kind="stable")]
    return table.sort_values(["product", "destination", "issued", *ORDER[name]], kind="stable").reset_index(drop=True)


def _chosen(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """The rows of a table where ``rows`` says so; the table itself where it does throughout."""
    return table if rows.all() else table[rows]


def _not_combined(failures: pd.DataFrame, combined: pd.DataFrame) -> pd.DataFrame:
    """A failure of the combination for each series and day on which every model failed."""
    cell = ["product", "destination", "issued"]
    failed = failures[cell].drop_duplicates()
    none = ~pd.MultiIndex.from_frame(failed).isin(pd.MultiIndex.from_frame(combined[cell]))
    return failed[none].assign(model="combination", reason="No model could be fitted.")[FAILURE_COLUMNS]
