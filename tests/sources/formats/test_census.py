"""The US Census Bureau's answers: JSON as lists, CSV, Parquet."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
IMPORTS = [
    "CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "GEN_QY1_MO", "UNIT_QY1", "GEN_QY1_MO_FLAG", "GEN_QY2_MO",
    "UNIT_QY2", "LAST_UPDATE", "time",
]  # fmt: skip
EXPORTS = ["CTY_CODE", "CTY_NAME", "E_COMMODITY", "ALL_VAL_MO", "QTY_1_MO", "UNIT_QY1", "QTY_1_MO_FLAG", "time"]


def write(folder: Path, rows: list[list[str]], suffix: str) -> Path:
    path = folder / f"census.{suffix}"
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    if suffix == "json":
        path.write_text(json.dumps(rows))
    elif suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_imports_of_one_origin_are_its_exports_to_the_united_states(tmp_path: Path, suffix: str):
    """Kilograms in the first or the second quantity; a flag says that a 0 is a gap."""
    rows = [
        IMPORTS,
        ["5700", "CHINA", "8505110070", "9000000", "300000", "KG", "", "0", "-", "2025-07", "2025-05"],
        ["5700", "CHINA", "8505110070", "9000000", "120", "NO", "", "250000", "KG", "2025-08", "2025-06"],
        ["5700", "CHINA", "8505110070", "9000000", "0", "KG", "A", "0", "-", "2025-09", "2025-07"],
        ["5700", "CHINA", "8505110070", "9000000", "0", "KG", "N", "0", "-", "2025-09", "2025-08"],
        ["5700", "CHINA", "8505110070", "0", "0", "KG", "", "0", "-", "2025-10", "2025-09"],
    ]
    got = import_exports(write(tmp_path, rows, suffix), today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [
        ["USA", 300.0],
        ["USA", 250.0],
        ["USA", 0.0],
    ]
    assert got.exports["released"].iloc[0] == date(2025, 7, 9)
    assert got.unused["reason"].tolist() == ["suppressed by the Census (flag A)", "not available (flag N)"]
    assert "US Census, imports" in got.files[0].what
    said = "imports reported by USA, not exports reported by CHN, from which they can differ."
    assert f"A mirror: 3 figures are {said}" in got.notes


def test_exports_by_country_and_groups(tmp_path: Path):
    """`-` is the total; four-digit codes from 1000 to 7999 are countries, the others groups."""
    rows = [
        EXPORTS,
        ["-", "TOTAL FOR ALL COUNTRIES", "1201", "1", "5000", "T", "", "2025-05"],
        ["5700", "CHINA", "1201", "1", "3000", "T", "", "2025-05"],
        ["5800", "KOREA, SOUTH", "1201", "1", "1000", "T", "", "2025-05"],
        ["4XXX", "EUROPE", "1201", "1", "900", "T", "", "2025-05"],
        ["0003", "EUROPEAN UNION", "1201", "1", "800", "T", "", "2025-05"],
    ]
    got = import_exports(write(tmp_path, rows, "json"), today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [
        ["WLD", 5000.0],
        ["CHN", 3000.0],
        ["KOR", 1000.0],
    ]
    assert set(got.unused["reason"]) == {"a group of countries"}


def test_a_value_without_a_weight_is_refused_and_taken_where_asked(tmp_path: Path):
    """Dollars are not tonnes: what to ask for is said; `--unit usd` takes them, in millions."""
    rows = [
        ["CTY_NAME", "ALL_VAL_MO", "E_COMMODITY", "time", "CTY_CODE"],
        ["CHINA", "7136452", "01", "2013-01", "5700"],
    ]
    path = write(tmp_path, rows, "parquet")
    with pytest.raises(TableError, match=r"a value in dollars and no weight. Ask for QTY_1_MO, UNIT_QY1"):
        import_exports(path, today=DAY)
    got = import_exports(path, unit="usd", today=DAY)
    assert got.exports[["volume_t", "status"]].to_numpy().tolist() == [[7.136452, "usd_million"]]
