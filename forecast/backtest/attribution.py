"""Attribution of the combination's medians: what the structural model says of them, and what combining adds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np
import pandas as pd

from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult
from forecast.realtime.days import month_lengths
from forecast.tables.frames import records, stacked
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import RUN_TABLES

LEAST_T = 1e-9
"""Tonnes that are read for none, so that a forecast of zero has a log."""

LEAST_SHARE = 0.01
"""Share of the floor below which the structural median counts as that share."""

NOTHING = 1e-12
"""Logs below which a part is nothing: what sharing out the mixture's skewness leaves of a part that is sure."""

BASIC_KINDS = dict(zip(BASIC_PARTS, ("level", "season", "calendar"), strict=True))

_Part = tuple[str, str, float, float, float, str]
"""Name, kind, log with its 80 % interval (of episodes), and the episodes that it rests on."""

_CELL = ["product", "destination", "issued", "month"]


def structural_parts(
    stage: StageResult, months: int, resting: MutableMapping[str, str]
) -> Iterator[tuple[int, str, str, float, float, float, str]]:
    """Parts in logs of the structural median of one series in the first so many months, with the month's ordinal.

    Level, season, Lunar New Year and episodes; the days of the month; and the floor, which its log has and tonnes have
    not. The level is a log of tonnes per mean month, the others are differences; all of a month add up to the log of
    the median in tonnes. A part that is nothing in a month is left out, but for level and season. An episode's part has
    its 80 % interval, and the names of the episodes of its kind, on whatever series, that its path is learned from:
    texts by kind in ``resting`` are made once and shared.
    """
    for kind in {episode.kind for episode in stage.episodes} - resting.keys():
        resting[kind] = ";".join(stage.kin[kind])
    logs = stage.parts.to_numpy(dtype=float)[:months]
    halves = HALF_WIDTH[80] * stage.part_sd.to_numpy(dtype=float)[:months]
    lengths = np.log(month_lengths(pd.PeriodIndex(stage.parts.index[:months]))).tolist()
    first, basic = int(stage.parts.index[0].ordinal), len(BASIC_PARTS)
    for at, (own, days) in enumerate(zip(logs.tolist(), lengths, strict=True)):
        for name, log in zip(BASIC_PARTS, own[:basic], strict=True):
            if abs(log) > NOTHING or BASIC_KINDS[name] != "calendar":
                yield first + at, *_sure(name, BASIC_KINDS[name], log)
        for episode, log, half in zip(stage.episodes, own[basic:], halves[at].tolist(), strict=True):
            if abs(log) > NOTHING:
                yield first + at, episode.name, "episode", log, log - half, log + half, resting[episode.kind]
        yield first + at, *_sure("days of the month", "calendar", days)
        yield first + at, *_sure("floor", "floor", _without_floor(math.fsum(own), stage.design.floor))


def combination_parts(
    structural: pd.DataFrame, combined: pd.DataFrame, calibration: pd.DataFrame, nowcasts: pd.DataFrame
) -> pd.DataFrame:
    """Parts in logs of each median of ``combined``: the table ``parts`` of a run.

    To the `structural_parts` of a median come the other members, which lie above or below it, the error carried over by
    the calibration, and what a headline moved. All of a month add up to the log of the median; one of 0 t counts as
    `LEAST_T`.
    """
    shifts = dict(zip(_cells(calibration), calibration["shift"], strict=True))
    before = dict(zip(_cells(nowcasts), nowcasts["without_t"], strict=True))
    logs: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)
    for cell, log in zip(_cells(structural), structural["log"].tolist(), strict=True):
        logs[cell].append(log)
    rows: list[tuple[object, ...]] = []
    for row in records(combined):
        cell = (row.product, row.destination, row.issued, row.month)
        if cell in logs:
            combined_t = max(float(before.get(cell, row.volume_t)), LEAST_T)
            shift = shifts.get(cell, 0.0)
            others = math.log(combined_t) - shift - math.fsum(logs[cell])
            rows.append((*cell, *_sure("other members", "combination", others)))
            if shift:
                rows.append((*cell, *_sure("carried-over error", "calibration", shift)))
        if cell in logs and cell in before:
            headline = math.log(max(row.volume_t, LEAST_T) / combined_t)
            rows.append((*cell, *_sure("headline", "headline", headline)))
    asked = set(_cells(combined))
    kept = structural[np.array([cell in asked for cell in _cells(structural)], dtype=bool)]
    return stacked([kept, RUN_TABLES["parts"].from_rows(rows)])


def _cells(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [*zip(*(table[name] for name in _CELL), strict=True)]


def _without_floor(log: float, floor: float) -> float:
    """What the log of a median falls by when the floor is taken off it."""
    return math.log(max(math.exp(log) - floor, LEAST_SHARE * floor, LEAST_T)) - log


def _sure(name: str, kind: str, log: float) -> _Part:
    """A part without an interval of its own."""
    return name, kind, log, math.nan, math.nan, ""
