"""`forecast fetch`: options, exit codes, files, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import loopback
import pytest
from typer.testing import CliRunner

from forecast.cli import app
from forecast.sources.services.fetch import SERVICES

WORDS = ["--reporter", "China", "--code", "850511", "--from", "2024-01", "--to", "2024-01"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("httpx", reason="the extra `services` is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("COMTRADE_API_KEY", "CENSUS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["fetch", *words])
    return result.exit_code, result.stdout, result.stderr


def test_fetch_ends_in_a_table_that_next_takes(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """exports.csv as import writes it, what could not be used beside it, and where the answers lie."""
    rows = [loopback.record(), loopback.record(partner=899, weight=10_000.0)]
    with loopback.serving(loopback.records(*rows)) as server:
        monkeypatch.setitem(SERVICES, "comtrade", loopback.at(SERVICES["comtrade"], server))
        code, said, wrong = run("comtrade", *WORDS)
        again = run("comtrade", *WORDS)
    assert (code, wrong) == (0, "")
    table = (folder / "exports.csv").read_text().splitlines()
    assert table[1].startswith("rare_earth_magnets,USA,2024-01,46.0,2024-03-20,reported")
    assert "no single destination" in (folder / "exports-unused.csv").read_text()
    assert f"Answers: 1 in {folder / 'cache' / 'export-forecast' / 'services'}, 1 asked for now." in said
    assert "0 asked for now." in again[1]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nobody", *WORDS], 2, "expected comtrade, census, eurostat, found 'nobody'"),
        (["comtrade", *WORDS, "--reporter", "Utopia"], 2, "expected a country such as CHN, found 'Utopia'"),
        (["comtrade", *WORDS, "--imports"], 2, "expected one --partner, whose exports they are"),
        (["comtrade", *WORDS, "--from", "2024"], 2, "expected a month as YYYY-MM, found '2024'"),
        (["comtrade", *WORDS, "--from", "2024-02"], 2, "expected a month up to 2024-01, found 2024-02"),
        (["census", *WORDS], 1, "US Census: expected a key in the variable CENSUS_API_KEY"),
        (["comtrade", *WORDS, "--code", "85051110"], 1, "expected a code of 2, 4 or 6 digits, found '85051110'"),
    ],
)
def test_what_is_wrong_is_a_sentence(folder: Path, words: list[str], code: int, sentence: str):
    """Exit 2 for usage and 1 for the rest, before anything is asked or written."""
    got, _, said = run(*words)
    assert got == code
    assert sentence in " ".join(said.replace("│", " ").split())
    assert list(folder.iterdir()) == []


def test_a_service_that_is_down_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Exit 1, one line on stderr, no table."""
    with loopback.serving(loopback.reply(403, "no")) as server:
        monkeypatch.setitem(SERVICES, "comtrade", replace(loopback.at(SERVICES["comtrade"], server)))
        code, _, said = run("comtrade", *WORDS)
    assert code == 1
    assert said == "UN Comtrade: the question was refused (403: no). It may want a key, and its quota.\n"
    assert not (folder / "exports.csv").exists()
