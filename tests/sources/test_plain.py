"""What is a CSV file in the project's columns, and the sentence where a file is not."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from forecast.sources.overlaps import other_unit
from forecast.sources.plain import (
    exports_in,
    raw_files,
    read_destinations,
    read_events,
    read_exports,
    read_groups,
    read_period_totals,
    shipped,
)
from forecast.tables.read import TableError

HEADER = "product,destination,month,volume_t\n"
ROW = "magnets,USA,2025-05,46.4\n"


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "mine.csv: expected a header and rows, found an empty file."),
        (b"\xef\xbb\xbf\r\n", "mine.csv: expected a header and rows, found an empty file."),
        (",,,\n", "mine.csv: expected a header and rows, found an empty file."),
        (
            HEADER + ROW + "magnets,USA,2025-06\n",
            "mine.csv row 3: expected 4 fields as in the header, found 3.",
        ),
        (
            HEADER + "magnets,USA,2025-06,1,234\n",
            "mine.csv row 2: expected 4 fields as in the header, found 5.",
        ),
        (
            HEADER.replace(",", ";") + ROW.replace(",", ";"),
            "mine.csv row 1: expected fields separated by commas, found semicolons. Save it with commas.",
        ),
        (
            HEADER.replace(",", "\t") + ROW.replace(",", "\t"),
            "mine.csv row 1: expected fields separated by commas, found tabs. Save it with commas.",
        ),
        (
            HEADER.encode() + "magnets,USA,2025-05,46\nSüd,USA,2025-05,1".encode("latin-1"),
            "mine.csv: expected UTF-8 text, found byte 0xfc in row 3. Save the file as UTF-8.",
        ),
        (
            (HEADER + ROW).encode("utf-16"),
            "mine.csv: expected a CSV file, found UTF-16 text. Save it as UTF-8.",
        ),
        (
            "\n <!DOCTYPE html><html></html>",
            "mine.csv: expected a CSV file, found an HTML or XML page. Download the file itself.",
        ),
        (
            b"PK\x03\x04 and more",
            "mine.csv: expected a CSV file, found a zip archive or an Excel workbook. Save the sheet as CSV.",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            "mine.csv: expected a CSV file, found an Excel workbook. Save the sheet as CSV.",
        ),
        (b"\x1f\x8b\x08", "mine.csv: expected a CSV file, found a gzip archive. Unpack it first."),
        (b"%PDF-1.7", "mine.csv: expected a CSV file, found a PDF document. Export its table as CSV."),
        (b"product\0destination", "mine.csv: expected a CSV file, found binary content."),
        (
            HEADER + 'magnets,USA,2025-05,"46\n' + ROW,
            "mine.csv row 2: expected fields quoted as in CSV, found a quote that is not closed or not doubled "
            "(unexpected end of data).",
        ),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence(tmp_path: Path, content: str | bytes, sentence: str):
    """Empty, cut off, in another encoding or format: what was found and what to do."""
    with pytest.raises(TableError) as error:
        raw_files([write(tmp_path, content)], "events.csv")
    assert error.value.problems == [sentence]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (HEADER, "mine.csv: expected rows below the header, found none."),
        ("product,destination,when\nw,USA,1\n", "mine.csv row 1: expected columns month, volume_t, found only"),
        ("\n <!DOCTYPE html><html></html>", "mine.csv: expected a table, found an HTML or XML page."),
        ("one,two\n1,2\n", "mine.csv: expected a header, found none (first row: one, two)."),
    ],
)
def test_a_file_without_figures_is_one_sentence(tmp_path: Path, content: str | bytes, sentence: str):
    """Files in our own columns are read strictly, others are imported; either says in one sentence what is wrong."""
    with pytest.raises(TableError) as error:
        read_exports(write(tmp_path, content))
    assert len(error.value.problems) == 1
    assert error.value.problems[0].startswith(sentence)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_our_own_columns_with_another_separator_are_imported(tmp_path: Path, mark: str):
    """What a spreadsheet saves with semicolons or tabs is the same table."""
    table = read_exports(write(tmp_path, (HEADER + ROW).replace(",", mark)))
    assert table[["product", "destination", "volume_t"]].to_numpy().tolist() == [["magnets", "USA", 46.4]]


def test_figures_that_agree_in_two_files_are_one(tmp_path: Path):
    """The same figure of the same release in another file is no second figure, however it is written."""
    first = write(tmp_path, HEADER + ROW)
    second = write(tmp_path, HEADER + ROW.replace("46.4", "46.40") + ROW.replace("05", "06"), "more.csv")
    assert read_exports(first, second)["volume_t"].tolist() == [46.4, 46.4]


def test_a_series_of_the_users_own_stands_instead_of_the_shipped_one(tmp_path: Path):
    """A year of magnets to the United States is the user's, by HS code; every other series of the package stays."""
    mine = write(tmp_path, HEADER + "".join(f"85051110,USA,2025-{month:02},12.5\n" for month in range(1, 13)))
    shipped_alone, both = read_exports(), read_exports("shipped", mine)
    of_series = "product == 'rare_earth_magnets' and destination == 'USA'"
    assert both.query(of_series)["volume_t"].tolist() == [12.5] * 12
    assert len(both) == len(shipped_alone) - len(shipped_alone.query(of_series)) + 12


OF_THE_UNITED_STATES = "product == 'rare_earth_magnets' and destination == 'USA'"


def magnets(times: float, last: int) -> str:
    """The last shipped figures of magnets to the United States, so many times over."""
    rows = read_exports().query(OF_THE_UNITED_STATES).sort_values("month").tail(last)
    cells = zip(rows["month"], rows["volume_t"] * times, strict=True)
    return HEADER + "".join(f"rare_earth_magnets,USA,{month},{volume}\n" for month, volume in cells)


@pytest.mark.parametrize("mark", [",", ";"])
def test_figures_in_place_of_shipped_ones_are_said(tmp_path: Path, mark: str):
    """Which file, how many for how many; the user's own stand, whatever the file's columns and separator are."""
    mine = write(tmp_path, magnets(1.1, 12).replace(",", mark))
    of_all = len(read_exports().query(OF_THE_UNITED_STATES))
    found = exports_in(["shipped", mine])
    assert found.replaced == (
        f"mine.csv: 12 figures are taken in place of {of_all} of the shipped file: rare_earth_magnets USA "
        f"(12 for {of_all}).",
    )
    assert found.said[-1:] == found.replaced
    shipped_ones = read_exports().query(OF_THE_UNITED_STATES).sort_values("month").tail(12)["volume_t"].tolist()
    assert found.exports.query(OF_THE_UNITED_STATES)["volume_t"].tolist() == pytest.approx(
        [1.1 * volume for volume in shipped_ones], rel=1e-12
    )


def test_figures_that_equal_those_they_replace_need_no_word(tmp_path: Path):
    """The same figures, and a further month."""
    mine = write(tmp_path, magnets(1.0, 999) + "rare_earth_magnets,USA,2026-09,400\n")
    assert exports_in(["shipped", mine], date(2026, 11, 1)).replaced == ()


def test_the_newest_months_alone_are_joined_to_what_is_shipped(tmp_path: Path):
    """Two months, of which one is new: the shipped series with them, and a word on the one that differs."""
    shipped_ones = read_exports().query(OF_THE_UNITED_STATES)
    last = shipped_ones["month"].max()
    rows = f"rare_earth_magnets,USA,{last},500\nrare_earth_magnets,USA,{last + 1},510\n"
    found = exports_in(["shipped", write(tmp_path, HEADER + rows)], date(2026, 11, 1))
    assert found.replaced == (
        "mine.csv: 2 figures are taken in place of 1 of the shipped file: rare_earth_magnets USA (2 for 1).",
    )
    joined = found.exports.query(OF_THE_UNITED_STATES).sort_values("month")
    assert joined["volume_t"].tolist()[-2:] == [500, 510]
    assert joined["month"].nunique() == shipped_ones["month"].nunique() + 1


def test_each_file_is_named_for_its_series(tmp_path: Path):
    """A foreign file gives way to one in our columns, and each says for itself what it took the place of."""
    mine = write(tmp_path, HEADER + ROW)
    more = write(tmp_path, HEADER + ROW.replace("USA", "DEU"), "more.csv")
    other = write(tmp_path, (HEADER + ROW.replace("46.4", "9") + ROW.replace("USA", "DEU")).replace(",", ";"), "o.csv")
    found = exports_in([mine, more, other])
    assert found.replaced == ("mine.csv: 1 figures are taken in place of 1 of o.csv: magnets USA (1 for 1).",)
    assert sorted(found.exports["volume_t"]) == [46.4, 46.4]


@pytest.mark.slow
@pytest.mark.parametrize(("times", "words", "unit"), [
    (1000, "1,000 times", "kg"), (1 / 1000, "a thousandth of", "kt"), (1e6, "1,000,000 times", "g"),
    (1e-6, "a millionth of", "mmt"), (2204.6226, "2,205 times", "lb"), (1 / 2204.6226, "1/2,205 of", "t"),
    (2.2046226, "2.2046 times", "lb"), (1 / 2.2046226, "1/2.2046 of", "kg"),
])  # fmt: skip
def test_figures_in_another_unit_than_the_shipped_ones_are_named(tmp_path: Path, times: float, words: str, unit: str):
    """A file in another unit all through, beside the same months in tonnes; a tenth more is no other unit, nor 2.21."""
    own = read_exports(write(tmp_path, magnets(times, 12)))
    sentence = other_unit(own, read_exports(), "the shipped file")
    assert sentence.startswith(f"Figures are {words} those of the shipped file in the same months: rare_earth_magnets")
    assert sentence.endswith(f" (12 months): forecast import FILE --unit {unit} reads them so.")
    for no_unit in (1.1, 2.21, 30.0):
        same = read_exports(write(tmp_path, magnets(no_unit, 12)))
        assert other_unit(same, read_exports(), "the shipped file") == ""
    assert other_unit(read_exports(write(tmp_path, HEADER + ROW)), read_exports(), "the shipped file") == ""


def test_a_figure_under_slug_and_code_is_asked_about(tmp_path: Path):
    """Two rows that are one figure under two names of the product are an error, as under one."""
    rows = "85051110,USA,2026-05,12.5\nrare_earth_magnets,USA,2026-05,13\n"
    sentence = "exports: USA 2026-05 stands under rare_earth_magnets and under its customs code (1 figure)."
    with pytest.raises(TableError, match=f"^{re.escape(sentence)} One row per product and month.$"):
        read_exports(write(tmp_path, HEADER + rows))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path):
    """The path is shown as it was looked for; a folder is no file."""
    absent = tmp_path / "absent.csv"
    sentence = f"absent.csv: expected a CSV file, found none that can be read at {absent} (no such file or directory)."
    with pytest.raises(TableError, match=f"^{re.escape(sentence)}$"):
        read_exports(absent)
    with pytest.raises(TableError, match=r"\(is a directory\)\.$"):
        read_events(tmp_path)


def test_problems_of_all_files_are_told_at_once(tmp_path: Path):
    """Two files that cannot be read are two sentences."""
    empty = write(tmp_path, "")
    page = write(tmp_path, "<html>", "page.csv")
    with pytest.raises(TableError) as error:
        read_exports(empty, page)
    assert [problem.split(":")[0] for problem in error.value.problems] == ["mine.csv", "page.csv"]


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ROW).encode("utf-8-sig"),
        (HEADER + ROW).replace("\n", "\r\n"),
        "\n" + HEADER + "\n" + ROW + ",,,\n\n",
        ' product, destination ,month,volume_t\n magnets ,USA, 2025-05,"46.4"',
        'product,destination,month,volume_t,"remark, long"\nmagnets,USA,2025-05,46.4,"two\nlines"\n',
    ],
)
def test_harmless_differences_read_the_same(tmp_path: Path, content: str | bytes):
    """A byte order mark, Windows line ends, blank rows, spaces around cells, quotes, a missing last line end."""
    table = read_exports(write(tmp_path, content))
    assert table[["product", "destination", "volume_t", "released"]].to_numpy().tolist() == [
        ["magnets", "USA", 46.4, date(2025, 6, 20)]
    ]


def test_a_row_number_is_that_of_the_file(tmp_path: Path):
    """Blank rows and cells of several lines count as an editor counts them."""
    content = (
        'product,destination,month,volume_t,remark\n\nmagnets,USA,2025-05,1,"two\nlines"\n,,,,\nmagnets,USA,x,1,\n'
    )
    with pytest.raises(TableError, match=r"^mine\.csv row 6: USA x: month must be a month as YYYY-MM, found 'x'\.$"):
        read_exports(write(tmp_path, content))


def test_several_files_are_joined_and_files_of_one_name_are_told_by_their_paths(tmp_path: Path):
    """The key is unique over all files; where names clash the paths as given tell the files apart."""
    first = write(tmp_path, HEADER + ROW)
    (tmp_path / "other").mkdir()
    later = write(tmp_path / "other", HEADER + ROW.replace("2025-05", "2025-06"))
    assert read_exports(first, later)["month"].astype(str).tolist() == ["2025-05", "2025-06"]
    same = write(tmp_path / "other", HEADER + ROW.replace("46.4", "353"))
    sentence = f"{same} row 2: USA 2025-05 twice (46.4 in {first} row 2 and 353)."
    with pytest.raises(TableError, match="^" + re.escape(sentence)):
        read_exports(first, same)


def test_shipped_names_the_packaged_file_beside_others(tmp_path: Path):
    """`shipped` and a file of the user's are one table; without paths it is the shipped one alone."""
    alone = read_exports()
    both = read_exports("shipped", write(tmp_path, HEADER + ROW.replace("magnets", "of_my_own"), "exports.csv"))
    assert len(both) == len(alone) + 1
    assert both["product"].iloc[-1] == "of_my_own"


def test_a_month_after_today_is_refused(tmp_path: Path):
    """Today is an argument; by default it is the day of the call."""
    mine = write(tmp_path, HEADER + ROW)
    with pytest.raises(
        TableError, match="USA 2025-05: month must not be after today's month, 2025-04, found '2025-05'"
    ):
        read_exports(mine, today=date(2025, 4, 30))
    with pytest.raises(TableError, match="month must not be after today's month"):
        read_exports(write(tmp_path, HEADER + ROW.replace("2025", "2199")))


def test_the_shipped_tables_pass_their_own_checks():
    """Every packaged file can be read, and its codes are those of the packaged destinations."""
    codes = set(read_destinations()["code"])
    assert codes.issuperset(read_exports()["destination"])
    assert codes.issuperset(read_period_totals()["destination"])
    assert read_events()["event"].is_unique


def test_groups_are_members_by_code():
    """The European Union has 27 members, all of them countries of the table."""
    groups = read_groups()
    assert len(groups["EU27"]) == 27
    assert set(groups["EU27"]) < set(read_destinations()["code"])


def test_shipped_files_are_found_in_the_package_or_the_checkout():
    """The path exists in this installation, whichever it is."""
    assert shipped("exports.csv").is_file()


def test_a_header_in_a_sentence_is_shown_and_not_obeyed(tmp_path: Path):
    """Escape and direction characters of a heading never reach the message."""
    path = write(tmp_path, "product,destination,month\x1b[31m,\u202evolume\nm,USA,2025-05,1\n")
    with pytest.raises(TableError) as caught:
        read_exports(path)
    assert all(problem.isprintable() for problem in caught.value.problems)
