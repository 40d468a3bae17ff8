"""Files as users have them that were read wrongly without a word, or refused without saying why."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)


def imported(folder: Path, text: str, encoding: str = "utf-8", product: str = "w") -> list[tuple[str, str, float]]:
    path = folder / "f.csv"
    path.write_text(text, encoding)
    table = import_exports(path, product=product, unit="t", today=DAY).exports
    return list(zip(table["destination"], table["month"].astype(str), table["volume_t"], strict=True))


@pytest.mark.parametrize(
    "text",
    ["Country,Month,Quantity (t)\nJapan,2023-01,1,555\nJapan,2023-02,2,750\n",
     "Country,2023-01,2023-02\nJapan,1,555,2,750\nGermany,12,3\n",
     "Country,Month,Quantity (t)\nJapan,2023-01,900\nJapan,2023-02,1,234,567.5\n"],
)  # fmt: skip
def test_numbers_parted_at_their_commas(tmp_path: Path, text: str):
    """A thousand without quotes is not one: the row is named."""
    with pytest.raises(TableError, match=r"f\.csv row \d: expected 3 cells as in the header, found [45] .* in quotes"):
        imported(tmp_path, text)


@pytest.mark.parametrize("last", ["300", "checked", "100,checked"])
def test_totals_and_remarks_beyond_the_header(tmp_path: Path, last: str):
    """A column without a heading may have sums of the row, or words."""
    found = imported(tmp_path, f"Country,2023-01,2023-02,,\nJapan,100,200,{last}\n")
    assert found == [("JPN", "2023-01", 100.0), ("JPN", "2023-02", 200.0)]


def test_a_column_of_items_that_are_measures(tmp_path: Path):
    """Quantity and value under the heading of products are no products: values are not read as tonnes."""
    text = "Country,Item,2023-01,2023-02\nJapan,Quantity (t),1,2\nJapan,Value (USD),10,20\n"
    assert imported(tmp_path, text, product="") == [("JPN", "2023-01", 1.0), ("JPN", "2023-02", 2.0)]


def test_one_date_whose_day_could_be_its_month(tmp_path: Path):
    """5 June or 6 May: a single date does not say."""
    with pytest.raises(TableError, match="a date whose day and month could be either"):
        imported(tmp_path, "Country,Month,Quantity (t)\nJapan,5/6/2023,7\nGermany,5/6/2023,8\n")


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [("2023Q1", "2023Q2", "a quarter"), ("2023-24", "2024-25", "a year over two calendar years")],
)
def test_headings_that_are_no_months_are_called_by_their_name(tmp_path: Path, first: str, second: str, what: str):
    """What they are is said, and not that a column is missing."""
    with pytest.raises(TableError, match=f"found headings such as {first}: {what}, not a month. Give the file figures"):
        imported(tmp_path, f"Country,{first},{second}\nJapan,5,6\n")


def test_cyrillic_letters_of_windows(tmp_path: Path):
    """A table of a Russian spreadsheet."""
    text = "Страна;Месяц;Количество (т)\nЯпония;январь 2023;5\n"
    assert imported(tmp_path, text, "cp1251") == [("JPN", "2023-01", 5.0)]
