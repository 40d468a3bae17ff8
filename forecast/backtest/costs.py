"""How many series a task is given where a run does not go by whole days, from what its parts cost.

A task is then some series at all origins. Whatever it does once, however many series it has, is overhead: to be sent
and answered, and at each origin to look up the months ahead. A task gets the smallest number of series for which that
is at most `SHARE` of the work on the series themselves, but no more than leave `TASKS` tasks to balance the load with,
and no more than `LONGEST_MS` of work, which is what a stopped run loses and the last process is waited for. The costs
of the slowest backend count, and the number of processes does not, so that a run can be resumed with another number of
them, and elsewhere.

The milliseconds are those that ``benchmarks/wider.py`` measured on 2 cores of x86_64, rounded. Only ratios matter,
and no number of a forecast depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from forecast.registry import REGISTRY

SHARE = 0.02
TASKS = 16
LONGEST_MS = 20_000.0

TASK_MS = {"local": 4.0, "dask": 10.0, "ray": 8.0}
"""To send a task and have its tables back, by backend: CPU of all processes."""

DAY_MS = 0.8
"""What a task does once at an origin, however many series are on file."""

SERIES_MS = 0.4
"""What a series needs at an origin before any model: its regressors, and what was expected of them."""


def series_a_task(count: int, origins: int, models: Sequence[str], engine: str = "reference") -> int:
    """How many of ``count`` series a task of so many ``origins`` gets, each fitted by ``models``.

    Examples
    --------
    Slow fits leave little overhead; quick ones need more series to be worth a task, unless there are few:

    >>> [series_a_task(1000, 24, [model]) for model in ("arima", "prophet", "theta")]
    [1, 4, 62]
    >>> series_a_task(60, 24, ["theta"])
    3
    """
    fits = sum(REGISTRY[name].cost(engine) for name in models if name in REGISTRY)  # what is no model fails when fitted
    work = origins * (SERIES_MS + fits)
    if work == 0:
        return 1
    overhead = max(TASK_MS.values()) + origins * DAY_MS
    return max(1, min(math.ceil(overhead / (SHARE * work)), count // TASKS, int(LONGEST_MS / work)))
