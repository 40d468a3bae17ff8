"""Several files as one table, and a file of any bytes at all."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast import TableError, import_exports, read_exports
from forecast.sources.importing import sentences

DAY = date(2026, 1, 1)
HEAD = "Country;Month;kg\n"


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_overlaps_that_agree_are_joined(tmp_path: Path):
    """Two downloads with a month in common: one figure, and a word."""
    first = write(tmp_path, HEAD + "UK;2025-05;1000\nUK;2025-06;2000\n")
    second = write(tmp_path, HEAD + "UK;2025-06;2000.0\nUK;2025-07;3000\n", "more.csv")
    got = import_exports([first, second], product="w", today=DAY)
    assert got.exports["volume_t"].tolist() == [1.0, 2.0, 3.0]
    assert got.unused["reason"].tolist() == ["the same figure stands already above"]


def test_overlaps_that_differ_are_a_question_with_both_numbers(tmp_path: Path):
    """Nothing says which is later: both numbers, both places, and what to do."""
    first = write(tmp_path, HEAD + "UK;2025-05;1000\n")
    second = write(tmp_path, HEAD + "UK;2025-05;1500\n", "more.csv")
    with pytest.raises(TableError) as error:
        import_exports([first, second], product="w", today=DAY)
    assert (
        error.value.problems[0] == "more.csv row 2: w GBR 2025-05 is 1.5 t here and 1 t in mine.csv row 2. Which holds?"
    )
    assert "--released YYYY-MM-DD" in error.value.problems[1]


def test_one_sentence_per_cause(tmp_path: Path):
    """Five hundred rows of a name that is not known are one line with a count and their volume."""
    rows = "".join(f"Utopia;{1960 + month // 12}-{month % 12 + 1:02d};1\n" for month in range(500))
    got = import_exports(write(tmp_path, HEAD + "UK;2025-05;1\n" + rows), product="w", today=DAY)
    said = [line for line in sentences(got) if line.startswith("Not used")]
    assert said == ["Not used, 500: a destination that is not known (Utopia: 500 rows with 500 in all)."]


def test_an_empty_cell_of_a_later_release_withdraws_the_figure(tmp_path: Path):
    """In a foreign file as in one of ours: both rows are used; a zero under that status is not."""
    rows = "product;destination;month;volume_t;released;status\nw;USA;2025-05;46;2025-06-20;\nw;USA;2025-06;4;;\n"
    found = import_exports(write(tmp_path, f"{rows}w;USA;2025-05;;2025-07-20;\n"), today=date(2026, 1, 1))
    may = found.exports[found.exports["month"].astype(str) == "2025-05"]
    assert may["volume_t"].fillna(-1).tolist() == [46, -1]
    assert may["status"].tolist() == ["reported", "withdrawn"]
    assert found.notes == ("1 figures are withdrawn by a later release: unknown from its day on.",)
    zero = import_exports(write(tmp_path, f"{rows}w;USA;2025-05;0;2025-07-20;withdrawn\n"), today=date(2026, 1, 1))
    assert zero.unused["reason"].tolist() == ["a volume under the status withdrawn"]


def test_a_figure_and_its_withdrawal_of_one_day_are_a_question(tmp_path: Path):
    """Nothing says which holds."""
    rows = "product;destination;month;volume_t;released\nw;USA;2025-05;46;2025-06-20\nw;USA;2025-05;47;2025-07-20\n"
    path = write(tmp_path, f"{rows}w;USA;2025-05;;2025-07-20\n")
    with pytest.raises(TableError, match=r"row 4: w USA 2025-05 is withdrawn here and 47 t in row 3\. Which holds\?"):
        import_exports(path, today=date(2026, 1, 1))


HEADER = ["product", "destination", "month", "volume_t"]
NAMED = dict(zip(("product", "destination", "month", "volume"), "abcd", strict=True))
CELLS = [["w", "USA", "2025-05", "46.5"], ["w", "DEU", "2025-05", "7"], ["w", "USA", "2025-06", "48"]]


def quoted(text: str) -> str:
    """A cell of CSV that stands in quotes."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def cells_again(row: list[str], mark: str = ",") -> str:
    return mark.join(quoted(quoted(cell)) for cell in row)


def line_again(row: list[str], mark: str = ",") -> str:
    return quoted(mark.join(row))


def plainly(row: list[str], mark: str = ",") -> str:
    return mark.join(row)


def in_curly(row: list[str], mark: str = ",") -> str:
    return mark.join(f"\u201c{cell}\u201d" for cell in row)


QUOTED_TWICE = {
    "cells": (cells_again, [cells_again] * 3),
    "cells of the header": (cells_again, [plainly] * 3),
    "cells of the rows": (plainly, [cells_again] * 3),
    "cells of some rows": (plainly, [plainly, cells_again, plainly]),
    "curly": (in_curly, [in_curly] * 3),
    "curly rows": (plainly, [in_curly] * 3),
    "lines": (line_again, [line_again] * 3),
    "lines thrice": (lambda row, mark: quoted(line_again(row, mark)), [line_again] * 3),
    "the header": (line_again, [plainly] * 3),
    "the rows": (plainly, [line_again] * 3),
    "some rows": (plainly, [plainly, line_again, plainly]),
    "lines and their cells": (lambda row, mark: quoted(mark.join(map(quoted, row))), [line_again] * 3),
    "lines with empty cells behind": (lambda row, mark: line_again(row, mark) + ";;", [line_again] * 3),
}
"""How the header is written, and how each row is."""


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("kind", QUOTED_TWICE)
def test_what_is_quoted_once_more_is_read_as_meant(tmp_path: Path, kind: str, mark: str):
    """Whether all of it is or some, with any separator, in our own columns and in the file's."""
    first, each = QUOTED_TWICE[kind]
    for header, columns in ((HEADER, {}), (["a", "b", "c", "d"], NAMED)):
        lines = [first(header, mark), *(write_row(row, mark) for write_row, row in zip(each, CELLS, strict=True))]
        path = write(tmp_path, "\n".join(lines) + "\n")
        found = import_exports(path, columns=columns, unit="t", today=date(2026, 1, 1)).exports
        assert found[["destination", "volume_t"]].values.tolist() == [["USA", 46.5], ["DEU", 7.0], ["USA", 48.0]]
        if not columns:
            strictly = read_exports(path, today=date(2026, 1, 1))
            assert strictly[HEADER].equals(found[HEADER])


def test_quotes_that_are_text_stay(tmp_path: Path):
    """A source that is a quotation is not stripped, and a cell over two lines is one cell."""
    rows = '"product","destination","month","volume_t","source"\nw,USA,2025-05,46,"""As said"""\n'
    path = write(tmp_path, f'{rows}w,USA,2025-06,46,"one\ntwo, ""three"""\n')
    assert read_exports(path, today=date(2026, 1, 1))["source"].tolist() == ['"As said"', 'one two, "three"']


def test_a_product_is_named_picked_or_called_after_the_file(tmp_path: Path):
    """`product` names a file without products and picks among several; else the file's name serves, with a word."""
    plain = write(tmp_path, HEAD + "UK;2025-05;1000\n", "Tea & coffee.csv")
    assert import_exports(plain, today=DAY).exports["product"].tolist() == ["tea_coffee"]
    several = write(tmp_path, "HS;Country;Month;kg\n85051110;UK;2025-05;1000\n25041010;UK;2025-05;2000\n", "two.csv")
    got = import_exports(several, product="85051110", today=DAY)
    assert got.exports[["product", "volume_t"]].to_numpy().tolist() == [["rare_earth_magnets", 1.0]]
    assert got.unused["reason"].tolist() == ["another product than 85051110"]


def archive(*names: str, size: int = 10) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, b"0" * size)
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "found an empty file"),
        (b"\x00\x01\x02" * 50, "found binary content"),
        (b"PK\x03\x04 and more", "found one that cannot be read"),
        (archive("a.pdf"), "expected tables in the zip archive, at most 200, found none"),
        (archive("a.csv"), "found text in one column"),
        (archive(*(f"{number}.csv" for number in range(201))), "found 201 files that can be one"),
        pytest.param(  # made by the test itself: to pack it takes a second
            partial(archive, "xl/workbook.xml", size=450_000_000), "at most 400 MB unpacked, found 450 MB",
            marks=pytest.mark.slow,
        ),
        (archive("xl/workbook.xml"), "found one that cannot be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "found one that cannot be read"),
        (b"PAR1 and more", "expected Parquet, found a file that cannot be read"),
        (b"\x1f\x8b\x08", "found a damaged gzip archive. Download it again"),
        (b"<html>", "found an HTML or XML page"),
        (b"[" * 100_000, "it is nested too deeply|cannot be read as it"),
        (b'{"data": [{"cmdCode": ', "found text that cannot be read as it"),
        (b'{"data": 5}', "found an object without one"),
        ("国家;月份;千克\n".encode("gb18030")[:-3], "mine.csv: "),
        ('a;b\n"never closed;1\n', "a quote that is not closed"),
        (b"just words", "found text in one column"),
        ("Month;Country;kg\nUK;2025-05;1\n", "none of its rows can be used"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_a_sentence(tmp_path: Path, content: bytes | str | Callable[[], bytes], sentence: str):
    """Truncated, damaged, too large, of another kind, columns swapped: never a traceback."""
    with pytest.raises(TableError, match=sentence):
        import_exports(write(tmp_path, content() if callable(content) else content), today=DAY)


@pytest.mark.slow
@settings(max_examples=150, derandomize=True)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.lists(
            st.lists(
                st.sampled_from(
                    ["Country", "Month", "kg", "UK", "2025-05", "1,5", "数据年月", "商品编码",
                     "贸易伙伴名称", "第一数量",
                     "千克",
                     "cmdCode", "partnerCode", "period", "netWgt", "TIME_PERIOD", "OBS_VALUE", "reporter", "partner",
                     "",
                     "CO_ANO", "CO_MES", "CO_PAIS", "KG_LIQUIDO", "Year", "January", '"', "\n", "-", "unique_id", "ds",
                     "y",
                     "1e999", "CTY_CODE", "E_COMMODITY", "time", "Ano", "Países", "Jan", "Feb"]
                ),
                max_size=8,
            ),
            max_size=8,
        ).map(lambda rows: "\n".join(",".join(row) for row in rows).encode()),
        st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4) | (
            st.dictionaries(st.sampled_from(["data", "period", "cmdCode", "partnerCode", "netWgt"]), inner, max_size=5)
        ), max_leaves=12).map(lambda said: json.dumps(said).encode()),
    )
)  # fmt: skip
def test_any_bytes_are_a_table_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    """Whatever a file holds, it is imported or refused."""
    path = write(tmp_path_factory.mktemp("any"), content)
    try:
        got = import_exports(path, product="w", today=DAY)
    except TableError as refused:
        said = refused.problems
    else:
        said = sentences(got)
        assert (got.exports["volume_t"] >= 0).all()
    assert all(line and line.isprintable() for line in said)


@pytest.mark.parametrize(
    ("released", "reason"),
    [
        ("soon", "a release day that is none written YYYY-MM-DD"),
        ("2025-02-30", "a release day that is none written YYYY-MM-DD"),
        ("0000-01-01", "a release day that is none written YYYY-MM-DD"),
        ("2025-05-30", "a release day before the end of its month"),
        ("2026-01-02", "a release day after today, 2026-01-01"),
    ],
)
def test_a_figure_cannot_be_known_from_a_day_on_which_it_was_not_out(tmp_path: Path, released: str, reason: str):
    """A release day that is none, comes before the month is over, or lies ahead is a row not used, with the reason."""
    text = f"Country,Month,Tonnes,Released\nUSA,2025-05,1,{released}\nDEU,2025-05,2,2025-05-31\n"
    got = import_exports(write(tmp_path, text), product="w", today=date(2026, 1, 1))
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["DEU", 2.0]]
    assert got.unused["reason"].tolist() == [reason]


def test_a_day_for_all_rows_counts_for_months_that_were_over(tmp_path: Path):
    """``released`` of the caller is held to the same: figures of a later month cannot have been out by then."""
    text = "Country,Month,Tonnes\nUSA,2025-05,1\nUSA,2025-07,2\n"
    got = import_exports(write(tmp_path, text), product="w", released=date(2025, 6, 20), today=date(2026, 1, 1))
    assert got.exports["month"].astype(str).tolist() == ["2025-05"]
    assert got.unused["reason"].tolist() == ["a release day before the end of its month"]


NAMED_COLUMNS = "Country,Month,Tonnes\n"


@pytest.mark.parametrize(
    ("content", "volumes"),
    [
        ("product,destination,month,volume_t,unit\nw,USA,2025-05,46000,kg\nw,USA,2025-06,47,t\n", [46.0, 47.0]),
        ("Country,Month,Net weight (kg),Quantity,Unit\nUSA,2025-05,46000,9,NO\nUSA,2025-06,4,9,NO\n", [46.0, 0.004]),
        ("Country,Month,Quantity (1000 t)\nUSA,2025-05,1.25\nUSA,2025-06,3\n", [1250.0, 3000.0]),
        ("Land;Monat;Tonnen\nUSA;2025-05;1.234,5\nUSA;2025-06;7\n", [1234.5, 7.0]),
        (NAMED_COLUMNS + "USA,2025-05,46.5*\nUSA,2025-06,47 p\nUSA,2025-07,48(r)\nUSA,2025-08,9\u2020\n",
         [46.5, 47.0, 48.0, 9.0]),
        (NAMED_COLUMNS + '"Korea, South",2025-05,"1,234.5"\nT\u00fcrkiye,2025-05,-\n410,2025-06,7\n', [1234.5, 7.0]),
    ],
)  # fmt: skip
def test_a_table_of_anybody_is_read_as_meant(tmp_path: Path, content: str, volumes: list[float]):
    """Units beside the figures, notes behind them, names and marks of other countries."""
    path = write(tmp_path, content)
    assert import_exports(path, product="w", today=date(2026, 1, 1)).exports["volume_t"].tolist() == volumes
    assert read_exports(path, today=date(2026, 1, 1))["volume_t"].tolist() == volumes


def test_a_share_in_percent_is_no_product(tmp_path: Path):
    """A column beside destination, month and volume is the product only where it can be one."""
    path = write(tmp_path, "Country,Month,Tonnes,Change\nUSA,2025-05,46,5%\nUSA,2025-06,47,-2 %\n", "wood.csv")
    assert import_exports(path, today=date(2026, 1, 1)).exports["product"].tolist() == ["wood", "wood"]


def test_two_months_in_one_cell_are_no_day(tmp_path: Path):
    """January and February together are not the second of January."""
    path = write(tmp_path, NAMED_COLUMNS + "USA,2025-01/02,2470\nUSA,2025-03,46\nUSA,2025-04,47\n")
    found = import_exports(path, today=date(2026, 1, 1))
    assert found.exports["month"].astype(str).tolist() == ["2025-03", "2025-04"]
    assert found.unused["reason"].tolist() == ["no month that can be read"]


@pytest.mark.parametrize("mark", [".", ","])
def test_a_mark_that_is_of_thousands_by_all_figures(tmp_path: Path, mark: str):
    """Many figures have three digits behind it, and those without it are whole and below 1,000."""
    figures = [100 + 211 * month for month in range(24)]
    rows = [f"UK;{2023 + at // 12}-{at % 12 + 1:02d};{one:,}\n".replace(",", mark) for at, one in enumerate(figures)]
    path = write(tmp_path, "Country;Month;t\n" + "".join(rows))
    got = import_exports(path, product="w", today=DAY)
    assert got.exports["volume_t"].tolist() == figures
    assert any(f"are read as thousands: --decimal {mark} reads them as fractions." in note for note in got.notes)
    assert import_exports(path, product="w", decimal=mark, today=DAY).exports["volume_t"].iloc[-1] == 4.953


@pytest.mark.parametrize(
    ("figure", "decimal", "note"),
    [
        ("1.234", None, "Numbers such as 1.234 are read as fractions: --decimal , reads them as thousands."),
        ("1,234", None, "Numbers such as 1,234 are read as fractions: --decimal . reads them as thousands."),
        ("1.234", ",", ""),
        ("0.234", None, ""),
        ("1.23", None, ""),
    ],
)
def test_a_mark_that_could_be_of_thousands_is_said(tmp_path: Path, figure: str, decimal: str | None, note: str):
    """Where every number has it before three digits, and nothing says what it is."""
    path = write(tmp_path, f"Country;Month;Tonnes\nUSA;2025-05;{figure}\nUSA;2025-06;987\n")
    found = import_exports(path, product="w", decimal=decimal, today=date(2026, 1, 1))
    assert [*found.notes] == [note] * bool(note)


@pytest.mark.parametrize(
    "content",
    [
        "product,destination,month,volume_t,flow\nw,USA,2025-05,46,Export\nw,USA,2025-05,7,Import\n",
        "Country,Month,Flow,Tonnes\nUSA,2025-05,Exports,46\nUSA,2025-05,Imports,7\n",
        "Country,Trade flow,Unit,2025-05,2025-06\nUSA,X,t,46,\nUSA,General imports,t,7,8\n",
        "Month,Flow,Unit,USA,Germany\n2025-05,Exports,t,46,\n2025-05,Imports,t,7,8\n",
    ],
)
def test_imports_are_not_taken_for_exports(tmp_path: Path, content: str):
    """Long or wide, in our own columns or the file's; nor is the flow the product."""
    path = write(tmp_path, content)
    found = import_exports(path, product="w", today=date(2026, 1, 1))
    assert found.exports["volume_t"].tolist() == [46.0]
    assert "imports, not exports" in set(found.unused["reason"])


def test_a_file_of_imports_alone_has_nothing_to_use(tmp_path: Path):
    """The reason is said, and no product is called after the flow."""
    path = write(tmp_path, "Country,Month,Flow,Tonnes\nUSA,2025-05,Imports,46\nUSA,2025-06,Imports,47\n")
    with pytest.raises(TableError, match="2 rows: imports, not exports"):
        import_exports(path, today=date(2026, 1, 1))
