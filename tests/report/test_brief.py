"""Laws of the briefing: it says the numbers of the outlook, a plot has its values in words, and names stay text."""

import math
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from openpyxl import load_workbook

from forecast.cli.briefing import newest
from forecast.report.agenda import EventNames
from forecast.report.brief.behind import Behind
from forecast.report.brief.chart import fan_chart
from forecast.report.brief.headline import briefing_headline
from forecast.report.brief.page import brief_page
from forecast.report.brief.sheets import brief_markdown, brief_workbook
from forecast.report.brief.tables import changes_tables
from forecast.report.outlook import OUTLOOK_COLUMNS, Outlook
from forecast.tables.run_folder import OutputError

HOSTILE = '<script>alert("1")</script>'
CUTOFF = pd.Period("2026-07", "M")


class Tags(HTMLParser):
    """Counts start tags, and sees that every end tag closes the one opened last."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_headline_has_the_numbers_of_the_first_row():
    """Median, interval, record, last actual and both changes are those of the outlook, in three sentences."""
    assert briefing_headline(_outlook()) == [
        "Exports of rare earth magnets in all are forecast at 5,537 t in August 2026.",
        "Four times in five the actual should lie between 4,457 and 7,053 t; one month ahead such intervals held"
        " 11 of 16 times.",
        "The last actual is 5,375 t of July 2026; the forecast is 3 % above the month before and 10 % below the same"
        " month a year earlier.",
    ]


def test_the_headline_says_what_moved_the_forecast_the_largest_first():
    """Contributions since the last issue stand in the third sentence, by size and with their sign."""
    assert briefing_headline(_outlook(), _changes())[2].endswith(
        "; the issue of 2026-07-20 had 5,500 t for the same month, moved since by new figures (+57 t) and entries added"
        " to the calendar (-20 t)."
    )


def test_the_headline_leads_with_the_judged_number_and_the_reason():
    """A judged total has the model's number and the parts that it follows; the judged number is in the table too."""
    found = _outlook()
    rows = found.rows.assign(model_t=[5600.0, 12.0], reason=["follows its parts", "port strike"], held="")
    page = _page(replace(found, rows=rows), Behind(changes=_changes()))
    lead = page[page.index('class="lead"') :].partition("</p>")[0]
    assert (
        "in all are judged at 5,537 t in August 2026, where the model says 5,600 t: Old 5 t in place of 12 t"
        " (port strike). Four times in five the actual should lie between 4,457 and 7,053 t." in lead
    )
    assert "judgement (-63 t), new figures (+57 t) and entries added to the calendar (-20 t)" in lead
    assert '<td class="number">5,537</td><td class="number">5,600</td>' in page


def test_what_nobody_issued_is_not_called_an_issue():
    """A replay of the last release day says so in headline, sentence, captions and text; an issue is one."""
    issued = pd.DataFrame([{"product": "rare_earth_magnets", "destination": "WLD", "month": CUTOFF, "volume_t": 5307.0,
                            "lower_80": 5000.0, "upper_80": 5600.0, "lower_95": 4900.0, "upper_95": 5700.0,
                            "actual_t": 5375.0}])  # fmt: skip
    behind = Behind(changes=_changes(), last_issue=issued)
    page, made = (_page(behind=one) for one in (behind, replace(behind, replayed=("changes", "last_issue"))))
    assert "; as it would have been issued on 2026-07-20 it was 5,500 t for the same month" in made
    assert "As it would have been issued: 5,307 t for 2026-07, and 5,375 t came out." in made
    assert "<caption>What would have been issued, and the actual, tonnes</caption>" in made
    assert "<caption>Since what would have been issued on 2026-07-20, tonnes" in made
    for said in ("the issue of", "last issue", "The last issue", "Last time"):
        assert said in page
        assert said not in made


def test_branches_are_not_taken_for_events():
    """One of two events happens with more than its branch's share: the branch says only it, the other one both."""
    cell = {
        "product": "rare_earth_magnets",
        "destination": "WLD",
        "month": CUTOFF + 6,
        "lower_80": 1.0,
        "upper_80": 9e3,
    }
    shares = {
        "as the calendar stands": 0.56,
        "ban-2027": 0.14,
        "truce-2025 lapses": 0.24,
        "ban-2027 + truce-2025 lapses": 0.06,
    }
    branches = pd.DataFrame(
        [cell | {"branch": name, "volume_t": 100.0 * place} for place, name in enumerate(shares, 1)]
    )
    called = EventNames({"ban-2027": "ban of 2027-01-01, United States", "truce-2025": "truce of 2025-11-10"})
    page = _page(_outlook(), Behind(branches=branches, probabilities=shares, names={"WLD": "World"}, called=called))
    short = page[page.index('class="short"') :].partition("</dl>")[0]
    assert (
        "In 2027-01, only ban of 2027-01-01, United States (14 %): 200 t (1 to 9,000); only truce of 2025-11-10 lapses"
        " (24 %): 300 t (1 to 9,000); both (6 %): 400 t (1 to 9,000); as the calendar stands 100 t." in short
    )
    assert "ban-2027" not in page


def test_the_record_of_a_store_is_shown_from_its_first_forecast_on():
    """Counts, not shares, of the model shown; other models and products are not among them."""
    row = {"product": "rare_earth_magnets", "model": "combination", "slice": "all", "n": 3, "held_80": 2, "held_95": 3}
    tracked = pd.DataFrame([row, row | {"model": "naive", "held_80": 1}, row | {"product": "gallium", "held_80": 0}])
    said = brief_markdown([_outlook()], Behind(tracked=tracked))
    assert "### Track record of the store, one month ahead" in said
    assert [line for line in said.splitlines() if line.startswith("| all months")] == [
        "| all months | 3 | 2 of 3 | 3 of 3 |"
    ]
    assert "No track record" not in _page(behind=Behind(tracked=tracked))


def test_what_changed_adds_up_in_tonnes_and_in_logs():
    """Each row of both tables is the sum of its contributions."""
    tonnes, logs = changes_tables(_changes(), {"WLD": "World"})
    assert tonnes.lines == (("World", "2026-08", 5500.0, 5537.0, "+37", "+57", "-20"),)
    assert [float(text) for text in logs.lines[0][2:]] == pytest.approx([0.0067, 0.0103, -0.0036])


def test_what_rounds_to_nothing_is_left_out():
    """A contribution of no forecast is no column, one of another forecast is 0, and without any there is a sentence."""
    changes = _changes()
    tiny = changes.assign(change_t=changes["change_t"].where(changes["contribution"] == "new_figures", -4.4e-05))
    other = changes.assign(destination="OLD", change_t=4.2e-08)
    tonnes, _ = changes_tables(pd.concat([tiny, other]), {"WLD": "World"})
    assert tonnes.head == ("destination", "month", "before", "now", "change", "new figures")
    assert [line[5] for line in tonnes.lines] == ["+57", "0"]
    assert changes_tables(other, {}) == []
    assert "<p>Nothing has moved these forecasts since 2026-07-20.</p>" in _page(behind=Behind(changes=other))


def test_the_first_screen_answers_why_what_if_and_how_often_right():
    """A sentence each before the first table, led by a link to its section; long tables are folded."""
    part = {"name": "ban", "title": "ban of 2026-05-01", "description": "", "kind": "episode", "tonnes": -300.0,
            "log": -0.05, "lower_80": -0.1, "upper_80": 0.0, "rests_on": ["ban"]}  # fmt: skip
    level = {"name": "level", "kind": "level", "tonnes": 5837.0, "log": math.log(5837.0)}
    explained = [{"product": "rare_earth_magnets", "destination": code, "name": name, "month": "2026-08",
                  "forecast_t": 5537.0, "parts": [level, part]}
                 for code, name in _outlook().rows[["destination", "name"]].itertuples(index=False)]  # fmt: skip
    issued = pd.DataFrame([{"product": "rare_earth_magnets", "destination": "WLD", "month": CUTOFF, "volume_t": 5307.0,
                            "lower_80": 5000.0, "upper_80": 5600.0, "lower_95": 4900.0, "upper_95": 5700.0,
                            "actual_t": 5375.0}])  # fmt: skip
    phases = pd.DataFrame([{"product": "rare_earth_magnets", "phase": "calm", "n": 10, "held_80": 9, "held_95": 10,
                            "mae_t": 60.0}])  # fmt: skip
    behind = Behind(explained=explained, last_issue=issued, phases=phases, changes=_changes(), names={"WLD": "World"})
    page = _page(_outlook(), behind)
    first_screen = page[page.index('class="lead"') : page.index("<table>")]
    assert "Largest of the measures acting: ban of 2026-05-01 (-300 t)." in first_screen
    assert "Last time: 5,307 t for 2026-07, and 5,375 t came out." in first_screen
    assert "held 9 of 10 in calm months." in first_screen
    assert '<a href="#rare_earth_magnets-why">Why</a>' in first_screen
    folded = re.findall(r"<details><summary>([^<]*)", page)
    assert [title for title in folded if title.startswith(("The parts as a table", "The same in logs", "Charts by"))]


def test_a_measure_is_described_once():
    """It is among the largest of every destination, and stands in one list, with those whom it works against."""
    part = {"name": "ban-1", "title": "ban of 2026-05-01", "description": "No more magnets.", "kind": "episode",
            "tonnes": -3.0, "log": -0.1, "rests_on": ["ban-1"]}  # fmt: skip
    level = {"name": "level", "kind": "level", "tonnes": 40.0, "log": 3.7}
    ones = [{"product": "rare_earth_magnets", "destination": code, "name": name, "month": "2026-08", "forecast_t": 37.0,
             "parts": [level, part | more]}
            for code, name, more in (("WLD", "World", {}), ("OLD", "Old", {"tonnes": 3.0, "against_kind": True}))
            ]  # fmt: skip
    page = _page(behind=Behind(explained=ones))
    assert page.count("No more magnets.") == 1
    assert "It works against its kind on Old: forecast events --effects says what coincides with it." in page


def test_what_is_no_longer_open_is_said_in_place_of_branches():
    """The sentence stands where branches would; where there are branches they stand alone."""
    said = "truce: its lapse on 2026-11-10 is no longer open on 2026-11-20"
    page = _page(behind=Behind(passed=said))
    assert page.count(said) == 1
    assert "No scenario is on file" not in page


def test_a_sum_that_says_nothing_new_is_not_drawn():
    """Months that are known one by one, or inside a shorter sum, need no line; the others have one with its title."""
    months = pd.period_range(CUTOFF - 3, CUTOFF, freq="M")
    actual = pd.Series([1.0, 2.0, float("nan"), float("nan")], months)
    sums = pd.DataFrame([(months[0], months[1], 3.0), (months[2], months[3], 8.0), (months[0], months[3], 11.0)],
                        columns=["start", "end", "volume_t"])  # fmt: skip
    drawn = fan_chart(actual, _outlook().rows.iloc[:1], "World", (), sums)
    assert re.findall(r"<title>([^<]* together[^<]*)</title>", drawn) == [
        "2026-06 to 2026-07 together: 8 t, 4 t a month"
    ]


def test_a_workbook_has_no_time_of_writing() -> None:
    """The same outlook is the same bytes a minute later: what stands there is the issue day."""
    found = _outlook("x")
    with ZipFile(BytesIO(brief_workbook([found], Behind()))) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        times = set(re.findall(rb"[\d-]+T[\d:]+Z", parts.read("docProps/core.xml")))
    assert times == {f"{found.issued}T00:00:00Z".encode()}


def test_the_workbook_has_numbers_and_no_formula():
    """Tonnes are numbers, an interval is two columns, and a destination called like a formula is text."""
    book = load_workbook(BytesIO(brief_workbook([_outlook("=1+1")], Behind())))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[2]][:4] == ["destination", "forecast", "80 % interval, from",
                                                     "80 % interval, to"]  # fmt: skip
    assert [cell.value for cell in sheet[3]][:4] == ["=1+1", 5537.0, 4457.0, 7053.0]
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}


def test_markdown_has_the_tables_of_the_page_and_hostile_text_stays_text():
    """The same cells, and no tag."""
    said = brief_markdown([_outlook(HOSTILE)], Behind())
    assert "| 5,537 | 4,457 to 7,053 | 5,375 | 2026-07 |" in said
    assert "<script" not in said


def test_hostile_names_stay_text_and_tags_are_closed():
    """A destination called like a script gives no script, in tables, captions, labels and titles."""
    tags = Tags()
    tags.feed(_page())
    assert tags.open == []
    assert "script" not in tags.seen
    assert tags.seen.count("svg") == 2


def test_old_figures_stand_apart():
    """A destination whose last figure is twelve months before the cutoff is in the second table alone."""
    first, second = _page().split("<table>")[1:3]
    assert "Old</th>" not in first
    assert "Old</th>" in second.split("</table>")[0]


def test_values_are_in_titles():
    """What a chart shows by hover is a title of the picture."""
    assert "<title>2026-08: 5,537 t, 80 % 4,457 to 7,053 t</title>" in _page()


def test_the_newest_run_is_taken_and_none_is_refused(tmp_path):
    """Of two runs the later issue day; of none a sentence that says what to do."""
    with pytest.raises(OutputError, match="Run forecast next"):
        newest(tmp_path, "next", "update")
    for day in ("2026-07-20", "2026-08-20"):
        (tmp_path / f"next-{day}").mkdir()
    assert newest(tmp_path, "next", "update").name == "next-2026-08-20"


def _changes():
    cell = {"product": "rare_earth_magnets", "destination": "WLD", "model": "combination", "month": CUTOFF + 1,
            "horizon": 1, "issued": date(2026, 8, 20), "before": date(2026, 7, 20), "before_t": 5500.0,
            "after_t": 5537.0}  # fmt: skip
    moved = {"settings": (0.0, 0.0), "new_figures": (57.0, 5557 / 5500), "calendar_added": (-20.0, 5537 / 5557)}
    return pd.DataFrame([
        cell | {"contribution": name, "change_t": tonnes, "log_change": math.log(factor or 1.0)}
        for name, (tonnes, factor) in moved.items()
    ])  # fmt: skip


def _outlook(world="World"):
    month = CUTOFF + 1
    rows = [
        ("WLD", world, 5375.0, CUTOFF, month, 5537.0, 4457.0, 7053.0, 0.03, -0.1, "11 of 16", (), (), ()),
        ("OLD", "Old", 4.0, CUTOFF - 12, month, 5.0, 1.0, 30.0, float("nan"), float("nan"), "", (), (), ("wide",)),
    ]
    table = pd.DataFrame(rows, columns=OUTLOOK_COLUMNS[:-2]).assign(model_t=float("nan"), reason="")
    return Outlook("rare_earth_magnets", "combination", date(2026, 8, 20), CUTOFF, table, ())


def _page(found=None, behind=None):
    months = pd.period_range(CUTOFF - 12, CUTOFF, freq="M")
    volumes = pd.DataFrame({"WLD": 5000.0, "OLD": [4.0, *[float("nan")] * 12]}, index=months)
    about = {"issued": "2026-08-20", "note": HOSTILE}
    return brief_page([found or _outlook(HOSTILE)], {"rare_earth_magnets": volumes}, about, behind)


def test_without_a_name_the_newest_run_of_next_or_update_is_taken(tmp_path: Path) -> None:
    """By the day in the folder's name, whatever made it; where there is none, that is a sentence."""
    for name in ("next-2026-08-20", "update-2026-11-28", "next-2026-10-20", "backtest-2026-12-20"):
        (tmp_path / name).mkdir()
    assert newest(tmp_path, "next", "update").name == "update-2026-11-28"
    (tmp_path / "next-2026-12-20").mkdir()
    assert newest(tmp_path, "next", "update").name == "next-2026-12-20"
    assert newest(tmp_path, "backtest").name == "backtest-2026-12-20"
    with pytest.raises(OutputError, match=r"expected a run next-\* or update-\*, found none"):
        newest(tmp_path / "next-2026-12-20", "next", "update")
