"""Tables below each other in one sheet: the first is read, and that is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
FIRST = "Exports, tonnes\nPartner,2025-05,2025-06\nChina,1,2\nJapan,3,4\n"
SAID = "is a second one and not read: give it in a file of its own, or put it first."


def read(folder: Path, text: str) -> tuple[dict[str, float], str]:
    """Figures by destination and month, and the notes in one."""
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    got = import_exports(path, product="w", today=DAY)
    rows = got.exports[["destination", "month", "volume_t"]].to_numpy()
    return {f"{code} {month}": float(volume) for code, month, volume in rows}, " ".join(got.notes)


@pytest.mark.parametrize(
    "second",
    [
        "\nTable 2. Exports, million USD\nPartner,2025-05,2025-06\nGermany,7,8\n",
        "Imports (tonnes), 2025\nPartner,2025-05,2025-06\nGermany,7,8\n",
        "Source: customs\n\nQuantity of another good\n(tonnes)\nCountry,2025-05,2025-06\nGermany,7,8\n",
        "\nPartner,2025-07,2025-08\nChina,7,8\n",
        "Value in USD\nGermany,7,8\n",
    ],
    ids=["value", "imports", "titles of several lines", "other months and no title", "a section without a header"],
)
def test_a_second_table_is_not_read(tmp_path: Path, second: str):
    """Whatever it is of: its rows are no more rows of the first."""
    found, said = read(tmp_path, FIRST + second)
    assert found == {"CHN 2025-05": 1, "CHN 2025-06": 2, "JPN 2025-05": 3, "JPN 2025-06": 4}
    assert "The table from row " in said
    assert SAID in said


def test_a_long_table_ends_at_the_title_of_another(tmp_path: Path):
    """The same header again, below a title."""
    text = "Country,Month,Tonnes\nChina,2025-05,1\nImports\nCountry,Month,Tonnes\nGermany,2025-05,7\n"
    assert read(tmp_path, text) == ({"CHN 2025-05": 1}, f"The table from row 3 on (Imports) {SAID}")


@pytest.mark.parametrize(
    "more",
    [
        "Partner,2025-05,2025-06\nGermany,7,8\n",
        "Exports, tonnes\nPartner,2025-05,2025-06\nGermany,7,8\n",
        "Table 1 (continued)\nPartner,2025-05,2025-06\nGermany,7,8\n",
        "Europe\nGermany,7,8\n",
        "\nGermany,7,8\nSource: customs\n",
    ],
    ids=["header again", "title again", "continued", "a section of countries", "a blank row"],
)
def test_a_table_that_goes_on_is_one(tmp_path: Path, more: str):
    """A header that is printed on each page, and headings of sections, end nothing."""
    found, said = read(tmp_path, FIRST + more)
    assert found["DEU 2025-06"] == 8
    assert "second one" not in said


def test_rows_without_figures_are_no_second_table(tmp_path: Path):
    """Two such rows below each other look like a title over a header, but for cells that stand above already."""
    rows = ["China,2025-05,1,kg,,", "China,2025-06,,kg,,", "China,2025-05,n/a,kg,2025-12-01,", "Japan,2025-05,2,kg,,"]
    found, said = read(tmp_path, "\n\n".join(["Country,Month,Qty,Unit,Released,Status", *rows, ""]))
    assert found["JPN 2025-05"] == 0.002
    assert "second one" not in said


def test_a_first_table_that_cannot_be_read_names_the_second(tmp_path: Path):
    """Imports above exports: the sentence on the second table says what to do."""
    text = (
        "Imports by origin (t)\nPartner,2025-05,2025-06\nChina,1,2\n\nExports (t)\nPartner,2025-05,2025-06\nChina,3,4\n"
    )
    with pytest.raises(TableError, match=rf"(?s)holds imports.*The table from row 5 on \(Exports \(t\)\) {SAID}"):
        read(tmp_path, text)


@pytest.mark.parametrize("before", ["USA,,,,,\n", "USA,,n/a,,,\n", "USA,,1,,,\n\n"])
def test_a_row_of_days_is_no_header(tmp_path: Path, before: str):
    """Below one of few cells a row without a figure is of the table still, where its days stand in columns of days."""
    head = "Country,Month,Qty,Unit,Released,Status\nJapan,2019-06,3,t,,\n"
    found, said = read(tmp_path, head + before + "Germany,2019-05,n/a,kg,2025-12-01,\nChina,2019-07,3,t,,\n")
    assert found["JPN 2019-06"] == found["CHN 2019-07"] == 3
    assert SAID not in said


def test_a_wide_table_below_a_long_one_is_not_read(tmp_path: Path):
    """Months as headings are no row of the table above, though the first of them stands in its column of months."""
    found, said = read(tmp_path, "Country,Month,Tonnes\nChina,2025-05,1\n\nCountry,2025-06,2025-07\nJapan,7,8\n")
    assert found == {"CHN 2025-05": 1}
    assert SAID in said
