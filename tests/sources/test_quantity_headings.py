"""Quantities and values above, below or in one heading with months: weights are read, money is counted."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from forecast import TableError, import_exports
from forecast.sources.importing import Imported

DAY = date(2026, 1, 1)
MONEY = "a value in money beside weights"
NAMES = ["Jan", "Feb", "Mar"]
MONTHS = ["2023-01", "2023-02", "2023-03"]

Rows = list[list[object]]


def imported(folder: Path, rows: Rows, mark: str = ",", encoding: str = "utf-8", **said: str) -> Imported:
    """What is read of a text file."""
    path = folder / "mine.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    return import_exports(path, product="w", today=DAY, **said)


def figures(got: Imported) -> dict[tuple[str, str], float]:
    cells = zip(got.exports["destination"], got.exports["month"].astype(str), got.exports["volume_t"], strict=True)
    return {(destination, month): volume for destination, month, volume in cells}


def tonnes(destination: str = "JPN", first: int = 5) -> dict[tuple[str, str], float]:
    return {(destination, month): float(first + place) for place, month in enumerate(MONTHS)}


def over(*words: str, many: int = 3) -> list[object]:
    """Words that are merged over so many columns each."""
    return [cell for word in words for cell in (word, *[""] * (many - 1))]


def both(months: list[str]) -> list[object]:
    """Each month over two columns."""
    return over(*months, many=2)


def joined(*headings: str) -> list[object]:
    """Headings of each month, with the month for the braces."""
    return [heading.format(month) for month in MONTHS for heading in headings]


ONE_AFTER_OTHER: list[object] = [5000, 6000, 7000, 7, 8, 9]
VALUES_FIRST: list[object] = [7, 8, 9, 5000, 6000, 7000]
PAIRS: list[object] = [5000, 7, 6000, 8, 7000, 9]
VALUE_BY_VALUE: list[object] = [7, 5000, 8, 6000, 9, 7000]


@pytest.mark.parametrize(
    "rows",
    [
        [["Unit: kg"], ["", *over("Quantity", "Value")], ["Country", *MONTHS * 2], ["Japan", *ONE_AFTER_OTHER]],
        [["Exports 2023"], ["", *over("Value (USD)", "Weight (KG)")], ["Partner", *NAMES * 2],
         ["Japan", *VALUES_FIRST]],
        [["Land", *over("Wert (EUR)", "Menge (kg)")], ["", *MONTHS * 2], ["Japan", *VALUES_FIRST]],
        [["Exports 2023"], ["", "", *over("Quantity", "Value")], ["To", "Unit", *NAMES * 2],
         ["Japan", "KG", *ONE_AFTER_OTHER]],
        [["Year: 2023"], ["Country", *over("KG", "USD")], ["", *NAMES * 2], ["Japan", *ONE_AFTER_OTHER]],
        [["Country", *both(MONTHS)], ["", *["Quantity (kg)", "Value"] * 3], ["Japan", *PAIRS]],
        [["Country", *both(MONTHS)], ["", *["k€", "Quantité (kg)"] * 3], ["Japon", *VALUE_BY_VALUE]],
        [["Exports 2023, kg"], ["Country", *[name for name in NAMES for _ in (1, 2)]], ["", *["Value", "Quantity"] * 3],
         ["Japan", *VALUE_BY_VALUE]],
        [["Country", "UOM", *both(MONTHS)], ["", "", *["Value", "Weight (KG)"] * 3], ["Japan", "T", *VALUE_BY_VALUE]],
    ],
    ids=["above dates", "above names", "German", "a column of units", "units alone", "below", "euros", "names twice",
         "units of another measure"],
)  # fmt: skip
def test_quantities_above_or_below_months(tmp_path: Path, rows: Rows):
    """Whichever stands above and whichever is first, weights are read in their unit, and values counted."""
    got = imported(tmp_path, rows)
    assert figures(got) == tonnes()
    assert got.unused["reason"].tolist() == [MONEY] * 3


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [
        ([["수출 실적 2023년"], ["단위: 톤, 천불"], ["국가명", *over("수출 금액", "수출 중량")],
          ["", *["1월", "2월", "3월"] * 2], ["일본", 7, 8, 9, 5, 6, 7]], "cp949"),
        ([["국가", *both(["2023년 1월", "2023년 2월", "2023년 3월"])], ["", *["수출금액", "수출중량(kg)"] * 3],
          ["일본", *VALUE_BY_VALUE]], "utf-8"),
        ([["单位：千克、美元"], ["国家", *over("出口金额", "出口数量")], ["", *[f"2023年{at}月" for at in (1, 2, 3)]
          * 2], ["日本", *VALUES_FIRST]], "gb18030"),
        ([["Unit: kg"], ["Country", *both(["2023.01", "2023.02", "2023.03"])],
          ["", *["Export amount", "Export weight"] * 3], ["Japan", *VALUE_BY_VALUE]], "utf-8"),
    ],
    ids=["Korean, above", "Korean, below", "Chinese", "as K-stat has it in English"],
)  # fmt: skip
def test_words_that_are_written_to_each_other(tmp_path: Path, rows: Rows, encoding: str):
    """Weights and amounts of exports in Korean and Chinese."""
    got = imported(tmp_path, rows, encoding=encoding)
    assert figures(got) == tonnes()
    assert got.unused["reason"].tolist() == [MONEY] * 3


@pytest.mark.parametrize(
    "header",
    [
        joined("{} Value (USD)", "{} Quantity (kg)"),
        ["Jan 2023 Value", "Jan 2023 Quantity (kg)", "Feb 2023 Value", "Feb 2023 Quantity (kg)", "Mar 2023 Value",
         "Mar 2023 Quantity (kg)"],
        ["Value 01/2023", "KG 01/2023", "Value 02/2023", "KG 02/2023", "Value 03/2023", "KG 03/2023"],
        [f"{word}_2023{month:02}" for month in (1, 2, 3) for word in ("Value_USD", "Weight_KG")],
        [f"{word} {month} 2023" for month in ("janv.", "févr.", "mars") for word in ("Valeur (EUR)", "Poids net (kg)")],
        [f"{month} 2023 {word}" for month in ("Ene", "Feb", "Mar") for word in ("Valor FOB", "Peso (kg)")],
        [f"2023年{month}月{word}" for month in (1, 2, 3) for word in ("出口金额(美元)", "出口数量(千克)")],
        [f"2023년 {month}월 {word}" for month in (1, 2, 3) for word in ("수출금액", "수출중량(kg)")],
        joined("Wert [{}]", "Menge (kg), {}"),
    ],
    ids=["ISO", "English", "slash", "underscores", "French", "Spanish", "Chinese", "Korean", "German"],
)  # fmt: skip
@pytest.mark.parametrize("mark", [",", ";"])
def test_one_heading_for_a_month_and_its_quantity(tmp_path: Path, header: list[object], mark: str):
    """Weights are read in their unit, and values counted."""
    got = imported(tmp_path, [["Exports"], ["Country", *header], ["Japan", *VALUE_BY_VALUE]], mark)
    assert figures(got) == tonnes()
    assert got.unused["reason"].tolist() == [MONEY] * 3
    assert "months and quantities in its headings" in got.files[0].what


def test_the_year_of_joined_headings_may_stand_in_a_title(tmp_path: Path):
    """Names of months beside quantities are dated as those that stand alone are."""
    header = [f"{word} {name}" for word in ("Value USD", "Qty KG") for name in NAMES]
    assert figures(imported(tmp_path, [["Exports 2023"], ["Country", *header], ["Japan", *VALUES_FIRST]])) == tonnes()


def test_values_are_read_where_they_are_asked_for(tmp_path: Path):
    """In millions, with the weights counted."""
    rows = [["Country", *joined("{} Export amount", "{} Weight (kg)")], ["Japan", *[9e6, 1] * 3]]
    got = imported(tmp_path, rows, unit="usd")
    assert set(figures(got).values()) == {9.0}
    assert got.unused["reason"].tolist() == ["a weight beside values, which are asked for"] * 3


@pytest.mark.parametrize(
    "head",
    [
        [["", *over("2023", many=6)], ["Country", *both(NAMES)], ["", *["Value", "Quantity (kg)"] * 3]],
        [["", *over("Value", "Quantity (kg)")], ["", *over("2023", "2023")], ["Country", *NAMES * 2]],
        [["Country", *over("2023", many=6)], ["", *both(NAMES)], ["", *["Value", "Quantity (kg)"] * 3]],
    ],
    ids=["quantities below", "quantities above", "destinations beside the years"],
)
def test_years_months_and_quantities_in_three_rows(tmp_path: Path, head: Rows):
    """As two rows are read, once years and names are months."""
    body = VALUE_BY_VALUE if "Value" in head[2] else VALUES_FIRST
    assert figures(imported(tmp_path, [*head, ["Japan", *body]])) == tonnes()


def test_a_workbook_with_merged_cells_totals_and_several_units(tmp_path: Path):
    """Columns that are no months are left out, and said; a row of totals is one of the world."""
    rows = [
        ["Exports"], ["Country", *over("Quantity (t)", "Weight (kg)", "Value", many=4)],
        ["", *[*MONTHS, "Total"] * 3], ["Japan", *[5, 5, 5, 15], *[5000, 6000, 7000, 18000], *[7, 8, 9, 24]],
        ["Total", *[5, 5, 5, 15], *[7000, 8000, 9000, 24000], *[7, 8, 9, 24]],
    ]  # fmt: skip
    workbook = openpyxl.Workbook()
    for row in [*rows[:1], ["Country", *over("Pieces", "Weight (kg)", "Value", many=4)], *rows[2:]]:
        workbook.active.append([cell or None for cell in row])
    for cells in ("A2:A3", "B2:E2", "F2:I2", "J2:M2"):
        workbook.active.merge_cells(cells)
    workbook.save(tmp_path / "book.xlsx")
    got = import_exports(tmp_path / "book.xlsx", product="w", today=DAY)
    assert figures(got) == tonnes() | tonnes("WLD", 7)
    assert any(note.startswith("Columns left out: Pieces 2023-01, ") for note in got.notes)
    with pytest.raises(TableError, match=r"expected one quantity for 2023-01, found Quantity \(t\), Weight \(kg\)\."):
        imported(tmp_path, rows)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([["Exports, t"], ["", *over("Value")], ["Country", *MONTHS], ["Japan", 7, 8, 9]],
         "expected weights in the first row of the header, found Value."),
        ([["Exports, t"], ["Country", *joined("{} Value")], ["Japan", 7, 8, 9]],
         "expected weights in the headings, found Value."),
        ([["Country", *joined("{} Gross (kg)", "{} Net (kg)")], ["Japan", *PAIRS]],
         "expected one quantity for 2023-01, found Gross (kg), Net (kg). Leave one of them."),
        ([["Country", *joined("{} Quantity", "{} Value")], ["Japan", *PAIRS]],
         "expected the unit in a title line above the header"),
        ([["Exports, t"], ["", "", "Quantity", "", "", "Value", ""], ["Country", *MONTHS * 2], ["Japan", *PAIRS]],
         "expected a quantity above each month, found none above 2023-01."),
        ([["Exports 2023 (t)"], ["Country", *NAMES * 2], ["Japan", *PAIRS]], "expected a month for every row"),
        ([["Imports (kg)"], ["Country", *joined("{} Import weight (kg)", "{} Export amount")], ["Japan", *PAIRS]],
         "holds imports"),
        ([["Unit: kg"], ["Country", *both(MONTHS)], ["", *["Val", "Vol"] * 3], ["Japan", *VALUE_BY_VALUE]],
         "found a header of two rows, 2023-01, 2023-02, 2023-03 above Val, Vol."),
        ([["Unit: kg"], ["Country", *joined("{}", "{} Quantity")], ["Japan", *VALUE_BY_VALUE]],
         "expected a quantity in the heading of each month, found 2023-01 alone beside Quantity."),
        ([["In thousands"], ["", *over("Weight (kg)", "Value")], ["To", *MONTHS * 2], ["Japan", *ONE_AFTER_OTHER]],
         "the line 'In thousands' has a scale, and the figures are called kg."),
        ([["Country", *joined("Quantity (kg), 3 months to {}")], ["Japan", 7, 8, 9]],
         "figures are sums or means of several months"),
    ],
    ids=["values above", "values joined", "two weights", "no unit", "words in the middle", "months twice", "imports",
         "words that are not known", "months alone beside others", "a scale in a title", "three months each"],
)  # fmt: skip
def test_no_value_and_no_other_quantity_is_taken_for_the_weight(tmp_path: Path, rows: Rows, sentence: str):
    """What can be meant in two ways is asked for in a sentence."""
    with pytest.raises(TableError) as refused:
        imported(tmp_path, rows)
    assert sentence in str(refused.value)
