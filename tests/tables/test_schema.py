"""The schema of tables: one entry is all that a table needs, and every type is written and read back."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts, RowBuffer
from forecast.tables.schema import RUN_TABLES, ColumnType, TableSchema

T = ColumnType


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of a table that is one more entry of `RUN_TABLES`."""
    script = Path(__file__).with_name("added_table.py")
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("added"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_entry_more_is_written_and_read(added: dict[str, Any]) -> None:
    """It has a file with its columns and cells as text, and comes back as it was, every column of its type."""
    assert added["lines"] == [
        "product,destination,model,issued,month,place,size,known,codes,day",
        "magnets,JPN,naive,2023-02-20,2023-02,3,0.5,True,a;b,2023-02-20",
    ]
    assert added["read"]
    kinds = {name: added["types"][name] for name in ("month", "place", "size", "known")}
    assert kinds == {"month": "period[M]", "place": "int64", "size": "float64", "known": "bool"}


def test_one_entry_more_is_ordered(added: dict[str, Any]) -> None:
    """By series and issue day, then by its keys, in whatever order the rows were noted."""
    months = ("2023-02", "2023-03")
    models = ("naive", "theta")
    assert added["order"] == [
        [code, model, month] for code in ("JPN", "USA") for model in models for month in months
    ]  # fmt: skip


def test_one_entry_more_is_kept_by_checkpoints_and_shown(added: dict[str, Any]) -> None:
    """A resumed run has the rows of the run before it, and the text of a run counts them."""
    assert added["checkpoint"]
    assert added["repr"]


def test_one_entry_more_is_audited(added: dict[str, Any]) -> None:
    """The audit finds nothing in honest rows, and the very cell of rows that add up the whole file."""
    assert added["audit"] == 0
    assert added["audit of a leak"] == [["notes", "size"]]


def test_one_entry_more_has_its_columns_without_rows(added: dict[str, Any]) -> None:
    """A run that notes nothing has the table with all columns, no file where it is optional, and reads it back."""
    assert added["columns without rows"][:3] == ["product", "destination", "model"]
    assert not added["file without rows"]
    assert added["read without rows"]


@pytest.mark.parametrize("schema", RUN_TABLES.values(), ids=RUN_TABLES)
def test_a_table_without_rows_has_the_types_of_one_read_back(schema: TableSchema) -> None:
    """Reading the text of an empty table gives the empty table."""
    empty = schema.empty()
    assert [*empty.columns] == schema.columns
    pd.testing.assert_frame_equal(schema.from_text(as_text(empty)), empty, check_dtype=False)


def test_every_type_is_read_back_from_its_text() -> None:
    """A cell of each type, open ones too."""
    schema = TableSchema("one", {own.name.lower(): own for own in T})
    month, day = pd.Period("2025-05", "M"), date(2025, 6, 20)
    cells = {
        T.TEXT: ("", "a,b"),
        T.LABEL: ("x", "y"),
        T.DAY: (None, day),
        T.LABEL_DAY: (day, day),
        T.MONTH: (month, month + 1),
        T.COUNT: (0, 7),
        T.NUMBER: (float("nan"), 0.1),
        T.FLAG: (True, False),
        T.CODES: ((), ("USA", "JPN")),
    }
    table = schema.from_rows(zip(*(cells[own] for own in T), strict=True))
    pd.testing.assert_frame_equal(schema.from_text(as_text(table)), table)


def test_a_column_that_is_missing_is_named() -> None:
    """A file without one of the columns of its table is no such table."""
    with pytest.raises(ValueError, match=r"^expected column reason, found none\.$"):
        RUN_TABLES["dropped"].from_text(pd.DataFrame(columns=RUN_TABLES["dropped"].columns[:-1], dtype=str))


def test_months_may_be_noted_as_ordinals() -> None:
    """Rows noted with the ordinal of a month have the month in their table."""
    rows = RowBuffer()
    month = pd.Period("2025-05", "M")
    rows.add("correlations", ("magnets", "USA", "naive", date(2025, 6, 20), month.ordinal, month.ordinal + 1, 0.5))
    assert rows.tables().correlations[["month", "other"]].to_numpy().tolist() == [[month, month + 1]]


def test_rows_that_are_packed_on_the_way_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows wait as they were noted, the table is the same, with the same types."""
    noted = [("magnets", code, date(2025, 6, 20), "licence", f"because of {code}") for code in ("USA", "DEU", "AUT")]
    tables = []
    for most in (100, 2, 1):
        monkeypatch.setattr("forecast.tables.run.ROWS_NOTED", most)
        rows = RowBuffer()
        for row in noted:
            rows.add("dropped", row)
        tables.append(rows.tables().dropped)
    assert [list(row) for row in noted] == tables[0].to_numpy().tolist()
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


@pytest.mark.parametrize("most", [100, 2, 1])
def test_rows_of_buffers_that_have_travelled_come_in_order(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of several buffers, some packed on the way, are those of one buffer to which all were added."""
    noted = [("magnets", code, date(2025, 6, 20), "licence", "late") for code in ("USA", "DEU", "AUT", "FRA", "ITA")]
    whole, rows = RowBuffer(), RowBuffer()
    whole.add("dropped", *noted)
    monkeypatch.setattr("forecast.tables.run.ROWS_NOTED", most)
    rows.add("dropped", noted[0])
    for row, travels in zip(noted[1:], (True, False, False, True), strict=True):
        other = RowBuffer()
        other.add("dropped", row)
        rows.extend(pickle.loads(pickle.dumps(other)) if travels else other)
    pd.testing.assert_frame_equal(rows.tables().dropped, whole.tables().dropped)


def test_a_run_has_no_other_table() -> None:
    """A name that is not in the schema is refused where it is given and where it is asked for."""
    message = rf"^a run has no table 'scores'; it has {', '.join(RUN_TABLES)}\.$"
    with pytest.raises(TypeError, match=message):
        Forecasts(scores=pd.DataFrame())
    with pytest.raises(AttributeError, match=message):
        _ = Forecasts().scores


def test_the_text_of_a_run_fits_a_screen() -> None:
    """Its tables with their rows, and its models; nothing of an empty one."""
    assert repr(Forecasts()) == "Forecasts(rows: none; models: none)"
    rows = pd.DataFrame({"model": ["theta", "arima", "theta"]}).reindex(columns=RUN_TABLES["forecasts"].columns)
    run = Forecasts(forecasts=rows, failures=pd.DataFrame({"reason": ["None."] * 1200}))
    assert repr(run) == "Forecasts(rows: forecasts 3, failures 1,200; models: theta, arima)"
