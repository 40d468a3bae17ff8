"""What acts on a destination in a month, in force or by its end, and the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from forecast.episodes.course import AFTER
from forecast.realtime.calendar import closed
from forecast.realtime.days import DAYS_A_MONTH
from forecast.realtime.events import ACTING_KINDS, SUSPENSION, Members, PolicyMeasure, acts_on, measures
from forecast.tables.frames import records

NAMED = 3
"""Destinations of an event that are named; further ones are counted."""


@dataclass(frozen=True)
class ActingCalendar:
    """The events known on a day, as they touch the destinations of one product; kinds that do not act left out."""

    known: pd.DataFrame
    groups: Members
    product: str

    def on(self, destination: str) -> list[Any]:
        """Events that ever act on a destination or a part of it, in order of effect, as named tuples.

        One that another continues there ends where that takes effect.
        """
        if destination not in self._touching:
            own = [event for event in self._in_order if acts_on(event, self.product, destination, self.groups)]
            self._touching[destination] = closed(own)
        return self._touching[destination]

    @cached_property
    def _touching(self) -> dict[str, list[Any]]:
        return {}

    @cached_property
    def _in_order(self) -> list[Any]:
        rows = self.known[self.known["kind"].isin(ACTING_KINDS)]
        return records(rows.sort_values("effective", kind="stable"))

    def acting(self, destination: str, month: pd.Period) -> list[Any]:
        """Events that act on a destination on some day of ``month``."""
        return acting_in(self.on(destination), month)

    def ended(self, destination: str, month: pd.Period) -> list[Any]:
        """Measures that ended before ``month``, which still depends on them, on a destination: see `ended_before`."""
        return ended_before(self.on(destination), month)


def acting_in(rows: Iterable[Any], month: pd.Period) -> list[Any]:
    """Of `forecast.realtime.calendar.closed` rows those that act on some day of ``month``."""
    first, last = month.start_time.date(), month.end_time.date()
    return [row for row in rows if row.effective < (row.ends or date.max) > first and row.effective <= last]


def ended_before(rows: Iterable[Any], month: pd.Period) -> list[Any]:
    """Of rows that touch a series the last of each measure that ended before a month which its after phases reach.

    With the day on which the measure took effect, and its end; one that a suspension set aside is not over.

    Examples
    --------
    >>> import forecast as fc
    >>> from forecast.realtime.events import acting_events, known_events
    >>> cut = known_events(fc.read_events().query("kind == 'tariff_cut'"), date(2026, 8, 20))
    >>> [len(ended_before(acting_events(cut), pd.Period(month, "M"))) for month in ("2026-02", "2026-03", "2026-10")]
    [0, 1, 0]
    """
    first = month.start_time.date()
    return [
        measure.rows[-1]._replace(effective=measure.effective, ends=measure.ends)
        for measure in measures(rows)
        if _is_over(measure)
        and measure.ends is not None
        and measure.ends <= first < measure.ends + timedelta(AFTER[-1] * DAYS_A_MONTH)
    ]


def _is_over(measure: PolicyMeasure) -> bool:
    aside = measure.rows[-1].kind == SUSPENSION != measure.rows[0].kind
    return measure.acted and not aside


def acting_words(acting: Sequence[Any], ended: Sequence[Any]) -> tuple[str, ...]:
    """The kinds of what acts, each once, in the order of `ACTING_KINDS`; then what ended, with its day."""
    kinds = {event.kind for event in acting}
    over = dict.fromkeys(ended_words(event) for event in sorted(ended, key=lambda event: event.ends))
    return (*(kind for kind in ACTING_KINDS if kind in kinds), *over)


def ended_words(event: Any) -> str:
    """A measure that ended, with its day."""
    return f"{event.kind} ended {event.ends}"


def since(event: Any, names: Mapping[str, str]) -> str:
    """Since when an event acts on whom, and until when where that is known."""
    until = f" until {event.ends}" if event.ends else ""
    return f"{event.effective} {whom(event.destinations, names)}{until}"


def whom(codes: Sequence[str], names: Mapping[str, str]) -> str:
    """The first destinations of an event by name, and how many more there are.

    Examples
    --------
    >>> whom(("DEU", "FRA", "ITA", "ESP", "POL"), {"DEU": "Germany"}), whom(("ALL",), {})
    ('Germany, FRA, ITA and 2 more', 'all')
    """
    named = ["all" if code in ("ALL", "WLD") else names.get(code, code) for code in codes]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return ", ".join(named[:NAMED]) + more
