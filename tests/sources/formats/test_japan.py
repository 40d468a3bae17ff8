"""Japan's customs: two quantities and a value of each month across, with its own codes of countries."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 15)
NAMES = ("Jan", "Feb", "Mar", "Apr")


def write(folder: Path, *rows: str, names: tuple[str, ...] = NAMES, keys: str = "Exp or Imp,Year,HS,Country") -> Path:
    """Rows of keys, units, and three cells a month; the sums of the year stand before them."""
    across = [f"{what}-{name}" for name in ("Year", *names) for what in ("Quantity1", "Quantity2", "Value")]
    path = folder / "d01.csv"
    path.write_text("\n".join([",".join([keys, "Unit1", "Unit2", *across]), *rows, ""]), encoding="utf-8-sig")
    return path


def test_weights_by_country_and_month(tmp_path: Path):
    """The weight is the second quantity, else the first; sums are no months; months that are not out are no zeros."""
    path = write(
        tmp_path,
        "1,2024,'850440000',103,  ,KG,0,3000,900,0,1000,300,0,2000,600,0,0,0,0,0,0",
        "1,2024,'850440000',304,NO,KG,0,0,9,0,0,0,1,2,9,0,0,0,0,0,0",
        "1,2024,'720110000',213,MT,NO,5,0,9,5,1,9,0,0,0,0,0,0,0,0,0",
        "1,2024,'870321915',304,,NO,0,9,9,0,9,9,0,0,0,0,0,0,0,0,0",
        "2,2024,'850440000',105,,KG,0,9,9,0,9,9,0,0,0,0,0,0,0,0,0",
        names=("Jan", "Feb", "Mar", "Apl"),
    )
    got = import_exports(path, today=DAY)
    said = got.exports.assign(month=got.exports["month"].astype(str))
    assert said[["product", "destination", "month", "volume_t"]].to_numpy().tolist() == [
        ["850440000", "KOR", "2024-01", 1.0],
        ["850440000", "KOR", "2024-02", 2.0],
        ["850440000", "USA", "2024-01", 0.0],
        ["850440000", "USA", "2024-02", 0.002],
        ["720110000", "DEU", "2024-01", 5.0],
        ["720110000", "DEU", "2024-02", 0.0],
    ]
    assert got.exports["released"].iloc[0] == date(2024, 2, 29)
    causes = got.causes().set_index("reason")["rows"].to_dict()
    assert causes["a month that is zero in every row of its year: not out yet"] == 10
    assert causes["imports, not exports"] == 2


def test_values_where_they_are_asked_for(tmp_path: Path):
    """300 thousand yen are 0.3 million."""
    path = write(tmp_path, "1,2024,'850440000',103,,KG,0,1,300,0,1,300,0,0,0,0,0,0,0,0,0")
    got = import_exports(path, unit="jpy", today=DAY)
    assert got.exports[["volume_t", "status"]].to_numpy().tolist() == [[0.3, "jpy_million"]]


def test_ports_are_added_and_no_country_is_the_world(tmp_path: Path):
    rows = ["1,2024,{},'850440000',{},KG,0,0,0,0,1000,3,0,0,0,0,0,0,0,0,0".format(port, "") for port in (104, 200)]
    got = import_exports(write(tmp_path, *rows, keys="Exp or Imp,Year,Custom,HS"), today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["WLD", 2.0]]


def test_a_file_by_year_is_refused(tmp_path: Path):
    with pytest.raises(TableError, match="by year \\(no Value-Jan\\)"):
        import_exports(write(tmp_path, "1,2024,'850440000',103,,KG,0,1,3", names=()), today=DAY)
