"""The structural model on every series of a panel, with what the others say of the paths of its episodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from forecast.episodes.alone import (
    Alone,
    Chunked,
    Logs,
    SeriesLogs,
    chunks,
    here,
    other_courses,
    path_terms,
    seen_alone,
)
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
from forecast.episodes.partial_pooling import ByOthers, kind_evidence, pooled_priors
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


@dataclass(frozen=True)
class TaughtSeries:
    """A series before its fit, all others heard: logs, episodes with their stated ``beliefs``, and what these say.

    ``taught`` has the prior of the paths that the others leave (None: the stated one), and ``support`` are the log
    likelihoods that they give the days in transit.
    """

    logs: SeriesLogs
    episodes: tuple[Episode, ...]
    beliefs: Sequence[PathPrior]
    taught: ByOthers | None
    support: np.ndarray | None

    def fit(self, ahead: int) -> SeriesFit:
        """The model on the series, so many months ahead."""
        (y, floor), raw = self.logs.fitted, self.logs.known
        prior = self.taught.prior() if self.taught else _own(self.episodes, self.beliefs)
        fit = _fit(y, self.episodes, prior, ahead, self.support)
        empty = _empty(raw, self.episodes)
        seen = _cleaned(raw, self.episodes, last=True)[0] if empty else y
        return SeriesFit(fit, floor, raw[0], y, seen, empty)


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
    taught = taught_series(panel, episodes_by_series, experience or {}, wanted, learn)
    for key in [*taught]:
        yield key, taught.pop(key).fit(months_ahead)


def taught_series(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    experience: Mapping[str, PathPrior],
    wanted: Collection[SeriesKey] | None = None,
    learn: bool = True,
    chunked: Chunked = here,
) -> dict[SeriesKey, TaughtSeries]:
    """The series of ``panel`` that are ``wanted`` (None: all) and have an observed month, ready to be fitted.

    What each says by itself is worked out chunk by chunk, and what all say together here.
    """
    asked = [key for key in panel if wanted is None or key in wanted]
    learns = learn and any(episodes_by_series.get(key) for key in asked)
    described = _described(panel, episodes_by_series, experience, LONGEST_HISTORY, learns, chunked)
    asked = [key for key in asked if key in described.logs]
    taught, supports = _learned(described, episodes_by_series, experience, asked, chunked) if learns else ({}, {})
    return {
        key: TaughtSeries(
            described.logs.pop(key),
            tuple(episodes_by_series.get(key, ())),
            described.beliefs[key],
            taught.pop(key, None),
            supports.get(key),
        )
        for key in asked
    }


def _own(episodes: Sequence[Episode], beliefs: Sequence[PathPrior]) -> PathPrior:
    """The prior of the paths of a series, stacked, that no other series teaches."""
    return PathPrior(side_by_side(beliefs).mean, in_sequence(beliefs, runs_before(episodes)))


def _learned(
    described: _Described,
    episodes_by_series: Calendars,
    experience: Mapping[str, PathPrior],
    asked: Sequence[SeriesKey],
    chunked: Chunked,
) -> tuple[dict[SeriesKey, ByOthers], dict[SeriesKey, np.ndarray | None]]:
    """What all series say of the paths of each one asked for, and of the days in transit of each."""
    alone, beliefs = described.alone, described.beliefs
    members, supports = evidence_by_series(described.logs, alone, episodes_by_series, beliefs, chunked)
    return _taught(members, experience, asked, chunked), supports


def _taught(
    members: Mapping[SeriesKey, SeriesEvidence],
    experience: Mapping[str, PathPrior],
    asked: Sequence[SeriesKey],
    chunked: Chunked,
) -> dict[SeriesKey, ByOthers]:
    """What the priors of the paths of each series of the products asked for are made of, by all others."""
    return pooled_priors(members, _stated(members, experience), dict.fromkeys(key[0] for key in asked), chunked)


def _stated(members: Mapping[SeriesKey, SeriesEvidence], experience: Mapping[str, PathPrior]) -> dict[str, PathPrior]:
    """The prior of each kind's path before any figure of the panel."""
    kinds = {slot.kind for one in members.values() for slot in one.slots}
    return {kind: experience.get(kind) or stated(kind) for kind in sorted(kinds)}


@dataclass(frozen=True)
class _Described:
    """Logs and priors of the episodes of every series with an observed month; what each with episodes says by itself.

    Series with the same episodes share their priors.
    """

    logs: dict[SeriesKey, SeriesLogs]
    beliefs: dict[SeriesKey, list[PathPrior]]
    alone: dict[SeriesKey, Alone]


_Series = tuple[pd.Series, float, tuple[Episode, ...]]
"""Volumes, the floor where none is positive, and episodes."""

_Said = tuple[int, np.ndarray, np.ndarray, float, list[PathPrior], Alone | None]
"""Place of the first month, logs as they are and as they are fitted, floor, priors, and what the series says alone."""


def _described(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    experience: Mapping[str, PathPrior],
    longest: int,
    learns: bool,
    chunked: Chunked,
) -> _Described:
    otherwise = _fallbacks(panel)
    keys = [*chunks([*panel])]
    calendars = {key: tuple(episodes_by_series.get(key, ())) for key in panel}
    pieces = ([(panel[key], otherwise[key[0]], calendars[key]) for key in own] for own in keys)
    found, shared = _Described({}, {}, {}), (experience, longest, learns)
    months: dict[tuple[str, int, int], pd.PeriodIndex] = {}
    priors: dict[tuple[Episode, ...], list[PathPrior]] = {}
    for own, said in zip(keys, chunked(_said, shared, pieces), strict=True):
        for key, one in ((key, one) for key, one in zip(own, said, strict=True) if one is not None):
            first, raw, y, floor, beliefs, alone = one
            own_months = pd.PeriodIndex(panel[key].index)
            known = months.setdefault((key[0], int(own_months.asi8[first]), len(raw)), own_months[first:])
            found.logs[key] = SeriesLogs(known, raw, y, floor, panel[key].name)
            found.beliefs[key] = priors.setdefault(calendars[key], beliefs)
            if alone is not None:
                found.alone[key] = alone
    return found


def _said(shared: tuple[Mapping[str, PathPrior], int, bool], series: Sequence[_Series]) -> list[_Said | None]:
    """What is known of some series by themselves; None of one without an observed month."""
    experience, longest, learns = shared
    priors: dict[tuple[Episode, ...], list[PathPrior]] = {}
    found: list[_Said | None] = []
    for volume, otherwise, episodes in series:
        own = _logs(volume, otherwise, longest)
        if own is None:
            found.append(None)
            continue
        raw, logs = own[0].to_numpy(), _cleaned(own, episodes)
        if episodes not in priors:
            priors[episodes] = _priors(episodes, experience)
        alone = seen_alone(logs, episodes, tuple(priors[episodes])) if learns and episodes else None
        found.append((len(volume) - len(raw), raw, logs[0].to_numpy(), own[1], priors[episodes], alone))
    return found


def path_evidence(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    longest: int = LONGEST_HISTORY,
) -> list[KindEvidence]:
    """What each product of a panel says of the mean paths of its kinds."""
    described = _described(panel, episodes_by_series, {}, longest, True, here)
    members, _ = evidence_by_series(described.logs, described.alone, episodes_by_series, described.beliefs)
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
