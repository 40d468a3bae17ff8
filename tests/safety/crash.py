"""Kills a command before each of its changes of the file system, and sees whether the old or the new state stands.

A change is whatever Python announces of it (opening to write, making, renaming and removing names), the exchange of
two names, and forcing to the disk. The n-th one ends the process at once (``kill``), ends it with all bytes lost that
were not forced to the disk (``power``), or is refused by the system (``full``, ``broken``).

Afterwards the output must be the old or the new one byte for byte, the command must end as if nothing had happened when
it is given again, a backtest also with ``--resume``, and nothing may be left beside.

``python tests/safety/crash.py [--every N] [SCENARIO ...]`` tries every N-th point of each scenario.
"""

# ruff: noqa: E402 (as a script, it has to say first where the package and its neighbours lie)

from __future__ import annotations

import argparse
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from attacked import BACKTEST, FILES, NEXT, SCENARIO, contents, write_world

from forecast import cli
from forecast.backtest import run as backtest
from forecast.cli import selection
from forecast.report import scoreboard
from forecast.report.page import notebook
from forecast.safety import atomic

KILLED = 137
MODES = {"kill": None, "power": None, "full": errno.ENOSPC, "broken": errno.EIO}
CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
RESUME = [*BACKTEST, "--resume"]


@dataclass(frozen=True)
class Scenario:
    """A command, what was done before it, what it puts where, and the commands by which it may be given again."""

    command: list[str]
    before: tuple[tuple[list[str], int | None], ...] = ()
    output: str = "o"
    again: tuple[list[str], ...] = ()


OTHER = [*NEXT, "--seed", "1"]
SCENARIOS = {
    "next": Scenario(NEXT),
    "next over an earlier run": Scenario(NEXT, ((OTHER, None),)),
    "next with plots": Scenario([*NEXT, "--plot"]),
    "scenario": Scenario(SCENARIO),
    "backtest": Scenario(BACKTEST, again=(RESUME,)),
    "backtest over an earlier run": Scenario(BACKTEST, ((OTHER, None),), again=(RESUME,)),
    "resume": Scenario(RESUME, ((BACKTEST, 12),), again=(BACKTEST,)),
    "backtest over a killed one": Scenario(BACKTEST, (([*BACKTEST, "--seed", "1"], 12),), again=(RESUME,)),
    "report": Scenario(["report", "o", "--output", "page/r.html"], ((BACKTEST, None),), output="page"),
    "report over an earlier page": Scenario(["report", "o"], ((BACKTEST, None), (["report", "o"], None))),
    "changes": Scenario(["changes", *FILES, "--output", "c/found.csv", "--quiet"], output="c"),
}  # fmt: skip


class Changes:
    """Counts the changes of one process below a folder, and acts before the n-th."""

    def __init__(self, below: Path, point: int | None, mode: str) -> None:
        self.below, self.point, self.mode = str(below), point, mode
        self.count = 0
        self.kept = {path.stat().st_ino for path in below.rglob("*") if path.is_file()}

    def install(self) -> None:
        """Watch from now on."""
        sys.addaudithook(self._heard)
        sync, exchange = os.fsync, atomic._exchange_call()

        def counted_sync(descriptor: int) -> None:
            self._change()
            sync(descriptor)
            self.kept.add(os.fstat(descriptor).st_ino)

        def counted_exchange(first: bytes, second: bytes) -> int:
            self._change()
            assert exchange is not None
            return exchange(first, second)

        os.fsync = counted_sync
        if exchange is not None:
            atomic._exchange_call = lambda: counted_exchange

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(arguments[0], str | bytes) and self._writes(arguments)
        if opened or event in CHANGING:
            self._change_at(arguments[0])

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        _, mode, flags = arguments
        if isinstance(mode, str):
            return any(letter in mode for letter in "wax+")
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def _change_at(self, path: str | bytes | int) -> None:
        if isinstance(path, int) or os.path.abspath(os.fsdecode(path)).startswith(self.below):  # noqa: PTH100
            self._change()

    def _change(self) -> None:
        self.count += 1
        if self.point is None or self.count < self.point:
            return
        if self.mode in ("kill", "power"):
            if self.mode == "power":
                self._lose()
            os._exit(KILLED)
        raise OSError(MODES[self.mode], os.strerror(MODES[self.mode] or 0))

    def _lose(self) -> None:
        """Empty every file whose bytes were not forced to the disk."""
        self.point = None
        for path in Path(self.below).rglob("*"):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_ino not in self.kept:
                os.truncate(path, 0)


def in_child(place: Path, command: list[str], point: int | None = None, mode: str = "kill") -> tuple[int, int, str]:
    """Exit code, number of changes and stderr of a command, run in a process that begins as a copy of this one."""
    log, counted = place.parent / "stderr", place.parent / "count"
    child = os.fork()
    if child == 0:
        os._exit(_run(place, command, Changes(place, point, mode), log, counted))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code, int(counted.read_text() or 0) if code != KILLED else 0, log.read_text(errors="replace")


def _run(place: Path, command: list[str], changes: Changes, log: Path, counted: Path) -> int:
    os.chdir(place)
    for descriptor, path in ((1, os.devnull), (2, str(log))):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    counted.write_text("0")
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    changes.install()
    code: Any = 99
    try:
        cli.app(command)
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    changes.point = None
    counted.write_text(str(changes.count))
    sys.stderr.flush()
    return int(code)


@dataclass(frozen=True)
class Prepared:
    """A scenario's folder before its command, its output before and after, and how many changes the command makes."""

    name: str
    scenario: Scenario
    start: Path
    old: dict[str, bytes]
    new: dict[str, bytes]
    changes: int


def prepared(name: str, place: Path) -> Prepared:
    """Run what comes before, then the command once, undisturbed, to see what it makes."""
    scenario = SCENARIOS[name]
    start = place / name.replace(" ", "-")
    start.mkdir()
    write_world(start)
    for command, point in scenario.before:
        code, _, said = in_child(start, command, point)
        assert code == (0 if point is None else KILLED), said
    old = output_of(start, scenario)
    with Copied(start, place) as copy:
        for command in (*(command for command, _ in scenario.before), scenario.command):
            in_this_process(copy, command)
    with Copied(start, place) as copy:
        code, changes, said = in_child(copy, scenario.command)
        assert code == 0, said
        return Prepared(name, scenario, start, old, output_of(copy, scenario), changes)


class Copied:
    """A copy of a folder, gone at the end."""

    def __init__(self, start: Path, place: Path) -> None:
        self.start, self.copy = start, place / "copy"

    def __enter__(self) -> Path:
        shutil.copytree(self.start, self.copy, symlinks=True)
        return self.copy

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.copy)


def output_of(place: Path, scenario: Scenario) -> dict[str, bytes]:
    """The bytes of a scenario's output, without what a writer at work has beside."""
    found = contents(place / scenario.output)
    return {name: content for name, content in found.items() if not Path(name).name.startswith(atomic.PREFIX)}


def attempt(of: Prepared, place: Path, point: int, mode: str) -> list[str]:
    """What is wrong after the command was disturbed at a point, and after it was given again in every way."""
    faults = []
    for again in (of.scenario.command, *of.scenario.again):
        with Copied(of.start, place) as copy:
            code, _, said = in_child(copy, of.scenario.command, point, mode)
            faults += _faults_of_end(code, said, mode)
            if output_of(copy, of.scenario) not in (of.old, of.new):
                faults.append("neither the old nor the new state")
            faults += _faults_of_another_go(of, copy, again)
    return [f"{of.name}, {mode} at {point} of {of.changes}: {fault}" for fault in faults]


def _faults_of_end(code: int, said: str, mode: str) -> Iterator[str]:
    if "Traceback" in said or code == 99:
        yield f"a traceback:\n{said}"
    if MODES[mode] is None and code != KILLED:
        yield f"was not killed but ended with {code}"
    if MODES[mode] is not None and code not in (0, 1):
        yield f"exit {code}"
    if code == 1 and not said.strip():
        yield "exit 1 without a word"


def _faults_of_another_go(of: Prepared, copy: Path, again: list[str]) -> Iterator[str]:
    code, _, said = in_child(copy, again)
    if code == 1 and "--resume" in again and said.rstrip().endswith("Run without --resume."):
        code, _, said = in_child(copy, [word for word in again if word != "--resume"])
    if code != 0:
        yield f"{' '.join(again[:1])} again ended with {code}: {said}"
    elif output_of(copy, of.scenario) != of.new:
        yield "another go made other bytes"
    left = [path.name for path in copy.rglob("*") if path.name.startswith(atomic.PREFIX) or path.suffix == ".partial"]
    if code == 0 and left:
        yield f"left behind: {left}"


def without_waiting(replaced: Callable[[Any, str, Any], None]) -> None:
    """Have what a command computes, and changes no file, computed once for all points, and no kernel started."""
    import nbformat

    asked = {
        (backtest, "run_task"): lambda context, task: (context.settings, task),
        (scoreboard, "judged"): lambda made, *tables: made,
        (selection, "read"): lambda given: given,
    }
    for (module, name), key in asked.items():
        replaced(module, name, _remembered(getattr(module, name), key))
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## The answer")])
    replaced(notebook, "shown_notebook", lambda replay: made)


def _remembered(function: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its results kept by the text of a key: all scenarios have the same figures and calendar."""
    results: dict[str, Any] = {}

    def remembered(*arguments: Any) -> Any:
        text = repr(key(*arguments))
        if text not in results:
            results[text] = function(*arguments)
        return results[text]

    return remembered


def in_this_process(place: Path, command: list[str]) -> None:
    """Run a command once where all later ones are forked from, so that they find its results."""
    with chdir(place), Path(os.devnull).open("w") as nothing, redirect_stdout(nothing), suppress(SystemExit):
        cli.app(command)


def main() -> int:
    """Try every point asked for, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--every", type=int, default=1, help="try every N-th point")
    given = parser.parse_args()
    without_waiting(setattr)
    points = faults = 0
    with TemporaryDirectory(prefix="forecast-crash-") as name:
        for scenario in given.names or SCENARIOS:
            of = prepared(scenario, Path(name))
            found = [
                attempt(of, Path(name), point, mode)
                for mode in MODES
                for point in range(1, of.changes + 1, given.every)
            ]
            points, faults = points + len(found), faults + sum(map(bool, found))
            print("\n".join(fault for at_point in found for fault in at_point), end="")
            print(
                f"{scenario}: {len(found)} points over {of.changes} changes, {sum(map(bool, found))} wrong", flush=True
            )
    print(f"{points} points, {faults} wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
