"""Headers of three rows: years, quantities or destinations, and months, in any order; units below quantities."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
YEARS = ["2023", "", "", "", "2024", "", "", ""]
MEASURES = ["Quantity (t)", "", "Value (USD)", "", "Quantity (t)", "", "Value (USD)", ""]
NAMES = ["Jan", "Feb"] * 4
FIGURES = ["1", "2", "10", "20", "3", "4", "30", "40"]
READ = {("JPN", "2023-01"): 1.0, ("JPN", "2023-02"): 2.0, ("JPN", "2024-01"): 3.0, ("JPN", "2024-02"): 4.0}

Rows = list[list[str]]


def written(folder: Path, rows: Rows) -> Path:
    path = folder / "f.csv"
    path.write_text("".join(",".join(row) + "\n" for row in rows), "utf-8")
    return path


def figures(path: Path, **said: str) -> dict[tuple[str, str], float]:
    table = import_exports(path, product="w", today=DAY, **said).exports
    cells = zip(table["destination"], table["month"].astype(str), table["volume_t"], strict=True)
    return {(destination, month): volume for destination, month, volume in cells}


def filled(row: list[str]) -> list[str]:
    """A row with each cell over the empty ones to its right."""
    cells: list[str] = []
    for cell in row:
        cells.append(cell or cells[-1])
    return cells


@pytest.mark.parametrize("label", [0, 1, 2], ids=["label above", "label between", "label below"])
@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        (YEARS, MEASURES, NAMES),
        (filled(YEARS), filled(MEASURES), NAMES),
        (YEARS, MEASURES, ["1", "2"] * 4),
        (YEARS, [word.replace(" (t)", "") for word in MEASURES], NAMES),
        (["Quantity (t)", "", "Value (USD)", "", "Quantity (t)", "", "Value (USD)", ""],
         ["2023", "", "2023", "", "2024", "", "2024", ""], NAMES),
        (YEARS, ["Jan", "", "Feb", "", "Jan", "", "Feb", ""], ["Quantity (t)", "Value (USD)"] * 4),
    ],
    ids=["merged", "repeated", "numbers", "unit in a title", "quantities first", "quantities last"],
)  # fmt: skip
def test_years_quantities_and_months(tmp_path: Path, first: list[str], second: list[str], third: list[str], label: int):
    """The weight of each month of each year, whatever the order of the rows and wherever the label stands."""
    rows = [["Country" if at == label else "", *row] for at, row in enumerate((first, second, third))]
    cells = FIGURES if third[0] != "Quantity (t)" else ["1", "10", "2", "20", "3", "30", "4", "40"]
    title = [["Unit: tonnes"]] if "Quantity" in second else []
    assert figures(written(tmp_path, [*title, *rows, ["Japan", *cells]])) == READ


def test_totals_and_a_blank_row(tmp_path: Path):
    """Totals of a year are left out and said; a blank row among the header is none of it."""
    years, measures = ["2023", "", "", "2024", "", ""], ["Quantity (t)", "", "", "Quantity (t)", "", ""]
    names = ["Jan", "Feb", "Total"] * 2
    rows = [["Country", *years], [""] * 7, ["", *measures], ["", *names], ["Japan", "1", "2", "3", "3", "4", "7"]]
    path = written(tmp_path, rows)
    assert figures(path) == READ
    assert any(note.startswith("Columns left out: Quantity (t) Total") for note in
               import_exports(path, product="w", today=DAY).notes)  # fmt: skip


def test_merged_cells_of_a_workbook(tmp_path: Path):
    """A merged cell is the first of its columns."""
    book = openpyxl.Workbook()
    for row in (["Country", *YEARS], ["", *MEASURES], ["", *NAMES], ["Japan", *map(int, FIGURES)]):
        book.active.append([cell or None for cell in row])
    for cells in ("A1:A3", "B1:E1", "F1:I1", "B2:C2", "D2:E2", "F2:G2", "H2:I2"):
        book.active.merge_cells(cells)
    book.save(tmp_path / "f.xlsx")
    assert figures(tmp_path / "f.xlsx") == READ


@pytest.mark.parametrize(
    "rows",
    [
        [["Product", "2023", "", "", ""], ["", "Jan", "", "Feb", ""], ["", "Japan", "Germany"] * 2],
        [["Product", "Japan", "", "Germany", ""], ["", "2023", "", "2023", ""], ["", "Jan", "Feb", "Jan", "Feb"]],
        [["Product", "2023", "", "", ""], ["", "Japan", "", "Germany", ""], ["", "Jan", "Feb", "Jan", "Feb"]],
    ],
    ids=["destinations last", "destinations first", "destinations between"],
)
def test_years_months_and_destinations(tmp_path: Path, rows: Rows):
    """Each figure has its own destination and month."""
    by_month = rows[2][1] == "Japan"
    if by_month:
        rows[2] = ["", "Japan", "Germany", "Japan", "Germany"]
    path = written(tmp_path, [*rows, ["w", "1", "2", "3", "4"]])
    one, two = ("DEU", "2023-01"), ("JPN", "2023-02")
    expected = {("JPN", "2023-01"): 1.0, (one if by_month else two): 2.0, ("DEU", "2023-02"): 4.0}
    assert figures(path, unit="t") == {**expected, (two if by_month else one): 3.0}


@pytest.mark.parametrize("first", [["Month", "Japan", "", "Germany", ""], ["Country", "2023-01", "", "2023-02", ""]])
def test_units_below_quantities(tmp_path: Path, first: list[str]):
    """Each quantity has the unit that stands below it."""
    rows = [first, ["", *["Quantity", "Value"] * 2], ["", "t", "USD", "kg", "USD"]]
    label, of = ("2023-01", [("JPN", "2023-01"), ("DEU", "2023-01")]) if first[0] == "Month" else (
        "Japan", [("JPN", "2023-01"), ("JPN", "2023-02")])  # fmt: skip
    path = written(tmp_path, [*rows, [label, "1", "10", "2000", "20"]])
    assert figures(path) == {of[0]: 1.0, of[1]: 2.0}


def test_a_year_over_the_middle_of_its_months(tmp_path: Path):
    """It is of the wrong months as it stands: refused."""
    rows = [["Country", "", "2023", "", "", "2024", ""], ["", *["Quantity (t)"] * 6], ["", *["Jan", "Feb", "Mar"] * 2]]
    with pytest.raises(TableError, match=r"f\.csv: "):
        figures(written(tmp_path, [*rows, ["Japan", *"123456"]]))
