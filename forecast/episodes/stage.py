"""The structural model of all series known on a day, put as what the other models and the tables need of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from forecast.episodes.alone import Chunked, here
from forecast.episodes.course import FORCE, KNOTS, Episode, Years, episodes_of, phases_of
from forecast.episodes.design import Design, EpisodeEffects, one_sided
from forecast.episodes.diversion import diversions_of
from forecast.episodes.panel import SeriesFit, TaughtSeries, taught_series
from forecast.episodes.path_priors import PathPrior
from forecast.episodes.posterior import StructuralFit
from forecast.realtime.days import consecutive_months
from forecast.realtime.events import EASING, TIGHTENING, Members, acts_on
from forecast.realtime.period_totals import with_totals
from forecast.realtime.releases import Snapshot
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import SeriesKey

UNKNOWN_SHARE = "the part of the volume under it is not known"


@dataclass(frozen=True)
class StageResult:
    """What the structural model says of one series on a day.

    Attributes
    ----------
    design
        What the other models are fitted to.
    quantiles, correlation
        Its own forecast: quantiles in logs (months x quantile), and the correlation of its errors.
    parts
        Additive parts of its log median (months x parts): level, season, Lunar New Year, and each of the episodes.
    past
        What episodes are believed to have done to each month up to the cutoff, in logs; months without a figure too.
    part_sd
        Standard deviation of each episode's part (months x episodes), in logs.
    kin
        By kind, the names of all such episodes of the panel, of whatever series: what a path is learned from.
    episodes
        The episodes of the series.
    paths, path_sd
        Posterior mean and standard deviation of the path of each, in logs (episodes x knots).
    dropped
        Events without a part in the model, with the reason.
    """

    design: Design
    quantiles: np.ndarray
    correlation: np.ndarray
    past: np.ndarray
    parts: np.ndarray
    part_sd: np.ndarray
    kin: Mapping[str, tuple[str, ...]]
    episodes: tuple[Episode, ...]
    paths: np.ndarray
    path_sd: np.ndarray
    dropped: tuple[tuple[str, str], ...]

    def effects(self) -> Iterator[tuple[str, str, str, float, float, float]]:
        """Episode, kind, phase, and estimate with 95 % interval in logs, for each phase of each path."""
        for episode, path, half in zip(self.episodes, self.paths, HALF_WIDTH[95] * self.path_sd, strict=True):
            for place, phase in phases_of(episode.kind):
                middle = float(path[place])
                yield (
                    episode.name,
                    episode.kind,
                    phase,
                    middle,
                    middle - float(half[place]),
                    middle + float(half[place]),
                )


@dataclass(frozen=True)
class TaughtStage:
    """Some series of a day before they are fitted, with what all of them say together.

    ``snapshot`` has the volumes of these series, and ``kin`` the names of the episodes of each kind on any.
    """

    snapshot: Snapshot
    groups: Members
    ahead: int
    kin: Mapping[str, tuple[str, ...]]
    series: dict[SeriesKey, TaughtSeries]

    def take(self, keys: Collection[SeriesKey], snapshot: Snapshot) -> TaughtStage:
        """Some of the series, which are let go here, with a ``snapshot`` of them."""
        taken = {key: self.series.pop(key) for key in keys if key in self.series}
        return replace(self, snapshot=snapshot, series=taken)

    def results(self) -> dict[SeriesKey, StageResult]:
        """What the structural model says of each series."""
        return {key: self._result(key, one) for key, one in self.series.items()}

    def _result(self, key: SeriesKey, one: TaughtSeries) -> StageResult:
        volume, dropped = self.snapshot.volumes[key[0]][key[1]], self._without_share(key, one.episodes)
        return _result(one.fit(self.ahead), volume, one.episodes, self.kin, dropped)

    def _without_share(self, key: SeriesKey, episodes: tuple[Episode, ...]) -> tuple[tuple[str, str], ...]:
        """Events that touch a series and are in none of its episodes."""
        there = {name for episode in episodes for name in episode.events}
        acting = self.snapshot.acting
        touching = [event for event in acting if acts_on(event, *key, self.groups) and _ever_acts(event)]
        return tuple((event.event, UNKNOWN_SHARE) for event in touching if event.event not in there)


def taught_stage(
    snapshot: Snapshot,
    groups: Members,
    ahead: int,
    products: Collection[str] | None = None,
    learn: bool = True,
    experience: Mapping[str, PathPrior] | None = None,
    chunked: Chunked = here,
) -> TaughtStage:
    """Every series of ``products`` (None: all) with a figure, before the structural model is fitted to it.

    Months known only inside a total of several months are seen at their mean by this model, and are gaps to all others.
    Series of other products are experience to learn from, and so is what was known of each kind from other panels
    (`forecast.episodes.experience`). What each series says by itself is worked out in chunks.
    """
    totals = _totals_by_series(snapshot.totals)
    panel = {
        (product, str(code)): with_totals(wide[code], totals.get((product, str(code)), snapshot.totals.iloc[:0]))
        for product, wide in snapshot.volumes.items()
        for code in wide
    }
    years = {product: Years(wide) for product, wide in snapshot.volumes.items()}
    found = ((key, _episodes(snapshot, key, groups, years[key[0]]) if snapshot.acting else ()) for key in panel)
    alike: dict[tuple[Episode, ...], tuple[Episode, ...]] = {}
    episodes = {key: alike.setdefault(own, own) for key, own in found}
    wanted = [key for key in panel if products is None or key[0] in products]
    taught = taught_series(panel, episodes, experience or {}, wanted, learn, chunked)
    return TaughtStage(snapshot, groups, ahead, _kin(episodes), taught)


def _kin(episodes: Mapping[SeriesKey, tuple[Episode, ...]]) -> dict[str, tuple[str, ...]]:
    """Names of the episodes of each kind, of whatever series, in order."""
    found: dict[str, set[str]] = {}
    for episode in (one for own in episodes.values() for one in own):
        found.setdefault(episode.kind, set()).add(episode.name)
    return {kind: tuple(sorted(names)) for kind, names in found.items()}


def _episodes(snapshot: Snapshot, key: SeriesKey, groups: Members, volumes: Years) -> tuple[Episode, ...]:
    """Measures on a series, and what others divert to it, in order of effect."""
    found = [find(snapshot.acting, *key, groups, volumes) for find in (episodes_of, diversions_of)]
    return tuple(sorted(chain(*found), key=lambda episode: (episode.effective, episode.name)))


def _totals_by_series(totals: pd.DataFrame) -> dict[SeriesKey, pd.DataFrame]:
    places: dict[SeriesKey, list[int]] = {}
    for at, (product, code) in enumerate(zip(totals["product"], totals["destination"], strict=True)):
        places.setdefault((str(product), str(code)), []).append(at)
    return {key: totals.iloc[own] for key, own in places.items()}


def _result(
    fit: SeriesFit,
    volume: pd.Series,
    episodes: tuple[Episode, ...],
    kin: Mapping[str, tuple[str, ...]],
    dropped: tuple[tuple[str, str], ...],
) -> StageResult:
    past, mean, covariance = fit.fit.believed()
    unrestricted, uneased = (_without(fit.fit, episodes, kinds) for kinds in (TIGHTENING, EASING))
    effects = EpisodeEffects(mean.to_numpy(), covariance, _effects(unrestricted), _effects(uneased))
    quantiles = one_sided(fit.fit.quantiles, _quantiles(unrestricted), _quantiles(uneased))
    raw, y = (_seen(logs, volume) for logs in (fit.raw, fit.seen))
    design = Design.of(raw, y, fit.floor, past.to_numpy()[-len(y) :], effects, fit.empty)
    paths = [fit.fit.path(place) for place in range(len(episodes))]
    own = np.reshape([one.mean for one in paths], (len(paths), len(KNOTS)))
    spread = np.sqrt(np.reshape([np.diag(one.covariance) for one in paths], own.shape))
    divided = past.to_numpy(), fit.fit.parts().to_numpy(), fit.fit.part_sd().to_numpy(), kin
    return StageResult(design, quantiles, fit.fit.correlation(), *divided, episodes, own, spread, dropped)


def _effects(fit: StructuralFit | None) -> EpisodeEffects | None:
    if fit is None:
        return None
    _, mean, covariance = fit.believed()
    return EpisodeEffects(mean.to_numpy(), covariance)


def _quantiles(fit: StructuralFit | None) -> np.ndarray | None:
    return None if fit is None else fit.quantiles


def _without(fit: StructuralFit, episodes: Sequence[Episode], kinds: Collection[str]) -> StructuralFit | None:
    """A fit that knows nothing of measures of some ``kinds`` in months ahead that these only have in force.

    None where there are no such months: in those of notice goods may be sent ahead, and after an end they come back.
    """
    past, equation = len(fit.equation.training), fit.equation
    acts = np.asarray(equation.paths(equation.shares[:, past:]) > 0.0).max(axis=0)
    others = np.setdiff1d(np.arange(len(KNOTS)), np.arange(FORCE.start, FORCE.stop))
    only = acts[:, :, FORCE].any(axis=2) & ~acts[:, :, others].any(axis=2)
    only &= np.array([one.kind in kinds for one in episodes], dtype=bool)
    if not only.any():
        return None
    shares = equation.shares.copy()
    equation.paths(shares)[:, past:][:, only] = 0.0
    changed = replace(equation, shares=shares)
    by_lags, courses = (tuple(replace(one, equation=changed) for one in own) for own in (fit.by_lags, fit.courses))
    return replace(fit, equation=changed, by_lags=by_lags, courses=courses)


def _seen(logs: pd.Series, volume: pd.Series) -> pd.Series:
    """The logs of months with a figure from the first of these on, gaps as NaN; both end with one month."""
    beyond = np.full(max(len(logs) - len(volume), 0), np.nan)
    observed = np.isfinite(np.append(beyond, volume.to_numpy(dtype=float))[-len(logs) :])
    first = int(np.argmax(observed))
    months = consecutive_months(logs.index[first].ordinal, len(logs) - first)
    return pd.Series(np.where(observed, logs.to_numpy(), np.nan)[first:], months, name=logs.name)


def _ever_acts(event: Any) -> bool:
    return event.ends is None or bool(event.ends > event.effective)
