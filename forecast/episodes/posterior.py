"""The posterior of the structural model on one series: forecasts, their division into parts, paths, and lags."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from forecast.episodes.course import FORCE, KNOTS
from forecast.episodes.path_priors import LagPaths, PathPrior, moments_of_mixture
from forecast.kernels.arrays import SEASON as SEASON
from forecast.kernels.structural import (
    LEAST_LEFT,
    LOWEST,
    level_weights,
    mixture_quantiles,
    square_root,
)
from forecast.models.protocol import as_correlation
from forecast.tables.quantiles import MEDIAN, PROBABILITIES, QUANTILES

LAGS, LAG_PRIOR = (0, 15, 30, 45), np.array([0.25, 0.25, 0.3, 0.2])
"""Days in transit among which a fit averages, and their prior probabilities."""

LUMPY = 0.5
"""How much noisier (variance) a month is that an episode lowers: what is left goes out in few lots, so that a tenth of
the volume has ten times the relative variance, by this share."""

NOT_PATHS = SEASON + 3
"""Coefficients before those of paths: season and Lunar New Year."""


@dataclass(frozen=True)
class PathTerm:
    """One episode in a series' equation.

    Attributes
    ----------
    shares
        Share of the volume of each month in each phase: (lags, months, knots), training months and those ahead.
    prior
        Of its path.
    """

    name: str
    shares: np.ndarray
    prior: PathPrior


BASIC_PARTS = ("level", "season", "Lunar New Year")
"""Parts that every log median has, before those of episodes."""

_QUANTILES = pd.Index(QUANTILES)


@dataclass(frozen=True)
class ActivePrior:
    """The prior of all coefficients as the ``active`` ones see it, those that act in a month that is seen or ahead.

    A coefficient is its ``mean`` plus its ``loading`` (all, active) times the active ones in units of the prior, where
    these are standard normal before any month is seen, the season's at one; ``left`` is the covariance that is left.
    """

    mean: np.ndarray
    active: np.ndarray
    loading: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, mean: np.ndarray, covariance: np.ndarray, acts: np.ndarray) -> ActivePrior:
        """That of a prior of all coefficients, given which of them act."""
        active, others = np.flatnonzero(acts), np.flatnonzero(~acts)
        rows, rest = covariance[active], covariance[others]
        root = square_root(rows[:, active])
        loading, left = np.zeros((len(mean), len(active))), np.zeros_like(covariance)
        loading[active] = root
        if len(others):
            loading[others] = follow = np.linalg.solve(root, rows[:, others]).T
            left[others[:, None], others] = rest[:, others] - follow @ follow.T
        return cls(mean, active, loading, left)


@dataclass(frozen=True)
class Equation:
    """The right-hand side of a series' equation: ``training`` months, and those ``ahead``.

    ``base`` (months, 15) are season and New Year, and ``shares`` (lags, months, paths) those of the phases of all
    ``terms``, stacked.
    """

    training: pd.PeriodIndex
    ahead: pd.PeriodIndex
    base: np.ndarray
    shares: np.ndarray
    terms: tuple[PathTerm, ...]

    def paths(self, stacked: np.ndarray) -> np.ndarray:
        """An array whose last axis is that of all paths, by episode and knot."""
        found: np.ndarray = stacked.reshape(*stacked.shape[:-1], len(self.terms), len(KNOTS))
        return found


@dataclass(frozen=True)
class LagPosterior:
    """The posterior at one number of days in transit, by its place: a mixture over points of the grid.

    Attributes
    ----------
    weights, q, sigma2
        Of each point its posterior probability, the variance of a step of the level relative to the noise's, and the
        noise's: (points,).
    drawn, roots
        Mean (points, active) and root of the covariance (points, active, active) of the active coefficients, in units
        of their prior.
    level, variance
        The levels of all columns after the last month (points, active + 1), the response's last, and their variance
        relative to the noise's (points,).
    seen
        The largest share of a month with a figure that each phase had: (episodes, knots).
    """

    equation: Equation
    given: ActivePrior
    lag: int
    weights: np.ndarray
    q: np.ndarray
    sigma2: np.ndarray
    drawn: np.ndarray
    roots: np.ndarray
    level: np.ndarray
    variance: np.ndarray
    seen: np.ndarray

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Means of season (12), New Year (3) and the knots of all paths, at each point: (points, coefficients)."""
        return np.asarray(self.given.mean + self.drawn @ self.given.loading.T)

    @cached_property
    def mixed(self) -> PathPrior:
        """Mean and covariance of the active coefficients over the points, in units of their prior."""
        shares = self.weights / self.weights.sum()
        mean = shares @ self.drawn
        apart = np.sqrt(shares)[:, None] * (self.drawn - mean)
        inside = np.concatenate([*(np.sqrt(shares)[:, None, None] * self.roots), apart.T], axis=1)
        return PathPrior(mean, inside @ inside.T)

    def moments(self, places: np.ndarray) -> PathPrior:
        """Mean and covariance over the points of the coefficients at ``places``."""
        loading = self.given.loading[places]
        covariance = self.given.left[np.ix_(places, places)] + loading @ self.mixed.covariance @ loading.T
        return PathPrior(self.given.mean[places] + loading @ self.mixed.mean, covariance)

    @cached_property
    def _effects(self) -> tuple[np.ndarray, np.ndarray]:
        """Log effects (points, episodes, months) of every month, and their slopes (points, months, paths)."""
        past = len(self.equation.training)
        shares = np.moveaxis(self.equation.paths(self.equation.shares[self.lag]), 1, 0)
        paths = self.equation.paths(self.coefficients[:, NOT_PATHS:])
        found = [_log_effects(shares[:, :past], paths), _log_effects(shares[:, past:], back_at_most(paths, self.seen))]
        effects, slopes = (np.concatenate(parts, axis=2) for parts in zip(*found, strict=True))
        return effects, np.moveaxis(slopes, 1, 2).reshape(len(paths), *self.equation.shares.shape[1:])

    @property
    def effects(self) -> np.ndarray:
        """Log effect of each episode on every month, training months first: (points, episodes, months)."""
        return self._effects[0]

    @cached_property
    def parts(self) -> np.ndarray:
        """Level, season, New Year and each episode in the months ahead: (points, months, 3 + episodes), logs."""
        past, own = len(self.equation.training), self.coefficients
        base = self.equation.base[past:]
        active = own[:, self.given.active]
        level = self.level[:, -1] - np.einsum("pk,pk->p", self.level[:, :-1], active)
        season, new_year = own[:, :SEASON] @ base[:, :SEASON].T, own[:, SEASON:NOT_PATHS] @ base[:, SEASON:].T
        basic = [np.broadcast_to(level[:, None], season.shape), season, new_year]
        return np.concatenate([np.stack(basic, axis=2), np.moveaxis(self.effects[:, :, past:], 1, 2)], axis=2)

    def spread(self, jacobian: np.ndarray) -> np.ndarray:
        """Roots (points, months, active) of the covariance of what has the ``jacobian`` (points, months, paths)."""
        return np.asarray(jacobian @ self.given.loading[NOT_PATHS:] @ self.roots)

    @cached_property
    def errors(self) -> np.ndarray:
        """Covariance of the errors of the months ahead at each point: (points, months, months), logs."""
        past, active = len(self.equation.training), self.given.active
        slopes = self._effects[1][:, past:]
        base = np.broadcast_to(self.equation.base[past:], (len(slopes), *self.equation.base[past:].shape))
        columns = np.concatenate([base, slopes], axis=2)[:, :, active]
        gradient = (columns - self.level[:, None, :-1]) @ self.given.loading[active] @ self.roots
        noise = noise_of(self.effects[:, :, past:].sum(axis=1))
        steps = np.arange(1.0, noise.shape[1] + 1)
        walk = self.variance[:, None, None] + self.q[:, None, None] * np.minimum.outer(steps, steps)
        own = self.sigma2[:, None, None] * (walk + noise[:, :, None] * np.eye(len(steps)))
        return np.asarray(own + gradient @ gradient.transpose(0, 2, 1))

    def part_variances(self) -> np.ndarray:
        """Variance of each episode's part of the months ahead at each point: (points, months, episodes)."""
        slopes = self._effects[1][:, len(self.equation.training) :]
        found = np.zeros((*slopes.shape[:2], len(self.equation.terms)))
        for place, term in enumerate(self.equation.terms):
            own = knots_at(place, term)
            roots = slopes[:, :, own.start - NOT_PATHS : own.stop - NOT_PATHS] @ self.given.loading[own] @ self.roots
            found[:, :, place] = np.square(roots).sum(axis=2)
        return found

    def news(self, weights: np.ndarray) -> np.ndarray:
        """Roots (points, months, active) of the covariance of what is new of the effects, given the weights of levels.

        ``weights`` (points, training months) are those of each month in the level that is followed.
        """
        slopes, past = self._effects[1], len(self.equation.training)
        return self.spread(slopes[:, past:] - weights[:, None] @ slopes[:, :past])


def back_at_most(paths: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """``paths`` (points, episodes, knots) as they go on: months after an end bring back what was lost, and no more.

    A month that is normal sooner than believed says that the next ones are normal, not that they lie as far above it as
    it does above belief. So a phase after the end lies at most where the path did before, or at nothing; but for what
    was ``seen`` of it (episodes, knots), which counts from half a month on.
    """
    found = paths.copy()
    doubt = 1.0 - np.clip(2.0 * seen - 1.0, 0.0, 1.0)
    highest = np.maximum(found[:, :, FORCE].max(axis=2), 0.0)
    for knot in range(FORCE.stop, len(KNOTS)):
        found[:, :, knot] -= doubt[:, knot] * np.maximum(found[:, :, knot] - highest, 0.0)
        highest = np.maximum(highest, found[:, :, knot])
    return found


def _log_effects(shares: np.ndarray, paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log effects (points, episodes, months) of ``paths`` (points, episodes, knots), and their slopes, knots last.

    ``shares`` (episodes, months, knots) are those of the phases in each month.
    """
    left = np.maximum(1.0 + (shares @ np.expm1(paths)[..., None])[..., 0], LEAST_LEFT)
    return np.log(left), shares * np.exp(paths)[:, :, None] / left[..., None]


def noise_of(effect: np.ndarray) -> np.ndarray:
    """Variance of the noise of months against that of a calm one, where episodes do ``effect`` in logs."""
    return np.asarray(1.0 + LUMPY * np.expm1(-np.clip(effect, LOWEST, 0.0)))


@dataclass(frozen=True)
class StructuralFit:
    """Posterior of one series: a mixture over lags and, at each, over a grid, and over other ``courses`` of an episode.

    ``lag_likelihood`` are log likelihoods of the lags (`LAGS`) by the series alone; ``observed`` says which of the
    training months have a figure.
    """

    equation: Equation
    by_lags: tuple[LagPosterior, ...]
    lag_likelihood: np.ndarray
    observed: np.ndarray
    courses: tuple[LagPosterior, ...] = ()

    @property
    def components(self) -> tuple[LagPosterior, ...]:
        """All that the posterior is a mixture of."""
        return (*self.by_lags, *self.courses)

    @cached_property
    def as_believed(self) -> float:
        """Probability that every episode takes the course of its prior."""
        return 1.0 - float(sum(one.weights.sum() for one in self.courses))

    @property
    def months(self) -> pd.PeriodIndex:
        """The months ahead."""
        return self.equation.ahead

    @property
    def terms(self) -> tuple[PathTerm, ...]:
        """The episodes."""
        return self.equation.terms

    @cached_property
    def weights(self) -> np.ndarray:
        """Posterior probabilities of all points, lag after lag."""
        return np.concatenate([one.weights for one in self.components])

    @cached_property
    def _names(self) -> pd.Index:
        """Names of all parts."""
        return pd.Index([*BASIC_PARTS, *(term.name for term in self.terms)])

    @cached_property
    def _parts(self) -> np.ndarray:
        return np.concatenate([one.parts for one in self.components])

    @cached_property
    def _errors(self) -> np.ndarray:
        return np.concatenate([one.errors for one in self.components])

    @cached_property
    def _means(self) -> np.ndarray:
        return np.asarray(self._parts.sum(axis=2))

    @cached_property
    def quantiles(self) -> np.ndarray:
        """Quantiles of the mixture in logs: (months ahead, quantile)."""
        sd = np.sqrt(np.diagonal(self._errors, axis1=1, axis2=2))
        return mixture_quantiles(self.weights, self._means, sd, PROBABILITIES)

    def predict(self, months: pd.PeriodIndex | None = None) -> pd.DataFrame:
        """Median and bounds in logs of the months ahead (all, or those asked for): columns `QUANTILES`."""
        table = pd.DataFrame(self.quantiles, self.months, _QUANTILES)
        return table if months is None else table.loc[months]

    def covariance(self) -> np.ndarray:
        """Covariance of the errors in logs between the months ahead."""
        return moments_of_mixture(
            self.weights, [PathPrior(*one) for one in zip(self._means, self._errors, strict=True)]
        ).covariance

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
        mean = np.einsum("c,chp->hp", self.weights, self._parts)
        apart = np.einsum("c,chp->hp", self.weights, np.square(self._parts - mean)) + 1e-300
        rest = self.quantiles[:, MEDIAN] - mean.sum(axis=1)
        shared = mean + rest[:, None] * apart / apart.sum(axis=1, keepdims=True)
        shared[:, 0] += self.quantiles[:, MEDIAN] - shared.sum(axis=1)
        return pd.DataFrame(shared, self.months, self._names)

    def part_sd(self) -> pd.DataFrame:
        """Standard deviation in logs of each episode's part of the months ahead (months x episodes), by the mixture."""
        means = self._parts[:, :, len(BASIC_PARTS) :]
        inside = np.concatenate([one.part_variances() for one in self.components])
        apart = means - np.einsum("c,che->he", self.weights, means)
        variances = np.einsum("c,che->he", self.weights, inside + np.square(apart))
        return pd.DataFrame(np.sqrt(variances), self.months, self._names[len(BASIC_PARTS) :])

    def lags(self) -> dict[int, float]:
        """Posterior probability of each number of days in transit, where episodes take the courses of their priors."""
        weights = dict.fromkeys(LAGS, 0.0)
        return weights | {LAGS[one.lag]: float(one.weights.sum()) / self.as_believed for one in self.by_lags}

    def path(self, place: int) -> PathPrior:
        """Posterior mean and covariance (logs) of the path of the episode at ``place``, over lags, grid and courses."""
        own = knots_at(place, self.terms[place])
        places = np.arange(own.start, own.stop)
        weights = np.array([one.weights.sum() for one in self.components])
        return moments_of_mixture(weights, [one.moments(places) for one in self.components])

    def by_lag(self, places: np.ndarray) -> LagPaths:
        """Posterior of the coefficients at ``places`` for each lag that its posterior keeps, over the grid."""
        weights = np.array([*self.lags().values()])
        return LagPaths(weights, {one.lag: one.moments(places) for one in self.by_lags})

    def paths(self) -> dict[str, PathPrior]:
        """Posterior of every episode's path."""
        return {term.name: self.path(place) for place, term in enumerate(self.terms)}

    def believed(self) -> tuple[pd.Series, pd.Series, np.ndarray]:
        """Mean log effect of all episodes on the training months and on those ahead, and the covariance of what is new.

        That is what a model is in doubt of which follows the level of the logs less the mean effect: how far the effect
        ahead lies from what it was in the months that the level is made of. Of an effect that goes on only the sum with
        the level is seen, and nothing of it is new; at its end all of it is.
        """
        past = len(self.equation.training)
        grid = np.concatenate([one.q for one in self.components])
        followed = {q: level_weights(self.observed, q) for q in {*grid.tolist()}}
        weights = [np.array([followed[q] for q in one.q.tolist()]) for one in self.components]
        effects = np.concatenate([one.effects.sum(axis=1) for one in self.components])
        roots = [one.news(own) for one, own in zip(self.components, weights, strict=True)]
        inside = np.concatenate([one @ one.transpose(0, 2, 1) for one in roots])
        mean = self.weights @ effects
        apart = effects - mean
        new = apart[:, past:] - np.einsum("cm,cm->c", np.concatenate(weights), apart[:, :past])[:, None]
        spread = np.einsum("c,cij->ij", self.weights, inside) + np.einsum("c,ci,cj->ij", self.weights, new, new)
        return pd.Series(mean[:past], self.equation.training), pd.Series(mean[past:], self.months), spread


def knots_at(place: int, term: PathTerm) -> slice:
    """Places of the knots of the episode at ``place`` among the coefficients."""
    knots = len(term.prior.mean)
    return slice(NOT_PATHS + place * knots, NOT_PATHS + (place + 1) * knots)
