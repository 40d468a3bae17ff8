"""Rows that are parts of a figure, of several exporters, or of several quantities."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports
from forecast.sources.importing import Imported, sentences

DAY = date(2026, 1, 1)


def imported(folder: Path, text: str, **said: object) -> Imported:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return import_exports(path, today=DAY, **said)


def figures(got: Imported) -> list[tuple[str, str, float]]:
    return sorted(got.exports[["product", "destination", "volume_t"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("heading", "parts", "total"),
    [("Mode of transport", ("Sea", "Air"), "Total"), ("Verkehrszweig", ("Seeverkehr", "Luftverkehr"), "Insgesamt"),
     ("Customs office", ("North", "South"), "All offices"), ("运输方式", ("水路运输", "航空运输"), "合计"),
     ("Kind", ("Sea", "Rail"), "Total"), ("Sex of owner", ("F", "M"), "_T"), ("Aduana", ("Norte", "Sur"), "")],
)  # fmt: skip
def test_a_breakdown_is_no_product(tmp_path: Path, heading: str, parts: tuple[str, str], total: str):
    """Its total is read where there is one; without, the parts are added, with a word."""
    rows = f"2025-05,China,{parts[0]},40\n2025-05,China,{parts[1]},6\n"
    head = f"Month,Country,{heading},Tonnes\n"
    got = imported(tmp_path, head + rows)
    assert figures(got) == [("mine", "CHN", 46.0)]
    assert got.notes[0].startswith(f"Rows of one destination and month are parts and are added: by {heading} (")
    if total:
        got = imported(tmp_path, f"{head}{rows}2025-05,China,{total},47\n")
        assert figures(got) == [("mine", "CHN", 47.0)]
        assert got.unused["reason"].tolist() == [f"a breakdown by {heading}, counted in the total"] * 2


def test_a_total_without_a_known_word_is_the_sum(tmp_path: Path):
    """Where it is the sum of the others in every month."""
    months = [f"2025-0{month},China,{code},{tonnes}\n" for month in (5, 6, 7) for code, tonnes in
              (("9", 10 + month), ("1", 10), ("4", month))]  # fmt: skip
    got = imported(tmp_path, "Month,Country,Transport code,Tonnes\n" + "".join(months))
    assert got.exports["volume_t"].tolist() == [15.0, 16.0, 17.0]


def test_breakdowns_beside_each_other_and_across(tmp_path: Path):
    """Two columns of parts are added together; months across as well as down."""
    down = "Month,Country,State,Port,t\n2025-05,China,A,P,1\n2025-05,China,A,Q,2\n2025-05,China,B,R,4\n"
    assert figures(imported(tmp_path, down)) == [("mine", "CHN", 7.0)]
    across = "Country,Mode of transport,Unit,2025-05,2025-06\nChina,Sea,t,1,2\nChina,Air,t,4,8\n"
    assert figures(imported(tmp_path, across)) == [("mine", "CHN", 5.0), ("mine", "CHN", 10.0)]


def test_parts_that_cannot_be_added_are_asked_about(tmp_path: Path):
    """One part twice, and two counts of the same trade."""
    head = "Month,Country,Mode of transport,Tonnes\n"
    with pytest.raises(TableError, match=r"rows 2 and 3: China 2025-05 Sea stands twice. Which holds\?"):
        imported(tmp_path, f"{head}2025-05,China,Sea,1\n2025-05,China,Sea,2\n2025-05,China,Air,2\n")
    with pytest.raises(TableError, match=r"two counts of the same trade\. Leave one of them in the file"):
        imported(tmp_path, f"{head}2025-05,China,General,1\n2025-05,China,Special,2\n".replace("Mode of t", "Regime t"))


@pytest.mark.parametrize(
    "head", ["Month,reporter,partner,t", "Month,Exporter,Country,t", "Month,Country,Partner,t",
             "Month,Country of origin,Country of destination,t", "Monat,Meldeland,Partnerland,t"],
)  # fmt: skip
def test_the_exporter_is_no_product(tmp_path: Path, head: str):
    """One is left out with a word; of several one is to be chosen."""
    one = f"{head}\n2025-05,Indonesia,China,5\n2025-06,Indonesia,Japan,6\n"
    got = imported(tmp_path, one)
    assert figures(got) == [("mine", "CHN", 5.0), ("mine", "JPN", 6.0)]
    assert got.notes[0].startswith("The exporter is IDN in every row (column ")
    with pytest.raises(TableError, match=r"holds the exports of IDN, PHL\. Choose one: .* --exporter IDN"):
        imported(tmp_path, one + "2025-05,Philippines,China,7\n")
    assert figures(imported(tmp_path, one + "2025-05,Philippines,China,7\n", exporter="PHL")) == [("mine", "CHN", 7.0)]


def test_a_column_that_becomes_the_product_is_said(tmp_path: Path):
    """Where no heading says so; groups of destinations beside them are no products."""
    got = imported(tmp_path, "Month,Country,Grade,t\n2025-05,China,A,5\n2025-05,China,B,6\n")
    assert figures(got) == [("a", "CHN", 5.0), ("b", "CHN", 6.0)]
    assert "The products are those of the column Grade (--column product=NAME names another)." in got.notes
    got = imported(tmp_path, "Month,Country,Continent,t\n2025-05,China,Asia,5\n2025-05,Germany,Europe,6\n")
    assert figures(got) == [("mine", "CHN", 5.0), ("mine", "DEU", 6.0)]


@pytest.mark.parametrize(
    "text",
    [
        "Month,Country,unit,amount\n2025-05,China,kg,5000\n2025-05,China,USD,900\n",
        "Month,Country,Indicator,Value\n2025-05,China,Quantity (kg),5000\n2025-05,China,Value (USD),900\n",
        "Month,Country,Measure,Unit,Value\n2025-05,China,Export volume,Tonnes,5\n2025-05,China,Export value,USD,900\n",
        "Country,Unit,2025-05,2025-06\nChina,kg,5000,\nChina,USD,900,\n",
        "月份,国家,统计,数值\n2025-05,China,数量(千克),5000\n2025-05,China,金额(美元),900\n",
        "Month,Country,UOM,SCALAR_FACTOR,VALUE\n2025-05,China,kg,thousands,5\n2025-05,China,USD,thousands,900\n",
    ],
    ids=["units", "indicators", "both", "months across", "another heading", "scales"],
)
def test_rows_of_weight_are_read_and_those_of_money_counted(tmp_path: Path, text: str):
    """By the unit of the row, or what its measure says."""
    got = imported(tmp_path, text)
    assert figures(got) == [("mine", "CHN", 5.0)]
    money = r"Not used, [12]: a value in money beside weights \(row 3: China 2025-05 900"
    assert any(re.match(money, said) for said in sentences(got))


def test_values_are_read_where_they_are_asked_for(tmp_path: Path):
    """`--unit usd` takes the rows of money, and no others."""
    got = imported(
        tmp_path, "Month,Country,unit,amount\n2025-05,China,kg,5000\n2025-05,China,USD,900000\n", unit="usd",
        columns={"volume": "amount"},
    )  # fmt: skip
    assert figures(got) == [("mine", "CHN", 0.9)]


@pytest.mark.parametrize(
    "text",
    [
        "Year;Month;Country;Tonnes\n2025;May;China;1\n;;Japan;2\n2025;June;China;3\n;;Japan;4\n",
        "Month;Country;Tonnes\n2025-05;China;1\n;Japan;2\n2025-06;China;3\n;Japan;4\n;Total;10\n",
        "Country;Month;Tonnes\nChina;2025-05;1\n;2025-06;3\nJapan;2025-05;2\n;2025-06;4\n",
    ],
    ids=["year and month", "a total below", "destinations"],
)
def test_cells_are_carried_down(tmp_path: Path, text: str):
    """Keys that stand in the first row of each block alone, as merged cells do; a lone total below is of no month."""
    got = imported(tmp_path, text)
    assert figures(got) == [("mine", "CHN", 1.0), ("mine", "CHN", 3.0), ("mine", "JPN", 2.0), ("mine", "JPN", 4.0)]
    assert any(note.startswith("Cells carried down from the row above: ") for note in got.notes)


def test_a_gap_is_not_filled(tmp_path: Path):
    """A month that is missing here and there may be any."""
    got = imported(tmp_path, "Month,Country,t\n2025-05,China,1\n2025-05,Japan,2\n,Germany,4\n2025-06,China,3\n")
    assert got.unused["reason"].tolist() == ["no month"]
