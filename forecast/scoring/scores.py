"""Forecasts against actuals: scores by slice, and coverage counts.

Rows are joined with their actual, cut into slices, and measured by `forecast.scoring.metrics`. The slices are the same
everywhere: ``all``, ``destination=USA``, ``horizon=1``, ``phase=event|after|calm``. ``all`` holds every row with an
actual, totals such as ``WLD`` beside their parts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from forecast.scoring import metrics
from forecast.scoring.metrics import FloatArray
from forecast.tables.quantiles import LEVELS, VOLUME_QUANTILES
from forecast.tables.schema import SCORE_COLUMNS

SLICES = ["all", "destination", "horizon", "phase"]
COVERAGE_COLUMNS = ["product", "destination", "model", "level", "held", "n"]
Vintage = Literal["latest", "first"]

_CELL = ["product", "destination", "month"]


# Actuals


def add_actuals(forecasts: pd.DataFrame, exports: pd.DataFrame, vintage: Vintage = "latest") -> pd.DataFrame:
    """``forecasts`` with ``actual_t``, the actual volume: NaN where none is out, rows and index as they were.

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
    asked = exports.loc[exports["month"].isin(forecasts["month"].unique()), [*_CELL, "volume_t", "released"]]
    actuals = _one_vintage(asked, vintage).drop(columns="released").rename(columns={"volume_t": "actual_t"})
    rows = forecasts.drop(columns="actual_t", errors="ignore")
    return rows.merge(actuals, on=_CELL, how="left", validate="many_to_one").set_axis(forecasts.index)


def _one_vintage(exports: pd.DataFrame, vintage: Vintage) -> pd.DataFrame:
    ordered = exports.sort_values("released", kind="stable")
    return ordered.drop_duplicates(_CELL, keep="last" if vintage == "latest" else "first")


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
    rows = rows_with_actuals(forecasts, phase).merge(
        series_scales(forecasts, exports), on=["product", "destination"], how="left", validate="many_to_one"
    )
    columns = {
        name: rows[name].to_numpy(dtype=float) for name in ["actual_t", *VOLUME_QUANTILES, "scale", "scale_squared"]
    }
    measured = [
        {"product": product, "model": model, "slice": label}
        | _measured({name: values[positions] for name, values in columns.items()})
        for product, model, label, positions in slices(rows)
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


def rows_with_actuals(forecasts: pd.DataFrame, phase: pd.Series | None) -> pd.DataFrame:
    """The rows of ``forecasts`` that have an actual, with a column for each of `SLICES`.

    Raises
    ------
    ValueError
        When ``forecasts`` has no ``actual_t``.
    """
    if "actual_t" not in forecasts:
        raise ValueError("forecasts have no column actual_t; join the actuals with add_actuals first.")
    rows = forecasts if phase is None else forecasts.assign(phase=phase)
    return rows[rows["actual_t"].notna()].assign(all="")


def slices(rows: pd.DataFrame) -> Iterator[tuple[str, str, str, np.ndarray]]:
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


def _measured(rows: dict[str, FloatArray]) -> dict[str, float]:
    y, f, scaled = rows["actual_t"], rows["volume_t"], np.isfinite(rows["scale"])
    scale, squared, some = rows["scale"][scaled], rows["scale_squared"][scaled], bool(scaled.any())
    return {
        "n": len(y),
        "mae_t": metrics.mae(y, f),
        "wape": metrics.wape(y, f),
        "mase": metrics.mase(y[scaled], f[scaled], scale) if some else np.nan,
        "rmsse": metrics.rmsse(y[scaled], f[scaled], squared) if some else np.nan,
        "bias": metrics.bias(y, f),
        "wis": float(np.mean(interval_scores(rows))),
        "coverage_80": metrics.coverage(y, rows["lower_80"], rows["upper_80"]),
        "coverage_95": metrics.coverage(y, rows["lower_95"], rows["upper_95"]),
        "n_mase": int(scaled.sum()),
    }


def interval_scores(rows: pd.DataFrame | Mapping[str, Any]) -> FloatArray:
    """The weighted interval score of each row of forecasts with ``actual_t``, in tonnes."""
    bounds = (rows[f"{side}_{level}"] for level in LEVELS for side in ("lower", "upper"))
    return metrics.weighted_interval_score(rows["actual_t"], rows["volume_t"], *bounds)


def coverage_counts(forecasts: pd.DataFrame, level: int = 80) -> pd.DataFrame:
    """Coverage counts of an interval by series and model: ``product, destination, model, level, held, n`` (k of n).

    Counts every row with an actual, bounds included; select one horizon beforehand to speak of that horizon.

    Raises
    ------
    ValueError
        When ``level`` is neither 80 nor 95, or ``forecasts`` has no ``actual_t``.

    Examples
    --------
    >>> rows = pd.DataFrame({"product": "magnets", "destination": "USA", "model": "naive", "actual_t": [46.0, 353.0]})
    >>> coverage_counts(rows.assign(lower_80=20.0, upper_80=90.0))[["held", "n"]].values.tolist()
    [[1, 2]]
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level}; expected one of {LEVELS}.")
    rows = rows_with_actuals(forecasts, None)
    inside = rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"])
    counted = inside.groupby([rows[key] for key in ["product", "destination", "model"]]).agg(held="sum", n="size")
    return counted.reset_index().assign(level=level)[COVERAGE_COLUMNS]
