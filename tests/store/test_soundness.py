"""A store that somebody sends is data: what we would not have written into it is a sentence, whatever asks for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
import stored
from typer.testing import CliRunner

from forecast import cli
from forecast.cli import inputs
from forecast.store.database import MIGRATIONS, Store, StoreError
from forecast.store.issued import issued_calendar, issues
from forecast.store.soundness import CELLS
from forecast.store.update import run_update
from forecast.store.vintages import latest_vintages

DAY = date(2022, 7, 20)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with an update in it, as a file."""
    folder = tmp_path_factory.mktemp("sound")
    file = stored.write(stored.until(stored.figures(), DAY), folder / "exports.csv")
    with Store(folder / "store.duckdb", today=DAY) as store:
        run_update(store, [file], stored.routine(), DAY)
        row = "'magnets', 'USA', '2022-07', 40, 30, 'USA=30t', 'strike'"
        store._connection.execute(f"INSERT INTO judgements VALUES (1, {row})")
        row = "'magnets', 'USA', 'theta', '2022-07', 1, DATE '2022-06-20', 40, 30, 'settings', -0.3, -10"
        store._connection.execute(f"INSERT INTO changes VALUES (1, {row})")
    return (folder / "store.duckdb").read_bytes()


@pytest.fixture
def path(tmp_path: Path, sound: bytes) -> Path:
    """A copy of it."""
    copy = tmp_path / "store.duckdb"
    copy.write_bytes(sound)
    return copy


def put(path: Path, *statements: str) -> None:
    """Have somebody else's program change a store."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def refusal(path: Path) -> str:
    """The sentence with which a store is refused."""
    with pytest.raises(StoreError) as caught:
        Store(path, today=DAY).close()
    return str(caught.value)


def test_a_store_of_ours_is_sound(path: Path) -> None:
    """What an update wrote passes, and every table that has cells to look at has some."""
    with Store(path, today=DAY) as store:
        for table in CELLS:
            assert store.query(f"SELECT count(*) AS rows FROM {table}")["rows"].iloc[0] > 0, table


TABLES = ("migrations", "files", *CELLS)


@pytest.mark.parametrize("table", TABLES[1:])
def test_a_table_less_or_a_view_in_its_place_is_named(path: Path, table: str) -> None:
    """No query of ours meets a name that is not there, nor runs what somebody wrote as a view."""
    put(path, f"ALTER TABLE {table} RENAME TO other", f"CREATE VIEW {table} AS SELECT * FROM other")
    assert f"expected a store, found no table {table}. Put back a copy of it" in refusal(path)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_another_form_is_named(path: Path, table: str) -> None:
    """A column more, or another type."""
    put(path, f"ALTER TABLE {table} ADD COLUMN more TEXT")
    assert f"expected a store, found a table {table} of another form. Put back" in refusal(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE migrations SET version = -version",
        "DELETE FROM migrations",
        "ALTER TABLE migrations ALTER version TYPE TEXT",
    ],
)
def test_a_version_that_is_none_is_a_sentence(path: Path, statement: str) -> None:
    """It is not led on over tables that are there."""
    put(path, "CREATE TABLE kept AS SELECT * FROM migrations", "DROP TABLE migrations")
    put(path, "CREATE TABLE migrations AS SELECT * FROM kept", "DROP TABLE kept", statement)
    assert "expected a store, found " in refusal(path)


HOSTILE = {
    "product": ["'../../evil/x'", "''", "NULL", "repeat('y', 121)", "'a b'"],
    "destination": ["'../USA'", "NULL", "chr(27) || '[31m'"],
    "month": ["'2023-13'", "'x'", "NULL", "'9999-12'", "'1950-12'"],
    "cutoff": ["'0000-01'"],
    "last_known": ["'2023-1'"],
    "volume_t": ["NULL", "-1", "'nan'::DOUBLE", "'inf'::DOUBLE", "1e308", "1e-300"],
    "upper_95": ["0", "'nan'::DOUBLE", "'inf'::DOUBLE"],
    "horizon": ["0", "-1", "7", "NULL"],
    "released": ["NULL", "DATE '9999-12-31'", "DATE '1500-01-01'", "'infinity'::DATE"],
    "ingested": ["NULL"],
    "issued": ["NULL", "DATE '9999-12-31'"],
    "made": ["NULL"],
    "places": ["-1"],
    "status": ["NULL", "''"],
    "model": ["NULL", "''", "repeat('y', 201)"],
    "source": ["repeat('y', 10001)"],
    "judged_t": ["NULL", "-1"],
    "event": ["NULL"],
    "log_change": ["'inf'::DOUBLE"],
}
CASES = [(table, column, cell) for table in CELLS for column in CELLS[table] for cell in HOSTILE.get(column, [])]


@pytest.mark.parametrize(("table", "column", "cell"), CASES)
def test_a_cell_that_we_do_not_write_is_named(path: Path, table: str, column: str, cell: str) -> None:
    """A name that leads out of a folder, a month that is none, tonnes that are no number: table and column."""
    put(path, f"CREATE TABLE kept AS SELECT * REPLACE ({cell} AS {column}) FROM {table}", f"DELETE FROM {table}")
    put(path, f"INSERT INTO {table} SELECT * FROM kept", "DROP TABLE kept")
    said = refusal(path)
    assert f"found a row of its table {table} with another " in said
    assert len(said.splitlines()) == 1


def test_text_that_steers_is_shown(path: Path) -> None:
    """What comes out of a store is as visible as what comes out of a file."""
    put(path, "UPDATE vintages SET source = 'a' || chr(27) || '[31m' || chr(8238)")
    with Store(path, today=DAY) as store:
        assert set(latest_vintages(store)["source"]) == {"a\ufffd[31m\ufffd"}


@pytest.mark.parametrize("settings", ["", "null", "[]", "{", "[" * 100_000, "NaN"])
def test_settings_that_are_none_are_a_sentence(path: Path, settings: str) -> None:
    """The issue is named."""
    put(path, f"UPDATE issues SET settings = '{settings}'")
    expected = r"expected the settings of issue 1, found none that can be read\.$"
    with Store(path, today=DAY) as store, pytest.raises(StoreError, match=expected):
        issues(store)


def test_a_calendar_that_is_none_is_a_sentence(path: Path) -> None:
    """A day that is no day."""
    put(path, "UPDATE calendars SET announced = 'soon'")
    with Store(path, today=DAY) as store, pytest.raises(StoreError, match=r"calendar of issue 1, row 2: ann"):
        issued_calendar(store, issues(store)[0])


def test_a_number_that_cannot_grow_is_a_sentence(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The highest number that a row can have leaves none for the next: nothing is written."""
    monkeypatch.setattr(inputs, "today", lambda: DAY)
    monkeypatch.chdir(tmp_path)
    put(path, "UPDATE vintages SET place = 9223372036854775807 WHERE place = (SELECT max(place) FROM vintages)")
    stored.write(stored.with_revisions(stored.until(stored.figures(), DAY)), tmp_path / "more.csv")
    words = ["update", "more.csv", "--events", "none", "--experience", "none", "--models", "naive", "--no-calibrate"]
    result = CliRunner().invoke(cli.app, [*words, "--store", str(path), "--output", "o"])
    assert result.exit_code == 1
    assert "expected a store, found a file that is damaged or none of ours" in result.stderr
    assert not (tmp_path / "o").exists()


def test_every_table_but_two_has_conditions() -> None:
    """Of the file's name nothing is made, and of the version a number."""
    made = {statement.split()[2] for statements in MIGRATIONS for statement in statements}
    assert made == {*CELLS, "migrations", "files"}
