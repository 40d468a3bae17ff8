"""What models see of one series at one origin: log volumes less what its episodes did, and Lunar New Year.

A regressor depends on the month alone, so training months and forecast months are two slices of one frame. Episodes are
no regressors: their paths are estimated by the structural model (`forecast.episodes.stage`), taken off the logs before
any other model sees them, and added back to its forecasts with their uncertainty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from forecast.kernels.arrays import FLOOR
from forecast.kernels.no_trade import BROKEN, EmptyMonths
from forecast.models.protocol import MEAN_AND_SD
from forecast.realtime.days import consecutive_months, lunar_new_year_shares, month_lengths
from forecast.tables.quantiles import MEDIAN, NORMAL_SCORES, with_none, within_record

DIGITS = 10
"""Decimals of the logs that models see."""

ROUNDING = 1e-8
"""Share of the floor under which a volume is what rounding leaves of it."""

HOLIDAY_SD = 0.3
"""Prior standard deviation of the effects of Lunar New Year (logs)."""


@dataclass(frozen=True)
class EpisodeEffects:
    """What the episodes of a series do to its log volume in the months ahead: mean (months,) and covariance.

    The covariance is of what is new of it to who follows the level (`forecast.episodes.posterior`: ``believed``).
    ``unrestricted`` is the same without measures that only restrict a month, and ``uneased`` without those that only
    ease it; None where there are none.
    """

    mean: np.ndarray
    covariance: np.ndarray
    unrestricted: EpisodeEffects | None = None
    uneased: EpisodeEffects | None = None

    @classmethod
    def none(cls, ahead: int) -> EpisodeEffects:
        """Nothing at all."""
        return cls(np.zeros(ahead), np.zeros((ahead, ahead)))

    def added(self, quantiles: np.ndarray) -> np.ndarray:
        """Quantiles in logs (months x quantile) with the effects added.

        Medians move by the mean effect; each bound's squared distance from the median grows by that of a normal
        distribution with the variance of what is new of the effect. What is not known of a restriction moves no upper
        bound up, and of an easing no lower one down.
        """
        count = len(quantiles)
        mean, variance = self.mean[:count], np.diag(self.covariance)[:count]
        median = quantiles[:, [MEDIAN]]
        distance = np.sqrt((quantiles - median) ** 2 + NORMAL_SCORES**2 * variance[:, None])
        found = np.asarray(median + mean[:, None] + np.sign(NORMAL_SCORES) * distance)
        unrestricted = None if self.unrestricted is None else self.unrestricted.added(quantiles)
        return one_sided(found, unrestricted, None if self.uneased is None else self.uneased.added(quantiles))


def one_sided(quantiles: np.ndarray, unrestricted: np.ndarray | None, uneased: np.ndarray | None) -> np.ndarray:
    """Quantiles (months x quantile, logs) with upper bounds no higher than without measures that only restrict.

    Nor are lower bounds lower than without those that only ease. A measure whose mean effect is against its kind moves
    bounds by as much as the median.

    Examples
    --------
    >>> wide, plain = np.array([[-5.0, -3.0, -1.0, 1.0, 3.0]]), np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]])
    >>> one_sided(wide, plain, None).tolist(), one_sided(wide + 2, None, plain).tolist()
    ([[-5.0, -3.0, -1.0, 1.0, 2.0]], [[-2.0, -1.0, 1.0, 3.0, 5.0]])
    """
    found, median = quantiles.copy(), quantiles[:, [MEDIAN]]
    upper, lower = slice(MEDIAN + 1, None), slice(0, MEDIAN)
    if unrestricted is not None:
        highest = unrestricted + np.maximum(median - unrestricted[:, [MEDIAN]], 0.0)
        found[:, upper] = np.minimum(found, highest)[:, upper]
    if uneased is not None:
        lowest = uneased + np.minimum(median - uneased[:, [MEDIAN]], 0.0)
        found[:, lower] = np.maximum(found, lowest)[:, lower]
    return found


@dataclass(frozen=True)
class NoTrade:
    """What months without trade say of those ahead.

    ``probability`` is that of none in each where no measure brings it, ``by_measure`` that one has just left none,
    ``unbroken`` that of none after that, and ``usual`` a usual month (quantiles in logs), if there is trade; both None
    where no measure has.
    """

    probability: np.ndarray
    by_measure: float
    unbroken: np.ndarray | None
    usual: np.ndarray | None

    @classmethod
    def of(cls, empty: EmptyMonths, gain: np.ndarray) -> NoTrade:
        """That of ``empty`` months, of a series to which episodes give back ``gain`` (logs) in each month ahead.

        What ended with a measure says nothing of the months after it.
        """
        alike = 1.0 - np.clip(gain, 0.0, 1.0)
        probability, (by_measure, months) = empty.probability(len(gain)) * alike, empty.under_a_measure()
        mean, sd = empty.usual()
        if not by_measure or not np.isfinite(mean):
            return cls(probability, 0.0, None, None)
        goes_on = 1.0 - BROKEN / (1.0 + months + np.arange(len(gain)))
        unbroken = by_measure * goes_on + (1.0 - by_measure) * probability
        return cls(probability, by_measure, unbroken, mean + sd * NORMAL_SCORES)

    def mixed(self, volumes: np.ndarray, tonnes: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """``volumes`` (months x quantile) with none at its probability; ``tonnes`` are those of logs."""
        count = len(volumes)
        found = with_none(volumes, self.probability[:count])
        if self.usual is None or self.unbroken is None:
            return found
        usual = np.tile(tonnes(self.usual), (count, 1))
        beyond = np.maximum(with_none(usual, self.unbroken[:count]) - found, 0.0)
        return np.asarray(found + self.by_measure * beyond)


@dataclass(frozen=True)
class Design:
    """What models see of one series at one origin.

    Attributes
    ----------
    y
        Log of tonnes in a month of mean length plus ``floor``, without outliers (`forecast.kernels.outliers`) and less
        the believed effect of episodes, by consecutive month up to the cutoff; gaps as NaN.
    raw
        The same with outliers and the effect of episodes in it: for benchmarks, which know neither.
    floor
        Tonnes added before the log; it grows with the series.
    X, X_future
        Lunar New Year by share of days, on the months of ``y`` and on those after the cutoff.
    effects
        What episodes do to the months after the cutoff.
    none
        What months without trade say of those after the cutoff; None where there were none.
    """

    y: pd.Series
    raw: pd.Series
    floor: float
    X: pd.DataFrame
    X_future: pd.DataFrame
    effects: EpisodeEffects
    none: NoTrade | None = None

    @classmethod
    def of(
        cls,
        raw: pd.Series,
        clean: pd.Series,
        floor: float,
        effect: np.ndarray,
        ahead: EpisodeEffects,
        empty: EmptyMonths | None = None,
    ) -> Design:
        """The design of logs, ``clean`` of outliers, on whose months episodes did ``effect``, and ahead do ``ahead``.

        Logs are rounded to `DIGITS`, so that the last digits of the effects, in which linear algebra differs from one
        process to the next, decide nothing in a model's optimiser.
        """
        X, X_future = holidays(raw.index[0].ordinal, len(raw), len(ahead.mean))
        y = pd.Series((clean.to_numpy() - effect).round(DIGITS), clean.index, name=clean.name)
        none = NoTrade.of(empty, ahead.mean - effect[np.flatnonzero(np.isfinite(y))[-1]]) if empty else None
        return cls(y, raw, floor, X, X_future, ahead, none)

    def without_effects(self) -> Design:
        """The same series where nothing is known of episodes ahead, as benchmarks see it."""
        return replace(self, effects=EpisodeEffects.none(len(self.effects.mean)), none=None)

    @property
    def prior(self) -> pd.DataFrame:
        """Mean and standard deviation (logs) of the effect of each column of ``X``."""
        return holiday_prior(tuple(self.X))

    @cached_property
    def last_known(self) -> pd.Period:
        """The last observed month."""
        last: pd.Period = self.y.index[np.flatnonzero(np.isfinite(self.y.to_numpy()))[-1]]
        return last

    def with_effects(self, quantiles: np.ndarray) -> np.ndarray:
        """Quantiles in logs (months x quantile) of a forecast of ``y`` with the effects of episodes added."""
        return self.effects.added(quantiles)

    def correlation_with_effects(self, correlation: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Correlation of the errors of such a forecast: its own, whose ``quantiles`` are given, and the effects'."""
        count = len(correlation)
        sd = (quantiles[:count, -1] - quantiles[:count, 0]) / (NORMAL_SCORES[-1] - NORMAL_SCORES[0])
        covariance = correlation * np.outer(sd, sd) + self.effects.covariance[:count, :count]
        size = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        found = covariance / np.outer(size, size)
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)

    def to_volume(self, logs: np.ndarray) -> np.ndarray:
        """Tonnes from logs (months after the cutoff x quantile); never negative, infinite where no float holds them.

        What is left of the floor by rounding is nothing, so that none is none in whatever unit. Upper bounds lie within
        the record (`forecast.tables.quantiles.within_record`), but for what is not known of the effects of episodes; of
        a series without any trade the record is a usual month.
        """
        months = pd.PeriodIndex(self.X_future.index[: len(logs)])
        held = self._within_record(self._above_floor(logs), months, self.effects)
        if self.effects.unrestricted is not None:
            held = self._within_record(held, months, self.effects.unrestricted)
        mixed = self.none.mixed(held, self._above_floor) if self.none else held
        return np.asarray(mixed * month_lengths(months)[:, None])

    def _within_record(self, volumes: np.ndarray, months: pd.PeriodIndex, effects: EpisodeEffects) -> np.ndarray:
        """Volumes a mean month within the record, but for what is not known of some effects."""
        record, known, lowered = self._record
        ahead = months.asi8 - self.last_known.ordinal
        doubt = np.sqrt(np.diag(effects.covariance))[: len(volumes)]
        expected = np.maximum(effects.mean, self.effects.mean)[: len(volumes)] - lowered
        return within_record(volumes, record, known, ahead, doubt, expected)

    def no_trade(self, logs: np.ndarray, least: float) -> np.ndarray:
        """What months without trade do to the log of the medians of ``logs`` (months x quantile): (months,).

        Medians of less than ``least`` tonnes a mean month count as that.
        """
        plain = self._above_floor(logs)
        mixed = self.none.mixed(plain, self._above_floor) if self.none else plain
        before, after = (np.log(np.maximum(one[:, MEDIAN], least)) for one in (plain, mixed))
        return np.asarray(after - before)

    @cached_property
    def _record(self) -> tuple[float, int, float]:
        """The largest month on record in tonnes, of how many, and what episodes took from it in logs, at most 0.

        Under a ban it is no usual month.
        """
        raw = self.raw.to_numpy()
        place = int(np.nanargmax(raw))
        record = max(float(self._above_floor(raw[place])), self.floor / FLOOR)
        return record, int(np.isfinite(raw).sum()), float(min(raw[place] - self.y.to_numpy()[place], 0.0))

    def _above_floor(self, logs: np.ndarray) -> np.ndarray:
        """Tonnes per mean month from logs, none where rounding leaves less of the floor."""
        with np.errstate(over="ignore"):
            left = np.exp(logs) - self.floor
        return np.asarray(np.where(left > ROUNDING * self.floor, left, 0.0))


@lru_cache(maxsize=1024)
def holidays(first: int, past: int, ahead: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lunar New Year by share of the days of ``past`` months from an ordinal on, and of those ``ahead``.

    Columns are before, during and after; series of the same months share both tables.
    """
    months = consecutive_months(first, past + ahead)
    shares: Mapping[str, np.ndarray] = lunar_new_year_shares(months)
    names = pd.Index([*shares], name="regressor", dtype=str)
    whole = pd.DataFrame(np.column_stack(list(shares.values())), months, names)
    return whole.iloc[:past], whole.iloc[past:]


@lru_cache(maxsize=8)
def holiday_prior(names: tuple[str, ...]) -> pd.DataFrame:
    """The prior of Lunar New Year's effects: columns mean and sd, a row a column of ``X``."""
    values = np.tile([0.0, HOLIDAY_SD], (len(names), 1))
    return pd.DataFrame(values, pd.Index(names, name="regressor", dtype=str), MEAN_AND_SD)
