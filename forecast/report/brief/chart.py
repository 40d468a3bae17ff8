"""A fan chart of one destination as inline SVG, with its values in titles."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from forecast.report.text import digits
from forecast.tables.frames import records

CHART_WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 240, 56, 90, 14, 28
MONTHS_DRAWN = 30
"""Months before the first one forecast."""


def fan_chart(actual: pd.Series, rows: pd.DataFrame, name: str) -> str:
    """Actuals by month, the median and the 80 % interval of the months forecast; gaps stay gaps.

    ``actual`` has tonnes by month (NaN where not known), ``rows`` the outlook of one destination.
    """
    first = rows["month"].min() - MONTHS_DRAWN
    shown = actual[actual.index >= first].dropna()
    top = 1.1 * max(
        [*shown, *rows["volume_t"], min(rows["upper_80"].max(), 3 * max([*shown, *rows["volume_t"]]))], default=1
    )
    months = rows["month"].max().ordinal - first.ordinal + 1

    def at(month: Any, tonnes: float) -> tuple[float, float]:
        x = LEFT + (month.ordinal - first.ordinal + 0.5) / months * (CHART_WIDTH - LEFT - RIGHT)
        return round(x, 1), round(TOP + (1 - min(tonnes / (top or 1), 1)) * (HEIGHT - TOP - BOTTOM), 1)

    marks = [*_axes(at, first, rows["month"].max(), top), *_line(at, shown)]
    for row in records(rows):
        (x, low), (_, high), (_, middle) = (
            at(row.month, value) for value in (row.lower_80, row.upper_80, row.volume_t)
        )
        said = f"{row.month}: {digits(row.volume_t)} t, 80 % {digits(row.lower_80)} to {digits(row.upper_80)} t"
        marks.append(f'<g><title>{said}</title><line class="fan" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        marks.append(f'<circle class="median" cx="{x}" cy="{middle}" r="4"/></g>')
    marks.append(f'<text x="{x + 10}" y="{middle + 4}">{digits(row.volume_t)} t</text>')
    label = escape(f"{name}: tonnes a month, actual and forecast", quote=True)
    return f'<svg viewBox="0 0 {CHART_WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(marks)}</svg>'


def _axes(at: Any, first: pd.Period, last: pd.Period, top: float) -> list[str]:
    """Zero and half of the top, and the Januaries."""
    marks = []
    for tonnes in (0.0, top / 2.2):
        _, y = at(first, tonnes)
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{CHART_WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text text-anchor="end" x="{LEFT - 6}" y="{y + 4}">{digits(tonnes)}</text>')
    for month in pd.period_range(first, last, freq="M"):
        if month.month == 1:
            marks.append(f'<text x="{at(month, 0)[0]}" y="{HEIGHT - 8}">{month.year}</text>')
    return marks


def _line(at: Any, actual: pd.Series) -> list[str]:
    """Neighbouring months joined, each with a dot and its value."""
    marks, known = [], dict(zip(pd.PeriodIndex(actual.index), actual, strict=True))
    for month, tonnes in known.items():
        x, y = at(month, tonnes)
        if month - 1 in known:
            before = at(month - 1, known[month - 1])
            marks.append(f'<line class="actual" x1="{before[0]}" y1="{before[1]}" x2="{x}" y2="{y}"/>')
        marks.append(
            f'<circle class="dot" cx="{x}" cy="{y}" r="2.5"><title>{month}: {digits(tonnes)} t</title></circle>'
        )
    return marks
