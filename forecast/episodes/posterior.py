"""The posterior of the structural model on one series: forecasts, their division into parts, paths, and lags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import ndtr

from forecast.episodes.course import log_effect
from forecast.episodes.path_priors import PathPrior
from forecast.kernels.arrays import SEASON as SEASON
from forecast.kernels.structural import level_weights, square_root
from forecast.models.protocol import as_correlation
from forecast.tables.quantiles import MEDIAN, PROBABILITIES, QUANTILES

LAGS, LAG_PRIOR = (0, 15, 30, 45), np.array([0.25, 0.25, 0.3, 0.2])
"""Days in transit among which a fit averages, and their prior probabilities."""

BISECTIONS = 50


@dataclass(frozen=True)
class PathTerm:
    """One episode in a series' equation.

    Attributes
    ----------
    shares
        Share of the volume of each month in each phase: (lags, months, knots), training months and those ahead.
    news
        How much of each month it is news: (months,), 0 to 1, in the mean over the lags, so that of these only what the
        months were speaks, and not how noisy news is taken to be.
    prior
        Of its path.
    """

    name: str
    shares: np.ndarray
    news: np.ndarray
    prior: PathPrior


BASIC_PARTS = ("level", "season", "Lunar New Year")
"""Parts that every log median has, before those of episodes."""


@dataclass(frozen=True)
class Component:
    """The posterior at one point of the grid: ``weight``, place of the lag, and moments of the months ahead in logs.

    ``q`` is the variance of a step of the level relative to the noise's; ``coefficients`` and their ``covariance`` are
    those of season (12), New Year (3) and the knots of all paths. ``ahead`` works out ``parts`` and ``errors`` once one
    of them is asked for.
    """

    weight: float
    lag: int
    q: float
    coefficients: np.ndarray
    covariance: np.ndarray
    ahead: Callable[[], tuple[np.ndarray, np.ndarray]]

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        return self.ahead()

    @property
    def parts(self) -> np.ndarray:
        """Level, season, New Year and each episode: (months, 3 + episodes), logs."""
        return self._moments[0]

    @property
    def errors(self) -> np.ndarray:
        """Covariance of the errors (months, months), logs."""
        return self._moments[1]


def mixed_path(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> PathPrior:
    """Mean and covariance of a mixture: ``weights`` (n,) that add to one, ``means`` (n, knots), ``covariances``."""
    mean = weights @ means
    apart = means - mean
    inside = np.einsum("c,cij->ij", weights, covariances)
    return PathPrior(mean, inside + np.einsum("c,ci,cj->ij", weights, apart, apart))


@dataclass(frozen=True)
class LagPaths:
    """Posterior of paths, stacked, by lag: ``weights`` (`LAGS`) of the lags, and the paths at each that has any."""

    weights: np.ndarray
    paths: dict[int, PathPrior]

    def mixed(self, support: np.ndarray) -> PathPrior:
        """The paths over all lags, where others say as much of each as the logs ``support`` (`LAGS`)."""
        lags = list(self.paths)
        logs = np.log(self.weights[lags]) + support[lags]
        weights = np.exp(logs - logs.max())
        means = np.array([self.paths[lag].mean for lag in lags])
        return mixed_path(weights / weights.sum(), means, np.array([self.paths[lag].covariance for lag in lags]))


@dataclass(frozen=True)
class StructuralFit:
    """Posterior of one series: a mixture over the grid. ``months`` are those ahead, ``terms`` the episodes.

    ``observed`` says which of the ``training`` months have a figure.
    """

    months: pd.PeriodIndex
    terms: tuple[PathTerm, ...]
    components: tuple[Component, ...]
    lag_likelihood: np.ndarray
    training: pd.PeriodIndex
    observed: np.ndarray

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.array([one.weight for one in self.components])

    @cached_property
    def _means(self) -> np.ndarray:
        return np.array([one.parts.sum(axis=1) for one in self.components])

    @cached_property
    def _quantiles(self) -> np.ndarray:
        sd = np.sqrt(np.array([np.diag(one.errors) for one in self.components]))
        return mixture_quantiles(self._weights, self._means, sd)

    def predict(self, months: pd.PeriodIndex | None = None) -> pd.DataFrame:
        """Median and bounds in logs of the months ahead (all, or those asked for): columns `QUANTILES`."""
        table = pd.DataFrame(self._quantiles, self.months, pd.Index(QUANTILES))
        return table if months is None else table.loc[months]

    def covariance(self) -> np.ndarray:
        """Covariance of the errors in logs between the months ahead."""
        spread = self._means - self._weights @ self._means
        errors = np.array([one.errors for one in self.components])
        within = np.einsum("c,cij->ij", self._weights, errors)
        return np.asarray(within + np.einsum("c,ci,cj->ij", self._weights, spread, spread))

    def correlation(self, months: pd.PeriodIndex | None = None) -> np.ndarray:
        """Correlation of the errors in logs between the months ahead."""
        whole = as_correlation(self.covariance())
        if months is None:
            return whole
        place = self.months.get_indexer(pd.Index(months))
        return whole[np.ix_(place, place)]

    def parts(self) -> pd.DataFrame:
        """The log median of the months ahead, divided: level, season, New Year, each episode; rows add to it exactly.

        The median of the mixture is not its mean; what lies between is shared out by each part's variance over the
        mixture, so that without doubt about a part nothing goes to it.
        """
        parts = np.array([one.parts for one in self.components])
        mean = np.einsum("c,chp->hp", self._weights, parts)
        apart = np.einsum("c,chp->hp", self._weights, np.square(parts - mean)) + 1e-300
        rest = self._quantiles[:, MEDIAN] - mean.sum(axis=1)
        shared = mean + rest[:, None] * apart / apart.sum(axis=1, keepdims=True)
        shared[:, 0] += self._quantiles[:, MEDIAN] - shared.sum(axis=1)
        return pd.DataFrame(shared, self.months, [*BASIC_PARTS, *(term.name for term in self.terms)])

    def part_sd(self) -> pd.DataFrame:
        """Standard deviation in logs of each episode's part of the months ahead (months x episodes), by the mixture."""
        count = len(self.training)
        variances = np.zeros((len(self.months), len(self.terms)))
        means = np.array([one.parts[:, len(BASIC_PARTS) :] for one in self.components])
        apart = means - np.einsum("c,che->he", self._weights, means)
        for one in self.components:
            for place, term in enumerate(self.terms):
                own = knots_at(place, term)
                _, slope = log_effect(one.coefficients[own], term.shares[one.lag][count:])
                variances[:, place] += one.weight * np.einsum("hk,kl,hl->h", slope, one.covariance[own, own], slope)
        variances += np.einsum("c,che->he", self._weights, np.square(apart))
        return pd.DataFrame(np.sqrt(variances), self.months, [term.name for term in self.terms])

    def lags(self) -> dict[int, float]:
        """Posterior probability of each number of days in transit."""
        weights = np.zeros(len(LAGS))
        for one in self.components:
            weights[one.lag] += one.weight
        return dict(zip(LAGS, weights.tolist(), strict=True))

    def path(self, place: int) -> PathPrior:
        """Posterior mean and covariance (logs) of the path of the episode at ``place``, over lags and grid."""
        own = knots_at(place, self.terms[place])
        return self.by_lag(np.arange(own.start, own.stop)).mixed(np.zeros(len(LAGS)))

    def by_lag(self, places: np.ndarray) -> LagPaths:
        """Posterior of the coefficients at ``places`` for each lag that its posterior keeps, over the grid."""
        lags = sorted({one.lag for one in self.components})
        weights, paths, square = np.zeros(len(LAGS)), {}, np.ix_(places, places)
        for lag in lags:
            own = [one for one in self.components if one.lag == lag]
            shares = np.array([one.weight for one in own])
            weights[lag] = shares.sum()
            means = np.array([one.coefficients[places] for one in own])
            paths[lag] = mixed_path(shares / weights[lag], means, np.array([one.covariance[square] for one in own]))
        return LagPaths(weights, paths)

    def paths(self) -> dict[str, PathPrior]:
        """Posterior of every episode's path."""
        return {term.name: self.path(place) for place, term in enumerate(self.terms)}

    def believed(self) -> tuple[pd.Series, pd.Series, np.ndarray]:
        """Mean log effect of all episodes on the training months and on those ahead, and the covariance of what is new.

        That is what a model is in doubt of which follows the level of the logs less the mean effect: how far the effect
        ahead lies from what it was in the months that the level is made of. Of an effect that goes on only the sum with
        the level is seen, and nothing of it is new; at its end all of it is.
        """
        count, ahead = len(self.training), len(self.months)
        means = np.zeros((len(self.components), count + ahead))
        new = np.zeros((len(self.components), ahead))
        inside = np.zeros((len(self.components), ahead, ahead))
        plain, grid = np.ones(count), {one.q for one in self.components}
        followed = {q: level_weights(self.observed, plain, q * plain) for q in grid}
        for place, one in enumerate(self.components):
            jacobian = np.zeros((ahead, len(one.coefficients)))
            for at, term in enumerate(self.terms):
                own = knots_at(at, term)
                effect, slope = log_effect(one.coefficients[own], term.shares[one.lag])
                means[place] += effect
                jacobian[:, own] = slope[count:] - followed[one.q] @ slope[:count]
            inside[place] = jacobian @ one.covariance @ jacobian.T
        mean = self._weights @ means
        for place, one in enumerate(self.components):
            apart = means[place] - mean
            new[place] = apart[count:] - followed[one.q] @ apart[:count]
        spread = np.einsum("c,cij->ij", self._weights, inside) + np.einsum("c,ci,cj->ij", self._weights, new, new)
        return pd.Series(mean[:count], self.training), pd.Series(mean[count:], self.months), spread


@dataclass(frozen=True)
class ActivePrior:
    """Covariance of every coefficient in the prior, and what follows from it for the ``active`` ones."""

    prior: np.ndarray
    active: np.ndarray

    @property
    def all_active(self) -> bool:
        return len(self.active) == len(self.prior)

    @cached_property
    def inner(self) -> np.ndarray:
        """Covariance of the active coefficients."""
        return np.asarray(self.prior[np.ix_(self.active, self.active)])

    @cached_property
    def root(self) -> np.ndarray:
        """Lower triangular root of that."""
        return square_root(self.inner)

    @cached_property
    def _followed(self) -> tuple[np.ndarray, np.ndarray]:
        """How all coefficients follow from the active ones, and the covariance that this leaves over."""
        gain = np.linalg.solve(self.inner, self.prior[self.active]).T
        return gain, self.prior - gain @ self.prior[self.active]

    def coefficients(self, b: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Every coefficient given the active ones (points, active): others follow by the covariance of the prior."""
        if self.all_active:
            return b
        apart = np.linalg.solve(self.inner, (b - mean[self.active])[..., None])
        found: np.ndarray = mean + (self._across @ apart)[..., 0]
        return found

    @cached_property
    def _across(self) -> np.ndarray:
        return self.prior[:, self.active]

    def covariance(self, spread: np.ndarray) -> np.ndarray:
        """Covariance of every coefficient where that of the active ones is ``spread`` (points, active, active)."""
        if self.all_active:
            return spread
        gain, left = self._followed
        found: np.ndarray = left + gain @ spread @ gain.T
        return found


def knots_at(place: int, term: PathTerm) -> slice:
    """Places of the knots of the episode at ``place`` among the coefficients."""
    knots = len(term.prior.mean)
    return slice(SEASON + 3 + place * knots, SEASON + 3 + (place + 1) * knots)


def mixture_quantiles(weights: np.ndarray, means: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Quantiles (months, `QUANTILES`) of mixtures of normals: ``weights`` (n,), ``means`` and ``sd`` (n, months).

    Examples
    --------
    >>> import numpy as np
    >>> one = mixture_quantiles(np.array([1.0]), np.array([[2.0]]), np.array([[1.0]]))
    >>> one.round(2).tolist()
    [[0.04, 0.72, 2.0, 3.28, 3.96]]
    """
    wide = 2.1 * sd
    low = np.repeat((means - wide).min(axis=0)[:, None], len(PROBABILITIES), axis=1)
    high = np.repeat((means + wide).max(axis=0)[:, None], len(PROBABILITIES), axis=1)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = np.einsum("c,chq->hq", weights, ndtr((middle[None] - means[:, :, None]) / sd[:, :, None]))
        low, high = np.where(below < PROBABILITIES, middle, low), np.where(below < PROBABILITIES, high, middle)
    return np.asarray((low + high) / 2)
