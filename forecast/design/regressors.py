"""What a model may see of one series at one origin: log volumes, regressors, and the same regressors ahead.

A regressor depends on the month and on the calendar as known, so training months and forecast months are two slices of
one frame. Which columns enter is decided from the months alone, never from a volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from forecast.realtime.days import lunar_new_year_shares, months_of
from forecast.realtime.events import (
    ACTING_KINDS,
    SHAPES,
    TIGHTENING,
    Members,
    Scope,
    events_by_kind,
    monthly_shape,
    parts_of,
)

MONTHS_PER_COLUMN = 10
"""Observed months that one regressor needs while nothing is known about its effect beforehand."""

MIN_EXPOSURE = 0.1
"""A column that never reaches a tenth of a month in training says nothing about its effect."""

MAX_R2 = 0.95
"""Columns whose shared variance in the observed months is above this cannot be told apart."""

LEAST_BEND = 1e-4
"""Share of a month times effect (logs) under which a month covered in part is as good as linear."""

NEW_YEAR = "lunar_new_year_during"


@dataclass(frozen=True)
class Candidates:
    """One series at one origin before any regressor is chosen.

    Attributes
    ----------
    y
        Log of volume plus ``offset``, by month from the first observed month to the cutoff; gaps are NaN.
    shares
        Every regressor that acts in those months or in those ahead: share of each month's days, from 0 to 1.
    offset
        Tonnes added before the log: 0 unless the training months hold a zero.
    """

    y: pd.Series
    shares: pd.DataFrame
    offset: float

    @property
    def observed(self) -> np.ndarray:
        """Whether each month of ``y`` has a volume."""
        return np.asarray(np.isfinite(self.y.to_numpy()))


@dataclass(frozen=True)
class Design:
    """What models see of one series at one origin.

    Attributes
    ----------
    series
        Log volumes, and every regressor that acts: for models that learn effects over many series.
    X, X_future
        The regressors that enter, on the months of ``y``, and on the months after the cutoff.
    dropped
        Regressor and reason, for each that does not.
    prior, belief
        Mean and sd (logs) of the effect of each column of ``X``: from other series, and with the series' own months
        (`forecast.design.effect_priors.informed`). None where every effect is estimated from the series alone.
    """

    series: Candidates
    X: pd.DataFrame
    X_future: pd.DataFrame
    dropped: tuple[tuple[str, str], ...]
    prior: pd.DataFrame | None = None
    belief: pd.DataFrame | None = None

    @property
    def y(self) -> pd.Series:
        """Log of volume plus offset by month, gaps as NaN."""
        return self.series.y

    @property
    def last_known(self) -> pd.Period:
        """The last observed month."""
        last: pd.Period = self.y.index[np.flatnonzero(self.series.observed)[-1]]
        return last

    @property
    def panel_X(self) -> pd.DataFrame:
        """The regressors for a model of all series: every candidate, or those with a prior."""
        return self.series.shares.iloc[: len(self.y)] if self.prior is None else self.X

    @property
    def panel_X_future(self) -> pd.DataFrame:
        """The same on the months after the cutoff."""
        return self.series.shares.iloc[len(self.y) :] if self.prior is None else self.X_future

    def to_volume(self, logs: np.ndarray) -> np.ndarray:
        """Volumes in tonnes from logs; never negative."""
        return np.asarray(np.maximum(np.exp(logs) - self.series.offset, 0.0))


def candidates(volume: pd.Series, acting: Sequence[Any], scope: Scope, ahead: int) -> Candidates:
    """Log volumes of one series, and every regressor over its months and so many months ``ahead`` of the cutoff.

    ``volume`` holds tonnes by consecutive month up to the cutoff with gaps as NaN and at least one observed month,
    ``acting`` the events as known (`forecast.realtime.events.acting_events`).
    """
    values = volume.to_numpy(dtype=float)
    first = int(np.argmax(np.isfinite(values)))
    offset, start = zero_offset(values[first:]), volume.index[first].ordinal
    months = months_of(np.arange(start, start + len(values) - first + ahead))
    y = pd.Series(np.log(values[first:] + offset), months[: len(values) - first])
    return Candidates(y, regressors(acting, scope, months), offset)


def chosen_design(series: Candidates, horizon: int) -> Design:
    """The design of a series that has only itself to learn from: the few regressors that it affords (`choose`).

    They are chosen for the ``horizon`` months after the cutoff, so that looking further ahead does not change the
    nearer months.
    """
    chosen, dropped = choose(series.shares, series.observed, horizon)
    X, past = linearised(series.shares[chosen], series.y), len(series.y)
    return Design(series, X.iloc[:past], X.iloc[past:], tuple(dropped.items()))


def zero_offset(volume: np.ndarray) -> float:
    """Tonnes to add before the log: none without a zero, else half the least positive volume or 1 % of the mean.

    ``volume`` in tonnes, gaps as NaN. It grows with the series, so a thousand times the volume gives a thousand times
    the forecast.

    Examples
    --------
    >>> zero_offset(np.array([10.0, 0.0, 20.0])), zero_offset(np.array([10.0, np.nan, 20.0]))
    (5.0, 0.0)
    """
    known = volume[np.isfinite(volume)]
    positive = known[known > 0]
    if len(positive) == len(known):
        return 0.0
    return float(max(positive.min() / 2, known.mean() / 100)) if len(positive) else 1.0


def regressors(acting: Sequence[Any], scope: Scope, months: pd.PeriodIndex) -> pd.DataFrame:
    """Every regressor that acts on a series in ``months`` (consecutive): share of each month's days, from 0 to 1.

    Columns ``<kind>_<shape>`` for the kinds and shapes of `forecast.realtime.events` that are not zero throughout, then
    Lunar New Year. ``acting`` are rows of the calendar (`forecast.realtime.events.acting_events`).
    """
    columns = {}
    for kind, rows in events_by_kind(acting, scope).items():
        for shape in SHAPES:
            share = monthly_shape(rows, shape, scope, months)
            if share.any():
                columns[f"{kind}_{shape}"] = share
    columns |= lunar_new_year_shares(months)
    return pd.DataFrame(np.column_stack(list(columns.values())), months, index_of(tuple(columns)))


@lru_cache(maxsize=1024)
def index_of(names: tuple[str, ...]) -> pd.Index:
    """An index of the names of regressors: the same few are asked for again and again, and making one takes long."""
    return pd.Index(names, name="regressor", dtype=str)


def choose(shares: pd.DataFrame, observed: np.ndarray, horizon: int) -> tuple[list[str], dict[str, str]]:
    """Names of the columns that enter, and the reason for each that does not.

    ``observed`` says of each training month whether it has a volume; the rows of ``shares`` beyond it are the
    months ahead. At most one column per `MONTHS_PER_COLUMN` observed months enters, in the order of `_rank`.
    """
    values, past = shares.to_numpy(), len(observed)
    columns = {str(name): values[:past, i][observed] for i, name in enumerate(shares)}
    ahead = {str(name): values[past : past + horizon, i] for i, name in enumerate(shares)}
    peaks = {str(name): float(values[:, i].max()) for i, name in enumerate(shares)}
    limit = int(observed.sum()) // MONTHS_PER_COLUMN
    chosen: list[str] = []
    dropped: dict[str, str] = {}
    for name in sorted(columns, key=lambda name: _rank(name, peaks[name], float(ahead[name].max()))):
        if not columns[name].any() and not ahead[name].any():
            continue
        reason = _refusal(columns[name], {other: columns[other] for other in chosen}, limit)
        if reason is None:
            chosen.append(name)
        else:
            dropped[name] = reason
    return chosen, dropped


def _rank(name: str, peak: float, peak_ahead: float) -> tuple[int, float, int, str]:
    """Lunar New Year's week first, then what acts in the months ahead, level shifts before changes that pass.

    Among equals: the larger share of the series, then tightenings, then the order of the vocabulary.
    """
    kind, _, shape = name.rpartition("_")
    acting = peak_ahead > MIN_EXPOSURE
    if name == NEW_YEAR:
        place = 0
    elif name.startswith("lunar_new_year"):
        place = 3
    else:
        place = (1 if shape == "step" else 2) if acting else (4 if shape == "step" else 5)
    order = ACTING_KINDS.index(kind) if kind in ACTING_KINDS else len(TIGHTENING)
    return place, -round(peak, 2), order, name


def _refusal(column: np.ndarray, chosen: dict[str, np.ndarray], limit: int) -> str | None:
    """Why a column stays out, given its values in the observed months and those of the columns chosen before it."""
    if column.max(initial=0.0) < MIN_EXPOSURE:
        return "no observed month on which it acted for a tenth of the days: nothing to learn its effect from"
    if len(chosen) >= limit:
        return f"one regressor too many: a series affords one per {MONTHS_PER_COLUMN} observed months"
    twin = _twin(column, chosen)
    return f"cannot be told apart from {twin} in the observed months" if twin else None


def _twin(column: np.ndarray, chosen: dict[str, np.ndarray]) -> str | None:
    """The chosen column, or the level, that says nearly the same in the observed months; None when nothing does."""
    known = np.column_stack([np.ones(len(column)), *chosen.values()])
    rest = column - known @ np.linalg.lstsq(known, column, rcond=None)[0]
    spread = column - column.mean()
    if spread @ spread < 1e-9:
        return "the level"
    if rest @ rest > (1 - MAX_R2) * (spread @ spread):
        return None
    likeness = {name: abs(np.corrcoef(column, other)[0, 1]) for name, other in chosen.items()}
    return max(likeness, key=likeness.__getitem__)


def linearised(shares: pd.DataFrame, y: pd.Series, rounds: int = 8) -> pd.DataFrame:
    """Regressors whose coefficients are log effects of whole months, also in months covered in part.

    The columns of `bent`, at the effects of a least-squares fit with a linear trend on the observed months of ``y``,
    recomputed ``rounds`` times.
    """
    X, past, observed = shares, len(y), y.notna().to_numpy()
    trend = np.column_stack([np.ones(past), np.linspace(0.0, 1.0, past)])[observed]
    for _ in range(rounds if len(shares.columns) else 0):
        rows = np.column_stack([trend, X.to_numpy()[:past][observed]])
        estimate = np.linalg.lstsq(rows, y.to_numpy()[observed], rcond=None)[0][2:]
        X = bent(shares, dict(zip(map(str, shares.columns), estimate, strict=True)))
    return X


def bent(shares: pd.DataFrame, effects: Mapping[str, float]) -> pd.DataFrame:
    """Regressors scaled so that coefficients near ``effects`` (logs, by column) give months covered in part exactly.

    A month of which a kind of event has a share s under notice, with effect a, and a share t in force, with effect f
    (of all that it does on those days together), becomes 1 + s (exp(a) - 1) + t (exp(f) - 1) times what it was, since
    nobody anticipates what acts already. In logs that is not s a + t f; each column is multiplied by what its days add
    to the log over what they would add linearly. Lunar New Year stays linear in its share.
    """
    names = [str(name) for name in shares]
    return pd.DataFrame(bent_values(shares.to_numpy(dtype=float), names, effects), shares.index, shares.columns)


def bent_values(shares: np.ndarray, names: Sequence[str], effects: Mapping[str, float]) -> np.ndarray:
    """As `bent`, of an array (months x regressors) with the ``names`` of its columns."""
    place = {name: at for at, name in enumerate(names)}
    clipped = {name: min(max(effect, -5.0), 3.0) for name, effect in effects.items()}
    scaled, idle = shares.copy(), np.zeros(len(shares))
    kinds = dict.fromkeys(name.rpartition("_")[0] for name in clipped if name.endswith(("_step", "_anticipation")))
    for kind in kinds:
        step, passing, notice = (f"{kind}_{shape}" for shape in ("step", "temporary", "anticipation"))
        acting = [name for name in (step, passing) if step in clipped and name in clipped]
        t = shares[:, place[step]] if acting else idle
        s = shares[:, place[notice]] if notice in clipped else idle
        total = sum((clipped[name] * shares[:, place[name]] for name in acting), idle)
        f = np.divide(total, t, out=np.zeros(len(t)), where=t > 0)
        while_noticed, while_acting = _bends(s, clipped.get(notice, 0.0), t, f)
        for name in acting:
            scaled[:, place[name]] *= while_acting
        if notice in clipped:
            scaled[:, place[notice]] *= while_noticed
    return scaled


def _bends(s: np.ndarray, a: float, t: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What days under notice and days in force add to the log of a month, each over its share times its effect.

    Of ``log(1 + s (exp(a) - 1) + t (exp(f) - 1))`` each gets the mean of what it adds to 0 and to the other.
    """
    noticed, forced = s * np.expm1(a), t * np.expm1(f)
    alone = np.log1p(noticed), np.log1p(forced)
    half = (alone[0] + alone[1] - np.log1p(noticed + forced)) / 2
    return _share_of(alone[0] - half, s * a), _share_of(alone[1] - half, t * f)


def _share_of(added: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """``added / linear``, and 1 where there is next to nothing to divide by."""
    plain = np.abs(linear) < LEAST_BEND
    return np.asarray(np.where(plain, 1.0, added / np.where(plain, 1.0, linear)))


def volume_shares(volumes: pd.DataFrame, destination: str, members: Members) -> dict[str, float]:
    """The part of a destination's volume that goes to each of its parts, over the months known for both.

    ``volumes`` holds tonnes by month, one column per destination of the product. Empty for a single country.
    """
    parts = parts_of(map(str, volumes), destination, members)
    if not parts:
        return {}
    whole = volumes[destination].to_numpy(dtype=float)[:, None]
    part = volumes[parts].to_numpy(dtype=float)
    both = np.isfinite(part) & np.isfinite(whole)
    totals = np.where(both, whole, 0.0).sum(axis=0)
    shares = np.divide(np.where(both, part, 0.0).sum(axis=0), totals, out=np.zeros(len(parts)), where=totals > 0)
    return {code: float(share) for code, share in zip(parts, shares, strict=True) if share > 0}


def series_scope(product: str, destination: str, volumes: pd.DataFrame, members: Members) -> Scope:
    """How events see a series: its groups, and the shares of its parts in ``volumes`` (see `volume_shares`)."""
    shares: Mapping[str, float] = volume_shares(volumes, destination, members)
    return Scope(product, destination, members, shares)
