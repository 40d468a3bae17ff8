"""Partial pooling of paths: what the series of a panel say of their episodes together, and the prior this leaves each.

A path is the kind's mean plus deviations of product, episode and destination. What a series says is one statement on
all its paths: where a truce begins as a licence ends, months say what both do together and hardly what each does, and
ten destinations that say so know no more of the division than one does. Everything is Gaussian and in closed form; a
series is never taught by itself.

References
----------
Gelman, A. and Hill, J. (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models. Cambridge.
Minka, T. (2001), Expectation propagation for approximate Bayesian inference. UAI 17, 362-369 (cavities).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from forecast.episodes.alone import Alone, Logs
from forecast.episodes.course import DIVERSION, KNOTS, Episode, measures_below
from forecast.episodes.path_priors import (
    DESTINATION,
    EPISODE,
    KIND,
    PRODUCT,
    KindEvidence,
    Likeness,
    PathEvidence,
    PathPrior,
    blocks,
    learned_from,
    side_by_side,
)
from forecast.episodes.posterior import LAGS
from forecast.tables.schema import REST_OF_WORLD, WORLD, SeriesKey

OTHER_LAGS = 0.5
"""How much the lag of another episode of the kind on the product counts."""

FAR_LAGS, LEAST_LAG = 0.25, -20.0
"""Weight of what another product says of the lag, and the least log likelihood that any series gives one."""

COMMON = KIND + PRODUCT + EPISODE
"""Share of the variance of a path that the destinations of an episode have in common."""

MOST_SPREAD = 1e3
"""Variance, in those of the prior, beyond which a path of its own says nothing of what is common."""

Slot = tuple[str, str, bool]
"""Kind and name of an episode, and whether it stands by itself: one on top of others of its kind, and a diversion,
strikes what is left or comes from elsewhere, and says nothing of its kind."""


@dataclass(frozen=True)
class Member:
    """A series with episodes: what is believed of the path of each, and what it says of all of them.

    ``weights`` (0 to 1) says of each episode how much the series has to say of it, ``said`` is on all paths, stacked,
    and ``apart`` on each of them where the others are not known.
    """

    key: SeriesKey
    slots: tuple[Slot, ...]
    beliefs: tuple[PathPrior, ...]
    weights: tuple[float, ...]
    said: PathEvidence
    apart: tuple[PathEvidence, ...]

    def taught(self) -> Iterator[tuple[Slot, float]]:
        """Each episode, and how much the series has to say of it."""
        yield from zip(self.slots, self.weights, strict=True)

    @property
    def teaches(self) -> bool:
        """Whether it has anything to say."""
        return any(self.weights)


def members_of(
    logs: Mapping[SeriesKey, Logs],
    alone: Mapping[SeriesKey, Alone],
    episodes_by_series: Mapping[SeriesKey, Sequence[Episode]],
    beliefs: Mapping[SeriesKey, Sequence[PathPrior]],
) -> tuple[dict[SeriesKey, Member], dict[SeriesKey, np.ndarray | None]]:
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
    return {key: one for own in _by_product(members).values() for key, one in _shared_out(own).items()}, supports


def _member(
    key: SeriesKey,
    episodes: tuple[Episode, ...],
    beliefs: tuple[PathPrior, ...],
    found: Alone,
    support: np.ndarray | None,
) -> Member:
    slots = tuple(
        (one.kind, one.name, one.kind == DIVERSION or bool(measures_below(one, episodes))) for one in episodes
    )
    weights = tuple(_weight(key, *pair) for pair in zip(episodes, found.weights, strict=True))
    size, seen = len(KNOTS) * len(episodes), np.array(found.seen, dtype=int)
    if not any(weights) or not len(seen):
        nothing = PathEvidence(np.zeros((size, size)), np.zeros(size))
        none = PathEvidence(np.zeros((len(KNOTS), len(KNOTS))), np.zeros(len(KNOTS)))
        return Member(key, slots, beliefs, (0.0,) * len(episodes), nothing, (none,) * len(episodes))
    after = found.paths.mixed(np.zeros(len(LAGS)) if support is None else support)
    before = side_by_side(beliefs).of(seen)
    apart = []
    for place in range(len(episodes)):
        own = np.flatnonzero(seen // len(KNOTS) == place)
        apart.append(learned_from(before.of(own), after.of(own)).among(seen[own] % len(KNOTS), len(KNOTS)))
    return Member(key, slots, beliefs, weights, learned_from(before, after).among(seen, size), tuple(apart))


def _weight(key: SeriesKey, episode: Episode, traded: float) -> float:
    """What a series says where a measure is on all of it; the rest of the world, a difference of two, says nothing."""
    return traded if episode.share == 1.0 and key[1] != REST_OF_WORLD else 0.0


def _by_product(members: Mapping[SeriesKey, Member]) -> dict[str, dict[SeriesKey, Member]]:
    found: dict[str, dict[SeriesKey, Member]] = {}
    for key, one in members.items():
        found.setdefault(key[0], {})[key] = one
    return found


def _shared_out(members: dict[SeriesKey, Member]) -> dict[SeriesKey, Member]:
    """A total and its parts say the same: each to a power, the shares of what they know of the same episodes."""
    totals = [one for key, one in members.items() if key[1] == WORLD and one.teaches]
    parts = {key: one for key, one in members.items() if key[1] != WORLD and one.teaches}
    if not totals or not parts:
        return members
    (total,) = totals
    names = {slot[:2] for slot, weight in zip(total.slots, total.weights, strict=True) if weight}
    known = sum(_known(one, names) for one in parts.values())
    share = _known(total, names) / max(_known(total, names) + known, 1e-300)
    weighed = {total.key: share, **dict.fromkeys(parts, 1.0 - share)}
    return {key: _weighed(one, weighed.get(key, 1.0)) for key, one in members.items()}


def _weighed(member: Member, weight: float) -> Member:
    apart = tuple(one.weighed(weight) for one in member.apart)
    return Member(member.key, member.slots, member.beliefs, member.weights, member.said.weighed(weight), apart)


def _known(member: Member, names: set[tuple[str, str]]) -> float:
    """How much a series knows of some episodes: the trace of its precision."""
    pairs = zip(member.slots, member.weights, member.apart, strict=True)
    return sum(weight * float(np.trace(one.precision)) for slot, weight, one in pairs if slot[:2] in names)


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


# One product ---------------------------------------------------------------------------------------------------------


def knots_of(places: Iterable[int]) -> np.ndarray:
    """Places of the knots of stacked paths."""
    return np.array([place * len(KNOTS) + knot for place in places for knot in range(len(KNOTS))], dtype=int)


@dataclass(frozen=True)
class ProductPool:
    """The series of one product that have episodes, and the prior of each kind's path on any product."""

    members: Mapping[SeriesKey, Member]
    stated: Mapping[str, PathPrior]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the episodes that do not stand by themselves."""
        return tuple(sorted({slot[0] for one in self.members.values() for slot in one.slots if not slot[2]}))

    @cached_property
    def shared(self) -> dict[Slot, PathPrior]:
        """Episodes of several series, with what is believed of their paths."""
        believed: dict[Slot, list[PathPrior]] = {}
        for one in self.members.values():
            for slot, belief in zip(one.slots, one.beliefs, strict=True):
                believed.setdefault(slot, []).append(belief)
        return {slot: believed[slot][0] for slot in sorted(believed) if len(believed[slot]) > 1}

    @cached_property
    def _places(self) -> dict[str | Slot, int]:
        """Places of mean paths of kinds on this product, and of shared episodes, in the core of all that is common."""
        names: list[str | Slot] = [*self.kinds, *self.shared]
        return {name: place for place, name in enumerate(names)}

    def parents(self, slot: Slot) -> int | None:
        """The place of the path about which that of a destination lies; None for one that nothing else tells of."""
        if slot in self.shared:
            return self._places[slot]
        return None if slot[2] else self._places[slot[0]]

    @cached_property
    def _likeness(self) -> dict[Slot, tuple[Likeness, dict[SeriesKey, int]]]:
        """How unlike the destinations of each shared episode are, and the places of those that say so."""
        found = {}
        for slot, belief in self.shared.items():
            said = {
                one.key: one.apart[at].weighed(one.weights[at])
                for one in self.members.values()
                for at in [one.slots.index(slot) if slot in one.slots else -1]
                if at >= 0 and one.weights[at]
            }
            episode = PathPrior(belief.mean, COMMON * belief.covariance)
            likeness = Likeness(episode, list(said.values()), DESTINATION * belief.covariance)
            found[slot] = likeness, {key: place for place, key in enumerate(said)}
        return found

    @cached_property
    def likeness(self) -> dict[Slot, float]:
        """How unlike the destinations of each shared episode are, as a factor on their variance."""
        return {slot: likeness.factor() for slot, (likeness, _) in self._likeness.items()}

    def _likeness_but(self, member: Member) -> dict[Slot, float]:
        """The same by all destinations but one."""
        shared = {slot: self._likeness[slot] for slot in member.slots if slot in self.shared}
        return {slot: likeness.factor(places.get(member.key)) for slot, (likeness, places) in shared.items()}

    def spreads(self, member: Member, likeness: Mapping[Slot, float]) -> list[np.ndarray]:
        """Covariance of each path of a series about its parent."""
        found = []
        for slot, belief in zip(member.slots, member.beliefs, strict=True):
            share = DESTINATION * likeness[slot] if slot in self.shared else 1.0 if slot[2] else EPISODE + DESTINATION
            found.append(share * belief.covariance)
        return found

    @cached_property
    def _evidence(self) -> dict[SeriesKey, tuple[np.ndarray, PathEvidence]]:
        """What each series says of the core: places of knots there, which may come twice, and evidence on them."""
        return {key: self._on_core(one) for key, one in self.members.items() if one.teaches}

    def _on_core(self, member: Member) -> tuple[np.ndarray, PathEvidence]:
        """A path of which the series says less has more of its own: so far as it says nothing it is anything."""
        spreads = self.spreads(member, self.likeness)
        kept, given = [], []
        for place, (slot, weight) in enumerate(zip(member.slots, member.weights, strict=True)):
            if self.parents(slot) is None or not weight:
                given.append(place)
            else:
                kept.append(place)
                more = min(1.0 / weight - 1.0, MOST_SPREAD)
                spreads[place] = spreads[place] + more * member.beliefs[place].covariance
        said = member.said.without(knots_of(given), side_by_side([member.beliefs[place] for place in given]))
        core = knots_of(parent for place in kept if (parent := self.parents(member.slots[place])) is not None)
        return core, said.widened(blocks([spreads[place] for place in kept]))

    @cached_property
    def _core(self) -> PathEvidence:
        """All that is known of the core but the mean paths of kinds: links of episodes to them, and every series."""
        size = len(KNOTS) * len(self._places)
        precision, pull = np.zeros((size, size)), np.zeros(size)
        for slot, belief in self.shared.items():
            own = knots_of([self._places[slot]])
            if slot[2]:
                tight = np.linalg.inv(COMMON * belief.covariance)
                precision[np.ix_(own, own)] += tight
                pull[own] += tight @ belief.mean
                continue
            kind, tight = knots_of([self._places[slot[0]]]), np.linalg.inv(EPISODE * belief.covariance)
            for rows, columns, sign in ((own, own, 1), (kind, kind, 1), (own, kind, -1), (kind, own, -1)):
                precision[np.ix_(rows, columns)] += sign * tight
        for core, said in self._evidence.values():
            np.add.at(precision, (core[:, None], core), said.precision)
            np.add.at(pull, core, said.pull)
        return PathEvidence(precision, pull)

    def of_kinds(self) -> KindEvidence:
        """What this product says of the mean paths of its kinds on all products."""
        episodes = np.arange(len(KNOTS) * len(self.kinds), len(self._core.pull))
        spread = blocks([PRODUCT * self.stated[kind].covariance for kind in self.kinds])
        taught = {slot[:2] for one in self.members.values() for slot, weight in one.taught() if weight and not slot[2]}
        return KindEvidence(self.kinds, self._core.summed_out(episodes).widened(spread), tuple(sorted(taught)))

    def priors(self, means: PathPrior) -> dict[SeriesKey, PathPrior]:
        """The prior of the paths of each series, stacked, by all other series.

        ``means`` are the mean paths of `kinds` by all other products.
        """
        spread = blocks([PRODUCT * self.stated[kind].covariance for kind in self.kinds])
        precision = np.linalg.inv(means.covariance + spread)
        whole, kinds = self._core.precision.copy(), slice(len(KNOTS) * len(self.kinds))
        pull = self._core.pull.copy()
        whole[kinds, kinds] += precision
        pull[kinds] += precision @ means.mean
        covariance = np.linalg.inv(whole)
        core = PathPrior(covariance @ pull, (covariance + covariance.T) / 2)
        return {key: self._prior(one, core) for key, one in self.members.items()}

    def _prior(self, member: Member, core: PathPrior) -> PathPrior:
        """The prior of one series: what is common as known without it, and the spread of its own paths about that."""
        parents = [self.parents(slot) for slot in member.slots]
        common = sorted({parent for parent in parents if parent is not None})
        spread, mean = blocks(self.spreads(member, self._likeness_but(member))), side_by_side(member.beliefs).mean
        if not common:
            return PathPrior(mean, spread)
        known = self._without(member, core, common)
        rows = knots_of(place for place, parent in enumerate(parents) if parent is not None)
        columns = knots_of(common.index(parent) for parent in parents if parent is not None)
        mean[rows] = known.mean[columns]
        spread[np.ix_(rows, rows)] += known.covariance[np.ix_(columns, columns)]
        return PathPrior(mean, spread)

    def _without(self, member: Member, core: PathPrior, common: list[int]) -> PathPrior:
        """What is known of some of the core without one series, and with what that series believes of its own."""
        places = knots_of(common)
        known = core.of(places)
        precision = np.linalg.inv(known.covariance)
        pull = precision @ known.mean
        if member.key in self._evidence:
            own, said = self._evidence[member.key]
            at = np.searchsorted(places, own)
            np.subtract.at(precision, (at[:, None], at), said.precision)
            np.subtract.at(pull, at, said.pull)
        for slot, belief in zip(member.slots, member.beliefs, strict=True):
            if slot[2] and slot in self.shared:
                at = knots_of([common.index(self._places[slot])])
                for one, sign in ((belief, 1), (self.shared[slot], -1)):
                    tight = np.linalg.inv(COMMON * one.covariance)
                    precision[np.ix_(at, at)] += sign * tight
                    pull[at] += sign * (tight @ one.mean)
        covariance = np.linalg.inv(precision)
        return PathPrior(covariance @ pull, (covariance + covariance.T) / 2)


# All products --------------------------------------------------------------------------------------------------------


def pooled_priors(
    members: Mapping[SeriesKey, Member], stated: Mapping[str, PathPrior], wanted: Iterable[str]
) -> dict[SeriesKey, PathPrior]:
    """The prior of the paths of each series of the products ``wanted``, stacked, by all other series.

    ``stated`` is the prior of each kind's path before any of them, on a product never seen.
    """
    products = {name: ProductPool(own, stated) for name, own in _by_product(members).items()}
    said = {name: one.of_kinds() for name, one in products.items()}
    found: dict[SeriesKey, PathPrior] = {}
    for name in wanted:
        if name in products:
            others = [one for other, one in said.items() if other != name]
            found |= products[name].priors(kind_means(stated, products[name].kinds, others))
    return found


def kind_evidence(members: Mapping[SeriesKey, Member], stated: Mapping[str, PathPrior]) -> list[KindEvidence]:
    """What each product says of the mean paths of its kinds."""
    return [ProductPool(own, stated).of_kinds() for own in _by_product(members).values()]


def kind_means(
    stated: Mapping[str, PathPrior],
    kinds: Sequence[str],
    products: Sequence[KindEvidence],
) -> PathPrior:
    """The mean paths of ``kinds``, stacked, by what products say of those of theirs."""
    every = [*kinds, *sorted({kind for one in products for kind in one.kinds} - {*kinds})]
    if not every:
        return PathPrior(np.zeros(0), np.zeros((0, 0)))
    before = blocks([KIND * stated[kind].covariance for kind in every])
    precision = np.linalg.inv(before)
    pull = precision @ np.concatenate([stated[kind].mean for kind in every])
    for one in products:
        at = knots_of(every.index(kind) for kind in one.kinds)
        precision[np.ix_(at, at)] += one.said.precision
        pull[at] += one.said.pull
    covariance = np.linalg.inv(precision)
    return PathPrior(covariance @ pull, (covariance + covariance.T) / 2).of(knots_of(range(len(kinds))))


def on_another_product(stated: Mapping[str, PathPrior], products: Sequence[KindEvidence]) -> dict[str, PathPrior]:
    """The prior of each kind's path on a product never seen before: the kind's mean, every deviation still to come."""
    kinds = sorted({kind for one in products for kind in one.kinds})
    means = kind_means(stated, kinds, products)
    found = {}
    for place, kind in enumerate(kinds):
        own = means.of(knots_of([place]))
        rest = (PRODUCT + EPISODE + DESTINATION) * stated[kind].covariance
        found[kind] = PathPrior(own.mean, own.covariance + rest)
    return found
