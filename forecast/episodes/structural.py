"""A structural model in logs: local level, season, Lunar New Year, and the path of every episode with its prior.

``log(volume per mean month + floor) = level + season + new year + sum of log effects of episodes + noise``. The level
is a random walk whose step has ``q`` times the variance of the noise, ten times less while an episode is news, when
the noise has twice its variance. Log effects are linearised at the current path a few times (Laplace); ``q``, the
season's spread and the days that goods are in transit are averaged over a grid by marginal likelihood.

References
----------
Harvey, A. C. (1989), Forecasting, Structural Time Series Models and the Kalman Filter. Cambridge University Press.
Box, G. E. P. and Tiao, G. C. (1975), Intervention analysis. JASA 70, 70-79. doi:10.1080/01621459.1975.10480264
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import ClassVar

import numpy as np
import pandas as pd

from forecast.episodes.course import log_effect
from forecast.episodes.path_priors import blocks
from forecast.episodes.posterior import (
    LAG_PRIOR,
    LAGS,
    SEASON,
    ActivePrior,
    Component,
    PathTerm,
    StructuralFit,
    knots_at,
)
from forecast.kernels.structural import over_grid
from forecast.models.protocol import FitError
from forecast.realtime.days import lunar_new_year_shares, months_of

Q = np.array([0.001, 0.03, 0.1, 0.3, 1.0, 4.0])
SEASON_SD = np.array([0.01, 0.05, 0.15, 0.4, 1.0])
NEW_YEAR_SD = 0.3
HELD, NOISIER = 0.1, 2.0
LUMPY, LOWEST = 0.5, -3.0
"""How much noisier (variance) a month is that an episode lowers: what is left goes out in few lots, so that a tenth of
the volume has ten times the relative variance, by this share; and the log effect beyond which it grows no more."""

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


LINEARISED = 4
LEAST_WEIGHT = 0.02
"""Weight that is taken off the lags and, within each, off the points of the grid, as a share of the largest."""

ALL_CELLS = [(q, season) for q in range(len(Q)) for season in range(len(SEASON_SD))]
COARSE = [(q, season) for q in range(0, len(Q), 2) for season in range(1, len(SEASON_SD), 2)]
"""Points of the grid, and those among which the first linearisation chooses."""

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
) -> StructuralFit:
    """The posterior of ``y``, logs of volume per mean month by consecutive month, gaps as NaN, under ``terms``.

    ``lag_support`` are log likelihoods of the lags from elsewhere (siblings), added to the series' own;
    ``covariance`` is that of all paths, stacked, in their prior (None: they are independent).

    Raises
    ------
    FitError
        Without an observed month.
    """
    values = y.to_numpy(dtype=float)
    if not np.isfinite(values).any():
        raise FitError("structural needs 1 observed month and found 0.")
    problem = _Problem.of(y, tuple(terms), ahead, covariance)
    lags = range(len(LAGS)) if terms and not problem.same_for_all_lags else (0,)
    found = [problem.at_lag(lag) for lag in lags]
    likelihood = np.array([np.logaddexp.reduce(grid.likelihoods().ravel()) for grid in found])
    if len(lags) == 1:
        likelihood = np.repeat(likelihood, len(LAGS))
    prior = np.log(LAG_PRIOR) if len(lags) > 1 else np.zeros(1)
    support = np.zeros(len(LAGS)) if lag_support is None else lag_support
    total = np.array([grid.likelihoods() + prior[at] + support[lags[at]] for at, grid in enumerate(found)])
    weights = _kept(np.exp(total - total.max()))
    components = [
        problem.components(lag, grid, weights[at]) for at, (lag, grid) in enumerate(zip(lags, found, strict=True))
    ]
    observed = np.isfinite(values)
    return StructuralFit(problem.ahead, tuple(terms), tuple(chain(*components)), likelihood, problem.training, observed)


_Cell = tuple[int, int]
"""Places of ``q`` and of the season's spread in the grid."""


@dataclass(frozen=True)
class _Point:
    """What one point of the grid leaves: the posterior of the active coefficients, and the filter's last state."""

    b: np.ndarray
    covariance: np.ndarray
    sigma2: float
    level: np.ndarray
    variance: float


@dataclass(frozen=True)
class _Grid:
    """What some points of the grid leave, an array each (`over_grid`), and their log marginal likelihoods.

    ``active`` are the places of the active coefficients and ``prior`` the root of their covariance, the season's at
    one; ``root`` is in units of that; ``level`` and ``variance`` are by ``q``.
    """

    cells: list[_Cell]
    active: np.ndarray
    prior: np.ndarray
    logs: np.ndarray
    b: np.ndarray
    root: np.ndarray
    sigma2: np.ndarray
    level: np.ndarray
    variance: np.ndarray

    def likelihoods(self) -> np.ndarray:
        """Log marginal likelihoods by place in the whole grid, -inf where there is no point."""
        found = np.full((len(Q), len(SEASON_SD)), -np.inf)
        found[tuple(zip(*self.cells, strict=True))] = self.logs
        return found

    def chosen(self, cells: list[_Cell]) -> _Grid:
        """Some of the points, with nothing of the others in memory."""
        at = [self.cells.index(cell) for cell in cells]
        own = (self.logs[at], self.b[at], self.root[at], self.sigma2[at])
        return _Grid(cells, self.active, self.prior, *own, self.level, self.variance)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Posterior covariance of the active coefficients at each point."""
        spread = self.prior @ self.root
        spread[:, :SEASON] *= SEASON_SD[[season for _, season in self.cells]][:, None, None]
        return np.asarray(spread @ spread.transpose(0, 2, 1))

    def point(self, at: int) -> _Point:
        """One of the points, by its place."""
        q = self.cells[at][0]
        return _Point(self.b[at], self.covariance[at], float(self.sigma2[at]), self.level[q], float(self.variance[q]))


@dataclass(frozen=True)
class _Problem:
    training: pd.PeriodIndex
    ahead: pd.PeriodIndex
    values: np.ndarray
    base: np.ndarray
    terms: tuple[PathTerm, ...]
    paths: np.ndarray
    same_for_all_lags: bool

    @classmethod
    def of(cls, y: pd.Series, terms: tuple[PathTerm, ...], ahead: int, covariance: np.ndarray | None) -> _Problem:
        training = pd.PeriodIndex(y.index)
        months = months_of(np.arange(training[0].ordinal, training[-1].ordinal + 1 + ahead))
        season = np.eye(SEASON)[months.asi8 % SEASON]
        base = np.column_stack([season, *lunar_new_year_shares(months).values()])
        same = all(np.array_equal(term.shares[0], shares) for term in terms for shares in term.shares[1:])
        paths = blocks([term.prior.covariance for term in terms]) if covariance is None else covariance
        return cls(training, months[len(training) :], y.to_numpy(dtype=float), base, terms, paths, same)

    @property
    def size(self) -> int:
        return int(self.base.shape[1]) + sum(len(term.prior.mean) for term in self.terms)

    @cached_property
    def prior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of all coefficients, the season's at one; not to be written to."""
        covariance, mean = np.zeros((self.size, self.size)), np.zeros(self.size)
        covariance[:SEASON, :SEASON] = np.eye(SEASON)
        covariance[SEASON : SEASON + 3, SEASON : SEASON + 3] = NEW_YEAR_SD**2 * np.eye(3)
        for place, term in enumerate(self.terms):
            mean[knots_at(place, term)] = term.prior.mean
        covariance[SEASON + 3 :, SEASON + 3 :] = self.paths
        return mean, covariance

    @cached_property
    def news(self) -> np.ndarray:
        """How much of each month is news."""
        return np.asarray(np.max([np.zeros(len(self.base)), *(term.news for term in self.terms)], axis=0))

    def columns(self, lag: int, coefficients: np.ndarray, since: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every column from month ``since`` on, linearised at ``coefficients``, what that leaves over, log effects."""
        base = self.base[since:]
        blocks, offset, whole = [base], np.zeros(len(base)), np.zeros(len(base))
        for place, term in enumerate(self.terms):
            own = coefficients[knots_at(place, term)]
            effect, slope = log_effect(own, term.shares[lag][since:])
            blocks.append(slope)
            offset += effect - slope @ own
            whole += effect
        return np.column_stack(blocks), offset, whole

    def active(self, lag: int) -> np.ndarray:
        """Places of the coefficients that act in an observed month or in a month ahead."""
        seen = np.append(np.isfinite(self.values), np.ones(len(self.ahead), bool))
        acts = [np.ones(self.base.shape[1], bool)]
        acts += [(term.shares[lag][seen] > 0).any(axis=0) for term in self.terms]
        return np.flatnonzero(np.concatenate(acts))

    def seen_coefficients(self, lag: int) -> int:
        """Number of coefficients that act in an observed month."""
        seen = np.append(np.isfinite(self.values), np.zeros(len(self.ahead), bool))
        return int(self.base.shape[1]) + sum(int((term.shares[lag][seen] > 0).any(axis=0).sum()) for term in self.terms)

    def at_lag(self, lag: int) -> _Grid:
        """Points of the grid of ``q`` and season at one lag."""
        mean = self.prior[0]
        coefficients, active, cell = mean.copy(), self.active(lag), (2, 2)
        rounds = LINEARISED if self.terms else 1
        for turn in range(rounds - 1):
            cells = COARSE if turn == 0 else [cell]
            found = self.points(lag, coefficients, active, cells)
            best = int(np.argmax(found.logs))
            cell, coefficients = cells[best], self.given(active).coefficients(found.b[best : best + 1], mean)[0]
        cells = ALL_CELLS if self.seen_coefficients(lag) <= MANY_COEFFICIENTS else COARSE
        return self.points(lag, coefficients, active, cells)

    def noise(self, effect: np.ndarray) -> np.ndarray:
        """Variance of the noise of the last months against that of a calm one, where episodes do ``effect`` in logs."""
        lots = np.expm1(-np.clip(effect, LOWEST, 0.0))
        return np.asarray(1.0 + (NOISIER - 1.0) * self.news[-len(effect) :] + LUMPY * lots)

    def points(self, lag: int, coefficients: np.ndarray, active: np.ndarray, cells: list[_Cell]) -> _Grid:
        """The posterior at some points of the grid, linearised at ``coefficients``."""
        columns, offset, effect = self.columns(lag, coefficients)
        past = len(self.values)
        response = self.values - offset[:past]
        seen = np.isfinite(response)
        whole = np.column_stack([columns[:past][:, active], np.where(seen, response, 0.0)])
        noise, steps = self.noise(effect)[:past], 1 - (1 - HELD) * self.news[:past]
        root, (at_q, at_season) = self.given(active).root, np.array(cells).T.copy()
        prior = self.prior[0][active], root, noise_prior(int(seen.sum()))
        b, roots, sigma2, logs, *filtered = over_grid(
            whole, seen, (noise, steps, Q), (at_q, SEASON_SD[at_season]), prior, STARTS
        )
        return _Grid(cells, active, root, logs, b, roots, sigma2, *filtered)

    def components(self, lag: int, made: _Grid, weights: np.ndarray) -> Iterator[Component]:
        """The posterior at the points of the grid that have weight, with moments of the months ahead when asked for."""
        season = np.nonzero(weights)[1]
        kept = made.chosen([*zip(*map(np.ndarray.tolist, np.nonzero(weights)), strict=True)])
        moments: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for at_season in dict.fromkeys(season.tolist()):
            given, own = self.given(made.active, at_season), np.flatnonzero(season == at_season)
            coefficients = given.coefficients(kept.b[own], self.prior[0])
            spread = given.covariance(kept.covariance[own])
            moments |= zip(own.tolist(), zip(coefficients, spread, strict=True), strict=True)
        for at, cell in enumerate(kept.cells):
            ahead = partial(self.months_ahead, lag, kept.point(at), made.active, Q[cell[0]], moments[at][0])
            yield Component(float(weights[cell]), lag, float(Q[cell[0]]), *moments[at], ahead)

    def given(self, active: np.ndarray, at_season: int | None = None) -> ActivePrior:
        """The prior as the ``active`` coefficients see it, at one spread of the season (None: at one)."""
        key = (active.tobytes(), at_season)
        if key not in self._given:
            covariance = self.prior[1].copy()
            if at_season is not None:
                covariance[:SEASON, :SEASON] *= SEASON_SD[at_season] ** 2
            self._given[key] = ActivePrior(covariance, active)
        return self._given[key]

    @cached_property
    def _given(self) -> dict[tuple[bytes, int | None], ActivePrior]:
        return {}

    def months_ahead(
        self, lag: int, point: _Point, active: np.ndarray, q: float, coefficients: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Parts of the log mean of the months ahead, and the covariance of its errors, at one point of the grid."""
        past, ahead = len(self.values), len(self.ahead)
        columns, _, effect = self.columns(lag, coefficients, past)
        level = point.level[-1] - point.level[:-1] @ point.b
        season = self.base[past:, :SEASON] @ coefficients[:SEASON]
        new_year = self.base[past:, SEASON:] @ coefficients[SEASON : SEASON + 3]
        parts = np.column_stack([np.full(ahead, level), season, new_year])
        effects = [log_effect(coefficients[knots_at(i, t)], t.shares[lag][past:])[0] for i, t in enumerate(self.terms)]
        gradient = columns[:, active] - point.level[:-1]
        news = self.news[past:]
        steps = np.cumsum(q * (1 - (1 - HELD) * news))
        noise = self.noise(effect)
        walk = point.variance + np.minimum.outer(steps, steps)
        errors = point.sigma2 * (walk + np.diag(noise)) + gradient @ point.covariance @ gradient.T
        return np.column_stack([parts, *effects]), errors


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
