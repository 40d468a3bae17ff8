"""What a kind of measure means before any volume is seen: the mean of its path and how far episodes lie from it.

The means are stated, by reasoning and not by fitting: a ban stops nearly everything within two months and goods come
back over the months after it; a licensing duty stops most at first and less as licences arrive; a tariff takes some;
an easing lowers nothing. They are weak against data. Episodes of a kind differ in severity, by a factor on the whole
path, so that a mild one is mild in all its months and none comes to raise what it lowers; steps around that are small.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.episodes.course import DIVERSION, FORCE, KNOTS, Episode, eased_by, measures_below
from forecast.kernels.structural import square_root

STATED: Mapping[str, tuple[float, ...]] = {
    "ban": (0.05, -1.8, -2.8, -3.1, -3.1, -3.1, -3.1, -0.8, -0.3, -0.05, 0.0),
    "licensing": (0.1, -0.8, -1.2, -1.0, -0.7, -0.5, -0.4, -0.3, -0.1, 0.0, 0.0),
    "quota": (0.05, -0.5, -0.7, -0.7, -0.6, -0.5, -0.4, -0.3, -0.1, 0.0, 0.0),
    "scrutiny": (0.0, -0.4, -0.5, -0.4, -0.3, -0.2, -0.2, -0.2, -0.1, 0.0, 0.0),
    "tariff": (0.05, -0.15, -0.25, -0.25, -0.25, -0.2, -0.2, -0.15, -0.1, -0.05, 0.0),
    "tax": (0.05, -0.15, -0.2, -0.2, -0.2, -0.2, -0.2, -0.1, 0.0, 0.0, 0.0),
    "listing": (0.0, -0.2, -0.3, -0.3, -0.3, -0.3, -0.3, -0.1, -0.05, 0.0, 0.0),
    "truce": (0.0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0),
    "general_licence": (0.0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0),
    "approvals": (0.0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0),
    "suspension": (0.0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0),
    "quota_removal": (0.0, 0.03, 0.05, 0.05, 0.05, 0.05, 0.05, 0.0, 0.0, 0.0, 0.0),
    "tariff_cut": (0.0, 0.03, 0.05, 0.05, 0.05, 0.05, 0.05, 0.0, 0.0, 0.0, 0.0),
    DIVERSION: (0.0,) * len(KNOTS),
}
"""Mean path of each kind in logs, by `KNOTS`."""

SEVERITY: Mapping[str, tuple[float, float]] = {
    "ban": (0.9, 0.5),
    "licensing": (0.8, 0.4),
    "quota": (0.6, 0.32),
    "scrutiny": (0.3, 0.15),
    "tariff": (0.4, 0.12),
    "tax": (0.3, 0.1),
    "listing": (0.5, 0.15),
    DIVERSION: (0.7, 0.05),
}
"""Standard deviations in logs between episodes of a kind: of the severity where the mean is largest, of the steps."""

EASING_SPREAD = (0.2, 0.08)
LIFT_SD, LIFT_STEP = 0.35, 0.15
"""Standard deviations of the share of restrictions that an easing lifts: between easings, and of its steps."""

NEIGHBOUR_CORRELATION = 0.7
PAYBACK = -0.3
"""Correlation of the step of the first month in force with that of notice: what was shipped ahead is borrowed."""

KIND, PRODUCT, EPISODE, DESTINATION = 0.15, 0.1, 0.4, 0.35
"""How the variance divides: the kind's own mean, the product, its episode, and the destination of an episode."""

IN_COMMON = KIND + PRODUCT + EPISODE
"""Share of the variance of a path that the destinations of an episode have in common."""

RETURNS = 0.75
"""Correlation of what is a series' own in an episode with the same in the next one of its kind."""

RETURNS_IN_ALL = KIND + PRODUCT + RETURNS * (EPISODE + DESTINATION)
"""Correlation of the paths of these two, all in all."""

UNLIKE, UNLIKELY = np.array([0.05, 0.15, 0.4, 1.0, 1.6]), np.array([0.1, 0.1, 0.1, 0.3, 0.4])
"""How unlike the destinations of one episode may be, as factors on their variance, and how likely: one in the mean."""

AT_ONCE = 1_000
"""Destinations times factors whose matrices are held at once."""


@dataclass(frozen=True)
class PathPrior:
    """Gaussian prior of a path: ``mean`` (knots,) and ``covariance`` (knots, knots) in logs."""

    mean: np.ndarray
    covariance: np.ndarray

    def of(self, places: np.ndarray) -> PathPrior:
        """That of some of the knots, in that order."""
        return PathPrior(self.mean[places], self.covariance[np.ix_(places, places)])


def moments_of_mixture(weights: np.ndarray, parts: Sequence[PathPrior]) -> PathPrior:
    """Mean and covariance of a mixture; ``weights`` (parts,) add to one.

    Examples
    --------
    >>> one = np.eye(1)
    >>> found = moments_of_mixture(np.array([0.5, 0.5]), [PathPrior(np.ones(1), one), PathPrior(-np.ones(1), one)])
    >>> found.mean.tolist(), found.covariance.tolist()
    ([0.0], [[2.0]])
    """
    means, covariances = np.array([one.mean for one in parts]), np.array([one.covariance for one in parts])
    mean = weights @ means
    apart = means - mean
    inside = np.einsum("c,cij->ij", weights, covariances)
    return PathPrior(mean, np.asarray(inside + np.einsum("c,ci,cj->ij", weights, apart, apart)))


@dataclass(frozen=True)
class LagPaths:
    """Posterior of paths, stacked, by the place of a lag: ``weights`` (lags,), and the paths at each that has any."""

    weights: np.ndarray
    paths: dict[int, PathPrior]

    def mixed(self, support: np.ndarray) -> PathPrior:
        """The paths over all lags, where others say as much of each as the logs ``support`` (lags,)."""
        lags = list(self.paths)
        logs = np.log(self.weights[lags]) + support[lags]
        weights = np.exp(logs - logs.max())
        return moments_of_mixture(weights / weights.sum(), [self.paths[lag] for lag in lags])


def blocks(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Square matrices along the diagonal of one."""
    found = np.zeros((sum(map(len, matrices)),) * 2)
    at = 0
    for one in matrices:
        found[at : at + len(one), at : at + len(one)] = one
        at += len(one)
    return found


def knots_of(places: Iterable[int]) -> np.ndarray:
    """Places of the knots of stacked paths."""
    return np.array([place * len(KNOTS) + knot for place in places for knot in range(len(KNOTS))], dtype=int)


def side_by_side(priors: Sequence[PathPrior]) -> PathPrior:
    """Independent paths, stacked."""
    mean = np.concatenate([np.zeros(0), *(one.mean for one in priors)])
    return PathPrior(mean, blocks([one.covariance for one in priors]))


def is_single(episode: Episode, episodes: Sequence[Episode]) -> bool:
    """Whether an episode lies about no kind's mean.

    One on top of others of its kind strikes what is left, an easing lifts what restrictions took, and a diversion comes
    from elsewhere.
    """
    return episode.kind == DIVERSION or bool(measures_below(episode, episodes) + eased_by(episode, episodes))


def runs_before(episodes: Sequence[Episode]) -> tuple[int | None, ...]:
    """The place of the last episode of its kind that had ended as each took effect; None where there is none.

    ``episodes`` are those of one series, in order of effect.
    """
    found: list[int | None] = []
    usual = [not is_single(one, episodes) for one in episodes]
    for place, one in enumerate(episodes):
        ended = [
            (other.ends, at)
            for at, other in enumerate(episodes[:place])
            if usual[at] and other.kind == one.kind and other.ends is not None and other.ends <= one.effective
        ]
        found.append(max(ended)[1] if ended and usual[place] else None)
    return tuple(found)


def in_sequence(
    beliefs: Sequence[PathPrior],
    before: Sequence[int | None],
    own: Sequence[float] | None = None,
    correlation: float = RETURNS_IN_ALL,
) -> np.ndarray:
    """Covariance of the paths of one series, stacked, where one ends ``before`` the next of its kind (`runs_before`).

    It is the same trade, and often the same measure: both have a ``correlation``. ``own`` are shares of the variance
    believed, all of it where nothing is said.
    """
    own = [1.0] * len(beliefs) if own is None else own
    found = blocks([share * one.covariance for share, one in zip(own, beliefs, strict=True)])
    if any(place is not None for place in before):
        alike = np.eye(len(beliefs))
        for place, former in enumerate(before):
            if former is not None:
                alike[place, :place] = alike[:place, place] = correlation * alike[former, :place]
        roots = blocks([square_root(one.covariance) for one in beliefs])
        size = len(roots) // len(beliefs)
        found = roots @ np.kron(alike * np.minimum.outer(own, own), np.eye(size)) @ roots.T
    return np.asarray(found)


def stated(kind: str) -> PathPrior:
    """The stated prior of a kind.

    Examples
    --------
    >>> prior = stated("ban")
    >>> float(prior.mean[2]), round(float(prior.covariance[2, 2]), 2)
    (-2.8, 0.91)
    """
    severity, step = SEVERITY.get(kind, EASING_SPREAD)
    mean = np.array(STATED[kind])
    acting = np.abs(mean[FORCE.start :])
    loading = np.append(0.0, acting / acting.max()) if acting.any() else np.ones(len(KNOTS))
    place = np.arange(len(KNOTS))
    steps = step**2 * NEIGHBOUR_CORRELATION ** np.abs(place[:, None] - place)
    steps[0, 1:] = steps[1:, 0] = 0.0
    steps[0, 1] = steps[1, 0] = PAYBACK * step**2
    return PathPrior(mean, severity**2 * np.outer(loading, loading) + steps)


def lifting(own: PathPrior, share: float, force: np.ndarray | float, after: np.ndarray) -> PathPrior:
    """The prior ``own`` of an easing of restrictions of which it is expected to lift a ``share``.

    These take ``force`` (logs) in the phases of the easing, and ``after`` in those after their end.

    Examples
    --------
    Half of a ban that leaves a twentieth:

    >>> prior = lifting(stated("general_licence"), 0.5, 3.0, np.array([0.8, 0.3, 0.0, 0.0]))
    >>> float(prior.mean[3].round(2)), float(np.sqrt(prior.covariance[3, 3]).round(2))
    (1.6, 1.16)
    """
    whole = np.concatenate([np.zeros(FORCE.start), np.broadcast_to(force, FORCE.stop - FORCE.start), after])
    place = np.arange(len(KNOTS))
    steps = NEIGHBOUR_CORRELATION ** np.abs(place[:, None] - place)
    return PathPrior(
        own.mean + share * whole, own.covariance + np.outer(whole, whole) * (LIFT_SD**2 + LIFT_STEP**2 * steps)
    )


@dataclass(frozen=True)
class PathEvidence:
    """What is said of some knots: ``precision`` (knots, knots), and ``pull``, the precision times their values.

    Several on the same knots may be a stack, both arrays with a leading axis.
    """

    precision: np.ndarray
    pull: np.ndarray

    @classmethod
    def stacked(cls, several: Sequence[PathEvidence]) -> PathEvidence:
        """A stack of some."""
        return cls(np.array([one.precision for one in several]), np.array([one.pull for one in several]))

    def weighed(self, weight: float) -> PathEvidence:
        """The evidence to a power: as if a share ``weight`` of its months had been seen."""
        return PathEvidence(weight * self.precision, weight * self.pull)

    def widened(self, spread: np.ndarray) -> PathEvidence:
        """The evidence on the mean around which the knots lie with covariance ``spread``."""
        kept = np.linalg.inv(np.eye(len(spread)) + self.precision @ spread)
        return PathEvidence(_symmetric(kept @ self.precision), (kept @ self.pull[..., None])[..., 0])

    def among(self, places: np.ndarray, size: int) -> PathEvidence:
        """The same where it is on the knots at ``places`` among ``size`` of which it says nothing else."""
        precision, pull = np.zeros((size, size)), np.zeros(size)
        precision[np.ix_(places, places)], pull[places] = self.precision, self.pull
        return PathEvidence(precision, pull)

    def without(self, places: np.ndarray, prior: PathPrior) -> PathEvidence:
        """The evidence on the other knots where of those at ``places`` nothing is known but a prior."""
        tight = np.linalg.inv(prior.covariance)
        precision, pull = self.precision.copy(), self.pull.copy()
        precision[np.ix_(places, places)] += tight
        pull[places] += tight @ prior.mean
        return PathEvidence(precision, pull).summed_out(places)

    def normal(self) -> PathPrior:
        """The normal distribution that it is where nothing else is known; its precision has an inverse."""
        covariance = np.linalg.inv(self.precision)
        return PathPrior(covariance @ self.pull, _symmetric(covariance))

    def summed_out(self, places: np.ndarray) -> PathEvidence:
        """The evidence on the other knots, those at ``places`` integrated out."""
        rest = np.setdiff1d(np.arange(len(self.pull)), places)
        across = self.precision[np.ix_(rest, places)]
        gain = np.linalg.solve(self.precision[np.ix_(places, places)], across.T).T
        precision = self.precision[np.ix_(rest, rest)] - gain @ across.T
        return PathEvidence(_symmetric(precision), self.pull[rest] - gain @ self.pull[places])


@dataclass(frozen=True)
class KindEvidence:
    """What a product says of the mean paths of ``kinds``, stacked, and the ``episodes`` (kind, name) it rests on."""

    kinds: tuple[str, ...]
    said: PathEvidence
    episodes: tuple[tuple[str, str], ...]

    def about(self, kinds: Collection[str], stated: Callable[[str], PathPrior]) -> KindEvidence:
        """What is said of some of the kinds, where of the others nothing is known but the ``stated`` prior."""
        places = {kind: place * len(KNOTS) + np.arange(len(KNOTS)) for place, kind in enumerate(self.kinds)}
        others = [kind for kind in self.kinds if kind not in kinds]
        given = np.concatenate([np.zeros(0, dtype=int), *(places[kind] for kind in others)])
        said = self.said.without(given, side_by_side([stated(kind) for kind in others]))
        kept = tuple(kind for kind in self.kinds if kind in kinds)
        return KindEvidence(kept, said, tuple(one for one in self.episodes if one[0] in kinds))


def learned_from(before: PathPrior, after: PathPrior) -> PathEvidence:
    """What was learned between a prior of a path and its posterior, as precisions; nothing where the path lost some."""
    precision = np.linalg.inv(after.covariance) - np.linalg.inv(before.covariance)
    values, vectors = np.linalg.eigh(_symmetric(precision))
    kept = (vectors * np.maximum(values, 0.0)) @ vectors.T
    pull = np.linalg.solve(after.covariance, after.mean) - np.linalg.solve(before.covariance, before.mean)
    return PathEvidence(kept, vectors @ (np.where(values > 0, 1.0, 0.0) * (vectors.T @ pull)))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    half: np.ndarray = (matrix + np.swapaxes(matrix, -1, -2)) / 2
    return half


def log_mean(precision: np.ndarray, pull: np.ndarray, prior: PathPrior) -> np.ndarray:
    """Log of the mean of ``exp(pull x - x precision x / 2)`` over a normal ``prior`` of x, for one or a stack of them.

    Examples
    --------
    >>> one = np.eye(1)
    >>> float(np.exp(log_mean(3 * one, np.zeros(1), PathPrior(np.zeros(1), one))))
    0.5
    """
    towards = pull - precision @ prior.mean
    left = np.linalg.inv(np.eye(len(prior.mean)) + precision @ prior.covariance)
    found = pull @ prior.mean - 0.5 * (precision @ prior.mean) @ prior.mean
    found += 0.5 * np.linalg.slogdet(left)[1]
    found += 0.5 * np.einsum("...i,...i->...", towards @ prior.covariance, (left @ towards[..., None])[..., 0])
    return np.asarray(found)


def in_common(episode: PathPrior, destinations: PathEvidence, spread: np.ndarray) -> PathPrior:
    """An episode's path given what its destinations say of theirs, which lie about it with covariance ``spread``."""
    about, tight = destinations.widened(spread), np.linalg.inv(episode.covariance)
    precision, pull = tight + about.precision.sum(axis=0), tight @ episode.mean + about.pull.sum(axis=0)
    return PathEvidence(precision, pull).normal()


def log_evidence(episode: PathPrior, destinations: PathEvidence, spreads: np.ndarray) -> np.ndarray:
    """Log likelihoods (spreads, destinations + 1) of all destinations but each, and of all.

    Their paths lie about that of the episode with each of the covariances ``spreads`` (spreads, knots, knots).
    """
    precision, pull = destinations.precision, destinations.pull
    if not len(pull):
        return np.zeros((len(spreads), 1))
    kept = np.linalg.inv(np.eye(len(episode.mean)) + precision @ spreads[:, None])
    said, drawn = kept @ precision, (kept @ pull[..., None])[..., 0]
    own = 0.5 * (np.linalg.slogdet(kept)[1] + np.einsum("...i,...i->...", pull @ spreads, drawn))
    left = (
        np.concatenate([one.sum(axis=1)[:, None] - one, one.sum(axis=1)[:, None]], axis=1) for one in (own, said, drawn)
    )
    constant, precision, pull = left
    return np.asarray(constant + log_mean(precision, pull, episode))


class Heterogeneity:
    """How unlike the destinations of one episode are: the mean factor on their ``spread`` about its path, given them.

    Destinations that one measure struck alike say that the next is struck so too. Without any, or with one that says
    nothing, the factor is one.

    Examples
    --------
    >>> prior = stated("licensing")
    >>> alike = [PathEvidence(400 * np.eye(len(KNOTS)), 400 * prior.mean)] * 20
    >>> both = [PathEvidence.stacked(own) for own in ([], alike)]
    >>> [round(Heterogeneity(prior, own, prior.covariance).factor(), 2) for own in both]
    [1.0, 0.05]
    """

    def __init__(self, episode: PathPrior, destinations: PathEvidence, spread: np.ndarray) -> None:
        spreads, step = UNLIKE[:, None, None] * spread, max(AT_ONCE // max(len(destinations.pull), 1), 1)
        parts = range(0, len(spreads), step)
        logs = [log_evidence(episode, destinations, spreads[first : first + step]) for first in parts]
        self._logs = np.log(UNLIKELY)[:, None] + np.concatenate(logs)

    def factor(self, but: int | None = None) -> float:
        """By all destinations, or all but one of them."""
        logs = self._logs[:, -1 if but is None else but]
        weights = np.exp(logs - logs.max())
        return float(UNLIKE @ weights / weights.sum())

    def log_evidence(self) -> np.ndarray:
        """Log likelihoods (destinations + 1) of all destinations but each, and of all, up to one constant."""
        return np.asarray(np.logaddexp.reduce(self._logs, axis=0))
