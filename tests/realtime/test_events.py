"""What the calendar says on a day, and what shapes events take."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar

from forecast import read_events
from forecast.realtime.days import days_of
from forecast.realtime.events import (
    DECAY,
    Scope,
    acting_events,
    acts_on,
    as_series_sees,
    covers_whole,
    daily_shape,
    events_by_kind,
    known_calendar,
    known_events,
    measures,
    parts_of,
)

MAY_TO_AUGUST = pd.period_range("2025-05", "2025-08", freq="M")
TRUCE = {
    "kind": "truce",
    "destinations": ("USA",),
    "announced": date(2025, 5, 12),
    "effective": date(2025, 5, 14),
    "ends": date(2025, 8, 12),
    "ends_announced": date(2025, 8, 11),
}


def scope(destination, **shares):
    return Scope("magnets", destination, GROUPS, shares)


def monthly(events, shape, where, months=MAY_TO_AUGUST):
    days = days_of(months)
    rows = [row for rows in events_by_kind(acting_events(events), where).values() for row in rows]
    return days.monthly(daily_shape(rows, shape, where, days))


def test_an_event_is_known_from_the_day_it_is_announced():
    """The day before it is not on the calendar."""
    events = calendar(TRUCE)
    assert known_events(events, date(2025, 5, 11)).empty
    assert len(known_events(events, date(2025, 5, 12))) == 1


def test_an_end_is_known_from_its_own_announcement():
    """Until then the event acts without end."""
    events = calendar(TRUCE)
    assert known_events(events, date(2025, 8, 10)).loc[0, "ends"] is None
    assert known_events(events, date(2025, 8, 11)).loc[0, "ends"] == date(2025, 8, 12)


def test_nothing_of_an_unknown_end_is_left_in_the_calendar():
    """Neither the day on which it will be announced nor that it will be a scheduled one."""
    row = known_events(calendar(TRUCE | {"ends_status": "scheduled"}), date(2025, 6, 1)).loc[0]
    assert (row["ends"], row["ends_announced"], row["ends_status"], row["scheduled"]) == (None, None, "", None)


def test_an_end_without_announcement_is_known_on_the_day_it_comes():
    """A measure that merely stops is seen to stop."""
    events = calendar(TRUCE | {"ends_announced": None})
    assert known_events(events, date(2025, 8, 11)).loc[0, "ends"] is None
    assert known_events(events, date(2025, 8, 12)).loc[0, "ends"] == date(2025, 8, 12)


def test_a_scheduled_end_never_comes_by_itself():
    """It stands in ``scheduled`` and the event goes on acting, before and after that day."""
    events = calendar(TRUCE | {"ends_status": "scheduled", "ends_announced": date(2025, 5, 12)})
    for day in (date(2025, 6, 1), date(2025, 12, 1)):
        row = known_events(events, day).loc[0]
        assert (row["ends"], row["scheduled"]) == (None, date(2025, 8, 12))


@pytest.mark.parametrize("issued", [date(2024, 1, 20), date(2025, 11, 30), date(2026, 8, 20), date(2026, 12, 1)])
def test_a_calendar_that_was_kept_is_the_calendar(issued: date):
    """What is kept as known on a day says on that day, and on any before, what the whole calendar says of it."""
    events = read_events()
    kept = known_calendar(events, issued)
    for day in (issued, date(2025, 11, 12), date(2023, 1, 1)):
        expected = known_events(events, min(day, issued))
        pd.testing.assert_frame_equal(known_events(kept, min(day, issued)), expected)


def test_a_step_in_a_month_covered_in_part_is_its_share_of_days():
    """14 to 31 May is 18 of 31 days; 1 to 11 August is 11 of 31."""
    assert np.allclose(monthly(calendar(TRUCE), "step", scope("USA")), [18 / 31, 1, 1, 11 / 31])


def test_a_temporary_change_decays_by_the_day_from_its_onset():
    """The mean over the days of the month of 0.7 to the power of the age in months."""
    expected = np.mean([0.0] * 13 + [DECAY ** (day / (365.25 / 12)) for day in range(18)])
    assert monthly(calendar(TRUCE), "temporary", scope("USA"))[0] == pytest.approx(expected)


def test_anticipation_covers_the_days_between_word_and_effect():
    """12 and 13 May; with effect on the day itself there is none."""
    assert np.allclose(monthly(calendar(TRUCE), "anticipation", scope("USA")), [2 / 31, 0, 0, 0])
    assert not monthly(calendar(TRUCE | {"effective": date(2025, 5, 12)}), "anticipation", scope("USA")).any()


def test_nobody_anticipates_what_acts_already():
    """An extension announced on 1 July of a truce that still runs has no notice."""
    extension = {"kind": "truce", "announced": date(2025, 7, 1), "effective": date(2025, 8, 12)}
    assert np.allclose(monthly(calendar(TRUCE, extension), "anticipation", scope("USA")), [2 / 31, 0, 0, 0])


def test_a_measure_withdrawn_before_its_effect_never_acts():
    """Its notice lasts until it is withdrawn."""
    withdrawn = {
        "kind": "licensing",
        "announced": date(2025, 6, 9),
        "effective": date(2025, 8, 1),
        "ends": date(2025, 7, 7),
    }
    assert not monthly(calendar(withdrawn), "step", scope("USA")).any()
    assert np.allclose(monthly(calendar(withdrawn), "anticipation", scope("USA")), [0, 22 / 30, 6 / 31, 0])


def test_an_extended_truce_is_one_truce():
    """Abutting rows give one step without a seam, and one decay from the first onset."""
    extension = {
        "kind": "truce", "destinations": ("USA",), "announced": date(2025, 8, 11), "effective": date(2025, 8, 12),
    }  # fmt: skip
    for shape in ("step", "temporary"):
        seamless = monthly(calendar(TRUCE | {"ends": None}), shape, scope("USA"))
        assert np.allclose(monthly(calendar(TRUCE, extension), shape, scope("USA")), seamless)


def test_an_event_on_a_group_acts_on_its_members_and_on_nobody_else():
    """EU27 acts on Germany, not on Japan."""
    events = calendar(TRUCE | {"destinations": ("EU27",)})
    assert np.allclose(monthly(events, "step", scope("DEU")), [18 / 31, 1, 1, 11 / 31])
    assert not monthly(events, "step", scope("JPN")).any()


def test_an_event_on_a_member_acts_on_the_total_by_its_share():
    """The United States at 12 % of the volume; nothing where the share is not known."""
    events = calendar(TRUCE)
    assert np.allclose(monthly(events, "step", scope("WLD", USA=0.12)), 0.12 * np.array([18 / 31, 1, 1, 11 / 31]))
    assert not monthly(events, "step", scope("WLD")).any()


def test_a_country_within_an_acting_group_is_counted_once():
    """Germany inside EU27 adds nothing while the group's event acts."""
    events = calendar(TRUCE | {"destinations": ("EU27",)}, TRUCE | {"destinations": ("DEU",)})
    share = monthly(events, "step", scope("WLD", EU27=0.4, DEU=0.2))
    assert np.allclose(share, 0.4 * np.array([18 / 31, 1, 1, 11 / 31]))


@pytest.mark.parametrize(
    ("products", "destinations", "destination", "expected"),
    [
        (("magnets",), ("ALL",), "JPN", True),
        (("gallium",), ("ALL",), "JPN", False),
        (("ALL",), ("EU27",), "DEU", True),
        (("ALL",), ("DEU",), "EU27", True),
        (("ALL",), ("USA",), "EU27", False),
        (("ALL",), ("USA",), "WLD", True),
        (("ALL",), ("USA",), "JPN", False),
    ],
)
def test_an_event_touches_what_it_names_in_part_or_in_whole(products, destinations, destination, expected):
    """By name, through a group, or in a part of a group or of the total."""
    event = next(calendar(TRUCE | {"products": products, "destinations": destinations}).itertuples(index=False))
    assert acts_on(event, "magnets", destination, GROUPS) is expected


def test_kinds_without_an_episode_do_not_act():
    """A threat or a dialogue is on the calendar and acts on no series."""
    events = calendar(TRUCE | {"kind": "threat"}, TRUCE | {"kind": "dialogue"}, TRUCE)
    assert [event.kind for event in acting_events(events)] == ["truce"]


class Looked(dict):
    """Members of groups, and how often one was looked up."""

    count = 0

    def __getitem__(self, code):
        self.count += 1
        return super().__getitem__(code)

    def get(self, code, default=None):
        self.count += 1
        return super().get(code, default)


def test_only_groups_are_looked_up_however_many_destinations_an_event_names():
    """A ban on half of a panel is asked about every series: one that is no group costs no look at each name."""
    codes, members = tuple(f"D{place}" for place in range(1000)), Looked(GROUPS)
    assert covers_whole(codes, "D7", members)
    assert not covers_whole(codes, "USA", members)
    assert parts_of(codes, "USA", members) == []
    assert members.count == 1
    assert covers_whole((*codes, "EU27"), "DEU", members)
    assert members.count == 2


BAN = {"event": "ban", "kind": "ban", "destinations": ("USA",), "announced": date(2024, 12, 3)}
ASIDE = {"event": "aside", "kind": "suspension", "destinations": ("USA",), "announced": date(2025, 11, 9)}


def spans(*rows, issued=date(2026, 8, 20)):
    """Name, first day and the day after the last of each measure as known on a day."""
    return [
        (one.name, one.effective, one.ends) for one in measures(acting_events(known_events(calendar(*rows), issued)))
    ]


def test_a_suspension_ends_the_measure_that_it_sets_aside():
    """And has no effect of its own; before it is announced the measure is open."""
    assert spans(BAN, ASIDE) == [("ban", date(2024, 12, 3), date(2025, 11, 9))]
    assert spans(BAN, ASIDE, issued=date(2025, 11, 8)) == [("ban", date(2024, 12, 3), None)]


def test_a_measure_revives_where_its_suspension_ends():
    """Once that end is known, as a measure of its own, announced on the day from which the end was known."""
    end = {"ends": date(2026, 7, 1), "ends_announced": date(2026, 6, 15)}
    revived = f"revived-{end['ends']}:ban"
    assert spans(BAN, ASIDE | end)[1:] == [(revived, date(2026, 7, 1), None)]
    assert len(spans(BAN, ASIDE | end, issued=date(2026, 6, 14))) == 1
    assert len(spans(BAN, ASIDE | end | {"ends_status": "scheduled"})) == 1
    until = {"ends": date(2026, 7, 1), "ends_announced": date(2025, 1, 1)}
    for status in ("", "scheduled"):
        assert len(spans(BAN | until | {"ends_status": status}, ASIDE | end)) == 1
    [_, after] = measures(acting_events(known_events(calendar(BAN, ASIDE | end), date(2026, 8, 20))))
    assert after.announced == date(2026, 6, 15)


@pytest.mark.parametrize(
    "other",
    [
        {"destinations": ("ALL",)},
        {"announced": date(2025, 12, 1), "effective": date(2025, 12, 1)},
        {"ends": date(2025, 6, 1)},
        {"kind": "truce"},
        {"products": ("other",)},
    ],
)
def test_a_suspension_is_of_a_tightening_in_force_on_the_same_goods_and_destinations(other):
    """What is wider, begins later, is over, eases, or is on other goods stays, and the suspension beside it."""
    rows = calendar(BAN | other, ASIDE | {"products": ("magnets",)})
    found = measures(acting_events(known_events(rows, date(2026, 8, 20))))
    assert sorted(one.name for one in found) == ["aside", "ban"]


def test_a_suspension_for_one_destination_sets_aside_there_a_measure_on_several():
    """As the series see it: elsewhere the measure goes on, and a group is suspended only by those that cover it."""
    rows = acting_events(known_events(calendar(BAN | {"destinations": ("USA", "JPN")}, ASIDE), date(2026, 8, 20)))
    there, elsewhere = (
        measures(as_series_sees([row for row in rows if acts_on(row, "magnets", code, {})], code, {}))
        for code in ("USA", "JPN")
    )
    assert [(one.name, one.ends) for one in there] == [("ban", date(2025, 11, 9))]
    assert [(one.name, one.ends) for one in elsewhere] == [("ban", None)]
    group = measures(as_series_sees(rows, "G", {"G": ("USA", "JPN")}))
    assert [one.name for one in group] == ["ban", "aside"]
