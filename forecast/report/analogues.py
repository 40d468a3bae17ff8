"""Past measures most like one of the calendar, and what volumes did since each took effect; their table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.realtime.data import Data
from forecast.realtime.events import Members, covers_product, covers_whole, known_events
from forecast.report.text import UNKNOWN, digits, spoken
from forecast.tables.frames import records

SINCE = (0, 1, 2, 3, 6, 12)
"""Months since the month of effect that are compared."""

_BEFORE, _LEAST_BEFORE = 6, 3
"""Months before the announcement whose mean is the base, and how many of them must be known."""

OTHER_SCOPE, OTHER_PRODUCTS = 1.0, 0.5
"""What another scope, or no product in common, adds to the distance of two measures."""

USUAL_NOTICE = 30
"""Days added to the notice of both measures before their logs are compared."""

ANALOGUE_COLUMNS = [
    "event", "kind", "product", "destination", "effective", "notice_days", "distance", "base_t",
    *(f"month_{month}" for month in SINCE), "source",
]  # fmt: skip


class AnalogueError(ValueError):
    """Why there are no analogues: one sentence."""


def analogues(data: Data, event: str, issued: date, most: int = 5) -> pd.DataFrame:
    """The measure ``event`` and the ``most`` measures of its kind that are most like it, as known on ``issued``.

    Two measures are the nearer the less their notice differs (logs of days), and where both act on all destinations or
    both on some, and on a product in common. Only series that a measure covers whole are shown.

    Returns
    -------
    pandas.DataFrame
        Columns `ANALOGUE_COLUMNS`, a row per measure, product and destination, itself first, then the nearest.
        ``month_0`` is the volume of the month of effect over ``base_t``, the mean of the six months before the one of
        the announcement; NaN where it is not known. Such ratios are associations: whatever else happened is in them.

    Raises
    ------
    AnalogueError
        When no event of that name was known on the day.
    """
    known = known_events(data.events, issued)
    rows = {row.event: row for row in records(known)}
    if event not in rows:
        near = ", ".join(sorted(name for name in rows if name.startswith(event.partition("-")[0]))[:5])
        said = f"{event}: expected an event known on {issued}, found none."
        raise AnalogueError(f"{said} Names that begin so: {near or 'none'}. All are in forecast events --all.")
    own = rows[event]
    apart = {name: distance(own, row) for name, row in rows.items() if row.kind == own.kind and row.effective <= issued}
    volumes = data.as_of(issued).volumes
    found: list[tuple[Any, ...]] = list(_series(own, 0.0, volumes, data.groups))
    taken = 0
    for name in sorted(apart, key=lambda one: (apart[one], one)):
        series = [] if name == event else list(_series(rows[name], apart[name], volumes, data.groups))
        taken += bool(series)
        found += series
        if taken == most:
            break
    return pd.DataFrame(found, columns=ANALOGUE_COLUMNS)


def distance(one: Any, other: Any) -> float:
    """How unlike two measures are; zero for the same notice, scope and product.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> sudden = Row(announced=date(2025, 4, 4), effective=date(2025, 4, 4), destinations=("ALL",), products=("x",))
    >>> slow = Row(announced=date(2023, 7, 3), effective=date(2023, 8, 2), destinations=("ALL",), products=("x",))
    >>> distance(sudden, sudden), round(distance(sudden, slow), 3)
    (0.0, 0.693)
    """
    notice = [math.log(notice_days(row) + USUAL_NOTICE) for row in (one, other)]
    scope = ("ALL" in one.destinations) != ("ALL" in other.destinations)
    common = "ALL" in (*one.products, *other.products) or bool(set(one.products) & set(other.products))
    return abs(notice[0] - notice[1]) + OTHER_SCOPE * scope + OTHER_PRODUCTS * (not common)


def notice_days(event: Any) -> int:
    """Days from announcement to effect; zero for what was announced after it."""
    return int(max((event.effective - event.announced).days, 0))


def _series(
    event: Any, apart: float, volumes: Mapping[str, pd.DataFrame], groups: Members
) -> Iterator[tuple[Any, ...]]:
    """A row for each series that the measure covers whole and of which the months before it are known."""
    effect = pd.Period(event.effective, freq="M")
    begin = min(effect, pd.Period(event.announced, freq="M"))
    for product, wide in volumes.items():
        if not covers_product(event.products, product):
            continue
        for code in map(str, wide):
            before = wide[code].reindex(pd.period_range(begin - _BEFORE, begin - 1, freq="M")).dropna()
            if not covers_whole(event.destinations, code, groups) or len(before) < _LEAST_BEFORE or before.mean() <= 0:
                continue
            after = wide[code].reindex(pd.PeriodIndex([effect + month for month in SINCE], freq="M"))
            ratios = (after / before.mean()).to_numpy(dtype=float)
            if np.isfinite(ratios).any():
                about = (event.event, event.kind, product, code, event.effective, notice_days(event), apart)
                yield (*about, float(before.mean()), *ratios.tolist(), event.source)


# On the screen --------------------------------------------------------------------------------------------------------

COURSE = ("notice", "before\nt", *(f"+{month}" for month in SINCE))
NARROW_WITHOUT = ("notice", "+2")
"""Columns that a screen narrower than `ROOM` goes without."""

ROOM = 78


NOTHING_ALIKE = (
    "No measure of its kind took effect whose volumes are known before and after it. Give further series with"
    " --experience or --exports, or measures of the kind with --events."
)


def print_analogues(
    found: pd.DataFrame, names: Mapping[str, str], console: Console, called: Callable[[str], str] = str
) -> None:
    """Print what volumes did since each measure, in percent of the base; sources follow, a line a measure.

    ``names`` and ``called`` name destinations and events. Where nothing is like the measure a sentence says so.
    """
    if found.empty:
        console.print(Text(NOTHING_ALIKE))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    table.add_column("measure, product and destination", overflow="fold")
    shown = [heading for heading in COURSE if console.width >= ROOM or heading not in NARROW_WITHOUT]
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    former = None
    for row in records(found):
        ratios = [percent_of(getattr(row, f"month_{month}")) for month in SINCE]
        if row.event != former:
            table.add_row(Text(called(row.event), style="bold"))
        place = names.get(row.destination, row.destination)
        numbers = [f"{row.notice_days} d", digits(row.base_t), *ratios]
        own = dict(zip(COURSE, numbers, strict=True))
        table.add_row(*map(Text, [f"{spoken(row.product)}, {place}", *(own[heading] for heading in shown)]))
        former = row.event
    console.print(table)
    console.print(Text("Percent of the mean of the six months before the announcement, by months since the effect: "
                       "association, not cause.", style="dim"))  # fmt: skip
    for row in records(found.drop_duplicates("event")):
        console.print(Text(f"{_named(row, called)}: {row.source or 'no source on file'}", style="dim"))


def _named(row: Any, called: Callable[[str], str]) -> str:
    """A measure by its name, with its identifier in the calendar where that is another."""
    name = called(row.event)
    return name if row.event in name else f"{name} ({row.event})"


def percent_of(ratio: float) -> str:
    """A ratio as a whole percentage of the base, or a dash where it is not known.

    Examples
    --------
    >>> percent_of(0.256), percent_of(float("nan"))
    ('26 %', '-')
    """
    return UNKNOWN if pd.isna(ratio) else f"{100 * ratio:,.0f} %"
