"""What titles and headings say of figures: that they are sums since January, or imports."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from forecast import TableError, import_exports
from forecast.sources.meaning.cumulative import says_cumulative
from forecast.sources.validation import validate_exports, worst_finding

DAY = date(2026, 1, 1)


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def figures(path: Path, **said: object) -> dict[str, float]:
    table = import_exports(path, product="w", today=DAY, **said).exports.sort_values("month")
    return {
        f"{code} {month}": float(volume)
        for code, month, volume in table[["destination", "month", "volume_t"]].to_numpy()
    }


def sums(head: str, first: int = 1) -> str:
    """Two years of Germany's sums since the first month of a year; months of 1 to 24 t."""
    rows, total = [], 0
    for place, month in enumerate(pd.period_range("2023-01", periods=24, freq="M")):
        total = place + 1 + (0 if month.month == first else total)
        rows.append(f"Germany,{month},{total}\n")
    return head + "".join(rows)


WORDS = [
    "YTD (t)", "Cumulative exports, t", "Year-to-date tonnes", "Exports since January (t)", "Jan.-to-date, t", "Cum. t",
    "Menge kumuliert (t)", "Seit Jahresbeginn (t)", "Cumul annuel (t)", "Depuis janvier, t", "Acumulado del año (t)",
    "Acumulado, toneladas", "本年累计（吨）", "1至当月累计（吨）", "累計 (t)", "С начала года (t)", "Progressivo (t)",
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_sums_since_january_are_taken_apart(tmp_path: Path, words: str):
    """A heading in any language that calls figures sums: each month is the difference, and that is said."""
    path = write(tmp_path, sums(f'Country,Month,"{words}"\n'))
    got = figures(path)
    assert [*got.values()] == [float(place) for place in range(1, 25)]
    assert "Figures are sums since January" in " ".join(import_exports(path, product="w", today=DAY).notes)


@pytest.mark.parametrize(
    "words",
    [
        "Exports (t)",
        "Exports from January 2023 to December 2024 (t)",
        "Monthly, not cumulative (t)",
        "当月 (吨)",
        "Accuracy t",
    ],
)
def test_other_headings_are_of_months(words: str):
    """A range of months in a heading, or a word for one month, is no sum."""
    assert not says_cumulative(words)


def test_a_title_a_sheet_of_months_and_a_column_of_words_say_so_too(tmp_path: Path):
    """In a line above months across; in a column that says it of every row, or of some, which are left out."""
    across = "Exports cumulative since January\nCountry,2025-01,2025-02,2025-03\nGermany,1,3,6\nUK,2,2,9\n"
    assert figures(write(tmp_path, across), unit="t") == {
        "DEU 2025-01": 1, "GBR 2025-01": 2, "DEU 2025-02": 2, "GBR 2025-02": 0, "DEU 2025-03": 3, "GBR 2025-03": 7,
    }  # fmt: skip
    every = "Country,Month,Measure,Tonnes\nGermany,2025-01,Cumulative,1\nGermany,2025-02,Cumulative,3\n"
    assert figures(write(tmp_path, every)) == {"DEU 2025-01": 1, "DEU 2025-02": 2}
    some = "Country,Month,Measure,Tonnes\nGermany,2025-01,Month,1\nGermany,2025-01,Year to date,1.5\n"
    assert figures(write(tmp_path, some)) == {"DEU 2025-01": 1}


def test_the_column_of_months_is_taken_beside_that_of_sums(tmp_path: Path):
    """Whichever stands first, and under a title that names both."""
    for head in ("Cumulative (t),Monthly (t)", "To date (t),Quantity in the month (t)"):
        text = f"Monthly and cumulative exports\nCountry,Month,{head}\nGermany,2025-01,5,5\nGermany,2025-02,9,4\n"
        assert figures(write(tmp_path, text)) == {"DEU 2025-01": 5, "DEU 2025-02": 4}


def test_months_whose_month_before_is_missing_are_left_out(tmp_path: Path):
    """A difference over two months is of neither."""
    text = "Country,Month,YTD (t)\nGermany,2025-01,1\nGermany,2025-03,6\nGermany,2025-04,9\nUK,2025-05,9\n"
    got = import_exports(write(tmp_path, text), product="w", today=DAY)
    assert got.exports["volume_t"].tolist() == [1.0, 3.0]
    assert set(got.unused["reason"]) == {"a sum since the beginning of the year, without that of the month before"}


def test_years_that_begin_in_another_month(tmp_path: Path):
    """The month that the words name; a question where they name none, or where sums fall within the year."""
    got = figures(write(tmp_path, sums("Country,Month,Cumulative since April (t)\n", first=4)))
    assert [*got.values()] == [float(place) for place in range(2, 25)]
    with pytest.raises(TableError, match=r"not the calendar's .*give the file figures of single months"):
        figures(write(tmp_path, sums("Country,Month,Cumulative in the fiscal year (t)\n", first=4)))
    falling = "Country,Month,YTD (t)\n" + "".join(f"Germany,2025-{m:02},{20 - m}\n" for m in range(1, 12))
    with pytest.raises(TableError, match=r"10 months of 10 are below the month before"):
        figures(write(tmp_path, falling))


def test_sums_over_the_last_months_are_refused(tmp_path: Path):
    """Twelve months to date begin anew every month."""
    with pytest.raises(TableError, match=r"sums or means of several months \(Acumulado 12 meses \(t\)\)"):
        figures(write(tmp_path, sums("Country,Month,Acumulado 12 meses (t)\n")))


def test_figures_that_look_like_sums_are_named(tmp_path: Path):
    """Nothing calls them so: they are read, said when they are imported, and the first finding of a validation."""
    got = import_exports(write(tmp_path, sums("Country,Month,Exports (t)\n")), product="w", today=DAY)
    assert any(note.startswith("Figures of w rise within each year and fall back in January") for note in got.notes)
    assert validate_exports(got.exports)["check"].tolist()[0] == "cumulative figures"
    assert "are they sums since January?" in worst_finding(got.exports)


def test_seasons_and_growth_are_not_taken_for_sums():
    """A product that grows through both years, and one that falls back by a third."""
    months = pd.period_range("2023-01", periods=24, freq="M")
    for volumes in ([float(place) for place in range(100, 124)], [100.0 + 5 * (place % 12) for place in range(24)]):
        table = pd.DataFrame({"product": "w", "destination": "DEU", "month": months, "status": "reported",
                              "volume_t": volumes, "released": date(2026, 1, 1)})  # fmt: skip
        assert "cumulative figures" not in set(validate_exports(table)["check"])


# Imports --------------------------------------------------------------------------------------------------------------

ROWS = "China,2025-05,1.5\nJapan,2025-05,2.5\n"


@pytest.mark.parametrize(
    "text",
    [
        "Imports of ore by origin\nCountry,Month,t\n", "Country,Month,Imports (t)\n", "Land,Monat,Einfuhr (t)\n",
        "Pays,Mois,Importations (t)\n", "País,Mes,Importaciones (t)\n", "País,Mês,Importação (t)\n",
        "国家,月份,进口量（吨）\n", "国,月,輸入 (t)\n", "Импорт руды\nCountry,Month,t\n",
    ],
)  # fmt: skip
def test_imports_are_no_exports(tmp_path: Path, text: str):
    """In a title or a heading, in any language: a sentence says what to do, and what it says works."""
    path = write(tmp_path, text + ROWS)
    country, month, _ = text.strip().split("\n")[-1].split(",")
    asked = r"holds imports \(.*--destination CODE --exporter CODE .*--column destination="
    with pytest.raises(TableError, match=asked):
        import_exports(path, product="w", columns={"month": month}, today=DAY)
    got = import_exports(path, product="w", columns={"month": month, "destination": country}, today=DAY)
    mirror = "A mirror: 2 figures are imports reported by CHN, JPN, not exports, from which they can differ."
    assert got.notes[0] == mirror


def test_imports_of_one_country_are_the_exports_of_their_origin(tmp_path: Path):
    """The country that imports is the destination, the origin the exporter, of whom one is taken."""
    path = write(tmp_path, f"Country,Month,Imports (t)\n{ROWS}")
    assert figures(path, destination="KOR", exporter="JPN") == {"KOR 2025-05": 2.5}
    with pytest.raises(TableError, match=r"holds the exports of CHN, JPN"):
        figures(path, destination="KOR")


def test_exports_beside_imports_are_taken(tmp_path: Path):
    """Two columns, or two flows by their letters; a title of both; a column of importing countries."""
    two = "Country,Month,Import quantity kg,Export quantity kg\nChina,2025-05,9000,1500\n"
    flows = "Country,Month,Flow,t\nChina,2025-05,M,9\nChina,2025-05,X,1.5\n"
    both = "Imports and exports of ore\nCountry,Month,Exports (t)\nChina,2025-05,1.5\n"
    importers = "Exports by importing country\nCountry,Month,t\nChina,2025-05,1.5\n"
    for text in (two, flows, both, importers):
        assert figures(write(tmp_path, text)) == {"CHN 2025-05": 1.5}
    got = import_exports(write(tmp_path, f"Importing country,Month,Imports (t)\n{ROWS}"), product="w", today=DAY,
                         columns={"destination": "Importing country"})  # fmt: skip
    assert got.notes[0].startswith("A mirror:")
