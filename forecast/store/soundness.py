"""What must hold of a file before it is read as a store: our tables and no others in their place, and sound cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from forecast.safety.limits import FIRST_YEAR, LAST_YEAR, LONGEST_LABEL, LONGEST_NAME, LONGEST_TEXT, SMALLEST_VOLUME_T
from forecast.tables.cells import LARGEST_VOLUME_T

if TYPE_CHECKING:
    import duckdb

_SLUG = rf"regexp_full_match({{0}}, '[A-Za-z0-9][A-Za-z0-9_.-]*') AND length({{0}}) <= {LONGEST_NAME}"
_CODE = "regexp_full_match({0}, '[A-Za-z0-9_]{{1,12}}')"
_LABEL = f"length({{0}}) BETWEEN 1 AND {LONGEST_LABEL}"
_TEXT = f"length({{0}}) <= {LONGEST_TEXT}"
_DAY = f"{{0}} BETWEEN DATE '{FIRST_YEAR}-01-01' AND DATE '{LAST_YEAR}-12-31'"
_MONTH = (
    "regexp_full_match({0}, '[0-9]{{4}}-(0[1-9]|1[0-2])') "
    f"AND {{0}} BETWEEN '{FIRST_YEAR}-01' AND '{LAST_YEAR}-12'"
)
_TONNES = "{0} >= 0 AND isfinite({0})"
_NUMBER = "{0} IS NULL OR NOT isinf({0})"
_COUNT = "{0} >= 0"
_FIGURE = (
    f"{{0}} = 0 OR {{0}} BETWEEN {SMALLEST_VOLUME_T} AND {LARGEST_VOLUME_T} OR {{0}} IS NULL AND status = 'withdrawn'"
)
_AHEAD = (
    "{0} >= 1 AND {0} = (12 * left(month, 4)::INT + right(month, 2)::INT) "
    "- (12 * left(cutoff, 4)::INT + right(cutoff, 2)::INT)"
)
_ASCENDING = "lower_95 <= lower_80 AND lower_80 <= {0} AND {0} <= upper_80 AND upper_80 <= upper_95"

_SERIES = {"product": _SLUG, "destination": _CODE, "month": _MONTH}
_BOUNDS = dict.fromkeys(["lower_95", "lower_80", "upper_80", "upper_95"], _TONNES)
_EVENT = ("event", "kind", "products", "destinations", "announced", "effective", "ends", "ends_announced", "source",
          "description", "ends_status", "continues")  # fmt: skip

CELLS: Mapping[str, Mapping[str, str]] = {
    "vintages": {
        **_SERIES,
        "volume_t": _FIGURE,
        "released": _DAY,
        "ingested": _DAY,
        "status": _LABEL,
        "precision_t": _NUMBER,
        "source": _TEXT,
    },
    "calendars": dict.fromkeys(_EVENT, _TEXT),
    "issues": {"issued": _DAY, "made": _DAY, "calendar": _LABEL, "places": _COUNT, "version": _LABEL},
    "forecasts": {
        **_SERIES,
        "model": _LABEL,
        "cutoff": _MONTH,
        "last_known": _MONTH,
        "horizon": _AHEAD,
        **_BOUNDS,
        "volume_t": f"{_TONNES} AND {_ASCENDING}",
    },
    "judgements": {**_SERIES, "model_t": _TONNES, "judged_t": _TONNES, "rule": _TEXT, "reason": _TEXT},
    "changes": {
        **_SERIES,
        "model": _LABEL,
        "before": _DAY,
        "contribution": _LABEL,
        **dict.fromkeys(["before_t", "after_t", "log_change", "change_t"], _NUMBER),
    },
}
"""What must hold of a cell, by table and column, as a condition of SQL in which ``{0}`` is the column."""


def definitions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The statement that would make each table of a file, by name; a view is no table."""
    return dict(connection.execute("SELECT table_name, sql FROM duckdb_tables()").fetchall())


def fault_of(connection: duckdb.DuckDBPyConnection, expected: Mapping[str, str]) -> str | None:
    """What makes a file none of ours: a table that is not as ``expected``, or the first cell that is unsound."""
    found = definitions(connection)
    for table, statement in expected.items():
        if found.get(table) != statement:
            return f"a table {table} of another form" if table in found else f"no table {table}"
    for table, conditions in CELLS.items():
        column = _unsound(connection, table, conditions)
        if column:
            return f"a row of its table {table} with another {column} than we write"
    return None


def _unsound(connection: duckdb.DuckDBPyConnection, table: str, conditions: Mapping[str, str]) -> str | None:
    """The first column of a table with an unsound cell; of conditions that need a sound cell elsewhere, that one."""
    tests = [(name, f"({condition.format(name)}) IS NOT TRUE") for name, condition in conditions.items()]
    chosen = " ".join(f"WHEN {test} THEN '{name}'" for name, test in tests)
    row = connection.execute(
        f"SELECT wrong FROM (SELECT CASE {chosen} END AS wrong FROM {table}) WHERE wrong IS NOT NULL LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])
