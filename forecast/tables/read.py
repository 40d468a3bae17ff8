"""The long tables that everything flows through, and what must be true of each where it enters.

A file arrives as a frame of raw strings whose index is the row number in that file (the header is row 1). The functions
below take such frames by file name, check every cell and then what holds between cells, and return one typed table.
All that is wrong is raised at once, a sentence per problem. Months become `pd.Period`, days `datetime.date`, open days
None, lists tuples; an unknown column is ignored unless it looks like a misspelt one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from forecast.safety.inert import from_csv_cell, is_visible, visible
from forecast.tables import cells as checks
from forecast.tables.cells import Check, Problem, Texts, as_plain, cell, cell_problems, coded, recoded
from forecast.tables.frames import records, says_withdrawn, usual_release, withdrawals
from forecast.tables.schema import DESTINATIONS, EVENTS, EXPORTS, PERIOD_TOTALS, WITHDRAWN, TableSchema

Files = Mapping[str, pd.DataFrame]
"""Raw tables by file name: every cell a string (or a category that is one), the index the row number in that file."""


SHOWN_PROBLEMS = 20
"""Sentences that are shown of those that say what is wrong."""


class TableError(ValueError):
    r"""What is wrong with the user's tables: ``problems`` has a sentence for each, ``str()`` a line for the first.

    What a sentence quotes from a file is shown and never obeyed, whichever part of the file it is.

    Examples
    --------
    >>> TableError("a.csv row 2: one thing.", "a.csv row 5: \x1b another.").problems
    ['a.csv row 2: one thing.', 'a.csv row 5: � another.']
    >>> print(str(TableError(*(f"a.csv row {row}: no month." for row in range(30)))).splitlines()[-1])
    and 10 more, all in the error's `problems`.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = [visible(problem) for problem in problems]
        super().__init__(*self.problems)

    def __str__(self) -> str:
        beyond = len(self.problems) - SHOWN_PROBLEMS
        more = [f"and {beyond:,} more, all in the error's `problems`."] if beyond > 0 else []
        return "\n".join([*self.problems[:SHOWN_PROBLEMS], *more])


def exports_table(files: Files, destinations: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """Monthly volumes, a row per product, destination, month and release: columns `EXPORT_COLUMNS`, in file order.

    ``month`` is a period, ``volume_t`` and ``precision_t`` are tonnes (precision NaN where not given), ``released`` is
    a date, filled by `usual_release` where empty. Rows of one key with different ``released`` are vintages; an empty
    volume after an earlier one, or of the status ``withdrawn``, withdraws the figure from its day on: NaN.
    ``destinations`` is the table of known codes; ``today``, by default the day of the call, bounds months and releases.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.

    Examples
    --------
    >>> codes = pd.DataFrame({"code": ["USA"], "name": ["United States"], "iso2": ["US"], "numeric": ["840"]})
    >>> raw = pd.DataFrame({"product": ["magnets"], "destination": ["USA"], "month": ["2025-05"], "volume_t": ["46"]})
    >>> exports_table({"exports.csv": raw}, codes, date(2026, 1, 1))["released"].tolist()
    [datetime.date(2025, 6, 20)]
    """
    today = today or date.today()
    raw = _joined(files, EXPORTS)
    key = "{destination} {month}"
    required = {
        "month": [checks.MONTH, checks.month_until(today), checks.MONTH_COVERED],
        **_volume_checks(destinations, today),
        "volume_t": checks.VOLUME_OR_EMPTY,
    }
    problems = cell_problems(raw, key, required, {"destination": checks.destination_hint(destinations)})
    table = _typed_volumes(_without(raw, problems), ["month"])
    withdrawn = withdrawals(table)
    problems += _empty_or_filled(raw, key, table, withdrawn)
    if withdrawn.any():
        table["status"] = table["status"].astype(str).mask(withdrawn, WITHDRAWN)
    problems += _released_early(raw, key, table, "month")
    problems += _twice(raw, key, table, ["product", "destination", "month", "released"])
    return _table_or_error(table, problems, EXPORTS)


def period_totals_table(files: Files, destinations: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """Volumes of several months together, from ``start`` to ``end`` inclusive: columns `PERIOD_TOTAL_COLUMNS`.

    Types and defaults are those of `exports_table`; an empty ``released`` is the usual release of ``end``.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.
    """
    today = today or date.today()
    raw = _joined(files, PERIOD_TOTALS)
    key = "{destination} {start} to {end}"
    month = [checks.MONTH, checks.month_until(today), checks.MONTH_COVERED]
    required = {"start": month, "end": month, **_volume_checks(destinations, today)}
    problems = cell_problems(raw, key, required, {"destination": checks.destination_hint(destinations)})
    table = _typed_volumes(_without(raw, problems), ["start", "end"])
    backwards = table.index[table["end"] < table["start"]]
    problems += _row_problems(raw, key, backwards, "end must not be before start, found {end} before {start}.")
    problems += _released_early(raw, key, table, "end")
    problems += _twice(raw, key, table, ["product", "destination", "start", "end", "released"])
    return _table_or_error(table, problems, PERIOD_TOTALS)


def events_table(
    files: Files, destinations: pd.DataFrame, kinds: Collection[str], *, elsewhere: bool = False
) -> pd.DataFrame:
    """Policy events, a row each: columns `EVENT_COLUMNS`, in file order.

    ``products`` and ``destinations`` are tuples (``("ALL",)`` for every one), days are dates, ``ends`` and
    ``ends_announced`` None where open, ``ends_status`` is ``""`` or ``"scheduled"``, ``continues`` is ``""`` or the
    event that the row extends or replaces. ``kinds`` is the vocabulary; ``elsewhere`` allows ``continues`` to name
    events that are in none of the files.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.
    """
    raw = _joined(files, EVENTS)
    required = {
        "event": [checks.FILLED, checks.NAME_LENGTH],
        "kind": [cell(lambda text: text in kinds, "must be a kind of event, found {found}.")],
        "products": [checks.SLUGS, checks.NAME_LENGTH],
        "destinations": [checks.known_destinations(destinations)],
        "announced": [checks.DAY],
        "effective": [checks.DAY],
        "ends": [checks.DAY_OR_OPEN],
        "ends_announced": [checks.DAY_OR_OPEN],
        "source": [checks.TEXT_LENGTH],
        "description": [checks.TEXT_LENGTH],
        "ends_status": [cell(lambda text: text in ("", "scheduled"), "must be empty or scheduled, found {found}.")],
    }
    hints = {"kind": checks.kind_hint(kinds), "destinations": checks.destination_hint(destinations)}
    problems = cell_problems(raw, "{event}", required, hints)
    table = _typed_events(as_plain(_without(raw, problems)))
    problems += _ends_problems(raw, table) + _twice_by_name(raw, table, "event")
    problems += _continues_problems(raw, table, elsewhere)
    return _table_or_error(table, problems, EVENTS)


def destinations_table(files: Files) -> pd.DataFrame:
    """Known destinations, a row per code: columns `DESTINATION_COLUMNS`; ``members`` is a tuple of codes.

    A country has no members. ``iso2`` and ``numeric`` are empty for groups.

    Raises
    ------
    TableError
        For an empty code or name, a code that stands twice, or a member that is not a code of the table.
    """
    raw = _joined(files, DESTINATIONS)
    codes = {"", *raw["code"]}
    known = cell(lambda text: codes.issuperset(checks.items(text)), "must be codes of the same table, found {found}.")
    required = {
        "code": [checks.FILLED, checks.NAME_LENGTH],
        "name": [checks.FILLED, checks.NAME_LENGTH],
        "members": [known],
    }
    problems = cell_problems(raw, "{code}", required, {})
    table = as_plain(_without(raw, problems)).assign(members=lambda sound: checks.lists(sound["members"]))
    problems += _twice_by_name(raw, table, "code")
    return _table_or_error(table, problems, DESTINATIONS)


# Columns -------------------------------------------------------------------------------------------------------------


def _joined(files: Files, schema: TableSchema) -> pd.DataFrame:
    """All rows of ``files`` under the columns, absent or empty optional cells filled, indexed by (file, row)."""
    columns, options = schema.columns, schema.defaults
    problems = [problem for name, raw in files.items() for problem in _column_problems(name, raw, columns, options)]
    if problems:
        raise TableError(*problems)
    same = {
        name: raw.loc[:, ~raw.columns.duplicated()].reindex(columns=columns, fill_value="")
        for name, raw in files.items()
    }
    rows = pd.concat({name: raw[[]] for name, raw in same.items()}, names=["file", "row"])
    parts = {column: [coded(raw[column]) for raw in same.values()] for column in columns}
    whole = {column: pd.Series(union_categoricals(part), index=rows.index) for column, part in parts.items()}
    return pd.DataFrame({column: _made_visible(whole[column], options.get(column, "")) for column in columns})


def _made_visible(cells: pd.Series, default: str) -> pd.Series:
    """A column without control and direction characters and the guard of formulas: the one door of all files.

    Empty cells become ``default``.
    """
    texts = cells.cat.categories
    joined = "".join(texts)
    if not (default or "'" in joined) and is_visible(joined):
        return cells
    return recoded(cells, [visible(from_csv_cell(text)) or default for text in texts])


def _column_problems(name: str, raw: pd.DataFrame, columns: list[str], options: Collection[str]) -> list[str]:
    found = [str(column) for column in raw.columns]
    absent = [column for column in columns if column not in found]
    problems = [
        f"{name} row 1: column {column} stands twice. One column of each name."
        for column in columns
        if found.count(column) > 1
    ]
    for column in found:
        meant = get_close_matches(column.lower(), absent, 1, cutoff=0.75)
        if column not in columns and meant:
            absent.remove(meant[0])
            problems.append(f"{name} row 1: column {column!r} is not known. Did you mean {meant[0]}?")
    missing = [column for column in absent if column not in options]
    if missing:
        s = "s" if len(missing) > 1 else ""
        columns_found = shorten(", ".join(found), 120, placeholder=" ...")
        problems.append(f"{name} row 1: expected column{s} {', '.join(missing)}, found only {columns_found}.")
    elif raw.empty and not problems:
        problems.append(f"{name}: expected rows below the header, found none.")
    return problems


# Typed columns --------------------------------------------------------------------------------------------------------


def _typed_volumes(sound: pd.DataFrame, months: list[str]) -> pd.DataFrame:
    """Typed columns, ``released`` as categories that are dates."""
    table = sound.assign(**{column: checks.months(sound[column]) for column in months})
    return table.assign(
        volume_t=checks.numbers(sound["volume_t"]),
        precision_t=checks.numbers(sound["precision_t"]),
        released=_released(sound["released"], sound[months[-1]]),
    )


def _released(stated: pd.Series, month: pd.Series) -> pd.Series:
    """The day that is stated, else the usual one of the month, as categories."""
    days, months = Texts.of(stated), Texts.of(month)
    said = [checks.day_or_none(text) for text in days.different]
    usual = [usual_release(one) for one in pd.PeriodIndex(months.different, freq="M")] if None in said else []
    place = {day: at for at, day in enumerate(dict.fromkeys([*filter(None, said), *usual]))}
    codes = np.array([-1 if day is None else place[day] for day in said], dtype=np.int32)[days.codes]
    if usual:
        codes = np.where(codes < 0, np.array([place[day] for day in usual], dtype=np.int32)[months.codes], codes)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(list(place), dtype=object)), index=stated.index)


def _typed_events(sound: pd.DataFrame) -> pd.DataFrame:
    days = {column: checks.days(sound[column]) for column in ("announced", "effective", "ends", "ends_announced")}
    lists = {column: checks.lists(sound[column]) for column in ("products", "destinations")}
    return sound.assign(**days, **lists)


# Between cells and rows: the typed table is indexed by position in the raw one ----------------------------------------


def _empty_or_filled(raw: pd.DataFrame, key: str, table: pd.DataFrame, withdrawn: pd.Series) -> list[Problem]:
    """Rows without a volume that withdraw nothing, and rows that withdraw a figure and state one."""
    empty = np.flatnonzero((raw["volume_t"] == "").to_numpy())
    absent = np.setdiff1d(empty, table.index[withdrawn]).tolist()
    filled = table.index[says_withdrawn(table) & table["volume_t"].notna()]
    said = "volume_t must be empty where status is withdrawn, found {volume_t}."
    nothing = _row_problems(raw, key, absent, f"volume_t {checks.VOLUME[0].sentence}")
    return [*nothing, *_row_problems(raw, key, filled, said)]


def _volume_checks(destinations: pd.DataFrame, today: date) -> dict[str, list[Check]]:
    """What exports and period totals have in common."""
    return {
        "product": [checks.SLUG, checks.NAME_LENGTH],
        "destination": [checks.known_destination(destinations)],
        "volume_t": checks.VOLUME,
        "released": [checks.DAY_OR_OPEN, checks.day_until(today)],
        "precision_t": checks.PRECISION,
        "source": [checks.TEXT_LENGTH],
    }


def _without(raw: pd.DataFrame, problems: Iterable[Problem]) -> pd.DataFrame:
    """The rows without a problem, indexed by position."""
    rows = raw.reset_index(drop=True)
    wrong = sorted({position for position, _ in problems})
    return rows.drop(index=wrong) if wrong else rows


def _row_problems(raw: pd.DataFrame, key: str, positions: Iterable[int], sentence: str) -> list[Problem]:
    """``sentence``, filled with the row's own cells as they stand in the file, for each of ``positions``."""
    rows = list(positions)
    cells = raw.iloc[rows].to_dict("records") if rows else []
    places = checks.where(raw, key, rows)
    return [(row, f"{place} {sentence.format_map(said)}") for row, place, said in zip(rows, places, cells, strict=True)]


def _released_early(raw: pd.DataFrame, key: str, table: pd.DataFrame, month: str) -> list[Problem]:
    days = np.array(table["released"].cat.categories, dtype="datetime64[D]")[table["released"].cat.codes]
    first_after = (table[month].array.asi8 + 1).astype("datetime64[M]").astype("datetime64[D]")
    early = table.index[days + 1 < first_after]
    sentence = f"released must not be before the end of {{{month}}}, found {{released}}."
    return _row_problems(raw, key, early, sentence)


def _twice(raw: pd.DataFrame, key: str, table: pd.DataFrame, columns: list[str]) -> list[Problem]:
    """Rows whose key stands in an earlier row, each with both volumes as written."""
    again = table.index[table.duplicated(columns)]
    if again.empty:
        return []
    firsts = table[columns].groupby(columns, sort=False, observed=True).ngroup()
    first_of = pd.Series(table.index, index=table.index).groupby(firsts, sort=False).transform("first")[again]
    names = [column if column != "released" else "release" for column in columns]
    rule = f"One row per {', '.join(names[:-1])} and {names[-1]}."
    rows, earlier = raw["volume_t"].iloc[again], raw["volume_t"].iloc[first_of]
    places = [place.removesuffix(":") for place in checks.where(raw, key, again.tolist())]
    volumes = [_elsewhere(*first, *row) for first, row in zip(earlier.items(), rows.items(), strict=True)]
    return [
        (position, f"{place} twice ({first} and {volume}). {rule}")
        for position, place, first, volume in zip(again, places, volumes, rows, strict=True)
    ]


def _elsewhere(first: Any, volume: str, here: Any, _: str) -> str:
    """The volume of the row ``first``, a file and a number, with its place where that is another file than here's."""
    (first_file, first_row), (file, _) = first, here
    return str(volume) if first_file == file else f"{volume} in {first_file} row {first_row}"


def _twice_by_name(raw: pd.DataFrame, table: pd.DataFrame, column: str) -> list[Problem]:
    """Rows whose ``column``, the name of the row, stands in an earlier row."""
    firsts: dict[str, int] = {}
    problems = []
    for position, name in zip(table.index, table[column], strict=True):
        first = firsts.setdefault(name, position)
        if first != position:
            (file, row), (first_file, first_row) = raw.index[position], raw.index[first]
            sentence = f"{column} {name} stands already in {first_file} row {first_row}. One row for each."
            problems.append((position, f"{file} row {row}: {sentence}"))
    return problems


def _ends_problems(raw: pd.DataFrame, table: pd.DataFrame) -> list[Problem]:
    """Ends before the announcement, and what is said of an end where there is none."""
    ended = dict(zip(table.index[table["ends"].notna()].tolist(), records(table.dropna(subset="ends")), strict=True))
    backwards = [row for row, event in ended.items() if event.ends < event.announced]
    said = table["ends_announced"].notna() | (table["ends_status"] != "")
    baseless = table.index[table["ends"].isna() & said]
    acted = "ends before effective must be announced by {effective}, found ends_announced {ends_announced}."
    early = "ends must not be before announced ({announced}), found {ends}."
    sound = ((row, event, event.ends_announced or event.ends) for row, event in ended.items())
    beyond = [row for row, event, known in sound if event.announced <= event.ends < event.effective < known]
    absent = "ends must be a day where ends_announced or ends_status is given, found an empty cell."
    found = ((backwards, early), (baseless, absent), (beyond, acted))
    return [problem for rows, said in found for problem in _row_problems(raw, "{event}", rows, said)]


def _continues_problems(raw: pd.DataFrame, table: pd.DataFrame, elsewhere: bool) -> list[Problem]:
    """Rows that continue no event of the files, one announced later, or in a circle themselves."""
    continued = table["continues"]
    announced = dict(zip(table["event"], table["announced"], strict=True))
    follows = dict(zip(table["event"], continued, strict=True))
    absent = table.index[(continued != "") & ~continued.isin({*raw["event"]})]
    named = {row: former for row, former in zip(table.index.tolist(), continued, strict=True) if former in announced}
    later = [row for row, former in named.items() if announced[former] > table["announced"][row]]
    circular = [row for row in named if row not in later and _in_circle(table["event"][row], follows)]
    sentences = {
        "continues must name an event of the files, found {continues!r}.": [] if elsewhere else absent,
        "continues must name an event announced by {announced}, found {continues}, which is announced later.": later,
        "continues must not lead back to the event itself, found {continues}.": circular,
    }
    key = "{event}"
    return [problem for said, rows in sentences.items() for problem in _row_problems(raw, key, rows, said)]


def _in_circle(event: str, follows: Mapping[str, str]) -> bool:
    """Whether going from ``event`` to what it continues, and so on, comes back to it."""
    seen: set[str] = set()
    earlier = follows[event]
    while earlier in follows and earlier != event and earlier not in seen:
        seen.add(earlier)
        earlier = follows[earlier]
    return earlier == event


def _table_or_error(table: pd.DataFrame, problems: Iterable[Problem], schema: TableSchema) -> pd.DataFrame:
    """The table under its columns with a plain index, or all the problems in the order of their rows."""
    sentences = [sentence for _, sentence in sorted(problems, key=lambda problem: problem[0])]
    if sentences:
        raise TableError(*sentences)
    return as_plain(table[schema.columns].reset_index(drop=True))
