"""Entries for the calendar, proposed for level shifts that no event on file explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.backtest.plan import EXPERIENCE, ORIGINS
from forecast.backtest.run import Progress, backtest_all
from forecast.level_shifts.detect import (
    CandidateShift,
    DetectionRule,
    LevelShift,
    candidate_shifts,
    detected_shifts,
    first_releases,
)
from forecast.level_shifts.errors import MONTHS_COMPARED, forecast_errors
from forecast.realtime.events import ACTING_KINDS, Members, acts_on, parts_of
from forecast.realtime.releases import Snapshot, as_of
from forecast.registry import COMBINATION, DEFAULT_ENGINE
from forecast.tables.frames import records
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.run import Forecasts
from forecast.tables.schema import EVENT_COLUMNS, SeriesKey

NEARLY_ALL = 0.8
"""Share of the destinations tested that must change together to be called all of them."""

FEWEST_FOR_ALL = 5
"""Destinations that must be tested for that."""

MEASURED_COLUMNS = ["first", "last", "months", "size", "lower", "upper", "p_value", "shown", "without_effect"]
TESTED_COLUMNS = ["product", "destination", "month", "p_value", "limit", "explained"]

RULE = DetectionRule()


@dataclass(frozen=True)
class Proposals:
    """Proposed entries, and the months tested.

    Attributes
    ----------
    events
        An events table, a row per change, and the columns `MEASURED_COLUMNS`. ``size`` is the actual over the expected
        volume of its months, less one, with an 80 % interval for what was expected; ``p_value`` that of the clearest
        destination; ``shown`` the day of the figures that showed it; ``without_effect`` the events on file in its
        months whose kind has no regressor. By first month, totals and groups last.
    tested
        Columns `TESTED_COLUMNS`: a row per series and month in which a change may have begun. A change whose
        ``p_value`` is at most ``limit`` is a finding, unless an earlier one goes on or has just ended. Where
        ``explained``, the calendar has an event for it, and nothing is tested.
    issued
        The day whose knowledge was used.
    """

    events: pd.DataFrame
    tested: pd.DataFrame
    issued: date

    @property
    def expected_false(self) -> float:
        """How many changes would be found, had nothing happened to any series."""
        return float(self.tested.loc[~self.tested["explained"].astype(bool), "limit"].sum())


def proposed_events(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | None = None,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    model: str = COMBINATION,
    origins: int = ORIGINS,
    totals: pd.DataFrame | None = None,
    learn: bool = True,
    experience: str = EXPERIENCE,
    seed: int = 0,
    engine: str = DEFAULT_ENGINE,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Proposals:
    """Entries for the calendar: changes in the last months known on ``issued`` that no event known then explains.

    The forecasts of ``model`` are made again on the last ``origins`` days on which figures came out, and compared with
    the figures known on ``issued``, by default the day of the latest figures of the products. The other arguments are
    those of `forecast.backtest_all`.

    The entries are of kind ``other``, which has no effect on forecasts: whoever knows what happened sets another. An
    entry that stands in ``events`` by its name is not proposed again. ``announced`` is the day of the figures that
    showed the change, or its end where that was earlier, since an events table allows no later day.

    Raises
    ------
    ValueError
        When no month had been forecast and come out by then, or a model or engine has no such name.

    Examples
    --------
    >>> import forecast as fc
    >>> found = fc.proposed_events(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     products=["rare_earth_magnets"], destinations=["USA"], model="naive", origins=12,
    ... )
    >>> len(found.events), len(found.tested)
    (0, 13)
    """
    products = list(products or exports["product"].unique())
    issued = issued or exports.loc[exports["product"].isin(products), "released"].max()
    released = exports[exports["released"] <= issued]
    run = backtest_all(
        released,
        events,
        groups,
        products=products,
        destinations=destinations,
        models=[model],
        last=origins,
        horizon=MONTHS_COMPARED,
        totals=totals,
        learn=learn,
        experience=experience,
        calibrate=False,
        seed=seed,
        engine=engine,
        jobs=jobs,
        progress=progress,
    )  # fmt: skip  (the spread of errors is measured here, and a correction of them would hide what is looked for)
    return proposals_of(run, released, events, groups, issued, model)


def proposals_of(
    run: Forecasts,
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    issued: date,
    model: str = COMBINATION,
    rule: DetectionRule = RULE,
) -> Proposals:
    """What a backtest of `MONTHS_COMPARED` months ahead shows of ``model``, with what was known on ``issued``.

    ``exports`` holds what was released by then, and ``run`` is the backtest of that.
    """
    known = as_of(exports, events, issued)
    tested = candidate_shifts(forecast_errors(run, known, groups, model), rule)
    released = first_releases(exports)
    found = [change for key, months in tested.items() for change in detected_shifts(key, months, released)]
    rows = [_row(joint, known, groups) for joint in _joint_shifts(found, tested, groups)]
    table = pd.DataFrame(rows, columns=[*EVENT_COLUMNS, *MEASURED_COLUMNS])
    new = ~table["event"].isin(known.events["event"])
    return Proposals(table[new].reset_index(drop=True), _tested(tested), issued)


def _tested(tested: Mapping[SeriesKey, Sequence[CandidateShift]]) -> pd.DataFrame:
    rows = [
        (*key, candidate.path.first, candidate.p_value, candidate.limit, bool(candidate.path.explained[0]))
        for key, months in tested.items()
        for candidate in months
    ]
    return pd.DataFrame(rows, columns=TESTED_COLUMNS)


# Changes that belong together -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JointShift:
    """Level shifts of one product from the same month on in one direction, and how an entry names destinations."""

    changes: tuple[LevelShift, ...]
    codes: tuple[str, ...]

    @property
    def first(self) -> pd.Period:
        """The first month."""
        return self.changes[0].first

    @property
    def last(self) -> pd.Period:
        """The last month of the longest."""
        return max(change.last for change in self.changes)

    @property
    def over_shown(self) -> date | None:
        """The day of the figures that showed that all of them were over; None where they do not."""
        days = [change.over_shown for change in self.changes]
        return None if None in days else max(day for day in days if day is not None)


def _joint_shifts(
    found: Sequence[LevelShift], tested: Mapping[SeriesKey, Sequence[CandidateShift]], groups: Members
) -> list[JointShift]:
    """Destinations together; then totals and groups, each alone, that their parts do not account for."""
    whole = {key: _is_whole(key, tested, groups) for key in tested}
    together: dict[tuple[bool, pd.Period, str, bool, str], list[LevelShift]] = {}
    for change in found:
        product, code = change.key
        if not _accounted_for(change, found, groups):
            alone = code if whole[change.key] else ""
            place = (whole[change.key], change.first, product, change.rises, alone)
            together.setdefault(place, []).append(change)
    singles = {key: months for key, months in tested.items() if not whole[key]}
    return [JointShift(tuple(members), _codes(members, singles)) for _, members in sorted(together.items())]


def _is_whole(key: SeriesKey, series: Mapping[SeriesKey, Any], groups: Members) -> bool:
    """Whether other series of the product are parts of this one."""
    return bool(parts_of([code for product, code in series if product == key[0] and code != key[1]], key[1], groups))


def _accounted_for(whole: LevelShift, found: Sequence[LevelShift], groups: Members) -> bool:
    """Whether changes of its parts in the same direction, in some of its months, make up half of it or more."""
    parts = [
        change.gap_t for change in found
        if change.key[0] == whole.key[0] and change.key != whole.key and parts_of([change.key[1]], whole.key[1], groups)
        and change.rises == whole.rises and change.first <= whole.last and whole.first <= change.last
    ]  # fmt: skip
    return bool(parts) and 2 * abs(sum(parts)) >= abs(whole.gap_t)


def _codes(members: Sequence[LevelShift], singles: Mapping[SeriesKey, Sequence[CandidateShift]]) -> tuple[str, ...]:
    """The destinations of changes, or ``ALL`` where they are nearly all that were tested in the first month."""
    codes = sorted(change.key[1] for change in members)
    tested = [
        key for key, months in singles.items()
        if key[0] == members[0].key[0] and any(candidate.path.first == members[0].first for candidate in months)
    ]  # fmt: skip
    every = len(tested) >= FEWEST_FOR_ALL and len(codes) >= NEARLY_ALL * len(tested)
    return ("ALL",) if every else tuple(codes)


# Entries --------------------------------------------------------------------------------------------------------------


def _row(joint: JointShift, known: Snapshot, groups: Members) -> dict[str, Any]:
    """The entry of a calendar, and what was measured."""
    product = joint.changes[0].key[0]
    ends = _first_day(joint.last + 1) if joint.over_shown else None
    shown = min(change.shown for change in joint.changes)
    measured = _measured(joint.changes)
    clues = _without_effect(joint, known, groups)
    return measured | {
        "event": f"unlabelled-{product}-{joint.first}-{'-'.join(joint.codes)}",
        "kind": "other",
        "products": (product,),
        "destinations": joint.codes,
        "announced": min(shown, ends or shown),
        "effective": _first_day(joint.first),
        "ends": ends,
        "ends_announced": joint.over_shown,
        "source": "",
        "description": _sentence(joint, measured, clues),
        "ends_status": "",
        "continues": "",
        "first": joint.first,
        "last": joint.last,
        "months": (joint.last - joint.first).n + 1,
        "shown": shown,
        "without_effect": clues,
    }


def _first_day(month: pd.Period) -> date:
    return date(month.year, month.month, 1)


def _measured(members: Sequence[LevelShift]) -> dict[str, float]:
    """Size and its interval, as if the errors of destinations went together; the p-value of the clearest."""
    expected = np.array([change.expected_t for change in members])
    ratio = sum(change.actual_t for change in members) / float(expected.sum())
    half = HALF_WIDTH[80] * float(expected @ [change.deviation for change in members] / expected.sum())
    bounds = {"size": ratio, "lower": ratio * np.exp(-half), "upper": ratio * np.exp(half)}
    return {name: float(bound) - 1 for name, bound in bounds.items()} | {
        "p_value": min(change.p_value for change in members)
    }


def _without_effect(joint: JointShift, known: Snapshot, groups: Members) -> tuple[str, ...]:
    """Events on file that took effect in the months on one of the destinations, but whose kind has no regressor."""
    without = records(known.events[~known.events["kind"].isin(ACTING_KINDS)])
    start, after = _first_day(joint.first), _first_day(joint.last + 1)
    return tuple(
        event.event
        for event in without
        if start <= event.effective < after and any(acts_on(event, *change.key, groups) for change in joint.changes)
    )


def _sentence(joint: JointShift, measured: Mapping[str, float], clues: Sequence[str]) -> str:
    """What is proposed, in words."""
    size, lower, upper = (round(100 * measured[name]) for name in ("size", "lower", "upper"))
    side = "above" if measured["size"] > 0 else "below"
    months = f"{joint.first} to {joint.last}" + ("" if joint.over_shown else " or longer")
    but = f" but {', '.join(clues)}, of a kind without effect" if clues else ""
    return (
        f"{', '.join(joint.codes)} {months}: {abs(size)} % {side} what was expected (80 % interval {lower:+d} to "
        f"{upper:+d} %), no event on file{but}. Proposed from the figures: its kind is still to be set."
    )
