"""A fan chart of one destination as inline SVG, with its values in titles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from forecast.report.text import digits, spoken
from forecast.safety.inert import hypertext
from forecast.tables.frames import records

CHART_WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 290, 52, 84, 10, 28
"""A little wider than a telephone, so that letters can be read where the picture shrinks to one."""

LANES, LANE, LETTER = 5, 13, 6.2
"""Lines of names of events above the plot, their height, and about the width of a letter of theirs."""

CLEAR = 12
"""Distance of two numbers beside the last bar from which both can be read."""

PLOT = TOP + LANE * LANES
"""Where the plot begins below the names."""

MONTHS_DRAWN = 30
"""Months before the first one forecast."""


def fan_chart(
    actual: pd.Series,
    rows: pd.DataFrame,
    name: str,
    events: Sequence[Any] = (),
    sums: pd.DataFrame | None = None,
    estimates: pd.DataFrame | None = None,
    called: Callable[[str], str] = str,
) -> str:
    """Actuals by month, the median and the 80 % interval of the months forecast; gaps stay gaps.

    ``actual`` has tonnes by month (NaN where not known), ``rows`` the outlook of one destination; ``events`` have
    ``event``, ``kind`` and ``effective``, and are named beside the line in the month in which they take effect, whole
    (``called``) under the pointer.
    ``estimates`` are months known only inside a sum: hollow, with their 80 % interval.
    ``sums`` are volumes of several months together (``start``, ``end``, ``volume_t``), drawn flat at their mean.
    """
    first = rows["month"].min() - MONTHS_DRAWN
    shown = actual[actual.index >= first].dropna()
    top = 1.1 * max(
        [*shown, *rows["volume_t"], min(rows["upper_80"].max(), 3 * max([*shown, *rows["volume_t"]]))], default=1
    )
    months = rows["month"].max().ordinal - first.ordinal + 1

    def at(month: Any, tonnes: float) -> tuple[float, float]:
        x = LEFT + (month.ordinal - first.ordinal + 0.5) / months * (CHART_WIDTH - LEFT - RIGHT)
        return round(x, 1), round(PLOT + (1 - min(tonnes / (top or 1), 1)) * (HEIGHT - PLOT - BOTTOM), 1)

    marks = [*_axes(at, first, rows["month"].max(), top), *_named(at, first, rows["month"].max(), events, called)]
    marks += _flat(at, first, telling(sums, actual)) if sums is not None and len(sums) else []
    marks += _line(at, shown)
    marks += _hollow(at, estimates[estimates["month"] >= first]) if estimates is not None else []
    for row in records(rows):
        (x, low), (_, high), (_, middle) = (
            at(row.month, value) for value in (row.lower_80, row.upper_80, row.volume_t)
        )
        said = f"{row.month}: {digits(row.volume_t)} t, 80 % {digits(row.lower_80)} to {digits(row.upper_80)} t"
        marks.append(f'<g><title>{said}</title><line class="fan" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        if not pd.isna(row.model_t):
            _, model = at(row.month, row.model_t)
            marks.append(f'<line class="actual" x1="{x - 6}" x2="{x + 6}" y1="{model}" y2="{model}"/>')
        marks.append(f'<circle class="median" cx="{x}" cy="{middle}" r="4"/></g>')
    marks.append(f'<text class="said" x="{x + 10}" y="{middle + 4}">{digits(row.volume_t)} t</text>')
    marks += [
        f'<text class="bound" x="{x + 10}" y="{y}">{digits(tonnes)}</text>'
        for y, tonnes in ((min(low + 4, HEIGHT - BOTTOM), row.lower_80), (high + 8, row.upper_80))
        if abs(y - middle - 4) > CLEAR
    ]
    label = hypertext(f"{name}: tonnes a month, actual and forecast")
    return f'<svg viewBox="0 0 {CHART_WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(marks)}</svg>'


def _hollow(at: Any, estimates: pd.DataFrame) -> list[str]:
    """A hollow dot and a whisker for each month known only inside a sum."""
    marks = []
    for row in records(estimates):
        (x, low), (_, high), (_, middle) = (
            at(row.month, value) for value in (row.lower_80, row.upper_80, row.volume_t)
        )
        said = f"{row.month}: about {digits(row.volume_t)} t, 80 % {digits(row.lower_80)} to {digits(row.upper_80)} t, "
        said += f"known only inside {row.inside}"
        marks.append(f'<g><title>{said}</title><line class="grid" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        marks.append(f'<circle class="estimate" cx="{x}" cy="{middle}" r="3"/></g>')
    return marks


def round_below(tonnes: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above ``tonnes``.

    Examples
    --------
    >>> round_below(4999.0), round_below(0.6)
    (2000.0, 0.5)
    """
    if tonnes <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(tonnes))
    return next(step * power for step in (5, 2, 1) if step * power <= tonnes or step == 1)


def _axes(at: Any, first: pd.Period, last: pd.Period, top: float) -> list[str]:
    """Zero and a round number below the top, and the Januaries."""
    marks = []
    for tonnes in (0.0, round_below(top / 1.5)):
        _, y = at(first, tonnes)
        marks.append(f'<line class="grid" x1="{LEFT}" x2="{CHART_WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text text-anchor="end" x="{LEFT - 6}" y="{y + 4}">{digits(tonnes)}</text>')
    for month in pd.period_range(first, last, freq="M"):
        if month.month == 1:
            marks.append(f'<text x="{at(month, 0)[0]}" y="{HEIGHT - 8}">{month.year}</text>')
    return marks


def _named(
    at: Any, first: pd.Period, last: pd.Period, events: Sequence[Any], called: Callable[[str], str]
) -> list[str]:
    """A line for each month in which events take effect, with their kinds beside it where there is room for them."""
    by_month: dict[pd.Period, list[Any]] = {}
    for event in events:
        month = pd.Period(event.effective, freq="M")
        if first <= month <= last:
            by_month.setdefault(month, []).append(event)
    marks, ends = [], [0.0] * LANES
    for month in sorted(by_month):
        x, _ = at(month, 0.0)
        kinds = ", ".join(dict.fromkeys(spoken(event.kind) for event in by_month[month]))
        said = hypertext("; ".join(called(event.event) for event in by_month[month]))
        marks.append(
            f'<g><title>{said}</title><line class="event" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
        width = LETTER * len(kinds)
        start = x + 3 if x + width < CHART_WIDTH else x - width - 3
        lane = next((place for place, end in enumerate(ends) if end <= start), None)
        if lane is not None:
            ends[lane] = start + width
            place = f'x="{round(start, 1)}" y="{TOP + 10 + LANE * lane}"'
            marks.append(f'<text class="named" {place}>{hypertext(kinds)}</text>')
        marks.append("</g>")
    return marks


def telling(sums: pd.DataFrame, actual: pd.Series) -> pd.DataFrame:
    """Of the known sums those that say something of a month without a figure that no shorter one says.

    Examples
    --------
    >>> months = pd.period_range("2026-01", "2026-04", freq="M")
    >>> rows = [(months[0], months[1], 9.0), (months[0], months[3], 20.0), (months[2], months[3], 11.0)]
    >>> sums = pd.DataFrame(rows, columns=["start", "end", "volume_t"])
    >>> telling(sums, pd.Series([float("nan")] * 2 + [5.0, 6.0], months))["volume_t"].tolist()
    [9.0]
    """
    known: set[Any] = set(actual.dropna().index)
    said: set[Any] = set()
    kept = []
    rows = sums.assign(months=[(row.end - row.start).n for row in records(sums)]).sort_values("months", kind="stable")
    for place, row in zip(rows.index, records(rows), strict=True):
        unknown = set(pd.period_range(row.start, row.end, freq="M")) - known - said
        if unknown:
            kept.append(place)
            said |= unknown
    return sums.loc[sorted(kept)]


def _flat(at: Any, first: pd.Period, sums: pd.DataFrame) -> list[str]:
    """A line over the months of each sum at their mean, with the sum in its title."""
    marks = []
    for row in records(sums[(sums["end"] >= first).to_numpy(dtype=bool)]):
        mean = row.volume_t / ((row.end - row.start).n + 1)
        (left, y), (right, _) = at(max(row.start, first), mean), at(row.end, mean)
        said = f"{row.start} to {row.end} together: {digits(row.volume_t)} t, {digits(mean)} t a month"
        marks.append(f'<g><title>{said}</title><line class="sum" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/></g>')
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
