"""Changes that no event on file explains, as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.level_shifts.propose import Proposals
from forecast.report.acting import whom
from forecast.report.table import with_whole_words
from forecast.report.text import change, spoken
from forecast.tables.frames import records

HEADINGS = ("months", "destinations", "against expected", "80 % interval", "p", "shown on", "on file in these months")
NUMBERS = HEADINGS[2:5]


def print_changes(
    found: Proposals,
    product: str,
    names: Mapping[str, str],
    console: Console,
    called: Callable[[str], str] = str,
) -> None:
    """Print what is proposed for one product, and what was tested; ``names`` and ``called`` name places and events."""
    rows = _of(found, product)
    console.print(Text(f"Exports of {spoken(product)}: changes that no event on file explains", style="bold"))
    about = "percent of volume against what was expected before the change, with 80 % intervals"
    console.print(Text(f"figures and calendar as known on {found.issued}; {about}", style="dim"))
    console.print()
    if len(rows):
        console.print(with_whole_words(_table(rows, names, called), console.width))
        console.print()
    console.print(tested_sentence(found, product))
    console.print()


def _of(found: Proposals, product: str) -> pd.DataFrame:
    """The proposals on one product."""
    return found.events[found.events["products"].map(lambda products: product in products).astype(bool)]


def _table(rows: pd.DataFrame, names: Mapping[str, str], called: Callable[[str], str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in NUMBERS else "left", overflow="fold")
    for texts, size in zip(cells(rows, names, called), rows["size"], strict=True):
        change = Text(texts[2], style="bold red" if size < 0 else "bold green")
        table.add_row(*texts[:2], change, *texts[3:])
    return table


def cells(rows: pd.DataFrame, names: Mapping[str, str], called: Callable[[str], str] = str) -> Iterator[list[str]]:
    """The text of every row, under `HEADINGS`."""
    for row in records(rows):
        months = f"{row.first} to {row.last}" + ("" if row.ends else " or longer")
        interval = f"{change(row.lower)} to {change(row.upper)}"
        events = ", ".join(map(called, row.without_effect)) or "no event"
        place = "World" if row.destinations == ("WLD",) else whom(row.destinations, names)
        yield [months, place, change(row.size), interval, p_value(row.p_value), str(row.shown), events]


def p_value(value: float) -> str:
    """A p-value to read.

    Examples
    --------
    >>> p_value(0.00312), p_value(0.00002)
    ('0.003', '<0.001')
    """
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def tested_sentence(found: Proposals, product: str) -> str:
    """What was tested of a product, and how many changes would be found where nothing happened."""
    rows = found.tested[found.tested["product"] == product]
    explained = rows["explained"].astype(bool)
    chance = rows.loc[~explained, "limit"].sum()
    span = f"{rows['month'].min()} to {rows['month'].max()}"
    count = len(_of(found, product))
    return (
        f"{count or 'No'} change{'' if count == 1 else 's'} in {rows['destination'].nunique()} series, {span}: "
        f"{int((~explained).sum())} months tested, {int(explained.sum())} left to the events on file. "
        f"Where nothing happened about {chance:.1f} would be found by chance."
    )
