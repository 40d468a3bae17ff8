"""What the documentation promises runs: its commands and what they print, its Python, its notebook; no link is dead.

A block ``console`` holds commands after ``$`` with what they print, where ``...`` is anything; all blocks of a page run
in one folder that has the downloads of ``docs/samples`` and what `forecast import` makes of the first. A block ``text``
with a caption is a file of that name; the caption of a block ``console`` is the day of its commands. A block ``sh`` is
not run, but its commands of the package have their options.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from datetime import date
from functools import partial
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from typer.testing import CliRunner

import forecast as fc
from forecast.cli import COMMANDS, app
from forecast.report.page.notebook import run_notebook

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md")])
NAMES = [page.relative_to(DOCS).as_posix() for page in PAGES]
BLOCK = re.compile(r"^```(?:\{code-block\} )?(\w+)\n(?::caption: (\S+)\n)?(.*?)^```$", re.DOTALL | re.MULTILINE)
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, caption and text of each block of a page, in order."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def steps(text: str) -> list[tuple[str, str]]:
    """Commands of a block ``console``, each with what it prints."""
    found = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert found[0] == ""
    return [(step.partition("\n")[0], step.partition("\n")[2]) for step in found[1:]]


def printed_as_said(said: str, printed: str) -> bool:
    """Whether a command printed what its page says; a line ``...`` is anything, none included."""
    return doctest.OutputChecker().check_output(said, printed + "\n", LOOSE)


def check_command(command: str, said: str) -> None:
    """Run a command of the package and compare what it prints; ``expected`` in its first line is a refusal."""
    program, *words = shlex.split(command)
    assert program == "forecast"
    done = CliRunner().invoke(app, words, env={"COLUMNS": "100"})
    assert done.exit_code == ("expected" in said), done.output
    assert printed_as_said(said, done.output), f"{command}\n{done.output}"


def commands_of(text: str) -> list[str]:
    """Lines of a text that call the package, without their comments."""
    return re.findall(r"^(?:\.venv/bin/)?(forecast (?!--).*?)(?=\s+#|$)", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table that the tutorial makes of the first download."""
    path = tmp_path_factory.mktemp("imported") / "exports.csv"
    fc.import_exports(DOCS / "samples" / "download-march.csv").exports.to_csv(path, index=False)
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("kept_origins")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if {"console", "python"} & {kind for kind, _, _ in blocks(page)}],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)  # fmt: skip
def test_the_examples_of_a_page_run(page: Path, imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the first to the last, each from what those before it left, and they print what the page says."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    for sample in (DOCS / "samples").glob("*.csv"):
        shutil.copy(sample, tmp_path)
    shutil.copy(imported, tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for kind, caption, text in blocks(page):
        if caption and kind == "console":
            monkeypatch.setattr("forecast.cli.inputs.today", partial(date.fromisoformat, caption))
        elif caption:
            Path(caption).write_text(text, encoding="utf-8")
        if kind == "python":
            exec(compile(text, page.name, "exec", dont_inherit=True), names)
        for command, said in steps(text) if kind == "console" else []:
            check_command(command, said)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_not_run_have_their_options(page: Path):
    """Each option of a block ``sh`` and of a table stands in the help of its command."""
    for command in commands_of("\n".join(text for kind, _, text in blocks(page) if kind == "sh")):
        _, name, *rest = shlex.split(command)
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        assert all(word in shown for word in rest if word.startswith("--")), command


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_a_page_links_to_is_there(page: Path):
    """Every page, picture and file inside the repository."""
    text = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_sample_of_the_month_has_a_track():
    """It shows forecasts of a month that is out by then, with actual and interval, and no refusal."""
    (said,) = [said for kind, _, text in blocks(DOCS / "tasks" / "month.md") if kind == "console"
               for command, said in steps(text) if command.startswith("forecast track")]  # fmt: skip
    assert re.search(r"^World +2026-03 +[\d,]+ +[\d,]+ to [\d,]+ +5,238 +80 %", said, re.MULTILINE)


def test_an_example_that_prints_something_else_is_found():
    """One number other than the page's is a fault; what the page leaves open is none."""
    assert printed_as_said("World ... 4,741\n...\n", "World  4,740  4,741\nRest\n")
    assert not printed_as_said("World ... 4,741\n...\n", "World  4,740  4,742\nRest\n")


def test_the_reference_has_every_public_name_once():
    """Those of ``forecast.__all__``, and no other."""
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    named = re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)$", text, flags=re.MULTILINE)
    assert sorted(named) == sorted(fc.__all__)


def test_every_command_is_used_on_some_page():
    """So that nobody has to find one by its help alone."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES) + (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"forecast {name}" not in text] == []


def test_the_glossary_stands_in_one_place():
    """The architecture and the page for contributors lead to it."""
    assert "](docs/glossary.md)" in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert "](docs/glossary.md)" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "## Glossary" not in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_architecture_reads_in_five_minutes():
    """At 250 words a minute, words of tables included."""
    assert len(re.findall(r"[^\W\d_][\w'./-]*", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))) <= 5 * 250


def test_every_notebook_of_the_experiments_is_on_the_site_and_linked_from_their_page():
    """The site lists each, and `experiments/README.md` leads to it."""
    listed = (DOCS / "measured.md").read_text(encoding="utf-8")
    page = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    notebooks = [path.relative_to(ROOT / "experiments") for path in sorted((ROOT / "experiments").glob("*/*.ipynb"))]
    assert notebooks
    assert [path for path in notebooks if f"../experiments/{path.with_suffix('').as_posix()}\n" not in listed] == []
    assert [path for path in notebooks if f"[Notebook]({path.as_posix()})" not in page] == []


@pytest.mark.parametrize("name", ["download-march.csv", "download-april.csv"])
def test_the_downloads_are_the_shipped_figures(name: str):
    """In kilograms, as known on the day of each."""
    day = pd.Timestamp({"download-march.csv": "2026-03-20", "download-april.csv": "2026-04-20"}[name]).date()
    rows = pd.read_csv(DOCS / "samples" / name)
    names = fc.read_destinations().set_index("name")["code"]
    shipped = fc.read_exports().query("product == 'rare_earth_magnets'")
    shipped = shipped[shipped["released"] <= day].astype({"month": str})
    tonnes = shipped.set_index(["month", "destination"])["volume_t"]
    found = [tonnes[month, names[place]] for month, place in zip(rows["Month"], rows["Country"], strict=True)]
    assert (rows["Net weight (kg)"] / 1000).tolist() == pytest.approx(found, abs=1e-3)


@pytest.mark.slow
def test_the_notebook_runs_from_a_copy_in_another_folder(tmp_path: Path):
    """From its first cell to its last, with pictures and without an error; it is committed without outputs."""
    copy = tmp_path / "elsewhere" / "copy.ipynb"
    copy.parent.mkdir()
    shutil.copy(DOCS / "in-python.ipynb", copy)
    done = run_notebook(copy, {}, tmp_path, copy.parent)
    shown = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not [output for output in shown if output.output_type == "error"]
    assert '"outputs": []' in (DOCS / "in-python.ipynb").read_text(encoding="utf-8")
    assert '"output_type"' not in (DOCS / "in-python.ipynb").read_text(encoding="utf-8")
