"""The structural model on every series of a panel, with what siblings and earlier episodes say of each path."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from forecast.episodes.alone import FLOOR, Alone, Logs, path_term, seen_alone
from forecast.episodes.course import DIVERSION, Episode, left_to_strike, measures_below
from forecast.episodes.path_priors import PathEvidence, PathPrior, learned_from, learned_prior, stated
from forecast.episodes.posterior import LAGS, StructuralFit
from forecast.episodes.structural import fit_structural
from forecast.realtime.days import months_of
from forecast.realtime.events import DAYS_A_MONTH
from forecast.tables.schema import REST_OF_WORLD, WORLD, SeriesKey

FLOOR_MONTHS = 24
OTHER_LAGS = 0.5
"""How much the lag of another episode of the kind on the product counts."""

LONGEST_HISTORY = 180
"""Months of history that are used: longer ones change nothing but the time."""


Calendars = Mapping[SeriesKey, Sequence[Episode]]
"""Episodes of each series."""


@dataclass(frozen=True)
class SeriesFit:
    """A fit of one series in tonnes: ``fit`` in logs of volume per mean month, ``floor`` in tonnes per mean month."""

    fit: StructuralFit
    floor: float
    y: pd.Series

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

    def adjusted(self) -> tuple[pd.Series, pd.Series, np.ndarray]:
        """Logs less the believed effect of all episodes, the effect in the months ahead, and its covariance there.

        For models without regressors: fit the first, add the second to their forecast and the third to its variance.
        """
        past, ahead, covariance = self.fit.believed()
        return self.y - past, ahead, covariance


def month_lengths(months: pd.PeriodIndex) -> np.ndarray:
    """Days of each month over those of a mean month."""
    return _lengths(months.asi8.tobytes())


@lru_cache(maxsize=1024)
def _lengths(ordinals: bytes) -> np.ndarray:
    lengths = np.asarray(months_of(np.frombuffer(ordinals, np.int64)).days_in_month / DAYS_A_MONTH)
    lengths.flags.writeable = False  # everybody who asks is given the same
    return lengths


def floor_of(volume: np.ndarray, otherwise: float = 0.0) -> float:
    """One hundredth of the median of the last 24 positive months, in the unit of ``volume``.

    Months under a hundredth of the median of all positive ones do not count, so that 0 and 1 kg are the same news.

    Examples
    --------
    >>> floor_of(np.array([100.0, 300.0, 0.0, 200.0]))
    2.0
    """
    positive = volume[volume > 0]
    if not len(positive):
        return otherwise
    counted = positive[positive > FLOOR * np.median(positive)]
    return FLOOR * float(np.median(counted[-FLOOR_MONTHS:]))


def structural_forecasts(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    months_ahead: int,
    experience: Mapping[str, PathPrior] | None = None,
    wanted: Collection[SeriesKey] | None = None,
    learn: bool = True,
) -> dict[SeriesKey, SeriesFit]:
    """The model on every series of ``panel``: tonnes by consecutive month up to a cutoff, gaps as NaN.

    Every series with episodes is seen by itself first; those ``wanted`` (None: all) are then fitted with the priors
    that the others leave, or without ``learn`` with the stated ones. Series without an observed month are left out.
    """
    logs, beliefs = _described(panel, episodes_by_series, experience or {}, LONGEST_HISTORY)
    asked = [key for key in logs if wanted is None or key in wanted]
    shared: dict[SeriesKey, tuple[list[PathPrior], np.ndarray | None]] = {}
    if learn:
        kinds = {episode.kind for key in asked for episode in episodes_by_series.get(key, ())}
        alone = _alone(logs, episodes_by_series, beliefs, kinds)
        shared = _shared_priors(logs, alone, episodes_by_series, beliefs, asked)
    fits = {}
    for key in asked:
        y, floor = logs[key]
        priors, support = shared.get(key, (beliefs[key], None))
        fits[key] = SeriesFit(_fit(key, y, episodes_by_series, priors, months_ahead, support), floor, y)
    return fits


def _described(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    experience: Mapping[str, PathPrior],
    longest: int,
) -> tuple[dict[SeriesKey, Logs], dict[SeriesKey, list[PathPrior]]]:
    """Logs with floors, and the priors of the episodes, of every series."""
    otherwise = _fallbacks(panel)
    made = {key: _logs(volume, otherwise[key[0]], longest) for key, volume in panel.items()}
    logs = {key: found for key, found in made.items() if found is not None}
    return logs, {key: _priors(episodes_by_series.get(key, ()), experience) for key in logs}


def _alone(
    logs: Mapping[SeriesKey, Logs],
    episodes_by_series: Calendars,
    beliefs: Mapping[SeriesKey, list[PathPrior]],
    kinds: Collection[str] | None = None,
) -> dict[SeriesKey, Alone]:
    """What every series with episodes, of ``kinds`` (None: any), says by itself."""
    return {
        key: seen_alone(own, tuple(episodes_by_series[key]), tuple(beliefs[key]))
        for key, own in logs.items()
        if any(kinds is None or episode.kind in kinds for episode in episodes_by_series.get(key, ()))
    }


def path_evidence(
    panel: Mapping[SeriesKey, pd.Series],
    episodes_by_series: Calendars,
    longest: int = LONGEST_HISTORY,
) -> dict[str, list[dict[str, list[PathEvidence]]]]:
    """What a panel says of each kind's paths: by kind, for each product the evidence of its episodes' destinations."""
    logs, beliefs = _described(panel, episodes_by_series, {}, longest)
    alone = _alone(logs, episodes_by_series, beliefs)
    evidence = _evidence(logs, alone, episodes_by_series, beliefs, _lags(alone, episodes_by_series))
    found = {}
    for kind, products in evidence.items():
        each = [_filled({name: _first(own) for name, own in episodes.items()}) for episodes in products.values()]
        found[kind] = [episodes for episodes in each if episodes]
    return {kind: products for kind, products in found.items() if products}


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
    daily = volume.to_numpy() / month_lengths(months)
    observed = np.flatnonzero(np.isfinite(daily))
    if not len(observed):
        return None
    first = max(observed[0], len(daily) - longest)
    daily = daily[first:]
    if not np.isfinite(daily).any():
        return None
    floor = floor_of(daily, otherwise)
    return pd.Series(np.log(daily + floor), months[first:], name=volume.name), floor


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
        found.append(PathPrior(left * prior.mean, np.sqrt(left) * prior.covariance))
    return found


def _fit(
    key: SeriesKey,
    y: pd.Series,
    episodes_by_series: Calendars,
    priors: Sequence[PathPrior],
    ahead: int,
    support: np.ndarray | None,
) -> StructuralFit:
    episodes = episodes_by_series.get(key, ())
    first = y.index[0].ordinal
    months = months_of(np.arange(first, first + len(y) + ahead))
    terms = [path_term(episode, months, prior) for episode, prior in zip(episodes, priors, strict=True)]
    return fit_structural(y, terms, ahead, support)


FAR_LAGS, LEAST_LAG = 0.25, -20.0
"""Weight of what another product says of the lag, and the least log likelihood that any series gives one."""

LagEvidence = dict[SeriesKey, np.ndarray]
"""Log likelihoods of the lags, the best at 0, by series."""

Weighed = tuple[PathEvidence, bool]
"""Evidence, and whether the episode was the first of its kind on its series."""

Evidence = dict[str, dict[str, dict[str, dict[SeriesKey, Weighed]]]]
"""By kind, product, episode and series."""


def _shared_priors(
    logs: Mapping[SeriesKey, Logs],
    alone: Mapping[SeriesKey, Alone],
    episodes_by_series: Calendars,
    beliefs: Mapping[SeriesKey, list[PathPrior]],
    asked: Sequence[SeriesKey],
) -> dict[SeriesKey, tuple[list[PathPrior], np.ndarray | None]]:
    """Priors and support for lags from the other series, for each series whose episodes have any."""
    lags = _lags(alone, episodes_by_series)
    evidence = _evidence(logs, alone, episodes_by_series, beliefs, lags)
    shared = {}
    for key in (key for key in asked if key in alone):
        episodes = episodes_by_series[key]
        if not _has_company(key, episodes, evidence):
            continue
        priors = [
            _learned(key, one, evidence[one.kind], prior, bool(measures_below(one, episodes)))
            for one, prior in zip(episodes, beliefs[key], strict=True)
        ]
        shared[key] = priors, _lag_support(key, _latest(episodes, logs[key][0].index[-1]), lags)
    return shared


def _latest(episodes: Sequence[Episode], cutoff: pd.Period) -> Episode:
    """The latest episode in effect by ``cutoff``, or the latest of all: what is to come says nothing of the past."""
    measures = [one for one in episodes if one.kind != DIVERSION] or episodes
    begun = [one for one in measures if one.effective <= cutoff.end_time.date()]
    return max(begun or measures, key=lambda one: one.effective)


def _lag_support(key: SeriesKey, latest: Episode, lags: dict[tuple[str, str, str], LagEvidence]) -> np.ndarray | None:
    """Log likelihoods of the lags from siblings of a series' latest episode, and less of others of its kind.

    Goods of another product travel otherwise, but figures of one reporter are counted at one border.
    """
    found: dict[SeriesKey, np.ndarray] = {}
    for (product, kind, name), each in lags.items():
        if kind != latest.kind:
            continue
        weight = 1.0 if name == latest.name else OTHER_LAGS if product == key[0] else FAR_LAGS
        for other, one in each.items():
            if other != key and (other not in found or weight == 1.0):
                found[other] = weight * np.maximum(one, LEAST_LAG)
    return np.sum(list(found.values()), axis=0) if found else None


def _lags(alone: Mapping[SeriesKey, Alone], episodes_by_series: Calendars) -> dict[tuple[str, str, str], LagEvidence]:
    """What each series says of the lags, by product, kind and episode; a total says nothing beside its parts."""
    lags: dict[tuple[str, str, str], LagEvidence] = {}
    for key, found in alone.items():
        for place, episode in enumerate(episodes_by_series[key]):
            support = lags.setdefault((key[0], episode.kind, episode.name), {})
            if _teaches(key, episode, found.weights[place]):
                support[key] = found.weights[place] * (found.lag_likelihood - found.lag_likelihood.max())
    for support in lags.values():
        if len(support) > 1:
            support.pop((next(iter(support))[0], WORLD), None)
    return lags


def _teaches(key: SeriesKey, episode: Episode, weight: float) -> bool:
    """The rest of the world is the difference of two that are counted: it learns and says nothing."""
    return episode.share == 1.0 and key[1] != REST_OF_WORLD and weight > 0


def _evidence(
    logs: Mapping[SeriesKey, Logs],
    alone: Mapping[SeriesKey, Alone],
    episodes_by_series: Calendars,
    beliefs: Mapping[SeriesKey, list[PathPrior]],
    lags: dict[tuple[str, str, str], LagEvidence],
) -> Evidence:
    """What each series says of its paths, at the lags that the others believe in as well.

    A month between two measures means one thing at one lag and another at the next: what sixty destinations know of the
    lag together is not to be left to each of them.
    """
    evidence: Evidence = {}
    for key, found in alone.items():
        episodes = episodes_by_series[key]
        support = _lag_support(key, _latest(episodes, logs[key][0].index[-1]), lags)
        for place, episode in enumerate(episodes):
            own = evidence.setdefault(episode.kind, {}).setdefault(key[0], {}).setdefault(episode.name, {})
            if _teaches(key, episode, found.weights[place]):
                path = found.paths[place].mixed(np.zeros(len(LAGS)) if support is None else support)
                said = learned_from(beliefs[key][place], path).weighed(found.weights[place])
                own[key] = said, not measures_below(episode, episodes)
    for products in evidence.values():
        for each in products.values():
            each.update({name: {key: own[key] for key in _teachers(own)} for name, own in each.items()})
    return evidence


def _teachers(own: Mapping[SeriesKey, Weighed]) -> list[SeriesKey]:
    """The total of a product, or its parts: counted both they would say the same twice, and few months say little."""
    said = {key: float(np.trace(one.precision)) for key, (one, _) in own.items()}
    parts = [key for key in said if key[1] != WORLD]
    total = [key for key in said if key[1] == WORLD]
    return total if sum(said[key] for key in total) > sum(said[key] for key in parts) else parts


def _has_company(key: SeriesKey, episodes: Sequence[Episode], evidence: Evidence) -> bool:
    others = (
        other
        for one in episodes
        for products in evidence[one.kind].values()
        for each in products.values()
        for other in each
    )
    return any(other != key for other in others) or len({one.kind for one in episodes}) < len(episodes)


def _learned(
    key: SeriesKey,
    episode: Episode,
    kind: dict[str, dict[str, dict[SeriesKey, Weighed]]],
    prior: PathPrior,
    on_top: bool,
) -> PathPrior:
    """The prior with the others' evidence; a measure on top of others, and a diversion, learn from siblings alone."""
    own = kind[key[0]]
    siblings = [one for other, (one, _) in own[episode.name].items() if other != key]
    if on_top or episode.kind == DIVERSION:
        return learned_prior(prior, [], {}, siblings)
    elsewhere = {name: _first(each) for name, each in own.items() if name != episode.name}
    products = [
        {name: _first(each) for name, each in episodes.items()}
        for product, episodes in kind.items()
        if product != key[0]
    ]
    return learned_prior(prior, [_filled(each) for each in products if _filled(each)], _filled(elsewhere), siblings)


def _first(destinations: dict[SeriesKey, Weighed]) -> list[PathEvidence]:
    """Evidence of the destinations where the episode was not on top of others of its kind."""
    return [one for one, alone in destinations.values() if alone]


def _filled(episodes: dict[str, list[PathEvidence]]) -> dict[str, list[PathEvidence]]:
    return {name: each for name, each in episodes.items() if each}
