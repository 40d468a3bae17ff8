"""What was known on a day: the volumes released by then, the calendar as it stood, and when the next figures come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from forecast.calendar import release_day
from forecast.events import known_events
from forecast.tables import PERIOD_TOTAL_COLUMNS


@dataclass(frozen=True)
class Known:
    """What was known on the day ``issued``.

    Volumes in tonnes by product (month x destination), the calendar, and volumes of several months together.
    """

    issued: date
    volumes: Mapping[str, pd.DataFrame]
    events: pd.DataFrame
    totals: pd.DataFrame

    def cutoff(self, product: str) -> pd.Period:
        """The last month that any series of the product had released."""
        last: pd.Period = self.volumes[product].index[-1]
        return last


def known_on(exports: pd.DataFrame, events: pd.DataFrame, issued: date, totals: pd.DataFrame | None = None) -> Known:
    """Volumes released and events announced by ``issued``; of several vintages of a cell the latest one by then.

    ``totals`` are volumes of several months together, in the columns of `forecast.tables.PERIOD_TOTAL_COLUMNS`.
    """
    released = exports[exports["released"] <= issued].sort_values("released", kind="stable")
    latest = released.drop_duplicates(["product", "destination", "month"], keep="last")
    volumes = {str(product): _wide(rows) for product, rows in latest.groupby("product", sort=True)}
    totals = pd.DataFrame(columns=PERIOD_TOTAL_COLUMNS) if totals is None else totals[totals["released"] <= issued]
    return Known(issued, volumes, known_events(events, issued), totals)


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    wide = rows.pivot(index="month", columns="destination", values="volume_t")
    return wide.reindex(pd.period_range(wide.index.min(), wide.index.max(), freq="M"))


def origins(exports: pd.DataFrame, product: str) -> list[date]:
    """The days on which the product's cutoff moved, in order: each the first release of a later month than any before.

    Examples
    --------
    >>> import forecast as fc
    >>> origins(fc.read_exports(), "rare_earth_magnets")[-1]
    datetime.date(2026, 8, 20)
    """
    rows = exports.loc[exports["product"] == product, ["released", "month"]].sort_values("released", kind="stable")
    last = rows.groupby("released", sort=True)["month"].max()
    reached = last.map(lambda month: month.ordinal).cummax()
    return [day for day, moved in zip(last.index, reached.diff().fillna(1) > 0, strict=True) if moved]


def months_ahead(exports: pd.DataFrame, product: str, cutoff: pd.Period, horizon: int) -> pd.PeriodIndex:
    """The months that an origin reports: the ``horizon`` months after the cutoff, and all that come out with the first.

    Which months come out together is read off the release days on file; while the first month is not out, off the
    calendar of Chinese customs if the product has kept to it. That decides which rows are reported, and no number.

    Examples
    --------
    >>> import pandas as pd
    >>> import forecast as fc
    >>> ahead = months_ahead(fc.read_exports(), "rare_earth_magnets", pd.Period("2024-12"), 1)
    >>> ahead.astype(str).tolist()  # January and February come out on 20 March
    ['2025-01', '2025-02']
    """
    released = exports.loc[exports["product"] == product].groupby("month")["released"].min()
    together = _published_with(released, cutoff + 1)
    return pd.period_range(cutoff + 1, max(cutoff + horizon, *together), freq="M")


def _published_with(released: pd.Series, first: pd.Period) -> list[pd.Period]:
    """The months that come out on the same day as ``first``, itself included, given release days by month."""
    day = released.get(first)
    if day is not None:
        return list(released.index[released == day])
    latest = released.tail(12)
    keeps_calendar = all(release_day(month) == day for month, day in zip(latest.index, latest, strict=True))
    next_too = keeps_calendar and release_day(first) == release_day(first + 1)
    return [first, first + 1] if next_too else [first]
