"""Panel ridge regression on log changes over all series; sparse destinations by kriging of their share of the total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import solve

from forecast.kernels.nonnegative import nonnegative_least_squares
from forecast.models.protocol import (
    Fitted,
    as_correlation,
    beliefs,
    gaussian_bounds,
    gaussian_effects,
    values_of,
)
from forecast.models.season import LEAST_OBSERVED, SEASON
from forecast.tables.schema import WORLD, SeriesKey

LEAST_SHARES = 2
DISTANCES = (1, 2, 3, 6, 12)
LEVEL_MONTHS = 3
YEARS = 3
LEAST_VARIANCE = 1e-6
PASSES = 2
ROWS = 5_000
"""Rows of the regression that are in memory at a time."""

Panel = Mapping[SeriesKey, tuple[pd.Series, pd.DataFrame]]
Priors = Mapping[SeriesKey, pd.DataFrame]
PanelPlaces = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Indices of series, origin month and distance (in `DISTANCES`) of each row of the regression."""


class RegressorPriors(NamedTuple):
    """Independent normal priors on the effects of ``regressors``: means and sds; 0 and infinite where flat."""

    regressors: pd.Index
    mean: np.ndarray
    sd: np.ndarray


@dataclass(frozen=True)
class Pooled:
    """A ridge regression of log changes on the whole panel, with coefficients common to all series.

    What is regressed is the change from a level, the mean of the months observed among the last three, to a month some
    distance ahead. It is explained by the last month and the last year against that level; by what the same change was
    in up to three earlier years, or a wave common to all where a series has no earlier year; by the growth over a year;
    by the distance; and by the change of each regressor, matched by name, from the months of the level to the month
    ahead. An event thus acts on a destination that has never met it as it acted on those that have. Every observed
    month serves as an origin, with the months 1, 2, 3, 6 and 12 ahead as targets, all inside the panel; a further
    distance counts as 12 in the mean.

    Shrinkage is fixed: each coefficient is normal around zero with standard deviation ``coefficient_sd`` in logs. Rows
    weigh inversely to their variance, and the five distances of a month together as one month.

    A month ahead has the variance of the series, times that of the distance, plus the coefficients' own. The variance
    by distance never falls. The variance of a series is shrunk to the panel's: the logs of such variances are taken as
    normal over the panel, with as much sampling error as the series has months, and the mean of what is then known of
    it is used, so that short and lonely series come out wider. Where a regressor moves, the excess of squared
    residuals over that variance in such months is added: destinations respond differently.

    Of the variance of a month ahead a part is that month's own, the same at all distances, and the rest is of a level
    that goes on: two months share what the nearer has of it. The part is what makes the mean product of residuals of
    one origin and two consecutive months come out right; a level that is not quite a random walk thus errs on the wide
    side for sums over a year. Errors of coefficients and effects are shared besides.

    A regressor for which ``priors`` holds a finite sd is no part of the regression for that series: its mean effect is
    taken off before and put back after, and (change times sd) squared is added to the variance.

    A destination with fewer than 12 observed months gets the forecast of the product's ``WLD`` times its share, where
    that is known in two months. The log share is a random walk seen with noise, both variances estimated over all
    destinations of the panel by non-negative least squares on the mean squared difference of log shares by months
    between them; where there is no share to take, the log volume itself is treated so, over all series of the panel;
    ordinary kriging [1]_ then weighs the known shares and gives the variance. `Pooled.refusals` says why a series
    is left out.

    References
    ----------
    .. [1] Cressie, N. (1993). Statistics for Spatial Data, section 3.2. doi:10.1002/9781119115151
    .. [2] Smyth, G. K. (2004). Linear models and empirical Bayes methods (variances shrunk to a common one).
       Statistical Applications in Genetics and Molecular Biology 3(1). doi:10.2202/1544-6115.1027

    Examples
    --------
    A ban halved two destinations a year ago; now it reaches a third.

    >>> month = pd.period_range("2022-01", periods=37, freq="M")
    >>> banned = {"USA": month >= "2024-01", "DEU": month >= "2024-01", "ITA": month >= "2025-01"}
    >>> X = {name: pd.DataFrame({"ban": ban.astype(float)}, month) for name, ban in banned.items()}
    >>> y = {name: 5 + np.log(0.5) * X[name]["ban"] for name in X}
    >>> fits = Pooled().fit({("magnets", name): (y[name][:-1], X[name][:-1]) for name in X})
    >>> fits["magnets", "ITA"].predict(X["ITA"][-1:]).round(1).loc["2025-01", "median"]
    np.float64(4.3)
    """

    name: ClassVar[str] = "pooled"

    coefficient_sd: float = 0.5

    def fit(self, panel: Panel, priors: Priors | None = None) -> dict[SeriesKey, Fitted]:
        """Fit the panel regression; one fitted series for each of ``panel`` that is not refused, in its order."""
        full = sorted(key for key, (y, _) in panel.items() if _full(y))
        if not full:
            return {}
        own_priors = {key: _regressor_priors((priors or {}).get(key), X) for key, (_, X) in panel.items()}
        history = _history(full, panel, own_priors)
        rule = _regress(history, self.coefficient_sd)
        own = {
            key: PooledFit(history.only(slice(at, at + 1)), rule, at, own_priors[key]) for at, key in enumerate(full)
        }
        few = [key for key in panel if key not in own and panel[key][0].count() > 0]
        sharing = {key for key in few if _has_share(key, panel)}
        alone = [key for key in few if key not in sharing]
        drift = _share_drift(panel) if sharing else (0.0, 0.0)
        shares = {key: _share(key, panel, own_priors[key], own[key[0], WORLD], drift) for key in sharing}
        drift = _level_drift(panel, own_priors) if alone else (0.0, 0.0)
        levels = {key: _level(key, panel, own_priors[key], rule, drift) for key in alone}
        fits: dict[SeriesKey, Fitted] = {**own, **shares, **levels}
        return {key: fits[key] for key in panel if key in fits}

    def refusals(self, panel: Panel) -> dict[SeriesKey, str]:
        """The reason, in a sentence, for each series of ``panel`` that `fit` leaves out."""
        learns = any(_full(y) for y, _ in panel.values())
        reason = f"pooled needs {LEAST_OBSERVED} observed months of some series to learn from, and found none."
        return {key: reason for key, (y, _) in panel.items() if not learns or y.count() == 0}


@dataclass(frozen=True)
class TrainingPanel:
    """Training panel of the long series: arrays (series, month) or (series, month, column), from month ``start`` on.

    ``places`` has for each series where its own regressors stand among ``regressors``. ``y`` is log volume less the
    effects known from priors, ``x`` the regressors, zero where a series has none of that name; ``prior_mean`` and
    ``prior_sd`` (series, regressor) are 0 and infinite where the effect is estimated from the panel. The others are
    means over what was observed in the last three months (``level`` and its like) or in the last twelve (``year``).
    Those of regressors and waves are as large as all else together, and are made for a few series at a time (`only`).
    """

    start: int
    regressors: pd.Index
    places: list[np.ndarray]
    y: np.ndarray
    x: np.ndarray
    prior_mean: np.ndarray
    prior_sd: np.ndarray
    level: np.ndarray
    year: np.ndarray

    def only(self, series: slice) -> TrainingPanel:
        """The training panel of some of the series."""
        y, x, mean, sd = self.y[series], self.x[series], self.prior_mean[series], self.prior_sd[series]
        level, year = self.level[series], self.year[series]
        return TrainingPanel(self.start, self.regressors, self.places[series], y, x, mean, sd, level, year)

    @cached_property
    def x_level(self) -> np.ndarray:
        """The mean of each regressor over the months that the level is a mean of."""
        return _trailing_mean(self.x, ~np.isnan(self.y), LEVEL_MONTHS)

    @cached_property
    def wave_level(self) -> np.ndarray:
        """Trailing mean of the Fourier terms of the calendar month, over the months of the level."""
        waves = _waves(self.start + np.arange(self.y.shape[1]))
        return _trailing_mean(np.broadcast_to(waves, (*self.y.shape, 4)), ~np.isnan(self.y), LEVEL_MONTHS)

    def rows(self, s: np.ndarray, t: np.ndarray, d: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Design rows of the change from the level of series ``s`` at month ``t`` to ``d`` months later.

        ``x`` are the regressors of the month ahead, one row each. The regressors stand last.
        """
        near, span = np.log(np.minimum(d, SEASON)) / np.log(SEASON), (np.minimum(d, SEASON) + 1) / SEASON
        level, year = self.level[s, t], self.year[s, t]
        season, known = self._season(s, t, d)
        growth = year - np.where(t >= SEASON, self.year[s, np.maximum(t - SEASON, 0)], np.nan)
        state = np.column_stack([self.y[s, t] - level, year - level, season])
        waves = _waves(self.start + t + d) - self.wave_level[s, t]
        trend = np.column_stack([span, np.nan_to_num(growth) * span])
        events = (x - self.x_level[s, t]) * np.isinf(self.prior_sd[s])
        return np.hstack([state, state * near[:, None], trend, waves, waves * ~known[:, None], events])

    def _season(self, s: np.ndarray, t: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Seasonal change: mean of the same change in up to three earlier years, or 0; and whether there was one."""
        first = SEASON * -(-d // SEASON)
        before = t - first - SEASON * np.arange(YEARS)[:, None]
        change = self.y[s, np.maximum(before + d, 0)] - self.level[s, np.maximum(before, 0)]
        known = (before >= 0) & ~np.isnan(change)
        count = known.sum(axis=0)
        return np.where(known, change, 0).sum(axis=0) / np.maximum(count, 1), count > 0


@dataclass(frozen=True)
class PanelRegression:
    """Estimated panel regression: coefficients, their covariance, and variance components.

    ``by_distance`` belongs to `DISTANCES`, ``by_series`` to the series of the history; their product is the variance of
    a month ahead, and ``own`` the part of ``by_distance`` that is not shared with other months. ``unlike`` is the
    between-destination variance of each regressor's effect.
    """

    regressors: pd.Index
    coefficient_sd: float
    coefficients: np.ndarray
    covariance: np.ndarray
    by_distance: np.ndarray
    by_series: np.ndarray
    own: float
    unlike: np.ndarray

    def effects(self, prior: RegressorPriors) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the effects: the prior's where its sd is finite, else the panel estimates."""
        size, first = len(self.regressors), len(self.coefficients) - len(self.regressors)
        place = self.regressors.get_indexer(prior.regressors)
        spread = np.diag(np.append(self.unlike, self.coefficient_sd**2))
        spread[:size, :size] += self.covariance[first:, first:]
        informative = np.isfinite(prior.sd)
        shared = ~informative & (place >= 0)
        covariance = spread[np.ix_(place, place)] * shared * shared[:, None]
        covariance += np.diag(np.where(informative, prior.sd, self.coefficient_sd) ** 2 * ~shared)
        return self.mean_effects(prior), covariance

    def mean_effects(self, prior: RegressorPriors) -> np.ndarray:
        """Mean of the effects alone."""
        place, first = self.regressors.get_indexer(prior.regressors), len(self.coefficients) - len(self.regressors)
        mean = np.append(self.coefficients[first:], 0.0)[place]
        return np.where(np.isfinite(prior.sd), prior.mean, mean)


@dataclass(frozen=True)
class PooledFit:
    """One series, number ``at`` of the panel, with its ``history``, the panel regression ``rule`` and its ``prior``."""

    history: TrainingPanel
    rule: PanelRegression
    at: int
    prior: RegressorPriors

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predictive quantiles in logs: the level of the last observed months plus the expected change from there."""
        months, x = pd.PeriodIndex(X.index), self._regressors(X)
        mean, variance = self.moments(months.asi8, x)
        return gaussian_bounds(mean + x @ self.history.prior_mean[0], np.sqrt(variance), months)

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Correlation of forecast errors between months: of the level, the coefficients and the effects together."""
        return as_correlation(self.covariance(pd.PeriodIndex(X.index).asi8, self._regressors(X)))

    def moments(self, months: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictive mean and variance of log volume net of the prior mean effects, in months given by ordinals."""
        history, rule = self.history, self.rule
        rows, moved, d = self._changes(months, x)
        change = moved**2 @ self._effect_variance()
        noise = rule.by_series[self.at] * _at(rule.by_distance, d)
        estimation = np.einsum("ij,jk,ik->i", rows, rule.covariance, rows)
        return history.level[0, self._last()] + rows @ rule.coefficients, noise + change + estimation

    def covariance(self, months: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Covariance between all ``months``; its diagonal is the variance of `moments`."""
        rule = self.rule
        rows, moved, d = self._changes(months, x)
        change = moved * self._effect_variance() @ moved.T
        shared = _at(rule.by_distance, np.minimum.outer(d, d)) - rule.own
        noise = rule.by_series[self.at] * (shared + rule.own * np.eye(len(d)))
        covariance: np.ndarray = noise + change + rows @ rule.covariance @ rows.T
        return covariance

    def _regressors(self, X: pd.DataFrame) -> np.ndarray:
        x = np.zeros((len(X), len(self.history.regressors)))
        x[:, self.history.places[0]] = values_of(X, self.prior.regressors)
        return x

    def _last(self) -> int:
        """The last observed month, counted from the first of the history."""
        return int(np.flatnonzero(~np.isnan(self.history.y[0]))[-1])

    def _changes(self, months: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Design rows of the change to each month, the change of each regressor, and the distance."""
        own, last = self.history.only(slice(0, 1)), self._last()
        s, t = np.zeros(len(months), dtype=int), np.full(len(months), last)
        d = months - own.start - last
        return own.rows(s, t, d, x), x - own.x_level[s, t], d

    def _effect_variance(self) -> np.ndarray:
        """Variance of each regressor's effect beyond that of the coefficients."""
        sd = self.history.prior_sd[0]
        return np.where(np.isinf(sd), self.rule.unlike, sd**2)

    def effects(self) -> pd.DataFrame:
        """Estimate, lower and upper (95 %) of each regressor's effect on this destination, in logs."""
        mean, covariance = self.rule.effects(self.prior)
        return gaussian_effects(mean, np.sqrt(np.diag(covariance)), self.prior.regressors)


@dataclass(frozen=True)
class SparseFit:
    """A sparse series: log ``levels`` net of effects in ``months`` (ordinals) with regressors ``x`` then.

    With ``world`` the levels are shares of that series. ``noise`` and ``step`` are the variances of a level about its
    random walk and of a month's step of it.
    """

    world: PooledFit | None
    rule: PanelRegression
    months: np.ndarray
    levels: np.ndarray
    x: np.ndarray
    prior: RegressorPriors
    noise: float
    step: float

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predictive quantiles: kriged level, forecast of the total where it is a share, and effects."""
        months = pd.PeriodIndex(X.index)
        x = values_of(X, self.prior.regressors)
        weights, drift = krige(self.months, months.asi8, self.noise, self.step)
        mean, variance = self._world_moments(months.asi8)
        effect, covariance = self.rule.effects(self.prior)
        change = x - weights @ self.x
        total = variance + drift + np.einsum("ij,jk,ik->i", change, covariance, change)
        return gaussian_bounds(mean + weights @ self.levels + x @ effect, np.sqrt(total), months)

    def _world_moments(self, months: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.world is None:
            return np.zeros(len(months)), np.zeros(len(months))
        return self.world.moments(months, np.zeros((len(months), len(self.world.history.regressors))))

    def correlation(self, X: pd.DataFrame) -> np.ndarray:
        """Correlation of forecast errors between months: of level, effects and total, covariances added."""
        months = pd.PeriodIndex(X.index).asi8
        x = values_of(X, self.prior.regressors)
        weights, _ = krige(self.months, months, self.noise, self.step)
        change = x - weights @ self.x
        covariance = krige_covariance(self.months, months, self.noise, self.step)
        covariance = covariance + change @ self.rule.effects(self.prior)[1] @ change.T
        if self.world is not None:
            still = np.zeros((len(months), len(self.world.history.regressors)))
            covariance = covariance + self.world.covariance(months, still)
        return as_correlation(covariance)

    def effects(self) -> pd.DataFrame:
        """Estimate, lower and upper (95 %) of each regressor's effect on this destination, in logs."""
        mean, covariance = self.rule.effects(self.prior)
        return gaussian_effects(mean, np.sqrt(np.diag(covariance)), self.prior.regressors)


def krige(known: np.ndarray, ahead: np.ndarray, noise: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Ordinary kriging of a noisy random walk: weights (ahead, known) and prediction variances of months ``ahead``.

    Examples
    --------
    Without noise the last month alone counts, and the variance grows by the month.

    >>> weights, variance = krige(np.array([0, 5]), np.array([8]), noise=0.0, step=0.1)
    >>> weights.round(6).tolist(), variance.round(6).tolist()
    ([[0.0, 1.0]], [0.3])

    Without drift all months count alike: a month about their mean has variance (1 + 1/n) times the noise.

    >>> weights, variance = krige(np.array([0, 5]), np.array([8]), noise=0.2, step=0.0)
    >>> weights.round(6).tolist(), variance.round(6).tolist()
    ([[0.5, 0.5]], [0.3])
    """
    n = len(known)
    system = np.ones((n + 1, n + 1))
    system[:n, :n], system[n, n] = _half_square(known, known, noise, step), 0.0
    to_ahead = np.vstack([_half_square(known, ahead, noise, step), np.ones(len(ahead))])
    solution = np.linalg.solve(system, to_ahead)
    return solution[:n].T, (solution * to_ahead).sum(axis=0)


def krige_covariance(known: np.ndarray, ahead: np.ndarray, noise: float, step: float) -> np.ndarray:
    """Covariance of the errors of `krige` between the months ``ahead``; its diagonal is the variance of `krige`.

    Examples
    --------
    Without noise the error three months ahead is part of that of eight months ahead.

    >>> krige_covariance(np.array([0, 5]), np.array([8, 13]), noise=0.0, step=0.1).round(6).tolist()
    [[0.3, 0.3], [0.3, 0.8]]
    """
    weights, _ = krige(known, ahead, noise, step)
    across = weights @ _half_square(known, ahead, noise, step)
    within = weights @ _half_square(known, known, noise, step) @ weights.T
    covariance: np.ndarray = across + across.T - within - _half_square(ahead, ahead, noise, step)
    return covariance


def _half_square(first: np.ndarray, second: np.ndarray, noise: float, step: float) -> np.ndarray:
    """Semivariogram of a noisy random walk between months; zero within a month."""
    months = np.abs(second - first[:, None])
    return np.where(months > 0, noise + step * months / 2, 0.0)


def _full(y: pd.Series) -> bool:
    """Whether a series is long enough for the regression: 12 months, and two of them at one of `DISTANCES`."""
    observed = ~np.isnan(y.to_numpy(dtype=float))
    return bool(observed.sum() >= LEAST_OBSERVED and any((observed[d:] & observed[:-d]).any() for d in DISTANCES))


def _has_share(key: SeriesKey, panel: Panel) -> bool:
    """Whether a series was observed together with a full `WORLD` of its product in enough months."""
    total = panel.get((key[0], WORLD))
    return total is not None and _full(total[0]) and len(_log_shares(panel[key], total)[0]) >= LEAST_SHARES


def _regressor_priors(prior: pd.DataFrame | None, X: pd.DataFrame) -> RegressorPriors:
    """Align a prior with the regressors of ``X``; mean 0 for those with an infinite sd."""
    mean, sd = beliefs(prior, X.columns)
    return RegressorPriors(X.columns, np.where(np.isfinite(sd), mean, 0.0), sd)


def _on_calendar(series: list[pd.Series]) -> tuple[int, np.ndarray]:
    """The ordinal of the first month of all, and an array (series, month) with NaN where unobserved."""
    first = [y.index[0].ordinal for y in series]
    start, stop = min(first), max(begin + len(y) for begin, y in zip(first, series, strict=True))
    array = np.full((len(series), stop - start), np.nan)
    for row, begin, y in zip(array, first, series, strict=True):
        row[begin - start : begin - start + len(y)] = y.to_numpy()
    return start, array


def _history(keys: list[SeriesKey], panel: Panel, own_priors: Mapping[SeriesKey, RegressorPriors]) -> TrainingPanel:
    start, y = _on_calendar([panel[key][0] for key in keys])
    regressors = pd.Index(sorted({name for key in keys for name in own_priors[key].regressors}, key=str), dtype=object)
    x = np.zeros((*y.shape, len(regressors)))
    mean, sd = np.zeros((len(keys), len(regressors))), np.full((len(keys), len(regressors)), np.inf)
    named = [tuple(own_priors[key].regressors) for key in keys]
    place_of = {names: regressors.get_indexer(list(names)) for names in set(named)}
    places = [place_of[names] for names in named]
    for at, (key, place) in enumerate(zip(keys, places, strict=True)):
        X = panel[key][1]
        begin = X.index[0].ordinal - start
        x[at, begin : begin + len(X), place] = X.to_numpy(dtype=float).T
        mean[at, place], sd[at, place] = own_priors[key].mean, own_priors[key].sd
    y = y - np.einsum("stc,sc->st", x, mean)
    level, year = (_trailing_mean(y[..., None], ~np.isnan(y), months)[..., 0] for months in (LEVEL_MONTHS, SEASON))
    return TrainingPanel(start, regressors, places, y, x, mean, sd, level, year)


def _trailing_mean(values: np.ndarray, observed: np.ndarray, months: int) -> np.ndarray:
    """The mean of ``values`` (series, month, column) over the observed of the last ``months``; NaN where none is."""
    kept = np.where(observed[..., None], values, 0.0)
    mean, count = kept.copy(), observed.astype(float)
    for lag in range(1, months):
        mean[:, lag:] += kept[:, :-lag]
        count[:, lag:] += observed[:, :-lag]
    mean /= np.where(count > 0, count, np.nan)[..., None]
    return mean


def _waves(months: np.ndarray) -> np.ndarray:
    """Two Fourier pairs of the calendar month, a row per ordinal."""
    angle = 2 * np.pi / SEASON * np.arange(SEASON)
    year = np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)])
    return np.asarray(year[months % SEASON])


def _regress(history: TrainingPanel, coefficient_sd: float) -> PanelRegression:
    """Feasible generalised least squares: ridge with weights from the changes, then again from the residuals."""
    pairs = _pairs(history)
    count, left = pairs.sum(axis=1), _changes(history, pairs)
    by_distance, by_series = _variances(_squares(left), count, np.ones(len(count)))
    months = count.sum() / len(DISTANCES)
    for _ in range(PASSES):
        weight = 1 / np.sqrt(len(DISTANCES) * np.outer(by_series, by_distance))
        coefficients, covariance, taken = _ridge(_triangle(history, pairs, weight), coefficient_sd)
        left = _left(history, pairs, coefficients)
        left *= np.sqrt(months / max(months - taken, 1.0))
        by_distance, by_series = _variances(_squares(left), count, by_series)
    own = _own(left, pairs, by_distance, by_series)
    unlike = _unlike(history, pairs, left, np.outer(by_series, by_distance))
    return PanelRegression(
        history.regressors, coefficient_sd, coefficients, covariance, by_distance, by_series, own, unlike
    )


def _pairs(history: TrainingPanel) -> np.ndarray:
    """Whether a month and that at one of `DISTANCES` after it were both observed: (series, month, distance)."""
    observed = ~np.isnan(history.y)
    pairs = np.zeros((*observed.shape, len(DISTANCES)), dtype=bool)
    for place, d in enumerate(DISTANCES):
        pairs[:, :-d, place] = observed[:, :-d] & observed[:, d:]
    return pairs


def _changes(history: TrainingPanel, pairs: np.ndarray) -> np.ndarray:
    """The change from the level of each month to the month of each pair; zero where there is none."""
    changes = np.zeros(pairs.shape)
    for place, d in enumerate(DISTANCES):
        changes[:, :-d, place] = history.y[:, d:] - history.level[:, :-d]
    changes[~pairs] = 0.0
    return changes


def _squares(changes: np.ndarray) -> np.ndarray:
    """The sum of squares over the months, by series and distance."""
    return np.asarray(np.einsum("std,std->sd", changes, changes))


class Block(NamedTuple):
    """A block of the design: indices into (series, month, distance), rows, and the changes explained."""

    places: PanelPlaces
    rows: np.ndarray
    changes: np.ndarray


def _blocks(history: TrainingPanel, pairs: np.ndarray) -> Iterator[Block]:
    """The design in blocks of a few series: all rows of a large panel together are gigabytes."""
    for series in _handfuls(pairs.sum(axis=(1, 2))):
        part, (s, t, place) = history.only(series), np.nonzero(pairs[series])
        d = np.array(DISTANCES)[place]
        rows = part.rows(s, t, d, part.x[s, t + d])
        yield Block((s + series.start, t, place), rows, part.y[s, t + d] - part.level[s, t])


def _handfuls(rows: np.ndarray) -> Iterator[slice]:
    """Series that follow each other and have no more than `ROWS` of these ``rows`` together, or one that has more."""
    start, together = 0, 0
    for place, own in enumerate(rows.tolist()):
        if together + own > ROWS and place > start:
            yield slice(start, place)
            start, together = place, 0
        together += own
    yield slice(start, len(rows))


def _triangle(history: TrainingPanel, pairs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """R factor of the weighted design with the changes as last column, by sequential QR over the blocks.

    ``weight`` is by series and distance. Whatever is regressed on all rows comes out the same on the triangle, which is
    no larger than one block.
    """
    found: list[np.ndarray] = []
    for (s, _, place), rows, changes in _blocks(history, pairs):
        both = np.column_stack([rows, changes]) * weight[s, place, None]
        found = [np.asarray(np.linalg.qr(np.vstack([*found, both]), mode="r"))]
    return found[0]


def _left(history: TrainingPanel, pairs: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Residuals of the changes, (series, month, distance); zero where there is no pair."""
    left = np.zeros(pairs.shape)
    for places, rows, changes in _blocks(history, pairs):
        left[places] = changes - rows @ coefficients
    return left


def _ridge(triangle: np.ndarray, coefficient_sd: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Ridge coefficients, their covariance given rows of unit variance, and the effective degrees of freedom."""
    rows, target, precision = triangle[:, :-1], triangle[:, -1], coefficient_sd**-2
    gram = rows.T @ rows
    penalised = gram + precision * np.eye(len(gram))
    coefficients = np.asarray(solve(penalised, rows.T @ target, assume_a="pos"))
    covariance = np.linalg.inv(penalised)
    return coefficients, covariance, float(np.trace(covariance @ gram))


def _variances(squares: np.ndarray, count: np.ndarray, by_series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance components: by distance (never falling) given those by series; then by series, shrunk, given these.

    ``squares`` are sums over so many changes, both of shape (series, distance).
    """
    known = count.any(axis=0)
    means = np.full(len(DISTANCES), np.nan)
    means[known] = (squares / by_series[:, None]).sum(axis=0)[known] / count.sum(axis=0)[known]
    by_distance = pd.Series(means).bfill().ffill().cummax().clip(lower=LEAST_VARIANCE).to_numpy()
    rows = count.sum(axis=1)
    own = (squares / by_distance).sum(axis=1) / np.maximum(rows, 1)
    return by_distance, _shrunk(own, rows / len(DISTANCES))


def _own(left: np.ndarray, pairs: np.ndarray, by_distance: np.ndarray, by_series: np.ndarray) -> float:
    """Idiosyncratic part of the variance of a month, from residuals (series, month, distance) and the variance.

    By how much the product of the residuals of two consecutive months of one origin falls short of the variance of the
    nearer, in the mean; clipped between zero and the variance of the shortest distance. Zero where there are no such
    months.
    """
    nearer = np.flatnonzero(np.diff(DISTANCES) == 1)
    months = (pairs[..., nearer] & pairs[..., nearer + 1]).sum(axis=(0, 1))
    if not months.any():
        return 0.0
    products = np.einsum("std,std,s->d", left[..., nearer], left[..., nearer + 1], 1 / by_series)
    return float(np.clip((by_distance[nearer] * months - products).sum() / months.sum(), 0, by_distance[0]))


def _at(by_distance: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Variance at any distance: linear between `DISTANCES`, beyond the last in proportion to the distance."""
    variance: np.ndarray = np.interp(d, DISTANCES, by_distance) * np.maximum(d / DISTANCES[-1], 1.0)
    return variance


def _shrunk(own: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Empirical-Bayes variance of each series, given its ``own`` over so many ``months`` and those of all series.

    The log of a mean of n squares has bias -1/n and sampling variance 2/n; the variance of the logs beyond that is
    taken as between-series variance. Own and common centre are weighed by precision, and the mean of a log-normal adds
    half of the variance that is left.
    """
    seen = months > 0
    count = np.where(seen, months, np.inf)
    logs = np.log(np.maximum(own, LEAST_VARIANCE)) + 1 / count
    centre = logs[seen].mean()
    true = max(float(logs[seen].var() - (2 / count[seen]).mean()), 0.0)
    weight = months * true / (months * true + 2)
    shrunk: np.ndarray = np.exp(centre + weight * (logs - centre) + true / (months * true + 2))
    return shrunk


def _unlike(history: TrainingPanel, pairs: np.ndarray, left: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Between-destination variance of each effect: excess of squared residuals per squared change of the regressor."""
    excess, total = np.zeros(len(history.regressors)), np.zeros(len(history.regressors))
    for places, rows, _ in _blocks(history, pairs):
        s, _, place = places
        expected = variance[s, place]
        size = rows[:, rows.shape[1] - len(history.regressors) :] ** 2 / expected[:, None]
        excess += size.T @ (left[places] ** 2 / expected - 1)
        total += (size**2).sum(axis=0)
    return np.asarray(excess / np.maximum(total, LEAST_VARIANCE)).clip(min=0.0)


def _share_drift(panel: Panel) -> tuple[float, float]:
    """Noise and step variance of the log shares (random walk plus noise), over all destinations of the panel.

    The mean squared difference of log shares is twice the first plus the second for each month between them; it is
    taken within each destination first, so that one with few months counts as much.
    """
    keys = sorted(key for key in panel if (key[0], WORLD) in panel)
    _, y = _on_calendar([panel[key][0] for key in keys])
    places = {key: place for place, key in enumerate(keys)}
    shares = y - y[[places[product, WORLD] for product, _ in keys]]
    shares = shares[[destination != WORLD for _, destination in keys]]
    return _drift(shares)


def _level_drift(panel: Panel, own_priors: Mapping[SeriesKey, RegressorPriors]) -> tuple[float, float]:
    """Noise and step variance of log volumes net of the prior mean effects, over all series of the panel."""
    keys = sorted(panel)
    _, levels = _on_calendar([_untouched(*panel[key], own_priors[key]) for key in keys])
    return _drift(levels)


def _untouched(y: pd.Series, X: pd.DataFrame, prior: RegressorPriors) -> pd.Series:
    """Log volume net of the prior mean effects."""
    return pd.Series(y.to_numpy() - X.to_numpy(dtype=float) @ prior.mean, y.index)


def _drift(levels: np.ndarray) -> tuple[float, float]:
    """Noise and step variance by non-negative least squares on mean squared differences of levels by lag."""
    squares: list[float] = []
    lags: list[int] = []
    weights: list[float] = []
    for lag in range(1, levels.shape[1]):
        difference = (levels[:, lag:] - levels[:, :-lag]) ** 2
        count = (~np.isnan(difference)).sum(axis=1)
        if count.any():
            own = np.nansum(difference, axis=1)[count > 0] / count[count > 0]
            squares, lags, weights = [*squares, own.mean()], [*lags, lag], [*weights, np.sqrt(len(own))]
    design = np.column_stack([np.full(len(lags), 2.0), lags]) * np.array(weights)[:, None]
    noise, step = nonnegative_least_squares(design.T @ design, design.T @ (np.array(squares) * np.array(weights)))
    return float(noise), max(float(step), LEAST_VARIANCE)


def _share(
    key: SeriesKey, panel: Panel, prior: RegressorPriors, world: PooledFit, drift: tuple[float, float]
) -> SparseFit:
    """A sparse series by its log share in the months observed of both, net of the effects on either."""
    months, share, (x, total_x) = _log_shares(panel[key], panel[key[0], WORLD])
    own, of_total = world.rule.mean_effects(prior), world.rule.mean_effects(world.prior)
    level = share - x @ own + total_x @ of_total
    return SparseFit(world, world.rule, months, level, x, prior, *drift)


def _log_shares(
    part: tuple[pd.Series, pd.DataFrame], total: tuple[pd.Series, pd.DataFrame]
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Months (ordinals) that are observed of both, the log shares in them, and the regressors of part and total."""
    known = [np.flatnonzero(np.isfinite(y.to_numpy())) for y, _ in (part, total)]
    first = [int(y.index[0].ordinal) for y, _ in (part, total)]
    months = np.intersect1d(known[0] + first[0], known[1] + first[1], assume_unique=True)
    of_part, of_total = (y.to_numpy()[months - start] for (y, _), start in zip((part, total), first, strict=True))
    x, total_x = (X.to_numpy(dtype=float)[months - X.index[0].ordinal] for _, X in (part, total))
    return months, of_part - of_total, (x, total_x)


def _level(
    key: SeriesKey, panel: Panel, prior: RegressorPriors, rule: PanelRegression, drift: tuple[float, float]
) -> SparseFit:
    """A sparse series by its own log volume in the observed months, net of effects."""
    y, X = panel[key][0].dropna(), panel[key][1]
    x = X.loc[y.index].to_numpy(dtype=float)
    level = y.to_numpy() - x @ rule.mean_effects(prior)
    return SparseFit(None, rule, pd.PeriodIndex(y.index).asi8, level, x, prior, *drift)
