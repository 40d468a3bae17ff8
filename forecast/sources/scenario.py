"""Scenarios: events that may happen and ends that may lapse, from CSV files like an events file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from forecast.scenario.events import supposed_events
from forecast.sources.plain import raw_files, read_destinations


def read_scenario(*paths: str | Path) -> pd.DataFrame:
    """Events that may happen: columns `forecast.scenario.events.SUPPOSED_COLUMNS`, a row each, of all ``paths`` joined.

    ``"shipped"`` names the packaged ``scenarios.csv``. A row of kind ``lapse`` names an event of the calendar whose
    scheduled end comes on ``effective``.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.

    Examples
    --------
    >>> read_scenario("shipped")[["event", "kind", "probability"]].values.tolist()
    [['truce-2025-11-usa', 'lapse', 0.195]]
    """
    return supposed_events(raw_files(paths, "scenarios.csv"), read_destinations())
