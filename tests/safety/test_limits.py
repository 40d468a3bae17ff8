"""Limits are stated, and met before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacked import NEXT, refused, run, write_world

HEADER = "product,destination,month,volume_t\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a world, in which no model may be fitted."""
    monkeypatch.chdir(tmp_path)
    return write_world(tmp_path)


EXPORTS = {
    "before 1951": ("m,USA,1950-12,1", "USA 1950-12: month must be from 1951-01 to 2099-12, found '1950-12'."),
    "a crumb": ("m,USA,2020-01,1e-300", "USA 2020-01: volume_t must be zero or at least 1e-09 tonnes, found '1e-300'."),
    "just below": (
        "m,USA,2020-01,9e-10",
        "USA 2020-01: volume_t must be zero or at least 1e-09 tonnes, found '9e-10'.",
    ),
    "a long product": (
        f"{'m' * 121},USA,2020-01,1",
        f"USA 2020-01: product must have at most 120 characters, found '{'m' * 57}...'.",
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_figures_beyond_the_limits_are_named(place: Path, name: str) -> None:
    """Months before 1951, crumbs of tonnes and long names: file, row, what was expected and found."""
    row, sentence = EXPORTS[name]
    (place / "f.csv").write_text(f"{HEADER}{row}\n")
    assert refused("next", "--exports", "f.csv", "--events", "none") == f"f.csv row 2: {sentence}"


def test_figures_at_the_limits_are_forecast(place: Path) -> None:
    """1951, a volume of 1e-9 and a name of 120 characters."""
    months = [f"{year}-{month:02d}" for year in range(1951, 1955) for month in range(1, 13)]
    rows = [f"{'m' * 120},USA,{month},1e-9\n" for month in months]
    (place / "f.csv").write_text(HEADER + "".join(rows))
    assert run("next", "--exports", "f.csv", *NEXT[3:]).exit_code == 0


@pytest.mark.parametrize("day", ["1950-12-31", "9999-12-31", "2100-01-01", "0001-01-01"])
def test_issue_days_are_of_the_years_covered(place: Path, day: str) -> None:
    """A usage error that says which."""
    result = run(*NEXT, "--issued", day)
    assert result.exit_code == 2
    assert "expected a day from 1951 to 2099" in result.stderr
    assert day in result.stderr


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_months_asked_for_are_of_the_years_covered(place: Path, option: str) -> None:
    """The same for months."""
    result = run("backtest", *NEXT[1:], option, "1950-01")
    assert result.exit_code == 2
    assert "expected a month from 1951-01 to 2099-12" in result.stderr


def test_the_last_day_covered_is_a_forecast(place: Path) -> None:
    """2099-12-31 is an issue day like any other."""
    assert run(*NEXT, "--issued", "2099-12-31").exit_code == 0


@pytest.mark.parametrize("column", ["event", "source", "description"])
def test_long_texts_of_events_are_named(place: Path, column: str) -> None:
    """An id of more than 120 characters, a source or description of more than 10,000."""
    header, row = (place / "events.csv").read_text().splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=True)) | {column: "x" * 10_001}
    (place / "events.csv").write_text(f"{header}\n{','.join(cells.values())}\n")
    sentence = refused(*NEXT)
    assert f"{column} must have at most {'120' if column == 'event' else '10,000'} characters" in sentence
    assert len(sentence) < 300


def test_a_judgement_on_several_months_is_a_forecast(place: Path) -> None:
    """Their sums are those of the judged months; it ended in a traceback."""
    words = ["--override", "USA=-20%: strike", "--horizon", "2"]
    assert run(*NEXT, *words).exit_code == 0
    assert "judged" in (place / "o" / "sums.csv").read_text()
