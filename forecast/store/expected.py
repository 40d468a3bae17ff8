"""When figures are due, by source, and which are late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from forecast.realtime.days import release_day
from forecast.sources.extract import EUROPEAN_UNION_DAYS

PRELIMINARY = (7, 14)
"""Days of the next month between which Chinese customs publish totals without destinations."""

SEEN = 12
"""Months of a product whose releases say when the next one is due, where no source does."""


@dataclass(frozen=True)
class ReleaseRule:
    """When a source publishes a month.

    ``marks`` are parts of a ``source`` cell that name it (lower case), ``days`` how many after the month's last day
    its figures are out. Without ``days`` it keeps to the calendar of Chinese customs.

    References
    ----------
    General Administration of Customs of China, release schedule (by country on the 20th; none in February). US Census
    Bureau, FT-900 schedule (about 35 days). Eurostat, release calendar of international trade in goods (about 46 days).
    """

    name: str
    marks: tuple[str, ...] = ()
    days: int | None = None

    def due(self, month: pd.Period) -> date:
        """The day on which figures of ``month`` by destination are due.

        Examples
        --------
        >>> CUSTOMS.due(pd.Period("2026-01")), CENSUS.due(pd.Period("2026-08"))
        (datetime.date(2026, 3, 20), datetime.date(2026, 10, 5))
        """
        if self.days is None:
            return release_day(month)
        return month.end_time.date() + timedelta(days=self.days)


CUSTOMS = ReleaseRule("Chinese customs", ("customs.gov.cn", "gacc", "chinese customs"))
CENSUS = ReleaseRule("US Census", ("census",), 35)
EUROSTAT = ReleaseRule("Eurostat", ("eurostat", "comext"), EUROPEAN_UNION_DAYS)
RULES = (CUSTOMS, CENSUS, EUROSTAT)


def release_rule(exports: pd.DataFrame) -> ReleaseRule:
    """The rule of one product: by its latest source, by the customs calendar it keeps, or by its own usual delay."""
    first = exports.sort_values("released", kind="stable").drop_duplicates("month").sort_values("month").iloc[-SEEN:]
    source = str(first["source"].iloc[-1]).lower()
    named = [rule for rule in RULES if any(mark in source for mark in rule.marks)]
    if named:
        return named[0]
    released = list(zip(first["month"], first["released"], strict=True))
    if all(release_day(month) == day for month, day in released):
        return CUSTOMS
    delays = [(day - month.end_time.date()).days for month, day in released]
    return ReleaseRule("its own usual delay", days=int(np.ceil(np.max(delays))))


def late_releases(exports: pd.DataFrame, products: Sequence[str], today: date) -> list[str]:
    """A sentence for each product whose next month was due before ``today`` and is not there; ``exports`` as known.

    Examples
    --------
    >>> may = pd.Period("2026-05", freq="M")
    >>> row = {"product": "w", "month": may, "released": date(2026, 6, 20), "source": "gacc"}
    >>> late_releases(pd.DataFrame([row]), ["w"], date(2026, 7, 25))
    ['w: 2026-06 was due on 2026-07-20 (Chinese customs) and is not there on 2026-07-25:
    a late release, or a file to fetch.']
    """
    found = []
    for product in products:
        own = exports[exports["product"] == product]
        if own.empty:
            continue
        rule, month = release_rule(own), own["month"].max() + 1
        due = rule.due(month)
        if due < today:
            found.append(f"{product}: {_late(rule, month, due, today)}")
    return found


def _late(rule: ReleaseRule, month: pd.Period, due: date, today: date) -> str:
    missing = f"{month} was due on {due} ({rule.name}) and is not there on {today}"
    return f"{missing}: a late release, or a file to fetch."


def next_due(exports: pd.DataFrame, product: str, today: date) -> str | None:
    """When the next figures of a product come, in words; None where they are late already. ``exports`` as known.

    Examples
    --------
    >>> may = pd.Period("2026-05", freq="M")
    >>> row = {"product": "w", "month": may, "released": date(2026, 6, 20), "source": "gacc"}
    >>> next_due(pd.DataFrame([row]), "w", date(2026, 6, 20))
    'w: 2026-06 by destination is due on 2026-07-20 (Chinese customs),
    its total without destinations between 7 and 14 July'
    """
    own = exports[exports["product"] == product]
    rule, month = release_rule(own), own["month"].max() + 1
    due = rule.due(month)
    if due < today:
        return None
    text = f"{product}: {month} by destination is due on {due} ({rule.name})"
    if rule is not CUSTOMS:
        return text
    first, last = PRELIMINARY
    return f"{text}, its total without destinations between {first} and {last} {due:%B}"
