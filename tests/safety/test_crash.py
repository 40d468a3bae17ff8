"""A command that is ended, loses power, or is refused by the disk at some change leaves the old or the new state.

A part of the points; ``python tests/safety/crash.py`` tries all.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crash import MODES, SCENARIOS, spread

from forecast.cli import COMMANDS

PART = [
    "next over an earlier run",
    "backtest",
    "resume",
    "brief over an earlier page",
    "import over earlier files",
    "update",
]
"""Scenarios of which the suite tries one point in each way; those of the store and of checkpoints among them."""

NO_SCENARIO = {"validate", "analogues", "events", "revisions", "template"}
"""Commands that write nothing, or files as `changes` does its one."""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="changes.c needs Linux and a compiler"
)
def test_ended_anywhere_the_old_or_the_new_state_stands() -> None:
    """And the command given again ends as if nothing had happened, with nothing left beside."""
    script = Path(__file__).with_name("crash.py")
    command = [sys.executable, "-W", "ignore", str(script), "--points", "1", *PART]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{len(PART) * len(MODES)} points, 0 faults"


def test_every_command_that_writes_has_a_scenario() -> None:
    """All commands but those that write nothing, or one file as another does."""
    assert {scenario.command[0] for scenario in SCENARIOS.values()} == COMMANDS.keys() - NO_SCENARIO


def test_points_are_spread_over_the_whole_command() -> None:
    """All of them, some at equal distances, or the middle one."""
    assert spread(4, None) == [1, 2, 3, 4]
    assert spread(10, 3) == [2, 6, 9]
    assert spread(7, 1) == [4]
    assert spread(2, 9) == [1, 2]
