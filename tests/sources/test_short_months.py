"""Months with short years joined with other words in a heading, and headings that can be months or days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
JAPAN = [("JPN", "2023-01", 5.0), ("JPN", "2023-02", 6.0)]


def imported(folder: Path, text: str) -> list[tuple[str, str, float]]:
    path = folder / "f.csv"
    path.write_text(text, "utf-8")
    table = import_exports(path, product="w", today=DAY).exports
    return list(zip(table["destination"], table["month"].astype(str), table["volume_t"], strict=True))


@pytest.mark.parametrize(
    "months", [("01/23", "02/23"), ("1/23", "2/23"), ("01-23", "02-23"), ("23-Jan", "23-Feb"), ("Jan 23", "Feb 23"),
               ("M1 2023", "M2 2023"), ("2023M01", "2023M02"), ("202301", "202302"), ("Oca-23", "Şub-23")],
)  # fmt: skip
@pytest.mark.parametrize("value", [False, True], ids=["alone", "beside a value"])
def test_a_month_and_a_short_year_in_a_heading(tmp_path: Path, months: tuple[str, str], value: bool):
    """Each heading has its own month, behind a quantity or a value."""
    heads = [f"Export t {month},Value (USD) {month}" if value else f"Export t {month}" for month in months]
    cells = "5,50,6,60" if value else "5,6"
    assert imported(tmp_path, f"Country,{','.join(heads)}\nJapan,{cells}\n") == JAPAN


@pytest.mark.parametrize("heading", ["{}", "Export t {}"])
@pytest.mark.parametrize("months", [("01/02", "02/02"), ("10/11", "11/11"), ("23/01", "23/02"), ("01-12", "02-12")])
def test_what_can_be_a_day_is_refused(tmp_path: Path, heading: str, months: tuple[str, str]):
    """In headings as in cells, with what to write."""
    first, second = (heading.format(month) for month in months)
    said = rf"headings such as {months[0]}, which can be a month and a year or a day and a month\. Write them as in 20"
    with pytest.raises(TableError, match=said):
        imported(tmp_path, f"Country,{first},{second}\nJapan,5,6\n")
    with pytest.raises(TableError, match="two numbers that can be a month and a year or a day and a month"):
        imported(tmp_path, f"Country,Month,Quantity (t)\nJapan,{months[0]},5\nJapan,{months[1]},6\n")


def test_codes_of_countries_are_no_months(tmp_path: Path):
    """Morocco and Czechia across, as codes that are short names of months too."""
    found = imported(tmp_path, "Month (t),MAR,CZE,DEU\n2023-01,5,6,7\n2023-02,6,7,8\n")
    assert {("CZE", "2023-01", 6.0), ("MAR", "2023-02", 6.0)} <= set(found)
