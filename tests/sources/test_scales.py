"""Thousands and millions of a unit: in a heading, in a title, in a column beside that of units."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports
from forecast.sources.meaning.quantities import scale_of
from forecast.vocabulary.units import unit_in, unit_in_title, unit_of

DAY = date(2026, 1, 1)


def volume(folder: Path, text: str, **said: object) -> float:
    """The one figure of a table, in tonnes."""
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return float(import_exports(path, product="w", today=DAY, **said).exports["volume_t"].item())


@pytest.mark.parametrize(
    ("heading", "tonnes"),
    [
        ("Exports (thousands of tonnes)", 1e3), ("Quantity (ths. tons)", 1e3), ("Miles de toneladas", 1e3),
        ("Quantity (000 t)", 1e3), ("Tonnes ('000)", 1e3), ("Tonnes (x1,000)", 1e3), ("10³ t", 1e3), ("10^6 kg", 1e3),
        ("Menge in Tsd. Tonnen", 1e3), ("Menge (1.000 t)", 1e3), ("Mio. t", 1e6), ("Milliers de tonnes", 1e3),
        ("Milhares de toneladas", 1e3), ("Mil toneladas", 1e3), ("тыс. тонн", 1e3), ("百万吨", 1e6), ("万公斤", 10.0),
        ("Quantity (million kg)", 1e3), ("Lakh tonnes", 1e5), ("Crore kg", 1e4), ("'000 MT", 1e3), ("1000kg", 1.0),
        ("Net weight in thousands (kg)", 1.0), ("Quantity in thousands, net weight (kg)", 1.0),
        ("HS 2604.00.000 t", 1.0), ("Exports 2025 ('000 t)", 1e3), ("Tonnes, 2025", 1.0), ("kt (thousand tonnes)", 1e3),
    ],
)  # fmt: skip
def test_scales_of_headings(heading: str, tonnes: float):
    """A word or a number of a scale beside a unit; digits of a code or a year are none."""
    assert unit_of(unit_in(heading)).factor == pytest.approx(tonnes)


def test_scales_of_titles_and_cells(tmp_path: Path):
    """The same words in a line above the table, and in a column of units."""
    assert [unit_in_title(line) for line in ("Exports in thousands of tonnes", "Unit: '000 t")] == ["kt", "kt"]
    assert volume(tmp_path, "Thousands of tonnes\nCountry,2025-05,2025-06\nGermany,1.5,\n") == 1500
    assert volume(tmp_path, "Country,Month,Quantity,Unit\nGermany,2025-05,1.5,Thousand kg\n") == 1.5


@pytest.mark.parametrize("heading", ["Quantity (Mt)", "M t", "mil kg"])
def test_scales_that_can_be_two_things_are_asked(tmp_path: Path, heading: str):
    """A million in one trade and a thousand in another; what the caller says holds."""
    text = f"Country,Month,{heading}\nGermany,2025-05,1.5\n"
    with pytest.raises(TableError, match=r"figures are in .*: say which.*--unit"):
        volume(tmp_path, text)
    assert volume(tmp_path, text, unit="million tonnes") == 1.5e6


def test_a_scale_in_a_line_apart_from_the_unit_is_asked(tmp_path: Path):
    """A title in thousands over a column of tonnes can mean either."""
    text = "Exports (in thousands)\nCountry,Month,Tonnes\nGermany,2025-05,1.5\n"
    with pytest.raises(TableError, match=r"has a scale, .* --unit kt for thousands of t, --unit t for single ones"):
        volume(tmp_path, text)
    assert volume(tmp_path, text, unit="kt") == 1500


@pytest.mark.parametrize(
    ("heading", "cell", "times"),
    [
        ("SCALAR_FACTOR", "thousands", 1e3), ("SCALAR_FACTOR", "units ", 1.0), ("UNIT_MULT", "3", 1e3),
        ("UNIT_MULT", "0", 1.0), ("POWERCODE", "Millions", 1e6), ("Unit multiplier", "6", 1e6),
        ("Multiplier", "1000", 1e3),
        ("UNIT_MULT", "3: Thousands", 1e3), ("SCALAR_FACTOR", "tens of thousands", 1e4), ("UNIT_MULT", "", 1.0),
    ],
)  # fmt: skip
def test_a_column_of_scales(tmp_path: Path, heading: str, cell: str, times: float):
    """Beside that of units, or beside a heading with the unit; multiplied, and said."""
    assert scale_of(cell, heading) == times
    long = f"Country,Month,UOM,{heading},VALUE\nGermany,2025-05,Kilograms,{cell},1.5\n"
    assert volume(tmp_path, long, columns={"volume": "VALUE"}) == pytest.approx(1.5e-3 * times)
    assert volume(tmp_path, f"Country,Month,{heading},Tonnes\nGermany,2025-05,{cell},1.5\n") == 1.5 * times
    wide = f"Country,Unit,{heading},2025-05,2025-06\nGermany,t,{cell},1.5,\n"
    assert volume(tmp_path, wide) == 1.5 * times


def test_a_scale_that_is_not_known_is_not_used(tmp_path: Path):
    """A row with a word that is no scale has no unit that is known."""
    with pytest.raises(TableError, match="of a unit that is not known"):
        volume(tmp_path, "Country,Month,UOM,UNIT_MULT,Quantity\nGermany,2025-05,kg,some,1.5\n")


@pytest.mark.parametrize(
    ("heading", "millions"),
    [
        ("Value (thousand USD)", 1e-3), ("USD thousand", 1e-3), ("'000 USD", 1e-3), ("USD 1000", 1e-3),
        ("in thousands of US dollars", 1e-3), ("million USD", 1.0), ("US$ bn", 1e3), ("千美元", 1e-3),
        ("Value KUSD", 1e-3), ("Valor (mil dólares)", 1e-3), ("Value, $ 10^6", 1.0),
        ("Value (USD), HS 2604.00.000", 1e-6), ("Value (USD)", 1e-6),
        ("Value 2025 (US dollars)", 1e-6), ("Value in thousands", 1e-3),
    ],
)  # fmt: skip
def test_scales_of_money_in_headings(tmp_path: Path, heading: str, millions: float):
    """They count with a currency that the caller names, and once where the caller names the scale too."""
    text, columns = f'Country,Month,"{heading}"\nGermany,2025-05,5e5\n', {"volume": heading}
    assert volume(tmp_path, text, unit="usd", columns=columns) == pytest.approx(5e5 * millions)
    assert volume(tmp_path, text, unit="thousand usd", columns=columns) == pytest.approx(500)
    assert volume(tmp_path, text, unit="1 usd", columns=columns) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    [
        "Exports, thousand USD\nCountry,2025-05,2025-06\nGermany,1500,\n",
        "Country,Month,Value,Unit\nGermany,2025-05,1500,Thousand USD\nGermany,2025-05,7,kg\n",
        "Country,Month,Value,UNIT_MULT\nGermany,2025-05,1500,3\n",
        "Country,Month,Measure,Value\nGermany,2025-05,Value (thousand USD),1500\nGermany,2025-05,Quantity (kg),7\n",
        "Country,Jan 2025 Value (thousand USD),Feb 2025 Value (thousand USD)\nGermany,1500,\n",
    ],
)
def test_scales_of_money_elsewhere(tmp_path: Path, text: str):
    """In a title, in a column of units, scales or measures, and in headings of months."""
    assert volume(tmp_path, text, unit="usd") == pytest.approx(1.5)


@pytest.mark.parametrize("heading", ["Value (mil US$)", "Value, USD m", "Value (thousand USD), million USD"])
def test_scales_of_money_that_can_be_two_things_are_asked(tmp_path: Path, heading: str):
    """As those of weights are."""
    text = f'Country,Month,"{heading}"\nGermany,2025-05,1.5\n'
    with pytest.raises(TableError, match=r"figures are in .*: say which, as in --unit '1000 usd'"):
        volume(tmp_path, text, unit="usd", columns={"volume": heading})
    assert volume(tmp_path, text, unit="million usd", columns={"volume": heading}) == 1.5


def test_a_scale_in_a_line_apart_from_the_currency_is_asked(tmp_path: Path):
    """A title in thousands over a column of dollars can mean either."""
    text = "Exports (in thousands)\nCountry,Month,Value (USD)\nGermany,2025-05,1500\n"
    with pytest.raises(TableError, match=r"has a scale, .* --unit '1000 usd' for thousands of it, --unit '1 usd' for"):
        volume(tmp_path, text, unit="usd", columns={"volume": "Value (USD)"})
    assert volume(tmp_path, text, unit="1000 usd", columns={"volume": "Value (USD)"}) == 1.5
