"""Ends a command at each of its changes of the file system, and sees whether the old or the new state stands.

A change is a call of the system that writes, makes, renames, links, cuts or removes a file, or forces it to the disk:
``changes.c``, compiled here and loaded before all other libraries, counts those of Python and of libraries in C. The
n-th one ends the process at once (``kill``), ends it with all bytes lost that were not forced to the disk (``power``),
ends it in the middle of a write (``torn``), or is refused, as is what follows, by a full disk (``full``) or a broken
one (``broken``).

Afterwards each output must be the old or the new one byte for byte (a store: row by row), the command must end as if
nothing had happened when it is given again, a backtest also with ``--resume``, and nothing may be left beside.

``python tests/safety/crash.py [--points N] [SCENARIO ...]`` tries N points of each scenario in each way, or all.
"""

# ruff: noqa: E402 (as a script, it has to say first where the package and its neighbours lie)

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import loopback
from attacked import BACKTEST, FILES, NEXT, SCENARIO, contents, write_world

from forecast import cli
from forecast.backtest import origin_cache
from forecast.backtest import run as backtest
from forecast.cli import briefing, inputs, selection
from forecast.cli import fetch as fetch_command
from forecast.cli import next as next_command
from forecast.report import plots, scoreboard
from forecast.report.page import notebook
from forecast.safety import atomic
from forecast.sources.services import fetch as services
from forecast.store import update
from forecast.store.database import Store

KILLED = 137
MODES = {"kill": 1, "power": 2, "torn": 3, "full": 4, "broken": 5}
"""How a process is disturbed, by the numbers of ``changes.c``."""

ENDING = ("kill", "power", "torn")
TODAY = date(2023, 6, 1)
RESUME = [*BACKTEST, "--resume"]
IMPORT = ["import", "download.csv", "--product", "magnets", "--output", "d/own.csv"]
REPORT = ["report", "--run", "o"]
OVER = ["brief", "--run", "o", "--quick"]
BRIEF = ["brief", "--run", "o", "--quick", "--output", "page/b.html"]
EXPLAIN = ["explain", "USA", "--run", "o", "--output", "page/e.json"]
STORED = ["--store", "s/mine.duckdb"]
UPDATE = ["update", "exports.csv", "--experience", "none", "--events", "events.csv", "--product", "magnets",
          "--models", "naive,theta", "--no-calibrate", "--horizon", "1", *STORED, "--output", "o",
          "--quiet"]  # fmt: skip
EARLIER = ["earlier.csv" if word == "exports.csv" else "earlier" if word == "o" else word for word in UPDATE]
OTHER = [*NEXT, "--seed", "1"]
TRACK = ["track", *STORED, "--output", "t", "--quiet"]
FETCH = ["fetch", "comtrade", "--reporter", "China", "--code", "850511", "--from", "2023-03", "--to", "2023-03",
         "--output", "d/own.csv", "--quiet"]  # fmt: skip
FIGURES = loopback.records(loopback.record("202303"), loopback.record("202303", partner=899))
KEEPING = Path("cache")
"""Where answers of services and earlier origins lie: what a killed writer leaves there goes after an hour."""

MADE_OF = [*FILES, "--models", "naive,theta,combination", "--no-calibrate"]
COMBINED = ["next", *MADE_OF, "--output", "o"]
LEARNING = ["next", *FILES, "--experience", "none", "--models", "naive,combination", "--horizon", "1", "--output", "o"]


@dataclass(frozen=True)
class Scenario:
    """A command, what was done before it, what it puts where, and the commands by which it may be given again."""

    command: list[str]
    before: tuple[tuple[list[str], int | None], ...] = ()
    outputs: tuple[str, ...] = ("o",)
    again: tuple[list[str], ...] = ()


SCENARIOS = {
    "next": Scenario(NEXT),
    "next over an earlier run": Scenario(NEXT, ((OTHER, None),)),
    "next with plots": Scenario([*NEXT, "--plot"]),
    "next kept in a new store": Scenario([*NEXT, *STORED], outputs=("o", "s")),
    "next kept in a store": Scenario([*NEXT, *STORED], (([*OTHER, *STORED], None),), ("o", "s")),
    "next keeping its origins": Scenario(LEARNING),
    "scenario": Scenario(SCENARIO),
    "backtest": Scenario(BACKTEST, again=(RESUME,)),
    "backtest over an earlier run": Scenario(BACKTEST, ((OTHER, None),), again=(RESUME,)),
    "backtest on two processes": Scenario([*BACKTEST, "--jobs", "2"], again=(RESUME,)),
    "resume": Scenario(RESUME, ((BACKTEST, 20),), again=(BACKTEST,)),
    "backtest over a killed one": Scenario(BACKTEST, (([*BACKTEST, "--seed", "1"], 20),), again=(RESUME,)),
    "report": Scenario([*REPORT, "--output", "page/r.html"], ((BACKTEST, None),), ("page",)),
    "report over an earlier page": Scenario(REPORT, ((BACKTEST, None), (REPORT, None))),
    "brief": Scenario(BRIEF, ((COMBINED, None),), ("page",)),
    "brief over an earlier page": Scenario(OVER, ((COMBINED, None), (OVER, None))),
    "explain": Scenario(EXPLAIN, ((COMBINED, None),), ("page",)),
    "changes": Scenario(["changes", *FILES, "--output", "c/found.csv", "--quiet"], outputs=("c",)),
    "import": Scenario(IMPORT, outputs=("d/own.csv", "d/own-unused.csv")),
    "import over earlier files": Scenario(
        IMPORT, (([*IMPORT, "--unit", "kg"], None),), ("d/own.csv", "d/own-unused.csv")
    ),
    "update into a new store": Scenario(UPDATE, outputs=("o", "s")),
    "update": Scenario(UPDATE, ((EARLIER, None),), ("o", "s")),
    "update over an earlier folder": Scenario(UPDATE, ((EARLIER, None), (OTHER, None)), ("o", "s")),
    "track": Scenario(TRACK, ((EARLIER, None), (UPDATE, None)), ("t", "s")),
    "track over an earlier folder": Scenario(TRACK, ((EARLIER, None), (UPDATE, None), (TRACK, None)), ("t", "s")),
    "fetch": Scenario(FETCH, outputs=("d/own.csv", "d/own-unused.csv")),
    "fetch over earlier files": Scenario(
        FETCH, (([*FETCH, "--product", "magnets"], None),), ("d/own.csv", "d/own-unused.csv")
    ),
}  # fmt: skip


@cache
def library(folder: Path) -> Path:
    """``changes.c`` compiled into a folder."""
    made = folder / "changes.so"
    source = Path(__file__).with_name("changes.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl", "-lpthread"], check=True)
    return made


def is_loaded() -> bool:
    """Whether this process counts its changes."""
    return hasattr(ctypes.CDLL(None), "changes_that_write")


@dataclass(frozen=True)
class End:
    """How a command ended: its exit code, the changes that it made, those that were writes, and what it said."""

    code: int
    changes: int
    writes: int
    said: str


def in_child(place: Path, command: list[str], point: int | None = None, mode: str = "kill") -> End:
    """The end of a command in a process that begins as a copy of this one, disturbed at ``point``."""
    log, counted = place.parent / "stderr", place.parent / "count"
    counted.write_text("0 0")
    child = os.fork()
    if child == 0:
        os._exit(_run(place, command, 0 if point is None else MODES[mode], point or 0, log, counted))
    _, status = os.waitpid(child, 0)
    changes, writes = map(int, counted.read_text().split())
    return End(os.waitstatus_to_exitcode(status), changes, writes, log.read_text(errors="replace"))


def _run(place: Path, command: list[str], mode: int, point: int, log: Path, counted: Path) -> int:
    os.chdir(place)
    for descriptor, path in ((1, os.devnull), (2, str(log))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    watched = ctypes.CDLL(None)
    watched.arm(os.fsencode(place), ctypes.c_long(point), mode)
    code: Any = 99
    try:
        cli.app(command)
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    watched.disarm()
    counted.write_text(f"{watched.changes()} {watched.changes_that_write()}")
    sys.stderr.flush()
    return int(code)


@dataclass(frozen=True)
class Prepared:
    """A folder before a command, its outputs before and after, and how many changes and writes the command makes."""

    name: str
    scenario: Scenario
    start: Path
    old: list[dict[str, Any]]
    new: list[dict[str, Any]]
    changes: int
    writes: int

    def points(self, mode: str) -> int:
        """At how many points the command can be disturbed in a mode."""
        return self.writes if mode == "torn" else self.changes


def prepared(name: str, place: Path) -> Prepared:
    """Run what comes before, then the command once, undisturbed, to see what it makes."""
    scenario = SCENARIOS[name]
    for results in REMEMBERED:
        results.clear()
    start = place / name.replace(" ", "-")
    start.mkdir()
    write_world(start)
    _write_more(start)
    for command, point in scenario.before:
        end = in_child(start, command, point)
        assert end.code == (0 if point is None else KILLED), end
    old = outputs_of(start, scenario)
    with Copied(start, place) as copy:
        for command in (*(command for command, _ in scenario.before), scenario.command):
            in_this_process(copy, command)
    with Copied(start, place) as copy:
        end = in_child(copy, scenario.command)
        assert end.code == 0, end
        return Prepared(name, scenario, start, old, outputs_of(copy, scenario), end.changes, end.writes)


def _write_more(place: Path) -> None:
    """A download of somebody else's, with rows that cannot be used, and the figures as they stood a month earlier."""
    rows = ["Country;Month;Tonnes", "USA;2023-03;5", "DEU;2023-03;x", "DEU;2023-04;7", ""]
    (place / "download.csv").write_text("\n".join(rows))
    lines = (place / "exports.csv").read_text().splitlines(keepends=True)
    (place / "earlier.csv").write_text("".join(line for line in lines if not line.startswith("2023-04,")))


class Copied:
    """A copy of a folder, gone at the end."""

    def __init__(self, start: Path, place: Path) -> None:
        self.start, self.copy = start, place / "copy"

    def __enter__(self) -> Path:
        shutil.copytree(self.start, self.copy, symlinks=True)
        return self.copy

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.copy)


def outputs_of(place: Path, scenario: Scenario) -> list[dict[str, Any]]:
    """What stands at each of a scenario's outputs, without what a writer at work has beside."""
    return [_output_at(place / name) for name in scenario.outputs]


def _output_at(path: Path) -> dict[str, Any]:
    """Bytes of the files at a path by name; of a store, its rows, where it has any: without, it is as good as none."""
    found = contents(path) if path.is_dir() else {path.name: path.read_bytes()} if path.exists() else {}
    kept = {name: content for name, content in found.items() if not any(map(_is_ours, Path(name).parts))}
    read = {
        name: _rows_of(path / name) if name.endswith(".duckdb") else content
        for name, content in kept.items()
        if not name.endswith(".duckdb.wal")
    }
    return {name: found for name, found in read.items() if found}


def _is_ours(name: str) -> bool:
    return name.startswith(atomic.PREFIX)


def _rows_of(store: Path) -> dict[str, str]:
    """Every row of a store, read from a copy, with what stands in its log."""
    with TemporaryDirectory() as name:
        for path in store.parent.glob(f"{store.name}*"):
            shutil.copy(path, name)
        with Store(Path(name) / store.name, today=TODAY) as opened:
            tables = ("files", "vintages", "calendars", "issues", "forecasts", "judgements", "changes")
            rows = {table: opened.query(f"SELECT * FROM {table}") for table in tables}
            return {table: own.to_csv() for table, own in rows.items() if len(own)}


def attempt(of: Prepared, place: Path, point: int, mode: str) -> list[str]:
    """What is wrong after the command was disturbed at a point, and after it was given again in every way."""
    faults = []
    for again in (of.scenario.command, *of.scenario.again):
        with Copied(of.start, place) as copy:
            end = in_child(copy, of.scenario.command, point, mode)
            faults += _faults_of_end(end, mode)
            standing = zip(outputs_of(copy, of.scenario), of.old, of.new, strict=True)
            if any(found not in (old, new) for found, old, new in standing):
                faults.append("neither the old nor the new state")
            faults += _faults_of_another_go(of, copy, again)
    return [f"{of.name}, {mode} at {point} of {of.points(mode)}: {fault}\n" for fault in faults]


def _faults_of_end(end: End, mode: str) -> Iterator[str]:
    if "Traceback" in end.said or end.code == 99:
        yield f"a traceback:\n{end.said}"
    if mode in ENDING and end.code != KILLED:
        yield f"was not ended but ended with {end.code}: {end.said}"
    if mode not in ENDING and end.code not in (0, 1):
        yield f"exit {end.code}"
    if end.code == 1 and not end.said.strip():
        yield "exit 1 without a word"


def _faults_of_another_go(of: Prepared, copy: Path, again: list[str]) -> Iterator[str]:
    end = in_child(copy, again)
    if end.code == 1 and "--resume" in again and end.said.rstrip().endswith("Run without --resume."):
        end = in_child(copy, [word for word in again if word != "--resume"])
    if end.code != 0:
        yield f"{' '.join(again[:1])} again ended with {end.code}: {end.said}"
    elif outputs_of(copy, of.scenario) != of.new:
        yield "another go made other bytes"
    files = [path for path in copy.rglob("*") if KEEPING not in path.relative_to(copy).parents]
    left = [path.name for path in files if _is_ours(path.name) or path.suffix in (".partial", ".wal")]
    if end.code == 0 and left:
        yield f"left behind: {left}"


def without_waiting(replaced: Callable[[Any, str, Any], None]) -> None:
    """Have what a command computes, and changes no file, computed once for all points, and no kernel started.

    All scenarios have the same figures, calendar and day; pieces of work on two processes end in the other order.
    """
    import nbformat

    import forecast as fc

    asked = {
        (backtest, "with_stages"): lambda context, days, *_: (context.settings, days, len(context.data.exports)),
        (backtest, "run_task"): lambda context, task: (context.settings, task),
        (scoreboard, "scored_and_tested"): lambda made, *tables: made,
        (backtest, "gather"): lambda data, settings, run, request: (settings, request),
        (selection, "read"): lambda given: given,
        (briefing, "read"): lambda given: given,
        (next_command, "_outlooks"): lambda known, tables, choice, *_: choice,
        (fc, "proposed_events"): lambda *tables, **settings: settings["issued"],
        (fc, "read_exports"): lambda *paths, **_: paths,
        (fc, "read_destinations"): lambda: (),
        (update, "_forecast"): lambda routine, exports, products, issued, *_: (
            (routine.settings, issued, len(exports), str(exports["month"].max()))
        ),
        (update, "_changes"): lambda store, last, basis, *_: (last, basis.fingerprint),
        (plots, "plot_track"): lambda exports, issued, *of: (len(exports), len(issued), of),
    }
    for (module, name), key in asked.items():
        replaced(module, name, _remembered(getattr(module, name), key))
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## The answer")])
    replaced(notebook, "shown_notebook", lambda replay: made)
    replaced(backtest, "parallel_map", _the_other_way_round(backtest.parallel_map))
    for module in (inputs, fetch_command):
        replaced(module, "today", lambda: TODAY)
    replaced(services, "answers_folder", lambda: KEEPING)
    replaced(origin_cache, "default_folder", lambda: KEEPING / "origins")


def answering(replaced: Callable[[Any, str, Any], None], server: loopback.Server) -> None:
    """Have Comtrade stand on loopback."""
    comtrade = loopback.at(services.SERVICES["comtrade"], server)
    replaced(services, "SERVICES", services.SERVICES | {"comtrade": comtrade})


def _the_other_way_round(one_by_one: Callable[..., Any]) -> Callable[..., Any]:
    """Pieces of work done here, the last first where several processes are asked for."""

    def mapped(function: Any, shared: Any, pieces: Any, jobs: int) -> Iterator[tuple[int, Any]]:
        done = list(one_by_one(function, shared, pieces, 1)) if jobs != 1 else None
        yield from reversed(done) if done is not None else one_by_one(function, shared, pieces, 1)

    return mapped


REMEMBERED: list[dict[str, Any]] = []
"""What is computed once for all points of a scenario, and forgotten before the next."""


def _remembered(function: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its results kept by the text of a key."""
    results: dict[str, Any] = {}
    REMEMBERED.append(results)

    def remembered(*arguments: Any, **settings: Any) -> Any:
        text = repr(key(*arguments, **settings))
        if text not in results:
            results[text] = function(*arguments, **settings)
        return results[text]

    return remembered


def in_this_process(place: Path, command: list[str]) -> None:
    """Run a command once where all later ones are forked from, so that they find its results."""
    with chdir(place), Path(os.devnull).open("w") as nothing, redirect_stdout(nothing), suppress(SystemExit):
        cli.app(command)


def spread(most: int, points: int | None) -> list[int]:
    """So many of the numbers from 1 to ``most``, at equal distances; the middle one where it is one."""
    count = most if points is None else min(points, most)
    return [1 + (2 * place + 1) * most // (2 * count) for place in range(count)]


def tried(name: str, place: Path, points: int | None) -> tuple[int, list[str]]:
    """How many points of a scenario were tried, ``points`` in each mode or all, and what is wrong."""
    of = prepared(name, place)
    chosen = [(mode, point) for mode in MODES for point in spread(of.points(mode), points)]
    return len(chosen), [fault for mode, point in chosen for fault in attempt(of, place, point, mode)]


def main() -> int:
    """Try every point asked for, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--points", type=int, help="points of a scenario in each way, spread over it; default: all")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="forecast-crash-") as name:
        if not is_loaded():
            loaded = {**os.environ, "LD_PRELOAD": str(library(Path(name)))}
            return subprocess.run([sys.executable, *sys.orig_argv[1:]], env=loaded, check=False).returncode
        with loopback.serving(FIGURES) as server:
            without_waiting(setattr)
            answering(setattr, server)
            return tried_all(given.names or [*SCENARIOS], Path(name), given.points)


def tried_all(names: list[str], place: Path, points: int | None) -> int:
    """Try scenarios and print what is wrong, and how many points there were; 1 where anything is."""
    counted = wrong = 0
    for name in names:
        count, faults = tried(name, place, points)
        counted, wrong = counted + count, wrong + len(faults)
        print("".join(faults), end="")
        print(f"{name}: {count} points, {len(faults)} faults", flush=True)
    print(f"{counted} points, {wrong} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
