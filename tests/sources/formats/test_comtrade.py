"""UN Comtrade's answers: totals kept, breakdowns dropped, estimates marked, years refused."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)


def record(**said: Any) -> dict[str, Any]:
    usual = {
        "typeCode": "C", "freqCode": "M", "refYear": 2025, "refMonth": 4, "period": "202504", "reporterCode": 156,
        "flowCode": "X", "partnerCode": 842, "partnerISO": "USA", "partnerDesc": "", "partner2Code": 0,
        "cmdCode": "850511", "customsCode": "C00", "motCode": 0, "qty": 0.0, "qtyUnitAbbr": "N/A", "netWgt": 46385.0,
        "isNetWgtEstimated": False, "primaryValue": 2100000.0,
    }  # fmt: skip
    return {**usual, **said}


def answer(folder: Path, *records: dict[str, Any], suffix: str = "json") -> Path:
    path = folder / f"answer.{suffix}"
    if suffix == "json":
        path.write_text(json.dumps({"elapsedTime": "0.1 secs", "count": len(records), "data": records, "error": ""}))
        return path
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_totals_are_kept_and_breakdowns_dropped(tmp_path: Path, suffix: str):
    """The world is partner 0; rows by second partner, procedure or mode would count weights twice."""
    path = answer(
        tmp_path,
        record(),
        record(partnerCode=0, partnerISO="W00", netWgt=2626000.0),
        record(partner2Code=344, netWgt=1.0),
        record(customsCode="C01", netWgt=2.0),
        record(motCode=1000, netWgt=3.0),
        suffix=suffix,
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["USA", 46.385], ["WLD", 2626.0]]
    assert [reason.split(",")[0] for reason in got.unused["reason"]] == [
        "a breakdown by second partner",
        "a breakdown by customs procedure",
        "a breakdown by mode of transport",
    ]


def test_six_digits_are_wider_than_the_product_and_said_so(tmp_path: Path):
    """HS 850511 holds all metal magnets: it is taken as rare-earth magnets with a word."""
    got = import_exports(answer(tmp_path, record()), today=DAY)
    assert got.exports["product"].tolist() == ["rare_earth_magnets"]
    assert any("850511 is wider than rare_earth_magnets" in note for note in got.notes)


def test_estimated_weights_are_marked_and_missing_ones_listed(tmp_path: Path):
    """An estimate is used and called so; a weight of 0 or none is no zero, unless the quantity is in kg."""
    path = answer(
        tmp_path,
        record(isNetWgtEstimated=True),
        record(period="202505", netWgt=0.0),
        record(period="202506", netWgt=None),
        record(period="202507", netWgt=0, qty=500.0, qtyUnitAbbr="kg"),
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["volume_t", "status"]].to_numpy().tolist() == [[46.385, "estimated"], [0.5, "reported"]]
    assert got.unused["month"].tolist() == ["202505", "202506"]


def test_codes_of_comtrade_for_partners(tmp_path: Path):
    """842, 699, 251, 757 and 579 are the United States, India, France, Switzerland and Norway."""
    records = [record(partnerCode=code) for code in (842, 699, 251, 757, 579, 76)]
    got = import_exports(answer(tmp_path, *records), today=DAY)
    assert got.exports["destination"].tolist() == ["USA", "IND", "FRA", "CHE", "NOR", "BRA"]


@pytest.mark.parametrize("named", ["Areas, nes", ""], ids=["name", "code alone"])
def test_groups_are_listed(tmp_path: Path, named: str):
    """Areas not elsewhere specified are no single destination, also where a preview leaves the name out."""
    got = import_exports(answer(tmp_path, record(), record(partnerCode=899, partnerDesc=named)), today=DAY)
    assert got.unused["destination"].tolist() == [named or "899"]
    assert got.unused["reason"].tolist() == ["no single destination: a group, a rest, or none stated"]


def test_other_asia_is_taiwan_and_said_so(tmp_path: Path):
    """Partner 490 is Taiwan by convention; another's note has no such word."""
    got = import_exports(answer(tmp_path, record(partnerCode=490, partnerDesc="Other Asia, nes")), today=DAY)
    assert got.exports["destination"].tolist() == ["TWN"]
    said = 'Partner 490 ("Other Asia, nes") is read as Taiwan, as UN Comtrade means it.'
    assert said in got.notes
    assert said not in import_exports(answer(tmp_path, record()), today=DAY).notes


@pytest.mark.parametrize(
    ("reporter", "released"),
    [(156, date(2025, 3, 20)), (842, date(2025, 3, 9)), (276, date(2025, 3, 18)), (392, date(2025, 2, 20))],
    ids=["China", "USA", "Germany", "another"],
)
def test_a_figure_is_known_when_its_office_published_it(tmp_path: Path, reporter: int, released: date):
    """January comes with February from China, about 37 days after its end from the USA, 46 from the EU."""
    partner = 124 if reporter == 842 else 842
    got = import_exports(
        answer(tmp_path, record(reporterCode=reporter, partnerCode=partner, period="202501")), today=DAY
    )
    assert got.exports["released"].tolist() == [released]


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_an_answer_that_was_cut_is_refused(tmp_path: Path, suffix: str):
    """Exactly 500 rows are a preview that was cut; 499 and 501 are none."""
    months = [f"{year}{month:02d}" for year in range(1980, 2022) for month in range(1, 13)]
    rows = [record(period=month, refMonth=int(month[4:])) for month in months]
    with pytest.raises(TableError, match=r"with exactly 500 rows, at which a preview without a key is cut\. Ask for"):
        import_exports(answer(tmp_path, *rows[:500], suffix=suffix), today=DAY)
    for count in (499, 501):
        assert len(import_exports(answer(tmp_path, *rows[:count], suffix=suffix), today=DAY).exports) == count


def test_years_are_refused(tmp_path: Path):
    """RefMonth 52 is a year: an annual answer is refused; a year among months is listed."""
    year = record(freqCode="A", refMonth=52, period="2024")
    with pytest.raises(TableError, match=r"by year, found no month in its 1 rows. Ask for freqCode M"):
        import_exports(answer(tmp_path, year), today=DAY)
    got = import_exports(answer(tmp_path, year, record()), today=DAY)
    assert got.unused["reason"].tolist() == ["a year, not a month"]


def test_imports_are_exports_of_the_partner(tmp_path: Path):
    """What the United States report to import from China is China's export to them."""
    path = answer(tmp_path, record(flowCode="M", reporterCode=842, partnerCode=156))
    assert import_exports(path, today=DAY).exports["destination"].tolist() == ["USA"]


def test_a_mirror_is_said(tmp_path: Path):
    """Whose imports the figures are, and how many: of those that are used; of exports nothing is said."""
    mirror = {"flowCode": "M", "partnerCode": 156, "reporterCode": 276}
    path = answer(tmp_path, record(), record(**mirror), record(**mirror, period="202505"), record(**mirror, motCode=1))
    said = "imports reported by DEU, not exports reported by CHN, from which they can differ."
    assert f"A mirror: 2 figures are {said}" in import_exports(path, today=DAY).notes
    one = import_exports(answer(tmp_path, record(**mirror)), today=DAY)
    assert f"A mirror: 1 figure is {said}" in one.notes
    assert not any("mirror" in note for note in import_exports(answer(tmp_path, record()), today=DAY).notes)


def test_the_mirror_of_another_exporter_is_not_said(tmp_path: Path):
    """Imports of a country are the exports of another one, which was not asked for."""
    path = answer(tmp_path, record(), record(flowCode="M"))
    own = import_exports(path, exporter="CHN", today=DAY)
    assert len(own.exports) == 1
    assert not any("mirror" in note for note in own.notes)


def test_several_exporters_are_a_question(tmp_path: Path):
    """Two reporters in one file: one is chosen, the other listed."""
    path = answer(tmp_path, record(), record(reporterCode=392, netWgt=1000.0))
    with pytest.raises(TableError, match=r"holds the exports of CHN, JPN. Choose one: .*--exporter CHN"):
        import_exports(path, today=DAY)
    got = import_exports(path, exporter="JPN", today=DAY)
    assert got.exports["volume_t"].tolist() == [1.0]
    assert got.unused["reason"].tolist() == ["exports of another country than JPN"]


def test_an_empty_answer_and_an_error_are_sentences(tmp_path: Path):
    """No rows: what the service said instead."""
    path = answer(tmp_path)
    with pytest.raises(TableError, match=r"expected JSON with a list of rows, found an empty list"):
        import_exports(path, today=DAY)
    path.write_text(json.dumps({"statusCode": 401, "message": "Access denied due to missing subscription key"}))
    with pytest.raises(TableError, match=r"found the answer 'Access denied due to missing subscription key'"):
        import_exports(path, today=DAY)


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_quantity_in_kilograms_stands_in_for_a_missing_weight(tmp_path: Path, suffix: str):
    """By the unit's code or its letters, and by the second quantity; one of pieces is none, and that is said."""
    path = answer(
        tmp_path,
        record(netWgt=0, qty=1000.0, qtyUnitCode=8, qtyUnitAbbr="", altQty=0, altQtyUnitCode=-1),
        record(netWgt=None, qty=5, qtyUnitCode=5, qtyUnitAbbr="u", altQty=2000.0, altQtyUnitCode=8, partnerCode=392,
               partnerISO="JPN"),
        record(netWgt="", qty=5, qtyUnitCode=5, qtyUnitAbbr="u", altQty=0, altQtyUnitCode=-1, partnerCode=276,
               partnerISO="DEU"),
        record(netWgt=7.0, qty=9000.0, qtyUnitCode=8, qtyUnitAbbr="kg", altQty=0, altQtyUnitCode=-1, partnerCode=410,
               partnerISO="KOR"),
        suffix=suffix,
    )  # fmt: skip
    got = import_exports(path, today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["USA", 1.0], ["JPN", 2.0], ["KOR", 0.007]]
    assert "2 rows have no net weight and a quantity in kilograms, which is read instead (qty)." in got.notes
    assert got.unused["destination"].tolist() == ["276"]
