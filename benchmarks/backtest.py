"""How long a backtest takes, model by model: a simulated panel, or a real one with --exports.

    python benchmarks/backtest.py --jobs 2
    python benchmarks/backtest.py --exports panel.csv --events calendar.csv --jobs 2

The destinations are the largest by what was known on the first origin. Each model runs alone on one core, so that its
seconds are its own; then all of them and their combination run together on --jobs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import forecast as fc
from forecast.backtest.run import backtest_origins
from forecast.sources.plain import SHIPPED
from forecast.tables.schema import EVENT_COLUMNS

LIBRARIES = ("export-forecast", "numpy", "pandas", "scipy", "statsmodels", "scikit-learn")
MONTHS = 96
MODELS = ["naive", "theta", "arima", "pooled"]


def simulated(destinations: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exports to some destinations and their total, and a calendar with a licence, a ban and a truce.

    Levels wander, half of the destinations have a season, one in six a gap or zeros; the licence halves all volumes
    for nine months, the ban takes four fifths from one destination in ten.
    """
    random = np.random.default_rng(seed)
    months = pd.period_range("2017-01", periods=MONTHS, freq="M")
    codes = [f"D{place:02d}" for place in range(destinations)]
    banned = codes[::10]
    level = random.normal(4, 1.5, destinations) + random.normal(0, 0.08, (MONTHS, destinations)).cumsum(axis=0)
    season = 0.3 * np.sin(2 * np.pi * np.arange(MONTHS) / 12)[:, None] * (random.random(destinations) < 0.5)
    licence = np.log(0.5) * ((months >= "2023-04") & (months < "2024-01"))[:, None]
    ban = np.log(0.2) * np.outer(months >= "2024-03", np.isin(codes, banned))
    volume = np.exp(level + season + licence + ban + random.normal(0, 0.2, (MONTHS, destinations)))
    volume[random.random(volume.shape) < 0.01] = 0.0
    wide = pd.DataFrame(volume, months, codes)
    wide.iloc[20:22, ::6] = np.nan
    rows = wide.assign(WLD=wide.sum(axis=1)).rename_axis("month").reset_index().melt("month", var_name="destination")
    rows = rows.dropna().rename(columns={"value": "volume_t"}).assign(product="simulated")
    released = rows["month"].map({month: date((month + 1).year, (month + 1).month, 20) for month in months})
    exports = rows.assign(released=released, status="reported", precision_t=np.nan, source="simulated")
    licence_row = ("licence", "licensing", ("ALL",), date(2023, 3, 1), date(2023, 4, 1), date(2024, 1, 1))
    ban_row = ("ban", "ban", tuple(banned), date(2024, 2, 10), date(2024, 3, 1), None)
    truce_row = ("truce", "truce", ("ALL",), date(2023, 12, 20), date(2024, 1, 1), None)
    events = [
        {"event": event, "kind": kind, "products": ("ALL",), "destinations": on, "announced": announced,
         "effective": effective, "ends": ends, "source": "", "description": "", "ends_status": "", "continues": ""}
        for event, kind, on, announced, effective, ends in (licence_row, ban_row, truce_row)
    ]  # fmt: skip
    table = pd.DataFrame(events, columns=EVENT_COLUMNS).astype(object)
    return exports, table.where(table.notna(), None)


def largest(exports: pd.DataFrame, count: int, origins: int) -> pd.DataFrame:
    """The rows of the destinations with the largest volume known on the first of the last ``origins`` origins."""
    product = str(exports["product"].iloc[0])
    first = backtest_origins(exports, [product], last=origins)[product][0]
    known = exports[exports["released"] <= first]
    volume = known.groupby("destination")["volume_t"].sum().drop("WLD", errors="ignore")
    kept = [*volume.sort_values(ascending=False).index[:count], "WLD"]
    return exports[exports["destination"].isin(kept)].reset_index(drop=True)


def timed(exports: pd.DataFrame, events: pd.DataFrame, models: list[str], origins: int, jobs: int) -> dict[str, object]:
    """One backtest: how many series and days it forecast or refused, and the seconds it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    run = fc.backtest_all(exports, events, fc.read_groups(), models=models, last=origins, jobs=jobs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    cells = run.forecasts[["model", "product", "destination", "issued"]].drop_duplicates()
    return {"fits": len(cells), "refused": len(run.failures), "wall": wall, "cpu": cpu}


def main() -> None:
    """Print what was run on what, then a row per model, then the row of all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=Path, help="a panel of one product; without it one is simulated")
    parser.add_argument("--events", type=Path, help="its calendar; without it the shipped one")
    parser.add_argument("--destinations", type=int, default=60)
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.exports is None:
        exports, events = simulated(chosen.destinations)
        label = "simulated panel, seed 0"
    else:
        exports, events = fc.read_exports(chosen.exports), fc.read_events(chosen.events or SHIPPED)
        label = f"{chosen.exports.name}, sha256 {hashlib.sha256(chosen.exports.read_bytes()).hexdigest()}"
    exports = largest(exports, chosen.destinations, chosen.origins)
    count = exports["destination"].nunique()
    print(f"{label}: {count} series, {exports['month'].min()} to {exports['month'].max()}, {chosen.origins} origins")
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores\n")
    print("| model | fits | refused | CPU seconds, one core | ms a fit |\n|---|---:|---:|---:|---:|")
    for model in chosen.models:
        row = timed(exports, events, [model], chosen.origins, 1)
        each = 1000 * row["cpu"] / max(row["fits"], 1)
        print(f"| {model} | {row['fits']} | {row['refused']} | {row['cpu']:.1f} | {each:.1f} |", flush=True)
    row = timed(exports, events, [*chosen.models, "combination"], chosen.origins, chosen.jobs)
    print(f"\nAll of them and their combination on {chosen.jobs} processes: {row['wall']:.0f} seconds.")


if __name__ == "__main__":
    main()
