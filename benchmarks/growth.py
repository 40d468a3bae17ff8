"""How time and memory of a backtest grow with series, origins and processes: the numbers of growth.md.

    python benchmarks/growth.py --sizes 60x24x1 600x24x1 6000x24x2
    python benchmarks/growth.py --sizes 600x24x1 600x24x2                              two processes against one
    python benchmarks/growth.py --sizes 50000x1x2 --models theta pooled combination    one day of a very wide panel

Each size (series x origins x processes) is a process of its own on a simulated panel with its total and a calendar
(`backtest.simulated`, seed 0), so that its peak of memory is its own. Before the clock starts, a small backtest with
the same processes loads libraries and compiled code.

CPU seconds are those of the process and of all its workers together. Memory is sampled twice a second: ``total`` is the
highest sum over all processes, with pages that several share counted once; ``process`` is the highest of the process
itself and ``worker`` that of its largest worker, all that is resident. A cell is a series at an origin.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import version

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
from backtest import simulated

import forecast as fc
from forecast import registry

LIBRARIES = ("numpy", "pandas", "scipy", "numba", "joblib")
MODELS = ("theta", "arima", "prophet", "pooled", "naive", "combination")
HEAD = (
    "| series | origins | cells | processes | models | seconds | CPU ms a cell | MiB: total | process | worker |\n"
    "|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|"
)
MIB = 2**20
EVERY = 0.5


@dataclass
class Watch:
    """The highest resident memory so far, in bytes, of this process and of its workers, sampled by a thread."""

    total: int = 0
    process: int = 0
    worker: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Take one sample."""
        here = psutil.Process()
        own, workers = resident(here), [resident(child) for child in here.children(recursive=True)]
        self.process, self.worker = max(self.process, own[0]), max([self.worker, *(size for size, _ in workers)])
        self.total = max(self.total, own[1] + sum(share for _, share in workers))

    def run(self) -> None:
        """Take samples until it is done."""
        while not self.done.wait(EVERY):
            self.look()


def resident(process: psutil.Process) -> tuple[int, int]:
    """Resident memory of a process in bytes, and its share of it where pages are shared; 0 once it has ended."""
    try:
        memory = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0, 0
    return memory.rss, memory.pss


def everywhere() -> float:
    """CPU seconds so far of this process and of all that come from it."""
    here = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in [here, *here.children(recursive=True)])


def measured(series: int, origins: int, jobs: int, models: list[str], calibrate: bool) -> str:
    """One row of the table, from a backtest in this process and ``jobs`` workers (none with one)."""
    options = {"models": models, "calibrate": calibrate, "jobs": jobs, "engine": "compiled"}
    fc.backtest_all(*simulated(60), fc.read_groups(), last=2, **options)
    exports, events = simulated(series - 1)
    watch, before, start = Watch(), everywhere(), time.perf_counter()
    thread = threading.Thread(target=watch.run)
    thread.start()
    run = fc.backtest_all(exports, events, fc.read_groups(), last=origins, **options)
    seconds, cpu = time.perf_counter() - start, everywhere() - before
    watch.done.set()
    thread.join()
    cells = len(run.forecasts[["product", "destination", "issued"]].drop_duplicates())
    named = ("all" if tuple(models) == MODELS else ", ".join(models)) + (", calibrated" if calibrate else "")
    memory = " | ".join(f"{size / MIB:,.0f}" for size in (watch.total, watch.process, watch.worker))
    return (
        f"| {series:,} | {origins} | {cells:,} | {jobs} | {named} | {seconds:,.0f} | {1e3 * cpu / cells:.1f} "
        f"| {memory} |"
    )


def size(text: str) -> tuple[int, int, int]:
    """Series, origins and processes, written ``600x24x2``."""
    series, origins, jobs = map(int, text.split("x"))
    return series, origins, jobs


def main() -> None:
    """Print a row per size, each from a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=size, required=True, help="series x origins x processes: 600x24x2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="all: every one of the registry")
    parser.add_argument("--calibrate", action="store_true", help="let the combination learn from earlier origins")
    parser.add_argument("--here", action="store_true", help="one size in this process, without the head of the table")
    chosen = parser.parse_args()
    if chosen.models == ["all"]:
        chosen.models = list(registry.MODELS)
    if chosen.here:
        print(measured(*chosen.sizes[0], chosen.models, chosen.calibrate), flush=True)
        return
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores\n\n{HEAD}", flush=True)
    for sizes in chosen.sizes:
        options = ["--models", *chosen.models, *(["--calibrate"] if chosen.calibrate else [])]
        text = "x".join(map(str, sizes))
        subprocess.run([sys.executable, __file__, "--here", "--sizes", text, *options], check=True)


if __name__ == "__main__":
    main()
