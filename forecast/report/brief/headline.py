"""The headline of a briefing: three sentences made from the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from forecast.report.brief.tables import contributions
from forecast.report.outlook import Outlook
from forecast.report.text import digits, signed, spoken
from forecast.tables.frames import records
from forecast.tables.schema import WORLD

_STEP_WORDS = {
    "settings": "other settings",
    "revisions": "revised figures",
    "new_figures": "new figures",
    "calendar_added": "entries added to the calendar",
    "calendar_moved": "entries of the calendar that moved",
    "calendar_ended": "ends of entries of the calendar",
    "interaction": "settings and news together",
}
"""Contributions to a change in words; `spoken` where one is not among them."""


def month_name(month: pd.Period) -> str:
    """A month in words.

    Examples
    --------
    >>> month_name(pd.Period("2026-08", "M"))
    'August 2026'
    """
    return f"{month.to_timestamp().month_name()} {month.year}"


def briefing_headline(found: Outlook, changes: pd.DataFrame | None = None) -> list[str]:
    """Sentences made from the numbers of the first row: what comes, how sure, and why it differs from last month.

    ``changes`` are contributions to the change since the last issue (`forecast.store.changes.CHANGE_COLUMNS`).
    """
    if found.rows.empty:
        return [f"No destination of {spoken(found.product)} has a forecast."]
    row = records(found.rows)[0]
    to = "in all" if row.destination == WORLD else f"to {row.name}"
    held = f"; one month ahead such intervals held {row.held} times" if row.held else ""
    return [
        f"Exports of {spoken(found.product)} {to} are forecast at {digits(row.volume_t)} t in {month_name(row.month)}.",
        f"Four times in five the actual should lie between {digits(row.lower_80)} and {digits(row.upper_80)} t{held}.",
        f"{_against_actuals(row)}{_since_last_issue(row, changes)}.",
    ]


def _against_actuals(row: Any) -> str:
    known = f"The last actual is {digits(row.last_t)} t of {month_name(row.last_month)}"
    compared = {"the month before": row.on_month, "the same month a year earlier": row.on_year}
    said = [f"{_apart(by)} {what}" for what, by in compared.items() if not pd.isna(by)]
    return f"{known}; the forecast is {' and '.join(said)}" if said else known


def _apart(fraction: float) -> str:
    """A change in words.

    Examples
    --------
    >>> _apart(-0.128), _apart(0.021), _apart(0.0004)
    ('13 % below', '2 % above', 'level with')
    """
    whole = round(100 * abs(fraction))
    return f"{whole:,} % {'above' if fraction > 0 else 'below'}" if whole else "level with"


def _since_last_issue(row: Any, changes: pd.DataFrame | None) -> str:
    """What moved this month's forecast since the last issue, the largest contribution first."""
    if changes is None or changes.empty:
        return ""
    own = changes[(changes["destination"] == row.destination) & (changes["month"] == row.month)]
    if own.empty:
        return ""
    before, parts = float(own["before_t"].iloc[0]), own.set_index("contribution")["change_t"]
    causes = sorted(contributions(own), key=lambda name: -abs(parts[name]))
    said = [f"{_STEP_WORDS.get(name, spoken(name))} ({signed(float(parts[name]))} t)" for name in causes]
    issue = f"; the issue of {own['before'].iloc[0]} had {digits(before)} t for the same month"
    if not said:
        return f"{issue}, and nothing has moved it"
    return f"{issue}, moved since by {' and '.join(filter(None, [', '.join(said[:-1]), said[-1]]))}"
