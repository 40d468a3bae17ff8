"""Values in another currency than the one that is asked for: refused, or left out row by row, never called so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)


def imported(folder: Path, text: str, unit: str, volume: str = "") -> list[float]:
    path = folder / "f.csv"
    path.write_text(text, "utf-8")
    columns = {"volume": volume} if volume else {}
    return import_exports(path, product="w", unit=unit, columns=columns, today=DAY).exports["volume_t"].tolist()


@pytest.mark.parametrize(
    ("heading", "currency"),
    [
        ("Value (thousand EUR)", "EUR"), ("Value (€)", "EUR"), ("Wert in Euro", "EUR"), ("TEUR", "EUR"),
        ("Valeur (milliers d'euros)", "EUR"), ("Valor (R$)", "BRL"), ("Value (£)", "GBP"), ("金额(人民币)", "CNY"),
        ("金额(万元)", "CNY"), ("Value (千円)", "JPY"), ("금액(천원)", "KRW"), ("Стоимость (тыс. руб.)", "RUB"),
        ("Wartość (PLN)", "PLN"), ("Value (million TRY)", "TRY"), ("Value (C$)", "CAD"), ("Value (₹ crore)", "INR"),
        ("Value (CHF)", "CHF"),
    ],
)  # fmt: skip
def test_a_heading_in_another_currency(tmp_path: Path, heading: str, currency: str):
    """It is refused with what to say instead, and read where that is said."""
    text = f"Country,Month,{heading}\nJapan,2023-01,5\n"
    said = rf"f\.csv: .* names {currency}, and --unit says usd. Say --unit {currency.lower()} where the file is right"
    with pytest.raises(TableError, match=said):
        imported(tmp_path, text, "usd", heading)
    assert len(imported(tmp_path, text, currency.lower(), heading)) == 1


@pytest.mark.parametrize(
    "heading", ["Value (USD)", "Value ($)", "Value (US$ thousand)", "金额(美元)", "Value", "долл. США"]
)
def test_the_currency_that_is_asked_for(tmp_path: Path, heading: str):
    """By code, sign or word, or by none; dollars are no euros."""
    text = f"Country,Month,{heading}\nJapan,2023-01,5\n"
    assert len(imported(tmp_path, text, "usd", heading)) == 1
    if heading != "Value":
        with pytest.raises(TableError, match=r"names USD, and --unit says million eur\. Say --unit usd"):
            imported(tmp_path, text, "million eur", heading)


@pytest.mark.parametrize(
    "text",
    [
        "Exports in thousand EUR\nCountry,2023-01,2023-02\nJapan,5,6\n",
        "Unit: EUR\nCountry,2023-01,2023-02\nJapan,5,6\n",
        "Country,2023-01,,2023-02,\n,Quantity (t),Value (EUR),Quantity (t),Value (EUR)\nJapan,5,50,6,60\n",
        "Country,Jan 2023 Value (EUR),Feb 2023 Value (EUR)\nJapan,5,6\n",
        "Value (EUR)\nYear,Country,Jan,Feb\n2023,Japan,5,6\n",
    ],
)
def test_a_title_or_a_header_in_another_currency(tmp_path: Path, text: str):
    """It counts where no heading of figures names a currency."""
    with pytest.raises(TableError, match="names EUR, and --unit says usd"):
        imported(tmp_path, text, "usd")


def test_a_heading_comes_before_a_title(tmp_path: Path):
    """A title may speak of another currency than the column that is read."""
    text = "Exports in EUR and USD\nCountry,Month,Value (USD)\nJapan,2023-01,5e6\n"
    assert imported(tmp_path, text, "usd", "Value (USD)") == [5.0]


@pytest.mark.parametrize("name", ["Unit", "Currency", "Indicator"])
def test_rows_in_another_currency(tmp_path: Path, name: str):
    """They are left out with the reason; where all are, that is the answer."""
    rows = ["Country,Month,Value," + name, "Japan,2023-01,5e6,Value (EUR)", "Japan,2023-02,6e6,Value (USD)"]
    assert imported(tmp_path, "\n".join(rows), "usd") == [6.0]
    with pytest.raises(TableError, match=r"a value in EUR, not in USD .* Say --unit as the file has it"):
        imported(tmp_path, "\n".join(rows[:2]), "usd")


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("refYear,refMonth,period,reporterCode,partnerCode,flowCode,cmdCode,netWgt,primaryValue,motCode,customsCode,"
         "partner2Code\n2023,1,202301,156,392,X,850511,7,8,0,C00,0\n", "eur", "names USD, and --unit says eur"),
        ("CO_ANO;CO_MES;CO_NCM;CO_PAIS;KG_LIQUIDO;VL_FOB\n2023;1;26040000;399;8;9\n", "eur", "names USD"),
        ("Exp or Imp,Year,HS,Country,Unit1,Unit2,Quantity1-Jan,Quantity2-Jan,Value-Jan\n"
         "1,2023,'850511',105,NO,KG,1,2,3\n", "usd", "a quantity in KG, not in USD"),
    ],
    ids=["comtrade", "comexstat", "japan"],
)  # fmt: skip
def test_a_source_whose_values_are_in_another_currency(tmp_path: Path, text: str, unit: str, said: str):
    """Neither its values nor its weights are called the currency that the caller names."""
    with pytest.raises(TableError, match=said):
        imported(tmp_path, text, unit)


@pytest.mark.parametrize("unit", ["eur", "million eur"])
def test_the_values_beside_weights_are_what_is_asked_for(tmp_path: Path, unit: str):
    """Not the weights, called money; of several, that in the currency that is asked for."""
    text = "Country,Month,Net weight (kg),Value (EUR),Value (USD)\nJapan,2023-01,1000,5,7\n"
    assert imported(tmp_path, text, unit) == [5e-6 if unit == "eur" else 5.0]


@pytest.mark.parametrize(
    "text",
    ["Country,Month,Net weight (kg)\nJapan,2023-01,1000\n", "Exports in kg\nCountry,2023-01,2023-02\nJapan,5,6\n"],
)
def test_weights_are_no_money(tmp_path: Path, text: str):
    """A file that has only weights is not read as values."""
    with pytest.raises(TableError, match="is a weight, and --unit says usd"):
        imported(tmp_path, text, "usd")


@pytest.mark.parametrize("head", ["Net weight (kg),\nJapan,2023-01,5,", "Quantity,Unit\nJapan,2023-01,5,kg"])
def test_a_unit_against_the_file_is_said(tmp_path: Path, head: str):
    """The caller's unit holds, and that the file says another one is a note."""
    path = tmp_path / "f.csv"
    path.write_text(f"Country,Month,{head}\n", "utf-8")
    found = import_exports(path, product="w", unit="t", today=DAY)
    assert any("Figures are read in t, as --unit says, though" in note for note in found.notes)
    assert found.exports["volume_t"].tolist() == [5.0]
