"""Coverage-guided fuzzing of every reader: any bytes are a table or a refusal, never another exception.

``python tests/fuzz/fuzz_readers.py TARGET [libFuzzer options] [FOLDERS]`` with atheris installed; targets are those of
`TARGETS`. ``tests/fuzz/corpus/TARGET`` holds inputs to begin with.
"""

# ruff: noqa: PT017 (not pytest: what a refusal must be is asserted where it is caught)

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["forecast"]):
    from forecast.backtest.checkpoint import Checkpoint, CheckpointError
    from forecast.backtest.parts import PartError, from_part
    from forecast.safety.inert import is_visible
    from forecast.sources.plain import read_events, read_exports, read_period_totals
    from forecast.sources.scenario import read_scenario
    from forecast.tables.read import TableError
    from forecast.tables.run_folder import OutputError, read_about, read_saved
    from forecast.tables.schema import RUN_TABLES

PLACE = TemporaryDirectory()
FOLDER = Path(PLACE.name)


def of_file(read: Callable[[Path], object], name: str = "given.csv") -> Callable[[bytes], None]:
    """A target that reads its bytes as a file."""

    def target(content: bytes) -> None:
        (FOLDER / name).write_bytes(content)
        try:
            read(FOLDER / name)
        except TableError as error:
            assert error.problems
            assert all(name in problem or "column" in problem for problem in error.problems)

    return target


def run_json(content: bytes) -> None:
    """run.json of a run's folder."""
    (FOLDER / "run.json").write_bytes(content)
    try:
        read_about(FOLDER)
    except OutputError as error:
        assert is_visible(str(error))


def run_table(content: bytes) -> None:
    """Each table of a run's folder."""
    for name, schema in RUN_TABLES.items():
        (FOLDER / f"{name}.csv").write_bytes(content)
        try:
            read_saved(FOLDER, schema)
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
    "exports": of_file(read_exports),
    "events": of_file(read_events),
    "totals": of_file(read_period_totals),
    "scenario": of_file(read_scenario),
    "run_json": run_json,
    "run_table": run_table,
    "plan": plan,
    "part": part,
}


if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[chosen])
    atheris.Fuzz()
