"""The phase of a month by the calendar as known on the issue day: event, after, calm."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from forecast.realtime.events import ACTING_KINDS, Members, acts_on, end_known

PHASES = ["event", "after", "calm"]
MONTHS_AFTER = 3


def phases(forecasts: pd.DataFrame, events: pd.DataFrame, groups: Members) -> pd.Series:
    """The phase of every row, on its index: ``event``, ``after`` or ``calm``, by the calendar as known on ``issued``.

    ``event`` is the month in which an event with a regressor, tightening or easing, takes effect on the series and,
    with notice, the months from its announcement on. ``after`` is the next three months, ``calm`` the rest. An event
    announced after the issue day is not seen: the month of a surprise counts as ``calm`` where it surprised. An event
    known to have ended on or before its day of effect never acted. ``groups`` gives the members of a group's code.

    Examples
    --------
    Licensing of magnets came on 4 April 2025 without notice: nobody who forecast on 20 March could see it.

    >>> from datetime import date
    >>> import forecast as fc
    >>> days = [date(2025, 3, 20), date(2025, 4, 20)]
    >>> rows = pd.DataFrame({"product": "rare_earth_magnets", "destination": "JPN", "issued": days})
    >>> phases(rows.assign(month=pd.Period("2025-04", "M")), fc.read_events(), fc.read_groups()).tolist()
    ['calm', 'event']
    """
    acting = events[events["kind"].isin(ACTING_KINDS)].reset_index(drop=True)
    day, days = pd.factorize(forecasts["issued"])
    series, keys = pd.factorize(pd.MultiIndex.from_frame(forecasts[["product", "destination"]]))
    known = _known(acting, list(days))
    month = forecasts["month"].array.asi8
    during, after = np.zeros((2, len(forecasts)), dtype=bool)
    for position, (_, event) in enumerate(acting.iterrows()):
        touched = np.array([acts_on(event, product, code, groups) for product, code in keys], dtype=bool)
        here = known[position, day] & touched[series]
        effect = _ordinal(event["effective"])
        during |= here & (month >= min(_ordinal(event["announced"]), effect)) & (month <= effect)
        after |= here & (month > effect) & (month <= effect + MONTHS_AFTER)
    names = np.select([during, after], PHASES[:2], default=PHASES[2])
    return pd.Series(pd.Categorical(names, categories=PHASES, ordered=True), index=forecasts.index, name="phase")


def _known(acting: pd.DataFrame, days: list[date]) -> np.ndarray:
    """Whether an event (row) stood in the calendar of a day (column) as one that acts or will act."""
    known = np.zeros((len(acting), len(days)), dtype=bool)
    columns = [acting[name] for name in ("event", "effective", "ends", "ends_announced", "ends_status")]
    rows = [*zip(*columns, acting.get("known_from", acting["announced"]), strict=True)]
    for column, issued in enumerate(days):
        there = set()
        for event, effective, ends, announced, status, known_from in rows:
            end = None if status == "scheduled" else end_known(ends, announced, issued)
            if known_from <= issued and (end is None or end > effective):
                there.add(event)
        known[:, column] = [event in there for event, *_ in rows]
    return known


def _ordinal(day: date) -> int:
    return (day.year - 1970) * 12 + day.month - 1
