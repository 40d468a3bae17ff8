"""Attribution of the combination's medians: what the structural model says of them, and what combining adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date

import pandas as pd

from forecast.episodes.panel import month_lengths
from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult
from forecast.tables.frames import records
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import RUN_TABLES, SeriesKey

LEAST_T = 1e-9
"""Tonnes that are read for none, so that a forecast of zero has a log."""

LEAST_SHARE = 0.01
"""Share of the floor below which the structural median counts as that share."""

NOTHING = 1e-12
"""Logs below which a part is nothing: what sharing out the mixture's skewness leaves of a part that is sure."""

BASIC_KINDS = dict(zip(BASIC_PARTS, ("level", "season", "calendar"), strict=True))

_Part = tuple[str, str, float, float, float, str]
"""Name, kind, log with its 80 % interval (of episodes), and the episodes that it rests on."""


def combination_parts(
    stages: Mapping[date, Mapping[SeriesKey, StageResult]],
    combined: pd.DataFrame,
    calibration: pd.DataFrame,
    nowcasts: pd.DataFrame,
) -> pd.DataFrame:
    """Parts in logs of each median of ``combined``: the table ``parts`` of a run.

    The structural model's level, season, Lunar New Year and episodes; the days of the month; the floor, which its log
    has and tonnes have not; the other members, which lie above or below it; and the error carried over by the
    calibration.
    The level is a log of tonnes per mean month, the others are differences. All of a month add up to the log of the
    median; one of 0 t counts as `LEAST_T`. An episode's part has its 80 % interval, and in ``rests_on`` the names of
    the episodes of its kind, on whatever series, that its path is learned from.
    """
    cells = zip(calibration["product"], calibration["destination"], calibration["issued"], calibration["month"],
                strict=True)  # fmt: skip
    shifts = dict(zip(cells, calibration["shift"], strict=True))
    before = {(row.product, row.destination, row.issued, row.month): row.without_t for row in records(nowcasts)}
    rows = []
    for row in records(combined):
        cell = (row.product, row.destination, row.issued, row.month)
        stage = stages.get(row.issued, {}).get((row.product, row.destination))
        if stage is not None:
            combined_t = max(float(before.get(cell, row.volume_t)), LEAST_T)
            headline = math.log(max(row.volume_t, LEAST_T) / combined_t)
            rows += [(*cell, *part) for part in _parts(stage, row.month, combined_t, float(shifts.get(cell, 0.0)))]
            rows += [(*cell, *_sure("headline", "headline", headline))] if cell in before else []
    return RUN_TABLES["parts"].from_rows(rows)


def _parts(stage: StageResult, month: pd.Period, volume_t: float, shift: float) -> Iterator[_Part]:
    """Parts of one median; a part that is nothing in the month is left out, but for level and season."""
    logs = stage.parts.to_numpy(dtype=float)[stage.parts.index.get_loc(month)]
    for name, log in zip(stage.parts.columns[: len(BASIC_PARTS)], logs, strict=False):
        if abs(log) > NOTHING or BASIC_KINDS[name] != "calendar":
            yield _sure(name, BASIC_KINDS[name], float(log))
    yield from _episode_parts(stage, month)
    days = math.log(month_lengths(pd.PeriodIndex([month]))[0])
    median = math.fsum(logs)
    floor = stage.design.floor
    structural = math.log(max(math.exp(median) - floor, LEAST_SHARE * floor, LEAST_T))
    yield _sure("days of the month", "calendar", days)
    yield _sure("floor", "floor", structural - median)
    yield _sure("other members", "combination", math.log(volume_t) - shift - structural - days)
    if shift:
        yield _sure("carried-over error", "calibration", shift)


def _sure(name: str, kind: str, log: float) -> _Part:
    """A part without an interval of its own."""
    return name, kind, log, math.nan, math.nan, ""


def _episode_parts(stage: StageResult, month: pd.Period) -> Iterator[_Part]:
    """Parts of episodes, with 80 % intervals and the names of the episodes that their paths are learned from."""
    at = stage.parts.index.get_loc(month)
    logs = stage.parts.to_numpy(dtype=float)[at, len(BASIC_PARTS) :]
    halves = HALF_WIDTH[80] * stage.part_sd.to_numpy(dtype=float)[at]
    for episode, log, half in zip(stage.episodes, logs.tolist(), halves.tolist(), strict=True):
        if abs(log) > NOTHING:
            yield episode.name, "episode", log, log - half, log + half, ";".join(stage.kin[episode.kind])
