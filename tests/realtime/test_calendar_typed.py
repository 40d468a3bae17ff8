"""Typed events and calendars: whom an event touches, in which months it acts, and which rows are one episode."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from simulated import GROUPS, calendar

import forecast as fc
from forecast.realtime.calendar import Calendar, Event
from forecast.realtime.events import ACTING_KINDS

SPRING = {
    "event": "spring", "kind": "truce", "destinations": ("USA",), "announced": date(2025, 5, 12),
    "effective": date(2025, 5, 14), "ends": date(2025, 8, 12), "ends_announced": date(2025, 5, 12),
}  # fmt: skip
AUTUMN = {
    "event": "autumn", "kind": "truce", "destinations": ("USA",), "announced": date(2025, 8, 11),
    "effective": date(2025, 8, 12),
}  # fmt: skip


def known(*rows, issued=date(2026, 1, 1)):
    return Calendar.as_of(calendar(*rows), issued)


def episodes(*rows, issued=date(2026, 1, 1)):
    return [[event.event for event in episode] for episode in known(*rows, issued=issued).episodes()]


def months_of_action(event):
    return [str(month) for month in pd.period_range("2025-01", "2025-12", freq="M") if event.acts_in(month)]


def test_an_event_carries_the_cells_of_its_row():
    """Every column of the table as known on the day is a field of the same name."""
    table = calendar(SPRING | {"source": "page", "description": "words"})
    assert Calendar.as_of(table, date(2025, 6, 1)).events == (
        Event(
            "spring", "truce", ("ALL",), ("USA",), date(2025, 5, 12), date(2025, 5, 14), date(2025, 8, 12),
            date(2025, 5, 12), "page", "words",
        ),
    )  # fmt: skip


def test_a_calendar_holds_what_was_announced_by_the_day():
    """On the eve of its announcement an event is not there; an end announced later has left no trace."""
    assert known(SPRING, issued=date(2025, 5, 11)).events == ()
    late = known(SPRING | {"ends_announced": date(2025, 8, 11)}, issued=date(2025, 8, 10)).events[0]
    assert (late.ends, late.ends_announced, late.last_day_known) == (None, None, None)


def test_a_scheduled_end_stands_apart_and_stops_nothing():
    """It is in ``scheduled``, and the event acts in the months after it."""
    event = known(SPRING | {"ends_status": "scheduled"}).events[0]
    assert (event.ends, event.scheduled, event.last_day_known) == (None, date(2025, 8, 12), date(2025, 8, 12))
    assert months_of_action(event)[-1] == "2025-12"


@pytest.mark.parametrize("absent", ["column", None, float("nan")])
def test_a_table_from_before_continues_is_read_as_if_empty(absent):
    """A frame without the column, or with no value in it, gives events that name nothing."""
    table = calendar(SPRING)
    table = table.drop(columns="continues") if absent == "column" else table.assign(continues=absent)
    assert Calendar.as_of(table, date(2026, 1, 1)).events[0].continues == ""


def test_an_event_acts_in_the_months_that_share_a_day_with_it():
    """14 May to 11 August is four months; the day of the end is not its own."""
    assert months_of_action(known(SPRING).events[0]) == ["2025-05", "2025-06", "2025-07", "2025-08"]
    until_august = known(SPRING | {"ends": date(2025, 8, 1)}).events[0]
    assert months_of_action(until_august) == ["2025-05", "2025-06", "2025-07"]


def test_a_withdrawn_event_acts_in_no_month():
    """An end on or before the day of effect means that it never acted."""
    event = known(SPRING | {"ends": date(2025, 5, 14)}).events[0]
    assert event.withdrawn
    assert months_of_action(event) == []


@pytest.mark.parametrize(
    ("destinations", "destination", "expected"),
    [(("EU27",), "DEU", True), (("DEU",), "EU27", True), (("USA",), "WLD", True), (("USA",), "JPN", False)],
)
def test_an_event_touches_groups_their_members_and_totals(destinations, destination, expected):
    """In whole or in part, as the rows of a table do."""
    event = known(SPRING | {"destinations": destinations, "products": ("magnets",)}).events[0]
    assert event.acts_on("magnets", destination, GROUPS) is expected
    assert not event.acts_on("gallium", destination, GROUPS)


def test_kinds_keep_the_order_of_the_calendar():
    """By kind in order of first row; a threat has no regressor and does not act."""
    threat = {"event": "word", "kind": "threat", "announced": date(2025, 6, 1)}
    found = known(SPRING, threat, AUTUMN)
    assert {kind: [event.event for event in events] for kind, events in found.by_kind().items()} == {
        "truce": ["spring", "autumn"],
        "threat": ["word"],
    }
    assert [event.event for event in found.acting] == ["spring", "autumn"]


# Episodes -------------------------------------------------------------------------------------------------------------


def test_rows_that_abut_are_one_episode():
    """Same kind, products and destinations, effect on the day of the end: one carries on the other."""
    found = known(SPRING, AUTUMN)
    spring, autumn = found.events
    assert found.episodes() == ((spring, autumn),)
    assert (found.previous(autumn), found.next(spring)) == (spring, autumn)
    assert (found.previous(spring), found.next(autumn)) == (None, None)


@pytest.mark.parametrize(
    ("effective", "count"),
    [(date(2025, 8, 10), 2), (date(2025, 8, 11), 1), (date(2025, 8, 12), 1), (date(2025, 8, 13), 2)],
)
def test_an_overlap_of_a_day_is_a_seam_and_two_days_are_not(effective, count):
    """11 and 12 August carry on what ends on the 12th; the 10th overlaps it, the 13th leaves a gap."""
    assert len(episodes(SPRING, AUTUMN | {"effective": effective, "announced": date(2025, 8, 1)})) == count


@pytest.mark.parametrize(
    "other", [{"kind": "suspension"}, {"products": ("gallium",)}, {"destinations": ("USA", "CAN")}]
)
def test_rows_of_another_kind_or_scope_are_measures_of_their_own(other):
    """What abuts with one product or destination more or less is no continuation."""
    assert episodes(SPRING, AUTUMN | other) == [["spring"], ["autumn"]]


def test_the_order_in_a_list_is_no_difference_of_scope():
    """USA;CAN and CAN;USA are the same destinations."""
    both, turned = {"destinations": ("USA", "CAN")}, {"destinations": ("CAN", "USA")}
    assert episodes(SPRING | both, AUTUMN | turned) == [["spring", "autumn"]]


def test_a_measure_on_top_of_one_in_force_is_its_own():
    """A second licence duty while the first has no end in sight is a second episode."""
    first = {"event": "first", "kind": "licensing", "announced": date(2024, 1, 1)}
    second = {"event": "second", "kind": "licensing", "announced": date(2025, 1, 1)}
    assert episodes(first, second) == [["first"], ["second"]]


def test_continues_joins_what_the_days_would_not():
    """A row that names its forerunner is of its episode in spite of a gap, another kind and another scope."""
    named = {"continues": "spring", "effective": date(2025, 10, 1), "kind": "suspension", "destinations": ("ALL",)}
    assert episodes(SPRING, AUTUMN | named) == [["spring", "autumn"]]


def test_continues_goes_before_the_days():
    """A row that abuts one event and names another belongs to the one it names."""
    first = SPRING | {"event": "first", "destinations": ("JPN",)}
    assert episodes(first, SPRING, AUTUMN | {"continues": "first"}) == [["first", "autumn"], ["spring"]]


def test_a_chain_is_one_episode_whatever_the_order_of_rows():
    """Three rows linked one to the next, listed backwards, come out in the order of taking effect."""
    winter = AUTUMN | {
        "event": "winter", "announced": date(2025, 10, 30), "effective": date(2025, 11, 10), "continues": "autumn"
    }  # fmt: skip
    assert episodes(winter, AUTUMN, SPRING) == [["spring", "autumn", "winter"]]


def test_a_scheduled_end_is_carried_on_too():
    """An extension that takes effect on the scheduled day continues an event whose end nobody confirmed."""
    assert episodes(SPRING | {"ends_status": "scheduled"}, AUTUMN) == [["spring", "autumn"]]


def test_an_extension_that_was_not_announced_is_not_in_the_episode():
    """The day before its word the calendar knows the first row alone."""
    assert episodes(SPRING, AUTUMN, issued=date(2025, 8, 10)) == [["spring"]]


def test_a_withdrawn_measure_is_carried_on_by_nothing():
    """What never acted is no episode for others to go on with."""
    withdrawn = {"ends": date(2025, 5, 14)}
    assert len(episodes(SPRING | withdrawn, AUTUMN | {"effective": date(2025, 5, 14)})) == 2


def test_a_circle_is_refused():
    """Events that name each other have no beginning."""
    with pytest.raises(ValueError, match=r"^spring: continues leads back to spring; expected an earlier event\.$"):
        known(SPRING | {"continues": "autumn"}, AUTUMN | {"continues": "spring"}).episodes()


def test_the_shipped_episodes():
    """Of the shipped calendar, the truce and the US tariff on all goods have more than one row."""
    found = Calendar.as_of(fc.read_events(), date(2026, 10, 9))
    longer = [[event.event for event in episode] for episode in found.episodes() if len(episode) > 1]
    assert longer == [
        ["tariff-2025-02-usa-fentanyl", "tariff-2026-02-usa-section-122", "tariff-2026-07-usa-section-301"],
        ["truce-2025-05-usa", "truce-2025-08-usa", "truce-2025-11-usa", "truce-2026-11-usa"],
    ]
    assert sum(len(episode) for episode in found.episodes()) == len(found.events)
    assert {event.kind for event in found.acting} <= set(ACTING_KINDS)
