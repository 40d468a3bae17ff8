"""The headline of a briefing: sentences made from the numbers, and what the first screen says of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from forecast.ensemble.judgement import FOLLOWS
from forecast.report.brief.tables import PHASE_WORDS, contributions
from forecast.report.explain_table import part_title
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


def briefing_headline(found: Outlook, changes: pd.DataFrame | None = None, *, replayed: bool = False) -> list[str]:
    """Sentences made from the numbers of the first row: what comes, how sure, and why it differs from last month.

    ``changes`` are contributions to the change since the last issue (`forecast.store.changes.CHANGE_COLUMNS`), which is
    ``replayed`` where nothing was issued.
    """
    if found.rows.empty:
        return [f"No destination of {spoken(found.product)} has a forecast."]
    row = records(found.rows)[0]
    to = "in all" if row.destination == WORLD else f"to {row.name}"
    held = f"; one month ahead such intervals held {row.held} times" if row.held else ""
    how = "judged" if row.reason else "forecast"
    said = f"Exports of {spoken(found.product)} {to} are {how} at {digits(row.volume_t)} t in {month_name(row.month)}"
    return [
        f"{said}{_judged(row, found.rows)}.",
        f"Four times in five the actual should lie between {digits(row.lower_80)} and {digits(row.upper_80)} t{held}.",
        f"{_against_actuals(row)}{_since_last_issue(row, changes, replayed=replayed)}.",
    ]


def _judged(row: Any, rows: pd.DataFrame) -> str:
    """What the model says in place of a judged forecast, and why it was judged: a total by the parts it follows."""
    if not row.reason:
        return ""
    parts = rows[(rows["month"] == row.month) & rows["reason"].ne("") & rows["reason"].ne(FOLLOWS)]
    named = [f"{one.name} {digits(one.volume_t)} t in place of {digits(one.model_t)} t ({one.reason})"
             for one in records(parts)]  # fmt: skip
    why = _and(named) if row.reason == FOLLOWS and named else row.reason
    return f", where the model says {digits(row.model_t)} t: {why}"


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


def _since_last_issue(row: Any, changes: pd.DataFrame | None, *, replayed: bool) -> str:
    """What moved this month's forecast since the last issue, the largest contribution first."""
    if changes is None or changes.empty:
        return ""
    own = changes[(changes["destination"] == row.destination) & (changes["month"] == row.month)]
    if own.empty:
        return ""
    before, parts = float(own["before_t"].iloc[0]), own.set_index("contribution")["change_t"]
    moved = {name: float(parts[name]) for name in contributions(own)}
    moved |= {"judgement": row.volume_t - row.model_t} if row.reason else {}
    causes = sorted(moved, key=lambda name: -abs(moved[name]))
    said = [f"{_STEP_WORDS.get(name, spoken(name))} ({signed(moved[name])} t)" for name in causes]
    day = own["before"].iloc[0]
    source = f"as it would have been issued on {day} it was" if replayed else f"the issue of {day} had"
    issue = f"; {source} {digits(before)} t for the same month"
    if not said:
        return f"{issue}, and nothing has moved it"
    return f"{issue}, moved since by {_and(said)}"


# Why, what if, how often right --------------------------------------------------------------------------------------

NAMED_MEASURES = 3
"""Measures that the first screen names."""

OF_THE_SAME_MONTHS = " A sign against the kind speaks of what else happened in the same months."


def why_in_short(found: Mapping[str, Any] | None) -> str:
    """The measures with the largest parts of a forecast (`forecast.report.explain.as_objects`); nothing without any.

    Examples
    --------
    >>> part = {"name": "ban-2024", "title": "ban of 2024-06-30", "kind": "episode", "tonnes": -9.3}
    >>> why_in_short({"parts": [part, part | {"title": "truce of 2024-09-01", "tonnes": 2.0}], "forecast_t": 20.0})
    'Largest of the measures acting: ban of 2024-06-30 (-9.3 t) and truce of 2024-09-01 (+2 t).'
    >>> why_in_short({"parts": [part | {"tonnes": 4.0, "against_kind": True}], "forecast_t": 20.0}).partition(". ")[0]
    'Largest of the measures acting: ban of 2024-06-30 (+4 t, against its kind)'
    """
    parts = [part for part in (found or {"parts": ()})["parts"] if part["kind"] == "episode"]
    largest = sorted(parts, key=lambda part: -abs(part["tonnes"]))[:NAMED_MEASURES]
    if not largest:
        return ""
    said = [f"{part_title(part)} ({signed(part['tonnes'])} t{_against(part)})" for part in largest]
    odd = any(part.get("against_kind") for part in largest)
    return f"Largest of the measures acting: {_and(said)}.{OF_THE_SAME_MONTHS if odd else ''}"


def _against(part: Mapping[str, Any]) -> str:
    return ", against its kind" if part.get("against_kind") else ""


def what_if_in_short(lines: Sequence[tuple[Any, ...]], month: object, *, judged: bool = False) -> str:
    """What the likeliest of the branches leads to: ``lines`` of `branches_table` of a destination, in their month.

    Examples
    --------
    >>> stands = ("World", "as the calendar stands", "80 %", 5394.0, (4701.0, 6368.0), "")
    >>> lapse = ("World", "truce of 2025-11-10 lapses", "20 %", 5347.0, (4520.0, 6337.0), "-47")
    >>> what_if_in_short([stands, lapse], "2026-12")
    'In 2026-12, truce of 2025-11-10 lapses (20 %): 5,347 t (4,520 to 6,337); as the calendar stands 5,394 t.'
    >>> both = ("World", "both: a ban + truce of 2025-11-10 lapses", "6 %", 9.0, (8.0, 9.5), "")
    >>> what_if_in_short([stands, ("World", "only a ban", "14 %", 8.0, (7.0, 9.0), ""), both], "2027-01")
    'In 2027-01, only a ban (14 %): 8 t (7 to 9); both (6 %): 9 t (8 to 9.5); as the calendar stands 5,394 t.'
    """
    if len(lines) < 2:
        return ""
    (_, first, _, base, *_), *others = lines
    said = [f"{name.partition(': ')[0]} ({share}): {digits(median)} t ({digits(low)} to {digits(high)})"
            for _, name, share, median, (low, high), _ in others[:NAMED_MEASURES]]  # fmt: skip
    without = " Branches are without judgement." if judged else ""
    return f"In {month}, {'; '.join(said)}; {first} {digits(base)} t.{without}"


def right_in_short(issued: pd.DataFrame, phases: pd.DataFrame, destination: str, *, replayed: bool = False) -> str:
    """The last issue against the actual of a destination, and how often intervals held by phase; as far as known.

    Where nothing was issued it is ``replayed``: made again from what was known then.

    Examples
    --------
    >>> row = {"destination": "WLD", "month": "2026-07", "volume_t": 5307.0, "actual_t": 5375.0}
    >>> phases = pd.DataFrame([{"phase": "event", "held_80": 31, "n": 40}, {"phase": "calm", "held_80": 9, "n": 10}])
    >>> right_in_short(pd.DataFrame([row]), phases, "WLD")[:53]
    'Last time: 5,307 t for 2026-07, and 5,375 t came out.'
    """
    own = issued[issued["destination"] == destination] if len(issued) else issued
    when = "As it would have been issued" if replayed else "Last time"
    said = [
        f"{when}: {digits(row.volume_t)} t for {row.month}, and {digits(row.actual_t)} t came out."
        for row in records(own.tail(1))
    ]
    held = [f"{row.held_80} of {row.n} in {PHASE_WORDS.get(row.phase, row.phase)}" for row in records(phases)]
    if held:
        said.append(f"In a backtest over all destinations the 80 % interval held {_and(held)}.")
    return " ".join(said)


def _and(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))
