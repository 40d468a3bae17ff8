"""Months said in two places: years across, a year in a title or a sheet's name; what titles say of destinations."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from forecast import TableError, import_exports
from forecast.sources.importing import Imported

DAY = date(2026, 1, 15)


def imported(folder: Path, text: str, name: str = "table.csv", **said: str) -> Imported:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return import_exports(path, today=DAY, **said)


def figures(got: Imported) -> dict[tuple[str, str], float]:
    cells = zip(got.exports["destination"], got.exports["month"].astype(str), got.exports["volume_t"], strict=True)
    return {(destination, month): volume for destination, month, volume in cells}


def book(folder: Path, sheets: dict[str, list[list[object]]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(folder / "book.xlsx")
    return folder / "book.xlsx"


# Years across --------------------------------------------------------------------------------------------------------


def test_years_across_with_all_else_in_titles(tmp_path: Path):
    """Destination, product and unit stand in titles; the sum of the year below and an empty cell are no months."""
    got = imported(
        tmp_path,
        "Commodity: 850440\nExports to the United States (t)\nMonth,2023,2024 (p)\n"
        'January,"1,234.5",20\nFebruary,11,\nTotal,"1,245.5",20\n',
    )
    assert figures(got) == {("USA", "2023-01"): 1234.5, ("USA", "2024-01"): 20.0, ("USA", "2023-02"): 11.0}
    assert got.exports["product"].unique().tolist() == ["850440"]
    assert got.exports["status"].tolist() == ["reported", "provisional", "reported"]
    assert got.causes()["rows"].sum() == 3
    assert any("'Exports to the United States (t)' says" in note for note in got.notes)


@pytest.mark.parametrize(
    "rows",
    [
        "Country,Month,2023,2024\nJapan,Jan,1,2\nJapan,Feb,3,4\nIndia,Jan,5,6\nIndia,Feb,7,8\n",
        "Country,Month,2023,2024\nJapan,Jan,1,2\n,Feb,3,4\nIndia,Jan,5,6\n,Feb,7,8\n",
        "Month,2023,2024\nJapan,,\nJan,1,2\nFeb,3,4\nIndia,,\nJan,5,6\nFeb,7,8\n",
        "Country,Month,2023年,2024年\nJapan,1月,1,2\nJapan,2月,3,4\nIndia,1月,5,6\nIndia,2月,7,8\n",
        "Country,Month,2024,2023\nJapan,1,2,1\nJapan,2,4,3\nIndia,1,6,5\nIndia,2,8,7\n",
        "Country;Month;2023;2024;Change %\nJapan;Jan;1,0;2;9\nJapan;Feb;3,0;4;9\nIndia;Jan;5;6;9\nIndia;Feb;7;8;9\n",
    ],
    ids=["column", "carried down", "rows of their own", "Japanese", "numbers", "decimal commas"],
)
def test_years_across_by_destination(tmp_path: Path, rows: str):
    """A destination may stand in each row, in the first of a block, or above it; months by name or by number."""
    assert figures(imported(tmp_path, rows, unit="t")) == {
        ("JPN", "2023-01"): 1.0, ("JPN", "2024-01"): 2.0, ("JPN", "2023-02"): 3.0, ("JPN", "2024-02"): 4.0,
        ("IND", "2023-01"): 5.0, ("IND", "2024-01"): 6.0, ("IND", "2023-02"): 7.0, ("IND", "2024-02"): 8.0,
    }  # fmt: skip


def test_of_two_blocks_of_years_the_weights_are_read(tmp_path: Path):
    """2023 and 2024 below Quantity, and again below Value."""
    rows = "Exports to Japan\n,Quantity (kg),,Value (USD),\nMonth,2023,2024,2023,2024\nJan,1,2,7,8\nFeb,3,4,7,8\n"
    assert sum(figures(imported(tmp_path, rows)).values()) == pytest.approx(0.010)
    unclear = rows.replace("Quantity (kg)", "Net (kg)").replace("Value (USD)", "Gross (kg)")
    with pytest.raises(TableError, match="expected each year once, found 2023, 2024, 2023, 2024 below"):
        imported(tmp_path, unclear)


def test_years_without_months_are_refused(tmp_path: Path):
    with pytest.raises(TableError):
        imported(tmp_path, "Country,Product,2023,2024\nJapan,w,1,2\nIndia,w,3,4\n", unit="t")


# A year that stands elsewhere ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Exports of magnets 2023 (t)\nCountry,Jan,Feb,Total\nJapan,1,2,3\n"),
        ("a.csv", "Year: 2023\nExports (t)\nMonth,Japan\nJan,1\nFeb,2\nTotal,3\n"),
        ("a.csv", "Updated 5 March 2024\n2023年\n\nCountry,1月,2月\nJapan,1,2\n"),
        ("a.csv", "Exports (t)\nMonth,Japan\n2023,3\nJan,1\nFeb,2\n"),
        ("a.csv", "2023\nMonth,Exports to Japan (t),Value (USD)\nJan,1,9\nFeb,2,9\n"),
        ("a.csv", "Rare earths, 2023\nCountry,Jan,Feb,Q1\nJapan,1,2,3\n"),
        ("exports_2023.csv", "Country,Jan,Feb\nJapan,1,2\n"),
    ],
    ids=["title, across", "title, down", "beside a day", "above the months", "alone", "at the end", "file"],
)
def test_a_year_from_elsewhere(tmp_path: Path, name: str, text: str):
    """Bare names of months are of the one year that is named; what says when a file was made is none."""
    got = imported(tmp_path, text, name, unit="t")
    assert figures(got) == {("JPN", "2023-01"): 1.0, ("JPN", "2023-02"): 2.0}
    assert any(note.startswith("Months are of the year") for note in got.notes)


def test_a_sheet_for_each_year(tmp_path: Path):
    """Sheets 2023 and 2024 are one table, of one product; a month marked in the heading is provisional."""
    head = [["Exports (t)"], ["Country", "Jan", "Feb (p)"]]
    got = import_exports(
        book(tmp_path, {"2023": [*head, ["Japan", 1, 2]], "2024": [*head, ["Japan", 3, 4]]}), today=DAY
    )
    assert figures(got) == {
        ("JPN", "2023-01"): 1.0, ("JPN", "2023-02"): 2.0, ("JPN", "2024-01"): 3.0, ("JPN", "2024-02"): 4.0,
    }  # fmt: skip
    assert got.exports["product"].unique().tolist() == ["book"]
    assert got.exports["status"].tolist() == ["reported", "provisional"] * 2


def test_a_sheet_for_each_destination(tmp_path: Path):
    head = ["Month", 2023, 2024]
    path = book(
        tmp_path,
        {"Japan": [head, ["Jan", 1, 2], ["Feb", 3, 4]], "India": [head, ["Jan", 5, 6], ["Feb", 7, 8]]},
    )
    assert figures(import_exports(path, unit="t", product="w", today=DAY))["IND", "2024-02"] == 8.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Exports (t)\nCountry,Jan,Feb\nJapan,1,2\n", "found months without a year"),
        ("Exports 2021-2023 (t)\nCountry,Jan,Feb\nJapan,1,2\n", "expected the year of the months in a title line"),
        ("Exports 2023 (t)\nCountry,Nov,Dec,Jan\nJapan,1,2,3\n", "expected months of one year in order"),
        ("Exports 2023-24 (t)\nCountry,Jan,Feb\nJapan,1,2\n", "cannot tell in which of two years"),
        ("Imports from China (t)\nMonth,2023,2024\nJan,1,2\nFeb,3,4\n", "holds imports"),
        ("Exports of China (t)\nMonth,2023,2024\nJan,1,2\nFeb,3,4\n", "which column is the destination"),
        ("Exports to Japan\nExports to India\nMonth,2023,2024\nJan,1,2\nFeb,3,4\n", "which column is the destination"),
    ],
)
def test_what_can_be_meant_in_two_ways_is_asked(tmp_path: Path, text: str, sentence: str):
    """No year, several, months that run on, imports, an exporter for a destination: a sentence and no guess."""
    with pytest.raises(TableError, match=sentence):
        imported(tmp_path, text, unit="t")


# Fiscal years --------------------------------------------------------------------------------------------------------


def test_months_of_a_fiscal_year(tmp_path: Path):
    """April 2023 to March 2024 of 2023-24."""
    got = imported(tmp_path, "Exports 2023-24 (t)\nCountry,Apr,Dec,Jan,Mar,Total\nJapan,1,2,3,4,10\n")
    months = ("2023-04", "2023-12", "2024-01", "2024-03")
    assert figures(got) == {("JPN", month): float(place) for place, month in enumerate(months, start=1)}


def test_fiscal_years_are_no_months(tmp_path: Path):
    """2010-11 beside months is their year; 2009-10 to 2011-12 are three years; 2010-10 to 2010-12 are months."""
    beside = imported(tmp_path, "Country,Oct-10,Nov-10,2010-11,2023-24\nJapan,1,2,99,99\n", unit="t")
    assert figures(beside) == {("JPN", "2010-10"): 1.0, ("JPN", "2010-11"): 2.0}
    with pytest.raises(TableError, match="headings such as 2009-10: a year over two calendar years, not a month"):
        imported(tmp_path, "Country,2009-10,2010-11,2011-12\nJapan,1,2,3\n", unit="t")
    assert len(imported(tmp_path, "Country,2010-10,2010-11,2010-12\nJapan,1,2,3\n", unit="t").exports) == 3
    long = imported(tmp_path, "Country,Month,t\nJapan,2023-05,1\nJapan,2023-24,12\n")
    assert figures(long) == {("JPN", "2023-05"): 1.0}
    assert long.unused["reason"].tolist() == ["a year over two calendar years, not a month"]


# Signs of notes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "volume", "status"),
    [
        ("1,234^1", 1234, "reported"), ("1,234¹", 1234, "reported"), ("1,234 [1]", 1234, "reported"),
        ("12[1]", 12, "reported"), ("1,234*", 1234, "reported"), ("1,234 1)", 1234, "reported"),
        ("1,234(r)", 1234, "reported"), ("1,234 p", 1234, "provisional"), ("1,234 (e) ²", 1234, "estimated"),
        ("1 234", 1234, "reported"),
    ],
)  # fmt: skip
def test_a_number_with_a_note(tmp_path: Path, cell: str, volume: float, status: str):
    """The note is none of its digits; a mark of provisional figures is their status."""
    got = imported(tmp_path, f'Country¹,Month*,Quantity (t) [2]\nJapan³,2023-01,"{cell}"\nIndia,2023-01,"1,000"\n')
    assert got.exports[["destination", "volume_t", "status"]].to_numpy().tolist() == [
        ["JPN", volume, status],
        ["IND", 1000.0, "reported"],
    ]


@pytest.mark.parametrize("cell", ["12 1", "10^3", "12 t", "[1]"])
def test_what_may_be_a_note_or_a_digit_is_no_number(tmp_path: Path, cell: str):
    got = imported(tmp_path, f'Country,Month,t\nJapan,2023-01,"{cell}"\nIndia,2023-01,5\nChile,2023-01,6\n')
    assert got.unused["reason"].tolist() == ["a volume that is no number"]


# Korea ---------------------------------------------------------------------------------------------------------------


def test_a_korean_download(tmp_path: Path):
    """Titles with the unit, weights of exports beside values and imports, a row of the total."""
    got = imported(
        tmp_path,
        '품목별 국가별 수출입\n"단위 : 천불, 톤"\n기간,국가명,HS코드,품목명,수출중량,수출금액,수입중량,수입금액\n'
        '총계,,,,30,200,9,9\n2023.01,미국,850440,정류기,"1,010",100,9,9\n2023년 02월,중국,850440,정류기,20,100,9,9\n',
    )
    assert figures(got) == {("USA", "2023-01"): 1010.0, ("CHN", "2023-02"): 20.0}
    assert got.exports["product"].unique().tolist() == ["850440"]
    with pytest.raises(TableError, match="holds imports"):
        imported(tmp_path, "기간,국가명,수입중량(kg)\n2023.01,미국,1\n")
