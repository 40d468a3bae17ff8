"""The tables of a briefing as data: the page, the workbook and the Markdown file show the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from forecast.report.agenda import EventNames
from forecast.report.analogues import SINCE, percent_of
from forecast.report.explain_table import part_numbers, part_title
from forecast.report.outlook import Outlook
from forecast.report.scoreboard import SHOWN_SLICES
from forecast.report.table import SUM_HEADINGS, sum_cells
from forecast.report.text import NEXT_TO_NOTHING, UNKNOWN, change, digits, moved_by, signed, spoken
from forecast.tables.frames import records

Cell = str | float | tuple[float, float]
"""Text, tonnes, or an interval in tonnes."""


@dataclass(frozen=True)
class BriefTable:
    """A table with its caption: ``lines`` of cells under ``head``, the first of each names its row."""

    caption: str
    head: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]


def said_cell(cell: Cell) -> str:
    """A cell to read.

    Examples
    --------
    >>> said_cell(5331.2), said_cell((4236.0, 6778.0)), said_cell("United States")
    ('5,331', '4,236 to 6,778', 'United States')
    """
    if isinstance(cell, tuple):
        return f"{digits(cell[0])} to {digits(cell[1])}"
    return cell if isinstance(cell, str) else digits(cell)


# What is forecast ----------------------------------------------------------------------------------------------------


def forecast_table(rows: pd.DataFrame, caption: str) -> BriefTable:
    """Rows of an outlook: the forecast first, then what it is compared with; every row names its destination."""
    several, record = rows["month"].nunique() > 1, bool(rows["held"].any())
    judged = bool(rows["model_t"].notna().any())
    head = ["destination", *(["for month"] if several else []), "forecast",
            *(["judged; the model says"] if judged else []), "80 % interval", "last actual", "of month",
            "on the month", "on the year", *(["80 % held"] if record else []), "events acting",
            "notes"]  # fmt: skip
    return BriefTable(
        f"{caption}, tonnes", tuple(head), tuple(_forecast_cells(row, several, record, judged) for row in records(rows))
    )


def _forecast_cells(row: Any, several: bool, record: bool, judged: bool) -> tuple[Cell, ...]:
    kinds = ", ".join(f"({spoken(kind)})" if kind in row.unestimated else spoken(kind) for kind in row.events)
    month = [str(row.month)] if several else []
    beside: list[Cell] = ["" if pd.isna(row.model_t) else float(row.model_t)] if judged else []
    numbers: list[Cell] = [float(row.volume_t), *beside, (float(row.lower_80), float(row.upper_80)), float(row.last_t)]
    compared = [str(row.last_month), change(row.on_month), change(row.on_year)]
    held = [row.held or UNKNOWN] if record else []
    return (str(row.name), *month, *numbers, *compared, *held, kinds or UNKNOWN, ", ".join(row.notes))


def sums_table(found: Outlook) -> BriefTable:
    """Several months together."""
    return BriefTable(
        "Several months together, tonnes", tuple(SUM_HEADINGS), tuple(map(tuple, sum_cells(found.together)))
    )


def parts_table(found: Mapping[str, Any]) -> BriefTable:
    """The parts of one forecast (`forecast.report.explain.as_objects`)."""
    lines = [(part_title(part), *part_numbers(part)) for part in found["parts"]]
    lines.append(("forecast", digits(found["forecast_t"]), "", ""))
    title = f"Parts of the forecast: {found['name']}, {found['month']}"
    return BriefTable(title, ("part", "tonnes", "percent", "80 % interval"), tuple(lines))


# What changed --------------------------------------------------------------------------------------------------------


def contributions(changes: pd.DataFrame) -> list[str]:
    """The contributions that move any forecast by more than rounding, in their order."""
    shares = changes["change_t"].abs() / changes["before_t"].where(changes["before_t"] > 0, 1.0)
    largest = shares.groupby(changes["contribution"], sort=False, observed=True).max()
    return [str(name) for name in largest.index if largest[name] >= NEXT_TO_NOTHING]


def changes_tables(changes: pd.DataFrame, names: Mapping[str, str], *, replayed: bool = False) -> list[BriefTable]:
    """What moved each forecast since the last issue, in tonnes and in percent of logs; each row adds up."""
    if changes.empty or not contributions(changes):
        return []
    causes, before = contributions(changes), changes["before"].iloc[0]
    tonnes: list[tuple[Cell, ...]] = []
    logs: list[tuple[Cell, ...]] = []
    for (code, month), cell in changes.groupby(["destination", "month"], sort=False, observed=True):
        start, end = float(cell["before_t"].iloc[0]), float(cell["after_t"].iloc[0])
        by_cause = dict(zip(cell["contribution"], zip(cell["change_t"], cell["log_change"], strict=True), strict=True))
        name = names.get(str(code), str(code))
        own = [by_cause[cause] for cause in causes]
        tonnes.append(
            (name, str(month), start, end, moved_by(end - start, start), *(moved_by(float(by), start) for by, _ in own))
        )
        logs.append((name, str(month), f"{cell['log_change'].sum():+.4f}", *(f"{by:+.4f}" for _, by in own)))
    said = tuple(map(spoken, causes))
    since = f"Since what would have been issued on {before}" if replayed else f"Since the issue of {before}"
    return [
        BriefTable(f"{since}, tonnes: contributions add up to the change",
                   ("destination", "month", "before", "now", "change", *said), tuple(tonnes)),
        BriefTable("The same in logs", ("destination", "month", "change", *said), tuple(logs)),
    ]  # fmt: skip


# What may happen -----------------------------------------------------------------------------------------------------


def branches_table(
    branches: pd.DataFrame, probabilities: Mapping[str, float], names: Mapping[str, str], called: EventNames
) -> BriefTable:
    """Every branch of a scenario beside the calendar as it stands, for the last month of the scenario.

    ``branches`` are rows of branches.csv of one product, the calendar as it stands first among ``probabilities``.
    """
    first, last = next(iter(probabilities)), _last_month(branches)
    said = called.branches(list(probabilities))
    base = last[last["branch"] == first].set_index("destination")["volume_t"]
    lines = [
        (names.get(row.destination, row.destination), said[str(row.branch)],
         f"{100 * probabilities[row.branch]:.0f} %", float(row.volume_t), (float(row.lower_80), float(row.upper_80)),
         signed(row.volume_t - base[row.destination]) if row.branch != first else "")
        for row in records(last)
    ]  # fmt: skip
    head = ("destination", "branch", "probability", "median", "80 % interval", f"against {first}")
    return BriefTable(f"What may happen, tonnes: {last['month'].iloc[0]}", head, tuple(lines))


def _last_month(branches: pd.DataFrame) -> pd.DataFrame:
    """Rows of the last month, of destinations in which any branch differs, the total first, then by volume."""
    last: pd.DataFrame = branches[branches["month"] == branches["month"].max()]
    volumes = last.groupby("destination")["volume_t"].agg(["min", "max"])
    moved = volumes[volumes["max"] - volumes["min"] > DIFFERENT * volumes["max"]]
    order = sorted(moved.index, key=lambda code: (code != "WLD", -moved["max"][code]))
    own = last[last["destination"].isin(order)]
    place = own["destination"].map(order.index)
    return own.assign(place=place).sort_values("place", kind="stable") if len(own) else last


DIFFERENT = 1e-6
"""Share of a volume by which branches differ at least."""


# How often right -----------------------------------------------------------------------------------------------------


def last_month_table(issued: pd.DataFrame, names: Mapping[str, str], *, replayed: bool = False) -> BriefTable | None:
    """What the issue before said of the months that are out by now: rows of forecasts with ``actual_t``."""
    lines = [
        (names.get(row.destination, row.destination), str(row.month), float(row.volume_t),
         (float(row.lower_80), float(row.upper_80)), float(row.actual_t), _inside(row),
         change(row.volume_t / row.actual_t - 1) if row.actual_t > 0 else UNKNOWN)
        for row in records(issued)
    ]  # fmt: skip
    head = ("destination", "month", "forecast", "80 % interval", "actual", "inside", "error")
    caption = (
        "What would have been issued, and the actual, tonnes" if replayed else "The last issue and the actual, tonnes"
    )
    return BriefTable(caption, head, tuple(lines)) if lines else None


def tracked_table(record: pd.DataFrame | None, product: str, model: str) -> BriefTable | None:
    """How often the intervals held that a store issued, one month ahead, over all destinations, from `store.track`."""
    own = None if record is None else record[(record["product"] == product) & (record["model"] == model)]
    if own is None or own.empty:
        return None
    lines = tuple((SHOWN_SLICES.get(row.slice, row.slice), str(row.n), f"{row.held_80} of {row.n}",
                   f"{row.held_95} of {row.n}") for row in records(own))  # fmt: skip
    head = ("months", "forecasts", "80 % interval held", "95 % interval held")
    return BriefTable("Track record of the store, one month ahead", head, lines)


def _inside(row: Any) -> str:
    held = [
        level for level in (80, 95) if getattr(row, f"lower_{level}") <= row.actual_t <= getattr(row, f"upper_{level}")
    ]
    return f"{held[0]} %" if held else "outside"


def record_table(record: pd.DataFrame | None, product: str, model: str, names: Mapping[str, str]) -> BriefTable | None:
    """How often intervals of a model held, from `forecast.report.track_record`."""
    own = None if record is None else record[(record["product"] == product) & (record["model"] == model)]
    if own is None or own.empty:
        return None
    lines = []
    for code, rows in own.groupby("destination", sort=False):
        held = {row.level: f"{row.held} of {row.n}" for row in records(rows)}
        months = f"{rows['first_month'].min()} to {rows['last_month'].max()}"
        lines.append((names.get(str(code), str(code)), held.get(80, UNKNOWN), held.get(95, UNKNOWN), months))
    head = ("destination", "80 % interval held", "95 % interval held", "months")
    return BriefTable("How often intervals held, one month ahead", head, tuple(lines))


PHASE_WORDS = {"event": "months under an event", "after": "three months after", "calm": "calm months"}


def phases_table(phases: pd.DataFrame) -> BriefTable | None:
    """The track record of a product by phase, from `forecast.report.track_record.read_track_phases`."""
    lines = [
        (PHASE_WORDS.get(row.phase, str(row.phase)), str(row.n), f"{row.held_80} of {row.n}",
         f"{row.held_95} of {row.n}", float(row.mae_t))
        for row in records(phases)
    ]  # fmt: skip
    head = ("months", "forecasts", "80 % interval held", "95 % interval held", "mean absolute error, t")
    return BriefTable("How often right in a backtest, by phase, one month ahead", head, tuple(lines)) if lines else None


# Analogues -----------------------------------------------------------------------------------------------------------


def analogues_table(found: pd.DataFrame, names: Mapping[str, str]) -> BriefTable:
    """Past measures by months since their effect, in percent of the mean of the six months before."""
    lines = [
        (str(row.event), spoken(row.product), names.get(row.destination, row.destination), str(row.effective),
         f"{row.notice_days} days", float(row.base_t),
         *(percent_of(getattr(row, f"month_{month}")) for month in SINCE))
        for row in records(found)
    ]  # fmt: skip
    head = ("measure", "product", "destination", "effective", "notice", "before, t",
            *(f"month {month}" for month in SINCE))  # fmt: skip
    return BriefTable("Percent of the mean of the six months before the announcement", head, tuple(lines))


def sources_table(found: pd.DataFrame) -> BriefTable:
    """Where each measure is written."""
    rows = records(found.drop_duplicates("event"))
    lines = tuple((str(row.event), str(row.source or "no source on file")) for row in rows)
    return BriefTable("Sources of the measures", ("measure", "source"), lines)


def values_table(actual: pd.Series, rows: pd.DataFrame, name: str) -> BriefTable:
    """The values of a fan chart: the last actuals, then the months forecast."""
    known: list[tuple[Cell, ...]] = [(str(month), float(tonnes), "") for month, tonnes in actual.dropna().items()]
    ahead: Iterator[tuple[Cell, ...]] = (
        (f"{row.month}, forecast", float(row.volume_t), (float(row.lower_80), float(row.upper_80)))
        for row in records(rows)
    )
    return BriefTable(f"{name}: values", ("month", "tonnes", "80 % interval"), (*known[-VALUES:], *ahead))


VALUES = 13
"""Actuals in the table behind a chart: a year and the month before."""


def written(table: BriefTable) -> Iterator[Sequence[str]]:
    """The lines of a table as text."""
    return (tuple(map(said_cell, line)) for line in table.lines)
