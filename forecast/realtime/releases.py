"""What was known on a day: the volumes released by then, the calendar as it stood, and when the next figures come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from statistics import median_low
from typing import Any

import numpy as np
import pandas as pd

from forecast.realtime.days import months_of, next_release, release_day
from forecast.realtime.events import acting_events, known_events
from forecast.tables.frames import usual_release
from forecast.tables.schema import PERIOD_TOTAL_COLUMNS, SeriesKey

SEEN_MONTHS = 12
"""Months of a product whose release days say when the next ones come."""

LEAST_SEEN = 3
"""Months below which release days say nothing of the next."""


@dataclass(frozen=True)
class ReleaseHabit:
    """When the figures of a product come: by the days ``out`` on which its last months came out first, in order.

    By the calendar of Chinese customs where they keep to it, where a file gave no days (`usual_release`), and where too
    few are known. Several months that came out at once, as a history does that was put together later, say nothing.

    Examples
    --------
    >>> end = [date(2025, month + 2, 1) for month in range(1, 5)]  # each at the end of the next month but one
    >>> habit = ReleaseHabit(tuple(zip(pd.period_range("2025-01", "2025-04", freq="M"), end, strict=True)))
    >>> habit.due(pd.Period("2025-12")), habit.next_after(pd.Period("2025-04"), date(2025, 6, 15))
    (datetime.date(2026, 2, 1), datetime.date(2025, 7, 1))
    """

    out: tuple[tuple[pd.Period, date], ...] = ()

    @cached_property
    def own(self) -> tuple[tuple[pd.Period, date], ...]:
        """The release days that are a habit of the product's own; none where the rule is that of Chinese customs."""
        at_once = Counter(day for _, day in self.out)
        said = tuple((month, day) for month, day in self.out if at_once[day] <= 2)  # January comes with February
        keeps_rule = all(day in (release_day(month), usual_release(month)) for month, day in said)
        return () if keeps_rule or len(said) < LEAST_SEEN else said

    def due(self, month: pd.Period) -> date:
        """The usual day of a month: as many months later as usual, on the usual day of those that came so late.

        One that came out with the next a year before does so again.
        """
        if not self.own:
            return release_day(month)
        last_year = dict(self.own)
        before = last_year.get(month - 12)
        with_next = before is not None and before == last_year.get(month - 11)
        lags = [_months_until(known, day) for known, day in self.own]
        lag = median_low(lags)
        usual = median_low(day.day for (_, day), own in zip(self.own, lags, strict=True) if own == lag)
        published = month + lag + (1 if with_next else 0)
        return date(published.year, published.month, min(usual, published.days_in_month))

    def next_after(self, cutoff: pd.Period, day: date) -> date:
        """The first usual day later than ``day`` on which figures of months after ``cutoff`` come."""
        if not self.own:
            return next_release(day)
        month = cutoff + 1
        while self.due(month) <= day:
            month += 1
        return self.due(month)


def _months_until(month: pd.Period, day: date) -> int:
    return (day.year - month.year) * 12 + day.month - month.month


@dataclass(frozen=True)
class Snapshot:
    """Snapshot of the day ``issued``: volumes and calendar as of it, and nothing later.

    Volumes in tonnes by product (month x destination), the calendar, volumes of several months together, and when the
    figures of each product came out.
    """

    issued: date
    volumes: Mapping[str, pd.DataFrame]
    events: pd.DataFrame
    totals: pd.DataFrame
    habits: Mapping[str, ReleaseHabit] = field(default_factory=dict)

    def cutoff(self, product: str) -> pd.Period:
        """The last month that any series of the product had released."""
        last: pd.Period = self.volumes[product].index[-1]
        return last

    def within(self, window: int) -> Snapshot:
        """The same with volumes of the last ``window`` months up to each cutoff, and the totals that lie in them."""
        recent = {name: wide.iloc[-window:].dropna(axis=1, how="all") for name, wide in self.volumes.items()}
        starts = zip(self.totals["product"], self.totals["start"], strict=True)
        inside = [name in recent and start >= recent[name].index[0] for name, start in starts]
        return replace(self, volumes=recent, totals=self.totals[np.array(inside, dtype=bool)])

    def only(self, series: Collection[SeriesKey]) -> Snapshot:
        """The same with the volumes of some of the series; every product keeps its months."""
        codes: dict[str, list[str]] = {product: [] for product in self.volumes}
        for product, code in series:
            codes[product].append(code)
        return replace(self, volumes={product: wide[codes[product]] for product, wide in self.volumes.items()})

    @cached_property
    def acting(self) -> list[Any]:
        """The events that have a regressor, as rows."""
        return acting_events(self.events)


@dataclass(frozen=True)
class Vintages:
    """Real-time vintages of one product: every volume in the order in which they came out.

    ``released`` and ``month`` are ordinals (of days, of months), ``place`` the position in ``destinations``, sorted.
    """

    destinations: np.ndarray
    released: np.ndarray
    month: np.ndarray
    place: np.ndarray
    volume_t: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Vintages:
        """The releases of one product's rows of a table of exports."""
        day, days = pd.factorize(rows["released"], use_na_sentinel=False)
        released = np.array([one.toordinal() for one in days], dtype=np.int64)[day]
        order = np.argsort(released, kind="stable")
        code, codes = pd.factorize(rows["destination"], use_na_sentinel=False)
        destinations, places = np.unique(np.asarray(codes, dtype=object), return_inverse=True)
        place = places[code]
        month, volume_t = rows["month"].array.asi8, rows["volume_t"].to_numpy(dtype=float)
        return cls(destinations, released[order], month[order], place[order], volume_t[order])

    def until(self, issued: date) -> Vintages:
        """Vintages released by a day."""
        count = int(np.searchsorted(self.released, issued.toordinal(), side="right"))
        columns = (self.released, self.month, self.place, self.volume_t)
        return Vintages(self.destinations, *(column[:count] for column in columns))

    def as_of(self, issued: date) -> pd.DataFrame | None:
        """Volumes (month x destination) released by a day, of several of a cell the latest; None where none were.

        Not to be written to: days on which nothing had been revised show the first months of one array.
        """
        count = int(np.searchsorted(self.released, issued.toordinal(), side="right"))
        if not count:
            return None
        first, volumes = self._wide(count)
        same = self.latest[first - int(self.month.min()) :][: len(volumes)]
        heard_of = np.flatnonzero(~np.isnan(volumes).all(axis=0))
        if not len(heard_of):
            return None
        unrevised = len(heard_of) == len(self.destinations) and np.array_equal(volumes, same, equal_nan=True)
        months = months_of(np.arange(first, first + len(volumes))).rename("month")
        codes = pd.Index(self.destinations[heard_of], name="destination")
        # laid out alike whichever of the two it is: sums over another layout end on other last digits
        known = same if unrevised else np.ascontiguousarray(volumes[:, heard_of])
        return pd.DataFrame(known, months, codes, copy=False)

    @cached_property
    def first_heard_of(self) -> dict[str, date]:
        """The day on which anything came out of each destination for the first time."""
        place, first = np.unique(self.place, return_index=True)  # in the order of release
        days = self.released[first].tolist()
        return dict(zip(self.destinations[place].tolist(), map(date.fromordinal, days), strict=True))

    @cached_property
    def is_figure(self) -> np.ndarray:
        """Which vintages are figures: the others withdraw one."""
        is_figure: np.ndarray = ~np.isnan(self.volume_t)
        return is_figure

    @cached_property
    def latest(self) -> np.ndarray:
        """Volumes (month x destination) in their latest release."""
        _, volumes = self._wide(len(self.month))
        volumes.flags.writeable = False
        return volumes

    def _wide(self, count: int) -> tuple[int, np.ndarray]:
        """The first month of the first ``count`` releases, and what they are worth, by month and destination."""
        month, place = self.month[:count], self.place[:count]
        first = int(month.min())
        volumes = np.full((int(month.max()) - first + 1, len(self.destinations)), np.nan)
        volumes[month - first, place] = self.volume_t[:count]  # in order, so that of one cell the last stays
        return first, volumes  # a withdrawn figure is a gap from its day on

    def cutoffs(self) -> dict[date, pd.Period]:
        """The last month out, by the days on which it moved, in order."""
        month, released = self.month[self.is_figure], self.released[self.is_figure]
        if not len(month):
            return {}
        reached = np.maximum.accumulate(month)
        last_of_day = np.append(released[1:] != released[:-1], True)
        days, reached = released[last_of_day], reached[last_of_day]
        moved = np.append(True, reached[1:] > reached[:-1])
        return {
            date.fromordinal(int(day)): pd.Period(ordinal=int(month), freq="M")
            for day, month in zip(days[moved], reached[moved], strict=True)
        }

    @cached_property
    def first_out(self) -> dict[int, int]:
        """The day on which the first figure of each month came out: ordinals, by month, the latest releases first."""
        months, days = self.month[self.is_figure][::-1], self.released[self.is_figure][::-1]
        if not len(months):
            return {}
        first, places = int(months.min()), np.arange(len(months))
        latest, earliest = (np.full(int(months.max()) - first + 1, -1) for _ in range(2))
        latest[months[::-1] - first], earliest[months - first] = places[::-1], places  # of several the last stays
        found = np.sort(latest[latest >= 0])
        return dict(zip(months[found].tolist(), days[earliest[months[found] - first]].tolist(), strict=True))

    def habit(self, issued: date) -> ReleaseHabit:
        """When figures come, by the days on which the last `SEEN_MONTHS` months known on a day came out."""
        known = self.until(issued)
        months = known.month[known.is_figure]
        recent = known.is_figure & (known.month > months.max(initial=0) - SEEN_MONTHS)
        columns = (known.released, known.month, known.place, known.volume_t)
        first = Vintages(known.destinations, *(column[recent] for column in columns)).first_out
        return ReleaseHabit(
            tuple((pd.Period(ordinal=month, freq="M"), date.fromordinal(first[month])) for month in sorted(first))
        )

    def together(self, month: pd.Period) -> list[pd.Period]:
        """The months that come out on the same day as ``month``, itself included.

        While it is not out, by the calendar of Chinese customs if the product has kept to it for a year.
        """
        first = self.first_out
        if month.ordinal in first:
            return [pd.Period(ordinal=other, freq="M") for other in first if first[other] == first[month.ordinal]]
        latest = [pd.Period(ordinal=other, freq="M") for other in sorted(first)[-12:]]
        keeps_calendar = all(release_day(other).toordinal() == first[other.ordinal] for other in latest)
        next_too = keeps_calendar and release_day(month) == release_day(month + 1)
        return [month, month + 1] if next_too else [month]


VintagesByProduct = Mapping[str, Vintages]
"""Every release by product."""


def vintages_of(exports: pd.DataFrame, products: Sequence[str] | None = None) -> dict[str, Vintages]:
    """Vintages of each of ``products`` (None: all, sorted) in a table of exports."""
    exports = exports[["product", "destination", "month", "volume_t", "released"]]
    by_product = exports.groupby("product", sort=True).indices
    chosen = by_product if products is None else [product for product in products if product in by_product]
    return {str(product): Vintages.of(exports.iloc[by_product[product]]) for product in chosen}


def all_series(releases: VintagesByProduct, products: Iterable[str]) -> list[SeriesKey]:
    """The (product, destination) pairs of ``products`` on file, sorted.

    Examples
    --------
    >>> import forecast as fc
    >>> all_series(vintages_of(fc.read_exports()), ["rare_earth_magnets"])[:2]
    [('rare_earth_magnets', 'DEU'), ('rare_earth_magnets', 'EU27')]
    """
    on_file = sorted(product for product in products if product in releases)
    return [(product, str(code)) for product in on_file for code in releases[product].destinations]


def as_of(exports: pd.DataFrame, events: pd.DataFrame, issued: date, totals: pd.DataFrame | None = None) -> Snapshot:
    """Volumes released and events announced by ``issued``; of several vintages of a cell the latest one by then.

    ``totals`` are volumes of several months together, in the columns of `forecast.tables.schema.PERIOD_TOTAL_COLUMNS`.
    """
    return snapshot_of(vintages_of(exports), events, issued, totals)


def snapshot_of(
    releases: VintagesByProduct, events: pd.DataFrame, issued: date, totals: pd.DataFrame | None = None
) -> Snapshot:
    """Snapshot as `as_of` gives it, from `vintages_of`, for whoever looks at many days."""
    found = {product: of_product.as_of(issued) for product, of_product in releases.items()}
    volumes = {product: wide for product, wide in found.items() if wide is not None}
    totals = pd.DataFrame(columns=PERIOD_TOTAL_COLUMNS) if totals is None else totals[totals["released"] <= issued]
    habits = {product: releases[product].habit(issued) for product in volumes}
    return Snapshot(issued, volumes, known_events(events, issued), totals, habits)


def origins(exports: pd.DataFrame, product: str) -> list[date]:
    """The days on which the product's cutoff moved, in order: each the first release of a later month than any before.

    Examples
    --------
    >>> import forecast as fc
    >>> origins(fc.read_exports(), "rare_earth_magnets")[-1]
    datetime.date(2026, 8, 20)
    """
    return list(cutoffs(exports, product))


def cutoffs(exports: pd.DataFrame, product: str) -> dict[date, pd.Period]:
    """The cutoff of each origin of a product, by its day, in order."""
    found = vintages_of(exports, [product])
    return found[product].cutoffs() if product in found else {}


def months_ahead(releases: Vintages, cutoff: pd.Period, horizon: int) -> pd.PeriodIndex:
    """The months that an origin reports: the ``horizon`` months after the cutoff, and all that come out with the first.

    Which months come out together is read off the release days on file; while the first month is not out, off the
    calendar of Chinese customs if the product has kept to it. That decides which rows are reported, and no number.

    Examples
    --------
    >>> import pandas as pd
    >>> import forecast as fc
    >>> magnets = vintages_of(fc.read_exports())["rare_earth_magnets"]
    >>> months_ahead(magnets, pd.Period("2024-12"), 1).astype(str).tolist()  # January and February come on 20 March
    ['2025-01', '2025-02']
    """
    return pd.period_range(cutoff + 1, max(cutoff + horizon, *releases.together(cutoff + 1)), freq="M")
