"""Events that may happen, and scheduled ends that may lapse: as the user writes them, read and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

import pandas as pd

from forecast.realtime.events import ACTING_KINDS, KINDS, WITHOUT_REGRESSOR, covers_product, known_events
from forecast.realtime.releases import Snapshot
from forecast.tables import cells as checks
from forecast.tables.frames import records
from forecast.tables.read import Files, TableError, events_table
from forecast.tables.schema import SUPPOSED_COLUMNS as SUPPOSED_COLUMNS

_NEEDED = ("kind", "destinations", "announced", "effective", "probability")
"""Fields without which an event cannot be supposed; products default to those asked for, and a name is made up."""

PROBABILITY = checks.cell(
    lambda text: checks.is_number(text) and 0 <= float(text) <= 1, "must be a number from 0 to 1, found {found}."
)
ACTING = checks.cell(
    lambda text: text not in WITHOUT_REGRESSOR,
    f"must be one that changes forecasts, found {{found}}, which has no effect. Such are {', '.join(ACTING_KINDS)}.",
)

LAPSE = "lapse"
"""The kind of a row that adds no event, but lets the scheduled end of the event it names come on its day of effect."""

MOST_EVENTS = 6
"""Events and lapses in one scenario: each doubles the number of branches."""


def supposed_cells(text: str, products: Sequence[str]) -> dict[str, str]:
    """The cells of an event written as ``field=value`` with commas between; lists inside a value have semicolons.

    Fields are the columns of an events file and ``probability``. Products left out are ``products``; destinations are
    given by code or name.

    Raises
    ------
    ValueError
        For a part that is no field with a value, and for a field that is unknown, missing, or there twice.

    Examples
    --------
    >>> text = "kind=ban,destinations=USA;JPN,announced=2026-12-01,effective=2027-01-10,probability=0.3"
    >>> cells = supposed_cells(text, ["rare_earth_magnets"])
    >>> cells["products"], cells["destinations"]
    ('rare_earth_magnets', 'USA;JPN')
    """
    cells: dict[str, str] = {}
    for part in text.split(","):
        field, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"expected field=value with commas between, found {part.strip()!r}.")
        if field not in SUPPOSED_COLUMNS:
            near = get_close_matches(field.lower(), SUPPOSED_COLUMNS, 1)
            hint = f"did you mean {near[0]}?" if near else f"fields are {', '.join(SUPPOSED_COLUMNS)}."
            raise ValueError(f"{field!r} is not a field: {hint}")
        if field in cells:
            raise ValueError(f"{field} stands twice: expected each field once, lists with semicolons.")
        cells[field] = value
    missing = [field for field in _NEEDED if not cells.get(field)]
    if missing:
        raise ValueError(f"expected {', '.join(_NEEDED)}, found nothing for {', '.join(missing)}.")
    named = ";".join(checks.code_named(item.strip()) for item in cells["destinations"].split(";"))
    return {"products": ";".join(products)} | cells | {"destinations": named}


def supposed_rows(texts: Sequence[str], products: Sequence[str]) -> pd.DataFrame:
    """The raw table of events written as in `supposed_cells`, a row each, named after kind and day of effect.

    Raises
    ------
    ValueError
        As in `supposed_cells`.
    """
    rows, made_up = [], Counter[str]()
    for text in texts:
        cells = supposed_cells(text, products)
        name = f"{cells['kind']}-{cells['effective']}"
        made_up[name] += 1
        rows.append({"event": name if made_up[name] == 1 else f"{name}-{made_up[name]}"} | cells)
    return pd.DataFrame(rows, index=range(1, len(rows) + 1), columns=SUPPOSED_COLUMNS, dtype=str).fillna("")


def supposed_events(files: Files, destinations: pd.DataFrame) -> pd.DataFrame:
    """Hypothetical events, a row each: columns `SUPPOSED_COLUMNS`, from raw tables as in `forecast.tables.read`.

    A row of kind `LAPSE` is the lapse of an event of the calendar on its scheduled end, ``effective``.

    Raises
    ------
    TableError
        For all that is wrong in an events file, for a probability outside 0 to 1, and for a kind without an effect.
    """
    unique = {name: raw.loc[:, ~raw.columns.duplicated()] for name, raw in files.items()}
    raw = pd.concat({name: raw.reindex(columns=SUPPOSED_COLUMNS, fill_value="") for name, raw in unique.items()})
    found = checks.cell_problems(raw, "{event}", {"probability": [PROBABILITY], "kind": [ACTING]}, {})
    problems = [sentence for _, sentence in found]
    try:
        table = events_table(files, destinations, (*KINDS, LAPSE), elsewhere=True)
    except TableError as error:
        raise TableError(*error.problems, *problems) from error
    if problems:
        raise TableError(*problems)
    return table.assign(probability=checks.numbers(raw["probability"]).to_numpy())


def scheduled_ends(known: pd.DataFrame, issued: date) -> dict[str, date]:
    """The scheduled ends after ``issued``, by event, of the calendar ``known`` on that day."""
    days = dict(zip(known["event"], known["scheduled"], strict=True))
    return {event: day for event, day in days.items() if day is not None and day > issued}


def split_lapses(
    supposed: pd.DataFrame, lapses: Mapping[str, float], known: Snapshot
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The events of ``supposed`` without its rows of kind `LAPSE`, and ``lapses`` with these.

    Raises
    ------
    TableError
        For a row whose event does not have its scheduled end on the day in ``effective``, or lapses twice.
    """
    scheduled = scheduled_ends(known.events, known.issued)
    found, problems = dict(lapses), passed_lapses(supposed, known.events, known.issued)
    for row in records(supposed[supposed["kind"] == LAPSE]):
        if row.effective <= known.issued and row.event in set(known.events["event"]):
            continue
        if scheduled.get(row.event) != row.effective:
            day = scheduled.get(row.event)
            ends = f"found one on {day}" if day else "found none"
            known_on = f"expected a scheduled end on {row.effective}, known on {known.issued} and still ahead"
            problems.append(f"{row.event}: a lapse is given, {known_on}, {ends}.")
        elif row.event in found:
            problems.append(f"{row.event} lapses twice. One row or option for each.")
        found[row.event] = row.probability
    if problems:
        raise TableError(*problems)
    return supposed[supposed["kind"] != LAPSE].reset_index(drop=True), found


def passed_lapses(supposed: pd.DataFrame, known: pd.DataFrame, issued: date) -> list[str]:
    """A sentence for each lapse whose day has passed: what became of the event by ``issued``, and what is still open.

    ``known`` is the calendar as known on that day (`forecast.realtime.events.known_events`).
    """
    events = {event.event: event for event in records(known)}
    ahead = [f"{event} is scheduled to end on {day}" for event, day in scheduled_ends(known, issued).items()]
    still = f"still open: {', '.join(ahead)} (--lapse EVENT=PROBABILITY)" if ahead else "no scheduled end is ahead"
    sentences = []
    for row in records(supposed[supposed["kind"] == LAPSE]):
        if row.effective <= issued and row.event in events:
            after = [event.event for event in events.values() if event.continues == row.event]
            goes_on = f"in the calendar {after[0]} carries it on" if after else "no end is confirmed"
            ends = events[row.event].ends
            now = f"it ended on {ends}" if ends else goes_on
            said = f"{row.event}: its lapse on {row.effective} is no longer open on {issued}, {now}; {still}."
            sentences.append(said)
    return sentences


def check_lapses(events: pd.DataFrame, lapses: Mapping[str, float], issued: date) -> None:
    """Check that every event of ``lapses`` has a scheduled end after ``issued``, and a probability.

    Raises
    ------
    ValueError
        With the events that have such an end.
    """
    scheduled = scheduled_ends(known_events(events, issued), issued)
    for event, probability in lapses.items():
        if event not in scheduled:
            could = f"expected one of {', '.join(scheduled)}" if scheduled else "there is none on file"
            confirmed = any(
                row.event == event and row.ends and getattr(row, "ends_status", "") != "scheduled"
                for row in records(events)
            )
            could += "; where its end is only planned, set ends_status=scheduled in its row" if confirmed else ""
            raise ValueError(f"{event!r} is not known on {issued} to have a scheduled end ahead: {could}.")
        if not 0 <= probability <= 1:
            raise ValueError(f"{event}: probability must be a number from 0 to 1, found {probability:g}.")


@dataclass(frozen=True)
class HypotheticalEvent:
    """A hypothetical event on a day: one added (as `known_events` gives it), or one of the calendar that ends."""

    name: str
    probability: float
    day: date
    added: pd.DataFrame
    lapsed: str | None = None


def hypothetical_events(
    known: Snapshot, supposed: pd.DataFrame, lapses: Mapping[str, float]
) -> list[HypotheticalEvent]:
    """Hypothetical events in the order given: those ``supposed``, then the ``lapses`` of scheduled ends.

    Raises
    ------
    TableError
        When there is nothing, or more than `MOST_EVENTS`.
    """
    added = known_events(supposed, date.max)
    found = [
        HypotheticalEvent(event.event, event.probability, event.effective, added.iloc[[place]])
        for place, event in enumerate(records(added))
    ]
    scheduled = scheduled_ends(known.events, known.issued)
    for event, probability in lapses.items():
        found.append(HypotheticalEvent(f"{event} lapses", probability, scheduled[event], added.iloc[:0], event))
    if not 0 < len(found) <= MOST_EVENTS:
        most = f"A scenario takes 1 to {MOST_EVENTS} events and lapses together, each of which doubles the branches"
        raise TableError(f"{most}, found {len(found)}.")
    return found


def check_ahead(supposed: pd.DataFrame, known: Snapshot, products: Sequence[str]) -> None:
    """Check that scenario events start after the last figures, are new and unique, and continue known ones.

    Raises
    ------
    TableError
        With a sentence for each that does not.
    """
    on_file = set(known.events["event"])
    problems = [f"{name}: the calendar has this event already." for name in supposed["event"] if name in on_file]
    twice = supposed.loc[supposed["event"].duplicated(), "event"].unique()
    problems += [f"{name} stands twice among the events that may happen. One row for each." for name in twice]
    problems += [
        f"{event.event}: continues must name an event that is known on {known.issued}, or may happen, "
        f"found {event.continues!r}."
        for event in records(supposed)
        if event.continues and event.continues not in on_file.union(supposed["event"])
    ]
    for event in records(supposed):
        for product in [name for name in known_products(known, products) if covers_product(event.products, name)]:
            cutoff = known.cutoff(product)
            if pd.Period(event.effective, "M") <= cutoff:
                found = f"found {event.effective}, and figures up to {cutoff}"
                problems.append(
                    f"{event.event}: effective must lie after the last figures of {product}, {found}. "
                    "What has begun belongs in the calendar."
                )
    if problems:
        raise TableError(*problems)


def known_products(known: Snapshot, products: Sequence[str]) -> list[str]:
    """Those of ``products`` of which any figure was known."""
    return [product for product in products if product in known.volumes]
