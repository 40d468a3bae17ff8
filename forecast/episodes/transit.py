"""How many days goods are in transit: what other destinations of an episode, and other episodes, say of it together.

A month of half the volume is a measure that halves and acts at once, or one that stops everything and acts after two
weeks. Which it is each destination says a little; but a measure is as severe on all of them, and sixty that can hardly
tell must not be taken for sixty that can. So the likelihood of a number of days is that of all destinations together,
their paths integrated out about the path that they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from forecast.episodes.alone import Alone, SeriesLogs, lifted_by, shares_by_lag, teaching_weight
from forecast.episodes.course import DIVERSION, KNOTS, Episode, Restrictions
from forecast.episodes.path_priors import (
    DESTINATION,
    IN_COMMON,
    Heterogeneity,
    PathEvidence,
    PathPrior,
    in_common,
    learned_from,
    log_mean,
)
from forecast.episodes.posterior import LAGS
from forecast.kernels.structural import LEAST_LEFT
from forecast.realtime.days import consecutive_months
from forecast.tables.schema import WORLD, SeriesKey

ANOTHER_EPISODE, ANOTHER_PRODUCT = 0.5, 0.25
"""Weight of what another episode of the kind on the product says of the days, and of what another product says."""

LEAST_SUPPORT = -20.0
"""The least log likelihood that the destinations of an episode give a number of days."""

ROUNDS_ABOUT = 4
"""How often the paths at one lag are linearised at what the destinations have in common."""


def log_effect(path: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log effect of a path on each month, and its derivatives: ``log(1 + sum_k shares_k (exp(path_k) - 1))``.

    ``path`` (knots,) in logs, ``shares`` (months x knots) with the episode's share in them, of one series or a stack.

    Examples
    --------
    A quarter of the volume stopped for the whole month:

    >>> import numpy as np
    >>> effect, _ = log_effect(np.array([-20.0]), np.array([[0.25]]))
    >>> np.exp(effect).round(2).tolist()
    [0.75]
    """
    factors = np.exp(path)
    left = np.maximum(1.0 + shares @ (factors - 1.0), LEAST_LEFT)
    return np.log(left), shares * factors / left[..., None]


@dataclass(frozen=True)
class EffectEvidence:
    """Evidence on a path by the log effects that it has on months with a figure, in which it is normal, or a stack.

    ``said`` is that on the knots where the effects of ``shares`` (months, knots) are linearised at the path ``at``:
    beyond a month that is stopped on half of its days no path lowers it, whatever the slope says. ``effect`` (months,)
    are those of the path, and ``back`` (knots, months) the inverse of their slopes.
    """

    said: PathEvidence
    at: np.ndarray
    shares: np.ndarray
    effect: np.ndarray
    back: np.ndarray

    @classmethod
    def of(cls, said: PathEvidence, at: np.ndarray, shares: np.ndarray) -> EffectEvidence:
        """Of one series."""
        effect, slope = log_effect(at, shares)
        return cls(said, at, shares, effect, np.linalg.pinv(slope))

    @classmethod
    def stacked(cls, several: Sequence[EffectEvidence]) -> EffectEvidence:
        """A stack of at least one: months that a series has not have no share of any phase."""
        months = max(len(one.effect) for one in several)
        shares, effect = np.zeros((len(several), months, len(KNOTS))), np.zeros((len(several), months))
        back = np.zeros((len(several), len(KNOTS), months))
        for place, one in enumerate(several):
            own = len(one.effect)
            shares[place, :own], effect[place, :own], back[place, :, :own] = one.shares, one.effect, one.back
        said = PathEvidence.stacked([one.said for one in several])
        return cls(said, np.array([one.at for one in several]), shares, effect, back)

    def about(self, path: np.ndarray) -> tuple[PathEvidence, np.ndarray]:
        """The evidence linearised at another path, and the constant that this leaves out of its log likelihood."""
        effect, slope = log_effect(path, self.shares)
        turned = self.back @ slope
        offset = self.at + (self.back @ (effect - self.effect)[..., None])[..., 0] - turned @ path
        precision, pull = self.said.precision, self.said.pull
        drawn = (precision @ offset[..., None])[..., 0]
        constant = np.einsum("...i,...i->...", pull - 0.5 * drawn, offset)
        across = np.swapaxes(turned, -1, -2)
        return PathEvidence(across @ precision @ turned, (across @ (pull - drawn)[..., None])[..., 0]), constant


@dataclass(frozen=True)
class LagEvidence:
    """What one series says of its episode at ``place`` and of the days in transit, to the power of its ``weight``.

    ``found`` is the series by itself, ``belief`` the prior of the path; ``shares`` (lags, months, knots) are those of
    months with a figure.
    """

    found: Alone
    place: int
    belief: PathPrior
    shares: np.ndarray
    weight: float

    @cached_property
    def logs(self) -> np.ndarray:
        """Log likelihoods of the lags (lags,) by this series alone, the best at 0."""
        return np.asarray(self.weight * (self.found.lag_likelihood - self.found.lag_likelihood.max()))

    def path(self, lag: int) -> EffectEvidence | None:
        """The evidence on the path at a lag that its posterior keeps, or at any, where they are the same to it."""
        kept = self.found.paths.paths
        if lag not in kept and (len(kept) > 1 or self.logs.any()):
            return None
        at = np.flatnonzero(np.array(self.found.seen, dtype=int) // len(KNOTS) == self.place)
        knots = np.array(self.found.seen, dtype=int)[at] % len(KNOTS)
        path = kept[lag if lag in kept else next(iter(kept))].of(at)
        said = learned_from(self.belief.of(knots), path).weighed(self.weight).among(knots, len(KNOTS))
        mean = self.belief.mean.copy()
        mean[knots] = path.mean
        return EffectEvidence.of(said, mean, self.shares[lag])

    def without_path(self, lag: int, path: EffectEvidence | None) -> float:
        """The log likelihood of a lag less what the path adds to it under its prior, where it has one."""
        added = 0.0 if path is None else log_mean(path.said.precision, path.said.pull, self.belief)
        return float(self.logs[lag] - added)


@dataclass(frozen=True)
class EpisodeLags:
    """Log likelihoods (series + 1, lags) of all series of one episode but each, by its place, then of all."""

    places: Mapping[SeriesKey, int]
    logs: np.ndarray

    @classmethod
    def of(cls, said: Mapping[SeriesKey, LagEvidence]) -> EpisodeLags:
        """Those of what each series says: the paths of one lag after the other, since they are large."""
        places, every = {key: place for place, key in enumerate(said)}, [*said.values()]
        if len(every) < 2:
            return cls(places, np.maximum([np.zeros(len(LAGS)), *(one.logs for one in every)], LEAST_SUPPORT))
        own, together = np.zeros((len(every), len(LAGS))), np.zeros((len(every) + 1, len(LAGS)))
        for lag in range(len(LAGS)):
            paths = [one.path(lag) for one in every]
            own[:, lag] = [one.without_path(lag, path) for one, path in zip(every, paths, strict=True)]
            together[:, lag] = _of_paths(paths, every[0].belief)
        found = np.vstack([own.sum(axis=0) - own, own.sum(axis=0)]) + together
        best = found.max(axis=1, keepdims=True)
        return cls(places, np.maximum(found - best, LEAST_SUPPORT))

    def of_others(self, key: SeriesKey) -> np.ndarray:
        """Log likelihoods of the lags by all series but one, the best at 0."""
        return np.asarray(self.logs[self.places.get(key, -1)])


def _of_paths(paths: Sequence[EffectEvidence | None], belief: PathPrior) -> np.ndarray:
    """Log likelihoods (series + 1) of what each says of its path at one lag, about what they have in common."""
    taught = {place: one for place, one in enumerate(paths) if one is not None}
    if not taught:
        return np.zeros(len(paths) + 1)
    episode = PathPrior(belief.mean, IN_COMMON * belief.covariance)
    together = EffectEvidence.stacked([*taught.values()])
    path, spread = belief.mean, DESTINATION * belief.covariance
    for _ in range(ROUNDS_ABOUT):
        path = in_common(episode, together.about(path)[0], spread).mean
    about, constants = together.about(path)
    logs = Heterogeneity(episode, about, spread).log_evidence()
    found = np.full(len(paths) + 1, logs[-1] + constants.sum())
    found[list(taught)] = logs[:-1] + constants.sum() - constants
    return found


def lag_supports(
    logs: Mapping[SeriesKey, SeriesLogs],
    alone: Mapping[SeriesKey, Alone],
    episodes_by_series: Mapping[SeriesKey, Sequence[Episode]],
    beliefs: Mapping[SeriesKey, Sequence[PathPrior]],
) -> dict[SeriesKey, np.ndarray | None]:
    """Log likelihoods of the lags by all other series, for each one seen ``alone``; None where no other says anything.

    They are those of the siblings of a series' latest episode, and less of other episodes of its kind: goods of another
    product travel otherwise, but figures of one reporter are counted at one border.
    """
    panel = _Panel(logs, alone, episodes_by_series, beliefs)
    latest = {key: panel.latest(key, episodes_by_series[key]) for key in alone}
    made: dict[tuple[str, str, str], tuple[EpisodeLags, np.ndarray | None]] = {}
    found: dict[SeriesKey, np.ndarray | None] = {}
    for key, episode in latest.items():
        target = key[0], episode.kind, episode.name
        if target not in made:
            made[target] = panel.about(*target)
        siblings, others = made[target]
        supports = [siblings.of_others(key)] if len(siblings.places) > (key in siblings.places) else []
        supports += [] if others is None else [others]
        found[key] = np.sum(supports, axis=0) if supports else None
    return found


@dataclass(frozen=True)
class _Panel:
    """Series with episodes: their logs, what each says alone, its episodes, and what is believed of each of these."""

    logs: Mapping[SeriesKey, SeriesLogs]
    alone: Mapping[SeriesKey, Alone]
    episodes: Mapping[SeriesKey, Sequence[Episode]]
    beliefs: Mapping[SeriesKey, Sequence[PathPrior]]
    made: dict[tuple[tuple[SeriesKey, str], ...], EpisodeLags] = field(default_factory=dict)
    acted: dict[tuple[Episode, int, bytes, Restrictions], np.ndarray] = field(default_factory=dict)

    @cached_property
    def _cutoffs(self) -> dict[SeriesKey, date]:
        """The last day of the last month of each series."""
        last = {key: int(own.months.asi8[-1]) for key, own in self.logs.items()}
        days = {month: pd.Period(ordinal=month, freq="M").end_time.date() for month in {*last.values()}}
        return {key: days[month] for key, month in last.items()}

    def latest(self, key: SeriesKey, episodes: Sequence[Episode]) -> Episode:
        """The latest of some in effect by the last month of a series, or of all: what is to come is silent."""
        cutoff = self._cutoffs[key]
        measures = [one for one in episodes if one.kind != DIVERSION] or episodes
        begun = [one for one in measures if one.effective <= cutoff]
        return max(begun or measures, key=lambda one: one.effective)

    def about(self, product: str, kind: str, name: str) -> tuple[EpisodeLags, np.ndarray | None]:
        """What the series of an episode say of the lags, and the log likelihoods of all other episodes of its kind."""
        groups: dict[tuple[str, str], dict[SeriesKey, Episode]] = {(product, name): {}}
        for key, own in self._speakers(kind).items():
            named = [one for one in own if key[0] == product and one.name == name]
            episode = named[0] if named else self.latest(key, own)
            groups.setdefault((key[0], episode.name), {})[key] = episode
        siblings = self._together(groups.pop((product, name)))
        others = [
            (ANOTHER_EPISODE if other == product else ANOTHER_PRODUCT) * self._together(own).of_others(("", ""))
            for (other, _), own in groups.items()
        ]
        return siblings, np.sum(others, axis=0) if others else None

    def _together(self, own: Mapping[SeriesKey, Episode]) -> EpisodeLags:
        """The series of one episode, worked out once for all that ask."""
        names = tuple((key, episode.name) for key, episode in own.items())
        if names not in self.made:
            self.made[names] = EpisodeLags.of({key: self._said(key, episode) for key, episode in own.items()})
        return self.made[names]

    def _speakers(self, kind: str) -> dict[SeriesKey, list[Episode]]:
        """Series that say something of episodes of a kind, and these; a total says nothing beside its parts."""
        own = {
            key: [one for at, one in enumerate(self.episodes[key]) if one.kind == kind and self._weight(key, at)]
            for key in self.alone
        }
        parts = {product for (product, code), episodes in own.items() if episodes and code != WORLD}
        return {key: episodes for key, episodes in own.items() if episodes and (key[1] != WORLD or key[0] not in parts)}

    def _weight(self, key: SeriesKey, place: int) -> float:
        return teaching_weight(key, self.episodes[key][place], self.alone[key].weights[place])

    def _said(self, key: SeriesKey, episode: Episode) -> LagEvidence:
        logs, place = self.logs[key], [*self.episodes[key]].index(episode)
        lifted = lifted_by(episode, self.episodes[key], self.beliefs[key])
        shares = self._shares(episode, int(logs.months.asi8[0]), np.isfinite(logs.y), lifted)
        return LagEvidence(self.alone[key], place, self.beliefs[key][place], shares, self._weight(key, place))

    def _shares(self, episode: Episode, first: int, seen: np.ndarray, lifted: Restrictions) -> np.ndarray:
        """Shares (lags, months, knots) of months ``seen`` from one on, once for all series that see these."""
        asked = episode, first, seen.tobytes(), lifted
        if asked not in self.acted:
            shares = shares_by_lag(episode, consecutive_months(first, len(seen)), lifted)[:, seen]
            self.acted[asked] = shares[:, shares.any(axis=(0, 2))]
        return self.acted[asked]
