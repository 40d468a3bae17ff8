"""Months with the sign of a note, or of provisional figures, in headings and cells."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from forecast import import_exports
from forecast.vocabulary.months import month_of

DAY = date(2026, 6, 1)


def statuses(path: Path) -> dict[str, str]:
    table = import_exports(path, product="w", today=DAY).exports
    return dict(zip(table["month"].astype(str), table["status"].astype(str), strict=True))


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


MARKED = [
    ("2025-12p", "provisional"), ("2025-12 (p)", "provisional"), ("2025-12*", "reported"), ("2025-12 **", "reported"),
    ("Dec 2025 (prel.)", "provisional"), ("Dec 2025 1)", "reported"), ("Dec 2025 (2)", "reported"),
    ("2025-12 r", "reported"), ("Dec-25p", "provisional"), ("dic-25(p)", "provisional"), ("12/2025 [e]", "estimated"),
    ("Dez 2025 (vorläufig)", "provisional"), ("décembre 2025 (est.)", "estimated"),
    ("2025年12月（初步）", "provisional"), ("2025-12¹", "reported"), ("2025M12†", "reported"),
]  # fmt: skip


@pytest.mark.parametrize(("month", "status"), MARKED)
def test_a_month_with_a_mark_is_that_month(tmp_path: Path, month: str, status: str):
    """As a heading across and as a cell down; its status is what the mark says."""
    expected = {"2025-11": "reported", "2025-12": status}
    assert statuses(write(tmp_path, f"Country (t);2025-11;{month}\nGermany;1;2\n")) == expected
    assert statuses(write(tmp_path, f"Country;Month;t\nGermany;2025-11;1\nGermany;{month};2\n")) == expected


@pytest.mark.parametrize("text", ["2025-12f", "2025-12 forecast", "2025 p", "2025-12 total", "Total 2025", "2025 Q4 p"])
def test_other_words_behind_a_month_make_it_none(text: str):
    """A forecast is no figure, and a year no month."""
    assert month_of(text) is None


def test_a_mark_in_a_header_of_two_rows_or_in_a_column_of_months(tmp_path: Path):
    """Under a year, at the year, and beside a column of years."""
    for rows in ([["Country (t)", 2025, None, 2026, None], ["", "Nov", "Dec", "Jan", "Febp"]],
                 [["Country (t)", 2025, None, "2026 (p)", None], ["", "Nov", "Dec", "Jan", "Feb"]]):  # fmt: skip
        book = openpyxl.Workbook()
        for row in [*rows, ["Germany", 1, 2, 3, 4]]:
            book.active.append(row)
        book.save(tmp_path / "book.xlsx")
        found = statuses(tmp_path / "book.xlsx")
        assert list(found) == ["2025-11", "2025-12", "2026-01", "2026-02"]
        assert (found["2025-12"], found["2026-02"]) == ("reported", "provisional")
    parts = "Country,Year,Month,t\nGermany,2025,11,1\nGermany,2025,12 p,2\n"
    assert list(statuses(write(tmp_path, parts))) == ["2025-11", "2025-12"]


def test_dated_headings_that_are_not_used_are_named(tmp_path: Path):
    """Totals of a year, several months, forecasts: each is said."""
    text = "Country (t),2025-11,2025-12,2025 Total,Nov-Dec 2025,2026-01f,Share\nGermany,1,2,3,3,9,5\n"
    got = import_exports(write(tmp_path, text), product="w", today=DAY)
    assert "Columns left out: 2025 Total, Nov-Dec 2025, 2026-01f." in got.notes
    assert len(got.exports) == 2


def test_the_unit_over_the_column_of_countries_or_right_below_the_header(tmp_path: Path):
    """As offices write it that leave the corner of a table to the unit."""
    for text in ("Tonnes;2025-11;2025-12\nGermany;1;2\n", "País;2025-11;2025-12\nToneladas;;\nGermany;1;2\n"):
        assert list(statuses(write(tmp_path, text))) == ["2025-11", "2025-12"]
