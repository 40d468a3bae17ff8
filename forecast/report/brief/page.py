"""The page of a briefing: headline, table, fan charts, why, what changed, what may happen, how often right, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from forecast.report.brief import tables
from forecast.report.brief.behind import Behind
from forecast.report.brief.chart import fan_chart
from forecast.report.brief.headline import right_in_short, what_if_in_short, why_in_short
from forecast.report.brief.tables import BriefTable
from forecast.report.brief.why import analogues_chart, branches_chart, waterfall_chart
from forecast.report.explain import ASSOCIATION
from forecast.report.explain_table import largest_measures
from forecast.report.outlook import Outlook, recent
from forecast.report.table import NOT_RECENT
from forecast.report.text import digits, spoken
from forecast.safety.inert import hypertext, json_text

METHOD = (
    "Each forecast is the combination of several models of log volume. A structural model with level, season and the"
    " path of every known event is fitted to all series as known on the issue day; the other models see the logs less"
    " those paths. Weights and the width of intervals come from earlier forecasts and the figures that followed."
    " Nothing that came out or was announced after the issue day is used. Tables of all numbers lie beside run.json."
)

READING = (
    "The forecast is the median: the actual is as likely above it as below. On the month and on the year: the forecast"
    " against the actual of the month before and of the same month a year earlier, where they are known. 80 % held: how"
    " often such intervals, one month ahead, held the actual. Kinds in brackets act without an estimated effect."
)


def brief_page(
    found: list[Outlook], volumes: Mapping[str, pd.DataFrame], about: Mapping[str, Any], behind: Behind | None = None
) -> str:
    """One HTML page without scripts; ``volumes`` are tonnes known by product, ``about`` is what ``run.json`` says."""
    title = f"Export forecast issued {about['issued']}"
    style = files("forecast.report.brief").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(_product(outlook, volumes[outlook.product], behind or Behind()) for outlook in found)
    made = hypertext(json_text(about, indent=1, sort_keys=True))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{hypertext(title)}</title>'
        '<link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f'<body><a class="skip" href="#brief">To the brief</a><header><h1>{hypertext(title)}</h1></header>'
        f'{_contents(found)}<main id="brief">{body}</main>'
        f"<footer><h2>What made it</h2><p>{hypertext(METHOD)}</p><p>{hypertext(ASSOCIATION)}</p>"
        f"<details><summary>run.json: arguments, inputs and versions</summary><pre>{made}</pre></details>"
        "</footer></body></html>\n"
    )


SECTIONS = {
    "forecast": "Forecast",
    "charts": "By destination",
    "why": "Why",
    "changed": "What changed",
    "happen": "What may happen",
    "right": "How often right",
    "analogues": "Past measures like it",
    "notes": "Notes",
}
"""Sections of a product, by the ends of their anchors."""


def _contents(found: Sequence[Outlook]) -> str:
    """Links to the sections and to every destination of each product."""
    lists = []
    for outlook in found:
        own, places = outlook.product, outlook.rows.drop_duplicates("destination")
        sections = _links((_anchor(own, end), title) for end, title in SECTIONS.items())
        named = zip(places["destination"], places["name"], strict=True)
        charts = _links((_anchor(own, str(code)), hypertext(str(name))) for code, name in named)
        lists.append(
            f"<p>{hypertext(spoken(own).capitalize())}</p>{sections}<details><summary>Charts by destination</summary>"
            f"{charts}</details>"
        )
    return f'<nav aria-label="Contents">{"".join(lists)}</nav>'


def _links(ends: Iterable[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="#{anchor}">{text}</a></li>' for anchor, text in ends)
    return f"<ul>{items}</ul>"


def _folded(summary: str, body: str) -> str:
    """What stands behind a line to open it; nothing where there is nothing."""
    return f"<details><summary>{hypertext(summary)}</summary>{body}</details>" if body else ""


def _anchor(product: str, end: str) -> str:
    return hypertext(f"{product}-{end}".replace(" ", "-"))


def _section(product: str, end: str, body: str) -> str:
    return f'<section id="{_anchor(product, end)}"><h3>{SECTIONS[end]}</h3>{body}</section>'


def _product(found: Outlook, volumes: pd.DataFrame, behind: Behind) -> str:
    own, is_recent = found.product, recent(found)
    remarks = "".join(f"<dt>{hypertext(r.label)}</dt><dd>{hypertext('; '.join(r.lines))}</dd>" for r in found.remarks)
    shown = [(found.rows[is_recent], "Forecast by destination"), (found.rows[~is_recent], NOT_RECENT)]
    forecast = "".join(wide_table(tables.forecast_table(rows, caption)) for rows, caption in shown if len(rows))
    forecast += wide_table(tables.sums_table(found)) if len(found.together) else ""
    sections = {
        "forecast": f"{forecast}<p>{hypertext(READING)}</p>",
        "charts": _charts(found, volumes, behind),
        "why": _why(behind.parts(found), behind.keeps_parts),
        "changed": _changed(found, behind),
        "happen": _may_happen(found, behind),
        "right": _how_often_right(found, behind),
        "analogues": _analogues(found, behind),
        "notes": f"<dl>{remarks}</dl>",
    }
    headline = " ".join(behind.headline(found))
    return (
        f'<section><h2>{hypertext(spoken(own).capitalize())}</h2><p class="lead">{hypertext(headline)}</p>'
        f"{_in_short(found, behind)}"
        f"{''.join(_section(own, end, body) for end, body in sections.items())}</section>"
    )


def _in_short(found: Outlook, behind: Behind) -> str:
    """Why, what if and how often right of the first row, a sentence each that leads to its section."""
    if found.rows.empty:
        return ""
    own, first = found.product, found.rows.iloc[0]
    parts = [one for one in behind.parts(found) if one["destination"] == first["destination"]]
    branches = behind.own("branches", own)
    lines, month = [], ""
    if len(branches):
        table = tables.branches_table(branches, behind.probabilities, behind.names, behind.called)
        lines = [line for line in table.lines if line[0] == first["name"]]
        month = str(branches["month"].max())
    said = {
        "why": why_in_short(parts[0] if parts else None),
        "happen": what_if_in_short(lines, month, judged=bool(first["reason"])),
        "right": right_in_short(
            behind.own("last_issue", own),
            behind.own("phases", own),
            str(first["destination"]),
            replayed="last_issue" in behind.replayed,
        ),
    }
    items = "".join(
        f'<dt><a href="#{_anchor(own, end)}">{SECTIONS[end]}</a></dt><dd>{hypertext(text)}</dd>'
        for end, text in said.items()
        if text
    )
    return f'<dl class="short">{items}</dl>' if items else ""


def wide_table(table: BriefTable) -> str:
    """A table of text that scrolls by itself where the page is narrow; numbers stand to the right."""
    numbers = [_is_number(column) for column in zip(*table.lines, strict=True)]
    heads = "".join(
        f'<th scope="col"{_side(right)}>{hypertext(name)}</th>' for name, right in zip(table.head, numbers, strict=True)
    )
    body = "".join(_line(texts, numbers) for texts in tables.written(table))
    caption = hypertext(table.caption)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(texts: Sequence[str], numbers: Sequence[bool]) -> str:
    first, *others = texts
    sides = map(_side, numbers[1:])
    cells = "".join(f"<td{side}>{hypertext(text)}</td>" for text, side in zip(others, sides, strict=True))
    return f'<tr><th scope="row">{hypertext(first)}</th>{cells}</tr>'


def _is_number(column: Sequence[tables.Cell]) -> bool:
    """Whether a column is of numbers: tonnes, intervals, or short texts that begin as numbers do."""
    texts = [cell if isinstance(cell, str) else "0" for cell in column]
    return all(not text or (len(text) <= NUMBER_LETTERS and text[0] in "+-0123456789") for text in texts)


NUMBER_LETTERS = 24
"""Letters of the longest text that may count as a number."""


def _side(right: bool) -> str:
    return ' class="number"' if right else ""


# Sections ------------------------------------------------------------------------------------------------------------


def _charts(found: Outlook, volumes: pd.DataFrame, behind: Behind) -> str:
    charts: list[str] = []
    for code, rows in found.rows.groupby("destination", sort=False):
        name, own = str(rows["name"].iloc[0]), found.product
        estimates = found.estimates[found.estimates["destination"] == code]
        events, sums = behind.events(own, str(code)), behind.sums_on(own, str(code))
        drawn = fan_chart(volumes[code], rows, name, events, sums, estimates, behind.called)
        values = wide_table(tables.values_table(volumes[code], rows, name))
        charts.append(
            f'<figure id="{_anchor(own, str(code))}"><figcaption>{hypertext(name)}</figcaption>{drawn}'
            f"<details><summary>Values: {hypertext(name)}</summary>{values}</details></figure>"
        )
    key = (
        "Dots: actuals, joined where months follow each other. Bar: 80 % interval of the forecast, with its median."
        " Flat lines: months known only together, at their mean; hollow dots: estimates of such months."
        " Dashed: events on the month in which they take effect. Thin line across a bar: the model's median beside a"
        " judged one."
    )
    shown, others = "".join(charts[:OPEN_CHARTS]), "".join(charts[OPEN_CHARTS:])
    further = _folded(
        f"Charts of {len(charts) - OPEN_CHARTS} more", f'<div class="charts">{others}</div>' if others else ""
    )
    return f'<p>{hypertext(key)}</p><div class="charts">{shown}</div>{further}'


OPEN_CHARTS = 4
"""Destinations whose charts are open, the largest first; the others are folded."""


def _why(found: Sequence[Mapping[str, Any]], keeps_parts: bool) -> str:
    if not found and not keeps_parts:
        return "<p>A store keeps no parts of its forecasts: the brief of the update's own folder has them.</p>"
    if not found:
        return "<p>The run has no parts of its forecasts (parts.csv): the combination was not asked for.</p>"
    said = f"Tonnes of the parts add up to the forecast; percent is what a part does by itself. {ASSOCIATION}"
    first, *others = map(_one, found)
    further = f'<div class="charts">{"".join(others)}</div>' if others else ""
    listed = "".join(f"<li>{hypertext(line)}</li>" for line in largest_measures(found))
    measures = _folded("What the largest measures are", f"<ul>{listed}</ul>" if listed else "")
    return f"<p>{hypertext(said)}</p>{first}{measures}{_folded(f'Why of {len(others)} more forecasts', further)}"


def _one(found: Mapping[str, Any]) -> str:
    title = f"{found['name']}, {found['month']}: {digits(found['forecast_t'])} t"
    return (
        f"<figure><figcaption>{hypertext(title)}</figcaption>{waterfall_chart(found)}"
        f"{_folded(f'The parts as a table: {title}', wide_table(tables.parts_table(found)))}"
        "</figure>"
    )


def _changed(found: Outlook, behind: Behind) -> str:
    changes = behind.own("changes", found.product)
    if changes.empty:
        return "<p>No earlier issue is compared with this one.</p>"
    source = "what would have been issued then" if "changes" in behind.replayed else "the last issue"
    said = (
        f"The forecast is made again along a path of inputs, from {source} over settings, revised figures, new"
        " figures and the calendar to this one. The steps add up, and depend on that order; models are estimated again"
        " on every step."
    )
    moved = behind.changes_tables(found)
    if not moved:
        return f"<p>Nothing has moved these forecasts since {changes['before'].iloc[0]}.</p>"
    tonnes, logs = map(wide_table, moved)
    return f"<p>{hypertext(said)}</p>{tonnes}{_folded('The same in logs', logs)}"


def _may_happen(found: Outlook, behind: Behind) -> str:
    own = behind.own("branches", found.product)
    if own.empty and behind.passed:
        return f"<p>{hypertext(behind.passed)}</p>"
    if own.empty:
        return "<p>No scenario is on file: forecast scenario makes one, and forecast brief --scenario shows it.</p>"
    table = tables.branches_table(own, behind.probabilities, behind.names, behind.called)
    by_place: dict[str, list[tuple[Any, ...]]] = {}
    for line in table.lines:
        by_place.setdefault(str(line[0]), []).append(line)
    charts = "".join(
        f"<figure><figcaption>{hypertext(name)}</figcaption>{branches_chart(lines, name)}</figure>"
        for name, lines in by_place.items()
    )
    return f'<div class="charts">{charts}</div>{wide_table(table)}'


def _how_often_right(found: Outlook, behind: Behind) -> str:
    shown = right_tables(found, behind)
    if not shown:
        return "<p>No track record of these figures is on file; forecast backtest makes one.</p>"
    return "".join(map(wide_table, shown))


def right_tables(found: Outlook, behind: Behind) -> list[BriefTable]:
    """The last issue against the actual, the record by phase, and by destination, as far as each is known."""
    own, names = found.product, behind.names
    shown = [
        tables.last_month_table(behind.own("last_issue", own), names, replayed="last_issue" in behind.replayed),
        tables.tracked_table(behind.tracked, own, found.model),
        tables.phases_table(behind.own("phases", own)),
        tables.record_table(behind.record, own, found.model, names),
    ]
    return [table for table in shown if table is not None]


def _analogues(found: Outlook, behind: Behind) -> str:
    rows = behind.analogues.get(found.product)
    if rows is None or rows.empty:
        return "<p>No past measure on file is like one that acts.</p>"
    drawn = analogues_chart(rows, behind.names, behind.called)
    own = behind.called(str(rows["event"].iloc[0]))
    title = f"{own} (strong) and the measures of its kind most like it, by months since the effect"
    table = wide_table(tables.analogues_table(rows, behind.names)) + wide_table(tables.sources_table(rows))
    table = _folded("The measures as a table, and where each is written", table)
    return f"<figure><figcaption>{hypertext(title)}</figcaption>{drawn}</figure>{table}<p>{hypertext(SINCE_EFFECT)}</p>"


SINCE_EFFECT = "Such shares are association, not cause: whatever else happened is in them."


def brief_tables(found: Outlook, behind: Behind) -> list[BriefTable]:
    """All tables of a product's sections in the order of the page, for a workbook and to paste."""
    is_recent = recent(found)
    shown = [(found.rows[is_recent], "Forecast by destination"), (found.rows[~is_recent], NOT_RECENT)]
    listed = [tables.forecast_table(rows, caption) for rows, caption in shown if len(rows)]
    listed += [tables.sums_table(found)] if len(found.together) else []
    listed += map(tables.parts_table, behind.parts(found))
    listed += behind.changes_tables(found)
    own, past = behind.own("branches", found.product), behind.analogues.get(found.product)
    listed += [tables.branches_table(own, behind.probabilities, behind.names, behind.called)] if len(own) else []
    listed += right_tables(found, behind)
    return [
        *listed,
        *(
            [tables.analogues_table(past, behind.names), tables.sources_table(past)]
            if past is not None and len(past)
            else []
        ),
    ]
