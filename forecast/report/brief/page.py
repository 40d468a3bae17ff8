"""The page of a briefing: headline, table, fan charts, why, how often right, and what made it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from forecast.report.brief.chart import fan_chart
from forecast.report.brief.why import branches_table, how_often_right, why, wide_table
from forecast.report.outlook import ActingCalendar, Outlook, recent
from forecast.report.table import NOT_RECENT, cells, columns
from forecast.report.text import change, digits, spoken
from forecast.tables.frames import records

METHOD = (
    "Each forecast is the combination of several models of log volume. A structural model with level, season and the"
    " path of every known event is fitted to all series as known on the issue day; the other models see the logs less"
    " those paths. Weights and the width of intervals come from earlier forecasts and the figures that followed."
    " Nothing that came out or was announced after the issue day is used. Tables of all numbers lie beside run.json."
)


def briefing_headline(found: Outlook) -> list[str]:
    """Sentences made from the numbers of the first row: what comes, how sure, and against what."""
    if found.rows.empty:
        return [f"No destination of {spoken(found.product)} has a forecast."]
    row = records(found.rows)[0]
    held = f"; one month ahead such intervals held {row.held} times in the shipped backtest" if row.held else ""
    sentences = [
        f"{row.name} is forecast to receive {digits(row.volume_t)} t of {spoken(found.product)} in {row.month}.",
        f"The 80 % interval is {digits(row.lower_80)} to {digits(row.upper_80)} t{held}.",
        f"The last actual was {digits(row.last_t)} t in {row.last_month}",
    ]
    against = {"the month before": row.on_month, "the same month a year earlier": row.on_year}
    known = [f"{change(by)} on {what}" for what, by in against.items() if not pd.isna(by)]
    return [*sentences[:2], f"{sentences[2]}{'; the forecast is ' if known else ''}{', '.join(known)}."]


@dataclass(frozen=True)
class Behind:
    """What is behind the numbers of a page.

    Attributes
    ----------
    explained
        Forecasts with their parts (`forecast.report.explain.as_objects`), of all products.
    calendars
        Events known on the day, by product.
    branches, probabilities
        Rows of branches.csv of a scenario, and its branches with their probabilities, the calendar as it stands first.
    record
        How often intervals held.
    names
        Names of destinations by their codes.
    """

    explained: Sequence[Mapping[str, Any]] = ()
    calendars: Mapping[str, ActingCalendar] = field(default_factory=dict)
    branches: pd.DataFrame | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    record: pd.DataFrame | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def parts(self, found: Outlook) -> list[Mapping[str, Any]]:
        """The forecasts of an outlook with their parts, in its order."""
        order = list(dict.fromkeys(found.rows["destination"]))
        own = [one for one in self.explained if one["product"] == found.product and one["destination"] in order]
        return sorted(own, key=lambda one: order.index(one["destination"]))

    def events(self, product: str, destination: str) -> list[Any]:
        """Events that touch a destination, in order of effect."""
        return self.calendars[product].on(destination) if product in self.calendars else []


def brief_page(
    found: list[Outlook], volumes: Mapping[str, pd.DataFrame], about: Mapping[str, Any], behind: Behind | None = None
) -> str:
    """One HTML page without scripts; ``volumes`` are tonnes known by product, ``about`` is what ``run.json`` says."""
    title = f"Export forecast issued {about['issued']}"
    style = files("forecast.report.brief").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(_product(outlook, volumes[outlook.product], behind or Behind()) for outlook in found)
    made = escape(json.dumps(about, indent=1, ensure_ascii=False, sort_keys=True))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}<section><h2>What made it</h2><p>{escape(METHOD)}</p>"
        f"<details><summary>run.json: arguments, inputs and versions</summary><pre>{made}</pre></details>"
        "</section></main></body></html>\n"
    )


def _product(found: Outlook, volumes: pd.DataFrame, behind: Behind) -> str:
    is_recent = recent(found)
    remarks = "".join(f"<dt>{escape(r.label)}</dt><dd>{escape('; '.join(r.lines))}</dd>" for r in found.remarks)
    parts = [one for one in behind.explained if one["product"] == found.product]
    order = list(dict.fromkeys(found.rows["destination"]))
    parts = sorted(
        (one for one in parts if one["destination"] in order), key=lambda one: order.index(one["destination"])
    )
    return (
        f"<section><h2>{escape(spoken(found.product).capitalize())}</h2>"
        f"<p>{escape(' '.join(briefing_headline(found)))}</p>"
        f"{_table(found.rows[is_recent], 'Forecast by destination, tonnes')}"
        f"{_table(found.rows[~is_recent], NOT_RECENT)}"
        f"<h3>By destination</h3>{_charts(found, volumes, behind)}<h3>Why</h3>{why(parts)}{_may_happen(found, behind)}"
        f"<h3>How often right</h3>{how_often_right(behind.record, found.product, found.model, behind.names)}"
        f"<h3>Notes</h3><dl>{remarks}</dl></section>"
    )


def _charts(found: Outlook, volumes: pd.DataFrame, behind: Behind) -> str:
    charts = ""
    for code, rows in found.rows.groupby("destination", sort=False):
        name, events = str(rows["name"].iloc[0]), behind.events(found.product, str(code))
        estimates = found.estimates[found.estimates["destination"] == code]
        drawn = fan_chart(volumes[code], rows, name, events, estimates)
        charts += f'<figure tabindex="0"><figcaption>{escape(name)}</figcaption>{drawn}</figure>'
    return f'<div class="charts">{charts}</div>'


def _may_happen(found: Outlook, behind: Behind) -> str:
    """The section on a scenario, where one was given that has the product."""
    if behind.branches is None:
        return ""
    own = behind.branches[behind.branches["product"] == found.product]
    return f"<h3>What may happen</h3>{branches_table(own, behind.probabilities, behind.names)}" if len(own) else ""


def _table(rows: pd.DataFrame, caption: str) -> str:
    return wide_table(caption, columns(rows), cells(rows)) if len(rows) else ""
