"""Record of a live forecast: how often the combination's intervals would have held on the origins before.

The combination is made again on the last half of the origins that it learns from, each time from what the others before
had taught. Nobody issued these forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import pandas as pd

from forecast.ensemble.calibration import EARLIER, actuals_known, calibrated, earlier_days
from forecast.realtime.events import Members
from forecast.realtime.releases import VintagesByProduct
from forecast.tables.quantiles import LEVELS
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES

REPLAYED = EARLIER // 2
"""Origins on which the combination is made again: each has learned from as many before."""

FEWEST = 3
"""Forecasts below which nothing is said of how often they held."""


def with_record(
    forecasts: pd.DataFrame,
    releases: VintagesByProduct,
    events: pd.DataFrame,
    groups: Members,
    days: Mapping[str, Sequence[date]],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Both tables of `calibrated`, and the table ``record`` of a run of one issue day; of several it has no rows.

    The record counts the month after each cutoff, by the figures known on the issue day. The rest of the world has
    none: it is shown as it adds up with the total.
    """
    earlier = {product: earlier_days(releases[product], own[0])[-REPLAYED:]
               for product, own in days.items() if len(own) == 1 and product in releases}  # fmt: skip
    rows, notes = calibrated(forecasts, releases, events, groups, days)
    others = forecasts[forecasts["destination"] != REST_OF_WORLD]
    before = calibrated(others, releases, events, groups, earlier)[0] if earlier else rows.iloc[:0]
    before = before[before["horizon"] == 1]
    cells = [cell for product in earlier for cell in _held(before, product, days[product][0], releases)]
    return rows, notes, RUN_TABLES["record"].from_rows(cells)


def _held(rows: pd.DataFrame, product: str, issued: date, releases: VintagesByProduct) -> Iterator[tuple[object, ...]]:
    """Rows of the table ``record`` of one product."""
    own = rows[rows["product"] == product].reset_index(drop=True)
    own = own.assign(actual_t=actuals_known(own, releases[product], issued))
    for (code, model), known in own[own["actual_t"].notna()].groupby(["destination", "model"], sort=True):
        months = known["month"].min(), known["month"].max()
        for level in LEVELS if len(known) >= FEWEST else ():
            inside = known["actual_t"].between(known[f"lower_{level}"], known[f"upper_{level}"])
            yield product, code, model, issued, level, int(inside.sum()), len(known), *months
