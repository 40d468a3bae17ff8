"""The report of a run: one page, whole, without code, without a network, legible in a browser."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from replays import write_backtest

from forecast.report.page import figures, notebook, sections
from forecast.report.page.run_tables import read_replay

ROOT = Path(__file__).resolve().parents[2]
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
HEADINGS = [
    "The answer",
    "The calendar of events",
    "Forecasts against actuals",
    "What was seen when",
    "Errors by month, phase and destination",
    "Calibration",
    "Is the difference more than chance?",
    "What the events added",
    "The ten worst misses",
    "Failures and events left out",
    "What was asked",
]


class Page(HTMLParser):
    """Tags, addresses, headings and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags and self.tags[-1] == "h2" and data.strip():
            self.headings.append(data.strip())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small run, made in a process whose home folder does not exist."""
    place = tmp_path_factory.mktemp("report")
    run = write_backtest(place / "run")
    home = {"HOME": str(place / "nobody"), "OMP_NUM_THREADS": "1"}
    places = f"{str(run)!r}, {str(place / 'r.html')!r}"
    code = f"from forecast.report.page.notebook import write_report; print(write_report({places}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | home, capture_output=True, text=True, check=True, cwd=place
    )
    assert done.stdout.strip() == str(place / "r.html")
    assert not (place / "nobody").exists()
    return place / "r.html"


@pytest.mark.slow
def test_a_report_has_its_sections_in_order_and_no_code(written: Path):
    """From the answer to the failures; nothing of the notebook's code, and no error."""
    page = Page(written.read_text(encoding="utf-8"))
    assert [text for text in page.headings if text != "¶"] == HEADINGS
    assert "sections.show" not in page.text
    assert "Traceback" not in page.text
    assert "Best was combination" in page.text
    assert "No model could be fitted & none will." in page.text


@pytest.mark.slow
def test_a_report_needs_no_network(written: Path):
    """No script, and no address but images inside the page and marks within it."""
    text = written.read_text(encoding="utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert {re.match(r"data:image/png;base64,|#", address) is not None for address in page.addresses} == {True}
    assert "@import" not in text
    assert "url(" not in text


@pytest.mark.slow
def test_every_figure_of_a_report_has_words(written: Path):
    """Five figures, each with a text for those who cannot see it."""
    images = re.findall(r"<img [^>]*?>", written.read_text(encoding="utf-8"), re.DOTALL)
    assert len(images) == 5
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_a_report_opens_in_a_browser(written: Path, tmp_path: Path):
    """Headless Chromium, without a network, draws a page that is not blank and not wider than 1200 pixels."""
    picture = tmp_path / "page.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1600",
             f"--user-data-dir={tmp_path / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND"]  # fmt: skip
    page = written.as_uri()
    subprocess.run(
        [str(BROWSER), *flags, f"--screenshot={picture}", page], check=True, capture_output=True, timeout=120
    )
    shades = _shades(picture)
    assert shades.shape[1] == 1200
    assert (shades < 250).any(axis=1).mean() > 0.2
    assert (shades[:, -10:] > 250).all()


def _shades(picture: Path):
    from matplotlib.image import imread

    return (imread(picture)[..., :3].mean(axis=2) * 255).round()


@pytest.mark.slow
def test_a_page_needs_no_notebook_tools_and_a_notebook_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """After a plain installation the report is written; running a notebook says in one sentence what is missing."""
    monkeypatch.setattr(notebook, "find_spec", lambda name: None)
    monkeypatch.setattr(notebook, "import_module", lambda name: pytest.fail(f"{name} is imported"))
    assert notebook.write_report(write_backtest(tmp_path / "run"), tmp_path / "r.html").exists()
    message = r"^Running a notebook needs papermill, ipykernel: pip install export-forecast\[notebooks\]$"
    with pytest.raises(notebook.ReportError, match=message):
        notebook.run_notebook(notebook.NOTEBOOK, {}, tmp_path)


@pytest.mark.slow
def test_a_report_has_contents(tmp_path: Path):
    """Every chapter has a link, in order, before the first of them."""
    page = notebook.write_report(write_backtest(tmp_path / "run"), tmp_path / "r.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="#(chapter-\d+)">([^<]*)</a>', page)
    assert links == re.findall(r'<h2 id="(chapter-\d+)">([^<]*)</h2>', page)
    assert [html.unescape(title) for _, title in links] == HEADINGS
    assert page.index("<nav") < page.index("<h2")


@pytest.mark.slow
def test_the_notebook_of_a_run_runs_from_another_folder(tmp_path: Path):
    """Run and notebook moved together, and a copy of the notebook elsewhere: both run and show the answer."""
    run = write_backtest(tmp_path / "here" / "run")
    text = notebook.notebook_to_go_on_with(run, tmp_path / "here" / "own.ipynb")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "own.ipynb").write_text(text, encoding="utf-8")
    done = notebook.run_notebook(tmp_path / "copy" / "own.ipynb", {}, tmp_path / "copy")
    assert "Best was combination" in json.dumps(done)
    (tmp_path / "here").rename(tmp_path / "moved")
    (tmp_path / "moved" / "own.ipynb").write_text(text, encoding="utf-8")
    done = notebook.run_notebook(tmp_path / "moved" / "own.ipynb", {}, tmp_path / "moved")
    assert "Best was combination" in json.dumps(done)


@pytest.mark.slow
def test_a_cell_that_stops_is_said_with_its_reason(tmp_path: Path):
    """No page is left half-written."""
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('too bad')")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    with pytest.raises(notebook.ReportError, match=r"^broken\.ipynb stopped: ValueError: too bad$"):
        notebook.run_notebook(tmp_path / "broken.ipynb", {}, tmp_path)


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_said(written: Path, tmp_path: Path):
    """A folder stands where the page should."""
    (tmp_path / "r.html" / "inside").mkdir(parents=True)
    with pytest.raises(
        notebook.ReportError, match=r"r\.html: expected a file that can be written, found that it cannot"
    ):
        notebook.write_report(written.parent / "run", tmp_path / "r.html")


def test_cells_and_reasons_are_text_not_markup():
    """A reason with angle brackets is shown as it is."""
    assert sections.table({"reason": ["<b> & c"]}).text.count("&lt;b&gt; &amp; c") == 1
    assert sections.paragraph("a < b").text == "<p>a &lt; b</p>"


@pytest.mark.slow
def test_axes_have_units(tmp_path: Path):
    """Tonnes a month, percent, tonnes: nothing is drawn without its unit."""
    replay = read_replay(write_backtest(tmp_path / "run"))
    drawn = figures.forecasts_and_actuals(replay, "magnets").figure
    assert [axes.get_ylabel() for axes in drawn.axes] == ["tonnes a month"] * 2
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["United States (n = 4)", "Germany (n = 4)"]
    labels = [axes.get_xlabel() for axes in figures.errors(replay, "magnets").figure.axes]
    assert labels == ["mean absolute error, % of the mean actual"] * 2
    labels = [axes.get_xlabel() for axes in figures.added(replay, "magnets").figure.axes]
    assert labels == ["mean absolute error, tonnes", "weighted interval score, tonnes"]
    left, right = figures.calibration(replay, "magnets").figure.axes
    assert (left.get_xlabel(), right.get_ylabel()) == ("actuals inside, %; dashed: promised", "number of actuals")


def test_without_a_run_without_events_the_report_says_that_it_was_not_run(tmp_path: Path):
    """A sentence stands where the comparison would."""
    replay = read_replay(write_backtest(tmp_path / "run", without_events=False))
    (piece,) = sections.what_events_added(replay)
    assert piece.text == (
        "<p>The same run without events is not beside this one: it was not run. With the same options,"
        " forecast backtest --events none --output FOLDER/without_events puts it there.</p>"
    )


def test_the_packaged_notebook_only_calls():
    """No function is defined in it, nothing is computed, and it is committed without outputs."""
    cells = nbformat.read(notebook.NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(re.search(r"\b(def|class|lambda|for|while)\b", cell.source) for cell in code)
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
