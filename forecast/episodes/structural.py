"""A structural model in logs: local level, season, Lunar New Year, and the path of every episode with its prior.

``log(volume per mean month + floor) = level + season + new year + sum of log effects of episodes + noise``. The level
is a random walk whose step has ``q`` times the variance of the noise, which is larger in months that an episode lowers.
Log effects are linearised at the current path a few times (Laplace); ``q``, the season's spread and the days that goods
are in transit are averaged over a grid by marginal likelihood, and so are other courses that one episode may take.

References
----------
Harvey, A. C. (1989), Forecasting, Structural Time Series Models and the Kalman Filter. Cambridge University Press.
Box, G. E. P. and Tiao, G. C. (1975), Intervention analysis. JASA 70, 70-79. doi:10.1080/01621459.1975.10480264
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from forecast.episodes.course import KNOTS
from forecast.episodes.path_priors import blocks, knots_of
from forecast.episodes.posterior import (
    LAG_PRIOR,
    LAGS,
    LUMPY,
    NOT_PATHS,
    SEASON,
    ActivePrior,
    Equation,
    LagPosterior,
    PathTerm,
    StructuralFit,
)
from forecast.kernels.structural import at_lag
from forecast.models.protocol import FitError
from forecast.realtime.days import consecutive_months, lunar_new_year_shares

Q = np.array([0.001, 0.05, 0.25, 1.0, 4.0])
SEASON_SD = np.array([0.02, 0.1, 0.3, 1.0])
NEW_YEAR_SD = 0.3
WEAK, SHORT = np.array([1.0, 0.02**2]), np.array([5.0, 0.3**2])
"""Degrees of freedom and variance of the prior of the noise: weak, and what a series without months has besides."""

LONG_ENOUGH = 24
"""Observed months from which a series says itself how noisy it is."""


def noise_prior(observed: int) -> np.ndarray:
    """Degrees of freedom and variance (logs) of the prior of the noise of a series with so many months.

    Examples
    --------
    >>> noise_prior(0).round(4).tolist(), noise_prior(60).tolist()
    ([6.0, 0.0904], [1.0, 0.0004])
    """
    return np.asarray(WEAK + max(0.0, 1.0 - observed / LONG_ENOUGH) * SHORT)


@dataclass(frozen=True)
class OtherCourse:
    """A course that the episodes at ``places``, runs of one measure, may take: the prior of their paths then.

    ``mean`` and ``covariance`` are of these, stacked, and ``probability`` says how likely that is. ``most`` is the log
    of the largest Bayes factor that the months may be for it: noise is no normal distribution where single months have
    no trade.
    """

    places: tuple[int, ...]
    probability: float
    mean: np.ndarray
    covariance: np.ndarray
    most: float


LINEARISED = 4
LEAST_WEIGHT = 0.02
"""Weight that is taken off the lags and, within each, off the points of the grid, as a share of the largest."""

LEAST_COURSE = 0.001
"""Probability that is taken off every other course."""

ALL_CELLS = np.indices((len(Q), len(SEASON_SD))).reshape(2, -1)
COARSE = np.ascontiguousarray(ALL_CELLS[:, (ALL_CELLS[0] % 2 == 0) & (ALL_CELLS[1] % 2 == 1)])
"""Places of ``q`` and the season's spread of all points of the grid, and those among which the first linearisation
chooses."""

STARTS = (0.05, 4, 2)
"""Where the variance of the noise starts, and its rounds at the first point of the grid and at each after it."""

MANY_COEFFICIENTS = 45
"""Coefficients seen in the past above which the coarse grid has to do, for time."""


def _kept(weights: np.ndarray) -> np.ndarray:
    """Weights of (lags, q, season) that add to one, without the lightest lags and, within each lag, points.

    Points are chosen lag by lag, so that a measure to come, which has more lags and says nothing of the past, leaves
    the same points. What is taken off goes to zero as a point comes to be left out, so that no last digit decides.
    """
    of_lags = weights.sum(axis=(1, 2))
    kept_lags = np.maximum(of_lags - LEAST_WEIGHT * of_lags.max(), 0.0)
    within = np.maximum(weights - LEAST_WEIGHT * weights.max(axis=(1, 2), keepdims=True), 0.0)
    found = within * (kept_lags / np.maximum(within.sum(axis=(1, 2)), 1e-300))[:, None, None]
    return np.asarray(found / found.sum())


def fit_structural(
    y: pd.Series,
    terms: Sequence[PathTerm],
    ahead: int,
    lag_support: np.ndarray | None = None,
    covariance: np.ndarray | None = None,
    courses: Sequence[OtherCourse] = (),
) -> StructuralFit:
    """The posterior of ``y``, logs of volume per mean month by consecutive month, gaps as NaN, under ``terms``.

    ``lag_support`` are log likelihoods of the lags from elsewhere (siblings), added to the series' own;
    ``covariance`` is that of all paths, stacked, in their prior (None: they are independent). ``courses`` are others
    that an episode may take.

    Raises
    ------
    FitError
        Without an observed month.
    """
    problem = _Problem.of(y, tuple(terms), ahead, covariance)
    if not problem.observed.any():
        raise FitError("structural needs 1 observed month and found 0.")
    lags = range(len(LAGS)) if terms and not problem.same_for_all_lags else range(1)
    found = [problem.at_lag(lag) for lag in lags]
    likelihood = np.array([np.logaddexp.reduce(grid.likelihoods().ravel()) for grid in found])
    prior = np.log(LAG_PRIOR) if len(lags) > 1 else np.zeros(1)
    if lag_support is not None and len(lags) > 1:
        prior += lag_support - np.logaddexp.reduce(prior + lag_support)
    at = int(np.argmax(likelihood + prior))
    others = [problem.with_course(one) for one in courses]
    found += [other.at_lag(at) for other in others]
    probabilities = np.array([one.probability for one in courses])
    logs = np.append(prior + np.log(1.0 - probabilities.sum()), np.log(probabilities))
    total = np.array([grid.likelihoods() + own for grid, own in zip(found, logs, strict=True)])
    most = np.log(probabilities / (1.0 - probabilities.sum())) + np.array([one.most for one in courses])
    weights = _of_courses(total, len(lags), most)
    kept = [problem.posterior(lag, found[lag], weights[lag]) for lag in lags if weights[lag].any()]
    rest = zip(others, found[len(lags) :], weights[len(lags) :], strict=True)
    beside = tuple(other.posterior(at, grid, own) for other, grid, own in rest if own.any())
    if len(lags) == 1:
        likelihood = np.repeat(likelihood, len(LAGS))
    return StructuralFit(problem.equation, tuple(kept), likelihood, problem.observed, beside)


def _of_courses(total: np.ndarray, lags: int, most: np.ndarray) -> np.ndarray:
    """Weights of log posteriors (lags and other courses, q, season): `_kept` of the lags together, and of each course.

    However unlikely, the lags stay; a course has at most odds of ``most`` (logs) against them.
    """
    logs = np.logaddexp.reduce(total.reshape(len(total), -1), axis=1)
    best = np.append(np.repeat(logs[:lags].max(), lags), logs[lags:])
    weights = np.exp(total - best[:, None, None])
    likely = np.append(logs[:lags], np.minimum(logs[lags:], np.logaddexp.reduce(logs[:lags]) + most))
    shares = np.maximum(np.exp(likely[lags:] - np.logaddexp.reduce(likely)) - LEAST_COURSE, 0.0)
    rest = [share * _kept(own[None]) for share, own in zip(shares, weights[lags:], strict=True)]
    return np.concatenate([(1.0 - shares.sum()) * _kept(weights[:lags]), *rest])


@dataclass(frozen=True)
class _Grid:
    """What points of the grid leave at one lag, an array each (`over_grid`), by their places ``q`` and ``season``."""

    q: np.ndarray
    season: np.ndarray
    drawn: np.ndarray
    roots: np.ndarray
    sigma2: np.ndarray
    logs: np.ndarray
    level: np.ndarray
    variance: np.ndarray

    def likelihoods(self) -> np.ndarray:
        """Log marginal likelihoods by place in the whole grid, -inf where there is no point."""
        found = np.full((len(Q), len(SEASON_SD)), -np.inf)
        found[self.q, self.season] = self.logs
        return found


@dataclass(frozen=True)
class _Problem:
    equation: Equation
    values: np.ndarray
    observed: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    given: dict[bytes, ActivePrior] = field(default_factory=dict)

    @classmethod
    def of(cls, y: pd.Series, terms: tuple[PathTerm, ...], ahead: int, covariance: np.ndarray | None) -> _Problem:
        training = pd.PeriodIndex(y.index)
        months = consecutive_months(training[0].ordinal, len(training) + ahead)
        base = np.column_stack([np.eye(SEASON)[months.asi8 % SEASON], *lunar_new_year_shares(months).values()])
        shares = np.concatenate([np.zeros((len(LAGS), len(base), 0)), *(term.shares for term in terms)], axis=2)
        equation = Equation(training, months[len(training) :], base, shares, terms)
        mean = np.concatenate([np.zeros(NOT_PATHS), *(term.prior.mean for term in terms)])
        paths = blocks([term.prior.covariance for term in terms]) if covariance is None else covariance
        whole = blocks([np.eye(SEASON), NEW_YEAR_SD**2 * np.eye(NOT_PATHS - SEASON), paths])
        values = y.to_numpy(dtype=float)
        return cls(equation, values, np.isfinite(values), mean, whole)

    def with_course(self, other: OtherCourse) -> _Problem:
        """The same where some episodes take another course."""
        own = NOT_PATHS + knots_of(other.places)
        mean, covariance = self.mean.copy(), self.covariance.copy()
        mean[own], covariance[own], covariance[:, own] = other.mean, 0.0, 0.0
        covariance[np.ix_(own, own)] = other.covariance
        return replace(self, mean=mean, covariance=covariance, given={})

    @property
    def same_for_all_lags(self) -> bool:
        """Whether no month tells the lags apart."""
        return bool((self.equation.shares == self.equation.shares[:1]).all())

    @cached_property
    def acting(self) -> tuple[np.ndarray, np.ndarray]:
        """Which coefficients act in an observed month, and in one of these or a month ahead: (lags, coefficients)."""
        shares, past = self.equation.shares, len(self.values)
        always = np.ones((len(shares), NOT_PATHS), bool)
        seen = np.hstack([always, (shares[:, :past][:, self.observed] > 0).any(axis=1)])
        return seen, seen | np.hstack([always, (shares[:, past:] > 0).any(axis=1)])

    def prior(self, lag: int) -> ActivePrior:
        """The prior as the coefficients see it that act at a lag."""
        acts = self.acting[1][lag]
        key = acts.tobytes()
        if key not in self.given:
            self.given[key] = ActivePrior.of(self.mean, self.covariance, acts)
        return self.given[key]

    def at_lag(self, lag: int) -> _Grid:
        """Points of the grid of ``q`` and season at one lag."""
        past, terms = len(self.values), self.equation.terms
        given, shares = self.prior(lag), np.ascontiguousarray(self.equation.shares[lag, :past])
        months = self.values, self.observed, self.equation.base[:past], shares
        prior = given.mean, given.loading, given.active, noise_prior(int(self.observed.sum()))
        cells = ALL_CELLS if self.acting[0][lag].sum() <= MANY_COEFFICIENTS else COARSE
        turns = LINEARISED if terms else 1
        return _Grid(
            cells[0],
            cells[1],
            *at_lag(months, prior, len(KNOTS), (Q, SEASON_SD), (COARSE, cells), STARTS, turns, LUMPY),
        )

    def posterior(self, lag: int, made: _Grid, weights: np.ndarray) -> LagPosterior:
        """The posterior at the points of the grid that have weight."""
        own = weights[made.q, made.season]
        kept = np.flatnonzero(own)
        q = made.q[kept]
        points = own[kept], Q[q], made.sigma2[kept], made.drawn[kept], made.roots[kept]
        shares = self.equation.shares[lag, : len(self.values)][self.observed]
        seen = self.equation.paths(np.minimum(shares.max(axis=0, initial=0.0), 1.0))
        return LagPosterior(self.equation, self.prior(lag), lag, *points, made.level[q], made.variance[q], seen)


@dataclass(frozen=True)
class Structural:
    """The structural model of one series without episodes; with them it is fitted by `structural_panel`."""

    name: ClassVar[str] = "structural"

    def fit(self, y: pd.Series, X: pd.DataFrame, prior: pd.DataFrame | None = None) -> StructuralSeries:
        """The model of ``y``, log volume by month with gaps as NaN; Lunar New Year is its only regressor.

        Raises
        ------
        FitError
            Without an observed month.
        """
        fit_structural(y, (), 1)
        return StructuralSeries(y)


@dataclass(frozen=True)
class StructuralSeries:
    """A series fitted by `Structural`: the posterior is worked out for the months asked for."""

    y: pd.Series

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Median and bounds in logs over ``X.index``, the months after the last row of ``y``: columns `QUANTILES`."""
        return fit_structural(self.y, (), self._ahead(X)).predict(pd.PeriodIndex(X.index))

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Correlation of the errors in logs between the months of ``X.index``."""
        return fit_structural(self.y, (), self._ahead(X)).correlation(pd.PeriodIndex(X.index))

    def _ahead(self, X: pd.DataFrame) -> int:
        return int(X.index[-1].ordinal - self.y.index[-1].ordinal)
