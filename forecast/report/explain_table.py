"""The parts of a forecast on the screen: a table with a waterfall of bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.registry import COMBINATION
from forecast.report.explain import ASSOCIATION, LEVEL_PART, waterfall
from forecast.report.text import UNKNOWN, change, digits, sentence, signed, spoken

_BAR = 28
"""Columns of the longest bar."""

_BESIDE = 70
"""Columns that the rest of the table takes at least; where fewer than `_SHORT_BAR` are left there are no bars."""

_SHORT_BAR = 6

WHERE_TO_LOOK = "forecast events --effects says what coincides with it."
"""Where to look for why a measure works against its kind."""

DESCRIBED = 4
"""Measures that are described below the table: those with the largest parts."""


def bar(start: float, end: float, most: float, width: int = _BAR) -> str:
    """A bar from ``start`` to ``end`` on a line of ``width`` columns for 0 to ``most``; at least one column.

    Examples
    --------
    >>> bar(50.0, 100.0, 100.0, width=8)
    '    ████'
    >>> bar(50.0, 50.1, 100.0, width=8)
    '    █'
    """
    low, high = (min(max(round(width * one / most), 0), width) for one in sorted((start, end)))
    low = min(low, width - 1)
    return " " * low + "█" * max(high - low, 1)


def part_title(part: Mapping[str, Any]) -> str:
    """A part as people read it."""
    return str(part.get("title") or (part["name"] if part["kind"] == "episode" else spoken(part["name"])))


def print_explained(objects: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print forecasts with their parts (`forecast.report.explain.as_objects`), and below what the measures are."""
    for found in objects:
        _print_parts(found, console)
    console.print(Text(f"{ASSOCIATION} Tonnes add up to the median; percent is what a part does by itself.", "dim"))
    for line in largest_measures(objects):
        console.print(Text(line, "dim"))
    console.print()


def _print_parts(found: Mapping[str, Any], console: Console) -> None:
    of_model = "" if found.get("model", COMBINATION) == COMBINATION else f" by {spoken(found['model'])}"
    head = f"{found['name']}, {spoken(found['product'])}, {found['month']}{of_model}: {digits(found['forecast_t'])} t"
    console.print(Text(head, style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("part", overflow="fold", min_width=12)
    for name in ("tonnes", "percent", "80 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    width = min(_BAR, console.width - _BESIDE)
    if width >= _SHORT_BAR:
        table.add_column("from zero to the forecast" if width == _BAR else "from 0", no_wrap=True)
    for texts in _lines(found, width):
        table.add_row(*texts, style="bold" if texts[0] == "forecast" else "")
    console.print(table)
    console.print()


def _lines(found: Mapping[str, Any], width: int) -> Iterator[list[str]]:
    """The parts and the forecast, each with a bar where there is room."""
    bars = waterfall(np.array([part["tonnes"] for part in found["parts"]]))
    most = max(float(bars.max()), 1e-9)
    total = ("forecast", digits(found["forecast_t"]), "", "")
    rows = [*((part_title(part), *part_numbers(part)) for part in found["parts"]), total]
    for texts, (start, end) in zip(rows, [*bars, (0.0, found["forecast_t"])], strict=True):
        yield [*texts, *([bar(start, end, most, width)] if width >= _SHORT_BAR else [])]


def largest_measures(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the calendar says of the measures with the largest parts, and how many others of its kind teach each.

    A measure that is among the largest of several forecasts is described once.

    Examples
    --------
    >>> part = {"name": "ban-2024", "title": "ban of 2024-06-30", "kind": "episode", "tonnes": -9.0, "measure": "ban",
    ...         "description": "No more urea", "rests_on": ["ban-2024", "ban-2023"]}
    >>> largest_measures([{"name": "World", "parts": [part]}])
    ['ban of 2024-06-30: No more urea. Learned from 1 other episode of ban; in the calendar ban-2024.']
    >>> odd = part | {"description": "", "tonnes": 1.0, "against_kind": True}
    >>> for line in largest_measures([{"name": "World", "parts": [odd]}, {"name": "Chad", "parts": [part]}]):
    ...     print(line.partition("ban-2024.")[2])
     It works against its kind on World: forecast events --effects says what coincides with it.
    """
    by_title: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for found in objects:
        parts = [part for part in found["parts"] if part["kind"] == "episode"]
        for part in sorted(parts, key=lambda part: -abs(part["tonnes"]))[:DESCRIBED]:
            by_title.setdefault(part_title(part), []).append((str(found["name"]), part))
    several = len({found["name"] for found in objects}) > 1
    return [_measure(title, own, several) for title, own in by_title.items()]


def _measure(title: str, own: Sequence[tuple[str, Mapping[str, Any]]], several: bool) -> str:
    """A measure in a few sentences; ``own`` are its parts with the names of those whom they are of."""
    part = own[0][1]
    others = sorted({len(set(one.get("rests_on") or ()) - {one["name"]}) for _, one in own})
    count = " to ".join(map(str, dict.fromkeys([others[0], others[-1]])))
    noun = "other episode" if others[-1] == 1 else "other episodes"
    learned = f"Learned from {f'{count} {noun}' if others[-1] else 'no other episode'} of {_kind(part)}"
    where = f"in the calendar {part['name'].rpartition(':')[2]}."
    odd = ", ".join(dict.fromkeys(name for name, one in own if one.get("against_kind")))
    against = f" It works against its kind{f' on {odd}' if several else ''}: {WHERE_TO_LOOK}" if odd else ""
    described = sentence(part.get("description") or "")
    return f"{title}: {described}{' ' if described else ''}{learned}; {where}{against}"


def _kind(part: Mapping[str, Any]) -> str:
    return spoken(part["measure"]) if part.get("measure") else "the kind"


def part_numbers(part: Mapping[str, Any]) -> tuple[str, str, str]:
    """Signed tonnes and percent of one part, with the 80 % interval of an episode's; the level has no percentage.

    Examples
    --------
    >>> part_numbers({"kind": "episode", "tonnes": -30.0, "log": -0.5, "lower_80": -0.7, "upper_80": -0.2})
    ('-30', '-39 %', '-50 % to -18 %')
    >>> part_numbers({"kind": "level", "tonnes": 100.0, "log": 4.6})
    ('100', '', '')
    """
    if part["kind"] == LEVEL_PART:
        return digits(part["tonnes"]), "", ""
    bounds = [part.get("lower_80"), part.get("upper_80")]
    interval = "" if None in bounds else " to ".join(percent_of_log(float(bound or 0.0)) for bound in bounds)
    return signed(part["tonnes"]), percent_of_log(part["log"]), interval


def percent_of_log(log: float) -> str:
    """A log difference as a percentage; a dash where it is more than a thousandfold.

    Examples
    --------
    >>> percent_of_log(-0.5), percent_of_log(20.0)
    ('-39 %', '-')
    """
    return change(math.expm1(log)) if log < math.log(1000.0) else UNKNOWN
