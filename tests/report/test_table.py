from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.ensemble.aggregates import Sums
from forecast.ensemble.judgement import judged_run, parse_judgement
from forecast.episodes.course import episodes_of, exposure
from forecast.realtime.releases import ReleaseHabit, as_of
from forecast.report.acting import ActingCalendar, acting_words, whom
from forecast.report.agenda import agenda, days_given, in_force, never_in_force, print_agenda, print_in_force
from forecast.report.brief.tables import forecast_table
from forecast.report.outlook import Outlook, newer_figures, outlook
from forecast.report.table import as_markdown, print_outlook, with_whole_words
from forecast.tables.run import Forecasts
from forecast.tables.schema import OMITTED_COLUMNS, RUN_TABLES, SUM_COLUMNS

ISSUED = date(2026, 1, 20)
NAMES = {"WLD": "World", "ROW": "Rest of world", "USA": "United States", "JPN": "Japan", "KOR": "South Korea"}
GAP = np.nan

EXPORTS = simulated.exports(
    {
        "USA": [200.0] * 10 + [GAP, GAP],
        "JPN": [500.0] * 12,
        "KOR": [GAP] * 9 + [7.0, GAP, 9.0],
        "WLD": [2000.0] + [1000.0] * 11,
    },
    "2025-01",
)

EVENTS = simulated.calendar(
    {"event": "licence", "kind": "licensing", "announced": date(2025, 4, 4)},
    {"event": "ended", "kind": "ban", "announced": date(2025, 1, 5), "ends": date(2025, 6, 1)},
    {"event": "list", "kind": "listing", "announced": date(2026, 1, 6), "destinations": ("JPN",)},
    {
        "event": "truce", "kind": "truce", "announced": date(2025, 11, 1), "effective": date(2025, 11, 10),
        "ends": date(2026, 1, 25), "ends_announced": date(2025, 11, 1), "ends_status": "scheduled",
        "destinations": ("USA",),
    },
    {
        "event": "later", "kind": "tariff", "announced": date(2025, 12, 1), "effective": date(2026, 3, 1),
        "destinations": ("USA",),
    },
    {"event": "talks", "kind": "dialogue", "announced": date(2025, 12, 1)},
    {"event": "unknown", "kind": "quota", "announced": date(2026, 1, 21)},
)  # fmt: skip


def forecast(destination: str, volume: float, lower: float, upper: float, last_known: str, month: str = "2026-01"):
    key = ["magnets", destination, "combination", ISSUED, pd.Period("2025-12", "M"), pd.Period(month, "M"), 1]
    return [*key, volume, lower, upper, lower / 2, upper * 2, pd.Period(last_known, "M")]


UNKNOWN_SHARE = "the part of the volume under it is not known"
FORECASTS = [
    forecast("JPN", 450.0, 400.0, 500.0, "2025-12"),
    forecast("USA", 150.0, 50.0, 600.0, "2025-10"),
    forecast("WLD", 1100.0, 900.0, 1300.0, "2025-12"),
]
DROPPED = [
    ["magnets", "USA", ISSUED, "truce", UNKNOWN_SHARE],
    ["magnets", "USA", ISSUED, "ended", UNKNOWN_SHARE],
    ["magnets", "WLD", ISSUED, "truce", UNKNOWN_SHARE],
]
FAILURES = [
    ["magnets", "KOR", "combination", ISSUED, "No model could be fitted."],
    ["magnets", "KOR", "naive", ISSUED, "naive needs 3 observed months and found 2."],
    ["magnets", "KOR", "theta", ISSUED, "theta needs 12 observed months and found 2."],
    ["magnets", "USA", "theta", ISSUED, "theta needs 12 observed months and found 10."],
]


def run(forecasts: list[list[object]] = FORECASTS) -> Forecasts:
    return Forecasts(
        forecasts=pd.DataFrame(forecasts, columns=RUN_TABLES["forecasts"].columns),
        dropped=pd.DataFrame(DROPPED, columns=RUN_TABLES["dropped"].columns),
        failures=pd.DataFrame(FAILURES, columns=RUN_TABLES["failures"].columns),
    )


def found(made: Forecasts | None = None, issued: date = ISSUED) -> Outlook:
    given = made or run()
    return outlook(as_of(EXPORTS, EVENTS, issued), {}, given, product="magnets", model="combination", names=NAMES)


def printed(shown: Outlook, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_outlook(shown, console)
    return console.file.getvalue()


def remarks(shown: Outlook) -> dict[str, tuple[str, ...]]:
    return {remark.label: remark.lines for remark in shown.remarks}


def test_world_first_then_by_volume() -> None:
    """The total stands first, then destinations by their volume; one without a forecast has no row."""
    assert found().rows["destination"].tolist() == ["WLD", "JPN", "USA"]


def test_changes_are_against_actuals_only() -> None:
    """Changes compare with the month before and the month a year before, and are unknown where those are."""
    rows = found().rows.set_index("destination")
    assert rows.loc["WLD", ["on_month", "on_year"]].tolist() == pytest.approx([0.10, -0.45])
    assert rows.loc["JPN", ["on_month", "on_year"]].tolist() == pytest.approx([-0.10, -0.10])
    assert rows.loc["USA", ["on_month", "on_year"]].tolist() == pytest.approx([np.nan, -0.25], nan_ok=True)
    assert rows.loc["USA", ["last_t", "last_month"]].tolist() == [200.0, pd.Period("2025-10", "M")]


def test_events_that_act_in_the_month() -> None:
    """Kinds known on the day that act in the month, on the destination or a part of it; talks and ended ones do not."""
    rows = found().rows.set_index("destination")
    assert rows["events"].to_dict() == {
        "WLD": ("licensing", "listing", "truce"),
        "JPN": ("licensing", "listing"),
        "USA": ("licensing", "truce"),
    }
    assert remarks(found())["Events acting"] == (
        "licensing 2025-04-04 all",
        "listing 2026-01-06 Japan",
        "truce 2025-11-10 United States",
    )


@pytest.mark.parametrize(
    ("ends", "month", "expected"),
    [
        (date(2025, 12, 23), "2025-12", ("licensing",)),
        (date(2025, 12, 23), "2026-01", ("licensing ended 2025-12-23",)),
        (date(2026, 1, 1), "2026-01", ("licensing ended 2026-01-01",)),
        (date(2025, 6, 10), "2026-01", ("licensing ended 2025-06-10",)),
        (date(2025, 6, 1), "2026-01", ()),
        (date(2025, 1, 1), "2025-02", ()),
    ],
)
def test_a_measure_that_ended_is_named_while_its_end_acts(ends: date, month: str, expected: tuple[str, ...]) -> None:
    """From the month after its last day until its last phase after the end is over; one called off never acted."""
    event = {"event": "x", "kind": "licensing", "announced": date(2025, 1, 1), "ends": ends, "ends_announced": ISSUED}
    known = as_of(EXPORTS, simulated.calendar(event), ISSUED)
    calendar, cell = ActingCalendar(known.events, {}, "magnets"), ("USA", pd.Period(month, "M"))
    assert acting_words(calendar.acting(*cell), calendar.ended(*cell)) == expected
    in_the_model = exposure(episodes_of(known.acting, "magnets", "USA", {})[0], pd.PeriodIndex([month], freq="M"))
    assert in_the_model.any() or not expected


def test_a_measure_that_ended_stands_in_the_table_with_its_day() -> None:
    """In the column of every destination that it was on, in brackets where its effect was not estimated, and below."""
    event = {"event": "truce", "kind": "general_licence", "announced": date(2025, 1, 1), "ends": date(2025, 12, 23),
             "destinations": ("USA",)}  # fmt: skip
    known = as_of(EXPORTS, simulated.calendar(event), ISSUED)
    shown = outlook(known, {}, run(), product="magnets", model="combination", names=NAMES)
    rows = shown.rows.set_index("destination")
    assert rows["events"].to_dict() == {
        "WLD": ("general_licence ended 2025-12-23",), "JPN": (), "USA": ("general_licence ended 2025-12-23",),
    }  # fmt: skip
    assert remarks(shown)["Events acting"] == ("general licence 2025-01-01 United States until 2025-12-23",)
    assert remarks(shown)["In brackets"][1:] == (f"World, United States: {UNKNOWN_SHARE}",)
    assert "(general licence ended 2025-12-23)" in " ".join(printed(shown, 400).split())
    assert forecast_table(shown.rows, "").lines[0][-2] == "(general licence ended 2025-12-23)"


EXTENDED = simulated.calendar(
    {"event": "ban", "kind": "ban", "announced": date(2025, 2, 1)},
    {"event": "first", "kind": "suspension", "announced": date(2025, 8, 1), "ends": date(2025, 10, 1),
     "ends_announced": date(2025, 8, 1), "ends_status": "scheduled"},
    {"event": "second", "kind": "suspension", "announced": date(2025, 9, 30), "effective": date(2025, 10, 1),
     "ends": date(2025, 12, 1), "ends_announced": date(2025, 9, 30), "ends_status": "scheduled", "continues": "first"},
    {"event": "third", "kind": "suspension", "announced": date(2025, 12, 1), "ends": date(2026, 1, 10),
     "ends_announced": date(2026, 1, 10), "continues": "second"},
)  # fmt: skip


def test_a_row_that_another_continues_is_closed_by_it() -> None:
    """Of a suspension extended twice nothing goes on once the last row has ended: the ban is back."""
    later = [[*row[:3], ISSUED, row[4], pd.Period("2026-02", "M"), *row[6:]] for row in FORECASTS]
    shown = outlook(
        as_of(EXPORTS, EXTENDED, ISSUED), {}, run(later), product="magnets", model="combination", names=NAMES
    )
    assert set(shown.rows["events"]) == {("ban",)}
    assert remarks(shown)["Events acting"] == ("ban 2025-02-01 all",)
    assert "Ends not confirmed" not in remarks(shown)
    known = agenda(EXTENDED, {}, issued=ISSUED)
    assert in_force(known, ISSUED)["event"].tolist() == ["ban"]
    assert known["ends"].tolist() == [None, date(2025, 10, 1), date(2025, 12, 1), date(2026, 1, 10)]
    assert not known["scheduled"].astype(bool).any()


def test_what_is_continued_in_part_goes_on() -> None:
    """A row on fewer destinations or goods leaves the one that it continues in force on the others."""
    whole = {"event": "whole", "kind": "quota", "announced": date(2025, 2, 1), "destinations": ("USA", "JPN")}
    part = {"event": "part", "kind": "ban", "announced": date(2025, 9, 1), "continues": "whole"}
    for own in ({"destinations": ("JPN",)}, {"products": ("magnets",)}):
        events = simulated.calendar(whole, part | own)
        assert in_force(agenda(events, {}, issued=ISSUED), ISSUED)["event"].tolist() == ["whole", "part"]
    known = as_of(EXPORTS, simulated.calendar(whole, part | {"destinations": ("JPN",)}), ISSUED)
    calendar = ActingCalendar(known.events, {}, "magnets")
    month = pd.Period("2026-01", "M")
    assert [[row.event for row in calendar.acting(code, month)] for code in ("USA", "JPN")] == [["whole"], ["part"]]


def test_effects_not_estimated_stand_in_brackets() -> None:
    """A kind is in brackets where every event of it that acts was left out, with the reason below."""
    rows = found().rows.set_index("destination")
    assert rows["unestimated"].to_dict() == {"WLD": ("truce",), "JPN": (), "USA": ("truce",)}
    assert remarks(found())["In brackets"] == (
        "act, but their effect is in no forecast (dropped.csv)",
        f"World, United States: {UNKNOWN_SHARE}",
    )
    assert "licensing, listing, (truce)" in printed(found(), 140)


def test_what_is_not_known_is_said() -> None:
    """Failures with their reason, ends not confirmed, events to come, figures that end early, and wide intervals."""
    said = remarks(found())
    assert said["Without a forecast"] == (
        "South Korea: No model could be fitted (naive needs 3 observed months and found 2)",
    )
    assert said["Ends not confirmed"] == (
        "truce of 2025-11-10 (truce): scheduled to end 2026-01-25, not confirmed: taken to go on",
    )
    assert said["After these months"] == ("tariff from 2026-03-01 (later)",)
    assert said["Figures end earlier"] == ("2025-10: United States",)
    assert said["Fits refused"] == ("naive 1, theta 2: reasons in failures.csv",)
    assert said["Next figures"] == ("2026-03-20",)
    assert found().rows["notes"].tolist() == [(), (), ("wide", "10 months known")]
    assert said["Wide"] == ("the 80 % bounds are more than 4 times apart, by 5 % of a mean month at least",)


@pytest.mark.parametrize(("lower", "upper", "wide"), [(1.0, 25.9, False), (1.0, 26.1, True), (0.0, 24.0, False)])
def test_next_to_nothing_is_not_wide(lower: float, upper: float, wide: bool) -> None:
    """A twentieth of a mean month of 500 t is 25 t: bounds closer than that are sure, however many times apart."""
    shown = found(run([forecast("JPN", 5.0, lower, upper, "2025-12")]))
    assert shown.rows["notes"].tolist() == [("wide",) if wide else ()]


def test_a_confirmed_table_has_no_such_remarks() -> None:
    """Remarks without anything to say are left out."""
    plain = Forecasts(forecasts=run().forecasts.iloc[2:])
    shown = outlook(
        as_of(EXPORTS, EVENTS.iloc[:0], ISSUED), {}, plain, product="magnets", model="combination", names=NAMES
    )
    assert list(remarks(shown)) == ["Next figures"]


def test_figures_that_came_since() -> None:
    """On a later day the table says which figures have come out since those on file."""
    assert newer_figures(pd.Period("2026-07", "M"), date(2026, 9, 19), ReleaseHabit()) == ""
    late = run([[*row[:3], date(2026, 4, 25), *row[4:]] for row in FORECASTS])
    assert remarks(found(late, date(2026, 4, 25)))["Newer figures"] == (
        "your figures end in 2025-12; those of 2026-01 to 2026-03 came out from 2026-03-20",
    )


def reconciled(*medians: tuple[str, float]) -> pd.DataFrame:
    """Rows of the table ``reconciled`` with these medians."""
    rows = [forecast(code, tonnes, 0.9 * tonnes, 1.1 * tonnes, "2025-12") for code, tonnes in medians]
    made = pd.DataFrame(rows, columns=RUN_TABLES["forecasts"].columns).assign(parts=2)
    return made[RUN_TABLES["reconciled"].columns]


def test_a_series_has_one_number() -> None:
    """What draws that add up say of the series of the table stands in no remark; of the rest the table has it."""
    shown = found(run().replaced(reconciled=reconciled(("USA", 141.0), ("ROW", 933.0), ("WLD", 1074.0))))
    assert remarks(shown)["Totals"] == (
        "Rest of world is World less United States, as in draws in which these add up (reconciled.csv); "
        "in forecasts.csv it stands by itself",
        "the other forecasts are of each series by itself: medians need not add up",
    )
    said = printed(shown, 140)
    assert "1,100" in said
    assert not [number for number in ("141", "933", "1,074") if number in said]


def test_without_a_total_the_sum_is_said() -> None:
    """It is the only number of the destinations together, and of no row of the table."""
    shown = found(run().replaced(reconciled=reconciled(("SUM", 600.0))))
    assert remarks(shown)["Totals"] == (
        "the 2 destinations that do not overlap together, from joint draws (reconciled.csv): "
        "2026-01 600 t (540 to 660)",
    )


def test_next_figures_by_the_release_days_of_the_file() -> None:
    """Figures that come on the 28th come on the 28th, by what was known on the day; a day that has passed is said."""
    own = EXPORTS.assign(released=[date(day.year, day.month, 28) for day in EXPORTS["released"]])
    later = date(2026, 1, 28)
    made = run([[*row[:3], later, *row[4:]] for row in FORECASTS])
    shown = outlook(as_of(own, EVENTS, later), {}, made, product="magnets", model="combination", names=NAMES)
    assert remarks(shown)["Next figures"] == ("about 2026-02-28, by the release days of the last 12 months",)
    assert "Newer figures" not in remarks(shown)
    assert newer_figures(shown.cutoff, date(2026, 4, 1), shown.habit) == (
        "your figures end in 2025-12; those of 2026-01 to 2026-02 were due from about 2026-02-28"
    )


def test_nothing_could_be_forecast() -> None:
    """A product without any forecast still has a table that says why."""
    failed = run().replaced(forecasts=run().forecasts.iloc[:0])
    text = printed(found(failed), 140)
    assert text.startswith("Exports of magnets: forecast for 2026-01\n")
    assert "No model could be fitted" in text


@pytest.mark.parametrize("width", [40, 60, 80, 118, 140, 200])
def test_numbers_are_never_cut(width: int) -> None:
    """At any width every number stands whole on one line with its destination."""
    lines = printed(found(), width).splitlines()
    (world,) = [line for line in lines if line.startswith("World") and "1,100" in line]
    assert world.split()[:9] == ["World", "1,000", "2025-12", "1,100", "900", "to", "1,300", "+10", "%"]
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_fits_with_its_track_record_too(width: int) -> None:
    """Forecast, interval and how often it held stand at 60 columns; what is left out is named, no line wider."""
    shown = found()
    shown = replace(shown, rows=shown.rows.assign(held="14 of 16", volume_t=shown.rows["volume_t"] * 1000))
    text = printed(shown, width)
    assert max(map(len, text.splitlines())) <= width
    (world,) = [line for line in text.splitlines() if line.startswith("World") and "1,100,000" in line]
    assert " 900 to 1,300" in world
    assert "14 of 16" in world
    assert ("Not shown on a screen of this width" in text) == (width == 60)


@pytest.mark.parametrize("width", [80, 140])
def test_text_is_plain(width: int) -> None:
    """Where the output is no terminal there are no control codes, and no line is wider than asked for."""
    text = printed(found(), width)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "issued 2026-01-20, figures up to 2025-12; volumes in tonnes, the forecast is the median" in " ".join(
        text.split()
    )


def test_events_follow_a_narrow_table() -> None:
    """In a narrow terminal events and notes stand below, under each destination."""
    lines = printed(found(), 80).splitlines()
    assert any(line.split() == ["United", "States", "licensing,", "(truce)", "-", "wide,", "10", "months", "known"]
               for line in lines)  # fmt: skip


def test_what_says_nothing_does_not_follow_a_narrow_table() -> None:
    """A destination on which nothing acts has no line; where months differ each line begins with its month."""
    two = [forecast(code, 450.0, 400.0, 500.0, "2025-12", month) for code in ("JPN", "USA", "WLD")
           for month in ("2026-01", "2026-02")]  # fmt: skip
    shown = found(run(two))
    rows = shown.rows.assign(
        events=[("licensing",) if code == "WLD" else ("truce",) * (code == "USA" and month.month == 1)
                for code, month in zip(shown.rows["destination"], shown.rows["month"], strict=True)],
        unestimated=[()] * 6, notes=[()] * 6,
    )  # fmt: skip
    below = printed(replace(shown, rows=rows, remarks=()), 80).split("2026-02")[-1].splitlines()[2:]
    assert [line.split() for line in below if line.strip()] == [
        ["World", "licensing"], ["United", "States", "2026-01:", "truce"],
    ]  # fmt: skip


@pytest.mark.parametrize("width", [70, 80, 100, 140])
def test_no_word_of_a_table_is_broken(width: int) -> None:
    """Headings and cells wrap between words alone, within the screen, and what fits stays on one line."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    headings = (
        "months",
        "destinations",
        "against expected",
        "p",
        "shown on",
        "truce of 2025-11-10, United States lapses",
    )
    for heading in headings:
        table.add_column(heading, overflow="fold")
    table.add_row("2025-04 to 2025-06", "Germany, United States", "-61 %", "<0.001", "2025-06-20", Text("no event"))
    console = Console(file=io.StringIO(), width=width)
    console.print(with_whole_words(table, width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert {word for line in lines for word in line.split() if "─" not in word} == {
        word for column in table.columns for cell in (column.header, *column.cells) for word in str(cell).split()
    }
    assert len(lines) == 3 or width < 140


def test_several_months() -> None:
    """Two months forecast are two rows, each with its month; what would be said twice is said once."""
    two = [*FORECASTS, forecast("WLD", 1050.0, 800.0, 1400.0, "2025-12", "2026-02")]
    lines = [line for line in as_markdown(found(run(two))).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][3] == "for month"
    assert cells[2][:5] == ["World", "1,000", "2025-12", "2026-01", "1,100"]
    assert cells[3] == ["", "", "", "2026-02", "1,050", "800 to 1,400", "-", "+5 %", "", ""]
    assert as_markdown(found(run(two))).startswith("## Exports of magnets: forecast for 2026-01 and 2026-02\n")


def test_many_months_are_a_span_in_the_title() -> None:
    """Two are named, more are said as the first and the last."""
    months = [forecast("WLD", 1050.0, 800.0, 1400.0, "2025-12", f"2026-{month:02d}") for month in range(1, 13)]
    assert as_markdown(found(run(months))).startswith("## Exports of magnets: forecast for 2026-01 to 2026-12\n")


def test_notes_are_not_repeated_below_each_other() -> None:
    """What is said of a month is left out while it is the same; where it ends there is a dash."""
    rows = [
        forecast("JPN", 450.0, lower, 500.0, "2025-12", month)
        for lower, month in ((90.0, "2026-01"), (95.0, "2026-02"), (400.0, "2026-03"))
    ]
    lines = [line for line in as_markdown(found(run(rows))).splitlines() if line.startswith("|")]
    assert [line.removesuffix("|").rpartition("|")[2].strip() for line in lines[2:]] == ["wide", "", "-"]


def test_how_often_it_held_stands_one_month_ahead() -> None:
    """The record is of the next month: a month further ahead has none."""
    row = {"product": "magnets", "destination": "JPN", "model": "combination", "level": 80, "held": 7, "n": 10}
    record = pd.DataFrame([row | {"first_month": pd.Period("2025-01"), "last_month": pd.Period("2025-12")}])
    two = [forecast("JPN", 450.0, 400.0, 500.0, "2025-12"), forecast("JPN", 450.0, 400.0, 500.0, "2025-12", "2026-02")]
    two[1][6] = 2
    known = as_of(EXPORTS, EVENTS, ISSUED)
    shown = outlook(known, {}, run(two), product="magnets", model="combination", names=NAMES, record=record)
    assert shown.rows["held"].tolist() == ["7 of 10", ""]


def test_sums_left_out_for_one_reason_are_one_line() -> None:
    """Months and destinations with the same reason stand together."""
    spans = [("2026-01", "2026-06"), ("2026-01", "2026-03"), ("2026-04", "2026-06")]
    why = "its months are shown as they add up with World"
    cells = [("magnets", "ROW", "combination", ISSUED, *map(pd.Period, span), why) for span in spans]
    cells.append(("magnets", "JPN", "combination", ISSUED, *map(pd.Period, spans[0]), "2025-12 neither known"))
    omitted = pd.DataFrame(cells, columns=OMITTED_COLUMNS)
    sums = Sums(pd.DataFrame(columns=SUM_COLUMNS), omitted)
    known = as_of(EXPORTS, EVENTS, ISSUED)
    shown = outlook(known, {}, run(), product="magnets", model="combination", names=NAMES, sums=sums)
    assert remarks(shown)["Without a sum"] == (
        f"2026-01 to 2026-06, 2026-01 to 2026-03, 2026-04 to 2026-06 ({why}): Rest of world",
        "2026-01 to 2026-06 (2025-12 neither known): Japan",
    )


def test_markdown_is_a_table_and_a_list() -> None:
    """Every row has as many cells as the head, and every remark is an item below."""
    text = as_markdown(found())
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {10}
    assert lines[4] == (
        "| United States | 200 | 2025-10 | 150 | 50 to 600 | - | -25 % | licensing, (truce) | wide, 10 months known |"
    )
    assert [line[2:].split(":")[0] for line in text.splitlines() if line.startswith("- ")] == list(remarks(found()))


def test_a_judged_forecast_stands_in_the_table_with_the_models_beside_it() -> None:
    """Number, interval and changes are the judged ones, marked, with the reason; other rows stay as they are."""
    made = judged_run(run(), [parse_judgement("JPN=-20%: port strike")], "combination", {})
    lines = [line for line in as_markdown(found(made)).splitlines() if line.startswith("|")]
    assert lines[0].startswith("| destination | last actual | of month | forecast | the model | 80 % interval |")
    world, japan, usa = lines[2:]
    assert world.startswith("| World | 1,000 | 2025-12 | judged 1,010 | 1,100 | 826 to 1,194 | +1 % |")
    assert japan.startswith("| Japan | 500 | 2025-12 | judged 360 | 450 | 320 to 400 | -28 % |")
    assert "judged: port strike" in japan
    assert usa.startswith("| United States | 200 | 2025-10 | 150 |  | 50 to 600 |")
    assert remarks(found(made))["Judged"] == (
        "Japan 2026-01: the model says 450 t, judged 360 t (-20%): port strike",
        "World 2026-01: the model says 1,100 t, judged 1,010 t: follows its parts",
    )
    assert "judged 360" in printed(found(made), 80).replace("  ", " ")


def test_a_sum_with_a_judged_month_is_of_the_judged_months() -> None:
    """Of two sums of one span that of the judged months is shown; a span without a judged month keeps the model's."""
    made = judged_run(run(), [parse_judgement("JPN@2026-01=-20%: port strike")], "combination", {})
    spans = [("combination", "2026-01", 9.0), ("judged", "2026-01", 7.0), ("combination", "2026-02", 5.0)]
    table = pd.DataFrame(
        [
            dict.fromkeys(SUM_COLUMNS, tonnes)
            | {"product": "magnets", "destination": "JPN", "model": model, "issued": ISSUED}
            | {"cutoff": pd.Period("2025-12"), "start": pd.Period(start), "end": pd.Period(start) + 2}
            for model, start, tonnes in spans
        ]
    )
    sums = Sums(table, pd.DataFrame(columns=OMITTED_COLUMNS))
    known = as_of(EXPORTS, EVENTS, ISSUED)
    shown = outlook(known, {}, made, product="magnets", model="combination", names=NAMES, sums=sums)
    assert shown.together["volume_t"].tolist() == [7.0, 5.0]


def test_many_destinations_are_counted() -> None:
    """An event on many destinations names the first three."""
    assert whom(("DEU", "FRA", "ITA", "ESP"), {"DEU": "Germany"}) == "Germany, FRA, ITA and 1 more"


def test_the_calendar_of_a_day() -> None:
    """Events announced later are not shown, and an end that is only scheduled carries a mark."""
    shown = agenda(EVENTS, {}, issued=ISSUED)
    assert "unknown" not in set(shown["event"])
    assert agenda(EVENTS, {})["event"].tolist() == ["ended", "licence", "truce", "later", "talks", "list", "unknown"]
    assert agenda(EVENTS, {}, destinations=["KOR"])["event"].tolist() == ["ended", "licence", "talks", "unknown"]
    assert "\n6 events, 1 of kinds that are shown but not modelled. An end with ?" in printed_agenda(shown)


def printed_agenda(shown: pd.DataFrame, day: date = ISSUED, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_agenda(shown, NAMES, console, day)
    return console.file.getvalue()


def test_the_calendar_begins_with_what_is_in_force() -> None:
    """First what acts on the day, with a mark at an end that is only scheduled, then every event with its days."""
    text = printed_agenda(agenda(EVENTS, {}, issued=ISSUED))
    acting, calendar = text.split("\nCalendar\n")
    assert acting.startswith("In force on 2026-01-20\n")
    rows = [line.split() for line in acting.splitlines() if line.startswith("202")]
    assert [row[0] for row in rows] == ["2025-04-04", "2025-11-10", "2026-01-06"]
    assert rows[1] == ["2025-11-10", "2026-01-25?", "truce", "United", "States", "all"]
    (truce,) = [line for line in calendar.splitlines() if " truce; " in line]
    assert truce.split()[:4] == ["2025-11-01", "2025-11-10", "2026-01-25?", "truce;"]


@pytest.mark.parametrize("width", [60, 80])
def test_what_is_in_force_is_short(width: int) -> None:
    """A row a measure by kind, what is to come in a sentence, and where the whole calendar is."""
    console = Console(file=io.StringIO(), width=width)
    print_in_force(agenda(EVENTS, {}, issued=ISSUED), NAMES, console, ISSUED, ["magnets"])
    text = console.file.getvalue()
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["In", "force", "on", "2026-01-20", "on", "exports", "of", "magnets"]
    assert lines[1] == ["kind", "since", "until", "destinations"]
    assert [line[:1] for line in lines[3:6]] == [["licensing"], ["listing"], ["truce"]]
    assert lines[5] == ["truce", "2025-11-10", "2026-01-25?", "United", "States"]
    said = " ".join(text.split())
    assert "6 events on file of magnets: forecast events --all. An end with ? is scheduled" in said
    assert len(lines) <= 12
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("day", [date(2025, 5, 31), date(2025, 6, 1)])
def test_a_measure_is_in_force_up_to_the_day_before_its_end(day: date) -> None:
    """The ban of January ends on 1 June, and is not known before it was announced."""
    known = agenda(EVENTS, {}, issued=ISSUED)
    assert ("ended" in set(in_force(known, day)["event"])) == (day < date(2025, 6, 1))
    assert in_force(known, date(2025, 1, 4)).empty
    assert printed_agenda(known, date(2025, 1, 4)).startswith("Nothing is in force on 2025-01-04\n")


def test_an_event_called_off_before_it_took_effect_is_said() -> None:
    """From the day on which its end is known, and not before; one that ends later is none of them."""
    events = simulated.calendar(
        {
            "event": "slip", "kind": "ban", "announced": date(2025, 9, 20), "effective": date(2025, 10, 15),
            "ends": date(2025, 10, 1), "ends_announced": date(2025, 9, 30),
        },
        {"event": "ended", "kind": "ban", "announced": date(2025, 1, 5), "ends": date(2025, 6, 1)},
    )  # fmt: skip
    assert never_in_force(agenda(events, {}, issued=date(2025, 9, 25))) == []
    (said,) = never_in_force(agenda(events, {}))
    assert said.startswith("Never in force: slip ends 2025-10-01, before its day of effect 2025-10-15. Called off ")
    assert said.endswith(": check the days.")


def test_an_approval_is_a_day_and_no_state() -> None:
    """It is in force on no day, its own included; its days stand below, the latest first, and none that is ahead."""
    given = {"kind": "approvals", "destinations": ("USA",)}
    events = simulated.calendar(
        {**given, "event": "first", "announced": date(2025, 6, 7)},
        {**given, "event": "next", "announced": date(2025, 10, 30), "destinations": ("KOR",)},
        {**given, "event": "ahead", "announced": date(2026, 2, 6)},
        {"kind": "general_licence", "event": "general", "announced": date(2025, 12, 18)},
    )
    shown = agenda(events, {})
    assert [in_force(shown, day)["event"].tolist() for day in (date(2025, 6, 7), ISSUED)] == [[], ["general"]]
    text = printed_agenda(shown, width=80)
    acting, whole = text.split("\nCalendar\n")
    said = "Approvals were given on 2025-10-30 (South Korea), 2025-06-07 (United States): days, not something in force."
    assert " ".join(acting.split()).endswith(said)
    assert whole.count(" that day ") == 3
    assert days_given(shown, date(2025, 6, 6), NAMES) == []


@pytest.mark.parametrize("width", [60, 80, 140, 200])
def test_the_calendar_fits_eighty_columns(width: int) -> None:
    """Also on a wider screen, and no word is cut."""
    text = printed_agenda(agenda(EVENTS, {}, issued=ISSUED), width=width)
    assert max(map(len, text.splitlines())) <= min(width, 80)
    assert "…" not in text
