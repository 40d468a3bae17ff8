"""What was known on a day: the volumes released by then, the calendar as it stood, and when the next figures come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from forecast.events import known_events


@dataclass(frozen=True)
class Known:
    """What was known on the day ``issued``: volumes in tonnes by product (month x destination) and the calendar."""

    issued: date
    volumes: Mapping[str, pd.DataFrame]
    events: pd.DataFrame

    def cutoff(self, product: str) -> pd.Period:
        """The last month that any series of the product had released."""
        return self.volumes[product].index[-1]


def known_on(exports: pd.DataFrame, events: pd.DataFrame, issued: date) -> Known:
    """Volumes released and events announced by ``issued``; of several vintages of a cell the latest one by then."""
    released = exports[exports["released"] <= issued].sort_values("released", kind="stable")
    latest = released.drop_duplicates(["product", "destination", "month"], keep="last")
    volumes = {str(product): _wide(rows) for product, rows in latest.groupby("product", sort=True)}
    return Known(issued, volumes, known_events(events, issued))


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

    Which months come out together is read off the release days on file, or, while the first month is not out, off those
    of the year before. It decides which rows are reported and none of their numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> import forecast as fc
    >>> ahead = months_ahead(fc.read_exports(), "rare_earth_magnets", pd.Period("2024-12"), 1)
    >>> ahead.astype(str).tolist()  # January and February come out on 20 March
    ['2025-01', '2025-02']
    """
    released = exports.loc[exports["product"] == product].groupby("month")["released"].min()
    first = cutoff + 1
    like = first if first in released.index else first - 12
    together = released.index[released == released.get(like)]
    last = max([like, *together]) - like
    return pd.period_range(first, periods=max(horizon, last.n + 1), freq="M")
