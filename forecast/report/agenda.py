"""The calendar of policy events as people read it, as it was known on a day, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.realtime.events import ACTING_KINDS, Members, covers_product, covers_whole, known_events, parts_of
from forecast.report.outlook import whom
from forecast.report.text import spoken
from forecast.tables.frames import records

SHOWN_PRODUCTS = 2
"""Products named for an event; further ones are counted."""

SHOWN_MONTHS = (0, 1, 3, 6)
"""Months since effect in the table of effects."""


# The calendar --------------------------------------------------------------------------------------------------------


def agenda(
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | None = None,
    products: Collection[str] = (),
    destinations: Collection[str] = (),
) -> pd.DataFrame:
    """The events known on ``issued`` (None: all on file), in order of announcement, with the column ``scheduled``.

    Of those, the ones on any of ``products`` and on any of ``destinations``, where these are given; an event on a group
    counts for its members, an event on a member for its group, and every event for ``WLD``.

    Examples
    --------
    >>> import forecast as fc
    >>> agenda(fc.read_events(), fc.read_groups(), products=["gallium"], destinations=["DEU"])["event"].iloc[0]
    'licensing-2023-08-gallium-germanium'
    """
    known = known_events(events, issued or date.max)
    kept = [
        (not products or any(covers_product(event.products, product) for product in products))
        and (not destinations or any(_concerns(event.destinations, code, groups) for code in destinations))
        for event in records(known)
    ]
    return known[np.array(kept, dtype=bool)].sort_values("announced", kind="stable").reset_index(drop=True)


def _concerns(codes: Collection[str], destination: str, groups: Members) -> bool:
    return covers_whole(codes, destination, groups) or bool(parts_of(codes, destination, groups))


def print_agenda(shown: pd.DataFrame, names: Mapping[str, str], console: Console) -> None:
    """Print a calendar; kinds that do not act are dimmed. ``names`` gives destinations by their codes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    for heading in ("announced", "effective", "ends", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("destinations", "products", "what"):
        table.add_column(heading, ratio=2 if heading == "what" else 1)
    for event in records(shown):
        table.add_row(*map(Text, _cells(event, names)), style="" if event.kind in ACTING_KINDS else "dim")
    console.print(table)
    without = "of kinds that are shown but not modelled"
    count = sum(kind not in ACTING_KINDS for kind in shown["kind"])
    console.print(f"\n{len(shown)} events, {count} {without}. An end with ? is scheduled, not confirmed.")


def _cells(event: Any, names: Mapping[str, str]) -> list[str]:
    ends = f"{event.scheduled}?" if event.scheduled else str(event.ends or "")
    more = len(event.products) - SHOWN_PRODUCTS
    goods = [spoken(name.replace("ALL", "all")) for name in event.products[:SHOWN_PRODUCTS]]
    named = ", ".join(goods) + (f" and {more} more" if more > 0 else "")
    days = [str(event.announced), str(event.effective), ends]
    return [*days, spoken(event.kind), whom(event.destinations, names), named, event.description or event.event]
