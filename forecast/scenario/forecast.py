"""Forecasts under events that may happen: every branch beside the others, and their mixture.

A branch is the forecast of `forecast.backtest.run.forecast_all` times the response to what happens in it, which is what was
known of such events on the issue day (`forecast.design.effect_priors`). No model is fitted again, and no month with figures is
touched. A supposed event is an episode of its own, also where its kind acts already: licences tighten a second time.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from forecast.backtest.run import Progress, forecast_all
from forecast.design.effect_priors import Experience, experience
from forecast.design.learned_effects import loadings
from forecast.design.regressors import series_scope
from forecast.realtime.events import Members
from forecast.realtime.releases import Snapshot, as_of
from forecast.registry import DEFAULT_ENGINE, MODELS
from forecast.scenario.events import (
    HypotheticalEvent,
    check_ahead,
    check_lapses,
    hypothetical_events,
    known_products,
    split_lapses,
)
from forecast.tables.frames import records
from forecast.tables.quantiles import MEDIAN, NORMAL_SCORES, PROBABILITIES, VOLUME_QUANTILES
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES, SeriesKey

FURTHEST = 12
"""Months ahead that a scenario reaches where no horizon is given."""

COMBINED = "combination"
BASE, MIXTURE = "as the calendar stands", "mixture"

ALMOST_ZERO = 1e-6
"""What stands for zero where a logarithm is taken, as a share of the least positive bound of its row."""

LEAST_STEP = 1e-9
"""Least distance of neighbouring quantiles (logs), so that a distribution without spread is a steep one."""

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


def responses(
    suppositions: Sequence[HypotheticalEvent],
    found: Sequence[Branch],
    key: SeriesKey,
    months: pd.PeriodIndex,
    known: Snapshot,
    groups: Members,
    learned: Experience,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (logs, branch x month) of what happens in each branch to a series in consecutive ``months``.

    Effects are those believed of the series on the issue day: learned from its own months where it has lived through
    the kind, else from others. Within a branch they have one covariance, and a kind has one effect, so that a second
    episode is taken to work like the first.
    """
    mean, covariance = learned.belief(key)
    scope = series_scope(*key, known.volumes[key[0]], groups)
    added = [loadings(one.added, scope, months, mean) for one in suppositions]
    acting = np.zeros((len(found), *added[0].shape))
    for row, branch in enumerate(found):
        lapsed = [suppositions[place].lapsed for place in branch.happens]
        same_kind = known.events[known.events["kind"].isin(_kinds_of(known.events, lapsed))]
        with_lapses = loadings(_lapsed(same_kind, lapsed), scope, months, mean)
        acting[row] = with_lapses - loadings(same_kind, scope, months, mean)
        acting[row] += sum((added[place] for place in branch.happens), np.zeros_like(added[0]))
    return acting @ mean, np.einsum("bmi,ij,bmj->bm", acting, covariance, acting)


def _kinds_of(events: pd.DataFrame, names: Sequence[str | None]) -> list[str]:
    return events.loc[events["event"].isin(names), "kind"].tolist()


def _lapsed(events: pd.DataFrame, names: Sequence[str | None]) -> pd.DataFrame:
    """The calendar where events of these names end on their scheduled day, and nothing carries them on."""
    lapsed = {event.event: event.scheduled for event in records(events) if event.event in names}
    lapsed |= _carried_on(events, lapsed)
    ends = [lapsed.get(event.event, event.ends) for event in records(events)]
    return events.assign(ends=pd.Series(ends, events.index, dtype=object))


def _carried_on(events: pd.DataFrame, lapsed: Mapping[str, date]) -> dict[str, date]:
    """Events that continue those ``lapsed`` from that day on, and what continues these, with the day of the lapse."""
    gone: dict[str, date] = {}
    for _ in range(len(events)):
        ended = {**lapsed, **gone}
        gone |= {
            event.event: ended[event.continues]
            for event in records(events)
            if event.event not in ended and event.effective >= ended.get(event.continues, date.max)
        }
    return gone


def shifted(volumes: np.ndarray, shift: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Quantiles at `PROBABILITIES` after a response of mean ``shift`` and ``variance`` in logs; zero stays zero.

    ``volumes`` (rows x 5) are quantiles in tonnes, ``shift`` and ``variance`` by branch and row. Each bound keeps its
    side: its squared distance from the median grows by that of a normal distribution with the variance.

    Examples
    --------
    Half the volume, and nothing else; then uncertain by a factor of two:

    >>> volumes = np.array([[50.0, 70.0, 100.0, 140.0, 200.0]])
    >>> shifted(volumes, np.log([[0.5]]), np.array([[0.0]])).round(1).tolist()
    [[[25.0, 35.0, 50.0, 70.0, 100.0]]]
    >>> shifted(volumes, np.log([[0.5]]), np.log([[2.0]]) ** 2).round(1).tolist()
    [[[10.9, 19.2, 50.0, 129.3, 229.8]]]
    """
    logs = np.log(_without_zeros(volumes))
    spread = np.sqrt((logs - logs[:, MEDIAN, None]) ** 2 + NORMAL_SCORES**2 * variance[..., None])
    moved = np.exp(logs[:, MEDIAN, None] + shift[..., None] + np.sign(NORMAL_SCORES) * spread)
    same = ((shift == 0) & (variance == 0))[..., None]
    return np.where(same | (volumes == 0), volumes, moved)


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
    return np.where((volumes == volumes[:, :1]).all(axis=1), volumes[:, 0], quantiles)


def _scores(logs: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Normal scores of ``logs`` (... x n) in distributions whose logs at `NORMAL_SCORES` are ``quantiles`` (... x 5)."""
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
    jobs: int = 1,
    progress: Progress | None = None,
) -> Scenario:
    """Forecasts of every series under events that may happen.

    ``supposed`` has the columns `SUPPOSED_COLUMNS`, ``lapses`` gives events of the calendar with a scheduled end ahead
    a probability of ending on that day, as do rows of kind ``lapse`` in ``supposed``; what was announced to continue
    such an event from that day on then never acts. All are taken to be independent, and as announced when they say,
    also after the issue day. ``horizon`` defaults to the month after the last of these days, at most `FURTHEST` months.
    The forecasts that branch are those of the combination, or of the first of ``models`` without it. All other
    arguments are those of `forecast.backtest.run.forecast_all`, and so are the forecasts without anything supposed.

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
    products = list(products or exports["product"].unique())
    issued = issued or exports.loc[exports["product"].isin(products), "released"].max()
    check_lapses(events, lapses or {}, issued)
    known = as_of(exports, events, issued, totals)
    supposed, lapses = split_lapses(supposed, lapses or {}, known)
    suppositions = hypothetical_events(known, supposed, lapses)
    check_ahead(supposed, known, products)
    horizon = horizon or _reach(known, products, suppositions)
    run = forecast_all(
        exports,
        events,
        groups,
        issued=issued,
        products=products,
        destinations=destinations,
        models=models,
        horizon=horizon,
        totals=totals,
        seed=seed,
        engine=engine,
        calibrate=calibrate,
        jobs=jobs,
        progress=progress,
    )
    return _branched(run, COMBINED if COMBINED in models else models[0], horizon, suppositions, known, groups)


def _branched(
    run: Forecasts,
    model: str,
    horizon: int,
    suppositions: Sequence[HypotheticalEvent],
    known: Snapshot,
    groups: Members,
) -> Scenario:
    """The forecasts of ``model`` in every branch, and their mixture."""
    found = branches([one.name for one in suppositions], [one.probability for one in suppositions])
    base = run.forecasts[run.forecasts["model"] == model].reset_index(drop=True)
    shift, variance = _all_responses(base, suppositions, found, known, groups)
    volumes = shifted(base[list(VOLUME_QUANTILES)].to_numpy(), shift, variance)
    weights = np.array([branch.probability for branch in found])
    mixed = _rows(base, mixture(volumes.swapaxes(0, 1), weights)).assign(model=MIXTURE)
    alone = [(branch.name, place) for place, branch in enumerate(found) if len(branch.happens) == 1]
    return Scenario(
        run.replaced(forecasts=pd.concat([run.forecasts, mixed], ignore_index=True)),
        _by_branch(base, found, volumes),
        tuple(found),
        tuple(suppositions),
        model,
        known.issued,
        horizon,
        tuple(name for name, place in alone if not (shift[place].any() or variance[place].any())),
    )


def _reach(known: Snapshot, products: Sequence[str], suppositions: Sequence[HypotheticalEvent]) -> int:
    """Months from the earliest cutoff to the month after the last day supposed."""
    last = pd.Period(max(one.day for one in suppositions), "M") + 1
    away = [last.ordinal - known.cutoff(product).ordinal for product in known_products(known, products)]
    return min(max(away, default=1), FURTHEST)


def _all_responses(
    base: pd.DataFrame,
    suppositions: Sequence[HypotheticalEvent],
    found: Sequence[Branch],
    known: Snapshot,
    groups: Members,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (logs, branch x row) of the responses for the rows of ``base``."""
    with threadpool_limits(1):  # so that sums are made in the same order everywhere
        learned = experience(known, groups)
    shift, variance = np.zeros((len(found), len(base))), np.zeros((len(found), len(base)))
    for key, rows in base.groupby(["product", "destination"], sort=False):
        places = rows.index.to_numpy()
        months = pd.PeriodIndex(rows["month"])
        of_series = responses(suppositions, found, (str(key[0]), str(key[1])), months, known, groups, learned)
        shift[:, places], variance[:, places] = of_series
    return shift, variance


def _rows(base: pd.DataFrame, volumes: np.ndarray) -> pd.DataFrame:
    """The rows of ``base`` with other volumes."""
    return base.assign(**dict(zip(VOLUME_QUANTILES, volumes.T, strict=True)))


def _by_branch(base: pd.DataFrame, found: Sequence[Branch], volumes: np.ndarray) -> pd.DataFrame:
    parts = [
        _rows(base, volumes[place]).assign(branch=branch.name, probability=branch.probability)
        for place, branch in enumerate(found)
    ]
    return pd.concat(parts, ignore_index=True)[[*RUN_TABLES["forecasts"].columns, "branch", "probability"]]
