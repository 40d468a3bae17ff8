"""What episodes did to exports, as people read it: a row an episode, percent of volume by phase."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import date

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.report.text import percent, spoken
from forecast.tables.frames import records

SHOWN_PHASES = {"notice": "notice", "force_0": "month 0", "force_1": "month 1", "force_3-5": "months 3-5",
                "force_12+": "month 12 on", "after_1": "1 after end"}  # fmt: skip
"""Phases in the table, with their headings."""

LONGEST_WORD = 11
"""Letters of a day with its comma."""

ONE_ROW = 150
"""Columns from which on a measure is one row of a table."""

_NUMBER = 13
"""Columns of a number or an interval, or more, where a measure is a heading with its numbers below."""


def of_totals(found: pd.DataFrame) -> pd.DataFrame:
    """Of the effects those on the total alone for each product that has one."""
    with_total = found.loc[found["destination"] == "WLD", "product"].unique()
    return found[(found["destination"] == "WLD") | ~found["product"].isin(with_total)]


def print_effects(
    found: pd.DataFrame,
    issued: date,
    names: Mapping[str, str],
    console: Console,
    called: Callable[[str], str] = str,
) -> None:
    """Print the effects of episodes on each series; ``names`` and ``called`` name destinations and episodes."""
    found = found.assign(episode=found["episode"].map(called))
    for (product, destination), rows in found.groupby(["product", "destination"], sort=False):
        place = names.get(str(destination), str(destination))
        console.print(Text(f"What episodes do to exports of {spoken(str(product))}, {place}", style="bold"))
        about = "percent of the volume under it, median and 80 % interval; association, not cause"
        console.print(Text(f"known on {issued}; {about}", style="dim"))
        console.print()
        if console.width >= ONE_ROW:
            console.print(_table(rows))
        else:
            console.print(*_narrow_lines(rows, console.width), sep="\n", soft_wrap=True)
        console.print()
        for line in remarks(rows):
            console.print(Text(line, style="dim"))
        console.print()


def _table(rows: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("measure", min_width=LONGEST_WORD)
    table.add_column("share", justify="right")
    for heading in SHOWN_PHASES.values():
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("rests on", justify="right")
    for texts in effect_cells(rows):
        table.add_row(*map(Text, texts))
    return table


def _narrow_lines(rows: pd.DataFrame, width: int) -> Iterator[Text]:
    """Each measure as a heading with medians and intervals below, as many phases beside each other as there is room."""
    cells, headings = list(effect_cells(rows)), [*SHOWN_PHASES.values()]
    parts = [part for _, _, *numbers, _ in cells for text in numbers for part in text.split(" ", 1)]
    each = max(_NUMBER, *(len(part) + 1 for part in parts))
    fit = max(width // each, 1)
    for first in range(0, len(headings), fit):
        chosen = slice(first, first + fit)
        yield Text("".join(f"{phase:>{each}}" for phase in headings[chosen]), style="dim")
        for name, share, *numbers, rests in cells:
            heading = textwrap.wrap(f"{name}, {share} of the volume, rests on {rests}", width)
            yield Text("\n".join(heading), style="bold")
            pairs = [text.partition(" ") for text in numbers[chosen]]
            for part in (0, 2):
                yield Text("".join(f"{pair[part]:>{each}}" for pair in pairs))
        yield Text("")


def effect_cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """The text of every row of the table of one series, in the order of effect; empty for phases that a kind lacks."""
    for name, own in rows.groupby("episode", sort=False):
        by_phase = {row.phase: row for row in records(own)}
        first = own.iloc[0]
        changes = [_change(by_phase[phase]) if phase in by_phase else "" for phase in SHOWN_PHASES]
        count = int(first["episodes"])
        rests = f"{count} of {spoken(str(first['kind']))}"
        yield [str(name), percent(first["share"]), *changes, rests]


def _change(row: object) -> str:
    """A median change and its bounds in whole percent; a dot where no month of the phase was observed."""
    values = (getattr(row, name) for name in ("estimate", "lower_80", "upper_80"))
    median, lower, upper = (f"{round(100 * value):+,}".replace("+0", "0") for value in values)
    seen = "" if getattr(row, "months") else "·"  # noqa: B009
    return f"{seen}{median} ({lower} to {upper})"


def remarks(rows: pd.DataFrame) -> list[str]:
    """Sentences below the table: what coincides with what, and signs against the kind."""
    found = [
        "share: how much of the volume here is under the measure; on the whole it does about share times percent.",
        "· no month of this phase was observed here: what other episodes and the kind say.",
    ]
    each = rows.drop_duplicates("episode")
    beside = [f"{row.episode} (with {len(row.coincides)})" for row in records(each) if row.coincides]
    if beside:
        found.append("Measures in force in the same months cannot be told apart by them: "
                     f"{'; '.join(beside)}. Which: column coincides of forecast.episode_effects.")  # fmt: skip
    found += [
        f"{row.episode} works against its kind ({spoken(str(row.kind))}) by its interval; see what coincides."
        for row in records(each)
        if row.against_kind
    ]
    return found
