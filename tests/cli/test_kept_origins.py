"""Commands keep what origins forecast for each other, in the user's cache folder; numbers are those without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.cli import app

FILES = ("--events", "events.csv", "--models", "naive,theta,structural,combination", "--experience", "none")


def done(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example files, and a cache folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FORECAST_NO_CACHE")
    done("template")
    return tmp_path


def nothing_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(*_: object) -> None:
        raise AssertionError("fitted")

    monkeypatch.setattr("forecast.backtest.run.run_tasks", fitted)
    monkeypatch.setattr("forecast.backtest.run.with_stages", fitted)


@pytest.mark.slow
def test_an_explanation_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch):
    """The second time nothing is fitted, and what is said is what is said without a cache."""
    words = ("explain", "USA", "--exports", "exports.csv", "--events", "events.csv", "--experience", "none", "--json")
    plain = done(*words, "--no-cache")
    assert not (place / "cache").exists()
    assert done(*words) == plain
    nothing_is_fitted(monkeypatch)
    assert done(*words) == plain


@pytest.mark.slow
def test_an_update_keeps_its_origins(place: Path, monkeypatch: pytest.MonkeyPatch):
    """A second store with the same figures fits nothing; its forecasts are the same bytes as without a cache."""
    for name, more in (("plain", ("--no-cache",)), ("first", ())):
        done("update", "exports.csv", *FILES, "--store", f"{name}.duckdb", "--output", name, *more)
    nothing_is_fitted(monkeypatch)
    done("update", "exports.csv", *FILES, "--store", "second.duckdb", "--output", "second")
    tables = {name: (place / name / "forecasts.csv").read_bytes() for name in ("plain", "first", "second")}
    assert tables["plain"] == tables["first"] == tables["second"]
