"""Attribution of a forecast: additive parts in logs turned into tonnes that add up to the forecast."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

PART_COLUMNS = ["product", "destination", "month", "name", "kind", "tonnes", "log"]
LEVEL_PART = "level"
"""The kind of the part that the others are added to: its log is a logarithm of tonnes, theirs are differences."""


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
