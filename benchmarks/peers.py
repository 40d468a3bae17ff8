"""One-step forecasts of statsforecast's automatic models on a panel of exports, for comparison.

Runs in an environment of its own (``pip install statsforecast "pandas<3"``), since statsforecast asks for an older
pandas than this package. It sees what `forecast backtest --events none` sees: the months before each of the last
``--origins`` months of the file, in logs, with the same offset for zeros, of the ``--destinations`` largest
destinations before the first of them. Each model's forecast of the next month and the median in logs of all of them
are written, in tonnes, for `benchmarks/against_peers.py`:

    python benchmarks/peers.py exports.csv peers.csv --destinations 60 --origins 24

With ``--cross-validated`` they are run by `StatsForecast.cross_validation` on ``--jobs`` processes instead, which is
meant for speed: gaps are filled with the month before, and what a model raises is the seasonal naive's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import AutoARIMA, AutoCES, AutoETS, DynamicOptimizedTheta, SeasonalNaive

MODELS = {
    "AutoARIMA": lambda: AutoARIMA(season_length=12),
    "AutoETS": lambda: AutoETS(season_length=12),
    "AutoCES": lambda: AutoCES(season_length=12),
    "DynamicOptimizedTheta": lambda: DynamicOptimizedTheta(season_length=12),
}


def main() -> None:
    """Read the panel, forecast every cell with every model, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("output")
    parser.add_argument("--destinations", type=int, default=60)
    parser.add_argument("--origins", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cross-validated", action="store_true")
    arguments = parser.parse_args()
    volumes = pd.read_csv(arguments.exports).pivot(index="month", columns="destination", values="volume_t")
    months = list(volumes.index[-arguments.origins :])
    largest = volumes[volumes.index < months[0]].sum().nlargest(arguments.destinations).index
    if arguments.cross_validated:
        cross_validated(volumes[largest], arguments.origins, arguments.jobs).to_csv(arguments.output, index=False)
        return
    rows = []
    for name, make in MODELS.items():
        start = time.perf_counter()
        rows += [forecast(name, make, volumes[destination], month) for destination in largest for month in months]
        print(f"{name}: {time.perf_counter() - start:.0f} s for {len(largest) * len(months)} fits", flush=True)
    table = pd.DataFrame(rows, columns=["model", "destination", "month", "volume_t", "reason"])
    middle = (
        table.assign(log=np.log(table["volume_t"])).groupby(["destination", "month"], as_index=False)["log"].median()
    )
    combined = middle.assign(model="median", volume_t=np.exp(middle["log"]), reason="")[list(table)]
    pd.concat([table, combined]).to_csv(arguments.output, index=False)


def cross_validated(volumes: pd.DataFrame, origins: int, jobs: int) -> pd.DataFrame:
    """One month ahead of each of the last ``origins`` months, in tonnes: a column a model."""
    offset = volumes.apply(zero_offset)
    logs = (
        np.log(volumes.ffill() + offset)
        .rename_axis("ds")
        .reset_index()
        .melt("ds", var_name="unique_id", value_name="y")
    )
    logs = logs.dropna().assign(ds=pd.PeriodIndex(logs["ds"], freq="M").to_timestamp())
    made = StatsForecast([make() for make in MODELS.values()], freq="MS", n_jobs=jobs, fallback_model=SeasonalNaive(12))
    found = made.cross_validation(df=logs, h=1, step_size=1, n_windows=origins)
    names = [name for name in found if name not in ("unique_id", "ds", "cutoff", "y")]
    shift = found["unique_id"].map(offset)
    return found.assign(**{name: np.exp(found[name]) - shift for name in names})


def forecast(name: str, make, volume: pd.Series, month: str) -> tuple[str, str, str, float, str]:
    """A model's forecast of one month of one destination, NaN with the reason where it has none."""
    known = volume[volume.index < month].dropna()
    known = known[known.gt(0).cumsum() > 0]
    offset = zero_offset(known)
    try:
        log = make().fit(np.log(known.to_numpy() + offset)).predict(h=1)["mean"][0]
    except Exception as error:  # whatever a peer raises is its lost cell, kept with the reason
        return name, volume.name, month, np.nan, repr(error)
    return name, volume.name, month, max(float(np.exp(log)) - offset, 0.0), ""


def zero_offset(volume: pd.Series) -> float:
    """Tonnes added before the log: that of `forecast.episodes.design`, which is not installed here."""
    positive = volume[volume > 0]
    if len(positive) == len(volume):
        return 0.0
    return float(max(positive.min() / 2, volume.mean() / 100)) if len(positive) else 1.0


if __name__ == "__main__":
    main()
