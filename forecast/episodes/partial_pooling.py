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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from forecast.episodes.alone import Chunked, chunks, here
from forecast.episodes.course import KNOTS
from forecast.episodes.evidence import SeriesEvidence, Slot, by_product
from forecast.episodes.path_priors import (
    DESTINATION,
    EPISODE,
    IN_COMMON,
    KIND,
    PRODUCT,
    RETURNS,
    Heterogeneity,
    KindEvidence,
    PathEvidence,
    PathPrior,
    blocks,
    in_sequence,
    knots_of,
    side_by_side,
)
from forecast.tables.schema import SeriesKey

MOST_SPREAD = 1e3
"""Variance, in those of the prior, beyond which a path of its own says nothing of what is common."""

# One product ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InCommon:
    """What the series of a product have in common: the places of it in a core, and how unlike destinations are.

    ``kinds`` are those of episodes that do not stand by themselves, ``shared`` episodes of several series with what is
    believed of their paths, and ``heterogeneity`` is a factor on the variance of the destinations of each.
    """

    kinds: tuple[str, ...]
    shared: Mapping[Slot, PathPrior]
    heterogeneity: Mapping[Slot, float]

    @cached_property
    def places(self) -> dict[str | Slot, int]:
        """Places of mean paths of kinds on this product, and of shared episodes, in the core of all that is common."""
        names: list[str | Slot] = [*self.kinds, *self.shared]
        return {name: place for place, name in enumerate(names)}

    def parent(self, slot: Slot) -> int | None:
        """The place of the path about which that of a destination lies; None for one that nothing else tells of."""
        if slot in self.shared:
            return self.places[slot]
        return None if slot.single else self.places[slot.kind]

    def spread(self, member: SeriesEvidence, heterogeneity: Mapping[Slot, float]) -> np.ndarray:
        """Covariance of the paths of a series, stacked, about their parents."""
        single = {True: 1.0, False: EPISODE + DESTINATION}
        own = [
            DESTINATION * heterogeneity[slot] if slot in self.shared else single[slot.single] for slot in member.slots
        ]
        return in_sequence(member.beliefs, member.before, own, RETURNS)

    def said_by(self, member: SeriesEvidence) -> tuple[np.ndarray, PathEvidence]:
        """What a series says of the core: places of knots there, which may come twice, and evidence on them.

        A path of which it says less has more of its own: so far as it says nothing it is anything.
        """
        spread = self.spread(member, self.heterogeneity)
        kept, given = [], []
        for place, (slot, weight) in enumerate(member.taught()):
            if self.parent(slot) is None or not weight:
                given.append(place)
            else:
                kept.append(place)
                more = min(1.0 / weight - 1.0, MOST_SPREAD)
                own = knots_of([place])
                spread[np.ix_(own, own)] += more * member.beliefs[place].covariance
        said = member.joint.without(knots_of(given), side_by_side([member.beliefs[place] for place in given]))
        core = knots_of(parent for place in kept if (parent := self.parent(member.slots[place])) is not None)
        among = knots_of(kept)
        return core, said.widened(spread[np.ix_(among, among)])

    def prior(self, member: SeriesEvidence, core: PathPrior, unlike: Mapping[Slot, float]) -> PathPrior:
        """The prior of one series: what is common as known without it, and the spread of its own paths about that."""
        parents = [self.parent(slot) for slot in member.slots]
        common = sorted({parent for parent in parents if parent is not None})
        spread, mean = self.spread(member, unlike), side_by_side(member.beliefs).mean
        if not common:
            return PathPrior(mean, spread)
        known = self._without(member, core, common)
        rows = knots_of(place for place, parent in enumerate(parents) if parent is not None)
        columns = knots_of(common.index(parent) for parent in parents if parent is not None)
        mean[rows] = known.mean[columns]
        spread[np.ix_(rows, rows)] += known.covariance[np.ix_(columns, columns)]
        return PathPrior(mean, spread)

    def _without(self, member: SeriesEvidence, core: PathPrior, common: list[int]) -> PathPrior:
        """What is known of some of the core without one series, and with what that series believes of its own."""
        places = knots_of(common)
        known = core.of(places)
        precision = np.linalg.inv(known.covariance)
        pull = precision @ known.mean
        if member.teaches:
            own, said = self.said_by(member)
            at = np.searchsorted(places, own)
            np.subtract.at(precision, (at[:, None], at), said.precision)
            np.subtract.at(pull, at, said.pull)
        for slot, belief in zip(member.slots, member.beliefs, strict=True):
            if slot.single and slot in self.shared:
                at = knots_of([common.index(self.places[slot])])
                for one, sign in ((belief, 1), (self.shared[slot], -1)):
                    tight = np.linalg.inv(IN_COMMON * one.covariance)
                    precision[np.ix_(at, at)] += sign * tight
                    pull[at] += sign * (tight @ one.mean)
        return PathEvidence(precision, pull).normal()


@dataclass(frozen=True)
class ByOthers:
    """What all other series say of the paths of one, the ``member``, whose prior is made where it is fitted.

    The ``core`` has its own say in it, and ``unlike`` is how unlike destinations are by all others.
    """

    member: SeriesEvidence
    common: InCommon
    core: PathPrior
    unlike: Mapping[Slot, float]

    def prior(self) -> PathPrior:
        """The prior of its paths, stacked."""
        return self.common.prior(self.member, self.core, self.unlike)


def _said_by_each(common: InCommon, members: Sequence[SeriesEvidence]) -> list[tuple[np.ndarray, PathEvidence]]:
    return [common.said_by(one) for one in members]


@dataclass(frozen=True)
class ProductPool:
    """The series of one product that have episodes, and the prior of each kind's path on any product."""

    members: Mapping[SeriesKey, SeriesEvidence]
    stated: Mapping[str, PathPrior]
    chunked: Chunked = here

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the episodes that do not stand by themselves."""
        return tuple(sorted({slot.kind for one in self.members.values() for slot in one.slots if not slot.single}))

    @cached_property
    def shared(self) -> dict[Slot, PathPrior]:
        """Episodes of several series, with what is believed of their paths."""
        believed: dict[Slot, list[PathPrior]] = {}
        for one in self.members.values():
            for slot, belief in zip(one.slots, one.beliefs, strict=True):
                believed.setdefault(slot, []).append(belief)
        return {slot: believed[slot][0] for slot in sorted(believed) if len(believed[slot]) > 1}

    @cached_property
    def _heterogeneity(self) -> dict[Slot, tuple[Heterogeneity, dict[SeriesKey, int]]]:
        """How unlike the destinations of each shared episode are, and the places of those that say so."""
        found = {}
        for slot, belief in self.shared.items():
            taught = {
                one.key: one.marginals[at].weighed(weight)
                for one in self.members.values()
                for at, (own, weight) in enumerate(one.taught())
                if own == slot and weight
            }
            episode = PathPrior(belief.mean, IN_COMMON * belief.covariance)
            said = PathEvidence.stacked([*taught.values()])
            heterogeneity = Heterogeneity(episode, said, DESTINATION * belief.covariance)
            found[slot] = heterogeneity, {key: place for place, key in enumerate(taught)}
        return found

    @cached_property
    def heterogeneity(self) -> dict[Slot, float]:
        """How unlike the destinations of each shared episode are, as a factor on their variance."""
        return {slot: heterogeneity.factor() for slot, (heterogeneity, _) in self._heterogeneity.items()}

    @cached_property
    def common(self) -> InCommon:
        """What they have in common."""
        return InCommon(self.kinds, self.shared, self.heterogeneity)

    def _heterogeneity_but(self, member: SeriesEvidence) -> dict[Slot, float]:
        """The same by all destinations but one."""
        shared = {slot: self._heterogeneity[slot] for slot in member.slots if slot in self.shared}
        return {slot: heterogeneity.factor(places.get(member.key)) for slot, (heterogeneity, places) in shared.items()}

    @cached_property
    def _runs_before(self) -> dict[Slot, Slot]:
        """Of shared episodes the one of their kind before them, where it is shared as well."""
        pairs = (
            (slot, one.slots[former])
            for one in self.members.values()
            for slot, former in zip(one.slots, one.before, strict=True)
            if former is not None
        )
        return {slot: former for slot, former in pairs if slot in self.shared and former in self.shared}

    @cached_property
    def _core(self) -> PathEvidence:
        """All that is known of the core but the mean paths of kinds: links of episodes to them, and every series."""
        places = self.common.places
        size = len(KNOTS) * len(places)
        precision, pull = np.zeros((size, size)), np.zeros(size)
        for slot, belief in self.shared.items():
            own = knots_of([places[slot]])
            if slot.single:
                tight = np.linalg.inv(IN_COMMON * belief.covariance)
                precision[np.ix_(own, own)] += tight
                pull[own] += tight @ belief.mean
                continue
            weights = {places[slot]: 1.0, places[slot.kind]: -1.0}
            left = EPISODE
            if slot in self._runs_before:
                weights |= {places[slot.kind]: RETURNS - 1.0, places[self._runs_before[slot]]: -RETURNS}
                left *= 1.0 - RETURNS**2
            among, signs = knots_of(weights), np.array([*weights.values()])
            precision[np.ix_(among, among)] += np.kron(np.outer(signs, signs), np.linalg.inv(left * belief.covariance))
        teaching = [replace(one, marginals=()) for one in self.members.values() if one.teaches]
        for core, said in chain.from_iterable(self.chunked(_said_by_each, self.common, chunks(teaching))):
            np.add.at(precision, (core[:, None], core), said.precision)
            np.add.at(pull, core, said.pull)
        return PathEvidence(precision, pull)

    def of_kinds(self) -> KindEvidence:
        """What this product says of the mean paths of its kinds on all products."""
        episodes = np.arange(len(KNOTS) * len(self.kinds), len(self._core.pull))
        spread = blocks([PRODUCT * self.stated[kind].covariance for kind in self.kinds])
        taught = {
            (slot.kind, slot.name)
            for one in self.members.values()
            for slot, weight in one.taught()
            if weight and not slot.single
        }
        return KindEvidence(self.kinds, self._core.summed_out(episodes).widened(spread), tuple(sorted(taught)))

    def priors(self, means: PathPrior) -> dict[SeriesKey, ByOthers]:
        """The prior of the paths of each series, stacked, by all other series.

        ``means`` are the mean paths of `kinds` by all other products.
        """
        spread = blocks([PRODUCT * self.stated[kind].covariance for kind in self.kinds])
        precision = np.linalg.inv(means.covariance + spread)
        whole, kinds = self._core.precision.copy(), slice(len(KNOTS) * len(self.kinds))
        pull = self._core.pull.copy()
        whole[kinds, kinds] += precision
        pull[kinds] += precision @ means.mean
        core = PathEvidence(whole, pull).normal()
        return {
            key: ByOthers(replace(one, marginals=()), self.common, core, self._heterogeneity_but(one))
            for key, one in self.members.items()
        }


# All products --------------------------------------------------------------------------------------------------------


def pooled_priors(
    members: Mapping[SeriesKey, SeriesEvidence],
    stated: Mapping[str, PathPrior],
    wanted: Iterable[str],
    chunked: Chunked = here,
) -> dict[SeriesKey, ByOthers]:
    """The prior of the paths of each series of the products ``wanted``, stacked, by all other series.

    ``stated`` is the prior of each kind's path before any of them, on a product never seen.
    """
    products = {name: ProductPool(own, stated, chunked) for name, own in by_product(members).items()}
    said = {name: one.of_kinds() for name, one in products.items()}
    found: dict[SeriesKey, ByOthers] = {}
    for name in wanted:
        if name in products:
            others = [one for other, one in said.items() if other != name]
            found |= products[name].priors(kind_means(stated, products[name].kinds, others))
    return found


def kind_evidence(members: Mapping[SeriesKey, SeriesEvidence], stated: Mapping[str, PathPrior]) -> list[KindEvidence]:
    """What each product says of the mean paths of its kinds."""
    return [ProductPool(own, stated).of_kinds() for own in by_product(members).values()]


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
    return PathEvidence(precision, pull).normal().of(knots_of(range(len(kinds))))


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
