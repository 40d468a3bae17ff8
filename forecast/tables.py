"""The long tables that everything flows through, and what must be true of each where it enters.

A file arrives as a frame of raw strings whose index is the row number in that file (the header is row 1). The functions
below take such frames by file name, check every cell and then what holds between cells, and return one typed table.
All that is wrong is raised at once, a sentence per problem. Months become `pd.Period`, days `datetime.date`, open days
None, lists tuples; an unknown column is ignored unless it looks like a misspelt one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pandera.pandas as pa

EXPORT_COLUMNS = ["product", "destination", "month", "volume_t", "released", "status", "precision_t", "source"]
PERIOD_TOTAL_COLUMNS = [
    "product", "destination", "start", "end", "volume_t", "released", "precision_t", "status", "source",
]  # fmt: skip
EVENT_COLUMNS = [
    "event", "kind", "products", "destinations", "announced", "effective", "ends", "ends_announced", "source",
    "description", "ends_status",
]  # fmt: skip
DESTINATION_COLUMNS = ["code", "name", "iso2", "numeric", "kind", "members"]
FORECAST_COLUMNS = [
    "product", "destination", "model", "issued", "cutoff", "month", "horizon", "volume_t", "lower_80", "upper_80",
    "lower_95", "upper_95", "last_known",
]  # fmt: skip
SCORE_COLUMNS = [
    "product", "model", "slice", "n", "mae_t", "wape", "mase", "rmsse", "bias", "wis", "coverage_80", "coverage_95",
]  # fmt: skip
DROPPED_COLUMNS = ["product", "destination", "issued", "regressor", "reason"]
FAILURE_COLUMNS = ["product", "destination", "model", "issued", "reason"]
EFFECT_COLUMNS = ["product", "destination", "model", "issued", "regressor", "estimate", "lower", "upper"]

LARGEST_VOLUME_T = 1e9
"""More tonnes a month than any traded good: a larger volume is a slip of the unit."""

_VOLUME_OPTIONS = {"released": "", "status": "reported", "precision_t": "", "source": ""}
"""What an absent or empty optional cell of exports and period totals means, as text."""

Files = Mapping[str, pd.DataFrame]
"""Raw tables by file name: every cell a string, the index the row number in that file."""

Problem = tuple[int, str]
"""(position of the row in the joined raw table, sentence)"""


class TableError(ValueError):
    """What is wrong with the user's tables: ``problems`` has a sentence for each, ``str()`` a line for each.

    Examples
    --------
    >>> TableError("a.csv row 2: one thing.", "a.csv row 5: another.").problems
    ['a.csv row 2: one thing.', 'a.csv row 5: another.']
    """

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def usual_release(month: pd.Period) -> date:
    """The day from which a volume of ``month`` is known where no day is given: the 20th of the next month.

    Examples
    --------
    >>> usual_release(pd.Period("2025-12", freq="M"))
    datetime.date(2026, 1, 20)
    """
    after = month + 1
    return date(after.year, after.month, 20)


def exports_table(files: Files, destinations: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """Monthly volumes, a row per product, destination, month and release: columns `EXPORT_COLUMNS`, in file order.

    ``month`` is a period, ``volume_t`` and ``precision_t`` are tonnes (precision NaN where not given), ``released`` is
    a date, filled by `usual_release` where empty. Rows of one key with different ``released`` are vintages.
    ``destinations`` is the table of known codes; ``today``, by default the day of the call, bounds months and releases.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.

    Examples
    --------
    >>> codes = pd.DataFrame({"code": ["USA"], "name": ["United States"], "iso2": ["US"], "numeric": ["840"]})
    >>> raw = pd.DataFrame({"product": ["magnets"], "destination": ["USA"], "month": ["2025-05"], "volume_t": ["46"]})
    >>> exports_table({"exports.csv": raw}, codes, date(2026, 1, 1)).loc[0, ["volume_t", "released"]].tolist()
    [46.0, datetime.date(2025, 6, 20)]
    """
    today = today or date.today()
    raw = _joined(files, EXPORT_COLUMNS, _VOLUME_OPTIONS)
    key = raw["destination"] + " " + raw["month"]
    checks = {"product": [_SLUG], "month": [_MONTH, _month_until(today)], **_volume_checks(destinations, today)}
    problems = _cell_problems(raw, key, checks, {"destination": lambda cell: _did_you_mean_place(cell, destinations)})
    sound = _without(raw, problems)
    table = _typed_volumes(sound, ["month"])
    problems += _released_early(raw, key, table, "month")
    problems += _twice(raw, key, table, ["product", "destination", "month", "released"])
    return _table_or_error(table, problems, EXPORT_COLUMNS)


def period_totals_table(files: Files, destinations: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """Volumes of several months together, from ``start`` to ``end`` inclusive: columns `PERIOD_TOTAL_COLUMNS`.

    Types and defaults are those of `exports_table`; an empty ``released`` is the usual release of ``end``.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.
    """
    today = today or date.today()
    raw = _joined(files, PERIOD_TOTAL_COLUMNS, _VOLUME_OPTIONS)
    key = raw["destination"] + " " + raw["start"] + " to " + raw["end"]
    bounds = [_MONTH, _month_until(today)]
    checks = {"product": [_SLUG], "start": bounds, "end": bounds, **_volume_checks(destinations, today)}
    problems = _cell_problems(raw, key, checks, {"destination": lambda cell: _did_you_mean_place(cell, destinations)})
    table = _typed_volumes(_without(raw, problems), ["start", "end"])
    backwards = table.index[table["end"] < table["start"]]
    problems += _row_problems(raw, key, backwards, "end must not be before start, found {end} before {start}.")
    problems += _released_early(raw, key, table, "end")
    problems += _twice(raw, key, table, ["product", "destination", "start", "end", "released"])
    return _table_or_error(table, problems, PERIOD_TOTAL_COLUMNS)


def events_table(files: Files, destinations: pd.DataFrame, kinds: Collection[str]) -> pd.DataFrame:
    """Policy events, a row each: columns `EVENT_COLUMNS`, in file order.

    ``products`` and ``destinations`` are tuples (``("ALL",)`` for every one), days are dates, ``ends`` and
    ``ends_announced`` None where open, ``ends_status`` is ``""`` or ``"scheduled"``. ``kinds`` is the vocabulary.

    Raises
    ------
    TableError
        For any column, cell or pair of rows that is not as it must be.
    """
    raw = _joined(files, EVENT_COLUMNS, {"ends_status": ""})
    checks = {
        "event": [_FILLED],
        "kind": [_cell(lambda cell: cell in kinds, "must be a kind of event, found {found}.")],
        "products": [_cell(_all_items(_is_slug), "must be slugs or HS codes separated by semicolons, found {found}.")],
        "destinations": [_destinations_check(destinations)],
        "announced": [_DAY],
        "effective": [_DAY],
        "ends": [_DAY_OR_OPEN],
        "ends_announced": [_DAY_OR_OPEN],
        "ends_status": [_cell(lambda cell: cell in ("", "scheduled"), "must be empty or scheduled, found {found}.")],
    }
    hints = {
        "kind": lambda cell: _did_you_mean(get_close_matches(cell.lower(), sorted(kinds), 1)),
        "destinations": lambda cell: _did_you_mean_places(cell, destinations),
    }
    problems = _cell_problems(raw, raw["event"], checks, hints)
    table = _typed_events(_without(raw, problems))
    problems += _ends_problems(raw, table) + _twice_by_name(raw, table, "event")
    return _table_or_error(table, problems, EVENT_COLUMNS)


def destinations_table(files: Files) -> pd.DataFrame:
    """Known destinations, a row per code: columns `DESTINATION_COLUMNS`; ``members`` is a tuple of codes.

    A country has no members. ``iso2`` and ``numeric`` are empty for groups.

    Raises
    ------
    TableError
        For an empty code or name, a code that stands twice, or a member that is not a code of the table.
    """
    raw = _joined(files, DESTINATION_COLUMNS, {"iso2": "", "numeric": "", "kind": "", "members": ""})
    codes = set(raw["code"])
    checks = {
        "code": [_FILLED],
        "name": [_FILLED],
        "members": [
            _cell(lambda cell: set(_items(cell)) <= codes, "must be codes of the same table, found {found}."),
        ],
    }
    problems = _cell_problems(raw, raw["code"], checks, {})
    table = _without(raw, problems).assign(members=lambda sound: _lists(sound["members"]))
    problems += _twice_by_name(raw, table, "code")
    return _table_or_error(table, problems, DESTINATION_COLUMNS)


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` as it stands in a CSV file, every cell a string: the inverse of the checks above.

    Months are ``YYYY-MM``, days ``YYYY-MM-DD``, tuples joined by semicolons, numbers in the shortest form that reads
    back as the same float; None and NaN are empty.

    Examples
    --------
    >>> as_text(pd.DataFrame({"products": [("a", "b")], "ends": [None], "volume_t": [0.1]})).loc[0].tolist()
    ['a;b', '', '0.1']
    """
    return pd.DataFrame({name: table[name].astype(object).map(_cell_text).astype(str) for name in table.columns})


# Columns -------------------------------------------------------------------------------------------------------------


def _joined(files: Files, columns: list[str], options: dict[str, str]) -> pd.DataFrame:
    """All rows of ``files`` under ``columns``, absent or empty optional cells filled, indexed by (file, row)."""
    problems = [problem for name, raw in files.items() for problem in _column_problems(name, raw, columns, options)]
    if problems:
        raise TableError(*problems)
    same = {name: raw.reindex(columns=columns, fill_value="") for name, raw in files.items()}
    joined = pd.concat(same, names=["file", "row"])
    for column, default in options.items():
        if default:
            joined[column] = joined[column].where(joined[column] != "", default)
    return joined


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
        found_text = ", ".join(found) or "none"
        problems.append(f"{name} row 1: expected columns {', '.join(missing)} as well, found only {found_text}.")
    elif raw.empty and not problems:
        problems.append(f"{name}: expected rows below the header, found none.")
    return problems


# Cells: each check carries the rest of its sentence, after "file row: key: column" ------------------------------------

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MONTH_TEXT = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])", re.ASCII)
_DAY_TEXT = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_SLUG_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _cell(test: Callable[[str], bool], sentence: str) -> pa.Check:
    """A pandera check that runs ``test`` once for each different cell of a column."""
    return pa.Check(lambda cells: cells.map({cell: test(cell) for cell in cells.unique()}).astype(bool), error=sentence)


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _is_day(cell: str) -> bool:
    if not _DAY_TEXT.fullmatch(cell):
        return False
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _is_slug(cell: str) -> bool:
    return _SLUG_TEXT.fullmatch(cell) is not None


def _all_items(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """Whether a list has items and each passes ``test``."""
    return lambda cell: all(test(item) for item in cell.split(";"))


_FILLED = _cell(bool, "must not be empty.")
_SLUG = _cell(_is_slug, "must be a slug or an HS code such as rare_earth_magnets or 85051110, found {found}.")
_MONTH = _cell(lambda cell: _MONTH_TEXT.fullmatch(cell) is not None, "must be YYYY-MM, found {found}.")
_DAY = _cell(_is_day, "must be a day as YYYY-MM-DD, found {found}.")
_DAY_OR_OPEN = _cell(lambda cell: not cell or _is_day(cell), "must be a day as YYYY-MM-DD or empty, found {found}.")
_VOLUME = [
    _cell(bool, "must be tonnes, found an empty cell. A missing month is a missing row; zero is 0."),
    _cell(
        lambda cell: _is_number(cell) and math.isfinite(float(cell)),
        "must be a number of tonnes such as 1234.5, found {found}.",
    ),
    _cell(lambda cell: not _is_number(cell) or float(cell) >= 0, "must be zero or more tonnes, found {found}."),
    _cell(
        lambda cell: not _is_number(cell) or float(cell) <= LARGEST_VOLUME_T,
        "must be tonnes and at most 1e9, found {found}. Is it in kilograms?",
    ),
]
_PRECISION = _cell(
    lambda cell: not cell or (_is_number(cell) and 0 <= float(cell) < math.inf),
    "must be zero or more tonnes or empty, found {found}.",
)


def _month_until(today: date) -> pa.Check:
    last = f"{today:%Y-%m}"
    return _cell(lambda cell: cell <= last, f"must not be after today's month {last}, found {{found}}.")


def _volume_checks(destinations: pd.DataFrame, today: date) -> dict[str, list[pa.Check]]:
    codes = set(destinations["code"])
    until = _cell(lambda cell: cell <= f"{today}", f"must not be after today, {today}, found {{found}}.")
    return {
        "destination": [_cell(lambda cell: cell in codes, "must be a known code, found {found}.")],
        "volume_t": _VOLUME,
        "released": [_DAY_OR_OPEN, until],
        "precision_t": [_PRECISION],
    }


def _destinations_check(destinations: pd.DataFrame) -> pa.Check:
    codes = {"ALL", *destinations["code"]}
    return _cell(
        _all_items(lambda item: item in codes), "must be ALL or known codes separated by semicolons, found {found}."
    )


def _cell_problems(
    raw: pd.DataFrame,
    key: pd.Series,
    checks: Mapping[str, list[pa.Check]],
    hints: Mapping[str, Callable[[str], str]],
) -> list[Problem]:
    """A problem for the first failed check of each cell; ``hints`` says, by column, what may have been meant."""
    schema = pa.DataFrameSchema({column: pa.Column(None, tests) for column, tests in checks.items()})
    try:
        schema.validate(raw.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases.sort_values(["index", "check_number"]).drop_duplicates(["index", "column"])
    else:
        return []
    problems = []
    for position, column, sentence, cell in zip(
        failures["index"], failures["column"], failures["check"], failures["failure_case"], strict=True
    ):
        hint = hints[column](cell) if column in hints else ""
        text = f"{column} {sentence.format(found=_found(cell))}{hint}"
        problems.append((int(position), f"{_where(raw, key, int(position))} {text}"))
    return problems


def _where(raw: pd.DataFrame, key: pd.Series, position: int) -> str:
    name, row = raw.index[position]
    named = key.iloc[position].strip()
    return f"{name} row {row}: {named}:" if named else f"{name} row {row}:"


def _found(cell: str) -> str:
    return repr(cell if len(cell) <= 60 else cell[:57] + "...") if cell else "an empty cell"


# What may have been meant --------------------------------------------------------------------------------------------


def _did_you_mean(candidates: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(candidates)}?" if candidates else ""


def _did_you_mean_place(word: str, destinations: pd.DataFrame) -> str:
    return _did_you_mean(nearest_destinations(word, destinations)) or " destinations.csv lists them."


def _did_you_mean_places(cell: str, destinations: pd.DataFrame) -> str:
    codes = {"ALL", *destinations["code"]}
    unknown = [item for item in cell.split(";") if item not in codes]
    return "".join(
        f" {item!r} is not known.{_did_you_mean_place(item, destinations)}" if item else " A code is empty."
        for item in unknown
    )


def nearest_destinations(word: str, destinations: pd.DataFrame) -> list[str]:
    """At most three destinations that ``word`` may mean, as ``CODE (name)``, nearest first; none where none is near.

    A code or name in other letters, a two-letter or numeric code, part of a name, then similar spelling.

    Examples
    --------
    >>> codes = pd.DataFrame({"code": ["DEU"], "name": ["Germany"], "iso2": ["DE"], "numeric": ["276"]})
    >>> nearest_destinations("germany", codes)
    ['DEU (Germany)']
    """
    sought = word.strip().lower()
    if not sought:
        return []
    codes = {str(place.code).lower(): f"{place.code} ({place.name})" for place in destinations.itertuples(index=False)}
    names = dict(zip(destinations["name"].str.lower(), codes.values(), strict=True))
    others = {
        str(cell).lower(): said
        for column in ("iso2", "numeric")
        for cell, said in zip(destinations[column], codes.values(), strict=True)
    }
    for spellings in (codes, names, others):
        if sought in spellings:
            return [spellings[sought]]
    parts = [said for name, said in names.items() if len(sought) >= 4 and (sought in name or name in sought)]
    similar = get_close_matches(sought, list(codes if len(sought) <= 3 else names), 1)
    return parts[:3] or [{**codes, **names}[spelling] for spelling in similar]


# From text to types: each different string is read once --------------------------------------------------------------


def _typed_volumes(sound: pd.DataFrame, months: list[str]) -> pd.DataFrame:
    table = sound.assign(**{column: _months(sound[column]) for column in months})
    usual = table[months[-1]].map({month: usual_release(month) for month in table[months[-1]].unique()})
    days = _days(sound["released"])
    return table.assign(
        volume_t=sound["volume_t"].astype(float),
        precision_t=sound["precision_t"].where(sound["precision_t"] != "", "nan").astype(float),
        released=days.where(days.notna(), usual).astype(object),
    )


def _typed_events(sound: pd.DataFrame) -> pd.DataFrame:
    days = {column: _days(sound[column]) for column in ("announced", "effective", "ends", "ends_announced")}
    lists = {column: _lists(sound[column]) for column in ("products", "destinations")}
    return sound.assign(**days, **lists)


def _each(cells: pd.Series, read: Callable[[str], object]) -> pd.Series:
    """``read`` of every cell as objects, called once for each different cell."""
    codes, different = pd.factorize(cells)
    values = np.empty(len(different), dtype=object)
    values[:] = [read(cell) for cell in different]
    return pd.Series(values[codes], index=cells.index, dtype=object)


def _months(cells: pd.Series) -> pd.Series:
    codes, different = pd.factorize(cells)
    return pd.Series(pd.PeriodIndex(different, freq="M").take(codes), index=cells.index, dtype="period[M]")


def _days(cells: pd.Series) -> pd.Series:
    return _each(cells, lambda cell: date.fromisoformat(cell) if cell else None)


def _lists(cells: pd.Series) -> pd.Series:
    return _each(cells, _items)


def _items(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


def _cell_text(value: object) -> str:
    if isinstance(value, tuple):
        return ";".join(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


# Between cells and rows: the typed table is indexed by position in the raw one ----------------------------------------


def _without(raw: pd.DataFrame, problems: Iterable[Problem]) -> pd.DataFrame:
    """The rows without a problem, indexed by position."""
    sound: pd.DataFrame = raw.reset_index(drop=True).drop(index=sorted({position for position, _ in problems}))
    return sound


def _row_problems(raw: pd.DataFrame, key: pd.Series, positions: Iterable[int], sentence: str) -> list[Problem]:
    """``sentence``, filled with the row's own cells as they stand in the file, for each of ``positions``."""
    return [
        (position, f"{_where(raw, key, position)} {sentence.format_map(raw.iloc[position].to_dict())}")
        for position in positions
    ]


def _released_early(raw: pd.DataFrame, key: pd.Series, table: pd.DataFrame, month: str) -> list[Problem]:
    last_day = _each(table[month].astype(str), lambda cell: pd.Period(cell, freq="M").end_time.date())
    early = table.index[(table["released"] < last_day).to_numpy(dtype=bool)]
    sentence = f"released must not be before the end of {{{month}}}, found {{released}}."
    return _row_problems(raw, key, early, sentence)


def _twice(raw: pd.DataFrame, key: pd.Series, table: pd.DataFrame, columns: list[str]) -> list[Problem]:
    """Rows whose key stands in an earlier row, each with both volumes as written."""
    repeated = table.duplicated(columns, keep=False)
    firsts: dict[tuple[object, ...], int] = {}
    names = [column if column != "released" else "release" for column in columns]
    rule = f"One row per {', '.join(names[:-1])} and {names[-1]}."
    problems = []
    for position, row in zip(table.index[repeated], table.loc[repeated, columns].itertuples(index=False), strict=True):
        first = firsts.setdefault(tuple(row), position)
        if first != position:
            volumes = f"{_elsewhere(raw, first, position)} and {raw['volume_t'].iloc[position]}"
            place = _where(raw, key, position).removesuffix(":")
            problems.append((position, f"{place} twice ({volumes}). {rule}"))
    return problems


def _elsewhere(raw: pd.DataFrame, first: int, position: int) -> str:
    """The volume of row ``first``, with its place where that is another file."""
    volume = raw["volume_t"].iloc[first]
    (first_file, first_row), (file, _) = raw.index[first], raw.index[position]
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
    ended = table["ends"].notna()
    backwards = [row for row in table.index[ended] if table["ends"][row] < table["announced"][row]]
    baseless = table.index[~ended & (table["ends_announced"].notna() | (table["ends_status"] != ""))]
    early = "ends must not be before announced ({announced}), found {ends}."
    absent = "ends must be a day where ends_announced or ends_status is given, found an empty cell."
    key = raw["event"]
    return [*_row_problems(raw, key, backwards, early), *_row_problems(raw, key, baseless, absent)]


def _table_or_error(table: pd.DataFrame, problems: Iterable[Problem], columns: list[str]) -> pd.DataFrame:
    """The table under ``columns`` with a plain index, or all the problems in the order of their rows."""
    sentences = [sentence for _, sentence in sorted(problems, key=lambda problem: problem[0])]
    if sentences:
        raise TableError(*sentences)
    return table[columns].reset_index(drop=True)
