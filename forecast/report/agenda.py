"""The calendar of policy events as people read it, as it was known on a day, as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.episodes.course import DIVERSION
from forecast.realtime.calendar import closed, closes_whole
from forecast.realtime.events import (
    ACTING_KINDS,
    DAYS_ONLY,
    EASING,
    SUSPENSION,
    TIGHTENING,
    Members,
    PolicyMeasure,
    acting_events,
    called_off,
    chains,
    covers_product,
    covers_whole,
    known_events,
    measures,
    parts_of,
)
from forecast.report.acting import whom
from forecast.report.text import spoken
from forecast.tables.frames import records
from forecast.vocabulary.text import counted

SHOWN_PRODUCTS = 2
"""Products named for an event; further ones are counted."""

IN_FORCE_KINDS = tuple(kind for kind in ACTING_KINDS if kind not in DAYS_ONLY)
"""Kinds that are in force from a day to a day."""

WIDEST = 80
"""Columns that the calendar fits in."""


# Names ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventNames:
    """Events and episodes as people name them, by identifier: kind, day of effect, and whom, where it is not all.

    Examples
    --------
    >>> import forecast as fc
    >>> called = EventNames.of(fc.read_events(), {"USA": "United States"})
    >>> called("licensing-2025-04-ree"), called("diverted:truce-2025-11-usa")
    ('licensing of 2025-04-04', 'diverted by truce of 2025-11-10, United States')
    >>> called("mine"), called.description("mine")
    ('mine', '')
    """

    said: Mapping[str, str] = field(default_factory=dict)
    described: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, events: pd.DataFrame, names: Mapping[str, str], known: date | None = None) -> EventNames:
        """Those of a calendar; two that would be called the same have their identifiers beside it.

        As ``known`` on a day where that is given: a measure that has ended, or is sure to, has its end in its name.

        Examples
        --------
        >>> import forecast as fc
        >>> EventNames.of(fc.read_events(), {}, date(2026, 8, 20))("tariff-2025-04-usa-reciprocal")
        'tariff of 2025-04-09 until 2025-05-14, USA'
        """
        until, aside = (_ends_known(events, known), _suspended(events, known)) if known else ({}, {})
        said = {event.event: _called(event, names, until.get(event.event)) for event in records(events)}
        said |= {event: f"{said[event]}, suspended from {day}" for event, day in aside.items()}
        often = Counter(said.values())
        said = {event: f"{name} ({event})" if often[name] > 1 else name for event, name in said.items()}
        described = {event.event: event.description for event in records(events)}
        return cls(said, described, {event.event: event.kind for event in records(events)})

    def __call__(self, name: str) -> str:
        """The name of an event, of what it diverts or of its revival; the identifier where it is not on file."""
        before, _, event = name.rpartition(":")
        found = self.said.get(event, event)
        if before == "diverted":
            return f"diverted by {found}"
        return f"{found}, again from {before.removeprefix('revived-')}" if before else found

    def branch(self, name: str) -> str:
        """The name of a branch of a scenario: what happens in it, joined by a plus, each with what becomes of it.

        Examples
        --------
        >>> EventNames({"truce-2025": "truce of 2025-11-10"}).branch("ban-2027 + truce-2025 lapses")
        'ban-2027 + truce of 2025-11-10 lapses'
        """
        happens = [part.partition(" lapses") for part in name.split(" + ")]
        return " + ".join(f"{self(event)}{lapses}{rest}" for event, lapses, rest in happens)

    def branches(self, names: Collection[str]) -> dict[str, str]:
        """The names of all branches of a scenario; one in which only one of several things happens says that it does.

        The first is the calendar as it stands. So that nobody takes the probability of a branch for that of an event.

        Examples
        --------
        >>> list(EventNames().branches(["as the calendar stands", "a", "b", "a + b"]).values())
        ['as the calendar stands', 'only a', 'only b', 'both: a + b']
        >>> list(EventNames().branches(["as the calendar stands", "a"]).values())
        ['as the calendar stands', 'a']
        """
        several = len({part for name in list(names)[1:] for part in name.split(" + ")})
        said = {}
        for place, name in enumerate(names):
            count = name.count(" + ") + 1
            alone = "only " if several > 1 and count == 1 and place else ""
            said[name] = f"{alone or ('both: ' if several == count == 2 else '')}{self.branch(name)}"
        return said

    def kind(self, name: str) -> str:
        """The kind of an event or its revival, and of what an event diverts; nothing where it is not on file."""
        before, _, event = name.rpartition(":")
        return DIVERSION if before == "diverted" else self.kinds.get(event, "")

    def against_kind(self, name: str, effect: float) -> bool:
        """Whether an effect (its sign counts) is not what the kind of an event is for; a diversion brings goods.

        Examples
        --------
        >>> called = EventNames(kinds={"checks": "scrutiny", "peace": "truce"})
        >>> called.against_kind("checks", 0.2), called.against_kind("peace", 0.2), called.against_kind("mine", 0.2)
        (True, False, False)
        >>> called.against_kind("diverted:checks", 0.2), called.against_kind("diverted:checks", -0.2)
        (False, True)
        """
        kind = self.kind(name)
        return (effect > 0.0 and kind in TIGHTENING) or (effect < 0.0 and kind in (*EASING, DIVERSION))

    def description(self, name: str) -> str:
        """What the calendar says of an event in a sentence, or nothing."""
        return self.described.get(name.rpartition(":")[2], "")


def _called(event: Any, names: Mapping[str, str], until: date | None) -> str:
    whole = set(event.destinations) & {"ALL", "WLD"}
    span = f"{event.effective} until {until}" if until else f"{event.effective}"
    return f"{spoken(event.kind)} of {span}" + ("" if whole else f", {whom(event.destinations, names)}")


def _ends_known(events: pd.DataFrame, day: date) -> dict[str, date]:
    """The ends known on a day of the measures that a calendar makes, by the event that began each.

    None of a measure whose rows are not all on the same destinations and goods: it may end on some only. Nor of one
    that is set aside, which a suspension may do for some goods only.
    """
    found: dict[str, date] = {}
    for chain in chains(acting_events(known_events(events, day))):
        measure = PolicyMeasure.of(chain)
        alike = len({(frozenset(row.destinations), frozenset(row.products)) for row in measure.rows}) == 1
        if measure.ends is not None and measure.acted and alike:
            found[measure.name] = measure.ends
    return found


def _suspended(events: pd.DataFrame, day: date) -> dict[str, date]:
    """The days from which suspensions known on a day set measures aside, by the event that began each measure."""
    acting = acting_events(known_events(events, day))
    chained = [measure.rows for measure in measures(acting) if not measure.revival]
    return {rows[0].event: row.effective for rows in chained for row in rows[1:]
            if row.kind == SUSPENSION != rows[0].kind}  # fmt: skip


# The calendar --------------------------------------------------------------------------------------------------------


def agenda(
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | None = None,
    products: Collection[str] = (),
    destinations: Collection[str] = (),
) -> pd.DataFrame:
    """The events known on ``issued`` (None: all on file), in order of announcement, with the column ``scheduled``.

    Of those, the ones on any of ``products`` and on any of ``destinations``, where these are given; an event on a group
    counts for its members, an event on a member for its group, and every event for ``WLD``. An open event that another
    continues on all its destinations and products ends where that takes effect.

    Examples
    --------
    >>> import forecast as fc
    >>> agenda(fc.read_events(), fc.read_groups(), products=["gallium"], destinations=["DEU"])["event"].iloc[0]
    'licensing-2023-08-gallium-germanium'
    """
    known = known_events(events, issued or date.max)
    known = pd.DataFrame(closed(records(known), closes_whole(groups)), columns=known.columns).astype(known.dtypes)
    kept = [
        (not products or any(covers_product(event.products, product) for product in products))
        and (not destinations or any(_concerns(event.destinations, code, groups) for code in destinations))
        for event in records(known)
    ]
    return known[np.array(kept, dtype=bool)].sort_values("announced", kind="stable").reset_index(drop=True)


def _concerns(codes: Collection[str], destination: str, groups: Members) -> bool:
    return covers_whole(codes, destination, groups) or bool(parts_of(codes, destination, groups))


def in_force(shown: pd.DataFrame, day: date) -> pd.DataFrame:
    """The rows of an `agenda` that are in force on ``day``, in order of effect.

    An end that is only scheduled does not count; what was done on a day (`DAYS_ONLY`) is in force on none.

    Examples
    --------
    >>> import forecast as fc
    >>> known = agenda(fc.read_events(), fc.read_groups(), issued=date(2025, 4, 20), products=["rare_earth_magnets"])
    >>> "licensing-2025-04-ree" in set(in_force(known, date(2025, 4, 20))["event"])
    True
    """
    acting = [
        event.kind in IN_FORCE_KINDS and event.announced <= day and event.effective <= day < (event.ends or date.max)
        for event in records(shown)
    ]
    return shown[np.array(acting, dtype=bool)].sort_values("effective", kind="stable")


def print_in_force(
    shown: pd.DataFrame, names: Mapping[str, str], console: Console, day: date, products: Sequence[str]
) -> None:
    """Print what is in force on ``day`` by kind, what was announced and is to come, and how many events are on file.

    ``products`` are those that ``shown`` is about, all where there are none; ``names`` gives destinations by codes.
    """
    acting, goods = in_force(shown, day), len(products) != 1
    about = f" on exports of {', '.join(map(spoken, products))}" if products else ""
    said = f"In force on {day}{about}" if len(acting) else f"Nothing is in force on {day}{about}"
    console.print(Text(said, style="bold"))
    if len(acting):
        console.print(_by_kind(acting, names, console, goods=goods))
    for sentence in (*days_given(shown, day, names), *_to_come(shown, day, names)):
        console.print(Text(sentence), width=min(console.width, WIDEST))
    ends = " An end with ? is scheduled, not confirmed." if acting["scheduled"].astype(bool).any() else ""
    on_file = f"{counted(len(shown), 'event')} on file{about.replace(' on exports', '')}: forecast events --all."
    console.print(Text(f"{on_file}{ends}"), width=min(console.width, WIDEST))


def _by_kind(acting: pd.DataFrame, names: Mapping[str, str], console: Console, *, goods: bool) -> Table:
    """A row a measure, those of a kind together under its name, the kinds in their order."""
    table = _table(console, ["kind", "since", "until"], ["destinations", *(["products"] if goods else [])])
    for kind in [kind for kind in IN_FORCE_KINDS if kind in set(acting["kind"])]:
        for place, event in enumerate(records(acting[acting["kind"] == kind])):
            texts = ["" if place else spoken(kind), str(event.effective), _ends(event), whom(event.destinations, names)]
            table.add_row(*map(Text, [*texts, *([_goods(event)] if goods else [])]))
    return table


def _to_come(shown: pd.DataFrame, day: date, names: Mapping[str, str]) -> list[str]:
    """A sentence on what was announced by ``day`` and takes effect later; none where nothing does."""
    ahead = [
        event.kind in ACTING_KINDS and event.announced <= day < event.effective and not called_off(event)
        for event in records(shown)
    ]
    rows = records(shown[np.array(ahead, dtype=bool)].sort_values("effective", kind="stable"))
    listed = [f"{spoken(event.kind)} from {event.effective} ({whom(event.destinations, names)})" for event in rows]
    return [f"Takes effect later: {', '.join(listed)}."] if listed else []


def print_agenda(shown: pd.DataFrame, names: Mapping[str, str], console: Console, day: date) -> None:
    """Print what acts on ``day``, then the whole calendar, within `WIDEST` columns.

    Kinds that do not act are dimmed. ``names`` gives destinations by their codes.
    """
    acting = in_force(shown, day)
    console.print(Text(f"In force on {day}" if len(acting) else f"Nothing is in force on {day}", style="bold"))
    if len(acting):
        table = _table(console, ["since", "until", "kind"], ["destinations", "products"])
        for event in records(acting):
            goods = _goods(event)
            table.add_row(*map(Text, [str(event.effective), _ends(event), spoken(event.kind)]),
                          Text(whom(event.destinations, names)), Text(goods))  # fmt: skip
        console.print(table)
    for sentence in days_given(shown, day, names):
        console.print(Text(sentence), width=WIDEST)
    console.print(Text("\nCalendar", style="bold"))
    table = _table(console, ["announced", "effective", "ends"], ["what"])
    for event in records(shown):
        days = [str(event.announced), str(event.effective), _ends(event)]
        table.add_row(*map(Text, [*days, _what(event, names)]), style="" if event.kind in ACTING_KINDS else "dim")
    console.print(table)
    count = sum(kind not in ACTING_KINDS for kind in shown["kind"])
    sentences = f"{counted(len(shown), 'event')}, {count} of kinds that are shown but not modelled."
    console.print(f"\n{sentences} An end with ? is scheduled, not confirmed.", width=WIDEST)


def never_in_force(shown: pd.DataFrame) -> list[str]:
    """A sentence on events of `agenda` that were called off before they took effect; none where there are none.

    It may be right, and it may be a slip in the days.

    Examples
    --------
    >>> import forecast as fc
    >>> never_in_force(agenda(fc.read_events(), {}, products=["holmium"]))[0][:70]
    'Never in force: licensing-2025-10-five-rare-earths ends 2025-11-07, be'
    """
    rows = [event for event in records(shown) if event.kind in IN_FORCE_KINDS and called_off(event)]
    words = [
        f"{event.event} ends {event.ends}, {'before' if event.ends < event.effective else 'on'} its day of effect"
        + (f" {event.effective}" if event.ends < event.effective else "")
        for event in rows
    ]
    said = f"Never in force: {'; '.join(words)}. Called off before it took effect, an event never acts: check the days."
    return [said] if rows else []


def days_given(shown: pd.DataFrame, day: date, names: Mapping[str, str]) -> list[str]:
    """A sentence for each kind of `DAYS_ONLY` with its days up to ``day``, the latest first; none where there are none.

    Examples
    --------
    >>> import forecast as fc
    >>> known = agenda(fc.read_events(), fc.read_groups(), destinations=["IND"], products=["rare_earth_magnets"])
    >>> days_given(known, date(2026, 1, 20), {"IND": "India"})
    ['Approvals were given on 2025-10-30 (India): days, not something in force.']
    """
    given = [event.announced <= day and event.effective <= day for event in records(shown)]
    known = shown[np.array(given, dtype=bool)]
    sentences = []
    for kind in DAYS_ONLY:
        rows = known[known["kind"] == kind].sort_values("effective", ascending=False, kind="stable")
        days = [f"{event.effective} ({whom(event.destinations, names)})" for event in records(rows)]
        if days:
            said = f"{spoken(kind).capitalize()} were given on {', '.join(days)}"
            sentences.append(f"{said}: days, not something in force.")
    return sentences


def _table(console: Console, fixed: Sequence[str], folded: Sequence[str]) -> Table:
    """A table without rows: columns whose cells stay whole, and columns that share the rest of the width."""
    width = min(console.width, WIDEST)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False,
                  width=width)  # fmt: skip
    for heading in fixed:
        table.add_column(heading, no_wrap=True)
    for heading in folded:
        table.add_column(heading, ratio=1, overflow="fold")
    return table


def _ends(event: Any) -> str:
    if event.kind in DAYS_ONLY:
        return "that day"
    return f"{event.scheduled}?" if event.scheduled else str(event.ends or "")


def _goods(event: Any) -> str:
    more = len(event.products) - SHOWN_PRODUCTS
    goods = [spoken(name.replace("ALL", "all")) for name in event.products[:SHOWN_PRODUCTS]]
    return ", ".join(goods) + (f" and {more} more" if more > 0 else "")


def _what(event: Any, names: Mapping[str, str]) -> str:
    """Kind, destinations, products, and the event in words."""
    about = f"{spoken(event.kind)}; {whom(event.destinations, names)}; {_goods(event)}"
    return f"{about}: {event.description} [{event.event}]" if event.description else f"{about}: {event.event}"
