"""Attribution of the combination's medians: what the structural model says of them, and what combining adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from forecast.episodes.panel import month_lengths
from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult
from forecast.tables.frames import packed, records, unpacked
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

MEDIANS_AT_A_TIME = 2**14
"""Medians whose parts are rows in memory before they become a table."""


@dataclass(frozen=True, slots=True)
class Division:
    """Additive parts of the structural log median of one series, in the months that are reported.

    Attributes
    ----------
    first
        Ordinal of the first month.
    logs, halves
        Parts (months x `BASIC_PARTS` and episodes), and half the 80 % intervals of those of episodes.
    floor
        Tonnes added before the log.
    episodes
        Name of each episode, and the names of all of its kind that its path is learned from.
    """

    first: int
    logs: np.ndarray
    halves: np.ndarray
    floor: float
    episodes: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, stage: StageResult, months: int, resting: MutableMapping[str, str]) -> Division:
        """The division of the first so many months; texts by kind in ``resting`` are made once and shared."""
        for kind in {episode.kind for episode in stage.episodes} - resting.keys():
            resting[kind] = ";".join(stage.kin[kind])
        logs = stage.parts.to_numpy(dtype=float)[:months].copy()
        halves = HALF_WIDTH[80] * stage.part_sd.to_numpy(dtype=float)[:months]
        episodes = tuple((episode.name, resting[episode.kind]) for episode in stage.episodes)
        return cls(int(stage.parts.index[0].ordinal), logs, halves, stage.design.floor, episodes)


def combination_parts(
    divisions: Mapping[date, Mapping[SeriesKey, Division]],
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
    own = RUN_TABLES["parts"]
    found = [own.empty()]
    for start in range(0, len(combined), MEDIANS_AT_A_TIME):
        rows: list[tuple[object, ...]] = []
        for row in records(combined.iloc[start : start + MEDIANS_AT_A_TIME]):
            cell = (row.product, row.destination, row.issued, row.month)
            division = divisions.get(row.issued, {}).get((row.product, row.destination))
            if division is not None:
                combined_t = max(float(before.get(cell, row.volume_t)), LEAST_T)
                rows += [(*cell, *part) for part in _parts(division, row.month, combined_t, shifts.get(cell, 0.0))]
            if division is not None and cell in before:
                headline = math.log(max(row.volume_t, LEAST_T) / combined_t)
                rows.append((*cell, *_sure("headline", "headline", headline)))
        found.append(packed(own.from_rows(rows), own))
    return unpacked(found)


def _parts(division: Division, month: pd.Period, volume_t: float, shift: float) -> Iterator[_Part]:
    """Parts of one median; a part that is nothing in the month is left out, but for level and season."""
    at = month.ordinal - division.first
    logs = division.logs[at]
    for name, log in zip(BASIC_PARTS, logs, strict=False):
        if abs(log) > NOTHING or BASIC_KINDS[name] != "calendar":
            yield _sure(name, BASIC_KINDS[name], float(log))
    yield from _episode_parts(division, at)
    days = math.log(month_lengths(pd.PeriodIndex([month]))[0])
    median = math.fsum(logs)
    floor = division.floor
    structural = math.log(max(math.exp(median) - floor, LEAST_SHARE * floor, LEAST_T))
    yield _sure("days of the month", "calendar", days)
    yield _sure("floor", "floor", structural - median)
    yield _sure("other members", "combination", math.log(volume_t) - shift - structural - days)
    if shift:
        yield _sure("carried-over error", "calibration", shift)


def _sure(name: str, kind: str, log: float) -> _Part:
    """A part without an interval of its own."""
    return name, kind, log, math.nan, math.nan, ""


def _episode_parts(division: Division, at: int) -> Iterator[_Part]:
    """Parts of episodes, with 80 % intervals and the names of the episodes that their paths are learned from."""
    logs, halves = division.logs[at, len(BASIC_PARTS) :].tolist(), division.halves[at].tolist()
    for (name, resting), log, half in zip(division.episodes, logs, halves, strict=True):
        if abs(log) > NOTHING:
            yield name, "episode", log, log - half, log + half, resting
