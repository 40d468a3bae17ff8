"""forecast changes: a table of what no event explains, and rows for an events file."""

from __future__ import annotations

import io
import re
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from simulated import calendar, exports, steady
from typer.testing import CliRunner, Result

from forecast import cli, read_events
from forecast.level_shifts import propose as proposals
from forecast.level_shifts.propose import MEASURED_COLUMNS, TESTED_COLUMNS, Proposals
from forecast.report.changes import print_changes
from forecast.tables.frames import as_text
from forecast.tables.schema import EVENT_COLUMNS


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with figures of which those to USA halve in August 2022, replayed by the naive model over a year."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2023, 1, 25))
    quick = partial(proposals.proposed_events, model="naive", origins=12, learn=False)
    monkeypatch.setattr(proposals, "proposed_events", quick)
    fell = [*steady(31, 200.0, seed=1), *steady(3, 90.0, seed=2), *steady(2, 200.0, seed=3)]
    columns = ["product", "destination", "month", "volume_t", "released"]
    as_text(exports({"JPN": list(steady(36, 50.0)), "USA": fell})[columns]).to_csv("exports.csv", index=False)
    events = calendar(
        {"event": "warned", "kind": "threat", "announced": date(2022, 9, 5)},
        {"kind": "tariff", "announced": date(2021, 3, 1), "destinations": ("JPN",)},
    )
    as_text(events).to_csv("events.csv", index=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["changes", "--exports", "exports.csv", "--events", "events.csv", *arguments])


@pytest.mark.slow
def test_a_change_is_printed_and_written(place: Path):
    """Months, destination, size, interval and p-value on the screen; a file that is read as a calendar."""
    result = run("--output", "new/proposed.csv")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout.startswith("Exports of magnets: changes that no event on file explains\n")
    assert re.search(
        r"^2022-08 to 2022-10 +United States +-[56]\d % +-\d\d % to -\d\d % +<0\.001 +2022-10-20 +threat of 2022-09-05",
        result.stdout,
        re.M,
    )
    assert "1 change in 2 series, 2022-01 to 2022-12: 24 months tested, 0 left to the events on file." in result.stdout
    words = " ".join(result.stdout.split())
    assert "Where nothing happened about 0.1 would be found by chance." in words
    assert "the rows of new/proposed.csv" in words
    written = pd.read_csv("new/proposed.csv", dtype=str, keep_default_na=False)
    assert written.columns.tolist() == [*EVENT_COLUMNS, *MEASURED_COLUMNS]
    assert written[["event", "first", "last", "without_effect"]].to_numpy().tolist() == [
        ["unlabelled-magnets-2022-08-USA", "2022-08", "2022-10", "warned"]
    ]
    assert read_events("new/proposed.csv")["kind"].tolist() == ["other"]


@pytest.mark.slow
def test_what_is_kept_is_not_proposed_again(place: Path):
    """The written row as a second events file: no change is left, and the words say so."""
    run("--output", "proposed.csv", "--quiet")
    result = run("--events", "proposed.csv")
    assert result.exit_code == 0, result.output
    assert "No changes in 2 series" in result.stdout
    assert "To keep one" not in result.stdout


@pytest.mark.slow
def test_quiet_prints_nothing(place: Path):
    """And writes all the same."""
    assert run("--quiet", "--output", "proposed.csv").output == ""
    assert Path("proposed.csv").exists()


@pytest.mark.slow
def test_a_selection_is_obeyed(place: Path):
    """Of Japan alone nothing is found, and the day before the figures came nothing either."""
    assert "No changes in 1 series" in run("--destination", "JPN").stdout
    assert "No changes in 2 series" in run("--issued", "2022-09-20").stdout


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_refused(place: Path):
    """In one sentence, exit 1."""
    Path("there").mkdir()
    result = run("--output", "there")
    assert result.exit_code == 1
    assert re.fullmatch(
        r"there: expected a file that can be written, found that it cannot \(.*\)\.\n", result.stderr
    ), result.stderr


def test_a_day_before_any_forecast_is_refused(place: Path):
    """In one sentence, exit 1."""
    result = run("--issued", "2020-02-20")
    assert result.exit_code == 1
    assert result.stderr == "magnets: expected a month with figures before it, found none to forecast.\n"


def test_falls_are_red_and_rises_green():
    """On a terminal; the sign is there without colours too."""
    row = {
        "products": ("magnets",), "destinations": ("WLD",), "ends": None, "first": pd.Period("2024-03"),
        "last": pd.Period("2024-04"), "lower": -0.5, "upper": -0.1, "p_value": 0.002, "shown": date(2024, 5, 20),
        "without_effect": (),
    }  # fmt: skip
    events = pd.DataFrame([row | {"size": -0.3}, row | {"size": 0.3}])
    tested = pd.DataFrame([("magnets", "WLD", pd.Period("2024-03"), 0.002, 0.004, False)], columns=TESTED_COLUMNS)
    screen = Console(file=io.StringIO(), force_terminal=True, width=140, color_system="standard")
    print_changes(Proposals(events, tested, date(2024, 6, 20)), "magnets", {}, screen)
    shown = screen.file.getvalue()
    assert re.search(r"\x1b\[1;31m *-30 %", shown)
    assert re.search(r"\x1b\[1;32m *\+30 %", shown)
    assert "2024-03 to 2024-04 or longer" in shown
    assert "World" in shown


@pytest.mark.slow
def test_the_shipped_figures_have_no_unexplained_change():
    """Without the shipped calendar the licences of April 2025 are found, in the world and the United States."""
    result = CliRunner().invoke(cli.app, ["changes"])
    assert result.exit_code == 0, result.output
    assert "No changes in 8 series" in result.stdout
    bare = CliRunner().invoke(cli.app, ["changes", "--events", "none"])
    assert re.search(r"^2025-04 to 2025-05 +United States +-\d\d %", bare.stdout, re.M)
    assert re.search(r"^2025-04 to 2025-06 +World +-\d\d %", bare.stdout, re.M)


@pytest.mark.slow
def test_a_month_in_another_unit_is_named(place: Path):
    """Before anything is said of changes, since no policy made it."""
    table = pd.read_csv("exports.csv")
    slip = (table["destination"] == "JPN") & (table["month"] == "2021-06")
    table.assign(volume_t=table["volume_t"].where(~slip, table["volume_t"] * 1000)).to_csv("exports.csv", index=False)
    assert "JPN 2021-06: 49,215.5 t, 1,001 times its neighbours: kilograms?" in run().stderr
