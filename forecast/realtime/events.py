"""The calendar of policy events: what it says on a given day, on whom an event acts, and the shapes it takes.

A shape is a series of days (1 while the event acts, or less), so that months covered in part come out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.realtime.days import DAYS_A_MONTH, Days, consecutive_months, days_of
from forecast.tables.frames import records
from forecast.tables.schema import EVENT_COLUMNS

TIGHTENING = ("licensing", "ban", "quota", "scrutiny", "tariff", "tax", "listing")
SUSPENSION = "suspension"
EASING = ("truce", "general_licence", "approvals", SUSPENSION, "quota_removal", "tariff_cut")
WITHOUT_REGRESSOR = ("dialogue", "threat", "legal_framework", "procurement", "other")
ACTING_KINDS = TIGHTENING + EASING
DAYS_ONLY = ("approvals",)
"""Kinds that are something done on a day, however long volumes show it: no state that is in force until it ends."""

KINDS = ACTING_KINDS + WITHOUT_REGRESSOR

SHAPES = ("step", "temporary", "anticipation")
"""Level shift while the event acts; temporary change that decays from its onset; notice between word and effect."""

DECAY = 0.7
"""Share of a temporary change that is left after a month: the convention of X-13ARIMA-SEATS and TRAMO."""

LONGEST_OVERLAP = timedelta(days=1)
"""How long an event may overlap what carries it on: some name the last day as the end, some the day after."""

Members = Mapping[str, tuple[str, ...]]
"""Group code to the codes of its members."""


def known_events(events: pd.DataFrame, issued: date) -> pd.DataFrame:
    """The calendar as of ``issued``: events announced by then, with the ends known by then (point-in-time).

    Where there is a column ``known_from`` (branches of a scenario), that is the day from which an event is known.

    Of an end that was not known yet nothing is left: the event acts without end. An end that is only scheduled stands
    in the added column ``scheduled`` from the day it was known, since nobody has confirmed it. A table without
    ``continues`` gets it, empty.

    Examples
    --------
    >>> from datetime import date
    >>> import forecast as fc
    >>> calendar = fc.read_events()
    >>> [len(fc.known_events(calendar, date(2025, 4, day)).query("event == 'licensing-2025-04-ree'")) for day in (3, 4)]
    [0, 1]
    """
    since = events["known_from" if "known_from" in events else "announced"]
    known = events.loc[[day <= issued for day in since]].reset_index(drop=True)
    found = [_end_known(issued, *own) for own in records(known[["ends", "ends_announced", "ends_status"]])]
    types = {"ends": object, "ends_announced": object, "ends_status": known["ends_status"].dtype, "scheduled": object}
    columns = {name: pd.Series([row[at] for row in found], dtype=types[name]) for at, name in enumerate(types)}
    return known.assign(
        continues=known["continues"].astype(object).fillna("") if "continues" in known else "", **columns
    )


def _end_known(
    issued: date, end: date | None, announced: date | None, status: str
) -> tuple[date | None, date | None, str, date | None]:
    """What was known of an end on a day, from its announcement or else itself: end, announcement, status, schedule."""
    known_from = announced or end
    if known_from is None or known_from > issued or end is None:
        return None, None, "", None
    return (None, announced, status, end) if status == "scheduled" else (end, announced, status, None)


def known_calendar(events: pd.DataFrame, issued: date) -> pd.DataFrame:
    """The calendar as of ``issued`` in the columns of an events file, so that it can be kept and read as one.

    A scheduled end stands in ``ends`` again, with its status: on that day `known_events` of it is that of ``events``.

    Examples
    --------
    >>> from datetime import date
    >>> import forecast as fc
    >>> kept = known_calendar(fc.read_events(), date(2026, 8, 20)).set_index("event")
    >>> str(kept.loc["truce-2025-11-usa", "ends"]), kept.loc["truce-2025-11-usa", "ends_status"]
    ('2026-11-10', 'scheduled')
    """
    known = known_events(events, issued)
    return known.assign(ends=known["ends"].where(known["scheduled"].isna(), known["scheduled"]))[EVENT_COLUMNS]


def acts_on(event: Any, product: str, destination: str, members: Members) -> bool:
    """Whether an event (a row) touches a series: by name, as ``ALL``, through a group, or in a part of it."""
    codes = event.destinations
    touched = covers_whole(codes, destination, members) or bool(parts_of(codes, destination, members))
    return touched and covers_product(event.products, product)


def covers_product(products: Iterable[str], product: str) -> bool:
    """Whether a list of products names this one, or every one."""
    return any(named in (product, "ALL") for named in products)


def covers_whole(codes: Iterable[str], destination: str, members: Members) -> bool:
    """Whether the codes of an event cover all of a destination: itself, a group it belongs to, or everyone."""
    named = set(codes)  # a ban may name as many destinations as a panel has, and is asked about each of them
    if not named.isdisjoint((destination, "ALL", "WLD")):
        return True
    return any(destination in members[group] for group in named & members.keys())


def parts_of(codes: Iterable[str], destination: str, members: Members) -> list[str]:
    """The codes of an event that are a part of a destination: anyone of ``WLD``, members of a group."""
    if destination == "WLD":
        return [code for code in codes if code not in ("ALL", "WLD")]
    inside = members.get(destination, ())
    return [code for code in codes if code in inside] if inside else []


def as_series_sees(events: Iterable[Any], destination: str, members: Members) -> list[Any]:
    """Rows that touch a series, of which those that cover all of it name it alone: no other concerns it.

    So a suspension for one destination sets aside, there, a ban on three.
    """
    return [
        event._replace(destinations=(destination,)) if covers_whole(event.destinations, destination, members) else event
        for event in events
    ]


@dataclass(frozen=True)
class Scope:
    """One series as events see it.

    ``shares`` is the part of the series' volume that goes to each of its parts (a country of a group, anyone of
    ``WLD``); a part without a known share has no weight.
    """

    product: str
    destination: str
    members: Members
    shares: Mapping[str, float]


def acting_events(events: pd.DataFrame) -> list[Any]:
    """The rows of a calendar, as named tuples, whose kinds have a regressor."""
    return records(events[events["kind"].isin(ACTING_KINDS)])


class PolicyMeasure(NamedTuple):
    """An event and what continues it: its ``rows`` in order of effect, first day, and the day after the last if known.

    One that was called off before its day of effect ends on or before it. One that revives when its suspension ends is
    a measure of its own; ``revival`` is the day from which that was known.
    """

    rows: tuple[Any, ...]
    effective: date
    ends: date | None
    revival: date | None = None

    @classmethod
    def of(cls, chain: Sequence[Any]) -> PolicyMeasure:
        """That of the rows that belong together; those that were called off count only where no other acts.

        An open row that another continues ends where that takes effect.
        """
        rows = tuple(row for row in chain if not called_off(row)) or tuple(chain[:1])
        ends = [row.ends or later.effective for row, later in pairwise(rows)]
        open_end = rows[-1].ends is None
        return cls(rows, rows[0].effective, None if open_end else max([rows[-1].ends, *ends]))

    @property
    def announced(self) -> date:
        """The day on which it was first announced."""
        first: date = self.revival or min(row.announced for row in self.rows)
        return first

    @property
    def name(self) -> str:
        """The event that began it, with the day on which it revived if it did."""
        event: str = self.rows[0].event
        return f"revived-{self.effective}:{event}" if self.revival else event

    @property
    def acted(self) -> bool:
        """Whether it was, or is to be, in force for a day at least."""
        return self.ends is None or self.ends > self.effective


def measures(events: Iterable[Any]) -> list[PolicyMeasure]:
    """Events grouped with what continues them, in order of effect of the first row.

    What continues an event names it, across a gap and in other scope too, or names nothing and `carries_on`; it has the
    same direction (`same_direction`). A measure ends where a suspension of the same scope sets it aside, and revives
    where that ends.

    Examples
    --------
    A measure that was put off takes effect when the row that continues it does:

    >>> import forecast as fc
    >>> early = fc.read_events().query("event == 'truce-2025-05-usa'").assign(ends=date(2025, 5, 14))
    >>> late = early.assign(event="later", effective=date(2025, 7, 1), ends=None, continues="truce-2025-05-usa")
    >>> [one] = measures(acting_events(pd.concat([early, late]).astype(object)))
    >>> one.effective, one.ends, len(one.rows)
    (datetime.date(2025, 7, 1), None, 1)
    """
    found = [PolicyMeasure.of(chain) for chain in chains(events)]
    suspensions = [one for one in found if one.rows[0].kind == SUSPENSION and one.acted]
    for suspension in suspensions:
        aside = [one for one in found if _sets_aside(suspension, one)]
        parts = [part for one in found for part in (_split(one, suspension) if one in aside else [one])]
        found = [one for one in parts if one is not suspension] if aside else found
    return sorted(found, key=lambda one: one.effective) if suspensions else found


def _sets_aside(suspension: PolicyMeasure, measure: PolicyMeasure) -> bool:
    """Whether a suspension is one of this measure: a tightening in force on the same destinations and on its goods."""
    begun = measure.effective < suspension.effective
    in_force = begun and (measure.ends is None or measure.ends > suspension.effective)
    row, other = measure.rows[0], suspension.rows[0]
    same = set(row.destinations) == set(other.destinations)
    goods = "ALL" in (*row.products, *other.products) or not set(row.products).isdisjoint(other.products)
    return row.kind in TIGHTENING and in_force and same and goods


def _split(measure: PolicyMeasure, suspension: PolicyMeasure) -> list[PolicyMeasure]:
    """A measure up to its suspension, whose rows go with it, and from the known end of that, unless it was to end."""
    before = measure._replace(rows=measure.rows + suspension.rows, ends=suspension.effective)
    end, own = suspension.ends, measure.ends or getattr(measure.rows[-1], "scheduled", None)
    if end is None or (own is not None and own <= end):
        return [before]
    known = suspension.rows[-1].ends_announced or end
    return [before, measure._replace(effective=end, revival=known)]


def chains(events: Iterable[Any]) -> list[list[Any]]:
    """Events grouped with what continues them, each in order of effect, suspensions in groups of their own."""
    place: dict[str, int] = {}
    found: list[list[Any]] = []
    for event in sorted(events, key=lambda event: (event.effective, event.announced, event.event)):
        named = getattr(event, "continues", "") or ""
        carried = (at for at, chain in enumerate(found) if not named and carries_on(chain[-1], event))
        at = place.get(named, next(carried, len(found)))
        if at < len(found) and not same_direction(found[at][0].kind, event.kind):
            at = len(found)
        if at == len(found):
            found.append([])
        found[at].append(event)
        place[event.event] = at
    return found


def same_direction(kind: str, later: str) -> bool:
    """Whether a row of kind ``later`` may be the same measure as one of ``kind``: no easing is what it eases.

    Examples
    --------
    >>> same_direction("tariff", "licensing"), same_direction("ban", "suspension")
    (True, False)
    """
    return (kind in EASING) == (later in EASING)


def called_off(event: Any) -> bool:
    """Whether an event is known to have ended on or before its day of effect, so that it never acts."""
    return event.ends is not None and bool(event.ends <= event.effective)


def carries_on(event: Any, later: Any) -> bool:
    """Whether ``later``, which names nothing that it continues, carries an event on.

    It does where kind, products and destinations are the same, and it takes effect on the day on which the event ends,
    confirmed or scheduled, or overlaps it by `LONGEST_OVERLAP` at most.
    """
    end = event.ends or getattr(event, "scheduled", None)
    if end is None or called_off(event) or later.effective <= event.effective:
        return False
    same = event.kind == later.kind and _scope(event) == _scope(later)
    return same and bool(end - LONGEST_OVERLAP <= later.effective <= end)


def _scope(event: Any) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(event.products), frozenset(event.destinations)


def events_by_kind(acting: Iterable[Any], scope: Scope) -> dict[str, list[Any]]:
    """Of `acting_events` those that touch a series, by kind."""
    by_kind: dict[str, list[Any]] = {kind: [] for kind in ACTING_KINDS}
    for event in acting:
        if acts_on(event, scope.product, scope.destination, scope.members):
            by_kind[event.kind].append(event)
    return {kind: rows for kind, rows in by_kind.items() if rows}


def monthly_shape(events: Sequence[Any], shape: str, scope: Scope, months: pd.PeriodIndex) -> np.ndarray:
    """The mean of `daily_shape` over the days of each of ``months`` (consecutive)."""
    if all(covers_whole(event.destinations, scope.destination, scope.members) for event in events):
        spans = tuple((event.announced, event.effective, event.ends) for event in events)
        return _monthly_whole(spans, shape, months[0].ordinal, len(months))
    days = days_of(months)
    return days.monthly(daily_shape(events, shape, scope, days))


@lru_cache(maxsize=4096)
def _monthly_whole(spans: tuple[Span, ...], shape: str, first: int, count: int) -> np.ndarray:
    """As `monthly_shape`, of events that cover all of a destination: the same for every such destination."""
    days = days_of(consecutive_months(first, count))
    monthly = days.monthly(_daily_whole(spans, shape, days))
    monthly.flags.writeable = False
    return monthly


def daily_shape(events: Iterable[Any], shape: str, scope: Scope, days: Days) -> np.ndarray:
    """How strongly events of one kind (see `events_by_kind`) act on each day of ``days``, from 0 to 1.

    Events that overlap or abut on the same code are one spell, so an extended truce is one truce, and nobody
    anticipates what acts already. Events on parts of the destination count by their share of its volume.
    """
    whole: list[Interval] = []
    parts: dict[str, list[Interval]] = {}
    for event in events:
        interval = _interval((event.announced, event.effective, event.ends), shape)
        if interval is None:
            continue
        if covers_whole(event.destinations, scope.destination, scope.members):
            whole.append(interval)
            continue
        for code in parts_of(event.destinations, scope.destination, scope.members):
            parts.setdefault(code, []).append(interval)
    daily = np.maximum(_daily_spells(whole, shape, days), _weighted(parts, shape, scope, days))
    if shape == "anticipation":
        daily = daily * (1 - daily_shape(events, "step", scope, days))
    return np.asarray(daily)


def _daily_whole(spans: Iterable[Span], shape: str, days: Days) -> np.ndarray:
    intervals = [_interval(span, shape) for span in spans]
    daily = _daily_spells([interval for interval in intervals if interval is not None], shape, days)
    return daily * (1 - _daily_whole(spans, "step", days)) if shape == "anticipation" else daily


Span = tuple[date, date, date | None]
"""Days on which an event was announced, takes effect and ends (None: open)."""

Interval = tuple[date, date]
"""First day, and the day after the last (``date.max`` for an open end)."""


def _interval(span: Span, shape: str) -> Interval | None:
    announced, effective, ends = span[0], span[1], span[2] or date.max
    interval = (announced, min(effective, ends)) if shape == "anticipation" else (effective, ends)
    return interval if interval[0] < interval[1] else None


def _weighted(parts: Mapping[str, list[Interval]], shape: str, scope: Scope, days: Days) -> np.ndarray:
    """Sum over parts of share times shape; a country whose group acts too is counted with the group alone."""
    total, groups = np.zeros(len(days.ordinals)), parts.keys() & scope.members.keys()
    for code, intervals in parts.items():
        daily = _daily_spells(intervals, shape, days)
        for group in groups:
            if code in scope.members[group]:
                daily = np.where(_daily_spells(parts[group], "step", days) > 0, 0.0, daily)
        total += scope.shares.get(code, 0.0) * daily
    return np.minimum(total, 1.0)


def _daily_spells(intervals: list[Interval], shape: str, days: Days) -> np.ndarray:
    daily = np.zeros(len(days.ordinals))
    for start, end in merged(intervals):
        acting = days.between(start, end)
        age = np.maximum(days.ordinals - start.toordinal(), 0) / DAYS_A_MONTH
        daily += acting * DECAY**age if shape == "temporary" else acting
    return daily


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals joined where they overlap or abut, in order.

    Examples
    --------
    >>> from datetime import date
    >>> merged([(date(2025, 8, 12), date(2025, 11, 10)), (date(2025, 5, 14), date(2025, 8, 12))])
    [(datetime.date(2025, 5, 14), datetime.date(2025, 11, 10))]
    """
    spells: list[Interval] = []
    for start, end in sorted(intervals):
        if spells and start <= spells[-1][1]:
            spells[-1] = (spells[-1][0], max(end, spells[-1][1]))
        else:
            spells.append((start, end))
    return spells
