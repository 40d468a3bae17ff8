"""Pictures of reasons as inline SVG: parts of a forecast, branches side by side, measures since their effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from forecast.report.analogues import SINCE
from forecast.report.brief.chart import CHART_WIDTH
from forecast.report.explain import LEVEL_PART, waterfall
from forecast.report.explain_table import part_numbers, part_title
from forecast.report.text import digits, spoken
from forecast.safety.inert import hypertext
from forecast.tables.frames import records

_LINE, _RIGHT = 17, 75
"""Height of a line of text, and what is left beside the longest bar for its number."""


def picture(marks: Sequence[str], height: float, label: str) -> str:
    """An SVG of the width of all, with a label for those who do not see it."""
    said = hypertext(label)
    return f'<svg viewBox="0 0 {CHART_WIDTH} {height:g}" role="img" aria-label="{said}">{"".join(marks)}</svg>'


def waterfall_chart(found: Mapping[str, Any]) -> str:
    """A bar a part under its name, from where the one before ends, and the forecast from zero."""
    bars = waterfall(np.array([part["tonnes"] for part in found["parts"]]))
    parts = [*found["parts"], {"name": "forecast", "kind": LEVEL_PART, "tonnes": found["forecast_t"], "log": 0.0}]
    bars = np.vstack([bars, [0.0, found["forecast_t"]]])
    scale = (CHART_WIDTH - _RIGHT) / max(float(bars.max()), 1e-9)
    marks = []
    for place, (part, (start, end)) in enumerate(zip(parts, bars, strict=True)):
        left, width = scale * min(start, end), max(scale * abs(end - start), 1.0)
        kind = "total" if part["kind"] == LEVEL_PART else "up" if end > start else "down"
        name, tonnes = part_title(part), part_numbers(part)[0]
        y = 2 * _LINE * place
        marks.append(
            f'<text x="0" y="{y + 13}">{hypertext(_short(name))}</text>'
            f'<rect class="{kind}" x="{left:.1f}" y="{y + 18}" width="{width:.1f}" height="13"/>'
            f'<text x="{left + width + 4:.1f}" y="{y + 29}">{tonnes}</text>'
        )
    label = f"Parts of the forecast of {found['name']}, tonnes; the table below has them"
    return picture(marks, 2 * _LINE * len(parts) + 4, label)


NAME_LETTERS = 58
"""Letters of a name above a bar; the table has it whole."""


def _short(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else f"{name[: NAME_LETTERS - 1]}…"


# What may happen -----------------------------------------------------------------------------------------------------


def branches_chart(lines: Sequence[tuple[Any, ...]], name: str) -> str:
    """80 % intervals and medians of the branches of one destination, below each other: ``lines`` of `branches_table`.

    The line of a branch and its numbers stand under its name.
    """
    top = max(high for *_, (_, high), _ in lines) or 1.0
    scale = (CHART_WIDTH - 10) / top
    marks = []
    for place, (_, branch, probability, median, (low, high), _) in enumerate(lines):
        y = 3 * _LINE * place
        numbers = f"{digits(median)} t ({digits(low)} to {digits(high)})"
        left, right, middle = (scale * value for value in (low, high, median))
        marks.append(
            f"<g><title>{hypertext(f'{branch}, {probability}: {numbers}, 80 % interval')}</title>"
            f'<text x="0" y="{y + 13}">{hypertext(_short(branch))}, {probability}</text>'
            f'<text x="0" y="{y + 29}">{numbers}</text>'
            f'<line class="fan" x1="{left:.1f}" x2="{right:.1f}" y1="{y + 40}" y2="{y + 40}"/>'
            f'<circle class="median" cx="{middle:.1f}" cy="{y + 40}" r="5"/></g>'
        )
    return picture(marks, 3 * _LINE * len(lines) + 4, f"{name}: branches below each other; the table below has them")


# Analogues -----------------------------------------------------------------------------------------------------------

_TALL, _FOOT, _HEAD = 240, 26, 12


def analogues_chart(found: pd.DataFrame, names: Mapping[str, str], called: Callable[[str], str]) -> str:
    """Volumes since each effect as a share of those before: the measure in question strong, the others faint."""
    ratios = found[[f"month_{month}" for month in SINCE]].to_numpy(dtype=float)
    top = max(1.2, float(np.nanmax(np.where(np.isfinite(ratios), ratios, np.nan))))
    marks = []
    for share in (0.0, 1.0):
        y = _height(share, top)
        marks.append(f'<line class="grid" x1="56" x2="{CHART_WIDTH - 20}" y1="{y}" y2="{y}"/>')
        marks.append(f'<text x="50" y="{y + 4}" text-anchor="end">{100 * share:.0f} %</text>')
    marks += [f'<text x="{_across(month)}" y="{_TALL - 6}" text-anchor="middle">{month}</text>' for month in SINCE]
    own = found["event"].iloc[0]
    for row, values in sorted(zip(records(found), ratios, strict=True), key=lambda one: one[0].event == own):
        named = f"{called(row.event)}: {spoken(row.product)}, {names.get(row.destination, row.destination)}"
        marks.append(_course(values, top, named, "own" if row.event == own else "other"))
    return picture(
        marks, _TALL, f"Volumes by months since the effect, {called(own)} and measures like it; the table has them"
    )


def _course(values: np.ndarray, top: float, named: str, kind: str) -> str:
    places = [(_across(month), _height(value, top)) for month, value in zip(SINCE, values, strict=True)]
    known = [place for place, value in zip(places, values, strict=True) if np.isfinite(value)]
    line = " ".join(f"{x},{y}" for x, y in known)
    dots = "".join(f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>' for x, y in known)
    return f'<g><title>{hypertext(named)}</title><polyline class="{kind}" points="{line}"/>{dots}</g>'


def _across(month: int) -> float:
    return round(70 + month / max(SINCE) * (CHART_WIDTH - 110), 1)


def _height(share: float, top: float) -> float:
    return round(_HEAD + (1 - min(share, top) / top) * (_TALL - _HEAD - _FOOT), 1)
