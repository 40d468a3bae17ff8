"""`forecast template`: every example file has the columns of its schema, is read back, and replaces nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import forecast as fc
from forecast.cli import app
from forecast.cli import template as cli_template
from forecast.cli.template import TEMPLATES, template_text

READERS = {
    "exports": fc.read_exports,
    "events": fc.read_events,
    "scenario": fc.read_scenario,
    "totals": fc.read_period_totals,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["template", *words])


def test_every_kind_is_read_back_as_it_was_written(folder: Path):
    """By the reader of its kind, all columns and rows, and no cell falls out of its column."""
    assert run().exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{kind}.csv" for kind in TEMPLATES)
    for kind, (schema, rows) in TEMPLATES.items():
        read = READERS[kind](f"{kind}.csv")
        assert list(read.columns) == schema.columns
        assert len(read) == len(rows())
        written = pd.read_csv(f"{kind}.csv", dtype=str, keep_default_na=False)
        given = [{name: str(cell) for name, cell in row.items()} for row in rows()]
        assert [{name: cell for name, cell in row.items() if cell} for row in written.to_dict("records")] == given


def test_every_column_is_shown_filled_somewhere():
    """But for the event that another continues, and in scenarios the ends of what may happen."""
    left_out = {"events": {"continues"}, "scenario": {"continues", "ends", "ends_announced", "ends_status"}}
    for kind, (schema, rows) in TEMPLATES.items():
        assert set(schema.columns) - {name for row in rows() for name in row} == left_out.get(kind, set())


def test_a_figure_is_revised_and_known_from_its_own_day(folder: Path):
    """So that the example shows what a second release of a month is."""
    run("exports")
    table = fc.read_exports("exports.csv")
    again = table[table.duplicated(["product", "destination", "month"], keep=False)]
    assert again["released"].tolist() == [date(2025, 12, 20), date(2026, 1, 20)]


@pytest.mark.parametrize("there", ["file", "link", "dead link"])
def test_what_is_there_is_neither_replaced_nor_written_through(folder: Path, there: str):
    """A file, a link to one, and a link to nothing; then no other file is written either."""
    mine, place = folder / "mine.csv", folder / "events.csv"
    if there != "dead link":
        mine.write_text("mine")
    place.write_text("mine") if there == "file" else place.symlink_to(mine)
    done = run("exports", "events")
    assert done.exit_code == 1
    assert done.stderr == "events.csv: expected a free name, found a file or a link. Move it or choose another.\n"
    assert not (folder / "exports.csv").exists()
    assert [path.read_text() for path in (mine, place) if path.exists()].count("mine") == sum(
        path.exists() for path in (mine, place)
    )
    assert mine.exists() == (there == "link") or there == "file"


def test_a_file_that_appears_meanwhile_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The writer looks again, under its lock."""
    monkeypatch.setattr(cli_template, "template_text", lambda kind: str((folder / "events.csv").write_text("m")))
    done = run("events")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "(something is there: move it or choose another name)." in done.stderr
    assert (folder / "events.csv").read_text() == "m"


def test_a_kind_that_there_is_not_is_named_with_the_nearest(folder: Path):
    """Exit 2, and nothing is written."""
    done = run("event")
    assert done.exit_code == 2
    assert "did you mean events?" in done.stderr
    assert list(folder.iterdir()) == []


def test_a_folder_is_made_where_it_is_named(folder: Path):
    """With what was asked for alone."""
    assert run("totals", "--output", "new/place").stdout == f"Written: {Path('new/place/totals.csv')}\n"
    assert (folder / "new" / "place" / "totals.csv").read_text() == template_text("totals")
