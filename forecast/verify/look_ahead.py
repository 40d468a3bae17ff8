"""The look-ahead audit, a search for leakage: all that is later than an issue day is changed, and no number may move.

`forecast.backtest.origin` promises that a forecast uses only what was known. Here nobody's word is taken: the future is
overwritten, the forecast is made again, and every number is compared to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecast.backtest.plan import IssueDays
from forecast.backtest.run import Progress, forecast_all
from forecast.realtime.events import ACTING_KINDS, Members
from forecast.tables.run import Forecasts
from forecast.tables.schema import EVENT_COLUMNS, PERIOD_TOTAL_COLUMNS, RUN_TABLES

FINDING_COLUMNS = [
    *["corruption", "issued", "product", "destination", "model", "table", "row", "column"],
    *["before", "after", "difference"],
]
TOGETHER = "all together"
ROW_KEYS = {name: tuple(key for key in table.keys if key != "model") for name, table in RUN_TABLES.items()}
"""What tells rows of one series, model and day apart, by table."""
SERIES_AND_MODEL = ("product", "destination", "model")


class AuditTables(NamedTuple):
    """The tables that an audit corrupts: volumes, the calendar, and volumes of several months together."""

    exports: pd.DataFrame
    events: pd.DataFrame
    totals: pd.DataFrame


Corruption = Callable[[AuditTables, date], AuditTables]
"""Tables in which whatever came out after a day is another, and everything known on that day as it was."""

Forecaster = Callable[..., Forecasts]
"""Whatever is called as `forecast.backtest.run.forecast_all` is: what is audited."""


def look_ahead_audit(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    days: IssueDays,
    *,
    totals: pd.DataFrame | None = None,
    forecast: Forecaster = forecast_all,
    progress: Progress | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Leakage: every number that moved when the future was changed; columns `FINDING_COLUMNS`, empty where none did.

    ``days`` are issue days by product (see `sampled`), and ``forecast`` is called on each with ``options``. First all
    `CHANGES` at once and `no_future`; where a number moves, each of `CORRUPTIONS` alone, so that a finding names the
    one that moved it. Rows that come or go count too, except for months beyond the horizon: which of them are reported
    with the first is read off the release days on file.

    Examples
    --------
    >>> from datetime import date
    >>> import forecast as fc
    >>> days = {"rare_earth_magnets": [date(2025, 5, 20)]}
    >>> tables = fc.read_exports(), fc.read_events(), fc.read_groups()
    >>> len(fc.look_ahead_audit(*tables, days, models=["naive", "theta"]))
    0
    """
    tables = AuditTables(exports, events, pd.DataFrame(columns=PERIOD_TOTAL_COLUMNS) if totals is None else totals)
    pairs = [(product, issued) for product, of_product in days.items() for issued in of_product]
    found = []
    for done, (product, issued) in enumerate(pairs, start=1):
        chosen = {**options, "issued": issued, "products": [product]}
        found.append(_audited(tables, groups, forecast, chosen))
        if progress is not None:
            progress(done, len(pairs))
    return _stacked(found)


def sampled(days: IssueDays, count: int = 3) -> dict[str, list[date]]:
    """At most ``count`` days of each product, spread evenly from the first to the last.

    Examples
    --------
    >>> from datetime import date
    >>> sampled({"magnets": [date(2025, month, 20) for month in range(4, 10)]}, 2)
    {'magnets': [datetime.date(2025, 4, 20), datetime.date(2025, 9, 20)]}
    """
    chosen = {}
    for product, of_product in days.items():
        places = np.linspace(0, len(of_product) - 1, min(count, len(of_product))).round().astype(int)
        chosen[product] = [of_product[place] for place in places]
    return chosen


def _audited(tables: AuditTables, groups: Members, forecast: Forecaster, options: Mapping[str, Any]) -> pd.DataFrame:
    """What moved on one issue day of one product."""
    issued = options["issued"]
    before = forecast(tables.exports, tables.events, groups, totals=tables.totals, **options)

    def moved_by(name: str, corruptions: Sequence[Corruption]) -> pd.DataFrame:
        other = tables
        for corruption in corruptions:
            other = corruption(other, issued)
        after = forecast(other.exports, other.events, groups, totals=other.totals, **options)
        return moved(before, after, options.get("horizon", 1)).assign(corruption=name)[FINDING_COLUMNS]

    together = _stacked([moved_by(TOGETHER, list(CHANGES.values())), moved_by("no_future", [no_future])])
    if together.empty:
        return together
    return _stacked([moved_by(name, [corruption]) for name, corruption in CORRUPTIONS.items()], otherwise=together)


def _stacked(parts: Sequence[pd.DataFrame], otherwise: pd.DataFrame | None = None) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return pd.DataFrame(columns=FINDING_COLUMNS) if otherwise is None else otherwise


# Comparison ----------------------------------------------------------------------------------------------------------


def moved(before: Forecasts, after: Forecasts, horizon: int) -> pd.DataFrame:
    """Every cell that is not exactly the same in two runs of one day, or that only one of them has.

    Months beyond ``horizon``, and correlations, are compared where both runs report them.
    """
    (near, far), (near_after, far_after) = (_cells(run, horizon) for run in (before, after))
    both = far.keys() & far_after.keys()
    pairs = [(cell, near.get(cell), near_after.get(cell)) for cell in [*near, *(near_after.keys() - near.keys())]]
    pairs += [(cell, far[cell], far_after[cell]) for cell in far if cell in both]
    found = [(*cell, old, new, _difference(old, new)) for cell, old, new in pairs if not _same(old, new)]
    return pd.DataFrame(found, columns=FINDING_COLUMNS[1:])


_CellValues = dict[tuple[Any, ...], Any]
"""Values by issue day, product, destination, model, table, row and column."""


def _cells(run: Forecasts, horizon: int) -> tuple[_CellValues, _CellValues]:
    """The cells of all tables: those that every run has, and those that hang on the months reported."""
    forecast = set(zip(*(run.forecasts[name] for name in SERIES_AND_MODEL), strict=True))
    near: _CellValues = {}
    far: _CellValues = {}
    for name, keys in ROW_KEYS.items():
        for row in getattr(run, name).to_dict("records"):
            owner = tuple(row.get(column, "") for column in SERIES_AND_MODEL)
            if name == "failures" and owner in forecast:
                continue
            cells = far if name == "correlations" or row.get("horizon", 0) > horizon else near
            place = (row["issued"], *owner, name, " ".join(str(row[key]) for key in keys))
            cells |= {(*place, column): value for column, value in row.items() if column not in SERIES_AND_MODEL}
    return near, far


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) or (old != old and new != new)


def _difference(old: Any, new: Any) -> float:
    return float(new - old) if isinstance(old, float) and isinstance(new, float) else float("nan")


# Corruptions ---------------------------------------------------------------------------------------------------------


def _after(released: pd.DataFrame, issued: date) -> np.ndarray:
    return np.array([day > issued for day in released["released"]], dtype=bool)


def _announced(events: pd.DataFrame, issued: date) -> pd.DataFrame:
    return events[np.array([announced <= issued for announced in events["announced"]], dtype=bool)]


def _other(volume_t: pd.Series) -> np.ndarray:
    """Volumes that are nothing like those given: larger, by a factor that changes from row to row."""
    return np.asarray(volume_t * (7 + np.arange(len(volume_t)) % 5) + volume_t.max() + 1)


def _with_other_volumes(released: pd.DataFrame, issued: date) -> pd.DataFrame:
    """A table whose volumes released after the day are others."""
    volume_t = released["volume_t"]
    return released.assign(volume_t=volume_t.where(~_after(released, issued), _other(volume_t)))


def later_volumes(tables: AuditTables, issued: date) -> AuditTables:
    """Every volume released after the day is another one, of whatever product."""
    return tables._replace(exports=_with_other_volumes(tables.exports, issued))


def revisions(tables: AuditTables, issued: date) -> AuditTables:
    """Every volume known on the day is revised on the next."""
    known = tables.exports[~_after(tables.exports, issued)].drop_duplicates(
        ["product", "destination", "month"], keep="last"
    )
    revised = known.assign(volume_t=_other(known["volume_t"]), released=issued + timedelta(days=1))
    return tables._replace(exports=pd.concat([tables.exports, revised], ignore_index=True))


def release_days(tables: AuditTables, issued: date) -> AuditTables:
    """Whatever was released after the day comes on another day after it."""
    exports = tables.exports
    delays = 1 + np.arange(len(exports)) * 17 % 400
    moved_to = pd.Series([issued + timedelta(days=int(delay)) for delay in delays], index=exports.index, dtype=object)
    return tables._replace(
        exports=exports.assign(released=moved_to.where(_after(exports, issued), exports["released"]))
    )


def newcomers(tables: AuditTables, issued: date) -> AuditTables:
    """The day after, a product and a destination come out that nobody had heard of, with all their past."""
    past = tables.exports[~_after(tables.exports, issued)]
    other = past.assign(volume_t=_other(past["volume_t"]), released=issued + timedelta(days=1))
    product, destination = other.assign(product="newcomer"), other.assign(destination="ZZZ")
    new = pd.concat([product, destination]).drop_duplicates(["product", "destination", "month"])
    return tables._replace(exports=pd.concat([tables.exports, new], ignore_index=True))


def later_events(tables: AuditTables, issued: date) -> AuditTables:
    """What was announced later is gone; the day after, measures of every kind are announced that acted long before."""
    announced = issued + timedelta(days=1)
    new = [
        {
            "event": f"later-{kind}-{days}",
            "kind": kind,
            "announced": announced,
            "effective": issued + timedelta(days=days),
        }
        for kind in ACTING_KINDS
        for days in (-400, -45, 15)
    ]
    everyone = {
        "products": ("ALL",),
        "destinations": ("ALL",),
        "source": "",
        "description": "",
        "ends_status": "",
        "continues": "",
    }
    rows = pd.DataFrame([row | everyone | {"ends": None, "ends_announced": None} for row in new], columns=EVENT_COLUMNS)
    known = _announced(tables.events, issued).astype(object)
    return tables._replace(events=pd.concat([known, rows.astype(object)], ignore_index=True))


def later_ends(tables: AuditTables, issued: date) -> AuditTables:
    """Every end that was not known on the day is another, in the past where it can be, announced the day after."""
    events = tables.events
    rows: list[Any] = list(events.itertuples(index=False))
    later = np.array([not _end_known(event, issued) for event in rows], dtype=bool)
    ends = pd.Series([_other_end(event, issued) for event in rows], events.index, dtype=object)
    ended = events.assign(
        ends=events["ends"].astype(object).where(~later, ends),
        ends_announced=events["ends_announced"].astype(object).where(~later, issued + timedelta(days=1)),
        ends_status=events["ends_status"].where(~later, ""),
    )
    return tables._replace(events=ended)


def _end_known(event: Any, issued: date) -> bool:
    """Whether the end of an event (a row as a named tuple) was known on the day."""
    known_from = event.ends_announced or event.ends
    return known_from is not None and known_from <= issued


def _other_end(event: Any, issued: date) -> date:
    """Half way from effect to the issue day; the day after effect where that is still to come."""
    effective: date = event.effective
    return effective + max((issued - effective) / 2, timedelta(days=1))


def later_totals(tables: AuditTables, issued: date) -> AuditTables:
    """Every volume of several months together that was released after the day is another one."""
    return tables._replace(totals=_with_other_volumes(tables.totals, issued))


def no_future(tables: AuditTables, issued: date) -> AuditTables:
    """The files end with the day: nothing later is in them, as on the day itself."""
    known = _announced(tables.events, issued)
    ended = np.array([_end_known(event, issued) for event in known.itertuples(index=False)], dtype=bool)
    none = pd.Series([None] * len(known), known.index, dtype=object)
    until_then = known.assign(
        ends=known["ends"].astype(object).where(ended, none),
        ends_announced=known["ends_announced"].astype(object).where(ended, none),
        ends_status=known["ends_status"].where(ended, ""),
    )
    exports, totals = (table[~_after(table, issued)] for table in (tables.exports, tables.totals))
    return AuditTables(exports, until_then, totals)


CHANGES: dict[str, Corruption] = {
    "later_volumes": later_volumes,
    "revisions": revisions,
    "release_days": release_days,
    "newcomers": newcomers,
    "later_events": later_events,
    "later_ends": later_ends,
    "later_totals": later_totals,
}
"""Corruptions that can be made one on top of the other; ends last, since events that came later have none."""

CORRUPTIONS: dict[str, Corruption] = {**CHANGES, "no_future": no_future}
"""All of them, by the name that stands in a finding."""
