"""What `forecast next` on the shipped data costs, where its time goes, and what starting costs: `benchmarks/speed.md`.

    python benchmarks/speed.py                    medians of --rounds runs of this version
    python benchmarks/speed.py --against FOLDER   side by side with the package in another folder, turn by turn

Seconds are CPU (user and system) of the whole process, start-up and output included, on one thread; the kernels are
compiled before, and modules to bytecode, as after the first run of an installation. `nothing kept` starts with an empty
cache folder, `the same again` follows it, `next month` follows a run issued on the day of the release before. The
profile is of the same commands, whose shares it shows and not their seconds, since a profiler makes calls dear.
"""

from __future__ import annotations

import argparse
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

import pandas as pd

import forecast as fc

HERE = Path(__file__).parents[1]
NEXT = ["-m", "forecast", "next", "--quiet"]
BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef main(name: str = ''):\n    '''Say.'''\napp()\n"

LEAST_COMPARED = 1e-9
"""The least size (tonnes, logs, factors) of a number whose share by which it differs says something."""

PARTS = {
    "imports": "_find_and_load",
    "evidence of every series by itself": "_described",
    "what each series says": "evidence_by_series",
    "priors from the other series": "_taught",
    "structural model of the series asked for": "_fit",
    "snapshots of days": "as_of",
    "models of one series": "add_single",
    "the panel model": "panel_fits",
    "what the cache depends on": "fingerprints",
    "reading what was kept": "kept_days",
    "combination and its calibration": "calibrated",
    "total reconciled with its parts": "reconciled_forecasts",
    "files read": "read",
    "the rest of the world": "with_rest_of_world",
    "the table for the screen": "_outlooks",
    "the folder written": "_write",
}
"""Functions of the package whose cumulative time is shown; those of two lines may contain each other's imports."""


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a folder with another version of the package")
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load before {os.getloadavg()[0]:.1f}, medians of {given.rounds} runs\n")
    with tempfile.TemporaryDirectory() as name:
        commands(Path(name), given.rounds, given.against)
        if given.against:
            same_numbers(Path(name), given.against)
        starting(Path(name), given.rounds)
        profiles(Path(name))


def commands(place: Path, rounds: int, against: Path | None) -> None:
    """A line for each way of running the main job."""
    versions = {"this version": HERE} | ({"the other": against} if against else {})
    for package in versions.values():
        measured([*NEXT, "--output", str(place / "warm")], place, package)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for label, package in versions.items():
            for way, cost in ways(place, package, has_cache=package == HERE):
                found.setdefault((way, label), []).append(cost)
    print("| `forecast next`, shipped data | package | CPU seconds | from | to | MiB |\n|---|---|---:|---:|---:|---:|")
    for (way, label), costs in sorted(found.items()):
        seconds, peaks = zip(*costs, strict=True)
        of_seconds = f"{median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f}"
        print(f"| {way} | {label} | {of_seconds} | {median(peaks):.0f} |")
    print()


def ways(place: Path, package: Path, has_cache: bool) -> list[tuple[str, tuple[float, float]]]:
    """Seconds and MiB of the main job in each way that a version knows."""
    command = [*NEXT, "--output", str(place / "run")]
    shutil.rmtree(place / "cache", ignore_errors=True)
    found = [("nothing kept", measured(command, place, package))]
    if has_cache:
        found.append(("the same again", measured(command, place, package)))
        shutil.rmtree(place / "cache", ignore_errors=True)
        measured([*command, "--issued", release_before().isoformat()], place, package)
        found.append(("next month", measured(command, place, package)))
    return found


def same_numbers(place: Path, against: Path) -> None:
    """By how much of themselves the numbers of a run of both versions differ at most, table by table."""
    shutil.rmtree(place / "cache", ignore_errors=True)
    folders = [place / "this", place / "other"]
    for folder, package in zip(folders, (HERE, against), strict=True):
        measured([*NEXT, "--output", str(folder)], place, package)
    found = []
    for path in sorted(folders[0].glob("*.csv")):
        own, other = (pd.read_csv(folder / path.name) for folder in folders)
        numbers = own.select_dtypes("float").columns
        pd.testing.assert_frame_equal(own.drop(columns=numbers), other.drop(columns=numbers))
        size = other[numbers].abs().where(lambda size: size > LEAST_COMPARED)
        apart = ((own[numbers] - other[numbers]).abs() / size).max().max()
        found.append(f"{path.stem} {0.0 if pd.isna(apart) else apart:.0e}")
    print(f"Numbers of the two versions differ by at most: {', '.join(found)} of themselves.\n")


def release_before() -> date:
    """The release of the shipped magnets before the last."""
    exports = fc.read_exports()
    days: list[date] = sorted(exports.loc[exports["product"] == "rare_earth_magnets", "released"].unique())
    return days[-2]


def measured(command: list[str], place: Path, package: Path = HERE) -> tuple[float, float]:
    """CPU seconds and peak MiB of a Python process that ends well."""
    folders = {"XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data", "PYTHONPYCACHEPREFIX": "bytecode"}
    own = {variable: str(place / name) for variable, name in folders.items()}  # nobody else's entries, nor their store
    own |= {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    child = subprocess.Popen([sys.executable, *command], env=os.environ | own, cwd=place, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: expected an end without an error, found exit {child.returncode}.")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def starting(place: Path, rounds: int) -> None:
    """What `forecast --help` takes against a typer program that does nothing."""
    bare, own = [], []
    for _ in range(3 * rounds):
        bare.append(measured(["-c", BARE, "--help"], place)[0])
        own.append(measured(["-m", "forecast", "--help"], place)[0])
    print(
        f"`forecast --help`: {median(own):.3f} s, a typer program that does nothing {median(bare):.3f} s: "
        f"{median(own) / median(bare):.2f} times.\n"
    )


def profiles(place: Path) -> None:
    """Shares of a run with nothing kept and of the same again, by a profile."""
    shares = []
    shutil.rmtree(place / "cache", ignore_errors=True)
    for turn in range(2):
        written = place / f"{turn}.prof"
        measured(["-m", "cProfile", "-o", str(written), *NEXT, "--output", str(place / "run")], place)
        shares.append(shares_of(written))
    print("| part, by a profile | nothing kept | the same again |\n|---|---:|---:|")
    for part in PARTS:
        print(f"| {part} | {shares[0][part]:.0%} | {shares[1][part]:.0%} |")


def shares_of(profile: Path) -> dict[str, float]:
    """Cumulative share of each of `PARTS`."""
    found = pstats.Stats(str(profile))
    whole: float = found.total_tt  # type: ignore[attr-defined]
    calls = found.stats  # type: ignore[attr-defined]
    cumulative = dict.fromkeys(PARTS, 0.0)
    for part, name in PARTS.items():
        own = [
            entry[3]
            for (file, _, function), entry in calls.items()
            if function == name and ("forecast/" in file or "importlib" in file)
        ]
        cumulative[part] = max(own, default=0.0) / whole
    return cumulative


if __name__ == "__main__":
    main()
