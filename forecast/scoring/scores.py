"""Forecasts against what came: actuals, phases of the calendar, scores by slice, and whether a difference is one.

Rows are joined with their actual, cut into slices, and measured by `forecast.scoring.metrics`. The slices are the same
everywhere: ``all``, ``destination=USA``, ``horizon=1``, ``phase=event|after|calm``. ``all`` holds every row with an
actual, totals such as ``WLD`` beside their parts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import stdtr

from forecast.ensemble.combination import VOLUMES
from forecast.models.protocol import LEVELS
from forecast.realtime.events import ACTING_KINDS, Members, acts_on, known_events
from forecast.scoring import metrics
from forecast.scoring.metrics import Floats
from forecast.tables.read import SCORE_COLUMNS

PHASES = ["event", "after", "calm"]
MONTHS_AFTER = 3
SLICES = ["all", "destination", "horizon", "phase"]
HELD_COLUMNS = ["product", "destination", "model", "level", "held", "n"]
SIGNIFICANCE_COLUMNS = [
    *["product", "model", "against", "slice", "measure", "n", "months"],
    *["mean_difference", "skill", "statistic", "p_value", "verdict"],
]
SIGNIFICANT = 0.05

Vintage = Literal["latest", "first"]
Measure = Literal["mae_t", "mase", "wis"]

_CELL = ["product", "destination", "month"]


# Actuals


def add_actuals(forecasts: pd.DataFrame, exports: pd.DataFrame, vintage: Vintage = "latest") -> pd.DataFrame:
    """``forecasts`` with ``actual_t``, the volume that came: NaN where none is out, rows and index as they were.

    ``exports`` holds the actuals that may be used: hand over only rows released by a day to score as of that day.
    Of several releases of a month ``latest`` takes the last one and ``first`` the first.

    Raises
    ------
    ValueError
        When ``vintage`` is neither.

    Examples
    --------
    >>> from datetime import date
    >>> april = {"product": "magnets", "destination": "USA", "month": pd.Period("2025-04", "M")}
    >>> first = april | {"volume_t": 58.0, "released": date(2025, 5, 20)}
    >>> revised = april | {"volume_t": 60.0, "released": date(2025, 6, 20)}
    >>> exports = pd.DataFrame([first, revised])
    >>> add_actuals(pd.DataFrame([april]), exports)["actual_t"].tolist()
    [60.0]
    >>> add_actuals(pd.DataFrame([april]), exports, vintage="first")["actual_t"].tolist()
    [58.0]
    """
    if vintage not in ("latest", "first"):
        raise ValueError(f"vintage is {vintage!r}; expected 'latest' or 'first'.")
    actuals = _one_vintage(exports, vintage)[[*_CELL, "volume_t"]].rename(columns={"volume_t": "actual_t"})
    rows = forecasts.drop(columns="actual_t", errors="ignore")
    return rows.merge(actuals, on=_CELL, how="left", validate="many_to_one").set_axis(forecasts.index)


def _one_vintage(exports: pd.DataFrame, vintage: Vintage) -> pd.DataFrame:
    ordered = exports.sort_values("released", kind="stable")
    return ordered.drop_duplicates(_CELL, keep="last" if vintage == "latest" else "first")


# Phases


def phases(forecasts: pd.DataFrame, events: pd.DataFrame, groups: Members) -> pd.Series:
    """The phase of every row, on its index: ``event``, ``after`` or ``calm``, by the calendar as known on ``issued``.

    ``event`` is the month in which an event with a regressor, tightening or easing, takes effect on the series and,
    with notice, the months from its announcement on. ``after`` is the next three months, ``calm`` the rest. An event
    announced after the issue day is not seen: the month of a surprise counts as ``calm`` where it surprised. An event
    known to have ended on or before its day of effect never acted. ``groups`` gives the members of a group's code.

    Examples
    --------
    Licensing of magnets came on 4 April 2025 without notice: nobody who forecast on 20 March could see it.

    >>> from datetime import date
    >>> import forecast as fc
    >>> days = [date(2025, 3, 20), date(2025, 4, 20)]
    >>> rows = pd.DataFrame({"product": "rare_earth_magnets", "destination": "JPN", "issued": days})
    >>> phases(rows.assign(month=pd.Period("2025-04", "M")), fc.read_events(), fc.read_groups()).tolist()
    ['calm', 'event']
    """
    acting = events[events["kind"].isin(ACTING_KINDS)].reset_index(drop=True)
    day, days = pd.factorize(forecasts["issued"])
    series, keys = pd.factorize(pd.MultiIndex.from_frame(forecasts[["product", "destination"]]))
    known = _known(acting, list(days))
    month = forecasts["month"].array.asi8
    during, after = np.zeros((2, len(forecasts)), dtype=bool)
    for position, (_, event) in enumerate(acting.iterrows()):
        touched = np.array([acts_on(event, product, code, groups) for product, code in keys], dtype=bool)
        here = known[position, day] & touched[series]
        effect = _ordinal(event["effective"])
        during |= here & (month >= min(_ordinal(event["announced"]), effect)) & (month <= effect)
        after |= here & (month > effect) & (month <= effect + MONTHS_AFTER)
    names = np.select([during, after], PHASES[:2], default=PHASES[2])
    return pd.Series(pd.Categorical(names, categories=PHASES, ordered=True), index=forecasts.index, name="phase")


def _known(acting: pd.DataFrame, days: list[date]) -> np.ndarray:
    """Whether an event (row) stood in the calendar of a day (column) as one that acts or will act."""
    known = np.zeros((len(acting), len(days)), dtype=bool)
    for column, issued in enumerate(days):
        calendar = known_events(acting, issued)
        acts = [
            pd.isna(ends) or ends > effective
            for ends, effective in zip(calendar["ends"], calendar["effective"], strict=True)
        ]
        known[:, column] = acting["event"].isin(calendar.loc[acts, "event"])
    return known


def _ordinal(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1


# Scores


def scores(forecasts: pd.DataFrame, exports: pd.DataFrame, phase: pd.Series | None = None) -> pd.DataFrame:
    """Every measure of every model by slice: columns `SCORE_COLUMNS`, then ``n_mase``; a slice without rows is absent.

    ``forecasts`` has ``actual_t`` (`add_actuals`) and all its origins, since the first one sets the scales; ``phase``
    (`phases`) is on its index, and without it there are no phase slices. ``n`` counts rows with an actual, and
    ``n_mase`` those of them whose series has a scale (`series_scales`), which alone enter ``mase`` and ``rmsse``.
    Volumes and ``wis`` are in tonnes, shares are fractions, and a measure without a denominator is NaN.

    Raises
    ------
    ValueError
        When ``forecasts`` has no ``actual_t``, or a row with an actual lacks a bound.

    Examples
    --------
    >>> from datetime import date
    >>> row = {"product": "magnets", "destination": "USA", "model": "naive", "issued": date(2025, 6, 20), "horizon": 1}
    >>> bounds = {"volume_t": 46.0, "lower_80": 20.0, "upper_80": 90.0, "lower_95": 10.0, "upper_95": 400.0}
    >>> exports = pd.DataFrame({"product": [], "destination": [], "month": [], "volume_t": [], "released": []})
    >>> table = scores(pd.DataFrame([row | bounds | {"actual_t": 50.0}]), exports)
    >>> table[["slice", "n", "mae_t", "n_mase"]].values.tolist()
    [['all', 1, 4.0, 0], ['destination=USA', 1, 4.0, 0], ['horizon=1', 1, 4.0, 0]]
    """
    rows = _rows_with_actuals(forecasts, phase).merge(
        series_scales(forecasts, exports), on=["product", "destination"], how="left", validate="many_to_one"
    )
    columns = {name: rows[name].to_numpy(dtype=float) for name in ["actual_t", *VOLUMES, "scale", "scale_squared"]}
    measured = [
        {"product": product, "model": model, "slice": label}
        | _measured({name: values[positions] for name, values in columns.items()})
        for product, model, label, positions in _groups(rows)
    ]
    return pd.DataFrame(measured, columns=[*SCORE_COLUMNS, "n_mase"])


def series_scales(forecasts: pd.DataFrame, exports: pd.DataFrame) -> pd.DataFrame:
    """Scales of MASE and RMSSE: ``product, destination, scale, scale_squared``, in tonnes and tonnes squared.

    From the volumes known on the issue day of the product's first origin in ``forecasts``, in their latest release by
    then; the same for all models. NaN for a series without six 12-month pairs by that day.
    """
    firsts = forecasts.groupby("product")["issued"].min()
    series = [scales for product, first in firsts.items() for scales in _product_scales(exports, product, first)]
    return pd.DataFrame(series, columns=["product", "destination", "scale", "scale_squared"])


def _product_scales(
    exports: pd.DataFrame, product: Hashable, first: date
) -> list[tuple[Hashable, Hashable, float, float]]:
    known = _one_vintage(exports[(exports["product"] == product) & (exports["released"] <= first)], "latest")
    if known.empty:
        return []
    volume = known.pivot(index="month", columns="destination", values="volume_t")
    volume = volume.reindex(pd.period_range(volume.index.min(), volume.index.max(), freq="M"))
    return [
        (product, code, metrics.seasonal_scale(volume_t), metrics.seasonal_scale_squared(volume_t))
        for code, volume_t in volume.items()
    ]


def _rows_with_actuals(forecasts: pd.DataFrame, phase: pd.Series | None) -> pd.DataFrame:
    if "actual_t" not in forecasts:
        raise ValueError("forecasts have no column actual_t; join what came with add_actuals first.")
    rows = forecasts if phase is None else forecasts.assign(phase=phase)
    return rows[rows["actual_t"].notna()].assign(all="")


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Product, model, slice and the positions of its rows; sorted by product and model, slices in their order."""
    position = pd.Series(np.arange(len(rows)), index=rows.index)
    for (product, model), of_model in position.groupby([rows["product"], rows["model"]]):
        own = rows.iloc[of_model.to_numpy()]
        for name in SLICES:
            if name not in own:
                continue
            for value, chosen in of_model.groupby(own[name], observed=True):
                yield str(product), str(model), _label(name, value), chosen.to_numpy()


def _label(name: str, value: Hashable) -> str:
    return name if name == "all" else f"{name}={value}"


def _measured(rows: dict[str, Floats]) -> dict[str, float]:
    y, f, scaled = rows["actual_t"], rows["volume_t"], np.isfinite(rows["scale"])
    scale, squared, some = rows["scale"][scaled], rows["scale_squared"][scaled], bool(scaled.any())
    return {
        "n": len(y),
        "mae_t": metrics.mae(y, f),
        "wape": metrics.wape(y, f),
        "mase": metrics.mase(y[scaled], f[scaled], scale) if some else np.nan,
        "rmsse": metrics.rmsse(y[scaled], f[scaled], squared) if some else np.nan,
        "bias": metrics.bias(y, f),
        "wis": metrics.wis(y, *(rows[bound] for bound in VOLUMES)),
        "coverage_80": metrics.coverage(y, rows["lower_80"], rows["upper_80"]),
        "coverage_95": metrics.coverage(y, rows["lower_95"], rows["upper_95"]),
        "n_mase": int(scaled.sum()),
    }


def held(forecasts: pd.DataFrame, level: int = 80) -> pd.DataFrame:
    """How often the interval held, by series and model: ``product, destination, model, level, held, n`` (k of n).

    Counts every row with an actual, bounds included; select one horizon beforehand to speak of that horizon.

    Raises
    ------
    ValueError
        When ``level`` is neither 80 nor 95, or ``forecasts`` has no ``actual_t``.

    Examples
    --------
    >>> rows = pd.DataFrame({"product": "magnets", "destination": "USA", "model": "naive", "actual_t": [46.0, 353.0]})
    >>> held(rows.assign(lower_80=20.0, upper_80=90.0))[["held", "n"]].values.tolist()
    [[1, 2]]
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level}; expected one of {LEVELS}.")
    rows = _rows_with_actuals(forecasts, None)
    inside = rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"])
    counted = inside.groupby([rows[key] for key in ["product", "destination", "model"]]).agg(held="sum", n="size")
    return counted.reset_index().assign(level=level)[HELD_COLUMNS]


# Significance


@dataclass(frozen=True)
class DmResult:
    """A Diebold-Mariano test: ``mean_difference`` is loss a minus loss b, so below zero ``a`` did better.

    ``statistic`` and ``p_value`` (two-sided, t with n - 1 degrees of freedom) are NaN where nothing can be tested:
    ``n`` not above the horizon, or the same difference throughout.
    """

    statistic: float
    p_value: float
    mean_difference: float
    n: int


def diebold_mariano(loss_a: Floats, loss_b: Floats, horizon: int = 1) -> DmResult:
    """Whether two forecasts of the same consecutive months lose alike, with small-sample correction.

    With ``d`` the difference of the losses, ``n`` months and ``h`` the horizon, ``S = c mean(d) / sqrt(V / n)``:
    ``V = g_0 + 2 (g_1 + ... + g_(h-1))`` sums the autocovariances of errors that overlap up to h - 1 months (the
    rectangular kernel; where that is not above zero, Bartlett's weights ``1 - k/h``) and
    ``c^2 = (n + 1 - 2h + h (h - 1) / n) / n``. A month without a loss is NaN in either: lags stay calendar distances.

    One month ahead it is Student's test and keeps its size. Further ahead it rejects too often in short series: in
    5000 simulated nulls (normal errors that overlap h months) of 18 months the 5 % test rejected 4 % for h = 1, 7 % for
    2, 10 % for 3 and 19 % for 6; of 48 months 4, 6, 7 and 10 %.

    Raises
    ------
    ValueError
        When the losses are not two series of one length, one is infinite, none is left, or ``horizon`` is below one.

    References
    ----------
    Diebold and Mariano (1995), doi 10.1080/07350015.1995.10524599; Harvey, Leybourne and Newbold (1997),
    doi 10.1016/S0169-2070(96)00719-4.

    Examples
    --------
    Differences 1, 2, 3, 4: mean 2.5, variance (divisor n) 1.25, ``c = sqrt(3/4)``, so ``2.5 / sqrt(1.25 / 3)``.

    >>> result = diebold_mariano(np.array([2.0, 4.0, 6.0, 8.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(result.statistic, 4), round(result.p_value, 4), result.mean_difference, result.n
    (3.873, 0.0305, 2.5, 4)
    """
    d = _differences(loss_a, loss_b, horizon)
    seen = ~np.isnan(d)
    n, mean = int(seen.sum()), float(np.mean(d[seen]))
    if n <= horizon or np.ptp(d[seen]) <= 1e-12 * np.max(np.abs(d[seen])):
        return DmResult(np.nan, np.nan, mean, n)
    variance = _long_run_variance(np.where(seen, d - mean, 0.0), n, horizon) / n
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    statistic = float(mean * np.sqrt(correction / variance))
    return DmResult(statistic, float(2 * stdtr(n - 1, -abs(statistic))), mean, n)


def _differences(loss_a: Floats, loss_b: Floats, horizon: int) -> Floats:
    a, b = np.asarray(loss_a, dtype=float), np.asarray(loss_b, dtype=float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"losses have shapes {a.shape} and {b.shape}; expected two series of the same months.")
    if np.isinf(a).any() or np.isinf(b).any():
        raise ValueError("a loss is infinite; expected finite losses, or NaN for a month without one.")
    if horizon < 1:
        raise ValueError(f"horizon is {horizon}; expected one month or more.")
    d: Floats = a - b
    if np.isnan(d).all():
        raise ValueError("no month has a loss of both forecasts; there is nothing to compare.")
    return d


def _long_run_variance(centred: Floats, n: int, horizon: int) -> float:
    covariance = [centred[lag:] @ centred[: len(centred) - lag] / n for lag in range(min(horizon, len(centred)))]
    rectangular = covariance[0] + 2 * sum(covariance[1:])
    if rectangular > 0:
        return float(rectangular)
    return float(covariance[0] + 2 * sum((1 - lag / horizon) * covariance[lag] for lag in range(1, len(covariance))))


def significance(
    forecasts: pd.DataFrame,
    exports: pd.DataFrame,
    against: str = "naive",
    measure: Measure = "mae_t",
    phase: pd.Series | None = None,
) -> pd.DataFrame:
    """Every model tested against one of them, by slice: columns `SIGNIFICANCE_COLUMNS`.

    Rows of both models with an actual are paired by series, origin and month: ``n`` pairs. A shock hits all series at
    once, so losses are first averaged over the pairs of each target month, and `diebold_mariano` runs on the
    ``months`` means, each month weighing the same however many series it has. Lags reach to the slice's longest
    horizon minus one; where that is more than a month or two, claim what ``horizon=1`` shows (see `diebold_mariano`).

    ``measure`` is the loss: ``mae_t`` and ``wis`` in tonnes, so that large destinations and totals decide a pooled
    slice, or ``mase``, errors over the scale of their series (`series_scales`), so that every series counts alike.
    ``mean_difference`` (below zero: better than ``against``) is in its unit; ``skill`` is the same as a fraction of
    the other's loss. A table of many tests holds one false alarm in twenty, where nothing differs.

    Raises
    ------
    ValueError
        When ``measure`` is none of the three, ``against`` has no row to score, or ``forecasts`` has no ``actual_t``.

    References
    ----------
    Driscoll and Kraay (1998), doi 10.1162/003465398557825 (means across series first, then time dependence).

    Examples
    --------
    Two months: naive misses by 8 and 6 tonnes, theta by 2 and 4.

    >>> from datetime import date
    >>> row = {"product": "magnets", "destination": "USA", "issued": date(2025, 6, 20), "horizon": 1, "actual_t": 50.0}
    >>> months = pd.period_range("2025-05", periods=2, freq="M")
    >>> naive = pd.DataFrame(row | {"model": "naive", "month": months, "volume_t": [58.0, 44.0]})
    >>> theta = pd.DataFrame(row | {"model": "theta", "month": months, "volume_t": [52.0, 46.0]})
    >>> table = significance(pd.concat([naive, theta]), pd.DataFrame())
    >>> table["mean_difference"].tolist(), table.loc[0, "verdict"]
    ([-4.0, -4.0, -4.0], 'not significantly different from naive (p = 0.30, n = 2 months)')
    """
    if measure not in get_args(Measure):
        raise ValueError(f"measure is {measure!r}; expected one of {', '.join(get_args(Measure))}.")
    rows = _with_losses(_rows_with_actuals(forecasts, phase), forecasts, exports, measure)
    paired = _paired(rows, against)
    month, horizon = paired["month"].array.asi8, paired["horizon"].to_numpy()
    losses = paired[["loss", "loss_against"]].to_numpy()
    tested = [
        {"product": product, "model": model, "against": against, "slice": label, "measure": measure}
        | _tested(losses[at], month[at], int(horizon[at].max()), against)
        for product, model, label, at in _groups(paired)
    ]
    return pd.DataFrame(tested, columns=SIGNIFICANCE_COLUMNS)


def _with_losses(rows: pd.DataFrame, forecasts: pd.DataFrame, exports: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    if measure == "wis":
        return rows.assign(loss=metrics.weighted_interval_score(rows["actual_t"], *(rows[name] for name in VOLUMES)))
    rows = rows.assign(loss=metrics.absolute_error(rows["actual_t"], rows["volume_t"]))
    if measure == "mae_t":
        return rows
    scaled = rows.merge(series_scales(forecasts, exports), on=["product", "destination"])
    return scaled.assign(loss=scaled["loss"] / scaled["scale"]).dropna(subset="loss")


def _paired(rows: pd.DataFrame, against: str) -> pd.DataFrame:
    others = rows[rows["model"] == against]
    if others.empty:
        models = ", ".join(sorted(rows["model"].unique())) or "none"
        raise ValueError(f"no row of model {against!r} can be scored; expected one of: {models}.")
    pair = ["product", "destination", "issued", "month"]
    other = others[[*pair, "loss"]].rename(columns={"loss": "loss_against"})
    return rows[rows["model"] != against].merge(other, on=pair, validate="many_to_one")


def _tested(losses: Floats, month: np.ndarray, horizon: int, against: str) -> dict[str, object]:
    monthly = _monthly_means(losses, month)
    result = diebold_mariano(monthly[:, 0], monthly[:, 1], horizon)
    mean, mean_against = np.nanmean(monthly, axis=0)
    return {
        "n": len(losses),
        "months": result.n,
        "mean_difference": result.mean_difference,
        "skill": metrics.skill(mean, mean_against),
        "statistic": result.statistic,
        "p_value": result.p_value,
        "verdict": verdict(result, against),
    }


def _monthly_means(losses: Floats, month: np.ndarray) -> Floats:
    """Mean of each column in every month from the first to the last; NaN in months without a row."""
    place = month - month.min()
    count = np.bincount(place)
    sums = np.column_stack([np.bincount(place, weights=column) for column in losses.T])
    means: Floats = np.divide(sums, count[:, None], out=np.full(sums.shape, np.nan), where=count[:, None] > 0)
    return means


def verdict(result: DmResult, against: str) -> str:
    """A test in words, at the 5 % level, with its p-value and the number of months.

    Examples
    --------
    >>> verdict(DmResult(statistic=-1.05, p_value=0.31, mean_difference=-4.0, n=18), "naive")
    'not significantly different from naive (p = 0.31, n = 18 months)'
    >>> verdict(DmResult(statistic=-3.2, p_value=0.0052, mean_difference=-12.0, n=18), "naive")
    'better than naive (p = 0.005, n = 18 months)'
    """
    months = f"n = {result.n} month{'' if result.n == 1 else 's'}"
    if np.isnan(result.p_value):
        same = result.mean_difference == 0
        return f"same losses as {against} ({months})" if same else f"not testable against {against} ({months})"
    p = "p < 0.001" if result.p_value < 0.001 else f"p = {result.p_value:.{2 if result.p_value >= 0.1 else 3}f}"
    if result.p_value >= SIGNIFICANT:
        return f"not significantly different from {against} ({p}, {months})"
    return f"{'better' if result.mean_difference < 0 else 'worse'} than {against} ({p}, {months})"
