"""Laws of the briefing: it says the numbers of the outlook, a plot has its values in words, and names stay text."""

from datetime import date
from html.parser import HTMLParser

import pandas as pd
import pytest

from forecast.cli.brief import newest
from forecast.report.brief.page import brief_page, briefing_headline
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
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_headline_has_the_numbers_of_the_first_row():
    """Median, interval, record, last actual and both changes are those of the outlook."""
    assert briefing_headline(_outlook()) == [
        "World is forecast to receive 5,537 t of rare earth magnets in 2026-08.",
        "The 80 % interval is 4,457 to 7,053 t; one month ahead such intervals held 11 of 16 times in the shipped"
        " backtest.",
        "The last actual was 5,375 t in 2026-07; the forecast is +3 % on the month before,"
        " -10 % on the same month a year earlier.",
    ]


def test_hostile_names_stay_text_and_tags_are_closed():
    """A destination called like a script gives no script, in tables, captions, labels and titles."""
    tags = Tags()
    tags.feed(_page())
    assert tags.open == []
    assert "script" not in tags.seen
    assert tags.seen.count("svg") == 2


def test_old_figures_stand_apart():
    """A destination whose last figure is twelve months before the cutoff is in the second table alone."""
    first, second = _page().split("<table>")[1:]
    assert "Old</th>" not in first
    assert "Old</th>" in second.split("</table>")[0]


def test_values_are_in_titles():
    """What a chart shows by hover is a title of the picture."""
    assert "<title>2026-08: 5,537 t, 80 % 4,457 to 7,053 t</title>" in _page()


def test_the_newest_run_is_taken_and_none_is_refused(tmp_path):
    """Of two runs the later issue day; of none a sentence that says what to do."""
    with pytest.raises(OutputError, match="Run forecast next"):
        newest(tmp_path)
    for day in ("2026-07-20", "2026-08-20"):
        (tmp_path / f"next-{day}").mkdir()
    assert newest(tmp_path).name == "next-2026-08-20"


def _outlook(world="World"):
    month = CUTOFF + 1
    rows = [
        ("WLD", world, 5375.0, CUTOFF, month, 5537.0, 4457.0, 7053.0, 0.03, -0.1, "11 of 16", (), (), ()),
        ("OLD", "Old", 4.0, CUTOFF - 12, month, 5.0, 1.0, 30.0, float("nan"), float("nan"), "", (), (), ("wide",)),
    ]
    table = pd.DataFrame(rows, columns=OUTLOOK_COLUMNS)
    return Outlook("rare_earth_magnets", "combination", date(2026, 8, 20), CUTOFF, table, ())


def _page():
    months = pd.period_range(CUTOFF - 12, CUTOFF, freq="M")
    volumes = pd.DataFrame({"WLD": 5000.0, "OLD": [4.0, *[float("nan")] * 12]}, index=months)
    return brief_page([_outlook(HOSTILE)], {"rare_earth_magnets": volumes}, {"issued": "2026-08-20", "note": HOSTILE})
