"""What is behind the numbers of a briefing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from forecast.report.acting import ActingCalendar
from forecast.report.agenda import EventNames
from forecast.report.brief import tables
from forecast.report.brief.headline import briefing_headline
from forecast.report.brief.tables import BriefTable
from forecast.report.outlook import Outlook


@dataclass(frozen=True)
class Behind:
    """What is behind the numbers of a page.

    Attributes
    ----------
    explained
        Forecasts with their parts (`forecast.report.explain.as_objects`), of all products.
    calendars
        Events known on the day, by product.
    sums
        Volumes of several months together, as known on the day (columns of period_totals).
    changes
        What moved the model shown since the last issue (`forecast.store.changes.CHANGE_COLUMNS`).
    last_issue
        Forecasts of the last issue whose month is out by now, with ``actual_t``.
    branches, probabilities
        Rows of branches.csv of a scenario, and its branches with their probabilities, the calendar as it stands first.
    passed
        A sentence on what could have happened and whose day has passed.
    replayed
        Which of ``changes`` and ``last_issue`` were never issued, but made again from what was known on that day.
    record, phases
        How often intervals held by destination and, by phase, in the shipped backtest.
    tracked
        How often those that a store issued held (`forecast.store.track.record`).
    analogues
        Past measures like the one with the largest part, by product (`forecast.report.analogues`).
    names
        Names of destinations by their codes.
    keeps_parts
        Whether what the run comes from keeps the parts of its forecasts.
    called
        Events by the names that people have for them.
    """

    explained: Sequence[Mapping[str, Any]] = ()
    calendars: Mapping[str, ActingCalendar] = field(default_factory=dict)
    sums: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None
    last_issue: pd.DataFrame | None = None
    branches: pd.DataFrame | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    record: pd.DataFrame | None = None
    phases: pd.DataFrame | None = None
    tracked: pd.DataFrame | None = None
    passed: str = ""
    replayed: Collection[str] = ()
    analogues: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    keeps_parts: bool = True
    called: EventNames = field(default_factory=EventNames)

    def parts(self, found: Outlook) -> list[Mapping[str, Any]]:
        """The forecasts of an outlook with their parts, in its order."""
        order = list(dict.fromkeys(found.rows["destination"]))
        own = [one for one in self.explained if one["product"] == found.product and one["destination"] in order]
        return sorted(own, key=lambda one: order.index(one["destination"]))

    def events(self, product: str, destination: str) -> list[Any]:
        """Events that touch a destination, in order of effect."""
        return self.calendars[product].on(destination) if product in self.calendars else []

    def own(self, name: str, product: str) -> pd.DataFrame:
        """The rows on a product of one of the tables; none where there is no such table."""
        table = getattr(self, name)
        return pd.DataFrame() if table is None else table[table["product"] == product]

    def headline(self, found: Outlook) -> list[str]:
        """The sentences above all."""
        return briefing_headline(found, self.own("changes", found.product), replayed="changes" in self.replayed)

    def changes_tables(self, found: Outlook) -> list[BriefTable]:
        """What moved the forecasts of an outlook."""
        rows, replayed = self.own("changes", found.product), "changes" in self.replayed
        return tables.changes_tables(rows, self.names, replayed=replayed)

    def sums_on(self, product: str, destination: str) -> pd.DataFrame:
        """The known sums of one series."""
        rows = self.own("sums", product)
        return rows[rows["destination"] == destination] if len(rows) else rows
