"""Names of files and folders are text of others too: inert on the screen, in pages and in the record of a run."""

from __future__ import annotations

import ast
import json
import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from attacked import run, write_world

from forecast.cli import inputs
from forecast.safety.inert import is_visible

STEERING = "a\x1b[31m\x1b]0;title\x07\u202e[red]<i>"
FIGURES, CALENDAR, DOWNLOAD, STORE = (f"{STEERING}{ending}" for ending in ("x.csv", "e.csv", "d.csv", ".duckdb"))
FILES = ["--exports", FIGURES, "--events", CALENDAR, "--models", "naive", "--no-calibrate"]
UPDATE = ["update", FIGURES, "--events", CALENDAR, "--experience", "none", "--models", "naive", "--no-calibrate"]
BACKTEST = ["backtest", *FILES, "--origins", "2", "--parity", "0", "--output", f"{STEERING}b"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose files have names that steer a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inputs, "today", lambda: date(2023, 6, 1))
    write_world(tmp_path)
    Path("exports.csv").rename(FIGURES)
    Path("events.csv").rename(CALENDAR)
    Path(DOWNLOAD).write_text("Country;Month;Tonnes\nUSA;2023-03;5\nDEU;2023-03;x\n")
    return tmp_path


def unseen(text: str) -> list[str]:
    """Lines with a character that steers."""
    return [line for line in text.split("\n") if not is_visible(line)]


@pytest.mark.skipif(os.name != "posix", reason="such names are of Unix")
@pytest.mark.parametrize(
    "commands",
    [
        [["next", *FILES, "--output", STEERING], ["brief", "--run", STEERING, "--quick", "--output", f"{STEERING}.md"]],
        [
            ["next", *FILES, "--output", STEERING],
            ["brief", "--run", STEERING, "--quick", "--output", f"{STEERING}.html"],
        ],
        [["import", DOWNLOAD, "--product", "magnets", "--output", f"{STEERING}i.csv"]],
        [[*UPDATE, "--store", STORE, "--output", f"{STEERING}u"], ["revisions", "--store", STORE]],
        [["next", *FILES, "--store", STORE, "--output", STEERING], ["track", "--store", STORE]],
    ],
    ids=["brief.md", "brief.html", "import", "update", "next --store"],
)
def test_a_name_steers_no_screen_and_no_page(place: Path, commands: list[list[str]]) -> None:
    """What is said, and every file that is written, names the file with signs in place of what steers."""
    given = {*Path().iterdir()}
    for command in commands:
        result = run(*command)
        assert result.exit_code == 0 or command[0] == "track", result.output
        assert unseen(result.stdout) == unseen(result.stderr) == []
    made = [path for path in place.rglob("*") if path.suffix in (".csv", ".json", ".md", ".html")]
    for path in {path.relative_to(place) for path in made} - given:
        assert unseen(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.slow
def test_a_name_steers_no_report(place: Path) -> None:
    """The page of a backtest names its files too."""
    assert run(*BACKTEST).exit_code == 0
    assert run("report", "--run", f"{STEERING}b", "--output", "r.html").exit_code == 0
    assert unseen(Path("r.html").read_text(encoding="utf-8")) == []


def test_the_record_of_a_run_reads_back_to_the_very_name(place: Path) -> None:
    """Escapes of JSON are the name itself to whoever reads it."""
    shutil.copy(FIGURES, f"{STEERING}\u2066.csv")
    assert run("next", *FILES, "--exports", f"{STEERING}\u2066.csv", "--output", "o").exit_code == 1  # figures twice
    assert run("next", *FILES, "--output", "o").exit_code == 0
    assert json.loads(Path("o/run.json").read_text(encoding="utf-8"))["arguments"]["exports"] == [FIGURES]


@pytest.mark.parametrize("output", [".", "/"])
def test_a_folder_as_the_file_of_an_import_is_a_sentence(place: Path, output: str) -> None:
    """It has no name beside which the rows that could not be used would stand."""
    result = run("import", DOWNLOAD, "--product", "magnets", "--output", output)
    assert result.exit_code == 1
    assert result.stderr == f"{output}: expected a file that can be written, found a folder. Name a file in it.\n"


def test_a_name_is_no_code_in_the_lines_that_repeat_a_command(place: Path) -> None:
    """Quotes, line breaks and brackets in it are a word of the script that is shown."""
    hostile = "x');import os;os.system('true')#\n\u202e.csv"
    shutil.copy(FIGURES, hostile)
    shown = run("next", "--exports", hostile, "--events", "none", "--models", "naive", "--show-python").stdout
    assert unseen(shown) == []
    script = ast.parse(shown)
    assert hostile in [node.value for node in ast.walk(script) if isinstance(node, ast.Constant)]
    assert "system" not in [node.attr for node in ast.walk(script) if isinstance(node, ast.Attribute)]
