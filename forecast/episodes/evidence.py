"""What each series says of the paths of its episodes together, at the days in transit that others believe in too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from forecast.episodes.alone import Alone, Chunked, SeriesLogs, chunks, here, teaching_weight
from forecast.episodes.course import KNOTS, Episode
from forecast.episodes.path_priors import PathEvidence, PathPrior, is_single, learned_from, runs_before, side_by_side
from forecast.episodes.posterior import LAGS
from forecast.episodes.transit import lag_supports
from forecast.tables.schema import WORLD, SeriesKey


class Slot(NamedTuple):
    """Kind and name of an episode, and whether it is ``single`` (`is_single`): then it says nothing of its kind."""

    kind: str
    name: str
    single: bool


@dataclass(frozen=True)
class SeriesEvidence:
    """A series with episodes: what is believed of the path of each, and what it says of all of them.

    ``before`` has the place of the run before each (`runs_before`). ``weights`` (0 to 1) says of each episode how much
    the series has to say of it; ``joint`` is on all paths, stacked, and ``marginals`` on each of them where of the
    others nothing is known but what is stated.
    """

    key: SeriesKey
    slots: tuple[Slot, ...]
    beliefs: tuple[PathPrior, ...]
    before: tuple[int | None, ...]
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
    logs: Mapping[SeriesKey, SeriesLogs],
    alone: dict[SeriesKey, Alone],
    episodes_by_series: Mapping[SeriesKey, Sequence[Episode]],
    beliefs: Mapping[SeriesKey, Sequence[PathPrior]],
    chunked: Chunked = here,
) -> tuple[dict[SeriesKey, SeriesEvidence], dict[SeriesKey, np.ndarray | None]]:
    """What every series says, at the lags that the others believe in as well; and those lags, by series.

    A month between two measures means one thing at one lag and another at the next: what sixty destinations know of the
    lag together is not to be left to each of them. What a series says ``alone`` is let go once it is evidence.
    """
    supports = lag_supports(logs, alone, episodes_by_series, beliefs)
    calendars = {key: tuple(episodes_by_series[key]) for key in alone}
    slots = {own: _slots(own) for own in {*calendars.values()}}
    before = {own: runs_before(own) for own in slots}
    keys = [*chunks([*alone])]
    pieces = ([(key, calendars[key], beliefs[key], alone.pop(key), supports[key]) for key in own] for own in keys)
    members = {
        key: SeriesEvidence(key, slots[calendars[key]], tuple(beliefs[key]), before[calendars[key]], *said)
        for own, found in zip(keys, chunked(_said, None, pieces), strict=True)
        for key, said in zip(own, found, strict=True)
    }
    for key, power in [pair for own in by_product(members).values() for pair in _powers(own).items()]:
        members[key] = _weighed(members[key], power)
    return members, supports


def _slots(episodes: tuple[Episode, ...]) -> tuple[Slot, ...]:
    return tuple(Slot(one.kind, one.name, is_single(one, episodes)) for one in episodes)


_Series = tuple[SeriesKey, tuple[Episode, ...], Sequence[PathPrior], Alone, np.ndarray | None]
"""A series with its episodes, the stated priors of their paths, what it says alone, and the lags by the others."""

_Said = tuple[tuple[float, ...], PathEvidence, tuple[PathEvidence, ...]]
"""Weights, evidence on all paths, and on each."""


def _said(_: None, series: Sequence[_Series]) -> list[_Said]:
    """What each of some series says of its paths."""
    return [_said_by(*one) for one in series]


def _said_by(
    key: SeriesKey,
    episodes: tuple[Episode, ...],
    beliefs: Sequence[PathPrior],
    found: Alone,
    support: np.ndarray | None,
) -> _Said:
    weights = tuple(teaching_weight(key, *pair) for pair in zip(episodes, found.weights, strict=True))
    size, seen = len(KNOTS) * len(episodes), np.array(found.seen, dtype=int)
    if not any(weights) or not len(seen):
        nothing = PathEvidence(np.zeros((size, size)), np.zeros(size))
        none = PathEvidence(np.zeros((len(KNOTS), len(KNOTS))), np.zeros(len(KNOTS)))
        return (0.0,) * len(episodes), nothing, (none,) * len(episodes)
    after = found.paths.mixed(np.zeros(len(LAGS)) if support is None else support)
    before = side_by_side(beliefs).of(seen)
    marginals = []
    for place in range(len(episodes)):
        own = np.flatnonzero(seen // len(KNOTS) == place)
        marginals.append(learned_from(before.of(own), after.of(own)).among(seen[own] % len(KNOTS), len(KNOTS)))
    return weights, learned_from(before, after).among(seen, size), tuple(marginals)


def by_product(members: Mapping[SeriesKey, SeriesEvidence]) -> dict[str, dict[SeriesKey, SeriesEvidence]]:
    """Series by their products."""
    found: dict[str, dict[SeriesKey, SeriesEvidence]] = {}
    for key, one in members.items():
        found.setdefault(key[0], {})[key] = one
    return found


def _powers(members: dict[SeriesKey, SeriesEvidence]) -> dict[SeriesKey, float]:
    """A total and its parts say the same: each to a power, the shares of what they know of the same episodes."""
    totals = [one for key, one in members.items() if key[1] == WORLD and one.teaches]
    parts = {key: one for key, one in members.items() if key[1] != WORLD and one.teaches}
    if not totals or not parts:
        return {}
    (total,) = totals
    names = {(slot.kind, slot.name) for slot, weight in zip(total.slots, total.weights, strict=True) if weight}
    known = sum(_known(one, names) for one in parts.values())
    share = _known(total, names) / max(_known(total, names) + known, 1e-300)
    return {total.key: share, **dict.fromkeys(parts, 1.0 - share)}


def _weighed(member: SeriesEvidence, weight: float) -> SeriesEvidence:
    marginals = tuple(one.weighed(weight) for one in member.marginals)
    return replace(member, joint=member.joint.weighed(weight), marginals=marginals)


def _known(member: SeriesEvidence, names: set[tuple[str, str]]) -> float:
    """How much a series knows of some episodes: the trace of its precision."""
    pairs = zip(member.slots, member.weights, member.marginals, strict=True)
    return sum(
        weight * float(np.trace(one.precision)) for slot, weight, one in pairs if (slot.kind, slot.name) in names
    )
