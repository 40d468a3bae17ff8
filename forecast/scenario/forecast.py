"""Forecasts under events that may happen: every branch beside the others, and their mixture.

A branch is a calendar: the one on file, with the events that happen in it and without the ends that do not come. Its
forecast is the forecast of `forecast.backtest.run.forecast_all` under that calendar, so that a row of a scenario with
probability 1 and the same row in the calendar give the same numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import ndtr

from forecast.backtest.plan import EXPERIENCE, Request, Settings, issue_days, selected_series
from forecast.backtest.run import Progress, fitted_rows, gather
from forecast.realtime.data import Data
from forecast.realtime.events import Members
from forecast.realtime.releases import Snapshot
from forecast.registry import COMBINATION, DEFAULT_ENGINE, MODELS, REGISTRY
from forecast.scenario.events import (
    HypotheticalEvent,
    check_ahead,
    check_lapses,
    hypothetical_events,
    known_products,
    split_lapses,
)
from forecast.tables.frames import records, stacked
from forecast.tables.quantiles import NORMAL_SCORES, PROBABILITIES, VOLUME_QUANTILES
from forecast.tables.run import Forecasts, joined
from forecast.tables.schema import RUN_TABLES

LONGEST_HORIZON = 12
"""Months ahead that a scenario reaches where no horizon is given."""

BASE, MIXTURE = "as the calendar stands", "mixture"

ALMOST_ZERO = 1e-6
"""Taken for zero where a logarithm is needed, as a share of the least positive bound of its row."""

LEAST_STEP = 1e-9
"""Least distance of neighbouring quantiles (logs), so that a distribution without spread is a steep one."""

IDLE = 1e-9
"""Relative change of every bound up to which a branch changes nothing: sums of other lengths round otherwise."""

HALVINGS = 60
"""Rounds of bisection: as many as a double has digits to halve."""


# Branches ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """One way things may go: what happens in it (places in the list of suppositions), and how likely it is."""

    name: str
    probability: float
    happens: tuple[int, ...]


def branches(names: Sequence[str], probabilities: Sequence[float]) -> list[Branch]:
    """Every combination of independent suppositions, from none to all.

    Examples
    --------
    >>> [(branch.name, round(branch.probability, 2)) for branch in branches(["ban", "truce lapses"], [0.3, 0.5])]
    [('as the calendar stands', 0.35), ('ban', 0.15), ('truce lapses', 0.35), ('ban + truce lapses', 0.15)]
    """
    places, found = range(len(names)), []
    for count in range(len(names) + 1):
        for happens in itertools.combinations(places, count):
            factors = [probabilities[place] if place in happens else 1 - probabilities[place] for place in places]
            name = " + ".join(names[place] for place in happens) or BASE
            found.append(Branch(name, float(np.prod(factors)), happens))
    return found


def branch_events(events: pd.DataFrame, found: Sequence[HypotheticalEvent], issued: date) -> pd.DataFrame:
    """The calendar of a branch: the events that happen added, and ends that lapse confirmed, known by ``issued``.

    An event counts as known from its announcement, or from ``issued`` where that is still to come. What was to carry on
    an event that lapses is left out.
    """
    lapsed = {one.lapsed: one.day for one in found if one.lapsed}
    left = events[~events["event"].isin(_carried_on(events, lapsed))].reset_index(drop=True)
    rows = records(left)
    calendar = left.assign(
        known_from=left["announced"],
        ends_status=["" if row.event in lapsed else row.ends_status for row in rows],
        ends_announced=pd.Series([issued if row.event in lapsed else row.ends_announced for row in rows], dtype=object),
    )
    added = [
        one.added.assign(known_from=[min(day, issued) for day in one.added["announced"]])
        for one in found
        if len(one.added)
    ]
    return pd.concat([calendar, *added], ignore_index=True)[[*calendar.columns]]


def _carried_on(events: pd.DataFrame, lapsed: Mapping[str, date]) -> set[str]:
    """Events that continue those ``lapsed`` from that day on, and what continues these."""
    gone: dict[str, date] = {}
    for _ in range(len(events) if lapsed else 0):
        ended = {**lapsed, **gone}
        gone |= {
            event.event: ended[event.continues]
            for event in records(events)
            if event.event not in ended and event.effective >= ended.get(event.continues, date.max)
        }
    return set(gone)


def _without_zeros(volumes: np.ndarray) -> np.ndarray:
    """``volumes`` (... x 5) with next to nothing where they are zero."""
    least = np.where(volumes > 0, volumes, np.inf).min(axis=-1, keepdims=True)
    return np.where(volumes > 0, volumes, ALMOST_ZERO * np.where(np.isfinite(least), least, 1.0))


# Mixture -------------------------------------------------------------------------------------------------------------


def mixture(volumes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Quantiles at `PROBABILITIES` of the mixture of distributions given by theirs: not the average of the quantiles.

    ``volumes`` (rows x branches x 5) in tonnes; ``weights`` add up to one. Between its quantiles a distribution is
    linear in logs against normal scores, beyond them it goes on as a normal one. The weighted probabilities of a volume
    are added and inverted by bisection.

    Examples
    --------
    Equal chances of 100 t and of 10 t, both almost certain: the 10 % quantile is in the lower branch, the 90 % in the
    upper, while averages of quantiles would be near 55 t.

    >>> low = 10 * np.exp(0.01 * NORMAL_SCORES)
    >>> mixture(np.array([[low, 10 * low]]), np.array([0.5, 0.5])).round(1)[0, [1, 3]].tolist()
    [9.9, 100.8]
    """
    possible = weights > 0
    volumes, weights = volumes[:, possible], weights[possible]
    logs = np.log(_without_zeros(volumes))
    low, high = logs.min(axis=1), logs.max(axis=1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = np.einsum("rbl,b->rl", ndtr(_scores(middle[:, None, :], logs)), weights) < PROBABILITIES
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    at_zero = np.where(volumes == 0, PROBABILITIES, 0.0).max(axis=2) @ weights
    quantiles = np.where(at_zero[:, None] >= PROBABILITIES, 0.0, np.exp(high))
    alike = volumes.min(axis=1) == volumes.max(axis=1)
    return np.where(alike, volumes.min(axis=1), quantiles)


def _scores(logs: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Normal scores of ``logs`` (... x n) in distributions with logs ``quantiles`` (... x 5) at `NORMAL_SCORES`."""
    slopes = np.diff(NORMAL_SCORES) / np.maximum(np.diff(quantiles), LEAST_STEP)
    left, right = quantiles[..., :-1].copy(), quantiles[..., 1:].copy()
    left[..., 0], right[..., -1] = -np.inf, np.inf
    within = np.clip(logs[..., None, :], left[..., None], right[..., None]) - quantiles[..., :-1, None]
    return np.asarray(NORMAL_SCORES[0] + (slopes[..., None] * within).sum(axis=-2))


# The whole -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """The forecasts of a day under what may happen.

    Attributes
    ----------
    run
        What `forecast_all` gives, with the rows of model ``mixture`` after its own.
    by_branch
        The forecasts of the model shown in every branch, the first of which are its own rows: columns
        `RUN_TABLES["forecasts"].columns`, ``branch`` and ``probability``.
    branches, suppositions
        Every way things may go, and what may happen.
    model, issued, horizon
        The model whose forecasts branch, the issue day, and the months ahead.
    idle
        What changes nothing in these months and destinations.
    """

    run: Forecasts
    by_branch: pd.DataFrame
    branches: tuple[Branch, ...]
    suppositions: tuple[HypotheticalEvent, ...]
    model: str
    issued: date
    horizon: int
    idle: tuple[str, ...]


def scenario_all(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    supposed: pd.DataFrame,
    *,
    lapses: Mapping[str, float] | None = None,
    issued: date | None = None,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    models: Sequence[str] = MODELS,
    horizon: int | None = None,
    totals: pd.DataFrame | None = None,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    calibrate: bool = True,
    experience: str = EXPERIENCE,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Scenario:
    """Forecasts of every series under events that may happen.

    ``supposed`` has the columns `SUPPOSED_COLUMNS`, ``lapses`` gives events of the calendar with a scheduled end ahead
    a probability of ending on that day. All are taken to be independent, and as announced when they say, also after the
    issue day. ``horizon`` defaults to the month after the last of these days, at most `LONGEST_HORIZON` months. The
    forecasts shown by branch are those of the combination, or without it of the first of ``models`` that knows events.
    All other arguments are those of `forecast.backtest.run.forecast_all`, and so are the forecasts without anything
    supposed.

    Raises
    ------
    TableError
        For an event that acts on months with figures, is in the calendar or stands twice, and for none or more than
        `MOST` in all.
    ValueError
        As `check_lapses` and `forecast_all`.

    Examples
    --------
    >>> import forecast as fc
    >>> from forecast.scenario.events import supposed_events, supposed_rows
    >>> rows = supposed_rows(
    ...     ["kind=ban,destinations=ALL,announced=2026-02-01,effective=2026-02-01,probability=0.5"], ["gallium"]
    ... )
    >>> found = scenario_all(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(), supposed_events({"-": rows}, fc.read_destinations()),
    ...     products=["gallium"], destinations=["WLD"], models=["naive"],
    ... )
    >>> found.by_branch[["branch", "month", "probability"]].astype(str).values.tolist()[-1]
    ['ban-2026-02-01', '2026-03', '0.5']
    """
    data = Data(exports, events, groups, totals)
    products = list(products or exports["product"].unique())
    (issued,) = issue_days(exports, products, issued)
    check_lapses(events, lapses or {}, issued)
    known = data.as_of(issued)
    supposed, lapses = split_lapses(supposed, lapses or {}, known)
    suppositions = hypothetical_events(known, supposed, lapses)
    check_ahead(supposed, known, products)
    horizon = horizon or _reach(known, products, suppositions)
    settings = Settings(tuple(models), horizon, calibrate=calibrate, seed=seed, engine=engine, experience=experience)
    request = Request({product: [issued] for product in products}, selected_series(exports, products, destinations))
    found = branches([one.name for one in suppositions], [one.probability for one in suppositions])
    runs = _branch_runs(data, settings, request, found, suppositions, jobs, progress)
    knowing = (name for name in models if not (name in REGISTRY and REGISTRY[name].benchmark))
    shown = COMBINATION if COMBINATION in models else next(knowing, models[0])
    return _mixed(runs, shown, horizon, found, suppositions, issued)


def _branch_runs(
    data: Data,
    settings: Settings,
    request: Request,
    found: Sequence[Branch],
    suppositions: Sequence[HypotheticalEvent],
    jobs: int,
    progress: Progress | None,
) -> list[Forecasts]:
    """The run of every branch; earlier origins on which a branch's calendar is the one on file are fitted once."""
    fitted = request.replayed(data.vintages, settings)
    (issued,) = {day for of_product in request.days.values() for day in of_product}
    base = _rows(data, settings, fitted, jobs, progress)
    runs = []
    for branch in found:
        happens = [suppositions[place] for place in branch.happens]
        calendar = branch_events(data.events, happens, issued) if happens else data.events
        since = min([issued, *(day for one in happens for day in one.added["announced"])])
        days = {product: [day for day in of_product if day >= since] for product, of_product in fitted.days.items()}
        own = replace(data, events=calendar)
        rows = base if not happens else _after(base, _rows(own, settings, replace(fitted, days=days), jobs), since)
        runs.append(gather(own, settings, rows, request))
    return runs


def _rows(data: Data, settings: Settings, fitted: Request, jobs: int, progress: Progress | None = None) -> Forecasts:
    """The rows of all fitted models on the days of ``fitted``."""
    return joined([fitted_rows(data, settings, fitted, Request({}, ()), jobs, progress)])


def _after(base: Forecasts, branch: Forecasts, since: date) -> Forecasts:
    """The rows of ``base`` before a day, and those of ``branch`` from it on."""
    earlier = {name: table[np.array([day < since for day in table["issued"]], dtype=bool)] for name, table in base}
    return Forecasts(**{name: stacked([earlier[name], table]) for name, table in branch})


def _mixed(
    runs: Sequence[Forecasts],
    model: str,
    horizon: int,
    found: Sequence[Branch],
    suppositions: Sequence[HypotheticalEvent],
    issued: date,
) -> Scenario:
    """The forecasts of ``model`` in every branch, and their mixture."""
    rows = [run.forecasts[run.forecasts["model"] == model].reset_index(drop=True) for run in runs]
    volumes = np.stack([own[list(VOLUME_QUANTILES)].to_numpy() for own in rows])
    weights = np.array([branch.probability for branch in found])
    quantiles = dict(zip(VOLUME_QUANTILES, mixture(volumes.swapaxes(0, 1), weights).T, strict=True))
    mixed = rows[0].assign(model=MIXTURE, **quantiles)
    by_branch = [
        own.assign(branch=branch.name, probability=branch.probability) for branch, own in zip(found, rows, strict=True)
    ]
    alone = [(branch.name, place) for place, branch in enumerate(found) if len(branch.happens) == 1]
    return Scenario(
        runs[0].replaced(forecasts=pd.concat([runs[0].forecasts, mixed], ignore_index=True)),
        pd.concat(by_branch, ignore_index=True)[[*RUN_TABLES["forecasts"].columns, "branch", "probability"]],
        tuple(found),
        tuple(suppositions),
        model,
        issued,
        horizon,
        tuple(name for name, place in alone if np.allclose(volumes[place], volumes[0], rtol=IDLE, atol=0.0)),
    )


def _reach(known: Snapshot, products: Sequence[str], suppositions: Sequence[HypotheticalEvent]) -> int:
    """Months from the earliest cutoff to the month after the last day supposed."""
    last = pd.Period(max(one.day for one in suppositions), "M") + 1
    away = [last.ordinal - known.cutoff(product).ordinal for product in known_products(known, products)]
    return min(max(away, default=1), LONGEST_HORIZON)
