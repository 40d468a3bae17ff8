"""The page of a briefing: headline, table, fan charts, why, how often right, and what made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from forecast.report.brief.chart import fan_chart
from forecast.report.outlook import Outlook, recent
from forecast.report.table import cells, columns
from forecast.report.text import change, digits, spoken
from forecast.tables.frames import records


def headline(found: Outlook) -> list[str]:
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


def brief_page(found: list[Outlook], volumes: Mapping[str, pd.DataFrame], about: Mapping[str, Any]) -> str:
    """One HTML page without scripts; ``volumes`` are tonnes known by product, ``about`` is what ``run.json`` says."""
    title = f"Export forecast issued {about['issued']}"
    style = files("forecast.report.brief").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(_product(outlook, volumes[outlook.product]) for outlook in found)
    made = escape(json.dumps(about, indent=1, ensure_ascii=False, sort_keys=True))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}<section><h2>What made it</h2>"
        f"<details><summary>run.json: arguments, inputs and versions</summary><pre>{made}</pre></details>"
        "</section></main></body></html>\n"
    )


def _product(found: Outlook, volumes: pd.DataFrame) -> str:
    said = " ".join(headline(found))
    is_recent = recent(found)
    charts = "".join(
        f"<figure><figcaption>{escape(str(rows['name'].iloc[0]))}</figcaption>"
        f"{fan_chart(volumes[code], rows, str(rows['name'].iloc[0]))}</figure>"
        for code, rows in found.rows.groupby("destination", sort=False)
    )
    remarks = "".join(f"<dt>{escape(r.label)}</dt><dd>{escape('; '.join(r.lines))}</dd>" for r in found.remarks)
    return (
        f"<section><h2>{escape(spoken(found.product).capitalize())}</h2><p>{escape(said)}</p>"
        f"{_table(found.rows[is_recent], 'Forecast by destination, tonnes')}"
        f"{_table(found.rows[~is_recent], 'No recent figures: the last one is a year old or older')}"
        f"<h3>By destination</h3>{charts}<h3>Why</h3><p>No decomposition of these numbers is on file.</p>"
        f"<h3>Notes</h3><dl>{remarks}</dl></section>"
    )


def _table(rows: pd.DataFrame, caption: str) -> str:
    if rows.empty:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns(rows))
    lines = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(text)}</td>" for text in others)}</tr>'
        for first, *others in cells(rows)
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
