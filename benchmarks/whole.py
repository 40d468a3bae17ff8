"""The whole command, start-up and output included, against the reference engine from a sample of series.

    python benchmarks/whole.py                                  a simulated panel
    python benchmarks/whole.py --exports panel.csv --events calendar.csv
    python benchmarks/whole.py --peers ENVIRONMENT/bin/python   beside statsforecast, where that is installed

`forecast backtest` with every model (or --models), arima choosing its orders at every origin, and learned effects, 24
origins of 60 destinations and their total, is run as a command, best of --rounds; the total is reconciled with its
parts. The reference engine is timed on a sample of series at a few origins in one process, each engine alike, and its
whole run is extrapolated from the CPU a cell, with the number of processes that the command had and nothing for
starting them. A calibrated run fits the 24 origins before the first one too, with either engine. With --peers the four
automatic models of statsforecast are cross-validated on the same panel and processes, turn by turn with the command.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from against_peers import largest, panel_options
from backtest import simulated

import forecast as fc
from forecast.ensemble.calibration import EARLIER
from forecast.registry import MODELS
from forecast.tables.frames import as_text


def main() -> None:
    """Print a line for each way of running it."""
    parser = panel_options(__doc__)
    parser.add_argument("--sample", type=int, default=8, help="series of the reference's sample")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--peers", help="a Python that has statsforecast (benchmarks/peers.py)")
    given = parser.parse_args()
    if given.exports:
        exports = largest(fc.read_exports(given.exports), given.destinations, given.origins)
        events = fc.read_events(given.events)
    else:
        exports, events = of_countries(*simulated(given.destinations))
    series = exports["destination"].nunique()
    print(f"{series} series x {given.origins} origins, {given.jobs} processes, load before {os.getloadavg()[0]:.1f}\n")
    print(f"| run | cells fitted | seconds | reference, extrapolated from {given.sample} series x 3 origins | ratio |")
    print("|---|---:|---:|---:|---:|")
    per_cell = {engine: cell_seconds(exports, events, given, engine) for engine in ("reference", "compiled")}
    theirs: list[float] = []
    for calibrate, origins in (("--no-calibrate", given.origins), ("--calibrate", given.origins + EARLIER)):
        cells = series * origins
        reference = cells * per_cell["reference"] / given.jobs
        taken = []
        for _ in range(given.rounds):
            taken.append(command(exports, events, given, calibrate))
            theirs += [peers(exports, given)] if given.peers else []
        seconds = min(taken)
        measured = f"{seconds:.1f} | {reference:.0f} | {reference / seconds:.0f}"
        print(f"| forecast backtest {calibrate} | {cells:,} | {measured} |", flush=True)
    if theirs:
        print(f"| statsforecast, four models | {series * given.origins:,} | {min(theirs):.1f} | | |", flush=True)
    milliseconds = [1e3 * per_cell[engine] for engine in ("reference", "compiled")]
    print("\nCPU a cell of the sample, start-up aside: {:.0f} and {:.1f} ms.".format(*milliseconds))


def of_countries(exports: pd.DataFrame, events: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A simulated panel with the codes of countries, of which a command asks that they exist."""
    codes = [str(code) for code in sorted(fc.read_destinations()["code"]) if code not in ("WLD", "EU27")]
    names = dict(zip(sorted(set(exports["destination"]) - {"WLD"}), codes, strict=False))
    renamed = [tuple(names.get(code, code) for code in own) for own in events["destinations"]]
    return exports.replace({"destination": names}), events.assign(destinations=renamed)


def cell_seconds(exports: pd.DataFrame, events: pd.DataFrame, given: argparse.Namespace, engine: str) -> float:
    """CPU seconds a series and origin, spread evenly over the series by volume, after a first run for the imports."""
    count = given.sample
    volume = exports.groupby("destination")["volume_t"].sum().sort_values(ascending=False).index
    chosen = [str(volume[place]) for place in np.linspace(0, len(volume) - 1, count).round().astype(int)]
    own = exports[exports["destination"].isin(chosen)]
    options = {"models": given.models, "engine": engine, "calibrate": False}
    fc.backtest_all(own[own["destination"] == chosen[0]], events, fc.read_groups(), last=1, **options)
    start = spent()
    fc.backtest_all(own, events, fc.read_groups(), last=3, **options)
    return (spent() - start) / (3 * count)


def spent() -> float:
    """CPU seconds of this process and of what it started and waited for, which Prophet's optimiser is."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def command(exports: pd.DataFrame, events: pd.DataFrame, given: argparse.Namespace, calibrate: str) -> float:
    """Seconds of the command, from the shell to the folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("exports", exports), ("events", events)):
            as_text(table).to_csv(Path(folder) / f"{name}.csv", index=False)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "forecast", "backtest", "--exports", "exports.csv", "--events", "events.csv",
             "--models", ",".join(given.models), "--origins", str(given.origins), "--jobs", str(given.jobs),
             "--parity", "0", "--quiet", calibrate],
            cwd=folder, check=True,
        )  # fmt: skip
        return time.perf_counter() - start


def peers(exports: pd.DataFrame, given: argparse.Namespace) -> float:
    """Seconds of statsforecast's models cross-validated on the same series, start-up and output included."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        as_text(exports).to_csv(Path(folder) / "exports.csv", index=False)
        size = [
            "--destinations",
            str(given.destinations + 1),
            "--origins",
            str(given.origins),
            "--jobs",
            str(given.jobs),
        ]
        script = str(Path(__file__).with_name("peers.py"))
        start = time.perf_counter()
        subprocess.run(
            [given.peers, script, "exports.csv", "peers.csv", "--cross-validated", *size],
            cwd=folder, check=True, env=own, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
