"""What is fuzzed: every reader as a function of bytes, for which they are a table or a refusal, and nothing else."""

# ruff: noqa: PT017 (not pytest: what a refusal must be is asserted where it is caught)

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from forecast.backtest.checkpoint import Checkpoint, CheckpointError
from forecast.backtest.parts import PartError, from_part
from forecast.ensemble.judgement import JudgementError, parse_judgement
from forecast.safety.inert import csv_cell, from_csv_cell, is_visible, markdown, visible
from forecast.scenario import events as scenario_events
from forecast.sources.files.opening import sheets_in
from forecast.sources.formats import READERS
from forecast.sources.importing import import_exports
from forecast.sources.plain import raw_files, read_events, read_exports, read_period_totals
from forecast.sources.scenario import read_scenario
from forecast.tables.cells import LARGEST_VOLUME_T, is_slug
from forecast.tables.read import TableError, destinations_table
from forecast.tables.run_folder import OutputError, check_forecasts, read_about, read_saved
from forecast.tables.schema import RUN_TABLES
from forecast.vocabulary.countries import places
from forecast.vocabulary.months import month_of, why_no_month
from forecast.vocabulary.numbers import numbers
from forecast.vocabulary.products import product_of
from forecast.vocabulary.text import folded, shown, slug
from forecast.vocabulary.units import unit_in, unit_of

PLACE = TemporaryDirectory(prefix="forecast-fuzz-")
FOLDER = Path(PLACE.name)
TODAY = date(2026, 1, 31)


def of_file(read: Callable[[Path], object], name: str = "given.csv") -> Callable[[bytes], None]:
    """A target that reads its bytes as a file."""

    def target(content: bytes) -> None:
        (FOLDER / name).write_bytes(content)
        try:
            read(FOLDER / name)
        except TableError as error:
            assert name in error.problems[0] or "column" in error.problems[0]
            assert all(is_visible(problem) for problem in error.problems)

    return target


def destinations(content: bytes) -> None:
    """A table of destinations and groups."""
    of_file(lambda path: destinations_table(raw_files([path], "destinations.csv")))(content)


def imported(content: bytes, source: str | None = None) -> None:
    """A download, known by its content or read as a source."""
    (FOLDER / "given.csv").write_bytes(content)
    try:
        found = import_exports(FOLDER / "given.csv", source=source, today=TODAY)
    except TableError as error:
        assert "given" in error.problems[0]
        assert all(is_visible(problem) for problem in error.problems)
        return
    table = found.exports
    assert table["volume_t"].between(0, LARGEST_VOLUME_T).all()
    assert all(map(is_slug, table["product"]))
    assert (table["month"] <= pd.Period(TODAY, freq="M")).all()
    assert all(
        released >= month.end_time.date() for released, month in zip(table["released"], table["month"], strict=True)
    )
    assert all(is_visible(text) for name in ("status", "source") for text in table[name])
    assert all(is_visible(text) for name in found.unused.columns for text in found.unused[name].astype(str))


def container(content: bytes) -> None:
    """The sheets of a file of any container: text, JSON, workbooks, Parquet."""
    try:
        sheets = sheets_in("given", content)
    except TableError as error:
        assert all("given" in problem for problem in error.problems)
    else:
        assert all(sheet.grid.map(lambda cell: isinstance(cell, str)).all(axis=None) for sheet in sheets)


def cell(content: bytes) -> None:
    """One cell in every role that it can have, and the round trips of what makes text inert."""
    text = content.decode("utf-8", "surrogateescape")
    assert from_csv_cell(csv_cell(text)) == text
    assert is_visible(visible(text))
    assert is_visible(markdown(text))
    assert is_visible(shown(text))
    month_of(text), why_no_month(text), unit_of(text), unit_in(text), product_of(text)
    places().find(text)
    folded(text), slug(text)


def column(content: bytes) -> None:
    """A column of numbers, a cell a line."""
    texts = content.decode("utf-8", "replace").split("\n")[:50]
    for decimal in (None, ",", "."):
        assert len(numbers(pd.Series(texts, dtype=object), decimal)) == len(texts)


def rule(content: bytes) -> None:
    """What options say in a language of their own: a judgement, an event that may happen."""
    text = content.decode("utf-8", "surrogateescape")
    try:
        parse_judgement(text)
    except JudgementError as error:
        assert str(error)
    try:
        scenario_events.supposed_cells(text, ["magnets"])
    except ValueError as error:
        assert type(error) is ValueError


def run_json(content: bytes) -> None:
    """run.json of a run's folder."""
    (FOLDER / "run.json").write_bytes(content)
    try:
        read_about(FOLDER)
    except OutputError as error:
        assert is_visible(str(error))


def run_table(content: bytes) -> None:
    """The table of a run's folder whose columns the bytes have, else that of forecasts."""
    header = set(content.partition(b"\n")[0].decode("utf-8", "replace").split(","))
    schema = max(RUN_TABLES.values(), key=lambda schema: len(header & {*schema.columns}) - len(schema.columns) / 100)
    path = FOLDER / f"{schema.name}.csv"
    path.write_bytes(content)
    try:
        table = read_saved(FOLDER, schema)
        if schema.name == "forecasts":
            check_forecasts(path, table)
    except OutputError as error:
        assert len(str(error).splitlines()) == 1


def plan(content: bytes) -> None:
    """The plan of a run in progress."""
    (FOLDER / "o.partial").mkdir(exist_ok=True)
    (FOLDER / "o.partial" / "plan.json").write_bytes(content)
    try:
        Checkpoint(FOLDER / "o.partial", resume=True).begin({}, {})
    except CheckpointError as error:
        assert is_visible(str(error))


def part(content: bytes) -> None:
    """A part of a run in progress."""
    try:
        from_part(content)
    except PartError:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {
    "exports": of_file(partial(read_exports, today=TODAY)),
    "events": of_file(read_events),
    "totals": of_file(partial(read_period_totals, today=TODAY)),
    "scenario": of_file(read_scenario),
    "destinations": destinations,
    "import": imported,
    **{f"import_{name}": partial(imported, source=name) for name in READERS},
    "container": container,
    "cell": cell,
    "column": column,
    "rule": rule,
    "run_json": run_json,
    "run_table": run_table,
    "plan": plan,
    "part": part,
}
