"""Typed policy events and the calendar of a day: on whom an event acts, and when, and which rows are one episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

import pandas as pd

from forecast.realtime.events import (
    ACTING_KINDS,
    Members,
    PolicyMeasure,
    acts_on,
    called_off,
    carries_on,
    chains,
    covers_product,
    covers_whole,
    known_events,
    same_direction,
)
from forecast.tables.frames import records


@dataclass(frozen=True)
class Event:
    """One row of a calendar as known on a day.

    Attributes
    ----------
    event, kind
        Its name, and what the measure is (`forecast.realtime.events.KINDS`).
    products, destinations
        What and whom it names; ``("ALL",)`` is every one.
    announced, effective, ends, ends_announced
        Days; it acts on [effective, ends). ``ends`` is None where no end is known, or only a scheduled one.
    source, description
        Where it stands, and what was decided.
    ends_status
        ``"scheduled"`` where nobody has confirmed the end, else ``""``.
    continues
        The event that this row extends or replaces, ``""`` where the row says nothing of it.
    scheduled
        The day of a scheduled end.

    Examples
    --------
    >>> may = date(2025, 5, 14)
    >>> truce = Event("truce", "truce", ("ALL",), ("USA",), may, may, date(2025, 8, 12))
    >>> truce.acts_on("magnets", "USA", {}), truce.acts_on("magnets", "JPN", {})
    (True, False)
    >>> [truce.acts_in(pd.Period(month, "M")) for month in ("2025-04", "2025-05", "2025-08", "2025-09")]
    [False, True, True, False]
    """

    event: str
    kind: str
    products: tuple[str, ...]
    destinations: tuple[str, ...]
    announced: date
    effective: date
    ends: date | None = None
    ends_announced: date | None = None
    source: str = ""
    description: str = ""
    ends_status: str = ""
    continues: str = ""
    scheduled: date | None = None

    @property
    def last_day_known(self) -> date | None:
        """The day on which it ends, confirmed or scheduled; None where open."""
        return self.ends or self.scheduled

    @property
    def withdrawn(self) -> bool:
        """Whether it is known to have ended on or before its day of effect, so that it never acts."""
        return called_off(self)

    def acts_on(self, product: str, destination: str, members: Members) -> bool:
        """Whether it touches a series: by name, as ``ALL``, through a group of ``members``, or in a part of it."""
        return acts_on(self, product, destination, members)

    def acts_in(self, month: pd.Period) -> bool:
        """Whether it acts on at least one day of ``month``; a scheduled end stops nothing."""
        following = month + 1
        first, after = date(month.year, month.month, 1), date(following.year, following.month, 1)
        start, end = max(self.effective, first), min(self.ends or after, after)
        return start < end


_FIELDS = [field.name for field in fields(Event)]

EventChain = tuple[Event, ...]
"""An event and what continues it, in the order of taking effect."""


@dataclass(frozen=True)
class Calendar:
    """Policy events as known on a day, in the order of the table.

    Examples
    --------
    The truce between the United States and China was extended twice: on file as three rows, one episode.

    >>> import forecast as fc
    >>> calendar = Calendar.as_of(fc.read_events(), date(2025, 12, 31))
    >>> [[event.event for event in episode] for episode in calendar.episodes() if episode[0].kind == "truce"]
    [['truce-2025-05-usa', 'truce-2025-08-usa', 'truce-2025-11-usa']]
    """

    events: tuple[Event, ...]

    @classmethod
    def as_of(cls, events: pd.DataFrame, issued: date) -> Calendar:
        """The calendar as it stood on ``issued``, from a table in the columns of an events file.

        An event announced later is not in it, and of an end that was not known there is nothing left
        (`forecast.realtime.events.known_events`).
        """
        known = known_events(events, issued).astype(object)
        return cls(tuple(Event(**row._asdict()) for row in records(known[_FIELDS])))

    def by_kind(self) -> dict[str, tuple[Event, ...]]:
        """Events by kind, kinds in the order of their first event."""
        kinds = dict.fromkeys(event.kind for event in self.events)
        return {kind: tuple(event for event in self.events if event.kind == kind) for kind in kinds}

    @property
    def acting(self) -> tuple[Event, ...]:
        """Events whose kinds have a regressor (`forecast.realtime.events.ACTING_KINDS`)."""
        return tuple(event for event in self.events if event.kind in ACTING_KINDS)

    def previous(self, event: Event) -> Event | None:
        """The event that ``event`` continues; None where it begins an episode.

        That is the one it names, but for an easing of a tightening; where it names none, the one that it carries on
        (`forecast.realtime.events.carries_on`), the latest to take effect where there are several.
        """
        return self._previous[event.event]

    def next(self, event: Event) -> Event | None:
        """The event that continues ``event``, the first to take effect where there are several; else None."""
        following = [later for later in self.events if self.previous(later) == event]
        return min(following, key=_by_effect, default=None)

    def episodes(self) -> tuple[EventChain, ...]:
        """Events grouped with what continues them, each event in one episode, in the order of their first rows."""
        groups: dict[str, list[Event]] = {}
        for event in self.events:
            groups.setdefault(self._first(event).event, []).append(event)
        return tuple(tuple(sorted(group, key=_by_effect)) for group in groups.values())

    @cached_property
    def _previous(self) -> dict[str, Event | None]:
        return {
            event.event: self._named_by(event) if event.continues else self._carried_on(event) for event in self.events
        }

    def _named_by(self, event: Event) -> Event | None:
        found = next((earlier for earlier in self.events if earlier.event == event.continues), None)
        return found if found is not None and same_direction(found.kind, event.kind) else None

    def _carried_on(self, later: Event) -> Event | None:
        return max((event for event in self.events if carries_on(event, later)), key=_by_effect, default=None)

    def _first(self, event: Event) -> Event:
        """Where the chain of what ``event`` continues begins."""
        seen, first = {event.event}, event
        while (earlier := self.previous(first)) is not None:
            if earlier.event in seen:
                raise ValueError(f"{event.event}: continues leads back to {earlier.event}; expected an earlier event.")
            seen.add(earlier.event)
            first = earlier
        return first


def _by_effect(event: Event) -> date:
    return event.effective


def closed(events: Iterable[Any], by: Callable[[Any, Any], bool] | None = None) -> list[Any]:
    """Rows of a calendar as known (named tuples), each open one that another continues ended where that takes effect.

    As in the measures that they make (`forecast.realtime.events.measures`): a scheduled end that was put off by a row
    of its own is none any more. ``by`` says whether a later row may end an earlier one, where not every one may.

    Examples
    --------
    >>> import forecast as fc
    >>> known = known_events(fc.read_events().query("kind == 'truce'"), date(2026, 9, 30))
    >>> [(row.event, str(row.ends), row.scheduled) for row in closed(records(known))][-2:]
    [('truce-2025-11-usa', '2026-11-10', None), ('truce-2026-11-usa', 'None', datetime.date(2027, 1, 10))]
    """
    rows = list(events)
    ends: dict[str, date] = {}
    for chain in chains(rows):
        for row, later in pairwise(PolicyMeasure.of(chain).rows):
            if row.ends is None and (by is None or by(row, later)):
                ends[row.event] = later.effective
    return [
        row._replace(ends=ends[row.event], ends_status="", scheduled=None) if row.event in ends else row for row in rows
    ]


def closes_whole(members: Members) -> Callable[[Any, Any], bool]:
    """For `closed`: whether a later row is on all destinations and goods of an earlier one, so that nothing is left."""

    def covers(row: Any, later: Any) -> bool:
        places = all(covers_whole(later.destinations, code, members) for code in row.destinations)
        return places and all(covers_product(later.products, product) for product in row.products)

    return covers
