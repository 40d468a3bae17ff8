"""Remarks under a table of forecasts, and that on the total and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from forecast.report.text import digits, spoken
from forecast.tables.frames import records
from forecast.tables.schema import REST_OF_WORLD, WORLD

_YEAR = 12
_TOTALS = (WORLD, REST_OF_WORLD)


@dataclass(frozen=True)
class Remark:
    """Something that a reader of the table must know: ``lines`` under a ``label``."""

    label: str
    lines: tuple[str, ...]


def judgement_lines(judgements: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """A sentence for each judged forecast: the model's number, the judged one, and why.

    Examples
    --------
    >>> row = {"destination": "USA", "month": pd.Period("2026-08"), "model_t": 353.0, "judged_t": 282.4, "rule": "-20%"}
    >>> judgement_lines(pd.DataFrame([row | {"reason": "customs strike"}]), {"USA": "United States"})
    ['United States 2026-08: the model says 353 t, judged 282 t (-20%): customs strike']
    """
    return [
        f"{names.get(row.destination, row.destination)} {row.month}: the model says {digits(row.model_t)} t, "
        f"judged {digits(row.judged_t)} t" + ("" if row.rule == row.reason else f" ({row.rule})") + f": {row.reason}"
        for row in records(judgements)
    ]


def adding_up(reconciled: pd.DataFrame, rows: pd.DataFrame, product: str, issued: date) -> Remark:
    """Why medians of the table need not add up and where some do; in place of a total, the sum of the destinations.

    No series gets a second number here: what the table has of it is its forecast.
    """
    own = reconciled[(reconciled["product"] == product) & (reconciled["issued"] == issued)]
    called = dict(zip(rows["destination"], rows["name"], strict=True))
    apart = [str(called.get(code, code)) for code in dict.fromkeys(own["destination"]) if code not in _TOTALS]
    if REST_OF_WORLD in set(own["destination"]):
        return Remark("Totals", (
            f"Rest of world is World less {', '.join(apart)}, as in draws in which these add up (reconciled.csv); in "
            "forecasts.csv it stands by itself",
            "the other forecasts are of each series by itself: medians need not add up",
        ))  # fmt: skip
    judged = ", without judgement" if rows["reason"].any() else ""
    return Remark("Totals", tuple(
        f"the {row.parts} destinations that do not overlap together, from joint draws (reconciled.csv){judged}: "
        f"{row.month} {digits(row.volume_t)} t ({digits(row.lower_80)} to {digits(row.upper_80)})"
        for row in records(own.sort_values("month"))
    ))  # fmt: skip


def by_headline(nowcasts: pd.DataFrame, rows: pd.DataFrame) -> Remark:
    """The headline that moved the forecast, and what the total would have been without it."""
    lines = []
    called = dict(zip(rows["destination"], rows["name"], strict=True))
    for row in records(nowcasts[nowcasts["month"] == nowcasts["headline_month"]]):
        if row.destination == WORLD:
            without = f"{digits(row.without_t)} ({digits(row.without_lower_80)} to {digits(row.without_upper_80)})"
            lines.append(f"{spoken(row.headline)} {row.month}: {digits(row.headline_t)} t, out before the figures; "
                         f"without it {called.get(WORLD, WORLD)} would be {without} (nowcasts.csv)")  # fmt: skip
    return Remark("Headline", tuple(lines))


def inside_sums(estimates: pd.DataFrame, rows: pd.DataFrame) -> Remark:
    """Months of the last year that are known only inside a total of several months, and how many others there are."""
    called = dict(zip(rows["destination"], rows["name"], strict=True))
    recent = estimates[estimates["destination"].isin(list(called)) & (estimates["inside"] != WORLD)]
    if len(recent):
        recent = recent[recent["month"] > estimates["month"].max() - _YEAR]
    lines = []
    for (code, inside), own in recent.groupby(["destination", "inside"], sort=False):
        of_months = [f"{row.month} ~{digits(row.volume_t)} ({digits(row.lower_80)} to {digits(row.upper_80)})"
                     for row in records(own)]  # fmt: skip
        total = digits(own["sum_t"].iloc[0])
        lines.append(f"{called[str(code)]} {inside}, {total} t without the months known: {', '.join(of_months)}")
    others = len(estimates) - len(recent)
    more = (f"{others} more months that the world's figure or an older total holds: estimates.csv",) if others else ()
    return Remark("Estimates, ~", (*lines, *more))
