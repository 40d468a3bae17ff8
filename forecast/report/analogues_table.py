"""Analogues of a measure on the screen: a row per series, aligned by months since the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.report.analogues import SINCE
from forecast.report.text import UNKNOWN, digits, spoken
from forecast.tables.frames import records

COURSE = ("notice", "before\nt", *(f"+{month}" for month in SINCE))
NARROW_WITHOUT = ("notice", "+2")
"""Columns that a screen narrower than `ROOM` goes without."""

ROOM = 78


NOTHING_ALIKE = (
    "No measure of its kind took effect whose volumes are known before and after it. Give further series with"
    " --experience or --exports, or measures of the kind with --events."
)


def print_analogues(
    found: pd.DataFrame, names: Mapping[str, str], console: Console, called: Callable[[str], str] = str
) -> None:
    """Print what volumes did since each measure, in percent of the base; sources follow, a line a measure.

    ``names`` and ``called`` name destinations and events. Where nothing is like the measure a sentence says so.
    """
    if found.empty:
        console.print(Text(NOTHING_ALIKE))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("measure, product and destination", overflow="fold")
    shown = [heading for heading in COURSE if console.width >= ROOM or heading not in NARROW_WITHOUT]
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    former = None
    for row in records(found):
        ratios = [percent_of(getattr(row, f"month_{month}")) for month in SINCE]
        if row.event != former:
            table.add_row(Text(called(row.event), style="bold"))
        place = names.get(row.destination, row.destination)
        numbers = [f"{row.notice_days} d", digits(row.base_t), *ratios]
        own = dict(zip(COURSE, numbers, strict=True))
        table.add_row(*map(Text, [f"{spoken(row.product)}, {place}", *(own[heading] for heading in shown)]))
        former = row.event
    console.print(table)
    console.print(Text("Percent of the mean of the six months before the announcement, by months since the effect: "
                       "association, not cause.", style="dim"))  # fmt: skip
    for row in records(found.drop_duplicates("event")):
        console.print(Text(f"{_named(row, called)}: {row.source or 'no source on file'}", style="dim"))


def _named(row: Any, called: Callable[[str], str]) -> str:
    """A measure by its name, with its identifier in the calendar where that is another."""
    name = called(row.event)
    return name if row.event in name else f"{name} ({row.event})"


def percent_of(ratio: float) -> str:
    """A ratio as a whole percentage of the base, or a dash where it is not known.

    Examples
    --------
    >>> percent_of(0.256), percent_of(float("nan"))
    ('26 %', '-')
    """
    return UNKNOWN if pd.isna(ratio) else f"{100 * ratio:,.0f} %"
