"""Inputs that are no files, have no end, or say that they are larger than they are: a sentence, at once."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from attacked import NEXT, QUICK, refused, run, write_world

from forecast import TableError, read_exports
from forecast.sources.files.opening import sheets_in

SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'
ROW = '<row r="{0}"><c r="{1}{0}"><v>1</v></c></row>'


def workbook(inside: str) -> bytes:
    """An .xlsx whose one sheet is ``inside``."""
    usual, made = io.BytesIO(), io.BytesIO()
    pd.DataFrame({"a": ["x"]}).to_excel(usual, index=False)
    with zipfile.ZipFile(usual) as parts, zipfile.ZipFile(made, "w") as changed:
        for name in parts.namelist():
            own = name == "xl/worksheets/sheet1.xml"
            changed.writestr(name, SHEET.format(inside) if own else parts.read(name))
    return made.getvalue()


def said_of(content: bytes) -> str:
    """The refusal of a file."""
    with pytest.raises(TableError) as caught:
        sheets_in("given", content)
    return caught.value.problems[0]


def test_a_sheet_is_as_large_as_its_cells() -> None:
    """One cell in a sheet that says it has 17 billion is a table of one cell."""
    inside = f'<dimension ref="A1:XFD1048576"/><sheetData>{ROW.format(1, "A")}</sheetData>'
    assert [sheet.grid.shape for sheet in sheets_in("given", workbook(inside))] == [(1, 1)]


@pytest.mark.parametrize(
    ("row", "column", "sentence"),
    [
        (999_999_999_999, "A", "given: expected at most 1,048,576 rows, found a row of a higher number."),
        (7, "XFD", "given row 7: expected at most 1,000 columns, found 16,384."),
    ],
)
def test_a_cell_far_away_is_a_sentence(row: int, column: str, sentence: str) -> None:
    """The rows and columns before it are not made up."""
    assert said_of(workbook(f"<sheetData>{ROW.format(row, column)}</sheetData>")) == sentence


def test_entities_that_grow_are_a_sentence() -> None:
    """Ten times ten times ten letters, nine times over, never come into being."""
    entities = "".join(f'<!ENTITY e{step} "{f"&e{step - 1};" * 10}">' for step in range(1, 10))
    page = f'<!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{entities}]>'
    cell = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&e9;</t></is></c></row></sheetData>'
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(""))) as parts, zipfile.ZipFile(made, "w") as changed:
        for name in parts.namelist():
            own = name == "xl/worksheets/sheet1.xml"
            changed.writestr(name, page + SHEET.format(cell) if own else parts.read(name))
    assert said_of(made.getvalue()).startswith("given: expected an Excel workbook, found one that cannot be read")


@pytest.mark.slow
def test_an_archive_that_unpacks_to_more_than_fits_is_a_sentence() -> None:
    """A gigabyte of zeros in a megabyte is refused by what the archive says of itself."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        with archive.open("zeros", "w") as part:
            for _ in range(401):
                part.write(bytes(1_000_000))
    assert said_of(made.getvalue()) == "given: expected a workbook of at most 400 MB unpacked, found 401 MB."


def parquet_of(table: dict[str, object]) -> bytes:
    """A Parquet file."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = io.BytesIO()
    parquet.write_table(pa.table(table), made, store_schema=False)
    return made.getvalue()


def test_a_word_that_stands_a_million_times_is_counted_before_it_is_unpacked() -> None:
    """Ten kilobytes of Parquet would have been ten gigabytes of text."""
    pa = pytest.importorskip("pyarrow")
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 250_000, pa.int32()), pa.array(["x" * 10_000]))
    content = parquet_of({"Country": words, "Tonnes": [1.0] * 250_000})
    assert len(content) < 20_000
    assert said_of(content) == "given: expected at most 2,000 MB of text, found 2,500 MB."


def test_a_list_in_a_cell_of_parquet_is_a_sentence() -> None:
    """Nothing is counted in it."""
    assert said_of(parquet_of({"a": [["x"], ["y"]]})) == "given: expected a cell in each column, found lists in 'a'."


@pytest.mark.parametrize("cells", [["x", None, "y"], [b"x", None], [1, None], [True, False], ["", "=1"]])
def test_cells_of_parquet_are_as_they_were(cells: list[object]) -> None:
    """Text that is read as codes is text; nothing is an empty cell."""
    pytest.importorskip("pyarrow")
    (sheet,) = sheets_in("given", parquet_of({"a": cells}))
    expected = ["" if cell is None else str(cell) for cell in cells]
    assert sheet.grid.iloc[1:, 0].tolist() == expected


@pytest.mark.parametrize(
    "content",
    [b"a" + b"," * 1000 + b"\n1\n", json.dumps([{f"k{place}": 1 for place in range(1001)}]).encode()],
    ids=["text", "objects"],
)
def test_a_thousand_columns_are_enough(content: bytes) -> None:
    """One more is a sentence, before a table is made of them."""
    assert said_of(content).endswith("expected at most 1,000 columns, found 1,001.")


def test_half_a_letter_is_a_sign() -> None:
    """In a cell and in a heading; two halves are a letter."""
    (sheet,) = sheets_in("given", b'[{"a\\ud800": "\\ud83d\\ude00\\udc00"}]')
    assert sheet.grid.to_numpy().tolist() == [["a\ufffd"], ["\U0001f600\ufffd"]]


def test_a_table_of_our_own_with_too_many_columns_is_a_sentence(tmp_path: Path) -> None:
    """Names are not compared with ours, a million times."""
    path = tmp_path / "own.csv"
    path.write_text("product,destination,month,volume_t" + ",x" * 1000 + "\n1\n")
    with pytest.raises(TableError, match=r"^own\.csv row 1: expected at most 1,000 columns, found 1,004\.$"):
        read_exports(path)


@pytest.mark.parametrize(
    "content", [b'[["a"],[' + b"[" * 20_000 + b"]" * 20_000 + b"]]", b'[["a"],[' + b"9" * 5000 + b"]]"]
)
def test_json_that_no_reader_can_hold_is_a_sentence(content: bytes) -> None:
    """Twenty thousand brackets deep, and a number of five thousand digits."""
    assert said_of(content).startswith("given: expected JSON, found text that cannot be read as it (")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "-0.0", "1" * 4000, '"\\ud800"'])
def test_json_that_is_more_than_json_is_cells(text: str) -> None:
    """What Python reads beyond the standard, and half a letter, are text like any other."""
    (sheet,) = sheets_in("given", f'[["a"],[{text}]]'.encode())
    assert sheet.grid.shape == (2, 1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a world, a pipe that nobody writes to, and a loop of links."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.csv")
    Path("loop.csv").symlink_to("loop.csv")
    return write_world(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of Unix")
@pytest.mark.parametrize("given", ["pipe.csv", "/dev/zero", "/dev/stdin", "loop.csv", ".", "n" * 300 + ".csv"])
@pytest.mark.parametrize("command", ["exports", "events", "import", "validate", "update"])
def test_an_input_that_is_no_file_is_a_sentence(place: Path, command: str, given: str) -> None:
    """Nothing waits for a pipe, reads a device without end, or goes round in links."""
    words = {
        "exports": ["next", "--exports", given, "--output", "o"],
        "events": ["next", "--exports", "exports.csv", "--events", given, "--output", "o"],
        "import": ["import", given],
        "validate": ["validate", given],
        "update": ["update", given, "--store", "s.duckdb", "--output", "o"],
    }[command]
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert Path(given).name[:20] in result.stderr or given == "."
    assert "Traceback" not in result.output


@pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of Unix")
@pytest.mark.parametrize("given", ["pipe.csv", "/dev/zero", ".", "exports.csv"])
def test_a_store_that_is_none_is_a_sentence(place: Path, given: str) -> None:
    """A pipe, a device, a folder, a table: each is named, and kept."""
    before = (place / "exports.csv").read_bytes()
    assert refused("track", "--store", given).startswith(f"{given}: ")
    assert (place / "exports.csv").read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="links of Unix")
@pytest.mark.parametrize("name", ["forecasts.csv", "run.json", "failures.csv"])
def test_a_run_that_links_to_a_secret_shows_nothing_of_it(place: Path, name: str) -> None:
    """What a link in a folder that was sent points to is not quoted."""
    assert run(*NEXT).exit_code == 0
    Path("secret").write_text("root:x:0:0:hidden:/root:/bin/bash\n")
    Path("o", name).unlink()
    Path("o", name).symlink_to("../secret")
    for words in (["explain", "USA", "--run", "o"], ["report", "--run", "o"], ["brief", "--run", "o"]):
        result = run(*words)
        assert result.exit_code == 1, result.output
        assert "hidden" not in result.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
@pytest.mark.parametrize("given", ["/dev/full", "/dev/null", "/proc/none", "pipe.csv", "loop.csv"])
def test_an_output_that_is_no_place_is_a_sentence(place: Path, given: str) -> None:
    """A device, a pipe, a loop of links, and a folder in which nothing can be made, before any work."""
    assert refused("next", *QUICK, "--output", given).startswith(f"{given}: ")


@pytest.mark.skipif(os.name != "posix", reason="pipes of Unix")
def test_a_pipe_is_not_replaced_by_a_file(place: Path) -> None:
    """What stands where a file is to be written and is none stays."""
    words = ["import", "exports.csv", "--source", "table", "--output", "pipe.csv"]
    assert refused(*words) == (
        "pipe.csv: expected a file that can be written, found that it cannot (pipe.csv is there and is no file)."
    )
    assert stat.S_ISFIFO(Path("pipe.csv").stat().st_mode)
