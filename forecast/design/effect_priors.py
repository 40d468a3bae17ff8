"""Effect priors by random effects over all series known on a day: one for every regressor of every series.

Licensing had never been seen on magnets, but it had on gallium and on graphite. Each series with months under events
gives evidence on their effects. A hierarchical regression pools it, series about their product, products about their
kind of event: all Gaussian, and in closed form but for the spreads, which take a few rounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular

from forecast.design.regressors import (
    MIN_EXPOSURE,
    Candidates,
    Design,
    bent_values,
    index_of,
    regressors,
    series_scope,
    zero_offset,
)
from forecast.models.protocol import MEAN_AND_SD
from forecast.realtime.events import ACTING_KINDS, SHAPES, TIGHTENING, Members, Scope
from forecast.realtime.releases import Snapshot
from forecast.tables.frames import records
from forecast.tables.schema import SeriesKey

COLUMNS = tuple(f"{kind}_{shape}" for kind in ACTING_KINDS for shape in SHAPES)
PLACES = {name: place for place, name in enumerate(COLUMNS)}

EXPORT_CONTROLS = ("licensing", "ban", "quota", "quota_removal", "suspension")
MEAN_SD = {"step": 0.7, "temporary": 0.7, "anticipation": 0.3}
SPREAD_SD = {"step": 0.5, "temporary": 0.7, "anticipation": 0.3}
FIRST_SD = {shape: float(np.hypot(MEAN_SD[shape], SPREAD_SD[shape])) for shape in SHAPES}
NON_BORDER_SCALE = 0.4
"""Before any episode: standard deviations (logs) of the mean effect of a kind, which is zero on average, and of a
product about that mean. For kinds that do not stop goods at the border both are `NON_BORDER_SCALE` times as large."""

SPREAD_WEIGHT = 4.0
"""Products that the stated spread is worth when known episodes revise it."""

WITHIN = 0.5
"""Spread of the destinations of one product, as a share of the spread between products."""

FAMILIES = (("licensing", "ban", "quota"), ("scrutiny", "listing"), ("tariff", "tax"))
"""Kinds that work alike: what is known of one says something of the others."""

DRIFT = 0.1
"""Variance of a month's change of level, as a share of the variance of a month about its level."""

EARLY_SD_RATIO = 2.0
"""Standard deviation of a month early in an episode against that of a calm one: buyers come back in lumps."""

NOISE_SD, NOISE_WEIGHT = 0.3, 6.0
"""Standard deviation (logs) of a month about its level, and the months it is worth beside the series' own."""

FAINT = "it acts on less than a tenth of every month"

LEVEL_SD, WAVE_SD, HOLIDAY_SD = 100.0, 0.2, 0.5
"""Prior standard deviations (logs) of the level, of the waves of the season, and of Lunar New Year."""

HOLIDAY, ABOUT_HOLIDAYS = len(COLUMNS), np.array([[0.0], [HOLIDAY_SD]])
"""Where Lunar New Year, which is no event, stands behind `COLUMNS`, and what is expected of it: mean and sd."""


@dataclass(frozen=True)
class Evidence:
    """What data say of effects b, one per name of `COLUMNS`: log-likelihood ``shift @ b - b @ precision @ b / 2``."""

    precision: np.ndarray
    shift: np.ndarray

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.precision + other.precision, self.shift + other.shift)

    def __mul__(self, weight: float) -> Evidence:
        return Evidence(self.precision * weight, self.shift * weight)

    def of_mean(self, spread: np.ndarray) -> Evidence:
        """What the same data say of the mean of a population that b is drawn from, with variances ``spread``."""
        shrink = np.linalg.inv(np.eye(len(spread)) + self.precision * spread)
        return Evidence(shrink @ self.precision, shrink @ self.shift)

    def posterior(self, mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of b after a Gaussian prior.

        Examples
        --------
        One observation of 3 with variance 1 on a prior of 0 with variance 2 gives 2 with variance 2/3:

        >>> mean, covariance = Evidence(np.eye(1), np.array([3.0])).posterior(np.zeros(1), 2 * np.eye(1))
        >>> mean.round(3).tolist(), covariance.round(3).tolist()
        ([2.0], [[0.667]])
        """
        gain = np.linalg.inv(np.eye(len(mean)) + covariance @ self.precision)
        return gain @ (mean + covariance @ self.shift), gain @ covariance


NOTHING = Evidence(np.zeros((len(COLUMNS), len(COLUMNS))), np.zeros(len(COLUMNS)))


def _sum(parts: Iterable[Evidence]) -> Evidence:
    return reduce(Evidence.__add__, parts, NOTHING)


def _stated(table: Mapping[str, float]) -> np.ndarray:
    """A stated standard deviation for each of `COLUMNS`."""
    kinds_and_shapes = [name.rsplit("_", 1) for name in COLUMNS]
    return np.array(
        [table[shape] * (1 if kind in EXPORT_CONTROLS else NON_BORDER_SCALE) for kind, shape in kinds_and_shapes]
    )


# What one series says.


def series_evidence(volume: pd.Series, totals: pd.DataFrame, acting: Sequence[Any], scope: Scope) -> Evidence:
    """Likelihood of the effects of the events that acted on one series.

    ``volume`` holds tonnes by consecutive month with gaps as NaN; ``totals`` (columns ``start``, ``end``, ``volume_t``)
    what is known of several months together; ``acting`` are rows of the calendar
    (`forecast.realtime.events.acting_events`).
    """
    if len(totals):
        first = min([volume.first_valid_index(), *totals["start"]])
        last = max([volume.index[-1], *totals["end"]])
        volume = volume.reindex(pd.period_range(first, last, freq="M"))
    else:
        volume = volume.iloc[int(np.argmax(np.isfinite(volume.to_numpy()))) :]
    offset = zero_offset(volume.to_numpy())
    rests = [(months, np.log(mean + offset)) for months, mean in remainders(volume, totals)]
    y = pd.Series(np.log(volume.to_numpy() + offset), volume.index)
    return evidence(y, regressors(acting, scope, pd.PeriodIndex(volume.index)), rests)


def remainders(volume: pd.Series, totals: pd.DataFrame) -> list[tuple[np.ndarray, float]]:
    """Mean volume of the unobserved months implied by each period total, with a mask of those months.

    Months known by themselves are taken off their total; of totals that overlap in other months the shortest counts.

    Examples
    --------
    >>> month = pd.period_range("2023-01", "2023-03", freq="M")
    >>> totals = pd.DataFrame({"start": month[:1], "end": month[2:], "volume_t": [28.0]})
    >>> remainders(pd.Series([np.nan, 8.0, np.nan], month), totals)
    [(array([ True, False,  True]), 10.0)]
    """
    if not len(totals):
        return []
    covered, found = volume.notna().to_numpy(), []
    spans = totals.assign(months=totals["end"].astype("int64") - totals["start"].astype("int64"))
    for row in records(spans.sort_values("months", kind="stable")):
        inside = np.asarray((volume.index >= row.start) & (volume.index <= row.end))
        unknown = inside & volume.isna().to_numpy()
        rest = row.volume_t - float(volume[inside].sum())
        if unknown.any() and not (unknown & covered).any() and rest > 0:
            found.append((unknown, rest / int(unknown.sum())))
            covered = covered | unknown
    return found


def evidence(y: pd.Series, shares: pd.DataFrame, rests: Iterable[tuple[np.ndarray, float]] = ()) -> Evidence:
    """Likelihood of the effects of regressors given log volumes, level, season and holidays integrated out.

    ``y`` is by consecutive month, gaps as NaN; ``shares`` are regressors on the same index, from `regressors`;
    ``rests`` masks of months and the log of their mean. Errors are a local level: months about it, lumpier early in an
    episode, and a level whose changes have variance `DRIFT` times that of a calm month. That variance is estimated and
    shrunk to `NOISE_SD`; months covered in part are bent at the effects found (`regressors.bent`).
    """
    names = [name for name in COLUMNS if name in shares]
    if not names:
        return NOTHING
    values, (others, sd) = shares[names].to_numpy(), _nuisance(shares)
    pick, z = _observations(y, rests)
    root = np.linalg.cholesky(pick @ _covariance(shares) @ pick.T)
    whiten = solve_triangular(root, pick, lower=True)
    certainty = np.concatenate([_stated(FIRST_SD)[[PLACES[name] for name in names]], sd]) ** -2.0
    white = np.column_stack([whiten @ values, whiten @ others, solve_triangular(root, z, lower=True)])
    effects = np.zeros(len(names))
    for _ in range(3):
        white[:, : len(names)] = whiten @ bent_values(values, names, dict(zip(names, effects, strict=True)))
        products = white.T @ white
        effects = _ridge(products, certainty * NOISE_SD**2)[: len(names)]
    return _marginal(products / _variance(products, certainty, len(z)), certainty, names)


def _observations(y: pd.Series, rests: Iterable[tuple[np.ndarray, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Which months each observation is the mean of (observations x months), and the observed logs."""
    values = y.to_numpy()
    observed, rests = np.isfinite(values), list(rests)
    means = [months / months.sum() for months, _ in rests]
    return np.vstack([np.eye(len(y))[observed], *means]), np.append(values[observed], [log for _, log in rests])


def _covariance(shares: pd.DataFrame) -> np.ndarray:
    """Covariance of the months' errors, in units of the variance of a calm month."""
    step = np.arange(len(shares))
    early = [f"{kind}_temporary" for kind in TIGHTENING if f"{kind}_temporary" in shares]
    lumps = (EARLY_SD_RATIO**2 - 1) * shares[early].to_numpy().max(axis=1, initial=0.0)
    return np.diag(1 + lumps) + DRIFT * np.minimum.outer(step, step)


def _nuisance(shares: pd.DataFrame) -> tuple[np.ndarray, list[float]]:
    """Level, Lunar New Year and two waves of the season by month, and their prior standard deviations."""
    months = pd.PeriodIndex(shares.index)
    angles = [2 * np.pi * order * months.month.to_numpy() / 12 for order in (1, 2)]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    holidays = [shares[name].to_numpy() for name in shares if str(name).startswith("lunar_new_year")]
    columns = np.column_stack([np.ones(len(months)), *holidays, *waves])
    return columns, [LEVEL_SD] + [HOLIDAY_SD] * len(holidays) + [WAVE_SD] * len(waves)


def _ridge(products: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Coefficients of the last column of a cross-product matrix on the others, with a penalty for each."""
    return np.asarray(np.linalg.solve(products[:-1, :-1] + np.diag(penalty), products[:-1, -1]))


def _variance(products: np.ndarray, certainty: np.ndarray, count: int) -> float:
    """Variance of a calm month: the residual one, and `NOISE_SD` squared with the weight of `NOISE_WEIGHT` months."""
    penalty, inner = certainty * NOISE_SD**2, products[:-1, :-1]
    b = _ridge(products, penalty)
    used = np.trace(np.linalg.solve(inner + np.diag(penalty), inner))
    squares = products[-1, -1] - 2 * b @ products[:-1, -1] + b @ inner @ b
    return float((NOISE_WEIGHT * NOISE_SD**2 + squares) / (NOISE_WEIGHT + count - used))


def _marginal(products: np.ndarray, certainty: np.ndarray, names: list[str]) -> Evidence:
    """Evidence on the first columns of a regression, the others integrated out under their priors."""
    k, places = len(names), [PLACES[name] for name in names]
    mixed, others = products[:k, k:-1], products[k:-1, k:-1] + np.diag(certainty[k:])
    explained = np.linalg.solve(others, mixed.T).T
    precision, shift = NOTHING.precision.copy(), NOTHING.shift.copy()
    precision[np.ix_(places, places)] = products[:k, :k] - explained @ mixed.T
    shift[places] = products[:k, -1] - explained @ products[k:-1, -1]
    return Evidence(precision, shift)


# What all series say together.


@dataclass(frozen=True)
class Experience:
    """All evidence known on a day, and what it says of the products' mean effects.

    Attributes
    ----------
    series
        Evidence of each series.
    products
        For each product its mean effects as the other products show them: mean and covariance (logs).
    spread
        Variance of a product's effect about the mean of its kind, by column.
    """

    series: Mapping[SeriesKey, Evidence]
    products: Mapping[str, tuple[np.ndarray, np.ndarray]]
    destinations: Mapping[str, Evidence]
    spread: np.ndarray

    def prior(self, key: SeriesKey) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of a series' effects as the other series show them.

        The spread is estimated from all series, this one included, and a total holds the volumes of its parts.
        """
        within = WITHIN**2 * self.spread
        own = self.series.get(key, NOTHING).of_mean(within)
        others = self.destinations.get(key[0], NOTHING) + own * -1.0
        mean, covariance = others.posterior(*self.products[key[0]])
        return mean, covariance + np.diag(within)

    def belief(self, key: SeriesKey) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of a series' effects after its own months too."""
        return self.series.get(key, NOTHING).posterior(*self.prior(key))

    def expectations(self) -> Expectations:
        """What is expected of each series, all in one array."""
        keys = tuple(self.series)
        found = np.empty((len(keys), 2, 2, len(COLUMNS)))
        for place, key in enumerate(keys):
            prior = self.prior(key)
            found[place] = _mean_and_sd(*prior), _mean_and_sd(*self.series[key].posterior(*prior))
        return Expectations.of(keys, found)


@dataclass(frozen=True)
class Expectation:
    """What is expected of the effects on one series: arrays (2 x columns) of mean and sd in logs, by `COLUMNS`.

    ``prior`` comes from the other series, for models that see the series' own months; ``belief`` includes those.
    """

    prior: np.ndarray
    belief: np.ndarray


@dataclass(frozen=True, eq=False)
class Expectations(Mapping[SeriesKey, Expectation]):
    """The expectation of each of ``series`` in one array: a run holds those of every series on every day.

    ``differing`` are the places in `COLUMNS` at which the series are not all alike, and ``own`` what is expected of
    each there, an array (series, prior and belief, mean and sd, place); ``first`` is all of the first series.
    """

    series: tuple[SeriesKey, ...]
    differing: np.ndarray
    own: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, series: tuple[SeriesKey, ...], found: np.ndarray) -> Expectations:
        """From an array (series, prior and belief, mean and sd, place in `COLUMNS`)."""
        differing = np.flatnonzero((found != found[:1]).any(axis=(0, 1, 2)))
        return cls(series, differing, found[..., differing], found[:1].copy())

    @cached_property
    def places(self) -> dict[SeriesKey, int]:
        """Where each series stands."""
        return {key: place for place, key in enumerate(self.series)}

    def __getitem__(self, key: SeriesKey) -> Expectation:
        found = self.first[0].copy()
        found[..., self.differing] = self.own[self.places[key]]
        return Expectation(*found)

    def __iter__(self) -> Iterator[SeriesKey]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)


def _mean_and_sd(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return np.stack([mean, np.sqrt(np.diag(covariance))])


def experience(known: Snapshot, groups: Members) -> Experience:
    """What was known on a day of the effects of events, from every series released by then."""
    sums = dict(list(known.totals.groupby(["product", "destination"])))
    none, series = known.totals.iloc[:0], {}
    for product, volumes in known.volumes.items():
        for destination in map(str, volumes):
            key, scope = (product, destination), series_scope(product, destination, volumes, groups)
            series[key] = series_evidence(volumes[destination], sums.get(key, none), known.acting, scope)
    return pooled(series, decisions(known))


def decisions(known: Snapshot) -> dict[str, str]:
    """The event that acted first on each product by name: products under one decision count as one episode."""
    first: dict[str, str] = {}
    for event in sorted(known.acting, key=lambda event: event.effective):
        for product in event.products:
            first.setdefault(product, event.event)
    return {product: first.get(product, product) for product in known.volumes}


def pooled(series: Mapping[SeriesKey, Evidence], decision: Mapping[str, str], rounds: int = 4) -> Experience:
    """The hierarchical regression over all series: means in closed form, spreads revised ``rounds`` times.

    The mean of a kind has a prior around zero. The spread between products starts at the stated one, which goes on
    counting as `SPREAD_WEIGHT` products. Products that share a ``decision`` count as one together.
    """
    sharing = Counter(decision.values())
    weights = {product: 1 / sharing[label] for product, label in decision.items()}
    stated, first = _stated(SPREAD_SD) ** 2, np.diag(_stated(MEAN_SD) ** 2)
    spread, zero = stated, np.zeros(len(COLUMNS))
    for _ in range(rounds):
        destinations = _by_product(series, decision, spread)
        parts = {product: found.of_mean(spread) * weights[product] for product, found in destinations.items()}
        mean = _sum(parts.values()).posterior(zero, first)[0]
        spread = _revised(stated, spread, mean, destinations, weights)
    destinations = _by_product(series, decision, spread)
    parts = {product: found.of_mean(spread) * weights[product] for product, found in destinations.items()}
    whole = _sum(parts.values())
    products = {}
    for product, part in parts.items():
        rest = whole + part * -1.0
        mean, covariance = rest.posterior(*_family_prior(rest, first, spread))
        products[product] = mean, covariance + np.diag(spread)
    return Experience(series, products, destinations, spread)


def _by_product(
    series: Mapping[SeriesKey, Evidence], products: Iterable[str], spread: np.ndarray
) -> dict[str, Evidence]:
    """What the destinations of each product together say of the product's mean effects."""
    within = WITHIN**2 * spread
    totals = dict.fromkeys(products, NOTHING)
    for (product, _), found in series.items():
        totals[product] += found.of_mean(within)
    return totals


def _revised(
    stated: np.ndarray,
    spread: np.ndarray,
    mean: np.ndarray,
    products: Mapping[str, Evidence],
    weights: Mapping[str, float],
) -> np.ndarray:
    """The spread between products: expected squared distance from the mean of those that say anything of it."""
    squares, count = SPREAD_WEIGHT * stated, np.full(len(stated), SPREAD_WEIGHT)
    for product, found in products.items():
        effect, covariance = found.posterior(mean, np.diag(spread))
        speaks = weights[product] * (np.diag(found.precision) > 0)
        squares = squares + speaks * ((effect - mean) ** 2 + np.diag(covariance))
        count = count + speaks
    return np.asarray(squares / count)


def _family_prior(found: Evidence, first: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean effects before any episode, but for kinds of a family: those expect what the best known of it did.

    They do so one spread less surely. The best known kind is the one of whose level shift most is known.
    """
    mean, variance = np.zeros(len(COLUMNS)), np.diag(first).copy()
    alone, covariance = found.posterior(mean, first)
    for family in FAMILIES:
        lender = max(family, key=lambda kind: found.precision[PLACES[f"{kind}_step"], PLACES[f"{kind}_step"]])
        for shape in SHAPES if found.precision[PLACES[f"{lender}_step"], PLACES[f"{lender}_step"]] > 0 else ():
            lent = PLACES[f"{lender}_{shape}"]
            places = [PLACES[f"{kind}_{shape}"] for kind in family if kind != lender]
            mean[places], variance[places] = alone[lent], covariance[lent, lent] + spread[lent]
    return mean, np.diag(variance)


# What a model is handed.


def informed(series: Candidates, expected: Expectation, horizon: int) -> Design:
    """The design with every regressor that acts and a prior on each, bent at what is believed of their effects.

    With a prior on each column there is no limit on their number, and none has to be told apart from the others. One
    that covers less than a tenth of every month, up to ``horizon`` months ahead, stays out.
    """
    shares, past = series.shares, len(series.y)
    values = shares.to_numpy()
    peak = dict(zip(map(str, shares), values[: past + horizon].max(axis=0), strict=True))
    entering = np.array([peak[name] >= MIN_EXPOSURE for name in peak])
    names = [name for name in peak if peak[name] >= MIN_EXPOSURE]
    places = [PLACES.get(name, HOLIDAY) for name in names]
    prior, belief = (np.hstack([found, ABOUT_HOLIDAYS])[:, places].T for found in (expected.prior, expected.belief))
    X = bent_values(values[:, entering], names, dict(zip(names, belief[:, 0].tolist(), strict=True)))
    table = pd.DataFrame(X, shares.index, index_of(tuple(names)))
    dropped = tuple((name, FAINT) for name in peak if 0 < peak[name] < MIN_EXPOSURE)
    tables = (pd.DataFrame(rows, table.columns, MEAN_AND_SD) for rows in (prior, belief))
    return Design(series, table.iloc[:past], table.iloc[past:], dropped, *tables)
