"""Calm months of other panels: the combination outside the windows of measures, beside the peers, as known then.

For each cell of `benchmarks/episode_cells.py` that lies outside every window: the calibrated combination one month
ahead on the 20th of the month, from the panel's series that any cell asks for, under the calendar as known on the day.
MASE over the cells that every peer has; the difference to a peer is paired by cell, with its standard error in
brackets. The weighted interval score is that of the combination, in units of the same scale.

    python benchmarks/calm.py PANEL.csv EVENTS.csv peers.csv --beside 12
"""

from __future__ import annotations

import argparse
import os
from datetime import date

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from episode_cells import Choice, cells
from episodes import calendar, scales

import forecast as fc
from forecast.scoring.scores import interval_scores
from forecast.tables.quantiles import VOLUME_QUANTILES

KEYS = ["product", "destination", "month"]
MODELS = ("theta", "arima", "ets", "ces", "structural", "pooled", "seasonal_naive", "naive", "combination")


def main() -> None:
    """Forecast every cell outside windows and print MASE of everyone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("peers")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--beside", type=int, default=6)
    parser.add_argument("--destinations", default="")
    parser.add_argument("--last", type=int, help="only the last so many months")
    parser.add_argument("--output")
    given = parser.parse_args()
    raw = pd.read_csv(given.exports)
    chosen = tuple(filter(None, given.destinations.split(",")))
    wanted = cells(raw, pd.read_csv(given.events), Choice(given.every, given.beside, chosen))
    scale = scales(raw.assign(month=pd.PeriodIndex(raw["month"], freq="M")), wanted)
    wanted = wanted[~wanted["window"]]
    months = sorted(wanted["month"].unique())[-(given.last or len(wanted)) :]
    table = forecasts(raw, given.events, wanted[wanted["month"].isin(months)])
    if given.output:
        table.to_csv(given.output, index=False)
    peers = pd.read_csv(given.peers).pivot(index=KEYS, columns="model", values="volume_t")
    print(summary(table, raw, peers.assign(median=np.exp(np.log(peers.clip(lower=1e-9)).median(axis=1))), scale))


def forecasts(raw: pd.DataFrame, events: str, wanted: pd.DataFrame) -> pd.DataFrame:
    """Rows of every model for the cells of ``wanted``."""
    series = set(zip(wanted["product"], wanted["destination"], strict=True))
    own = raw[[key in series for key in zip(raw["product"], raw["destination"], strict=True)]]
    exports, known = fc.check_exports(own), fc.check_events(calendar(events))
    found = []
    for month, asked in wanted.groupby("month"):
        target = pd.Period(month, "M")
        for product, of_product in asked.groupby("product"):
            run = fc.forecast_all(
                exports[exports["product"] == product], known, {}, issued=date(target.year, target.month, 20),
                destinations=sorted(of_product["destination"]), models=MODELS,
            )  # fmt: skip
            rows = run.forecasts[run.forecasts["month"] == target].assign(month=month)
            found.append(rows[[*KEYS, "model", *VOLUME_QUANTILES]])
    return pd.concat(found, ignore_index=True)


def summary(table: pd.DataFrame, raw: pd.DataFrame, peers: pd.DataFrame, scale: pd.Series) -> str:
    """A line a forecaster: MASE, and how much less the combination's is."""
    ours = table.pivot(index=KEYS, columns="model", values="volume_t")
    both = ours.join(peers, how="inner").dropna(subset=["combination", *peers.columns])
    actual = raw.set_index(KEYS)["volume_t"].reindex(both.index)
    size = scale.reindex(both.index.droplevel("month")).to_numpy()
    errors = both.sub(actual, axis=0).abs().div(size, axis=0)[np.isfinite(size)]
    mean, best = errors.mean(), errors[list(peers.columns)].mean().idxmin()
    own = table[table["model"] == "combination"].set_index(KEYS).reindex(errors.index)
    own["actual_t"] = actual.reindex(errors.index)
    held = own["actual_t"].between(own["lower_80"], own["upper_80"]).mean()
    score = (interval_scores(own) / size[np.isfinite(size)]).mean()
    lines = [f"n = {len(errors)} cells; 80 % held {held:.1%}; interval score {score:.4f}; strongest peer {best}"]
    for name in [*peers.columns, *ours.columns]:
        less = errors["combination"] - errors[name]
        ratio = mean["combination"] / mean[name]
        lines.append(
            f"{name:24s} {mean[name]:.4f}  combination / it {ratio:.3f}  {less.mean():+.4f} ({less.sem():.4f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
