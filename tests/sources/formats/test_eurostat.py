"""Eurostat's SDMX-CSV: quantities in 100 kg or kg, the vintage in LAST UPDATE."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports, read_exports

DAY = date(2026, 9, 1)
HEADER = "DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE,OBS_FLAG\n"


def write(folder: Path, *rows: str, name: str = "estat.csv") -> Path:
    head = "ESTAT:DS-045409(1.0),16/07/26 11:00:00"
    path = folder / name
    path.write_text(HEADER + "".join(row if row.startswith("ESTAT") else f"{head},{row}\n" for row in rows))
    return path


def test_hundreds_of_kilograms_with_the_vintage(tmp_path: Path):
    """123.45 of 100 kg are 12.345 t, known from the day of LAST UPDATE; values are another indicator."""
    path = write(
        tmp_path,
        "M,DE,US,2709,2,QUANTITY_IN_100KG,2026-04,123.45,",
        "M,DE,US,2709,2,VALUE_IN_EUROS,2026-04,99999,",
        "M,DE,WORLD,2709,2,QUANTITY_IN_100KG,2026-04,500,p",
        "M,DE,GR,2709,2,QUANTITY_IN_100KG,2026-04,1,e",
        "M,DE,EXT_EU27_2020,2709,2,QUANTITY_IN_100KG,2026-04,1,",
        "M,DE,JP,2709,2,QUANTITY_IN_100KG,2026-04,:,c",
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["destination", "volume_t", "status"]].to_numpy().tolist() == [
        ["USA", 12.345, "reported"],
        ["WLD", 50.0, "provisional"],
        ["GRC", 0.1, "estimated"],
    ]
    assert set(got.exports["released"]) == {date(2026, 7, 16)}
    assert got.unused["reason"].tolist() == [
        "another indicator than the weight",
        "no single destination: a group, a rest, or none stated",
        "confidential (flag c)",
    ]


def test_imports_of_the_union_from_one_partner(tmp_path: Path):
    """Flow 1: what Germany and the Union import from China is China's export to them; kilograms in DS-059341."""
    path = write(
        tmp_path,
        "M,DE,CN,85051110,1,QUANTITY_KG,2026-04,5000,",
        "M,EU27_2020,CN,85051110,1,QUANTITY_KG,2026-04,12000,",
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["product", "destination", "volume_t"]].to_numpy().tolist() == [
        ["rare_earth_magnets", "DEU", 5.0],
        ["rare_earth_magnets", "EU27", 12.0],
    ]
    said = "imports reported by DEU, EU27, not exports reported by CHN, from which they can differ."
    assert f"A mirror: 2 figures are {said}" in got.notes


def test_a_later_download_revises_an_earlier_one(tmp_path: Path):
    """LAST UPDATE is the release: both figures are kept; a figure that did not move is said once."""
    older = write(
        tmp_path, "M,DE,US,2709,2,QUANTITY_IN_100KG,2026-03,10,", "M,DE,US,2709,2,QUANTITY_IN_100KG,2026-04,20,"
    )
    head = "ESTAT:DS-045409(1.0),16/08/26 11:00:00,M,DE,US,2709,2,QUANTITY_IN_100KG"
    newer = write(tmp_path, f"{head},2026-03,10,\n", f"{head},2026-04,25,\n", name="newer.csv")
    got = import_exports([older, newer], today=DAY)
    assert got.exports[["volume_t", "released"]].to_numpy().tolist() == [
        [1.0, date(2026, 7, 16)],
        [2.0, date(2026, 7, 16)],
        [2.5, date(2026, 8, 16)],
    ]
    assert any("1 figures are revised" in note for note in got.notes)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("M,DE,US,2709,2,VALUE_IN_EUROS,2026-04,5,", "values and no weight. Ask for the indicator QUANTITY_IN_100KG"),
        ("M,DE,US,2709,2,SUPPLEMENTARY_QUANTITY,2026-04,5,", "expected the indicator QUANTITY_IN_100KG"),
        ("A,DE,US,2709,2,QUANTITY_IN_100KG,2025,5,", "by year. Ask for the frequency M"),
    ],
)
def test_what_is_no_monthly_weight_is_refused(tmp_path: Path, row: str, sentence: str):
    """Values, supplementary units and years, each with what to ask for."""
    with pytest.raises(TableError, match=sentence):
        import_exports(write(tmp_path, row), today=DAY)


def test_headings_alone_are_a_sentence(tmp_path: Path):
    """A download without a row says so, and is no error of ours."""
    with pytest.raises(TableError, match=r"^estat\.csv: is a .*Eurostat.*, and none of its rows can be used\."):
        import_exports(write(tmp_path), today=DAY)


# Bulk files ----------------------------------------------------------------------------------------------------------

BULK = (
    "freq,reporter,partner,product,flow,indicators\\TIME_PERIOD\t2023-01 \t2023-02 \t2023-03 \n"
    "M,DE,US,2709,2,QUANTITY_IN_100KG\t123 p\t: \t: c\n"
    "M,DE,CN,2709,2,QUANTITY_IN_100KG\t12.5 \t13 e\t0 \n"
    "M,DE,CN,2709,2,VALUE_IN_EUROS\t1000 \t1100 \t1200 \n"
    "M,DE,CN,2709,1,QUANTITY_IN_100KG\t7 \t8 \t9 \n"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ds.tsv", BULK.encode()),
        ("ds.tsv.gz", gzip.compress(BULK.encode())),
        ("ds.tsv", BULK.replace("freq,", "").replace("M,", "").replace("TIME_PERIOD", "time").encode()),
        ("ds.tsv", BULK.replace("2023-0", "2023M0").encode()),
        ("ds.csv", BULK.replace("\t", ",").encode()),
    ],
    ids=["tabs", "packed", "without the frequency", "months with an M", "keys in cells of their own"],
)
def test_a_bulk_file(tmp_path: Path, name: str, content: bytes):
    """Months across behind keys in one cell; flags are statuses, ``:`` is no row, values and imports are left out."""
    path = tmp_path / name
    path.write_bytes(content)
    got = import_exports(path, today=DAY)
    said = got.exports.assign(month=got.exports["month"].astype(str))
    assert said[["destination", "month", "volume_t", "status"]].to_numpy().tolist() == [
        ["USA", "2023-01", 12.3, "provisional"],
        ["CHN", "2023-01", 1.25, "reported"],
        ["CHN", "2023-02", 1.3, "estimated"],
        ["CHN", "2023-03", 0.0, "reported"],
    ]
    assert got.causes().set_index("reason")["rows"].to_dict() == {
        "another indicator than the weight": 3, "imports, not exports": 3, "confidential (flag c)": 1,
    }  # fmt: skip
    assert read_exports(path, today=DAY)["volume_t"].tolist() == got.exports["volume_t"].tolist()


def test_imports_of_a_bulk_file_are_the_exports_of_who_is_asked_for(tmp_path: Path):
    """China's exports, as Germany declares them."""
    path = tmp_path / "ds.tsv"
    path.write_text(BULK)
    got = import_exports(path, exporter="CHN", today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["DEU", 0.7], ["DEU", 0.8], ["DEU", 0.9]]


def test_a_bulk_file_of_years_is_refused(tmp_path: Path):
    path = tmp_path / "ds.tsv"
    path.write_text(BULK.replace("2023-0", "202").replace("freq,", "").replace("M,", ""))
    with pytest.raises(TableError, match="is a download of Eurostat by year"):
        import_exports(path, today=DAY)
