"""A command that is killed, loses power, or is refused by the disk at some change leaves the old or the new state.

A part of the points; ``python tests/safety/crash.py`` tries all.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from crash import MODES, SCENARIOS, attempt, prepared, without_waiting

PART = {
    "next": 2,
    "next over an earlier run": 3,
    "backtest": 3,
    "resume": 1,
    "report": 1,
    "changes": 1,
}
"""Points of a scenario that the suite tries in each of the four modes, spread over its changes."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process begins as a copy of this one")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("name", PART)
def test_killed_anywhere_the_old_or_the_new_state_stands(name: str, tmp_path: Path, monkeypatch) -> None:
    """And the command given again ends as if nothing had happened, with nothing left beside."""
    without_waiting(monkeypatch.setattr)
    of = prepared(name, tmp_path)
    points = [1 + (place * (of.changes - 1)) // max(PART[name] - 1, 1) for place in range(PART[name])]
    if PART[name] == 1:
        points = [(of.changes + 1) // 2]
    faults = [fault for mode in MODES for point in points for fault in attempt(of, tmp_path, point, mode)]
    assert not faults, "\n".join(faults)


def test_every_command_that_writes_has_a_scenario() -> None:
    """next, scenario, backtest, report and changes."""
    assert {scenario.command[0] for scenario in SCENARIOS.values()} == {
        "next", "scenario", "backtest", "report", "changes",
    }  # fmt: skip
