"""Tables as offices and desks export them: the figures by hand, or a sentence where they can mean two things."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from forecast import TableError, import_exports, read_exports

DAY = date(2026, 1, 1)
JAPAN_AND_GERMANY = {("JPN", "2024-01"): 1.5, ("JPN", "2024-02"): 2.5, ("DEU", "2024-01"): 3.5, ("DEU", "2024-02"): 4.5}
"""Tonnes of most of the tables here."""

Found = dict[tuple[str, str], float]


def figures(folder: Path, content: str | bytes, name: str = "mine.csv", **said: str) -> Found:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    table = import_exports(path, today=DAY, **said).exports
    assert table["product"].nunique() == 1
    cells = zip(table["destination"], table["month"].astype(str), table["volume_t"], strict=True)
    return {(destination, month): volume for destination, month, volume in cells}


def refusal(folder: Path, content: str, **said: str) -> str:
    with pytest.raises(TableError) as refused:
        figures(folder, content, **said)
    return str(refused.value)


# Which rows are exports in tonnes -------------------------------------------------------------------------------------


def test_words_for_flows_are_known_in_a_column_of_any_heading(tmp_path: Path):
    """Rows of imports beside rows of exports are none of the figures, whatever the column is called."""
    rows = "Japan,2024-01,{},1500\nJapan,2024-02,{},2500\nGermany,2024-01,{},3500\nGermany,2024-02,{},4500\n"
    both = rows.format(*["Exports to all"] * 4) + rows.format(*["Imports from all"] * 4).replace("500", "000")
    assert figures(tmp_path, f"Country,Month,Kind,kg\n{both}") == JAPAN_AND_GERMANY


def test_a_flow_that_is_no_export_is_left_out_beside_exports(tmp_path: Path):
    """Transit is said to be another flow; what is domestic is exported."""
    path = tmp_path / "mine.csv"
    path.write_text("Flow,Country,Month,kg\nDomestic,Japan,2024-01,1500\nTransit,Japan,2024-01,9\n")
    found = import_exports(path, today=DAY)
    assert found.exports["volume_t"].tolist() == [1.5]
    assert found.unused["reason"].tolist() == ["another flow than exports"]


def test_numbers_of_flows_are_asked_about(tmp_path: Path):
    """1 and 2 are imports and exports to one office, and the reverse to another."""
    said = refusal(tmp_path, "Flow,Country,Month,kg\n1,Japan,2024-01,1500\n2,Japan,2024-01,9\n")
    assert said == (
        "mine.csv: expected flows that say which are exports, found 1, 2 (column Flow). Leave the rows of exports in "
        "the file, or write Exports and Imports for them."
    )


def test_a_title_with_another_unit_than_the_heading_is_asked_about(tmp_path: Path):
    """Thousands of kilograms above, kilograms in the heading: one of both is wrong by 1,000."""
    said = refusal(tmp_path, "Volumes in '000 kg\nCountry,Month,Volume (kg)\nJapan,2024-01,1500\n")
    assert said == (
        'mine.csv: the line "Volumes in \'000 kg" says t, and the figures are called kg. Say which holds: forecast '
        "import FILE --unit t, or --unit kg."
    )


def test_a_scale_of_money_in_a_title_is_none_of_weights(tmp_path: Path):
    """A thousand dollars, with the comma of thousands, beside tonnes."""
    rows = "Japan,2024-01,1.5,7\nJapan,2024-02,2.5,7\nGermany,2024-01,3.5,7\nGermany,2024-02,4.5,7\n"
    title = '"(Unit: USD 1,000, ton)"\n'
    assert figures(tmp_path, f"{title}Country,Month,Weight,Amount (USD)\n{rows}") == JAPAN_AND_GERMANY


def test_a_value_beside_a_quantity_is_not_taken_for_it(tmp_path: Path):
    """The unit is that of the first quantity, not of the column called value."""
    rows = "".join(
        f"{to},{month},KG,{int(1000 * t)},,,{int(9000 * t)}\n" for (to, month), t in JAPAN_AND_GERMANY.items()
    )
    assert figures(tmp_path, f"PARTNER,PERIOD,UNIT1,QTY1,UNIT2,QTY2,VALUE\n{rows}") == JAPAN_AND_GERMANY


def test_rows_of_money_are_no_tonnes(tmp_path: Path):
    """A unit that is a currency is counted as money where weights are asked for."""
    said = refusal(tmp_path, "Country,Month,Unit,Quantity\nJapan,2024-01,USD,1500\n")
    assert "a value in USD, not a weight" in said


def test_a_heading_with_a_unit_makes_a_table_foreign(tmp_path: Path):
    """Destination and Month are our columns too; Tonnes is not, and says what it is."""
    path = tmp_path / "mine.csv"
    path.write_text("Origin,Destination,Month,Tonnes\nChile,Japan,2024-01,1.5\n")
    assert read_exports(path, today=DAY)["volume_t"].tolist() == [1.5]


# Headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["Unit: kg\nYear,Country,1,2,3\n2024,Japan,1500,2500,\n2024,Germany,3500,4500,\n",
     "Country,,2024-01,2024-02\nJapan,kg,1500,2500\nJapan,USD,8,9\nGermany,kg,3500,4500\nGermany,USD,8,9\n",
     "Country,,2024-01,2024-02\nJapan,Volume (kg),1500,2500\n,Value (USD),8,9\nGermany,Volume (kg),3500,4500\n"
     ",Value (USD),8,9\n",
     "kg\n,2024-01,2024-02\nJapan,1500,2500\nGermany,3500,4500\n",
     "Unit: kg\n,Japan,Germany\n2024-01,1500,3500\n2024-02,2500,4500\n",
     "Norway\nUnit: kg\n,,2024-01,2024-02\n85051100,Japan,1500,2500\n85051100,Germany,3500,4500\n",
     "Unit: kg\nTIME,2024-01,2024-02\nPARTNER (Labels),,\nJapan,1500,2500\nGermany,3500,4500\n",
     "Canada\n,,2024,2024,2024,2024\n,,January,January,February,February\n,,Weight,Value,Weight,Value\n,,t,USD,t,USD\n"
     "85051100,Japan,1.5,8,2.5,9\n85051100,Germany,3.5,8,4.5,9\n",
     ",,,Exports: weight,Exports: value\n,,,t,USD\n2024,January,Japan,1.5,8\n2024,February,Japan,2.5,8\n"
     "2024,January,Germany,3.5,8\n2024,February,Germany,4.5,8\n____\nSource: the office\nAs of: 2025\n"],
    ids=["months by number", "unnamed units", "unnamed measures", "blank corner", "blank corner, destinations across",
         "the reporter above", "key below the months", "four rows", "keys without headings"],
)  # fmt: skip
def test_headers_of_desks_and_offices(tmp_path: Path, text: str):
    """Columns without a heading are known by their cells, and the title of a reporter is no destination."""
    assert figures(tmp_path, text) == JAPAN_AND_GERMANY


def test_numbers_beyond_the_months_are_no_months(tmp_path: Path):
    """Thirteen periods are not the months of a year."""
    names = ",".join(str(number) for number in range(1, 14))
    assert "expected" in refusal(tmp_path, f"Country,Year,{names}\nJapan,2024,{names}\n", unit="kg")


@pytest.mark.parametrize(
    ("header", "rows"),
    [("YearMonth/AnnéeMois,Country/Pays,Province,Quantity/Quantité,Unit of Measure/Unité de Mesure",
      "2024{:02d},{},ON,{},KGM"),
     ("YearMonth,CountryOfDestination,CountryOfDestinationName,StatisticalUnit,StatisticalQuantity",
      "2024{:02d},{},x,{},KG"),
     ("FREQ: Frequency,TIME_PERIOD: Time,PARTNER: Partner country,OBS_VALUE: Value,UNIT_MEASURE: Unit",
      "M: Monthly,2024-{:02d},{}: {},{},KG: Kilograms"),
     ("Tahun,Bulan,Negara,Berat (Kg),Nilai (US $)", "2024,[{:02d}] {},{},{},9"),
     ("Mois,Année,Code pays,Libellé pays,Masse (en kg)", "{:02d},2024,{},{},{}")],
    ids=["two languages", "capitals", "codes and labels", "months with numbers", "codes beside names"],
)  # fmt: skip
def test_headings_of_offices(tmp_path: Path, header: str, rows: str):
    """Headings in two languages, in capitals, with labels; codes and numbers beside names."""
    names = {"JPN": ("JP", "Japan"), "DEU": ("DE", "Germany")}
    words = ["Januari", "Februari"]
    said = []
    for (to, month), tonnes in JAPAN_AND_GERMANY.items():
        number, kg = int(month[5:]), int(1000 * tonnes)
        if "Bulan" in header:
            cells: tuple[object, ...] = (number, words[number - 1], names[to][1], kg)
        elif "Code pays" in header or "FREQ" in header:
            cells = (number, *names[to], kg)
        else:
            cells = (number, names[to][0], kg)
        said.append(
            rows.format(*cells)
            if "Statistical" not in header
            else f"2024{number:02d},{names[to][0]},{names[to][1]},KG,{kg}"
        )
    assert figures(tmp_path, "\n".join([header, *said])) == JAPAN_AND_GERMANY


def test_marks_of_thousands_of_switzerland(tmp_path: Path):
    """1’500 is one thousand five hundred, with a curled apostrophe too."""
    text = "Country;Month;kg\nJapan;2024-01;1’500\nJapan;2024-02;2'500\nGermany;2024-01;3’500\nGermany;2024-02;4’500\n"
    assert figures(tmp_path, text) == JAPAN_AND_GERMANY


# Containers -----------------------------------------------------------------------------------------------------------

TABLE = "Country,Month,kg\nJapan,2024-01,1500\nJapan,2024-02,2500\nGermany,2024-01,3500\nGermany,2024-02,4500\n"
COLUMNS = ["Country", "Month", "kg"]
CELLS: list[list[object]] = [[to, month, 1000 * tonnes] for (to, month), tonnes in JAPAN_AND_GERMANY.items()]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in CELLS]
PX_WEB = {
    "columns": [{"code": "a", "text": "Country"}, {"code": "b", "text": "Month"}, {"code": "c", "text": "kg"}],
    "data": [{"key": row[:2], "values": [str(row[2])]} for row in CELLS],
}


def packed(**files: str | bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return held.getvalue()


def test_a_zip_archive_is_read_as_the_tables_in_it(tmp_path: Path):
    """A note beside the table is none; a file for each year is one table."""
    assert figures(tmp_path, packed(readme__txt="Of customs.", exports__csv=TABLE), "a.zip") == JAPAN_AND_GERMANY
    lines = TABLE.splitlines(keepends=True)
    parts = {f"exports_{year}__csv": "".join([lines[0], *rows]) for year, rows in ((1, lines[1:3]), (2, lines[3:]))}
    assert figures(tmp_path, packed(**parts), "b.zip", product="w") == JAPAN_AND_GERMANY


def test_a_zip_archive_may_hold_a_workbook_and_no_archive(tmp_path: Path):
    """One step is unpacked, not two."""
    book, held = openpyxl.Workbook(), io.BytesIO()
    for row in [COLUMNS, *CELLS]:
        book.active.append(row)
    book.save(held)
    assert figures(tmp_path, packed(a__xlsx=held.getvalue()), "a.zip") == JAPAN_AND_GERMANY
    with pytest.raises(
        TableError, match=r"^b.zip: expected a table, found an archive inside another\. Unpack it first\.$"
    ):
        figures(tmp_path, packed(a__zip=packed(exports__csv=TABLE)), "b.zip")


def test_a_table_that_is_not_read_beside_others_is_said(tmp_path: Path):
    """A file of an archive without a unit is named, with what is missing."""
    path = tmp_path / "a.zip"
    path.write_bytes(packed(one__csv=TABLE, two__csv="Country,Month,Volume\nJapan,2024-01,1\n"))
    (said,) = (note for note in import_exports(path, product="w", today=DAY).notes if note.startswith("A sheet"))
    assert said.startswith(
        "A sheet was not read. a.zip [two]: expected the unit in the heading 'Volume' or in a column"
    )


@pytest.mark.parametrize(
    "said",
    [{"columns": COLUMNS, "index": [0, 1, 2, 3], "data": CELLS},
     {name: {str(at): row[place] for at, row in enumerate(CELLS)} for place, name in enumerate(COLUMNS)},
     {str(at): row for at, row in enumerate(RECORDS)},
     {name: [row[place] for row in CELLS] for place, name in enumerate(COLUMNS)},
     {"success": True, "result": {"total": 4, "records": RECORDS}},
     PX_WEB,
     [{"country": {"code": row["Country"], "name": {"JPN": "Japan", "DEU": "Germany"}[row["Country"]]},
       "month": row["Month"], "netWeightKg": row["kg"]} for row in RECORDS]],
    ids=["pandas split", "pandas columns", "pandas index", "lists", "records inside", "px-web", "objects inside"],
)  # fmt: skip
def test_json_of_services_and_of_pandas(tmp_path: Path, said: object):
    """However the rows are written, no row is lost as a header."""
    assert figures(tmp_path, json.dumps(said), "a.json") == JAPAN_AND_GERMANY


def test_json_line_by_line(tmp_path: Path):
    """An object a line; a line that is cut is said."""
    lines = "\n".join(json.dumps(row) for row in RECORDS)
    assert figures(tmp_path, lines, "a.jsonl") == JAPAN_AND_GERMANY
    with pytest.raises(TableError, match=r"^b.jsonl: expected JSON, found text that cannot be read as it"):
        figures(tmp_path, lines[:-5], "b.jsonl")


JSON_STAT: dict[str, Any] = {
    "class": "dataset",
    "id": ["land", "contents", "time"],
    "size": [2, 2, 2],
    "dimension": {
        "land": {
            "label": "country",
            "category": {"index": {"JP": 0, "DE": 1}, "label": {"JP": "Japan", "DE": "Germany"}},
        },
        "contents": {
            "label": "contents",
            "category": {
                "index": ["q", "v"],
                "label": {"q": "Quantity", "v": "Value"},
                "unit": {"q": {"base": "kg"}, "v": {"base": "NOK"}},
            },
        },
        "time": {"label": "month", "category": {"index": ["2024M01", "2024M02"]}},
    },
    "value": [1500, 2500, 8, 9, 3500, 4500, 8, None],
}


@pytest.mark.parametrize("sparse", [False, True])
def test_json_stat(tmp_path: Path, sparse: bool):
    """Figures stand in the order of the last dimension first; units are those of the measures, values are none."""
    said = dict(JSON_STAT)
    if sparse:
        said["value"] = {str(at): value for at, value in enumerate(said["value"]) if value is not None}
    assert figures(tmp_path, json.dumps(said), "a.json") == JAPAN_AND_GERMANY


def places_in(said: Any, *at: Any) -> Iterator[tuple[Any, ...]]:
    """Ways to every part of an answer."""
    yield at
    names = said if isinstance(said, dict) else range(len(said)) if isinstance(said, list) else ()
    for name in names:
        yield from places_in(said[name], *at, name)


def changed(said: Any, at: tuple[Any, ...], part: Any) -> Any:
    """An answer with one part replaced."""
    if not at:
        return part
    copy = said.copy()
    copy[at[0]] = changed(said[at[0]], at[1:], part)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("said", [JSON_STAT, PX_WEB], ids=["JSON-stat", "px-web"])
def test_answers_that_are_not_what_they_seem_are_read_or_refused(tmp_path: Path, said: Any):
    """Whichever part of an answer is something else, nothing but a sentence is raised."""
    refused = 0
    for at, part in product(places_in(said), (1, [1])):
        try:
            figures(tmp_path, json.dumps(changed(said, at, part)), "a.json", product="w")
        except TableError:
            refused += 1
    assert refused > 10


def test_objects_deep_within_each_other_are_looked_into_once(tmp_path: Path):
    """Fifty objects of one name hold no list that is looked for, and take no time."""
    text = '{"data": ' * 50 + "{}" + "}" * 50
    assert "expected JSON with a list of rows" in refusal(tmp_path, text, name="a.json")


@pytest.mark.slow
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_archives_are_read_or_refused(tmp_path: Path, how: int):
    """However it is packed, and whichever byte is another, nothing but a sentence is raised."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as archive:
        archive.writestr("exports.csv", TABLE)
    whole = held.getvalue()
    assert figures(tmp_path, whole, "a.zip") == JAPAN_AND_GERMANY
    refused = 0
    for at in range(4, len(whole), 3):
        try:
            figures(tmp_path, whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :], "a.zip", product="w")
        except TableError:
            refused += 1
    assert refused > 10


# Eurostat's bulk file -------------------------------------------------------------------------------------------------


def test_procedures_of_the_bulk_file_are_parts(tmp_path: Path):
    """Exports of all procedures together, in kilograms; imports beside them are none, and month 52 is a year."""
    head = "REPORTER,PARTNER,TRADE_TYPE,PRODUCT_NC,FLOW,STAT_PROCEDURE,SUPPL_UNIT,PERIOD,VALUE_EUR,QUANTITY_KG\n"
    rows = [("JP", 2, 1, "202401", 1000), ("JP", 2, 3, "202401", 500), ("JP", 1, 1, "202401", 7),
            ("JP", 2, 1, "202402", 2500), ("JP", 2, 1, "202452", 99)]  # fmt: skip
    text = "".join(f"FR,{to},E,85051110,{flow},{how},NO_SU,{when},5,{kg}\n" for to, flow, how, when, kg in rows)
    assert figures(tmp_path, head + text) == {("JPN", "2024-01"): 1.5, ("JPN", "2024-02"): 2.5}
    money = figures(tmp_path, head + text, unit="eur")
    assert money == {("JPN", "2024-01"): 10e-6, ("JPN", "2024-02"): 5e-6}
