"""USDA GATS: titles above, years down, months across, two units in one file, notes and other tables below."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 2, 1)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def report(folder: Path, *rows: str, what: str = "Qty") -> Path:
    path = folder / "ExpressQuery.csv"
    heads = f",Partner,,HS Code,Product,Year,UOM,{','.join([what] * 13)},Period/Period % Change (Qty)"
    across = f",,,,,,,{','.join(MONTHS)},Total,"
    titles = ['"Data generated on Sunday, February 1, 2026"', "Area/Partners of Destination", "Quantities"]
    path.write_text("\n".join([*titles, across, heads, *rows, ""]))
    return path


def year(partner: str, unit: str, span: str, *volumes: str) -> str:
    cells = [f'"{volume}"' for volume in [*volumes, *[""] * (12 - len(volumes))]]
    return f'1,"{partner}",1,1201900095,"SOYBEAN,OTHER",{span},{unit},{",".join(cells)},"9,999.00",8'


def test_years_down_and_months_across(tmp_path: Path):
    """Each row in its own unit; months not out yet and what stands below the table are listed, not read."""
    path = report(
        tmp_path,
        year("World Total", "KG", "2025-2025", "22,638,687.00", "0.00"),
        year("Korea, South", "MT", "2025-2025", "1,000.50"),
        "Notes:,,",
        '"3. Totals in 1,000 bushels",,,,,,,Jan,Feb',
        ',,,,,,2025,"190,662 ","107,825 "',
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [
        ["WLD", 22638.687],
        ["WLD", 0.0],
        ["KOR", 1000.5],
    ]
    assert got.exports["month"].astype(str).tolist() == ["2025-01", "2025-02", "2025-01"]
    assert got.exports["released"].iloc[0] == date(2025, 3, 9)
    causes = got.causes().set_index("reason")["rows"].to_dict()
    assert causes == {"no figure (an empty cell)": 21, "a note or a further table below": 3}


def test_several_years_together_are_listed(tmp_path: Path):
    """A row of 2020-2025 is no year."""
    path = report(tmp_path, year("World Total", "MT", "2025", "1"), year("Japan", "MT", "2020-2025", "1"))
    got = import_exports(path, today=DAY)
    assert got.exports["destination"].tolist() == ["WLD"]
    assert "several years together" in set(got.unused["reason"])


def test_a_report_of_values_is_refused(tmp_path: Path):
    """Quantities are to be asked for."""
    path = report(tmp_path, year("Japan", "MT", "2025", "1"), what="Value")
    with pytest.raises(TableError, match=r"is a report of values. Ask for quantities"):
        import_exports(path, today=DAY)
