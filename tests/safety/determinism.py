"""The same bytes, whatever the machine is set to: ``python tests/safety/determinism.py [--only WORD ...]``.

Commands with all models, calibrated, are run in fresh processes on a small world with two products, a total and events,
and again with other hash seeds, locales, time zones, widths of terminal, numbers of processes and threads, backends,
and with rows, columns and events in another order. Every file that they write is compared byte for byte, but for
the digests of the inputs, whose bytes are others where their order is.
"""

# ruff: noqa: E402 (as a script, it has to say first where the package and its neighbours lie)

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import pandas as pd
import simulated
from attacked import contents

from forecast.registry import MODELS
from forecast.tables.frames import as_text

FILES = ["--exports", "exports.csv", "--events", "events.csv", "--experience", "none", "--models", ",".join(MODELS)]
NEXT = ["next", *FILES, "--horizon", "2", "--plot", "--no-cache", "--output", "o"]
BACKTEST = ["backtest", *FILES, "--origins", "3", "--parity", "0", "--output", "b"]
BRIEF = ["brief", "--run", "o", "--quick", "--output", "brief.html", "--markdown", "--xlsx"]
ALL = [NEXT, BRIEF, BACKTEST]
PLAIN = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1"}

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Variant:
    """What is set otherwise: environment, words of the commands, order of the inputs, and which commands are run."""

    environment: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    ordered: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    commands: tuple[str, ...] = ("next", "brief", "backtest")
    needs: str = ""


def _shuffled(table: pd.DataFrame) -> pd.DataFrame:
    return table.sample(frac=1.0, random_state=7)


VARIANTS = {
    "again": Variant(),
    "hash seed 1": Variant({"PYTHONHASHSEED": "1"}),
    "hash seed 4242": Variant({"PYTHONHASHSEED": "4242"}),
    "locale C without UTF-8": Variant({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "locale of Turkey": Variant({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    "first time zone": Variant({"TZ": "Pacific/Kiritimati"}),
    "last time zone": Variant({"TZ": "Etc/GMT+12"}),
    "narrow terminal": Variant({"COLUMNS": "20", "NO_COLOR": "1"}),
    "two threads": Variant({"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}),
    "two processes": Variant(words=("--jobs", "2"), commands=("next", "backtest")),
    "dask": Variant(words=("--backend", "dask", "--jobs", "2"), commands=("backtest",), needs="distributed"),
    "ray": Variant(words=("--backend", "ray", "--jobs", "2"), commands=("backtest",), needs="ray"),
    "rows backwards": Variant(ordered=lambda table: table.iloc[::-1]),
    "rows shuffled": Variant(ordered=_shuffled),
    "columns backwards": Variant(ordered=lambda table: table[[*table.columns[::-1]]]),
}


def world() -> Tables:
    """Two products of four years with a total, a gap and a month of nothing; measures, one with an end."""
    magnets = {
        "WLD": simulated.steady(48, 900.0, seed=1),
        "USA": simulated.steady(48, 200.0, seed=2),
        "DEU": simulated.steady(48, 300.0, seed=3),
    }
    magnets["USA"][40:43] *= 0.1
    magnets["DEU"][30] = float("nan")
    other = {"USA": simulated.steady(48, 50.0, seed=4), "JPN": simulated.steady(48, 5.0, noise=0.3, seed=5)}
    other["JPN"][20] = 0.0
    exports = pd.concat([simulated.exports(magnets), simulated.exports(other, product="alloys")], ignore_index=True)
    events = simulated.calendar(
        {"kind": "licensing", "announced": date(2022, 3, 1), "products": ("magnets",)},
        {"kind": "licensing", "announced": date(2023, 5, 4), "destinations": ("USA",), "products": ("magnets",)},
        {"kind": "ban", "announced": date(2023, 8, 1), "destinations": ("JPN",), "ends": date(2023, 10, 1)},
    )
    return {"exports": as_text(exports), "events": as_text(events)}


def made(place: Path, variant: Variant) -> dict[str, bytes]:
    """What the commands of a variant write, by path."""
    for name, table in world().items():
        ordered = table if variant.ordered is None else variant.ordered(table)
        ordered.to_csv(place / f"{name}.csv", index=False)
    given = {*contents(place)}
    for command in ALL:
        if command[0] in variant.commands:
            _run(place, [*command, *(variant.words if command[0] != "brief" else ())], variant)
    found = {name: content for name, content in contents(place).items() if name not in given}
    return {name: without_digests(content) for name, content in found.items()}


def _run(place: Path, command: list[str], variant: Variant) -> None:
    package = Path(__file__).resolve().parents[2]
    environment = {**os.environ, **PLAIN, "PYTHONPATH": str(package), **variant.environment}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "forecast", *command],
        cwd=place, env=environment, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])


def without_digests(content: bytes) -> bytes:
    """A file, of a workbook its parts, with nothing in place of each sha256."""
    if not content.startswith(b"PK"):
        return re.sub(rb"[0-9a-f]{64}", b"", content)
    with ZipFile(BytesIO(content)) as parts:
        return b"".join(name.encode() + without_digests(parts.read(name)) for name in parts.namelist())


def differences(first: dict[str, bytes], other: dict[str, bytes], commands: tuple[str, ...]) -> list[str]:
    """Names of files that only one of two has, or that differ, of the commands that were run."""
    folders = {"next": "o/", "backtest": "b/", "brief": "brief"}
    of_both = [name for name in {*first, *other} if name.startswith(tuple(folders[word] for word in commands))]
    return sorted(name for name in of_both if first.get(name) != other.get(name))


def main() -> int:
    """Run all variants, and print what differs from the first run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", metavar="WORD", help=f"of {', '.join(VARIANTS)}; default: all")
    given = parser.parse_args()
    wrong = 0
    with TemporaryDirectory() as name:
        first = _in_folder(Path(name) / "first", Variant())
        print(f"first: {len(first)} files", flush=True)
        for word in given.only or VARIANTS:
            variant = VARIANTS[word]
            if variant.needs and find_spec(variant.needs) is None:
                print(f"{word}: not tried, {variant.needs} is not installed")
                continue
            found = differences(first, _in_folder(Path(name) / word.replace(" ", "-"), variant), variant.commands)
            wrong += len(found)
            print(f"{word}: {', '.join(found) or 'the same bytes'}", flush=True)
    return 1 if wrong else 0


def _in_folder(place: Path, variant: Variant) -> dict[str, bytes]:
    place.mkdir()
    return made(place, variant)


if __name__ == "__main__":
    sys.exit(main())
