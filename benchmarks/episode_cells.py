"""Destination-months in and beside the windows of measures, for `benchmarks/episodes.py` and its peers.

A window reaches from the announcement of a measure to the end of its twelfth month in force, and from an end to the
sixth month after it; months outside every window are the control. Run as a script it forecasts every cell with the
four models of `benchmarks/peers.py`, in the environment described there:

    python benchmarks/episode_cells.py PANEL.csv EVENTS.csv peers.csv --every 2
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pandas as pd

SILENT = ("dialogue", "threat", "legal_framework", "procurement", "other")
IN_FORCE, AFTER = 12, 6
LEAST_HISTORY, LEAST_POSITIVE = 24, 12


@dataclass(frozen=True)
class Choice:
    """Which cells of a panel are forecast: every ``every``-th month in a window, every ``beside``-th outside."""

    every: int = 1
    beside: int = 6
    destinations: tuple[str, ...] = ()
    others: int = 4


def cells(volumes: pd.DataFrame, events: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Cells with columns product, destination, month (YYYY-MM), window: those with enough history and an actual."""
    acting = events[~events["kind"].isin(SILENT)]
    rows = []
    for product, own in volumes.groupby("product"):
        wide = own.pivot(index="month", columns="destination", values="volume_t").drop(columns="WLD", errors="ignore")
        touched = _touched(acting, product, choice, list(wide))
        largest = [code for code in wide.sum().nlargest(choice.others + len(touched)).index if code not in touched]
        for code in touched + (largest[: choice.others] if not choice.destinations else []):
            rows += _of_series(product, code, wide[code].dropna(), acting, choice)
    return pd.DataFrame(rows, columns=["product", "destination", "month", "window"])


def _touched(acting: pd.DataFrame, product: str, choice: Choice, codes: list[str]) -> list[str]:
    own = acting[[_names(cell, product) for cell in acting["products"]]]
    if not len(own[~own["products"].eq("ALL")]):
        return []
    named = {code for cell in own["destinations"] for code in cell.split(";")} & set(codes)
    return sorted(named & set(choice.destinations) if choice.destinations else named)


def _names(cell: str, code: str) -> bool:
    return cell == "ALL" or code in cell.split(";")


def _of_series(product: str, code: str, volume: pd.Series, acting: pd.DataFrame, choice: Choice) -> list[tuple]:
    on = [
        event for event in acting.itertuples() if _names(event.products, product) and _names(event.destinations, code)
    ]
    inside = {month for event in on for month in window(event)}
    found = []
    for place, month in enumerate(volume.index):
        history = volume.iloc[:place]
        if place < LEAST_HISTORY or (history > 0).sum() < LEAST_POSITIVE:
            continue
        ordinal = pd.Period(month, "M").ordinal
        if ordinal % (choice.every if month in inside else choice.beside) == 0:
            found.append((product, code, month, month in inside))
    return found


def window(event) -> set[str]:
    """Months of one event's windows, written YYYY-MM."""
    ends = pd.Period(event.ends, "M") if isinstance(event.ends, str) and event.ends else None
    last = pd.Period(event.effective, "M") + IN_FORCE
    months = set(pd.period_range(pd.Period(event.announced, "M"), min(last, ends) if ends is not None else last))
    if ends is not None:
        months |= set(pd.period_range(ends, ends + AFTER))
    return {str(month) for month in months}


def main() -> None:
    """Forecast the cells of a panel with the peers and write product, destination, month, model, volume_t."""
    from peers import MODELS, forecast

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("output")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--beside", type=int, default=6)
    parser.add_argument("--destinations", default="")
    arguments = parser.parse_args()
    volumes, events = pd.read_csv(arguments.exports), pd.read_csv(arguments.events)
    chosen = tuple(filter(None, arguments.destinations.split(",")))
    wanted = cells(volumes, events, Choice(arguments.every, arguments.beside, chosen))
    print(len(wanted), "cells", flush=True)
    series = {key: own.set_index("month")["volume_t"] for key, own in volumes.groupby(["product", "destination"])}
    rows = []
    for place, cell in enumerate(wanted.itertuples(index=False)):
        volume = series[cell.product, cell.destination].rename(cell.destination)
        for name, make in MODELS.items():
            found = forecast(name, make, volume, cell.month)
            rows.append((cell.product, cell.destination, cell.month, name, found[3]))
        if place % 25 == 24 or place == len(wanted) - 1:
            table = pd.DataFrame(rows, columns=["product", "destination", "month", "model", "volume_t"])
            table.to_csv(arguments.output, index=False)


if __name__ == "__main__":
    main()
