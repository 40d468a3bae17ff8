"""The structural model on every series of a panel, with what the others say of the paths of its episodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from forecast.episodes.alone import Alone, Logs, other_courses, path_terms, seen_alone
from forecast.episodes.course import (
    DIVERSION,
    FORCE,
    IN_FORCE,
    LIFTS,
    QUANTITATIVE,
    Episode,
    eased_by,
    left_to_lift,
    left_to_strike,
    taken,
)
from forecast.episodes.evidence import SeriesEvidence, evidence_by_series
from forecast.episodes.partial_pooling import kind_evidence, pooled_priors
from forecast.episodes.path_priors import (
    KindEvidence,
    PathPrior,
    in_sequence,
    knots_of,
    lifting,
    runs_before,
    side_by_side,
    stated,
)
from forecast.episodes.posterior import StructuralFit
from forecast.episodes.structural import fit_structural
from forecast.kernels.arrays import FLOOR, floor_of
from forecast.kernels.no_trade import EmptyMonths
from forecast.kernels.outliers import at_present_level, winsorised
from forecast.realtime.days import DAYS_A_MONTH, consecutive_months, month_lengths
from forecast.realtime.events import TIGHTENING
from forecast.tables.schema import REST_OF_WORLD, SeriesKey

FEBRUARY, EQUAL = 2, 1e-9
"""The month with a leap day, and how much figures that are the same may differ, as a share."""

LONGEST_HISTORY = 180
"""Months of history that are used: longer ones change nothing but the time."""


Calendars = Mapping[SeriesKey, Sequence[Episode]]
"""Episodes of each series."""


@dataclass(frozen=True)
class SeriesFit:
    """A fit of one series in tonnes: ``fit`` in logs of volume per mean month, ``floor`` in tonnes per mean month.

    ``raw`` are the logs as they are known, ``y`` those without outliers, which the model is fitted to, and ``seen``
    what others are: a last spell without trade is at the level before it. ``empty`` are the months without trade.
    """

    fit: StructuralFit
    floor: float
    raw: pd.Series
    y: pd.Series
    seen: pd.Series
    empty: EmptyMonths | None

    @property
    def months(self) -> pd.PeriodIndex:
        """The months ahead."""
        return self.fit.months

    def volumes(self) -> pd.DataFrame:
        """Median and bounds in tonnes of the months ahead."""
        logs = self.fit.predict()
        lengths = month_lengths(self.fit.months)
        tonnes = np.maximum(np.exp(logs.to_numpy()) - self.floor, 0.0) * lengths[:, None]
        return pd.DataFrame(tonnes, logs.index, logs.columns)


def structural_forecasts(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    months_ahead: int,
    experience: Mapping[str, PathPrior] | None = None,
    wanted: Collection[SeriesKey] | None = None,
    learn: bool = True,
) -> Iterator[tuple[SeriesKey, SeriesFit]]:
    """The model on every series of ``panel``: tonnes by consecutive month up to a cutoff, gaps as NaN.

    Every series with episodes is seen by itself first; those ``wanted`` (None: all) are then fitted with the priors
    that the others leave, or without ``learn`` with the stated ones, one after the other: a fit is large. Series
    without an observed month are left out.
    """
    known = experience or {}
    raw, logs, beliefs = _described(panel, episodes_by_series, known, LONGEST_HISTORY)
    asked = [key for key in logs if wanted is None or key in wanted]
    taught: dict[SeriesKey, PathPrior] = {}
    supports: dict[SeriesKey, np.ndarray | None] = {}
    if learn and any(episodes_by_series.get(key) for key in asked):
        taught, supports = _learned(logs, episodes_by_series, beliefs, known, asked)
    for key in asked:
        y, floor = logs.pop(key)
        prior = taught.pop(key, None) or _own(episodes_by_series.get(key, ()), beliefs[key])
        fit = _fit(y, episodes_by_series.get(key, ()), prior, months_ahead, supports.get(key))
        own = raw.pop(key)
        empty = _empty((own, floor), episodes_by_series.get(key, ()))
        seen = _cleaned((own, floor), episodes_by_series.get(key, ()), last=True)[0] if empty else y
        yield key, SeriesFit(fit, floor, own, y, seen, empty)


def _own(episodes: Sequence[Episode], beliefs: Sequence[PathPrior]) -> PathPrior:
    """The prior of the paths of a series, stacked, that no other series teaches."""
    return PathPrior(side_by_side(beliefs).mean, in_sequence(beliefs, runs_before(episodes)))


def _learned(
    logs: Mapping[SeriesKey, Logs],
    episodes_by_series: Calendars,
    beliefs: Mapping[SeriesKey, list[PathPrior]],
    experience: Mapping[str, PathPrior],
    asked: Sequence[SeriesKey],
) -> tuple[dict[SeriesKey, PathPrior], dict[SeriesKey, np.ndarray | None]]:
    """What all series say of the paths of each one asked for, and of the days in transit of each."""
    members, supports = evidence_by_series(logs, _alone(logs, episodes_by_series, beliefs), episodes_by_series, beliefs)
    return _taught(members, experience, asked), supports


def _taught(
    members: Mapping[SeriesKey, SeriesEvidence], experience: Mapping[str, PathPrior], asked: Sequence[SeriesKey]
) -> dict[SeriesKey, PathPrior]:
    """The priors of the paths of each series of the products asked for, stacked, by all others."""
    return pooled_priors(members, _stated(members, experience), dict.fromkeys(key[0] for key in asked))


def _stated(members: Mapping[SeriesKey, SeriesEvidence], experience: Mapping[str, PathPrior]) -> dict[str, PathPrior]:
    """The prior of each kind's path before any figure of the panel."""
    kinds = {slot.kind for one in members.values() for slot in one.slots}
    return {kind: experience.get(kind) or stated(kind) for kind in sorted(kinds)}


def _described(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    experience: Mapping[str, PathPrior],
    longest: int,
) -> tuple[dict[SeriesKey, pd.Series], dict[SeriesKey, Logs], dict[SeriesKey, list[PathPrior]]]:
    """Logs as they are, those models are fitted to with floors, and the priors of the episodes, of every series.

    Series with the same episodes share their priors.
    """
    otherwise = _fallbacks(panel)
    made = {key: _logs(volume, otherwise[key[0]], longest) for key, volume in panel.items()}
    found = {key: own for key, own in made.items() if own is not None}
    logs = {key: _cleaned(own, episodes_by_series.get(key, ())) for key, own in found.items()}
    episodes = {key: tuple(episodes_by_series.get(key, ())) for key in found}
    priors = {own: _priors(own, experience) for own in {*episodes.values()}}
    return {key: y for key, (y, _) in found.items()}, logs, {key: priors[own] for key, own in episodes.items()}


def _alone(
    logs: Mapping[SeriesKey, Logs], episodes_by_series: Calendars, beliefs: Mapping[SeriesKey, list[PathPrior]]
) -> dict[SeriesKey, Alone]:
    """What every series with episodes says by itself."""
    return {
        key: seen_alone(own, tuple(episodes_by_series[key]), tuple(beliefs[key]))
        for key, own in logs.items()
        if episodes_by_series.get(key)
    }


def path_evidence(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    longest: int = LONGEST_HISTORY,
) -> list[KindEvidence]:
    """What each product of a panel says of the mean paths of its kinds."""
    _, logs, beliefs = _described(panel, episodes_by_series, {}, longest)
    members, _ = evidence_by_series(logs, _alone(logs, episodes_by_series, beliefs), episodes_by_series, beliefs)
    return kind_evidence(members, _stated(members, {}))


def _fallbacks(panel: Mapping[SeriesKey, pd.Series]) -> dict[str, float]:
    """The floor of a series without positive months, by product."""
    volumes: dict[str, list[np.ndarray]] = {}
    for (product, code), volume in panel.items():
        own = volume.to_numpy() if code != REST_OF_WORLD else np.zeros(0)
        volumes.setdefault(product, []).append(own[own > 0])
    positive = {product: np.concatenate(own) for product, own in volumes.items()}
    return {product: FLOOR**2 * float(np.median(own)) if len(own) else 1.0 for product, own in positive.items()}


def _logs(volume: pd.Series, otherwise: float, longest: int) -> Logs | None:
    months = pd.PeriodIndex(volume.index)
    daily = volume.to_numpy() / _lengths(months, volume.to_numpy())
    observed = np.flatnonzero(np.isfinite(daily))
    if not len(observed):
        return None
    first = max(observed[0], len(daily) - longest)
    daily = daily[first:]
    if not np.isfinite(daily).any():
        return None
    floor = floor_of(daily, otherwise)
    return pd.Series(np.log(daily + floor), months[first:], name=volume.name), floor


def _lengths(months: pd.PeriodIndex, volume: np.ndarray) -> np.ndarray:
    """Months' shares of a mean one; where every February has the same figure a leap day carries nothing.

    Years that are equal to the last digit are no volume a day, and give the same year again.
    """
    lengths = month_lengths(months)
    seen = np.isfinite(volume) & (months.month == FEBRUARY)
    if seen.any() and np.ptp(volume[seen]) <= EQUAL * volume[seen].max():
        lengths = np.where(seen, lengths[seen].min(), lengths)
    return np.asarray(lengths)


def _cleaned(logs: Logs, episodes: Sequence[Episode], last: bool = False) -> Logs:
    """Logs without outliers, and with short spells without trade at the level beside them, the ``last`` one if asked.

    Months that an episode may have moved are none of these, nor do they begin a level.
    """
    y, floor = logs
    free, nothing, empty = _free(y, episodes), float(np.log(floor)), _empty(logs, episodes)
    traded = empty.lifted(last) if empty else y.to_numpy()
    found = at_present_level(winsorised(traded, free, nothing), free, nothing)
    return pd.Series(found, y.index, name=y.name), floor


def _empty(logs: Logs, episodes: Sequence[Episode]) -> EmptyMonths | None:
    """Months without trade: easings empty none, and restrictions other than of quantities seldom one."""
    y, floor = logs
    restrictions = [episode for episode in episodes if episode.kind in TIGHTENING]
    settled, unstopped = (
        _free(y, own) for own in (restrictions, [one for one in restrictions if one.kind in QUANTITATIVE])
    )
    free = settled.copy()
    months = np.arange(y.index[0].ordinal, y.index[0].ordinal + len(y))
    for episode in restrictions:
        free &= ~episode.in_force(months)
        unstopped &= ~episode.in_force(months) | (episode.kind not in QUANTITATIVE)
    return EmptyMonths.of(y.to_numpy(), free, float(np.log(floor)), settled, unstopped)


def _free(y: pd.Series, episodes: Sequence[Episode]) -> np.ndarray:
    """Which months no episode may have moved."""
    months = np.arange(y.index[0].ordinal, y.index[0].ordinal + len(y))
    free = np.ones(len(y), dtype=bool)
    for episode in episodes:
        free &= ~episode.unsettled(months)
    return free


def _priors(episodes: Sequence[Episode], experience: Mapping[str, PathPrior]) -> list[PathPrior]:
    """Prior of each path; that of a measure on top of others shrinks with what those have left, its spread by less.

    Whether it strikes other goods of the series or the same once more is not known: its standard deviation shrinks with
    the fourth root of what is left.
    """
    found = []
    for episode in episodes:
        prior = experience.get(episode.kind) or stated(episode.kind)
        if episode.kind == DIVERSION:
            found.append(PathPrior(episode.barred * prior.mean, episode.barred**2 * prior.covariance))
            continue
        left = left_to_strike(episode, episodes, prior.mean)
        own = PathPrior(left * prior.mean, np.sqrt(left) * prior.covariance)
        found.append(_lifting(own, episode, episodes, experience) if eased_by(episode, episodes) else own)
    return found


def _lifting(
    own: PathPrior, episode: Episode, episodes: Sequence[Episode], experience: Mapping[str, PathPrior]
) -> PathPrior:
    """The prior of an easing beside restrictions in force: a share of what these took comes back, in all its phases."""

    def path(kind: str) -> np.ndarray:
        return (experience.get(kind) or stated(kind)).mean

    eased, left = eased_by(episode, episodes), left_to_lift(episode, episodes)
    after = sum(np.abs(path(other.kind)[FORCE.stop :]) for other in eased)
    days = [episode.effective + timedelta(round(phase * DAYS_A_MONTH)) for phase in IN_FORCE]
    force = np.array([taken(eased, day, path) for day in days])
    return lifting(own, LIFTS[episode.kind], left * force, left * np.asarray(after))


def _fit(
    y: pd.Series, episodes: Sequence[Episode], prior: PathPrior, ahead: int, support: np.ndarray | None
) -> StructuralFit:
    months = consecutive_months(y.index[0].ordinal, len(y) + ahead)
    terms = path_terms(episodes, months, [prior.of(knots_of([place])) for place in range(len(episodes))])
    return fit_structural(y, terms, ahead, support, prior.covariance, other_courses(episodes, y))
