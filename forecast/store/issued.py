"""Issued forecasts: each kept with the fingerprint of what it was made from; a later issue is another row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.backtest.checkpoint import table_digest
from forecast.realtime.events import Members
from forecast.realtime.phases import PHASES, phases
from forecast.store.database import Store, StoreError
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.schema import EVENTS, RUN_TABLES, ColumnType

FORECASTS = RUN_TABLES["forecasts"]
JUDGEMENTS = RUN_TABLES["judgements"]


@dataclass(frozen=True)
class Issue:
    """One issue.

    Attributes
    ----------
    number, issued, made
        Its number, the day whose knowledge it rests on, and the day on which it was put into the store.
    fingerprint
        sha256 of the figures and the calendar known on the day, the settings and the version.
    calendar
        Under which its calendar is kept.
    places
        How many vintages the store held then.
    settings
        All arguments that numbers depend on.
    version
        Of the package.
    """

    number: int
    issued: date
    made: date
    fingerprint: str
    calendar: str
    places: int
    settings: Mapping[str, Any]
    version: str


@dataclass(frozen=True)
class IssueBasis:
    """What an issue is made from: figures and calendar known on the day, and the settings with the version."""

    exports: pd.DataFrame
    events: pd.DataFrame
    settings: Mapping[str, Any]
    version: str

    @property
    def fingerprint(self) -> str:
        """sha256 of all of it, in which the issue day has no part."""
        rows = self.exports.sort_values(["product", "destination", "month", "released"], kind="stable")
        parts = [table_digest(rows[["product", "destination", "month", "volume_t", "released"]])]
        parts += [table_digest(self.events), _written(self.settings), self.version]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _written(settings: Mapping[str, Any]) -> str:
    return json.dumps(dict(settings), sort_keys=True, ensure_ascii=False)


def add_issue(store: Store, basis: IssueBasis, run: Forecasts, groups: Members, issued: date, made: date) -> Issue:
    """Keep a run of one issue day: every model's rows with the phase of their month, judgements, and the calendar."""
    calendar = table_digest(basis.events)
    places = store.next_number("vintages", "place") - 1
    number = store.next_number("issues", "issue")
    issue = Issue(number, issued, made, basis.fingerprint, calendar, places, basis.settings, basis.version)
    if store.query("SELECT count(*) AS rows FROM calendars WHERE calendar = ?", [calendar])["rows"].iloc[0] == 0:
        events = as_text(basis.events[EVENTS.columns])
        store.append("calendars", events.assign(calendar=calendar, place=np.arange(len(events))))
    phase = phases(run.forecasts, basis.events, groups).astype(str)
    store.append("forecasts", run.forecasts.drop(columns="issued").assign(issue=number, phase=phase))
    store.append("judgements", run.judgements.drop(columns="issued").assign(issue=number))
    row = {"issue": number, "issued": issued, "made": made, "fingerprint": issue.fingerprint, "calendar": calendar}
    row |= {"places": places, "settings": _written(basis.settings), "version": basis.version}
    store.append("issues", pd.DataFrame([row]))
    return issue


def issues(store: Store) -> list[Issue]:
    """All issues in the order in which they were made."""
    rows = store.query("SELECT * FROM issues ORDER BY issue").to_dict("records")
    return [
        Issue(
            row["issue"],
            row["issued"],
            row["made"],
            row["fingerprint"],
            row["calendar"],
            row["places"],
            _read_settings(store, row),
            row["version"],
        )
        for row in rows
    ]


def _read_settings(store: Store, row: Mapping[Hashable, Any]) -> dict[str, Any]:
    try:
        found = json.loads(row["settings"])
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StoreError(f"{store.path}: expected the settings of issue {row['issue']}, found none that can be read.")
    return found


def issued_forecasts(store: Store, issue: int | None = None) -> pd.DataFrame:
    """Rows of one issue or of all: the columns of forecasts, then ``phase``, ``issue`` and ``made``."""
    where, values = ("", []) if issue is None else ("WHERE forecasts.issue = ?", [issue])
    text = f"SELECT forecasts.*, issued, made FROM forecasts JOIN issues USING (issue) {where}"
    rows = store.query(f"{text} ORDER BY issue, forecasts.rowid", values)
    months = {name: _months(rows[name]) for name in FORECASTS.of_type(ColumnType.MONTH)}
    texts = {name: rows[name].astype(object) for name in ("product", "destination", "model")}
    phase = pd.Series(pd.Categorical(rows["phase"], categories=PHASES, ordered=True), index=rows.index)
    return rows.assign(**months, **texts, phase=phase)[[*FORECASTS.columns, "phase", "issue", "made"]]


def issued_judgements(store: Store) -> pd.DataFrame:
    """What was judged in each issue, with its reason."""
    rows = store.query("SELECT judgements.*, issued FROM judgements JOIN issues USING (issue) ORDER BY issue")
    return rows.assign(month=_months(rows["month"]))[[*JUDGEMENTS.columns, "issue"]]


def issued_calendar(store: Store, issue: Issue) -> pd.DataFrame:
    """The calendar that an issue was made with: columns `forecast.tables.schema.EVENT_COLUMNS`."""
    rows = store.query("SELECT * FROM calendars WHERE calendar = ? ORDER BY place", [issue.calendar])
    try:
        return EVENTS.from_text(rows[EVENTS.columns].astype(object)).astype(object)
    except ValueError as error:
        raise StoreError(f"{store.path}: calendar of issue {issue.number}, {error}") from error


def _months(cells: pd.Series) -> pd.Series:
    """Months from their text."""
    if cells.empty:
        return pd.Series(pd.PeriodIndex([], freq="M"), index=cells.index)
    return pd.Series(pd.PeriodIndex(cells.astype(str), freq="M"), index=cells.index)
