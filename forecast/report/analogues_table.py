"""Analogues of a measure on the screen: a row per series, aligned by months since the effect."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.report.analogues import SINCE
from forecast.report.text import UNKNOWN, digits, spoken
from forecast.tables.frames import records


def print_analogues(found: pd.DataFrame, names: Mapping[str, str], console: Console) -> None:
    """Print what volumes did since each measure, in percent of the base; sources follow, a line a measure."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("measure", overflow="fold")
    table.add_column("product", overflow="fold")
    table.add_column("destination", overflow="fold")
    for heading in ("notice", "before, t", *(f"+{month}" for month in SINCE)):
        table.add_column(heading, justify="right", no_wrap=True)
    former = None
    for row in records(found):
        ratios = [percent_of(getattr(row, f"month_{month}")) for month in SINCE]
        name = str(row.event) if row.event != former else ""
        place = names.get(row.destination, row.destination)
        numbers = [f"{row.notice_days} d", digits(row.base_t), *ratios]
        table.add_row(*map(Text, [name, spoken(row.product), place, *numbers]))
        former = row.event
    console.print(table)
    console.print(Text("Percent of the mean of the six months before the announcement, by months since the effect: "
                       "association, not cause.", style="dim"))  # fmt: skip
    for row in records(found.drop_duplicates("event")):
        console.print(Text(f"{row.event}: {row.source or 'no source on file'}", style="dim"))


def percent_of(ratio: float) -> str:
    """A ratio as a whole percentage of the base, or a dash where it is not known.

    Examples
    --------
    >>> percent_of(0.256), percent_of(float("nan"))
    ('26 %', '-')
    """
    return UNKNOWN if pd.isna(ratio) else f"{100 * ratio:,.0f} %"
