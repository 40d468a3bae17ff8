"""Months known only inside a sum: their estimate, conditioned on what is known of several months or of the world.

Two kinds of sum hold a month that nobody printed: a total of several months of the same series, such as a quarter, and
the world's figure of the month. Around either the series is a local level with the season of its structural model and
what its episodes are believed to have done, in logs; its months without a figure are drawn jointly given all those with
one, and moved onto the sum where there is one (`forecast.totals.reconciliation.reconciled_draws`). Where the share of
the world moves less from month to month than the volume does, the level is one of the share, and the world's figure
carries the estimate; what episodes did to the series beyond what they did to the world moves the share. The rest of the
world is what the destinations apart from it leave of the world's figure.

References
----------
Chow and Lin (1971), Best linear unbiased interpolation, distribution, and extrapolation of time series by related
series, doi 10.2307/1928739.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.realtime.period_totals import remainders
from forecast.realtime.releases import Snapshot
from forecast.tables.quantiles import PROBABILITIES
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES, WORLD, SeriesKey
from forecast.totals.reconciliation import normal_scores, reconciled_draws

ESTIMATED_MONTHS = 24
"""Months up to the cutoff whose estimates are given."""

MEMORY = 60
"""Months up to the cutoff that an estimate looks at."""

LEVEL_SHARE = 1 / 3
"""Share of the variance of a month's change that is a step of the level, and so is the noise of each of the two
months: a level and a noise of one size."""

LEAST_KNOWN = 6
LEAST_CHANGE_VARIANCE = 0.02**2
FLOOR_SHARE = 0.01
"""Figures without which a series has no estimates, least variance of a month's change (logs), and the share of the
median that is added before the log."""


class Course(NamedTuple):
    """What is known of the months of a series in logs: the season by calendar month, and episodes by month.

    ``doubt`` is the standard deviation of what is new of the effect of episodes in the first month ahead.
    """

    season: pd.Series
    effects: pd.Series
    doubt: float

    def seasonal(self, months: pd.PeriodIndex) -> np.ndarray:
        """The season on ``months``."""
        return self.season.reindex(months.month).to_numpy(dtype=float)

    def of_episodes(self, months: pd.PeriodIndex) -> np.ndarray:
        """What episodes did on ``months``; zero where nothing is known."""
        return self.effects.reindex(months).fillna(0.0).to_numpy(dtype=float)

    def doubts(self, months: pd.PeriodIndex, last: int) -> np.ndarray:
        """Standard deviation of what changed since the month at ``last``: no more than the change, nor than `doubt`."""
        effects = self.of_episodes(months)
        moved = np.minimum(np.abs(effects - effects[last]), self.doubt)
        return np.where(np.arange(len(months)) > last, moved, 0.0)


Courses = Callable[[SeriesKey], Course | None]
"""What is known of the months of a series; None of one that nothing is known of."""


class World(NamedTuple):
    """Months of the world in tonnes, and what episodes did to a part beyond what they did to the world, in logs."""

    tonnes: np.ndarray
    beyond: np.ndarray


class GappedLevel(NamedTuple):
    """Months of a series in logs less season, NaN where not known, and the variance of a month's change."""

    logs: np.ndarray
    variance: float


def gapped_level(logs: np.ndarray) -> GappedLevel:
    """The level's variance from the changes between known months, each over the steps that lie between.

    Half the weight is on the median of squares, so that a month of an event does not decide alone.

    Examples
    --------
    >>> round(gapped_level(np.array([0.0, 0.1, np.nan, 0.0, 0.1])).variance, 4)
    0.0156
    """
    places = np.flatnonzero(np.isfinite(logs))
    steps = np.diff(places)
    squares = np.diff(logs[places]) ** 2 / (1 + LEVEL_SHARE * (steps - 1))
    typical = float(np.median(squares)) / 0.455 if len(squares) else 0.0
    whole = float(squares.mean()) if len(squares) else 0.0
    return GappedLevel(logs, max(0.5 * (typical + whole), LEAST_CHANGE_VARIANCE))


def missing_moments(level: GappedLevel) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance in logs of the months without a figure, noise included, given those with one.

    Examples
    --------
    >>> mean, covariance = missing_moments(GappedLevel(np.array([1.0, np.nan, 1.0]), 0.03))
    >>> mean.round(6).tolist(), covariance.round(4).tolist()
    ([1.0], [[0.02]])
    """
    months = np.arange(1, len(level.logs) + 1)
    step = noise = level.variance * LEVEL_SHARE
    whole = step * np.minimum.outer(months, months) + noise * np.eye(len(months))
    known = np.isfinite(level.logs)
    inside = whole[np.ix_(known, known)]
    across = whole[np.ix_(~known, known)]
    ones = np.ones(int(known.sum()))
    solved = np.linalg.solve(inside, np.column_stack([ones, level.logs[known]]))
    centre = float(ones @ solved[:, 1] / (ones @ solved[:, 0]))
    mean = centre + across @ np.linalg.solve(inside, level.logs[known] - centre)
    gain = np.linalg.solve(inside, across.T).T
    lack = 1 - gain @ ones
    covariance = whole[np.ix_(~known, ~known)] - gain @ across.T + np.outer(lack, lack) / (ones @ solved[:, 0])
    return mean, covariance


class GapDraws(NamedTuple):
    """Months of a series without a figure: their ``places``, draws in tonnes (draw x place), and the sums they are in.

    ``inside`` has, for the places inside a sum, its name and its tonnes.
    """

    places: np.ndarray
    draws: np.ndarray
    inside: dict[int, tuple[str, float]]


def estimates(
    snapshot: Snapshot,
    series: Collection[SeriesKey],
    courses: Courses,
    apart: Mapping[str, Collection[str]],
) -> pd.DataFrame:
    """Months of ``series`` that are known only inside a sum: the table ``estimates`` of a run.

    ``courses`` knows those of the series, of the world of each product, and of the destinations that are ``apart`` from
    its rest, by product. Months are those of the last two years up to the cutoff, after the first figure of the series.

    Returns
    -------
    pandas.DataFrame
        Quantiles in tonnes, a row per series and month; ``inside`` says which sum, ``sum_t`` is its volume.
    """
    rows: list[tuple[Any, ...]] = []
    recent = {product: _recent(snapshot, product) for product, _ in series}
    gapped = {product: {*wide.columns[wide.isna().any().to_numpy()]} for product, wide in recent.items()}
    for product, code in (key for key in series if key[1] in gapped[key[0]]):
        months = pd.PeriodIndex(recent[product].index)
        found = _drawn(snapshot, (product, code), courses)
        if found is None or not len(found.places):
            continue
        if code == REST_OF_WORLD:
            found = _what_is_left(snapshot, product, found, courses, apart.get(product, ()))
        quantiles = np.quantile(found.draws, PROBABILITIES, axis=0, method="hazen")
        for column, place in enumerate(map(int, found.places)):
            if place in found.inside and place >= len(months) - ESTIMATED_MONTHS:
                low_95, low_80, median, high_80, high_95 = map(float, quantiles[:, column])
                cells = (median, low_80, high_80, low_95, high_95, *found.inside[place])
                rows.append((product, code, snapshot.issued, months[place], *cells))
    return RUN_TABLES["estimates"].from_rows(rows)


def needs_course(snapshot: Snapshot, key: SeriesKey) -> bool:
    """Whether `estimates` may ask for the course of a series: it has a gap, or is what parts are a share of."""
    recent = _recent(snapshot, key[0])
    return key[1] == WORLD or bool(np.isnan(recent[key[1]].to_numpy(dtype=float)).any())


def _recent(snapshot: Snapshot, product: str) -> pd.DataFrame:
    return snapshot.volumes[product].iloc[-MEMORY:]


def _what_is_left(
    snapshot: Snapshot, product: str, rest: GapDraws, courses: Courses, apart: Collection[str]
) -> GapDraws:
    """The rest of the world as the world's figure less the destinations apart, drawn where they have no figure."""
    wide, draws = _recent(snapshot, product), rest.draws.copy()
    drawn = {code: _drawn(snapshot, (product, code), courses) for code in apart}
    for column, place in enumerate(map(int, rest.places)):
        if rest.inside.get(place, ("", 0.0))[0] == WORLD:
            parts = [_part(wide[code].to_numpy(dtype=float)[place], drawn[code], place) for code in apart]
            given = [part for part in parts if part is not None]
            if len(given) == len(parts):
                draws[:, column] = np.maximum(rest.inside[place][1] - sum(given), 0.0)
    return rest._replace(draws=draws)


def _part(figure: float, drawn: GapDraws | None, place: int) -> np.ndarray | None:
    """The figure of a month, or its draws; None where it has neither."""
    if np.isfinite(figure):
        return np.asarray(figure)
    if drawn is None or place not in drawn.places:
        return None
    return np.asarray(drawn.draws[:, np.searchsorted(drawn.places, place)])


def _drawn(snapshot: Snapshot, key: SeriesKey, courses: Courses) -> GapDraws | None:
    """Draws of the months without a figure after the first of a series; None where too few are known."""
    product, code = key
    wide, totals = _recent(snapshot, product), snapshot.totals
    months, values = pd.PeriodIndex(wide.index), wide[code].to_numpy(dtype=float)
    known = np.isfinite(values)
    if known.sum() < LEAST_KNOWN:
        return None
    first, last = int(np.argmax(known)), int(np.flatnonzero(known)[-1])
    if known[first:].all():
        return GapDraws(np.zeros(0, int), np.zeros((1, 0)), {})
    own = totals[(totals["product"] == product) & (totals["destination"] == code) & (totals["end"] <= months[-1])]
    course, world = courses(key), None
    if course is None:
        return None
    if WORLD in wide and code != WORLD:
        beyond = _beyond(course, courses((product, WORLD)), months)
        world = World(wide[WORLD].to_numpy(dtype=float)[first:], beyond[first:])
    usual, doubts = course.seasonal(months) + course.of_episodes(months), course.doubts(months, last)
    draws = _draws(values[first:], world, usual[first:], doubts[first:])
    missing = np.flatnonzero(~known[first:]) + first
    inside: dict[int, tuple[str, float]] = {}
    if world is not None:
        tonnes = dict(zip(range(first, len(months)), map(float, world.tonnes), strict=True))
        inside = {place: (WORLD, tonnes[place]) for place in map(int, missing) if np.isfinite(tonnes[place])}
    for mask, mean in remainders(wide[code].iloc[first:], own) if len(own) else ():
        at = [int(place) for place in np.flatnonzero(mask) + first]
        columns = np.searchsorted(missing, at)
        total = mean * len(at)
        fixed = np.full((len(draws), 1), total)
        draws[:, columns] = reconciled_draws(np.hstack([draws[:, columns], fixed]))[:, :-1]
        inside |= dict.fromkeys(at, (f"{months[at[0]]} to {months[at[-1]]}", total))
    return GapDraws(missing, draws, inside)


def _beyond(course: Course, world: Course | None, months: pd.PeriodIndex) -> np.ndarray:
    """What episodes did to a part beyond what they did to the world."""
    own = course.of_episodes(months)
    return own if world is None else own - world.of_episodes(months)


def _draws(values: np.ndarray, world: World | None, usual: np.ndarray, doubts: np.ndarray) -> np.ndarray:
    """Draws in tonnes (draw x month without a figure), with the world's figure where its share moves less.

    ``usual`` is season and episodes in logs, ``doubts`` the standard deviation of what episodes changed. Where the
    world lacks a month as well its log is taken to lie on the line between its neighbours.
    """
    known = np.isfinite(values)
    floor = FLOOR_SHARE * float(np.median(values[known])) + 1e-9
    own = gapped_level(np.log(values + floor) - usual)
    base = usual
    if world is not None and np.isfinite(world.tonnes[known]).sum() >= LEAST_KNOWN:
        logs = pd.Series(np.log(np.maximum(world.tonnes, floor)))
        carried = logs.interpolate(limit_direction="both").to_numpy() + world.beyond
        shares = np.log(values + floor) - carried
        variance = gapped_level(np.where(np.isfinite(world.tonnes), shares, np.nan)).variance
        if variance < own.variance:
            own, base = GappedLevel(shares, variance), carried
    mean, covariance = missing_moments(own)
    covariance = covariance + np.outer(doubts[~known], doubts[~known])
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(mean)))
    drawn = mean + normal_scores(len(mean)) @ root.T + base[~known]
    return np.asarray(np.maximum(np.exp(drawn) - floor, 0.0))
