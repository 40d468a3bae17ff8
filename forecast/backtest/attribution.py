"""Attribution of the combination's medians: what the structural model says of them, and what combining adds."""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableMapping

import numpy as np
import pandas as pd

from forecast.episodes.posterior import BASIC_PARTS
from forecast.episodes.stage import StageResult
from forecast.realtime.days import month_lengths
from forecast.tables.frames import stacked
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import RUN_TABLES

LEAST_T = 1e-9
"""Tonnes that are read for none, so that a forecast of zero has a log."""

LEAST_SHARE = 0.01
"""Share of the floor below which the structural median counts as that share."""

NOTHING = 1e-12
"""Logs below which a part is nothing: what sharing out the mixture's skewness leaves of a part that is sure."""

BASIC_KINDS = dict(zip(BASIC_PARTS, ("level", "season", "calendar"), strict=True))

NO_TRADE_PART = "months without trade"
"""Name of what months without trade do to the structural median."""

_Part = tuple[str, str, float, float, float, str]
"""Name, kind, log with its 80 % interval (of episodes), and the episodes that it rests on."""

_CELL = ["product", "destination", "issued", "month"]


def structural_parts(
    stage: StageResult, months: int, resting: MutableMapping[str, str]
) -> Iterator[tuple[int, str, str, float, float, float, str]]:
    """Parts in logs of the structural median of one series in the first so many months, with the month's ordinal.

    Level, season, Lunar New Year and episodes; the days of the month; and the floor, which its log has and tonnes have
    not: what it is without the episodes, who have in tonnes what they do to what lies above it (`_above_floor`). The
    level is a log of tonnes per mean month, the others are differences; all of a month add up to the log of the median
    in tonnes, and to that where months without trade take something off it. A part that is nothing in a month is left
    out, but for level and season. An episode's part has its 80 %
    interval, and the names of the episodes of its kind, on whatever series, that its path is learned from: texts by
    kind in ``resting`` are made once and shared.
    """
    for kind in {episode.kind for episode in stage.episodes} - resting.keys():
        resting[kind] = ";".join(stage.kin[kind])
    logs, ahead = stage.parts[:months], pd.PeriodIndex(stage.design.X_future.index[:months])
    halves = HALF_WIDTH[80] * stage.part_sd[:months]
    lengths = np.log(month_lengths(ahead)).tolist()
    first, basic = int(ahead[0].ordinal), len(BASIC_PARTS)
    without = stage.design.no_trade(stage.quantiles[:months], LEAST_SHARE * stage.design.floor).tolist()
    for at, (own, days) in enumerate(zip(logs.tolist(), lengths, strict=True)):
        for name, log in zip(BASIC_PARTS, own[:basic], strict=True):
            if abs(log) > NOTHING or BASIC_KINDS[name] != "calendar":
                yield first + at, *_sure(name, BASIC_KINDS[name], log)
        floor, times = _above_floor(math.fsum(own[:basic]), math.fsum(own[basic:]), stage.design.floor)
        for episode, log, half in zip(stage.episodes, own[basic:], halves[at].tolist(), strict=True):
            if abs(log) > NOTHING:
                bounds = times * (log - half), times * (log + half)
                yield first + at, episode.name, "episode", times * log, *bounds, resting[episode.kind]
        yield first + at, *_sure("days of the month", "calendar", days)
        yield first + at, *_sure("floor", "floor", floor)
        if abs(without[at]) > NOTHING:
            yield first + at, *_sure(NO_TRADE_PART, "combination", without[at])


def combination_parts(
    structural: pd.DataFrame, combined: pd.DataFrame, calibration: pd.DataFrame, nowcasts: pd.DataFrame
) -> pd.DataFrame:
    """Parts in logs of each median of ``combined``: the table ``parts`` of a run.

    To the `structural_parts` of a median come the other members, which lie above or below it, the error carried over by
    the calibration, and what a headline moved. All of a month add up to the log of the median; one of 0 t counts as
    `LEAST_T`.
    """
    asked = pd.MultiIndex.from_frame(combined[_CELL])
    place = asked.get_indexer(pd.MultiIndex.from_frame(structural[_CELL]))
    own, divided = structural[place >= 0], np.bincount(place[place >= 0], minlength=len(asked)) > 0
    logs = np.bincount(place[place >= 0], own["log"].to_numpy(dtype=float), minlength=len(asked))
    shift = _by_cell(calibration, "shift").reindex(asked).fillna(0.0).to_numpy()
    final = np.maximum(combined["volume_t"].to_numpy(dtype=float), LEAST_T)
    before = np.maximum(_by_cell(nowcasts, "without_t").reindex(asked).to_numpy(dtype=float), LEAST_T)
    moved = np.isfinite(before)
    before = np.log(np.where(moved, before, final))
    parts = (
        ("other members", "combination", before - shift - logs, divided),
        ("carried-over error", "calibration", shift, divided & (shift != 0)),
        ("headline", "headline", np.log(final) - before, divided & moved),
    )
    columns = RUN_TABLES["parts"].columns
    found = [
        combined.loc[chosen, _CELL].assign(
            name=name, kind=kind, log=log[chosen], lower_80=np.nan, upper_80=np.nan, rests_on=""
        )[columns]
        for name, kind, log, chosen in parts
    ]
    return stacked([own, *found])


def _by_cell(table: pd.DataFrame, column: str) -> pd.Series:
    """A column by cell."""
    return pd.Series(table[column].to_numpy(dtype=float), pd.MultiIndex.from_frame(table[_CELL]))


def _above_floor(log: float, moved: float, floor: float) -> tuple[float, float]:
    """The floor's part of a median whose log is ``log`` before episodes move it, and by what their logs are multiplied.

    Where a ban leaves little, most of what is left in the log is the floor: taking it off is what the ban does.

    Examples
    --------
    >>> part, times = _above_floor(math.log(101.0), math.log(2.0 / 101.0), 1.0)  # of 100 t a ban leaves 1 t
    >>> round(math.exp(part) * 101.0, 9), round(math.exp(times * math.log(2.0 / 101.0)), 9)
    (100.0, 0.01)
    """
    before, after = _without_floor(log, floor), _without_floor(log + moved, floor)
    return before, 1.0 + (after - before) / moved if abs(moved) > NOTHING else 1.0


def _without_floor(log: float, floor: float) -> float:
    """What the log of a median falls by when the floor is taken off it."""
    return math.log(max(math.exp(log) - floor, LEAST_SHARE * floor, LEAST_T)) - log


def _sure(name: str, kind: str, log: float) -> _Part:
    """A part without an interval of its own."""
    return name, kind, log, math.nan, math.nan, ""
