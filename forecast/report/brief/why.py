"""The sections of a briefing that give reasons: parts of a forecast, what may happen, and how often it was right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from forecast.report.explain import ASSOCIATION, LEVEL_PART, waterfall
from forecast.report.explain_table import part_name, percent_of_log
from forecast.report.text import digits
from forecast.tables.frames import records

_WIDTH, _ROW, _NAMES, _RIGHT = 640, 20, 230, 70


def wide_table(caption: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of text that scrolls by itself where the page is narrow."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(text)}</td>" for text in others)}</tr>'
        for first, *others in lines
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


# Why -----------------------------------------------------------------------------------------------------------------


def why(found: Sequence[Mapping[str, Any]]) -> str:
    """The parts of each forecast (`forecast.report.explain.as_objects`) as a waterfall and a table."""
    if not found:
        return "<p>The run has no parts of its forecasts (parts.csv): the combination was not asked for.</p>"
    said = f"Tonnes of the parts add up to the forecast. {ASSOCIATION}"
    return f"<p>{escape(said)}</p>{''.join(map(_one, found))}"


def _one(found: Mapping[str, Any]) -> str:
    title = f"{found['name']}, {found['month']}: {digits(found['forecast_t'])} t"
    lines = [(part_name(part["name"], part["kind"]), *_numbers(part)) for part in found["parts"]]
    lines.append(("forecast", digits(found["forecast_t"]), ""))
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>{_waterfall(found)}"
        f"{wide_table(f'Parts of {title}', ['part', 'tonnes', 'percent'], lines)}</figure>"
    )


def _numbers(part: Mapping[str, Any]) -> tuple[str, str]:
    if part["kind"] == LEVEL_PART:
        return digits(part["tonnes"]), ""
    return f"{'+' if part['tonnes'] > 0 else ''}{digits(part['tonnes'])}", percent_of_log(part["log"])


def _waterfall(found: Mapping[str, Any]) -> str:
    """A bar a part, from where the one before ends, and the forecast from zero."""
    bars = waterfall(np.array([part["tonnes"] for part in found["parts"]]))
    parts = [*found["parts"], {"name": "forecast", "kind": LEVEL_PART, "tonnes": found["forecast_t"], "log": 0.0}]
    bars = np.vstack([bars, [0.0, found["forecast_t"]]])
    scale = (_WIDTH - _NAMES - _RIGHT) / max(float(bars.max()), 1e-9)
    marks = []
    for place, (part, (start, end)) in enumerate(zip(parts, bars, strict=True)):
        left, width = _NAMES + scale * min(start, end), max(scale * abs(end - start), 1.0)
        kind = "total" if part["kind"] == LEVEL_PART else "up" if end > start else "down"
        name, tonnes = part_name(part["name"], part["kind"]), _numbers(part)[0]
        y = place * _ROW
        marks.append(
            f'<text x="{_NAMES - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{left:.1f}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 6}"/>'
            f'<text x="{left + width + 4:.1f}" y="{y + 14}">{tonnes}</text>'
        )
    label = escape(f"Parts of the forecast of {found['name']}, tonnes; the table below has them", quote=True)
    height = _ROW * len(parts) + 4
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{"".join(marks)}</svg>'


# What may happen -----------------------------------------------------------------------------------------------------


def branches_table(branches: pd.DataFrame, probabilities: Mapping[str, float], names: Mapping[str, str]) -> str:
    """A table of every branch of a scenario beside the calendar as it stands, for the last month of the scenario.

    ``branches`` are rows of branches.csv of one product, the calendar as it stands first among ``probabilities``.
    """
    first = next(iter(probabilities))
    last = branches[branches["month"] == branches["month"].max()]
    base = last[last["branch"] == first].set_index("destination")["volume_t"]
    lines = [
        (
            names.get(row.destination, row.destination),
            str(row.branch),
            f"{probabilities.get(row.branch, float('nan')):.0%}" if row.branch in probabilities else "",
            digits(row.volume_t),
            f"{digits(row.lower_80)} to {digits(row.upper_80)}",
            _difference(row.volume_t - base[row.destination]) if row.branch != first else "",
        )
        for row in records(last)
    ]
    head = ["destination", "branch", "probability", "tonnes", "80 % interval", f"against {first}"]
    return wide_table(f"What may happen: {last['month'].iloc[0]}", head, lines)


def _difference(tonnes: float) -> str:
    return f"{'+' if tonnes > 0 else ''}{digits(tonnes)}"


# How often right -----------------------------------------------------------------------------------------------------


def how_often_right(record: pd.DataFrame | None, product: str, model: str, names: Mapping[str, str]) -> str:
    """A table of how often intervals of a model held, from `forecast.report.track_record`."""
    own = None if record is None else record[(record["product"] == product) & (record["model"] == model)]
    if own is None or own.empty:
        return "<p>No track record of these figures is on file; forecast backtest makes one.</p>"
    lines = []
    for code, rows in own.groupby("destination", sort=False):
        held = {row.level: f"{row.held} of {row.n}" for row in records(rows)}
        months = f"{rows['first_month'].min()} to {rows['last_month'].max()}"
        lines.append((names.get(str(code), str(code)), held.get(80, "-"), held.get(95, "-"), months))
    head = ["destination", "80 % interval held", "95 % interval held", "months"]
    return wide_table("How often intervals held, one month ahead", head, lines)
