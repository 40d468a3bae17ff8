"""The whole command, start-up and output included, against the reference engine from a sample of series.

    python benchmarks/whole.py                                               a simulated panel
    python benchmarks/whole.py --exports panel.csv --events calendar.csv

`forecast backtest` with arima (orders chosen at every origin), prophet, pooled, theta and their combination with
learned effects, 24 origins of 60 destinations, is run as a command, best of --rounds. The reference engine is timed on
a sample of series at a few origins in one process, each engine alike, and its whole run is extrapolated from the CPU a
cell, with the number of processes that the command had and nothing for starting them. A calibrated run fits the 24
origins before the first one too, with either engine.
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
from forecast.tables.frames import as_text

MODELS = ["theta", "arima", "prophet", "pooled", "combination"]


def main() -> None:
    """Print a line for each way of running it."""
    parser = panel_options(__doc__)
    parser.add_argument("--sample", type=int, default=8, help="series of the reference's sample")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.exports:
        exports = largest(fc.read_exports(given.exports), given.destinations, given.origins)
        events = fc.read_events(given.events)
    else:
        exports, events = simulated(given.destinations)
    series = exports["destination"].nunique()
    print(f"{series} series x {given.origins} origins, {given.jobs} processes, load before {os.getloadavg()[0]:.1f}\n")
    print(f"| run | cells fitted | seconds | reference, extrapolated from {given.sample} series x 3 origins | ratio |")
    print("|---|---:|---:|---:|---:|")
    per_cell = {engine: cell_seconds(exports, events, given.sample, engine) for engine in ("reference", "compiled")}
    for calibrate, origins in (("--no-calibrate", given.origins), ("--calibrate", given.origins + EARLIER)):
        cells = series * origins
        reference = cells * per_cell["reference"] / given.jobs
        seconds = min(command(exports, events, given, calibrate) for _ in range(given.rounds))
        measured = f"{seconds:.1f} | {reference:.0f} | {reference / seconds:.0f}"
        print(f"| forecast backtest {calibrate} | {cells:,} | {measured} |", flush=True)
    milliseconds = [1e3 * per_cell[engine] for engine in ("reference", "compiled")]
    print("\nCPU a cell of the sample, start-up aside: {:.0f} and {:.1f} ms.".format(*milliseconds))


def cell_seconds(exports: pd.DataFrame, events: pd.DataFrame, count: int, engine: str) -> float:
    """CPU seconds a series and origin, spread evenly over the series by volume, after a first run for the imports."""
    volume = exports.groupby("destination")["volume_t"].sum().sort_values(ascending=False).index
    chosen = [str(volume[place]) for place in np.linspace(0, len(volume) - 1, count).round().astype(int)]
    own = exports[exports["destination"].isin(chosen)]
    options = {"models": MODELS, "engine": engine, "calibrate": False}
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
             "--models", ",".join(MODELS), "--origins", str(given.origins), "--jobs", str(given.jobs), "--parity", "0",
             "--quiet", calibrate],
            cwd=folder, check=True,
        )  # fmt: skip
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
