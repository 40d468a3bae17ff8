"""What a model may see of one series at one origin: log volumes, regressors, and the same regressors ahead.

A regressor depends on the month and on the calendar as known, so training months and forecast months are two slices of
one frame. Which columns enter is decided from the months alone, never from a volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.calendar import days_of, lunar_new_year_shares
from forecast.events import ACTING_KINDS, SHAPES, TIGHTENING, Members, Scope, daily_shape, parts_of

MONTHS_PER_COLUMN = 10
"""Observed months that one regressor needs while nothing is known about its effect beforehand."""

FAINTEST = 0.1
"""A column that never reaches a tenth of a month in training says nothing about its effect."""

ALIKE = 0.95
"""Columns whose shared variance in the observed months is above this cannot be told apart."""

NEW_YEAR = "lunar_new_year_during"


@dataclass(frozen=True)
class Design:
    """One series at one origin.

    Attributes
    ----------
    y
        Log of volume plus ``offset``, by month from the first observed month to the cutoff; gaps are NaN.
    X, X_future
        The chosen regressors on the months of ``y``, and on the months after the cutoff.
    candidates, candidates_future
        Every regressor that acts in those months: for models that learn effects over many series.
    offset
        Tonnes added before the log: 0 unless the training months hold a zero.
    last_known
        The last observed month.
    dropped
        Regressor and reason, for each candidate that is not in ``X``.
    """

    y: pd.Series
    X: pd.DataFrame
    X_future: pd.DataFrame
    candidates: pd.DataFrame
    candidates_future: pd.DataFrame
    offset: float
    last_known: pd.Period
    dropped: tuple[tuple[str, str], ...]

    def to_volume(self, logs: pd.DataFrame) -> pd.DataFrame:
        """Volumes in tonnes from logs; never negative."""
        return pd.DataFrame(np.maximum(np.exp(logs.to_numpy()) - self.offset, 0.0), logs.index, logs.columns)


def series_design(
    volume: pd.Series, events: pd.DataFrame, scope: Scope, horizon: int, window: int | None = None
) -> Design:
    """The design of one series at one origin.

    ``volume`` holds tonnes by consecutive month up to the cutoff with gaps as NaN and at least one observed month,
    ``events`` the calendar as known. Columns are chosen for the ``horizon`` months after the cutoff and laid out over
    ``window`` months (at least the horizon), so that looking further ahead does not change the nearer months.
    """
    volume = volume.loc[volume.first_valid_index() :]
    offset = zero_offset(volume)
    y = np.log(volume + offset)
    months = pd.period_range(y.index[0], y.index[-1] + (window or horizon), freq="M")
    candidates = regressors(events, scope, months)
    observed = y.notna().to_numpy()
    chosen, dropped = choose(candidates, observed, horizon)
    X = linearised(candidates[chosen], y)
    past = len(y)
    return Design(
        y=y,
        X=X.iloc[:past],
        X_future=X.iloc[past:],
        candidates=candidates.iloc[:past],
        candidates_future=candidates.iloc[past:],
        offset=offset,
        last_known=y.last_valid_index(),
        dropped=tuple(dropped.items()),
    )


def zero_offset(volume: pd.Series) -> float:
    """Tonnes to add before the log: none without a zero, else half the least positive volume or 1 % of the mean.

    It grows with the series, so a thousand times the volume gives a thousand times the forecast.

    Examples
    --------
    >>> import pandas as pd
    >>> zero_offset(pd.Series([10.0, 0.0, 20.0])), zero_offset(pd.Series([10.0, 20.0]))
    (5.0, 0.0)
    """
    positive = volume[volume > 0]
    if len(positive) == volume.count():
        return 0.0
    return float(max(positive.min() / 2, volume.mean() / 100)) if len(positive) else 1.0


def regressors(events: pd.DataFrame, scope: Scope, months: pd.PeriodIndex) -> pd.DataFrame:
    """Every regressor that acts on a series in ``months`` (consecutive): share of each month's days, from 0 to 1.

    Columns ``<kind>_<shape>`` for the kinds and shapes of `forecast.events` that are not zero throughout, then Lunar
    New Year.
    """
    days = days_of(months)
    columns = {}
    for kind in ACTING_KINDS:
        of_kind = events[events["kind"] == kind]
        for shape in SHAPES if len(of_kind) else ():
            share = days.monthly(daily_shape(of_kind, shape, scope, days))
            if share.any():
                columns[f"{kind}_{shape}"] = share
    return pd.DataFrame(columns, index=months).join(lunar_new_year_shares(months))


def choose(candidates: pd.DataFrame, observed: np.ndarray, horizon: int) -> tuple[list[str], dict[str, str]]:
    """Names of the columns that enter, and the reason for each that does not.

    ``observed`` says of each training month whether it has a volume; the rows of ``candidates`` beyond it are the
    months ahead. At most one column per `MONTHS_PER_COLUMN` observed months enters, in the order of `_rank`.
    """
    values, past = candidates.to_numpy(), len(observed)
    columns = {str(name): values[:past, i][observed] for i, name in enumerate(candidates)}
    ahead = {str(name): values[past : past + horizon, i] for i, name in enumerate(candidates)}
    peaks = {str(name): float(values[:, i].max()) for i, name in enumerate(candidates)}
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
    acting = peak_ahead > FAINTEST
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
    if column.max(initial=0.0) < FAINTEST:
        return "no observed month on which it acted for a tenth of the days: nothing to learn its effect from"
    if len(chosen) >= limit:
        return f"limit of {limit} for {len(column)} observed months (one column per {MONTHS_PER_COLUMN})"
    twin = _twin(column, chosen)
    return f"cannot be told apart from {twin} in the observed months" if twin else None


def _twin(column: np.ndarray, chosen: dict[str, np.ndarray]) -> str | None:
    """The chosen column, or the level, that says nearly the same in the observed months; None when nothing does."""
    known = np.column_stack([np.ones(len(column)), *chosen.values()])
    rest = column - known @ np.linalg.lstsq(known, column, rcond=None)[0]
    spread = column - column.mean()
    if spread @ spread < 1e-9:
        return "the level"
    if rest @ rest > (1 - ALIKE) * (spread @ spread):
        return None
    likeness = {name: abs(np.corrcoef(column, other)[0, 1]) for name, other in chosen.items()}
    return max(likeness, key=likeness.__getitem__)


def linearised(shares: pd.DataFrame, y: pd.Series, rounds: int = 8) -> pd.DataFrame:
    """Regressors whose coefficient is the log effect of a whole month, also in months covered in part.

    An effect that multiplies volume by r on a share s of the days gives the month (1 - s) + s r. The column is
    log((1 - s) + s r) / log(r), at the r of a least-squares fit with a linear trend on the observed months,
    recomputed ``rounds`` times. Level shifts and anticipation are treated so; the others are linear in their share.
    """
    bent = [str(name) for name in shares if str(name).endswith(("_step", "_anticipation"))]
    X = shares.copy()
    if not bent:
        return X
    observed = y.notna().to_numpy()
    trend = np.column_stack([np.ones(len(y)), np.linspace(0.0, 1.0, len(y))])[observed]
    for _ in range(rounds):
        rows = np.column_stack([trend, X.to_numpy()[: len(y)][observed]])
        estimate = np.linalg.lstsq(rows, y.to_numpy()[observed], rcond=None)[0][2:]
        effects = dict(zip(shares.columns, np.clip(estimate, -5.0, 3.0), strict=True))
        for name in bent:
            X[name] = bend(shares[name].to_numpy(), effects[name])
    return X


def bend(share: np.ndarray, effect: float) -> np.ndarray:
    """log((1 - s) + s exp(effect)) / effect: the regressor of months covered by share ``s``; ``s`` itself near zero.

    Examples
    --------
    >>> import numpy as np
    >>> bend(np.array([0.0, 0.5, 1.0]), np.log(0.5)).round(3).tolist()  # log(0.75) / log(0.5)
    [0.0, 0.415, 1.0]
    """
    if abs(effect) < 1e-3:
        return share
    return np.asarray(np.log1p(share * np.expm1(effect)) / effect)


def volume_shares(volumes: pd.DataFrame, destination: str, members: Members) -> dict[str, float]:
    """The part of a destination's volume that goes to each of its parts, over the months known for both.

    ``volumes`` holds tonnes by month, one column per destination of the product. Empty for a single country.
    """
    parts = parts_of([str(code) for code in volumes], destination, members)
    return {code: share for code in parts if (share := _share(volumes[code], volumes[destination])) > 0}


def _share(part: pd.Series, whole: pd.Series) -> float:
    both = part.notna() & whole.notna()
    total = float(whole[both].sum())
    return float(part[both].sum()) / total if total > 0 else 0.0


def series_scope(product: str, destination: str, volumes: pd.DataFrame, members: Members) -> Scope:
    """How events see a series: its groups, and the shares of its parts in ``volumes`` (see `volume_shares`)."""
    shares: Mapping[str, float] = volume_shares(volumes, destination, members)
    return Scope(product, destination, members, shares)
