"""`--show-python`: the lines that a command prints give the numbers that the command gives."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import forecast as fc
from forecast.backtest import run as backtest_run
from forecast.cli import COMMANDS, app
from forecast.level_shifts import propose
from forecast.report import effects as effects_table
from forecast.store.issued import issues

QUICK = ("--models", "theta,structural", "--no-calibrate")
FILES = ("--exports", "exports.csv", "--events", "events.csv")
ADDED = "kind=ban,destinations=USA,announced=2026-02-01,effective=2026-02-10,probability=0.3"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example files, one of them also under a name that has to be quoted."""
    monkeypatch.chdir(tmp_path)
    assert called("template").exit_code == 0
    Path('it\'s "mine".csv').write_bytes(Path("exports.csv").read_bytes())
    return tmp_path


def called(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def repeated(*words: str, left: Sequence[str] = ()) -> dict[str, Any]:
    """What the printed lines leave behind when they are run; nothing is written before that, ``left`` by them alone."""
    before = sorted(Path().iterdir())
    shown = called(*words, "--show-python")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert sorted(Path().iterdir()) == before
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(shown.stdout, "shown", "exec", dont_inherit=True), names)
    assert said.getvalue()
    assert sorted(Path().iterdir()) == sorted([*before, *map(Path, left)])
    return names


def written(*words: str) -> fc.Forecasts:
    """The run that the command itself writes."""
    done = called(*words, "--output", "run")
    assert done.exit_code == 0, done.stderr
    return fc.read_run("run")


def as_csv(table: pd.DataFrame) -> str:
    return table.astype(str).to_csv(index=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        (*FILES, *QUICK, "--horizon", "2"),
        ("--exports", "it's \"mine\".csv", "--events", "none", *QUICK, "--seed", "3"),
        ("--exports", "exports.csv", "--experience", "shipped", "--models", "structural", "--no-calibrate",
         "--issued", "2025-11-20"),
        ("--exports", "shipped", "--exports", "exports.csv", "--destination", "USA,WLD", *QUICK),
        (*FILES, *QUICK, "--override", "USA=-20%: customs strike", "--override", "DEU=300t: an order"),
        (*FILES, "--models", "theta,structural,combination", "--experience", "none"),
    ],
    ids=["files", "a name in quotes", "shipped experience", "shipped beside mine", "overrides", "calibrated"],
)  # fmt: skip
def test_next_is_repeated(folder: Path, words: tuple[str, ...]):
    """Every table of the run, whatever it is made from."""
    found, run = repeated("next", *words)["run"], written("next", *words)
    assert as_csv(found.forecasts) == as_csv(run.forecasts)
    assert as_csv(found.judgements) == as_csv(run.judgements)
    assert len(found.judgements) == (3 if "--override" in words else 0)  # the total follows


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("--scenario-file", "scenario.csv"), ("--add", ADDED, "--lapse", "truce-2025-11-usa=0.2"),
     ("--scenario-file", "scenario.csv", "--add", ADDED), ("--lapse", "truce-2025-11-usa=0.2", "--horizon", "3")],
    ids=["file", "added and lapsing", "file and added", "lapsing"],
)  # fmt: skip
def test_a_scenario_is_repeated(folder: Path, words: tuple[str, ...]):
    """Every branch, and the mixture."""
    words = (*FILES, "--models", "structural", "--no-calibrate", *words)
    found, run = repeated("scenario", *words)["found"], written("scenario", *words)
    assert as_csv(found.run.forecasts) == as_csv(run.forecasts)
    branches = pd.read_csv("run/branches.csv")
    assert found.by_branch["branch"].tolist() == branches["branch"].tolist()
    assert found.by_branch["volume_t"].tolist() == branches["volume_t"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("--origins", "4", "--refit", "2"), ("--from", "2025-06", "--to", "2025-09"),
     ("--origins", "3", "--vintage", "first", "--window", "24", "--horizon", "2")],
    ids=["refit", "months", "first vintage"],
)  # fmt: skip
def test_a_backtest_is_repeated(folder: Path, words: tuple[str, ...]):
    """Forecasts and their actuals."""
    words = (*FILES, *QUICK, *words)
    run = repeated("backtest", *words)["run"]
    assert as_csv(run.forecasts) == as_csv(written("backtest", *words, "--parity", "0").forecasts)
    assert run.forecasts["actual_t"].notna().any()


def quicker(real: Callable[..., Any]) -> Callable[..., Any]:
    """The library's function with two models and without earlier origins, for command and script alike."""
    return lambda *tables, **options: real(
        *tables, **{**options, "models": ["structural", "combination"], "calibrate": False}
    )


@pytest.mark.slow
def test_an_explanation_is_repeated(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The parts of every model asked for; also of a run in a folder."""
    monkeypatch.setattr(backtest_run, "forecast_all", quicker(backtest_run.forecast_all))
    written("next", *FILES)
    for words in (FILES, ("--run", "run")):
        names = repeated("explain", "USA", "ROW", *words)
        parts = fc.explained(names["run"], max(names["run"].parts["issued"]), "combination")
        said = json.loads(called("explain", "USA", "ROW", *words, "--json").stdout)
        assert {one["destination"] for one in said} == {"USA", "ROW"}
        for one in said:
            own = parts[parts["destination"] == one["destination"]]
            assert [part["tonnes"] for part in one["parts"]] == pytest.approx(own["tonnes"].tolist(), abs=1e-9)


@pytest.mark.slow
def test_changes_are_repeated(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The rows that would be written, and there are some."""
    real = propose.proposed_events
    monkeypatch.setattr(propose, "proposed_events", lambda *tables, **options: real(*tables, model="naive", **options))
    words = ("--exports", "exports.csv", "--events", "none")
    found = repeated("changes", *words)["found"]
    assert called("changes", *words, "--output", "found.csv").exit_code == 0
    assert len(found.events)
    assert pd.read_csv("found.csv")["size"].tolist() == found.events["size"].tolist()


@pytest.mark.slow
def test_effects_are_repeated(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The table that is printed."""
    shown = []
    monkeypatch.setattr(effects_table, "print_effects", lambda table, *_: shown.append(table))
    words = ("events", "--effects", *FILES, "--destination", "USA")
    found = repeated(*words)["effects"]
    assert called(*words).exit_code == 0
    assert len(found)
    assert as_csv(found) == as_csv(shown[0])
    assert called("events", "--show-python").exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("--experience", "none", "--events", "events.csv"), ("--events", "none", "--destination", "USA", "--seed", "2"),
     ("--experience", "priors", "--override", "USA=-20%: customs strike")],
    ids=["files", "shipped experience", "override"],
)  # fmt: skip
def test_an_update_is_repeated(folder: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    """In a store of its own: the same run, and what changed since an issue before it."""
    monkeypatch.setattr("forecast.cli.inputs.today", lambda: date(2026, 1, 25))
    words = ("update", "exports.csv", *words, *QUICK, "--horizon", "2")
    done = repeated(*words, "--store", "of-script.duckdb", left=["of-script.duckdb"])["done"]
    found = called(*words, "--store", "own.duckdb", "--output", "run")
    assert found.exit_code == 0, found.stderr
    run = fc.read_run("run")
    assert as_csv(done.run.forecasts) == as_csv(run.forecasts)
    assert as_csv(done.run.judgements) == as_csv(run.judgements)
    with fc.Store("of-script.duckdb") as one, fc.Store("own.duckdb") as other:
        assert [issue.fingerprint for issue in issues(one)] == [issue.fingerprint for issue in issues(other)]


def test_every_command_that_computes_from_files_has_it():
    """Those that read or write files or a store alone have none, nor do the brief and the analogues."""
    having = {name for name in COMMANDS if "--show-python" in called(name, "--help").stdout}
    assert having == {"next", "scenario", "backtest", "explain", "changes", "events", "update"}
