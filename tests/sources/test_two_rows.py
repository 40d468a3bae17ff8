"""Headers of two rows: read where they can mean one thing, else said what was seen."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
ONE_ROW = "Write the header in one row, with cells such as 2024-01 or Japan (t)."
NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MONTHS = [f"2024-{month:02}" for month in range(1, 13)]

Rows = list[list[object]]


def book(folder: Path, rows: Rows, *merged: str) -> Path:
    """A workbook of one sheet, with merged cells."""
    path = folder / "book.xlsx"
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for cells in merged:
        workbook.active.merge_cells(cells)
    workbook.save(path)
    return path


def figures(path: Path, **said: str) -> dict[tuple[str, str], float]:
    table = import_exports(path, product="w", today=DAY, **said).exports
    cells = zip(table["destination"], table["month"].astype(str), table["volume_t"], strict=True)
    return {(destination, month): volume for destination, month, volume in cells}


def years_above(corner: list[object], names: list[object], label: str = "") -> Rows:
    """2023 and 2024 over their months, and a row of figures from 0 on for Japan."""
    body: list[object] = ["Japan", *range(2 * len(names))]
    return [[*corner, 2023, *[None] * (len(names) - 1), 2024], [label, *names, *names], body]


@pytest.mark.parametrize(
    ("rows", "merged"),
    [
        (years_above(["Country (t)"], NAMES), ["B1:M1", "N1:Y1", "A1:A2"]),
        ([["Exports in tonnes"], ["Unit: t"], *years_above([None], NAMES, "Country")], ["B3:M3", "N3:Y3"]),
        (years_above([None], list(range(1, 13)), "Country (t)"), []),
        (years_above(["Country (t)"], [*NAMES, "Total"]), []),
    ],
    ids=["merged", "below titles", "months as numbers", "with totals"],
)
def test_years_above_months(tmp_path: Path, rows: Rows, merged: list[str]):
    """Each month is of the year above it; a total of the year is left out, and said."""
    path, width = book(tmp_path, rows, *merged), len(rows[-1]) // 2
    found = figures(path)
    assert found == {("JPN", f"{year}-{month:02}"): float(width * (year - 2023) + month - 1)
                     for year in (2023, 2024) for month in range(1, 13)}  # fmt: skip
    notes = import_exports(path, product="w", today=DAY).notes
    assert ("Columns left out: 2023 Total, 2024 Total." in notes) == (width == 13)


def test_destinations_above_units(tmp_path: Path):
    """Each column is in its own unit."""
    rows = [["Month", "Japan", "Germany"], [None, "t", "kg"], *([month, 2, 3000] for month in MONTHS)]
    expected = {(code, month): volume for month in MONTHS for code, volume in (("JPN", 2.0), ("DEU", 3.0))}
    assert figures(book(tmp_path, rows)) == expected


def test_a_weight_and_a_value_below_each_destination(tmp_path: Path):
    """The weight is read, and the value where it is asked for."""
    head = [["Month", "Japan", None, "Germany", None], [None, *["Quantity (kg)", "Value (USD)"] * 2]]
    path = book(tmp_path, [*head, *([month, 2000, 5e6, 3000, 6e6] for month in MONTHS)], "B1:C1", "D1:E1")
    assert figures(path)["DEU", "2024-12"] == 3.0
    assert figures(path, unit="usd")["DEU", "2024-12"] == 6.0


def test_months_above_units_and_above_destinations(tmp_path: Path):
    """Real dates over weights and values; months over destinations, a row a product."""
    head = [["Country", date(2024, 1, 1), None, date(2024, 2, 1)], [None, "kg", "FOB value", "kg", "FOB value"]]
    assert figures(book(tmp_path, [*head, ["Japan", 1000, 7, 2000, 8]])) == {
        ("JPN", "2024-01"): 1.0, ("JPN", "2024-02"): 2.0,
    }  # fmt: skip
    rows = [["Product (t)", "2024-01", None, "2024-02"], [None, *["Japan", "Germany"] * 2], ["w", 1, 2, 3, 4]]
    assert figures(book(tmp_path, rows)) == {
        ("JPN", "2024-01"): 1.0, ("DEU", "2024-01"): 2.0, ("JPN", "2024-02"): 3.0, ("DEU", "2024-02"): 4.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            years_above(["Country (t)"], [*NAMES[3:], *NAMES[:3]]),
            f"expected months of one year below 2023, in order, found Apr to Mar. {ONE_ROW}",
        ),
        (
            [["Country (t)", None, None, 2024], [None, *NAMES[:6]], ["Japan", *range(6)]],
            f"expected a year above each month, found none above Jan, Feb. {ONE_ROW}",
        ),
        (
            years_above(["Country (t)"], ["Q1", "Q2", "Q3", "Q4"]),
            f"found a header of two rows, 2023, 2024 above Q1, Q2, Q3 and 1 more. {ONE_ROW}",
        ),
        (
            [["Month", "Japan", None], [None, "Gross (kg)", "Net (kg)"], *([month, 2, 1] for month in MONTHS)],
            "expected one quantity below Japan, found Gross (kg), Net (kg). Leave one of them.",
        ),
        (
            [["Month", "Japan", "Germany"], [None, "USD", "USD"], *([month, 2, 1] for month in MONTHS)],
            "expected weights in the second row of the header, found USD. Export it with weights; or --unit usd takes "
            "values instead, and calls them so.",
        ),
    ],
    ids=["a fiscal year", "a year in the middle", "quarters", "two weights", "values alone"],
)
def test_what_could_mean_several_things_is_asked(tmp_path: Path, rows: Rows, sentence: str):
    """Nothing is guessed: what was seen, and what to do."""
    with pytest.raises(TableError) as refused:
        import_exports(book(tmp_path, rows), product="w", today=DAY)
    assert str(refused.value) == f"book.xlsx: {sentence}"


@pytest.mark.parametrize(
    "rows",
    [
        [["Country (t)", *MONTHS], ["Japan", *range(1, 13)], ["Germany", *range(2000, 2012)]],
        [["Month (t)", "Japan", "Germany"], *([month, 2000 + place, 1] for place, month in enumerate(MONTHS))],
        [["Country (t)", *MONTHS[:2]], ["Japan", 276, 392], ["Germany", 392, 276]],
    ],
    ids=["months of a year", "years", "codes of countries"],
)
def test_figures_are_no_second_row_of_a_header(tmp_path: Path, rows: Rows):
    """Volumes that could be months, years or codes of countries are volumes."""
    assert len(figures(book(tmp_path, rows))) == (len(rows) - 1) * (len(rows[0]) - 1)
