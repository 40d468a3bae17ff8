"""What a parallel backtest costs on processes and machines: the numbers of wider.md and `forecast.backtest.costs`.

    python benchmarks/wider.py
    python benchmarks/wider.py --only parts

Everything runs on simulated series (seed 0) and on this machine; the clusters are local ones of --jobs workers with one
thread each. That the numbers of all backends are the same to the last bit is checked on the way.
"""

from __future__ import annotations

import argparse
import operator
import os
import pickle
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
import psutil
from backtest import simulated

import forecast as fc
from forecast.backtest.cluster import BACKENDS, cluster
from forecast.backtest.origin import RunContext
from forecast.backtest.parallel import Broadcast, parallel_map
from forecast.backtest.plan import Settings, Task, backtest_origins, plan
from forecast.backtest.run import run_context, run_task
from forecast.realtime.data import Data
from forecast.realtime.releases import all_series
from forecast.tables.run import Forecasts

LIBRARIES = ("export-forecast", "joblib", "distributed", "ray", "numpy", "pandas", "statsmodels", "prophet", "numba")
PRODUCT = "simulated"
MODELS = ["theta", "arima"]
ENGINE = "compiled"
SLOW = ("reference", "arima")
WHERE = ("this process", *BACKENDS)
SECTIONS = ("parts", "tasks", "bytes", "runs")


def context_of(
    series: int, origins: int, engine: str = ENGINE, learn: bool = True
) -> tuple[RunContext, dict[str, list]]:
    """The context of a run on a simulated panel with its total, and its issue days."""
    exports, events = simulated(series - 1)
    days = backtest_origins(exports, [PRODUCT], last=origins)
    data = Data(exports, events, fc.read_groups())
    return run_context(data, Settings(engine=engine, learn=learn), days), days


def seconds(function: Callable[[], object]) -> float:
    """CPU seconds of a call in this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def everywhere() -> float:
    """CPU seconds so far of this process and all that come from it, also of those that have ended."""
    here = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in [here, *here.children(recursive=True)])


# Parts of a task -----------------------------------------------------------------------------------------------------


def a_day(context: RunContext, days: Sequence, codes: Sequence, models: Sequence[str], rounds: int) -> float:
    """Median CPU milliseconds of a task per day, in a process that is past its first task."""
    task = Task(dict.fromkeys(days, tuple(codes)), tuple(models))
    run_task(context, task)
    return 1e3 * median(seconds(lambda: run_task(context, task)) for _ in range(rounds)) / len(days)


def parts(rounds: int) -> None:
    """Print what a task costs once a day, a series and a day, and a fit, by model and engine."""
    print("| series on file | a task of a day, ms | and a series of it with naive, ms |\n|---:|---:|---:|")
    for count in (61, 601):
        context, days = context_of(count, 4, learn=count < 100)
        codes = all_series(context.data.vintages, [PRODUCT])
        few, many = (a_day(context, days[PRODUCT], codes[:size], ["naive"], rounds) for size in (1, 11))
        print(f"| {count} | {few - (many - few) / 10:.1f} | {(many - few) / 10:.1f} |", flush=True)
    print("\n| engine | model | a fit with its forecast and rows, ms |\n|---|---|---:|")
    models = [("reference", name) for name in ("naive", "seasonal_naive", "theta", "arima", "prophet")]
    for engine, name in [*models, ("compiled", "arima"), ("compiled", "prophet")]:
        context, days = context_of(61, 4, engine)
        codes = all_series(context.data.vintages, [PRODUCT])[:11]
        beside = "seasonal_naive" if name == "naive" else "naive"
        alone = a_day(context, days[PRODUCT], codes, [beside], rounds)
        both = a_day(context, days[PRODUCT], codes, [beside, name], 1 if (engine, name) == SLOW else rounds)
        print(f"| {engine} | {name} | {(both - alone) / 11:.1f} |", flush=True)


# Tasks and bytes -----------------------------------------------------------------------------------------------------


def arrivals(shared: Sequence, place: int, count: int, jobs: int) -> tuple[float, float, float]:
    """Milliseconds from one result to the next: that passed, of CPU in this process, and of CPU in all of them."""
    came = []
    for turn, _ in enumerate(parallel_map(operator.getitem, shared, [place] * count, jobs)):
        if turn in (0, count - 1):
            came.append((time.perf_counter(), time.process_time(), everywhere()))
    passed, client, every = (1e3 * (last - first) / (count - 1) for first, last in zip(*came, strict=True))
    return passed, client, every


def tasks(rounds: int, jobs: int) -> None:
    """Print what a task costs that does nothing, and one that only answers with the tables of a usual one."""
    context, days = context_of(61, 4)
    series = tuple(all_series(context.data.vintages, [PRODUCT])[:4])
    answer = run_task(context, Task(dict.fromkeys(days[PRODUCT], series), (*MODELS,)))
    size = len(pickle.dumps(answer))
    print(f"Milliseconds a task, 200 tasks on {jobs} processes, median (lowest to highest) of {rounds} rounds: that")
    print(f"passed, times {jobs}; CPU of all processes; CPU of the client. Tables are {size / 1e3:.0f} kB.\n")
    print("| backend | empty: passed | CPU | client | with tables: passed | CPU | client |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for backend in BACKENDS:
        with cluster(backend, jobs=jobs) as asked:
            arrivals([None, answer], 1, 200, asked)
            found = [[arrivals([None, answer], kind, 200, asked) for _ in range(rounds)] for kind in (0, 1)]
        cells = []
        for kind in found:
            passed, client, every = zip(*kind, strict=True)
            cells += [spanned([jobs * each for each in passed]), spanned(every), spanned(client)]
        print(f"| {backend} | {' | '.join(cells)} |", flush=True)


def spanned(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def shipped(series: int, origins: int) -> None:
    """Print how much travels for a run: with each task, as it was, and once."""
    context, days = context_of(series, origins)
    todo = plan(days, all_series(context.data.vintages, [PRODUCT]), context.settings, context.estimated)
    once, each = Broadcast(run_task, context).content.nbytes, len(pickle.dumps(todo[0]))
    print(f"{series} series x {origins} origins are {len(todo)} tasks of up to {len(todo[0].series)} series.\n")
    print("| | bytes |\n|---|---:|")
    print(f"| what all tasks share: tables, and what was expected of events | {once:,} |")
    print(f"| one task | {each:,} |")
    print(f"| sent when the shared part goes with each task | {len(todo) * (once + each):,} |")
    print(f"| sent when it goes once | {once + len(todo) * each:,} |")


# Runs ----------------------------------------------------------------------------------------------------------------


def backtested(series: int, origins: int, jobs: int) -> Forecasts:
    """One backtest of the simulated panel."""
    exports, events = simulated(series - 1)
    return fc.backtest_all(
        exports, events, fc.read_groups(), models=MODELS, engine=ENGINE, last=origins, jobs=jobs
    )  # fmt: skip


def runs(series: int, origins: int, jobs: int, where: Sequence[str]) -> None:
    """Print the same backtest in this process, on processes of this machine, and on local clusters."""
    cells = series * origins
    print(f"{series} series x {origins} origins, {' and '.join(MODELS)}, {ENGINE} engine, with what was expected of")
    print("events. Imports and compiled code are loaded before the clock starts.\n")
    print("| where | processes | seconds to start | seconds of the run | CPU seconds | CPU ms per series-origin |"
          " CPU hours per million |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|")
    first = None
    for name in where:
        backend, count = ("local", 1) if name == WHERE[0] else (name, jobs)
        start = time.perf_counter()
        with cluster(backend, jobs=count) as asked:
            backtested(4 * jobs + 1, 1, asked)
            ready, before = time.perf_counter(), everywhere()
            run = backtested(series, origins, asked)
            done, cpu = time.perf_counter(), everywhere() - before
        least = "at least " if backend == "ray" else ""  # whose workers of the first stage are gone uncounted
        each = 1e3 * cpu / cells
        print(f"| {name} | {count} | {ready - start:.1f} | {done - ready:.1f} | {least}{cpu:.1f} | {least}{each:.1f} |"
              f" {least}{each / 3.6:.1f} |", flush=True)  # fmt: skip
        first = run if first is None else first
        for table, rows in first:
            pd.testing.assert_frame_equal(rows, getattr(run, table), check_exact=True)
    print("\nAll tables of these runs are the same to the last bit.")


def main() -> None:
    """Print the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--where", nargs="+", choices=WHERE, default=WHERE, help="where the section runs is run")
    parser.add_argument("--series", type=int, default=600)
    parser.add_argument("--origins", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    todo = {
        "parts": lambda: parts(chosen.rounds),
        "tasks": lambda: tasks(chosen.rounds, chosen.jobs),
        "bytes": lambda: shipped(chosen.series, chosen.origins),
        "runs": lambda: runs(chosen.series, chosen.origins, chosen.jobs, chosen.where),
    }
    for name in chosen.only:
        print(f"\n## {name}\n")
        todo[name]()


if __name__ == "__main__":
    main()
