"""Remarks under a table of forecasts, and that on the total and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from forecast.realtime.rest_of_world import REST_OF_WORLD
from forecast.report.text import digits
from forecast.tables.schema import WORLD

TOTALS = (WORLD, REST_OF_WORLD, "SUM")


@dataclass(frozen=True)
class Remark:
    """Something that a reader of the table must know: ``lines`` under a ``label``."""

    label: str
    lines: tuple[str, ...]


def adding_up(reconciled: pd.DataFrame, rows: pd.DataFrame, product: str, issued: date) -> Remark:
    """Medians of the total and its parts whose draws add up."""
    own = reconciled[(reconciled["product"] == product) & (reconciled["issued"] == issued)]
    called = dict(zip(rows["destination"], rows["name"], strict=True)) | {"SUM": "Sum"}
    lines = []
    for month, of_month in own.groupby("month", sort=True):
        medians = dict(zip(of_month["destination"], of_month["volume_t"], strict=True))
        parts = [f"{called.get(code, code)} {digits(tonnes)} t" for code, tonnes in medians.items()]
        lines.append(f"{month}: {', '.join(parts)}")
    parts = [str(called.get(code, code)) for code in dict.fromkeys(own["destination"]) if code not in TOTALS]
    rest = f"Rest of world is World less {', '.join(parts)}; " if REST_OF_WORLD in set(own["destination"]) else ""
    said = f"{rest}draws of total and parts add up (reconciled.csv), with medians"
    return Remark("Totals", (said, *lines) if lines else ())
