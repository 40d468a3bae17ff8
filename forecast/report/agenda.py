"""The calendar of policy events as people read it, as it was known on a day, and what such events did to volumes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.design.learned_effects import LearnedEffects
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
    """Print a calendar; kinds without a regressor are dimmed. ``names`` gives destinations by their codes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    for heading in ("announced", "effective", "ends", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("destinations", "products", "what"):
        table.add_column(heading, ratio=2 if heading == "what" else 1)
    for event in records(shown):
        table.add_row(*_cells(event, names), style="" if event.kind in ACTING_KINDS else "dim")
    console.print(table)
    without = "of kinds without a regressor, which are told but not modelled"
    count = sum(kind not in ACTING_KINDS for kind in shown["kind"])
    console.print(f"\n{len(shown)} events, {count} {without}. An end with ? is scheduled, not confirmed.")


def _cells(event: Any, names: Mapping[str, str]) -> list[str]:
    ends = f"{event.scheduled}?" if event.scheduled else str(event.ends or "")
    more = len(event.products) - SHOWN_PRODUCTS
    goods = [spoken(name.replace("ALL", "all")) for name in event.products[:SHOWN_PRODUCTS]]
    named = ", ".join(goods) + (f" and {more} more" if more > 0 else "")
    days = [str(event.announced), str(event.effective), ends]
    return [*days, spoken(event.kind), whom(event.destinations, names), named, event.description or event.event]


# What events did -----------------------------------------------------------------------------------------------------


def of_totals(found: LearnedEffects) -> LearnedEffects:
    """What was learned, of the total alone for each product that has one."""
    with_total = found.regressors.loc[found.regressors["destination"] == "WLD", "product"]

    def kept(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["destination"] == "WLD") | ~rows["product"].isin(with_total)]

    return replace(found, regressors=kept(found.regressors), paths=kept(found.paths))


def print_effects(found: LearnedEffects, names: Mapping[str, str], console: Console) -> None:
    """Print what was learned of the effects on each series; ``names`` gives destinations by their codes."""
    for (product, destination), rows in found.regressors.groupby(["product", "destination"], sort=False):
        place = names.get(str(destination), str(destination))
        console.print(Text(f"What events do to exports of {spoken(str(product))}, {place}", style="bold"))
        about = "percent of volume against no event, median and 80 % interval; it takes effect on the first of month 0"
        console.print(Text(f"known on {found.issued}; {about}", style="dim"))
        console.print()
        paths = found.paths[(found.paths["product"] == product) & (found.paths["destination"] == destination)]
        console.print(_effects_table(rows, paths))
        console.print()
        console.print(_sources(rows))
        console.print()


def _effects_table(rows: pd.DataFrame, paths: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    for heading in ("kind", "learned from"):
        table.add_column(heading)
    for heading in ("notice", *(f"month {since}" for since in SHOWN_MONTHS)):
        table.add_column(heading, justify="right", overflow="fold")
    for texts in effect_cells(rows, paths):
        table.add_row(*texts)
    return table


def effect_cells(rows: pd.DataFrame, paths: pd.DataFrame) -> Iterator[list[str]]:
    """The text of every row of the table of one series: a kind as others show it, and with the series' own months.

    A whole month of notice, then the months since effect of `SHOWN_MONTHS`.
    """
    for kind in rows["kind"].drop_duplicates():
        by_shape = {row.shape: row for row in records(rows[rows["kind"] == kind])}
        by_month = {row.since: row for row in records(paths[paths["kind"] == kind])}
        shown = [by_shape["anticipation"], *(by_month[since] for since in SHOWN_MONTHS)]
        others = [_change(row.prior, row.prior_lower_80, row.prior_upper_80) for row in shown]
        yield [spoken(kind), "others" if by_shape["step"].learned_from else "nothing yet", *others]
        months = by_shape["step"].months
        if months:
            own = [_change(row.estimate, row.lower_80, row.upper_80) for row in shown]
            yield ["", f"and {months} own month{'s' if months > 1 else ''}", *own]


def _change(*fractions: float) -> str:
    """A median change and its bounds in whole percent.

    Examples
    --------
    >>> _change(-0.753, -0.9, 10.001)
    '-75 (-90 to +1,000)'
    """
    median, lower, upper = (f"{round(100 * fraction):+,}".replace("+0", "0") for fraction in fractions)
    return f"{median} ({lower} to {upper})"


def _sources(rows: pd.DataFrame) -> Table:
    """By kind: the products of the others, and the events that act on the series."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    steps = rows[rows["shape"] == "step"]
    for place, row in enumerate(records(steps[steps["learned_from"].map(bool)])):
        products = [f"other destinations of {spoken(name)}" if name == row.product else spoken(name)
                    for name in row.learned_from]  # fmt: skip
        grid.add_row("" if place else "Others", Text(f"{spoken(row.kind)}: {', '.join(products)}"))
    for place, row in enumerate(records(steps[steps["events"].map(bool)])):
        grid.add_row("" if place else "Its events", Text(f"{spoken(row.kind)}: {', '.join(row.events)}"))
    return grid
