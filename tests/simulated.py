"""Tables made for tests: exports with known truth, calendars written in a line each."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from forecast.tables.schema import EVENT_COLUMNS

GROUPS = {"EU27": ("DEU", "FRA")}


def calendar(*rows: dict[str, object]) -> pd.DataFrame:
    """Events of the given fields; what is left out is a measure on everything and everyone, without end."""
    plain = {
        "products": ("ALL",),
        "destinations": ("ALL",),
        "ends": None,
        "ends_announced": None,
        "source": "",
        "description": "",
        "ends_status": "",
        "continues": "",
    }
    named = [
        {"event": f"event-{place}", **plain, "effective": row["announced"], **row} for place, row in enumerate(rows)
    ]
    return pd.DataFrame(named, columns=EVENT_COLUMNS).astype(object)


def exports(series: dict[str, list[float]], start: str = "2020-01", product: str = "magnets") -> pd.DataFrame:
    """Exports of one product by destination from ``start``, each month out on the 20th of the next; NaN is a gap."""
    parts = []
    for destination, volumes in series.items():
        months = pd.period_range(start, periods=len(volumes), freq="M")
        rows = pd.DataFrame({"month": months, "volume_t": np.asarray(volumes, dtype=float)}).dropna()
        parts.append(rows.assign(product=product, destination=destination))
    table = pd.concat(parts, ignore_index=True)
    released = [date((month + 1).year, (month + 1).month, 20) for month in table["month"]]
    return table.assign(released=released, status="reported", precision_t=np.nan, source="simulated")


def steady(months: int, level: float = 100.0, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """A volume that stays about its level: independent log-normal months."""
    return level * np.exp(noise * np.random.default_rng(seed).standard_normal(months))
