"""What each series says of the paths of its episodes together, at the days in transit that others believe in too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from forecast.episodes.alone import Alone, Logs
from forecast.episodes.course import DIVERSION, KNOTS, Episode, measures_below
from forecast.episodes.path_priors import PathEvidence, PathPrior, learned_from, side_by_side
from forecast.episodes.posterior import LAGS
from forecast.tables.schema import REST_OF_WORLD, WORLD, SeriesKey

OTHER_LAGS = 0.5
"""How much the lag of another episode of the kind on the product counts."""

FAR_LAGS, LEAST_LAG = 0.25, -20.0
"""Weight of what another product says of the lag, and the least log likelihood that any series gives one."""


class Slot(NamedTuple):
    """Kind and name of an episode, and whether it is ``single``, of no kind's mean.

    One on top of others of its kind, and a diversion, strikes what is left or comes from elsewhere, and says nothing of
    its kind.
    """

    kind: str
    name: str
    single: bool


@dataclass(frozen=True)
class SeriesEvidence:
    """A series with episodes: what is believed of the path of each, and what it says of all of them.

    ``weights`` (0 to 1) says of each episode how much the series has to say of it; ``joint`` is on all paths, stacked,
    and ``marginals`` on each of them where of the others nothing is known but what is stated.
    """

    key: SeriesKey
    slots: tuple[Slot, ...]
    beliefs: tuple[PathPrior, ...]
    weights: tuple[float, ...]
    joint: PathEvidence
    marginals: tuple[PathEvidence, ...]

    def taught(self) -> Iterator[tuple[Slot, float]]:
        """Each episode, and how much the series has to say of it."""
        yield from zip(self.slots, self.weights, strict=True)

    @property
    def teaches(self) -> bool:
        """Whether it has anything to say."""
        return any(self.weights)


def evidence_by_series(
    logs: Mapping[SeriesKey, Logs],
    alone: Mapping[SeriesKey, Alone],
    episodes_by_series: Mapping[SeriesKey, Sequence[Episode]],
    beliefs: Mapping[SeriesKey, Sequence[PathPrior]],
) -> tuple[dict[SeriesKey, SeriesEvidence], dict[SeriesKey, np.ndarray | None]]:
    """What every series says, at the lags that the others believe in as well; and those lags, by series.

    A month between two measures means one thing at one lag and another at the next: what sixty destinations know of the
    lag together is not to be left to each of them.
    """
    lags, members, supports = _lags(alone, episodes_by_series), {}, {}
    for key, found in alone.items():
        episodes = tuple(episodes_by_series[key])
        support = _lag_support(key, _latest(episodes, logs[key][0].index[-1]), lags)
        members[key] = _member(key, episodes, tuple(beliefs[key]), found, support)
        supports[key] = support
    return {key: one for own in by_product(members).values() for key, one in _shared_out(own).items()}, supports


def _member(
    key: SeriesKey,
    episodes: tuple[Episode, ...],
    beliefs: tuple[PathPrior, ...],
    found: Alone,
    support: np.ndarray | None,
) -> SeriesEvidence:
    slots = tuple(
        Slot(one.kind, one.name, one.kind == DIVERSION or bool(measures_below(one, episodes))) for one in episodes
    )
    weights = tuple(_weight(key, *pair) for pair in zip(episodes, found.weights, strict=True))
    size, seen = len(KNOTS) * len(episodes), np.array(found.seen, dtype=int)
    if not any(weights) or not len(seen):
        nothing = PathEvidence(np.zeros((size, size)), np.zeros(size))
        none = PathEvidence(np.zeros((len(KNOTS), len(KNOTS))), np.zeros(len(KNOTS)))
        return SeriesEvidence(key, slots, beliefs, (0.0,) * len(episodes), nothing, (none,) * len(episodes))
    after = found.paths.mixed(np.zeros(len(LAGS)) if support is None else support)
    before = side_by_side(beliefs).of(seen)
    marginals = []
    for place in range(len(episodes)):
        own = np.flatnonzero(seen // len(KNOTS) == place)
        marginals.append(learned_from(before.of(own), after.of(own)).among(seen[own] % len(KNOTS), len(KNOTS)))
    return SeriesEvidence(key, slots, beliefs, weights, learned_from(before, after).among(seen, size), tuple(marginals))


def _weight(key: SeriesKey, episode: Episode, traded: float) -> float:
    """What a series says where a measure is on all of it; the rest of the world, a difference of two, says nothing."""
    return traded if episode.share == 1.0 and key[1] != REST_OF_WORLD else 0.0


def by_product(members: Mapping[SeriesKey, SeriesEvidence]) -> dict[str, dict[SeriesKey, SeriesEvidence]]:
    """Series by their products."""
    found: dict[str, dict[SeriesKey, SeriesEvidence]] = {}
    for key, one in members.items():
        found.setdefault(key[0], {})[key] = one
    return found


def _shared_out(members: dict[SeriesKey, SeriesEvidence]) -> dict[SeriesKey, SeriesEvidence]:
    """A total and its parts say the same: each to a power, the shares of what they know of the same episodes."""
    totals = [one for key, one in members.items() if key[1] == WORLD and one.teaches]
    parts = {key: one for key, one in members.items() if key[1] != WORLD and one.teaches}
    if not totals or not parts:
        return members
    (total,) = totals
    names = {(slot.kind, slot.name) for slot, weight in zip(total.slots, total.weights, strict=True) if weight}
    known = sum(_known(one, names) for one in parts.values())
    share = _known(total, names) / max(_known(total, names) + known, 1e-300)
    weighed = {total.key: share, **dict.fromkeys(parts, 1.0 - share)}
    return {key: _weighed(one, weighed.get(key, 1.0)) for key, one in members.items()}


def _weighed(member: SeriesEvidence, weight: float) -> SeriesEvidence:
    marginals = tuple(one.weighed(weight) for one in member.marginals)
    return replace(member, joint=member.joint.weighed(weight), marginals=marginals)


def _known(member: SeriesEvidence, names: set[tuple[str, str]]) -> float:
    """How much a series knows of some episodes: the trace of its precision."""
    pairs = zip(member.slots, member.weights, member.marginals, strict=True)
    return sum(
        weight * float(np.trace(one.precision)) for slot, weight, one in pairs if (slot.kind, slot.name) in names
    )


# Days in transit -----------------------------------------------------------------------------------------------------

LagEvidence = dict[SeriesKey, np.ndarray]
"""Log likelihoods of the lags, the best at 0, by series."""


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


def _lags(
    alone: Mapping[SeriesKey, Alone], episodes_by_series: Mapping[SeriesKey, Sequence[Episode]]
) -> dict[tuple[str, str, str], LagEvidence]:
    """What each series says of the lags, by product, kind and episode; a total says nothing beside its parts."""
    lags: dict[tuple[str, str, str], LagEvidence] = {}
    for key, found in alone.items():
        for place, episode in enumerate(episodes_by_series[key]):
            support = lags.setdefault((key[0], episode.kind, episode.name), {})
            if weight := _weight(key, episode, found.weights[place]):
                support[key] = weight * (found.lag_likelihood - found.lag_likelihood.max())
    for support in lags.values():
        if len(support) > 1:
            support.pop((next(iter(support))[0], WORLD), None)
    return lags
