"""A scenario as people read it: the mixture, and every branch beside it, in the months in which they part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.report.acting import whom
from forecast.report.agenda import EventNames
from forecast.report.table import with_whole_words
from forecast.report.text import digits, spoken
from forecast.scenario.events import HypotheticalEvent
from forecast.scenario.forecast import IDLE, MIXTURE, Branch, Scenario
from forecast.tables.frames import records
from forecast.tables.run import Forecasts

SHOWN_BRANCHES = 4
"""Branches in the table, likeliest first after the calendar as it stands; further ones are in branches.csv."""

SHOWN_BESIDE = 3
"""Columns of volumes up to which an interval stands beside its median."""

ONE_LINE = 100
"""Columns of a screen from which on it does."""


def parting(found: Scenario, product: str) -> pd.DataFrame:
    """The rows of ``found.by_branch`` for the destinations and months in which any branch differs from the others.

    ``WLD`` first, then by volume of the last month as the calendar stands.
    """
    rows = found.by_branch[found.by_branch["product"] == product]
    cell = ["destination", "month"]
    alike = [_relative_range(rows.groupby(cell)[column]) <= IDLE for column in ("volume_t", "upper_80")]
    different = ~(alike[0] & alike[1])
    base = rows[rows["branch"] == found.branches[0].name].drop_duplicates("destination", keep="last")
    size = base.set_index("destination")["volume_t"]
    order = {code: (code != "WLD", -size[code], code) for code in size.index}
    places = sorted(order, key=order.__getitem__)
    kept = rows[different]
    return kept.assign(place=kept["destination"].map(places.index)).sort_values(["place", "month"], kind="stable")


def _relative_range(groups: Any) -> pd.Series:
    """Range over the branches as a share of the largest, at every row; 0 where all are 0."""
    largest = groups.transform("max")
    share: pd.Series = (largest - groups.transform("min")) / largest.where(largest > 0, 1.0)
    return share


def print_branches(
    found: Scenario, product: str, names: Mapping[str, str], console: Console, calendar: pd.DataFrame | None = None
) -> None:
    """Print what one product may come to; ``names`` gives destinations by their codes, ``calendar`` names events."""
    called = event_names(found, names, calendar)
    rows = parting(found, product)
    of_product = found.by_branch[found.by_branch["product"] == product]
    months = rows["month"] if len(rows) else of_product["month"]
    first, last = months.min(), months.max()
    span = f"{first} to {last}" if first != last else f"{first}"
    console.print(Text(f"Exports of {spoken(product)} under what may happen: {span}", style="bold"))
    figures = f"issued {found.issued}, figures up to {of_product['cutoff'].iloc[0]}"
    console.print(Text(f"{figures}; medians of {spoken(found.model)} in tonnes, with 80 % intervals", style="dim"))
    console.print()
    if len(rows):
        table = _table(found, rows, names, called, many=console.width < ONE_LINE)
        console.print(with_whole_words(table, console.width))
        console.print()
    console.print(_remarks(_lines(found, product, rows, names, called)))
    console.print()


def event_names(found: Scenario, names: Mapping[str, str], calendar: pd.DataFrame | None) -> EventNames:
    """Names of the events of a calendar and of those that may happen."""
    added = [one.added for one in found.suppositions if len(one.added)]
    events = [*([] if calendar is None else [calendar]), *added]
    return EventNames.of(pd.concat(events, ignore_index=True), names) if events else EventNames()


def _shown(found: Scenario) -> list[Branch]:
    """The calendar as it stands, then the likeliest of the others."""
    others = sorted(found.branches[1:], key=lambda branch: -branch.probability)
    return [found.branches[0], *others[: SHOWN_BRANCHES - 1]]


def _table(found: Scenario, rows: pd.DataFrame, names: Mapping[str, str], called: EventNames, *, many: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("destination", overflow="fold")
    table.add_column("month", no_wrap=True)
    table.add_column(MIXTURE, justify="right", style="bold", overflow="fold")
    said = called.branches([branch.name for branch in found.branches])
    for branch in _shown(found):
        name = said[branch.name].replace(" + ", "\n+ ")
        table.add_column(Text(f"{name}\n{branch.probability:.0%}".replace("%", " %")), justify="right", overflow="fold")
    for texts in cells(found, rows, names, many=many):
        table.add_row(*map(Text, texts))
    return table


def cells(found: Scenario, rows: pd.DataFrame, names: Mapping[str, str], *, many: bool = False) -> Iterator[list[str]]:
    """The text of every row: destination where it is a new one, month, mixture, and the branches shown.

    Intervals stand below their medians where columns are ``many``.
    """
    key = ["destination", "month"]
    mixed = found.run.forecasts[found.run.forecasts["model"] == MIXTURE]
    of_mixture = mixed[mixed["product"] == rows["product"].iloc[0]].set_index(key)
    of_branch = {name: part.set_index(key) for name, part in rows.groupby("branch")}
    former = None
    for code, month in rows[key].drop_duplicates().itertuples(index=False):
        volumes = [of_mixture.loc[(code, month)], *(of_branch[one.name].loc[(code, month)] for one in _shown(found))]
        place = names.get(code, code) if code != former else ""
        yield [place, str(month), *(_volume(row, many=many or len(volumes) > SHOWN_BESIDE) for row in volumes)]
        former = code


def _volume(row: Any, *, many: bool) -> str:
    """A median and its interval, one below the other where columns are many."""
    interval = f"{digits(row['lower_80'])} to {digits(row['upper_80'])}"
    return f"{digits(row['volume_t'])}\n{interval}" if many else f"{digits(row['volume_t'])} ({interval})"


def _remarks(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, line in lines:
        grid.add_row(label, Text(line))
    return grid


def _lines(
    found: Scenario, product: str, rows: pd.DataFrame, names: Mapping[str, str], called: EventNames
) -> Iterator[tuple[str, str]]:
    for place, one in enumerate(found.suppositions):
        yield "" if place else "May happen", _said(one, names, called)
    yield "Months ahead", f"{found.horizon} after the last figures: another number with --horizon"
    if len(found.branches) > SHOWN_BRANCHES:
        yield "Not shown", f"{len(found.branches) - SHOWN_BRANCHES} further branches: branches.csv"
    if found.idle:
        yield "Change nothing", f"{'; '.join(map(called.branch, found.idle))}: in no month and destination of this run"
    codes = found.by_branch.loc[found.by_branch["product"] == product, "destination"].unique()
    same = [names.get(code, code) for code in codes if code not in set(rows["destination"])]
    if same:
        yield "The same", f"in every branch: {', '.join(same)}"
    missing = without_forecast(found.run, product, found.model)
    if missing:
        yield "No forecast", f"{', '.join(names.get(code, code) for code in missing)}: reasons in failures.csv"
    yield "Mixture", "quantiles of the branches together, each with its probability: not an average of them"


def _said(one: HypotheticalEvent, names: Mapping[str, str], called: EventNames) -> str:
    """What may happen, with its days and its probability."""
    probability = f"{100 * one.probability:g} %"
    if one.lapsed is not None:
        name = called(one.lapsed)
        known_as = "" if one.lapsed in name else f" ({one.lapsed})"
        return f"{name}{known_as} ends on {one.day} as scheduled: {probability}"
    (event,) = records(one.added)
    until = f" until {event.ends}" if event.ends else ""
    days = f"announced {event.announced}, from {event.effective}{until}"
    return f"{spoken(event.kind)}, {whom(event.destinations, names)}, {days}: {probability}"


def without_forecast(run: Forecasts, product: str, model: str) -> list[str]:
    """The destinations of a product that ``model`` could not forecast."""
    refused = run.failures[(run.failures["product"] == product) & (run.failures["model"] == model)]
    return [str(code) for code in refused["destination"].unique()]
