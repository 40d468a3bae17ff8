"""Events that may happen, from CSV files in the columns of an events file and ``probability``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from forecast.sources.plain import raw_files, read_destinations
from forecast.supposed import supposed_events


def read_scenario(*paths: str | Path) -> pd.DataFrame:
    """Events that may happen: columns `forecast.supposed.SUPPOSED_COLUMNS`, a row each, of all ``paths`` joined.

    Raises
    ------
    TableError
        A sentence for everything that is wrong in the files.
    """
    return supposed_events(raw_files(paths, "events.csv"), read_destinations())
