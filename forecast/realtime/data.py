"""The tables that a forecast is made from, carried as one, and the snapshot of any day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from forecast.realtime.events import Members
from forecast.realtime.releases import Snapshot, Vintages, snapshot_of, vintages_of
from forecast.tables.schema import SeriesKey
from forecast.vocabulary.products import Headline, shipped_headlines

MONTHLY = pd.PeriodDtype("M")
NEEDED = {
    "exports": ("product", "destination", "month", "volume_t", "released"),
    "events": (
        "event",
        "kind",
        "products",
        "destinations",
        "announced",
        "effective",
        "ends",
        "ends_announced",
        "ends_status",
    ),
}
"""Columns without which a table is none that `forecast.check_exports` or `forecast.check_events` has made."""

SNAPSHOTS_KEPT = 64
"""Days of which a process keeps the snapshot: tasks pass over the same ones again."""


@dataclass(frozen=True)
class KnownOn:
    """What was known on a day of some series: their volumes, the months reported by product, and those heard of."""

    snapshot: Snapshot
    months: Mapping[str, pd.PeriodIndex]
    heard_of: frozenset[SeriesKey]


@dataclass(frozen=True)
class Data:
    """Real-time data: exports, calendar, members by group, totals of several months, and which product has a headline.

    Vintages are built once.
    To another process travel the vintages and not the table of exports, which takes several times their memory.

    Raises
    ------
    ValueError
        Where exports or events are not as `forecast.check_exports` and `forecast.check_events` leave them.
    """

    exports: pd.DataFrame
    events: pd.DataFrame
    groups: Members
    totals: pd.DataFrame | None = None
    headlines: tuple[Headline, ...] = field(default_factory=shipped_headlines)

    def __post_init__(self) -> None:
        for name, columns in NEEDED.items():
            absent = [column for column in columns if column not in getattr(self, name)]
            if absent:
                raise ValueError(f"{name}: column {absent[0]} is missing; pass the table through check_{name} first.")
        if self.exports["month"].dtype != MONTHLY:
            found = self.exports["month"].dtype
            raise ValueError(f"exports: month must be periods of months, found {found}; use check_exports first.")
        if (self.exports["volume_t"] < 0).any():
            raise ValueError("exports: volume_t must be zero or more; use check_exports first, which says where.")

    @cached_property
    def vintages(self) -> Mapping[str, Vintages]:
        """Every release by product."""
        return vintages_of(self.exports)

    @cached_property
    def _snapshots(self) -> dict[tuple[date, int | None], Snapshot]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**own, "vintages": self.vintages, "exports": self.exports.iloc[:0]}

    def as_of(self, issued: date, window: int | None = None) -> Snapshot:
        """Snapshot as of a day; with ``window`` volumes and totals of so many months up to the cutoff only.

        The last `SNAPSHOTS_KEPT` are kept, and not to be written to.
        """
        if (issued, window) not in self._snapshots:
            if len(self._snapshots) == SNAPSHOTS_KEPT:
                del self._snapshots[next(iter(self._snapshots))]
            known = snapshot_of(self.vintages, self.events, issued, self.totals)
            self._snapshots[issued, window] = known if window is None else known.within(window)
        return self._snapshots[issued, window]
