"""Events that may happen, from CSV files in the columns of an events file and ``probability``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from forecast.scenario.events import supposed_events
from forecast.sources.plain import raw_files, read_destinations


def read_scenario(*paths: str | Path) -> pd.DataFrame:
    """Events that may happen: columns `forecast.scenario.events.SUPPOSED_COLUMNS`, a row each, of all ``paths`` joined.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.
    """
    return supposed_events(raw_files(paths, "events.csv"), read_destinations())
