"""The rest of the world as a series of its own: the total less the destinations on file, by vintage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from math import isnan
from operator import itemgetter

import numpy as np
import pandas as pd

from forecast.realtime.events import Members
from forecast.tables.frames import latest_figures
from forecast.tables.schema import EXPORT_COLUMNS, REST_OF_WORLD, WORLD

RECENT = 24
"""Months up to the last figure of the total over which a destination must be covered."""

LEAST_COVERED = 0.8
"""Share of the total's recent months for which a destination needs figures to be kept apart from the rest."""

LEAST_MONTHS = 12
"""Months without which there is no series of the rest."""


def with_rest_of_world(exports: pd.DataFrame, groups: Members, issued: date) -> pd.DataFrame:
    """``exports`` with rows of destination ``ROW`` for each product that has a total, as far as known by ``issued``.

    A month of the rest is the total less the `separate_destinations`, where all of these are known; it is known from
    the day on which the last of them is, and each revision of one of them is a vintage of it. Below zero it is zero:
    the total is revised apart from its parts.

    Examples
    --------
    >>> months = [pd.Period("2024-01", "M") + step for step in range(12)]
    >>> row = {"product": "magnets", "released": date(2025, 1, 20), "status": "", "precision_t": 0.0, "source": ""}
    >>> rows = [row | {"destination": code, "month": month, "volume_t": volume}
    ...         for month in months for code, volume in (("WLD", 100.0), ("USA", 30.0))]
    >>> with_rest_of_world(pd.DataFrame(rows), {}, date(2025, 2, 1)).query("destination == 'ROW'")["volume_t"].unique()
    array([70.])
    """
    known = exports[exports["released"] <= issued]
    of_product = known[~known["destination"].eq(REST_OF_WORLD)].groupby("product", sort=False)
    found = [rest for product, rows in of_product for rest in _rest(str(product), rows, groups)]
    return pd.concat([exports, *found], ignore_index=True) if found else exports


def separate_destinations(rows: pd.DataFrame, groups: Members) -> list[str]:
    """The destinations of one product that are kept apart from the rest: well covered lately, and none part of another.

    A group stands where fewer than two of its members are covered themselves.
    """
    latest = latest_figures(rows)
    total = latest.loc[latest["destination"] == WORLD, "month"].sort_values()
    recent = set(total.iloc[-RECENT:])
    counted = latest[latest["month"].isin(recent)].groupby("destination")["month"].count()
    covered = [str(code) for code in counted.index[counted >= LEAST_COVERED * len(recent)] if code != WORLD]
    return without_overlap(covered, groups)


def without_overlap(codes: list[str], groups: Members) -> list[str]:
    """The codes that can be added, sorted: a group where fewer than two of its members are there, else its members.

    Examples
    --------
    >>> without_overlap(["EU27", "DEU", "USA"], {"EU27": ("DEU", "FRA")})
    ['EU27', 'USA']
    """
    chosen = [code for code in codes if code in groups and sum(one in codes for one in groups[code]) < 2]
    inside = {one for code in chosen for one in groups[code]}
    return sorted({*chosen, *(code for code in codes if code not in groups and code not in inside)})


def _rest(product: str, rows: pd.DataFrame, groups: Members) -> Iterator[pd.DataFrame]:
    """The rows of the rest of one product; none where nothing is apart, or too few months are known."""
    if not rows["destination"].eq(WORLD).any():
        return
    apart = separate_destinations(rows, groups)
    needed = rows[rows["destination"].isin([WORLD, *apart])]
    found = [*_vintages(needed.sort_values(["month", "released"], kind="stable"), apart)]
    if apart and len({row[0] for row in found}) >= LEAST_MONTHS:
        table = pd.DataFrame(found, columns=["month", "released", "volume_t"])
        source = f"{WORLD} less {', '.join(apart)}"
        table = table.assign(product=product, destination=REST_OF_WORLD, status="derived", source=source)
        yield table.assign(precision_t=np.nan)[[name for name in EXPORT_COLUMNS if name in rows]]


def _vintages(ordered: pd.DataFrame, apart: list[str]) -> Iterator[tuple[object, date, float]]:
    """The rest in each month as known from each day on which it was another: month, day, tonnes, in this order."""
    cells = zip(*(ordered[name] for name in ("month", "released", "destination", "volume_t")), strict=True)
    for month, of_month in groupby(cells, key=itemgetter(0)):
        last, volumes = None, dict[str, float]()
        for day, of_day in groupby(of_month, key=itemgetter(1)):
            volumes.update((code, volume) for _, _, code, volume in of_day)
            if len(volumes) < len(apart) + 1:
                continue
            rest = max(volumes[WORLD] - sum(volumes[code] for code in apart), 0.0)
            if rest != last and (last is not None or not isnan(rest)):
                yield month, day, rest
            last = rest
