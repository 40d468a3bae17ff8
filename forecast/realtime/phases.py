"""The phase of a month by the calendar as known on the issue day: event, after, calm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from forecast.realtime.days import month_ordinal
from forecast.realtime.events import ACTING_KINDS, Members, acts_on, known_events, measures
from forecast.tables.frames import records

PHASES = ["event", "after", "calm"]
MONTHS_AFTER = 3


def phases(forecasts: pd.DataFrame, events: pd.DataFrame, groups: Members) -> pd.Series:
    """The phase of every row, on its index: ``event``, ``after`` or ``calm``, by the calendar as known on ``issued``.

    By episodes (`forecast.realtime.events.measures`): ``event`` is the month in which a measure, tightening or easing,
    takes effect on the series and the one in which it ends, with notice also the months from its announcement on.
    ``after`` is the next three months of either, ``calm`` the rest; what continues a measure is neither.
    An event or an end announced after the issue day is not seen: the month of a surprise counts as ``calm`` where it
    surprised. An end that is only scheduled is none, and what is known to have ended on or before its day of effect
    never acted.
    ``groups`` gives the members of a group's code.

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
    acting = events[events["kind"].isin(ACTING_KINDS)]
    acting = acting.assign(place=np.arange(len(acting)))
    day, days = pd.factorize(forecasts["issued"])
    series, keys = pd.factorize(pd.MultiIndex.from_frame(forecasts[["product", "destination"]]))
    scope, scopes = _scopes(acting, list(keys), groups)
    month = forecasts["month"].array.asi8
    during, after = np.zeros((2, len(forecasts)), dtype=bool)
    for place, issued in enumerate(days):
        known = {row.place: row for row in records(known_events(acting, issued))}
        for at, touching in enumerate(scopes):
            here = np.flatnonzero((day == place) & (scope[series] == at))
            for first, last in _turns([known[row] for row in touching if row in known] if len(here) else []):
                during[here] |= (month[here] >= first) & (month[here] <= last)
                after[here] |= (month[here] > last) & (month[here] <= last + MONTHS_AFTER)
    names = np.select([during, after], PHASES[:2], default=PHASES[2])
    return pd.Series(pd.Categorical(names, categories=PHASES, ordered=True), index=forecasts.index, name="phase")


def _scopes(acting: pd.DataFrame, keys: list[tuple[str, str]], groups: Members) -> tuple[np.ndarray, list[list[int]]]:
    """Which of all series alike in the events that touch them each series is, and the places of these events."""
    rows = records(acting)
    touched = np.array([[acts_on(row, *key, groups) for row in rows] for key in keys], dtype=bool)
    unlike, scope = np.unique(touched.reshape(len(keys), len(rows)), axis=0, return_inverse=True)
    return scope.reshape(-1), [np.flatnonzero(own).tolist() for own in unlike]


def _turns(touching: list[Any]) -> Iterator[tuple[int, int]]:
    """First and last month, by ordinal, of what is news of each measure: its notice and effect, and its end."""
    for measure in measures(touching):
        if measure.acted:
            effect = month_ordinal(measure.effective)
            yield min(effect, month_ordinal(measure.announced)), effect
            if measure.ends is not None:
                yield month_ordinal(measure.ends), month_ordinal(measure.ends)
