"""How many series a task is given."""

from __future__ import annotations

import pytest

from forecast.backtest.costs import (
    DAY_MS,
    LONGEST_MS,
    SERIES_MS,
    SHARE,
    TASK_MS,
    TASKS,
    series_a_task,
)
from forecast.registry import ENGINES, REGISTRY

SINGLE = [name for name, entry in REGISTRY.items() if not entry.panel]


def shares(origins: int, models: list[str], size: int) -> float:
    """Overhead of a task of the reference engine over its work."""
    overhead = TASK_MS["dask"] + origins * DAY_MS
    return overhead / (size * origins * (SERIES_MS + sum(REGISTRY[name].cost("reference") for name in models)))


@pytest.mark.parametrize("origins", [1, 4, 24])
@pytest.mark.parametrize("models", [["naive"], ["theta", "prophet"], ["arima"], SINGLE])
def test_a_task_is_the_smallest_that_is_worth_its_overhead(models: list[str], origins: int) -> None:
    """With many series the share of overhead is at most what is stated, and one series fewer would be too few."""
    size = series_a_task(2000, origins, models)
    if (size + 1) * shares(origins, models, 1) > 0 and size < 2000 // TASKS:
        work = origins * (SERIES_MS + sum(REGISTRY[name].cost("reference") for name in models))
        assert shares(origins, models, size) <= SHARE or (size + 1) * work > LONGEST_MS
    assert size == 1 or shares(origins, models, size - 1) > SHARE


@pytest.mark.parametrize(("count", "most"), [(0, 1), (1, 1), (15, 1), (16, 1), (32, 2), (160, 10)])
def test_few_series_still_make_many_tasks(count: int, most: int) -> None:
    """However quick the fits, there are tasks for several processes."""
    assert series_a_task(count, 1, ["naive"]) == most


def test_no_task_is_long() -> None:
    """A panel of any size and length leaves tasks of some seconds, and one series is always a task."""
    a_day = SERIES_MS + REGISTRY["theta"].cost("reference")
    assert series_a_task(100_000, 1200, ["theta"]) == int(LONGEST_MS / (1200 * a_day))
    assert series_a_task(100_000, 240, ["arima"]) == 1


def test_the_compiled_engine_gets_larger_tasks() -> None:
    """Quicker fits need more series to be worth the same overhead."""
    assert series_a_task(600, 4, ["arima"], "compiled") > series_a_task(600, 4, ["arima"])


def test_every_model_of_one_series_has_a_cost() -> None:
    """The registry states what a fit of each costs, with either engine, and no origins or models are no work."""
    assert all(REGISTRY[name].cost(engine) > 0 for name in SINGLE for engine in ENGINES)
    assert series_a_task(100, 0, SINGLE) == 1
