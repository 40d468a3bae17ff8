"""A run folder that somebody sends is data: nothing in it is run, whatever stands in it is a page or a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from attacked import BACKTEST, contents, refused, rewrite_about, run, write_world

from forecast.report.page import notebook
from forecast.report.page.run_tables import read_replay

PRINTS = "{{ ''.__class__.__mro__[1].__subclasses__() }}{% block body %}OBEYED{% endblock %}"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small backtest in ``o``."""
    place = write_world(tmp_path_factory.mktemp("sent"))
    before = Path.cwd()
    os.chdir(place)
    try:
        assert run(*BACKTEST).exit_code == 0
    finally:
        os.chdir(before)
    return place


def copied(sent: Path, place: Path) -> Path:
    """The world and its run, to be spoilt."""
    shutil.copytree(sent, place, dirs_exist_ok=True)
    return place


@pytest.mark.slow
def test_no_template_no_settings_and_no_module_of_the_current_folder_are_obeyed(sent: Path, tmp_path: Path) -> None:
    """Templates, settings of Jupyter, IPython and matplotlib, and Python files lie in the folder: none is read."""
    folder = copied(sent, tmp_path) / "o"
    for name in ("basic", "base", "lab", "classic", "nbconvert/templates/basic"):
        (folder / name).mkdir(parents=True)
        (folder / name / "conf.json").write_text('{"base_template": "base", "mimetypes": {"text/html": true}}')
        for ending in ("index.html.j2", "base.html.j2"):
            (folder / name / ending).write_text(PRINTS)
    breaks = "raise SystemExit('OBEYED')\n"
    for name in ("papermill.py", "nbformat.py", "pandas.py", "sitecustomize.py", "jupyter_config.py",
                 "jupyter_nbconvert_config.py", "ipython_config.py", "ipython_kernel_config.py"):  # fmt: skip
        (folder / name).write_text(breaks)
    (folder / "matplotlibrc").write_bytes(b"figure.dpi: 7\nsavefig.facecolor: red\n\xff\xfe")
    here = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "forecast", "report", "--run", "."],
        cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(here), "HOME": str(folder), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    page = (folder / "report.html").read_text()
    assert "OBEYED" not in page
    assert "subclasses" not in page
    assert "The answer</h2>" in page


@pytest.mark.slow
def test_a_report_finds_a_calendar_by_its_relative_name(sent: Path, tmp_path: Path, monkeypatch) -> None:
    """The events of --events FILE are in the page; once the file is gone, the page says so and is still whole."""
    place = copied(sent, tmp_path)
    monkeypatch.chdir(place)
    assert run("report", "--run", "o").exit_code == 0
    assert "is not there any more" not in (place / "o" / "report.html").read_text()
    (place / "events.csv").unlink()
    assert run("report", "--run", "o").exit_code == 0
    page = (place / "o" / "report.html").read_text()
    assert "The file events.csv that the run read as events.csv is not there any more." in page
    assert "Failures and events left out</h2>" in page


def test_a_relative_name_is_sought_from_where_the_command_stands_and_above_the_run(sent: Path, tmp_path, monkeypatch):
    """Not only from the current folder, which in the notebook is another one."""
    place = copied(sent, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert read_replay(place / "o", start=place).missing == ()
    assert read_replay(place / "o").missing == ()
    (place / "exports.csv").write_text("product,destination,month,volume_t\n")
    replay = read_replay(place / "o")
    assert replay.missing == (
        "The file exports.csv is not the one that the run read as exports.csv: its sha256 differs.",
    )


WRONG = {
    "null": ("null", "found a run.json that is not export-forecast's."),
    "list": ("[]", "found a run.json that is not export-forecast's."),
    "deep": ("[" * 100_000, "found no run.json that can be read."),
    "digits": ('{"package": ' + "9" * 5000 + "}", "found no run.json that can be read."),
    "binary": ("\x00\x01", "found no run.json that can be read."),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_run_json_of_another_kind_is_a_sentence(sent: Path, tmp_path: Path, monkeypatch, name: str) -> None:
    """Null, a list, deep nesting, a number of thousands of digits, bytes."""
    monkeypatch.chdir(copied(sent, tmp_path))
    text, found = WRONG[name]
    Path("o/run.json").write_text(text)
    assert refused("report", "--run", "o") == f"{tmp_path / 'o'}: expected the folder of a run, {found}"


@pytest.mark.parametrize(
    ("part", "value"),
    [("arguments", []), ("arguments", {"events": 7}), ("inputs", {"a": 1}), ("versions", None), ("files", "all")],
)
def test_a_part_of_run_json_of_another_type_is_named(sent: Path, tmp_path, monkeypatch, part: str, value) -> None:
    """Each part has the type that a run writes, or is named with what was found."""
    monkeypatch.chdir(copied(sent, tmp_path))
    rewrite_about(Path("o"), **{part: value})
    sentence = refused("report", "--run", "o")
    assert sentence.startswith(f"{tmp_path / 'o' / 'run.json'}: expected {part} to be ")
    assert sentence.endswith(f"found {value!r}.")


def test_an_empty_issue_day_is_named_with_its_row(sent: Path, tmp_path: Path, monkeypatch) -> None:
    """A cell that is not of its column's type is named with file and row."""
    monkeypatch.chdir(copied(sent, tmp_path))
    path = Path("o/forecasts.csv")
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index("issued")] = ""
    path.write_text("\n".join([header, first, ",".join(cells), *rest[1:]]) + "\n")
    expected = "row 3: issued must be a day as YYYY-MM-DD, 1951 to 2099, found an empty cell."
    assert refused("report", "--run", "o") == f"{tmp_path / path}: {expected}"


def test_a_pipe_is_no_run_json(sent: Path, tmp_path: Path, monkeypatch) -> None:
    """A named pipe, which would never end, is not waited for."""
    monkeypatch.chdir(copied(sent, tmp_path))
    Path("o/run.json").unlink()
    os.mkfifo("o/run.json")
    assert refused("report", "--run", "o").endswith("found no run.json that can be read.")


def test_a_page_is_the_packages_own_words(tmp_path: Path) -> None:
    """Only title and body are put into the page; markdown of the notebook is headings, paragraphs and emphasis."""
    import nbformat

    cells = [nbformat.v4.new_markdown_cell("## A & b\n\nIt is *so* <b>.")]
    page = notebook.as_page(nbformat.v4.new_notebook(cells=cells), "<$body>")
    assert '<h2 id="chapter-0">A &amp; b</h2>\n<p>It is <em>so</em> &lt;b&gt;.</p>' in page
    assert "<title>&lt;$body&gt;</title>" in page


def test_an_input_named_in_a_sent_run_is_only_read_where_its_sha256_is_known(sent: Path, tmp_path: Path) -> None:
    """A run that names a file of the reader's machine shows nothing of it."""
    place = copied(sent, tmp_path)
    (place / "private.csv").write_text("secret")
    about = json.loads((place / "o" / "run.json").read_text())
    rewrite_about(place / "o", arguments=about["arguments"] | {"events": [str(place / "private.csv")]})
    before = contents(place)
    replay = read_replay(place / "o")
    assert replay.events is None
    assert replay.missing[0].startswith("The file private.csv is not the one that the run read as events.csv")
    assert contents(place) == before
