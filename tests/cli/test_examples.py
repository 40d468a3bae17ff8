"""Help and examples: every command has an example that runs in an empty folder, and names the columns of its files."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.cli import COMMANDS, app
from forecast.cli.examples import EXAMPLES
from forecast.tables.schema import EVENTS, EXPORTS, SCENARIOS

READ = {"exports": EXPORTS, "events": EVENTS, "scenario_file": SCENARIOS}
"""What the files of an option hold."""

SHOWN = {name: CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"}).output for name in COMMANDS}
RUN = [
    pytest.param(name, marks=[pytest.mark.slow] if example.slow else [])
    for name, example in EXAMPLES.items()
    if not example.network
]


def test_every_command_has_an_example():
    """The last of its lines is the command itself; what asks a service is not run here."""
    assert sorted(EXAMPLES) == sorted(COMMANDS)
    assert [name for name, example in EXAMPLES.items() if shlex.split(example.lines[-1])[1] != name] == []
    assert [name for name, example in EXAMPLES.items() if example.network] == ["fetch"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_shows_the_example_line_by_line(name: str):
    """As it can be pasted: no line is broken."""
    lines = SHOWN[name].splitlines()
    assert [line for line in EXAMPLES[name].lines if f"    {line}" not in lines] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_names_the_columns_of_each_file(name: str):
    """Of every option that takes files in the package's own columns, those that may be left out apart."""
    said = " ".join(SHOWN[name].split())
    options = [option for option in READ if f"--{option.replace('_', '-')} FILE" in said]
    assert {READ[option].name for option in options} <= {table.name for table in EXAMPLES[name].reads}
    for table in EXAMPLES[name].reads:
        assert f"Columns of {table.name}: {', '.join(table.needed)}; may be left out: " in said
        assert f" may be left out: {', '.join(table.defaults)}. " in said


@pytest.mark.usefixtures("kept_origins")
@pytest.mark.parametrize("name", RUN)
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From its first line to its last, in an empty folder, and the last one says something."""
    monkeypatch.chdir(tmp_path)
    for line in EXAMPLES[name].lines:
        program, *words = shlex.split(line)
        done = CliRunner().invoke(app, words, env={"COLUMNS": "100"})
        assert (program, done.exit_code) == ("forecast", 0), done.output
    assert done.stdout.strip()


def test_the_example_of_fetch_has_the_options_of_the_command():
    """It is not run, but each of its options stands in the help."""
    words = shlex.split(EXAMPLES["fetch"].lines[-1])
    assert all(word in SHOWN["fetch"] for word in words if word.startswith("--"))
