"""Reading by columns is reading by rows: the same cells, the same table, the same problems."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.sources.files import delimited
from forecast.sources.files.delimited import header_and_columns
from forecast.sources.importing import Imported, import_exports
from forecast.sources.plain import _by_columns, _by_records, read_destinations
from forecast.tables.read import Files, TableError, exports_table, period_totals_table
from forecast.vocabulary.words.encodings import decoded

PIECES = ['"', '""', ",", "a", " ", "\t", "1.5", "é", "\u3000", "\u00a0", "\x1c", "\x85", "'=", "=", "\u202e", '"b, c"']
ENDS = ["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n,\n", "\n \n"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(ENDS)), max_size=6)
MARKS = st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xff", b"\xef\xbb\xbf\xef\xbb\xbf"])

CELLS = {
    "product": ["magnets", "magnets", "w", " w ", "a b", "", "'=x", "85051110"],
    "destination": ["USA", "USA", "DEU", "WLD", "UK", "usa", "ROW", "Jappan", ""],
    "month": ["2025-05", "2025-06", "2025-07", "2025-13", "May 2025", "2099-01", "1950-12", ""],
    "volume_t": [
        "1",
        "2.50",
        "46.4",
        "-0",
        "-0.0",
        "+3",
        "1e3",
        "-3",
        "n/a",
        "",
        "1e12",
        "1e-300",
        "nan",
        "inf",
        "1,5",
    ],
    "released": ["", "", "2025-09-20", "2025-05-30", "soon", "2199-01-01", "2025-02-30"],
    "status": ["", "reported", "preliminary"],
    "precision_t": ["", "0.5", "-1", "x", "inf"],
    "source": ["", "a page", "x" * 10_001],
}
"""Right and wrong cells of each column, the right ones before."""

CODES = read_destinations()


class WrongMarkError(Exception):
    """The header is of another separator, which is said before any row is read."""


def same_rows(content: bytes) -> bool:
    """Whether a file was read by columns, and then as it is by rows."""
    plainly = _by_columns(content)
    if plainly is None:
        return False
    header, rows = plainly
    if len(header) == 1 and set(header[0]) & set(";|\t"):
        raise WrongMarkError
    expected = _by_records("a.csv", content)
    assert header == expected.columns.tolist()
    assert rows.astype(object).to_numpy().tolist() == expected.astype(object).to_numpy().tolist()
    assert rows.index.tolist() == expected.index.tolist()
    return True


@pytest.mark.slow
@settings(max_examples=400)
@given(MARKS, LINES)
def test_a_file_is_read_by_columns_as_by_rows_or_left_to_the_rows(mark: bytes, lines: list[tuple[str, str]]):
    """Cells and numbers of rows are those of the `csv` module; what it refuses is never read by columns."""
    content = mark + "".join(text + end for text, end in lines).encode()
    with suppress(WrongMarkError):
        same_rows(content)


def test_a_quote_that_is_text_is_left_to_the_rows():
    """A line that was quoted whole has one cell by the rules of columns, and two by those of rows."""
    assert not same_rows(b'"b, c"\n""\n')


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n\r\n",
        b'"a","b"\n"1","x, y"\n"",""\n"2",z',
        b"a,b\n\n , \n 1 ,\t2\n",
        "a,b\né,\u3000x\xa0\n".encode(),
    ],
)
def test_what_is_written_plainly_is_read_by_columns(content: bytes):
    """Marks of bytes, both ends of lines, quotes around whole fields, blanks and blank rows need no slow reading."""
    assert same_rows(content)


@pytest.mark.parametrize(
    "content",
    [b'a,b\n1,"2\n3"\n', b'a,b\n1,"2 ""two"""\n', b'a,b\n1,2"\n"3,4\n', b"a,b\r1,2\r", b"a,b\n1\n",
     b"a,b\n1,\xff\n", b"a,b\n" + b"x" * 200_000 + b",1\n", b"a,b", b"", b"\n\n"],
)  # fmt: skip
def test_what_needs_the_rules_of_csv_is_left_to_the_rows(content: bytes):
    """Breaks and quotes inside fields, rows of another length, other bytes and endless fields."""
    assert header_and_columns(content) is None


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of exports in which every cell is right, those of one column can be wrong, or any."""
    names = [*CELLS][: draw(st.integers(4, 8))]
    wrong = draw(st.sampled_from([[], [draw(st.sampled_from(names))], names]))
    cells = {name: st.sampled_from(CELLS[name][: None if name in wrong else 3]) for name in names}
    rows = draw(st.lists(st.tuples(*cells.values()), min_size=1, max_size=12))
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    return "\n".join([",".join(names), *map(",".join, quoted), ""]).encode()


def read(table: Files) -> pd.DataFrame | list[str]:
    """The exports, or the problems."""
    try:
        return exports_table(table, CODES, date(2026, 1, 15))
    except TableError as error:
        return error.problems


@pytest.mark.slow
@settings(max_examples=300)
@given(files(), files())
def test_right_and_wrong_files_are_checked_alike(one: bytes, other: bytes):
    """Two files give the same table, types included, or the same problems in the same order, read either way."""
    by_columns, by_rows = {}, {}
    for name, content in (("one.csv", one), ("other.csv", other)):
        plainly = header_and_columns(content)
        assert plainly is not None
        by_columns[name] = plainly[1].set_axis(plainly[0], axis=1)
        by_rows[name] = _by_records(name, content)
    expected, got = read(by_rows), read(by_columns)
    if isinstance(expected, list):
        assert got == expected
    else:
        pd.testing.assert_frame_equal(got, expected)


def test_categories_that_no_row_has_are_never_read():
    """A wrong cell of a row that is left out for another cell does not reach the typed columns."""
    start = pd.Series(["2025-01", "x"], dtype="category")
    raw = pd.DataFrame({"product": "w", "destination": "USA", "start": start, "end": "2025-03", "volume_t": "1"})
    with pytest.raises(TableError, match=r"^a\.csv row 1: USA x to 2025-03: start must be a month as YYYY-MM"):
        period_totals_table({"a.csv": raw}, CODES, date(2026, 1, 15))


NAMES = {
    "Country": ["USA", "Germany", "Viet Nam", "EU", "ROW", "Utopia", " UK ", ""],
    "Month": ["2019-05", "2025M06", "Jul-25", "2025-08", "2025Q1", "2024", "", "2099-01"],
    "Qty": ["1", "2.5", "1234", " 46.4", "-3", "n/a", "", "1e12", "x"],
    "Unit": ["kg", "t", "100 kg", "pieces", "lb", ""],
    "Released": ["", "", "2025-12-01"],
    "Status": ["", "estimated"],
}
"""Cells of a foreign table of the user's own."""


@st.composite
def foreign(draw: st.DrawFn) -> bytes:
    """A foreign table separated by any mark, with a byte order mark, a stated separator and blank rows at random."""
    mark = draw(st.sampled_from([",", ";", "\t"]))
    rows = draw(st.lists(st.tuples(*map(st.sampled_from, NAMES.values())), min_size=1, max_size=12))
    blank = draw(st.sampled_from(["", "\n", mark * 5 + "\n"]))
    head = draw(st.sampled_from(["", "sep=" + mark + "\n"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = head + mark.join(NAMES) + "\n" + blank.join(mark.join(row) + "\n" for row in rows)
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.replace("\n", end).encode()


def imported(content: bytes, folder: Path) -> Imported | list[str]:
    """What is imported, or the problems."""
    path = folder / "foreign.csv"
    path.write_bytes(content)
    try:
        return import_exports(path, product="w", today=date(2026, 1, 15))
    except TableError as error:
        return error.problems


@pytest.mark.slow
@settings(max_examples=150)
@given(foreign())
def test_large_foreign_tables_are_imported_as_small_ones(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    """Read by columns or by rows: the same figures, types included, the same reasons row by row, the same words."""
    folder = tmp_path_factory.mktemp("foreign")
    small = imported(content, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "LARGE", 0)
        large = imported(content, folder)
    if isinstance(small, list) or isinstance(large, list):
        assert large == small
        return
    pd.testing.assert_frame_equal(large.exports, small.exports)
    pd.testing.assert_frame_equal(large.unused, small.unused)
    assert (large.files, large.notes) == (small.files, small.notes)


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("年,月,国,数量(KG)\n2025,5,ドイツ,1000\n", "cp932", "Shift-JIS"),
        ("기간,국가,중량(톤)\n2025.05,독일,1\n2025.06,미국,2\n", "cp949", "CP949"),
        ("年份,目的地,重量(吨)\n2025-05,德国,1\n", "gb18030", "GB18030"),
        ("Monat;Land;Menge (t)\n2025-05;Österreich;1\n2025-05;Türkei;2\n", "cp1252", "Windows-1252"),
        ("Mês;País;Peso\n2025-05;Japão;1\n2025-05;Espanhaãé;2\n", "cp1252", "Windows-1252"),
        ("Période;Pays;Masse\n2025-05;Corée;1\n;\xc9\xc9\xc9tats;2\n", "cp1252", "Windows-1252"),
        ("Kraj;Okres;Masa netto (kg)\nWłochy;październik 2024;1\n", "cp1250", "Windows-1250"),
        ("Ország;Hónap;Mennyiség\nDél-Korea;2024-01;1\nMexikó;2024-01;ő\n", "cp1250", "Windows-1250"),
        ("Ülke;Yıl;Ay;Miktar\nBirleşik Krallık;2024;Ağustos;1\n", "cp1254", "Windows-1254"),
        ("Land;Monat;Þyngd\nÍsland;2024-01;1\n", "cp1252", "Windows-1252"),
        ("國家,日期,重量(公斤)\n美國,113年01月,1\n", "big5hkscs", "Big5"),
        ("ประเทศ,เดือน,น้ำหนัก\nญี่ปุ่น,2567-01,1\n", "cp874", "Windows-874"),
        ("Country,Month,kg\nJapan,2024-01,1\n", "utf-16-le", "UTF-16-LE"),
        ("Länder;Monat;kg\nÖsterreich;2024-01;1\n", "utf-16-be", "UTF-16-BE"),
    ],
)
def test_encodings_are_known_by_the_letters_of_their_script(text: str, encoding: str, name: str):
    """Each decodes to its own, and none of the west is taken for one of the east."""
    assert decoded(text.encode(encoding)) == (text, name)
