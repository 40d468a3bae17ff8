"""The parts of a forecast on the screen: a table with a waterfall of bars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.registry import COMBINATION
from forecast.report.explain import ASSOCIATION, LEVEL_PART, waterfall
from forecast.report.text import UNKNOWN, change, digits, signed, spoken

_BAR = 28
"""Columns of the longest bar."""


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


def part_name(name: str, kind: str) -> str:
    """A part as people read it."""
    return spoken(name) if kind != "episode" else name


def print_explained(found: dict[str, Any], console: Console) -> None:
    """Print one forecast with its parts; ``found`` is one of `forecast.report.explain.as_objects`."""
    of_model = "" if found.get("model", COMBINATION) == COMBINATION else f" by {spoken(found['model'])}"
    head = f"{found['name']}, {spoken(found['product'])}, {found['month']}{of_model}: {digits(found['forecast_t'])} t"
    console.print(Text(head, style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("part", overflow="fold", min_width=12)
    for name in ("tonnes", "percent", "80 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("from zero to the forecast", no_wrap=True)
    tonnes = np.array([part["tonnes"] for part in found["parts"]])
    bars = waterfall(tonnes)
    most = max(float(bars.max()), 1e-9)
    for part, (start, end) in zip(found["parts"], bars, strict=True):
        table.add_row(*_cells(part), bar(start, end, most))
    table.add_row("forecast", digits(found["forecast_t"]), "", "", bar(0.0, found["forecast_t"], most), style="bold")
    console.print(table)
    console.print(Text(f"{ASSOCIATION} Tonnes add up to the median; percent is what a part does by itself.", "dim"))
    for kind, names in experience(found).items():
        console.print(Text(f"{kind}: learned from {len(names)} of the kind, {', '.join(names)}", "dim"))
    console.print()


def _cells(part: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return part_name(part["name"], part["kind"]), *part_numbers(part)


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


def experience(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """The episodes on file that a forecast's episodes are learned from: those of one kind together, by their names.

    Examples
    --------
    >>> part = {"name": "ban-2024", "kind": "episode", "rests_on": ["ban-2024", "ban-2023"]}
    >>> experience({"parts": [part, part | {"name": "ban-2023"}]})
    {'ban-2024, ban-2023': ['ban-2024', 'ban-2023']}
    """
    named: dict[tuple[str, ...], list[str]] = {}
    for part in found["parts"]:
        if part.get("rests_on"):
            named.setdefault(tuple(part["rests_on"]), []).append(part["name"])
    return {", ".join(dict.fromkeys(own)): [*others] for others, own in named.items()}


def percent_of_log(log: float) -> str:
    """A log difference as a percentage; a dash where it is more than a thousandfold.

    Examples
    --------
    >>> percent_of_log(-0.5), percent_of_log(20.0)
    ('-39 %', '-')
    """
    return change(math.expm1(log)) if log < math.log(1000.0) else UNKNOWN
