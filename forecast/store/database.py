"""The file of the store: opened, migrated and locked by DuckDB, read by query and written by appending rows.

Every write stands in a transaction, so that the file holds all of an update or nothing of it. A new file is made
beside its place and appears whole. There is no way to change or remove a row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecast.safety.atomic import is_file, made_beside, remove_empty
from forecast.safety.inert import visible
from forecast.safety.lock import LockedError, locked
from forecast.store.soundness import definitions, fault_of

if TYPE_CHECKING:
    import duckdb

FILE = "store.duckdb"

_RUN_KEYS = "issue INTEGER, product TEXT, destination TEXT"
_VOLUMES = ", ".join(f"{name} DOUBLE" for name in ("volume_t", "lower_80", "upper_80", "lower_95", "upper_95"))

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE migrations (version INTEGER PRIMARY KEY, made DATE)",
        "CREATE TABLE files (ingest INTEGER, sha256 TEXT, reading TEXT, name TEXT, ingested DATE)",
        "CREATE TABLE vintages (place BIGINT PRIMARY KEY, ingest INTEGER, ingested DATE, product TEXT, "
        "destination TEXT, month TEXT, volume_t DOUBLE, released DATE, status TEXT, precision_t DOUBLE, source TEXT)",
        "CREATE TABLE calendars (calendar TEXT, place INTEGER, event TEXT, kind TEXT, products TEXT, "
        "destinations TEXT, announced TEXT, effective TEXT, ends TEXT, ends_announced TEXT, source TEXT, "
        "description TEXT, ends_status TEXT, continues TEXT)",
        "CREATE TABLE issues (issue INTEGER PRIMARY KEY, issued DATE, made DATE, fingerprint TEXT, calendar TEXT, "
        "places BIGINT, settings TEXT, version TEXT)",
        f"CREATE TABLE forecasts ({_RUN_KEYS}, model TEXT, cutoff TEXT, month TEXT, horizon INTEGER, {_VOLUMES}, "
        "last_known TEXT, phase TEXT)",
    ),
    (
        f"CREATE TABLE judgements ({_RUN_KEYS}, month TEXT, model_t DOUBLE, judged_t DOUBLE, rule TEXT, reason TEXT)",
        f"CREATE TABLE changes ({_RUN_KEYS}, model TEXT, month TEXT, horizon INTEGER, before DATE, before_t DOUBLE, "
        "after_t DOUBLE, contribution TEXT, log_change DOUBLE, change_t DOUBLE)",
    ),
)
"""The statements that lead from each version of the schema to the next; a new file goes through all of them."""

_CONFINED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
}
"""A store is data: nothing in it reads or writes another file, loads an extension, or gives itself leave to."""

VERSION = len(MIGRATIONS)
"""The version of the schema that this package writes."""


class StoreError(ValueError):
    """Why a store cannot be used: one sentence with the way out."""


def default_path() -> Path:
    """Where the store lies if nothing is said: in the user's data folder (``XDG_DATA_HOME`` where that is set)."""
    from platformdirs import user_data_path

    return user_data_path("export-forecast", appauthor=False) / FILE


class Store:
    """An open store.

    Parameters
    ----------
    path
        The file; it is made, with its folder, where there is none. A new one does not stay where the block that
        uses it fails before anything is put into it.

    Raises
    ------
    StoreError
        When another process has the file, it is damaged, it is no store, or it was written by a later version.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Store(Path(folder) / "mine.duckdb") as store:
    ...     store.version
    2
    """

    def __init__(self, path: str | Path, *, today: date | None = None) -> None:
        self.path = Path(path)
        day = today or date.today()
        self._made = _make(self.path, day)
        if not is_file(self.path):
            raise StoreError(f"{self.path}: expected a store, found something that is no file. Name one with --store.")
        self._connection = _connected(self.path)
        try:
            _check_and_migrate(self._connection, self.path, day)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._made and self._is_empty():
            with suppress(OSError):  # where an open file cannot be removed an empty one stays
                self.path.unlink()  # before others can open it
                remove_empty(self._made[1:])
        self.close()

    def close(self) -> None:
        """Give the file free for other processes."""
        self._connection.close()

    def _is_empty(self) -> bool:
        """Whether no table has a row, as far as it can still be read."""
        tables = _own_definitions().keys() - {"migrations"}
        try:
            return all(self.query(f"SELECT 1 FROM {table} LIMIT 1").empty for table in tables)
        except StoreError:
            return False

    @property
    def version(self) -> int:
        """The version of the file's schema."""
        return int(self.query("SELECT max(version) AS version FROM migrations")["version"].iloc[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is appended in the block is kept when it ends, and none of it where it fails.

        Raises
        ------
        StoreError
            When the disk refuses.
        """
        import duckdb

        self._connection.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # what has failed on the way is gone already
                self._connection.execute("ROLLBACK")
            raise
        with _readable(self.path):
            self._connection.execute("COMMIT")

    def append(self, table: str, rows: pd.DataFrame) -> None:
        """Add rows to a table: columns by name, months and other objects as text, days as days."""
        import duckdb

        if rows.empty:
            return
        self._connection.register("_rows", _stored(rows))
        try:
            with _readable(self.path):
                self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM _rows")
        finally:
            with suppress(duckdb.Error):  # a transaction that was refused is over, and so is what was registered
                self._connection.unregister("_rows")

    def query(self, text: str, values: Sequence[object] = ()) -> pd.DataFrame:
        """The rows of a SELECT statement, days as `datetime.date` (None where there is none).

        Raises
        ------
        StoreError
            When the statement is of another kind: rows are never changed or removed.
        """
        if not text.lstrip().upper().startswith(("SELECT", "WITH")):
            raise StoreError(
                f"{self.path}: expected a SELECT statement, found {text.split()[0]}: the store only grows."
            )
        with _readable(self.path):
            cursor = self._connection.execute(text, list(values))
            days = [str(column[0]) for column in cursor.description or () if str(column[1]) == "DATE"]
            table = cursor.df()
        texts = {str(name): _visible(table[name]) for name in table if pd.api.types.is_string_dtype(table[name])}
        return table.assign(**texts, **{name: _days(table[name]) for name in days})

    def next_number(self, table: str, column: str) -> int:
        """One more than the largest number in a column; 1 in an empty table."""
        return int(self.query(f"SELECT coalesce(max({column}), 0) + 1 AS number FROM {table}")["number"].iloc[0])


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Damage that is met only while rows are read or written gives the sentence of a damaged file."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise StoreError(_refusal(path, str(error))) from error


def _days(cells: pd.Series) -> pd.Series:
    """Timestamps as days; each different one is made once."""
    place, stamps = pd.factorize(cells)
    days = np.array([*(stamp.date() for stamp in stamps), None], dtype=object)
    return pd.Series(days[place], index=cells.index, dtype=object)


def _visible(cells: pd.Series) -> pd.Series:
    """Text with nothing in it that steers a screen; each different one is looked at once."""
    shown = {text: visible(text) for text in cells.unique() if isinstance(text, str)}
    changed = {text: new for text, new in shown.items() if new != text}
    return cells.replace(changed) if changed else cells


def _stored(rows: pd.DataFrame) -> pd.DataFrame:
    """Periods and categories as text, all else as it is."""
    cells = {}
    for name in rows:
        column = rows[name]
        if isinstance(column.dtype, pd.PeriodDtype):
            place, months = pd.factorize(column)
            column = pd.Series(np.array([str(month) for month in months], dtype=object)[place])
        elif isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype)
        cells[name] = column.reset_index(drop=True)
    return pd.DataFrame(cells)


# The file ------------------------------------------------------------------------------------------------------------


def _make(path: Path, today: date) -> list[Path]:
    """A new store at ``path``, made beside it and then put there, unless one stands there: what was made for it.

    That is the file and those folders above it that were not there, outermost first. What was left by one who was
    killed while making it is swept in any case.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 (what a link at the end points to is not wanted)
    folders = [folder for folder in reversed(place.parents) if not folder.exists()]
    try:
        with locked(place):
            if place.exists():
                return []
            with made_beside(place) as beside, closing(_connected(beside)) as connection:
                _migrate(connection, path, 0, today)
        return [place, *folders]
    except LockedError as error:
        raise StoreError(str(error)) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(
            f"{path}: expected a place for a store, found none ({reason}). Name one with --store."
        ) from error


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return duckdb.connect(str(path), config=_CONFINED)
    except duckdb.Error as error:
        raise StoreError(_refusal(path, str(error))) from error


_WAY = "Put back a copy of it, or name another file with --store and give it your files again"


def _refusal(path: Path, reason: str) -> str:
    """Why DuckDB does not open a file, as a sentence with the way out."""
    if re.search(r"set lock|conflicting lock|another process", reason, re.IGNORECASE):
        return f"{path}: the store is in use by another process. Wait until it has ended, and do it again."
    refused = re.search(r"No space left on device|Input/output error|Read-only file system|Disk quota", reason)
    if refused:
        return f"{path}: expected a disk that takes the store, found that it does not ({refused[0].lower()})."
    if "newer version" in reason.lower() or "storage version" in reason.lower():
        return f"{path}: the store was written by a newer DuckDB. Upgrade duckdb (pip install -U duckdb)."
    first = " ".join(reason.splitlines()[0].split())
    return f"{path}: expected a store, found a file that is damaged or none of ours ({first}). {_WAY}."


def _check_and_migrate(connection: duckdb.DuckDBPyConnection, path: Path, today: date) -> None:
    """Bring the file up to this version of the schema.

    Raises
    ------
    StoreError
        When the file is newer, or a database of somebody else's, or something was put into it that we do not write.
    """
    with _readable(path):
        _lead_on(connection, path, today)
        fault = fault_of(connection, _own_definitions())
    if fault:
        raise StoreError(f"{path}: expected a store, found {fault}. {_WAY}.")


@cache
def _own_definitions() -> dict[str, str]:
    """The tables of a new store."""
    with closing(_connected(Path(":memory:"))) as connection:
        for statement in chain(*MIGRATIONS):
            connection.execute(statement)
        return definitions(connection)


def _lead_on(connection: duckdb.DuckDBPyConnection, path: Path, today: date) -> None:
    tables = definitions(connection)
    if tables and "migrations" not in tables:
        raise StoreError(
            f"{path}: expected a store, found a database with other tables. Name another file with --store."
        )
    version = _scalar(connection, "SELECT coalesce(max(version), 0) FROM migrations") if tables else 0
    if version > VERSION:
        found = f"found a store of version {version}, expected at most {VERSION}"
        raise StoreError(f"{path}: {found}. Upgrade export-forecast, or name another file with --store.")
    if version < VERSION:
        _migrate(connection, path, version, today)


def _scalar(connection: duckdb.DuckDBPyConnection, text: str) -> int:
    row: Any = connection.execute(text).fetchone()
    return int(row[0])


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path, version: int, today: date) -> None:
    """Lead a file of ``version`` to the present one, in one transaction."""
    with _readable(path):
        connection.execute("BEGIN TRANSACTION")
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", [number, today])
        connection.execute("COMMIT")
