"""How many series a task is given, from what its parts cost.

A task is some series at all origins. Whatever it does once, however many series it has, is overhead: to be sent and
answered, and at each origin to take what was known apart and to put its tables together. A task gets the smallest
number of series for which that is at most `SHARE` of the work on the series themselves, unless that would leave fewer
than `TASKS` tasks to balance the load with. The costs of the slowest backend count, and the number of processes does
not, so that a run can be resumed with another number of them, and elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SHARE = 0.02
TASKS = 32

TASK_MS = {"local": 1.0, "dask": 6.0, "ray": 7.0}
"""To send a task and have a small table back, by backend: milliseconds of a process, two of them at work."""

DAY_MS, DAY_AND_SERIES_MS = 3.0, 0.01
"""What a task does once at an origin, and how that grows with each series on file."""

SERIES_MS = 7.5
"""What a series needs at an origin before any model: its regressors, and what was expected of them."""

FIT_MS = {
    "reference": {"naive": 1.0, "seasonal_naive": 1.0, "theta": 4.5, "arima": 200.0, "prophet": 100.0},
    "compiled": {"arima": 9.0, "prophet": 7.0},
}
"""A fit with its forecast and its rows, by engine; what the compiled engine does not have is the reference's."""


def series_a_task(count: int, origins: int, models: Sequence[str], engine: str = "reference") -> int:
    """How many of ``count`` series a task of so many ``origins`` gets, each fitted by ``models``.

    Examples
    --------
    Slow fits leave little overhead, quick ones need more series to be worth a task, few series need many tasks:

    >>> series_a_task(6000, 24, ["arima"]), series_a_task(6000, 24, ["arima"], "compiled")
    (16, 188)
    >>> series_a_task(60, 24, ["arima"], "compiled")
    1
    """
    fits = FIT_MS["reference"] | FIT_MS[engine]
    work = origins * (SERIES_MS + sum(fits[name] for name in models))
    overhead = max(TASK_MS.values()) + origins * (DAY_MS + DAY_AND_SERIES_MS * count)
    enough = math.ceil(overhead / (SHARE * work)) if work else 1
    return max(1, min(enough, count // TASKS))
