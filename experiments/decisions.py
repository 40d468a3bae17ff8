"""Licensing episodes in their order: the first months under each, forecast with what was known then."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import forecast as fc
from forecast.backtest.origin_cache import OriginCache
from forecast.realtime.days import RELEASE_DAY

YEAR = 12
"""Months before the announcement that make the base."""

CELL_COLUMNS = [
    "event", "product", "month", "issued", "base_t", "last_t", "actual_t",
    "volume_t", "lower_80", "upper_80", "lower_95", "upper_95", "error", "error_base", "error_last",
]  # fmt: skip


def cells(settings: dict[str, Any], cache: OriginCache) -> pd.DataFrame:
    """A row per product and month: what was forecast of WLD on the 20th of that month, the last release before its own.

    ``error`` is the absolute error of the combination in units of the base, ``error_base`` that of the base carried
    forward, ``error_last`` that of the last figure known. Months after each other have most of their earlier origins in
    common, which ``cache`` keeps.
    """
    rows = [
        cell(settings, decision["event"], product, month, cache)
        for decision in settings["decision"]
        for product in decision["products"]
        for month in first_months(product, pd.Period(decision["first"], "M"), settings["months"])
    ]
    return pd.DataFrame(rows, columns=CELL_COLUMNS)


def first_months(product: str, first: pd.Period, count: int) -> list[pd.Period]:
    """The published months among the first ``count`` from ``first`` on."""
    return [month for month in world(product).index if first <= month < first + count]


def world(product: str) -> pd.Series:
    """All published volumes of a product to the world, in tonnes by month."""
    rows = fc.read_exports().query("product == @product and destination == 'WLD'")
    return rows.set_index("month")["volume_t"].sort_index()


def base(product: str, announced: pd.Period) -> float:
    """Mean monthly volume in the year before the announcement; where no month is published, from sums of months."""
    months = world(product)
    months = months[(months.index < announced) & (months.index >= announced - YEAR)]
    if len(months):
        return float(months.mean())
    totals = fc.read_period_totals().query("product == @product and destination == 'WLD'")
    totals = totals[(totals["end"] < announced) & (totals["start"] >= announced - YEAR)]
    lengths = totals["end"].astype("int64") - totals["start"].astype("int64") + 1
    return float(totals["volume_t"].sum() / lengths.sum())


def cell(settings: dict[str, Any], event: str, product: str, month: pd.Period, cache: OriginCache) -> tuple[Any, ...]:
    """One row of `cells`."""
    exports, events = fc.read_exports(), fc.read_events()
    issued = date(month.year, month.month, RELEASE_DAY)
    known = exports[(exports["product"] == product) & (exports["released"] <= issued)]
    run = fc.forecast_all(
        exports, events, fc.read_groups(), issued=issued, products=[product], destinations=["WLD"],
        models=settings["models"], horizon=month.ordinal - known["month"].max().ordinal,
        totals=fc.read_period_totals(), experience=settings["experience"],
        engine=settings["engine"], seed=settings["seed"], cache=cache,
    )  # fmt: skip
    rows = run.forecasts[(run.forecasts["model"] == "combination") & (run.forecasts["month"] == month)]
    announced = events.set_index("event").loc[event, "announced"]
    unit = base(product, pd.Period(year=announced.year, month=announced.month, freq="M"))
    last = known[known["destination"] == "WLD"].sort_values("month")["volume_t"].iloc[-1]
    actual = world(product)[month]
    volumes = rows[["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]].iloc[0].tolist()
    errors = np.abs(np.array([volumes[0], unit, last]) - actual) / unit
    return event, product, month, issued, unit, last, actual, *volumes, *errors.tolist()


def by_decision(table: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute errors in units of the base, and how often intervals held, by decision and over all cells."""
    inside = table.assign(
        held_80=table["actual_t"].between(table["lower_80"], table["upper_80"]),
        held_95=table["actual_t"].between(table["lower_95"], table["upper_95"]),
    )
    parts = [(event, rows) for event, rows in inside.groupby("event", sort=False)] + [("all", inside)]
    return pd.DataFrame([{
        "event": event, "n": len(rows), "error": rows["error"].mean(), "error_base": rows["error_base"].mean(),
        "error_last": rows["error_last"].mean(), "held_80": int(rows["held_80"].sum()),
        "held_95": int(rows["held_95"].sum()),
    } for event, rows in parts])  # fmt: skip


def read_cells(results: Path) -> pd.DataFrame:
    """The committed table of `cells`."""
    return pd.read_csv(results / "cells.csv")
