"""What a kind of measure means before any volume is seen: the mean of its path and how far episodes lie from it.

The means are stated, by reasoning and not by fitting: a ban stops nearly everything within two months and goods come
back over the months after it; a licensing duty stops most at first and less as licences arrive; a tariff takes some;
an easing lowers nothing. They are weak against data. Episodes of a kind differ in severity, by a factor on the whole
path, so that a mild one is mild in all its months and none comes to raise what it lowers; steps around that are small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.episodes.course import DIVERSION, FORCE, KNOTS

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
NEIGHBOUR_CORRELATION = 0.7
PAYBACK = -0.3
"""Correlation of the step of the first month in force with that of notice: what was shipped ahead is borrowed."""

KIND, PRODUCT, EPISODE, DESTINATION = 0.15, 0.1, 0.4, 0.35
"""How the variance divides: the kind's own mean, the product, its episode, and the destination of an episode."""

UNLIKE, UNLIKELY = np.array([0.05, 0.15, 0.4, 1.0, 1.6]), np.array([0.1, 0.1, 0.1, 0.3, 0.4])
"""How unlike the destinations of one episode may be, as factors on their variance, and how likely: one in the mean."""


@dataclass(frozen=True)
class PathPrior:
    """Gaussian prior of a path: ``mean`` (knots,) and ``covariance`` (knots, knots) in logs."""

    mean: np.ndarray
    covariance: np.ndarray


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


@dataclass(frozen=True)
class PathEvidence:
    """What one series says of a path: ``precision`` (knots, knots), and ``pull``, the precision times the path."""

    precision: np.ndarray
    pull: np.ndarray

    def weighed(self, weight: float) -> PathEvidence:
        """The evidence to a power: as if a share ``weight`` of its months had been seen."""
        return PathEvidence(weight * self.precision, weight * self.pull)

    def widened(self, spread: np.ndarray) -> PathEvidence:
        """The evidence on the mean around which the path lies with covariance ``spread``."""
        kept = np.linalg.inv(np.eye(len(spread)) + self.precision @ spread)
        return PathEvidence(_symmetric(kept @ self.precision), kept @ self.pull)


def learned_from(before: PathPrior, after: PathPrior) -> PathEvidence:
    """What was learned between a prior of a path and its posterior, as precisions; nothing where the path lost some."""
    precision = np.linalg.inv(after.covariance) - np.linalg.inv(before.covariance)
    values, vectors = np.linalg.eigh(_symmetric(precision))
    kept = (vectors * np.maximum(values, 0.0)) @ vectors.T
    pull = np.linalg.solve(after.covariance, after.mean) - np.linalg.solve(before.covariance, before.mean)
    return PathEvidence(kept, vectors @ (np.where(values > 0, 1.0, 0.0) * (vectors.T @ pull)))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    half: np.ndarray = (matrix + matrix.T) / 2
    return half


def together(evidence: list[PathEvidence]) -> PathEvidence:
    """The sum of independent evidence on one path."""
    precision = np.sum([one.precision for one in evidence], axis=0)
    return PathEvidence(precision, np.sum([one.pull for one in evidence], axis=0))


def updated(prior: PathPrior, evidence: list[PathEvidence]) -> PathPrior:
    """A prior with ``evidence`` on its own path."""
    if not evidence:
        return prior
    total, before = together(evidence), np.linalg.inv(prior.covariance)
    covariance = _symmetric(np.linalg.inv(before + total.precision))
    return PathPrior(covariance @ (before @ prior.mean + total.pull), covariance)


Episodes = Mapping[str, list[PathEvidence]]
"""Evidence of the destinations of each episode of one kind on one product, by the episode's name."""


def learned_prior(
    prior: PathPrior, products: Sequence[Episodes], elsewhere: Episodes, siblings: list[PathEvidence]
) -> PathPrior:
    """The prior of one destination's path: its kind, other episodes of the product, and siblings of the episode.

    ``products`` has the evidence of other products, ``elsewhere`` that of the product's other episodes of the kind,
    ``siblings`` that of the other destinations of the same episode. A path is the kind's mean plus deviations of kind,
    product, episode and destination, which share the covariance of ``prior`` by `KIND`, `PRODUCT`, `EPISODE` and
    `DESTINATION`; with no evidence at all the prior is as it was.
    """
    whole = prior.covariance
    kind = of_kind(prior, products)
    product = PathPrior(kind.mean, kind.covariance + PRODUCT * whole)
    product = updated(product, [of_episode(each, whole) for each in elsewhere.values()])
    episode = PathPrior(product.mean, product.covariance + EPISODE * whole)
    apart = unlikeness(episode, siblings, DESTINATION * whole) * DESTINATION * whole
    episode = updated(episode, [one.widened(apart) for one in siblings])
    return PathPrior(episode.mean, episode.covariance + apart)


def unlikeness(episode: PathPrior, siblings: list[PathEvidence], spread: np.ndarray) -> float:
    """How unlike the destinations of one episode are: the mean factor on their ``spread`` about its path, given them.

    Destinations that one measure struck alike say that the next is struck so too. Without siblings, or with one that
    says nothing, the factor is one.

    Examples
    --------
    >>> prior = stated("licensing")
    >>> alike = [PathEvidence(400 * np.eye(len(KNOTS)), 400 * prior.mean)] * 20
    >>> unlikeness(prior, [], prior.covariance), round(unlikeness(prior, alike, prior.covariance), 2)
    (1.0, 0.05)
    """
    if not siblings:
        return 1.0
    logs = np.array([_log_evidence(episode, siblings, factor * spread) for factor in UNLIKE])
    weights = UNLIKELY * np.exp(logs - logs.max())
    return float(UNLIKE @ weights / weights.sum())


def _log_evidence(episode: PathPrior, siblings: list[PathEvidence], spread: np.ndarray) -> float:
    """Log likelihood of the siblings, up to a constant, where each lies about the episode's path with ``spread``."""
    precision = np.array([one.precision for one in siblings])
    pull = np.array([one.pull for one in siblings])
    kept = np.linalg.inv(np.eye(len(spread)) + precision @ spread)
    said, drawn = kept @ precision, np.einsum("sij,sj->si", kept, pull)
    found = 0.5 * np.linalg.slogdet(kept)[1].sum() + 0.5 * np.einsum("si,ij,sj->", pull, spread, drawn)
    together, towards = said.sum(axis=0), drawn.sum(axis=0) - said.sum(axis=0) @ episode.mean
    left = np.linalg.inv(np.eye(len(spread)) + together @ episode.covariance)
    found += drawn.sum(axis=0) @ episode.mean - 0.5 * episode.mean @ together @ episode.mean
    found += 0.5 * np.linalg.slogdet(left)[1] + 0.5 * towards @ episode.covariance @ left @ towards
    return float(found)


def of_kind(prior: PathPrior, products: Sequence[Episodes]) -> PathPrior:
    """Mean path of a kind over its ``products``, with what is not known of it."""
    whole = prior.covariance
    return updated(PathPrior(prior.mean, KIND * whole), [of_product(each, whole) for each in products])


def of_another_product(prior: PathPrior, products: Sequence[Episodes]) -> PathPrior:
    """The prior of a path on a product never seen before: the kind's mean, with every deviation still to come."""
    kind = of_kind(prior, products)
    return PathPrior(kind.mean, kind.covariance + (PRODUCT + EPISODE + DESTINATION) * prior.covariance)


def of_episode(destinations: list[PathEvidence], whole: np.ndarray) -> PathEvidence:
    """What the destinations of one episode say of the product's mean path."""
    return together([one.widened(DESTINATION * whole) for one in destinations]).widened(EPISODE * whole)


def of_product(episodes: Episodes, whole: np.ndarray) -> PathEvidence:
    """What the episodes of one product say of the kind's mean path."""
    return together([of_episode(each, whole) for each in episodes.values()]).widened(PRODUCT * whole)
