"""What the combination learned from its earlier forecasts, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from forecast.ensemble.conformal import ENOUGH
from forecast.registry import MEMBERS
from forecast.report.text import change, percent
from forecast.tables.quantiles import LEVELS

_KINDS = {"event": "event months", "after": "months after an event", "calm": "calm months"}

_FACTORS = [f"factor_{side}_{level}" for side in ("lower", "upper") for level in LEVELS]

LEAST_SHIFT = 0.005
"""A median moved by less than half a percent is not spoken of."""


LEAST_SPOKEN = 1e-4
"""Smaller weights, and smaller differences between them, are nothing."""


def learned(calibration: pd.DataFrame, names: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on the weights, the intervals and the medians moved, of one product and day.

    ``calibration`` has the columns `forecast.tables.schema.CALIBRATION_COLUMNS`; without rows nothing is said.

    Examples
    --------
    >>> row = {"destination": "USA", "phase": "calm", "cells": 0, "shift": 0.0} | {f"weight_{m}": 0.25 for m in MEMBERS}
    >>> row |= dict.fromkeys(["factor_lower_80", "factor_lower_95", "factor_upper_80", "factor_upper_95"], 1.0)
    >>> learned(pd.DataFrame([row]), {})
    ('calm months: the models equally, with their own intervals (fewer than 20 earlier forecasts are known)',)
    >>> event = row | {"phase": "event"} | dict.fromkeys(["factor_lower_80", "factor_upper_80"], 1.2)
    >>> print(learned(pd.DataFrame([event]), {})[0].partition("; ")[2])
    bounds 1.2 times below and 1.2 times above at 80 % and 1 times below and 1 times above at 95 % as far from the \
median in logs (medians, half as calm months teach: fewer than 40 earlier forecasts are known)
    """
    phase = calibration["phase"]
    spoken = [_of_kind(calibration[phase == name], name) for name in _KINDS if (phase == name).any()]
    return (*spoken, *_moved(calibration, names))


def _of_kind(rows: pd.DataFrame, phase: str) -> str:
    kind, cells, models = _KINDS[phase], int(rows["cells"].iloc[0]), _weighted(rows.iloc[0])
    few = f"fewer than {ENOUGH[phase]} earlier forecasts are known"
    if not cells and (rows[_FACTORS] == 1.0).all(axis=None):
        return f"{kind}: {models}, with their own intervals ({few})"
    widths = " and ".join(_times(rows, level) for level in LEVELS)
    known, half = (f", from {cells} earlier forecasts", "") if cells else ("", f", half as calm months teach: {few}")
    return f"{kind}{known}: {models}; bounds {widths} as far from the median in logs (medians{half})"


def _times(rows: pd.DataFrame, level: int) -> str:
    """How many times as far below and above the median the bounds of a level lie: medians, as each has its own."""
    below, above = (f"{rows[f'factor_{side}_{level}'].median():.2g}" for side in ("lower", "upper"))
    return f"{below} times below and {above} times above at {level} %"


def _weighted(row: pd.Series) -> str:
    weights = {name: float(row[f"weight_{name}"]) for name in MEMBERS}
    counted = {name: weight for name, weight in weights.items() if weight >= LEAST_SPOKEN}
    if max(counted.values()) - min(counted.values()) < LEAST_SPOKEN:
        left_out = [name for name in MEMBERS if name not in counted]
        return "the models equally" + (f", {', '.join(left_out)} only where it is alone" if left_out else "")
    return ", ".join(f"{name} {percent(weights[name])}" for name in sorted(weights, key=lambda name: -weights[name]))


def _moved(calibration: pd.DataFrame, names: Mapping[str, str]) -> Iterator[str]:
    moved = calibration[calibration["shift"].abs() >= LEAST_SHIFT].drop_duplicates("destination")
    if len(moved):
        shifts = (f"{names.get(code, code)} {change(np.expm1(shift))}" for code, shift in
                zip(moved["destination"], moved["shift"], strict=True))  # fmt: skip
        yield f"moved since the last two forecasts erred to one side: {', '.join(shifts)}"
