"""Attribution of a forecast: additive parts in logs turned into tonnes that add up to the forecast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from forecast.registry import COMBINATION
from forecast.tables.frames import records, stacked
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES

PART_COLUMNS = ["product", "destination", "month", "name", "kind", "tonnes", "log"]
LEVEL_PART = "level"
"""The kind of the part that the others are added to: its log is a logarithm of tonnes, theirs are differences."""

_KINDS = (
    *(LEVEL_PART, "season", "calendar", "episode", "floor"),
    *("combination", "calibration", "headline", "judgement"),
)
"""The order in which parts are shown."""

SeriesMonth = tuple[str, str, pd.Period]
"""Product, destination and month."""

_CELL = ["product", "destination", "month"]

ASSOCIATION = "An episode's part is association, not cause."


def tonnes_of_parts(base_t: float, logs: np.ndarray) -> np.ndarray:
    """Tonnes of each log difference, by logarithmic means, so that ``base_t`` plus their sum is the forecast.

    A part is its log times the logarithmic mean of base and forecast, ``(forecast - base) / (log forecast - log base)``
    (the additive LMDI of Ang), which tends to the base where the parts cancel.

    Parameters
    ----------
    base_t
        Tonnes before any part, above zero.
    logs
        Log differences, shape (n,).

    Returns
    -------
    numpy.ndarray
        Tonnes, shape (n,), adding up to ``base_t * (exp(sum(logs)) - 1)``.

    Raises
    ------
    ValueError
        When ``base_t`` is not a number above zero, or a log is not finite.

    References
    ----------
    Ang, B. W. (2005). The LMDI approach to decomposition analysis. Energy Policy 33(7), 867-871.
    https://doi.org/10.1016/j.enpol.2003.10.010

    Examples
    --------
    >>> tonnes_of_parts(100.0, np.log([2.0, 2.0])).round(6).tolist()
    [150.0, 150.0]
    >>> tonnes_of_parts(100.0, np.array([0.5, -0.5])).tolist()
    [50.0, -50.0]
    """
    if not (math.isfinite(base_t) and base_t > 0):
        raise ValueError(f"Parts of a forecast: expected a base above 0 t, found {base_t}. Give the level in tonnes.")
    if not np.isfinite(logs).all():
        raise ValueError("Parts of a forecast: expected finite logs, found one that is not. Leave that part out.")
    total = math.fsum(logs)
    mean = base_t * (math.expm1(total) / total if total else 1.0)
    return np.asarray(logs, dtype=float) * mean


def with_tonnes(parts: pd.DataFrame) -> pd.DataFrame:
    """``parts`` with column ``tonnes`` made from ``log``, series by series and month by month.

    Each product, destination and month has one part of kind ``level``, whose log is that of its tonnes.

    Raises
    ------
    ValueError
        When a forecast has not exactly one level.

    Examples
    --------
    >>> of = {"product": "magnets", "destination": "USA", "month": pd.Period("2026-11")}
    >>> parts = [of | {"name": "level", "kind": "level", "log": np.log(100.0)},
    ...          of | {"name": "licensing", "kind": "event", "log": np.log(0.5)}]
    >>> with_tonnes(pd.DataFrame(parts))["tonnes"].round(6).tolist()
    [100.0, -50.0]
    """
    tonnes = pd.Series(0.0, index=parts.index)
    for key, of_one in parts.groupby(["product", "destination", "month"], sort=False, observed=True):
        tonnes[of_one.index] = _tonnes(key, of_one)
    return parts.assign(tonnes=tonnes)[PART_COLUMNS]


def _tonnes(key: Any, of_one: pd.DataFrame) -> np.ndarray:
    level = (of_one["kind"] == LEVEL_PART).to_numpy()
    if level.sum() != 1:
        raise ValueError(f"{', '.join(map(str, key))}: expected one part of kind level, found {level.sum()}. Give one.")
    logs = of_one["log"].to_numpy(dtype=float)
    found = np.empty(len(logs))
    base_t = math.exp(logs[level][0])
    found[level], found[~level] = base_t, tonnes_of_parts(base_t, logs[~level])
    return found


# A run ---------------------------------------------------------------------------------------------------------------


def explained(run: Forecasts, issued: date) -> pd.DataFrame:
    """Parts in tonnes of every median of the combination, or of the judgement in its place, issued on a day.

    Returns
    -------
    pandas.DataFrame
        Columns `PART_COLUMNS`, the parts of a forecast together and in the order of `_KINDS`.
    """
    parts = stacked([run.parts, _judgement_parts(run.judgements)])
    own = parts[parts["issued"] == issued]
    place = own["kind"].map(_KINDS.index)
    ordered = own.assign(place=place).sort_values([*_CELL, "place"], kind="stable").reset_index(drop=True)
    return with_tonnes(ordered)


def _judgement_parts(judgements: pd.DataFrame) -> pd.DataFrame:
    """The log of the judged median over the model's."""
    said = ("judgement", "judgement")
    rows = [
        (row.product, row.destination, row.issued, row.month, *said, math.log(row.judged_t / row.model_t))
        for row in records(judgements)
    ]
    return RUN_TABLES["parts"].from_rows(rows)


def shown_medians(run: Forecasts, issued: date) -> dict[SeriesMonth, float]:
    """Tonnes by product, destination and month: the combination's medians, judged ones in their place."""
    rows = run.forecasts[(run.forecasts["model"] == COMBINATION) & (run.forecasts["issued"] == issued)]
    judged = run.judgements[run.judgements["issued"] == issued]
    found = {(row.product, row.destination, row.month): row.volume_t for row in records(rows)}
    return found | {(row.product, row.destination, row.month): row.judged_t for row in records(judged)}


def as_objects(
    parts: pd.DataFrame, medians: Mapping[SeriesMonth, float], names: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """An object per product, destination and month: ``forecast_t`` and its ``parts``, ready for JSON."""
    for key, own in parts.groupby(_CELL, sort=False, observed=True):
        product, destination, month = cast(SeriesMonth, key)
        yield {
            "product": product,
            "destination": destination,
            "name": names.get(destination, destination),
            "month": str(month),
            "forecast_t": medians[product, destination, month],
            "parts": own[["name", "kind", "tonnes", "log"]].to_dict("records"),
        }


def waterfall(tonnes: np.ndarray) -> np.ndarray:
    """Where the bar of each part begins and ends: shape (parts, 2), the first from zero.

    Examples
    --------
    >>> waterfall(np.array([100.0, -30.0, 10.0])).tolist()
    [[0.0, 100.0], [100.0, 70.0], [70.0, 80.0]]
    """
    ends = np.cumsum(tonnes)
    return np.column_stack([np.append(0.0, ends[:-1]), ends])
