"""Tables of any maker: separators, wide and long, the frames of other libraries."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)
LONG = "Country,Period,NetWeight\nGermany,2025-05,1500\nUK,2025-06,2500\n"


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def figures(path: Path, **said: object) -> list[list[object]]:
    table = import_exports(path, today=DAY, **said).exports.sort_values(["destination", "month"])
    return [
        [code, str(month), volume] for code, month, volume in table[["destination", "month", "volume_t"]].to_numpy()
    ]


RIGHT = [["DEU", "2025-05", 1.5], ["GBR", "2025-06", 2.5]]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_every_separator_with_columns_named_by_the_caller(tmp_path: Path, mark: str):
    """`--column destination=Country --column month=Period --column volume=NetWeight --unit kg`."""
    columns = {"destination": "Country", "month": "Period", "volume": "NetWeight"}
    path = write(tmp_path, LONG.replace(",", mark))
    assert figures(path, columns=columns, unit="kg", product="w") == RIGHT
    assert figures(path, unit="kg", product="w") == RIGHT


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nCountry;Month;Weight (kg)\nGermany;05/2025;1.500,0\nUK;06/2025;2.500,0\n",
        '"Country,""Month"",""Weight (kg)"""\n"Germany,2025M05,1500"\n"UK,2025M06,2500"\n',
        "Exports of widgets\n\nMonth,Germany (kg),ignored\n".replace("Germany (kg),ignored", "DEU,GBR,temperature")
        .replace("Exports of widgets", "Exports of widgets (kg)")
        + "2025-05,1500,,7\n2025-06,,2500,8\n",
        "Country,Unit,May-25,Jun-25\nGermany,kg,\"1,500\",\nUnited Kingdom,kg,,\"2,500\"\n",
        "Country;Unit;2025年5月;2025年6月\n德国;kg;1500;\n英国;kg;;2500\n",
        "unique_id,ds,y\nw/DEU,2025-05-01,1.5\nw/GBR,2025-06-01,2.5\n",
        "product,country,timepoints,c0\nw,DEU,2025-05,1.5\nw,GBR,2025-06,2.5\n".replace("c0", "volume_t"),
        "Month,Country,Tonnes\n2025 May,Germany,1.5\n2025 Jun,UK,2.5\n",
        "country;month;volume_t\nDE;2568-05;1,5\nGB;2568-06;2,5\n",
    ],
    ids=["sep line", "twice quoted", "destinations across", "months across", "chinese months", "nixtla", "sktime",
         "tsibble", "buddhist"],
)  # fmt: skip
def test_one_table_in_many_writings(tmp_path: Path, text: str):
    """Germany 1.5 t in May 2025, the United Kingdom 2.5 t in June, whoever wrote it."""
    unit = None if "(kg)" not in text.partition("\n")[0] or "Country" in text else "kg"
    assert figures(write(tmp_path, text), unit=unit, product="w") == RIGHT


def test_commas_in_headings_and_numbers_do_not_part_cells(tmp_path: Path):
    """The separator is the mark of which every line has equally many, not the one of which there are most."""
    head = "Month;United States, Rep.;Korea, Rep.;Congo, Dem. Rep.\n"
    rows = "2025-04;987;1,234,567;1,002,003\n2025-05;1,500;2,345,678;9,876,543\n2025-06;2,500;3,456,789;876,543\n"
    got = import_exports(write(tmp_path, head + rows), unit="kg", product="w", decimal=".", today=DAY)
    assert sorted(got.exports["destination"].unique()) == ["COD", "KOR"]
    volumes = got.exports.set_index(["destination", "month"])["volume_t"]
    assert volumes["KOR", pd.Period("2025-05", "M")] == 2345.678
    assert "separated by semicolons" in got.files[0].what


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_workbooks_and_parquet(tmp_path: Path, suffix: str):
    """Dates and numbers come as values and are the same table."""
    path = tmp_path / f"mine.{suffix}"
    frame = pd.DataFrame(
        {"Country": ["Germany", "UK"], "Month": pd.to_datetime(["2025-05-01", "2025-06-01"]), "kg": [1500, 2500.0]}
    )
    frame.to_excel(path, index=False) if suffix == "xlsx" else frame.to_parquet(path)
    assert figures(path, product="w") == RIGHT


def first_days(year: int = 2025) -> list[int]:
    """The first days of the months of a year, as Excel counts them."""
    return [(date(year, month, 1) - date(1899, 12, 30)).days for month in range(1, 13)]


@pytest.mark.parametrize("shift", [0, -1], ids=["first days", "last days"])
def test_months_as_numbers_of_days(tmp_path: Path, shift: int):
    """45658 is January 2025: down a column, across, and said; the last days of months are as good as the first."""
    days = [day + shift for day in first_days()]
    expected = [["DEU", str(pd.Period("2025-01", "M") + place + shift), float(place)] for place in range(12)]
    down = "".join(f"{day},Germany,{place}\n" for place, day in enumerate(days))
    across = f"Country,{','.join(map(str, days))}\nGermany,{','.join(map(str, range(12)))}\n"
    for text in (f"Month,Country,t\n{down}", across):
        path = write(tmp_path, text)
        assert figures(path, unit="t", product="w") == expected
        said = f"Months such as {days[0]} are days as Excel counts them: that is {expected[0][1]}."
        assert said in import_exports(path, unit="t", product="w", today=DAY).notes


@pytest.mark.parametrize("odd", ["45660", "20241", "99999"], ids=["another day", "a quarter", "beyond the calendar"])
def test_numbers_that_are_not_all_first_days_are_no_months(tmp_path: Path, odd: str):
    """One number that is no such day, and none is read; the sentence says how to write months."""
    path = write(tmp_path, f"Month,Country,t\n45658,Germany,1\n{odd},Germany,2\n")
    with pytest.raises(TableError, match=r"2 rows: a number that is not known to be a day of Excel's: write YYYY-MM"):
        import_exports(path, product="w", today=DAY)


def test_volumes_that_are_days_by_chance_are_no_months(tmp_path: Path):
    """Two volumes that are first days to Excel stay volumes where no heading says what a column is."""
    path = write(tmp_path, "a,b,kg\n2025-05,Germany,45658\n2025-06,Germany,45689\n")
    assert figures(path, product="w") == [["DEU", "2025-05", 45.658], ["DEU", "2025-06", 45.689]]


def test_a_sktime_panel_with_unnamed_levels(tmp_path: Path):
    """Two levels of instances, the time, one column: roles are found by what stands in them."""
    path = write(tmp_path, "h0,h1,time,c0\nw,DEU,2025-05,1.5\nw,GBR,2025-06,2.5\nv,GBR,2025-06,1\n")
    table = import_exports(path, unit="t", today=DAY).exports
    assert table["product"].tolist() == ["w", "w", "v"]
    assert table["destination"].tolist() == ["DEU", "GBR", "GBR"]


def test_columns_by_number_where_there_is_no_header(tmp_path: Path):
    """Year and month apart, Buddhist years, positions counted from 1."""
    path = write(tmp_path, "2568,5,ข้าว,Germany,1500,99\n2568,6,ข้าว,UK,2500,98\n")
    with pytest.raises(TableError, match=r"expected a header, found none .*--column year=1 --column month=2"):
        import_exports(path, today=DAY)
    columns = {"year": "1", "month": "2", "destination": "4", "volume": "5"}
    assert figures(path, columns=columns, unit="kg", product="rice") == RIGHT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (LONG, "expected the unit in the heading 'NetWeight' or in a column of units, found none"),
        ("Country,Month,Value (USD)\nUK,2025-05,1\n", "has a value .* and no weight"),
        ("Country,Year,kg\nUK,2024,1\n", "expected a month for every row, found years alone"),
        ("Month,A (Tons),B (Volume)\nAug-08,450,384\n", "cannot tell which column is the destination"),
        ("Country,Month,pieces\nUK,2025-05,1\n", "cannot tell which column is the volume|expected the unit"),
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path: Path, text: str, sentence: str):
    """No unit, column or month is guessed: the sentence names what is there and the option that says it."""
    with pytest.raises(TableError, match=sentence):
        import_exports(write(tmp_path, text), today=DAY)


@pytest.mark.parametrize(
    "title",
    ["Unit: kilograms", "Unit,kilograms", "Quantity in kg", "Exports by country (kg)", "Unidade: Quilograma líquido",
     "单位：千克", "Customs;Unit of measure: kg"],
)  # fmt: skip
@pytest.mark.parametrize(
    "table",
    [LONG, "Month,DEU,GBR\n2025-05,1500,\n2025-06,,2500\n", "Country,2025-05,2025-06\nDEU,1500,\nGBR,,2500\n",
     "Year,Country,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n2025,DEU,,,,,1500\n2025,GBR,,,,,,2500\n"],
    ids=["long", "destinations across", "months across", "months across under years"],
)  # fmt: skip
def test_the_unit_of_a_title_line(tmp_path: Path, title: str, table: str):
    """What a line above the header says of the unit is what the file says."""
    assert figures(write(tmp_path, f"Exports of widgets\n{title}\n\n{table}"), product="w") == RIGHT


def test_title_lines_that_state_two_units_state_none(tmp_path: Path):
    """Of kilograms and tonnes neither is chosen; the sentence says where a unit can stand, in a wide table too."""
    wide = "Weight in t\nQuantity in kg\nMonth,DEU,GBR\n2025-05,1500,2\n"
    with pytest.raises(TableError) as refused:
        import_exports(write(tmp_path, wide), product="w", today=DAY)
    assert str(refused.value) == (
        "mine.csv: expected the unit in a title line above the header or in a column of units, found none. "
        "Say it: forecast import FILE --unit kg (or --unit t, '100 kg', lb, kt, usd)."
    )


def workbook(folder: Path, volumes: dict[str, float], year: int = 2025) -> Path:
    """A workbook of a sheet each, with one figure of the United Kingdom, in May."""
    path = folder / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        for place, (title, volume) in enumerate(volumes.items()):
            month = f"{year + (place if title.isdigit() else 0)}-05"
            frame = pd.DataFrame({"Country": ["UK"], "Month": [month], "kg": [volume]})
            frame.to_excel(book, sheet_name=title, index=False)
    return path


def test_sheets_of_one_layout_are_a_product_each(tmp_path: Path):
    """Where no column names the product the sheet does, in a note; `--product` then picks one of them."""
    path = workbook(tmp_path, {"Soy beans": 6453, "Corn 2025": 51138})
    got = import_exports(path, today=DAY)
    assert dict(zip(got.exports["product"], got.exports["volume_t"], strict=True)) == {"soy_beans": 6.453,
                                                                                       "corn": 51.138}  # fmt: skip
    assert got.notes == (
        "No column names the product: it is called soy_beans after the sheet.",
        "No column names the product: it is called corn after the sheet.",
    )
    assert import_exports(path, product="corn", today=DAY).exports["volume_t"].tolist() == [51.138]


@pytest.mark.parametrize("titles", [("2023", "2024"), ("Tabelle1", "Tabelle2"), ("Exports 2023", "Exports 2024")])
def test_sheets_named_after_years_or_by_a_program_are_one_product(tmp_path: Path, titles: tuple[str, str]):
    """Such a name says nothing of the product."""
    got = import_exports(workbook(tmp_path, {titles[0]: 1500, titles[1]: 1500}, 2023), today=DAY)
    assert got.exports["product"].unique().tolist() == ["book"]
    assert got.notes[0] == (
        "No column names the product: it is called book after the file (--product NAME changes that)."
    )


def test_a_product_of_the_callers_is_that_of_sheets_of_other_names(tmp_path: Path):
    """Sheets named after destinations, or beside a product that none of them is, are no products."""
    path = workbook(tmp_path, {"North": 1500, "South": 1500})
    assert import_exports(path, product="w", today=DAY).exports["product"].tolist() == ["w"]
    path = workbook(tmp_path, {"China": 1500, "Japan": 2500})
    with pytest.raises(TableError) as refused:
        import_exports(path, today=DAY)
    assert refused.value.problems[-1] == (
        "Sheets of one workbook differ: leave out all but one, or name each after its product."
    )


def test_a_few_months_across_under_years(tmp_path: Path):
    """January to March alone are months across as all twelve are."""
    path = write(tmp_path, "Country,Year,Unit,Jan,Feb,Mar\nUK,2024,kg,1000,2000,3000\nUK,2025,kg,4000,,\n")
    got = import_exports(path, product="w", today=DAY)
    assert got.exports["month"].astype(str).tolist() == ["2024-01", "2024-02", "2024-03", "2025-01"]
    assert got.exports["volume_t"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert got.unused["month"].tolist() == ["2025-02", "2025-03"]


def test_groups_and_unknown_names_are_listed_not_guessed(tmp_path: Path):
    """ROW is no Rwanda; a name of the caller's is taken."""
    path = write(tmp_path, "Country,Month,kg\nROW,2025-05,1\nUtopia,2025-05,2\nUK,2025-05,3\n")
    got = import_exports(path, product="w", today=DAY)
    assert got.unused["destination"].tolist() == ["ROW", "Utopia"]
    named = import_exports(path, product="w", names={"Utopia": "FRA"}, today=DAY)
    assert named.exports["destination"].tolist() == ["FRA", "GBR"]


def test_a_rest_across_is_listed_as_one_down(tmp_path: Path):
    """A column of a wide table that is no single destination stands in the unused rows, each month with its figure."""
    path = write(tmp_path, "Month,USA,Others,temperature\n2025-05,1,3,20\n2025-06,2,4,21\n")
    got = import_exports(path, product="w", unit="t", today=DAY)
    columns = ["row", "reason", "destination", "month", "volume"]
    reason = "no single destination: a group, a rest, or none stated"
    assert got.unused[columns].to_numpy().tolist() == [
        [2, reason, "Others", "2025-05", "3"],
        [3, reason, "Others", "2025-06", "4"],
    ]
    assert got.exports["volume_t"].tolist() == [1.0, 2.0]
    assert got.notes == ("Columns that are no destination are left out: temperature.",)


def test_the_union_in_its_memberships(tmp_path: Path):
    """EU is of 28 members in 2019 and of 27 from February 2020."""
    path = write(tmp_path, "Country,Month,t\nEU,2019-12,5\nEuropean Union,2020-02,6\nEU27_2020,2019-12,4\n")
    assert figures(path, product="w") == [["EU27", "2019-12", 4.0], ["EU27", "2020-02", 6.0], ["EU28", "2019-12", 5.0]]


def test_limits_of_months_and_volumes(tmp_path: Path):
    """Months of 1951 to today; volumes finite, not negative, and 0 or a milligram at least: the rest is listed."""
    rows = [
        "1950-12,1",
        "2026-02,1",
        "2025-01,-1",
        "2025-02,1e-300",
        "2025-03,inf",
        "2025-04,1e12",
        "2025-05,abc",
        "2025-06,0",
    ]
    path = write(tmp_path, "Month,t\n" + "\n".join(rows) + "\n")
    got = import_exports(path, product="w", destination="WLD", today=DAY)
    assert got.exports["volume_t"].tolist() == [0.0]
    assert got.unused["reason"].tolist() == [
        "no month that can be read",
        "a month after today's, 2026-01",
        "a volume below zero",
        "less than 1e-9 tonnes, which is no quantity",
        "a volume that is no number",
        "more than 1e9 tonnes: is the unit right?",
        "a volume that is no number",
    ]


def test_control_and_direction_characters_never_come_out(tmp_path: Path):
    """Names are cleaned before they reach a table or a sentence."""
    path = write(tmp_path, "Country,Month,kg\n\u202eUto\x1b[31mpia,2025-05,2\nUK,2025-05,3\n")
    got = import_exports(path, product="w", today=DAY)
    assert got.unused["destination"].tolist() == ["Uto[31mpia"]
