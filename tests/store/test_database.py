from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import stored

from forecast.safety.atomic import PREFIX, mark
from forecast.store import database
from forecast.store.database import MIGRATIONS, VERSION, Store, StoreError
from forecast.store.issued import issued_forecasts, issues
from forecast.store.update import run_update
from forecast.store.vintages import append, exports_as_of, latest_vintages
from forecast.tables.read import TableError

HERE = Path(__file__).resolve()
DAY = date(2022, 7, 20)

KILLED = """
    import os, signal, sys, warnings
    from datetime import date
    from pathlib import Path
    sys.path[:0] = [{tests!r}, {here!r}]
    import stored
    from forecast.store.database import Store
    from forecast.store.update import run_update
    left = [{point}]
    def strike():
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    append = Store.append
    def appended(self, table, rows):
        strike()
        append(self, table, rows)
        strike()
    Store.append = appended
    with Store(Path({path!r})) as store:
        run_update(store, [Path({file!r})], stored.routine(), date(2022, 7, 20))
"""


def counts(path: Path) -> dict[str, int]:
    with Store(path) as store:
        tables = ("files", "vintages", "issues", "forecasts", "calendars", "changes")
        return {name: int(store.query(f"SELECT count(*) AS n FROM {name}")["n"].iloc[0]) for name in tables}


@pytest.mark.slow
@pytest.mark.parametrize("point", [1, 2, 3, 4, 6, 8, 10, 12, 99])
def test_a_killed_update_leaves_all_or_nothing(tmp_path: Path, point: int) -> None:
    """Killed before or after any append, the store opens and holds what it held; alive, all of the update."""
    path, exports = tmp_path / "store.duckdb", stored.figures()
    with Store(path) as store:
        stored.play(store, exports, [date(2022, 6, 20)], tmp_path)
    before = counts(path)
    file = stored.write(stored.until(exports, DAY), tmp_path / "next.csv")
    places = {"tests": str(HERE.parents[1]), "here": str(HERE.parent), "path": str(path), "file": str(file)}
    code = textwrap.dedent(KILLED.format(point=point, **places))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    after = counts(path)
    if done.returncode == 0:
        assert point > 10
        assert after["issues"] == before["issues"] + 1
        assert after["forecasts"] > before["forecasts"]
    else:
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert after == before
    with Store(path) as store:
        again = run_update(store, [file], stored.routine(), DAY)
        assert (again.issue is None) == (done.returncode == 0)


def test_a_failing_update_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle rolls the figures back that were taken in before it."""
    path = tmp_path / "store.duckdb"
    file = stored.write(stored.until(stored.figures(), DAY), tmp_path / "a.csv")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("forecast.store.update.add_issue", fails)
    with Store(path) as store:
        with pytest.raises(OSError, match="disk full"):
            run_update(store, [file], stored.routine(), DAY)
        assert latest_vintages(store).empty
    assert set(counts(path).values()) == {0}


def test_a_first_update_that_fails_leaves_no_store(tmp_path: Path) -> None:
    """A file that is not there, one that says nothing, none at all, and nothing out by the day: nothing is made."""
    empty, late = tmp_path / "empty.csv", tmp_path / "late.csv"
    empty.write_text("product,destination,month,volume_t\n")
    stored.write(stored.figures(), late)
    for files in ([tmp_path / "none.csv"], [empty], [], [late]):
        with pytest.raises(TableError), Store(tmp_path / "a" / "b" / "store.duckdb", today=DAY) as store:
            run_update(store, files, stored.routine(), date(2018, 1, 1))
    assert sorted(tmp_path.iterdir()) == [empty, late]


def test_a_store_that_holds_something_or_stood_before_stays(tmp_path: Path) -> None:
    """A failure takes only a new store away, and only an empty one."""

    def put_and_fail(store: Store) -> None:
        append(store, stored.figures(2), {"a.csv": "0"}, DAY)
        raise ZeroDivisionError

    made, stood = tmp_path / "made.duckdb", tmp_path / "stood.duckdb"
    with Store(stood, today=DAY):
        pass
    with pytest.raises(ZeroDivisionError), Store(stood, today=DAY):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), Store(made, today=DAY) as store:
        put_and_fail(store)
    assert sorted(tmp_path.iterdir()) == [made, stood]
    with Store(made, today=DAY) as store:
        assert len(latest_vintages(store)) == 6


@pytest.mark.slow
def test_two_processes_at_once_get_a_sentence(tmp_path: Path) -> None:
    """While one process has the store, another hears so and is not kept waiting."""
    path = tmp_path / "store.duckdb"
    code = "from forecast.store.database import Store\n"
    code += f"try:\n    Store({str(path)!r})\nexcept ValueError as error:\n    print(error)"
    with Store(path):
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    wait = "the store is in use by another process. Wait until it has ended, and do it again."
    assert printed == f"{path}: {wait}\n"
    with Store(path) as store:
        assert store.version == VERSION


def test_a_store_that_somebody_made_meanwhile_stays(tmp_path: Path) -> None:
    """Making a store never replaces one, and leaves no file beside it."""
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        append(store, stored.figures(2), {"a.csv": "0"}, DAY)
    database._make(path, DAY)
    with Store(path) as store:
        assert len(latest_vintages(store)) == 6
    assert [found.name for found in tmp_path.iterdir()] == ["store.duckdb"]


@pytest.mark.parametrize("damage", ["cut", "overwritten", "text", "empty"])
def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path, damage: str) -> None:
    """A file that is cut, overwritten in the middle, text or empty gives one sentence and stays as it is."""
    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        append(store, stored.figures(), {"a.csv": "0"}, DAY)
    whole = path.read_bytes()
    middle = bytearray(whole)
    middle[4096:12288] = b"\xff" * 8192
    content = {"cut": whole[:20_000], "overwritten": bytes(middle), "text": b"hello\n" * 999, "empty": b""}[damage]
    path.write_bytes(content)
    with pytest.raises(
        StoreError, match=r"damaged or none of ours \(.*Put back a copy of it, or name another"
    ) as error:
        Store(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """A schema that this version does not know is not touched."""
    path = tmp_path / "store.duckdb"
    with Store(path):
        pass
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (99, DATE '2030-01-01')")
    with pytest.raises(StoreError, match=rf"found a store of version 99, expected at most {VERSION}\. Upgrade"):
        Store(path)


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A DuckDB file with other tables stays as it is."""
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine (a INTEGER)")
    with pytest.raises(StoreError, match=r"found a database with other tables\. Name another file with --store\.$"):
        Store(path)


def test_rows_are_never_changed_or_removed(tmp_path: Path) -> None:
    """There is no statement in the package that could, and query refuses what is no SELECT."""
    changing = re.compile(r"\b(UPDATE \w+ SET|DELETE FROM|DROP TABLE|TRUNCATE|ALTER TABLE|INSERT OR REPLACE)\b")
    texts = [path.read_text("utf-8") for path in Path(database.__file__).parent.glob("*.py")]
    assert not [found.group() for text in texts for found in changing.finditer(text)]
    with Store(tmp_path / "store.duckdb") as store, pytest.raises(StoreError, match="expected a SELECT statement"):
        store.query("DELETE FROM forecasts")


FIRST_VERSION = """
    INSERT INTO migrations VALUES (1, DATE '2025-01-01');
    INSERT INTO files VALUES (1, 'abc', '', 'a.csv', DATE '2025-06-20');
    INSERT INTO vintages VALUES (1, 1, DATE '2025-06-20', 'magnets', 'USA', '2025-05', 46.0, DATE '2025-06-20',
        'reported', NULL, 'gacc');
    INSERT INTO issues VALUES (1, DATE '2025-06-20', DATE '2025-06-20', 'f', 'c', 1, '{"models": ["naive"]}', '0.1.0');
    INSERT INTO forecasts VALUES (1, 'magnets', 'USA', 'naive', '2025-05', '2025-06', 1, 46, 40, 52, 35, 60, '2025-05',
        'calm');
"""


def test_a_store_of_the_first_version_is_migrated_and_keeps_everything(tmp_path: Path) -> None:
    """What version 1 held is read by this version, and judgement and changes can be added."""
    path = tmp_path / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(FIRST_VERSION)
    with Store(path, today=date(2026, 1, 1)) as store:
        assert store.query("SELECT version FROM migrations ORDER BY version")["version"].tolist() == [1, VERSION]
        assert exports_as_of(store, date(2025, 7, 1))["volume_t"].tolist() == [46.0]
        assert issued_forecasts(store)["upper_95"].tolist() == [60.0]
        assert issues(store)[0].settings == {"models": ["naive"]}
        row = {"issue": 1, "product": "magnets", "destination": "USA", "month": "2025-06", "model_t": 46.0}
        store.append("judgements", pd.DataFrame([row | {"judged_t": 40.0, "rule": "USA=40t", "reason": "strike"}]))
    with Store(path) as store:
        assert store.query("SELECT reason FROM judgements")["reason"].tolist() == ["strike"]


RELEASED = {
    1: "694d0c46f0b1623633aea3cc94a5aa155daa5e78065a6c71ab2c44e0ed1f888e",
    2: "75c58765be89e1be9a9624a449b0b7404b8b8328d28874ec92343cfa2462ef9b",
}
"""The sha256 of the statements of each released version of the schema, which lie in the files of users."""


def test_a_released_schema_is_never_changed() -> None:
    """Statements of a version that somebody has stay as they are; a new version is a new entry here."""
    made = {
        number: hashlib.sha256("\n".join(statements).encode()).hexdigest()
        for number, statements in enumerate(MIGRATIONS, start=1)
    }
    assert made == RELEASED


def columns_of(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Table, column and type, in order."""
    found = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
        "ORDER BY table_name, column_index"
    ).fetchall()
    return [(str(table), str(column), str(kind)) for table, column, kind in found]


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_every_released_schema_is_led_to_the_present_one(tmp_path: Path, version: int) -> None:
    """A file of any version, with a row in every table, has all rows afterwards and the columns of a new file."""
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    with duckdb.connect(str(old)) as connection:
        for statement in (one for statements in MIGRATIONS[:version] for one in statements):
            connection.execute(statement)
        tables = sorted({table for table, _, _ in columns_of(connection)})
        for table in tables:
            own = [(column, kind) for name, column, kind in columns_of(connection) if name == table]
            months = {"month": "'2025-06'", "cutoff": "'2025-05'", "last_known": "'2025-05'"}
            usual = {"DATE": "DATE '2025-06-20'"}
            values = ", ".join(months.get(column, usual.get(kind, "1")) for column, kind in own)
            connection.execute(f"INSERT INTO {table} VALUES ({values})")
        connection.execute("UPDATE migrations SET version = ?", [version])
        before = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    for path in (old, new):
        with Store(path, today=DAY) as store:
            assert store.version == VERSION
    with duckdb.connect(str(old)) as led, duckdb.connect(str(new)) as made:
        assert columns_of(led) == columns_of(made)
        for table in tables:
            assert led.execute(f"SELECT * FROM {table}").fetchall()[:1] == before[table]


def test_a_killed_migration_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half-way leaves the version before, which is led on at the next start."""
    path = tmp_path / "store.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(FIRST_VERSION)
    broken = (*MIGRATIONS[:1], (*MIGRATIONS[1], "SELECT no_such_function()"))
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="no_such_function"):
        Store(path)
    monkeypatch.undo()
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT version FROM migrations").fetchall() == [(1,)]
        assert "judgements" not in {table for table, _, _ in columns_of(connection)}
    with Store(path) as store:
        assert store.version == VERSION
        assert issued_forecasts(store)["upper_95"].tolist() == [60.0]


def test_the_default_place_is_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME moves it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert database.default_path() == tmp_path / "export-forecast" / "store.duckdb"


def test_what_a_killed_maker_left_is_swept_when_the_store_is_opened(tmp_path: Path) -> None:
    """Its lock and its folder go, even where the store itself had been put in its place."""
    path = tmp_path / "store.duckdb"
    with Store(path):
        pass
    (tmp_path / f"{PREFIX}{mark(path)}.lock").touch()
    (tmp_path / f"{PREFIX}{mark(path)}-0123456789abcdef.new").mkdir()
    with Store(path):
        pass
    assert [found.name for found in tmp_path.iterdir()] == ["store.duckdb"]


def test_a_store_reads_no_other_file(tmp_path: Path) -> None:
    """Neither a statement nor a view that somebody put into a store reads or writes outside it."""
    path, secret = tmp_path / "store.duckdb", tmp_path / "secret.csv"
    secret.write_text("word\nhidden\n")
    with Store(path):
        pass
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE VIEW sent AS SELECT * FROM read_csv('{secret}')")
    with Store(path) as store:
        for text in ("SELECT * FROM sent", f"SELECT * FROM read_csv('{secret}')"):
            with pytest.raises((duckdb.Error, StoreError), match=r"disabled|Permission"):
                store.query(text)


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses the last step of a transaction, the store says so, and holds what it held."""
    path = tmp_path / "store.duckdb"
    with Store(path) as store:

        class Refusing:
            """The connection, whose every COMMIT finds a full disk."""

            def execute(self, text: str) -> None:
                if text == "COMMIT":
                    raise duckdb.TransactionException('Could not write file "x.wal": No space left on device')

        monkeypatch.setattr(store, "_connection", Refusing())
        taken = r"expected a disk that takes the store, found that it does not \(no space left on device\)\.$"
        with pytest.raises(StoreError, match=taken), store.transaction():
            pass
        monkeypatch.undo()
