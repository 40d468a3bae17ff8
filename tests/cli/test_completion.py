"""Completion in the shell: what typer's script asks the command for, and the script itself."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from forecast.cli import COMMANDS, app


def completed(words: str) -> list[str]:
    """What bash is offered for the last of ``words``."""
    asked = {"_FORECAST_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return CliRunner().invoke(app, [], env=asked, prog_name="forecast").output.split()


def test_commands_are_completed():
    """Every command after the program's name, and only those that begin so."""
    assert completed("forecast ") == list(COMMANDS)
    assert completed("forecast ex") == ["explain"]


def test_options_are_completed():
    """Of the command that stands before them."""
    assert completed("forecast next --hor") == ["--horizon"]
    assert "--origins" not in completed("forecast next --")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_this_command(shell: str):
    """By the variable of its name."""
    shown = CliRunner().invoke(app, [], env={"_FORECAST_COMPLETE": f"source_{shell}"}, prog_name="forecast").output
    assert f"_FORECAST_COMPLETE=complete_{shell}" in shown


def test_the_help_says_how_to_have_it():
    """Both options stand in the help of the program."""
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "--install-completion" in shown
    assert "--show-completion" in shown
