"""Hostile text is inert in every sink: terminal, messages, CSV, Markdown, HTML and plots, with one corpus."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import simulated
from attacked import NEXT, QUICK, run, write_world
from hostile import CORPUS, FORMULAS, MARKUP, MATHEMATICS, STEERING, STEERS
from rich.console import Console

import forecast as fc
from forecast.cli import console
from forecast.report.agenda import agenda, print_agenda
from forecast.report.page import sections
from forecast.report.page.figures import Picture
from forecast.safety.inert import csv_cell, from_csv_cell, is_visible, markdown, show_letters, visible
from forecast.tables.frames import as_text
from forecast.tables.schema import RUN_TABLES


def events_file(place: Path, texts: list[str], ends: str = "", status: str = "") -> Path:
    """A calendar whose ids, sources and descriptions are ``texts``, as a spreadsheet would save it."""
    path = place / "hostile.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["event", "kind", "products", "destinations", "announced", "effective", "ends",
                         "ends_announced", "source", "description", "ends_status"])  # fmt: skip
        for place_of, text in enumerate(texts):
            days = ["2022-01-10", "2022-01-10", ends, ""]
            writer.writerow([f"{place_of} {text}", "ban", "magnets", "USA", *days, text, text, status])
    return path


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The corpus as a calendar that was read; bytes that are no text of a CSV file are left out."""
    texts = [text for text in CORPUS if "\x00" not in text]
    return fc.read_events(events_file(tmp_path_factory.mktemp("corpus"), texts))


def screen(width: int = 4000) -> tuple[Console, io.StringIO]:
    """A terminal that obeys escape sequences, as wide as any text."""
    stream = io.StringIO()
    return Console(file=stream, width=width, force_terminal=True, color_system=None), stream


def test_text_that_enters_is_visible(calendar: pd.DataFrame) -> None:
    """No cell of a table that was read has a control or direction character; other text is as it was written."""
    for column in ("event", "source", "description"):
        assert calendar[column].map(is_visible).all()
    described = calendar["description"].tolist()
    assert all(text in described for text in MARKUP)
    assert [text for text in described if "\N{REPLACEMENT CHARACTER}" in text] == [
        visible(text) for text in STEERING if "\x00" not in text
    ]


@pytest.mark.parametrize("steering", STEERING)
def test_what_steers_becomes_a_sign(steering: str) -> None:
    """Each such character is shown as U+FFFD, and no other character changes."""
    shown = visible(steering)
    assert len(shown) == len(steering)
    changed = {old for old, new in zip(steering, shown, strict=True) if old != new}
    assert changed == {character for character in steering if character in STEERS}


def test_a_calendar_is_shown_as_written(calendar: pd.DataFrame) -> None:
    """Brackets are no markup, in a console of anybody's making: every description stands on the screen."""
    console, stream = screen()
    print_agenda(agenda(calendar, {}), {"USA": "United States"}, console, date(2025, 4, 20))
    shown = stream.getvalue()
    whole = "".join(shown.split())  # a description may go on in the next line
    for text in calendar["description"]:
        assert "".join(text.split()) in whole
    assert "\x1b]8" not in shown


def test_the_command_shows_brackets(tmp_path: Path) -> None:
    """`[/850511]`, `[revised]` and `[link=...]` of the calendar stand in the table of ``forecast events --all``."""
    result = run("events", "--all", "--events", str(events_file(tmp_path, [text[:40] for text in MARKUP])))
    assert result.exit_code == 0
    flat = re.sub(r"\s+", " ", result.stdout)
    for word in ("[/850511]", "[revised]", "[link=https", ":warning:"):
        assert word in flat, word


def test_a_message_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of files and folders in messages and in refusals are shown, not obeyed."""
    for steering in (text for text in STEERING if "\x00" not in text):
        console.say(f"Every model's numbers are in {steering}.")
        result = run("next", "--exports", str(tmp_path / f"x{steering}"))
        assert result.exit_code == 1
        assert is_visible(result.stderr.replace("\n", " "))
    assert is_visible(capsys.readouterr().out.replace("\n", " "))


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(formula: str) -> None:
    """A CSV cell of text begins with none of = + - @, and reads back as the text; numbers stay numbers."""
    table = pd.DataFrame({"reason": [formula], "members": [(formula, "b")], "volume_t": [-1.5]})
    ((reason, members, volume),) = as_text(table).itertuples(index=False)
    assert reason[0] not in "=+-@"
    assert members[0] not in "=+-@"
    assert from_csv_cell(reason) == formula
    assert volume == "-1.5"


@pytest.mark.parametrize("text", [*CORPUS, "'", "''", "'x", ""])
def test_quoting_of_cells_loses_nothing(text: str) -> None:
    """`from_csv_cell` is the inverse of `csv_cell` for any text."""
    assert from_csv_cell(csv_cell(text)) == text


def test_a_table_of_a_run_reads_back_with_its_text(tmp_path: Path) -> None:
    """The reasons of failures, written and read by the schema, are the same but for what steers."""
    schema = RUN_TABLES["failures"]
    rows = [("magnets", "USA", "naive", date(2023, 5, 20), text) for text in CORPUS]
    stream = io.StringIO(as_text(schema.from_rows(rows)).to_csv(index=False))
    back = schema.from_text(pd.read_csv(stream, dtype=str, keep_default_na=False))
    assert back["reason"].tolist() == [visible(text) for text in CORPUS]


@pytest.mark.parametrize("text", CORPUS)
def test_markdown_shows_text(text: str) -> None:
    """No tag, no unescaped mark, no end of a table's cell."""
    shown = markdown(text)
    assert not re.search(r"[<>]|\n", shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]|~$!]", shown)
    assert re.sub(r"\\(.)", r"\1", shown).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == visible(
        text
    )


class Tags(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", CORPUS)
def test_html_shows_text(text: str) -> None:
    """Cells, paragraphs, lists and headings of a page have only the tags of the page."""
    page = "".join(
        piece.text
        for piece in (
            sections.table({text: [text]}),
            sections.paragraph(text),
            sections.bullets([text]),
            sections.heading(text),
        )
    )
    found = Tags(page)
    assert found.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "p", "ul", "li", "h3"}
    assert found.text.count(visible(text)) == 5


@pytest.mark.parametrize("text", [text for text in CORPUS if is_visible(text)])
def test_plots_show_letters(text: str) -> None:
    """A title between dollar signs is drawn letter by letter, in a picture of a page and in any figure."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.set_title(text)
    axes.plot([1], [1], label=text)
    axes.legend()
    content, _ = Picture(figure, "words")._repr_mimebundle_()
    assert content["image/png"].startswith(b"\x89PNG")
    show_letters(figure)
    assert not axes.title.get_parse_math()
    assert not any(label.get_parse_math() for label in axes.get_legend().get_texts())


@pytest.mark.slow
def test_a_plot_of_a_series_shows_letters() -> None:
    """No text of `plot_forecast` is mathematics."""
    exports = simulated.exports({"USA": list(simulated.steady(40))})
    events = simulated.calendar({"kind": "ban", "announced": date(2022, 1, 10), "event": MATHEMATICS[1]})
    made = fc.forecast_all(exports, events, {}, models=["naive"], calibrate=False)
    figure = fc.plot_forecast(exports, events, {}, made.forecasts, "magnets", "USA", model="naive")
    texts = figure.findobj(lambda artist: hasattr(artist, "get_parse_math"))
    assert texts
    assert not any(text.get_parse_math() for text in texts)


def test_table_md_of_a_run_has_no_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of the corpus stand in table.md as text."""
    monkeypatch.chdir(write_world(tmp_path))
    hostile = events_file(tmp_path, ["<script>alert(1)</script>", "[a](javascript:alert(1))"], "2022-12-10",
                          "scheduled")  # fmt: skip
    assert run("next", *QUICK[:2], "--events", str(hostile), *QUICK[4:], "--output", "o").exit_code == 0
    text = (tmp_path / "o" / "table.md").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "\\[a\\](javascript" in text


@pytest.mark.slow
def test_settings_of_the_current_folder_draw_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matplotlibrc there changes no byte of a picture."""
    monkeypatch.chdir(write_world(tmp_path))
    assert run(*NEXT, "--plot").exit_code == 0
    before = (tmp_path / "o" / "plots" / "magnets-USA.png").read_bytes()
    (tmp_path / "matplotlibrc").write_text("savefig.dpi: 30\naxes.edgecolor: red\n")
    import matplotlib

    with matplotlib.rc_context(fname="matplotlibrc"):
        assert run(*NEXT, "--plot").exit_code == 0
    assert (tmp_path / "o" / "plots" / "magnets-USA.png").read_bytes() == before
