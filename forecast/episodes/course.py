"""Episodes: one measure on one series, from its announcement to the months after its end, and the phases of its days.

An episode is an event and what continues it: rows that name it in ``continues``, or, where that is empty, rows of one
kind that abut on the same products and destinations. Rows that overlap are measures of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from forecast.realtime.days import DAYS_A_MONTH, consecutive_months, days_of, month_ordinal
from forecast.realtime.events import Members, PolicyMeasure, acts_on, as_series_sees, covers_whole, measures, parts_of
from forecast.tables.schema import REST_OF_WORLD, WORLD

DIVERSION = "diversion"
"""Kind of an episode that is not in the calendar: what a measure on other destinations sends to this one."""

RAMP = 9
"""Months in which a diversion comes to its full effect, and in which it goes."""

BLOCK = 60
"""Months of which the phases of a measure are worked out at once."""

NOTICE_DAYS = 30
LASTS = 48.0
"""Months in force after which an effect begins to become the level; after twice as many a third of it is left."""

IN_FORCE = (0, 1, 2, 3, 6, 12)
AFTER = (0, 1, 2, 4, 7)
"""First month of each phase since the effect and since the end; from the last of `AFTER` on an effect fades."""

FADES = 24.0
"""Months in which two thirds of what is not back after the phases of `AFTER` become the level: it comes by degrees."""

WHOLE = 60.0
"""Days in force from which an end is followed by all that the phases after it are: a halt of some days is by a part."""

KNOTS = (
    "notice",
    *(f"force_{phase}" for phase in ("0", "1", "2", "3-5", "6-11", "12+")),
    *(f"after_{phase}" for phase in ("0", "1", "2-3", "4-6")),
)
"""Phases of a measure's days, in order: the knots of a path."""

FORCE = slice(1, 1 + len(IN_FORCE))

QUANTITATIVE = ("ban", "licensing", "quota", "scrutiny")
"""Kinds that restrict quantities (GATT, Article XI), which an easing may lift and the market alone does not."""

LIFTS = {"suspension": 0.7, "general_licence": 0.5, "quota_removal": 0.5, "approvals": 0.3, "truce": 0.15}
"""Share of what restrictions in force took, in logs, that an easing of each kind is expected to bring back. Of
suspensions those are left here that hold for a part of a series: of all of it they are the end of the measure."""


@dataclass(frozen=True)
class Episode:
    """One measure as known on a day, on one series.

    Attributes
    ----------
    name
        The event that began it.
    ends
        The day after its last; None where no end is known.
    share
        Part of the series' volume under it, 0 to 1.
    events
        The event and those that continue it, in order.
    barred
        Of a diversion: the share of the product's volume that is kept from other destinations.
    names_goods
        Whether the event says which goods it is on: one on all is politics, and lifts no measure in particular.
    """

    name: str
    kind: str
    announced: date
    effective: date
    ends: date | None
    share: float
    events: tuple[str, ...]
    barred: float = 0.0
    names_goods: bool = True

    @classmethod
    def of(cls, measure: PolicyMeasure, name: str, kind: str, share: float, barred: float = 0.0) -> Episode:
        """That of a measure of the calendar."""
        events = tuple(row.event for row in measure.rows)
        named = "ALL" not in measure.rows[0].products
        return cls(name, kind, measure.announced, measure.effective, measure.ends, share, events, barred, named)

    def unsettled(self, months: np.ndarray) -> np.ndarray:
        """Whether each month, by ordinal, is one that the episode may have moved in ways of its own.

        So are those from its announcement until its last phase in force has begun, and from the month before its end
        until goods are believed to be back.
        """
        first = min(month_ordinal(self.announced), month_ordinal(self.effective))
        found = (months >= first) & (months <= month_ordinal(self.effective) + IN_FORCE[-1])
        if self.ends is not None:
            end = month_ordinal(self.ends)
            found |= (months >= end - 1) & (months < end + AFTER[-1])
        return np.asarray(found)

    def in_force(self, months: np.ndarray) -> np.ndarray:
        """Whether each month, by ordinal, has a day on which the episode is in force."""
        last = np.inf if self.ends is None else month_ordinal(self.ends)
        return np.asarray((months >= month_ordinal(self.effective)) & (months <= last))


def episodes_of(
    acting: Iterable[Any], product: str, destination: str, members: Members, volumes: pd.DataFrame | Years | None = None
) -> tuple[Episode, ...]:
    """The episodes of one series among the rows of a calendar as known, in order of effect.

    ``acting`` are named tuples (`forecast.realtime.events.acting_events`); ``volumes`` holds tonnes by month, a column
    per destination of the product, for the shares of the parts of a whole. A part whose share is not known, and a
    measure without weight, is left out.

    Examples
    --------
    >>> from datetime import date
    >>> import forecast as fc
    >>> from forecast.realtime.events import acting_events, known_events
    >>> calendar = known_events(fc.read_events(), date(2025, 9, 1))
    >>> found = episodes_of(acting_events(calendar), "rare_earth_magnets", "USA", {})
    >>> [episode.name for episode in found if episode.kind == "licensing"]
    ['licensing-2025-04-ree']
    """
    touching = [event for event in acting if acts_on(event, product, destination, members)]
    years = None if volumes is None else Years.of(volumes)
    found = []
    for measure in measures(as_series_sees(touching, destination, members)):
        share = _share(measure.rows[0], destination, members, years)
        if share > 0:
            found.append(Episode.of(measure, measure.name, measure.rows[0].kind, share))
    ordered = sorted(found, key=lambda episode: (episode.effective, episode.name))
    return tuple(_while_it_eases(episode, ordered) for episode in ordered)


def _while_it_eases(episode: Episode, episodes: Sequence[Episode]) -> Episode:
    """An easing, which ends with the last of the restrictions that it lifts."""
    ends = [other.ends for other in eased_by(episode, episodes)]
    known = [end for end in ends if end is not None]
    if not ends or len(known) < len(ends):
        return episode
    last = max(known)
    return replace(episode, ends=last if episode.ends is None else min(episode.ends, last))


def _share(event: Any, destination: str, members: Members, volumes: Years | None) -> float:
    if covers_whole(event.destinations, destination, members):
        return 1.0
    if volumes is None or destination not in volumes.table:
        return 0.0
    parts = tuple(parts_of(event.destinations, destination, members))
    return volumes.before(event, (destination, parts), lambda year: _share_of_parts(year, destination, parts))


def _share_of_parts(year: pd.DataFrame, destination: str, codes: Sequence[str]) -> float:
    whole = year[destination].to_numpy(dtype=float)
    parts = year[[code for code in codes if code in year]].to_numpy(dtype=float)
    part = np.nansum(parts, axis=1)
    both = np.isfinite(parts).any(axis=1) & np.isfinite(whole)
    total = whole[both].sum()
    return float(min(part[both].sum() / total, 1.0)) if total > 0 else 0.0


class Years:
    """A product's volumes, tonnes by month and destination, and each of their years by its digest."""

    def __init__(self, volumes: pd.DataFrame) -> None:
        self.table = volumes
        self.codes = tuple(map(str, volumes.columns))
        self._months = pd.PeriodIndex(volumes.index).asi8
        self._seen: dict[int, tuple[slice, str]] = {}
        self._covered: dict[tuple[str, ...], frozenset[str]] = {}

    @classmethod
    def of(cls, volumes: pd.DataFrame | Years) -> Years:
        """Themselves, or those of a table."""
        return volumes if isinstance(volumes, Years) else cls(volumes)

    def before(self, event: Any, asked: Hashable, share: Callable[[pd.DataFrame], float]) -> float:
        """What ``share`` finds in the year before an event, worked out once for the same figures.

        ``asked`` says what that is, for whoever looks at many days and series: a year that is over is seldom revised.
        """
        day = min(event.announced, event.effective)
        year, digest = self._year(month_ordinal(day))
        if (asked, digest) not in _OF_YEARS:
            if len(_OF_YEARS) >= _MOST_YEARS:
                del _OF_YEARS[next(iter(_OF_YEARS))]
            _OF_YEARS[asked, digest] = share(self.table.iloc[year])
        return _OF_YEARS[asked, digest]

    def covered(self, named: tuple[str, ...], members: Members) -> frozenset[str]:
        """The single destinations that an event on ``named`` covers whole, worked out once for all that ask."""
        if named not in self._covered:
            single = (code for code in self.codes if code not in (WORLD, REST_OF_WORLD) and code not in members)
            self._covered[named] = frozenset(code for code in single if covers_whole(named, code, members))
        return self._covered[named]

    def _year(self, onset: int) -> tuple[slice, str]:
        """Where the year before a month lies, and the digest of its figures as they are laid out."""
        if onset not in self._seen:
            start, stop = np.searchsorted(self._months, [onset - 12, onset]).tolist()
            values = self.table.to_numpy(dtype=float)[start:stop]
            found = hashlib.sha256(repr((values.shape, values.strides)).encode() + "\n".join(self.codes).encode())
            found.update(values.tobytes())
            self._seen[onset] = slice(start, stop), found.hexdigest()
        return self._seen[onset]


_OF_YEARS: dict[Hashable, float] = {}
_MOST_YEARS = 4_096


def left_to_strike(episode: Episode, episodes: Sequence[Episode], path: np.ndarray) -> float:
    """What measures of its kind that an episode found in force are believed to have left of the volume, as a share.

    Each leaves what the kind's mean ``path`` (knots, logs) says of its age on the day of the episode's effect.

    Examples
    --------
    Half a year after a ban that leaves a tenth a second one has a tenth to strike, a month after twice as much:

    >>> from datetime import date
    >>> import numpy as np
    >>> path = np.log([1.0, 0.5, 0.2, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0])
    >>> first = Episode("a", "ban", date(2025, 1, 1), date(2025, 1, 1), None, 1.0, ("a",))
    >>> days = (date(2025, 7, 5), date(2025, 2, 2))
    >>> late, early = (Episode("b", "ban", day, day, None, 1.0, ("b",)) for day in days)
    >>> round(left_to_strike(late, [first, late], path), 3), round(left_to_strike(early, [first, early], path), 3)
    (0.1, 0.2)
    """
    return float(np.exp(-taken(measures_below(episode, episodes), episode.effective, lambda _: path)))


def eased_by(episode: Episode, episodes: Sequence[Episode]) -> list[Episode]:
    """The measures in force that an easing lifts in part: restrictions of quantity on its series as it takes effect."""
    if not episode.names_goods or episode.kind not in LIFTS:
        return []
    restrictions = (other for other in episodes if other.kind in QUANTITATIVE)
    return [other for other in restrictions if other.effective < episode.effective and _acts_at(other, episode)]


def left_to_lift(episode: Episode, episodes: Sequence[Episode]) -> float:
    """Share of what restrictions took that easings before this one are believed not to have brought back yet."""
    others = [one for one in episodes if eased_by(one, episodes) and _order(one) < _order(episode)]
    return float(np.prod([1.0 - LIFTS[one.kind] for one in others if _acts_at(one, episode)]))


def _acts_at(other: Episode, episode: Episode) -> bool:
    """Whether one is still in force on the day of effect of another."""
    return other.ends is None or other.ends > episode.effective


def taken(others: Iterable[Episode], day: date, path: Callable[[str], np.ndarray]) -> float:
    """What measures in force on a day are believed to take from the volume, in logs, by the mean path of each kind.

    What has become the level by then counts no more.
    """
    found = 0.0
    for other in others:
        age = (day - other.effective).days / DAYS_A_MONTH
        found += unabsorbed(age) * abs(path(other.kind)[FORCE][np.searchsorted(IN_FORCE, age, side="right") - 1])
    return float(found)


def measures_below(episode: Episode, episodes: Sequence[Episode]) -> list[Episode]:
    """The measures of its kind that an episode found in force on its series: it strikes what those have left.

    Of measures that take effect on one day those count that were announced, or end, before it.
    """
    return [
        other
        for other in episodes
        if other.kind == episode.kind and _order(other) < _order(episode) and _acts_at(other, episode)
    ]


def _order(episode: Episode) -> tuple[date, date, date, str]:
    """By day of effect, announcement and end; the name decides between episodes that are alike."""
    return episode.effective, episode.announced, episode.ends or date.max, episode.name


Restrictions = tuple[tuple[tuple[date, date, date | None], float, tuple[float, ...]], ...]
"""Span, share and believed path of each measure that an easing lifts."""


def exposure(episode: Episode, months: pd.PeriodIndex, lag: int = 0, lifted: Restrictions = ()) -> np.ndarray:
    """Share of each month's days in each phase of a measure (months x `KNOTS`), without the episode's own share.

    Both ends act ``lag`` days late, as goods in transit do; notice does not. ``months`` are consecutive. A day counts
    by what the measures that are ``lifted`` leave of its volume: where a ban ends within a month, most of what is
    shipped in it is under neither the ban nor a licence that lifts it.

    Examples
    --------
    >>> from datetime import date
    >>> import pandas as pd
    >>> ban = Episode("b", "ban", date(2025, 4, 1), date(2025, 4, 1), None, 1.0, ("b",))
    >>> exposure(ban, pd.period_range("2025-04", periods=2, freq="M"), lag=15).round(2)[:, 1:3].tolist()
    [[0.5, 0.0], [0.52, 0.48]]
    """
    span, asked = (episode.announced, episode.effective, episode.ends), months[0].ordinal
    first = asked // BLOCK * BLOCK  # the same months for series that begin or end some months apart
    count = -(-(asked + len(months) - first) // BLOCK) * BLOCK
    ramp = episode.kind == DIVERSION
    found: np.ndarray = _ramp(span[1:], first, count) if ramp else _exposure(span, first, count, lag, lifted)
    return found[asked - first : asked - first + len(months)]


def phases_of(kind: str) -> Iterator[tuple[int, str]]:
    """Places and names of the phases that an episode of a kind has: a diversion knows only its full effect."""
    yield from ((at, name) for at, name in enumerate(KNOTS) if kind != DIVERSION or at == FORCE.stop - 1)


@lru_cache(maxsize=2048)
def _ramp(span: tuple[date, date | None], first: int, count: int) -> np.ndarray:
    """Share of the full effect of a diversion in each month, in the column of the last phase in force."""
    days = days_of(consecutive_months(first, count))
    effective, ends = span
    risen = np.clip((days.ordinals - effective.toordinal()) / (RAMP * DAYS_A_MONTH), 0.0, 1.0)
    if ends is not None:
        risen -= np.clip((days.ordinals - ends.toordinal()) / (RAMP * DAYS_A_MONTH), 0.0, risen)
    shares = np.zeros((count, len(KNOTS)))
    shares[:, FORCE.stop - 1] = days.monthly(np.maximum(risen, 0.0))
    shares.flags.writeable = False
    return shares


@lru_cache(maxsize=2048)
def _exposure(
    span: tuple[date, date, date | None], first: int, count: int, lag: int, lifted: Restrictions
) -> np.ndarray:
    days = days_of(consecutive_months(first, count))
    volume = np.ones(len(days.ordinals))
    for own, share, path in lifted:
        volume *= 1.0 + share * (np.expm1(path) @ _by_day(own, first, count, lag))
    monthly = [days.monthly(column * volume) for column in _by_day(span, first, count, lag)]
    shares: np.ndarray = np.column_stack(monthly) / days.monthly(volume)[:, None]
    shares.flags.writeable = False
    return shares


@lru_cache(maxsize=64)
def _by_day(span: tuple[date, date, date | None], first: int, count: int, lag: int) -> np.ndarray:
    """How far each day of so many months is in each phase: (phases, days)."""
    announced, effective, ends = span
    days = days_of(consecutive_months(first, count))
    stop = effective if ends is None else min(effective, ends)
    notice = days.between(max(announced, stop - timedelta(NOTICE_DAYS)), stop)
    begin = effective.toordinal() + lag
    end = None if ends is None else max(ends.toordinal() + lag, begin)
    acted = ends is None or ends > effective
    columns = [notice]
    columns += [acted * block for block in _phases(days.ordinals, begin, end, IN_FORCE)]
    after = np.inf if end is None or not acted else end
    left = 1.0 if np.isinf(after) else unabsorbed((after - begin) / DAYS_A_MONTH)
    columns[FORCE.stop - 1] = columns[FORCE.stop - 1] + (1.0 - left) * (days.ordinals >= after)
    *phases, faded = _phases(days.ordinals, after, None, AFTER)
    since = np.maximum((days.ordinals - after) / DAYS_A_MONTH - AFTER[-1], 0.0)
    phases[-1] = phases[-1] + faded * np.exp(-since / FADES)
    lived = 1.0 if np.isinf(after) else min((after - begin) / WHOLE, 1.0)
    found = np.array(columns + [left * lived * block for block in phases])
    found.flags.writeable = False
    return found


def unabsorbed(months: float) -> float:
    """Share of an effect that is not yet the level after so many months in force: all of it for `LASTS`, then less.

    Trade finds other ways or does without: after many years the volume before a measure says little of that after it,
    and what flows under it is what another one strikes.

    Examples
    --------
    >>> [round(unabsorbed(months), 2) for months in (12, 48, 96)]
    [1.0, 1.0, 0.37]
    """
    return float(np.exp(-max(months - LASTS, 0.0) / LASTS))


def _phases(days: np.ndarray, begin: float, end: float | None, starts: tuple[int, ...]) -> list[np.ndarray]:
    """Days of each phase since ``begin``, up to ``end``: one array of zeros and ones per phase."""
    age = np.full(len(days), -1.0) if np.isinf(begin) else (days - begin) / DAYS_A_MONTH
    phase = np.searchsorted(np.array(starts), age, side="right") - 1
    inside = age >= 0 if end is None else (age >= 0) & (days < end)
    return [np.asarray((phase == at) & inside, dtype=float) for at in range(len(starts))]
