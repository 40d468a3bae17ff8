"""A year of figures as it came out, with revisions, and the update that takes it in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import simulated

from forecast.backtest.plan import Settings
from forecast.store.database import Store
from forecast.store.update import Routine, Updated, run_update
from forecast.tables.frames import as_text

COLUMNS = ["product", "destination", "month", "volume_t", "released"]
CHEAP = Settings(models=("naive", "theta", "combination"), horizon=1, calibrate=False)


def figures(months: int = 42) -> pd.DataFrame:
    """Two destinations and a total, each month out on the 20th of the next."""
    series = {
        "WLD": list(simulated.steady(months, 1000.0)),
        "USA": list(simulated.steady(months, 200.0, seed=1)),
        "DEU": list(simulated.steady(months, 300.0, seed=2)),
    }
    return simulated.exports(series)


def with_revisions(exports: pd.DataFrame, every: int = 3) -> pd.DataFrame:
    """Every so many months' figures released again one and two months later, 3 % and 5 % higher."""
    again = exports[[month.ordinal % every == 0 for month in exports["month"]]]
    days = sorted(set(exports["released"]))
    parts = [exports]
    for later, factor in ((1, 1.03), (2, 1.05)):
        moved = [days[min(days.index(day) + later, len(days) - 1)] for day in again["released"]]
        parts.append(again.assign(released=moved, volume_t=again["volume_t"] * factor))
    table = pd.concat(parts, ignore_index=True)
    return table.drop_duplicates(["destination", "month", "released"], keep="last").reset_index(drop=True)


def with_late_releases(exports: pd.DataFrame, months: tuple[str, ...]) -> pd.DataFrame:
    """The first figures of some months out with those of the month after, as when an office was closed."""
    late = (exports["month"].astype(str).isin(months) & ~exports.duplicated(["destination", "month"])).to_numpy()
    days = dict(zip(exports["month"], exports["released"], strict=True))
    moved = [
        max(row.released, days[row.month + 1]) if is_late else row.released
        for row, is_late in zip(exports.itertuples(), late, strict=True)
    ]
    return exports.assign(released=moved).drop_duplicates(["destination", "month", "released"], keep="last")


def calendar() -> pd.DataFrame:
    """A licensing and a later truce."""
    return simulated.calendar(
        {"kind": "licensing", "announced": date(2021, 6, 1)},
        {"kind": "truce", "announced": date(2023, 3, 1), "destinations": ("USA",), "products": ("magnets",)},
    )


def routine(settings: Settings = CHEAP, **more: object) -> Routine:
    """An update without the shipped figures."""
    return Routine(calendar(), simulated.GROUPS, settings, **more)


def write(exports: pd.DataFrame, path: Path) -> Path:
    """A file of figures in our own columns."""
    as_text(exports[COLUMNS]).to_csv(path, index=False)
    return path


def until(exports: pd.DataFrame, day: date) -> pd.DataFrame:
    """What was out by a day."""
    return exports[[released <= day for released in exports["released"]]]


def play(
    store: Store, exports: pd.DataFrame, days: list[date], folder: Path, how: Routine | None = None
) -> list[Updated]:
    """An update on each of ``days`` from a file of all that was out by then."""
    done = []
    for day in days:
        path = write(until(exports, day), folder / f"{day}.csv")
        done.append(run_update(store, [path], how or routine(), day))
    return done
