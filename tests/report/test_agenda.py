"""What events did and what may happen, as people read it: every number is one of the tables, at any width."""

from __future__ import annotations

import io
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.report.agenda import EventNames, agenda, print_in_force
from forecast.report.branches import SHOWN_BRANCHES, cells, parting, print_branches
from forecast.scenario.events import supposed_events, supposed_rows
from forecast.scenario.forecast import MIXTURE, scenario_all

NAMES = {"WLD": "World", "USA": "United States", "DEU": "Germany", "ITA": "Italy"}
ISSUED = date(2023, 1, 20)
LICENSING = "kind=licensing,destinations=USA,announced=2023-02-01,effective=2023-02-01,probability=0.3"
BAN = "kind=ban,destinations=USA,announced=2023-03-01,effective=2023-03-01,probability=0.1"
TAX = "kind=tax,destinations=USA,announced=2023-03-01,effective=2023-03-01,probability=0.1"


def table():
    fell = np.append(steady(24, 50.0, seed=3), steady(12, 10.0, seed=4))
    magnets = {"WLD": steady(36, 1000.0), "USA": steady(36, 200.0, seed=1), "DEU": steady(36, 90.0, seed=2), "ITA": [1]}
    return pd.concat([exports(magnets), exports({"WLD": fell}, product="gallium")], ignore_index=True)


def events():
    return calendar(
        {"event": "gallium", "kind": "licensing", "products": ("gallium",), "announced": date(2022, 1, 1)},
        {
            "event": "truce", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 6, 1),
            "ends": date(2023, 3, 1), "ends_announced": date(2022, 6, 1), "ends_status": "scheduled",
        },
    )  # fmt: skip


def scenario(*texts, **options):
    given = supposed_events({"--add": supposed_rows(texts, ["magnets"])}, fc.read_destinations())
    options = {"products": ["magnets"], "models": ["theta"], "issued": ISSUED} | options
    return scenario_all(table(), events(), GROUPS, given, **options)


def printed(printer, *arguments, width=140):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    printer(*arguments, NAMES, console)
    return console.file.getvalue()


@pytest.mark.slow
def test_a_scenario_shows_the_months_and_destinations_in_which_branches_part():
    """January is the same in every branch and Germany in every month: neither is in the table.

    What a licence keeps from the USA may go to Germany, which is in the table then.
    """
    diverting = parting(scenario(LICENSING), "magnets")
    assert diverting["destination"].unique().tolist() == ["WLD", "USA", "DEU"]
    assert diverting["month"].min() == pd.Period("2023-02")
    found = scenario(LICENSING.replace("kind=licensing", "kind=listing"))
    rows = parting(found, "magnets")
    assert rows["month"].min() == pd.Period("2023-02")
    assert rows["destination"].unique().tolist() == ["WLD", "USA"]
    text = printed(print_branches, found, "magnets")
    assert text.startswith(
        "Exports of magnets under what may happen: 2023-02 to 2023-03\nissued 2023-01-20, figures up"
    )
    assert re.search(r"^The same +in every branch: Germany *$", text, re.M)
    assert re.search(r"^No forecast +Italy: reasons in failures.csv *$", text, re.M)
    said = "May happen +listing, United States, announced 2023-02-01, from 2023-02-01: 30 %"
    assert re.search(rf"^{said} *$", text, re.M)


def test_the_table_has_the_numbers_of_the_mixture_and_of_the_branches():
    """Median and 80 % interval of the mixture, of the base and of the branch stand in this order."""
    found = scenario(LICENSING)
    rows = list(cells(found, parting(found, "magnets"), NAMES))
    mixed = found.run.forecasts[found.run.forecasts["model"] == MIXTURE]
    parts = [mixed, *(part for _, part in found.by_branch.groupby("branch", sort=False))]
    month = pd.Period("2023-02")
    chosen = [part[(part["destination"] == "USA") & (part["month"] == month)].iloc[0] for part in parts]
    expected = [f"{row['volume_t']:,.0f} ({row['lower_80']:,.0f} to {row['upper_80']:,.0f})" for row in chosen]
    assert ["United States", "2023-02", *expected] in rows
    assert rows[0][0] == "World"
    assert rows[1][0] == ""


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 100, 140])
def test_no_number_is_cut(width):
    """On a narrow screen cells are folded, and all their words are there."""
    found = scenario(LICENSING, BAN)
    text = printed(print_branches, found, "magnets", width=width)
    for texts in cells(found, parting(found, "magnets"), NAMES):
        for word in " ".join(texts).split():
            assert word in text
    assert "…" not in text


@pytest.mark.slow
def test_of_many_branches_the_likeliest_are_shown():
    """Eight branches: the calendar as it stands, the three likeliest, and how many more there are."""
    found = scenario(LICENSING, BAN, TAX)
    text = printed(print_branches, found, "magnets", width=200)
    header = text.split("─")[0]
    assert "as the calendar stands" in header
    assert header.count(" %") == SHOWN_BRANCHES + 1  # and one in the line above
    assert re.search(r"^Not shown +4 further branches: branches.csv *$", text, re.M)


@pytest.mark.slow
def test_what_changes_nothing_is_named():
    """An event that takes effect after the months ahead leaves a table without rows, and says so."""
    found = scenario(LICENSING.replace("2023-02-01", "2023-06-01"), lapses={"truce": 0.25}, horizon=1)
    text = printed(print_branches, found, "magnets")
    assert re.search(r"^Change nothing +licensing of 2023-06-01, United States; truce lapses: in no month", text, re.M)
    assert re.search(r"truce ends on 2023-03-01 as scheduled: 25 % *$", text, re.M)
    assert "under what may happen: 2023-01\n" in text or "2023-01 to 2023-02\n" in text


@pytest.mark.parametrize(
    ("ends", "status", "issued", "expected"),
    [
        (date(2023, 3, 23), "", date(2023, 3, 15), "licensing of 2019-07-04"),
        (date(2023, 3, 23), "", date(2023, 3, 16), "licensing of 2019-07-04 until 2023-03-23"),
        (date(2023, 3, 23), "", date(2023, 4, 28), "licensing of 2019-07-04 until 2023-03-23"),
        (date(2023, 3, 23), "scheduled", date(2023, 4, 28), "licensing of 2019-07-04"),
    ],
    ids=["not announced", "announced", "over", "scheduled"],
)
def test_a_measure_has_its_end_in_its_name_once_that_is_known(ends: date, status: str, issued: date, expected: str):
    """As known on the day; an end that is only scheduled is none."""
    event = {"event": "l", "kind": "licensing", "announced": date(2019, 7, 1), "effective": date(2019, 7, 4),
             "ends": ends, "ends_announced": date(2023, 3, 16), "ends_status": status}  # fmt: skip
    named = EventNames.of(calendar(event), {}, issued)
    assert (named("l"), named("diverted:l")) == (expected, f"diverted by {expected}")


def test_a_measure_that_goes_on_in_another_row_or_is_set_aside_has_no_end_in_its_name():
    """The name of an episode is that of its first row, and it ends with its last; elsewhere another row may not act."""
    truce = {"event": "t", "kind": "truce", "announced": date(2025, 5, 14), "ends": date(2025, 8, 12)}
    later = {"event": "u", "kind": "truce", "announced": date(2025, 8, 12)}
    ban = {"event": "b", "kind": "ban", "announced": date(2025, 1, 1)}
    aside = {"event": "s", "kind": "suspension", "announced": date(2025, 6, 1), "products": ("magnets",)}
    named = EventNames.of(calendar(truce, later, ban, aside), {}, date(2025, 12, 1))
    assert [named(event) for event in "tb"] == ["truce of 2025-05-14", "ban of 2025-01-01, suspended from 2025-06-01"]


def test_what_was_called_off_does_not_take_effect_later():
    """From the day on which its end is known; until then it is to come."""
    ban = {"event": "ban", "kind": "ban", "announced": date(2023, 1, 1), "effective": date(2023, 6, 1)}
    rows = calendar(ban | {"ends": date(2023, 5, 20), "ends_announced": date(2023, 5, 20)})
    said = {}
    for day in (date(2023, 5, 19), date(2023, 5, 25)):
        console = Console(file=io.StringIO(), width=80)
        print_in_force(agenda(rows, {}, issued=day), NAMES, console, day, ["magnets"])
        said[day.day] = console.file.getvalue()
    assert "Takes effect later: ban from 2023-06-01" in said[19]
    assert "Takes effect later" not in said[25]


def test_a_measure_that_is_set_aside_is_named_with_its_suspension():
    """From the day on which the suspension is known."""
    ban = {"event": "ban", "kind": "ban", "announced": date(2023, 1, 1), "effective": date(2023, 1, 1)}
    ease = {"event": "ease", "kind": "suspension", "announced": date(2023, 6, 1), "effective": date(2023, 6, 9)}
    rows = calendar(ban, ease)
    assert EventNames.of(rows, {}, date(2023, 6, 2))("ban") == "ban of 2023-01-01, suspended from 2023-06-09"
    assert EventNames.of(rows, {}, date(2023, 5, 2))("ban") == EventNames.of(rows, {})("ban") == "ban of 2023-01-01"
